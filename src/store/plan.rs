//! The plan: the rows of the last drafted cycle.

use rusqlite::{OptionalExtension, params};

use super::{
    open::{StoreError, Tx, View},
    plan_row::{BODY_VERSION, COLUMNS, print, read_row, status_of},
    source::stored_kind,
};
use crate::{
    model::{CycleId, ObjectKind, SourceId, Timestamp},
    provisioning::{Action, ChangeStatus, Events, Phase, PlannedChange, Reason, Write},
    scim::{AttributeChange, AttributePath},
};

/// Which rows of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanFilter {
    /// All of them.
    All,
    /// What a person looks at: everything but skips that nobody needs to know of.
    Visible,
    /// What a safeguard holds.
    Held,
}

/// Where a row stands in its phase; the default is before all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlanPlace {
    rank: i64,
    /// Its number.
    pub seq: i64,
}

impl Default for PlanPlace {
    fn default() -> Self {
        Self { rank: i64::MIN, seq: i64::MIN }
    }
}

/// Whether another failure of what failed before counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retries {
    /// It does.
    Count,
    /// It does not.
    LeaveOut,
}

impl View<'_> {
    /// Up to `limit` rows after the row number `after`, with their numbers, in plan order.
    pub fn plan_rows(
        &self,
        filter: PlanFilter,
        after: i64,
        limit: u32,
    ) -> Result<Vec<(i64, PlannedChange)>, StoreError> {
        let condition = match filter {
            PlanFilter::All => "1",
            PlanFilter::Visible => {
                "(action <> 'skip' OR status NOT IN ('skipped') OR body ->> 'error' IS NOT NULL)"
            }
            // In the order of the rows, which an index of the status does not have.
            PlanFilter::Held => "+status = 'held'",
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM planned_change AS row WHERE {condition} AND seq > ?1 \
             ORDER BY seq LIMIT ?2"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map(params![after, limit], read_row)?;
        rows.map(|row| row?).collect()
    }

    /// Up to `limit` planned rows of a phase after this place, in the order in which they are sent.
    pub fn next_planned(
        &self,
        phase: Phase,
        after: PlanPlace,
        limit: u32,
    ) -> Result<Vec<(PlanPlace, PlannedChange)>, StoreError> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {COLUMNS}, row.rank FROM planned_change AS row WHERE status = 'planned' \
             AND phase = ?1 AND (rank, seq) > (?2, ?3) ORDER BY rank, seq LIMIT ?4"
        ))?;
        let rows = statement
            .query_map(params![phase as i64, after.rank, after.seq, limit], |row| {
                Ok((row.get(9)?, read_row(row)?))
            })?;
        rows.map(|row| {
            let (rank, row) = row?;
            let (seq, change) = row?;
            Ok((PlanPlace { rank, seq }, change))
        })
        .collect()
    }

    /// Whether a row is still to be sent.
    pub fn is_planned(&self, seq: i64) -> Result<bool, StoreError> {
        let sql = "SELECT status = 'planned' FROM planned_change WHERE seq = ?1";
        Ok(self.one(sql, [seq], |row| row.get(0))?)
    }

    /// How many rows have this status.
    pub fn plan_count(&self, status: ChangeStatus) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM planned_change WHERE status = ?1";
        Ok(self.one(sql, [status.as_str()], |row| row.get(0))?)
    }

    /// How many people this cycle decided about, and how many of them have a write planned or held.
    pub fn reach(&self) -> Result<(u64, u64), StoreError> {
        let sql = "SELECT (SELECT count(*) FROM source_object WHERE dirty = 2), \
             (SELECT count(DISTINCT source) FROM planned_change \
              WHERE status IN ('planned', 'held') AND body ->> 'write' <> 'Nothing')";
        Ok(self.one(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?)
    }

    /// How many rows there are by action and status.
    pub fn plan_totals(&self) -> Result<Vec<(Action, ChangeStatus, u64)>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT action, status, count(*) FROM planned_change GROUP BY action, status",
        )?;
        let rows = statement.query_map([], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get(2)?))
        })?;
        rows.map(|row| {
            let (action, status, count) = row?;
            let action =
                Action::parse(&action).ok_or_else(|| StoreError::stored("action", &action))?;
            Ok((action, status_of(&status)?, count))
        })
        .collect()
    }

    /// A person's planned rows, in plan order.
    pub fn planned_for(&self, source: SourceId) -> Result<Vec<(i64, PlannedChange)>, StoreError> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM planned_change AS row WHERE source = ?1 ORDER BY seq"
        ))?;
        let rows = statement.query_map([source.to_string()], read_row)?;
        rows.map(|row| row?).collect()
    }

    /// One row.
    pub(super) fn planned_row(&self, seq: i64) -> Result<PlannedChange, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM planned_change AS row WHERE seq = ?1");
        self.one(&sql, [seq], read_row)?.map(|(_, change)| change)
    }

    /// Whether the plan lets this person's account give up the unique value.
    pub fn frees(
        &self,
        (kind, source): (ObjectKind, SourceId),
        value: &str,
    ) -> Result<bool, StoreError> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM planned_change INDEXED BY planned_change_by_source \
                 WHERE source = ?1 AND status = 'planned' AND (action = 'delete' OR frees = ?2))",
            )?
            .query_row(params![source.to_string(), claim_key(kind, value)], |row| row.get(0))?)
    }

    /// Whether any row gives a unique value up.
    pub fn frees_any(&self) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM planned_change WHERE frees IS NOT NULL)";
        Ok(self.one(sql, [], |row| row.get(0))?)
    }

    /// Whether a row takes a unique value that another person's row of this cycle was to free, and
    /// did not.
    pub fn is_value_kept(&self, seq: i64, cycle: CycleId) -> Result<bool, StoreError> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM planned_change AS taker \
                 JOIN planned_change AS freer ON freer.frees = taker.claims \
                 WHERE taker.seq = ?1 AND freer.source <> taker.source \
                 AND freer.cycle = ?2 AND freer.status IN ('failure', 'skipped'))",
            )?
            .query_row(params![seq, cycle.to_string()], |row| row.get(0))?)
    }

    /// Whether a person gets an account in this plan.
    pub fn is_coming(&self, source: SourceId) -> Result<bool, StoreError> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM planned_change INDEXED BY planned_change_by_source \
                 WHERE source = ?1 AND action IN ('create', 'adopt') AND status = 'planned')",
            )?
            .query_row([source.to_string()], |row| row.get(0))?)
    }

    /// Whether a person's account goes in this plan, unless a safeguard holds that.
    pub fn is_leaving(&self, source: SourceId) -> Result<bool, StoreError> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM planned_change INDEXED BY planned_change_by_source \
                 WHERE source = ?1 AND action = 'delete' AND status = 'planned')",
            )?
            .query_row([source.to_string()], |row| row.get(0))?)
    }

    /// Whether the stored plan is the beginning of one, left by a cycle that ran out of time.
    pub fn is_draft_open(&self) -> Result<bool, StoreError> {
        Ok(self.fact(DRAFT_OPEN)?.is_some())
    }

    /// The rows that a crash left without an outcome.
    pub fn sent_rows(&self) -> Result<Vec<(i64, PlannedChange)>, StoreError> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM planned_change AS row WHERE status = 'sent' ORDER BY seq"
        ))?;
        let rows = statement.query_map([], read_row)?;
        rows.map(|row| row?).collect()
    }

    /// In which cycle a row's request left, and when.
    pub fn sent_in(&self, seq: i64) -> Result<(CycleId, Timestamp), StoreError> {
        let (cycle, at): (String, Option<i64>) =
            self.one("SELECT cycle, sent_at FROM planned_change WHERE seq = ?1", [seq], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        let cycle = cycle.parse().map_err(|error| StoreError::stored("cycle", error))?;
        Ok((cycle, at.and_then(Timestamp::from_timestamp_millis).unwrap_or_default()))
    }

    /// How the changes of the last plan went.
    ///
    /// What failed before and was only tried again counts where `retries` says so: ten people who
    /// fail for ever must not make an hour without other changes look like an outage.
    pub fn events(&self, retries: Retries) -> Result<Events, StoreError> {
        let first = match retries {
            Retries::Count => "1",
            Retries::LeaveOut => {
                "NOT EXISTS (SELECT 1 FROM escrow WHERE escrow.source = row.source \
                 AND escrow.failures > 1)"
            }
        };
        let sql = format!(
            "SELECT (SELECT count(*) FROM planned_change \
                 WHERE status IN ('success', 'warning') AND action <> 'skip'), \
             (SELECT count(*) FROM planned_change AS row \
                 WHERE status = 'failure' AND phase <> ?1 AND {first})"
        );
        Ok(self.one(&sql, [Phase::References as i64], |row| {
            Ok(Events { succeeded: row.get(0)?, failed: row.get(1)? })
        })?)
    }

    /// The code with which most rows of the last plan failed.
    pub fn most_failures(&self) -> Result<Option<Reason>, StoreError> {
        let sql = "SELECT body -> 'error' -> 'reason' FROM planned_change \
             WHERE status = 'failure' AND body -> 'error' -> 'reason' IS NOT NULL \
             GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1";
        let text: Option<String> = self.one(sql, [], |row| row.get(0)).optional()?;
        text.map(|text| {
            serde_json::from_str(&text).map_err(|error| StoreError::stored("reason", error))
        })
        .transpose()
    }
}

