//! Escrow: when an object that failed is tried again (Entra's name for what is set aside).
//!
//! One object that fails must neither stop the others nor be hammered. So it is set aside with its
//! error, and tried less and less often. Only a removal is tried in every cycle and never given
//! up: somebody who left still has access.

use chrono::TimeDelta;

use super::Remedy;
use crate::model::Timestamp;

/// An object that failed for so long is given up and listed, as under Entra.
pub const GIVEN_UP_AFTER: TimeDelta = TimeDelta::days(28);

/// Failures of one removal after which people are told: two more cycles often mend it.
pub const REMOVAL_FAILURES_TOLD: u64 = 3;

/// Cycles before the first tries again. Before the last of them 6 hours have passed at the usual
/// interval.
const CYCLES: [u64; 4] = [1, 2, 4, 8];

/// Hours before the tries after those; the last one repeats.
const HOURS: [i64; 3] = [6, 12, 24];

/// How an object that failed is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// In every cycle, for ever.
    EveryCycle,
    /// In the next cycle, because it must be found out what is there; given up like any other.
    NextCycle,
    /// Less and less often; given up after [`GIVEN_UP_AFTER`].
    LessAndLess,
}

/// When an object that failed is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextAttempt {
    /// In the cycle of this number, or in an earlier one that begins at this moment or later.
    Cycle {
        /// The cycle's number.
        number: u64,
        /// Where cycles are rare, the first one after this.
        at_latest: Timestamp,
    },
    /// In the first cycle at this moment or later.
    At(Timestamp),
    /// Not before a change of its source, or a person, asks for it.
    GivenUp,
}

/// How often an object failed in a row, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failures {
    /// Cycles in which it failed, at least 1.
    pub count: u64,
    /// The first of them.
    pub since: Timestamp,
}

/// How a failure that is treated so is tried again.
///
/// | | a removal | anything else |
/// | --- | --- | --- |
/// | nobody knows whether it was applied | every cycle | next cycle |
/// | any other | every cycle | less and less often |
pub fn retry(remedy: Remedy, is_removal: IsRemoval) -> Retry {
    match (is_removal, remedy) {
        (IsRemoval::Yes, _) => Retry::EveryCycle,
        (IsRemoval::No, Remedy::Settle) => Retry::NextCycle,
        (IsRemoval::No, Remedy::Pace | Remedy::Rematch | Remedy::Escrow | Remedy::Quarantine) => {
            Retry::LessAndLess
        }
    }
}

/// Whether what failed would have taken access away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IsRemoval {
    /// It would.
    Yes,
    /// It would not.
    No,
}

/// When an object is tried again that just failed in the cycle of this number.
///
/// After 1, 2, 4 and 8 cycles, or 6 hours where that is sooner; then after 6, 12 and 24 hours, and
/// daily. The hours, the daily try and the 28 days are Entra's.
pub fn retry_at(retry: Retry, failures: Failures, (cycle, now): (u64, Timestamp)) -> NextAttempt {
    let next = NextAttempt::Cycle { number: cycle + 1, at_latest: now };
    if retry == Retry::EveryCycle {
        return next;
    }
    if now - failures.since >= GIVEN_UP_AFTER {
        return NextAttempt::GivenUp;
    }
    if retry == Retry::NextCycle {
        return next;
    }
    let tries = usize::try_from(failures.count.saturating_sub(1)).unwrap_or(usize::MAX);
    if let Some(cycles) = CYCLES.get(tries) {
        let at_latest = now + TimeDelta::hours(HOURS[0]);
        return NextAttempt::Cycle { number: cycle + cycles, at_latest };
    }
    let step = (tries - CYCLES.len()).min(HOURS.len() - 1);
    NextAttempt::At(now + TimeDelta::hours(HOURS[step]))
}

