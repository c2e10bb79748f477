use std::sync::Arc;

use rustls::{
    ClientConfig, Error, RootCertStore,
    crypto::ring,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};

use super::{Pem, TlsSettings};
use crate::connection::error::OpenError;

impl TlsSettings {
    /// Reads the files. What the server's certificate is valid for is checked by default, and stays so.
    pub(in super::super) fn config(&self) -> Result<ClientConfig, OpenError> {
        // The process may have another provider of cryptography as its default, or none, or two.
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| OpenError::Client(error.to_string()))?
            .with_root_certificates(self.root_store()?);
        let (Some(chain), Some(key)) = (&self.chain, &self.key) else {
            return Ok(config.with_no_client_auth());
        };
        config
            .with_client_auth_cert(certificates("cert", chain)?, private_key(key)?)
            .map_err(|error| {
                refused(
                    "key",
                    match error {
                        Error::InconsistentKeys(_) => String::from("it is not the key of `cert`"),
                        error => error.to_string(),
                    },
                )
            })
    }

    fn root_store(&self) -> Result<RootCertStore, OpenError> {
        let mut roots = RootCertStore::empty();
        match &self.roots {
            Some(pem) => {
                for certificate in certificates("ca", pem)? {
                    roots
                        .add(certificate)
                        .map_err(|error| refused("ca", error.to_string()))?;
                }
            }
            None => {
                // One that does not parse is the platform's affair; the others are as good as ever.
                let platform = rustls_native_certs::load_native_certs();
                roots.add_parsable_certificates(platform.certs);
            }
        }
        if roots.is_empty() {
            let why = "this machine has no certificate authorities of its own, so it must be given";
            return Err(refused("ca", why.into()));
        }
        Ok(roots)
    }
}

fn certificates(
    setting: &'static str,
    pem: &Pem,
) -> Result<Vec<CertificateDer<'static>>, OpenError> {
    let text = pem
        .read()
        .map_err(|error| refused(setting, error.to_string()))?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|error| refused(setting, not_pem(&error)))?;
    if certificates.is_empty() {
        return Err(refused(setting, "there is no certificate in it".into()));
    }
    Ok(certificates)
}

fn private_key(pem: &Pem) -> Result<PrivateKeyDer<'static>, OpenError> {
    let text = pem
        .read()
        .map_err(|error| refused("key", error.to_string()))?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| {
        refused(
            "key",
            match error {
                pem::Error::NoItemsFound => {
                    "there is no key in it, or an encrypted one, which cannot be read".into()
                }
                error => not_pem(&error),
            },
        )
    })
}

/// Without the library's words: they quote what they do not understand, and that may be a part of a key.
fn not_pem(_: &pem::Error) -> String {
    String::from("it is not PEM")
}

fn refused(setting: &'static str, why: String) -> OpenError {
    OpenError::Tls { setting, why }
}
