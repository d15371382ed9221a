//! Counters: what happened since the state file was made, as sums that only grow.
//!
//! What a transaction counts is gathered while it works and written as few rows right before its
//! commit. Requests are counted by the meters of the adapters; what they have is taken over by the
//! transactions that record progress, so that no request costs a write.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::params;

use super::{
    cycle::{CycleKind, CycleReport},
    open::{Engine, StoreError, Tx, View},
};
use crate::{
    model::{LATENCY_BOUNDS, Meter, ObjectKind, Traffic},
    provisioning::{Action, ChangeStatus},
};

/// Rows of the log, by kind, action and status.
pub const OBJECTS: &str = "objects";
/// Cycles, by kind and result.
pub const CYCLES: &str = "cycles";
/// The time of all cycles together, by kind.
pub const CYCLE_SECONDS: &str = "cycle_seconds";
/// Requests, by service, class and the status of the answer.
pub const REQUESTS: &str = "requests";
/// Answers by how long they took: by service, class and upper bound; not cumulative.
pub const ANSWERS_WITHIN: &str = "answers_within";
/// The time of all answers together, by service and class.
pub const ANSWER_SECONDS: &str = "answer_seconds";
/// For how long nothing was sent because of throttling, by service.
pub const THROTTLED_SECONDS: &str = "throttled_seconds";

/// The `le` of answers beyond the last bound.
pub const BEYOND: &str = "+Inf";

/// A sum and what it is of.
#[derive(Clone, Debug, PartialEq)]
pub struct Counter {
    /// What is counted.
    pub name: String,
    /// Of which of them.
    pub labels: BTreeMap<String, String>,
    /// How much.
    pub value: f64,
}

/// What a transaction is to count.
#[derive(Debug, Default)]
pub(super) struct Pending {
    objects: BTreeMap<[&'static str; 3], u64>,
    cycle: Option<(CycleKind, &'static str, f64)>,
    traffic: bool,
}

/// The meters whose sums go into the state, each with what is there of it already.
#[derive(Default)]
pub(super) struct Meters(Mutex<Vec<(Arc<Meter>, Traffic)>>);

impl Meters {
    fn snapshots(&self) -> Vec<(Traffic, Traffic)> {
        let meters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        meters.iter().map(|(meter, stored)| (meter.traffic(), stored.clone())).collect()
    }

    /// What was committed is not counted again.
    pub(super) fn stored(&self, metered: Vec<Traffic>) {
        let mut meters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for ((_, stored), traffic) in meters.iter_mut().zip(metered) {
            *stored = traffic;
        }
    }
}

impl Engine {
    /// Lets the requests that these meters count from now on go into the state, in place of those
    /// of earlier ones.
    pub fn count_requests(&self, meters: impl IntoIterator<Item = Arc<Meter>>) {
        let meters = meters.into_iter().map(|meter| {
            let traffic = meter.traffic();
            (meter, traffic)
        });
        *self.meters.0.lock().unwrap_or_else(PoisonError::into_inner) = meters.collect();
    }
}

impl View<'_> {
    /// Every counter, in the order of name and labels.
    pub fn counters(&self) -> Result<Vec<Counter>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT name, labels, value FROM counter ORDER BY name, labels")?;
        let rows = statement.query_map([], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, f64>(2)?))
        })?;
        rows.map(|row| {
            let (name, labels, value) = row?;
            let labels =
                serde_json::from_str(&labels).map_err(|e| StoreError::stored("counter", e))?;
            Ok(Counter { name, labels, value })
        })
        .collect()
    }
}

