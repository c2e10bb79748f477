use std::fmt;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// Who says in a test whose certificates are good. Made anew each time, so nothing here is a secret or ever expires.
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// One that nobody has heard of before, however it is called.
    ///
    /// # Panics
    /// If the machine has no random numbers.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let key = key();
        let mut params = params(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let pem = params
            .self_signed(&key)
            .expect("the parameters are complete")
            .pem();
        let issuer = Issuer::new(params, key);
        Self { pem, issuer }
    }

    /// Its own certificate, for those who are to trust it.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for a server or a client with these names or addresses.
    ///
    /// # Panics
    /// If a name is none.
    #[must_use]
    pub fn issue(&self, names: &[&str]) -> Certificate {
        let key = key();
        let mut params = params("tower-keep test", names);
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let certificate = params
            .signed_by(&key, &self.issuer)
            .expect("the parameters are complete");
        Certificate {
            chain: certificate.pem(),
            key: key.serialize_pem(),
        }
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

/// A certificate and its key, in PEM.
#[derive(Clone, Debug)]
pub struct Certificate {
    chain: String,
    key: String,
}

impl Certificate {
    /// The certificate.
    #[must_use]
    pub fn chain(&self) -> &str {
        &self.chain
    }

    /// Its key, PKCS#8.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// ECDSA on P-256: made in a millisecond, where RSA takes a second.
fn key() -> KeyPair {
    KeyPair::generate().expect("the machine has random numbers")
}

fn params(name: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names or addresses");
    params.distinguished_name.push(DnType::CommonName, name);
    params
}
