//! The router of a large tenant: which requests are answered here, and which by the ordinary tenant
//! behind it; and the sandbox's own addresses, `/sandbox/…`.

use std::{collections::BTreeMap, sync::Arc};

use axum::body::Body;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use super::{
    delta, list, lookup,
    world::{Inner, LargeTenant, Many},
};
use crate::sandbox::{
    Measured,
    tenant::{
        answer::{self, ODATA_JSON, Refusal},
        call::Call,
        exchange::response,
        fault::RetryAfter,
        route,
    },
};

impl LargeTenant {
    /// The tenant as a service that answers any path. `beside` is whatever else is counted, by
    /// name: `GET /sandbox/counters` shows it, and `DELETE` begins all anew.
    pub fn router(&self, beside: BTreeMap<&'static str, Measured>) -> axum::Router {
        let (tenant, beside) = (self.clone(), Arc::new(beside));
        axum::Router::new().fallback(move |request: Request<Body>| {
            let (tenant, beside) = (tenant.clone(), Arc::clone(&beside));
            async move {
                if request.uri().path().starts_with("/sandbox/") {
                    tenant.control(&request, &beside)
                } else {
                    tenant.serve(request).await
                }
            }
        })
    }

    /// What is counted of the requests to this tenant.
    pub fn measured(&self) -> Measured {
        Measured::of(&self.0.traffic)
    }

    fn control(
        &self,
        request: &Request<Body>,
        beside: &BTreeMap<&'static str, Measured>,
    ) -> Response<Body> {
        let graph = self.measured();
        let all = || [("graph", &graph)].into_iter().chain(beside.iter().map(|(k, v)| (*k, v)));
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/sandbox/counters") => {
                let counters = all().map(|(name, measured)| (name.to_owned(), measured.report()));
                plain(StatusCode::OK, &Value::Object(counters.collect()))
            }
            (&Method::DELETE, "/sandbox/counters") => {
                all().for_each(|(_, measured)| measured.reset());
                plain(StatusCode::OK, &json!({}))
            }
            (&Method::POST, "/sandbox/churn") => {
                let query = request.uri().query().unwrap_or_default();
                let share = query.strip_prefix("share=").and_then(|share| share.parse().ok());
                if let Some(share) = share.filter(|share| (0.0..=1.0).contains(share)) {
                    plain(StatusCode::OK, &json!({ "users": self.churn_share(share) }))
                } else {
                    let hint = json!({ "error": "write ?share=0.01, a number from 0 to 1" });
                    plain(StatusCode::BAD_REQUEST, &hint)
                }
            }
            _ => plain(StatusCode::NOT_FOUND, &json!({ "error": "the sandbox has no such path" })),
        }
    }

    async fn serve(&self, request: Request<Body>) -> Response<Body> {
        let path = request.uri().path();
        let (kind, is_ours) = kind(request.method(), path);
        if !is_ours {
            self.0.traffic.note();
            let answer = self.0.tenant.answer_network(request).await;
            self.0.traffic.count(kind, 0);
            return answer;
        }
        let target = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
        let (head, body) = request.into_parts();
        let headers: BTreeMap<String, String> = head
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
            .collect();
        let body = body.collect().await.map(http_body_util::Collected::to_bytes);
        let below = target.strip_prefix("/v1.0").unwrap_or(&target);
        let mut call = Call::parse(head.method, below, headers, body.unwrap_or_default());
        if let Err(seconds) = self.0.traffic.admit().await {
            return self.throttled(&call, seconds);
        }
        let (bytes, answer) = match answered(&self.0, &mut call) {
            Ok(text) => (text.len(), success(&call, text)),
            Err(refusal) => (0, self.refused(&call, refusal)),
        };
        self.0.traffic.count(kind, bytes);
        answer
    }

    fn throttled(&self, call: &Call, seconds: u64) -> Response<Body> {
        let mut state = self.0.tenant.state();
        let wait = RetryAfter::Seconds(u32::try_from(seconds).unwrap_or(u32::MAX));
        let cause = "ResourceUnitLimitExceeded";
        let mut reply = route::throttled(&mut state, call, wait, cause);
        answer::dress(&mut state, call, &mut reply);
        response(&reply).map(Body::from)
    }

    fn refused(&self, call: &Call, refusal: Refusal) -> Response<Body> {
        let mut state = self.0.tenant.state();
        let mut reply = refusal.into_reply(&mut state, call);
        answer::dress(&mut state, call, &mut reply);
        response(&reply).map(Body::from)
    }
}

