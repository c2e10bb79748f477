use std::time::Duration;

use super::{LONGEST, RequestDirectives, ResponseDirectives, Rules};

/// What may be done with a stored response that is not fresh any more: decided when it is stored, kept with it, asked at
/// every use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Staleness {
    /// For so long it may be served while it is refreshed (RFC 5861 section 3). Zero: never.
    pub(crate) while_revalidate: Duration,
    /// For so long it may be served when its origin fails (RFC 5861 section 4). Zero: never.
    pub(crate) if_error: Duration,
    /// It may never be served stale (RFC 9111 section 4.2.4), not even to a client that would take it.
    pub(crate) forbidden: bool,
    /// It may not be served without its origin's consent, however fresh (RFC 9111 section 5.2.2.4).
    pub(crate) validate: bool,
}

/// How a stored response may be used for a request. (Where there is none, it is a miss.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Serving {
    /// As it is.
    Fresh,
    /// As it is, and it is refreshed in the background.
    StaleWhileRevalidate,
    /// If asking its origin fails.
    StaleIfError,
    /// Only after its origin has confirmed it.
    MustRevalidate,
}

impl Staleness {
    pub(crate) fn of(directives: &ResponseDirectives, rules: &Rules) -> Self {
        // Section 4.2.4; section 5.2.2.10 gives `s-maxage` the meaning of `proxy-revalidate`.
        let forbidden = directives.must_revalidate
            || directives.proxy_revalidate
            || directives.s_maxage.is_some()
            || directives.no_cache;
        let window = |said: Option<Duration>, rule: Option<Duration>| match forbidden {
            true => Duration::ZERO,
            false => said.or(rule).unwrap_or_default(),
        };
        let while_revalidate = rules.stale_while_revalidate.filter(|_| !rules.strict);
        let if_error = match rules.strict {
            // Section 4.2.4 allows it to a cache that is cut off from the origin, and sets no limit.
            true => Some(LONGEST),
            false => rules.stale_if_error,
        };
        Self {
            while_revalidate: window(directives.stale_while_revalidate, while_revalidate),
            if_error: window(directives.stale_if_error, if_error),
            forbidden,
            validate: directives.no_cache,
        }
    }

    /// How a response of this age may be used that is (or was) fresh for so long.
    pub(crate) fn serving(
        self,
        age: Duration,
        fresh_for: Duration,
        request: &RequestDirectives,
    ) -> Serving {
        if self.validate || request.no_cache {
            return Serving::MustRevalidate;
        }
        // Section 5.2.1.1: without `max-stale`, what is older than `max-age` is not wanted.
        let young_enough = request
            .max_age
            .is_none_or(|most| age <= most || request.max_stale.is_some());
        if fresh_for > age {
            let fresh_enough = request
                .min_fresh
                .is_none_or(|least| fresh_for - age >= least);
            return match young_enough && fresh_enough {
                true => Serving::Fresh,
                // Not what the client likes, but better than an error.
                false => Serving::StaleIfError,
            };
        }
        if self.forbidden {
            return Serving::MustRevalidate;
        }
        let stale_for = age - fresh_for;
        let accepted = request.max_stale.is_some_and(|most| stale_for <= most);
        let allowed = stale_for <= self.while_revalidate && request.min_fresh.is_none();
        if accepted || (allowed && young_enough && !self.while_revalidate.is_zero()) {
            Serving::StaleWhileRevalidate
        } else if stale_for <= self.if_error && !self.if_error.is_zero() {
            Serving::StaleIfError
        } else {
            Serving::MustRevalidate
        }
    }

