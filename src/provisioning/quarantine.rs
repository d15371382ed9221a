//! Quarantine: a job that fails as a whole rests, and is tried less and less often (Graph
//! `synchronizationQuarantine`).
//!
//! Refused credentials and an address where no SCIM service answers put a job in quarantine at
//! once; so does a cycle in which too many changes fail. Entra counts from 5,000 failures on, which
//! leaves a small tenant alone with them; here a share of twenty changes is enough. While a job is
//! in quarantine each cycle begins with one request, and goes no further if that fails; it stops
//! where the failures go on. The first cycle that ends well ends the quarantine.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::{Reason, Remedy, Schedule, failure_of, remedy};
use crate::{model::Timestamp, scim::TargetFault};

/// Changes in a cycle below which their share of failures means nothing.
const EVENTS_MIN: u64 = 20;

/// The share of failing changes above which a job is put in quarantine: Entra's.
const FAILING_PERCENT_MAX: u64 = 40;

/// Objects that fail at once at most, whatever their share: Entra's.
pub const FAILURES_MAX: u64 = 60_000;

/// The longest pause between two tries.
const PAUSE_MAX: TimeDelta = TimeDelta::hours(24);

/// A job that is in quarantine for so long is paused: Entra's four weeks.
const PAUSED_AFTER: TimeDelta = TimeDelta::days(28);

/// Why a job is in quarantine (Graph `quarantineReason`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum QuarantineReason {
    /// The credentials are refused, or what answers is no SCIM service.
    EncounteredQuarantineException,
    /// Too large a share of the changes failed.
    EncounteredEscrowProportionThreshold,
    /// Too many objects fail.
    EncounteredTotalEscrowThreshold,
}

impl QuarantineReason {
    /// Graph's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EncounteredQuarantineException => "EncounteredQuarantineException",
            Self::EncounteredEscrowProportionThreshold => "EncounteredEscrowProportionThreshold",
            Self::EncounteredTotalEscrowThreshold => "EncounteredTotalEscrowThreshold",
        }
    }
}

/// What puts a job in quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineCause {
    /// The kind of cause.
    pub reason: QuarantineReason,
    /// The code of the provisioning log.
    pub code: Reason,
    /// What happened, as a sentence.
    pub message: String,
}

/// A job's quarantine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantine {
    /// Why.
    pub reason: QuarantineReason,
    /// The code of the last failure.
    pub code: Reason,
    /// What happened then, as a sentence.
    pub message: String,
    /// Since when, whatever the reasons were.
    pub series_began: Timestamp,
    /// Since when for this reason.
    pub current_began: Timestamp,
    /// How many scheduled cycles it lasted, the first included.
    pub series_count: u32,
    /// When the last of them began.
    pub last_attempt: Timestamp,
}

/// Who asked for a cycle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Occasion {
    /// The schedule.
    #[default]
    Scheduled,
    /// A person: that makes the next scheduled try no later.
    Asked,
}

/// How the changes of one cycle went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Events {
    /// Applied.
    pub succeeded: u64,
    /// Failed; references between accounts are not counted.
    pub failed: u64,
}

impl Events {
    /// Whether more than 40 % of at least 20 failed.
    pub fn too_many_fail(self) -> bool {
        let all = self.succeeded + self.failed;
        all >= EVENTS_MIN && self.failed * 100 > all * FAILING_PERCENT_MAX
    }
}

impl QuarantineCause {
    /// Whether this fault alone is a reason, because every further request would meet it.
    pub fn of_fault(fault: &TargetFault) -> Option<Self> {
        match remedy(fault.class) {
            Remedy::Quarantine => Some(Self {
                reason: QuarantineReason::EncounteredQuarantineException,
                code: failure_of(fault).reason,
                message: fault.detail.clone(),
            }),
            Remedy::Pace | Remedy::Settle | Remedy::Rematch | Remedy::Escrow => None,
        }
    }