/// How often it failed and when it is tried again, as a sentence for the log.
pub fn retry_sentence(failures: Failures, next: NextAttempt, cycle: u64) -> String {
    let times = match failures.count {
        1 => "failed for the first time".to_owned(),
        count => format!("failed {count} times since {}", moment(failures.since)),
    };
    match next {
        NextAttempt::Cycle { number, .. } if number <= cycle + 1 => {
            format!("{times}; tried again in the next cycle")
        }
        NextAttempt::Cycle { number, at_latest } => format!(
            "{times}; tried again after {} cycles, or in the first one after {}",
            number - cycle,
            moment(at_latest)
        ),
        NextAttempt::At(at) => {
            format!("{times}; tried again in the first cycle after {}", moment(at))
        }
        NextAttempt::GivenUp => format!(
            "{times}, and is given up until it changes in the directory or \
             `entra-scim restart --escrows` asks for it"
        ),
    }
}

fn moment(at: Timestamp) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        chrono::DateTime::parse_from_rfc3339(text).expect(text).to_utc()
    }

    const NOON: &str = "2026-11-23T12:00:00Z";

    /// Fails whenever it is tried, with a cycle every so many minutes; the cycles that try it.
    fn tried(every_minutes: i64, retry: Retry, days: i64) -> (Vec<u64>, Timestamp, bool) {
        let since = at(NOON);
        let (mut tried, mut count, mut given_up) = (vec![1], 1, false);
        let mut next = retry_at(retry, Failures { count, since }, (1, since));
        let mut last = since;
        for cycle in 2.. {
            let now = since + TimeDelta::minutes(every_minutes * (cycle - 1));
            if now > since + TimeDelta::days(days) {
                break;
            }
            let number = u64::try_from(cycle).expect("positive");
            let due = match next {
                NextAttempt::Cycle { number: due, at_latest } => number >= due || now >= at_latest,
                NextAttempt::At(at) => now >= at,
                NextAttempt::GivenUp => {
                    given_up = true;
                    false
                }
            };
            if due {
                count += 1;
                tried.push(number);
                last = now;
                next = retry_at(retry, Failures { count, since }, (number, now));
            }
        }
        (tried, last, given_up)
    }

    #[test]
    fn one_two_four_and_eight_cycles_then_hours_then_daily_for_four_weeks() {
        let (cycles, last, given_up) = tried(40, Retry::LessAndLess, 60);
        // 6, 12 and 24 hours are 9, 18 and 36 cycles of 40 minutes.
        assert_eq!(cycles[..9], [1, 2, 4, 8, 16, 25, 43, 79, 115]);
        assert!(given_up);
        let age = last - at(NOON);
        assert!(age >= TimeDelta::days(28) && age < TimeDelta::days(29), "{age}");
    }

    #[test]
    fn where_cycles_are_rare_six_hours_are_enough() {
        let (cycles, ..) = tried(24 * 60, Retry::LessAndLess, 6);
        assert_eq!(cycles, [1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn a_removal_is_tried_in_every_cycle_and_never_given_up() {
        let (cycles, _, given_up) = tried(12 * 60, Retry::EveryCycle, 60);
        assert_eq!(cycles.len(), 121);
        assert!(!given_up);
    }

    #[test]
    fn what_nobody_knows_is_looked_at_in_the_next_cycle() {
        let (cycles, _, given_up) = tried(12 * 60, Retry::NextCycle, 60);
        assert_eq!(cycles.len(), 57);
        assert!(given_up);
    }

    #[test]
    fn a_clock_that_was_set_back_gives_nobody_up() {
        let failures = Failures { count: 7, since: at(NOON) };
        let next = retry_at(Retry::LessAndLess, failures, (9, at(NOON) - TimeDelta::days(90)));
        assert_eq!(next, NextAttempt::At(at(NOON) - TimeDelta::days(89)));
    }

    #[test]
    fn the_log_says_how_often_and_when_next() {
        let say = |count, cycle| {
            let failures = Failures { count, since: at(NOON) };
            let next = retry_at(Retry::LessAndLess, failures, (cycle, at(NOON)));
            retry_sentence(failures, next, cycle)
        };
        assert_eq!(say(1, 5), "failed for the first time; tried again in the next cycle");
        assert_eq!(
            say(3, 5),
            "failed 3 times since 2026-11-23 12:00 UTC; tried again after 4 cycles, or in the \
             first one after 2026-11-23 18:00 UTC"
        );
        assert_eq!(
            say(6, 50),
            "failed 6 times since 2026-11-23 12:00 UTC; tried again in the first cycle after \
             2026-11-24 00:00 UTC"
        );
    }
}
