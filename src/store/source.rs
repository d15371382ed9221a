//! Users of the directory, as last read.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, params};

use super::{
    open::{StoreError, Tx, View},
    redaction::{opened, sealed},
};
use crate::{
    model::{Attributes, ManagerChange, ObjectKind, SourceId, Timestamp},
    provisioning::{Decision, EntitlementMemory, Grant, Presence, Subject},
};

/// A person or group found by a name, for commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundSource {
    /// The directory's id.
    pub id: SourceId,
    /// The name it was found by.
    pub display: String,
}

/// What is stored of somebody who is gone for good.
pub(super) const DELETED: i64 = 2;

/// Users who are assigned, directly or through a group.
pub(super) const ASSIGNED: &str = "SELECT principal AS id FROM assignment WHERE kind = 0 UNION \
     SELECT member_id FROM membership WHERE kind <> 1 \
     AND group_id IN (SELECT principal FROM assignment WHERE kind = 1)";

/// Of a user: it is not linked, and every row of its plan is still to be sent.
const UNSENT: &str = "NOT EXISTS (SELECT 1 FROM link WHERE link.source = source_user.id) \
     AND EXISTS (SELECT 1 FROM planned_change AS row WHERE row.source = source_user.id) \
     AND NOT EXISTS (SELECT 1 FROM planned_change AS row WHERE row.source = source_user.id \
         AND (row.again = 1 OR row.status <> 'planned'))";

/// Users whose next try is due by itself.
const SET_ASIDE: &str = "EXISTS (SELECT 1 FROM escrow WHERE escrow.source = source_user.id)";

/// Users of whose rows something is left to do.
const LEFT_TO_DO: &str = "EXISTS (SELECT 1 FROM planned_change AS row \
     WHERE row.source = source_user.id AND (row.again = 1 \
     OR row.status IN ('planned', 'sent', 'failure', 'held')))";

