//! Answers that are not what was asked for: a refusal with what happened and what to do, as a page
//! for a person and as JSON for a script.

use axum::{
    Json,
    extract::Request,
    http::{StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::page;
use crate::store::StoreError;

/// Why a request is not answered as asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// What happened. Never a secret.
    pub(super) message: String,
    /// What to do about it.
    pub(super) hint: Option<String>,
    /// In how many seconds it is worth trying again.
    pub(super) retry_after: Option<u64>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), hint: None, retry_after: None }
    }

    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// There is nothing at this address.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// The question makes no sense.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// The program failed; it is no fault of whoever asked.
    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    /// The state of an application cannot be used.
    pub(super) fn state(app: &str, error: &StoreError) -> Self {
        let mut message = format!("the state of application `{app}` cannot be read: {error}");
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            message.push_str(": ");
            message.push_str(&cause.to_string());
            source = cause.source();
        }
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
            .with_hint(format!("`entra-scim status {app}` on the machine says the same"))
    }

    /// The same for a script.
    fn document(&self) -> serde_json::Value {
        json!({ "error": { "message": self.message, "hint": self.hint } })
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

fn is_document(path: &str) -> bool {
    path.starts_with("/api/")
}

fn is_text(path: &str) -> bool {
    matches!(path, "/metrics" | "/healthz" | "/readyz")
}

/// Whether no person looks at the answer.
pub(super) fn is_for_a_machine(path: &str) -> bool {
    is_document(path) || is_text(path)
}

/// Phrases refusals: JSON below `/api`, a line of text for machines, a page for everybody else.
pub(super) async fn phrase(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let (is_document, is_text) = (is_document(path), is_text(path));
    let mut response = next.run(request).await;
    let Some(refusal) = response.extensions_mut().remove::<Refusal>() else { return response };
    let headers = std::mem::take(response.headers_mut());
    let status = refusal.status;
    let mut phrased = if is_document {
        (status, Json(refusal.document())).into_response()
    } else if is_text {
        (status, format!("{}\n", refusal.message)).into_response()
    } else {
        (status, page::refusal(&refusal)).into_response()
    };
    if let Some(seconds) = refusal.retry_after {
        phrased.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    // What was set beside the refusal, such as `Allow`, stays; what describes its body goes.
    for (name, value) in &headers {
        if ![header::CONTENT_TYPE, header::CONTENT_LENGTH].contains(name) {
            phrased.headers_mut().insert(name.clone(), value.clone());
        }
    }
    phrased
}
