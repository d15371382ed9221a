//! The two doors of the tenant: the [`Exchange`] in process, and a server on loopback.
//!
//! Owns [`Tenant`] and what happens to an answer on the wire. Both doors lead to one function.

use std::{
    collections::BTreeMap,
    io::Write as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::body::Body as StreamBody;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt as _;

use super::{
    answer::{Reply, Wire},
    call::Call,
    fault::Fault,
    login,
    options::TenantOptions,
    record::RecordedRequest,
    route,
    state::State,
};
use crate::http::{Answer, Exchange, TransportFault};

/// A simulated Entra tenant. Clones are the same tenant.
#[derive(Clone)]
pub struct Tenant {
    state: Arc<Mutex<State>>,
}

impl Tenant {
    /// An empty tenant, with one client that has what a provisioning service needs.
    pub fn new(options: TenantOptions) -> Self {
        let tenant = Self { state: Arc::new(Mutex::new(State::new(options))) };
        tenant.register_default_client();
        tenant
    }

    /// The tenant's state; a test that panicked under the lock does not spoil it for others.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What decided every id and random choice.
    pub(super) fn seed(&self) -> u64 {
        self.state().seed
    }

    /// Scheme and authority that every link starts with.
    pub fn base_url(&self) -> String {
        self.state().base_url.clone()
    }

    /// The tenant as a service that answers any path.
    pub fn router(&self) -> axum::Router {
        let tenant = self.clone();
        axum::Router::new().fallback(move |request: Request<StreamBody>| {
            let tenant = tenant.clone();
            async move { tenant.answer_network(request).await }
        })
    }

    /// Serves on this listener until the process ends, and returns the base URL.
    ///
    /// Links lead to the listener from now on.
    pub fn serve(&self, listener: tokio::net::TcpListener) -> std::io::Result<String> {
        let base_url = format!("http://{}", listener.local_addr()?);
        self.state().base_url.clone_from(&base_url);
        let router = self.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(base_url)
    }

    pub(super) async fn answer_network(
        &self,
        request: Request<StreamBody>,
    ) -> Response<StreamBody> {
        let (head, body) = request.into_parts();
        let bytes = body.collect().await.map(http_body_util::Collected::to_bytes);
        let zips = head
            .headers
            .get(http::header::ACCEPT_ENCODING)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.contains("gzip"));
        let request = Request::from_parts(head, bytes.unwrap_or_default());
        let (wire, delay) = self.answer(&request);
        self.wait(delay).await;
        match wire {
            Wire::Whole(reply) if zips => zip(&reply).map(StreamBody::from),
            Wire::Whole(reply) => response(&reply).map(StreamBody::from),
            Wire::Truncated(reply) => {
                let whole = reply.bytes();
                response(&reply).map(|_| broken(whole.slice(..whole.len() / 2)))
            }
            Wire::ResetBefore | Wire::ResetAfter => Response::new(broken(Bytes::new())),
        }
    }

    async fn wait(&self, delay: Option<Duration>) {
        if let Some(delay) = delay {
            let clock = Arc::clone(&self.state().clock);
            clock.sleep(delay).await;
        }
    }

    fn answer(&self, request: &Request<Bytes>) -> (Wire, Option<Duration>) {
        let mut state = self.state();
        state.catch_up();
        let uri = request.uri();
        let target = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let headers: BTreeMap<String, String> = request
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
            .collect();
        let below = target.strip_prefix("/v1.0").unwrap_or(target);
        let call = Call::parse(request.method().clone(), below, headers, request.body().clone());
        let record = Record::of(&call, target, &state);
        let (wire, delay) = match call.segments.as_slice() {
            [tenant, oauth, version, token]
                if oauth == "oauth2" && version == "v2.0" && token == "token" =>
            {
                let tenant = tenant.clone();
                sign_in(&mut state, call, &tenant)
            }
            _ => {
                let wire = route::answer(&mut state, call);
                (wire, state.faults.delay.take())
            }
        };
        let recorded = record.finish(&wire);
        let observer = state.recorder.observer.clone();
        state.recorder.keep(recorded.clone());
        drop(state);
        // The observer runs without the lock, so that it may look at the tenant.
        if let Some(observer) = observer {
            observer(&recorded);
        }
        (wire, delay)
    }
}

