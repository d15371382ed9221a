//! Stories told through the application's door; together they say how strict it is.

mod faults;
mod patching;
mod quirks;
mod reading;
mod writing;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::Request;
use serde_json::{Map, Value, json};

use super::*;
use crate::{
    http::{Exchange, TransportFault},
    model::{Clock, Sleep, Timestamp},
};

pub(super) const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub(super) const CORE_GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
pub(super) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// A clock that a wait moves forward.
pub(super) struct TestClock(Mutex<Timestamp>);

impl TestClock {
    pub(super) fn new() -> Arc<Self> {
        let start = "2030-01-01T00:00:00Z".parse().unwrap();
        Arc::new(Self(Mutex::new(start)))
    }

    pub(super) fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    fn sleep(&self, duration: Duration) -> Sleep<'_> {
        Box::pin(async move { self.advance(duration) })
    }
}

/// An answer as a test reads it.
#[derive(Debug)]
pub(super) struct Got {
    pub(super) status: u16,
    pub(super) headers: http::HeaderMap,
    pub(super) text: String,
    pub(super) body: Value,
}

/// An application and a client that sends what it is told.
pub(super) struct World {
    pub(super) app: Application,
    pub(super) clock: Arc<TestClock>,
}

impl World {
    pub(super) fn strict() -> Self {
        Self::with(Quirks::default())
    }

    pub(super) fn legacy() -> Self {
        Self::with(Quirks { entra_legacy: true, ..Quirks::default() })
    }

    pub(super) fn with(quirks: Quirks) -> Self {
        let clock = TestClock::new();
        let options = ApplicationOptions { quirks, ..ApplicationOptions::strict(7, clock.clone()) };
        Self { app: Application::new(options), clock }
    }

    pub(super) async fn attempt(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<Got, TransportFault> {
        let request = Request::builder()
            .method(method)
            .uri(format!("https://app.test/scim/v2{path}"))
            .header("authorization", "Bearer secret")
            .header("content-type", "application/scim+json");
        let bytes = body.map(|body| body.to_string()).unwrap_or_default();
        self.send(request.body(Bytes::from(bytes)).unwrap()).await
    }

    pub(super) async fn send(&self, request: Request<Bytes>) -> Result<Got, TransportFault> {
        let (parts, body) = self.app.exchange(request).await?.into_parts();
        let text = String::from_utf8(body.to_vec()).unwrap();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Ok(Got { status: parts.status.as_u16(), headers: parts.headers, text, body })
    }

    pub(super) async fn get(&self, path: &str) -> Got {
        self.attempt("GET", path, None).await.unwrap()
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Got {
        self.attempt("POST", path, Some(body)).await.unwrap()
    }

    pub(super) async fn delete(&self, path: &str) -> Got {
        self.attempt("DELETE", path, None).await.unwrap()
    }

    /// Sends a PATCH of these operations.
    pub(super) async fn patch(&self, path: &str, operations: Value) -> Got {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": operations,
        });
        self.attempt("PATCH", path, Some(body)).await.unwrap()
    }

    /// Users whose filter matches, by `userName`.
    pub(super) async fn find(&self, filter: &str) -> Got {
        let filter: String = url::form_urlencoded::byte_serialize(filter.as_bytes()).collect();
        self.get(&format!("/Users?filter={filter}")).await
    }

    /// Puts a user there without a request.
    pub(super) fn seeded(&self, user: Value) -> String {
        self.app.seed_user(map(user))
    }

    pub(super) fn kinds(&self) -> Vec<ViolationKind> {
        self.app.violations().iter().map(|violation| violation.kind).collect()
    }
}

impl Got {
    pub(super) fn scim_type(&self) -> &str {
        self.body["scimType"].as_str().unwrap_or_default()
    }

    pub(super) fn id(&self) -> &str {
        self.body["id"].as_str().unwrap_or_default()
    }

    pub(super) fn names(&self) -> Vec<&str> {
        let rows = self.body["Resources"].as_array().map(Vec::as_slice).unwrap_or_default();
        rows.iter().map(|row| row["userName"].as_str().unwrap_or_default()).collect()
    }
}

pub(super) fn map(value: Value) -> Map<String, Value> {
    serde_json::from_value(value).unwrap()
}

pub(super) fn user(name: &str) -> Value {
    json!({ "schemas": [CORE], "userName": name, "active": true })
}

pub(super) fn group(name: &str, members: &[&str]) -> Value {
    let members: Vec<Value> = members.iter().map(|id| json!({ "value": id })).collect();
    let mut group = json!({ "schemas": [CORE_GROUP], "displayName": name });
    if !members.is_empty() {
        group["members"] = members.into();
    }
    group
}
