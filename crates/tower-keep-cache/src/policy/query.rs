//! The part of a query that tells entries apart.

use std::borrow::Cow;

use http::{Uri, uri::PathAndQuery};
use percent_encoding::percent_decode;

/// Which parameters of a query tell entries apart.
///
/// The text stays as it was written: two spellings of one parameter are two entries, which costs a miss; a spelling
/// that were taken for another one could cost a wrong answer. Names are compared decoded, because that is how the
/// handler sees them: of `a=1&%61=2` it may read the first or the last, so that such parameters keep their order.
#[derive(Clone, Debug, Default)]
pub(crate) enum Query {
    /// All of them, in the order in which they came.
    #[default]
    AsSent,
    /// All of them, in the order of their names.
    Sorted,
    /// These, in the order of their names; no other one reaches the handler.
    Listed(Box<[Box<str>]>),
}

impl Query {
    /// What stands for this path and query in a key.
    pub(crate) fn key<'a>(&self, path_and_query: &'a str) -> Cow<'a, str> {
        match (self, path_and_query.split_once('?')) {
            (Self::AsSent, _) | (_, None) => Cow::Borrowed(path_and_query),
            (Self::Sorted, Some((path, query))) => self.join(path_and_query, path, query),
            // What reaches the handler is in the key as it is.
            (Self::Listed(_), Some(_)) => Cow::Borrowed(path_and_query),
        }
    }

    /// What stands for a path and query that no handler has been asked with, as a write or a `Location` names them.
    pub(crate) fn named<'a>(&self, path_and_query: &'a str) -> Cow<'a, str> {
        match (self, path_and_query.split_once('?')) {
            (Self::AsSent, _) | (_, None) => Cow::Borrowed(path_and_query),
            (_, Some((path, query))) => self.join(path_and_query, path, query),
        }
    }

    /// The target without the parameters that are not in the key, if it has such.
    ///
    /// What the handler sees of a request and the key does not say would be in everybody's answer.
    pub(crate) fn reduced(&self, uri: &Uri) -> Option<Uri> {
        let (Self::Listed(_), Some(given)) = (self, uri.path_and_query()) else {
            return None;
        };
        let (path, query) = given.as_str().split_once('?')?;
        let Cow::Owned(reduced) = self.join(given.as_str(), path, query) else {
            return None;
        };
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::try_from(reduced).ok()?);
        Uri::from_parts(parts).ok()
    }

    fn join<'a>(&self, whole: &'a str, path: &str, query: &'a str) -> Cow<'a, str> {
        let listed = match self {
            Self::Listed(listed) => Some(&**listed),
            Self::AsSent | Self::Sorted => None,
        };
        match canonical(query, listed) {
            Cow::Borrowed(_) => Cow::Borrowed(whole),
            Cow::Owned(query) if query.is_empty() => Cow::Owned(path.to_owned()),
            Cow::Owned(query) => Cow::Owned(format!("{path}?{query}")),
        }
    }
}

/// The query in the order of its parameters' names, without those that `listed` does not name; `None` lists all.
fn canonical<'a>(query: &'a str, listed: Option<&[Box<str>]>) -> Cow<'a, str> {
    let mut parameters: Vec<(Cow<'a, [u8]>, &'a str)> = query
        .split('&')
        .map(|parameter| (name(parameter), parameter))
        .filter(|(name, parameter)| match listed {
            None => true,
            Some(_) if parameter.is_empty() => false,
            Some(listed) => listed.iter().any(|listed| listed.as_bytes() == &**name),
        })
        .collect();
    let before: usize = parameters.iter().map(|(_, text)| text.len() + 1).sum();
    let whole = before == query.len() + 1;
    if whole && parameters.is_sorted_by(|one, other| one.0 <= other.0) {
        return Cow::Borrowed(query);
    }
    parameters.sort_by(|one, other| one.0.cmp(&other.0));
    let mut sorted = String::with_capacity(before);
    for (_, parameter) in parameters {
        if !sorted.is_empty() {
            sorted.push('&');
        }
        sorted.push_str(parameter);
    }
    Cow::Owned(sorted)
}

