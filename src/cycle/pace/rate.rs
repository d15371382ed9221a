//! The rate of one class of requests that a service bears, as its refusals taught it.
//!
//! A first refusal tells how much is let in at once, and little of the rate. So the next requests
//! leave at a multiple of that, faster and faster, and the second refusal tells about the rate.
//! From there it grows slowly, and the third tells it well. A service that lets in the same number
//! again has a window of that many, and needs no third. From then on the rate is kept near the one
//! that was refused, and more is tried only after a while. What a refusal tells is [`Trial`]'s.

use std::time::Duration;

use chrono::TimeDelta;

use super::{
    lane::seconds,
    trial::{Burst, Told, Trial},
};
use crate::model::Timestamp;

/// The slowest that throttling alone makes it, in requests a second.
const RATE_MIN: f64 = 0.5;

/// A rate beyond which the way to the service is the limit, and none is kept any more; a search
/// begins at half of that at most.
const RATE_MAX: f64 = 2_000.0;
const PROBE_MAX: f64 = RATE_MAX / 2.0;

/// How close to what was refused last the rate comes by itself, and how close to what a bucket was
/// seen to refill: that cannot be too much.
const NEAR: f64 = 0.98;
const NEAR_BUCKET: f64 = 0.99;

/// What is left of a rate that was refused.
const CUT: f64 = 0.95;

/// At least so much of a rate must have been served for it to be taken for a little too much.
const SUSTAINED: f64 = 0.9;

/// The least that one refusal leaves of a rate.
const CUT_MAX: f64 = 0.5;

/// Where nothing was served before the first refusal, this rate is guessed, and soon given up if
/// all goes well.
const RATE_GUESSED: f64 = 50.0;
const GUESS_RAISED: f64 = 16.0 / 15.0;

/// A service lets in a burst in the time for which it wants to be left alone, and in a second at
/// the least. The search begins at so many times that, unless the burst itself took longer to send.
const WINDOW_SECONDS_MIN: f64 = 1.0;
const BURSTS_PROBED: f64 = 4.0;

/// A second's growth until the rate is about known.
const PROBED: f64 = 1.0;

/// A second's growth from there on: little where the rate was told from many requests, because the
/// slower it comes past what is allowed, the better is told how much that is.
const REFINED_MIN: f64 = 0.02;
const REFINED_MAX: f64 = 0.1;
const REFINED_REQUESTS: f64 = 0.5;

/// A bucket's rate must be told from so many requests to be known well, or the search goes on, for
/// so many refusals in all. A window's number is exact, where it is not tiny.
const WELL_TOLD: f64 = 25.0;
const REFINED_TIMES: u32 = 2;
const EXACT_MIN: f64 = 4.0;

/// A second's growth of a rate that is known, as a share of the one that was refused last: up to
/// near it, past it, and where it is left behind because the service allows more by now.
const REGAINED: f64 = 0.02;
const RAISED: f64 = 0.005;
const GAINED: f64 = 0.05;

/// Beyond so much of the rate that was refused last, the limit is another one by now.
const LEFT_BEHIND: f64 = 1.05;

/// How long a rate near the refused one is kept before more is tried, and one that a bucket told;
/// doubled each time that the same limit is met again.
const PATIENCE_FIRST: Duration = Duration::from_secs(60);
const PATIENCE_BUCKET: Duration = Duration::from_secs(120);
const PATIENCE_MAX: Duration = Duration::from_secs(240);

/// How far the search for the rate is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Search {
    /// Nothing was refused, or what was is left behind for good.
    Unneeded,
    /// Nothing is known but that it was too much.
    Guessed,
    /// The burst is known, and how it is counted comes out.
    Probed,
    /// The rate is known about. It grows by this share a second, and so many refusals may follow.
    Refined(f64, u32),
    /// The rate is known.
    Found,
}

/// What refusals taught.
#[derive(Clone, Copy, Debug)]
struct Learnt {
    /// Requests a second that the service bears; none is known where it never throttled.
    rate: Option<f64>,
    search: Search,
    /// What the service lets in at once; none where it was seen to count otherwise.
    burst: Option<Burst>,
    /// The rate that was refused last.
    refused: f64,
    patience: Duration,
    /// Whether nothing at all was served before the last refusal.
    was_early: bool,
}

/// A refusal, and what there was before it: answers to requests that were under way then make it
/// clearer.
#[derive(Debug)]
struct Refusal {
    before: Learnt,
    trial: Trial,
    window_seconds: f64,
}

