//! Commands from other processes: one row each, with the engine's answer beside it.

use rusqlite::{OptionalExtension, params};
use serde_json::Value;

use super::open::{StoreError, Tx, View};
use crate::model::Timestamp;

/// A command that waits for the engine.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// Its number.
    pub id: i64,
    /// What to do.
    pub verb: String,
    /// With what.
    pub args: Value,
    /// Which operating-system user gave it.
    pub given_by: String,
    /// When it was given.
    pub given_at: Timestamp,
}

/// How far a command is.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandAnswer {
    /// Whether the engine took it.
    pub taken: bool,
    /// The engine's answer, once it is done.
    pub answer: Option<Value>,
}

impl View<'_> {
    /// The oldest command that nobody took.
    pub fn next_command(&self) -> Result<Option<Command>, StoreError> {
        let row: Option<(i64, String, String, String, i64)> = self
            .connection
            .prepare_cached(
                "SELECT id, verb, args, given_by, given_at FROM command \
                 WHERE taken_at IS NULL ORDER BY id LIMIT 1",
            )?
            .query_row([], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            })
            .optional()?;
        let Some((id, verb, args, given_by, given_at)) = row else { return Ok(None) };
        let args =
            serde_json::from_str(&args).map_err(|error| StoreError::stored("command", error))?;
        let given_at = Timestamp::from_timestamp_millis(given_at).unwrap_or_default();
        Ok(Some(Command { id, verb, args, given_by, given_at }))
    }

    /// How far a command is.
    pub fn command_answer(&self, id: i64) -> Result<CommandAnswer, StoreError> {
        let (taken, answer): (bool, Option<String>) = self.one(
            "SELECT taken_at IS NOT NULL, answer FROM command WHERE id = ?1",
            [id],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let answer = answer
            .map(|text| {
                serde_json::from_str(&text).map_err(|error| StoreError::stored("answer", error))
            })
            .transpose()?;
        Ok(CommandAnswer { taken, answer })
    }
}

impl Tx<'_> {
    /// Adds a command; returns its number.
    pub fn give_command(
        &self,
        verb: &str,
        args: &Value,
        given_by: &str,
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        self.run(
            "INSERT INTO command (verb, args, given_by, given_at) VALUES (?1, ?2, ?3, ?4)",
            params![verb, args.to_string(), given_by, now.timestamp_millis()],
        )?;
        Ok(self.connection.last_insert_rowid())
    }

    /// Withdraws a command that nobody took.
    pub fn withdraw_command(&self, id: i64) -> Result<bool, StoreError> {
        let sql = "DELETE FROM command WHERE id = ?1 AND taken_at IS NULL";
        Ok(self.run(sql, [id])? > 0)
    }

    /// Marks a command as taken. Whom it is about is not kept.
    pub fn take_command(&self, id: i64, now: Timestamp) -> Result<(), StoreError> {
        self.run(
            "UPDATE command SET taken_at = ?2, \
             args = CASE WHEN verb IN ('forget', 'provision') THEN '{}' ELSE args END \
             WHERE id = ?1",
            params![id, now.timestamp_millis()],
        )?;
        Ok(())
    }

    /// Writes the answer beside a command.
    pub fn answer_command(
        &self,
        id: i64,
        answer: &Value,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.run(
            "UPDATE command SET done_at = ?2, answer = ?3 WHERE id = ?1",
            params![id, now.timestamp_millis(), answer.to_string()],
        )?;
        Ok(())
    }
}
