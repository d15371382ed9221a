//! Members whose taking out of a group a safeguard holds, and those that a person released.

use rusqlite::params;

use super::{
    open::{StoreError, Tx, View},
    plan_row::{COLUMNS, read_row},
    tally::Tally,
};
use crate::{
    model::{ChangeId, CycleId, Timestamp},
    provisioning::PlannedChange,
};

/// Memberships as the safeguards count them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MembershipCounts {
    /// Members that we added and did not take out again.
    pub linked: u64,
    /// Planned removals that nobody approved, of those who keep their accounts.
    pub removals_planned: u64,
    /// Such removals carried out since a moment.
    pub removals_recent: u64,
}

/// Removals in the plan, of the rows called `planned`, that nobody released.
const UNRELEASED: &str = "planned.is_removal = 1 AND NOT EXISTS (SELECT 1 FROM approved_member \
     WHERE approved_member.group_id = row.source \
     AND approved_member.member_id = planned.member_id)";

impl View<'_> {
    /// Memberships as the safeguards count them, with those taken away since `since`.
    pub fn membership_counts(&self, since: Timestamp) -> Result<MembershipCounts, StoreError> {
        let planned = format!(
            "SELECT count(*) FROM planned_member AS planned \
             JOIN planned_change AS row ON row.seq = planned.seq \
             WHERE row.status = 'planned' AND planned.counts = 1 AND {UNRELEASED}"
        );
        let recent = "SELECT coalesce(sum(count), 0) FROM membership_removal WHERE at > ?1";
        let count = |sql: &str| self.one(sql, [], |row| row.get(0));
        Ok(MembershipCounts {
            linked: self.tally(Tally::MemberLinks)?,
            removals_planned: count(&planned)?,
            removals_recent: self.one(recent, [since.timestamp_millis()], |row| row.get(0))?,
        })
    }

    /// How many members are held back from being taken out of their groups.
    pub fn held_member_count(&self) -> Result<u64, StoreError> {
        Ok(self.one("SELECT count(*) FROM held_member", [], |row| row.get(0))?)
    }
}

impl Tx<'_> {
    /// The rows of the plan that take members out of groups and were not released, each with
    /// nothing else in it: what a row adds besides, or was released, becomes a row of its own.
    pub(super) fn rows_of_removed_members(
        &self,
        cycle: CycleId,
    ) -> Result<Vec<(i64, PlannedChange)>, StoreError> {
        let rows: Vec<(i64, PlannedChange)> = {
            let mut statement = self.connection.prepare(&format!(
                "SELECT {COLUMNS} FROM planned_change AS row WHERE status = 'planned' \
                 AND EXISTS (SELECT 1 FROM planned_member AS planned \
                     WHERE planned.seq = row.seq AND planned.is_there = 0 AND {UNRELEASED}) \
                 ORDER BY seq"
            ))?;
            let rows = statement.query_map([], read_row)?;
            rows.map(|row| row?).collect::<Result<_, StoreError>>()?
        };
        for (seq, change) in &rows {
            let mut rest = change.clone();
            rest.id = ChangeId::derive(&[&cycle.to_string(), &change.source.to_string(), "rest"]);
            let other = self.add_planned(cycle, &rest, &[], false)?;
            let moved = self.run(
                &format!(
                    "UPDATE planned_member SET seq = ?2 WHERE seq = ?1 AND NOT EXISTS ( \
                         SELECT 1 FROM planned_member AS planned \
                         JOIN planned_change AS row ON row.seq = planned.seq \
                         WHERE planned.seq = ?1 AND planned.is_there = 0 AND {UNRELEASED} \
                             AND planned.is_removal = planned_member.is_removal \
                             AND planned.member_id = planned_member.member_id)"
                ),
                params![seq, other],
            )?;
            if moved == 0 {
                let sql = "DELETE FROM planned_change WHERE seq = ?1";
                self.run(sql, [other])?;
            } else {
                self.tell_members(other, rest)?;
            }
        }
        rows.into_iter().map(|(seq, row)| Ok((seq, self.tell_members(seq, row)?))).collect()
    }

    /// Says anew in a row which members it changes.
    fn tell_members(&self, seq: i64, mut row: PlannedChange) -> Result<PlannedChange, StoreError> {
        let told = u32::try_from(row.changes.len()).unwrap_or(u32::MAX);
        if let Some(path) = row.changes.first().map(|change| change.path.clone()) {
            row.changes = self.first_members((seq, &path), told)?;
        }
        row.detail = self.member_counts(seq)?.sentence();
        self.update_planned(seq, &row)?;
        Ok(row)
    }

    /// Remembers which members these rows keep from being taken out of their groups; returns
    /// whether they are the same as before.
    pub(super) fn hold_members(&self, seqs: impl Iterator<Item = i64>) -> Result<bool, StoreError> {
        let seqs: Vec<i64> = seqs.collect();
        let list = serde_json::to_string(&seqs).map_err(|e| StoreError::stored("rows", e))?;
        let now = "SELECT row.source AS group_id, planned.member_id FROM planned_member AS planned \
             JOIN planned_change AS row ON row.seq = planned.seq \
             WHERE planned.seq IN (SELECT value FROM json_each(?1)) AND planned.is_removal = 1";
        let same: bool = self.one(
            &format!(
                "SELECT NOT EXISTS (SELECT * FROM ({now}) \
                     EXCEPT SELECT group_id, member_id FROM held_member) \
                 AND NOT EXISTS (SELECT group_id, member_id FROM held_member \
                     EXCEPT SELECT * FROM ({now}))"
            ),
            [&list],
            |row| row.get(0),
        )?;
        if !same {
            self.run("DELETE FROM held_member", [])?;
            let sql = format!("INSERT OR IGNORE INTO held_member (group_id, member_id) {now}");
            self.run(&sql, [&list])?;
        }
        Ok(same)
    }

    /// What was released before `before` counts no more, nor does what is no longer wanted.
    pub(super) fn expire_approved_members(&self, before: Timestamp) -> Result<(), StoreError> {
        self.run(
            "DELETE FROM approved_member WHERE given_at <= ?1 OR NOT EXISTS ( \
                 SELECT 1 FROM planned_member AS planned \
                 JOIN planned_change AS row ON row.seq = planned.seq \
                 WHERE row.source = approved_member.group_id AND planned.is_removal = 1 \
                 AND planned.member_id = approved_member.member_id)",
            [before.timestamp_millis()],
        )?;
        Ok(())
    }
}
