//! The groups and managers that scoping filters name.

use rusqlite::{OptionalExtension, params};

use super::open::{StoreError, Tx, View};
use crate::{model::SourceId, provisioning::FilterPrincipals};

const GROUP: i64 = 0;
const MANAGER: i64 = 1;

impl View<'_> {
    /// The groups and managers that filters name, as last looked up.
    pub fn filter_principals(&self) -> Result<FilterPrincipals, StoreError> {
        let mut statement =
            self.connection.prepare_cached("SELECT kind, text, id FROM filter_principal")?;
        let rows = statement.query_map([], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
        })?;
        let mut principals = FilterPrincipals::default();
        for row in rows {
            let (kind, text, id) = row?;
            let id = id.parse().map_err(|error| StoreError::stored("filter", error))?;
            let named =
                if kind == GROUP { &mut principals.groups } else { &mut principals.managers };
            named.insert(text, id);
        }
        Ok(principals)
    }

    /// The groups that filters name, by id.
    pub fn filter_groups(&self) -> Result<Vec<SourceId>, StoreError> {
        self.ids("SELECT DISTINCT id FROM filter_principal WHERE kind = 0 ORDER BY id")
    }

    /// How a filter names a group that has left the directory since it was looked up, if one does.
    pub fn vanished_filter_group(&self) -> Result<Option<String>, StoreError> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT filter_principal.text FROM filter_principal \
                 JOIN source_group ON source_group.id = filter_principal.id \
                 WHERE filter_principal.kind = 0 AND source_group.presence <> 0 \
                 ORDER BY filter_principal.text LIMIT 1",
            )?
            .query_row([], |row| row.get(0))
            .optional()?)
    }
}

impl Tx<'_> {
    /// Stores what the filters' names stand for; where that differs, every user is dirty.
    pub fn set_filter_principals(&self, principals: &FilterPrincipals) -> Result<(), StoreError> {
        if &self.filter_principals()? == principals {
            return Ok(());
        }
        self.run("DELETE FROM filter_principal", [])?;
        let groups = principals.groups.iter().map(|named| (GROUP, named));
        let managers = principals.managers.iter().map(|named| (MANAGER, named));
        for (kind, (text, id)) in groups.chain(managers) {
            self.run(
                "INSERT INTO filter_principal (kind, text, id) VALUES (?1, ?2, ?3)",
                params![kind, text, id.to_string()],
            )?;
        }
        self.mark_all_dirty()
    }
}
