//! Outcomes: the log row, the link and the escrow of one change, all or nothing.

use chrono::SecondsFormat;
use rusqlite::params;

use super::{
    held::Approval,
    log::{APPROVED, APPROVED_BY},
    open::{StoreError, Tx, View},
    source::stored_kind,
};
use crate::{
    model::{CycleId, ObjectKind, TargetId, Timestamp},
    provisioning::{
        Action, Basis, ChangeStatus, Failure, LinkEffect, Outcome, PlannedChange, Remedy, Step,
        StepKind, StepStatus, Write,
    },
    scim::Values,
};

/// Whether a removal took effect.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Carried {
    Out,
    Perhaps,
}

impl View<'_> {
    /// Disables and deletes of a kind of object carried out without an approval since then. One
    /// whose outcome is not known counts as carried out, unless the plan tries the same again.
    pub fn removals_since(&self, kind: ObjectKind, since: Timestamp) -> Result<u64, StoreError> {
        Ok(self.one(
            "SELECT count(*) FROM removal WHERE at > ?1 AND kind = ?2 AND NOT (is_unknown = 1 \
             AND EXISTS \
             (SELECT 1 FROM planned_change AS row INDEXED BY planned_change_by_source \
              WHERE row.source = removal.source \
              AND row.target IS removal.target AND row.action = removal.action \
              AND row.status = 'planned'))",
            params![since.timestamp_millis(), stored_kind(kind)],
            |row| row.get(0),
        )?)
    }
}

