use std::borrow::Cow;

use super::{Query, Target};
use crate::tag::Tag;

/// What a URI names, as far as a cache can tell: a host, and a path with its query. Without the scheme, which HTTP/1
/// does not say: invalidating too much costs a miss.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resource {
    /// In lower case, with its port if it was said.
    host: String,
    path_and_query: String,
}

impl Resource {
    pub(crate) fn of(target: &Target<'_>) -> Self {
        Self {
            host: String::from_utf8_lossy(&target.host).into_owned(),
            path_and_query: target.path_and_query.clone().into_owned(),
        }
    }

    /// What entries of it are made of, where not all of a query is in their key.
    pub(crate) fn reduced(mut self, query: &Query) -> Self {
        if let Cow::Owned(named) = query.named(&self.path_and_query) {
            self.path_and_query = named;
        }
        self
    }

    /// What a reference in a field of this resource's response means (RFC 3986 section 5.2), if it is of the same host.
    pub(crate) fn resolve(&self, reference: &str) -> Option<Self> {
        let reference = reference.split('#').next().unwrap_or_default().trim();
        let scheme = reference
            .split_once(':')
            .map(|(scheme, _)| scheme)
            .filter(|scheme| !scheme.contains(['/', '?']));
        let relative = match scheme {
            None => reference,
            Some(scheme) => {
                let is_http = ["http", "https"]
                    .iter()
                    .any(|http| scheme.eq_ignore_ascii_case(http));
                is_http.then_some(&reference[scheme.len() + 1..])?
            }
        };
        let path_and_query = match relative.strip_prefix("//") {
            Some(rest) => {
                let end = rest.find(['/', '?']).unwrap_or(rest.len());
                let (host, path) = rest.split_at(end);
                host.eq_ignore_ascii_case(&self.host).then_some(())?;
                without_dots(path)
            }
            None if scheme.is_some() => return None,
            None => self.merge(relative),
        };
        Some(Self {
            host: self.host.clone(),
            path_and_query,
        })
    }

    fn merge(&self, relative: &str) -> String {
        let path = self.path_and_query.split('?').next().unwrap_or_default();
        match relative.as_bytes().first() {
            None => self.path_and_query.clone(),
            Some(b'/') => without_dots(relative),
            Some(b'?') => format!("{path}{relative}"),
            Some(_) => {
                let folder = path.rfind('/').map_or("/", |end| &path[..=end]);
                without_dots(&format!("{folder}{relative}"))
            }
        }
    }

    /// What every entry of this resource is tagged with.
    pub(crate) fn tag(&self) -> Tag {
        Tag::from(format!("uri:{}{}", self.host, self.path_and_query))
    }

    /// What entries are tagged with that say that they belong to this group of their origin.
    pub(crate) fn group(&self, name: &str) -> Tag {
        // No host has a blank, so that no group can be mistaken for another one's.
        Tag::from(format!("group:{} {name}", self.host))
    }
}

/// RFC 3986 section 5.2.4, and an empty path is `/`.
fn without_dots(path_and_query: &str) -> String {
    let (path, query) = match path_and_query.find('?') {
        Some(at) => path_and_query.split_at(at),
        None => (path_and_query, ""),
    };
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    format!("/{}{query}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn resource(path_and_query: &str) -> Resource {
        Resource {
            host: "shop.example:80".to_owned(),
            path_and_query: path_and_query.to_owned(),
        }
    }

    fn resolved(reference: &str) -> Option<String> {
        let resolved = resource("/a/b/c?d=1").resolve(reference)?;
        assert_eq!(resolved.host, "shop.example:80");
        Some(resolved.path_and_query)
    }

    #[test]
    fn references_are_resolved() {
        for (reference, path) in [
            ("", "/a/b/c?d=1"),
            ("#x", "/a/b/c?d=1"),
            ("/e", "/e"),
            ("/e?f#g", "/e?f"),
            ("e", "/a/b/e"),
            ("e?f=../g", "/a/b/e?f=../g"),
            ("?f", "/a/b/c?f"),
            ("./e/.", "/a/b/e/"),
            ("../e", "/a/e"),
            ("../../../e", "/e"),
            ("..", "/a/"),
            ("e:f/g", ""),
            ("./e:f", "/a/b/e:f"),
            ("http://Shop.Example:80/e", "/e"),
            ("HTTPS://shop.example:80", "/"),
            ("https://shop.example:80?f", "/?f"),
            ("//shop.example:80/e/../f", "/f"),
        ] {
            let expected = (!path.is_empty()).then(|| path.to_owned());
            assert_eq!(resolved(reference), expected, "{reference}");
        }
    }

    #[test]
    fn what_is_elsewhere_is_nobody_elses_to_change() {
        for reference in [
            "http://evil.example/e",
            "//evil.example/e",
            "http://shop.example:81/e",
            "http://shop.example:80@evil.example/e",
            "ftp://shop.example:80/e",
            "http:/e",
            "mailto:a@shop.example:80",
        ] {
            assert_eq!(resolved(reference), None, "{reference}");
        }
    }

    #[test]
    fn tags_do_not_run_into_each_other() {
        let resource = resource("/a");
        assert_eq!(resource.tag().as_str(), "uri:shop.example:80/a");
        assert_eq!(resource.group("x y").as_str(), "group:shop.example:80 x y");
    }

    proptest! {
        #[test]
        fn no_reference_makes_resolving_fail(reference in "[a-c:/?#.% ]{0,16}") {
            if let Some(path) = resolved(&reference) {
                prop_assert!(path.starts_with('/'), "{path}");
            }
        }
    }
}
