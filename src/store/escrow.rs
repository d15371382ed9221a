//! Escrows: objects that failed, and when they are tried again.
//!
//! Whoever stands here is clean at rest: a try is due by its own schedule, and a change of the
//! source forgets that it ever failed.

use rusqlite::{OptionalExtension, params};

use super::{
    notice::moment,
    open::{StoreError, Tx, View},
};
use crate::{
    model::{CycleId, SourceId, Timestamp},
    provisioning::{
        Failure, Failures, IsRemoval, NextAttempt, PlannedChange, Reason, Remedy, Step, StepKind,
        StepStatus, retry, retry_at, retry_sentence,
    },
};

/// What an outage or a refused credential makes of the object that met it.
const FAULTS_OF_THE_TARGET: [Reason; 4] = [
    Reason::InternalServerError,
    Reason::TooManyRequests,
    Reason::Unauthorized,
    Reason::SystemForCrossDomainIdentityManagementServiceIncompatible,
];

/// A clock that ran ahead when a try was put off by hours must not put it off for years.
const PUT_OFF_MAX: chrono::TimeDelta = chrono::TimeDelta::hours(25);

/// An object that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EscrowRow {
    /// Whose account.
    pub source: String,
    /// Its user principal name, where it is still known.
    pub name: Option<String>,
    /// How often it failed in a row, and since when.
    pub failures: Failures,
    /// The code of the last failure.
    pub code: String,
    /// What happened then.
    pub detail: String,
    /// When it is tried again.
    pub next: NextAttempt,
    /// Whether its access should be gone.
    pub is_removal: bool,
}

/// How many objects wait for another try, and of what kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EscrowCounts {
    /// All of them, those given up included.
    pub all: u64,
    /// Removals among them.
    pub removals: u64,
    /// Those that are given up.
    pub given_up: u64,
}

// A view that is joined is made anew for each query, from everybody.
const COLUMNS: &str = "escrow.source, \
     (SELECT coalesce(attributes ->> 'userPrincipalName', \
         iif(kind = 1, attributes ->> 'displayName', NULL)) \
      FROM source_whole WHERE id = escrow.source), \
     escrow.since, escrow.failures, escrow.code, escrow.detail, escrow.due_cycle, escrow.due_at, \
     escrow.is_removal, escrow.given_up FROM escrow";

fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<EscrowRow> {
    let (due_cycle, due_at): (Option<u64>, Option<i64>) = (row.get(6)?, row.get(7)?);
    let given_up: bool = row.get(9)?;
    let next = match (given_up, due_cycle, due_at.map(moment)) {
        (true, ..) => NextAttempt::GivenUp,
        (false, Some(number), at) => {
            NextAttempt::Cycle { number, at_latest: at.unwrap_or(Timestamp::MAX_UTC) }
        }
        (false, None, at) => NextAttempt::At(at.unwrap_or_default()),
    };
    Ok(EscrowRow {
        source: row.get(0)?,
        name: row.get(1)?,
        failures: Failures { since: moment(row.get(2)?), count: row.get(3)? },
        code: row.get(4)?,
        detail: row.get(5)?,
        next,
        is_removal: row.get(8)?,
    })
}

