//! Patches.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A PATCH request's body (RFC 7644 §3.5.2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PatchRequest {
    /// Always the PatchOp message schema.
    pub schemas: Vec<String>,
    /// What to do, in order.
    #[serde(rename = "Operations")]
    pub operations: Vec<Operation>,
}

/// One operation of a PATCH.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// `add`, `replace` or `remove`, in the dialect's case.
    pub op: String,
    /// Where; RFC 7644 allows it to be absent for `add` and `replace`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What; absent for most removals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
}
