//! Step `matching`: finds the account that already belongs to a person, or the group that is one
//! already, before one is created.
//!
//! Matching attributes are alternatives in the order of their precedence, never combined. An
//! account counts only if its attribute really has the value: a target that ignores a filter
//! returns strangers. An account that is linked to another person, or was ever released from one,
//! is never taken: a reused address must not inherit somebody's access.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Mapped, Reason, Step, StepKind, StepStatus, UnsettledCreate, words::words};
use crate::{
    model::{AppName, ObjectKind, SourceId, TargetId},
    scim::{AttributePath, EqFilter, Values, same},
};

/// An account that may be the person's.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The account.
    pub target: TargetId,
    /// Its values at the mapped paths.
    pub values: Values,
    /// Whether another person has a claim to it.
    pub claim: Claim,
}

/// Whether another person has a claim to an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nobody else has.
    Free,
    /// It is linked to this other person.
    LinkedTo(SourceId),
    /// It once belonged to this other person.
    ReleasedFrom(SourceId),
    /// Another application that shares the target has it, had it, or is just creating it.
    OtherApplication(AppName),
}

/// What was found at the target.
#[derive(Clone, Debug, PartialEq)]
pub enum Evidence {
    /// Nobody looked.
    NotLooked,
    /// What the target has for each matching attribute that was looked up.
    Found(BTreeMap<AttributePath, Vec<Candidate>>),
}

/// Which account is the person's.
#[derive(Clone, Debug, PartialEq)]
pub enum Matched {
    /// None.
    None,
    /// This one, found by this attribute.
    One(AttributePath, Candidate),
    /// Several have the same value.
    Many(AttributePath, usize),
    /// The only one has another person's claim.
    Claimed(AttributePath, TargetId, Claim),
}

impl Matched {
    /// The reason under which a match that stops the object is logged.
    pub fn refusal(&self) -> Option<Reason> {
        match self {
            Self::None | Self::One(..) => None,
            Self::Many(..) => Some(Reason::DuplicateTargetEntries),
            Self::Claimed(..) => Some(Reason::DuplicateSourceEntries),
        }
    }
}

/// What to look up, in the order of precedence; empty if no matching attribute has a value.
///
/// What an earlier create without a known outcome sent comes first: its account, if there is one,
/// has those values, even if the person was renamed since.
pub fn match_keys(mapped: &Mapped, unsettled: Option<&UnsettledCreate>) -> Vec<EqFilter> {
    let mut rows: Vec<_> =
        mapped.rows.iter().filter_map(|row| Some((row.matching_priority?, row))).collect();
    rows.sort_by_key(|(priority, _)| *priority);
    let sent = unsettled
        .into_iter()
        .flat_map(|unsettled| std::iter::once(&unsettled.sent).chain(&unsettled.unconfirmed));
    let sent = sent.flat_map(|values| {
        rows.iter().filter_map(|(_, row)| {
            let value = values.get(&row.path)?;
            Some((row.path.clone(), value.as_str()?.to_owned()))
        })
    });
    let now = rows.iter().filter_map(|(_, row)| {
        let value = row.value.as_ref()?;
        Some((row.path.clone(), value.as_str()?.to_owned()))
    });
    let mut keys: Vec<EqFilter> = Vec::new();
    for (path, value) in sent.chain(now) {
        let key = EqFilter { path, value };
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

/// Whose the account is, as the end of a sentence.
fn owner(claim: &Claim) -> String {
    match claim {
        Claim::Free => "is free".to_owned(),
        Claim::LinkedTo(other) | Claim::ReleasedFrom(other) => {
            format!("belongs or belonged to {other}")
        }
        Claim::OtherApplication(app) => format!("application `{app}` has or had it"),
    }
}

/// Decides which candidate is the person's account, or the group.
pub fn settle(
    kind: ObjectKind,
    keys: &[EqFilter],
    found: &BTreeMap<AttributePath, Vec<Candidate>>,
) -> (Matched, Step) {
    let (one, many) = (words(kind).one, words(kind).many);
    for key in keys {
        let wanted = Value::String(key.value.clone());
        let mut hits: BTreeMap<&TargetId, &Candidate> = BTreeMap::new();
        for candidate in found.get(&key.path).into_iter().flatten() {
            if candidate.values.get(&key.path).is_some_and(|value| same(&key.path, &wanted, value))
            {
                hits.insert(&candidate.target, candidate);
            }
        }
        let step = |status, text: String| {
            Step::new(StepKind::Matching, status, "EntrySynchronizationMatching", text)
                .with("Matching attribute", key.path.to_string())
        };
        let mut hits = hits.into_values();
        match (hits.next(), hits.len()) {
            (None, _) => {}
            (Some(hit), 0) => match &hit.claim {
                Claim::Free => {
                    return (
                        Matched::One(key.path.clone(), hit.clone()),
                        step(StepStatus::Success, format!("{one} `{}` matches", hit.target)),
                    );
                }
                claim @ (Claim::LinkedTo(_)
                | Claim::ReleasedFrom(_)
                | Claim::OtherApplication(_)) => {
                    let text = format!("{one} `{}` matches, but {}", hit.target, owner(claim));
                    return (
                        Matched::Claimed(key.path.clone(), hit.target.clone(), claim.clone()),
                        step(StepStatus::Failure, text),
                    );
                }
            },
            (Some(_), more) => {
                return (
                    Matched::Many(key.path.clone(), more + 1),
                    step(StepStatus::Failure, format!("{} {many} match", more + 1)),
                );
            }
        }
    }
    let text = format!("no {one} matches");
    (
        Matched::None,
        Step::new(StepKind::Matching, StepStatus::Success, "EntrySynchronizationMatching", text),
    )
}
