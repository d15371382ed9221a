//! Pace: how fast a service is asked, and the waits for one that throttles or fails, in one cycle.
//!
//! One of the four places where anything is tried again (seconds; the others are the escrow, the
//! quarantine and the outbox). A service that says how long to wait is obeyed, and what its host
//! can bear is learnt from its answers ([`HostPace`]) within what is configured. Knows nothing of
//! what is asked.

mod back_off;
mod directory;
mod host;
mod lane;
mod pacer;
mod rate;
#[cfg(test)]
mod tests;
mod trial;

pub(super) use directory::directory;
pub use host::{HostPace, HostPaces};
pub(super) use pacer::{Class, Pacer};
