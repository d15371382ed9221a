//! Chains: where each round of changes stands.

use rusqlite::{OptionalExtension, params};

use super::open::{StoreError, Tx, View};
use crate::model::{SourceId, Timestamp};

/// The name of the chain of all users.
pub(super) const USERS: &str = "users";

/// The fact that holds the newest generation of a chain of groups: chains come and go.
const GROUP_GENERATION: &str = "group_generation";

/// Where a round of changes stands.
#[derive(Clone, PartialEq, Eq)]
pub struct Chain {
    /// `users`, or `groups:N`.
    pub name: String,
    /// A nextLink or deltaLink; `None` to read from the beginning.
    pub link: Option<String>,
    /// Whether `link` is a deltaLink.
    pub complete: bool,
    /// When the link was given.
    pub taken_at: Timestamp,
    /// Of the last reading from the beginning.
    pub generation: u64,
    /// The groups a filtered chain follows.
    pub members: Vec<SourceId>,
}

impl View<'_> {
    /// The chain of that name.
    pub fn chain(&self, name: &str) -> Result<Option<Chain>, StoreError> {
        self.connection
            .prepare_cached(
                "SELECT name, link, complete, taken_at, generation, members FROM chain \
                 WHERE name = ?1",
            )?
            .query_row([name], read_chain)
            .optional()?
            .transpose()
    }

    /// The chains of groups, in the order of their names.
    pub fn group_chains(&self) -> Result<Vec<Chain>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT name, link, complete, taken_at, generation, members FROM chain \
             WHERE name <> 'users' ORDER BY name",
        )?;
        let rows = statement.query_map([], read_chain)?;
        rows.map(|row| row?).collect()
    }

    /// When the oldest chain's link was given: what the cycle has seen everything up to.
    pub fn watermark(&self) -> Result<Option<Timestamp>, StoreError> {
        let at: Option<i64> = self.one("SELECT min(taken_at) FROM chain", [], |row| row.get(0))?;
        Ok(at.and_then(Timestamp::from_timestamp_millis))
    }
}

fn read_chain(row: &rusqlite::Row<'_>) -> rusqlite::Result<Result<Chain, StoreError>> {
    let taken_at: i64 = row.get(3)?;
    let members: String = row.get(5)?;
    Ok(serde_json::from_str(&members).map_err(|error| StoreError::stored("chain", error)).and_then(
        |members| {
            Ok(Chain {
                name: row.get(0)?,
                link: row.get(1)?,
                complete: row.get(2)?,
                taken_at: Timestamp::from_timestamp_millis(taken_at).unwrap_or_default(),
                generation: row.get(4)?,
                members,
            })
        },
    ))
}

impl Tx<'_> {
    /// A generation newer than that of any group or membership: what a reading from the beginning
    /// does not confirm is older.
    pub fn next_group_generation(&self) -> Result<u64, StoreError> {
        let last = self.fact(GROUP_GENERATION)?.and_then(|text| text.parse().ok());
        let next = last.unwrap_or(0_u64) + 1;
        self.set_fact(GROUP_GENERATION, Some(&next.to_string()))?;
        Ok(next)
    }

    /// Stores where a chain stands.
    pub fn set_chain(&self, chain: &Chain) -> Result<(), StoreError> {
        let members = serde_json::to_string(&chain.members)
            .map_err(|error| StoreError::stored("chain", error))?;
        self.connection
            .prepare_cached(
                "INSERT OR REPLACE INTO chain (name, link, complete, taken_at, generation, members) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                chain.name,
                chain.link,
                chain.complete,
                chain.taken_at.timestamp_millis(),
                chain.generation,
                members
            ])?;
        Ok(())
    }

    /// Forgets a chain.
    pub fn remove_chain(&self, name: &str) -> Result<(), StoreError> {
        self.run("DELETE FROM chain WHERE name = ?1", [name])?;
        Ok(())
    }

    /// Forgets where every chain stands: the next cycle reads everything again.
    pub fn reset_watermark(&self) -> Result<(), StoreError> {
        self.drop_first_reading()?;
        self.connection
            .execute_batch("DELETE FROM chain; DELETE FROM fact WHERE name IN ('selection');")?;
        Ok(())
    }
}

impl Chain {
    /// The name of the chain of all users.
    pub const USERS: &'static str = USERS;
}
