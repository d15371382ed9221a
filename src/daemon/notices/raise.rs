//! What a cycle's end leaves to tell: which notices are open now, and which are over.

use super::{
    Channels,
    expiry::Expiry,
    wording::{self, CREATES, CYCLE, OBJECT, REMOVALS},
};
use crate::{
    cycle::{CycleEnd, CycleError, WorkLeft},
    model::Timestamp,
    provisioning::{Action, NoticeKind, NoticeRow, PlannedChange, expiry_stage},
    store::{Engine, PlanFilter, StoreError, Tx, View},
};

/// Objects that a notice names.
const NAMED: u32 = 10;

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
            match &end.error {
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

fn raise_failing(tx: &Tx<'_>, app: &str, now: Timestamp) -> Result<(), StoreError> {
    let mut open = Vec::new();
    for (code, count) in tx.failing()? {
        let rows = tx.failing_rows(&code, NAMED)?;
        let notice = wording::objects_fail(app, &code, count, now).naming(rows);
        tx.raise_notice(&notice)?;
        open.push(notice.cause);
    }
    end_others(tx, NoticeKind::Failure, OBJECT, &open)
}

fn raise_held(tx: &Tx<'_>, app: &str, end: &CycleEnd, now: Timestamp) -> Result<(), StoreError> {
    let mut open = Vec::new();
    if let Some(held) = &end.report.held {
        for (cause, count) in [(REMOVALS, held.removals), (CREATES, held.creates)] {
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