impl View<'_> {
    /// How many objects wait for another try.
    pub fn escrow_counts(&self) -> Result<EscrowCounts, StoreError> {
        let sql = "SELECT count(*), coalesce(sum(is_removal), 0), coalesce(sum(given_up), 0) \
             FROM escrow";
        Ok(self.one(sql, [], |row| {
            Ok(EscrowCounts { all: row.get(0)?, removals: row.get(1)?, given_up: row.get(2)? })
        })?)
    }

    /// The failure of one object, if it has one.
    pub fn escrow(&self, source: SourceId) -> Result<Option<EscrowRow>, StoreError> {
        Ok(self
            .connection
            .prepare_cached(&format!("SELECT {COLUMNS} WHERE escrow.source = ?1"))?
            .query_row([source.to_string()], read_row)
            .optional()?)
    }

    /// Up to `limit` objects that were given up, longest first.
    pub fn given_up(&self, limit: u32) -> Result<Vec<EscrowRow>, StoreError> {
        self.escrows_where("escrow.given_up = 1", limit)
    }

    /// Up to `limit` objects that failed, longest first, after this one by the time of its first
    /// failure and its id.
    pub fn escrow_page(
        &self,
        after: Option<(Timestamp, &str)>,
        limit: usize,
    ) -> Result<Vec<EscrowRow>, StoreError> {
        let (since, source) = after.map_or((i64::MIN, ""), |(at, id)| (at.timestamp_millis(), id));
        let sql = format!(
            "SELECT {COLUMNS} WHERE escrow.source IN (SELECT source FROM escrow \
             WHERE (since, source) > (?1, ?2) ORDER BY since, source LIMIT ?3) \
             ORDER BY escrow.since, escrow.source"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map(params![since, source, limit as u64], read_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Up to `limit` removals that failed in so many cycles or more, longest first.
    pub fn failing_removals(
        &self,
        at_least: u64,
        limit: u32,
    ) -> Result<Vec<EscrowRow>, StoreError> {
        let condition = format!("escrow.is_removal = 1 AND escrow.failures >= {at_least}");
        self.escrows_where(&condition, limit)
    }

    fn escrows_where(&self, condition: &str, limit: u32) -> Result<Vec<EscrowRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} WHERE {condition} ORDER BY escrow.since, escrow.source LIMIT ?1"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map([limit], read_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The objects that fail, counted by the code of the failure. Removals are counted elsewhere,
    /// and those given up as well.
    pub fn failing(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT code, count(*) FROM escrow WHERE is_removal = 0 AND given_up = 0 \
             GROUP BY code ORDER BY code",
        )?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Up to `limit` objects of [`View::failing`] with this code, longest first.
    pub fn failing_with(&self, code: &str, limit: u32) -> Result<Vec<EscrowRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} WHERE escrow.code = ?1 AND escrow.is_removal = 0 \
             AND escrow.given_up = 0 ORDER BY escrow.since, escrow.source LIMIT ?2"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map(params![code, limit], read_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn cycle_number(&self, cycle: CycleId) -> Result<u64, StoreError> {
        let sql = "SELECT seq FROM cycle WHERE id = ?1";
        let number = self
            .connection
            .prepare_cached(sql)?
            .query_row([cycle.to_string()], |row| row.get(0))
            .optional()?;
        Ok(number.unwrap_or_default())
    }

    fn failures(&self, source: SourceId) -> Result<Option<(Failures, u64)>, StoreError> {
        let sql = "SELECT since, failures, last_cycle FROM escrow WHERE source = ?1";
        Ok(self
            .connection
            .prepare_cached(sql)?
            .query_row([source.to_string()], |row| {
                Ok((Failures { since: moment(row.get(0)?), count: row.get(1)? }, row.get(2)?))
            })
            .optional()?)
    }
}

