//! The filters of the log as an address has them: parsed, phrased again, and put to the store.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeZone as _};
use serde::Deserialize;

use super::words::Times;
use crate::{
    model::Timestamp,
    store::{LogKey, LogSearch, LogStart},
    web::{
        answer::Refusal,
        log::{LogQuery, Since, UnknownWord},
    },
};

/// What the form sends, and what the links of the log add. An empty field does not restrict.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    pub(super) who: String,
    pub(super) action: String,
    pub(super) status: String,
    pub(super) cycle: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) before: String,
    pub(super) after: String,
}

/// A choice of a list.
pub(super) struct Choice {
    pub(super) value: &'static str,
    pub(super) name: &'static str,
    pub(super) chosen: bool,
}

const ACTIONS: [(&str, &str); 9] = [
    ("", "any"),
    ("create", "create"),
    ("adopt", "adopt"),
    ("update", "update"),
    ("enable", "enable"),
    ("disable", "disable"),
    ("delete", "delete"),
    ("stagedDelete", "stagedDelete (held removal)"),
    ("other", "other (nothing was done)"),
];

const STATUSES: [(&str, &str); 5] = [
    ("", "any"),
    ("success", "success"),
    ("warning", "warning"),
    ("failure", "failure"),
    ("skipped", "skipped"),
];

impl Asked {
    pub(super) fn actions(&self) -> Vec<Choice> {
        choices(&ACTIONS, if self.action == "skip" { "other" } else { &self.action })
    }

    pub(super) fn statuses(&self) -> Vec<Choice> {
        choices(&STATUSES, &self.status)
    }

    /// Whether anything restricts.
    pub(super) fn is_filtered(&self) -> bool {
        self.filters().iter().any(|(_, value)| !value.is_empty())
    }

    fn filters(&self) -> [(&'static str, &str); 6] {
        [
            ("who", self.who.trim()),
            ("action", &self.action),
            ("status", &self.status),
            ("cycle", self.cycle.trim()),
            ("from", self.from.trim()),
            ("to", self.to.trim()),
        ]
    }

    /// The query of an address with these filters and no place; empty without any.
    pub(super) fn query(&self) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.filters().iter().filter(|(_, value)| !value.is_empty()));
        query.finish()
    }

    /// What is looked for, and from where on.
    pub(super) fn search(&self, times: &Times) -> Result<(LogSearch, LogStart), Refusal> {
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let words = LogQuery {
            action: given(&self.action),
            status: given(&self.status),
            ..LogQuery::default()
        };
        words.check().map_err(|UnknownWord { name, word, known }| {
            Refusal::bad(format!("{name} knows no `{word}`"))
                .with_hint(format!("possible are {}", known.join(", ")))
        })?;
        let moment = |name: &str, text: &str| {
            given(text).map(|text| parse_moment(name, &text, times)).transpose()
        };
        let search = LogSearch {
            who: given(&self.who),
            action: words.action,
            status: words.status,
            cycle: given(&self.cycle),
            from: moment("from", &self.from)?,
            to: moment("to", &self.to)?,
        };
        let start = match (given(&self.before), given(&self.after)) {
            (Some(key), _) => LogStart::Before(parse_key(&key)?),
            (None, Some(key)) => LogStart::After(parse_key(&key)?),
            (None, None) => LogStart::Newest,
        };
        Ok((search, start))
    }
}

fn choices(all: &[(&'static str, &'static str)], chosen: &str) -> Vec<Choice> {
    all.iter()
        .map(|(value, name)| Choice { value, name, chosen: value.eq_ignore_ascii_case(chosen) })
        .collect()
}

/// A place in the log as an address has it.
pub(super) fn key_text(key: LogKey) -> String {
    format!("{}.{}", key.at, key.seq)
}

fn parse_key(text: &str) -> Result<LogKey, Refusal> {
    let key = text
        .split_once('.')
        .and_then(|(at, seq)| Some(LogKey { at: at.parse().ok()?, seq: seq.parse().ok()? }));
    key.ok_or_else(|| Refusal::bad("this address names no place in the log"))
}

/// A moment as a form sends it, which is the zone's own time; or one with its offset, or an age, as
/// the command takes them.
fn parse_moment(name: &str, text: &str, times: &Times) -> Result<Timestamp, Refusal> {
    let local = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .or_else(|| {
            Some(NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_time(NaiveTime::MIN))
        });
    if let Some(local) = local {
        // An hour that comes twice is meant with its first; one that is skipped ends before it.
        let found = times.zone.from_local_datetime(&local).earliest();
        return Ok(found.map_or_else(|| local.and_utc(), |at| at.to_utc()));
    }
    let since = Since::parse(text).map_err(|problem| Refusal::bad(format!("{name}: {problem}")))?;
    Ok(since.moment(times.now))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        chrono::DateTime::parse_from_rfc3339(text).expect(text).to_utc()
    }

    #[test]
    fn a_moment_without_an_offset_is_the_zones_own_time() {
        let times = Times { now: at("2026-11-23T12:00:00Z"), zone: chrono_tz::Europe::Berlin };
        let parsed = |text| parse_moment("from", text, &times);
        assert_eq!(parsed("2026-11-23T09:30"), Ok(at("2026-11-23T08:30:00Z")));
        assert_eq!(parsed("2026-07-01"), Ok(at("2026-06-30T22:00:00Z")));
        assert_eq!(parsed("2026-11-23T09:30:00Z"), Ok(at("2026-11-23T09:30:00Z")));
        assert_eq!(parsed("2h"), Ok(at("2026-11-23T10:00:00Z")));
        assert!(parsed("yesterday").is_err());
    }

    #[test]
    fn what_is_filtered_goes_on_with_every_link_and_a_place_does_not() {
        let asked = Asked {
            who: " Ada & Söhne ".into(),
            status: "failure".into(),
            before: "5.7".into(),
            ..Asked::default()
        };
        assert_eq!(asked.query(), "who=Ada+%26+S%C3%B6hne&status=failure");
        assert!(asked.is_filtered() && !Asked::default().is_filtered());
        let times = Times { now: at("2026-11-23T12:00:00Z"), zone: chrono_tz::UTC };
        let (search, start) = asked.search(&times).expect("a search");
        assert_eq!(search.who.as_deref(), Some("Ada & Söhne"));
        assert_eq!(start, LogStart::Before(LogKey { at: 5, seq: 7 }));
        let odd = Asked { action: "invent".into(), ..Asked::default() };
        assert!(odd.search(&times).is_err());
        let odd = Asked { before: "5".into(), ..Asked::default() };
        assert!(odd.search(&times).is_err());
    }
}
