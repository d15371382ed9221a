//! Pace: how fast a service is asked, and waiting for one that throttles or fails, within one cycle.
//!
//! One of the four places where anything is tried again (seconds; the others are the escrow, the
//! quarantine and the outbox). A service that says how long to wait is obeyed, and what its host can
//! bear is learnt from its answers ([`HostPace`]) within what is configured. Knows nothing of what
//! is asked.

mod host;
mod lane;
#[cfg(test)]
mod tests;

use std::{future::Future, sync::Arc, time::Duration};

pub use self::host::{HostPace, HostPaces};
use self::{
    host::{Appointment, Limits},
    lane::Answered,
};
use super::context::{Context, Stop};
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
    fn index(self) -> usize {
        match self {
            Self::Read => 0,
            Self::UserWrite => 1,
            Self::GroupWrite => 2,
        }
    }

    /// The class of writes of a kind of object.
    pub(super) fn write(kind: ObjectKind) -> Self {
        match kind {
            ObjectKind::User => Self::UserWrite,
            ObjectKind::Group => Self::GroupWrite,
        }
    }
}

/// The pace of all requests to one target, as far as one cycle is concerned.
pub(super) struct Pacer<'a> {
    clock: &'a dyn Clock,
    limits: Limits,
    host: Arc<HostPace>,
    end: Option<End<'a>>,
}

/// When a cycle is over, so that no wait goes on beyond it.
struct End<'a> {
    stop: &'a Stop,
    deadline: Option<Timestamp>,
}

/// A request that may leave. Its place in the window is free again once it is dropped.
struct Turn<'a> {
    place: Place<'a>,
    appointment: Appointment,
}

/// A place in the window of a class.
struct Place<'a> {
    host: &'a HostPace,
    class: Class,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.host.leave(self.class);
    }
}

impl<'a> Pacer<'a> {
    /// A pacer within the configured limits, for whoever asks a few questions and has no cycle.
    pub(super) fn new(clock: &'a dyn Clock, pace: &Pace) -> Self {
        let apart = |rate: Option<f64>| {
            rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(1.0 / rate.max(0.001)))
        };
        let limits = Limits {
            any: apart(pace.requests_per_second_max),
            of_class: [
                apart(pace.reads_per_second_max),
                apart(pace.user_writes_per_second_max),
                apart(pace.group_writes_per_second_max),
            ],
            concurrency: pace.concurrency.max(1),
        };
        Self { clock, limits, host: Arc::default(), end: None }
    }

    /// The pacer of a cycle: within the configured limits, at what its host can bear, and for as
    /// long as the cycle may go on.
    pub(super) fn of<D>(context: &Context<'a, D>) -> Self {
        let end = Some(End { stop: context.stop, deadline: context.deadline });
        let host = Arc::clone(context.host);
        Self { host, end, ..Self::new(context.clock, &context.job.pace) }
    }

    /// Waits until the next request of this class may leave; `None` where the cycle is asked to end
    /// before, or has to wait for a throttling service beyond its time.
    ///
    /// A write that waits for its class holds up no read.
    async fn turn(&self, class: Class) -> Option<Turn<'_>> {
        while !self.host.enter(class, &self.limits) {
            self.until_over(self.host.room(class)).await?;
        }
        let place = Place { host: &self.host, class };
        let mut before = None;
        loop {
            let now = self.clock.now();
            let appointment = self.host.appoint(class, &self.limits, (now, before));
            if let Ok(wait) = (appointment.at - now).to_std()
                && !wait.is_zero()
            {
                if appointment.is_held {
                    self.wait(wait).await?;
                } else {
                    self.until_over(self.clock.sleep(wait)).await?;
                }
            }
            if self.host.stands(class, appointment) {
                let at = appointment.at.max(self.clock.now());
                return Some(Turn { place, appointment: Appointment { at, ..appointment } });
            }
            before = Some(appointment.at);
        }
    }

    /// Waits so long; `None` where the cycle is over before.
    async fn wait(&self, wait: Duration) -> Option<()> {
        let deadline = self.end.as_ref().and_then(|end| end.deadline);
        let left = deadline.map(|at| (at - self.clock.now()).to_std().unwrap_or_default());
        let within = left.map_or(wait, |left| left.min(wait));
        self.until_over(self.clock.sleep(within)).await?;
        (within == wait).then_some(())
    }

    /// Waits for something; `None` where the cycle is asked to end before.
    async fn until_over(&self, something: impl Future<Output = ()>) -> Option<()> {
        let Some(end) = &self.end else {
            something.await;
            return Some(());
        };
        tokio::select! {
            biased;
            () = something => Some(()),
            () = end.stop.requested() => None,
        }
    }

    /// Takes from an answer what it says of the pace, and gives the place back.
    fn learn<T>(&self, turn: Turn<'_>, answer: &Result<T, TargetFault>, tries: u32) {
        let answered = match answer {
            Ok(_) => Answered::Served,
            Err(fault) => match fault.class {
                FaultClass::Throttled => Answered::Throttled(advised(fault, tries)),
                FaultClass::Unavailable | FaultClass::Lost => Answered::Nothing,
                FaultClass::Conflict
                | FaultClass::Missing
                | FaultClass::Rejected
                | FaultClass::Malformed
                | FaultClass::Unauthorized
                | FaultClass::NotCompliant => Answered::Served,
            },
        };
        let times = (turn.appointment, self.clock.now());
        self.host.learn(turn.place.class, answered, times);
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
        let Some(turn) = self.turn(class).await else { return Err(not_asked()) };
        let answer = ask().await;
        self.learn(turn, &answer, 1);
        answer
    }

    /// Asks the target until it answers, or says for good that it does not, or the cycle is over.
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
        let (mut tries, mut last) = (0, None);
        loop {
            tries += 1;
            let Some(turn) = self.turn(class).await else {
                return Err(last.unwrap_or_else(not_asked));
            };
            let answer = ask().await;
            self.learn(turn, &answer, tries);
            let fault = match answer {
                Ok(answer) => return Ok(answer),
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
            let is_throttled = fault.class == FaultClass::Throttled;
            if tries >= tries_max
                || (!is_throttled && self.wait(advised(&fault, tries)).await.is_none())
            {
                return Err(fault);
            }
            last = Some(fault);
        }
    }
}

/// How long to wait after a fault: as long as it said.
fn advised(fault: &TargetFault, tries: u32) -> Duration {
    fault.retry_after.unwrap_or_else(|| back_off(tries))
}

/// The cycle was over before a request could leave.
fn not_asked() -> TargetFault {
    TargetFault {
        class: FaultClass::Throttled,
        status: None,
        scim_type: None,
        detail: "the cycle ended before the pace let this request leave".to_owned(),
        retry_after: None,
    }
}
