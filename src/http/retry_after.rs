//! `Retry-After`: how long a service asks to be left alone. Knows the header only.

use std::time::Duration;

use http::{HeaderMap, header::RETRY_AFTER};

use crate::model::Timestamp;

/// The longest wait that a service is granted: it may not park a cycle for a day.
pub const RETRY_AFTER_SECONDS_MAX: u64 = 300;

/// How long the service asks us to wait, or `None` if the header is absent or unusable.
///
/// Accepts the forms of RFC 9110 §10.2.3, a delay in seconds and an HTTP date relative to `now`,
/// and a decimal delay, which Graph sends. A date that is past asks for no wait. Clamped to
/// [`RETRY_AFTER_SECONDS_MAX`].
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = delay(text).or_else(|| until(text, now))?;
    Some(wait.min(Duration::from_secs(RETRY_AFTER_SECONDS_MAX)))
}

/// Digits with at most one point; `inf`, `1e9` and signs are what `f64` would take as well.
fn delay(text: &str) -> Option<Duration> {
    let plain = text.chars().all(|c| c.is_ascii_digit() || c == '.');
    if !plain || !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let seconds: f64 = text.parse().ok()?;
    Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

fn until(text: &str, now: Timestamp) -> Option<Duration> {
    let moment = Timestamp::from(httpdate::parse_http_date(text).ok()?);
    Some((moment - now).to_std().unwrap_or(Duration::ZERO))
}
