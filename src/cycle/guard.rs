//! What is looked at once more right before a row is sent, because it may have changed since the
//! review: the hour, and what another application with the same target has by now.

use crate::{
    model::{CycleId, TargetId, Timestamp},
    provisioning::{Failure, Outcome, PlannedChange, Reason, job::Job},
    store::{StoreError, Tx, View},
};

/// Why a removal that nobody approved is not sent now, where it is not.
pub(super) fn closed_window(job: &Job, now: Timestamp) -> Option<String> {
    let window = job.safeguards.removals_between?;
    if window.is_open(now) {
        return None;
    }
    let opens = match window.opens_at(now) {
        Some(opens) => format!("this one waits until {}", window.shown(opens)),
        None => "this one waits".to_owned(),
    };
    Some(format!("removals are sent within {window} only (`removals_between`); {opens}"))
}

/// Whether a removal comes too late: the window closed since the review. Every other one that
/// nobody approved waits from then on too.
pub(super) fn is_postponed(
    tx: &Tx<'_>,
    job: &Job,
    cycle: CycleId,
    (row, now): (&PlannedChange, Timestamp),
) -> Result<bool, StoreError> {
    if !row.action.is_removal() {
        return Ok(false);
    }
    let Some(closed) = closed_window(job, now) else { return Ok(false) };
    if tx.is_approved(row)? {
        return Ok(false);
    }
    tx.postpone_removals(cycle, &closed, now)?;
    Ok(true)
}

/// An account that another application with the same target has, or had, is left alone, even where
/// it came to be linked here too.
pub(super) fn of_neighbour(
    view: &View<'_>,
    row: &PlannedChange,
) -> Result<Option<Outcome>, StoreError> {
    let Some(target) = &row.target else { return Ok(None) };
    Ok(view.neighbour_of(row.kind, target)?.map(|app| {
        Outcome::Failed(Failure {
            reason: Reason::DuplicateSourceEntries,
            detail: format!(
                "application `{app}` has or had account `{target}`; nothing was sent to it"
            ),
        })
    }))
}

/// A create was answered with an account of somebody else.
pub(super) fn not_ours(target: &TargetId, owner: &str) -> Outcome {
    Outcome::Failed(Failure {
        reason: Reason::DuplicateSourceEntries,
        detail: format!(
            "the application answered the create with account `{target}`, which belongs or \
             belonged to {owner}; it was not linked"
        ),
    })
}