    /// For how long after its freshness a response may be of use without its origin's consent.
    pub(crate) fn longest(self) -> Duration {
        self.while_revalidate.max(self.if_error)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANYTHING: RequestDirectives = RequestDirectives {
        max_age: None,
        max_stale: None,
        min_fresh: None,
        no_cache: false,
        no_store: false,
        only_if_cached: false,
    };

    const WINDOWS: Staleness = Staleness {
        while_revalidate: seconds(30),
        if_error: seconds(600),
        forbidden: false,
        validate: false,
    };

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn at(age: u64, staleness: Staleness, request: RequestDirectives) -> Serving {
        staleness.serving(seconds(age), seconds(60), &request)
    }

    #[test]
    fn freshness_is_followed_by_the_windows() {
        let cases = [
            (0, Serving::Fresh),
            (59, Serving::Fresh),
            (60, Serving::StaleWhileRevalidate),
            (90, Serving::StaleWhileRevalidate),
            (91, Serving::StaleIfError),
            (660, Serving::StaleIfError),
            (661, Serving::MustRevalidate),
        ];
        for (age, serving) in cases {
            assert_eq!(at(age, WINDOWS, ANYTHING), serving, "{age}");
        }
        assert_eq!(
            at(60, Staleness::default(), ANYTHING),
            Serving::MustRevalidate
        );
    }

    #[test]
    fn no_client_gets_stale_what_may_not_be() {
        let forbidden = Staleness {
            forbidden: true,
            ..Staleness::default()
        };
        let takes_all = RequestDirectives {
            max_stale: Some(LONGEST),
            ..ANYTHING
        };
        assert_eq!(at(61, forbidden, takes_all), Serving::MustRevalidate);
        assert_eq!(
            at(61, Staleness::default(), takes_all),
            Serving::StaleWhileRevalidate
        );
        let validate = Staleness {
            validate: true,
            ..WINDOWS
        };
        assert_eq!(at(0, validate, takes_all), Serving::MustRevalidate);
    }

    #[test]
    fn a_client_may_want_it_younger_or_fresh_for_longer() {
        let young = RequestDirectives {
            max_age: Some(seconds(10)),
            ..ANYTHING
        };
        assert_eq!(at(10, WINDOWS, young), Serving::Fresh);
        assert_eq!(at(11, WINDOWS, young), Serving::StaleIfError);
        assert_eq!(at(61, WINDOWS, young), Serving::StaleIfError);
        let long = RequestDirectives {
            min_fresh: Some(seconds(10)),
            ..ANYTHING
        };
        assert_eq!(at(50, WINDOWS, long), Serving::Fresh);
        assert_eq!(at(51, WINDOWS, long), Serving::StaleIfError);
        let confirmed = RequestDirectives {
            no_cache: true,
            ..ANYTHING
        };
        assert_eq!(at(0, WINDOWS, confirmed), Serving::MustRevalidate);
    }

    #[test]
    fn a_client_may_take_it_staler() {
        let stale = RequestDirectives {
            max_age: Some(seconds(10)),
            max_stale: Some(seconds(700)),
            ..ANYTHING
        };
        assert_eq!(at(50, WINDOWS, stale), Serving::Fresh);
        assert_eq!(at(760, WINDOWS, stale), Serving::StaleWhileRevalidate);
        assert_eq!(at(761, WINDOWS, stale), Serving::MustRevalidate);
    }

    #[test]
    fn what_forbids_it_overrules_every_window() {
        let rules = Rules {
            stale_while_revalidate: Some(seconds(30)),
            stale_if_error: Some(seconds(30)),
            ..Rules::default()
        };
        let windows = ResponseDirectives {
            stale_while_revalidate: Some(seconds(5)),
            stale_if_error: Some(seconds(6)),
            ..ResponseDirectives::default()
        };
        let said = Staleness::of(&windows, &rules);
        assert_eq!(
            (said.while_revalidate, said.if_error),
            (seconds(5), seconds(6))
        );
        let ruled = Staleness::of(&ResponseDirectives::default(), &rules);
        assert_eq!(
            (ruled.while_revalidate, ruled.if_error),
            (seconds(30), seconds(30))
        );
        for forbids in [
            ResponseDirectives {
                must_revalidate: true,
                ..windows.clone()
            },
            ResponseDirectives {
                proxy_revalidate: true,
                ..windows.clone()
            },
            ResponseDirectives {
                s_maxage: Some(seconds(60)),
                ..windows.clone()
            },
            ResponseDirectives {
                no_cache: true,
                ..windows.clone()
            },
        ] {
            for rules in [
                rules,
                Rules {
                    strict: true,
                    ..rules
                },
            ] {
                let staleness = Staleness::of(&forbids, &rules);
                assert!(staleness.forbidden && staleness.longest().is_zero());
            }
        }
    }

    #[test]
    fn in_the_strict_profile_only_the_response_and_the_standard_count() {
        let strict = Rules {
            strict: true,
            stale_while_revalidate: Some(seconds(30)),
            stale_if_error: Some(seconds(30)),
            ..Rules::default()
        };
        let staleness = Staleness::of(&ResponseDirectives::default(), &strict);
        assert_eq!(
            (staleness.while_revalidate, staleness.if_error),
            (seconds(0), LONGEST)
        );
    }

    proptest! {
        #[test]
        fn arithmetic_holds_over_the_whole_range(
            times in proptest::array::uniform4(any::<u64>()),
            asked in proptest::array::uniform3(proptest::option::of(any::<u64>())),
            forbidden in any::<bool>(),
        ) {
            let [age, fresh_for, while_revalidate, if_error] = times.map(Duration::from_secs);
            let [max_age, max_stale, min_fresh] = asked.map(|asked| asked.map(Duration::from_secs));
            let staleness = Staleness { while_revalidate, if_error, forbidden, validate: false };
            let request = RequestDirectives { max_age, max_stale, min_fresh, ..ANYTHING };
            let serving = staleness.serving(age, fresh_for, &request);
            if serving == Serving::Fresh {
                prop_assert!(age < fresh_for);
            }
            if forbidden && age >= fresh_for {
                prop_assert_eq!(serving, Serving::MustRevalidate);
            }
            if age < fresh_for && request == ANYTHING {
                prop_assert_eq!(serving, Serving::Fresh);
            }
        }
    }
}
