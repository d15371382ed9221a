//! A window of the day, by the clock on a wall somewhere: when removals may be sent.
//!
//! What counts is what that clock shows, so that a change between summer and winter time moves
//! nothing: a time that comes twice is in the window twice, and one that is skipped not at all.

use std::fmt;

use chrono::{TimeDelta, Timelike};
use chrono_tz::Tz;

use crate::model::Timestamp;

/// The minutes of a day.
const DAY_MINUTES: u32 = 24 * 60;

/// How far ahead an opening is looked for. A zone that changes sides of the date line skips a day.
const LOOK_AHEAD_DAYS: u32 = 4;

/// A window of each day, such as 08:00 to 18:00; from 22:00 to 06:00 it spans midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DailyWindow {
    /// Minutes after midnight; the window holds this one.
    from: u32,
    /// Minutes after midnight, at most 24 hours; the window does not hold this one.
    until: u32,
    zone: Tz,
}

/// Why a text is no window of the day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWindow {
    /// It has not the form of two times with a hyphen between.
    #[error("is not two times of day with a hyphen between them")]
    Form,
    /// One of the two is no time of day.
    #[error("{0:?} is not a time of day")]
    Time(String),
    /// It begins when it ends.
    #[error("begins and ends at the same time, so nothing could be sent at all")]
    Empty,
}

impl DailyWindow {
    /// Parses a text such as `08:00-18:00` or `22:00-06:00`; `24:00` may be the end.
    pub fn parse(text: &str, zone: Tz) -> Result<Self, InvalidWindow> {
        let (from, until) = text.split_once('-').ok_or(InvalidWindow::Form)?;
        let start = minutes(from).filter(|minutes| *minutes < DAY_MINUTES);
        let from = start.ok_or_else(|| bad(from))?;
        let until = minutes(until).ok_or_else(|| bad(until))?;
        if from == until {
            return Err(InvalidWindow::Empty);
        }
        Ok(Self { from, until, zone })
    }

    /// Whether the window is open at this moment.
    pub fn is_open(&self, at: Timestamp) -> bool {
        let local = at.with_timezone(&self.zone);
        let minute = local.hour() * 60 + local.minute();
        if self.from < self.until {
            (self.from..self.until).contains(&minute)
        } else {
            minute >= self.from || minute < self.until
        }
    }

    /// When the window opens next: `at` itself where it is open. `None` where it does not within
    /// days, as one that a change of the clocks skips in each of them.
    pub fn opens_at(&self, at: Timestamp) -> Option<Timestamp> {
        if self.is_open(at) {
            return Some(at);
        }
        let into_minute = at.timestamp_millis().rem_euclid(60_000);
        let minute = at - TimeDelta::milliseconds(into_minute);
        (1..=LOOK_AHEAD_DAYS * DAY_MINUTES)
            .map(|minutes| minute + TimeDelta::minutes(i64::from(minutes)))
            .find(|moment| self.is_open(*moment))
    }

    /// A moment as the clock of the window shows it, with its offset from UTC.
    pub fn shown(&self, at: Timestamp) -> String {
        at.with_timezone(&self.zone).format("%Y-%m-%d %H:%M (UTC%:z)").to_string()
    }
}

fn bad(text: &str) -> InvalidWindow {
    InvalidWindow::Time(text.trim().to_owned())
}

/// Minutes after midnight of `HH:MM`.
fn minutes(text: &str) -> Option<u32> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let number = |digits: &str| {
        let is_number = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit());
        digits.parse::<u32>().ok().filter(|_| is_number && digits.len() <= 2)
    };
    let (hours, minutes) = (number(hours)?, number(minutes).filter(|minutes| *minutes < 60)?);
    Some(hours * 60 + minutes).filter(|sum| *sum <= DAY_MINUTES)
}

