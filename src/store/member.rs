//! The members of groups: who should be one, whom we made one, and what a plan changes of that.
//!
//! All of it is compared by SQL, row by row, because a group may have a hundred thousand members.
//! Only members that we added are ever taken out of a group; whoever else is in it at the target is
//! none of ours.

use rusqlite::{Row, params};

use super::open::{StoreError, Tx, View};
use crate::{
    model::{CycleId, SourceId, TargetId, Timestamp},
    provisioning::PlannedChange,
    scim::{AttributeChange, AttributePath},
};

/// Of a user called `member`: its account goes in this plan, and every membership with it.
///
/// By the person, in words: to SQLite an index of actions looks better, and has every removal.
const LEAVES: &str = "EXISTS (SELECT 1 FROM planned_change AS row \
     INDEXED BY planned_change_by_source \
     WHERE row.source = member.id AND row.action = 'delete' AND row.status = 'planned')";

/// Of a user called `member`: its account comes in this plan.
const COMES: &str = "EXISTS (SELECT 1 FROM planned_change AS row \
     INDEXED BY planned_change_by_source WHERE row.source = member.id \
     AND row.action IN ('create', 'adopt') AND row.status = 'planned')";

/// Of a user called `member` with its live link called `account`: it is in scope and has an account
/// after this plan, so it should be a member wherever the directory says so.
fn belongs() -> String {
    format!(
        "member.kind = 0 AND member.presence = 0 AND member.in_scope = 1 \
         AND (({COMES}) OR (account.target IS NOT NULL AND NOT ({LEAVES})))"
    )
}

/// Of a user called `member` with its `account`: nothing is concluded about its memberships. It is
/// not shown for a while, or its leaving waits for a second read; its account goes, or is none of
/// ours any more.
fn left_alone() -> String {
    format!(
        "(member.id IS NULL OR account.source IS NULL OR member.presence = 3 \
          OR (member.presence = 0 AND member.in_scope = 0 AND member.missing_since IS NOT NULL \
              AND member.entitled_since IS NOT NULL) \
          OR {LEAVES} \
          OR (account.standing = 1 AND EXISTS (SELECT 1 FROM membership \
              JOIN group_path ON group_path.inner_id = membership.group_id \
              WHERE group_path.outer_id = linked.group_id AND membership.member_id = member.id)))"
    )
}

/// Those who should be members of the group `?1` at the target: `id`, and the account where it is
/// known before the export.
fn wanted_members() -> String {
    format!(
        "SELECT DISTINCT member.id AS id, \
             CASE WHEN {COMES} THEN (SELECT row.target FROM planned_change AS row \
                 INDEXED BY planned_change_by_source \
                 WHERE row.source = member.id AND row.action = 'adopt' \
                 AND row.status = 'planned') \
             ELSE account.target END AS target \
         FROM group_path \
         JOIN membership ON membership.group_id = group_path.inner_id AND membership.kind <> 1 \
         JOIN source_object AS member ON member.id = membership.member_id \
         LEFT JOIN link AS account ON account.source = member.id AND account.standing = 0 \
         WHERE group_path.outer_id = ?1 AND {}",
        belongs()
    )
}

/// What is to be done about one member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedMember {
    /// Whom it is about.
    pub member: SourceId,
    /// The account at the target.
    pub target: TargetId,
    /// Whether the member is taken out, and not added.
    pub is_removal: bool,
}

/// How many members a row of the plan changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemberCounts {
    /// Members to add.
    pub added: u64,
    /// Members to take out.
    pub removed: u64,
    /// Members that the target shows as such already.
    pub there: u64,
}

