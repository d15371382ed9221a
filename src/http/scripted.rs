//! A scripted exchange and a clock that stands still, for the tests of this room and above.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use chrono::TimeDelta;
use http::{Request, Response};

use super::{Answer, Exchange, TransportFault};
use crate::model::{Clock, Sleep, Timestamp};

/// Answers requests with what a test put in, in order, and keeps the requests. A request beyond
/// the script is a failure of the test.
#[derive(Default)]
pub(crate) struct Scripted {
    answers: Mutex<VecDeque<Result<Response<Bytes>, TransportFault>>>,
    seen: Mutex<Vec<Request<Bytes>>>,
}

impl Scripted {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Adds an answer.
    pub(crate) fn answer(&self, status: u16, body: impl Into<Bytes>) {
        self.answer_with(status, &[], body);
    }

    /// Adds an answer with headers.
    pub(crate) fn answer_with(
        &self,
        status: u16,
        headers: &[(&'static str, &str)],
        body: impl Into<Bytes>,
    ) {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        self.answers.lock().unwrap().push_back(Ok(response.body(body.into()).unwrap()));
    }

    /// Adds a broken connection.
    pub(crate) fn fail(&self, fault: TransportFault) {
        self.answers.lock().unwrap().push_back(Err(fault));
    }

    /// The requests so far, forgotten here.
    pub(crate) fn take(&self) -> Vec<Request<Bytes>> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    /// The only request so far.
    pub(crate) fn only(&self) -> Request<Bytes> {
        let mut seen = self.take();
        assert_eq!(seen.len(), 1, "exactly one request was expected");
        seen.remove(0)
    }
}

impl Exchange for Scripted {
    fn exchange(&self, request: Request<Bytes>) -> Answer<'_> {
        Box::pin(async move {
            self.seen.lock().unwrap().push(request);
            // Lets every other task run first, so that a missing lock shows.
            tokio::task::yield_now().await;
            self.answers.lock().unwrap().pop_front().expect("a request beyond the script")
        })
    }
}

/// A clock that only a test moves.
pub(crate) struct StillClock(Mutex<Timestamp>);

impl StillClock {
    /// 2026-11-23 10:00 UTC.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new("2026-11-23T10:00:00Z".parse().unwrap())))
    }

    pub(crate) fn advance(&self, seconds: i64) {
        *self.0.lock().unwrap() += TimeDelta::seconds(seconds);
    }
}

impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    fn sleep(&self, duration: Duration) -> Sleep<'_> {
        self.advance(i64::try_from(duration.as_secs()).unwrap());
        Box::pin(std::future::ready(()))
    }
}
