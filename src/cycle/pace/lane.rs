//! One class of requests to one host: when the next may leave, and the window that its answers
//! taught. The rate is [`Rate`]'s.

use std::time::Duration;

use chrono::TimeDelta;

use super::{host::Appointment, rate::Rate};
use crate::model::Timestamp;

/// The window at first. It opens by one for so many answers, and at the latest after such a time:
/// where answers are far away many may be under way before the first of them is back, and where
/// they are near a service says that it is too much before many are.
const WINDOW_FIRST: f64 = 4.0;
const OPENS_AFTER_ANSWERS: u32 = 8;
const OPENS_AFTER: TimeDelta = TimeDelta::milliseconds(5);
const MADE_UP_FOR: TimeDelta = TimeDelta::milliseconds(500);

/// The window closes where answers take this many times as long as the quickest did, and so much
/// longer; it stays as it is from the lesser ratio on.
const SLOWER_BY: f64 = 2.0;
const SLOWER_BY_SECONDS: f64 = 0.2;
const HESITATES_AT: f64 = 1.5;

/// What is left of a window that makes answers slow, and of the configured one at the least.
const NARROWED: f64 = 0.75;
const WINDOW_SHARE_MIN: f64 = 0.25;

/// The weight of one answer in what answers take by now.
const WEIGHT: f64 = 0.125;

/// How fast the quickest answer is forgotten, for each answer: a service may become slower for
/// good.
const FORGOTTEN: f64 = 1.0002;

/// What an answer says of the pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answered {
    /// The request was served, whatever the answer was.
    Served,
    /// It was too much: nobody asks before this time is over.
    Throttled(Duration),
    /// Nothing is known.
    Nothing,
}

/// What is known of one class of requests.
#[derive(Debug)]
pub(super) struct Lane {
    next: Timestamp,
    held_until: Timestamp,
    /// How often appointments were called off.
    called_off: u32,
    rate: Rate,
    window: f64,
    window_max: f64,
    under_way: u32,
    opened_at: Timestamp,
    answers: u32,
    narrowed_at: Timestamp,
    /// The quickest answer, and what answers take by now, in seconds.
    quickest: Option<f64>,
    usual: f64,
}

impl Default for Lane {
    fn default() -> Self {
        let never = Timestamp::UNIX_EPOCH;
        Self {
            next: never,
            held_until: never,
            called_off: 0,
            rate: Rate::default(),
            window: WINDOW_FIRST,
            window_max: 1.0,
            under_way: 0,
            opened_at: never,
            answers: 0,
            narrowed_at: never,
            quickest: None,
            usual: 0.0,
        }
    }
}

impl Lane {
    /// A clock that was set back takes what lies ahead with it.
    pub(super) fn set_back(&mut self, back: TimeDelta) {
        for at in [&mut self.next, &mut self.held_until, &mut self.opened_at, &mut self.narrowed_at]
        {
            *at -= back;
        }
        self.rate.set_back(back);
    }

    /// Takes a place, where there is one; `concurrency` is the most that whoever asks may have.
    pub(super) fn enter(&mut self, concurrency: u16) -> bool {
        self.window_max = self.window_max.max(f64::from(concurrency));
        let has_room = f64::from(self.under_way) < self.open();
        self.under_way += u32::from(has_room);
        has_room
    }

    /// Gives a place back; returns how many there are.
    pub(super) fn leave(&mut self) -> u32 {
        self.under_way = self.under_way.saturating_sub(1);
        // Two at most: one was given back, and the window may just have opened by another.
        u32::from(f64::from(self.under_way) < self.open())
            + u32::from(f64::from(self.under_way + 1) < self.open())
    }

    fn open(&self) -> f64 {
        self.window.clamp(1.0, self.window_max)
    }

    /// The first moment that the lane itself has, and whether its rate put that off.
    pub(super) fn next(&self, now: Timestamp) -> (Timestamp, bool) {
        (self.next.max(self.held_until).max(now), self.rate.is_known() && self.next > now)
    }

    /// A request leaves at this moment; the next one no earlier than `apart` after it.
    pub(super) fn appoint(
        &mut self,
        (at, now): (Timestamp, Timestamp),
        is_paced: bool,
        apart: Duration,
    ) -> Appointment {
        self.next = at + self.rate.apart().max(apart);
        let is_held = self.held_until > now;
        Appointment { at, is_paced, is_held, called_off: self.called_off }
    }

    /// Whether an appointment still stands.
    pub(super) fn stands(&self, appointment: Appointment) -> bool {
        self.called_off == appointment.called_off
    }

    /// Learns from an answer to a request that left at `left`.
    pub(super) fn learn(&mut self, answered: Answered, left: Appointment, now: Timestamp) {
        match answered {
            Answered::Served => {
                let was_under_way = self.rate.was_under_way(left.at);
                self.rate.serve(left.at, left.is_paced, now);
                if !was_under_way {
                    self.time(left.at, now);
                }
            }
            Answered::Throttled(wait) => self.refuse(left.at, wait, now),
            Answered::Nothing => {}
        }
    }

    /// Nobody leaves before the wait is over, and then more slowly.
    fn refuse(&mut self, left: Timestamp, wait: Duration, now: Timestamp) {
        self.held_until = self.held_until.max(now + wait);
        // Whoever has an appointment is given another one.
        self.next = self.held_until;
        self.called_off = self.called_off.wrapping_add(1);
        self.rate.refuse(left, (wait, self.held_until), now);
    }

    /// Opens the window while answers are quick, and closes it where they are slow.
    fn time(&mut self, left: Timestamp, now: Timestamp) {
        let took = seconds(now - left);
        let quickest = self.quickest.map_or(took, |quickest| (quickest * FORGOTTEN).min(took));
        self.quickest = Some(quickest);
        if self.usual == 0.0 {
            self.usual = took;
            self.opened_at = left;
        }
        self.usual += (took - self.usual) * WEIGHT;
        self.answers += 1;
        let longer = self.usual - quickest;
        if self.usual > quickest * SLOWER_BY && longer > SLOWER_BY_SECONDS {
            // Once for each time that an answer takes: the next ones left under the old window.
            if seconds(now - self.narrowed_at) > self.usual {
                let least = self.window_max * WINDOW_SHARE_MIN;
                self.window = (self.open() * NARROWED).max(least);
                self.narrowed_at = now;
            }
            return;
        }
        let hesitates = self.usual > quickest * HESITATES_AT && longer > SLOWER_BY_SECONDS / 2.0;
        let is_full = f64::from(self.under_way) >= self.open();
        // A wait for answers is made up for when they come: each of them opens it by one.
        self.opened_at = self.opened_at.max(now - MADE_UP_FOR);
        let is_due = now - self.opened_at >= OPENS_AFTER;
        if is_full && !hesitates && self.window < self.window_max {
            if is_due {
                self.window += 1.0;
                self.opened_at += OPENS_AFTER;
            } else if self.answers >= OPENS_AFTER_ANSWERS {
                self.window += 1.0;
                self.answers = 0;
            }
        }
    }
}

/// A time in seconds; none where it is negative.
pub(super) fn seconds(time: TimeDelta) -> f64 {
    time.to_std().unwrap_or_default().as_secs_f64()
}
