//! What a connection with TLS trusts, and what it shows of itself.

#[cfg(feature = "tls")]
mod config;
mod pem;
mod words;

pub(super) use {pem::Pem, words::words};

use super::error::OpenError;

/// As they were given: nothing is read yet.
#[derive(Clone, Debug, Default)]
pub(super) struct TlsSettings {
    /// Certificate authorities; the platform's if `None`.
    pub(super) roots: Option<Pem>,
    /// The client's certificate and those up to an authority.
    pub(super) chain: Option<Pem>,
    pub(super) key: Option<Pem>,
}

impl TlsSettings {
    /// Whether they fit together, and to a URL with or without TLS.
    pub(super) fn check(&self, tls: bool) -> Result<(), OpenError> {
        let given = [
            ("ca", self.roots.is_some()),
            ("cert", self.chain.is_some()),
            ("key", self.key.is_some()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            // Else somebody who believes that the connection is encrypted sends his password in the clear.
            Some((setting, _)) if !tls => Err(OpenError::Tls {
                setting,
                why: String::from("the url's scheme has no tls: use one that begins with rediss"),
            }),
            _ => match (&self.chain, &self.key) {
                (Some(_), None) => Err(OpenError::MissingOption("key")),
                (None, Some(_)) => Err(OpenError::MissingOption("cert")),
                _ => Ok(()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(names: &[&str]) -> TlsSettings {
        let given = |name| names.contains(&name).then(|| Pem::file("x.pem".into()));
        TlsSettings {
            roots: given("ca"),
            chain: given("cert"),
            key: given("key"),
        }
    }

    #[test]
    fn a_client_certificate_needs_its_key_and_a_key_its_certificate() {
        let check = |names: &[&str]| settings(names).check(true);
        assert_eq!(check(&[]), Ok(()));
        assert_eq!(check(&["ca", "cert", "key"]), Ok(()));
        assert_eq!(check(&["ca", "cert"]), Err(OpenError::MissingOption("key")));
        assert_eq!(check(&["key"]), Err(OpenError::MissingOption("cert")));
    }

    #[test]
    fn without_tls_there_is_nothing_to_trust_or_to_show() {
        assert_eq!(settings(&[]).check(false), Ok(()));
        for name in ["ca", "cert", "key"] {
            let error = settings(&[name]).check(false).unwrap_err().to_string();
            assert!(error.contains(&format!("`{name}`")), "{error}");
        }
    }
}
