use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::{fs, io};

use crate::process::Sandbox;
use crate::{Certificate, port};

/// What a port with TLS needs.
#[derive(Clone, Debug)]
pub(super) struct Tls {
    pub(super) authority: String,
    pub(super) certificate: Certificate,
    pub(super) of_clients: &'static str,
}

impl Tls {
    /// Writes the files, and says in `args` where they are.
    pub(super) fn prepare(
        &self,
        sandbox: &Sandbox,
        args: &mut Vec<OsString>,
    ) -> io::Result<SocketAddr> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port::free()));
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