impl View<'_> {
    /// What is known of a person, with every role it holds.
    pub fn subject(&self, id: SourceId) -> Result<Option<Subject>, StoreError> {
        let key = id.to_string();
        let row = self
            .connection
            .prepare_cached("SELECT attributes, presence, manager FROM source_user WHERE id = ?1")?
            .query_row([&key], |row| {
                Ok((row.get::<_, String>(0)?, row.get(1)?, row.get::<_, Option<String>>(2)?))
            })
            .optional()?;
        let Some((attributes, presence, manager)) = row else { return Ok(None) };
        let attributes: Attributes =
            serde_json::from_str(&attributes).map_err(|error| StoreError::stored("user", error))?;
        let attributes = opened(self.key, id, attributes);
        let manager = manager
            .map(|text| text.parse().map_err(|error| StoreError::stored("manager", error)))
            .transpose()?;
        let grants = self.grants(&key)?;
        let filter_groups = self.filter_groups_of(&key)?;
        let presence = presence_of(presence);
        Ok(Some(Subject {
            kind: ObjectKind::User,
            id,
            attributes,
            presence,
            manager,
            grants,
            filter_groups,
        }))
    }

    fn filter_groups_of(&self, user: &str) -> Result<BTreeSet<SourceId>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT DISTINCT filter_principal.id FROM filter_principal \
             JOIN membership ON membership.group_id = filter_principal.id \
             WHERE filter_principal.kind = 0 AND membership.member_id = ?1",
        )?;
        let rows = statement.query_map([user], |row| row.get::<_, String>(0))?;
        rows.map(|row| row?.parse().map_err(|error| StoreError::stored("id", error))).collect()
    }

    fn grants(&self, user: &str) -> Result<Vec<Grant>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT role, NULL, NULL FROM assignment WHERE principal = ?1 AND kind = 0 \
             UNION ALL \
             SELECT assignment.role, membership.group_id, \
                 coalesce(nullif(source_group.display_name, ''), assignment.display) \
             FROM membership \
             JOIN assignment ON assignment.principal = membership.group_id \
             LEFT JOIN source_group ON source_group.id = membership.group_id \
             WHERE membership.member_id = ?1 AND membership.kind <> 1 \
                 AND coalesce(source_group.presence, 0) = 0 \
             ORDER BY 2, 1",
        )?;
        let rows = statement.query_map([user], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, Option<String>>(1)?,
                row.get::<_, Option<String>>(2)?,
            ))
        })?;
        rows.map(|row| {
            let (role, group, name) = row?;
            let role = role.parse().map_err(|error| StoreError::stored("role", error))?;
            let via = group
                .map(|group| {
                    group
                        .parse()
                        .map(|group| (group, name.unwrap_or_default()))
                        .map_err(|error| StoreError::stored("group", error))
                })
                .transpose()?;
            Ok(Grant { role, via })
        })
        .collect()
    }

    /// What is remembered of a person's entitlement.
    pub fn entitlement(&self, id: SourceId) -> Result<EntitlementMemory, StoreError> {
        let row: Option<(Option<i64>, Option<i64>, Option<i64>)> = self
            .connection
            .prepare_cached(
                "SELECT entitled_since, missing_since, left_at FROM source_user WHERE id = ?1",
            )?
            .query_row([id.to_string()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let (since, missing, left) = row.unwrap_or_default();
        let at = |ms: Option<i64>| ms.and_then(Timestamp::from_timestamp_millis);
        Ok(EntitlementMemory { since: at(since), missing_since: at(missing), left_at: at(left) })
    }

    /// Up to `limit` dirty users after `after`, by id.
    pub fn dirty_users(
        &self,
        after: Option<SourceId>,
        limit: u32,
    ) -> Result<Vec<SourceId>, StoreError> {
        let sql = "SELECT id FROM source_user WHERE dirty = 1 AND id > ?1 ORDER BY id LIMIT ?2";
        self.ids_after(sql, after, limit)
    }

    /// Up to `limit` users after `after` that this cycle drafted, by id.
    pub fn drafted_users(
        &self,
        after: Option<SourceId>,
        limit: u32,
    ) -> Result<Vec<SourceId>, StoreError> {
        let sql = "SELECT id FROM source_user WHERE dirty = 2 AND id > ?1 ORDER BY id LIMIT ?2";
        self.ids_after(sql, after, limit)
    }

    /// How many users are dirty.
    pub fn dirty_count(&self) -> Result<u64, StoreError> {
        Ok(self.connection.query_row(
            "SELECT count(*) FROM source_user WHERE dirty = 1",
            [],
            |row| row.get(0),
        )?)
    }

    /// Whether a user was in scope, and live, when it was last decided about.
    pub fn is_in_scope(&self, id: SourceId) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM source_user WHERE id = ?1 AND in_scope = 1)";
        Ok(self.connection.prepare_cached(sql)?.query_row([id.to_string()], |row| row.get(0))?)
    }

    /// How many users are in scope.
    pub fn in_scope_count(&self) -> Result<u64, StoreError> {
        Ok(self.connection.query_row(
            "SELECT count(*) FROM source_user WHERE in_scope = 1 AND presence = 0",
            [],
            |row| row.get(0),
        )?)
    }

    /// How many dirty, live, unlinked users hold a role: at most so many must be matched.
    pub fn unmatched_count(&self, every_user: bool) -> Result<u64, StoreError> {
        let assigned = if every_user { "1" } else { "source_user.id IN assigned" };
        let sql = format!(
            "WITH assigned AS ({ASSIGNED}) SELECT count(*) FROM source_user \
             WHERE dirty = 1 AND presence = 0 AND {assigned} \
             AND NOT EXISTS (SELECT 1 FROM link WHERE link.source = source_user.id AND is_hint = 0)"
        );
        Ok(self.connection.query_row(&sql, [], |row| row.get(0))?)
    }

    /// Dirty users without a link who may have to be looked for at the target: those who may get an
    /// account, and those whose create has no known outcome, wherever they stand by now.
    pub fn unlinked_count(&self, every_user: bool) -> Result<u64, StoreError> {
        let assigned = if every_user { "1" } else { "source_user.id IN assigned" };
        let sql = format!(
            "WITH assigned AS ({ASSIGNED}) SELECT count(*) FROM source_user \
             WHERE dirty = 1 AND ((presence = 0 AND {assigned}) \
                 OR EXISTS (SELECT 1 FROM unsettled_create AS lost \
                            WHERE lost.source = source_user.id)) \
             AND NOT EXISTS (SELECT 1 FROM link WHERE link.source = source_user.id AND is_hint = 0)"
        );
        Ok(self.connection.query_row(&sql, [], |row| row.get(0))?)
    }

    /// Up to `limit` users after `after` whose state must be looked up: assigned ones that were
    /// never read or not shown, and linked ones that a read did not show.
    pub fn unread_users(
        &self,
        after: Option<SourceId>,
        limit: u32,
    ) -> Result<Vec<SourceId>, StoreError> {
        let sql = format!(
            "WITH assigned AS ({ASSIGNED}) SELECT wanted.id FROM ( \
                 SELECT id FROM assigned UNION SELECT source FROM link) AS wanted \
             LEFT JOIN source_user ON source_user.id = wanted.id \
             WHERE (source_user.id IS NULL OR source_user.presence = 3 \
                 OR (source_user.misses > 0 AND source_user.presence <> 2)) \
             AND wanted.id > ?1 ORDER BY wanted.id LIMIT ?2"
        );
        self.ids_after(&sql, after, limit)
    }

    /// Up to `limit` users after `after` whose state matters: assigned or linked.
    pub fn relevant_users(
        &self,
        after: Option<SourceId>,
        limit: u32,
    ) -> Result<Vec<SourceId>, StoreError> {
        let sql = format!(
            "WITH assigned AS ({ASSIGNED}) SELECT id FROM ( \
                 SELECT id FROM assigned UNION SELECT source FROM link) \
             WHERE id > ?1 ORDER BY id LIMIT ?2"
        );
        self.ids_after(&sql, after, limit)
    }

    /// Up to `?2` ids after `?1`, selected by `sql`.
    pub(super) fn ids_after(
        &self,
        sql: &str,
        after: Option<SourceId>,
        limit: u32,
    ) -> Result<Vec<SourceId>, StoreError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let after = after.map_or_else(String::new, |id| id.to_string());
        let rows = statement.query_map(params![after, limit], |row| row.get::<_, String>(0))?;
        rows.map(|row| row?.parse().map_err(|error| StoreError::stored("id", error))).collect()
    }

    /// Whether a person is linked.
    pub fn is_linked(&self, id: SourceId) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM link WHERE source = ?1)";
        Ok(self.connection.prepare_cached(sql)?.query_row([id.to_string()], |row| row.get(0))?)
    }

    /// Users whose name, mail, display name or id is `who`, without regard to case.
    pub fn find_sources(&self, who: &str) -> Result<Vec<FoundSource>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, coalesce(attributes ->> 'userPrincipalName', id) FROM source_user \
             WHERE id = lower(?1) OR lower(attributes ->> 'userPrincipalName') = lower(?1) \
             OR lower(attributes ->> 'mail') = lower(?1) \
             OR lower(attributes ->> 'displayName') = lower(?1) ORDER BY id LIMIT 20",
        )?;
        let rows = statement
            .query_map([who], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
        rows.map(|row| {
            let (id, display) = row?;
            let id = id.parse().map_err(|error| StoreError::stored("id", error))?;
            Ok(FoundSource { id, display })
        })
        .collect()
    }
}

