//! One object provisioned on demand, beside the plan of the last cycle.
//!
//! Its rows stand in the same table and are sent the same way, so that a death leaves what the next
//! cycle recovers. What others still have to be sent is set aside meanwhile: it shows as planned to
//! whoever reads, and no statement that sends or counts planned rows sees it.

use rusqlite::params;

use super::{
    cycle::HeldReport,
    held::HELD,
    open::{StoreError, Tx, View},
};
use crate::{
    model::{CycleId, SourceId, Timestamp},
    provisioning::{Action, ChangeStatus, PlannedChange, Reason, Step, StepKind, StepStatus},
};

impl View<'_> {
    /// The rows that this cycle, or this provisioning on demand, planned, in plan order.
    pub fn rows_of(&self, cycle: CycleId) -> Result<Vec<(i64, PlannedChange)>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT seq, status, body FROM planned_change WHERE cycle = ?1 ORDER BY seq",
        )?;
        let rows = statement.query_map([cycle.to_string()], super::plan::read_row)?;
        rows.map(|row| row?).collect()
    }

    /// Whether the account of a person is linked and enabled.
    pub fn is_enabled_account(&self, source: SourceId) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM link WHERE source = ?1 AND standing = 0 \
             AND enabled = 1)";
        Ok(self.connection.query_row(sql, [source.to_string()], |row| row.get(0))?)
    }

    /// Which held plan this change is a part of, where it is.
    fn held_as(&self, change: &PlannedChange) -> Result<Option<String>, StoreError> {
        let (source, target, action) = super::held::key(change);
        let held = self.held_changes()?;
        let same = |held: &super::HeldChange| {
            held.source == source && held.target == target && held.action == action
        };
        Ok(held.into_iter().find(same).map(|held| held.plan))
    }
}

impl Tx<'_> {
    /// Makes room for the rows of one object: its old ones go, and what others still have to be
    /// sent is set aside.
    pub fn begin_on_demand(&self, source: SourceId) -> Result<(), StoreError> {
        self.forget_planned(source)?;
        self.connection
            .execute("UPDATE planned_change SET status = 'aside' WHERE status = 'planned'", [])?;
        Ok(())
    }

    /// What was set aside is planned again: also after a death in between.
    pub fn bring_back(&self) -> Result<(), StoreError> {
        self.connection
            .execute("UPDATE planned_change SET status = 'planned' WHERE status = 'aside'", [])?;
        Ok(())
    }

    /// Holds one row; returns the held plan that it is a part of, where a cycle held it before.
    ///
    /// What the last cycle held stays as it is: only a cycle's plan can be released.
    pub fn hold_on_demand(
        &self,
        cycle: CycleId,
        (seq, change): (i64, &PlannedChange),
        reason: &str,
        now: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        let plan = self.held_as(change)?;
        let mut held = change.clone();
        held.status = ChangeStatus::Held;
        held.steps.push(
            Step::new(StepKind::Processing, StepStatus::Skipped, HELD, reason.to_owned())
                .with("SkipReason", Reason::HeldBySafeguard.to_string()),
        );
        self.update_planned(seq, &held)?;
        if plan.is_none() {
            self.append_log(cycle, &held, (now, now))?;
        }
        Ok(plan)
    }

    /// Ends it: what was set aside is back, and of what the last cycle held of this object nothing
    /// is left where its decision is another one by now.
    ///
    /// The object is decided again by the next cycle, which reads everybody's assignments; one that
    /// failed when its next try is due, which is then.
    pub fn end_on_demand(
        &self,
        source: SourceId,
        rows: &[(i64, PlannedChange)],
    ) -> Result<(), StoreError> {
        self.bring_back()?;
        let has = |status| rows.iter().any(|(_, row)| row.status == status);
        if !has(ChangeStatus::Held) {
            self.hold_no_longer(source)?;
        }
        let id = source.to_string();
        if has(ChangeStatus::Failure) {
            self.connection.execute(
                "UPDATE escrow SET due_cycle = 0 WHERE source = ?1 AND given_up = 0",
                [&id],
            )?;
        } else {
            self.connection.execute("DELETE FROM escrow WHERE source = ?1", [&id])?;
        }
        self.connection.execute(
            "UPDATE source_object SET dirty = NOT EXISTS \
             (SELECT 1 FROM escrow WHERE escrow.source = source_object.id) WHERE id = ?1",
            [&id],
        )?;
        self.connection.execute("DELETE FROM progress", [])?;
        Ok(())
    }

    /// Nothing of this object is held any more.
    fn hold_no_longer(&self, source: SourceId) -> Result<(), StoreError> {
        let held = self.held_changes()?;
        let id = source.to_string();
        let (mut removals, mut creates) = (0, 0);
        for change in held.iter().filter(|change| change.source == id) {
            match Action::parse(&change.action) {
                Some(Action::Create) => creates += 1,
                Some(action) if action.is_removal() => removals += 1,
                Some(_) | None => {}
            }
        }
        if removals + creates == 0 {
            return Ok(());
        }
        self.connection.execute("DELETE FROM held_change WHERE source = ?1", [&id])?;
        let Some(text) = self.fact("held")? else { return Ok(()) };
        let mut report: HeldReport =
            serde_json::from_str(&text).map_err(|error| StoreError::stored("held plan", error))?;
        report.removals = report.removals.saturating_sub(removals);
        report.creates = report.creates.saturating_sub(creates);
        if report.removals + report.creates + report.membership_removals == 0 {
            return self.clear_held();
        }
        let text = serde_json::to_string(&report)
            .map_err(|error| StoreError::stored("held plan", error))?;
        self.set_fact("held", Some(&text))
    }

    /// Approvals older than they may be count no more.
    pub fn expire_old_approvals(&self, now: Timestamp) -> Result<(), StoreError> {
        let oldest = (now - super::held::APPROVAL_LASTS).timestamp_millis();
        self.connection.execute("DELETE FROM approval WHERE given_at <= ?1", params![oldest])?;
        Ok(())
    }
}
