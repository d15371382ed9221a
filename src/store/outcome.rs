//! Outcomes: the log row, the link and the escrow of one change, all or nothing.

use chrono::SecondsFormat;
use rusqlite::params;

use super::{
    held::Approval,
    log::{APPROVED, APPROVED_BY},
    open::{StoreError, Tx, View},
};
use crate::{
    model::{CycleId, SourceId, Timestamp},
    provisioning::{
        Action, Basis, ChangeStatus, Failure, LinkEffect, Outcome, PlannedChange, Step, StepKind,
        StepStatus, Write,
    },
    scim::Values,
};

impl View<'_> {
    /// How many people have a failure that is tried again.
    pub fn escrow_count(&self) -> Result<u64, StoreError> {
        Ok(self.connection.query_row("SELECT count(*) FROM escrow", [], |row| row.get(0))?)
    }

    /// Disables and deletes carried out without an approval since then.
    pub fn removals_since(&self, since: Timestamp) -> Result<u64, StoreError> {
        Ok(self.connection.query_row(
            "SELECT count(*) FROM removal WHERE at > ?1",
            [since.timestamp_millis()],
            |row| row.get(0),
        )?)
    }
}

impl Tx<'_> {
    /// Records what became of one planned change: row, log, link and escrow, all or nothing.
    pub fn record_outcome(
        &self,
        cycle: CycleId,
        (seq, change): (i64, &PlannedChange),
        outcome: &Outcome,
        (began, ended): (Timestamp, Timestamp),
    ) -> Result<ChangeStatus, StoreError> {
        let mut done = change.clone();
        if let Some(approval) = self.approval(change)? {
            done.steps.push(approved_step(&approval));
        }
        match outcome {
            Outcome::Success { target, exported, warning } => {
                done.status = if warning.is_some() || change.status == ChangeStatus::Warning {
                    ChangeStatus::Warning
                } else {
                    ChangeStatus::Success
                };
                done.target = Some(target.clone());
                self.set_link(change.source, target, &change.source_display, exported, ended)?;
                if let Some(basis) = basis_after(change, exported) {
                    self.set_basis(change.source, &basis)?;
                }
                self.clear_escrow(change.source)?;
                done.steps.push(export_step(change, StepStatus::Success, warning.as_deref()));
            }
            Outcome::Gone { failure } => {
                self.release_link(change.source, ended)?;
                self.settle_failure(&mut done, failure.as_ref(), ended)?;
            }
            Outcome::Unknown(failure) => {
                match &change.write {
                    Write::Create(sent) => {
                        self.set_unsettled(change.source, (sent, true), began)?;
                    }
                    // There is no link yet that could be stale: the account is looked for again.
                    Write::Patch { baseline } if change.action == Action::Adopt => {
                        self.set_unsettled(change.source, (baseline, false), began)?;
                    }
                    Write::Patch { .. } | Write::Delete | Write::Nothing => {
                        self.set_stale(change.source)?;
                    }
                }
                // It may have been carried out, so it counts; an approval stays for the next try.
                if change.action.is_removal() && !self.is_approved(change)? {
                    self.add_removal(change, ended)?;
                }
                self.settle_failure(&mut done, Some(failure), ended)?;
            }
            Outcome::Failed(failure) => self.settle_failure(&mut done, Some(failure), ended)?,
            Outcome::Skipped(failure) => {
                done.status = ChangeStatus::Skipped;
                done.error = Some(failure.clone());
                done.steps.push(export_step(change, StepStatus::Skipped, Some(&failure.detail)));
            }
        }
        let applied = matches!(done.status, ChangeStatus::Success | ChangeStatus::Warning);
        if applied && change.action.is_removal() {
            self.count_removal(change, ended)?;
        }
        self.update_planned(seq, &done)?;
        self.append_log(cycle, &done, (began, ended))?;
        Ok(done.status)
    }

    /// Records a decision that sends nothing: its log row and what it does to the link.
    pub fn record_decision(
        &self,
        cycle: CycleId,
        change: &PlannedChange,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        match &change.effect {
            LinkEffect::Unchanged | LinkEffect::Removed => {}
            LinkEffect::Kept => self.keep_link(change.source)?,
            LinkEffect::Exported(exported) => {
                if let Some(target) = &change.target {
                    let display = &change.source_display;
                    self.set_link(change.source, target, display, exported, now)?;
                    if let Some(basis) = basis_after(change, exported) {
                        self.set_basis(change.source, &basis)?;
                    }
                }
            }
        }
        match (&change.error, change.status) {
            (Some(failure), ChangeStatus::Failure) => {
                self.set_escrow(change.source, failure, now)?;
            }
            // A warning is no failure: there is nothing to try again.
            (None, _) | (Some(_), ChangeStatus::Warning) => self.clear_escrow(change.source)?,
            (Some(_), _) => {}
        }
        self.append_log(cycle, change, (now, now))
    }

    fn settle_failure(
        &self,
        done: &mut PlannedChange,
        failure: Option<&Failure>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if let Some(failure) = failure {
            done.status = ChangeStatus::Failure;
            done.error = Some(failure.clone());
            done.steps.push(export_step(done, StepStatus::Failure, Some(&failure.detail)));
            self.set_escrow(done.source, failure, now)
        } else {
            done.status = ChangeStatus::Success;
            done.steps.push(export_step(done, StepStatus::Success, None));
            self.clear_escrow(done.source)
        }
    }

    fn set_escrow(
        &self,
        source: SourceId,
        failure: &Failure,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.connection.execute(
            "INSERT INTO escrow (source, since, failures, code, detail) VALUES (?1, ?2, 1, ?3, ?4) \
             ON CONFLICT (source) DO UPDATE SET failures = failures + 1, code = excluded.code, \
             detail = excluded.detail",
            params![
                source.to_string(),
                now.timestamp_millis(),
                failure.reason.to_string(),
                failure.detail
            ],
        )?;
        Ok(())
    }

    fn clear_escrow(&self, source: SourceId) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("DELETE FROM escrow WHERE source = ?1")?
            .execute([source.to_string()])?;
        Ok(())
    }

    /// Every object that failed is decided again.
    pub fn release_escrows(&self) -> Result<(), StoreError> {
        self.connection.execute_batch(
            "UPDATE source_user SET dirty = 1 WHERE id IN (SELECT source FROM escrow); \
             DELETE FROM escrow;",
        )?;
        Ok(())
    }

    fn count_removal(&self, change: &PlannedChange, now: Timestamp) -> Result<(), StoreError> {
        if self.take_approval(change)? {
            return Ok(());
        }
        self.add_removal(change, now)
    }

    fn add_removal(&self, change: &PlannedChange, now: Timestamp) -> Result<(), StoreError> {
        self.connection.execute(
            "INSERT INTO removal (at, source, action) VALUES (?1, ?2, ?3)",
            params![now.timestamp_millis(), change.source.to_string(), change.action.as_str()],
        )?;
        self.connection.execute(
            "DELETE FROM removal WHERE at < ?1",
            [(now - chrono::TimeDelta::days(7)).timestamp_millis()],
        )?;
        Ok(())
    }
}

