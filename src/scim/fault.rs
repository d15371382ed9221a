//! How a target's refusals and silences are classified: once, here, for everybody.

use std::time::Duration;

/// What kind of failure a target's answer is. What is done about it is a total function of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultClass {
    /// 429, or 503 with `Retry-After`: not applied, wait.
    Throttled,
    /// The connection was never made, or 500 or 503: not applied as far as the target says.
    Unavailable,
    /// The request may have been applied: the connection broke after it left, a time-out, 502, 504,
    /// or a success whose body is unusable.
    Lost,
    /// 409, or 400 with scimType `uniqueness`.
    Conflict,
    /// 404 for a resource.
    Missing,
    /// 400, 403, 405, 413, 422, 501 and other refusals of this one object.
    Rejected,
    /// A refusal whose body is not SCIM, or an answer about another resource than asked.
    Malformed,
    /// 401, after one new sign-in where there is one.
    Unauthorized,
    /// 404 for a query, or an answer that no SCIM service gives: the base URL is wrong.
    NotCompliant,
}

/// Why a request to the target failed. Classified once, by the adapter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct TargetFault {
    /// What kind of failure.
    pub class: FaultClass,
    /// HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// `scimType` of the error body (RFC 7644 §3.12).
    pub scim_type: Option<String>,
    /// What the target said, shortened, or what happened to the connection. Holds no credential.
    pub detail: String,
    /// From `Retry-After`.
    pub retry_after: Option<Duration>,
}
