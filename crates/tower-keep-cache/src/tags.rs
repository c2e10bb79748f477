use crate::Tag;

/// Tags that a handler adds to its answer: what it has read on the way.
///
/// A response extension, and with the feature `axum` a part of a response. Where a route's own tags are made of the
/// path as the client wrote it, the handler knows the row: `/products/007` and `/products/7` are one row and carry one
/// tag only if the handler says so.
///
/// ```
/// use tower_keep_cache::{Tag, Tags};
///
/// let mut response = http::Response::new("a product");
/// response.extensions_mut().insert(Tags::from(["product:7", "category:lamps"]));
/// # let tags = response.extensions().get::<Tags>().unwrap();
/// # assert_eq!(tags.iter().map(Tag::as_str).collect::<Vec<_>>(), ["product:7", "category:lamps"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(Vec<Tag>);

impl Tags {
    /// The tags, in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = &Tag> {
        self.0.iter()
    }
}

impl<T: Into<Tag>, const N: usize> From<[T; N]> for Tags {
    fn from(tags: [T; N]) -> Self {
        tags.into_iter().collect()
    }
}

impl<T: Into<Tag>> FromIterator<T> for Tags {
    fn from_iter<I: IntoIterator<Item = T>>(tags: I) -> Self {
        Self(tags.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Tag>> Extend<T> for Tags {
    fn extend<I: IntoIterator<Item = T>>(&mut self, tags: I) {
        self.0.extend(tags.into_iter().map(Into::into));
    }
}

/// Adds to tags that are there already.
#[cfg(feature = "axum")]
impl axum::response::IntoResponseParts for Tags {
    type Error = std::convert::Infallible;

    fn into_response_parts(
        self,
        mut parts: axum::response::ResponseParts,
    ) -> Result<axum::response::ResponseParts, Self::Error> {
        parts
            .extensions_mut()
            .get_or_insert_default::<Self>()
            .extend(self.0);
        Ok(parts)
    }
}
