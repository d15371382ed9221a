//! When a job's next cycle starts: every so often, or by the clock on a wall somewhere.
//!
//! Applications with the same interval would all start in the same second, for ever. So each has
//! beats of its own, and its regular starts fall on them ([`Spread`]).
//!
//! **Invariant:** of several missed starts one is made up for, at once; and two starts of one job
//! are always in order, whatever a time zone does to its clocks.

use std::{str::FromStr, time::Duration};

use chrono::{DateTime, MappedLocalTime, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use cron::TimeUnitSpec;

use crate::model::Timestamp;

/// When a job's cycles start.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// So long after the start of the cycle before.
    Every(Duration),
    /// The same, on a beat of the application's own.
    Spread(Box<Spread>),
    /// Whenever a cron expression says.
    Cron(Box<CronSchedule>),
}

/// An interval that is divided into equal beats, whose place in time is the application's own.
///
/// A cycle that started at once, being the first, overdue or asked for, is followed by the first
/// beat that is an interval away or more. From there the interval leads from beat to beat: starts
/// are exactly an interval apart, and a start that came a little late delays no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    interval_ms: i128,
    /// Beats in an interval.
    beats: i128,
    /// Where one of the beats is, after the beginning of time.
    offset_ms: i128,
}

/// A cron expression and the time zone it is meant in.
#[derive(Clone, Debug, PartialEq)]
pub struct CronSchedule {
    rule: cron::Schedule,
    zone: Tz,
    every_hour: bool,
}

/// Why a text is not a cron expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCron {
    /// Neither five nor six fields.
    #[error("it has {0} fields; expected 5 (minute hour day month weekday) or 6 (second first)")]
    Fields(usize),
    /// The field for the day of the week makes no sense.
    #[error("`{0}` is not a day of the week (0 to 7, where 0 and 7 are Sunday, or SUN to SAT)")]
    Weekday(String),
    /// Another field makes no sense.
    #[error("`{text}` is not a {field}")]
    Field {
        /// What the field holds.
        text: String,
        /// What it should hold, and its range.
        field: &'static str,
    },
    /// No date fits, such as 30 February.
    #[error("it never comes up")]
    Never,
}

/// The fields before the day of the week.
const FIELDS: [&str; 5] = [
    "second (0 to 59)",
    "minute (0 to 59)",
    "hour (0 to 23)",
    "day (1 to 31)",
    "month (1 to 12, or JAN to DEC)",
];

/// Jitter beyond this share of an interval would be seen as a wrong interval.
const JITTER_SHARE_MAX: u128 = 20;

/// How late a start may be and still count as one on its beat.
const LATENESS_MAX_MS: i128 = 1_000;

/// How far in the future a last start may be: clocks are corrected by less all the time.
const CLOCK_CORRECTION_MAX: TimeDelta = TimeDelta::minutes(1);

/// The largest step that a time zone's clocks make, in hours, but for a zone that changes sides
/// of the date line.
const CLOCK_STEP_HOURS_MAX: i64 = 3;

impl Schedule {
    /// Parses a cron expression of 5 fields (minute first) or 6 (second first).
    ///
    /// Days of the week are POSIX's, 0 to 7, or names. As the day of the month and the day of the
    /// week both have to fit, `0 9 1 * MON` comes up on a first that is a Monday.
    pub fn cron(text: &str, zone: Tz) -> Result<Self, InvalidCron> {
        CronSchedule::parse(text, zone).map(|cron| Self::Cron(Box::new(cron)))
    }

    /// The same schedule on beats that the seed says, at most `jitter_max` and a twentieth of the
    /// interval apart. A cron expression stays as it is: whoever writes 07:30 means 07:30.
    #[must_use]
    pub fn spread(self, jitter_max: Duration, seed: u64) -> Self {
        let Self::Every(interval) = self else { return self };
        let interval_ms = interval.as_millis();
        let beat_ms = jitter_max.as_millis().min(interval_ms / JITTER_SHARE_MAX);
        if beat_ms == 0 {
            return self;
        }
        let beats = interval_ms.div_ceil(beat_ms);
        let offset_ms = u128::from(seed) % (interval_ms / beats);
        let whole = |number: u128| i128::try_from(number).unwrap_or(i128::MAX);
        let (interval_ms, beats, offset_ms) = (whole(interval_ms), whole(beats), whole(offset_ms));
        Self::Spread(Box::new(Spread { interval_ms, beats, offset_ms }))
    }

