//! `POST /$batch`: up to twenty requests in one.
//!
//! Owns the envelope. Each item goes the way of a request of its own, throttling included.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    answer::{Body, Refusal, Reply, Wire},
    call::Call,
    route,
    state::State,
};

/// Requests in one batch.
const ITEMS_MAX: usize = 20;

#[derive(Deserialize)]
struct Envelope {
    requests: Vec<Item>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    id: String,
    method: String,
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Option<Value>,
    #[serde(default)]
    depends_on: Vec<String>,
}

/// The answers of all items, in random order.
pub(super) fn batch(state: &mut State, call: &Call) -> Result<Reply, Refusal> {
    let envelope: Envelope = serde_json::from_slice(&call.body)
        .map_err(|_| Refusal::new(400, "BadRequest", "Invalid batch payload format."))?;
    let items = envelope.requests;
    if items.is_empty() || items.len() > ITEMS_MAX {
        return Err(Refusal::new(
            400,
            "BadRequest",
            format!("Number of batch requests exceeds the limit of {ITEMS_MAX}."),
        ));
    }
    let ids: BTreeSet<&str> = items.iter().map(|item| item.id.as_str()).collect();
    if ids.len() < items.len() {
        return Err(Refusal::new(400, "BadRequest", "Request ids must be unique within a batch."));
    }
    let mut statuses: BTreeMap<String, u16> = BTreeMap::new();
    let mut responses = Vec::new();
    for item in &items {
        let failed =
            item.depends_on.iter().any(|id| statuses.get(id).is_none_or(|status| *status >= 400));
        let reply = if failed {
            Refusal::new(424, "FailedDependency", "A request it depends on failed.")
                .into_reply(state, call)
        } else {
            answer_item(state, call, item)
        };
        statuses.insert(item.id.clone(), reply.status);
        responses.push(response(&item.id, &reply));
    }
    state.rng.shuffle(&mut responses);
    // The items are charged one by one; the batch itself costs nothing.
    Ok(Reply::json(json!({ "responses": responses }), 0))
}

fn answer_item(state: &mut State, outer: &Call, item: &Item) -> Reply {
    let Ok(method) = Method::from_bytes(item.method.as_bytes()) else {
        let refusal = Refusal::new(400, "BadRequest", "Invalid method.");
        return refusal.into_reply(state, outer);
    };
    let mut headers = outer.headers.clone();
    let own = item.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone()));
    headers.extend(own);
    let body = item.body.as_ref().map(|body| Bytes::from(body.to_string())).unwrap_or_default();
    let target = format!("/{}", item.url.trim_start_matches('/'));
    match route::answer(state, Call::parse(method, &target, headers, body)) {
        Wire::Whole(reply) => reply,
        Wire::ResetBefore | Wire::ResetAfter | Wire::Truncated(_) => {
            let refusal = Refusal::new(503, "ServiceUnavailable", "Service is unavailable.");
            refusal.into_reply(state, outer)
        }
    }
}

fn response(id: &str, reply: &Reply) -> Value {
    let mut headers = Map::new();
    for (name, value) in &reply.headers {
        headers.insert((*name).to_owned(), json!(value));
    }
    let body = match &reply.body {
        Body::Json(body) => body.clone(),
        Body::Text { text, .. } => json!(text),
        Body::Empty => Value::Null,
    };
    json!({ "id": id, "status": reply.status, "headers": headers, "body": body })
}