    /// Whether the changes of a cycle are one. `failing` objects fail now, and most of those of
    /// this cycle with the code `most`.
    pub fn of_events(events: Events, failing: u64, most: Reason) -> Option<Self> {
        if failing >= FAILURES_MAX {
            return Some(Self {
                reason: QuarantineReason::EncounteredTotalEscrowThreshold,
                code: most,
                message: format!("{failing} objects fail, most of them with {most}"),
            });
        }
        events.too_many_fail().then(|| Self {
            reason: QuarantineReason::EncounteredEscrowProportionThreshold,
            code: most,
            message: format!(
                "{} of {} changes failed, most of them with {most}",
                events.failed,
                events.succeeded + events.failed
            ),
        })
    }
}

impl Quarantine {
    /// The quarantine that this cause begins or continues, found by a cycle that began then.
    pub fn entered(
        before: Option<&Self>,
        cause: QuarantineCause,
        occasion: Occasion,
        began: Timestamp,
    ) -> Self {
        let QuarantineCause { reason, code, message } = cause;
        let Some(before) = before else {
            return Self {
                reason,
                code,
                message,
                series_began: began,
                current_began: began,
                series_count: 1,
                last_attempt: began,
            };
        };
        let is_same = before.cause() == cause_name(reason, code);
        let (series_count, last_attempt) = match occasion {
            Occasion::Scheduled => (before.series_count.saturating_add(1), began),
            Occasion::Asked => (before.series_count, before.last_attempt),
        };
        Self {
            reason,
            code,
            message,
            series_began: before.series_began,
            current_began: if is_same { before.current_began } else { began },
            series_count,
            last_attempt,
        }
    }

    /// What people are told once: the code of an exception, the name of a threshold.
    pub fn cause(&self) -> String {
        cause_name(self.reason, self.code)
    }

    /// Code and sentence of what keeps the job in quarantine.
    pub fn problem(&self) -> String {
        format!("{}: {}", self.code, self.message)
    }

    /// When the next scheduled try is due: after the schedule's own pause, then twice, four times
    /// … as long, at last once a day.
    pub fn next_attempt(&self, schedule: &Schedule, now: Timestamp) -> Timestamp {
        // A clock that was set back must not put a try off for longer than a day.
        let last = self.last_attempt.min(now);
        let regular = schedule.next_after(last, last);
        let doublings = self.series_count.saturating_sub(1).min(16);
        let pause = (regular - last).checked_mul(1 << doublings).unwrap_or(TimeDelta::MAX);
        let longest = PAUSE_MAX.max(regular - last);
        last + pause.min(longest)
    }

    /// Whether it lasts so long that only a person can end it.
    pub fn is_hopeless(&self, now: Timestamp) -> bool {
        now - self.series_began >= PAUSED_AFTER
    }
}

