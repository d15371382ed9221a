//! Which rows of the provisioning log somebody asks for.

use chrono::{DateTime, TimeDelta};
use serde_json::Value;

use super::shown::ShownApp;
use crate::{
    model::{SourceId, Timestamp},
    store::{LogFilter, LogRow, Reader, STAGED_DELETE, StoreError},
};

/// What `--action` and its like know: a plan's words, and Graph's.
const ACTIONS: [&str; 9] =
    ["create", "adopt", "update", "disable", "enable", "delete", "skip", "other", STAGED_DELETE];

const STATUSES: [&str; 4] = ["success", "warning", "failure", "skipped"];

/// A question to the log. Empty fields do not restrict.
#[derive(Clone, Debug, Default)]
pub struct LogQuery {
    /// A person or group: an id, a name or a part of one.
    pub who: Option<String>,
    /// An action.
    pub action: Option<String>,
    /// A status.
    pub status: Option<String>,
    /// A cycle's id or the beginning of one.
    pub cycle: Option<String>,
    /// Rows from then on.
    pub since: Option<Timestamp>,
    /// Rows with a higher number.
    pub after: Option<i64>,
    /// Rows at most, the latest.
    pub limit: u32,
}

/// A word that no row has: an empty answer would say that nothing happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownWord {
    /// What it was meant to be: `action` or `status`.
    pub name: &'static str,
    /// The word.
    pub word: String,
    /// What there is.
    pub known: &'static [&'static str],
}

impl LogQuery {
    /// Refuses a misspelt word.
    pub fn check(&self) -> Result<(), UnknownWord> {
        let words =
            [("action", &self.action, ACTIONS.as_slice()), ("status", &self.status, &STATUSES)];
        for (name, given, known) in words {
            if let Some(word) = given.as_ref().map(|word| word.to_lowercase())
                && !known.contains(&word.as_str())
            {
                return Err(UnknownWord { name, word, known });
            }
        }
        Ok(())
    }

    /// The rows, oldest first.
    pub fn rows(&self, reader: &Reader) -> Result<Vec<LogRow>, StoreError> {
        reader.read(|view| {
            let mut filter = LogFilter {
                action: self.action.clone(),
                status: self.status.clone(),
                cycle: self.cycle.clone(),
                since: self.since,
                after: self.after,
                ..LogFilter::default()
            };
            if let Some(who) = &self.who {
                let mut ids: Vec<SourceId> =
                    view.find_sources(who)?.into_iter().map(|found| found.id).collect();
                // The log remembers people whom the directory's copy forgot.
                ids.extend(SourceId::parse(who));
                if ids.is_empty() {
                    filter.name = Some(who.clone());
                } else {
                    filter.sources = Some(ids);
                }
            }
            view.log_rows(&filter, self.limit)
        })
    }
}

/// A moment, or an age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// From then on.
    At(Timestamp),
    /// What is not older.
    Ago(TimeDelta),
}

impl Since {
    /// Parses a moment of RFC 3339, or an age such as `90m`, `2h`, `7d`.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Ok(at) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self::At(at.to_utc()));
        }
        let expected =
            "expected a moment such as 2026-11-23T10:00:00Z, or an age such as 90m, 2h, 7d";
        let split = text.len() - text.chars().next_back().map_or(0, char::len_utf8);
        let (number, unit) = text.split_at(split);
        let seconds: i64 = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            "w" => 604_800,
            _ => return Err(expected.to_owned()),
        };
        let number: u32 = number.parse().map_err(|_| expected.to_owned())?;
        TimeDelta::try_seconds(i64::from(number) * seconds)
            .map(Self::Ago)
            .ok_or_else(|| expected.into())
    }

    /// The moment that is meant at `now`.
    pub fn moment(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(age) => now.checked_sub_signed(age).unwrap_or(Timestamp::MIN_UTC),
        }
    }
}

/// The rows as Graph's `provisioningObjectSummary`.
pub(super) fn summaries(app: &ShownApp, rows: &[LogRow]) -> Value {
    rows.iter().map(|row| row.summary(&app.tenant, app.job, app.app.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_or_a_moment_says_since_when() {
        assert_eq!(Since::parse("90m"), Ok(Since::Ago(TimeDelta::minutes(90))));
        assert_eq!(Since::parse("7d"), Ok(Since::Ago(TimeDelta::days(7))));
        assert!(matches!(Since::parse("2026-11-23T10:00:00+01:00"), Ok(Since::At(_))));
        for wrong in ["", "7", "d", "-1d", "7 days", "yesterday", "7é"] {
            assert!(Since::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
