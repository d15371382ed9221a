//! Dates in the forms that .NET reads without a pattern: ISO 8601, and the American order.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

/// The months' English names.
pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The date and time in UTC that `text` spells. Without a time it is midnight, without an offset
/// UTC. A date may carry an offset of its own: `2021-06-30+08:00`.
pub(in crate::expression) fn parse(text: &str) -> Option<NaiveDateTime> {
    let mut scanner = Scanner { rest: text.trim() };
    let date = scanner.date()?;
    let had_space = scanner.skip_space();
    let separated = scanner.eat('T') || scanner.eat('t') || had_space;
    let time = if separated && scanner.at_digit() { scanner.time()? } else { NaiveTime::MIN };
    scanner.skip_space();
    let offset = scanner.offset()?;
    scanner.skip_space();
    if !scanner.rest.is_empty() {
        return None;
    }
    date.and_time(time).checked_sub_signed(offset)
}

/// Reads a text from its beginning.
pub(super) struct Scanner<'t> {
    pub(super) rest: &'t str,
}

impl Scanner<'_> {
    pub(super) fn eat(&mut self, expected: char) -> bool {
        match self.rest.strip_prefix(expected) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Takes `word`, in any case.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.rest.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
        if found {
            self.rest = &self.rest[word.len()..];
        }
        found
    }

    fn skip_space(&mut self) -> bool {
        let before = self.rest.len();
        self.rest = self.rest.trim_start();
        self.rest.len() < before
    }

    fn at_digit(&self) -> bool {
        self.rest.starts_with(|c: char| c.is_ascii_digit())
    }

    /// A number of `least` to `most` digits, and how many it had.
    pub(super) fn digits(&mut self, least: usize, most: usize) -> Option<(u32, usize)> {
        let length = self.rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
        if length < least {
            return None;
        }
        let (digits, rest) = self.rest.split_at(length);
        self.rest = rest;
        Some((digits.parse().ok()?, length))
    }

    /// A month's name, whole or its first three letters; 1 to 12.
    pub(super) fn month_name(&mut self, whole: bool) -> Option<u32> {
        let found = (1..)
            .zip(MONTHS)
            .find(|(_, name)| self.eat_word(if whole { name } else { &name[..3] }));
        found.map(|(number, _)| number)
    }

    fn date(&mut self) -> Option<NaiveDate> {
        if !self.at_digit() {
            let month = self.month_name(true).or_else(|| self.month_name(false))?;
            self.skip_space();
            let (day, _) = self.digits(1, 2)?;
            self.eat(',');
            self.skip_space();
            return NaiveDate::from_ymd_opt(year(self.digits(4, 4)?.0)?, month, day);
        }
        let (first, length) = self.digits(1, 4)?;
        if length == 4 {
            let separator = self.date_separator()?;
            let (month, _) = self.digits(1, 2)?;
            if !self.eat(separator) {
                return None;
            }
            let (day, _) = self.digits(1, 2)?;
            return NaiveDate::from_ymd_opt(year(first)?, month, day);
        }
        self.skip_space();
        if let Some(month) = self.month_name(true).or_else(|| self.month_name(false)) {
            self.skip_space();
            return NaiveDate::from_ymd_opt(year(self.digits(4, 4)?.0)?, month, first);
        }
        let separator = self.date_separator()?;
        let (day, _) = self.digits(1, 2)?;
        if !self.eat(separator) {
            return None;
        }
        NaiveDate::from_ymd_opt(year(self.digits(4, 4)?.0)?, first, day)
    }

    fn date_separator(&mut self) -> Option<char> {
        ['-', '/', '.'].into_iter().find(|separator| self.eat(*separator))
    }

    fn time(&mut self) -> Option<NaiveTime> {
        let (hour, _) = self.digits(1, 2)?;
        let (mut minute, mut second, mut nanosecond) = (0, 0, 0);
        let minutes = self.eat(':');
        if minutes {
            (minute, _) = self.digits(2, 2)?;
            if self.eat(':') {
                (second, _) = self.digits(2, 2)?;
                if self.eat('.') {
                    nanosecond = self.fraction()?;
                }
            }
        }
        self.skip_space();
        let hour = if self.eat_word("AM") {
            twelve(hour, false)?
        } else if self.eat_word("PM") {
            twelve(hour, true)?
        } else if minutes {
            hour
        } else {
            return None;
        };
        NaiveTime::from_hms_nano_opt(hour, minute, second, nanosecond)
    }

    /// The digits after the point, as nanoseconds; further ones than .NET's seven are dropped.
    pub(super) fn fraction(&mut self) -> Option<u32> {
        let length = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.rest.split_at(length);
        self.rest = rest;
        let kept = &digits[..length.min(7)];
        let value: u32 = kept.parse().ok()?;
        Some(value * 10_u32.pow(9 - u32::try_from(kept.len()).ok()?))
    }

    /// `Z`, `GMT`, `+08:00`, `+0800`, `+08`, or nothing: how far local time is ahead.
    pub(super) fn offset(&mut self) -> Option<TimeDelta> {
        if self.eat('Z') || self.eat('z') || self.eat_word("GMT") || self.eat_word("UTC") {
            return Some(TimeDelta::zero());
        }
        let sign = if self.eat('+') {
            1
        } else if self.eat('-') {
            -1
        } else {
            return Some(TimeDelta::zero());
        };
        let (hours, _) = self.digits(1, 2)?;
        let colon = self.eat(':');
        let minutes = if colon || self.at_digit() { self.digits(2, 2)?.0 } else { 0 };
        // .NET knows no offset beyond fourteen hours.
        (minutes < 60 && hours * 60 + minutes <= 14 * 60)
            .then(|| TimeDelta::minutes(sign * i64::from(hours * 60 + minutes)))
    }
}

/// The hour of the day; 12 comes before 1.
pub(super) fn twelve(hour: u32, afternoon: bool) -> Option<u32> {
    (1..=12).contains(&hour).then_some(hour % 12 + if afternoon { 12 } else { 0 })
}

fn year(raw: u32) -> Option<i32> {
    i32::try_from(raw).ok().filter(|year| *year > 0)
}
