//! What a service let in between two refusals, and the rate that it tells.
//!
//! Services count in two manners. A window lets in the same number in any such time, however fast
//! it is asked. A bucket lets in a burst at once, and refills all the time: whatever it lets in
//! beyond the burst tells how fast, the better the longer that took. Knows nothing of the rate that
//! was tried.

use std::{collections::VecDeque, time::Duration};

use chrono::TimeDelta;

use super::lane::seconds;
use crate::model::Timestamp;

/// So many served requests are remembered at most, and for such a time.
const REMEMBERED_MAX: usize = 2_048;
const REMEMBERED: TimeDelta = TimeDelta::seconds(20);

/// What was served lately was served in such a time.
const LATELY: TimeDelta = TimeDelta::seconds(5);

/// Requests that leave in such a time leave at once.
const AT_ONCE: TimeDelta = TimeDelta::milliseconds(50);

/// A number that differs from the first burst by no more than this share of it, or by one, is the
/// same number again, as a window shows it.
const SAME: f64 = 0.1;

/// So many requests beyond the burst are the least that a bucket's rate is told from.
const BEYOND_MIN: f64 = 4.0;

/// What is left in a bucket when it refuses: something between nothing and one request.
const LEFT_OVER: f64 = 0.5;

/// What a service let in before it refused the first time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Burst {
    pub(super) served: f64,
    pub(super) seconds: f64,
    /// Those of them that left at once, at the end.
    at_once: f64,
}

/// A rate that a trial tells.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) rate: f64,
    /// Whether a window cannot be what the service has.
    pub(super) is_bucket: bool,
    /// How many requests it is told from.
    pub(super) requests: f64,
}

/// What was served from one refusal to the next.
#[derive(Clone, Debug, Default)]
pub(super) struct Trial {
    /// When the request left that was refused before, where there is one.
    after: Option<Timestamp>,
    /// When the requests left that were served, in that order.
    served: VecDeque<Timestamp>,
    /// How many others were served, that are remembered no more.
    forgotten: u32,
    /// When the last request left that was refused at the end.
    until: Timestamp,
}

impl Trial {
    /// The trial that begins where this one ended.
    pub(super) fn next(&self) -> Self {
        Self { after: Some(self.until), ..Self::default() }
    }

    /// A clock that was set back takes along what was seen.
    pub(super) fn set_back(&mut self, back: TimeDelta) {
        for at in self.served.iter_mut().chain(&mut self.after).chain([&mut self.until]) {
            *at -= back;
        }
    }

    /// The request that left then was served. Answers come in any order.
    pub(super) fn serve(&mut self, left: Timestamp) {
        let before = self.served.iter().rposition(|at| *at <= left);
        self.served.insert(before.map_or(0, |before| before + 1), left);
        let oldest = left - REMEMBERED;
        while self.served.len() > REMEMBERED_MAX
            || self.served.front().is_some_and(|at| *at < oldest)
        {
            self.served.pop_front();
            self.forgotten = self.forgotten.saturating_add(1);
        }
    }

    /// The request that left then was refused.
    pub(super) fn refuse(&mut self, left: Timestamp) {
        self.until = self.until.max(left);
    }

    /// How many were served of those that left from then on, and not after the refused one: what
    /// leaves after it meets what is refilled by then.
    fn count(&self, from: Timestamp) -> f64 {
        let count = self.served.iter().filter(|at| (from..=self.until).contains(at)).count();
        f64::from(u32::try_from(count).unwrap_or(u32::MAX))
    }

    fn began(&self) -> Timestamp {
        self.served.front().copied().unwrap_or(self.until)
    }

    /// All of it, taken for a burst.
    pub(super) fn burst(&self) -> Burst {
        let began = self.began();
        let (served, at_once) = (self.count(began), self.count(self.until - AT_ONCE));
        Burst { served, seconds: seconds(self.until - began), at_once }
    }

    /// Requests a second that were served lately, as if it had taken so long at the least.
    pub(super) fn lately(&self, seconds_min: f64) -> f64 {
        let from = self.began().max(self.until - LATELY);
        self.count(from) / seconds(self.until - from).max(seconds_min)
    }

    /// The rate of a service that let in such a burst at first, and that may have a window of so
    /// many seconds.
    pub(super) fn tell(&self, burst: Burst, window_seconds: f64) -> Told {
        let in_window = self.count(self.until - Duration::from_secs_f64(window_seconds));
        if (in_window - burst.served).abs() <= (burst.served * SAME).max(1.0) {
            let rate = (in_window / window_seconds).max(self.lately(window_seconds));
            return Told { rate, is_bucket: false, requests: in_window };
        }
        // The bucket was empty at both refusals, so that all of this was refilled between them, and
        // more where it was full for a while.
        let mut served = self.count(self.began());
        let all = served + f64::from(self.forgotten);
        let time = self.after.map_or(f64::INFINITY, |after| seconds(self.until - after).max(0.001));
        let mut told = Told { rate: all / time, is_bucket: true, requests: all };
        // It was full at some moment, and from then on let in the burst and what was refilled: more
        // than what is told from any other moment.
        for at in self.served.iter().take_while(|at| **at <= self.until) {
            let (beyond, time) = (served + LEFT_OVER - burst.served, seconds(self.until - *at));
            if beyond < BEYOND_MIN || time <= burst.seconds {
                break;
            }
            // What was refilled during the burst is no part of it; what left at once is.
            let rate = beyond / (time - burst.seconds);
            let rate = rate.min((served + LEFT_OVER - burst.at_once) / time);
            if rate > told.rate {
                told = Told { rate, requests: beyond, ..told };
            }
            served -= 1.0;
        }
        told
    }
}
