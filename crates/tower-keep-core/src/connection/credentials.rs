use std::{error::Error, fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use fred::{
    error::{Error as ClientError, ErrorKind},
    types::config::{CredentialProvider, Server},
};

use super::secret::Secret;

/// A name and a password for Redis. `Debug` does not show the password.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Credentials {
    username: Option<String>,
    password: Secret,
}

impl Credentials {
    /// For the default user.
    #[must_use]
    pub fn password(password: impl Into<String>) -> Self {
        Self {
            username: None,
            password: Secret::new(password.into()),
        }
    }

    /// For a user of the server's access control list.
    #[must_use]
    pub fn user(name: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            username: Some(name.into()),
            ..Self::password(password)
        }
    }
}

type Fetched = Result<Credentials, Box<dyn Error + Send + Sync>>;
type Fetch = dyn Fn() -> Pin<Box<dyn Future<Output = Fetched> + Send>> + Send + Sync;

/// Where credentials come from that change while the application runs.
#[derive(Clone)]
pub(super) struct Provider {
    fetch: Arc<Fetch>,
    renew_every: Option<Duration>,
}

impl Provider {
    pub(super) fn new<F, Fut>(fetch: F, renew_every: Option<Duration>) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Fetched> + Send + 'static,
    {
        Self {
            fetch: Arc::new(move || Box::pin(fetch())),
            renew_every,
        }
    }

    /// The same without renewal.
    pub(super) fn once(&self) -> Self {
        Self {
            fetch: Arc::clone(&self.fetch),
            renew_every: None,
        }
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider")
            .field("renew_every", &self.renew_every)
            .finish_non_exhaustive()
    }
}

/// What the library is given where there are no credentials: else it begins with a PING, and makes no connection if the
/// answer is an error. A server that cannot save answers so, and serves reads all the same.
#[derive(Debug)]
pub(super) struct NoCredentials;

impl CredentialProvider for NoCredentials {
    fn fetch<'a, 'b, 'c>(
        &'a self,
        _server: Option<&'b Server>,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'c>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(async { Ok((None, None)) })
    }
}

type Answer = Result<(Option<String>, Option<String>), ClientError>;

// The signature is what the library's `async_trait` makes of `async fn fetch`.
impl CredentialProvider for Provider {
    fn fetch<'a, 'b, 'c>(
        &'a self,
        _server: Option<&'b Server>,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'c>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(async {
            match (self.fetch)().await {
                Ok(Credentials { username, password }) => {
                    Ok((username, Some(password.reveal().to_owned())))
                }
                Err(error) => Err(ClientError::new(ErrorKind::Auth, error.to_string())),
            }
        })
    }

    fn refresh_interval(&self) -> Option<Duration> {
        self.renew_every
    }
}
