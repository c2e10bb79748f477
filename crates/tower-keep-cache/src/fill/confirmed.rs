//! A handler that says that what is stored is still good (RFC 9111 section 4.3.4).

use std::time::{Duration, SystemTime};

use http::{Response, header::AGE, response::Parts};
use http_body::Body as HttpBody;
use tokio::sync::oneshot;
use tower_keep_core::Body;

use super::{
    capture::Captured,
    run::{Head, Leader, entry},
};
use crate::policy::{
    Forwarded, Handling, Keep, Vary, Verdict, is_about, number, stored_headers, updated,
};
use crate::{engine::Brought, entry::Entry};

impl Leader {
    /// The client gets what is stored, under the new head; so do those who wait, and it is fresh again.
    pub(super) async fn confirmed<B, E>(
        self,
        answer: Parts,
        took: Duration,
        head: oneshot::Sender<Head<B, E>>,
    ) where
        B: HttpBody,
    {
        let Some(base) = self.fill.base().cloned() else {
            return;
        };
        let tags = self.tags(&answer);
        self.scope.report_outward(&tags);
        self.scope.report_outward(&base.tags);
        let now = SystemTime::now();
        let about_it = is_about(&base.entry.headers, &answer.headers, now);
        let (mut parts, ()) = Response::new(()).into_parts();
        parts.status = base.entry.status;
        parts.headers = match about_it {
            true => updated(&base.entry.headers, &answer.headers),
            false => base.entry.headers.clone(),
        };
        parts.extensions = answer.extensions;
        let rules = self.rules(&parts.extensions);
        let verdict = self.judge(&parts, took, &rules);
        let keep = match verdict {
            // Section 4.3.4: a 304 about another one changes nothing here, but the handler has been asked about ours.
            Verdict::Store(keep) if about_it && self.is_still_for_all(&base.entry, &parts) => {
                Some(keep)
            }
            _ => None,
        };
        let forwarded = Forwarded {
            status: Some(http::StatusCode::NOT_MODIFIED),
            stored: keep.is_some() && self.fill.may_store(),
            ttl: keep
                .as_ref()
                .map(|keep| keep.lifetime.remaining().as_secs() as i64),
            why: self.forward(),
            ..Forwarded::default()
        };
        let captured = Captured {
            body: base.entry.body.clone(),
            trailers: base.entry.trailers.clone(),
        };
        let renewed = keep.map(|Keep { lifetime, withheld }| {
            let headers = stored_headers(&parts.headers, &withheld, rules.strict);
            let entry = Entry {
                took,
                variant: base.entry.variant,
                ..entry(parts.status, headers, captured, lifetime)
            };
            (entry, lifetime)
        });
        let age = renewed
            .as_ref()
            .map_or(0, |(_, lifetime)| lifetime.age.as_secs());
        parts.headers.insert(AGE, number::value(age));
        self.route
            .cache_status
            .append(&mut parts.headers, Handling::Forwarded(forwarded));
        let body = Body::stored(base.entry.body.clone(), base.entry.trailers.clone());
        let _ = head.send(Ok(Response::from_parts(parts, body)));
        match renewed {
            Some((entry, lifetime)) => {
                self.bring(entry, tags, lifetime, |brought| Brought {
                    renewed: true,
                    ..brought
                })
                .await;
            }
            None => self.fill.refuse(),
        }
    }

    /// Whether what was the same for everybody still is: a head that says on what it depends now does not say of whom the
    /// stored body is.
    fn is_still_for_all(&self, base: &Entry, parts: &Parts) -> bool {
        let vary = Vary::of(&parts.headers).map(|vary| vary.beyond(&self.route.key_headers));
        base.variant.is_some() || vary.is_some_and(|vary| vary.is_empty())
    }
}