impl fmt::Display for DailyWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clock = |minutes: u32| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        write!(f, "{}-{} {}", clock(self.from), clock(self.until), self.zone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        chrono::DateTime::parse_from_rfc3339(text).expect(text).to_utc()
    }

    fn window(text: &str, zone: &str) -> DailyWindow {
        DailyWindow::parse(text, zone.parse().expect(zone)).expect(text)
    }

    fn opening(window: &DailyWindow, from: &str) -> String {
        let opens = window.opens_at(at(from)).expect("it opens");
        assert!(window.is_open(opens));
        opens.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
    }

    #[test]
    fn a_window_holds_its_beginning_and_not_its_end() {
        let day = window("08:00-18:00", "Europe/Berlin");
        assert!(!day.is_open(at("2026-11-23T06:59:59Z")));
        assert!(day.is_open(at("2026-11-23T07:00:00Z")));
        assert!(day.is_open(at("2026-11-23T16:59:59Z")));
        assert!(!day.is_open(at("2026-11-23T17:00:00Z")));
        assert_eq!(opening(&day, "2026-11-23T17:00:30Z"), "2026-11-24T07:00:00Z");
        assert_eq!(opening(&day, "2026-11-23T10:00:30Z"), "2026-11-23T10:00:30Z");
    }

    #[test]
    fn a_window_may_span_midnight_and_reach_to_it() {
        let night = window("22:00-06:00", "UTC");
        assert!(night.is_open(at("2026-11-23T23:00:00Z")));
        assert!(night.is_open(at("2026-11-23T05:59:00Z")));
        assert!(!night.is_open(at("2026-11-23T06:00:00Z")));
        assert_eq!(opening(&night, "2026-11-23T06:00:00Z"), "2026-11-23T22:00:00Z");
        let evening = window("18:00-24:00", "UTC");
        assert!(evening.is_open(at("2026-11-23T23:59:59Z")));
        assert!(!evening.is_open(at("2026-11-24T00:00:00Z")));
        let night = window("22:00-00:00", "UTC");
        assert!(
            night.is_open(at("2026-11-23T23:59:59Z")) && !night.is_open(at("2026-11-24T00:00:00Z"))
        );
    }

    #[test]
    fn a_change_of_the_clocks_moves_no_window() {
        // Berlin: winter time ends on 2027-03-28 at 01:00 UTC, when 02:00 becomes 03:00.
        let day = window("08:00-18:00", "Europe/Berlin");
        assert_eq!(opening(&day, "2027-03-27T20:00:00Z"), "2027-03-28T06:00:00Z");
        let early = window("02:30-05:00", "Europe/Berlin");
        assert_eq!(opening(&early, "2027-03-28T00:00:00Z"), "2027-03-28T01:00:00Z");
        // A window within the hour that is skipped does not open that day.
        let skipped = window("02:10-02:50", "Europe/Berlin");
        assert_eq!(opening(&skipped, "2027-03-28T00:00:00Z"), "2027-03-29T00:10:00Z");
        // On 2026-10-25 at 01:00 UTC 03:00 becomes 02:00: the hour comes twice, the window too.
        let twice = window("01:00-02:30", "Europe/Berlin");
        assert_eq!(opening(&twice, "2026-10-25T00:45:00Z"), "2026-10-25T01:00:00Z");
        assert!(!twice.is_open(at("2026-10-25T01:30:00Z")));
    }

    #[test]
    fn what_is_no_window_is_refused() {
        let refuse = |text: &str| DailyWindow::parse(text, Tz::UTC).expect_err(text).to_string();
        for text in ["", "08:00", "8 to 18"] {
            assert!(refuse(text).contains("two times of day"), "{text}");
        }
        for text in ["8-18", "08:00-25:00", "08:60-18:00", "24:00-08:00", "-08:00", "+8:00-9:00"] {
            assert!(refuse(text).contains("is not a time of day"), "{text}: {}", refuse(text));
        }
        assert!(refuse("08:00-08:00").contains("begins and ends at the same time"));
    }
}
