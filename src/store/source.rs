//! Users and groups of the directory, as last read.

use std::collections::BTreeSet;

use rusqlite::params;

use super::{
    access,
    open::{StoreError, Tx, View},
    packed::text_of,
    redaction::opened,
    tally::Tally,
};
use crate::{
    model::{AppRoleId, Attributes, ObjectKind, SourceId, Timestamp},
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

/// Assigned and linked users whom a read did not show, or who were never read.
const MISSED: &str = "SELECT id FROM source_object AS missed \
     WHERE (presence = 3 OR (misses > 0 AND presence <> 2)) AND ( \
         EXISTS (SELECT 1 FROM link WHERE source = missed.id AND link.kind = 0) \
         OR EXISTS (SELECT 1 FROM assignment \
             WHERE principal = missed.id AND assignment.kind = 0) \
         OR EXISTS (SELECT 1 FROM membership \
             JOIN group_path ON inner_id = membership.group_id \
             JOIN assignment ON principal = outer_id AND assignment.kind = 1 \
             WHERE member_id = missed.id AND membership.kind <> 1))";

/// Whose state is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsersToRead {
    /// Everybody whose state matters: assigned or linked.
    Relevant,
    /// Assigned ones that were never read or not shown, and linked ones that a read did not show.
    Unread,
}

/// What anybody holds at all: what nobody has needs no look for each of many people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holdings {
    /// Roles.
    direct: bool,
    /// Roles through groups.
    through: bool,
    /// A membership that a filter names.
    filters: bool,
}

impl Holdings {
    /// Everything has to be looked for.
    const ANY: Self = Self { direct: true, through: true, filters: true };
}

