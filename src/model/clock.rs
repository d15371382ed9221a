//! The clock: the only way to learn the time or to wait.
//!
//! Production passes the system's clock, tests and the simulation a virtual one that a wait moves
//! forward. Nothing below the shell reads the time by itself.

use std::{future::Future, pin::Pin, time::Duration};

/// A moment in UTC.
pub type Timestamp = chrono::DateTime<chrono::Utc>;

/// The wait that [`Clock::sleep`] returns.
pub type Sleep<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Where the time comes from, and how to wait.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;

    /// Completes once `duration` has passed on this clock.
    fn sleep(&self, duration: Duration) -> Sleep<'_>;
}

/// A moment in UTC, to the second, as documents and people read it.
pub fn moment(at: Timestamp) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
