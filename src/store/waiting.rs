//! What waits for the hours in which removals are sent.

use rusqlite::params;

use super::{
    held::{UNAPPROVED, key},
    open::{StoreError, Tx, View},
    plan_row::{COLUMNS, read_row},
};
use crate::{
    model::{CycleId, Timestamp},
    provisioning::{
        Action, ChangeStatus, Failure, PlannedChange, Reason, Step, StepKind, StepStatus,
    },
};

impl View<'_> {
    /// How many changes wait for the hours in which removals are sent.
    pub fn waiting_count(&self) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM waiting_change";
        Ok(self.one(sql, [], |row| row.get(0))?)
    }

    /// Planned rows that take a unique value which a removal that is not sent would free.
    fn blocked(&self) -> Result<Vec<(i64, PlannedChange)>, StoreError> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM planned_change AS row WHERE status = 'planned' \
             AND claims IN (SELECT frees FROM planned_change WHERE frees IS NOT NULL \
                 AND (status = 'held' OR (status = 'skipped' AND action <> 'skip'))) ORDER BY seq"
        ))?;
        let rows = statement.query_map([], read_row)?;
        rows.map(|row| row?).collect()
    }
}

impl Tx<'_> {
    /// Lets every unapproved planned removal wait, with whatever needs the unique value that it
    /// would free: `detail` says for what. Their people are decided again in the next cycle. What
    /// did not wait before is logged.
    pub fn postpone_removals(
        &self,
        cycle: CycleId,
        detail: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let removals: Vec<(i64, PlannedChange)> = {
            let sql = format!(
                "SELECT {COLUMNS} FROM planned_change AS row WHERE status = 'planned' \
                 AND action IN ('disable', 'delete') AND {UNAPPROVED} ORDER BY seq"
            );
            let mut statement = self.connection.prepare(&sql)?;
            let rows = statement.query_map([], read_row)?;
            rows.map(|row| row?).collect::<Result<_, StoreError>>()?
        };
        for row in removals {
            let reason = Reason::OutsideRemovalsWindow;
            self.postpone(cycle, row, Failure { reason, detail: detail.to_owned() }, now)?;
        }
        self.postpone_blocked(cycle, Reason::OutsideRemovalsWindow, now)
    }

    /// Lets whatever needs the unique value that a held or waiting removal would free wait too.
    pub fn postpone_blocked(
        &self,
        cycle: CycleId,
        reason: Reason,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        loop {
            // Who waits may free a value itself.
            let blocked = self.blocked()?;
            if blocked.is_empty() {
                return Ok(());
            }
            for row in blocked {
                let detail = "it needs a matching value that another account has until its \
                              removal, which waits"
                    .to_owned();
                self.postpone(cycle, row, Failure { reason, detail }, now)?;
            }
        }
    }

    /// What waited in an earlier cycle and does not any more is forgotten.
    pub fn forget_waiting(&self) -> Result<(), StoreError> {
        self.run(
            "DELETE FROM waiting_change WHERE NOT EXISTS ( \
             SELECT 1 FROM planned_change AS row INDEXED BY planned_change_by_source \
             WHERE row.source = waiting_change.source AND row.action = waiting_change.action \
             AND coalesce(row.target, '') = waiting_change.target AND row.status = 'skipped')",
            [],
        )?;
        Ok(())
    }

    fn postpone(
        &self,
        cycle: CycleId,
        (seq, mut change): (i64, PlannedChange),
        why: Failure,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        change.status = ChangeStatus::Skipped;
        let name = match change.action {
            Action::Disable | Action::Delete => "RemovalsWindow",
            Action::Create | Action::Adopt | Action::Update | Action::Enable | Action::Skip => {
                "AwaitingRemoval"
            }
        };
        change.steps.push(
            Step::new(StepKind::Processing, StepStatus::Skipped, name, why.detail.clone())
                .with("SkipReason", why.reason.to_string()),
        );
        change.error = Some(why);
        self.update_planned(seq, &change)?;
        self.run("UPDATE planned_change SET again = 1 WHERE seq = ?1", [seq])?;
        let (source, target, action) = key(&change);
        let is_new = self.run(
            "INSERT INTO waiting_change (source, target, action, since) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT DO NOTHING",
            params![source, target, action, now.timestamp_millis()],
        )?;
        if is_new > 0 {
            self.append_log(cycle, &change, (now, now))?;
        }
        Ok(())
    }
}
