use http::{
    HeaderMap, HeaderName, Method, StatusCode,
    header::{CONTENT_LOCATION, LOCATION},
};

use super::{
    Query, Resource,
    structured::{Item, Member, joined, list},
};
use crate::tag::Tag;

const CACHE_GROUPS: HeaderName = HeaderName::from_static("cache-groups");
const CACHE_GROUP_INVALIDATION: HeaderName = HeaderName::from_static("cache-group-invalidation");

/// Whether a request of this method may change something (RFC 9110 section 9.2.1): any method may that is not known to be
/// safe.
pub(crate) fn is_unsafe(method: &Method) -> bool {
    !matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE
    )
}

/// What the answer to a request of an unsafe method has made out of date (RFC 9111 section 4.4): if it is no error, the
/// resource itself, and those of the same host that `Location` and `Content-Location` name; and in any case the groups
/// that it says (RFC 9875 section 3).
pub(crate) fn overtaken(
    status: StatusCode,
    headers: &HeaderMap,
    resource: &Resource,
    query: &Query,
) -> Vec<Tag> {
    let mut tags = groups_of(headers, &CACHE_GROUP_INVALIDATION, resource);
    if status.is_success() || status.is_redirection() {
        tags.push(resource.clone().reduced(query).tag());
        for name in [LOCATION, CONTENT_LOCATION] {
            let named = headers.get(name).and_then(|value| value.to_str().ok());
            let named = named.and_then(|reference| resource.resolve(reference));
            tags.extend(named.map(|named| named.reduced(query).tag()));
        }
    }
    tags
}

/// The tags of the groups that a response says it belongs to (RFC 9875 section 2).
pub(crate) fn groups(headers: &HeaderMap, resource: &Resource) -> Vec<Tag> {
    groups_of(headers, &CACHE_GROUPS, resource)
}

/// A field that is no list of strings says nothing.
fn groups_of(headers: &HeaderMap, name: &HeaderName, resource: &Resource) -> Vec<Tag> {
    let members = joined(headers, name).and_then(|field| list(&field));
    let groups = members.unwrap_or_default().into_iter().map(|member| {
        let Member::Item(Item::String(group)) = member else {
            return None;
        };
        Some(resource.group(&group))
    });
    groups.collect::<Option<Vec<_>>>().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Uri};

    use super::*;
    use crate::policy::Target;

    fn resource() -> Resource {
        let uri = Uri::from_static("http://shop.example/products/7?x");
        Resource::of(&Target::of(&uri, &uri, None, &Query::default()).unwrap())
    }

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn tags(status: u16, lines: &[(&'static str, &'static str)]) -> Vec<String> {
        let status = StatusCode::from_u16(status).unwrap();
        let tags = overtaken(status, &headers(lines), &resource(), &Query::AsSent);
        tags.iter().map(Tag::to_string).collect()
    }

    #[test]
    fn any_method_may_change_something_that_is_not_known_to_be_safe() {
        for method in [
            "POST", "PUT", "PATCH", "DELETE", "CONNECT", "M-SEARCH", "get",
        ] {
            assert!(
                is_unsafe(&Method::from_bytes(method.as_bytes()).unwrap()),
                "{method}"
            );
        }
        for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE] {
            assert!(!is_unsafe(&method), "{method}");
        }
    }

    #[test]
    fn a_write_that_succeeds_makes_its_resource_out_of_date() {
        let own = "uri:shop.example/products/7?x";
        for status in [200, 201, 204, 303] {
            assert_eq!(tags(status, &[]), [own], "{status}");
        }
        for status in [100, 400, 404, 409, 500, 503] {
            assert!(tags(status, &[("location", "/b")]).is_empty(), "{status}");
        }
        let lines = [
            ("location", "8"),
            ("content-location", "http://shop.example/c"),
        ];
        assert_eq!(
            tags(201, &lines),
            [own, "uri:shop.example/products/8", "uri:shop.example/c"]
        );
        let elsewhere = [
            ("location", "http://evil.example/b"),
            ("content-location", "//x/c"),
        ];
        assert_eq!(tags(201, &elsewhere), [own]);
    }

    #[test]
    fn what_a_write_names_is_found_as_it_is_stored() {
        let uri = Uri::from_static("http://shop.example/list?utm=1&page=2");
        let location = [("location", "/list?utm=2&b=1&page=3")];
        let tags = |query: Query| {
            let resource = Resource::of(&Target::of(&uri, &uri, None, &query).unwrap());
            let tags = overtaken(StatusCode::CREATED, &headers(&location), &resource, &query);
            tags.iter().map(Tag::to_string).collect::<Vec<_>>()
        };
        let listed = Query::Listed([Box::from("page")].into());
        assert_eq!(
            tags(listed),
            [
                "uri:shop.example/list?page=2",
                "uri:shop.example/list?page=3"
            ]
        );
        assert_eq!(
            tags(Query::Sorted)[1],
            "uri:shop.example/list?b=1&page=3&utm=2"
        );
    }

    #[test]
    fn groups_are_a_list_of_strings_and_of_one_origin() {
        let lines = [
            ("cache-groups", "\"a\", \"b c\";x=1"),
            ("cache-groups", "\"a,b\""),
        ];
        let tags: Vec<_> = groups(&headers(&lines), &resource());
        let tags: Vec<_> = tags.iter().map(Tag::as_str).collect();
        assert_eq!(
            tags,
            [
                "group:shop.example a",
                "group:shop.example b c",
                "group:shop.example a,b"
            ]
        );
        for broken in ["a", "\"a\", b", "\"a\" \"b\"", "(\"a\")", "\"a\","] {
            let lines = [("cache-groups", broken)];
            assert!(groups(&headers(&lines), &resource()).is_empty(), "{broken}");
        }
    }

    #[test]
    fn groups_are_invalidated_whatever_the_status() {
        let lines = [("cache-group-invalidation", "\"a\"")];
        assert_eq!(tags(500, &lines), ["group:shop.example a"]);
        assert_eq!(tags(200, &lines).len(), 2);
    }
}