/// The rate of one class of requests.
#[derive(Debug)]
pub(super) struct Rate {
    learnt: Learnt,
    refused_at: Timestamp,
    raised_at: Timestamp,
    trial: Trial,
    last: Option<Refusal>,
}

impl Default for Rate {
    fn default() -> Self {
        let never = Timestamp::UNIX_EPOCH;
        let learnt = Learnt {
            rate: None,
            search: Search::Unneeded,
            burst: None,
            refused: 0.0,
            patience: PATIENCE_FIRST,
            was_early: false,
        };
        let trial = Trial::default();
        Self { learnt, refused_at: never, raised_at: never, trial, last: None }
    }
}

impl Rate {
    /// A clock that was set back takes what lies ahead with it.
    pub(super) fn set_back(&mut self, back: TimeDelta) {
        self.refused_at -= back;
        self.raised_at -= back;
        self.trial.set_back(back);
        if let Some(last) = &mut self.last {
            last.trial.set_back(back);
        }
    }

    /// Whether one is known.
    pub(super) fn is_known(&self) -> bool {
        self.learnt.rate.is_some()
    }

    /// The least time between two requests.
    pub(super) fn apart(&self) -> Duration {
        self.learnt.rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(1.0 / rate))
    }

    /// Whether a request that left then was under way when the last refusal came.
    pub(super) fn was_under_way(&self, left: Timestamp) -> bool {
        left <= self.refused_at
    }

    /// A request was served.
    pub(super) fn serve(&mut self, left: Timestamp, is_paced: bool, now: Timestamp) {
        if self.was_under_way(left) {
            if let Some(last) = &mut self.last {
                last.trial.serve(left);
            }
            self.conclude();
            return;
        }
        self.last = None;
        self.trial.serve(left);
        self.raise(is_paced, now);
    }

    /// A request was refused, with so long a wait, and nobody asks before `held_until`.
    pub(super) fn refuse(
        &mut self,
        left: Timestamp,
        (wait, held_until): (Duration, Timestamp),
        now: Timestamp,
    ) {
        if self.was_under_way(left) {
            // It says nothing new, but that there was no more at that moment either.
            if let Some(last) = &mut self.last {
                last.trial.refuse(left);
            }
        } else {
            self.trial.refuse(left);
            let next = self.trial.next();
            let trial = std::mem::replace(&mut self.trial, next);
            let window_seconds = wait.as_secs_f64().max(WINDOW_SECONDS_MIN);
            self.last = Some(Refusal { before: self.learnt, trial, window_seconds });
            (self.refused_at, self.raised_at) = (now, held_until);
        }
        self.conclude();
    }

    fn conclude(&mut self) {
        if let Some(last) = &self.last {
            self.learnt = last.before.after(&last.trial, last.window_seconds);
        }
    }

    /// After a success: a little faster again.
    fn raise(&mut self, is_paced: bool, now: Timestamp) {
        let learnt = &mut self.learnt;
        let Some(rate) = learnt.rate else { return };
        let time = seconds(now - self.raised_at).clamp(0.0, 1.0);
        self.raised_at = self.raised_at.max(now);
        let (near, step) = (learnt.refused * NEAR, learnt.refused * time);
        let waited = seconds(now - self.refused_at) >= learnt.patience.as_secs_f64();
        let rate = match learnt.search {
            Search::Guessed => rate * GUESS_RAISED,
            // Nobody asked as fast as that, so nothing says that it is borne.
            _ if !is_paced => return,
            Search::Probed => rate * (1.0 + PROBED * time),
            Search::Refined(growth, _) => rate * (1.0 + growth * time),
            Search::Unneeded | Search::Found => {
                if rate < near {
                    (rate + step * REGAINED).min(near)
                } else if !waited {
                    return;
                } else if rate < learnt.refused * LEFT_BEHIND {
                    rate + step * RAISED
                } else {
                    rate + step * GAINED
                }
            }
        };
        if rate < RATE_MAX {
            learnt.rate = Some(rate);
        } else {
            (learnt.rate, learnt.search) = (None, Search::Unneeded);
        }
    }
}