/// What the values rest on that came to be exported; they may be others than were planned.
fn basis_after(change: &PlannedChange, exported: &Values) -> Option<Basis> {
    let LinkEffect::Exported(planned) = &change.effect else { return None };
    let mut basis = change.basis.clone()?;
    basis.retain(|path, _| exported.get(path) == planned.get(path));
    Some(basis)
}

/// Names who released the change.
fn approved_step(approval: &Approval) -> Step {
    let at = approval.at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let text = format!("released by {} at {at}", approval.by);
    Step::new(StepKind::Processing, StepStatus::Success, APPROVED, text)
        .with(APPROVED_BY, approval.by.as_str())
        .with("ApprovedPlan", approval.plan.as_str())
}

fn export_step(change: &PlannedChange, status: StepStatus, detail: Option<&str>) -> Step {
    let name = match change.action {
        Action::Create => "EntryExportAdd",
        Action::Adopt | Action::Update | Action::Enable | Action::Skip => "EntryExportUpdate",
        Action::Disable => "EntryExportUpdateSoftDelete",
        Action::Delete => "EntryExportDelete",
    };
    let text = detail.map_or_else(
        || match change.write {
            Write::Nothing => "linked; nothing was sent".to_owned(),
            Write::Create(_) => "created".to_owned(),
            Write::Patch { .. } => format!("{} attributes written", change.changes.len()),
            Write::Delete => "deleted".to_owned(),
        },
        str::to_owned,
    );
    Step::new(StepKind::Export, status, name, text)
}