/// What a row remembers of an entitlement, in its first four columns: since when, since when
/// missing, when left, and the accesses.
fn memory_of(row: &rusqlite::Row<'_>) -> Result<EntitlementMemory, StoreError> {
    let at = |ms: Option<i64>| ms.and_then(Timestamp::from_timestamp_millis);
    let (since, missing_since, left_at) = (at(row.get(0)?), at(row.get(1)?), at(row.get(2)?));
    let accesses = access::parse(row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?)?;
    let accesses = accesses.into_iter().filter_map(|(access, ms)| Some((access, at(Some(ms))?)));
    Ok(EntitlementMemory { since, accesses: accesses.collect(), missing_since, left_at })
}

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
        Ok(self.remembered(id, Holdings::ANY)?.map(|(subject, _)| subject))
    }

    /// What anybody holds at all.
    pub fn holdings(&self) -> Result<Holdings, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM assignment), EXISTS (SELECT 1 FROM group_path), \
             EXISTS (SELECT 1 FROM filter_principal WHERE kind = 0)";
        Ok(self.one(sql, [], |row| {
            Ok(Holdings { direct: row.get(0)?, through: row.get(1)?, filters: row.get(2)? })
        })?)
    }

    /// The same, with what is remembered of its entitlement.
    pub fn remembered(
        &self,
        id: SourceId,
        holdings: Holdings,
    ) -> Result<Option<(Subject, EntitlementMemory)>, StoreError> {
        let key = id.to_string();
        let mut statement = self.connection.prepare_cached(
            "SELECT entitled_since, missing_since, left_at, accesses, \
             coalesce(packed, attributes, '{}'), presence, manager, kind FROM source_object \
             LEFT JOIN source_attributes ON source_attributes.num = attributes_num WHERE id = ?1",
        )?;
        let mut rows = statement.query([&key])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let memory = memory_of(row)?;
        let attributes: Attributes = serde_json::from_str(&text_of(row.get_ref(4)?)?)
            .map_err(|error| StoreError::stored("user", error))?;
        let attributes = opened(self.key, id, attributes);
        let (presence, manager) = (row.get(5)?, row.get::<_, Option<String>>(6)?);
        let kind = kind_of(row.get(7)?);
        let manager = manager
            .map(|text| text.parse().map_err(|error| StoreError::stored("manager", error)))
            .transpose()?;
        let mut grants = Vec::new();
        if holdings.direct {
            grants = self.own_grants(&key, kind)?;
        }
        if holdings.through && kind == ObjectKind::User {
            self.add_grants_through_groups(&key, &mut grants)?;
        }
        let filter_groups =
            if holdings.filters { self.filter_groups_of(&key)? } else { BTreeSet::new() };
        let presence = presence_of(presence);
        let subject = Subject { kind, id, attributes, presence, manager, grants, filter_groups };
        Ok(Some((subject, memory)))
    }

    fn filter_groups_of(&self, user: &str) -> Result<BTreeSet<SourceId>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT filter_principal.id FROM filter_principal \
             JOIN membership ON membership.group_id = filter_principal.id \
             WHERE filter_principal.kind = 0 AND membership.member_id = ?1",
        )?;
        let rows = statement.query_map([user], |row| row.get::<_, String>(0))?;
        rows.map(|row| row?.parse().map_err(|error| StoreError::stored("id", error))).collect()
    }

    /// Adds every role that a user has through groups once, by these groups.
    ///
    /// Sorted here: a union or an order would be a temporary table for each person.
    fn add_grants_through_groups(
        &self,
        user: &str,
        grants: &mut Vec<Grant>,
    ) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT assignment.role, assignment.principal, \
                 coalesce(nullif(source_group.display_name, ''), assignment.display) \
             FROM membership \
             CROSS JOIN group_path ON group_path.inner_id = membership.group_id \
             CROSS JOIN assignment ON assignment.principal = group_path.outer_id \
             LEFT JOIN source_group ON source_group.id = assignment.principal \
             WHERE membership.member_id = ?1 AND membership.kind <> 1 \
                 AND coalesce(source_group.presence, 0) = 0",
        )?;
        let rows = statement.query_map([user], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
        })?;
        let mut through: Vec<(SourceId, AppRoleId, String)> = rows
            .map(|row| {
                let (role, group, name) = row?;
                let role = role.parse().map_err(|error| StoreError::stored("role", error))?;
                let group = group.parse().map_err(|error| StoreError::stored("group", error))?;
                Ok((group, role, name))
            })
            .collect::<Result<_, StoreError>>()?;
        through.sort_unstable();
        through.dedup();
        let through = through.into_iter();
        grants.extend(through.map(|(group, role, name)| Grant { role, via: Some((group, name)) }));
        Ok(())
    }

    /// The roles that are assigned to an object itself.
    fn own_grants(&self, id: &str, kind: ObjectKind) -> Result<Vec<Grant>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT role FROM assignment WHERE principal = ?1 AND kind = ?2 ORDER BY role",
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
        let mut statement = self.connection.prepare_cached(
            "SELECT entitled_since, missing_since, left_at, accesses FROM source_object \
             WHERE id = ?1",
        )?;
        let mut rows = statement.query([id.to_string()])?;
        rows.next()?.map_or_else(|| Ok(EntitlementMemory::default()), memory_of)
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
        Ok(self.one(sql, [stored_kind(kind)], |row| row.get(0))?)
    }

    /// Whether an object was in scope, and live, when it was last decided about.
    pub fn is_in_scope(&self, id: SourceId) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM source_object WHERE id = ?1 AND in_scope = 1)";
        Ok(self.connection.prepare_cached(sql)?.query_row([id.to_string()], |row| row.get(0))?)
    }

    /// How many users and groups are in scope.
    pub fn in_scope_count(&self) -> Result<u64, StoreError> {
        self.tally(Tally::InScope)
    }

    /// How many dirty, live, unlinked objects hold a role: at most so many must be matched.
    pub fn unmatched_count(&self, kind: ObjectKind, everything: bool) -> Result<u64, StoreError> {
        Ok(self.one(&unlinked_sql(kind, everything, "0"), [], |row| row.get(0))?)
    }

    /// Dirty, unlinked objects that may have to be looked for at the target: those that may get an
    /// account, and those whose create has no known outcome, wherever they stand by now.
    pub fn unlinked_count(&self, kind: ObjectKind, everything: bool) -> Result<u64, StoreError> {
        Ok(self.one(&unlinked_sql(kind, everything, LOST), [], |row| row.get(0))?)
    }

    /// Up to `limit` users after `after` of those that [`Tx::list_users_to_read`] has listed.
    pub fn users_to_read(
        &self,
        after: Option<SourceId>,
        limit: u32,
    ) -> Result<Vec<SourceId>, StoreError> {
        let sql = "SELECT id FROM temp.user_to_read WHERE id > ?1 ORDER BY id LIMIT ?2";
        self.ids_after(sql, after, limit)
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
                 iif(kind = 1, attributes ->> 'displayName', NULL), id) FROM source_whole \
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

pub(super) fn stored_presence(presence: Presence) -> i64 {
    match presence {
        Presence::Live => 0,
        Presence::SoftDeleted => 1,
        Presence::Deleted => DELETED,
        Presence::Unseen => 3,
    }
}