impl Tx<'_> {
    /// Records what became of one planned change: row, log, link and escrow, all or nothing.
    pub fn record_outcome(
        &self,
        cycle: CycleId,
        (seq, mut done): (i64, PlannedChange),
        outcome: &Outcome,
        (began, ended): (Timestamp, Timestamp),
    ) -> Result<ChangeStatus, StoreError> {
        let planned_steps = done.steps.len();
        let approval = self.approval(&done)?;
        done.steps.extend(approval.as_ref().map(approved_step));
        match outcome {
            Outcome::Success { target, exported, warning } => {
                done.status = if warning.is_some() || done.status == ChangeStatus::Warning {
                    ChangeStatus::Warning
                } else {
                    ChangeStatus::Success
                };
                done.target = Some(target.clone());
                let basis = basis_after(&done, exported);
                let values = (exported, basis.as_ref());
                let object = (done.kind, done.source);
                self.set_link(object, target, &done.source_display, values, ended)?;
                let in_passing = matches!(done.write, Write::Create(_)) && warning.is_some();
                if done.action == Action::Adopt || in_passing {
                    self.set_members_unread(done.source)?;
                }
                self.clear_escrow(done.source, cycle)?;
                done.steps.push(export_step(&done, StepStatus::Success, warning.as_deref()));
            }
            Outcome::Gone { failure } => {
                self.release_link(done.source, ended)?;
                let failure = failure.as_ref().map(|failure| (failure, Remedy::Rematch));
                self.settle_failure(cycle, &mut done, failure, ended)?;
            }
            Outcome::Unknown(failure) => {
                self.doubt(&done, began)?;
                // It may have been carried out, so it counts; an approval stays for the next try.
                if done.action.is_removal() && !self.is_approved(&done)? {
                    self.add_removal(&done, Carried::Perhaps, ended)?;
                }
                self.settle_failure(cycle, &mut done, Some((failure, Remedy::Settle)), ended)?;
            }
            Outcome::Failed(failure) => {
                self.settle_failure(cycle, &mut done, Some((failure, Remedy::Escrow)), ended)?;
            }
            Outcome::Skipped(failure) => {
                done.status = ChangeStatus::Skipped;
                done.error = Some(failure.clone());
                done.steps.push(export_step(&done, StepStatus::Skipped, Some(&failure.detail)));
            }
        }
        let applied = matches!(done.status, ChangeStatus::Success | ChangeStatus::Warning);
        if applied && done.action.is_removal() {
            self.count_removal(&done, ended)?;
        }
        // Of a row that just went well, what was planned stands, and what is added names nobody.
        let is_plain = done.status == ChangeStatus::Success
            && approval.is_none()
            && done.write != Write::Members;
        if is_plain {
            let added = done.steps.get(planned_steps..).unwrap_or_default();
            self.settle_planned(seq, &done, added)?;
        } else {
            self.update_planned(seq, &done)?;
        }
        self.append_log(cycle, &done, (began, ended))?;
        Ok(done.status)
    }

    /// Remembers what a change without a known outcome may have left at the account.
    fn doubt(&self, change: &PlannedChange, began: Timestamp) -> Result<(), StoreError> {
        match &change.write {
            Write::Create(sent) => self.set_unsettled(change.source, sent, began),
            // There is no link yet that could be stale: the account is looked for again.
            Write::Patch { baseline } if change.action == Action::Adopt => {
                let none = Values::new();
                let after = exported_of(&change.effect).unwrap_or(&none);
                self.doubt_adoption(change.source, (baseline, after), began)
            }
            Write::Patch { baseline } => {
                let after = exported_of(&change.effect);
                let sent: Vec<&Values> = [Some(baseline), after].into_iter().flatten().collect();
                self.doubt_link(change.source, &sent)
            }
            Write::Members => self.doubt_members(change),
            Write::Delete | Write::Nothing => self.set_stale(change.source),
        }
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
                    let object = (change.kind, change.source);
                    let basis = basis_after(change, exported);
                    self.set_link(object, target, display, (exported, basis.as_ref()), now)?;
                }
            }
        }
        match (&change.error, change.status) {
            (Some(failure), ChangeStatus::Failure) => {
                let step = self.set_escrow(cycle, change, (failure, Remedy::Escrow), now)?;
                let mut change = change.clone();
                change.steps.push(step);
                return self.append_log(cycle, &change, (now, now));
            }
            // A warning is no failure: there is nothing to try again.
            (None, _) | (Some(_), ChangeStatus::Warning) => {
                self.clear_escrow(change.source, cycle)?;
            }
            (Some(_), _) => {}
        }
        self.append_log(cycle, change, (now, now))
    }

    fn settle_failure(
        &self,
        cycle: CycleId,
        done: &mut PlannedChange,
        failure: Option<(&Failure, Remedy)>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if let Some((failure, remedy)) = failure {
            done.status = ChangeStatus::Failure;
            done.error = Some(failure.clone());
            done.steps.push(export_step(done, StepStatus::Failure, Some(&failure.detail)));
            let step = self.set_escrow(cycle, done, (failure, remedy), now)?;
            done.steps.push(step);
            Ok(())
        } else {
            done.status = ChangeStatus::Success;
            done.steps.push(export_step(done, StepStatus::Success, None));
            self.clear_escrow(done.source, cycle)
        }
    }

    fn count_removal(&self, change: &PlannedChange, now: Timestamp) -> Result<(), StoreError> {
        if self.take_approval(change)? {
            return Ok(());
        }
        self.add_removal(change, Carried::Out, now)
    }

    fn add_removal(
        &self,
        change: &PlannedChange,
        carried: Carried,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (source, action) = (change.source.to_string(), change.action.as_str());
        let target = change.target.as_ref().map(TargetId::as_str);
        self.run(
            "DELETE FROM removal WHERE source = ?1 AND action = ?2 AND target IS ?3 \
             AND is_unknown = 1",
            params![source, action, target],
        )?;
        self.run(
            "INSERT INTO removal (at, source, action, is_unknown, kind, target) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                now.timestamp_millis(),
                source,
                action,
                carried == Carried::Perhaps,
                stored_kind(change.kind),
                target
            ],
        )?;
        self.run(
            "DELETE FROM removal WHERE at < ?1",
            [(now - chrono::TimeDelta::days(7)).timestamp_millis()],
        )?;
        Ok(())
    }
}

/// What the account has if the change was carried out.
fn exported_of(effect: &LinkEffect) -> Option<&Values> {
    match effect {
        LinkEffect::Exported(values) => Some(values),
        LinkEffect::Unchanged | LinkEffect::Kept | LinkEffect::Removed => None,
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
            Write::Members => change.detail.clone(),
        },
        str::to_owned,
    );
    Step::new(StepKind::Export, status, name, text)
}