/// A unique value as rows are compared by it: in lower case, and that of a group apart from those
/// of people, who may be called the same.
pub(super) fn claim_key(kind: ObjectKind, value: &str) -> String {
    match kind {
        ObjectKind::User => value.to_lowercase(),
        ObjectKind::Group => format!("\u{1f}{}", value.to_lowercase()),
    }
}

/// The unique value that a change gives up and the one it takes, in lower case.
fn claims(change: &PlannedChange, unique: &[AttributePath]) -> (Option<String>, Option<String>) {
    let text = |value: Option<&serde_json::Value>| {
        value.and_then(serde_json::Value::as_str).map(|text| claim_key(change.kind, text))
    };
    let of = |c: &AttributeChange| (text(c.old.as_ref()), text(c.new.as_ref()));
    let change_of = |path: &AttributePath| change.changes.iter().find(|c| &c.path == path);
    match (&change.write, unique.iter().find_map(change_of)) {
        (Write::Create(_) | Write::Patch { .. }, Some(found)) => of(found),
        (
            Write::Create(_)
            | Write::Patch { .. }
            | Write::Delete
            | Write::Nothing
            | Write::Members,
            _,
        ) => (None, None),
    }
}

/// With so many people to decide about, an index on something random is made at the end of a draft:
/// that takes a tenth of what it takes to add one row after the other to it.
const MANY: u32 = 5_000;

