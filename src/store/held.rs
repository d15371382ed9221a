//! What a safeguard holds, and what a person released.

use rusqlite::{OptionalExtension, params};

use super::{
    cycle::HeldReport,
    open::{StoreError, Tx, View},
    plan_row::{COLUMNS, read_row},
    source::stored_kind,
};
use crate::{
    model::{CycleId, ObjectKind, Timestamp},
    provisioning::{
        Action, ChangeStatus, PlannedChange, Reason, Step, StepKind, StepStatus, Write,
    },
};

/// How long an approval counts.
pub(super) const APPROVAL_LASTS: chrono::TimeDelta = chrono::TimeDelta::hours(24);

/// How the step is called that says why a change is held.
pub(super) const HELD: &str = "Held";

/// One held change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldChange {
    /// Whose account.
    pub source: String,
    /// The account; empty for a create.
    pub target: String,
    /// What is held.
    pub action: String,
    /// The held plan's id.
    pub plan: String,
}

/// Of a row of `planned_change`, called `row`: that nobody released it.
pub(super) const UNAPPROVED: &str = "NOT EXISTS (SELECT 1 FROM approval \
    WHERE approval.source = row.source AND approval.target = coalesce(row.target, '') \
    AND approval.action = row.action)";

/// Who released a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Approval {
    /// The operating-system user.
    pub(super) by: String,
    /// When.
    pub(super) at: Timestamp,
    /// The held plan that was seen.
    pub(super) plan: String,
}

pub(super) fn key(change: &PlannedChange) -> (String, String, &'static str) {
    let target = change.target.as_ref().map_or_else(String::new, ToString::to_string);
    (change.source.to_string(), target, change.action.as_str())
}

impl View<'_> {
    /// What a safeguard holds now.
    pub fn held_report(&self) -> Result<Option<HeldReport>, StoreError> {
        let Some(text) = self.fact("held")? else { return Ok(None) };
        serde_json::from_str(&text).map(Some).map_err(|e| StoreError::stored("held plan", e))
    }

    /// What is held now.
    pub fn held_changes(&self) -> Result<Vec<HeldChange>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT source, target, action, plan FROM held_change ORDER BY source, action",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(HeldChange {
                source: row.get(0)?,
                target: row.get(1)?,
                action: row.get(2)?,
                plan: row.get(3)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Who released this change, where a person did.
    pub(super) fn approval(&self, change: &PlannedChange) -> Result<Option<Approval>, StoreError> {
        // Of a group it is the taking out of members that is released, not its other attributes.
        if change.action == Action::Update && change.write != Write::Members {
            return Ok(None);
        }
        let (source, target, action) = key(change);
        let sql = "SELECT given_by, given_at, plan FROM approval \
             WHERE source = ?1 AND target = ?2 AND action = ?3";
        let mut statement = self.connection.prepare_cached(sql)?;
        let found = statement.query_row(params![source, target, action], |row| {
            let at = Timestamp::from_timestamp_millis(row.get(1)?).unwrap_or_default();
            Ok(Approval { by: row.get(0)?, at, plan: row.get(2)? })
        });
        Ok(found.optional()?)
    }

    /// Whether a person released this change.
    pub fn is_approved(&self, change: &PlannedChange) -> Result<bool, StoreError> {
        Ok(self.approval(change)?.is_some())
    }

    /// How many planned rows of a kind of object with these actions nobody approved.
    pub fn unapproved(&self, kind: ObjectKind, actions: &[Action]) -> Result<u64, StoreError> {
        self.unapproved_where(actions, &format!("row.kind = {}", stored_kind(kind)))
    }

    /// Those of [`View::unapproved`] whose account is linked and enabled.
    pub fn unapproved_of_enabled(&self, actions: &[Action]) -> Result<u64, StoreError> {
        let enabled = "row.kind = 0 AND EXISTS (SELECT 1 FROM link WHERE link.source = row.source \
             AND link.standing = 0 AND link.enabled = 1)";
        self.unapproved_where(actions, enabled)
    }

    fn unapproved_where(&self, actions: &[Action], condition: &str) -> Result<u64, StoreError> {
        let names: Vec<&str> = actions.iter().map(|action| action.as_str()).collect();
        let list = serde_json::to_string(&names).map_err(|e| StoreError::stored("actions", e))?;
        Ok(self.one(
            &format!(
                "SELECT count(*) FROM planned_change AS row WHERE status = 'planned' \
                 AND action IN (SELECT value FROM json_each(?1)) AND {condition} AND {UNAPPROVED}"
            ),
            [list],
            |row| row.get(0),
        )?)
    }
}

