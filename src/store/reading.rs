//! Complete readings of the directory: whom they show, and whom they do not.
//!
//! Each has a number, its generation, which grows; a user has that of the last one that showed it,
//! and a group that of the chain that follows it.

use rusqlite::params;

use super::{
    open::{StoreError, Tx, View},
    source::stored_kind,
};
use crate::model::{ObjectKind, SourceId};

impl View<'_> {
    /// Whether the complete reading `generation` has shown this user.
    pub fn is_shown(&self, id: SourceId, generation: u64) -> Result<bool, StoreError> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM source_object \
                 WHERE id = ?1 AND read_generation >= ?2)",
            )?
            .query_row(params![id.to_string(), generation], |row| row.get(0))?)
    }

    /// Linked objects of a kind that the complete reading `generation` did not show.
    pub fn unshown_linked(
        &self,
        kind: ObjectKind,
        generation: u64,
    ) -> Result<Vec<SourceId>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT link.source FROM link LEFT JOIN source_object ON source_object.id = link.source \
             WHERE link.kind = ?2 AND coalesce(source_object.read_generation, 0) < ?1 \
             AND coalesce(source_object.presence, 0) <> 2 ORDER BY link.source",
        )?;
        let rows = statement
            .query_map(params![generation, stored_kind(kind)], |row| row.get::<_, String>(0))?;
        rows.map(|row| row?.parse().map_err(|error| StoreError::stored("id", error))).collect()
    }

    /// Linked groups that the chain which follows them has not shown since it was last read from
    /// the beginning. `every` is the chain that follows all of them.
    pub fn unshown_groups(&self, every: &str) -> Result<Vec<SourceId>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "WITH followed (id, generation) AS ( \
                 SELECT member.value, generation FROM chain, json_each(chain.members) AS member \
                 WHERE name <> 'users' AND complete = 1 \
                 UNION ALL SELECT link.source, generation FROM chain JOIN link ON link.kind = 1 \
                 WHERE name = ?1 AND complete = 1) \
             SELECT link.source FROM followed \
             JOIN link ON link.source = followed.id AND link.kind = 1 \
             JOIN source_object AS known ON known.id = link.source \
             WHERE known.presence <> 2 AND known.read_generation < followed.generation \
             ORDER BY link.source",
        )?;
        let rows = statement.query_map([every], |row| row.get::<_, String>(0))?;
        rows.map(|row| row?.parse().map_err(|error| StoreError::stored("id", error))).collect()
    }
}

impl Tx<'_> {
    /// Remembers an assigned user without an account that the directory does not show. Whatever an
    /// earlier read said of it, no account is made before it is shown again.
    pub fn set_unseen(&self, id: SourceId) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO source_object (id, kind, presence, dirty) VALUES (?1, 0, 3, 1) \
                 ON CONFLICT (id) DO UPDATE SET presence = 3, dirty = 1 WHERE presence = 0",
            )?
            .execute([id.to_string()])?;
        Ok(())
    }

    /// The same of every object of a kind that the complete reading `generation` did not show.
    pub fn set_unshown_unseen(&self, kind: ObjectKind, generation: u64) -> Result<(), StoreError> {
        // A number in the text: the groups have an index of their own.
        let sql = format!(
            "UPDATE source_object SET presence = 3, dirty = 1 \
             WHERE kind = {} AND presence = 0 AND read_generation < ?1 \
             AND id NOT IN (SELECT source FROM link)",
            stored_kind(kind)
        );
        self.run(&sql, [generation])?;
        Ok(())
    }

    /// The same of one group.
    pub(super) fn set_unshown_group_unseen(
        &self,
        id: SourceId,
        generation: u64,
    ) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "UPDATE source_object SET presence = 3, dirty = 1 \
                 WHERE id = ?1 AND kind = 1 AND presence = 0 AND read_generation < ?2 \
                 AND id NOT IN (SELECT source FROM link)",
            )?
            .execute(params![id.to_string(), generation])?;
        Ok(())
    }

    /// Forgets that reads did not show an object: it is there after all.
    pub fn forget_misses(&self, id: SourceId) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("UPDATE source_object SET misses = 0 WHERE id = ?1")?
            .execute([id.to_string()])?;
        Ok(())
    }

    /// Counts one more complete read that showed an object neither live nor deleted.
    ///
    /// Returns how many in a row there were.
    pub fn count_miss(&self, id: SourceId) -> Result<u32, StoreError> {
        Ok(self
            .connection
            .prepare_cached(
                "INSERT INTO source_object (id, kind, presence, dirty, misses) \
                 VALUES (?1, 0, 3, 1, 1) \
                 ON CONFLICT (id) DO UPDATE SET misses = misses + 1 RETURNING misses",
            )?
            .query_row([id.to_string()], |row| row.get(0))?)
    }
}
