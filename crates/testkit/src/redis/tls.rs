use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::{fs, io};

use super::builder::Kind;
use crate::process::Sandbox;
use crate::{Authority, Certificate, port};

/// What a port with TLS needs.
#[derive(Clone, Debug)]
pub(super) struct Tls {
    pub(super) authority: String,
    pub(super) certificate: Certificate,
    pub(super) of_clients: &'static str,
}

impl Tls {
    pub(super) fn new(authority: &Authority, certificate: &Certificate) -> Self {
        Self {
            authority: authority.pem().to_owned(),
            certificate: certificate.clone(),
            of_clients: "no",
        }
    }

    /// Writes the files, and says in `args` where they are.
    pub(super) fn prepare(
        &self,
        kind: Kind,
        sandbox: &Sandbox,
        args: &mut Vec<OsString>,
    ) -> io::Result<SocketAddr> {
        let (port, among_servers) = match kind {
            Kind::ClusterNode => (port::free_with_bus(), "--tls-cluster"),
            Kind::Server | Kind::Sentinel => (port::free(), "--tls-replication"),
        };
        args.extend([among_servers, "yes"].map(Into::into));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        args.extend(["--tls-port".into(), address.port().to_string().into()]);
        args.extend(["--tls-auth-clients", self.of_clients].map(Into::into));
        for (option, name, pem) in [
            ("--tls-ca-cert-file", "ca.pem", self.authority.as_str()),
            ("--tls-cert-file", "cert.pem", self.certificate.chain()),
            ("--tls-key-file", "key.pem", self.certificate.key()),
        ] {
            let file = sandbox.path().join(name);
            fs::write(&file, pem)?;
            args.extend([option.into(), file.into_os_string()]);
        }
        Ok(address)
    }
}
