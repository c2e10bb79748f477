use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
};

use http::Extensions;

use super::{Owner, Owners};

/// Who owns entries of layers without a name where no route was matched.
const UNNAMED: &str = "unnamed";

/// The owner of the first request that a service has answered, which mostly is that of all others.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnerSlot(Arc<OnceLock<Arc<Owner>>>);

impl OwnerSlot {
    /// The owner by the name of the layer, else by the route that was matched.
    pub(crate) fn owner(
        &self,
        owners: &Arc<Owners>,
        layer: &str,
        extensions: &Extensions,
    ) -> Cow<'_, Arc<Owner>> {
        owners.publish();
        let name = match layer {
            "" => matched_route(extensions).unwrap_or(UNNAMED),
            name => name,
        };
        match self.0.get() {
            Some(owner) if *owner.name == *name => Cow::Borrowed(owner),
            Some(_) => Cow::Owned(owners.owner(name)),
            None => {
                let owner = owners.owner(name);
                let _ = self.0.set(Arc::clone(&owner));
                Cow::Owned(owner)
            }
        }
    }
}

#[cfg(feature = "axum")]
fn matched_route(extensions: &Extensions) -> Option<&str> {
    tower_keep_core::extract::matched_path(extensions)
}

#[cfg(not(feature = "axum"))]
fn matched_route(_: &Extensions) -> Option<&str> {
    None
}
