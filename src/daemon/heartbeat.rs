//! Signs of life of one application: what it is doing, and whether that goes on.
//!
//! Between cycles the loop itself is the sign. During a cycle only the cycle's own work counts, its
//! requests, its waits and its progress: a loop that still turns beside a cycle that hangs is no
//! sign of life. A request or a wait under way counts for as long as it may take.
//!
//! **Invariant:** reads no clock. Whoever watches says how much time has passed, so that a machine
//! that slept or a clock that was set makes nobody look dead.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;

use crate::{
    http::{Answer, Exchange},
    model::{Clock, Sleep, Timestamp},
    store::Progress,
};

/// How long an application may show no sign of life while no request and no wait of its own is
/// under way: one statement on the state of a million people, or the file being written anew.
pub(super) const STILL_MAX: Duration = Duration::from_secs(5 * 60);

/// Beyond what it is given, how long a request or a wait may take to be noticed as over.
const SLACK: Duration = Duration::from_secs(10);

/// What an application is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// Nothing so far.
    Starting,
    /// Waiting for its next cycle, due at this time; `None` while it is paused.
    Waiting(Option<Timestamp>),
    /// A cycle, or provisioning on demand, as far as it is.
    Working(Option<Progress>),
    /// Its state cannot be used; that is tried again.
    Shut,
}

/// One application's signs of life.
pub(super) struct Heartbeat(Mutex<Beat>);

struct Beat {
    doing: Doing,
    /// How long there has been no sign.
    still: Duration,
    /// What is under way, with the time that is left of what it may take.
    under_way: BTreeMap<u64, Duration>,
    next: u64,
}

/// A request or a wait under way; over when dropped.
pub(super) struct UnderWay<'a> {
    heartbeat: &'a Heartbeat,
    id: u64,
}

impl Default for Heartbeat {
    fn default() -> Self {
        let still = Duration::ZERO;
        let under_way = BTreeMap::new();
        Self(Mutex::new(Beat { doing: Doing::Starting, still, under_way, next: 0 }))
    }
}

impl Heartbeat {
    fn beat(&self) -> MutexGuard<'_, Beat> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something else begins.
    pub(super) fn does(&self, doing: Doing) {
        let mut beat = self.beat();
        beat.still = Duration::ZERO;
        beat.doing = doing;
    }

    /// The loop has turned. A cycle under way has to show signs of its own.
    pub(super) fn turn(&self) {
        let mut beat = self.beat();
        if !matches!(beat.doing, Doing::Working(_)) {
            beat.still = Duration::ZERO;
        }
    }

    /// The cycle has come so far.
    pub(super) fn progress(&self, progress: &Progress) {
        self.does(Doing::Working(Some(progress.clone())));
    }

    /// Something begins that may take so long.
    pub(super) fn begin(&self, limit: Duration) -> UnderWay<'_> {
        let mut beat = self.beat();
        beat.still = Duration::ZERO;
        beat.next += 1;
        let id = beat.next;
        beat.under_way.insert(id, limit.saturating_add(SLACK));
        UnderWay { heartbeat: self, id }
    }

    /// What the application is doing.
    pub(super) fn doing(&self) -> Doing {
        self.beat().doing.clone()
    }

    /// Lets time pass; returns whether the application still lives.
    pub(super) fn pass(&self, time: Duration) -> bool {
        let mut beat = self.beat();
        beat.still = beat.still.saturating_add(time);
        for left in beat.under_way.values_mut() {
            *left = left.saturating_sub(time);
        }
        beat.still <= STILL_MAX || beat.under_way.values().any(|left| !left.is_zero())
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut beat = self.heartbeat.beat();
        beat.still = Duration::ZERO;
        beat.under_way.remove(&self.id);
    }
}

/// A clock whose waits are signs of life.
pub(super) struct WatchedClock {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) heartbeat: Arc<Heartbeat>,
}

impl Clock for WatchedClock {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn sleep(&self, duration: Duration) -> Sleep<'_> {
        Box::pin(async move {
            let _wait = self.heartbeat.begin(duration);
            self.clock.sleep(duration).await;
        })
    }
}

/// A network whose requests are signs of life.
pub(super) struct WatchedExchange {
    pub(super) exchange: Arc<dyn Exchange>,
    /// How long one may take.
    pub(super) limit: Duration,
    pub(super) heartbeat: Arc<Heartbeat>,
}

impl Exchange for WatchedExchange {
    fn exchange(&self, request: http::Request<Bytes>) -> Answer<'_> {
        Box::pin(async move {
            let _request = self.heartbeat.begin(self.limit);
            self.exchange.exchange(request).await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn working() -> Heartbeat {
        let heartbeat = Heartbeat::default();
        heartbeat.does(Doing::Working(None));
        heartbeat
    }

    #[test]
    fn a_cycle_that_hangs_is_not_excused_by_the_loop_that_turns_beside_it() {
        let heartbeat = working();
        assert!(heartbeat.pass(STILL_MAX));
        heartbeat.turn();
        assert!(!heartbeat.pass(SECOND));
        heartbeat.progress(&Progress { phase: "export".to_owned(), done: 1, total: None });
        assert!(heartbeat.pass(SECOND));
    }

    #[test]
    fn between_two_cycles_the_loop_is_the_sign() {
        let heartbeat = Heartbeat::default();
        heartbeat.does(Doing::Waiting(None));
        assert!(heartbeat.pass(STILL_MAX));
        heartbeat.turn();
        assert!(heartbeat.pass(STILL_MAX));
        assert!(!heartbeat.pass(SECOND));
    }

    #[test]
    fn a_request_under_way_counts_up_to_its_time_out_and_no_longer() {
        let heartbeat = working();
        let request = heartbeat.begin(STILL_MAX * 2);
        assert!(heartbeat.pass(STILL_MAX * 2));
        assert!(!heartbeat.pass(SLACK));
        drop(request);
        assert!(heartbeat.pass(STILL_MAX));
        assert!(!heartbeat.pass(SECOND));
    }
}
