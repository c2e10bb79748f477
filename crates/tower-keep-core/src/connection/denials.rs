use std::sync::{Mutex, MutexGuard, PoisonError};

use super::error::CommandError;

/// What the server's access control list has denied on this connection, so that each thing is logged once.
#[derive(Debug, Default)]
pub(super) struct Denials(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    replies: Vec<Box<str>>,
    of_probe: Option<Box<str>>,
}

impl Denials {
    /// Replies name scripts and users, so there are few of them. Should there be many, the rest is not logged.
    const MOST: usize = 32;

    /// Whether this is a denial that was not seen before.
    pub(super) fn is_news(&self, error: &CommandError) -> bool {
        let CommandError::Denied(reply) = error else {
            return false;
        };
        let mut told = self.lock();
        let news = told.replies.len() < Self::MOST && !told.replies.contains(reply);
        if news {
            told.replies.push(reply.clone());
        }
        news
    }

    /// Books what the probe of the writes was told last.
    pub(super) fn of_probe(&self, error: Option<&CommandError>) {
        self.lock().of_probe = match error {
            Some(CommandError::Denied(reply)) => Some(reply.clone()),
            _ => None,
        };
    }

    /// Why nothing is known that only the probe of the writes can find out.
    pub(super) fn ignorance(&self) -> CommandError {
        let denied = self.lock().of_probe.clone();
        denied.map_or(CommandError::Unavailable, CommandError::Denied)
    }

    /// The next connection may be another user's.
    pub(super) fn forget(&self) {
        *self.lock() = Told::default();
    }

    fn lock(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied(reply: &str) -> CommandError {
        CommandError::Denied(reply.into())
    }

    #[test]
    fn each_denial_is_news_once_for_each_connection() {
        let denials = Denials::default();
        assert!(denials.is_news(&denied("get")));
        assert!(!denials.is_news(&denied("get")));
        assert!(denials.is_news(&denied("set")));
        assert!(!denials.is_news(&CommandError::Auth));
        denials.forget();
        assert!(denials.is_news(&denied("get")));
    }

    #[test]
    fn there_is_an_end_to_what_is_remembered() {
        let denials = Denials::default();
        let news = (0..1000).filter(|n| denials.is_news(&denied(&n.to_string())));
        assert_eq!(news.count(), Denials::MOST);
    }

    #[test]
    fn what_the_probe_was_denied_explains_what_is_not_known() {
        let denials = Denials::default();
        assert_eq!(denials.ignorance(), CommandError::Unavailable);
        denials.of_probe(Some(&denied("set")));
        assert_eq!(denials.ignorance(), denied("set"));
        denials.of_probe(None);
        assert_eq!(denials.ignorance(), CommandError::Unavailable);
    }
}
