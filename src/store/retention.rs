//! Retention: what the state forgets with time, in transactions that hold nobody up.
//!
//! Everything else is bounded by what exists: by people and groups, by the plan, or, for accounts
//! that were somebody's once, by everybody who ever had one.

use rusqlite::params;

use super::open::{StoreError, Tx, View};
use crate::model::Timestamp;

/// The fact that remembers the highest number that a deleted row of the log had.
const LOG_SEQ: &str = "log_seq";

impl View<'_> {
    /// The number of the newest row of the log, or of the newest that there was. Numbers only
    /// grow: whoever has seen the rows up to one finds every later row after it.
    pub fn log_end(&self) -> Result<i64, StoreError> {
        let sql = "SELECT max(coalesce((SELECT max(seq) FROM provisioning_log), 0), \
             coalesce((SELECT CAST(value AS INTEGER) FROM fact WHERE name = ?1), 0))";
        Ok(self.connection.prepare_cached(sql)?.query_row([LOG_SEQ], |row| row.get(0))?)
    }

    /// About how many rows the log has: it counts none of them.
    pub fn log_size(&self) -> Result<u64, StoreError> {
        let sql = "SELECT coalesce((SELECT max(seq) FROM provisioning_log) \
             - (SELECT min(seq) FROM provisioning_log) + 1, 0)";
        Ok(self.one(sql, [], |row| row.get(0))?)
    }
}

impl Tx<'_> {
    /// Deletes log rows from before `before`, at most `limit` of them; returns how many went.
    pub fn prune_log(&self, before: Timestamp, limit: u32) -> Result<usize, StoreError> {
        self.keep_log_end()?;
        Ok(self.run(
            "DELETE FROM provisioning_log WHERE seq IN \
             (SELECT seq FROM provisioning_log WHERE at < ?1 ORDER BY at LIMIT ?2)",
            params![before.timestamp_millis(), limit],
        )?)
    }

    /// Remembers how far the log's numbers went, before rows of it are deleted.
    pub(super) fn keep_log_end(&self) -> Result<(), StoreError> {
        let end = self.log_end()?;
        let known = self.fact(LOG_SEQ)?.and_then(|text| text.parse().ok());
        if known == Some(end) || end == 0 {
            return Ok(());
        }
        self.set_fact(LOG_SEQ, Some(&end.to_string()))
    }

    /// Deletes commands that were answered before `before`, at most `limit` of them; returns how
    /// many went.
    pub fn prune_commands(&self, before: Timestamp, limit: u32) -> Result<usize, StoreError> {
        Ok(self.run(
            "DELETE FROM command WHERE id IN (SELECT id FROM command \
             WHERE taken_at < ?1 AND id < (SELECT max(id) FROM command) ORDER BY id LIMIT ?2)",
            params![before.timestamp_millis(), limit],
        )?)
    }
}