    /// From start to start, where that is always the same.
    pub fn interval(&self) -> Option<Duration> {
        match self {
            Self::Every(interval) => Some(*interval),
            Self::Spread(spread) => {
                u64::try_from(spread.interval_ms).ok().map(Duration::from_millis)
            }
            Self::Cron(_) => None,
        }
    }

    /// When the cycle after the one that started at `last_start` begins: never before `now`, and
    /// at `now` where it is overdue.
    ///
    /// A last start in the future means that the clock was set back since. Nobody knows how long
    /// ago it was, so the cycle begins at once instead of when the clock is there again.
    pub fn next_after(&self, last_start: Timestamp, now: Timestamp) -> Timestamp {
        if last_start - now > CLOCK_CORRECTION_MAX {
            return now;
        }
        let due = match self {
            Self::Every(interval) => TimeDelta::from_std(*interval)
                .ok()
                .and_then(|interval| last_start.checked_add_signed(interval))
                .unwrap_or(DateTime::<Utc>::MAX_UTC),
            Self::Spread(spread) => spread.next_beat(last_start),
            Self::Cron(cron) => cron.next_fire(last_start),
        };
        due.max(now)
    }
}

impl Spread {
    /// The first beat that is an interval after `last_start`, or a little less where that start
    /// came late.
    fn next_beat(&self, last_start: Timestamp) -> Timestamp {
        let Self { interval_ms, beats, offset_ms } = *self;
        let late_ms = LATENESS_MAX_MS.min(interval_ms / beats / 2);
        let earliest_ms = i128::from(last_start.timestamp_millis()) + interval_ms - late_ms;
        let since_ms = earliest_ms - offset_ms;
        // Rounded up, without a quotient that the sign of a number could turn around.
        let beat = -(-since_ms * beats).div_euclid(interval_ms);
        let at_ms = (beat * interval_ms).div_euclid(beats) + offset_ms;
        i64::try_from(at_ms)
            .ok()
            .and_then(Timestamp::from_timestamp_millis)
            .unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

impl CronSchedule {
    fn parse(text: &str, zone: Tz) -> Result<Self, InvalidCron> {
        let mut fields: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        match fields.len() {
            5 => fields.insert(0, "0".to_owned()),
            6 => {}
            other => return Err(InvalidCron::Fields(other)),
        }
        fields[5] = name_weekdays(&fields[5])?;
        let rule =
            cron::Schedule::from_str(&fields.join(" ")).map_err(|_| first_bad_field(&fields))?;
        let every_hour = rule.hours().is_all();
        let epoch = DateTime::<Utc>::UNIX_EPOCH;
        if rule.after(&epoch).next().is_none() {
            return Err(InvalidCron::Never);
        }
        Ok(Self { rule, zone, every_hour })
    }

    /// The first start after `after`.
    ///
    /// Where the clocks jump forward over a start, it comes right after the jump; a start in the
    /// hour that comes twice comes once. A rule for every hour follows the hours that pass.
    fn next_fire(&self, after: Timestamp) -> Timestamp {
        let local = after.with_timezone(&self.zone);
        let offset_seconds = |at: Timestamp| {
            i64::from(at.with_timezone(&self.zone).offset().fix().local_minus_utc())
        };
        let later =
            after.checked_add_signed(TimeDelta::hours(CLOCK_STEP_HOURS_MAX)).unwrap_or(after);
        // Just before the clocks go back, starts of the second pass have an earlier local time.
        let repeated = (offset_seconds(after) - offset_seconds(later)).max(0);
        let from = local.naive_local() - TimeDelta::seconds(repeated);
        let mut best: Option<Timestamp> = None;
        for candidate in self.rule.after(&from.and_utc()) {
            let instants = self.instants(candidate.naive_utc());
            if let (Some(best), Some(earliest)) = (best, instants.first())
                && best <= *earliest
            {
                break;
            }
            let soonest = instants.into_iter().find(|instant| *instant > after);
            best = match (best, soonest) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (found, None) | (None, found) => found,
            };
        }
        best.unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// The moments, in order, at which a start with this local time is due.
    fn instants(&self, local: NaiveDateTime) -> Vec<Timestamp> {
        match self.zone.from_local_datetime(&local) {
            MappedLocalTime::Single(at) => vec![at.to_utc()],
            MappedLocalTime::Ambiguous(first, second) if self.every_hour => {
                vec![first.to_utc(), second.to_utc()]
            }
            MappedLocalTime::Ambiguous(first, _) => vec![first.to_utc()],
            MappedLocalTime::None if self.every_hour => Vec::new(),
            MappedLocalTime::None => self.end_of_gap(local).into_iter().collect(),
        }
    }

    /// The first whole minute after the local times that are skipped around this one.
    fn end_of_gap(&self, skipped: NaiveDateTime) -> Option<Timestamp> {
        let minute = skipped - TimeDelta::seconds(skipped.and_utc().timestamp().rem_euclid(60));
        (1..=CLOCK_STEP_HOURS_MAX * 60)
            .find_map(|minutes| {
                self.zone.from_local_datetime(&(minute + TimeDelta::minutes(minutes))).earliest()
            })
            .map(|at| at.to_utc())
    }
}

/// Which field the cron library refuses; its own message does not name it.
fn first_bad_field(fields: &[String]) -> InvalidCron {
    let is_bad = |index: usize| {
        let mut alone = ["*"; 6];
        alone[index] = &fields[index];
        cron::Schedule::from_str(&alone.join(" ")).is_err()
    };
    let index = (0..FIELDS.len()).find(|index| is_bad(*index)).unwrap_or_default();
    InvalidCron::Field { text: fields[index].clone(), field: FIELDS[index] }
}

/// Rewrites a POSIX day-of-week field as names: the cron library counts from 1 for Sunday.
fn name_weekdays(field: &str) -> Result<String, InvalidCron> {
    const NAMES: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
    let bad = || InvalidCron::Weekday(field.to_owned());
    let day = |text: &str| match text.parse::<usize>() {
        Ok(number) if number <= 7 => Ok(number),
        Ok(_) => Err(bad()),
        Err(_) => NAMES
            .iter()
            .position(|name| {
                text.len() >= 3 && text.get(..3).is_some_and(|t| t.eq_ignore_ascii_case(name))
            })
            .ok_or_else(bad),
    };
    let mut chosen = [false; 7];
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse().map_err(|_| bad())?),
            None => (part, 1),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" || range == "?" => (0, 6),
            Some((first, last)) => match (day(first)?, day(last)?) {
                // `FRI-SUN` and `5-7` are one thing.
                (first, 0) if first > 0 => (first, 7),
                ends => ends,
            },
            None if part.contains('/') => (day(range)?, 6),
            None => (day(range)?, day(range)?),
        };
        if step == 0 || first > last {
            return Err(bad());
        }
        for number in (first..=last).step_by(step) {
            chosen[number % 7] = true;
        }
    }
    if chosen == [true; 7] {
        return Ok("*".to_owned());
    }
    let days: Vec<_> =
        NAMES.iter().zip(chosen).filter(|(_, chosen)| *chosen).map(|(name, _)| *name).collect();
    Ok(days.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        DateTime::parse_from_rfc3339(text).expect(text).to_utc()
    }

    fn cron(text: &str, zone: &str) -> CronSchedule {
        CronSchedule::parse(text, zone.parse().expect(zone)).expect(text)
    }

    fn starts(schedule: &CronSchedule, after: &str, count: usize) -> Vec<String> {
        let schedule = Schedule::Cron(Box::new(schedule.clone()));
        let mut last = at(after);
        (0..count)
            .map(|_| {
                let next = schedule.next_after(last, last);
                assert!(next > last, "starts are strictly ordered");
                last = next;
                next.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
            })
            .collect()
    }

    #[test]
    fn a_clock_that_was_set_back_lets_the_cycle_begin_at_once() {
        let now = at("2026-11-23T10:00:00Z");
        let every = Schedule::Every(Duration::from_secs(2_400));
        assert_eq!(every.next_after(at("2026-11-23T15:00:00Z"), now), now);
        // Clocks are corrected by seconds all the time: that is no reason for a cycle.
        let corrected = every.next_after(at("2026-11-23T10:00:05Z"), now);
        assert_eq!(corrected, at("2026-11-23T10:40:05Z"));
    }

    #[test]
    fn an_interval_counts_from_start_to_start() {
        let schedule = Schedule::Every(Duration::from_secs(2_400));
        let began = at("2026-11-23T10:00:00Z");
        assert_eq!(
            schedule.next_after(began, at("2026-11-23T10:15:00Z")),
            at("2026-11-23T10:40:00Z")
        );
    }

    #[test]
    fn with_jitter_starts_are_an_interval_apart_however_late_each_one_came() {
        let interval = Duration::from_secs(2_400);
        for seed in [0, 7, 59_999, u64::MAX] {
            let schedule = Schedule::Every(interval).spread(Duration::from_secs(60), seed);
            let first = at("2026-11-23T10:00:00.250Z");
            let second = schedule.next_after(first, first);
            let waits = second - first;
            assert!(waits >= TimeDelta::seconds(2_399), "{waits}");
            assert!(waits <= TimeDelta::seconds(2_460), "{waits}");
            let mut start = second;
            for cycle in 1..1_000 {
                let late = start + TimeDelta::milliseconds(i64::from(cycle) % 900);
                start = schedule.next_after(late, late);
                assert_eq!(start, second + TimeDelta::seconds(2_400) * cycle, "seed {seed}");
            }
        }
    }

    #[test]
    fn jitter_keeps_two_applications_apart_and_missed_starts_come_at_once_all_the_same() {
        let every = |seed| {
            Schedule::Every(Duration::from_secs(2_400)).spread(Duration::from_secs(60), seed)
        };
        let first = at("2026-11-23T10:00:00Z");
        assert_ne!(every(1_000).next_after(first, first), every(31_000).next_after(first, first));
        let late = at("2026-11-23T17:13:00Z");
        assert_eq!(every(1_000).next_after(first, late), late);
    }

    #[test]
    fn jitter_is_at_most_a_twentieth_of_the_interval_and_none_where_there_is_none() {
        let minute = Schedule::Every(Duration::from_secs(60));
        let first = at("2026-11-23T10:00:00Z");
        for seed in 0..200 {
            let spread = minute.clone().spread(Duration::from_secs(60), seed * 37);
            let waits = spread.next_after(first, first) - first;
            assert!(waits <= TimeDelta::milliseconds(63_000), "{waits}");
            assert!(waits >= TimeDelta::milliseconds(59_000), "{waits}");
        }
        assert_eq!(minute.clone().spread(Duration::ZERO, 7), minute);
        let cron = Schedule::cron("30 7 * * *", Tz::UTC).expect("a rule");
        assert_eq!(cron.clone().spread(Duration::from_secs(60), 7), cron);
    }

    #[test]
    fn missed_starts_are_made_up_for_once_and_at_once() {
        let began = at("2026-11-23T10:00:00Z");
        let now = at("2026-11-23T17:13:00Z");
        assert_eq!(Schedule::Every(Duration::from_secs(2_400)).next_after(began, now), now);
        let hourly = Schedule::Cron(Box::new(cron("0 * * * *", "UTC")));
        assert_eq!(hourly.next_after(began, now), now);
        assert_eq!(hourly.next_after(now, now), at("2026-11-23T18:00:00Z"));
    }

    #[test]
    fn five_fields_start_at_the_minute_and_six_at_the_second() {
        let after = "2026-11-23T10:00:00Z";
        assert_eq!(starts(&cron("*/10 * * * *", "UTC"), after, 1), ["2026-11-23T10:10:00Z"]);
        assert_eq!(starts(&cron("30 */10 * * * *", "UTC"), after, 1), ["2026-11-23T10:00:30Z"]);
    }

    #[test]
    fn weekdays_are_counted_as_posix_counts_them() {
        // 2026-11-23 is a Monday.
        let first = |text| starts(&cron(text, "UTC"), "2026-11-23T12:00:00Z", 2);
        assert_eq!(first("0 9 * * 1"), ["2026-11-30T09:00:00Z", "2026-12-07T09:00:00Z"]);
        assert_eq!(first("0 9 * * 0"), ["2026-11-29T09:00:00Z", "2026-12-06T09:00:00Z"]);
        assert_eq!(first("0 9 * * 7"), first("0 9 * * SUN"));
        assert_eq!(first("0 9 * * 5-7"), ["2026-11-27T09:00:00Z", "2026-11-28T09:00:00Z"]);
        assert_eq!(first("0 9 * * 1-5"), first("0 9 * * Mon-Fri"));
        assert_eq!(first("0 9 * * 0-7"), first("0 9 * * *"));
    }

    #[test]
    fn a_start_in_the_skipped_hour_comes_right_after_it() {
        // Berlin: on 2027-03-28 the clocks go from 02:00 to 03:00, at 01:00 UTC.
        let daily = cron("30 2 * * *", "Europe/Berlin");
        assert_eq!(
            starts(&daily, "2027-03-27T00:00:00Z", 3),
            ["2027-03-27T01:30:00Z", "2027-03-28T01:00:00Z", "2027-03-29T00:30:00Z"]
        );
    }

    #[test]
    fn a_start_in_the_hour_that_comes_twice_comes_once() {
        // Berlin: on 2026-10-25 the clocks go from 03:00 to 02:00, at 01:00 UTC.
        let daily = cron("30 2 * * *", "Europe/Berlin");
        assert_eq!(
            starts(&daily, "2026-10-24T12:00:00Z", 2),
            ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]
        );
    }

    #[test]
    fn a_rule_for_every_hour_follows_the_hours_that_pass() {
        let often = cron("*/30 * * * *", "Europe/Berlin");
        assert_eq!(
            starts(&often, "2026-10-25T00:10:00Z", 4),
            [
                "2026-10-25T00:30:00Z",
                "2026-10-25T01:00:00Z",
                "2026-10-25T01:30:00Z",
                "2026-10-25T02:00:00Z"
            ]
        );
        assert_eq!(
            starts(&often, "2027-03-28T00:10:00Z", 3),
            ["2027-03-28T00:30:00Z", "2027-03-28T01:00:00Z", "2027-03-28T01:30:00Z"]
        );
    }

    #[test]
    fn a_daily_start_comes_once_a_day_wherever_the_clocks_change() {
        let zones = ["Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns", "Asia/Tehran"];
        for zone in zones {
            for text in ["30 2 * * *", "15 1 * * *", "0 0 * * *"] {
                let all = starts(&cron(text, zone), "2025-12-31T16:00:00Z", 365);
                assert!(all[364].starts_with("2026-12-3"), "{zone} {text}: {}", all[364]);
            }
        }
    }

    #[test]
    fn what_never_comes_up_or_makes_no_sense_is_refused() {
        let refuse = |text: &str| CronSchedule::parse(text, Tz::UTC).expect_err(text);
        assert_eq!(refuse("0 0 30 2 *"), InvalidCron::Never);
        assert_eq!(refuse("* * * *"), InvalidCron::Fields(4));
        assert_eq!(refuse("0 9 * * 8"), InvalidCron::Weekday("8".to_owned()));
        assert_eq!(refuse("0 9 * * 5-2"), InvalidCron::Weekday("5-2".to_owned()));
        let message = |text| refuse(text).to_string();
        assert_eq!(message("99 * * * *"), "`99` is not a minute (0 to 59)");
        assert_eq!(message("0 0 * hello *"), "`hello` is not a month (1 to 12, or JAN to DEC)");
    }
}