fn cause_name(reason: QuarantineReason, code: Reason) -> String {
    match reason {
        QuarantineReason::EncounteredQuarantineException => code.to_string(),
        QuarantineReason::EncounteredEscrowProportionThreshold
        | QuarantineReason::EncounteredTotalEscrowThreshold => reason.as_str().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::scim::FaultClass;

    fn at(text: &str) -> Timestamp {
        chrono::DateTime::parse_from_rfc3339(text).expect(text).to_utc()
    }

    const NOON: &str = "2026-11-23T12:00:00Z";

    fn fault(class: FaultClass) -> TargetFault {
        let detail = "it said no".to_owned();
        TargetFault { class, status: None, scim_type: None, detail, retry_after: None }
    }

    fn refused() -> QuarantineCause {
        QuarantineCause::of_fault(&fault(FaultClass::Unauthorized)).expect("a cause")
    }

    #[test]
    fn more_than_forty_percent_of_twenty_are_too_many() {
        let too_many = |succeeded, failed| Events { succeeded, failed }.too_many_fail();
        assert!(too_many(11, 9));
        assert!(!too_many(12, 8), "exactly forty percent");
        assert!(!too_many(0, 19), "too few to say");
        assert!(too_many(0, 20));
        assert!(!too_many(1_000, 40));
    }

    #[test]
    fn only_what_every_request_would_meet_is_a_reason_at_once() {
        use FaultClass::{
            Conflict, Lost, Malformed, Missing, NotCompliant, Rejected, Throttled, Unauthorized,
            Unavailable,
        };
        for class in [Unauthorized, NotCompliant] {
            assert!(QuarantineCause::of_fault(&fault(class)).is_some(), "{class:?}");
        }
        for class in [Conflict, Lost, Malformed, Missing, Rejected, Throttled, Unavailable] {
            assert_eq!(QuarantineCause::of_fault(&fault(class)), None, "{class:?}");
        }
    }

    #[test]
    fn sixty_thousand_failing_objects_are_too_many_whatever_their_share() {
        let events = Events { succeeded: 1_000_000, failed: 60_000 };
        let cause = QuarantineCause::of_events(events, 60_000, Reason::EntryConflict);
        let reason = cause.expect("a cause").reason;
        assert_eq!(reason, QuarantineReason::EncounteredTotalEscrowThreshold);
        assert_eq!(QuarantineCause::of_events(events, 59_999, Reason::EntryConflict), None);
    }

    #[test]
    fn tries_become_rarer_until_there_is_one_a_day() {
        let schedule = Schedule::Every(Duration::from_secs(40 * 60));
        let mut quarantine = Quarantine::entered(None, refused(), Occasion::Scheduled, at(NOON));
        let mut pauses = Vec::new();
        for _ in 0..9 {
            let last = quarantine.last_attempt;
            let next = quarantine.next_attempt(&schedule, last);
            pauses.push((next - last).num_minutes());
            quarantine =
                Quarantine::entered(Some(&quarantine), refused(), Occasion::Scheduled, next);
        }
        assert_eq!(pauses, [40, 80, 160, 320, 640, 1_280, 1_440, 1_440, 1_440]);
    }

    #[test]
    fn a_job_that_runs_more_rarely_than_daily_is_tried_no_oftener_than_it_runs() {
        let week = Schedule::cron("0 9 * * MON", chrono_tz::UTC).expect("a rule");
        let quarantine = Quarantine::entered(None, refused(), Occasion::Scheduled, at(NOON));
        let next = quarantine.next_attempt(&week, at(NOON));
        assert_eq!(next, at("2026-11-30T09:00:00Z"));
    }

    #[test]
    fn a_person_who_tries_makes_the_next_scheduled_try_no_later() {
        let schedule = Schedule::Every(Duration::from_secs(40 * 60));
        let first = Quarantine::entered(None, refused(), Occasion::Scheduled, at(NOON));
        let due = first.next_attempt(&schedule, at(NOON));
        let later = at(NOON) + TimeDelta::minutes(5);
        let again = Quarantine::entered(Some(&first), refused(), Occasion::Asked, later);
        assert_eq!(again.next_attempt(&schedule, later), due);
        assert_eq!(again, first);
    }

    #[test]
    fn another_reason_is_told_anew_but_the_series_goes_on() {
        let first = Quarantine::entered(None, refused(), Occasion::Scheduled, at(NOON));
        let later = at(NOON) + TimeDelta::days(3);
        let other = QuarantineCause::of_fault(&fault(FaultClass::NotCompliant)).expect("a cause");
        let second = Quarantine::entered(Some(&first), other, Occasion::Scheduled, later);
        assert_ne!(first.cause(), second.cause());
        assert_eq!((second.series_began, second.current_began), (at(NOON), later));
        assert!(!second.is_hopeless(at(NOON) + TimeDelta::days(27)));
        assert!(second.is_hopeless(at(NOON) + TimeDelta::days(28)));
    }

    #[test]
    fn a_clock_that_was_set_back_puts_no_try_off() {
        let schedule = Schedule::Every(Duration::from_secs(40 * 60));
        let ahead = at(NOON) + TimeDelta::days(400);
        let quarantine = Quarantine::entered(None, refused(), Occasion::Scheduled, ahead);
        let next = quarantine.next_attempt(&schedule, at(NOON));
        assert_eq!(next, at(NOON) + TimeDelta::minutes(40));
    }
}
