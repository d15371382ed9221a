//! Dates: reading, adding, subtracting, FILETIMEs. All times are UTC.
//!
//! A date travels between functions as the text that Entra prints, `M/d/yyyy h:mm:ss tt`, so that
//! a mapping may also let it flow.

use chrono::{
    Datelike as _, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike as _,
};
use serde_json::Value;

use super::{Arguments, date_format, date_parse};
use crate::expression::{
    clock::{Moving, until_tick},
    evaluate::Outcome,
};

/// How Entra prints a date and time.
const PRINTED: &str = "M/d/yyyy h:mm:ss tt";

/// Seconds from 1601-01-01 to 1970-01-01.
const FILETIME_EPOCH_SECONDS: i64 = 11_644_473_600;
const TICKS_PER_SECOND: i64 = 10_000_000;

fn printed(arguments: &Arguments<'_, '_>, date: Option<NaiveDateTime>) -> Outcome {
    let date = date.filter(|date| (1..=9999).contains(&date.year()));
    let Some(date) = date else {
        return Err(arguments.fail("leaves the years 1 to 9999"));
    };
    let printed = date_format::print(&date, PRINTED);
    Ok(Value::String(printed.expect("the pattern is a constant and well formed")))
}

/// The date that the text at `index` spells; it has to be there.
fn date(arguments: &mut Arguments<'_, '_>, index: usize) -> Outcome<NaiveDateTime> {
    let text = arguments.text(index)?.filter(|text| !text.trim().is_empty());
    let Some(text) = text else {
        return Err(arguments.fail("needs a date where there is none"));
    };
    arguments.spend_text(text.len())?;
    date_parse::parse(&text).ok_or_else(|| arguments.fail("was given a text that is not a date"))
}

pub(super) fn c_date(arguments: &mut Arguments<'_, '_>) -> Outcome {
    let date = date(arguments, 0)?;
    printed(arguments, Some(date))
}

pub(super) fn now(arguments: &mut Arguments<'_, '_>) -> Outcome {
    let now = arguments.evaluator.inputs.now.naive_utc();
    arguments.evaluator.moving = Moving::Moment;
    printed(arguments, Some(now))
}

pub(super) fn num_from_date(arguments: &mut Arguments<'_, '_>) -> Outcome {
    let date = date(arguments, 0)?.and_utc();
    let seconds = date.timestamp() + FILETIME_EPOCH_SECONDS;
    turn(arguments, Moving::Moment, Moving::Ticks);
    let ticks = seconds * TICKS_PER_SECOND + i64::from(date.timestamp_subsec_nanos() / 100);
    Ok(Value::String(ticks.to_string()))
}

pub(super) fn date_from_num(arguments: &mut Arguments<'_, '_>) -> Outcome {
    let ticks = arguments.integer(0)?;
    let seconds = ticks.div_euclid(TICKS_PER_SECOND) - FILETIME_EPOCH_SECONDS;
    let nanoseconds = ticks.rem_euclid(TICKS_PER_SECOND) * 100;
    let nanoseconds = u32::try_from(nanoseconds).expect("less than a second");
    turn(arguments, Moving::Ticks, Moving::Moment);
    let date = chrono::DateTime::from_timestamp(seconds, nanoseconds);
    printed(arguments, date.map(|date| date.naive_utc()))
}

/// A moving value of one kind becomes one of the other kind.
fn turn(arguments: &mut Arguments<'_, '_>, from: Moving, to: Moving) {
    let moving = arguments.evaluator.moving;
    if moving == from {
        arguments.evaluator.moving = to;
    } else if moving != Moving::No {
        hold(arguments);
    }
}

/// A moving value counts as one that stands still for a while.
fn hold(arguments: &mut Arguments<'_, '_>) {
    let moving = std::mem::take(&mut arguments.evaluator.moving);
    arguments.evaluator.settle(moving);
}

/// A step of `DateAdd` and `DateDiff`.
#[derive(Clone, Copy)]
enum Interval {
    Year,
    Quarter,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
}

