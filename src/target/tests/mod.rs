//! A target behind a scripted exchange: what is sent, and what each answer becomes.

mod answers;
mod requests;
mod sign_in;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response};

use super::{ScimTarget, ScimWriter, TargetSettings};
use crate::{
    http::{Answer, Authorizer, Bearer, Exchange, TransportFault},
    model::{Clock, Secret, Sleep, TargetId, Timestamp},
    scim::{AttributePath, EqFilter},
};

pub(super) const TOKEN: &str = "s3cret-t0ken";

pub(super) type Scripted = Result<Response<Bytes>, TransportFault>;
pub(super) type Headers<'a> = &'a [(&'static str, &'a str)];

/// Gives the scripted answers in order and keeps what was asked.
#[derive(Default)]
pub(super) struct Script {
    answers: Mutex<VecDeque<Scripted>>,
    asked: Mutex<Vec<Request<Bytes>>>,
}

impl Exchange for Script {
    fn exchange(&self, request: Request<Bytes>) -> Answer<'_> {
        self.asked.lock().expect("no test panics holding it").push(request);
        let next = self.answers.lock().expect("no test panics holding it").pop_front();
        Box::pin(async move { next.expect("a request that the script did not expect") })
    }
}

impl Script {
    pub(super) fn asked(&self) -> Vec<Request<Bytes>> {
        std::mem::take(&mut *self.asked.lock().expect("no test panics holding it"))
    }

    pub(super) fn last_uri(&self) -> String {
        self.asked().pop().expect("a request was sent").uri().to_string()
    }
}

/// The first of January 2026, for ever.
struct Frozen;

impl Clock for Frozen {
    fn now(&self) -> Timestamp {
        "2026-01-01T00:00:00Z".parse().expect("a timestamp")
    }

    fn sleep(&self, _: Duration) -> Sleep<'_> {
        Box::pin(std::future::ready(()))
    }
}

pub(super) fn target_at(base: &str, query: &[(&str, &str)], answers: Vec<Scripted>) -> Rig {
    rig(base, query, answers, vec![TOKEN])
}

pub(super) fn target(answers: Vec<Scripted>) -> Rig {
    target_at("https://app.example/scim/v2", &[], answers)
}

pub(super) struct Rig {
    pub(super) writer: ScimWriter,
    pub(super) target: ScimTarget,
    pub(super) script: Arc<Script>,
}

/// `tokens` are what reading the configured token gives, one after the other, the last for ever.
pub(super) fn rig(
    base: &str,
    query: &[(&str, &str)],
    answers: Vec<Scripted>,
    tokens: Vec<&'static str>,
) -> Rig {
    let script = Arc::new(Script { answers: Mutex::new(answers.into()), ..Script::default() });
    let tokens = Mutex::new(VecDeque::from(tokens));
    let read = move || {
        let mut tokens = tokens.lock().map_err(|_| "poisoned".to_owned())?;
        let token = if tokens.len() > 1 { tokens.pop_front() } else { tokens.front().copied() };
        Ok(Secret::new(token.unwrap_or_default().to_owned()))
    };
    let settings = TargetSettings {
        base_url: base.parse().expect("a URL"),
        query: query.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        user_agent: HeaderValue::from_static("entra-scim/test"),
    };
    let authorizer = Authorizer::Bearer(Bearer::new(Arc::new(read)));
    let exchange: Arc<dyn Exchange> = Arc::clone(&script) as Arc<dyn Exchange>;
    let target = ScimTarget::new(settings, exchange, authorizer, Arc::new(Frozen));
    Rig { writer: target.writer(), target, script }
}

#[expect(clippy::unnecessary_wraps, reason = "scripts mix answers and broken connections")]
pub(super) fn answer(status: u16, headers: Headers<'_>, body: &str) -> Scripted {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    Ok(response.body(Bytes::from(body.to_owned())).expect("a response"))
}

pub(super) fn json(status: u16, body: &serde_json::Value) -> Scripted {
    answer(status, &[("content-type", "application/scim+json")], &body.to_string())
}

pub(super) fn id(text: &str) -> TargetId {
    TargetId::parse(text).expect("an id")
}

pub(super) fn user_name(value: &str) -> EqFilter {
    EqFilter { path: AttributePath::parse("userName").expect("a path"), value: value.to_owned() }
}
