//! What an answer of the target makes of a row of the plan. Sends nothing and stores nothing.

use super::survey::matching_paths;
use crate::{
    model::TargetId,
    port::Resource,
    provisioning::{Failure, Link, LinkEffect, Outcome, PlannedChange, Reason, Write, job::Job},
    scim::{Values, read, same},
};

/// Whether a change was answered with a resource that is not the one of the row.
pub(super) fn is_another(
    job: &Job,
    row: &PlannedChange,
    (target, answer): (&TargetId, &Resource),
) -> bool {
    answer.id != *target
        || matching_paths(job).iter().any(|path| {
            let wanted = wanted_of(row).and_then(|values| values.get(path));
            match (wanted, read(&answer.document, path)) {
                (Some(wanted), Some(got)) => !same(path, wanted, &got),
                (_, _) => false,
            }
        })
}

/// Whether an account that was read has a matching value that is not the person's: neither what it
/// may have from us, nor what it is to get.
pub(super) fn is_strange(
    job: &Job,
    link: Option<&Link>,
    wanted: Option<&Values>,
    found: &Resource,
) -> bool {
    matching_paths(job).iter().any(|path| {
        let theirs = read(&found.document, path);
        link.zip(theirs).is_some_and(|(link, theirs)| {
            let wanted = wanted.and_then(|wanted| wanted.get(path));
            link.exported.contains_key(path)
                && !link.may_have(path, &theirs)
                && !wanted.is_some_and(|wanted| same(path, wanted, &theirs))
        })
    })
}

/// What a row's account is to have afterwards.
pub(super) fn wanted_of(row: &PlannedChange) -> Option<&Values> {
    match &row.effect {
        LinkEffect::Exported(values) => Some(values),
        LinkEffect::Unchanged | LinkEffect::Kept | LinkEffect::Removed => None,
    }
}

pub(super) fn stranger(target: &TargetId, consequence: &str) -> Outcome {
    Outcome::Failed(Failure {
        reason: Reason::InvalidAnchor,
        detail: format!(
            "account `{target}` now has another person's matching value; {consequence}"
        ),
    })
}

pub(super) fn no_account() -> Outcome {
    Outcome::Failed(Failure {
        reason: Reason::InvalidAnchor,
        detail: "the plan names no account".to_owned(),
    })
}

/// The account is gone. That is what a removal wanted; anything else starts again without link.
pub(super) fn missing(row: &PlannedChange) -> Outcome {
    if row.action.is_removal() {
        return Outcome::Gone { failure: None };
    }
    Outcome::Gone {
        failure: Some(Failure {
            reason: Reason::InvalidAnchor,
            detail: "the account is gone from the application; the next cycle matches or \
                     creates it again"
                .to_owned(),
        }),
    }
}

/// A create that found the account there already: what differs is for the next cycle, which reads
/// the account first.
pub(super) fn adopted_in_passing(row: &PlannedChange, outcome: &Outcome) -> bool {
    matches!(row.write, Write::Create(_))
        && matches!(outcome, Outcome::Success { warning: Some(_), .. })
}

pub(super) fn success(row: &PlannedChange, target: TargetId, warning: Option<String>) -> Outcome {
    let exported = wanted_of(row).cloned().unwrap_or_default();
    Outcome::Success { target, exported, warning }
}