/// The names are Visual Basic's: `y` and `w` are days too.
fn interval(arguments: &mut Arguments<'_, '_>) -> Outcome<Interval> {
    let name = arguments.text(0)?.unwrap_or_default();
    match name.to_ascii_lowercase().as_str() {
        "yyyy" => Ok(Interval::Year),
        "q" => Ok(Interval::Quarter),
        "m" => Ok(Interval::Month),
        "ww" => Ok(Interval::Week),
        "d" | "y" | "w" => Ok(Interval::Day),
        "h" => Ok(Interval::Hour),
        "n" => Ok(Interval::Minute),
        "s" => Ok(Interval::Second),
        _ => Err(arguments.fail("knows the intervals yyyy, m, ww, d, h, n and s")),
    }
}

pub(super) fn date_add(arguments: &mut Arguments<'_, '_>) -> Outcome {
    let interval = interval(arguments)?;
    let count = arguments.integer(1)?;
    let from = date(arguments, 2)?;
    let months = |each: i64| {
        let months = count.checked_mul(each)?;
        let distance = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
        if months < 0 {
            from.checked_sub_months(distance)
        } else {
            from.checked_add_months(distance)
        }
    };
    let days = |each: i64| {
        let days = count.checked_mul(each)?;
        let distance = Days::new(days.unsigned_abs());
        if days < 0 { from.checked_sub_days(distance) } else { from.checked_add_days(distance) }
    };
    let seconds =
        |each: i64| from.checked_add_signed(TimeDelta::try_seconds(count.checked_mul(each)?)?);
    if matches!(interval, Interval::Year | Interval::Quarter | Interval::Month) {
        // Months differ in length, so the result does not move as the present does.
        hold(arguments);
    }
    let moved = match interval {
        Interval::Year => months(12),
        Interval::Quarter => months(3),
        Interval::Month => months(1),
        Interval::Week => days(7),
        Interval::Day => days(1),
        Interval::Hour => seconds(3_600),
        Interval::Minute => seconds(60),
        Interval::Second => seconds(1),
    };
    printed(arguments, moved)
}

/// Days and shorter intervals are whole ones, truncated; longer ones count the boundaries of the
/// calendar in between, a week's being the start of its Sunday.
pub(super) fn date_diff(arguments: &mut Arguments<'_, '_>) -> Outcome {
    let interval = interval(arguments)?;
    let (from, from_moves) = watched_date(arguments, 1)?;
    let (to, to_moves) = watched_date(arguments, 2)?;
    note_tick(arguments, interval, (from, from_moves), (to, to_moves));
    let seconds = (to - from).num_seconds();
    let count = match interval {
        Interval::Year => year(to) - year(from),
        Interval::Quarter => month(to).div_euclid(3) - month(from).div_euclid(3),
        Interval::Month => month(to) - month(from),
        Interval::Week => week(to) - week(from),
        Interval::Day => seconds / 86_400,
        Interval::Hour => seconds / 3_600,
        Interval::Minute => seconds / 60,
        Interval::Second => seconds,
    };
    Ok(Value::from(count))
}

fn year(date: NaiveDateTime) -> i64 {
    i64::from(date.year())
}

fn month(date: NaiveDateTime) -> i64 {
    year(date) * 12 + i64::from(date.month0())
}

/// Day 1 of the common era was a Monday, so the Sunday before it is day 0.
fn week(date: NaiveDateTime) -> i64 {
    i64::from(date.num_days_from_ce()).div_euclid(7)
}

fn watched_date(
    arguments: &mut Arguments<'_, '_>,
    index: usize,
) -> Outcome<(NaiveDateTime, Moving)> {
    let before = std::mem::take(&mut arguments.evaluator.moving);
    let date = date(arguments, index)?;
    let moving = std::mem::replace(&mut arguments.evaluator.moving, before);
    Ok((date, moving))
}

