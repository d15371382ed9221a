//! What the application remembers about its clients: requests, violations, account events.

use http::Method;
use serde_json::{Value, json};

use crate::model::Timestamp;

/// Something a request did that a careful client would not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What kind.
    pub kind: ViolationKind,
    /// The request's method.
    pub method: Method,
    /// The request's path as sent, with the base path.
    pub path: String,
    /// What was wrong, for the reader of a failed test.
    pub detail: String,
}

/// What kind of violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ViolationKind {
    /// No bearer token, or the wrong one (401).
    Unauthorized,
    /// A body that is not declared as `application/scim+json` (RFC 7644 §3.1).
    ContentType,
    /// A path that is no endpoint (404).
    UnknownEndpoint,
    /// A method the endpoint does not have (405).
    Method,
    /// An id that never existed (404).
    UnknownId,
    /// An id that was deleted before (404).
    GoneId,
    /// A body that is not a JSON object, or has not the shape of its message (400).
    MalformedBody,
    /// `schemas` is missing or lacks the schema of the message (400).
    MissingSchemas,
    /// `schemas` names a schema the service does not have (400).
    UnknownSchema,
    /// Extension attributes whose schema is not in `schemas` (400).
    UnlistedExtension,
    /// An attribute no schema has (400).
    UnknownAttribute,
    /// A value of another type than the schema's, such as `"False"` for a boolean (400).
    WrongType,
    /// A value of the right type that is not allowed, such as two primary e-mails (400).
    InvalidValue,
    /// `null`, an empty array or an empty object (taken as unassigned), or empty text (400).
    EmptyValue,
    /// An attribute only the service may set: ignored in POST and PUT, refused in PATCH.
    ReadOnly,
    /// A required attribute is missing or removed (400).
    MissingRequired,
    /// A member or manager that does not exist (400).
    UnknownReference,
    /// A PATCH operation that is none of `add`, `remove`, `replace` (400).
    UnknownOperation,
    /// A PATCH operation not in lower case (400).
    OperationCase,
    /// A PATCH without operations (400).
    NoOperations,
    /// A PATCH path without a target, such as a value path that no element matches (400).
    NoTarget,
    /// A text that is not a PATCH path (400).
    InvalidPath,
    /// A `remove` with a value (400).
    RemoveWithValue,
    /// A text that is not a filter the service understands (400).
    InvalidFilter,
    /// A query parameter that is no number (400).
    InvalidQuery,
    /// A userName or group displayName that is taken (409).
    Duplicate,
    /// `If-Match` with an older version (412).
    StaleVersion,
    /// A PATCH or PUT that changed nothing (200).
    NeedlessWrite,
}

/// One request as the application saw it.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedRequest {
    /// When it arrived.
    pub at: Timestamp,
    /// Its method.
    pub method: Method,
    /// Its path below the base path, decoded.
    pub path: String,
    /// Its query, decoded, in order.
    pub query: Vec<(String, String)>,
    /// The version that it named (`If-Match`).
    pub if_match: Option<String>,
    /// Its body where that was JSON.
    pub body: Option<Value>,
    /// The status the client got; `None` where no answer reached it.
    pub status: Option<u16>,
    /// Whether the service acted on it; false where a fault struck before.
    pub applied: bool,
}

impl RecordedRequest {
    /// Whether it is a POST, PUT, PATCH or DELETE.
    pub fn is_write(&self) -> bool {
        [Method::POST, Method::PUT, Method::PATCH, Method::DELETE].contains(&self.method)
    }

    /// The value of a query parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Something a client did to an account. Tampering is not among it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountEvent {
    /// When.
    pub at: Timestamp,
    /// The account's id.
    pub id: String,
    /// Its `userName` at that moment.
    pub user_name: String,
    /// What was done.
    pub kind: AccountEventKind,
}

/// What was done to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AccountEventKind {
    /// It was created.
    Created,
    /// Its `active` became false.
    Disabled,
    /// Its `active` was false and is no longer.
    Enabled,
    /// It was deleted.
    Deleted,
}

/// Why a request is refused.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) scim_type: Option<&'static str>,
    pub(super) detail: String,
    pub(super) violation: Option<ViolationKind>,
}

impl Refusal {
    /// 400 with a scimType (RFC 7644 §3.12, table 9), the client's doing.
    pub(super) fn bad(
        scim_type: &'static str,
        violation: ViolationKind,
        detail: impl Into<String>,
    ) -> Self {
        Self { violation: Some(violation), ..Self::status(400, detail) }.typed(scim_type)
    }

    /// Another status, no violation.
    pub(super) fn status(status: u16, detail: impl Into<String>) -> Self {
        Self { status, scim_type: None, detail: detail.into(), violation: None }
    }

    /// The same, the client's doing.
    pub(super) fn because(self, violation: ViolationKind) -> Self {
        Self { violation: Some(violation), ..self }
    }

    /// The same, with a scimType.
    pub(super) fn typed(self, scim_type: &'static str) -> Self {
        Self { scim_type: Some(scim_type), ..self }
    }

    /// The error message (RFC 7644 §3.12).
    pub(super) fn body(&self) -> Value {
        let mut body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
            "status": self.status.to_string(),
            "detail": self.detail,
        });
        if let Some(scim_type) = self.scim_type {
            body["scimType"] = scim_type.into();
        }
        body
    }
}
