//! A clock that a wait moves forward, so that an hour of waiting costs nothing.
//!
//! Owns the simulated present. Never reads the system's time.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::model::{Clock, Sleep, Timestamp};

/// A clock under the control of a test. Clones show the same time.
#[derive(Clone, Debug)]
pub struct VirtualClock {
    now: Arc<Mutex<Timestamp>>,
}

impl VirtualClock {
    /// A clock that stands at `start`.
    pub fn starting_at(start: Timestamp) -> Self {
        Self { now: Arc::new(Mutex::new(start)) }
    }

    /// Moves the clock forward.
    pub fn advance(&self, duration: Duration) {
        let target = later(self.now(), duration);
        self.advance_to(target);
    }

    /// Moves the clock to `target`, unless it is later already: it never goes back.
    pub fn advance_to(&self, target: Timestamp) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        *now = (*now).max(target);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sleep(&self, duration: Duration) -> Sleep<'_> {
        // The deadline counts from the call. Two tasks that wait ten seconds each at the same time
        // together move the clock by ten seconds, not by twenty.
        let deadline = later(self.now(), duration);
        Box::pin(async move {
            self.advance_to(deadline);
            tokio::task::yield_now().await;
        })
    }
}

fn later(now: Timestamp, duration: Duration) -> Timestamp {
    chrono::TimeDelta::from_std(duration)
        .ok()
        .and_then(|delta| now.checked_add_signed(delta))
        .unwrap_or(Timestamp::MAX_UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wait_moves_the_clock_and_parallel_waits_overlap() {
        let start = Timestamp::UNIX_EPOCH;
        let clock = VirtualClock::starting_at(start);
        let (first, second) =
            (clock.sleep(Duration::from_secs(10)), clock.sleep(Duration::from_secs(7)));
        first.await;
        second.await;
        assert_eq!(clock.now() - start, chrono::TimeDelta::seconds(10));
        clock.clone().advance(Duration::from_secs(5));
        assert_eq!(clock.now() - start, chrono::TimeDelta::seconds(15));
    }
}
