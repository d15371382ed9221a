//! Pace: waiting for a throttled or failing service, within one cycle.
//!
//! One of the four places where anything is tried again (seconds; the others are the escrow, the
//! quarantine and the outbox). A service that says how long to wait is obeyed.

use std::{
    future::Future,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use chrono::TimeDelta;

use crate::{
    model::{Clock, ObjectKind, Timestamp},
    port::{DirectoryFault, FaultClass, TargetFault},
    provisioning::job::Pace,
};

/// Tries of a request that a service could not serve, the first included.
const UNAVAILABLE_TRIES_MAX: u32 = 5;

/// Tries of a request that a service throttles, the first included.
const THROTTLED_TRIES_MAX: u32 = 12;

/// The wait after a first failure without advice; it doubles with every further one.
const BACK_OFF_FIRST: Duration = Duration::from_millis(500);

/// The longest wait without advice.
const BACK_OFF_MAX: Duration = Duration::from_secs(30);

/// The longest distance between requests that throttling alone brings about.
const SPACING_MAX: Duration = Duration::from_secs(2);

/// Asks the directory until it answers, or says for good that it does not.
pub(super) async fn directory<T, F>(
    clock: &dyn Clock,
    mut ask: impl FnMut() -> F,
) -> Result<T, DirectoryFault>
where
    F: Future<Output = Result<T, DirectoryFault>>,
{
    let mut tries = 0;
    loop {
        tries += 1;
        let (wait, tries_max) = match ask().await {
            Err(DirectoryFault::Throttled { retry_after }) => (retry_after, THROTTLED_TRIES_MAX),
            Err(DirectoryFault::Unavailable { retry_after, detail }) => {
                if tries >= UNAVAILABLE_TRIES_MAX {
                    return Err(DirectoryFault::Unavailable { detail, retry_after });
                }
                (retry_after, UNAVAILABLE_TRIES_MAX)
            }
            done => return done,
        };
        if tries >= tries_max {
            return Err(DirectoryFault::Throttled { retry_after: wait });
        }
        clock.sleep(wait.unwrap_or_else(|| back_off(tries))).await;
    }
}

fn back_off(tries: u32) -> Duration {
    BACK_OFF_FIRST.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(BACK_OFF_MAX)
}

/// What a request does, as targets limit it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Reads.
    Read,
    /// Writes a user.
    UserWrite,
    /// Writes a group.
    GroupWrite,
}

impl Class {
    /// The class of writes of a kind of object.
    pub(super) fn write(kind: ObjectKind) -> Self {
        match kind {
            ObjectKind::User => Self::UserWrite,
            ObjectKind::Group => Self::GroupWrite,
        }
    }
}

/// The pace of all requests to one target.
pub(super) struct Pacer<'a> {
    clock: &'a dyn Clock,
    spacing_min: Duration,
    /// The distance between reads, between writes of users, and between writes of groups.
    class_spacing: [Duration; 3],
    state: Mutex<State>,
}

struct State {
    /// No request leaves before this.
    next: Timestamp,
    /// No request of the class leaves before this.
    next_of_class: [Timestamp; 3],
    /// The time when somebody last asked for a turn.
    seen: Timestamp,
    /// The distance between requests: the configured one, longer for a while after throttling.
    spacing: Duration,
}

impl State {
    /// A clock that was set back takes every appointment with it: nobody waits for hours.
    fn follow(&mut self, now: Timestamp) {
        let back = (self.seen - now).max(TimeDelta::zero());
        self.next -= back;
        self.next_of_class = self.next_of_class.map(|next| next - back);
        self.seen = now;
    }
}

