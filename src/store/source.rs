//! Users and groups of the directory, as last read.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{OptionalExtension, params};

use super::{
    open::{StoreError, Tx, View},
    redaction::{opened, sealed},
};
use crate::{
    model::{Attributes, AttributesText, ManagerChange, ObjectKind, SourceId, Timestamp},
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
     SELECT member_id FROM membership WHERE kind <> 1 AND group_id IN ( \
         SELECT inner_id FROM group_path \
         JOIN assignment ON assignment.principal = outer_id AND assignment.kind = 1)";

/// How a kind of object is stored.
pub(super) fn stored_kind(kind: ObjectKind) -> i64 {
    match kind {
        ObjectKind::User => 0,
        ObjectKind::Group => 1,
    }
}

/// The kind of object that is stored so.
pub(super) fn kind_of(stored: i64) -> ObjectKind {
    if stored == 1 { ObjectKind::Group } else { ObjectKind::User }
}

impl View<'_> {
    /// What is known of a person or a group, with every role it holds.
    pub fn subject(&self, id: SourceId) -> Result<Option<Subject>, StoreError> {
        let key = id.to_string();
        let row = self
            .connection
            .prepare_cached(
                "SELECT attributes, presence, manager, kind FROM source_object WHERE id = ?1",
            )?
            .query_row([&key], |row| {
                let manager: Option<String> = row.get(2)?;
                Ok((row.get::<_, String>(0)?, row.get(1)?, manager, kind_of(row.get(3)?)))
            })
            .optional()?;
        let Some((attributes, presence, manager, kind)) = row else { return Ok(None) };
        let attributes: Attributes =
            serde_json::from_str(&attributes).map_err(|error| StoreError::stored("user", error))?;
        let attributes = opened(self.key, id, attributes);
        let manager = manager
            .map(|text| text.parse().map_err(|error| StoreError::stored("manager", error)))
            .transpose()?;
        let grants = match kind {
            ObjectKind::User => self.grants(&key)?,
            ObjectKind::Group => self.own_grants(&key, kind)?,
        };
        let filter_groups = self.filter_groups_of(&key)?;
        let presence = presence_of(presence);
        Ok(Some(Subject { kind, id, attributes, presence, manager, grants, filter_groups }))
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
             UNION \
             SELECT assignment.role, assignment.principal, \
                 coalesce(nullif(source_group.display_name, ''), assignment.display) \
             FROM membership \
             JOIN group_path ON group_path.inner_id = membership.group_id \
             JOIN assignment ON assignment.principal = group_path.outer_id \
             LEFT JOIN source_group ON source_group.id = assignment.principal \
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

    /// The roles that are assigned to an object itself.
    fn own_grants(&self, id: &str, kind: ObjectKind) -> Result<Vec<Grant>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT DISTINCT role FROM assignment WHERE principal = ?1 AND kind = ?2 ORDER BY role",
        )?;
        let rows =
            statement.query_map(params![id, stored_kind(kind)], |row| row.get::<_, String>(0))?;
        rows.map(|row| {
            let role = row?.parse().map_err(|error| StoreError::stored("role", error))?;
            Ok(Grant { role, via: None })
        })
        .collect()
    }

    /// What is remembered of an object's entitlement.
    pub fn entitlement(&self, id: SourceId) -> Result<EntitlementMemory, StoreError> {
        let at = |ms: Option<i64>| ms.and_then(Timestamp::from_timestamp_millis);
        let row = self
            .connection
            .prepare_cached(
                "SELECT entitled_since, missing_since, left_at, accesses FROM source_object \
                 WHERE id = ?1",
            )?
            .query_row([id.to_string()], |row| {
                let times = (at(row.get(0)?), at(row.get(1)?), at(row.get(2)?));
                Ok((times, row.get::<_, String>(3)?))
            })
            .optional()?;
        let Some(((since, missing_since, left_at), accesses)) = row else {
            return Ok(EntitlementMemory::default());
        };
        let accesses: BTreeMap<u64, i64> = serde_json::from_str(&accesses)
            .map_err(|error| StoreError::stored("entitlement", error))?;
        let accesses =
            accesses.into_iter().filter_map(|(access, ms)| Some((access, at(Some(ms))?)));
        Ok(EntitlementMemory { since, accesses: accesses.collect(), missing_since, left_at })
    }

    /// Up to `limit` dirty objects of a kind after `after`, by id.
    pub fn dirty_objects(
        &self,
        kind: ObjectKind,
        after: Option<SourceId>,
        limit: u32,
    ) -> Result<Vec<SourceId>, StoreError> {
        let sql = format!(
            "SELECT id FROM source_object WHERE dirty = 1 AND kind = {} AND id > ?1 \
             ORDER BY id LIMIT ?2",
            stored_kind(kind)
        );
        self.ids_after(&sql, after, limit)
    }

    /// Up to `limit` objects of a kind after `after` that this cycle drafted, by id.
    pub fn drafted_objects(
        &self,
        kind: ObjectKind,
        after: Option<SourceId>,
        limit: u32,
    ) -> Result<Vec<SourceId>, StoreError> {
        let sql = format!(
            "SELECT id FROM source_object WHERE dirty = 2 AND kind = {} AND id > ?1 \
             ORDER BY id LIMIT ?2",
            stored_kind(kind)
        );
        self.ids_after(&sql, after, limit)
    }

    /// How many objects of a kind are dirty.
    pub fn dirty_count(&self, kind: ObjectKind) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM source_object WHERE dirty = 1 AND kind = ?1";
        Ok(self.connection.query_row(sql, [stored_kind(kind)], |row| row.get(0))?)
    }

    /// Whether an object was in scope, and live, when it was last decided about.
    pub fn is_in_scope(&self, id: SourceId) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM source_object WHERE id = ?1 AND in_scope = 1)";
        Ok(self.connection.prepare_cached(sql)?.query_row([id.to_string()], |row| row.get(0))?)
    }

    /// How many users and groups are in scope.
    pub fn in_scope_count(&self) -> Result<u64, StoreError> {
        Ok(self.connection.query_row(
            "SELECT count(*) FROM source_object WHERE in_scope = 1 AND presence = 0",
            [],
            |row| row.get(0),
        )?)
    }

    /// How many dirty, live, unlinked objects hold a role: at most so many must be matched.
    pub fn unmatched_count(&self, kind: ObjectKind, everything: bool) -> Result<u64, StoreError> {
        let assigned = if everything { "1" } else { "source_object.id IN assigned" };
        let holders = holders(kind);
        let sql = format!(
            "WITH assigned AS ({holders}) SELECT count(*) FROM source_object \
             WHERE dirty = 1 AND kind = {} AND presence = 0 AND {assigned} \
             AND NOT EXISTS (SELECT 1 FROM link WHERE link.source = source_object.id AND is_hint = 0)",
            stored_kind(kind)
        );
        Ok(self.connection.query_row(&sql, [], |row| row.get(0))?)
    }

    /// Dirty, unlinked objects that may have to be looked for at the target: those that may get an
    /// account, and those whose create has no known outcome, wherever they stand by now.
    pub fn unlinked_count(&self, kind: ObjectKind, everything: bool) -> Result<u64, StoreError> {
        let assigned = if everything { "1" } else { "source_object.id IN assigned" };
        let holders = holders(kind);
        let sql = format!(
            "WITH assigned AS ({holders}) SELECT count(*) FROM source_object \
             WHERE dirty = 1 AND kind = {} AND ((presence = 0 AND {assigned}) \
                 OR EXISTS (SELECT 1 FROM unsettled_create AS lost \
                            WHERE lost.source = source_object.id)) \
             AND NOT EXISTS (SELECT 1 FROM link WHERE link.source = source_object.id AND is_hint = 0)",
            stored_kind(kind)
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
                 SELECT id FROM assigned UNION SELECT source FROM link WHERE kind = 0) AS wanted \
             LEFT JOIN source_object ON source_object.id = wanted.id \
             WHERE (source_object.id IS NULL OR source_object.presence = 3 \
                 OR (source_object.misses > 0 AND source_object.presence <> 2)) \
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
                 SELECT id FROM assigned UNION SELECT source FROM link WHERE kind = 0) \
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

    /// Whether a person or a group is linked.
    pub fn is_linked(&self, id: SourceId) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM link WHERE source = ?1)";
        Ok(self.connection.prepare_cached(sql)?.query_row([id.to_string()], |row| row.get(0))?)
    }

    /// Users and groups whose name, mail, display name or id is `who`, without regard to case.
    pub fn find_sources(&self, who: &str) -> Result<Vec<FoundSource>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, coalesce(attributes ->> 'userPrincipalName', \
                 iif(kind = 1, attributes ->> 'displayName', NULL), id) FROM source_object \
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
        attributes: &AttributesText,
        generation: u64,
    ) -> Result<(), StoreError> {
        self.upsert(ObjectKind::User, id, attributes, generation)
    }

    /// Stores a live object as just read, in the same way.
    pub(super) fn upsert(
        &self,
        kind: ObjectKind,
        id: SourceId,
        attributes: &AttributesText,
        generation: u64,
    ) -> Result<(), StoreError> {
        let properties = self.sealed_properties()?;
        let sealed = (!properties.is_empty()).then(|| {
            AttributesText::from(&sealed(self.key, id, &attributes.values(), &properties))
        });
        let text = sealed.as_ref().unwrap_or(attributes).as_str();
        self.connection
            .prepare_cached(
                "INSERT INTO source_object (id, kind, attributes, presence, dirty, \
                     read_generation) \
                 VALUES (?1, ?4, ?2, 0, 1, ?3) \
                 ON CONFLICT (id) DO UPDATE SET \
                 dirty = CASE WHEN attributes = excluded.attributes AND presence = 0 \
                     THEN dirty ELSE 1 END, \
                 attributes = excluded.attributes, presence = 0, misses = 0, \
                 read_generation = max(read_generation, excluded.read_generation)",
            )?
            .execute(params![id.to_string(), text, generation, stored_kind(kind)])?;
        Ok(())
    }

    /// Stores a changed user if it is one that matters; returns whether it is.
    pub fn update_known_user(
        &self,
        id: SourceId,
        attributes: &AttributesText,
    ) -> Result<bool, StoreError> {
        let known: bool = self
            .connection
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM source_object WHERE id = ?1)")?
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
                "UPDATE source_object SET presence = ?2, misses = 0, \
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
                "UPDATE source_object SET dirty = CASE WHEN manager IS ?2 THEN dirty ELSE 1 END, \
                 manager = ?2 WHERE id = ?1",
            )?
            .execute(params![id.to_string(), manager])?;
        Ok(())
    }

    /// Every user and every group must be decided again.
    pub fn mark_all_dirty(&self) -> Result<(), StoreError> {
        self.connection.execute("UPDATE source_object SET dirty = 1", [])?;
        Ok(())
    }

    /// Stores what a decision leaves to remember; the object counts as drafted.
    pub fn remember_decision(&self, id: SourceId, decision: &Decision) -> Result<(), StoreError> {
        let ms = |at: Option<Timestamp>| at.map(|at| at.timestamp_millis());
        let seen =
            decision.memory.accesses.iter().map(|(access, at)| (access, at.timestamp_millis()));
        let accesses = serde_json::to_string(&seen.collect::<BTreeMap<_, _>>())
            .map_err(|error| StoreError::stored("entitlement", error))?;
        self.connection
            .prepare_cached(
                "UPDATE source_object SET dirty = 2, in_scope = ?2, entitled_since = ?3, \
                 missing_since = ?4, reconsider_at = ?5, left_at = ?6, accesses = ?7 WHERE id = ?1",
            )?
            .execute(params![
                id.to_string(),
                decision.in_scope,
                ms(decision.memory.since),
                ms(decision.memory.missing_since),
                ms(decision.reconsider_at),
                ms(decision.memory.left_at),
                accesses
            ])?;
        Ok(())
    }

    /// Decides this object again in the next cycle, whatever this one came to.
    pub fn mark_dirty(&self, id: SourceId) -> Result<(), StoreError> {
        let sql = "UPDATE source_object SET dirty = 1 WHERE id = ?1";
        self.connection.execute(sql, [id.to_string()])?;
        Ok(())
    }

    /// Forgets users and groups that are neither assigned nor linked: the state stays small.
    pub fn prune_objects(&self) -> Result<(), StoreError> {
        self.connection.execute(
            &format!(
                "WITH assigned AS ({ASSIGNED}) DELETE FROM source_object WHERE dirty = 0 \
                 AND id NOT IN assigned \
                 AND id NOT IN (SELECT principal FROM assignment WHERE kind = 1) AND id NOT IN (SELECT source FROM link) \
                 AND id NOT IN (SELECT source FROM unsettled_create)"
            ),
            [],
        )?;
        self.connection
            .execute("DELETE FROM escrow WHERE source NOT IN (SELECT id FROM source_object)", [])?;
        Ok(())
    }
}

/// Who may hold a role: the query of their ids.
fn holders(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::User => ASSIGNED,
        ObjectKind::Group => "SELECT principal FROM assignment WHERE kind = 1",
    }
}