/// What a request is counted as, and whether it is answered here.
fn kind(method: &Method, path: &str) -> (&'static str, bool) {
    let below = path.strip_prefix("/v1.0/").unwrap_or(path);
    let is_post = method == Method::POST;
    if path.contains("/oauth2/") {
        ("token", false)
    } else if is_post && below.starts_with("directoryObjects/") {
        ("directoryObjects/getByIds", true)
    } else if below.starts_with("users/delta") || below.starts_with("users/microsoft.graph.delta") {
        ("users/delta", true)
    } else if below.starts_with("groups/delta") || below.starts_with("groups/microsoft.graph.delta")
    {
        ("groups/delta", true)
    } else if below.starts_with("users") {
        ("users", true)
    } else if below.starts_with("groups") {
        ("groups", true)
    } else if below.ends_with("/appRoleAssignedTo") {
        ("appRoleAssignedTo", true)
    } else if below.starts_with("servicePrincipals") {
        ("servicePrincipals", false)
    } else if below.starts_with("directory/deletedItems") {
        ("directory/deletedItems", false)
    } else {
        ("other", below.starts_with("$batch"))
    }
}

fn answered(inner: &Inner, call: &mut Call) -> Result<String, Refusal> {
    route::authorize(&inner.tenant.state(), call)?;
    call.read_options()?;
    let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    let set = |name: &str| match name {
        "users" => Some(Many::People),
        "groups" => Some(Many::Groups),
        _ => None,
    };
    match (call.method.as_str(), segments.as_slice()) {
        ("POST", ["directoryObjects", "getByIds" | "microsoft.graph.getByIds"]) => {
            lookup::by_ids(inner, call)
        }
        ("GET", ["servicePrincipals", key, "appRoleAssignedTo"]) => {
            let is_ours = *key == inner.world.application.to_string();
            if is_ours { list::assignments(inner, call) } else { Err(Refusal::not_found(key)) }
        }
        ("GET", ["users", key, "manager"]) => lookup::manager(inner, call, key),
        ("GET", ["users", key, "memberOf"]) => {
            list::member_of(inner, call, lookup::person(&inner.world, key)?)
        }
        ("GET", [name, "delta" | "microsoft.graph.delta"]) => {
            delta::page(inner, call, set(name).ok_or_else(|| route::no_segment(name))?)
        }
        ("GET", [name]) => {
            list::objects(inner, call, set(name).ok_or_else(|| route::no_segment(name))?)
        }
        ("GET", [name, key]) => {
            lookup::single(inner, call, set(name).ok_or_else(|| route::no_segment(name))?, key)
        }
        _ => Err(Refusal::new(501, "NotImplemented", "A large tenant does not answer this.")),
    }
}

fn success(call: &Call, text: String) -> Response<Body> {
    let mut answer = Response::new(Body::from(text));
    let headers = answer.headers_mut();
    let fixed = |text: &'static str| http::HeaderValue::from_static(text);
    headers.insert(header::CONTENT_TYPE, fixed(ODATA_JSON));
    headers.insert("odata-version", fixed("4.0"));
    headers.insert("x-ms-resource-unit", fixed("1"));
    headers.insert(header::CACHE_CONTROL, fixed("no-cache"));
    // As Graph: the caller's id stands for both where it sent one.
    let id = call.header("client-request-id").and_then(|id| http::HeaderValue::from_str(id).ok());
    if let Some(id) = id {
        headers.insert("request-id", id.clone());
        headers.insert("client-request-id", id);
    }
    answer
}

fn plain(status: StatusCode, document: &Value) -> Response<Body> {
    let mut answer = Response::new(Body::from(format!("{document}\n")));
    *answer.status_mut() = status;
    let json = http::HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, json);
    answer
}
