//! App roles, assignments, groups and memberships.
//!
//! A complete listing is collected beside the current one and compared when its last page is here,
//! so that a failed page can never look like a short list. Whoever's entitlement may have changed
//! becomes dirty in the same transaction.

use rusqlite::params;

use super::open::{StoreError, Tx, View};
use crate::model::{
    AppRole, Assignment, GroupChange, MemberKind, PrincipalKind, Removal, SourceId,
};

/// Marks the users of one principal dirty: itself, or a group's members.
const DIRTY_PRINCIPALS: &str = "UPDATE source_user SET dirty = 1 WHERE id IN ( \
     SELECT principal FROM changed UNION \
     SELECT member_id FROM membership JOIN changed ON changed.principal = membership.group_id)";

/// Forgets groups that are neither assigned nor named in a filter.
const FORGET_GROUPS: &str = "DELETE FROM membership WHERE group_id NOT IN \
         (SELECT principal FROM assignment UNION SELECT id FROM filter_principal); \
     DELETE FROM source_group WHERE id NOT IN \
         (SELECT principal FROM assignment UNION SELECT id FROM filter_principal)";

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

    /// The assigned groups, by id.
    pub fn assigned_groups(&self) -> Result<Vec<SourceId>, StoreError> {
        self.ids("SELECT DISTINCT principal FROM assignment WHERE kind = 1 ORDER BY principal")
    }

    /// How many assignments there are.
    pub fn assignment_count(&self) -> Result<u64, StoreError> {
        Ok(self.connection.query_row("SELECT count(*) FROM assignment", [], |row| row.get(0))?)
    }

    /// How many assignments the listing under way has so far.
    pub fn incoming_assignment_count(&self) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM assignment_incoming";
        Ok(self.connection.query_row(sql, [], |row| row.get(0))?)
    }

    /// A group's name, where it was read.
    pub fn group_name(&self, id: SourceId) -> Result<Option<String>, StoreError> {
        use rusqlite::OptionalExtension;
        Ok(self
            .connection
            .query_row(
                "SELECT display_name FROM source_group WHERE id = ?1",
                [id.to_string()],
                |r| r.get(0),
            )
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
        self.connection.execute("DELETE FROM app_role", [])?;
        for role in &sorted {
            self.connection.execute(
                "INSERT OR REPLACE INTO app_role (id, display_name, value, is_enabled) \
                 VALUES (?1, ?2, ?3, ?4)",
                params![role.id.to_string(), role.display_name, role.value, role.is_enabled],
            )?;
        }
        self.mark_all_dirty()
    }

    /// Begins a complete listing of the assignments.
    pub fn begin_assignments(&self) -> Result<(), StoreError> {
        self.connection.execute("DELETE FROM assignment_incoming", [])?;
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
             {DIRTY_PRINCIPALS}; \
             DROP TABLE temp.changed; \
             DELETE FROM assignment; \
             INSERT INTO assignment SELECT * FROM assignment_incoming; \
             DELETE FROM assignment_incoming; \
             {FORGET_GROUPS};"
        );
        self.connection.execute_batch(&compare)?;
        Ok(())
    }

    /// Applies what a page says of one group: later entries for the same member win.
    pub fn apply_group(&self, change: &GroupChange, generation: u64) -> Result<(), StoreError> {
        let id = change.id.to_string();
        let followed: bool = self
            .connection
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM assignment WHERE principal = ?1) \
                 OR EXISTS (SELECT 1 FROM filter_principal WHERE kind = 0 AND id = ?1)",
            )?
            .query_row([&id], |row| row.get(0))?;
        if !followed {
            return Ok(());
        }
        if let Some(removal) = change.removal {
            return self.remove_group(&id, removal);
        }
        let name = change.attributes.get("displayName").and_then(serde_json::Value::as_str);
        self.connection
            .prepare_cached(
                "INSERT INTO source_group (id, display_name, presence) VALUES (?1, ?2, 0) \
                 ON CONFLICT (id) DO UPDATE SET presence = 0, \
                 display_name = coalesce(nullif(excluded.display_name, ''), display_name)",
            )?
            .execute(params![id, name.unwrap_or_default()])?;
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
            self.connection.prepare_cached("UPDATE source_user SET dirty = 1 WHERE id = ?1")?;
        for member in &change.members {
            let member_id = member.id.to_string();
            let changed = if member.removed {
                remove.execute(params![id, member_id])?
            } else {
                let kind = match member.kind {
                    MemberKind::User => 0,
                    MemberKind::Group => 1,
                    MemberKind::Other => 2,
                };
                add.execute(params![id, member_id, kind, generation])?
            };
            if changed > 0 {
                dirty.execute([member_id])?;
            }
        }
        Ok(())
    }

    fn remove_group(&self, id: &str, removal: Removal) -> Result<(), StoreError> {
        let presence = match removal {
            Removal::SoftDeleted => 1,
            Removal::Deleted => 2,
        };
        self.connection.execute(
            "INSERT INTO source_group (id, display_name, presence) VALUES (?1, '', ?2) \
             ON CONFLICT (id) DO UPDATE SET presence = excluded.presence",
            params![id, presence],
        )?;
        self.connection.execute(
            "UPDATE source_user SET dirty = 1 WHERE id IN \
             (SELECT member_id FROM membership WHERE group_id = ?1)",
            [id],
        )?;
        Ok(())
    }

    /// Ends a complete reading of these groups: a member that it did not show is none any more.
    pub fn finish_groups(&self, groups: &[SourceId], generation: u64) -> Result<(), StoreError> {
        let mut dirty = self.connection.prepare_cached(
            "UPDATE source_user SET dirty = 1 WHERE id IN (SELECT member_id FROM membership \
             WHERE group_id = ?1 AND generation < ?2)",
        )?;
        let mut remove = self
            .connection
            .prepare_cached("DELETE FROM membership WHERE group_id = ?1 AND generation < ?2")?;
        for group in groups {
            let id = group.to_string();
            dirty.execute(params![id, generation])?;
            remove.execute(params![id, generation])?;
        }
        Ok(())
    }
}
