//! Answers: a body with its headers, or a refusal in Graph's error envelope.
//!
//! Owns how statuses, codes and headers look on the wire, and nothing about when they happen.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{call::Call, state::State};

/// What a JSON answer of Graph says it is.
pub(super) const ODATA_JSON: &str = "application/json;odata.metadata=minimal;\
    odata.streaming=true;IEEE754Compatible=false;charset=utf-8";

/// An answer before it is put on a wire.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: BTreeMap<&'static str, String>,
    pub(super) body: Body,
    /// What the request costs before the modifiers (Graph "Identity and access" limits).
    pub(super) units: u32,
}

/// The content of an answer.
#[derive(Clone, Debug)]
pub(super) enum Body {
    Json(Value),
    Text { content_type: &'static str, text: String },
    Empty,
}

/// What becomes of an answer on its way.
pub(super) enum Wire {
    Whole(Reply),
    /// The connection breaks before the request is handled.
    ResetBefore,
    /// The request is handled, and the connection breaks before the answer.
    ResetAfter,
    /// The connection breaks in the middle of the body.
    Truncated(Reply),
}

/// A refusal: status, Graph's code and message.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    code: &'static str,
    message: String,
    pub(super) headers: BTreeMap<&'static str, String>,
}

impl Reply {
    pub(super) fn json(body: Value, units: u32) -> Self {
        Self { status: 200, headers: BTreeMap::new(), body: Body::Json(body), units }
    }

    pub(super) fn count(count: usize, units: u32) -> Self {
        let body = Body::Text { content_type: "text/plain", text: count.to_string() };
        Self { status: 200, headers: BTreeMap::new(), body, units }
    }

    pub(super) fn bytes(&self) -> Bytes {
        match &self.body {
            Body::Json(value) => Bytes::from(value.to_string()),
            Body::Text { text, .. } => Bytes::from(text.clone()),
            Body::Empty => Bytes::new(),
        }
    }

    pub(super) fn content_type(&self) -> Option<&'static str> {
        match &self.body {
            Body::Json(_) => Some(ODATA_JSON),
            Body::Text { content_type, .. } => Some(content_type),
            Body::Empty => None,
        }
    }
}

impl Refusal {
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), headers: BTreeMap::new() }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "Request_BadRequest", message)
    }

    pub(super) fn unsupported(message: impl Into<String>) -> Self {
        Self::new(400, "Request_UnsupportedQuery", message)
    }

    pub(super) fn denied() -> Self {
        Self::new(
            403,
            "Authorization_RequestDenied",
            "Insufficient privileges to complete the operation.",
        )
    }

    pub(super) fn not_found(what: &str) -> Self {
        Self::new(
            404,
            "Request_ResourceNotFound",
            format!(
                "Resource '{what}' does not exist or one of its queried reference-property \
                 objects are not present."
            ),
        )
    }

    pub(super) fn unauthorized(message: &str) -> Self {
        let mut refusal = Self::new(401, "InvalidAuthenticationToken", message);
        let challenge = "Bearer realm=\"\", authorization_uri=\
            \"https://login.microsoftonline.com/common/oauth2/authorize\"";
        refusal.headers.insert("www-authenticate", challenge.to_owned());
        refusal
    }

    pub(super) fn expired_page() -> Self {
        Self::new(
            400,
            "Directory_ExpiredPageToken",
            "The specified page token value has expired and can no longer be included in your \
             request.",
        )
    }

    pub(super) fn unknown_page() -> Self {
        Self::new(
            400,
            "DirectoryPageTokenNotFoundException",
            "The specified page token value was not found and can no longer be used.",
        )
    }

    pub(super) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.insert(name, value.into());
        self
    }

    /// The answer that carries this refusal.
    pub(super) fn into_reply(self, state: &mut State, call: &Call) -> Reply {
        let request_id = state.new_uuid().to_string();
        let client_id = call.header("client-request-id").unwrap_or(&request_id).to_owned();
        let date = state.now().format("%Y-%m-%dT%H:%M:%S").to_string();
        let inner = json!({
            "date": date, "request-id": request_id, "client-request-id": client_id,
        });
        let body = json!({
            "error": { "code": self.code, "message": self.message, "innerError": inner },
        });
        Reply { status: self.status, headers: self.headers, body: Body::Json(body), units: 0 }
    }
}

/// Adds the headers that every answer of Graph has.
pub(super) fn dress(state: &mut State, call: &Call, reply: &mut Reply) {
    let request_id = match &reply.body {
        Body::Json(body) => body.pointer("/error/innerError/request-id").and_then(Value::as_str),
        Body::Text { .. } | Body::Empty => None,
    };
    let request_id = request_id.map_or_else(|| state.new_uuid().to_string(), str::to_owned);
    let client_id = call.header("client-request-id").unwrap_or(&request_id).to_owned();
    let diagnostic = json!({ "ServerInfo": {
        "DataCenter": "West Europe", "Slice": "E", "Ring": "5", "ScaleUnit": "003",
        "RoleInstance": "AM1PEPF00028E1F",
    }});
    let common = [
        ("request-id", request_id),
        ("client-request-id", client_id),
        ("x-ms-ags-diagnostic", diagnostic.to_string()),
        ("odata-version", "4.0".to_owned()),
        ("x-ms-resource-unit", reply.units.to_string()),
        ("cache-control", "no-cache".to_owned()),
        ("strict-transport-security", "max-age=31536000".to_owned()),
        ("vary", "Accept-Encoding".to_owned()),
        ("date", state.now().format("%a, %d %b %Y %H:%M:%S GMT").to_string()),
    ];
    for (name, value) in common {
        reply.headers.entry(name).or_insert(value);
    }
    if let Some(content_type) = reply.content_type() {
        reply.headers.entry("content-type").or_insert(content_type.to_owned());
    }
}
