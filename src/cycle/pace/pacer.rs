//! The pace of the requests of one cycle to its target.

use std::{future::Future, sync::Arc, time::Duration};

use super::{
    back_off::{THROTTLED_TRIES_MAX, UNAVAILABLE_TRIES_MAX, back_off},
    host::{Appointment, HostPace, Limits},
    lane::Answered,
};
use crate::{
    cycle::context::{Context, Stop},
    model::{Clock, ObjectKind, Timestamp},
    port::{FaultClass, TargetFault},
    provisioning::job::Pace,
};

/// What a request does, as targets limit it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cycle) enum Class {
    /// Reads.
    Read,
    /// Writes a user.
    UserWrite,
    /// Writes a group.
    GroupWrite,
}

impl Class {
    pub(super) fn index(self) -> usize {
        match self {
            Self::Read => 0,
            Self::UserWrite => 1,
            Self::GroupWrite => 2,
        }
    }

    /// The class of writes of a kind of object.
    pub(in crate::cycle) fn write(kind: ObjectKind) -> Self {
        match kind {
            ObjectKind::User => Self::UserWrite,
            ObjectKind::Group => Self::GroupWrite,
        }
    }
}

/// The pace of all requests to one target, as far as one cycle is concerned.
pub(in crate::cycle) struct Pacer<'a> {
    pub(super) clock: &'a dyn Clock,
    pub(super) limits: Limits,
    pub(super) host: Arc<HostPace>,
    pub(super) end: Option<End<'a>>,
}

/// When a cycle is over, so that no wait goes on beyond it.
pub(super) struct End<'a> {
    pub(super) stop: &'a Stop,
    pub(super) deadline: Option<Timestamp>,
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
    pub(in crate::cycle) fn new(clock: &'a dyn Clock, pace: &Pace) -> Self {
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
    pub(in crate::cycle) fn of<D>(context: &Context<'a, D>) -> Self {
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

    /// Takes from an answer what it says of the pace.
    fn learn<T>(&self, turn: &Turn<'_>, answer: &Result<T, TargetFault>, tries: u32) {
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
    pub(in crate::cycle) async fn ask_once<T, F>(
        &self,
        class: Class,
        ask: impl FnOnce() -> F,
    ) -> Result<T, TargetFault>
    where
        F: Future<Output = Result<T, TargetFault>>,
    {
        let Some(turn) = self.turn(class).await else { return Err(not_asked()) };
        let answer = ask().await;
        self.learn(&turn, &answer, 1);
        answer
    }

    /// Asks the target until it answers, or says for good that it does not, or the cycle is over.
    ///
    /// Only requests that were certainly not applied are sent again; a read changes nothing in any
    /// case.
    pub(in crate::cycle) async fn ask<T, F>(
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
            self.learn(&turn, &answer, tries);
            drop(turn);
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