impl Tx<'_> {
    /// Holds every unapproved planned row of these actions, and with `memberships` every member
    /// that is to be taken out of a group; returns the plan's id.
    ///
    /// The id stays as long as the same is held, so that a person can approve what they saw. A row
    /// that was not held before is logged.
    pub fn hold(
        &self,
        cycle: CycleId,
        (actions, memberships): (&[Action], bool),
        reason: &str,
        now: Timestamp,
    ) -> Result<String, StoreError> {
        let names: Vec<&str> = actions.iter().map(|action| action.as_str()).collect();
        let list = serde_json::to_string(&names).map_err(|e| StoreError::stored("actions", e))?;
        let before = self.held_changes()?;
        let mut rows: Vec<(i64, PlannedChange)> = {
            let mut statement = self.connection.prepare(&format!(
                "SELECT {COLUMNS} FROM planned_change AS row WHERE status = 'planned' \
                 AND action IN (SELECT value FROM json_each(?1)) \
                 AND (action <> 'create' OR kind = 0) AND {UNAPPROVED} ORDER BY seq"
            ))?;
            let rows = statement.query_map([list], read_row)?;
            rows.map(|row| row?).collect::<Result<_, StoreError>>()?
        };
        if memberships {
            rows.extend(self.rows_of_removed_members(cycle)?);
        }
        let same_members = self.hold_members(rows.iter().map(|(seq, _)| *seq))?;
        let same = same_members
            && rows.len() == before.len()
            && rows.iter().all(|(_, change)| {
                let (source, target, action) = key(change);
                before.iter().any(|held| {
                    held.source == source && held.target == target && held.action == action
                })
            });
        let plan = match before.first() {
            Some(held) if same => held.plan.clone(),
            Some(_) | None => cycle.to_string(),
        };
        self.run("DELETE FROM held_change", [])?;
        for (seq, mut change) in rows {
            let (source, target, action) = key(&change);
            let known = before.iter().any(|held| {
                held.source == source && held.target == target && held.action == action
            });
            change.status = ChangeStatus::Held;
            change.steps.push(
                Step::new(StepKind::Processing, StepStatus::Skipped, HELD, reason.to_owned())
                    .with("SkipReason", Reason::HeldBySafeguard.to_string()),
            );
            self.update_planned(seq, &change)?;
            self.run(
                "INSERT INTO held_change (source, target, action, plan, since) \
                 VALUES (?1, ?2, ?3, ?4, ?5)",
                params![source, target, action, plan, now.timestamp_millis()],
            )?;
            if !known {
                self.append_log(cycle, &change, (now, now))?;
            }
        }
        Ok(plan)
    }

    /// Nothing is held any more.
    pub fn clear_held(&self) -> Result<(), StoreError> {
        self.connection.execute_batch("DELETE FROM held_change; DELETE FROM held_member")?;
        self.set_fact("held", None)
    }

    /// Approvals older than 24 hours count no more, nor do those of changes that are no longer
    /// wanted: should they be wanted again, a person looks again.
    pub fn expire_approvals(&self, now: Timestamp) -> Result<(), StoreError> {
        self.run(
            "DELETE FROM approval WHERE given_at <= ?1 OR NOT EXISTS \
             (SELECT 1 FROM planned_change AS row INDEXED BY planned_change_by_source \
              WHERE row.source = approval.source \
              AND coalesce(row.target, '') = approval.target AND row.action = approval.action)",
            [(now - APPROVAL_LASTS).timestamp_millis()],
        )?;
        self.expire_approved_members(now - APPROVAL_LASTS)
    }

    /// Releases exactly what is held under this plan id; returns how many changes that is, each
    /// member that is taken out of a group counted by itself.
    pub fn approve(&self, plan: &str, by: &str, now: Timestamp) -> Result<u64, StoreError> {
        self.run(
            "INSERT OR REPLACE INTO approved_member (group_id, member_id, given_at) \
             SELECT group_id, member_id, ?2 FROM held_member \
             WHERE EXISTS (SELECT 1 FROM held_change WHERE plan = ?1)",
            params![plan, now.timestamp_millis()],
        )?;
        self.run(
            "INSERT OR REPLACE INTO approval (source, target, action, plan, given_at, given_by) \
             SELECT source, target, action, plan, ?2, ?3 FROM held_change WHERE plan = ?1",
            params![plan, now.timestamp_millis(), by],
        )?;
        Ok(self.one(
            "SELECT (SELECT count(*) FROM held_change WHERE plan = ?1 AND action <> 'update') \
             + (SELECT count(*) FROM held_member \
                WHERE EXISTS (SELECT 1 FROM held_change WHERE plan = ?1))",
            [plan],
            |row| row.get(0),
        )?)
    }

    /// Uses up the approval of a change that was carried out; returns whether there was one.
    pub(super) fn take_approval(&self, change: &PlannedChange) -> Result<bool, StoreError> {
        let (source, target, action) = key(change);
        let used = self.run(
            "DELETE FROM approval WHERE source = ?1 AND target = ?2 AND action = ?3",
            params![source, target, action],
        )?;
        Ok(used > 0)
    }
}
