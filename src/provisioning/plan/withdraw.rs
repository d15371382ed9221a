//! What happens to an account whose person is disabled, out of scope, or gone; and to a group.

use super::{
    case::{Case, Row},
    decide::{keep, turns_off},
    difference::{Baseline, applied, difference},
    model::{Action, ChangeStatus, LinkEffect, Phase, Verdict, Write},
};
use chrono::SecondsFormat;
use serde_json::Value;

use crate::model::{ObjectKind, Timestamp};
use crate::provisioning::{Link, Mapped, OutReason, Reason, job::OutOfScope, map_withdrawal};

/// As `on_out_of_scope` says.
pub(super) fn out_of_scope(case: Case<'_>, link: &Link, reason: OutReason) -> Verdict {
    let reason = reason.reason();
    match case.inputs.job.safeguards.on_out_of_scope {
        OutOfScope::Disable => withdraw(case, link, reason),
        OutOfScope::Delete => leave(case, reason),
        OutOfScope::Keep => keep(case, link, reason),
    }
}

/// Deletes the account.
pub(super) fn leave(case: Case<'_>, reason: Reason) -> Verdict {
    if case.is_protected() {
        let row = Row::concern(
            ChangeStatus::Skipped,
            Reason::Protected,
            format!("{}; protected, so {} is not deleted", sentence(reason), case.words().its),
        );
        return case.decided(vec![row], false);
    }
    if !case.inputs.job.safeguards.delete {
        let row =
            Row::skip(Reason::ActionDisabled, format!("{}, and `delete` is off", sentence(reason)));
        return case.decided(vec![row], false);
    }
    let row = Row {
        action: Action::Delete,
        status: ChangeStatus::Planned,
        reason,
        detail: sentence(reason).to_owned(),
        changes: Vec::new(),
        write: Write::Delete,
        effect: LinkEffect::Removed,
        phase: Phase::Removals,
        error: false,
    };
    case.decided(vec![row], false)
}

/// Lets `IsSoftDeleted` flow: the attributes that depend on it, and no other.
pub(super) fn withdraw(mut case: Case<'_>, link: &Link, reason: Reason) -> Verdict {
    let job = case.inputs.job;
    if job.kind == ObjectKind::Group {
        return depart(case, reason);
    }
    let inputs = case.mapping_inputs(true);
    let mapped = match map_withdrawal(&job.attributes, case.inputs.subject, inputs, link) {
        Ok(mapped) => mapped,
        Err(fault) => {
            // It should have been a disable, and is tried again as one.
            let row = Row {
                action: Action::Disable,
                ..Row::concern(
                    ChangeStatus::Failure,
                    Reason::AttributeValidationFailed,
                    fault.to_string(),
                )
            };
            return case.decided(vec![row], true);
        }
    };
    if mapped.rows.is_empty()
        && job.safeguards.on_out_of_scope == OutOfScope::Delete
        && reason != Reason::AccountDisabled
    {
        return leave(case, reason);
    }
    case.rests_on(&mapped);
    turn_off(case, link, &mapped, reason)
}

/// What becomes of a group where an account would be disabled: it is deleted, unless what leaves
/// the scope is kept. Then a soft-deleted one, which can be restored, stays until it is gone for
/// good.
fn depart(case: Case<'_>, reason: Reason) -> Verdict {
    let keeps = case.inputs.job.safeguards.on_out_of_scope == OutOfScope::Keep;
    if reason == Reason::SoftDeleted && keeps {
        let its = case.words().its;
        let detail = format!("{}; {its} stays until it is deleted for good", sentence(reason));
        return case.decided(vec![Row::skip(reason, detail)], false);
    }
    leave(case, reason)
}

/// Writes the attributes that turn an account off.
pub(super) fn turn_off(
    mut case: Case<'_>,
    link: &Link,
    mapped: &Mapped,
    reason: Reason,
) -> Verdict {
    let job = case.inputs.job;
    let diff = difference(mapped, Baseline::of(link));
    let mut exported = link.settled();
    exported.extend(diff.exported);
    let due = case.deletion_due(reason).filter(|_| !case.is_protected());
    if diff.changes.is_empty() {
        let due = due.filter(|_| is_off(link));
        if due.is_some_and(|due| due <= case.inputs.now) {
            return leave(case, Reason::DeleteAfterElapsed);
        }
        case.reconsider(due);
        let row = Row::skip(
            Reason::RedundantExport,
            format!(
                "{}; {} already says so{}",
                sentence(reason),
                case.words().its,
                deleted_at(due)
            ),
        );
        let effect =
            if link.stale { LinkEffect::Exported(exported) } else { LinkEffect::Unchanged };
        return case.decided(vec![Row { effect, ..row }], false);
    }
    if case.is_protected() {
        let row = Row::concern(
            ChangeStatus::Skipped,
            Reason::Protected,
            format!("{}; protected, so {} is not disabled", sentence(reason), case.words().its),
        );
        return case.decided(vec![row], false);
    }
    if !job.safeguards.update {
        let row =
            Row::skip(Reason::ActionDisabled, format!("{}, and `update` is off", sentence(reason)));
        return case.decided(vec![row], false);
    }
    let disables = diff.changes.iter().any(turns_off);
    let due = due.filter(|_| disables);
    case.reconsider(due);
    let row = Row {
        action: if disables { Action::Disable } else { Action::Update },
        status: ChangeStatus::Planned,
        reason,
        detail: format!("{}{}", sentence(reason), deleted_at(due)),
        effect: LinkEffect::Exported(applied(&exported, &diff.changes)),
        changes: diff.changes,
        write: Write::Patch { baseline: link.baseline().clone() },
        phase: if disables { Phase::Removals } else { Phase::Updates },
        error: false,
    };
    case.decided(vec![row], false)
}

/// Whether the account is known to be turned off.
fn is_off(link: &Link) -> bool {
    let mut active = link.baseline().iter().filter(|(path, _)| path.is_active());
    active.any(|(_, value)| value == &Value::Bool(false))
}

/// When the account is deleted, as the end of a sentence.
fn deleted_at(due: Option<Timestamp>) -> String {
    let shown = due.map(|due| due.to_rfc3339_opts(SecondsFormat::Secs, true));
    shown.map(|due| format!("; it is deleted from {due} on (`delete_after`)")).unwrap_or_default()
}

/// Why the account is withdrawn, as a sentence.
pub(super) fn sentence(reason: Reason) -> &'static str {
    if reason == Reason::HardDeleted {
        "deleted in the directory for good"
    } else if reason == Reason::DeleteAfterElapsed {
        "out of scope for longer than `delete_after`"
    } else if reason == Reason::SoftDeleted {
        "soft-deleted in the directory"
    } else if reason == Reason::AccountDisabled {
        "disabled in the directory"
    } else if reason == Reason::EntrySynchronizationSkipped {
        "no scoping filter holds any more"
    } else if reason == Reason::AttributesChanged {
        "the mapping of `active` says false"
    } else {
        "no longer assigned to the application"
    }
}
