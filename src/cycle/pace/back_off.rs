//! How often and after which time a request is tried again that a service did not serve.

use std::time::Duration;

/// Tries of a request that a service could not serve, the first included.
pub(super) const UNAVAILABLE_TRIES_MAX: u32 = 5;

/// Tries of a request that a service throttles, the first included.
pub(super) const THROTTLED_TRIES_MAX: u32 = 12;

/// The wait after a first failure without advice; it doubles with every further one.
const BACK_OFF_FIRST: Duration = Duration::from_millis(500);

/// The longest wait without advice.
const BACK_OFF_MAX: Duration = Duration::from_secs(30);

/// The wait after so many tries, where the service says nothing.
pub(super) fn back_off(tries: u32) -> Duration {
    BACK_OFF_FIRST.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(BACK_OFF_MAX)
}
