/// What a response means for the circuit guard, said by the handler itself.
///
/// A response extension. Without it the guard judges by status: a 500 counts as a failure of what it
/// guards, although it may be a bug that has nothing to do with the database.
///
/// ```
/// use tower_keep_core::GuardOutcome;
///
/// // A bug of our own: the database is fine.
/// let mut response = http::Response::new("");
/// *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
/// response.extensions_mut().insert(GuardOutcome::Ignore);
/// assert_eq!(response.extensions().get(), Some(&GuardOutcome::Ignore));
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[allow(
    clippy::exhaustive_enums,
    reason = "a call went well, badly, or says nothing: there is no fourth"
)]
pub enum GuardOutcome {
    /// What is guarded has worked, whatever the status says.
    Success,
    /// What is guarded has failed, whatever the status says.
    Failure,
    /// Says nothing about what is guarded.
    Ignore,
}
