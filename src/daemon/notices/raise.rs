//! What a cycle's end leaves to tell: which notices are open now, and which are over.

use super::{
    Channels,
    expiry::Expiry,
    wording::{self, CREATES, CYCLE, OBJECT, REMOVALS},
};
use crate::{
    cycle::{CycleEnd, CycleError, WorkLeft},
    model::Timestamp,
    provisioning::{
        Action, DriftFinding, Notice, NoticeKind, NoticeRow, PROGRAM, PlannedChange,
        QuarantineCause, REMOVAL_FAILURES_TOLD, expiry_stage,
    },
    store::{Engine, EscrowRow, PlanFilter, StoreError, Tx, View},
};

/// Objects that a notice names.
const NAMED: u32 = 10;

/// Objects that are counted for a notice: more is as bad.
const COUNTED: u32 = 100_000;

/// Plan rows read at once.
const PAGE: u32 = 500;

impl<M> Channels<M> {
    /// Raises what is so at the end of this cycle, and ends what is not so any more.
    ///
    /// What a cycle that ended early did not look at stays as it was.
    pub fn raise(
        &self,
        engine: &Engine,
        end: &CycleEnd,
        expiries: &[Expiry],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let app = self.app.as_str();
        engine.write(|tx| {
            let rests = raise_quarantine(tx, app, end, now)?;
            match &end.error {
                // It is the quarantine that is told, once for each reason.
                Some(_) if rests => {}
                None => {
                    end_others(tx, NoticeKind::Failure, CYCLE, &[])?;
                    raise_failing(tx, app, now)?;
                    raise_held(tx, app, end, now)?;
                }
                Some(CycleError::Stopped) => {}
                Some(error @ CycleError::TimeUp { left, .. }) => {
                    raise_time_up(tx, app, (error, *left), now)?;
                    if matches!(left, WorkLeft::Changes(_)) {
                        raise_held(tx, app, end, now)?;
                    }
                }
                Some(error) => {
                    if let Some(notice) = wording::cycle_failed(app, error, now) {
                        tx.raise_notice(&notice)?;
                    }
                }
            }
            raise_drift(tx, app, end, now)?;
            raise_expiries(tx, app, expiries, now)
        })
    }
}

/// A cycle that ran out of time met no trouble of the world: whatever kept an earlier one is over.
fn raise_time_up(
    tx: &Tx<'_>,
    app: &str,
    (error, left): (&CycleError, WorkLeft),
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(notice) = wording::cycle_failed(app, error, now) else { return Ok(()) };
    tx.raise_notice(&notice)?;
    match left {
        WorkLeft::Reading | WorkLeft::People(_) => Ok(()),
        WorkLeft::Changes(_) => {
            end_others(tx, NoticeKind::Failure, CYCLE, &[notice.cause])?;
            raise_failing(tx, app, now)
        }
    }
}

/// Ends every open notice of this kind whose cause begins so and is not among these.
fn end_others(
    tx: &Tx<'_>,
    kind: NoticeKind,
    prefix: &str,
    open: &[String],
) -> Result<(), StoreError> {
    for known in tx.notices()? {
        let notice = known.notice;
        let is_other = notice.kind == kind
            && notice.cause.starts_with(prefix)
            && !open.contains(&notice.cause);
        if is_other && !notice.over {
            tx.end_notice(kind, &notice.cause)?;
        }
    }
    Ok(())
}

/// Tells of a quarantine once for each reason, of the pause that ends a long one, and of recovery.
/// Returns whether the job is in quarantine for what this cycle found.
fn raise_quarantine(
    tx: &Tx<'_>,
    app: &str,
    end: &CycleEnd,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Some(quarantine) = &end.report.quarantine else {
        if end.error.is_none() {
            end_others(tx, NoticeKind::Quarantine, "", &[])?;
            end_others(tx, NoticeKind::Paused, "", &[])?;
        }
        return Ok(false);
    };
    let is_its_cause = match &end.error {
        Some(CycleError::Target(fault)) => QuarantineCause::of_fault(fault).is_some(),
        Some(CycleError::TooManyFailures { .. }) | None => true,
        Some(_) => false,
    };
    let notice = wording::quarantine(app, quarantine, now);
    for known in tx.notices()? {
        // The reason changed; the old one is not over, so nobody is told that it is.
        if known.notice.kind == NoticeKind::Quarantine && known.notice.cause != notice.cause {
            tx.withdraw_notice(NoticeKind::Quarantine, &known.notice.cause)?;
        }
    }
    tx.raise_notice(&notice)?;
    if tx.paused()?.is_some_and(|paused| paused.by == PROGRAM) {
        tx.raise_notice(&wording::paused(app, quarantine, now))?;
    }
    Ok(is_its_cause)
}

