//! Cycles: their reports, and the progress of the one under way.

use std::time::Duration;

use chrono::TimeDelta;
use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::{
    link::LinkCounts,
    notice::moment,
    open::{StoreError, Tx, View},
};
use crate::{
    model::{CycleId, Timestamp},
    provisioning::{Action, ChangeStatus, Quarantine},
};

/// The fact that a person asked for the next cycle to come at once.
const DUE_NOW: &str = "due_now";

/// How the state calls a cycle that reads everything.
const INITIAL: &str = "initial";

/// How long a phase goes on before its pace is told: the first second says little.
const PACE_KNOWN_AFTER_MS: u32 = 2_000;

/// What a cycle reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CycleKind {
    /// Everything.
    Initial,
    /// What changed.
    Incremental,
}

impl CycleKind {
    /// The word for it in the state, in documents and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Initial => INITIAL,
            Self::Incremental => "incremental",
        }
    }
}

/// Objects by what was done with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// People in scope.
    pub in_scope: u64,
    /// Accounts created.
    pub create: u64,
    /// Existing accounts linked.
    pub adopt: u64,
    /// Accounts updated, references included.
    pub update: u64,
    /// Accounts disabled.
    pub disable: u64,
    /// Accounts enabled.
    pub enable: u64,
    /// Accounts deleted.
    pub delete: u64,
    /// People for whom nothing was to be done.
    pub skip: u64,
    /// Changes that failed.
    pub failure: u64,
    /// Changes that a safeguard holds.
    pub held: u64,
}

/// Which rows of a plan totals count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Also those that are planned, as if they were done: of a dry run.
    Planned,
    /// Only those that were done, or tried.
    Done,
}

/// Requests sent by a cycle, sign-ins not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requests {
    /// To Microsoft Graph.
    pub graph: u64,
    /// To the target.
    pub target: u64,
}

/// What a safeguard holds, as reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldReport {
    /// The id to approve.
    pub plan: String,
    /// Held disables and deletes.
    pub removals: u64,
    /// Held creates.
    pub creates: u64,
    /// Members that are held back from being taken out of their groups.
    #[serde(default)]
    pub membership_removals: u64,
    /// Linked accounts.
    pub linked: u64,
    /// The limit that would have been exceeded.
    pub threshold: u64,
    /// One sentence.
    pub reason: String,
}

impl HeldReport {
    /// What is held, in words: `8 removals, 1 create`.
    pub fn what(&self) -> String {
        let parts = [
            (self.removals, "removal"),
            (self.membership_removals, "membership removal"),
            (self.creates, "create"),
        ];
        let words = |(count, noun)| (count > 0).then(|| crate::model::counted(count, noun));
        parts.into_iter().filter_map(words).collect::<Vec<_>>().join(", ")
    }
}

/// What is different since the last finished cycle, and how many objects that touches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevisionReport {
    /// What changed in the configuration, the profile or the program, one sentence each.
    pub changes: Vec<String>,
    /// People decided again.
    pub people: u64,
    /// Those among them whose accounts would be written, for this or another reason.
    pub accounts: u64,
}

/// What a cycle came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CycleReport {
    /// Its id.
    pub id: CycleId,
    /// What it read.
    pub kind: CycleKind,
    /// Whether it only looked.
    pub dry_run: bool,
    /// When it began.
    pub began: Timestamp,
    /// How long it took.
    pub duration_ms: u64,
    /// What was done, or of a dry run would be.
    pub totals: Totals,
    /// What it cost.
    pub requests: Requests,
    /// What is held.
    pub held: Option<HeldReport>,
    /// Why it ended early, where it did.
    pub error: Option<String>,
    /// What a person should know.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// What changed in the configuration or the program, where something did.
    #[serde(default)]
    pub revision: Option<RevisionReport>,
    /// The job's quarantine, where it is in one after this cycle.
    #[serde(default)]
    pub quarantine: Option<Quarantine>,
    /// How many accounts and groups are linked after it; older reports do not say.
    #[serde(default)]
    pub linked: Option<LinkCounts>,
}

