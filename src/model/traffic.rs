//! Traffic: how many requests left, how they were answered, and how long that took.
//!
//! An adapter tells its [`Meter`] of every request; whoever keeps the sums takes them from there.
//! Holds no address, no id and no body.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::Timestamp;

/// The upper bounds of the classes of latency, in seconds: from a target in the same building to
/// the longest time-out that is usual. Whatever took longer is in one class more.
pub const LATENCY_BOUNDS: [f64; 10] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// The status of a request that is to come again later (RFC 6585 §4).
const TOO_MANY_REQUESTS: u16 = 429;

/// What a request does, as services limit it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RequestClass {
    /// Reads Microsoft Graph.
    GraphRead,
    /// Reads the application.
    TargetRead,
    /// Writes a user of the application.
    TargetUserWrite,
    /// Writes a group of the application.
    TargetGroupWrite,
}

impl RequestClass {
    /// Whom it asks.
    pub fn service(self) -> &'static str {
        match self {
            Self::GraphRead => "graph",
            Self::TargetRead | Self::TargetUserWrite | Self::TargetGroupWrite => "target",
        }
    }

    /// What it does there.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GraphRead | Self::TargetRead => "read",
            Self::TargetUserWrite => "user_write",
            Self::TargetGroupWrite => "group_write",
        }
    }
}

/// How long answers took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// Answers by the bound that they are within, and those beyond the last.
    pub within: [u64; LATENCY_BOUNDS.len() + 1],
    /// The time of all of them together.
    pub sum: Duration,
}

/// The sums of a meter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Requests by their answer's status; `None` where no answer came.
    pub answers: BTreeMap<(RequestClass, Option<u16>), u64>,
    /// How long their answers took.
    pub latency: BTreeMap<RequestClass, Latency>,
    /// For how long nothing was sent after an answer that there are too many requests.
    pub throttled: BTreeMap<&'static str, Duration>,
}

/// Counts the requests to one service.
#[derive(Debug, Default)]
pub struct Meter(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    traffic: Traffic,
    throttled_at: Option<Timestamp>,
}

impl Meter {
    /// Counts a request that left at `began`; `status` is its answer's, where one came.
    pub fn count(
        &self,
        class: RequestClass,
        status: Option<u16>,
        (began, ended): (Timestamp, Timestamp),
    ) {
        let mut state = self.state();
        if let Some(at) = state.throttled_at
            && began >= at
        {
            state.throttled_at = None;
            *state.traffic.throttled.entry(class.service()).or_default() +=
                (began - at).to_std().unwrap_or_default();
        }
        if status == Some(TOO_MANY_REQUESTS) {
            state.throttled_at = Some(ended);
        }
        // A clock that was set back makes no answer come before its question.
        let took = (ended - began).to_std().unwrap_or_default();
        let bound = LATENCY_BOUNDS.iter().position(|bound| took.as_secs_f64() <= *bound);
        let latency = state.traffic.latency.entry(class).or_default();
        latency.within[bound.unwrap_or(LATENCY_BOUNDS.len())] += 1;
        latency.sum += took;
        *state.traffic.answers.entry((class, status)).or_default() += 1;
    }

    /// The sums since the meter was made.
    pub fn traffic(&self) -> Traffic {
        self.state().traffic.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    #[test]
    fn an_answer_is_counted_within_the_first_bound_that_it_kept() {
        let meter = Meter::default();
        let read = RequestClass::TargetRead;
        meter.count(read, Some(200), (at(0), at(0) + TimeDelta::milliseconds(50)));
        meter.count(read, Some(200), (at(1), at(1) + TimeDelta::milliseconds(51)));
        meter.count(read, None, (at(2), at(92)));
        meter.count(read, Some(200), (at(95), at(40)));
        let traffic = meter.traffic();
        let latency = &traffic.latency[&read];
        assert_eq!(latency.within, [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(latency.sum, Duration::from_millis(90_101));
        assert_eq!(traffic.answers[&(read, Some(200))], 3);
        assert_eq!(traffic.answers[&(read, None)], 1);
    }

    #[test]
    fn throttled_time_ends_with_the_next_request_that_leaves() {
        let meter = Meter::default();
        let write = RequestClass::TargetUserWrite;
        meter.count(write, Some(429), (at(0), at(1)));
        // It was under way when the other one was refused.
        meter.count(write, Some(200), (at(0), at(2)));
        meter.count(RequestClass::TargetRead, Some(200), (at(31), at(32)));
        meter.count(write, Some(200), (at(60), at(61)));
        assert_eq!(meter.traffic().throttled["target"], Duration::from_secs(30));
    }
}