impl Tx<'_> {
    /// Lists the users whose state is to be looked up, once: who they are is worked out from every
    /// membership, and not for each page of them.
    pub fn list_users_to_read(&self, which: UsersToRead) -> Result<(), StoreError> {
        self.connection.execute_batch(
            "CREATE TEMP TABLE IF NOT EXISTS user_to_read (id TEXT PRIMARY KEY) \
                 STRICT, WITHOUT ROWID; DELETE FROM temp.user_to_read",
        )?;
        let wanted = match which {
            UsersToRead::Relevant => {
                format!("{ASSIGNED} UNION SELECT source FROM link WHERE kind = 0")
            }
            // Those not shown are few and have an index. Whoever is linked is known, and so is
            // whoever was assigned when everybody was last looked up.
            UsersToRead::Unread if self.tally(Tally::UsersUnread)? == 0 => MISSED.to_owned(),
            UsersToRead::Unread => format!(
                "{MISSED} UNION SELECT id FROM ({ASSIGNED}) AS assigned \
                     WHERE NOT EXISTS (SELECT 1 FROM source_object AS known \
                         WHERE known.id = assigned.id)"
            ),
        };
        self.run(&format!("INSERT INTO temp.user_to_read (id) {wanted}"), [])?;
        Ok(())
    }

    /// Everybody who is assigned is known by now.
    pub fn note_users_read(&self) -> Result<(), StoreError> {
        self.unmark(Tally::UsersUnread)
    }

    /// Every user and every group must be decided again.
    pub fn mark_all_dirty(&self) -> Result<(), StoreError> {
        self.run("UPDATE source_object SET dirty = 1", [])?;
        Ok(())
    }

    /// Stores what a decision leaves to remember; the object counts as drafted.
    pub fn remember_decision(&self, id: SourceId, decision: &Decision) -> Result<(), StoreError> {
        let ms = |at: Option<Timestamp>| at.map(|at| at.timestamp_millis());
        let seen = decision.memory.accesses.iter();
        let accesses = access::print(seen.map(|(access, at)| (*access, at.timestamp_millis())));
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
        self.run(sql, [id.to_string()])?;
        Ok(())
    }

    /// Forgets users and groups that are neither assigned nor linked: the state stays small.
    pub fn prune_objects(&self) -> Result<(), StoreError> {
        self.run(
            &format!(
                "WITH assigned AS ({ASSIGNED}) DELETE FROM source_object WHERE dirty = 0 \
                 AND id NOT IN assigned \
                 AND id NOT IN (SELECT principal FROM assignment WHERE kind = 1) AND id NOT IN (SELECT source FROM link) \
                 AND id NOT IN (SELECT source FROM unsettled_create)"
            ),
            [],
        )?;
        self.run("DELETE FROM escrow WHERE source NOT IN (SELECT id FROM source_object)", [])?;
        Ok(())
    }
}

/// Whether a create of a `source_object` has no known outcome.
const LOST: &str = "EXISTS (SELECT 1 FROM unsettled_create AS lost \
     WHERE lost.source = source_object.id)";

/// How many dirty, unlinked objects of a kind may get an account, or fulfil `or` as well.
fn unlinked_sql(kind: ObjectKind, everything: bool, or: &str) -> String {
    let assigned = if everything { "1" } else { is_holder(kind) };
    format!(
        "SELECT count(*) FROM source_object \
         WHERE dirty = 1 AND kind = {} AND ((presence = 0 AND {assigned}) OR {or}) \
         AND NOT EXISTS (SELECT 1 FROM link WHERE link.source = source_object.id AND is_hint = 0)",
        stored_kind(kind)
    )
}

/// Whether a `source_object` may hold a role. Asked of each: few are dirty in most cycles, and who
/// holds one is told by as many rows as the tenant has memberships.
fn is_holder(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::User => {
            "(EXISTS (SELECT 1 FROM assignment \
                 WHERE principal = source_object.id AND assignment.kind = 0) \
             OR EXISTS (SELECT 1 FROM membership \
                 CROSS JOIN group_path ON inner_id = membership.group_id \
                 CROSS JOIN assignment ON principal = outer_id AND assignment.kind = 1 \
                 WHERE member_id = source_object.id AND membership.kind <> 1))"
        }
        ObjectKind::Group => {
            "EXISTS (SELECT 1 FROM assignment \
                 WHERE principal = source_object.id AND assignment.kind = 1)"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::query_plan::steps;

    #[test]
    fn who_may_get_an_account_is_asked_of_the_dirty_ones_alone() {
        for (kind, everything) in
            [(ObjectKind::User, false), (ObjectKind::User, true), (ObjectKind::Group, false)]
        {
            let plan = steps(&unlinked_sql(kind, everything, LOST));
            let listed = ["SCAN", "LIST SUBQUERY", "MATERIALIZE", "TEMP B-TREE"];
            let lists = |step: &&String| listed.iter().any(|list| step.contains(list));
            assert_eq!(plan.iter().find(lists), None, "{kind:?}, everything: {everything}");
            assert!(plan[0].contains("source_object_dirty (kind=?)"), "{}", plan[0]);
        }
    }
}
