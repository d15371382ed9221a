//! One object provisioned on demand, beside the plan of the last cycle.
//!
//! Its rows stand in the same table and are sent the same way, so that a death leaves what the next
//! cycle recovers. What others still have to be sent is set aside meanwhile: it shows as planned to
//! whoever reads, and no statement that sends or counts planned rows sees it.

use rusqlite::params;

use super::{
    assignment::stored_member,
    cycle::HeldReport,
    held::HELD,
    open::{StoreError, Tx, View},
    plan_row::{COLUMNS, read_row},
};
use crate::{
    model::{AttributesText, CycleId, MemberChange, ObjectKind, SourceId, Timestamp},
    provisioning::{Action, ChangeStatus, Held, PlannedChange, Reason, Step, StepKind, StepStatus},
};

impl View<'_> {
    /// The rows that this cycle, or this provisioning on demand, planned, in plan order.
    pub fn rows_of(&self, cycle: CycleId) -> Result<Vec<(i64, PlannedChange)>, StoreError> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM planned_change AS row WHERE cycle = ?1 ORDER BY seq"
        ))?;
        let rows = statement.query_map([cycle.to_string()], read_row)?;
        rows.map(|row| row?).collect()
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
        self.run("UPDATE planned_change SET status = 'aside' WHERE status = 'planned'", [])?;
        Ok(())
    }

    /// What was set aside is planned again: also after a death in between.
    pub fn bring_back(&self) -> Result<(), StoreError> {
        self.run("UPDATE planned_change SET status = 'planned' WHERE status = 'aside'", [])?;
        self.end_members()
    }

    /// Stores a live group as just read.
    pub fn upsert_group(
        &self,
        id: SourceId,
        attributes: &AttributesText,
    ) -> Result<(), StoreError> {
        self.upsert(ObjectKind::Group, id, attributes, 0)
    }

    /// Begins to add what is read of a group's members to what the last cycle knew of them, for
    /// this connection and until [`Tx::end_members`] alone: a temporary table stands before the
    /// lasting one. What only a round of changes may take away is not taken away, and a stale
    /// answer leaves nothing behind that no round would ever mend.
    pub fn begin_members(&self, group: SourceId) -> Result<(), StoreError> {
        let id = group.to_string();
        self.end_members()?;
        self.run("INSERT OR IGNORE INTO group_path (inner_id, outer_id) VALUES (?1, ?1)", [&id])?;
        self.connection.execute_batch(
            "CREATE TEMP TABLE membership (group_id TEXT NOT NULL, member_id TEXT NOT NULL, \
                 kind INTEGER NOT NULL, generation INTEGER NOT NULL, \
                 PRIMARY KEY (group_id, member_id)) STRICT, WITHOUT ROWID",
        )?;
        self.run(
            "INSERT INTO temp.membership (group_id, member_id, kind, generation) \
             SELECT known.group_id, known.member_id, known.kind, known.generation \
             FROM main.membership AS known \
             JOIN group_path ON group_path.inner_id = known.group_id \
             WHERE group_path.outer_id = ?1",
            [&id],
        )?;
        Ok(())
    }

    /// Adds a page of what was read of a group's members.
    pub fn add_members(&self, group: SourceId, members: &[MemberChange]) -> Result<(), StoreError> {
        let id = group.to_string();
        let mut add = self.connection.prepare(
            "INSERT OR IGNORE INTO temp.membership (group_id, member_id, kind, generation) \
             VALUES (?1, ?2, ?3, 0)",
        )?;
        for member in members.iter().filter(|member| !member.removed) {
            add.execute(params![id, member.id.to_string(), stored_member(member.kind)])?;
        }
        Ok(())
    }

    /// What the state knows of members stands alone again.
    pub fn end_members(&self) -> Result<(), StoreError> {
        self.connection.execute_batch("DROP TABLE IF EXISTS temp.membership")?;
        Ok(())
    }

    /// Holds of these rows what a review found to be too much; returns the held plan that they are
    /// a part of, where a cycle held them before.
    ///
    /// What the last cycle held stays as it is: only a cycle's plan can be released.
    pub fn hold_on_demand(
        &self,
        cycle: CycleId,
        held: &Held,
        now: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        let removes = held.removals + held.membership_removals > 0;
        let mut rows = Vec::new();
        for (seq, row) in self.rows_of(cycle)? {
            let is_create = row.action == Action::Create && row.kind == ObjectKind::User;
            let is_meant = (removes && row.action.is_removal()) || (held.creates > 0 && is_create);
            if is_meant && row.status == ChangeStatus::Planned && !self.is_approved(&row)? {
                rows.push((seq, row));
            }
        }
        if removes {
            rows.extend(self.rows_of_removed_members(cycle)?);
        }
        let mut plan = None;
        for (seq, mut row) in rows {
            let known = self.held_as(&row)?;
            row.status = ChangeStatus::Held;
            row.steps.push(
                Step::new(StepKind::Processing, StepStatus::Skipped, HELD, held.reason.clone())
                    .with("SkipReason", Reason::HeldBySafeguard.to_string()),
            );
            self.update_planned(seq, &row)?;
            if known.is_none() {
                self.append_log(cycle, &row, (now, now))?;
            }
            plan = plan.or(known);
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
            self.run("UPDATE escrow SET due_cycle = 0 WHERE source = ?1 AND given_up = 0", [&id])?;
        } else {
            self.run("DELETE FROM escrow WHERE source = ?1", [&id])?;
        }
        self.run(
            "UPDATE source_object SET dirty = NOT EXISTS \
             (SELECT 1 FROM escrow WHERE escrow.source = source_object.id) WHERE id = ?1",
            [&id],
        )?;
        self.run("DELETE FROM progress", [])?;
        self.count_traffic();
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
        self.run("DELETE FROM held_change WHERE source = ?1", [&id])?;
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
        self.run("DELETE FROM approval WHERE given_at <= ?1", params![oldest])?;
        Ok(())
    }
}
