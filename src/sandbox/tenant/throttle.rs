//! Throttling: what a request costs in resource units, and how many there are.
//!
//! Owns the numbers of Graph's page "Identity and access service limits".

use super::{
    call::Call,
    state::{ObjectType, State},
};
use crate::model::Timestamp;

/// The window in which a tenant's units are counted.
const WINDOW_SECONDS: f64 = 10.0;

/// What is left to one client, in resource units.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    left: f64,
    at: Timestamp,
}

/// The cost of a call: the base, one less with `$select`, one more with `$expand`, one less with
/// `$top` below 20, and never less than one.
pub(super) fn cost(call: &Call, base: u32) -> u32 {
    let options = &call.options;
    let expand = u32::from(options.expand.is_some());
    let select = u32::from(options.select.is_some());
    let top = u32::from(options.top.is_some_and(|top| top < 20));
    (base + expand).saturating_sub(select + top).max(1)
}

/// Seconds until the client may come again, or `None` where it has units left.
///
/// Refills the bucket by the time passed. Usage is still charged while throttled, so a client that
/// comes early waits longer.
pub(super) fn wait_seconds(state: &mut State, client_id: &str) -> Option<u32> {
    if !state.switches.throttles {
        return None;
    }
    let limit = limit(state);
    let now = state.now();
    let bucket =
        state.buckets.entry(client_id.to_owned()).or_insert(Bucket { left: limit, at: now });
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a test fit a double")]
    let passed = (now - bucket.at).num_milliseconds() as f64 / 1000.0;
    bucket.left = (bucket.left + passed * limit / WINDOW_SECONDS).min(limit);
    bucket.at = now;
    if bucket.left > 0.0 {
        return None;
    }
    bucket.left = (bucket.left - 1.0).max(-limit);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the bucket is never below one window, so the wait is 0 to 10 s"
    )]
    let seconds = (-bucket.left * WINDOW_SECONDS / limit).ceil() as u32;
    Some(seconds.max(1))
}

/// Charges what a call cost.
pub(super) fn charge(state: &mut State, client_id: &str, units: u32) {
    let limit = limit(state);
    if let Some(bucket) = state.buckets.get_mut(client_id) {
        bucket.left = (bucket.left - f64::from(units)).max(-limit);
    }
}

/// Units per window of an app in a tenant of this size: S below 50 users, M to 500, L above.
fn limit(state: &State) -> f64 {
    match state.all_live(ObjectType::User).take(501).count() {
        0..50 => 3_500.0,
        50..=500 => 5_000.0,
        _ => 8_000.0,
    }
}
