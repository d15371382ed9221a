//! Whose account is to name a manager, noted while a plan is drafted.
//!
//! A table that lives with the connection: what it holds follows from the plan, and the next draft
//! makes it anew.

use rusqlite::params;
use serde_json::Value;

use super::open::{StoreError, Tx};
use crate::{model::SourceId, provisioning::Action};

/// What is wanted of the reference to a manager.
#[derive(Clone, Debug, PartialEq)]
pub struct WantedReference {
    /// The manager in the directory.
    pub manager: Option<SourceId>,
    /// What the account refers to, as far as is known.
    pub exported: Option<Value>,
}

/// A reference that a draft has noted.
#[derive(Clone, Debug, PartialEq)]
pub struct NotedReference {
    /// Whose account.
    pub source: SourceId,
    /// The row of the plan that it belongs to.
    pub seq: i64,
    /// Whether that row creates the account.
    pub is_create: bool,
    /// What is wanted.
    pub wanted: WantedReference,
}

impl Tx<'_> {
    /// Forgets what an earlier draft has noted.
    pub fn forget_wanted_references(&self) -> Result<(), StoreError> {
        self.connection.execute_batch(
            "CREATE TEMP TABLE IF NOT EXISTS wanted_reference (
                 source TEXT PRIMARY KEY, seq INTEGER NOT NULL, is_create INTEGER NOT NULL,
                 manager TEXT, exported TEXT) STRICT, WITHOUT ROWID;
             DELETE FROM temp.wanted_reference",
        )?;
        Ok(())
    }

    /// Notes a reference that is resolved once it is known who gets an account.
    pub fn want_reference(
        &self,
        source: SourceId,
        (seq, action): (i64, Action),
        wanted: &WantedReference,
    ) -> Result<(), StoreError> {
        self.run(
            "INSERT OR REPLACE INTO temp.wanted_reference \
             (source, seq, is_create, manager, exported) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                source.to_string(),
                seq,
                action == Action::Create,
                wanted.manager.map(|id| id.to_string()),
                wanted.exported.as_ref().map(Value::to_string)
            ],
        )?;
        Ok(())
    }

    /// Up to `limit` noted references after a person's, by the person's id.
    pub fn wanted_references(
        &self,
        after: Option<SourceId>,
        limit: u32,
    ) -> Result<Vec<NotedReference>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT source, seq, is_create, manager, exported FROM temp.wanted_reference \
             WHERE source > ?1 ORDER BY source LIMIT ?2",
        )?;
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let rows = statement.query_map(params![after, limit], |row| {
            let manager: Option<String> = row.get(3)?;
            let exported: Option<String> = row.get(4)?;
            Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?, manager, exported))
        })?;
        rows.map(|row| {
            let (source, seq, is_create, manager, exported) = row?;
            let id = |text: String| text.parse().map_err(|e| StoreError::stored("id", e));
            let exported = exported
                .map(|text| serde_json::from_str(&text).map_err(|e| StoreError::stored("value", e)))
                .transpose()?;
            let wanted = WantedReference { manager: manager.map(id).transpose()?, exported };
            Ok(NotedReference { source: id(source)?, seq, is_create, wanted })
        })
        .collect()
    }
}