/// Remembers when the difference of two dates next changes.
fn note_tick(
    arguments: &mut Arguments<'_, '_>,
    interval: Interval,
    (from, from_moves): (NaiveDateTime, Moving),
    (to, to_moves): (NaiveDateTime, Moving),
) {
    if from_moves == Moving::Ticks || to_moves == Moving::Ticks {
        return arguments.evaluator.settle(Moving::Ticks);
    }
    let unit = match interval {
        Interval::Day => 86_400,
        Interval::Hour => 3_600,
        Interval::Minute => 60,
        Interval::Second => 1,
        Interval::Year | Interval::Quarter | Interval::Month | Interval::Week => {
            for (date, moving) in [(from, from_moves), (to, to_moves)] {
                if moving == Moving::Moment {
                    let seconds = until_boundary(interval, date);
                    arguments.evaluator.changes_in(seconds);
                }
            }
            return;
        }
    };
    let seconds = (to - from).num_seconds();
    let until = match (from_moves, to_moves) {
        (Moving::Moment, Moving::No) => until_tick(-seconds, unit),
        (Moving::No, Moving::Moment) => until_tick(seconds, unit),
        // Nothing moves, or both dates do and the difference stays.
        (_, _) => return,
    };
    // A fraction of a second in a fixed date may bring the tick forward.
    let fraction = (to - from).subsec_nanos() != 0;
    arguments.evaluator.changes_in(until - i64::from(fraction));
}

/// Seconds to the next beginning of a week, a month, a quarter or a year; of a day otherwise.
fn until_boundary(interval: Interval, date: NaiveDateTime) -> i64 {
    let months = |each: i64| {
        let next = (month(date).div_euclid(each) + 1) * each;
        let (year, month) = (next.div_euclid(12), next.rem_euclid(12) + 1);
        NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, u32::try_from(month).ok()?, 1)
    };
    let days = |each: i64| {
        let day = i64::from(date.num_days_from_ce());
        NaiveDate::from_num_days_from_ce_opt(i32::try_from((day.div_euclid(each) + 1) * each).ok()?)
    };
    let next = match interval {
        Interval::Year => months(12),
        Interval::Quarter => months(3),
        Interval::Month => months(1),
        Interval::Week => days(7),
        Interval::Day | Interval::Hour | Interval::Minute | Interval::Second => days(1),
    };
    // A date at the end of all time has no next boundary.
    next.map_or(i64::MAX, |next| (next.and_time(NaiveTime::MIN) - date).num_seconds())
}

/// The styles in between may be left out with their comma, as other pages print it; they change
/// nothing, because every time is UTC. Null and "" stay what they are.
pub(super) fn format_date_time(arguments: &mut Arguments<'_, '_>) -> Outcome {
    let (input, output) = if arguments.count() > 3 && arguments.has(3) { (2, 3) } else { (1, 2) };
    let input = arguments.text(input)?.filter(|pattern| !pattern.is_empty());
    let output = arguments.text(output)?.unwrap_or_default();
    let mut until = None;
    let made = arguments.map_text(0, &mut |arguments, source| {
        if source.trim().is_empty() {
            return Ok(Value::String(source));
        }
        arguments.spend_text(source.len() + output.len() * 8)?;
        let date = match &input {
            Some(pattern) => date_format::parse(source.trim(), pattern),
            None => date_parse::parse(&source).ok_or("is not a date"),
        };
        let date =
            date.map_err(|reason| arguments.fail(&format!("was given a text that {reason}")))?;
        until = Some(until_printed_anew(&date, &output));
        match date_format::print(&date, &output) {
            Ok(text) => arguments.made(text),
            Err(reason) => Err(arguments.fail(&format!("has an output pattern that {reason}"))),
        }
    });
    if let (Moving::Moment, Some(seconds)) = (arguments.evaluator.moving, until) {
        arguments.evaluator.moving = Moving::No;
        arguments.evaluator.changes_in(seconds);
    }
    made
}

/// Seconds until a moment that moves on prints otherwise: the smallest unit in the pattern counts.
fn until_printed_anew(date: &NaiveDateTime, pattern: &str) -> i64 {
    let passed = i64::from(date.num_seconds_from_midnight());
    let shows = |letters: &[char]| pattern.contains(letters);
    let unit = if pattern.chars().count() == 1 || shows(&['s', 'f', 'F']) {
        1
    } else if shows(&['m']) {
        60
    } else if shows(&['h', 'H', 't']) {
        3_600
    } else {
        86_400
    };
    unit - passed % unit
}
