//! App roles, assignments, groups and memberships.
//!
//! A complete listing is collected beside the current one and compared when its last page is here,
//! so that a failed page can never look like a short list. Whoever's entitlement may have changed
//! becomes dirty in the same transaction.

use rusqlite::params;

use super::{
    open::{StoreError, Tx, View},
    tally::Tally,
};
use crate::model::{
    AppRole, Assignment, GroupChange, MemberKind, ObjectKind, PrincipalKind, Removal, SourceId,
};

/// Which groups are provisioned themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupObjects {
    /// None.
    None,
    /// Those that are assigned to the application.
    Assigned,
    /// Every group of the tenant.
    Every,
}

/// Which round of a chain ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// The first after the chain was begun: with it the reading is complete.
    First,
    /// One of the rounds of changes after it.
    Later,
}

/// Marks the users of one principal dirty: itself, or a group's members.
const DIRTY_PRINCIPALS: &str = "UPDATE source_object SET dirty = 1 WHERE id IN ( \
     SELECT principal FROM changed UNION \
     SELECT member_id FROM membership \
     JOIN group_path ON group_path.inner_id = membership.group_id \
     JOIN changed ON changed.principal = group_path.outer_id)";

/// Marks the group objects dirty for which the members of `?1` count.
const DIRTY_GROUPS_AROUND: &str = "UPDATE source_object SET dirty = 1 WHERE kind = 1 AND id IN \
     (SELECT outer_id FROM group_path WHERE inner_id = ?1)";

/// The fact that says how it was last worked out whose members count for which group.
const PATHS_ARRANGED: &str = "paths_arranged";

/// What is stored of the kind of a member.
pub(super) fn stored_member(kind: MemberKind) -> i64 {
    match kind {
        MemberKind::User => 0,
        MemberKind::Group => 1,
        MemberKind::Other => 2,
    }
}

impl View<'_> {
    /// The roles the application declares, by id.
    pub fn app_roles(&self) -> Result<Vec<AppRole>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, display_name, value, is_enabled FROM app_role ORDER BY id",
        )?;
        let rows = statement.query_map([], |row| {
            Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
        rows.map(|row| {
            let (id, display_name, value, is_enabled) = row?;
            let id = id.parse().map_err(|error| StoreError::stored("app role", error))?;
            Ok(AppRole { id, display_name, value, is_enabled })
        })
        .collect()
    }

    /// Assigned groups that are known for their members alone: a filter named them, or they stood
    /// inside another one.
    pub fn assigned_unread_groups(&self) -> Result<Vec<SourceId>, StoreError> {
        self.ids(
            "SELECT DISTINCT principal FROM assignment \
             JOIN source_group ON source_group.id = principal AND source_group.presence = 0 \
             WHERE assignment.kind = 1 AND NOT EXISTS (SELECT 1 FROM source_object \
                 WHERE source_object.id = principal AND source_object.kind = 1) \
             ORDER BY principal",
        )
    }

    /// The assigned groups, by id.
    pub fn assigned_groups(&self) -> Result<Vec<SourceId>, StoreError> {
        self.ids("SELECT DISTINCT principal FROM assignment WHERE kind = 1 ORDER BY principal")
    }

    /// How many assignments there are.
    pub fn assignment_count(&self) -> Result<u64, StoreError> {
        Ok(self.one("SELECT count(*) FROM assignment", [], |row| row.get(0))?)
    }

    /// How many assignments the listing under way has so far.
    pub fn incoming_assignment_count(&self) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM assignment_incoming";
        Ok(self.one(sql, [], |row| row.get(0))?)
    }

    /// The assigned groups, and every group inside them at any depth, by id.
    pub fn nested_groups(&self) -> Result<Vec<SourceId>, StoreError> {
        self.ids(
            "WITH RECURSIVE inside (id) AS ( \
                 SELECT principal FROM assignment WHERE kind = 1 \
                 UNION SELECT membership.member_id FROM inside \
                     JOIN membership ON membership.group_id = inside.id AND membership.kind = 1) \
             SELECT id FROM inside ORDER BY id",
        )
    }

    /// A group's name, where it was read.
    pub fn group_name(&self, id: SourceId) -> Result<Option<String>, StoreError> {
        use rusqlite::OptionalExtension;
        Ok(self
            .one("SELECT display_name FROM source_group WHERE id = ?1", [id.to_string()], |r| {
                r.get(0)
            })
            .optional()?)
    }

    /// Ids selected by `sql`, which takes no parameters.
    pub(super) fn ids(&self, sql: &str) -> Result<Vec<SourceId>, StoreError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
        rows.map(|row| row?.parse().map_err(|error| StoreError::stored("id", error))).collect()
    }
}

