use super::ResponseCacheLayer;
use crate::policy::Query;

/// What a route says about the resources that it has.
impl ResponseCacheLayer {
    /// Puts these query parameters into the key, in the order of their names, and takes all others from the request.
    ///
    /// So that a link with `utm_source` finds the entry of the one without, and nobody can fill a cache by making
    /// parameters up. The handler does not see the others, because what it sees and the key does not say would be in
    /// everybody's answer; a request that bypasses the cache keeps them all. Names are compared as the handler sees them,
    /// percent-decoded. An empty list takes the whole query away. Defaults to the query as it was sent.
    pub fn query_keys<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Self {
        let listed = names.into_iter().map(Box::from).collect();
        self.with(|route| route.query = Query::Listed(listed))
    }

    /// Puts the query into the key in the order of its parameters' names: `?a=1&b=2` and `?b=2&a=1` are one entry.
    ///
    /// Parameters of one name keep their order, which may have a meaning. The handler sees the query as it was sent,
    /// so its answer must not depend on the order of different names. Defaults to the query as it was sent.
    pub fn sorted_query(self) -> Self {
        self.with(|route| route.query = Query::Sorted)
    }

    /// Caches only requests for these hosts; those for any other one bypass the cache.
    ///
    /// A host is what the client sent in `Host` or `:authority`, with the port if it has said one; case does not matter.
    /// `X-Forwarded-Host` and its kin are never believed. Without it (the default) each host that clients think of has
    /// entries of its own, which is right, and costs memory where nothing in front refuses unknown ones.
    pub fn hosts<'a>(self, hosts: impl IntoIterator<Item = &'a str>) -> Self {
        let hosts = hosts.into_iter();
        let hosts = hosts.map(|host| host.to_ascii_lowercase().into()).collect();
        self.with(|route| route.hosts = hosts)
    }
}
