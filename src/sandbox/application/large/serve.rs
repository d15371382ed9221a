//! The router of a large application: the token, the pace, the counters, and then the endpoint.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;

use super::endpoint::{Shelves, Visit};
use crate::{
    model::Clock,
    sandbox::{
        application::{
            Application, ApplicationOptions, endpoint::Reply, exchange::response, record::Refusal,
        },
        traffic::{Measured, Pace, Traffic},
    },
};

/// What a large application is made from.
#[derive(Clone)]
pub struct LargeApplicationOptions {
    /// Gives `meta.created` and `meta.lastModified`, and is waited on.
    pub clock: Arc<dyn Clock>,
    /// The bearer token every request must carry.
    pub token: String,
    /// How fast it answers, and how often.
    pub pace: Pace,
}

/// A simulated SCIM application of any size. Clones share their state.
#[derive(Clone)]
pub struct LargeApplication(Arc<Inner>);

struct Inner {
    /// The schemas, the token and the discovery; it has no accounts.
    application: Application,
    shelves: Mutex<Shelves>,
    traffic: Arc<Traffic>,
}

impl LargeApplication {
    /// An application without users and groups.
    pub fn new(options: LargeApplicationOptions) -> Self {
        let strict = ApplicationOptions::strict(0, Arc::clone(&options.clock));
        let application = Application::new(ApplicationOptions { token: options.token, ..strict });
        let traffic = Arc::new(Traffic::new(options.clock, options.pace));
        Self(Arc::new(Inner { application, shelves: Mutex::default(), traffic }))
    }

    /// The application as a router: every path goes to it. `GET /sandbox/accounts` has the
    /// accounts as they were sent, one in a line, for a client that wants to send the same.
    pub fn router(&self) -> axum::Router {
        let application = self.clone();
        axum::Router::new().fallback(move |request: Request<Body>| {
            let application = application.clone();
            async move { application.serve(request).await }
        })
    }

    /// The address clients are given for a listener at `address`.
    pub fn base_url(&self, address: std::net::SocketAddr) -> String {
        self.0.application.base_url(address)
    }

    /// What is counted of the requests to this application.
    pub fn measured(&self) -> Measured {
        Measured::of(&self.0.traffic)
    }

    /// How many accounts there are.
    pub fn user_count(&self) -> usize {
        self.shelves().users()
    }

    /// How many groups there are.
    pub fn group_count(&self) -> usize {
        self.shelves().groups()
    }

    fn shelves(&self) -> MutexGuard<'_, Shelves> {
        self.0.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(&self, request: Request<Body>) -> Response<Body> {
        if request.uri().path() == "/sandbox/accounts" {
            return Response::new(Body::from(self.shelves().documents()));
        }
        let admitted = self.0.traffic.admit().await;
        if let Err(seconds) = admitted {
            let refusal = Refusal::status(429, "too many requests");
            let reply = Reply::json(429, &refusal.body()).with("retry-after", seconds.to_string());
            return response(reply).map(Body::from);
        }
        let (head, body) = request.into_parts();
        let body = body.collect().await.map(http_body_util::Collected::to_bytes);
        let request = Request::from_parts(head, body.unwrap_or_default());
        let kind = kind(request.method(), request.uri().path());
        let answer = self.answer(&request);
        self.0.traffic.count(kind, answer.body().len() + request.body().len());
        answer.map(Body::from)
    }

    fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let state = self.0.application.lock();
        let call = state.call(request, self.0.traffic.now());
        let mut shelves = self.shelves();
        let signed = state.demands.iter().all(|(name, value)| call.header(name) == Some(value));
        let answered = if signed {
            Visit { shelves: &mut shelves, state: &state, call: &call }.answer()
        } else {
            Err(Refusal::status(401, "the bearer token is missing or wrong"))
        };
        response(answered.unwrap_or_else(|refusal| {
            let reply = Reply::json(refusal.status, &refusal.body());
            if refusal.status == 401 {
                return reply.with("www-authenticate", "Bearer realm=\"scim\"");
            }
            reply
        }))
    }
}

/// What a request is counted as.
fn kind(method: &Method, path: &str) -> &'static str {
    let (is_user, is_group) = (path.contains("/Users"), path.contains("/Groups"));
    match (method.as_str(), is_user, is_group) {
        ("GET", true, _) => "GET /Users",
        ("POST", true, _) => "POST /Users",
        ("PATCH", true, _) => "PATCH /Users",
        ("PUT", true, _) => "PUT /Users",
        ("DELETE", true, _) => "DELETE /Users",
        ("GET", _, true) => "GET /Groups",
        ("POST", _, true) => "POST /Groups",
        ("PATCH", _, true) => "PATCH /Groups",
        ("PUT", _, true) => "PUT /Groups",
        ("DELETE", _, true) => "DELETE /Groups",
        (_, _, _) => "other",
    }
}
