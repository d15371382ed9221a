//! Drift: where an account is not what was last exported to it, because somebody changed it at the
//! target. Entra's own service never looks.
//!
//! What counts is what we wrote: an attribute for which the directory has no value is the
//! target's own business, and so is a value that was written on create only. How a target spells a
//! value (case, order, booleans as text) is no drift.
//!
//! **Invariant:** an account that a list does not show is not missing; only a read of that one
//! account can say so.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Schedule,
    job::{Apply, AttributeMapping, Job},
    mapping::{mentions_soft_deleted, only_adds},
};
use crate::{
    model::{ObjectKind, RedactionKey, SourceId, TargetId, Timestamp},
    scim::{AttributeChange, AttributePath, Values, redact, same, united},
};

/// What is done about drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DriftMode {
    /// Nobody looks.
    Off,
    /// It is looked for and told.
    Report,
    /// It is told, and its correction is planned like any other change.
    Repair,
}

impl DriftMode {
    /// Every mode with its word in the configuration.
    pub const WORDS: [(&'static str, Self); 3] =
        [("report", Self::Report), ("repair", Self::Repair), ("off", Self::Off)];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Report => "report",
            Self::Repair => "repair",
        }
    }
}

/// Whether and when accounts are compared with what was exported to them.
#[derive(Clone, Debug, PartialEq)]
pub struct DriftRule {
    /// What is done about it.
    pub mode: DriftMode,
    /// When a comparison is due. It begins at the end of the first cycle after that.
    pub schedule: Schedule,
}

impl DriftRule {
    /// When the comparison after the one of `last` is due: never before `now`.
    pub fn next_after(&self, last: Timestamp, now: Timestamp) -> Timestamp {
        self.schedule.next_after(last, now)
    }

    /// Whether the comparison after the one of `last` is due.
    ///
    /// A last one in the future means that the clock was set back: then it is due at once.
    pub fn is_due(&self, last: Timestamp, now: Timestamp) -> bool {
        self.next_after(last, now) <= now
    }
}

/// In which way something drifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DriftKind {
    /// A linked account has other values than were exported.
    Changed,
    /// A linked account is gone.
    Missing,
    /// An account that nobody is linked to came to be since the last comparison.
    Added,
}

impl DriftKind {
    /// Every kind, in the order in which it is told.
    pub const ALL: [Self; 3] = [Self::Changed, Self::Missing, Self::Added];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Missing => "missing",
            Self::Added => "added",
        }
    }
}

/// What becomes of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Correction {
    /// It is told, as configured.
    None,
    /// The next cycle reads the account and plans its correction.
    Planned,
    /// A person has to look: the account may have become somebody else's.
    ByHand,
}

/// One object that drifted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DriftFinding {
    /// In which way.
    pub kind: DriftKind,
    /// User or group.
    pub object: ObjectKind,
    /// Whose account it is; `None` of one that nobody is linked to.
    pub source: Option<SourceId>,
    /// The person's name.
    pub source_display: Option<String>,
    /// The account.
    pub target: TargetId,
    /// The account's name, as far as it is known.
    pub target_display: Option<String>,
    /// What differs: `old` was exported, `new` was found.
    pub changes: Vec<AttributeChange>,
    /// What becomes of it.
    pub correction: Correction,
}

impl DriftFinding {
    /// What was found, in a sentence.
    pub fn sentence(&self) -> String {
        let (noun, whose) = match self.object {
            ObjectKind::User => ("account", "its account"),
            ObjectKind::Group => ("group", "the group"),
        };
        let found = match self.kind {
            DriftKind::Changed => {
                let paths: Vec<String> = self.changes.iter().map(|c| c.path.to_string()).collect();
                format!("not as last exported: {}", paths.join(", "))
            }
            DriftKind::Missing => {
                format!("{whose} `{}` is gone from the application", self.target)
            }
            DriftKind::Added => format!(
                "{noun} `{}` came to be at the application, and nobody is linked to it",
                self.target
            ),
        };
        let then = match self.correction {
            Correction::None => "",
            Correction::Planned => "; the next cycle plans its correction",
            Correction::ByHand => {
                "; nothing is corrected, because it has another matching value: it may have become \
                 somebody else's"
            }
        };
        found + then
    }
}

/// What is known of a linked account.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// What was last exported to it.
    pub exported: &'a Values,
    /// Whether its person is to have it, enabled. Of an account that was withdrawn only what says
    /// so is kept up, and nothing else is compared.
    pub is_wanted: bool,
}

/// The attributes of an account that a comparison looks at.
pub fn compared_paths<'j>(
    job: &'j Job,
    expected: Expected<'j>,
    key: &'j RedactionKey,
) -> impl Iterator<Item = &'j AttributePath> {
    rows(job, expected, key).map(|(mapping, _)| &mapping.target)
}

/// What differs between an account and what was exported to it, in the order of the mapping.
///
/// Whether the target shows an attribute at all is not known here: [`DriftFinding::changes`] of one
/// that it never shows are taken out later.
pub fn drift_of(
    job: &Job,
    expected: Expected<'_>,
    found: &Values,
    key: &RedactionKey,
) -> Vec<AttributeChange> {
    rows(job, expected, key)
        .filter_map(|(mapping, ours)| {
            let path = &mapping.target;
            let theirs = found.get(path);
            let adds = only_adds(&mapping.source);
            differs(path, (ours, theirs), adds).then(|| AttributeChange {
                path: path.clone(),
                old: Some(ours.clone()),
                new: theirs.cloned(),
            })
        })
        .collect()
}