impl Tx<'_> {
    pub(super) fn count_object(&self, kind: ObjectKind, action: Action, status: ChangeStatus) {
        let kind = match kind {
            ObjectKind::User => "user",
            ObjectKind::Group => "group",
        };
        let key = [kind, action.as_str(), status.as_str()];
        *self.pending.borrow_mut().objects.entry(key).or_default() += 1;
    }

    pub(super) fn count_cycle(&self, report: &CycleReport) {
        // As the exit code of `sync` says it: the first that applies.
        let result = match report {
            CycleReport { error: Some(_), .. } => "ended_early",
            CycleReport { quarantine: Some(_), .. } => "quarantine",
            CycleReport { held: Some(_), .. } => "held",
            CycleReport { totals, .. } if totals.failure > 0 => "failures",
            CycleReport { .. } => "success",
        };
        #[expect(clippy::cast_precision_loss, reason = "no cycle takes 2^53 milliseconds")]
        let seconds = report.duration_ms as f64 / 1_000.0;
        self.pending.borrow_mut().cycle = Some((report.kind, result, seconds));
    }

    /// Takes over what the meters have, at the end of this transaction.
    pub(super) fn count_traffic(&self) {
        self.pending.borrow_mut().traffic = true;
    }

    /// Writes what this transaction is to count; returns the sums of the meters that it wrote.
    pub(super) fn raise_counters(&self, meters: &Meters) -> Result<Vec<Traffic>, StoreError> {
        let pending = self.pending.take();
        for ([kind, action, status], count) in &pending.objects {
            let labels = [("action", *action), ("object", *kind), ("status", *status)];
            self.raise(OBJECTS, &labels, whole(*count))?;
        }
        if let Some((kind, result, seconds)) = pending.cycle {
            let kind = kind.as_str();
            self.raise(CYCLES, &[("kind", kind), ("result", result)], 1.0)?;
            self.raise(CYCLE_SECONDS, &[("kind", kind)], seconds)?;
        }
        if !pending.traffic {
            return Ok(Vec::new());
        }
        let snapshots = meters.snapshots();
        for (traffic, stored) in &snapshots {
            self.raise_traffic(traffic, stored)?;
        }
        Ok(snapshots.into_iter().map(|(traffic, _)| traffic).collect())
    }

    fn raise_traffic(&self, traffic: &Traffic, stored: &Traffic) -> Result<(), StoreError> {
        for (key, count) in &traffic.answers {
            let (class, status) = key;
            let added = count - stored.answers.get(key).unwrap_or(&0);
            let code = status.map_or_else(|| "none".to_owned(), |status| status.to_string());
            let labels = [("class", class.as_str()), ("code", &code), ("service", class.service())];
            self.raise(REQUESTS, &labels, whole(added))?;
        }
        for (class, latency) in &traffic.latency {
            let before = stored.latency.get(class).cloned().unwrap_or_default();
            let (class, service) = (class.as_str(), class.service());
            for (index, count) in latency.within.iter().enumerate() {
                let bound = LATENCY_BOUNDS.get(index).map(ToString::to_string);
                let le = bound.as_deref().unwrap_or(BEYOND);
                let labels = [("class", class), ("le", le), ("service", service)];
                self.raise(ANSWERS_WITHIN, &labels, whole(count - before.within[index]))?;
            }
            let added = latency.sum.saturating_sub(before.sum).as_secs_f64();
            self.raise(ANSWER_SECONDS, &[("class", class), ("service", service)], added)?;
        }
        for (service, waited) in &traffic.throttled {
            let before = stored.throttled.get(service).copied().unwrap_or_default();
            let added = waited.saturating_sub(before).as_secs_f64();
            self.raise(THROTTLED_SECONDS, &[("service", service)], added)?;
        }
        Ok(())
    }

    /// Raises one counter; `labels` in the order of their names.
    fn raise(&self, name: &str, labels: &[(&str, &str)], by: f64) -> Result<(), StoreError> {
        if by <= 0.0 {
            return Ok(());
        }
        let labels: BTreeMap<&str, &str> = labels.iter().copied().collect();
        let labels =
            serde_json::to_string(&labels).map_err(|e| StoreError::stored("counter", e))?;
        self.connection
            .prepare_cached(
                "INSERT INTO counter (name, labels, value) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (name, labels) DO UPDATE SET value = value + ?3",
            )?
            .execute(params![name, labels, by])?;
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "nothing here happens 2^53 times")]
fn whole(count: u64) -> f64 {
    count as f64
}
