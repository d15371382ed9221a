//! How a service that is made for load lets its callers in, and what it counts of them.
//!
//! Owns the latency, the limit of requests a second, and the counters. Knows no request.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};

use crate::model::{Clock, Timestamp};

/// Half of the granularity of the timers that a wait is made of: without it, a wait would be too
/// long by so much on average.
const TIMER_HALF: Duration = Duration::from_micros(500);

/// How fast a service answers, and how often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// How long every answer takes, beside the work.
    pub latency: Duration,
    /// More requests in a second answer 429 with `Retry-After`. `None` for no limit.
    pub requests_per_second_max: Option<u32>,
}

/// The gate that every request passes, and the book about them.
pub(super) struct Traffic {
    clock: Arc<dyn Clock>,
    pace: Pace,
    bucket: Mutex<Option<Bucket>>,
    counts: Mutex<Counts>,
}

/// A token bucket: full, it lets a fifth of a second's requests through at once.
struct Bucket {
    tokens: f64,
    at: Timestamp,
}

/// What was counted since the beginning or the last reset.
#[derive(Clone, Debug, Default)]
struct Counts {
    requests: BTreeMap<&'static str, u64>,
    throttled: u64,
    bytes: u64,
    first_at: Option<Timestamp>,
    last_at: Option<Timestamp>,
}

impl Traffic {
    pub(super) fn new(clock: Arc<dyn Clock>, pace: Pace) -> Self {
        Self { clock, pace, bucket: Mutex::default(), counts: Mutex::default() }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lets a request in, after the latency, or says in how many whole seconds it may come again.
    pub(super) async fn admit(&self) -> Result<(), u64> {
        let now = self.note();
        if let Some(limit) = self.pace.requests_per_second_max
            && let Err(wait) = self.take(f64::from(limit), now)
        {
            self.counts().throttled += 1;
            return Err(wait);
        }
        if !self.pace.latency.is_zero() {
            self.clock.sleep(self.pace.latency.saturating_sub(TIMER_HALF)).await;
        }
        Ok(())
    }

    /// Notes that a request came now.
    pub(super) fn note(&self) -> Timestamp {
        let now = self.now();
        let mut counts = self.counts();
        counts.first_at.get_or_insert(now);
        counts.last_at = Some(now);
        now
    }

    fn take(&self, rate: f64, now: Timestamp) -> Result<(), u64> {
        let burst = (rate / 5.0).max(1.0);
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = bucket.get_or_insert(Bucket { tokens: burst, at: now });
        let passed = (now - bucket.at).to_std().unwrap_or_default().as_secs_f64();
        bucket.tokens = (bucket.tokens + passed * rate).min(burst);
        bucket.at = now;
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            return Ok(());
        }
        // `Retry-After` has whole seconds.
        Err(Duration::from_secs_f64((1.0 - bucket.tokens) / rate).as_secs() + 1)
    }

    /// Counts an answer of so many bytes.
    pub(super) fn count(&self, kind: &'static str, bytes: usize) {
        let mut counts = self.counts();
        *counts.requests.entry(kind).or_default() += 1;
        counts.bytes += bytes as u64;
    }

    /// Begins to count anew.
    pub(super) fn reset(&self) {
        *self.counts() = Counts::default();
    }

    /// What was counted, as a document.
    pub(super) fn report(&self) -> Value {
        let counts = self.counts().clone();
        let micros = |at: Option<Timestamp>| at.map(|at| at.timestamp_micros());
        json!({
            "requests": counts.requests.values().sum::<u64>(),
            "by_kind": counts.requests,
            "throttled": counts.throttled,
            "bytes": counts.bytes,
            "first_at_us": micros(counts.first_at),
            "last_at_us": micros(counts.last_at),
        })
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is counted of one service, from outside of it.
#[derive(Clone)]
pub struct Measured(Arc<Traffic>);

impl Measured {
    pub(super) fn of(traffic: &Arc<Traffic>) -> Self {
        Self(Arc::clone(traffic))
    }

    /// What was counted since the beginning, or since it was begun anew.
    pub fn report(&self) -> Value {
        self.0.report()
    }

    /// Begins to count anew.
    pub fn reset(&self) {
        self.0.reset();
    }
}