impl Tx<'_> {
    /// Sets the object of a failed change aside, and returns the step that says until when.
    ///
    /// Several failures of one object in one cycle count once.
    pub(super) fn set_escrow(
        &self,
        cycle: CycleId,
        change: &PlannedChange,
        (failure, remedy): (&Failure, Remedy),
        now: Timestamp,
    ) -> Result<Step, StoreError> {
        let number = self.cycle_number(cycle)?;
        let failures = match self.failures(change.source)? {
            None => Failures { count: 1, since: now },
            Some((known, last)) if last == number => known,
            Some((known, _)) => Failures { count: known.count + 1, ..known },
        };
        let is_removal = if change.action.is_removal() { IsRemoval::Yes } else { IsRemoval::No };
        let next = retry_at(retry(remedy, is_removal), failures, (number, now));
        let (due_cycle, due_at) = match next {
            NextAttempt::Cycle { number, at_latest } => {
                (Some(number), Some(at_latest.timestamp_millis()))
            }
            NextAttempt::At(at) => (None, Some(at.timestamp_millis())),
            NextAttempt::GivenUp => (None, None),
        };
        self.connection
            .prepare_cached(
                "INSERT OR REPLACE INTO escrow (source, since, failures, code, detail, due_cycle, \
                 due_at, last_cycle, is_removal, given_up) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![
                change.source.to_string(),
                failures.since.timestamp_millis(),
                failures.count,
                failure.reason.to_string(),
                failure.detail,
                due_cycle,
                due_at,
                number,
                is_removal == IsRemoval::Yes,
                next == NextAttempt::GivenUp,
            ])?;
        let text = retry_sentence(failures, next, number);
        Ok(Step::new(StepKind::Export, StepStatus::Warning, "EntryEscrowRetry", text))
    }

    /// The object is well: unless another change of it failed in this very cycle.
    pub(super) fn clear_escrow(&self, source: SourceId, cycle: CycleId) -> Result<(), StoreError> {
        // For almost everybody there is no row, and then nothing else is looked up.
        self.connection
            .prepare_cached(
                "DELETE FROM escrow WHERE source = ?1 AND last_cycle <> \
                 coalesce((SELECT seq FROM cycle WHERE id = ?2), 0)",
            )?
            .execute(params![source.to_string(), cycle.to_string()])?;
        Ok(())
    }

    /// Whoever changed at the source since the last cycle is no longer set aside.
    pub fn clear_changed_escrows(&self) -> Result<(), StoreError> {
        self.run(
            "DELETE FROM escrow WHERE source IN (SELECT id FROM source_object WHERE dirty = 1)",
            [],
        )?;
        Ok(())
    }

    /// Decides whose try is due in the cycle of this number again.
    pub fn mark_due_escrows(&self, number: u64, now: Timestamp) -> Result<(), StoreError> {
        self.run(
            "UPDATE source_object SET dirty = 1 WHERE id IN (SELECT source FROM escrow \
             WHERE given_up = 0 AND (due_cycle <= ?1 OR due_at <= ?2 OR due_at > ?3))",
            params![number, now.timestamp_millis(), (now + PUT_OFF_MAX).timestamp_millis()],
        )?;
        Ok(())
    }

    /// Every object that failed is tried in the next cycle, those given up included. They keep
    /// their count of failures; those given up have another four weeks.
    pub fn release_escrows(&self, now: Timestamp) -> Result<(), StoreError> {
        self.run(
            "UPDATE escrow SET since = CASE given_up WHEN 1 THEN ?1 ELSE since END, \
             due_cycle = 0, due_at = NULL, given_up = 0",
            [now.timestamp_millis()],
        )?;
        Ok(())
    }

    /// Every object that failed, but for those given up, is tried in the next cycle.
    pub fn hurry_escrows(&self) -> Result<(), StoreError> {
        self.run("UPDATE escrow SET due_cycle = 0 WHERE given_up = 0", [])?;
        Ok(())
    }

    /// A cycle ended early because of the target: what its objects met was not theirs, and each
    /// is tried in the next cycle as if it had not been tried in this one.
    pub fn excuse_escrows(&self, number: u64) -> Result<(), StoreError> {
        let codes: Vec<String> = FAULTS_OF_THE_TARGET.iter().map(ToString::to_string).collect();
        let list = serde_json::to_string(&codes).map_err(|e| StoreError::stored("codes", e))?;
        self.run(
            "UPDATE escrow SET failures = failures - 1, due_cycle = ?1 + 1, given_up = 0 \
             WHERE last_cycle = ?1 AND code IN (SELECT value FROM json_each(?2))",
            params![number, list],
        )?;
        self.run("DELETE FROM escrow WHERE failures = 0", [])?;
        Ok(())
    }

    /// What is left to do for objects set aside in the cycle of this number is due in the next.
    pub(super) fn keep_unfinished_escrows(&self, number: u64) -> Result<(), StoreError> {
        self.run(
            "UPDATE escrow SET due_cycle = ?1 + 1, given_up = 0 WHERE EXISTS \
             (SELECT 1 FROM planned_change AS row WHERE row.source = escrow.source \
              AND (row.status IN ('planned', 'sent', 'held') \
                   OR (row.again = 1 AND row.status <> 'failure')))",
            [number],
        )?;
        Ok(())
    }
}
