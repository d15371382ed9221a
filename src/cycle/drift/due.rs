//! When accounts are compared, and what becomes of a comparison that does not come to its end.

use chrono::TimeDelta;

use super::{compare::compare, conclude::new_part};
use crate::{
    cycle::{
        context::{Context, CycleError},
        pace::Pacer,
    },
    model::{CycleId, ObjectKind, Timestamp},
    port::TargetRead,
    provisioning::{DriftMode, DriftRule},
    store::{Binding, DriftBrokenOff, DriftCheck, DriftStage, StoreError, View},
};

/// How long after a comparison was broken off a list is read again from its beginning.
const RETRIED_AFTER: TimeDelta = TimeDelta::hours(6);

/// Compares if that is due, and if nothing else waits for a person.
///
/// Only the state can be the reason of an error. What the target does to a comparison is recorded
/// with it.
pub(in crate::cycle) async fn compare_when_due<D: Sync, R: TargetRead>(
    context: &Context<'_, D>,
    target: &R,
    pacer: &Pacer<'_>,
    cycle: CycleId,
) -> Result<(), StoreError> {
    let Some(mut check) = begin(context, cycle)? else { return Ok(()) };
    let broken = match compare(context, (target, pacer), cycle, &mut check).await {
        Ok(()) => {
            let counts = context.store.read(|view| view.drift_counts(check.id))?;
            tracing::info!(
                app = context.job.app.as_str(),
                compared = check.users.compared,
                changed = counts.changed,
                missing = counts.missing,
                added = counts.added,
                "accounts were compared with what was exported to them"
            );
            return Ok(());
        }
        Err(CycleError::Store(error)) => return Err(error),
        Err(broken) => broken,
    };
    let now = context.clock.now();
    let not_before = match (&broken, check.stage) {
        // It goes on where it was, or the program was only asked to stop.
        (CycleError::TimeUp { .. }, DriftStage::Asking) | (CycleError::Stopped, _) => now,
        (_, DriftStage::Listing | DriftStage::Asking | DriftStage::Recording) => {
            now.checked_add_signed(RETRIED_AFTER).unwrap_or(now)
        }
    };
    let problem = if matches!(broken, CycleError::TimeUp { .. }) {
        "the cycle had no time left for it (`safeguards.cycle_time_max`)".to_owned()
    } else {
        broken.to_string()
    };
    tracing::warn!(
        app = context.job.app.as_str(),
        "accounts could not be compared with what was exported to them: {problem}"
    );
    let broken_off = DriftBrokenOff { at: now, not_before, problem };
    context.store.write(|tx| tx.set_drift_broken_off(&broken_off))
}

/// Compares now, whatever the schedule says, into the state of `context`, a private copy; corrects
/// nothing. `View::last_drift_check` has the result.
pub async fn compare_now<D: Sync, R: TargetRead>(
    context: &Context<'_, D>,
    target: &R,
) -> Result<(), CycleError> {
    refuse_other_target(context)?;
    let began = context.clock.now();
    let cycle = CycleId::derive(&[context.job.app.as_str(), "drift", &began.to_rfc3339()]);
    let mut check = context.store.write(|tx| {
        tx.discard_open_drift_check()?;
        new_check(tx, (cycle, began), DriftMode::Report)
    })?;
    let pacer = Pacer::of(context);
    compare(context, (target, &pacer), cycle, &mut check).await
}

/// The ids in the state mean nothing at another target.
fn refuse_other_target<D>(context: &Context<'_, D>) -> Result<(), CycleError> {
    let job = context.job;
    match context.store.read(|view| view.binding())? {
        Some(stored) if stored.target_base != job.target_base => {
            let configured = Binding { target_base: job.target_base.clone(), ..stored.clone() };
            Err(CycleError::Rebound {
                app: job.app.to_string(),
                stored: Box::new(stored),
                configured: Box::new(configured),
            })
        }
        Some(_) | None => Ok(()),
    }
}

/// The comparison that this cycle begins or goes on with, if any.
fn begin<D>(context: &Context<'_, D>, cycle: CycleId) -> Result<Option<DriftCheck>, StoreError> {
    let (rule, now) = (&context.job.drift, context.clock.now());
    if rule.mode == DriftMode::Off {
        return Ok(None);
    }
    let is_due = context.store.read(|view| {
        // Whatever is held may be the very mistake that a comparison would tell of once more.
        Ok(view.fact("held")?.is_none() && is_due(view, rule, now)?)
    })?;
    if is_due {
        return context.store.write(|tx| {
            let open = tx.open_drift_check()?.filter(|open| {
                let goes_on = matches!(open.stage, DriftStage::Asking | DriftStage::Recording);
                goes_on && open.mode == rule.mode
            });
            if open.is_some() {
                return Ok(open);
            }
            tx.discard_open_drift_check()?;
            new_check(tx, (cycle, now), rule.mode).map(Some)
        });
    }
    if context.store.read(|view| view.drift_anchor())?.is_none() {
        context.store.write(|tx| tx.set_drift_anchor(now))?;
    }
    Ok(None)
}

/// Whether a comparison is under way, or its time has come. The first one is not due before there
/// has been something to compare for once.
fn is_due(view: &View<'_>, rule: &DriftRule, now: Timestamp) -> Result<bool, StoreError> {
    if view.drift_broken_off()?.is_some_and(|broken| !broken.may_retry(now)) {
        return Ok(false);
    }
    Ok(view.open_drift_check()?.is_some()
        || view.drift_anchor()?.is_some_and(|anchor| rule.is_due(anchor, now)))
}

fn new_check(
    view: &View<'_>,
    (id, began): (CycleId, Timestamp),
    mode: DriftMode,
) -> Result<DriftCheck, StoreError> {
    Ok(DriftCheck {
        id,
        began,
        ended: None,
        ended_in: None,
        mode,
        stage: DriftStage::Listing,
        kind: ObjectKind::User,
        after: None,
        requests: 0,
        users: new_part(view, ObjectKind::User)?,
        groups: None,
    })
}
