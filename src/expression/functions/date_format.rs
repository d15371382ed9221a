//! .NET's custom and standard date patterns, for reading and printing, in the invariant culture.

use std::{borrow::Cow, fmt::Write as _};

use chrono::{Datelike as _, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike as _};

use super::date_parse::{MONTHS, Scanner, twelve};

const WEEKDAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// One part of a pattern.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Item {
    /// A letter that stands for a part of the date, and how often it is repeated.
    Field(char, usize),
    Literal(char),
}

/// A standard pattern is one letter that stands for a custom one.
fn custom(pattern: &str) -> Result<Cow<'_, str>, &'static str> {
    let mut chars = pattern.chars();
    let (Some(letter), None) = (chars.next(), chars.next()) else {
        return Ok(Cow::Borrowed(pattern));
    };
    Ok(Cow::Borrowed(match letter {
        'd' => "MM/dd/yyyy",
        'D' => "dddd, dd MMMM yyyy",
        'f' => "dddd, dd MMMM yyyy HH:mm",
        'F' | 'U' => "dddd, dd MMMM yyyy HH:mm:ss",
        'g' => "MM/dd/yyyy HH:mm",
        'G' => "MM/dd/yyyy HH:mm:ss",
        'm' | 'M' => "MMMM dd",
        'o' | 'O' => "yyyy-MM-ddTHH:mm:ss.fffffffK",
        'r' | 'R' => "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
        's' => "yyyy-MM-ddTHH:mm:ss",
        't' => "HH:mm",
        'T' => "HH:mm:ss",
        'u' => "yyyy-MM-dd HH:mm:ss'Z'",
        'y' | 'Y' => "yyyy MMMM",
        _ => return Err("is no standard date pattern"),
    }))
}

fn items(pattern: &str) -> Result<Vec<Item>, &'static str> {
    let pattern = custom(pattern)?;
    let mut items = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            'd' | 'M' | 'y' | 'h' | 'H' | 'm' | 's' | 'f' | 'F' | 't' | 'z' | 'K' | 'g' => {
                let mut count = 1;
                while c != 'K' && chars.next_if_eq(&c).is_some() {
                    count += 1;
                }
                if matches!(c, 'f' | 'F') && count > 7 {
                    return Err("has more than seven fraction digits");
                }
                items.push(Item::Field(c, count));
            }
            '\'' | '"' => loop {
                match chars.next() {
                    Some(end) if end == c => break,
                    Some(inner) => items.push(Item::Literal(inner)),
                    None => return Err("has a quote that is never closed"),
                }
            },
            '\\' => items.push(Item::Literal(chars.next().ok_or("ends in a lone backslash")?)),
            // It only keeps a single letter from being a standard pattern.
            '%' => {}
            other => items.push(Item::Literal(other)),
        }
    }
    Ok(items)
}

/// `date` in the form of `pattern`. Fails with what is wrong with the pattern.
pub(super) fn print(date: &NaiveDateTime, pattern: &str) -> Result<String, &'static str> {
    let mut printed = String::new();
    for item in items(pattern)? {
        match item {
            Item::Literal(c) => printed.push(c),
            Item::Field(letter, count) => {
                print_field(&mut printed, date, letter, count).expect("a String takes every write");
            }
        }
    }
    Ok(printed)
}

fn print_field(
    out: &mut String,
    date: &NaiveDateTime,
    letter: char,
    count: usize,
) -> std::fmt::Result {
    let month = MONTHS[usize::try_from(date.month0()).unwrap_or_default()];
    let weekday =
        WEEKDAYS[usize::try_from(date.weekday().num_days_from_monday()).unwrap_or_default()];
    let width = count.min(2);
    match (letter, count) {
        ('d', 1 | 2) => write!(out, "{:0width$}", date.day()),
        ('d', 3) => write!(out, "{}", &weekday[..3]),
        ('d', _) => write!(out, "{weekday}"),
        ('M', 1 | 2) => write!(out, "{:0width$}", date.month()),
        ('M', 3) => write!(out, "{}", &month[..3]),
        ('M', _) => write!(out, "{month}"),
        ('y', 1 | 2) => write!(out, "{:0width$}", date.year() % 100),
        ('y', _) => write!(out, "{:0count$}", date.year()),
        ('h', _) => write!(out, "{:0width$}", date.hour12().1),
        ('H', _) => write!(out, "{:0width$}", date.hour()),
        ('m', _) => write!(out, "{:0width$}", date.minute()),
        ('s', _) => write!(out, "{:0width$}", date.second()),
        ('f' | 'F', _) => {
            let digits = format!("{:09}", date.nanosecond() % 1_000_000_000);
            let kept = &digits[..count];
            let kept = if letter == 'F' { kept.trim_end_matches('0') } else { kept };
            // An empty optional fraction takes its point away.
            if kept.is_empty() && out.ends_with('.') {
                out.pop();
            }
            write!(out, "{kept}")
        }
        ('t', _) => {
            let half = if date.hour() < 12 { "AM" } else { "PM" };
            write!(out, "{}", &half[..width])
        }
        ('z', 1) => write!(out, "+0"),
        ('z', 2) => write!(out, "+00"),
        ('z', _) => write!(out, "+00:00"),
        ('K', _) => write!(out, "Z"),
        // `g`: the era.
        _ => write!(out, "A.D."),
    }
}