fn presence_of(stored: i64) -> Presence {
    match stored {
        0 => Presence::Live,
        1 => Presence::SoftDeleted,
        DELETED => Presence::Deleted,
        _ => Presence::Unseen,
    }
}

fn stored_presence(presence: Presence) -> i64 {
    match presence {
        Presence::Live => 0,
        Presence::SoftDeleted => 1,
        Presence::Deleted => DELETED,
        Presence::Unseen => 3,
    }
}

impl Tx<'_> {
    /// Stores a live user as just read, what is to be sealed of it sealed; it is dirty if anything
    /// differs.
    pub fn upsert_user(
        &self,
        id: SourceId,
        attributes: &Attributes,
        generation: u64,
    ) -> Result<(), StoreError> {
        let attributes = sealed(self.key, id, attributes, &self.sealed_properties()?);
        let text = serde_json::to_string(&attributes)
            .map_err(|error| StoreError::stored("user", error))?;
        self.connection
            .prepare_cached(
                "INSERT INTO source_user (id, attributes, presence, dirty, read_generation) \
                 VALUES (?1, ?2, 0, 1, ?3) \
                 ON CONFLICT (id) DO UPDATE SET \
                 dirty = CASE WHEN attributes = excluded.attributes AND presence = 0 \
                     THEN dirty ELSE 1 END, \
                 attributes = excluded.attributes, presence = 0, misses = 0, \
                 read_generation = max(read_generation, excluded.read_generation)",
            )?
            .execute(params![id.to_string(), text, generation])?;
        Ok(())
    }

    /// Stores a changed user if it is one that matters; returns whether it is.
    pub fn update_known_user(
        &self,
        id: SourceId,
        attributes: &Attributes,
    ) -> Result<bool, StoreError> {
        let known: bool = self
            .connection
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM source_user WHERE id = ?1)")?
            .query_row([id.to_string()], |row| row.get(0))?;
        if known {
            self.upsert_user(id, attributes, 0)?;
        }
        Ok(known)
    }

    /// Stores that a user left the directory, where it is one that matters.
    ///
    /// The attributes stay: they name the person in the plan and the log.
    pub fn set_presence(&self, id: SourceId, presence: Presence) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "UPDATE source_user SET presence = ?2, misses = 0, \
                 dirty = CASE WHEN presence = ?2 THEN dirty ELSE 1 END WHERE id = ?1",
            )?
            .execute(params![id.to_string(), stored_presence(presence)])?;
        Ok(())
    }

    /// Stores who a user's manager is.
    pub fn set_manager(&self, id: SourceId, change: ManagerChange) -> Result<(), StoreError> {
        let manager = match change {
            ManagerChange::Set(manager) => Some(manager.to_string()),
            ManagerChange::Cleared => None,
        };
        self.connection
            .prepare_cached(
                "UPDATE source_user SET dirty = CASE WHEN manager IS ?2 THEN dirty ELSE 1 END, \
                 manager = ?2 WHERE id = ?1",
            )?
            .execute(params![id.to_string(), manager])?;
        Ok(())
    }

    /// Every user must be decided again.
    pub fn mark_all_dirty(&self) -> Result<(), StoreError> {
        self.connection.execute("UPDATE source_user SET dirty = 1", [])?;
        Ok(())
    }

    /// Users left drafted by a cycle that did not end are dirty again, but for those who failed:
    /// these wait for their next try; and but for what was drafted before a draft that goes on now
    /// ran out of time. Whose time has come is dirty, too.
    pub fn mark_due_dirty(&self, now: Timestamp) -> Result<(), StoreError> {
        if !self.is_draft_open()? {
            self.connection.execute(
                &format!("UPDATE source_user SET dirty = NOT {SET_ASIDE} WHERE dirty = 2"),
                [],
            )?;
        }
        self.connection.execute(
            "UPDATE escrow SET due_cycle = 0 WHERE given_up = 0 AND source IN \
             (SELECT id FROM source_user WHERE reconsider_at <= ?1)",
            [now.timestamp_millis()],
        )?;
        self.connection.execute(
            "UPDATE source_user SET dirty = 1, reconsider_at = NULL \
             WHERE reconsider_at IS NOT NULL AND reconsider_at <= ?1",
            [now.timestamp_millis()],
        )?;
        Ok(())
    }

    /// Stores what a decision leaves to remember; the user counts as drafted.
    pub fn remember_decision(&self, id: SourceId, decision: &Decision) -> Result<(), StoreError> {
        let ms = |at: Option<Timestamp>| at.map(|at| at.timestamp_millis());
        self.connection
            .prepare_cached(
                "UPDATE source_user SET dirty = 2, in_scope = ?2, entitled_since = ?3, \
                 missing_since = ?4, reconsider_at = ?5, left_at = ?6 WHERE id = ?1",
            )?
            .execute(params![
                id.to_string(),
                decision.in_scope,
                ms(decision.memory.since),
                ms(decision.memory.missing_since),
                ms(decision.reconsider_at),
                ms(decision.memory.left_at)
            ])?;
        Ok(())
    }

    /// Settles the users drafted in the cycle of this number: those with everything done are clean,
    /// and so are those set aside, whose next try is due by itself; the others stay dirty.
    pub fn settle_drafted(&self, number: u64) -> Result<(), StoreError> {
        self.keep_unfinished_escrows(number)?;
        self.connection.execute(
            &format!(
                "UPDATE source_user SET dirty = CASE WHEN {SET_ASIDE} THEN 0 \
                 WHEN {LEFT_TO_DO} THEN 1 ELSE 0 END WHERE dirty = 2"
            ),
            [],
        )?;
        Ok(())
    }

    /// The same after an export that ran out of time: whoever has no account yet, and of whose rows
    /// none was sent, stays drafted.
    pub fn settle_unsent(&self, number: u64) -> Result<(), StoreError> {
        self.keep_unfinished_escrows(number)?;
        let sql = format!(
            "UPDATE source_user SET dirty = CASE WHEN {UNSENT} THEN 2 WHEN {SET_ASIDE} THEN 0 \
             WHEN {LEFT_TO_DO} THEN 1 ELSE 0 END WHERE dirty = 2"
        );
        self.connection.execute(&sql, [])?;
        Ok(())
    }

    /// After a draft that ran out of time: whoever has no account yet, and gets one, stays drafted,
    /// so that nobody is looked up twice. Anybody else is decided again, which asks nobody; whoever
    /// failed when the next try is due.
    pub fn keep_drafted(&self) -> Result<(), StoreError> {
        let sql = format!(
            "UPDATE source_user SET dirty = NOT {SET_ASIDE} WHERE dirty = 2 AND NOT ({UNSENT})"
        );
        self.connection.execute(&sql, [])?;
        Ok(())
    }

    /// Decides this user again in the next cycle, whatever this one came to.
    pub fn mark_dirty(&self, id: SourceId) -> Result<(), StoreError> {
        let sql = "UPDATE source_user SET dirty = 1 WHERE id = ?1";
        self.connection.execute(sql, [id.to_string()])?;
        Ok(())
    }

    /// Forgets users who are neither assigned nor linked, so that the state stays small.
    pub fn prune_users(&self) -> Result<(), StoreError> {
        self.connection.execute(
            &format!(
                "WITH assigned AS ({ASSIGNED}) DELETE FROM source_user WHERE dirty = 0 \
                 AND id NOT IN assigned AND id NOT IN (SELECT source FROM link) \
                 AND id NOT IN (SELECT source FROM unsettled_create)"
            ),
            [],
        )?;
        self.connection
            .execute("DELETE FROM escrow WHERE source NOT IN (SELECT id FROM source_user)", [])?;
        Ok(())
    }
}
