//! A tenant with a client that is signed in to it, and how that client reads.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use http::Request;
use serde_json::Value;
use uuid::Uuid;

use super::{
    super::{Tenant, TenantOptions, UserSpec},
    graph_schema,
};
use crate::{
    http::{Exchange as _, TransportFault},
    model::{Clock, SourceId, Timestamp},
    sandbox::VirtualClock,
};

pub(super) const BASE: &str = "https://graph.test";

/// Says that assertions which need the shared description did not run.
pub(in crate::sandbox::tenant) fn skipped(what: &str) {
    assert!(!graph_schema::is_available());
    eprintln!("skipped: {what} (the description of Graph is not beside the repository)");
}

/// A tenant and a client that is signed in to it.
pub(super) struct World {
    pub(super) tenant: Tenant,
    pub(super) clock: VirtualClock,
    pub(super) token: String,
}

pub(super) struct Got {
    pub(super) status: u16,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Value,
    pub(super) raw: Bytes,
}

impl Got {
    #[track_caller]
    pub(super) fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body
    }

    #[track_caller]
    pub(super) fn refused(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.body["error"]["code"], code, "{}", self.body);
    }
}

impl World {
    pub(super) fn new() -> Self {
        let start: Timestamp = "2026-03-02T08:00:00Z".parse().unwrap();
        let clock = VirtualClock::starting_at(start);
        let tenant = Tenant::new(TenantOptions {
            seed: 7,
            clock: Arc::new(clock.clone()),
            tenant_id: Uuid::from_u128(0x0000_7e4a_0000_0000_0000_0000_0000_0001),
            base_url: BASE.to_owned(),
        });
        if graph_schema::is_available() {
            tenant.observe(Arc::new(|seen| {
                let json = seen.status.is_some() && !seen.is_login();
                let broken = seen.json().is_none() && seen.status != Some(400);
                if json && !broken {
                    let status = seen.status.unwrap();
                    let (method, path) = (&seen.method, &seen.path);
                    graph_schema::check(method, path, &seen.body, status, &seen.response);
                }
            }));
        } else {
            skipped("the form of every exchange");
        }
        let mut world = Self { tenant, clock, token: String::new() };
        world.sign_in();
        world
    }

    pub(super) fn sign_in(&mut self) {
        self.token = self.tenant.token_for(&self.tenant.default_client().0);
    }

    pub(super) fn grant(&mut self, permissions: &[&str]) {
        self.tenant.grant_permissions(&self.tenant.default_client().0, permissions);
        self.sign_in();
    }

    pub(super) fn user(&self, name: &str) -> SourceId {
        self.tenant.add_user(UserSpec::named(&format!("{name}@contoso.example"), name))
    }

    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Result<Got, TransportFault> {
        let uri =
            if path.starts_with("http") { path.to_owned() } else { format!("{BASE}/v1.0{path}") };
        let uri = uri.replace(' ', "%20").replace('\'', "%27");
        let mut request = Request::builder()
            .method(method)
            .uri(uri)
            .header("authorization", format!("Bearer {}", self.token));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let answer = self.tenant.exchange(request.body(body).unwrap()).await?;
        let (head, raw) = answer.into_parts();
        let headers = head
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        let body = serde_json::from_slice(&raw).unwrap_or(Value::Null);
        Ok(Got { status: head.status.as_u16(), headers, body, raw })
    }

    pub(super) async fn get(&self, path: &str) -> Got {
        self.send("GET", path, &[], &Value::Null).await.unwrap()
    }

    pub(super) async fn get_eventual(&self, path: &str) -> Got {
        self.send("GET", path, &[("ConsistencyLevel", "eventual")], &Value::Null).await.unwrap()
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Got {
        self.send("POST", path, &[], &body).await.unwrap()
    }

    /// Reads a list or a round to its end: the pages and, for a round, its deltaLink.
    pub(super) async fn read(&self, path: &str) -> (Vec<Vec<Value>>, Option<String>) {
        let (mut pages, mut at) = (Vec::new(), path.to_owned());
        loop {
            let body = self.get(&at).await.ok();
            pages.push(body["value"].as_array().unwrap().clone());
            match body["@odata.nextLink"].as_str() {
                Some(next) => {
                    assert!(next.starts_with("https://graph.test/v1.0/"), "{next}");
                    assert!(body.get("@odata.deltaLink").is_none());
                    at = next.to_owned();
                }
                None => return (pages, body["@odata.deltaLink"].as_str().map(str::to_owned)),
            }
        }
    }

    /// A round: its rows and the link to the next one.
    pub(super) async fn round(&self, path: &str) -> (Vec<Value>, String) {
        let (pages, link) = self.read(path).await;
        (pages.concat(), link.expect("a round ends with a deltaLink"))
    }

    pub(super) fn wait(&self, duration: Duration) {
        self.clock.advance(duration);
        assert!(self.clock.now() > Timestamp::UNIX_EPOCH);
    }
}

pub(super) fn days(days: u64) -> Duration {
    Duration::from_secs(days * 24 * 3600)
}

pub(super) fn ids(rows: &[Value]) -> Vec<String> {
    rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}
