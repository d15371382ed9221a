//! Who watches an engine's commits: whoever lets the program die at one, or its disk be full.

use std::sync::Arc;

use super::StoreError;

/// A moment of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// Everything was done, and nothing of it lasts yet.
    Before,
    /// All of it lasts.
    After,
}

/// Told of both moments of every transaction. An error ends the work there: before the commit it
/// leaves everything as it was, after the commit everything was done.
pub type CommitWatch = Arc<dyn Fn(Commit) -> Result<(), StoreError> + Send + Sync>;