/// What the engine is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The part of the cycle.
    pub phase: String,
    /// Steps done.
    pub done: u64,
    /// Steps in all, where that is known.
    pub total: Option<u64>,
}

/// The cycle under way, and how fast its phase goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Its id.
    pub cycle: String,
    /// What it reads.
    pub kind: CycleKind,
    /// When it began.
    pub began: Timestamp,
    /// What it is doing.
    pub progress: Progress,
    /// When that was written.
    pub at: Timestamp,
    /// Since when its phase goes on, and how many steps were done then.
    pub phase_began: (Timestamp, u64),
}

impl Running {
    /// Steps in a second since the phase began, where that is long enough ago to tell.
    pub fn steps_per_second(&self) -> Option<f64> {
        let (began, from) = self.phase_began;
        let milliseconds = u32::try_from((self.at - began).num_milliseconds()).ok()?;
        let steps = u32::try_from(self.progress.done.checked_sub(from)?).ok()?;
        (milliseconds >= PACE_KNOWN_AFTER_MS && steps > 0)
            .then(|| f64::from(steps) * 1_000.0 / f64::from(milliseconds))
    }

    /// How long the phase still takes if it goes on like this, from `now` on.
    pub fn phase_left(&self, now: Timestamp) -> Option<TimeDelta> {
        let left = self.progress.total?.checked_sub(self.progress.done)?;
        let seconds = f64::from(u32::try_from(left).ok()?) / self.steps_per_second()?;
        let at = self.at.checked_add_signed(
            TimeDelta::from_std(Duration::try_from_secs_f64(seconds).ok()?).ok()?,
        )?;
        Some((at - now).max(TimeDelta::zero()))
    }
}

impl View<'_> {
    /// The cycle under way with its pace, unless none is.
    pub fn running(&self) -> Result<Option<Running>, StoreError> {
        let sql = "SELECT cycle.id, cycle.kind, cycle.began, phase, done, total, at, phase_began, \
             phase_from FROM progress JOIN cycle ON cycle.id = progress.cycle";
        let row = |row: &rusqlite::Row<'_>| {
            let kind: String = row.get(1)?;
            Ok(Running {
                cycle: row.get(0)?,
                kind: if kind == INITIAL { CycleKind::Initial } else { CycleKind::Incremental },
                began: moment(row.get(2)?),
                progress: Progress { phase: row.get(3)?, done: row.get(4)?, total: row.get(5)? },
                at: moment(row.get(6)?),
                phase_began: (moment(row.get(7)?), row.get(8)?),
            })
        };
        Ok(self.connection.prepare_cached(sql)?.query_row([], row).optional()?)
    }

    /// The id of the last finished cycle.
    pub fn last_finished(&self) -> Result<Option<String>, StoreError> {
        let sql = "SELECT id FROM cycle WHERE report IS NOT NULL ORDER BY seq DESC LIMIT 1";
        Ok(self.connection.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()?)
    }

    /// The reports of the last `limit` finished cycles, newest first.
    pub fn cycles(&self, limit: u32) -> Result<Vec<CycleReport>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT report FROM cycle WHERE report IS NOT NULL ORDER BY seq DESC LIMIT ?1",
        )?;
        let rows = statement.query_map([limit], |row| row.get::<_, String>(0))?;
        rows.map(|row| {
            serde_json::from_str(&row?).map_err(|error| StoreError::stored("cycle report", error))
        })
        .collect()
    }

    /// The report of one cycle.
    pub fn cycle(&self, id: &str) -> Result<Option<CycleReport>, StoreError> {
        let text: Option<Option<String>> = self
            .one("SELECT report FROM cycle WHERE id = ?1", [id], |row| row.get(0))
            .optional()?;
        text.flatten()
            .map(|text| {
                serde_json::from_str(&text).map_err(|e| StoreError::stored("cycle report", e))
            })
            .transpose()
    }

    /// The number of the next cycle.
    pub fn next_cycle_seq(&self) -> Result<u64, StoreError> {
        let sql = "SELECT coalesce(max(seq), 0) + 1 FROM cycle";
        Ok(self.one(sql, [], |row| row.get(0))?)
    }

    /// When the last cycle began, finished or not.
    pub fn last_began(&self) -> Result<Option<Timestamp>, StoreError> {
        let at: Option<i64> = self
            .one("SELECT began FROM cycle ORDER BY seq DESC LIMIT 1", [], |row| row.get(0))
            .optional()?;
        Ok(at.and_then(Timestamp::from_timestamp_millis))
    }

    /// Whether a person asked for the next cycle to come at once.
    pub fn is_hurried(&self) -> Result<bool, StoreError> {
        Ok(self.fact(DUE_NOW)?.is_some())
    }

    /// What the engine is doing, unless no cycle is under way.
    pub fn progress(&self) -> Result<Option<Progress>, StoreError> {
        Ok(self
            .one("SELECT phase, done, total FROM progress", [], |row| {
                Ok(Progress { phase: row.get(0)?, done: row.get(1)?, total: row.get(2)? })
            })
            .optional()?)
    }

    /// The totals of the plan as it stands.
    pub fn totals(&self, counted: Counted) -> Result<Totals, StoreError> {
        let mut totals = Totals { in_scope: self.in_scope_count()?, ..Totals::default() };
        for (action, status, count) in self.plan_totals()? {
            if status == ChangeStatus::Planned && counted == Counted::Done {
                continue;
            }
            let counter = match (status, action) {
                (ChangeStatus::Failure, _) => &mut totals.failure,
                (ChangeStatus::Held, _) => &mut totals.held,
                (ChangeStatus::Skipped, _) | (_, Action::Skip) => &mut totals.skip,
                (_, Action::Create) => &mut totals.create,
                (_, Action::Adopt) => &mut totals.adopt,
                (_, Action::Update) => &mut totals.update,
                (_, Action::Disable) => &mut totals.disable,
                (_, Action::Enable) => &mut totals.enable,
                (_, Action::Delete) => &mut totals.delete,
            };
            *counter += count;
        }
        Ok(totals)
    }
}