/// What a correction of these differences comes to.
pub fn correction(job: &Job, mode: DriftMode, changes: &[AttributeChange]) -> Correction {
    let matches = |path: &AttributePath| {
        job.attributes.iter().any(|row| row.matching_priority.is_some() && &row.target == path)
    };
    match mode {
        DriftMode::Off | DriftMode::Report => Correction::None,
        DriftMode::Repair if changes.iter().any(|c| c.new.is_some() && matches(&c.path)) => {
            Correction::ByHand
        }
        DriftMode::Repair => Correction::Planned,
    }
}

/// The rows that are kept up at the account, with what was exported by them.
fn rows<'j>(
    job: &'j Job,
    expected: Expected<'j>,
    key: &'j RedactionKey,
) -> impl Iterator<Item = (&'j AttributeMapping, &'j Value)> {
    job.attributes.iter().filter_map(move |mapping| {
        let ours = expected.exported.get(&mapping.target)?;
        let is_kept_up = mapping.apply == Apply::Always
            && Some(&mapping.target) != job.members_path()
            && (expected.is_wanted || mentions_soft_deleted(&mapping.source))
            && !is_default(mapping, ours, key);
        is_kept_up.then_some((mapping, ours))
    })
}

/// Whether it is what a create writes where the directory has no value: nobody writes it again.
fn is_default(mapping: &AttributeMapping, ours: &Value, key: &RedactionKey) -> bool {
    mapping.default.as_ref().is_some_and(|default| {
        default == ours || (mapping.is_redacted() && &redact(key, &mapping.target, default) == ours)
    })
}

fn differs(
    path: &AttributePath,
    (ours, theirs): (&Value, Option<&Value>),
    only_adds: bool,
) -> bool {
    match theirs {
        None => !means_absent(path, ours),
        Some(theirs) if only_adds => !same(path, &united(theirs, ours), theirs),
        Some(theirs) => !same(path, ours, theirs),
    }
}

/// Whether a target that leaves the attribute out says the same. An account without `active` is one
/// that can be used.
fn means_absent(path: &AttributePath, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => *flag == path.is_active(),
        Value::String(text) => text.is_empty(),
        Value::Array(elements) => elements.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;
    use serde_json::json;

    use super::*;

    fn at(text: &str) -> Timestamp {
        chrono::DateTime::parse_from_rfc3339(text).expect(text).to_utc()
    }

    fn weekly(zone: Tz) -> DriftRule {
        let schedule = Schedule::cron("0 3 * * SUN", zone).expect("a schedule");
        DriftRule { mode: DriftMode::Report, schedule }
    }

    #[test]
    fn a_weekly_comparison_keeps_its_hour_when_the_clocks_change() {
        // Berlin: the clocks go back on Sunday 2026-10-25 at 01:00 UTC, and forward on 2027-03-28.
        let rule = weekly(Tz::Europe__Berlin);
        let mut last = at("2026-10-18T01:00:00Z");
        let mut starts = Vec::new();
        for _ in 0..2 {
            last = rule.next_after(last, last);
            starts.push(last.to_rfc3339_opts(chrono::SecondsFormat::Secs, true));
        }
        assert_eq!(starts, ["2026-10-25T02:00:00Z", "2026-11-01T02:00:00Z"]);
        let last = at("2027-03-21T02:00:00Z");
        assert_eq!(rule.next_after(last, last), at("2027-03-28T01:00:00Z"));
    }

    #[test]
    fn it_is_due_once_a_week_and_at_once_where_the_clock_was_set_back() {
        let rule = weekly(Tz::UTC);
        let last = at("2026-11-29T03:10:00Z");
        assert!(!rule.is_due(last, at("2026-11-29T03:10:00Z")), "it was just done");
        assert!(!rule.is_due(last, at("2026-12-06T02:59:00Z")));
        assert!(rule.is_due(last, at("2026-12-06T03:00:00Z")));
        assert!(rule.is_due(last, at("2026-12-19T12:00:00Z")), "however late");
        assert!(rule.is_due(last, at("2026-11-20T00:00:00Z")), "the last one lies in the future");
    }

    #[test]
    fn spelling_and_what_may_be_left_out_are_no_drift() {
        let path = |text| AttributePath::parse(text).expect("a path");
        let drifts = |text, ours: Value, theirs: Option<Value>| {
            differs(&path(text), (&ours, theirs.as_ref()), false)
        };
        assert!(!drifts("title", json!("Nurse"), Some(json!("NURSE"))));
        assert!(!drifts("active", json!(true), Some(json!("True"))));
        assert!(!drifts("active", json!(true), None));
        assert!(!drifts("urn:x:User:editor", json!(false), None));
        assert!(drifts("active", json!(false), None), "an account without `active` can be used");
        assert!(drifts("active", json!(false), Some(json!(true))));
        assert!(drifts("title", json!("Nurse"), None));
        assert!(drifts("urn:x:User:editor", json!(true), None));
    }

    #[test]
    fn a_role_more_is_no_drift_where_roles_are_only_added() {
        let path = AttributePath::parse("roles").expect("a path");
        let ours = json!([{"value": "editor"}]);
        let more = json!([{"value": "admin"}, {"value": "editor"}]);
        let other = json!([{"value": "admin"}]);
        assert!(!differs(&path, (&ours, Some(&more)), true));
        assert!(differs(&path, (&ours, Some(&more)), false));
        assert!(differs(&path, (&ours, Some(&other)), true));
    }
}