fn raise_failing(tx: &Tx<'_>, app: &str, now: Timestamp) -> Result<(), StoreError> {
    let mut open = Vec::new();
    for (code, count) in tx.failing()? {
        let rows = tx.failing_with(&code, NAMED)?;
        let notice = wording::objects_fail(app, &code, count, now).naming(named(&rows));
        tx.raise_notice(&notice)?;
        open.push(notice.cause);
    }
    let removals = tx.failing_removals(REMOVAL_FAILURES_TOLD, COUNTED)?;
    let given_up = tx.given_up(COUNTED)?;
    for (rows, say) in [
        (&removals, wording::removals_fail as fn(&str, u64, Timestamp) -> Notice),
        (&given_up, wording::given_up),
    ] {
        if !rows.is_empty() {
            let notice = say(app, rows.len() as u64, now).naming(named(rows));
            tx.raise_notice(&notice)?;
            open.push(notice.cause);
        }
    }
    end_others(tx, NoticeKind::Failure, OBJECT, &open)
}

/// The first of these objects, as a notice names them.
fn named(rows: &[EscrowRow]) -> Vec<NoticeRow> {
    let row = |row: &EscrowRow| NoticeRow {
        id: row.source.clone(),
        reason: row.code.clone(),
        personal: Some(match &row.name {
            Some(name) => format!("{name}: {}", row.detail),
            None => row.detail.clone(),
        }),
    };
    rows.iter().take(NAMED as usize).map(row).collect()
}

fn raise_held(tx: &Tx<'_>, app: &str, end: &CycleEnd, now: Timestamp) -> Result<(), StoreError> {
    let mut open = Vec::new();
    if let Some(held) = &end.report.held {
        for (cause, count) in
            [(REMOVALS, held.removals + held.membership_removals), (CREATES, held.creates)]
        {
            if count == 0 {
                continue;
            }
            let rows = held_changes(tx, cause, NAMED as usize)?;
            let rows = rows.iter().map(held_row).collect();
            tx.raise_notice(&wording::held(app, held, cause, now).naming(rows))?;
            open.push(cause.to_owned());
        }
    }
    end_others(tx, NoticeKind::RemovalsHeld, "", &open)
}

/// Tells what a comparison found that came to its end in this cycle, and each such comparison anew.
fn raise_drift(tx: &Tx<'_>, app: &str, end: &CycleEnd, now: Timestamp) -> Result<(), StoreError> {
    let check = tx.last_drift_check()?;
    let Some(check) = check.filter(|check| check.ended_in == Some(end.report.id)) else {
        return Ok(());
    };
    let counts = tx.drift_counts(check.id)?;
    if counts.all() == 0 {
        return end_others(tx, NoticeKind::Drift, "", &[]);
    }
    let rows = tx.drift_findings(check.id, 0, NAMED)?;
    let rows = rows.iter().map(|(_, finding)| drift_row(finding)).collect();
    let notice = wording::drift(app, check.mode, counts, now).naming(rows);
    tx.withdraw_notice(notice.kind, &notice.cause)?;
    tx.raise_notice(&notice)
}

/// An account that nobody is linked to is named by its own id.
fn drift_row(finding: &DriftFinding) -> NoticeRow {
    let id = finding.source.map_or_else(|| finding.target.to_string(), |id| id.to_string());
    let name = finding.source_display.as_ref().or(finding.target_display.as_ref());
    let said = finding.sentence();
    NoticeRow {
        id,
        reason: finding.kind.as_str().to_owned(),
        personal: Some(name.map_or_else(|| said.clone(), |name| format!("{name}: {said}"))),
    }
}

fn raise_expiries(
    tx: &Tx<'_>,
    app: &str,
    expiries: &[Expiry],
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut open = Vec::new();
    for expiry in expiries {
        let Some(stage) = expiry_stage(expiry.ends, now) else { continue };
        let key = (app, expiry.cause);
        let notice = wording::expires(key, &expiry.what, expiry.ends, (stage, now));
        let notice = expiry.renew.iter().cloned().fold(notice, |notice, step| notice.then(step));
        tx.raise_notice(&notice)?;
        open.push(expiry.cause.to_owned());
    }
    end_others(tx, NoticeKind::CredentialExpiry, "", &open)
}

/// The first changes that are held for this cause, in plan order.
pub(super) fn held_changes(
    view: &View<'_>,
    cause: &str,
    limit: usize,
) -> Result<Vec<PlannedChange>, StoreError> {
    let mut found = Vec::new();
    let mut after = 0;
    while found.len() < limit {
        let rows = view.plan_rows(PlanFilter::Held, after, PAGE)?;
        let Some((last, _)) = rows.last() else { break };
        after = *last;
        let is_meant =
            |change: &PlannedChange| (change.action == Action::Create) == (cause == CREATES);
        found.extend(rows.into_iter().map(|(_, change)| change).filter(is_meant));
    }
    found.truncate(limit);
    Ok(found)
}

fn held_row(change: &PlannedChange) -> NoticeRow {
    NoticeRow {
        id: change.source.to_string(),
        reason: format!("{} {}", change.action.as_str(), change.reason),
        personal: Some(change.source_display.clone()),
    }
}