fn read_member(row: &Row<'_>) -> rusqlite::Result<(String, String, bool)> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

impl View<'_> {
    /// Whether the target has to show the members of a linked group before more is planned.
    pub fn are_members_unread(&self, group: SourceId) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM link WHERE source = ?1 AND members_unread = 1) \
             OR EXISTS (SELECT 1 FROM member_link WHERE group_id = ?1 AND doubt = 1)";
        Ok(self.connection.prepare_cached(sql)?.query_row([group.to_string()], |row| row.get(0))?)
    }

    /// Whether a group at the target has members that are ours.
    pub fn has_members(&self, group: &TargetId) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM link \
             JOIN member_link ON member_link.group_id = link.source \
             WHERE link.kind = 1 AND link.target = ?1)";
        Ok(self.connection.prepare_cached(sql)?.query_row([group.as_str()], |row| row.get(0))?)
    }

    /// How many members of a group are ours.
    pub fn member_count(&self, group: SourceId) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM member_link WHERE group_id = ?1";
        Ok(self.connection.prepare_cached(sql)?.query_row([group.to_string()], |row| row.get(0))?)
    }

    /// Members of a group in the directory who have no account and get none in this plan: how many,
    /// and the first of them by id.
    pub fn members_without_account(
        &self,
        group: SourceId,
        first: u32,
    ) -> Result<(u64, Vec<SourceId>), StoreError> {
        let found = format!(
            "FROM group_path \
             JOIN membership ON membership.group_id = group_path.inner_id AND membership.kind = 0 \
             LEFT JOIN source_object AS member ON member.id = membership.member_id \
             WHERE group_path.outer_id = ?1 AND coalesce(member.presence, 3) IN (0, 3) \
                 AND NOT EXISTS (SELECT 1 FROM link WHERE link.source = membership.member_id) \
                 AND (member.id IS NULL OR NOT {COMES})"
        );
        let group = group.to_string();
        let count = format!("SELECT count(DISTINCT membership.member_id) {found}");
        let count =
            self.connection.prepare_cached(&count)?.query_row([&group], |row| row.get(0))?;
        let list = format!("SELECT DISTINCT membership.member_id {found} ORDER BY 1 LIMIT ?2");
        let mut statement = self.connection.prepare_cached(&list)?;
        let rows = statement.query_map(params![group, first], |row| row.get::<_, String>(0))?;
        let ids = rows.map(|row| row?.parse().map_err(|error| StoreError::stored("id", error)));
        Ok((count, ids.collect::<Result<_, _>>()?))
    }

    /// Up to `limit` members that a row changes and whose request has not left, whose accounts are
    /// known: removals first.
    pub fn planned_members(&self, seq: i64, limit: u32) -> Result<Vec<PlannedMember>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT planned.member_id, iif(planned.is_removal, planned.target, link.target), \
                 planned.is_removal \
             FROM planned_member AS planned \
             LEFT JOIN link ON link.source = planned.member_id AND link.standing = 0 \
             WHERE planned.seq = ?1 AND planned.is_there = 0 AND planned.sent = 0 \
                 AND iif(planned.is_removal, planned.target, link.target) IS NOT NULL \
             ORDER BY planned.is_removal DESC, planned.member_id LIMIT ?2",
        )?;
        let rows = statement.query_map(params![seq, limit], read_member)?;
        rows.map(|row| {
            let (member, target, is_removal) = row?;
            Ok(PlannedMember {
                member: member.parse().map_err(|error| StoreError::stored("id", error))?,
                target: TargetId::parse(&target).map_err(|e| StoreError::stored("member", e))?,
                is_removal,
            })
        })
        .collect()
    }

    /// Members of a row whose accounts did not come to be.
    pub fn unresolved_members(&self, seq: i64) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM planned_member AS planned WHERE seq = ?1 \
             AND is_removal = 0 AND NOT EXISTS (SELECT 1 FROM link \
                 WHERE link.source = planned.member_id AND link.standing = 0)";
        Ok(self.connection.prepare_cached(sql)?.query_row([seq], |row| row.get(0))?)
    }

    /// The first members that a row changes, as changes of the attribute that holds them.
    pub(super) fn first_members(
        &self,
        (seq, path): (i64, &AttributePath),
        limit: u32,
    ) -> Result<Vec<AttributeChange>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT coalesce(target, member_id), is_removal FROM planned_member \
             WHERE seq = ?1 AND is_there = 0 ORDER BY is_removal DESC, member_id LIMIT ?2",
        )?;
        let rows = statement
            .query_map(params![seq, limit], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
        rows.map(|row| {
            let (member, is_removal): (String, bool) = row?;
            let value = Some(member.into());
            let (old, new) = if is_removal { (value, None) } else { (None, value) };
            Ok(AttributeChange { path: path.clone(), old, new })
        })
        .collect()
    }
}

