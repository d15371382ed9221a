//! The two doors of the application: in process and over HTTP. Both lead to the same code.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::{
    http::{Answer, Exchange, TransportFault},
    model::Clock,
};

use super::{
    control::bearer,
    endpoint::{Call, Reply, State},
    fault::{Fault, Faults, Moment},
    options::ApplicationOptions,
    record::{RecordedRequest, Refusal},
    schema::Catalog,
    store::Store,
};

/// Bytes of a request body that is read; a user is a few kilobytes, a group of thousands a few
/// hundred.
const BODY_BYTES_MAX: usize = 8 * 1_024 * 1_024;

/// A simulated SCIM application. Clones share their state.
#[derive(Clone)]
pub struct Application {
    state: Arc<Mutex<State>>,
    clock: Arc<dyn Clock>,
}

/// Why the application stopped serving.
#[derive(Debug, thiserror::Error)]
#[error("serve the simulated application")]
pub struct ServeError(#[from] std::io::Error);

/// What the client gets instead of an answer.
enum Loss {
    NotSent,
    Broken,
    TimedOut(Duration),
}

impl Application {
    /// An application without users and groups.
    pub fn new(options: ApplicationOptions) -> Self {
        let state = State {
            catalog: Catalog::new(&options.extensions),
            quirks: options.quirks,
            demands: bearer(&options.token),
            base_path: options.base_path,
            store: Store::default(),
            faults: Faults::default(),
            random: fastrand::Rng::with_seed(options.seed),
            requests: Vec::new(),
            violations: Vec::new(),
            events: Vec::new(),
            recent: std::collections::VecDeque::new(),
        };
        Self { state: Arc::new(Mutex::new(state)), clock: options.clock }
    }

    /// The application as a router: every path goes to it.
    pub fn router(&self) -> axum::Router {
        let application = self.clone();
        axum::Router::new().fallback(move |request: Request<Body>| {
            let application = application.clone();
            async move { application.over_http(request).await }
        })
    }

    /// Serves until the listener fails. The caller binds it, to loopback.
    pub async fn serve(self, listener: TcpListener) -> Result<(), ServeError> {
        Ok(axum::serve(listener, self.router()).await?)
    }

    /// The address clients are given for a listener at `address`.
    pub fn base_url(&self, address: SocketAddr) -> String {
        format!("http://{address}{}", self.lock().base_path)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    async fn over_http(&self, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let Ok(body) = axum::body::to_bytes(body, BODY_BYTES_MAX).await else {
            let refusal = Refusal::status(413, "the body is too large");
            return response(Reply::json(413, &refusal.body())).map(Body::from);
        };
        match self.handle(&Request::from_parts(parts, body)).await {
            Ok(answer) => answer.map(Body::from),
            Err(Loss::NotSent | Loss::Broken | Loss::TimedOut(_)) => broken(),
        }
    }

    async fn handle(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, Loss> {
        let latency = self.lock().quirks.latency;
        if !latency.is_zero() {
            self.clock.sleep(latency).await;
        }
        let outcome = self.lock().exchange(request, self.clock.now());
        if let Err(Loss::TimedOut(after)) = &outcome {
            self.clock.sleep(*after).await;
        }
        outcome
    }
}

impl Exchange for Application {
    fn exchange(&self, request: Request<Bytes>) -> Answer<'_> {
        Box::pin(async move {
            self.handle(&request).await.map_err(|loss| match loss {
                Loss::NotSent => TransportFault::NotSent("connection refused".to_owned()),
                Loss::Broken => TransportFault::Lost("connection reset".to_owned()),
                Loss::TimedOut(_) => TransportFault::Lost("timed out".to_owned()),
            })
        })
    }
}

impl State {
    /// One request with whatever fault lies in wait for it.
    fn exchange(
        &mut self,
        request: &Request<Bytes>,
        now: crate::model::Timestamp,
    ) -> Result<Response<Bytes>, Loss> {
        let call = self.call(request, now);
        let shown = match &call.segments {
            Some(segments) => format!("/{}", segments.join("/")),
            None => call.path.to_owned(),
        };
        let fault = self.faults.draw(call.method, &shown, call.body, &mut self.random);
        let applied = fault.as_ref().is_none_or(Fault::applies);
        let reply = applied.then(|| self.answer(&call));
        let outcome = spoil(fault, reply);
        self.requests.push(RecordedRequest {
            at: now,
            method: call.method.clone(),
            path: shown,
            if_match: call.header("if-match").map(str::to_owned),
            query: call.query,
            body: serde_json::from_slice::<Value>(call.body).ok(),
            status: outcome.as_ref().ok().map(|reply| reply.status),
            applied,
        });
        outcome.map(response)
    }

    pub(super) fn call<'a>(
        &self,
        request: &'a Request<Bytes>,
        now: crate::model::Timestamp,
    ) -> Call<'a> {
        let uri = request.uri();
        let below = uri.path().strip_prefix(&self.base_path).and_then(|p| p.strip_prefix('/'));
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let query = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        let host = request.headers().get("host").and_then(|host| host.to_str().ok());
        let host = uri.authority().map(http::uri::Authority::as_str).or(host);
        Call {
            method: request.method(),
            path: uri.path(),
            segments: below.map(|path| path.split('/').map(decode).collect()),
            query: query.into_owned().collect(),
            headers: request.headers(),
            body: request.body(),
            origin: format!("{}://{}", uri.scheme_str().unwrap_or("http"), host.unwrap_or("app")),
            now,
        }
    }
}

/// What the client gets: the reply, unless the fault is in the way.
fn spoil(fault: Option<Fault>, reply: Option<Reply>) -> Result<Reply, Loss> {
    let reply = reply.unwrap_or_else(|| Reply::empty(204));
    match fault {
        None => Ok(reply),
        Some(Fault::Refused) => Err(Loss::NotSent),
        Some(Fault::Reset(Moment::BeforeApplying | Moment::AfterApplying)) => Err(Loss::Broken),
        Some(Fault::Timeout { after, .. }) => Err(Loss::TimedOut(after)),
        Some(Fault::Status { status, retry_after, .. }) => {
            let refusal = Refusal::status(status, "an injected fault");
            let reply = Reply::json(status, &refusal.body());
            Ok(match retry_after {
                Some(wait) => reply.with("retry-after", wait.as_secs().to_string()),
                None => reply,
            })
        }
        Some(Fault::Truncated) => {
            let half = reply.body.len() / 2;
            Ok(Reply { body: reply.body[..half].to_vec(), ..reply })
        }
        Some(Fault::Redirect { location }) => Ok(Reply::empty(307).with("location", location)),
    }
}

pub(super) fn response(reply: Reply) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(reply.body));
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in reply.headers {
        if let Ok(value) = http::HeaderValue::from_str(&value) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// A response whose body fails at once, so that the server closes the connection in the middle.
fn broken() -> Response<Body> {
    let end = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    let body = futures_util::stream::iter([Err::<Bytes, _>(end)]);
    Response::new(Body::from_stream(body))
}
