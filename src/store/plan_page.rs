//! The plan a page at a time, as somebody reads it: one action after the other.
//!
//! Each page costs the same, however many rows the plan has and whatever most of them are.

use rusqlite::params;

use super::{
    open::{StoreError, View},
    plan_row::{COLUMNS, read_row},
};
use crate::provisioning::{Action, PlannedChange};

/// Which rows of the last drafted plan somebody reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanPick {
    /// Those with this action.
    Action(Action),
    /// Those that failed.
    Failed,
    /// Those that a safeguard holds.
    Held,
}

/// How many rows each action has, in the order of [`Action::ALL`], and how many failed or are held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanCounts {
    /// By action.
    pub actions: Vec<(Action, u64)>,
    /// That failed.
    pub failed: u64,
    /// That a safeguard holds.
    pub held: u64,
}

impl PlanPick {
    fn condition(self) -> String {
        match self {
            Self::Action(action) => format!("action = '{}'", action.as_str()),
            Self::Failed => "status = 'failure'".to_owned(),
            Self::Held => "status = 'held'".to_owned(),
        }
    }
}

impl View<'_> {
    /// Up to `limit` rows after the row number `after`, with their numbers, in plan order.
    pub fn plan_page(
        &self,
        pick: PlanPick,
        after: i64,
        limit: usize,
    ) -> Result<Vec<(i64, PlannedChange)>, StoreError> {
        // The numbers first: the bodies of rows that are not on the page are not read.
        let sql = format!(
            "SELECT {COLUMNS} FROM planned_change AS row WHERE seq IN \
             (SELECT seq FROM planned_change WHERE {} AND seq > ?1 ORDER BY seq LIMIT ?2) \
             ORDER BY seq",
            pick.condition()
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map(params![after, limit as u64], read_row)?;
        rows.map(|row| row?).collect()
    }

    /// How many rows each pick has.
    pub fn plan_counts(&self) -> Result<PlanCounts, StoreError> {
        let count = |pick: PlanPick| -> Result<u64, StoreError> {
            let sql = format!("SELECT count(*) FROM planned_change WHERE {}", pick.condition());
            Ok(self.connection.prepare_cached(&sql)?.query_row([], |row| row.get(0))?)
        };
        let mut counts = PlanCounts::default();
        for action in Action::ALL {
            counts.actions.push((action, count(PlanPick::Action(action))?));
        }
        counts.failed = count(PlanPick::Failed)?;
        counts.held = count(PlanPick::Held)?;
        Ok(counts)
    }
}