impl<'a> Pacer<'a> {
    /// A pacer at the configured rate.
    pub(super) fn new(clock: &'a dyn Clock, pace: &Pace) -> Self {
        let spacing = |rate: Option<f64>| {
            rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(1.0 / rate.max(0.001)))
        };
        let spacing_min = spacing(pace.requests_per_second_max);
        let class_spacing = [
            spacing(pace.reads_per_second_max),
            spacing(pace.user_writes_per_second_max),
            spacing(pace.group_writes_per_second_max),
        ];
        let now = clock.now();
        let state = Mutex::new(State {
            next: now,
            next_of_class: [now; 3],
            seen: now,
            spacing: spacing_min,
        });
        Self { clock, spacing_min, class_spacing, state }
    }

    /// Waits until the next request of this class may leave.
    ///
    /// A write that waits for its class holds up no read.
    async fn turn(&self, class: Class) {
        let index = match class {
            Class::Read => 0,
            Class::UserWrite => 1,
            Class::GroupWrite => 2,
        };
        let now = self.clock.now();
        let slot = {
            let mut state = self.state();
            state.follow(now);
            let any = state.next.max(now);
            state.next = any + state.spacing;
            let slot = any.max(state.next_of_class[index]);
            state.next_of_class[index] = slot + self.class_spacing[index];
            slot
        };
        if let Ok(wait) = (slot - now).to_std()
            && !wait.is_zero()
        {
            self.clock.sleep(wait).await;
        }
    }

    /// After throttling: nobody sends before `wait` is over, and then more slowly.
    fn hold(&self, wait: Duration) {
        let now = self.clock.now();
        let mut state = self.state();
        state.next = state.next.max(now + wait);
        state.spacing = (state.spacing * 2).clamp(Duration::from_millis(20), SPACING_MAX);
    }

    /// After success: a little faster again.
    fn ease(&self) {
        let mut state = self.state();
        state.spacing = (state.spacing * 15 / 16).max(self.spacing_min);
        if state.spacing < Duration::from_millis(1) {
            state.spacing = self.spacing_min;
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the target once, in its turn. Throttling holds up everybody else all the same.
    pub(super) async fn ask_once<T, F>(
        &self,
        class: Class,
        ask: impl FnOnce() -> F,
    ) -> Result<T, TargetFault>
    where
        F: Future<Output = Result<T, TargetFault>>,
    {
        self.turn(class).await;
        let answer = ask().await;
        match &answer {
            Ok(_) => self.ease(),
            Err(fault) if fault.class == FaultClass::Throttled => {
                self.hold(fault.retry_after.unwrap_or(BACK_OFF_FIRST));
            }
            Err(_) => {}
        }
        answer
    }

    /// Asks the target until it answers, or says for good that it does not.
    ///
    /// Only requests that were certainly not applied are sent again; a read changes nothing in any
    /// case.
    pub(super) async fn ask<T, F>(
        &self,
        class: Class,
        mut ask: impl FnMut() -> F,
    ) -> Result<T, TargetFault>
    where
        F: Future<Output = Result<T, TargetFault>>,
    {
        let mut tries = 0;
        loop {
            tries += 1;
            self.turn(class).await;
            let fault = match ask().await {
                Ok(answer) => {
                    self.ease();
                    return Ok(answer);
                }
                Err(fault) => fault,
            };
            let tries_max = match fault.class {
                FaultClass::Throttled => THROTTLED_TRIES_MAX,
                FaultClass::Unavailable => UNAVAILABLE_TRIES_MAX,
                FaultClass::Lost if class == Class::Read => UNAVAILABLE_TRIES_MAX,
                FaultClass::Lost
                | FaultClass::Conflict
                | FaultClass::Missing
                | FaultClass::Rejected
                | FaultClass::Malformed
                | FaultClass::Unauthorized
                | FaultClass::NotCompliant => return Err(fault),
            };
            if tries >= tries_max {
                return Err(fault);
            }
            let wait = fault.retry_after.unwrap_or_else(|| back_off(tries));
            if fault.class == FaultClass::Throttled {
                self.hold(wait);
            } else {
                self.clock.sleep(wait).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_back_takes_the_appointments_along() {
        let noon = Timestamp::UNIX_EPOCH + TimeDelta::hours(12);
        let next = noon + TimeDelta::seconds(10);
        let spacing = Duration::ZERO;
        let mut state = State { next, next_of_class: [next; 3], seen: noon, spacing };
        state.follow(noon - TimeDelta::hours(5));
        assert_eq!(state.next, next - TimeDelta::hours(5));
        assert_eq!(state.next_of_class, [next - TimeDelta::hours(5); 3]);
        state.follow(noon + TimeDelta::hours(1));
        assert_eq!(state.next, next - TimeDelta::hours(5));
    }
}
