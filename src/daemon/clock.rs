//! The system's clock. The only place that reads the time or waits on the runtime's timer.

use std::time::Duration;

use crate::model::{Clock, Sleep, Timestamp};

/// The machine's own time.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else asks")]
    fn now(&self) -> Timestamp {
        chrono::Utc::now()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else asks")]
    fn sleep(&self, duration: Duration) -> Sleep<'_> {
        Box::pin(tokio::time::sleep(duration))
    }
}
