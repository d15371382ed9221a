//! One class of requests to one host: the rate and the window that its answers taught.

use std::time::Duration;

use chrono::TimeDelta;

use super::host::Appointment;
use crate::model::Timestamp;

/// The slowest that throttling alone makes it, in requests a second.
const RATE_MIN: f64 = 0.5;

/// A rate beyond which the way to the service is the limit, and none is kept any more.
const RATE_MAX: f64 = 2_000.0;

/// How close to what was refused last the rate comes by itself.
const NEAR: f64 = 0.98;

/// What is left of a rate that was refused.
const CUT: f64 = 0.95;

/// At least so much of a rate must have been served for it to be taken for a little too much.
const SUSTAINED: f64 = 0.9;

/// The least that one refusal leaves of a rate.
const CUT_MAX: f64 = 0.5;

/// So many requests must have been served between two refusals to tell a rate from them. Where
/// fewer were, and none is known, this one is guessed, and soon given up if all goes well.
const EVIDENCE_MIN: u32 = 4;
const RATE_GUESSED: f64 = 50.0;
const GUESS_RAISED: f64 = 16.0 / 15.0;

/// A first refusal within such a time, and after no more requests, tells of a burst that a service
/// lets in, and little of what it allows in the long run. So the rate grows fast after it, by this
/// share of itself in a second, and less so after each of the next refusals.
const BURST_SECONDS: f64 = 1.0;
const BURST_MAX: u32 = 16;
const SEARCHED: [f64; 3] = [0.05, 0.25, 1.0];

/// A second's growth, as a share of the rate that was refused last: up to near it, past it, and
/// where it is left behind because the service allows more by now.
const REGAINED: f64 = 0.02;
const PROBED: f64 = 0.005;
const GAINED: f64 = 0.05;

/// What is served is counted in spans of such a time, of which the last two count.
const SPAN: TimeDelta = TimeDelta::seconds(3);

/// Beyond so much of the rate that was refused last, the limit is another one by now.
const LEFT_BEHIND: f64 = 1.05;