impl Tx<'_> {
    /// Marks the groups dirty of which a person drafted in this cycle should be a member and is
    /// not, or is and should not be.
    pub fn mark_groups_of_drafted(&self) -> Result<(), StoreError> {
        let wanted = belongs();
        self.run(
            &format!(
                "UPDATE source_object SET dirty = 1 WHERE kind = 1 AND dirty = 0 AND id IN ( \
                     SELECT group_path.outer_id FROM source_object AS member \
                     LEFT JOIN link AS account \
                         ON account.source = member.id AND account.standing = 0 \
                     JOIN membership \
                         ON membership.member_id = member.id AND membership.kind <> 1 \
                     JOIN group_path ON group_path.inner_id = membership.group_id \
                     LEFT JOIN member_link AS linked \
                         ON linked.group_id = group_path.outer_id AND linked.member_id = member.id \
                     WHERE member.kind = 0 AND member.dirty = 2 \
                         AND (({wanted}) <> (linked.member_id IS NOT NULL) \
                             OR linked.target <> account.target) \
                     UNION \
                     SELECT linked.group_id FROM source_object AS member \
                     JOIN member_link AS linked ON linked.member_id = member.id \
                     LEFT JOIN link AS account \
                         ON account.source = member.id AND account.standing = 0 \
                     WHERE member.kind = 0 AND member.dirty = 2 AND NOT ({wanted}))"
            ),
            [],
        )?;
        Ok(())
    }

    /// Takes the groups out of the plan, and decides about them again in the next cycle.
    pub fn forget_drafted_groups(&self) -> Result<(), StoreError> {
        self.connection.execute_batch(
            "DELETE FROM planned_change WHERE kind = 1; DELETE FROM planned_member; \
             UPDATE source_object SET dirty = 1 WHERE kind = 1 AND dirty = 2",
        )?;
        Ok(())
    }

    /// Notes which members the target shows for a group.
    pub fn note_shown_members<'m>(
        &self,
        group: SourceId,
        shown: impl IntoIterator<Item = &'m TargetId>,
    ) -> Result<(), StoreError> {
        let group = group.to_string();
        self.run("DELETE FROM shown_member WHERE group_id = ?1", [&group])?;
        let mut insert = self
            .connection
            .prepare_cached("INSERT INTO shown_member (group_id, target) VALUES (?1, ?2)")?;
        for target in shown {
            insert.execute(params![group, target.as_str()])?;
        }
        Ok(())
    }

    /// Adds a row that makes the members of a group what they should be, with what it changes and
    /// how many; `None` where nothing is to be done. At most `told` of the members stand in the row
    /// itself.
    pub fn plan_members(
        &self,
        cycle: CycleId,
        mut row: PlannedChange,
        (path, told): (&AttributePath, u32),
    ) -> Result<Option<MemberCounts>, StoreError> {
        self.add_planned(cycle, &row, &[], false)?;
        let seq = self.connection.last_insert_rowid();
        let group = row.source.to_string();
        self.connection
            .prepare_cached(&format!(
                "INSERT INTO planned_member (seq, is_removal, member_id, target, counts, is_there) \
                 SELECT ?2, 0, wanted.id, wanted.target, 0, \
                     EXISTS (SELECT 1 FROM shown_member AS shown \
                         WHERE shown.group_id = ?1 AND shown.target = wanted.target) \
                 FROM ({}) AS wanted \
                 LEFT JOIN member_link AS linked \
                     ON linked.group_id = ?1 AND linked.member_id = wanted.id \
                 WHERE linked.member_id IS NULL OR linked.doubt = 1 \
                     OR linked.target <> wanted.target",
                wanted_members()
            ))?
            .execute(params![group, seq])?;
        self.connection
            .prepare_cached(&format!(
                "INSERT INTO planned_member (seq, is_removal, member_id, target, counts, is_there) \
                 SELECT ?2, 1, linked.member_id, linked.target, \
                     NOT EXISTS (SELECT 1 FROM planned_change AS row \
                         INDEXED BY planned_change_by_source \
                         WHERE row.source = linked.member_id AND row.status = 'planned' \
                         AND row.action IN ('disable', 'delete')), \
                     linked.doubt = 1 \
                         AND EXISTS (SELECT 1 FROM shown_member AS shown WHERE group_id = ?1) \
                         AND NOT EXISTS (SELECT 1 FROM shown_member AS shown \
                             WHERE shown.group_id = ?1 AND shown.target = linked.target) \
                 FROM member_link AS linked \
                 LEFT JOIN source_object AS member ON member.id = linked.member_id \
                 LEFT JOIN link AS account ON account.source = linked.member_id \
                 LEFT JOIN ({}) AS wanted ON wanted.id = linked.member_id \
                 WHERE linked.group_id = ?1 AND ( \
                     (wanted.id IS NULL AND NOT {}) OR wanted.target <> linked.target)",
                wanted_members(),
                left_alone()
            ))?
            .execute(params![group, seq])?;
        let counts = self.member_counts(seq)?;
        if counts == MemberCounts::default() {
            self.run("DELETE FROM planned_change WHERE seq = ?1", [seq])?;
            return Ok(None);
        }
        row.changes = self.first_members((seq, path), told)?;
        row.detail = counts.sentence();
        self.update_planned(seq, &row)?;
        Ok(Some(counts))
    }

    /// How many members a row changes.
    pub(super) fn member_counts(&self, seq: i64) -> Result<MemberCounts, StoreError> {
        let sql = "SELECT count(*) FILTER (WHERE is_removal = 0 AND is_there = 0), \
             count(*) FILTER (WHERE is_removal = 1 AND is_there = 0), \
             count(*) FILTER (WHERE is_there = 1) FROM planned_member WHERE seq = ?1";
        Ok(self.connection.prepare_cached(sql)?.query_row([seq], |row| {
            Ok(MemberCounts { added: row.get(0)?, removed: row.get(1)?, there: row.get(2)? })
        })?)
    }

    /// The row sends nothing for members that the target shows already: they count as ours from now
    /// on, and those that it does not show any more no longer.
    pub fn settle_shown_members(&self, seq: i64, group: SourceId) -> Result<(), StoreError> {
        let group = group.to_string();
        self.connection
            .prepare_cached(
                "DELETE FROM member_link WHERE group_id = ?2 AND member_id IN \
                 (SELECT member_id FROM planned_member \
                  WHERE seq = ?1 AND is_there = 1 AND is_removal = 1)",
            )?
            .execute(params![seq, group])?;
        self.connection
            .prepare_cached(
                "INSERT INTO member_link (group_id, member_id, target, doubt) \
                 SELECT ?2, member_id, link.target, 0 FROM planned_member \
                 JOIN link ON link.source = member_id AND link.standing = 0 \
                     AND link.target = planned_member.target \
                 WHERE seq = ?1 AND is_there = 1 AND is_removal = 0 \
                 ON CONFLICT (group_id, member_id) DO UPDATE SET target = excluded.target, \
                 doubt = 0",
            )?
            .execute(params![seq, group])?;
        self.connection
            .prepare_cached("DELETE FROM planned_member WHERE seq = ?1 AND is_there = 1")?
            .execute([seq])?;
        let sql = "UPDATE link SET members_unread = 0 WHERE source = ?1";
        self.connection.prepare_cached(sql)?.execute([group])?;
        Ok(())
    }

    /// Commits that the request with these members is about to leave.
    pub fn mark_members_sent(
        &self,
        seq: i64,
        members: &[PlannedMember],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.mark_sent(seq, now)?;
        let mut mark = self.connection.prepare_cached(
            "UPDATE planned_member SET sent = 1, target = ?4 \
             WHERE seq = ?1 AND is_removal = ?2 AND member_id = ?3",
        )?;
        for one in members {
            let member = one.member.to_string();
            mark.execute(params![seq, one.is_removal, member, one.target.as_str()])?;
        }
        Ok(())
    }

    /// Records that these members are what the row wants them to be. The row goes on.
    pub fn settle_members(
        &self,
        (seq, group): (i64, SourceId),
        members: &[PlannedMember],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let group = group.to_string();
        let mut removals = 0_u64;
        for one in members {
            let member = one.member.to_string();
            let counted: bool = self
                .connection
                .prepare_cached(
                    "DELETE FROM planned_member \
                     WHERE seq = ?1 AND is_removal = ?2 AND member_id = ?3 RETURNING counts",
                )?
                .query_row(params![seq, one.is_removal, member], |row| row.get(0))?;
            if one.is_removal {
                self.connection
                    .prepare_cached(
                        "DELETE FROM member_link \
                         WHERE group_id = ?1 AND member_id = ?2 AND target = ?3",
                    )?
                    .execute(params![group, member, one.target.as_str()])?;
                let approved = self
                    .connection
                    .prepare_cached(
                        "DELETE FROM approved_member WHERE group_id = ?1 AND member_id = ?2",
                    )?
                    .execute(params![group, member])?;
                removals += u64::from(counted && approved == 0);
            } else {
                self.connection
                    .prepare_cached(
                        "INSERT INTO member_link (group_id, member_id, target, doubt) \
                         VALUES (?1, ?2, ?3, 0) ON CONFLICT (group_id, member_id) \
                         DO UPDATE SET target = excluded.target, doubt = 0",
                    )?
                    .execute(params![group, member, one.target.as_str()])?;
            }
        }
        if removals > 0 {
            let at = now.timestamp_millis();
            self.connection
                .prepare_cached("INSERT INTO membership_removal (at, count) VALUES (?1, ?2)")?
                .execute(params![at, removals])?;
            self.run(
                "DELETE FROM membership_removal WHERE at < ?1",
                [(now - chrono::TimeDelta::days(7)).timestamp_millis()],
            )?;
        }
        self.connection
            .prepare_cached("UPDATE planned_change SET status = 'planned' WHERE seq = ?1")?
            .execute([seq])?;
        Ok(())
    }

    /// The target refused this member: the row goes on without it.
    pub fn drop_member(&self, seq: i64, member: &PlannedMember) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "DELETE FROM planned_member WHERE seq = ?1 AND is_removal = ?2 AND member_id = ?3",
            )?
            .execute(params![seq, member.is_removal, member.member.to_string()])?;
        Ok(())
    }

    /// Nothing of a group's members is to be written, so what the target shows of them is enough.
    pub fn forget_unread_members(&self, group: SourceId) -> Result<(), StoreError> {
        let sql = "UPDATE link SET members_unread = 0 WHERE source = ?1 AND members_unread = 1";
        self.connection.prepare_cached(sql)?.execute([group.to_string()])?;
        Ok(())
    }

    /// The target has to show the members of a group before any is written.
    pub fn set_members_unread(&self, group: SourceId) -> Result<(), StoreError> {
        let sql = "UPDATE link SET members_unread = 1 WHERE source = ?1 AND kind = 1";
        self.connection.prepare_cached(sql)?.execute([group.to_string()])?;
        Ok(())
    }

    /// These members were not sent after all.
    pub fn unsend_members(&self, seq: i64) -> Result<(), StoreError> {
        let sql = "UPDATE planned_member SET sent = 0 WHERE seq = ?1 AND sent = 1";
        self.connection.prepare_cached(sql)?.execute([seq])?;
        Ok(())
    }

    /// Nobody knows what became of the members that were sent last: the target has to show them.
    pub(super) fn doubt_members(&self, change: &PlannedChange) -> Result<(), StoreError> {
        let seqs = "SELECT seq FROM planned_change WHERE source = ?2 AND id = ?1";
        self.run(
            &format!(
                "INSERT INTO member_link (group_id, member_id, target, doubt) \
                 SELECT ?2, member_id, target, 1 FROM planned_member \
                 WHERE sent = 1 AND target IS NOT NULL AND seq IN ({seqs}) \
                 ON CONFLICT (group_id, member_id) DO UPDATE SET doubt = 1"
            ),
            params![change.id.to_string(), change.source.to_string()],
        )?;
        Ok(())
    }
}

impl MemberCounts {
    /// `3 members added, 1 taken out`.
    pub fn sentence(self) -> String {
        let noun = |count: u64| if count == 1 { "member" } else { "members" };
        let mut parts = Vec::new();
        if self.added > 0 {
            parts.push(format!("{} {} added", self.added, noun(self.added)));
        }
        if self.removed > 0 {
            parts.push(format!("{} {} taken out", self.removed, noun(self.removed)));
        }
        if self.there > 0 {
            parts.push(format!("{} {} there already", self.there, noun(self.there)));
        }
        parts.join(", ")
    }
}
