//! What was said: every request with its answer, for assertions about cost and form.
//!
//! Owns the recording; credentials are left out of it.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use serde_json::Value;

use crate::model::Timestamp;

/// Sees each exchange as it happens, after the answer is made.
pub type Observer = Arc<dyn Fn(&RecordedRequest) + Send + Sync>;

/// Exchanges kept. A long demonstration forgets the oldest half instead of growing.
const RECORDED_MAX: usize = 20_000;
/// Bytes of answers kept, for the same reason: a page of 999 users has some 300 KiB.
const RECORDED_BYTES_MAX: usize = 64 << 20;

/// One exchange. A request inside a `$batch` is not recorded apart from the batch.
#[derive(Clone, Debug)]
pub struct RecordedRequest {
    /// `GET` or `POST`.
    pub method: String,
    /// The decoded path, with the version.
    pub path: String,
    /// The decoded query options in the order sent.
    pub query: Vec<(String, String)>,
    /// Headers by lower-case name, without `authorization`.
    pub headers: BTreeMap<String, String>,
    /// The request's body; empty for a sign-in, which holds a credential.
    pub body: Bytes,
    /// The status, or `None` where the connection broke.
    pub status: Option<u16>,
    /// The answer's body; empty for a sign-in.
    pub response: Bytes,
    /// Resource units charged.
    pub resource_units: u32,
    /// When, on the tenant's clock.
    pub at: Timestamp,
}

impl RecordedRequest {
    /// The answer's body as JSON, where it is.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.response).ok()
    }

    /// Whether this was a sign-in.
    pub fn is_login(&self) -> bool {
        self.path.contains("/oauth2/")
    }

    /// A query option by its name with the dollar sign.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Keeps the exchanges.
#[derive(Default)]
pub(super) struct Recorder {
    pub(super) exchanges: Vec<RecordedRequest>,
    pub(super) observer: Option<Observer>,
    pub(super) requests: u64,
    pub(super) sign_ins: u64,
    bytes: usize,
}

impl Recorder {
    pub(super) fn keep(&mut self, exchange: RecordedRequest) {
        if exchange.is_login() {
            self.sign_ins += 1;
        } else {
            self.requests += 1;
        }
        if self.exchanges.len() >= RECORDED_MAX || self.bytes >= RECORDED_BYTES_MAX {
            self.exchanges.drain(..self.exchanges.len() / 2);
            self.bytes = self.exchanges.iter().map(|kept| kept.response.len()).sum();
        }
        self.bytes += exchange.response.len();
        self.exchanges.push(exchange);
    }

    /// Hands out what was kept and starts anew.
    pub(super) fn take(&mut self) -> Vec<RecordedRequest> {
        self.bytes = 0;
        std::mem::take(&mut self.exchanges)
    }
}
