//! Listens on the line: carries requests as another exchange does, and keeps what was sent.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use entra_scim::http::{Answer, Exchange};
use http::{Method, Request};
use serde_json::Value;

/// A request as it left, with the status of its answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sent {
    pub(crate) method: Method,
    /// Below the authority: path and query, percent-encoded.
    pub(crate) path: String,
    /// `Value::Null` where it has no body.
    pub(crate) body: Value,
    /// The body byte for byte; it is text.
    pub(crate) bytes: String,
    /// `None` where no answer came.
    pub(crate) status: Option<u16>,
}

impl Sent {
    /// Whether it asks for a change.
    pub(crate) fn is_write(&self) -> bool {
        self.method != Method::GET
    }
}

/// An exchange that remembers, in the order of the answers. Clones share what they remember.
#[derive(Clone)]
pub(crate) struct Wiretap {
    line: Arc<dyn Exchange>,
    sent: Arc<Mutex<Vec<Sent>>>,
}

impl Wiretap {
    pub(crate) fn on(line: Arc<dyn Exchange>) -> Self {
        Self { line, sent: Arc::default() }
    }

    /// What was sent since the last call.
    pub(crate) fn take(&self) -> Vec<Sent> {
        std::mem::take(&mut *self.sent.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Exchange for Wiretap {
    fn exchange(&self, request: Request<Bytes>) -> Answer<'_> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let mut sent = Sent {
            method: request.method().clone(),
            path,
            body: serde_json::from_slice(request.body()).unwrap_or_default(),
            bytes: String::from_utf8_lossy(request.body()).into_owned(),
            status: None,
        };
        Box::pin(async move {
            let answer = self.line.exchange(request).await;
            sent.status = answer.as_ref().ok().map(|answer| answer.status().as_u16());
            self.sent.lock().unwrap_or_else(PoisonError::into_inner).push(sent);
            answer
        })
    }
}