impl Tx<'_> {
    /// Stores that a cycle begins.
    pub fn begin_cycle(
        &self,
        id: CycleId,
        seq: u64,
        kind: CycleKind,
        began: Timestamp,
    ) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO cycle (id, seq, kind, began) VALUES (?1, ?2, ?3, ?4)",
            params![id.to_string(), seq, kind.as_str(), began.timestamp_millis()],
        )?;
        self.set_fact(DUE_NOW, None)?;
        self.run("DELETE FROM cycle WHERE seq < (SELECT max(seq) FROM cycle) - 10000", [])?;
        Ok(())
    }

    /// The next cycle is due at once.
    pub fn hurry(&self) -> Result<(), StoreError> {
        self.set_fact(DUE_NOW, Some("1"))
    }

    /// Stores how a cycle ended.
    pub fn end_cycle(&self, report: &CycleReport, ended: Timestamp) -> Result<(), StoreError> {
        let text = serde_json::to_string(report)
            .map_err(|error| StoreError::stored("cycle report", error))?;
        self.run(
            "UPDATE cycle SET ended = ?2, report = ?3 WHERE id = ?1",
            params![report.id.to_string(), ended.timestamp_millis(), text],
        )?;
        self.run("DELETE FROM progress", [])?;
        self.count_cycle(report);
        self.count_traffic();
        Ok(())
    }

    /// Stores what the engine is doing.
    pub fn set_progress(
        &self,
        cycle: CycleId,
        progress: &Progress,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.connection.prepare_cached(
            "INSERT INTO progress (one, cycle, phase, done, total, at, phase_began, phase_from) \
             VALUES (1, ?1, ?2, ?3, ?4, ?5, ?5, ?3) ON CONFLICT (one) DO UPDATE SET \
             phase_began = iif(cycle = ?1 AND phase = ?2, phase_began, ?5), \
             phase_from = iif(cycle = ?1 AND phase = ?2, phase_from, ?3), \
             cycle = ?1, phase = ?2, done = ?3, total = ?4, at = ?5",
        )?.execute(
            params![
                cycle.to_string(),
                progress.phase,
                progress.done,
                progress.total,
                now.timestamp_millis()
            ],
        )?;
        self.count_traffic();
        Ok(())
    }
}