impl Tx<'_> {
    /// Stores the declared roles; if they differ from the stored ones, every user is dirty.
    pub fn set_app_roles(&self, roles: &[AppRole]) -> Result<(), StoreError> {
        let mut sorted: Vec<AppRole> = roles.to_vec();
        sorted.sort_by_key(|role| role.id);
        if self.app_roles()? == sorted {
            return Ok(());
        }
        self.run("DELETE FROM app_role", [])?;
        for role in &sorted {
            self.run(
                "INSERT OR REPLACE INTO app_role (id, display_name, value, is_enabled) \
                 VALUES (?1, ?2, ?3, ?4)",
                params![role.id.to_string(), role.display_name, role.value, role.is_enabled],
            )?;
        }
        self.mark_all_dirty()
    }

    /// Begins a complete listing of the assignments.
    pub fn begin_assignments(&self) -> Result<(), StoreError> {
        self.run("DELETE FROM assignment_incoming", [])?;
        Ok(())
    }

    /// Adds a page to the listing.
    pub fn add_assignments(&self, page: &[Assignment]) -> Result<(), StoreError> {
        let mut insert = self.connection.prepare_cached(
            "INSERT OR REPLACE INTO assignment_incoming (principal, role, kind, display) \
             VALUES (?1, ?2, ?3, ?4)",
        )?;
        for row in page {
            let kind = match row.principal_kind {
                PrincipalKind::User => 0,
                PrincipalKind::Group => 1,
                PrincipalKind::ServicePrincipal => 2,
            };
            insert.execute(params![
                row.principal.to_string(),
                row.role.to_string(),
                kind,
                row.principal_display_name
            ])?;
        }
        Ok(())
    }

    /// Ends the listing: it replaces the current assignments, and whoever differs is dirty.
    pub fn finish_assignments(&self) -> Result<(), StoreError> {
        let compare = format!(
            "CREATE TEMP TABLE changed AS \
                 SELECT DISTINCT principal FROM ( \
                     SELECT * FROM (SELECT principal, role FROM assignment \
                         EXCEPT SELECT principal, role FROM assignment_incoming) \
                     UNION ALL \
                     SELECT * FROM (SELECT principal, role FROM assignment_incoming \
                         EXCEPT SELECT principal, role FROM assignment)); \
             {DIRTY_PRINCIPALS};"
        );
        self.connection.execute_batch(&compare)?;
        let differ: bool = self.one(
            "SELECT EXISTS (SELECT 1 FROM temp.changed) OR EXISTS ( \
                 SELECT * FROM assignment EXCEPT SELECT * FROM assignment_incoming)",
            [],
            |row| row.get(0),
        )?;
        if differ {
            self.connection.execute_batch(
                "DELETE FROM assignment; INSERT INTO assignment SELECT * FROM assignment_incoming;",
            )?;
        }
        self.connection
            .execute_batch("DROP TABLE temp.changed; DELETE FROM assignment_incoming;")?;
        Ok(())
    }

    /// Applies what a page says of one group: later entries for the same member win. `objects` says
    /// which groups are provisioned themselves.
    pub fn apply_group(
        &self,
        change: &GroupChange,
        objects: GroupObjects,
        generation: u64,
    ) -> Result<(), StoreError> {
        let id = change.id.to_string();
        if let Some(removal) = change.removal {
            return self.remove_group(&id, removal);
        }
        let name = change.attributes.text("displayName");
        self.connection
            .prepare_cached(
                "INSERT INTO source_group (id, display_name, presence) VALUES (?1, ?2, 0) \
                 ON CONFLICT (id) DO UPDATE SET presence = 0, \
                 display_name = coalesce(nullif(excluded.display_name, ''), display_name)",
            )?
            .execute(params![id, name.as_deref().unwrap_or_default()])?;
        // A group comes again and again while its members are told, not always with its properties.
        if name.is_some() && self.is_object(&id, objects)? {
            self.upsert(ObjectKind::Group, change.id, &change.attributes, generation)?;
        }
        let mut add = self.connection.prepare_cached(
            "INSERT INTO membership (group_id, member_id, kind, generation) \
             VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (group_id, member_id) DO UPDATE SET generation = excluded.generation, \
             kind = excluded.kind",
        )?;
        let mut remove = self
            .connection
            .prepare_cached("DELETE FROM membership WHERE group_id = ?1 AND member_id = ?2")?;
        let mut dirty =
            self.connection.prepare_cached("UPDATE source_object SET dirty = 1 WHERE id = ?1")?;
        for member in &change.members {
            let member_id = member.id.to_string();
            let changed = if member.removed {
                remove.execute(params![id, member_id])?
            } else {
                add.execute(params![id, member_id, stored_member(member.kind), generation])?
            };
            if changed > 0 {
                dirty.execute([member_id])?;
            }
        }
        if !change.members.is_empty() {
            self.connection.prepare_cached(DIRTY_GROUPS_AROUND)?.execute([&id])?;
        }
        Ok(())
    }

    /// Whether a group is provisioned itself, or was.
    fn is_object(&self, id: &str, objects: GroupObjects) -> Result<bool, StoreError> {
        let sql = match objects {
            GroupObjects::None => return Ok(false),
            GroupObjects::Every => return Ok(true),
            GroupObjects::Assigned => {
                "SELECT EXISTS (SELECT 1 FROM assignment WHERE principal = ?1 AND kind = 1) \
                 OR EXISTS (SELECT 1 FROM link WHERE source = ?1) \
                 OR EXISTS (SELECT 1 FROM source_object WHERE id = ?1 AND kind = 1)"
            }
        };
        Ok(self.connection.prepare_cached(sql)?.query_row([id], |row| row.get(0))?)
    }

    /// Works out anew whose members count for which group, and marks whom that concerns dirty.
    /// Groups that play no part any more are forgotten.
    ///
    /// Cycles of groups end by themselves: a pair that is there is not added again.
    pub fn arrange_group_paths(
        &self,
        objects: GroupObjects,
        nested: bool,
    ) -> Result<(), StoreError> {
        let arranged = format!("{objects:?}, nested: {nested}");
        if self.tally(Tally::PathsStale)? == 0
            && self.fact(PATHS_ARRANGED)?.as_deref() == Some(arranged.as_str())
        {
            return Ok(());
        }
        let outer = match objects {
            GroupObjects::None | GroupObjects::Assigned => {
                "SELECT DISTINCT principal AS id FROM assignment WHERE kind = 1"
            }
            GroupObjects::Every => "SELECT id FROM source_group WHERE presence = 0",
        };
        let inner = if nested {
            "UNION SELECT membership.member_id, path.outer_id FROM path \
             JOIN membership ON membership.group_id = path.inner_id AND membership.kind = 1 \
             LEFT JOIN source_group ON source_group.id = membership.member_id \
             WHERE coalesce(source_group.presence, 0) = 0"
        } else {
            ""
        };
        self.connection.execute_batch(&format!(
            "CREATE TEMP TABLE wanted_path AS WITH RECURSIVE path (inner_id, outer_id) AS ( \
                 SELECT id, id FROM ({outer}) {inner}) SELECT inner_id, outer_id FROM path; \
             CREATE TEMP TABLE changed_path AS \
                 SELECT * FROM (SELECT inner_id, outer_id FROM group_path \
                     EXCEPT SELECT inner_id, outer_id FROM wanted_path) \
                 UNION SELECT * FROM (SELECT inner_id, outer_id FROM wanted_path \
                     EXCEPT SELECT inner_id, outer_id FROM group_path); \
             UPDATE source_object SET dirty = 1 WHERE id IN ( \
                 SELECT outer_id FROM changed_path UNION \
                 SELECT member_id FROM membership \
                 JOIN changed_path ON changed_path.inner_id = membership.group_id); \
             DELETE FROM group_path WHERE EXISTS (SELECT 1 FROM changed_path \
                 WHERE changed_path.inner_id = group_path.inner_id \
                 AND changed_path.outer_id = group_path.outer_id); \
             INSERT OR IGNORE INTO group_path (inner_id, outer_id) \
                 SELECT inner_id, outer_id FROM wanted_path; \
             DROP TABLE temp.wanted_path; DROP TABLE temp.changed_path; \
             DELETE FROM membership WHERE group_id NOT IN (SELECT inner_id FROM group_path \
                 UNION SELECT id FROM filter_principal); \
             DELETE FROM source_group WHERE presence = 0 AND id NOT IN ( \
                 SELECT inner_id FROM group_path UNION SELECT principal FROM assignment \
                 UNION SELECT id FROM filter_principal)"
        ))?;
        self.set_fact(PATHS_ARRANGED, Some(&arranged))?;
        self.unmark(Tally::PathsStale)
    }

    fn remove_group(&self, id: &str, removal: Removal) -> Result<(), StoreError> {
        let presence = match removal {
            Removal::SoftDeleted => 1,
            Removal::Deleted => 2,
        };
        self.run(
            "INSERT INTO source_group (id, display_name, presence) VALUES (?1, '', ?2) \
             ON CONFLICT (id) DO UPDATE SET presence = excluded.presence",
            params![id, presence],
        )?;
        self.run(
            "UPDATE source_object SET dirty = 1 WHERE id IN \
             (SELECT member_id FROM membership WHERE group_id = ?1)",
            [id],
        )?;
        self.connection.prepare_cached(DIRTY_GROUPS_AROUND)?.execute([id])?;
        self.run(
            "UPDATE source_object SET presence = ?2, \
             dirty = CASE WHEN presence = ?2 THEN dirty ELSE 1 END WHERE id = ?1 AND kind = 1",
            params![id, presence],
        )?;
        Ok(())
    }

    /// Ends a round of every group: a member that the reading did not show is none any more, and no
    /// group is made that it did not show.
    pub fn finish_every_group(&self, generation: u64, round: Round) -> Result<(), StoreError> {
        if round == Round::First {
            self.remove_unshown_members(generation)?;
        }
        self.set_unshown_unseen(ObjectKind::Group, generation)
    }

    fn remove_unshown_members(&self, generation: u64) -> Result<(), StoreError> {
        self.run(
            "UPDATE source_object SET dirty = 1 WHERE id IN (SELECT member_id FROM membership \
             WHERE generation < ?1 UNION SELECT outer_id FROM membership \
             JOIN group_path ON inner_id = group_id WHERE generation < ?1)",
            [generation],
        )?;
        self.run("DELETE FROM membership WHERE generation < ?1", [generation])?;
        Ok(())
    }

    /// Ends a round of these groups, in the same way.
    pub fn finish_groups(
        &self,
        groups: &[SourceId],
        generation: u64,
        round: Round,
    ) -> Result<(), StoreError> {
        for group in groups {
            self.set_unshown_group_unseen(*group, generation)?;
        }
        if round == Round::Later {
            return Ok(());
        }
        let mut dirty = self.connection.prepare_cached(
            "UPDATE source_object SET dirty = 1 WHERE id IN (SELECT member_id FROM membership \
             WHERE group_id = ?1 AND generation < ?2)",
        )?;
        let mut remove = self
            .connection
            .prepare_cached("DELETE FROM membership WHERE group_id = ?1 AND generation < ?2")?;
        let mut dirty_around = self.connection.prepare_cached(DIRTY_GROUPS_AROUND)?;
        for group in groups {
            let id = group.to_string();
            dirty.execute(params![id, generation])?;
            if remove.execute(params![id, generation])? > 0 {
                dirty_around.execute([&id])?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{AttributesText, MemberChange},
        store::Engine,
    };

    #[test]
    fn only_the_round_that_ends_a_reading_takes_out_whom_it_did_not_show() {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = Engine::open(&folder.path().join("crm.sqlite")).expect("a state");
        let [group, ada] = ["staff", "ada"].map(|name| SourceId::derive(&[name]));
        let change = GroupChange {
            id: group,
            removal: None,
            attributes: AttributesText::default(),
            members: vec![MemberChange { id: ada, kind: MemberKind::User, removed: false }],
        };
        let members = || -> u64 {
            let sql = "SELECT count(*) FROM membership";
            engine.read(|view| Ok(view.one(sql, [], |row| row.get(0))?)).expect("a count")
        };
        let end = |generation, round| {
            engine.write(|tx| tx.finish_groups(&[group], generation, round)).expect("an end");
        };
        engine.write(|tx| tx.apply_group(&change, GroupObjects::None, 1)).expect("a page");
        end(1, Round::First);
        end(2, Round::Later);
        assert_eq!(members(), 1, "nothing was read from the beginning");
        end(2, Round::First);
        assert_eq!(members(), 0, "the second reading did not show it");
    }
}
