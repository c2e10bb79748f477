use std::{
    any::{Any, TypeId},
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// What a `memory:` manager holds: one in-process store of each kind, made when first asked for and shared by all
/// clones of the manager.
///
/// A store is not a map of bytes but a layer's own operations written in Rust, so the manager knows nothing of it
/// but its type.
#[derive(Clone, Default)]
pub struct Memory {
    stores: Arc<Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>>,
}

impl Memory {
    /// The manager's store of type `T`.
    #[must_use]
    pub fn store<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        let store = stores
            .entry(TypeId::of::<T>())
            .or_insert_with(|| Arc::new(T::default()));
        Arc::clone(store)
            .downcast()
            .expect("a store is filed under its own type")
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_one_store_of_each_type() {
        let memory = Memory::default();
        *memory.store::<Mutex<u32>>().lock().unwrap() = 7;
        assert_eq!(*memory.clone().store::<Mutex<u32>>().lock().unwrap(), 7);
        assert_eq!(*memory.store::<Mutex<u64>>().lock().unwrap(), 0);
        assert_eq!(*Memory::default().store::<Mutex<u32>>().lock().unwrap(), 0);
    }
}