fn sign_in(state: &mut State, mut call: Call, tenant: &str) -> (Wire, Option<Duration>) {
    call.faults = state.faults.draw(&call.path, false);
    let delay = state.faults.delay.take();
    if call.suffers(&Fault::ResetBefore) {
        return (Wire::ResetBefore, delay);
    }
    let mut reply =
        route::gate(state, &call).unwrap_or_else(|| login::token(state, tenant, &call.body));
    if reply.content_type() == Some(super::answer::ODATA_JSON) {
        let plain = "application/json; charset=utf-8".to_owned();
        reply.headers.insert("content-type", plain);
    }
    let wire = if call.suffers(&Fault::ResetAfter) {
        Wire::ResetAfter
    } else if call.suffers(&Fault::TruncatedBody) {
        Wire::Truncated(reply)
    } else {
        Wire::Whole(reply)
    };
    (wire, delay)
}

impl Exchange for Tenant {
    fn exchange(&self, request: Request<Bytes>) -> Answer<'_> {
        Box::pin(async move {
            let (wire, delay) = self.answer(&request);
            self.wait(delay).await;
            match wire {
                Wire::Whole(reply) => Ok(response(&reply)),
                Wire::ResetBefore => Err(TransportFault::NotSent("connection refused".into())),
                Wire::ResetAfter => Err(TransportFault::Lost("connection reset".into())),
                Wire::Truncated(_) => {
                    Err(TransportFault::Lost("the body ended before its length".into()))
                }
            }
        })
    }
}

/// A request on its way into the recording.
struct Record(RecordedRequest);

impl Record {
    fn of(call: &Call, target: &str, state: &State) -> Self {
        let path = target.split('?').next().unwrap_or_default();
        let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned();
        let mut headers = call.headers.clone();
        headers.remove("authorization");
        let is_login = path.contains("/oauth2/");
        Self(RecordedRequest {
            method: call.method.to_string(),
            path,
            query: call.query.clone(),
            headers,
            body: if is_login { Bytes::new() } else { call.body.clone() },
            status: None,
            response: Bytes::new(),
            resource_units: 0,
            at: state.now(),
        })
    }

    fn finish(mut self, wire: &Wire) -> RecordedRequest {
        match wire {
            Wire::Whole(reply) | Wire::Truncated(reply) => {
                self.0.status = matches!(wire, Wire::Whole(_)).then_some(reply.status);
                self.0.resource_units = reply.units;
                if !self.0.is_login() {
                    self.0.response = reply.bytes();
                }
            }
            Wire::ResetBefore | Wire::ResetAfter => {}
        }
        self.0
    }
}

pub(super) fn response(reply: &Reply) -> Response<Bytes> {
    let mut response = Response::builder().status(reply.status);
    let has_type = reply.headers.contains_key("content-type");
    if let Some(content_type) = reply.content_type().filter(|_| !has_type) {
        response = response.header("content-type", content_type);
    }
    for (name, value) in &reply.headers {
        if let Ok(value) = http::HeaderValue::from_bytes(value.as_bytes()) {
            response = response.header(*name, value);
        }
    }
    response.body(reply.bytes()).expect("status and headers were made by this room")
}

fn zip(reply: &Reply) -> Response<Bytes> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let packed = encoder.write_all(&reply.bytes()).and_then(|()| encoder.finish());
    let mut response = response(reply);
    if let Ok(packed) = packed {
        *response.body_mut() = Bytes::from(packed);
        let gzip = http::HeaderValue::from_static("gzip");
        response.headers_mut().insert(http::header::CONTENT_ENCODING, gzip);
    }
    response
}

/// A body that begins with `start` and then breaks the connection.
fn broken(start: Bytes) -> StreamBody {
    let broken = std::io::Error::new(std::io::ErrorKind::ConnectionReset, "injected");
    StreamBody::from_stream(futures_util::stream::iter([Ok(start), Err(broken)]))
}
