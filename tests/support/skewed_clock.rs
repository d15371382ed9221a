//! The engine's own clock, which may be wrong: everybody else keeps the true time.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::TimeDelta;
use entra_scim::{
    model::{Clock, Sleep, Timestamp},
    sandbox::VirtualClock,
};

/// A clock that is ahead of the true one by so much, or behind it. Clones are the same clock.
#[derive(Clone)]
pub(crate) struct SkewedClock {
    truth: VirtualClock,
    ahead: Arc<Mutex<TimeDelta>>,
}

impl SkewedClock {
    /// A clock that is right.
    pub(crate) fn beside(truth: &VirtualClock) -> Self {
        Self { truth: truth.clone(), ahead: Arc::default() }
    }

    /// How far it is ahead.
    pub(crate) fn ahead(&self) -> TimeDelta {
        *self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets it so far ahead of the truth.
    pub(crate) fn set_ahead(&self, ahead: TimeDelta) {
        *self.ahead.lock().unwrap_or_else(PoisonError::into_inner) = ahead;
    }
}

impl Clock for SkewedClock {
    fn now(&self) -> Timestamp {
        self.truth.now() + self.ahead()
    }

    fn sleep(&self, duration: Duration) -> Sleep<'_> {
        self.truth.sleep(duration)
    }
}
