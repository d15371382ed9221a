//! Mails and messages that wait for their server.

use rusqlite::params;

use super::{
    notice::moment,
    open::{StoreError, Tx, View},
};
use crate::{model::Timestamp, provisioning::next_attempt};

/// How long a message that was given up stays listed.
const GIVEN_UP_KEPT: chrono::TimeDelta = chrono::TimeDelta::days(30);

/// A message that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// Its number.
    pub id: i64,
    /// Where it goes: `mail`, or a webhook by its place and format.
    pub channel: String,
    /// Since when it waits.
    pub queued_at: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// JSON: the mail, or what the webhook is sent.
    pub body: String,
}

/// How the outbox stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutboxCounts {
    /// Messages that are tried again.
    pub waiting: u64,
    /// Messages that were given up in the last thirty days.
    pub given_up: u64,
    /// Why the last attempt failed.
    pub error: Option<String>,
}

impl View<'_> {
    /// Up to `limit` messages that are due, oldest first.
    pub fn outbox_due(&self, now: Timestamp, limit: u32) -> Result<Vec<OutboxRow>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, channel, queued_at, attempts, body FROM outbox \
             WHERE next_attempt_at <= ?1 ORDER BY next_attempt_at, id LIMIT ?2",
        )?;
        let rows = statement.query_map(params![now.timestamp_millis(), limit], |row| {
            Ok(OutboxRow {
                id: row.get(0)?,
                channel: row.get(1)?,
                queued_at: moment(row.get(2)?),
                attempts: row.get(3)?,
                body: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How many messages wait or were given up, and why.
    pub fn outbox_counts(&self) -> Result<OutboxCounts, StoreError> {
        let sql = "SELECT count(next_attempt_at), count(*) - count(next_attempt_at), \
             (SELECT error FROM outbox WHERE error IS NOT NULL ORDER BY id DESC LIMIT 1) \
             FROM outbox";
        Ok(self.one(sql, [], |row| {
            Ok(OutboxCounts { waiting: row.get(0)?, given_up: row.get(1)?, error: row.get(2)? })
        })?)
    }
}

impl Tx<'_> {
    /// Puts a message into the outbox, due at once.
    pub fn queue(&self, channel: &str, body: &str, now: Timestamp) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO outbox (channel, queued_at, attempts, next_attempt_at, body) \
             VALUES (?1, ?2, 0, ?2, ?3)",
            params![channel, now.timestamp_millis(), body],
        )?;
        Ok(())
    }

    /// The message arrived.
    pub fn delivered(&self, id: i64) -> Result<(), StoreError> {
        self.run("DELETE FROM outbox WHERE id = ?1", [id])?;
        Ok(())
    }

    /// The message was not accepted: it is tried again, later and later, or given up. True where
    /// it was given up.
    pub fn undelivered(
        &self,
        row: &OutboxRow,
        error: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let attempts = row.attempts.saturating_add(1);
        let next = next_attempt(row.queued_at, attempts, now);
        self.run(
            "UPDATE outbox SET attempts = ?2, next_attempt_at = ?3, error = ?4 WHERE id = ?1",
            params![row.id, attempts, next.map(|at| at.timestamp_millis()), error],
        )?;
        self.run(
            "DELETE FROM outbox WHERE next_attempt_at IS NULL AND queued_at < ?1",
            [(now - GIVEN_UP_KEPT).timestamp_millis()],
        )?;
        Ok(next.is_none())
    }
}