/// What has been read of a date so far.
struct Read {
    year: Option<i32>,
    month: Option<u32>,
    day: Option<u32>,
    hour: u32,
    hour_of_twelve: Option<u32>,
    afternoon: Option<bool>,
    minute: u32,
    second: u32,
    nanosecond: u32,
    offset: TimeDelta,
}

/// The date in UTC that `text`, read with `pattern`, spells. What the pattern does not name is that
/// of 0001-01-01: the time of evaluation plays no part. Fails with what is wrong with the text, or
/// with the pattern.
pub(super) fn parse(text: &str, pattern: &str) -> Result<NaiveDateTime, &'static str> {
    const MISMATCH: &str = "does not have the form of its input pattern";
    let mut scanner = Scanner { rest: text };
    let mut read = Read {
        year: None,
        month: None,
        day: None,
        hour: 0,
        hour_of_twelve: None,
        afternoon: None,
        minute: 0,
        second: 0,
        nanosecond: 0,
        offset: TimeDelta::zero(),
    };
    for item in items(pattern).map_err(|_| "was to be read with a pattern that is not one")? {
        let matched = match item {
            Item::Literal(c) => scanner.eat(c).then_some(()),
            Item::Field(letter, count) => read.field(&mut scanner, letter, count),
        };
        matched.ok_or(MISMATCH)?;
    }
    if !scanner.rest.trim().is_empty() {
        return Err(MISMATCH);
    }
    read.date().ok_or("spells a date that does not exist")
}

impl Read {
    fn field(&mut self, scanner: &mut Scanner<'_>, letter: char, count: usize) -> Option<()> {
        // One letter reads one or two digits, two letters read exactly two.
        let number = |scanner: &mut Scanner<'_>| Some(scanner.digits(count.min(2), 2)?.0);
        match (letter, count) {
            ('d', 1 | 2) => self.day = Some(number(scanner)?),
            ('d', _) => {
                let length = |name: &str| if count == 3 { 3 } else { name.len() };
                WEEKDAYS.iter().find(|name| scanner.eat_word(&name[..length(name)]))?;
            }
            ('M', 1 | 2) => self.month = Some(number(scanner)?),
            ('M', _) => self.month = Some(scanner.month_name(count > 3)?),
            ('y', 1 | 2) => {
                let short = i32::try_from(number(scanner)?).ok()?;
                // .NET's default pivot: 49 is 2049, 50 is 1950.
                self.year = Some(short + if short < 50 { 2000 } else { 1900 });
            }
            ('y', _) => self.year = i32::try_from(scanner.digits(count.min(4), count)?.0).ok(),
            ('h', _) => self.hour_of_twelve = Some(number(scanner)?),
            ('H', _) => self.hour = number(scanner)?,
            ('m', _) => self.minute = number(scanner)?,
            ('s', _) => self.second = number(scanner)?,
            ('f' | 'F', _) => {
                let least = if letter == 'f' { count } else { 0 };
                let length =
                    scanner.rest.bytes().take(count).take_while(u8::is_ascii_digit).count();
                if length < least {
                    return None;
                }
                let (digits, rest) = scanner.rest.split_at(length);
                scanner.rest = rest;
                self.nanosecond = format!("{digits:0<9}").parse().ok()?;
            }
            ('t', _) => {
                let afternoon = scanner.eat_word(&"PM"[..count.min(2)]);
                if !afternoon && !scanner.eat_word(&"AM"[..count.min(2)]) {
                    return None;
                }
                self.afternoon = Some(afternoon);
            }
            ('z', _) => {
                if !scanner.rest.starts_with(['+', '-']) {
                    return None;
                }
                self.offset = scanner.offset()?;
            }
            ('K', _) => self.offset = scanner.offset()?,
            // `g`: the era.
            _ => {
                let _ = scanner.eat_word("A.D.") || scanner.eat_word("AD");
            }
        }
        Some(())
    }

    fn date(self) -> Option<NaiveDateTime> {
        let year = Some(self.year.unwrap_or(1)).filter(|year| (1..=9999).contains(year))?;
        let date = NaiveDate::from_ymd_opt(year, self.month.unwrap_or(1), self.day.unwrap_or(1))?;
        let hour = match (self.hour_of_twelve, self.afternoon) {
            (Some(hour), half) => twelve(hour, half.unwrap_or_default())?,
            // An hour of twenty-four has to agree with the half of the day, where both are there.
            (None, Some(half)) if (self.hour >= 12) != half => return None,
            (None, _) => self.hour,
        };
        let time = NaiveTime::from_hms_nano_opt(hour, self.minute, self.second, self.nanosecond)?;
        date.and_time(time).checked_sub_signed(self.offset)
    }
}