impl Learnt {
    /// What is known once a trial has ended with a refusal.
    fn after(self, trial: &Trial, window_seconds: f64) -> Self {
        let served = trial.burst();
        let is_guess = self.search == Search::Guessed;
        let Some(rate) = self.rate.filter(|_| !is_guess) else {
            return self.first(trial, served, window_seconds);
        };
        if served.served < 1.0 {
            // It asked for too short a wait once, which says nothing of the rate; but twice may.
            let rate = if self.was_early { (rate * CUT_MAX).max(RATE_MIN) } else { rate };
            return Self { rate: Some(rate), was_early: true, ..self };
        }
        let told = self.burst.map(|burst| trial.tell(burst, window_seconds));
        match (self.search, told) {
            (Search::Probed, Some(told)) => self.probed(told, window_seconds),
            (Search::Refined(_, times), Some(told)) => self.refined(times, told, rate),
            (_, told) => {
                self.met(told.filter(|told| told.is_bucket), trial.lately(window_seconds), rate)
            }
        }
    }

    /// What is known after the first refusal of all.
    fn first(self, trial: &Trial, served: Burst, window_seconds: f64) -> Self {
        if served.served < 1.0 {
            let rate = self.rate.map_or(RATE_GUESSED, |rate| (rate * CUT_MAX).max(RATE_MIN));
            return Self { rate: Some(rate), search: Search::Guessed, refused: rate, ..self };
        }
        let usual = served.served / window_seconds.max(served.seconds);
        if usual > PROBE_MAX {
            let refused = trial.lately(window_seconds);
            return self.told(Search::Found, refused, NEAR);
        }
        // Half as fast as the burst was sent at the most, or the same would be seen once more.
        let sent = served.served / served.seconds.max(0.001);
        let probe = (usual * BURSTS_PROBED).min(sent / 2.0).clamp(RATE_MIN, PROBE_MAX);
        Self { burst: Some(served), ..self.told(Search::Probed, probe, 1.0) }
    }

    /// What is known after the refusal that shows how the service counts.
    fn probed(self, told: Told, window_seconds: f64) -> Self {
        let is_exact = told.requests >= EXACT_MIN && window_seconds <= WINDOW_SECONDS_MIN;
        if !told.is_bucket && is_exact {
            return Self { burst: None, ..self.told(Search::Found, told.rate, NEAR) };
        }
        // A longer window may as well be a short one in a service that asks for long waits.
        let unsure = if told.is_bucket { REFINED_REQUESTS / told.requests } else { REFINED_MAX };
        let search = Search::Refined(unsure.clamp(REFINED_MIN, REFINED_MAX), REFINED_TIMES);
        self.told(search, told.rate, if told.is_bucket { NEAR_BUCKET } else { NEAR })
    }

    /// What is known after a refusal of a rate that was about right.
    fn refined(self, times: u32, told: Told, rate: f64) -> Self {
        let told = Told { rate: told.rate.max(rate * CUT_MAX), ..told };
        if !told.is_bucket {
            return Self { burst: None, ..self.told(Search::Found, told.rate, NEAR) };
        }
        let search = if told.requests < WELL_TOLD && times > 1 {
            let unsure = (REFINED_REQUESTS / told.requests).clamp(REFINED_MIN, REFINED_MAX);
            Search::Refined(unsure, times - 1)
        } else {
            Search::Found
        };
        Self { patience: PATIENCE_BUCKET, ..self.told(search, told.rate, NEAR_BUCKET) }
    }

    /// What is known after a rate was refused that was known well: a bucket tells how much it is by
    /// now, and of anything else what was served lately.
    fn met(self, bucket: Option<Told>, lately: f64, rate: f64) -> Self {
        let is_sustained = lately >= rate * SUSTAINED;
        let (refused, left) = match bucket {
            Some(told) => (told.rate.clamp(rate * CUT_MAX, rate), NEAR_BUCKET),
            None if is_sustained => (rate, CUT),
            None => (lately.max(rate * CUT_MAX), NEAR),
        };
        let is_same = (self.refused * CUT..=self.refused * LEFT_BEHIND).contains(&refused);
        let patience = if is_same { (self.patience * 2).min(PATIENCE_MAX) } else { PATIENCE_FIRST };
        Self { patience, ..self.told(self.search, refused, left) }
    }

    /// A rate was told, of which so much is used.
    fn told(self, search: Search, refused: f64, used: f64) -> Self {
        let refused = refused.clamp(RATE_MIN, RATE_MAX);
        let rate = Some((refused * used).max(RATE_MIN));
        Self { rate, search, refused, was_early: false, ..self }
    }
}
