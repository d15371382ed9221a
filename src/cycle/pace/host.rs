//! What one host can bear, as its answers taught: shared by everybody in the process who asks it.
//!
//! Reads, writes of users and writes of groups have a lane each, because services limit them apart.
//! A lane knows two things. Its *rate* comes of being throttled: refusals tell what the service
//! allows, and from just below that it is raised a little at a time. Its *window* is how many
//! requests are under way at once: it opens while answers are quick, and closes where more requests
//! only make each of them slower. Nothing here waits or reads a clock.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::TimeDelta;
use tokio::sync::Notify;

use super::{
    lane::{Answered, Lane},
    pacer::Class,
};
use crate::model::Timestamp;

/// The longest that a request which left is remembered for the sake of a configured distance.
const REMEMBERED: TimeDelta = TimeDelta::seconds(1_000);

/// The hosts that this process asks, each with what it can bear.
#[derive(Default)]
pub struct HostPaces(Mutex<BTreeMap<String, Arc<HostPace>>>);

impl HostPaces {
    /// The pace of this host: the same one for whoever asks.
    pub fn of(&self, host: &str) -> Arc<HostPace> {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(hosts.entry(host.to_lowercase()).or_default())
    }
}

/// What one host can bear.
#[derive(Default)]
pub struct HostPace {
    state: Mutex<State>,
    /// Told when a window has room again, for each class.
    room: [Notify; 3],
}

#[derive(Default)]
struct State {
    lanes: [Lane; 3],
    /// When requests of whoever has a configured limit on all requests left or are to leave.
    taken: BTreeSet<Timestamp>,
    /// The time when somebody last asked for a turn.
    seen: Timestamp,
}

/// The configured limits: the least distance between any two requests, and between two of a class.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) any: Duration,
    pub(super) of_class: [Duration; 3],
    /// Requests under way at once.
    pub(super) concurrency: u16,
}

/// When a request may leave.
#[derive(Clone, Copy, Debug)]
pub(super) struct Appointment {
    pub(super) at: Timestamp,
    /// Whether the learnt rate made it wait: only then its success says that the rate is borne.
    pub(super) is_paced: bool,
    /// Whether a service that throttles asked for a part of the wait.
    pub(super) is_held: bool,
    /// How often the lane had called off appointments before.
    pub(super) called_off: u32,
}

impl State {
    /// A clock that was set back takes every appointment with it: nobody waits for hours.
    fn follow(&mut self, now: Timestamp) {
        let back = (self.seen - now).max(TimeDelta::zero());
        if back > TimeDelta::zero() {
            self.taken = self.taken.iter().map(|at| *at - back).collect();
            self.lanes.iter_mut().for_each(|lane| lane.set_back(back));
        }
        self.seen = now;
    }

    /// The first moment from `from` on that is far enough from every request of the others.
    fn free(&mut self, from: Timestamp, apart: Duration) -> Timestamp {
        if apart.is_zero() {
            return from;
        }
        let forgotten = from - REMEMBERED;
        while self.taken.first().is_some_and(|at| *at < forgotten) {
            self.taken.pop_first();
        }
        let mut slot = from;
        for at in self.taken.range(from - apart..) {
            if *at >= slot + apart {
                break;
            }
            if *at + apart > slot {
                slot = *at + apart;
            }
        }
        self.taken.insert(slot);
        slot
    }
}

impl HostPace {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place in the window of the class, where there is room.
    pub(super) fn enter(&self, class: Class, limits: &Limits) -> bool {
        self.state().lanes[class.index()].enter(limits.concurrency)
    }

    /// Completes when there may be room again.
    pub(super) async fn room(&self, class: Class) {
        self.room[class.index()].notified().await;
    }

    /// Gives a place back.
    pub(super) fn leave(&self, class: Class) {
        let places = self.state().lanes[class.index()].leave();
        for _ in 0..places {
            self.room[class.index()].notify_one();
        }
    }

    /// The next moment at which a request of this class may leave; `before` was given to it earlier
    /// and is given back.
    pub(super) fn appoint(
        &self,
        class: Class,
        limits: &Limits,
        (now, before): (Timestamp, Option<Timestamp>),
    ) -> Appointment {
        let mut state = self.state();
        state.follow(now);
        if let Some(before) = before {
            state.taken.remove(&before);
        }
        let index = class.index();
        let (own, is_paced) = state.lanes[index].next(now);
        let at = state.free(own, limits.any);
        state.lanes[index].appoint((at, now), is_paced, limits.of_class[index])
    }

    /// Whether an appointment still stands: throttling puts off everybody who has one.
    pub(super) fn stands(&self, class: Class, appointment: Appointment) -> bool {
        self.state().lanes[class.index()].stands(appointment)
    }

    /// Learns from an answer to a request that left at `left`.
    pub(super) fn learn(
        &self,
        class: Class,
        answered: Answered,
        (left, now): (Appointment, Timestamp),
    ) {
        let mut state = self.state();
        // What is learnt may put everybody off, so the clock must not have been ahead unnoticed.
        state.follow(now);
        state.lanes[class.index()].learn(answered, left, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_back_takes_the_appointments_along() {
        let noon = Timestamp::UNIX_EPOCH + TimeDelta::hours(12);
        let limits =
            Limits { any: Duration::from_secs(10), of_class: [Duration::ZERO; 3], concurrency: 8 };
        let host = HostPace::default();
        let appoint = |now| host.appoint(Class::Read, &limits, (now, None)).at;
        assert_eq!(appoint(noon), noon);
        let earlier = noon - TimeDelta::hours(5);
        assert_eq!(appoint(earlier), earlier + TimeDelta::seconds(10));
        assert_eq!(appoint(noon), noon);
    }

    #[test]
    fn a_clock_that_was_ahead_when_it_was_too_much_puts_nobody_off_for_days() {
        let noon = Timestamp::UNIX_EPOCH + TimeDelta::hours(12);
        let limits = Limits { any: Duration::ZERO, of_class: [Duration::ZERO; 3], concurrency: 8 };
        let host = HostPace::default();
        let left = host.appoint(Class::Read, &limits, (noon, None));
        let too_much = Answered::Throttled(Duration::from_secs(10));
        host.learn(Class::Read, too_much, (left, noon + TimeDelta::days(7)));
        let next = host.appoint(Class::Read, &limits, (noon, None)).at;
        assert_eq!(next, noon + TimeDelta::seconds(10));
    }
}