/// How long a rate near the refused one is kept before more is tried; doubled each time that the
/// same limit is met again.
const PATIENCE_FIRST: Duration = Duration::from_secs(60);
const PATIENCE_MAX: Duration = Duration::from_secs(240);

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
    /// Requests a second that the service bears; none is known where it never throttled.
    rate: Option<f64>,
    is_guess: bool,
    /// How many refusals are still expected before the rate is found.
    searches: usize,
    /// The rate that was refused last.
    refused: f64,
    refused_at: Timestamp,
    patience: Duration,
    raised_at: Timestamp,
    /// What a rate was told from last: requests served, in so many seconds, and the rate before.
    evidence: Option<(f64, f64, Option<f64>)>,
    /// How many requests were served lately without one that was refused.
    served: Served,
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
            rate: None,
            is_guess: false,
            searches: 0,
            refused: 0.0,
            refused_at: never,
            patience: PATIENCE_FIRST,
            raised_at: never,
            evidence: None,
            served: Served::default(),
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
        for at in [
            &mut self.next,
            &mut self.held_until,
            &mut self.refused_at,
            &mut self.raised_at,
            &mut self.opened_at,
            &mut self.narrowed_at,
        ] {
            *at -= back;
        }
        self.served.set_back(back);
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
        (self.next.max(self.held_until).max(now), self.rate.is_some() && self.next > now)
    }

    /// A request leaves at this moment; the next one no earlier than `apart` after it.
    pub(super) fn appoint(
        &mut self,
        (at, now): (Timestamp, Timestamp),
        is_paced: bool,
        apart: Duration,
    ) -> Appointment {
        let learnt = self.rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(1.0 / rate));
        self.next = at + learnt.max(apart);
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
            Answered::Served if left.at <= self.refused_at => self.complete(),
            Answered::Served => {
                self.served.add(left.at, now);
                self.raise(left.is_paced, now);
                self.time(left.at, now);
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
        // What left before the last refusal was under way already, and says nothing new.
        if left <= self.refused_at {
            return;
        }
        if self.served.count() < EVIDENCE_MIN {
            self.is_guess |= self.rate.is_none();
            self.evidence = None;
            self.refused = self.rate.unwrap_or(RATE_GUESSED / CUT_MAX);
            self.rate = Some((self.refused * CUT_MAX).max(RATE_MIN));
        } else {
            self.measure(wait, now);
        }
        (self.refused_at, self.raised_at) = (now, self.held_until);
        self.served = Served::default();
    }

    /// What was served since the last refusal is what the service allows.
    fn measure(&mut self, wait: Duration, now: Timestamp) {
        let time = self.served.seconds(now).max(wait.as_secs_f64()).max(0.001);
        let known = self.rate.filter(|_| !self.is_guess);
        let before = self.refused;
        let is_burst = known.is_none()
            && self.served.count() < BURST_MAX
            && self.served.seconds(now) < BURST_SECONDS;
        self.searches = if is_burst { SEARCHED.len() } else { self.searches.saturating_sub(1) };
        self.conclude(f64::from(self.served.count()), time, known);
        let is_same =
            known.is_some() && (before * CUT..=before * LEFT_BEHIND).contains(&self.refused);
        self.patience =
            if is_same { (self.patience * 2).min(PATIENCE_MAX) } else { PATIENCE_FIRST };
    }

    /// One more was served of those that were under way when the last refusal came.
    fn complete(&mut self) {
        if let Some((served, time, known)) = self.evidence {
            self.conclude(served + 1.0, time, known);
        }
    }

    /// A rate was refused, with so much served in so many seconds; it was known, or there was none.
    fn conclude(&mut self, served: f64, time: f64, known: Option<f64>) {
        self.evidence = Some((served, time, known));
        let served = served / time;
        let rate = known.unwrap_or(served);
        let is_sustained = served >= rate * SUSTAINED;
        self.refused = if is_sustained { rate } else { served.max(rate * CUT_MAX) }.max(RATE_MIN);
        let cut = if known.is_some() { CUT } else { NEAR };
        self.rate = Some((self.refused * NEAR).min(rate * cut).clamp(RATE_MIN, RATE_MAX));
        self.is_guess = false;
    }

    /// After a success: a little faster again.
    fn raise(&mut self, is_paced: bool, now: Timestamp) {
        let Some(rate) = self.rate else { return };
        let time = seconds(now - self.raised_at).clamp(0.0, 1.0);
        self.raised_at = self.raised_at.max(now);
        if self.is_guess {
            self.rate = Some(rate * GUESS_RAISED).filter(|rate| *rate < RATE_MAX);
            self.is_guess = self.rate.is_some();
            return;
        }
        if !is_paced {
            return;
        }
        if let Some(growth) = self.searches.checked_sub(1).and_then(|left| SEARCHED.get(left)) {
            self.rate = Some(rate * (1.0 + growth * time)).filter(|rate| *rate < RATE_MAX);
            return;
        }
        let (near, step) = (self.refused * NEAR, self.refused * time);
        let waited = now - self.refused_at >= self.patience_delta();
        let rate = if rate < near {
            (rate + step * REGAINED).min(near)
        } else if !waited {
            rate
        } else if rate < self.refused * LEFT_BEHIND {
            rate + step * PROBED
        } else {
            rate + step * GAINED
        };
        self.rate = (rate < RATE_MAX).then_some(rate);
    }

    fn patience_delta(&self) -> TimeDelta {
        TimeDelta::from_std(self.patience).unwrap_or(TimeDelta::MAX)
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

/// How many were served: in the span under way and the one before it, each with its beginning.
#[derive(Debug, Default)]
struct Served {
    spans: [Option<(Timestamp, u32)>; 2],
}

impl Served {
    fn add(&mut self, left: Timestamp, now: Timestamp) {
        match &mut self.spans[1] {
            Some((began, count)) if now - *began < SPAN => *count += 1,
            Some((began, _)) => {
                let next = Some(((*began + SPAN).max(now - SPAN), 1));
                self.spans = [self.spans[1], next];
            }
            None => self.spans[1] = Some((left, 1)),
        }
    }

    fn count(&self) -> u32 {
        self.spans.iter().flatten().map(|(_, count)| count).sum()
    }

    fn seconds(&self, now: Timestamp) -> f64 {
        let began = self.spans.iter().flatten().next();
        began.map_or(0.0, |(began, _)| seconds(now - *began))
    }

    fn set_back(&mut self, back: TimeDelta) {
        for (began, _) in self.spans.iter_mut().flatten() {
            *began -= back;
        }
    }
}

/// A time in seconds; none where it is negative.
fn seconds(time: TimeDelta) -> f64 {
    time.to_std().unwrap_or_default().as_secs_f64()
}