/// As `application/x-www-form-urlencoded` reads it (WHATWG URL §5.1).
fn name(parameter: &str) -> Cow<'_, [u8]> {
    let name = parameter
        .split_once('=')
        .map_or(parameter, |(name, _)| name);
    if name.contains('+') {
        let spaced = name.replace('+', " ");
        return Cow::Owned(percent_decode(spaced.as_bytes()).collect());
    }
    percent_decode(name.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn listed(names: &[&str]) -> Vec<Box<str>> {
        names.iter().map(|name| Box::from(*name)).collect()
    }

    #[test]
    fn parameters_stand_in_the_order_of_their_names() {
        assert_eq!(canonical("b=2&a=1", None), "a=1&b=2");
        assert!(matches!(canonical("a=1&b=2", None), Cow::Borrowed(_)));
        assert_eq!(canonical("", None), "");
    }

    #[test]
    fn parameters_of_one_name_keep_their_order_however_it_is_spelled() {
        assert_eq!(canonical("b&a=2&a=1", None), "a=2&a=1&b");
        assert_eq!(canonical("%61=2&a=1", None), "%61=2&a=1");
        assert_eq!(canonical("a=1&%61=2", None), "a=1&%61=2");
        assert_eq!(canonical("c=0&x+y=1&x%20y=2", None), "c=0&x+y=1&x%20y=2");
    }

    #[test]
    fn what_is_not_listed_is_left_out() {
        let listed = listed(&["page", "a b"]);
        let canonical = |query| canonical(query, Some(&listed)).into_owned();
        assert_eq!(canonical("utm=1&page=2&&PAGE=3"), "page=2");
        assert_eq!(canonical("pag%65=2&a+b=1&a%20b"), "a+b=1&a%20b&pag%65=2");
        assert_eq!(canonical("utm=1"), "");
        assert_eq!(canonical("page=2"), "page=2");
    }

    #[test]
    fn only_what_is_listed_reaches_the_handler() {
        let query = Query::Listed(listed(&["page"]).into());
        let reduced = |uri: &'static str| query.reduced(&Uri::from_static(uri));
        let text = |uri| reduced(uri).map(|uri| uri.to_string());
        assert_eq!(text("/list?utm=1&page=2").as_deref(), Some("/list?page=2"));
        assert_eq!(
            text("https://a.example/?utm").as_deref(),
            Some("https://a.example/")
        );
        assert_eq!(text("/list?").as_deref(), Some("/list"));
        assert_eq!(text("/list?page=2"), None);
        assert_eq!(text("/list"), None);
        assert_eq!(query.key("/list?page=2"), "/list?page=2");
    }

    #[test]
    fn a_sorted_query_is_sorted_in_the_key_alone() {
        let uri = Uri::from_static("/list?b&a");
        assert_eq!(Query::Sorted.reduced(&uri), None);
        assert_eq!(Query::Sorted.key("/list?b&a"), "/list?a&b");
        assert_eq!(Query::AsSent.key("/list?b&a"), "/list?b&a");
    }

    proptest! {
        #[test]
        fn the_canonical_form_is_its_own(query in "[a-c%61=&+;]{0,24}") {
            let once = canonical(&query, None).into_owned();
            prop_assert_eq!(canonical(&once, None), &*once);
        }

        #[test]
        fn nothing_is_lost_but_order(query in "[a-c=&]{0,24}") {
            let parts = |text: &str| {
                let mut parts: Vec<_> = text.split('&').map(str::to_owned).collect();
                parts.sort();
                parts.retain(|part| !part.is_empty());
                parts
            };
            prop_assert_eq!(parts(&canonical(&query, None)), parts(&query));
        }
    }
}