/// The fact that says that the stored plan is the beginning of one, which the next draft goes on
/// with: the rows of everybody who counts as drafted are in it.
const DRAFT_OPEN: &str = "draft_open";

impl Tx<'_> {
    /// Lets everybody who reports to somebody that gets an account in this plan be decided again;
    /// returns how many that are. Whoever is drafted already counts on that account.
    pub fn wake_reports(&self) -> Result<usize, StoreError> {
        Ok(self.run(
            "UPDATE source_object SET dirty = 1 WHERE dirty = 0 AND in_scope = 1 AND manager IN \
             (SELECT source FROM planned_change WHERE action IN ('create', 'adopt') \
              AND status = 'planned')",
            [],
        )?)
    }

    /// The stored plan is the beginning of one, which the next draft goes on with.
    pub fn leave_draft_open(&self) -> Result<(), StoreError> {
        self.set_fact(DRAFT_OPEN, Some("1"))
    }

    /// Forgets of such a plan what is not to be sent any more, and the references between accounts,
    /// which are worked out anew.
    pub fn trim_open_draft(&self) -> Result<(), StoreError> {
        self.run(
            "DELETE FROM planned_change WHERE phase >= ?1 \
             OR source NOT IN (SELECT id FROM source_object WHERE dirty = 2)",
            [Phase::References as i64],
        )?;
        self.run("DELETE FROM planned_member", [])?;
        Ok(())
    }

    /// The plan is whole.
    pub fn close_draft(&self) -> Result<(), StoreError> {
        self.connection.execute_batch(
            "CREATE INDEX IF NOT EXISTS planned_change_by_claim ON planned_change (claims) \
             WHERE claims IS NOT NULL",
        )?;
        self.set_fact(DRAFT_OPEN, None)
    }

    /// Forgets what was planned for a person who is decided again.
    pub fn forget_planned(&self, source: SourceId) -> Result<(), StoreError> {
        let source = source.to_string();
        let sql = "DELETE FROM planned_member WHERE seq IN \
             (SELECT seq FROM planned_change WHERE source = ?1)";
        self.connection.prepare_cached(sql)?.execute([&source])?;
        let sql = "DELETE FROM planned_change WHERE source = ?1";
        self.connection.prepare_cached(sql)?.execute([&source])?;
        Ok(())
    }

    /// Forgets the last plan.
    pub fn clear_plan(&self) -> Result<(), StoreError> {
        self.connection.execute_batch("DELETE FROM planned_change; DELETE FROM planned_member")?;
        // Claims come in no order. Nobody asks for one before the draft is closed.
        let many =
            "SELECT count(*) = ?1 FROM (SELECT 1 FROM source_object WHERE dirty = 1 LIMIT ?1)";
        if self.one(many, [MANY], |row| row.get(0))? {
            self.connection.execute_batch("DROP INDEX IF EXISTS planned_change_by_claim")?;
        }
        Ok(())
    }

    /// Adds a row, and returns its number. `unique` are the attributes whose values no two accounts
    /// share; an `again` row keeps its object dirty.
    pub fn add_planned(
        &self,
        cycle: CycleId,
        change: &PlannedChange,
        unique: &[AttributePath],
        again: bool,
    ) -> Result<i64, StoreError> {
        let (mut frees, claims) = claims(change, unique);
        if change.write == Write::Delete {
            let exported = self.link(change.source)?.map(|link| link.exported).unwrap_or_default();
            let values = unique.iter().filter_map(|path| exported.get(path)?.as_str());
            frees = values.map(|value| claim_key(change.kind, value)).next();
        }
        self.connection
            .prepare_cached(
                "INSERT INTO planned_change (id, cycle, source, target, action, status, phase, \
                 again, frees, claims, version, body, kind) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            )?
            .execute(params![
                change.id.to_string(),
                cycle.to_string(),
                change.source.to_string(),
                change.target.as_ref().map(crate::model::TargetId::as_str),
                change.action.as_str(),
                change.status.as_str(),
                change.phase as i64,
                again,
                frees,
                claims,
                BODY_VERSION,
                print(change)?,
                stored_kind(change.kind)
            ])?;
        Ok(self.connection.last_insert_rowid())
    }

    /// Stores a row's new content and status.
    pub fn update_planned(&self, seq: i64, change: &PlannedChange) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "UPDATE planned_change SET status = ?2, phase = ?3, body = ?4, target = ?5, \
                 action = ?6, version = ?7, outcome = NULL WHERE seq = ?1",
            )?
            .execute(params![
                seq,
                change.status.as_str(),
                change.phase as i64,
                print(change)?,
                change.target.as_ref().map(crate::model::TargetId::as_str),
                change.action.as_str(),
                BODY_VERSION
            ])?;
        Ok(())
    }

    /// Stores what a row says anew; where it stands stays as it is.
    pub(super) fn rewrite_planned(&self, seq: i64, row: &PlannedChange) -> Result<(), StoreError> {
        let sql = "UPDATE planned_change SET body = ?2, version = ?3, outcome = NULL \
             WHERE seq = ?1";
        self.run(sql, params![seq, print(row)?, BODY_VERSION])?;
        Ok(())
    }

    /// Sends an update before the others, in this order.
    pub fn rank_planned(&self, seq: i64, rank: u32) -> Result<(), StoreError> {
        self.run(
            "UPDATE planned_change SET phase = ?2, rank = ?3 WHERE seq = ?1 AND phase = ?4",
            params![seq, Phase::FreeingUpdates as i64, rank, Phase::Updates as i64],
        )?;
        Ok(())
    }

    /// Commits that a row's request is about to leave.
    pub fn mark_sent(&self, seq: i64, now: Timestamp) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "UPDATE planned_change SET status = 'sent', sent_at = ?2 WHERE seq = ?1",
            )?
            .execute(params![seq, now.timestamp_millis()])?;
        Ok(())
    }

    /// A row's request did not leave after all.
    pub fn plan_again(&self, seq: i64) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "UPDATE planned_change SET status = 'planned', sent_at = NULL \
                 WHERE seq = ?1 AND status = 'sent'",
            )?
            .execute([seq])?;
        Ok(())
    }
}
