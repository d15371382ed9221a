//! One application's state as numbers.

use std::{collections::BTreeMap, path::Path};

use chrono::NaiveTime;

use super::family::{
    self, CYCLE_SECONDS, CYCLES, DURATION, ENABLED, ESCROWS, EXPIRY, HELD, IN_SCOPE, JOB_STATE,
    LAST_DURATION, LAST_OBJECTS, LAST_START, LAST_SUCCESS, LINKED, LOG_PENDING, LOG_ROWS, NEXT,
    OBJECTS, PROGRESS, QUARANTINE, QUARANTINE_REASON, QUARANTINE_SINCE, READABLE, REQUESTS,
    RUNNING, SERVED, STATE_BYTES, Samples, THROTTLED, UNDELIVERED, WAITING, WATERMARK,
};
use crate::{
    model::{LATENCY_BOUNDS, Timestamp},
    store::{self, Counter, CycleReport, JobState, Reader, StoreError},
    web::{Standing, shown::ShownApp},
};

/// The name of a credential whose end the configuration knows.
const SECRET_TOKEN: &str = "secret_token";

/// What is read of one application's state.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    pub(super) standing: Standing,
    pub(super) counters: Vec<Counter>,
    pub(super) expiries: BTreeMap<String, Timestamp>,
    pub(super) log_rows: u64,
    pub(super) log_pending: Option<u64>,
    pub(super) state_bytes: u64,
}

impl Numbers {
    /// Reads them; of a state that is not there yet, only what the configuration says.
    pub(super) fn read(
        app: &ShownApp,
        reader: Option<&Reader>,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let mut numbers = Self { standing: Standing::of(app, reader, now)?, ..Self::default() };
        if let Some(reader) = reader {
            numbers.state_bytes = size(&app.state_file);
            reader.read(|view| {
                numbers.counters = view.counters()?;
                numbers.expiries = view.credential_expiries()?;
                numbers.log_rows = view.log_size()?;
                if app.log_forwarded {
                    let left = view.log_end()? - view.log_forwarded()?;
                    numbers.log_pending = Some(left.try_into().unwrap_or_default());
                }
                Ok(())
            })?;
        }
        if let Some(day) = app.secret_token_expires {
            numbers
                .expiries
                .insert(SECRET_TOKEN.to_owned(), day.and_time(NaiveTime::MIN).and_utc());
        }
        Ok(numbers)
    }

    /// Adds them.
    pub(super) fn add(&self, samples: &mut Samples) {
        let (standing, app) = (&self.standing, self.standing.app.as_str());
        samples.add(READABLE, &[app], 1.0);
        samples.add(ENABLED, &[app], flag(standing.enabled));
        samples.add(SERVED, &[app], flag(standing.served));
        for (state, name) in [
            (JobState::NotRun, "not_run"),
            (JobState::Active, "active"),
            (JobState::Paused, "paused"),
            (JobState::Quarantine, "quarantine"),
        ] {
            samples.add(JOB_STATE, &[app, name], flag(standing.state == state));
        }
        self.add_cycle(samples);
        samples.add(LINKED, &[app, "user"], count(standing.links.linked));
        samples.add(LINKED, &[app, "group"], count(standing.links.groups));
        let escrows = &standing.escrows;
        samples.add(ESCROWS, &[app, "waiting"], count(escrows.all - escrows.given_up));
        samples.add(ESCROWS, &[app, "given_up"], count(escrows.given_up));
        let held = standing.held.as_ref();
        for (change, of) in [
            ("removal", held.map(|held| held.removals)),
            ("create", held.map(|held| held.creates)),
            ("membership_removal", held.map(|held| held.membership_removals)),
        ] {
            samples.add(HELD, &[app, change], count(of.unwrap_or_default()));
        }
        samples.add(WAITING, &[app], count(standing.waiting));
        samples.add(QUARANTINE, &[app], flag(standing.quarantine.is_some()));
        if let Some(quarantine) = &standing.quarantine {
            samples.add(QUARANTINE_REASON, &[app, &format!("{:?}", quarantine.reason)], 1.0);
            samples.add(QUARANTINE_SINCE, &[app], seconds(quarantine.series_began));
        }
        for (credential, ends) in &self.expiries {
            samples.add(EXPIRY, &[app, credential], seconds(*ends));
        }
        samples.add(UNDELIVERED, &[app, "waiting"], count(standing.outbox.waiting));
        samples.add(UNDELIVERED, &[app, "given_up"], count(standing.outbox.given_up));
        samples.add(STATE_BYTES, &[app], count(self.state_bytes));
        samples.add(LOG_ROWS, &[app], count(self.log_rows));
        if let Some(pending) = self.log_pending {
            samples.add(LOG_PENDING, &[app], count(pending));
        }
        self.add_counters(samples);
        self.add_durations(samples);
    }

    fn add_cycle(&self, samples: &mut Samples) {
        let (standing, app) = (&self.standing, self.standing.app.as_str());
        samples.add(RUNNING, &[app], flag(standing.running.is_some()));
        if let Some(progress) = &standing.running
            && let Some(total) = progress.total.filter(|total| *total > 0)
        {
            let ratio = (count(progress.done) / count(total)).min(1.0);
            samples.add(PROGRESS, &[app, &progress.phase], ratio);
        }
        if let Some(next) = standing.next_run {
            samples.add(NEXT, &[app], seconds(next));
        }
        if let Some(watermark) = standing.watermark {
            samples.add(WATERMARK, &[app], seconds(watermark));
        }
        let Some(report) = &standing.last_cycle else { return };
        let CycleReport { totals, .. } = report;
        samples.add(LAST_START, &[app], seconds(report.began));
        samples.add(LAST_DURATION, &[app], count(report.duration_ms) / 1_000.0);
        samples.add(LAST_SUCCESS, &[app], flag(report.error.is_none()));
        samples.add(IN_SCOPE, &[app], count(totals.in_scope));
        for (result, of) in [
            ("create", totals.create),
            ("adopt", totals.adopt),
            ("update", totals.update),
            ("disable", totals.disable),
            ("enable", totals.enable),
            ("delete", totals.delete),
            ("skip", totals.skip),
            ("failure", totals.failure),
            ("held", totals.held),
        ] {
            samples.add(LAST_OBJECTS, &[app, result], count(of));
        }
    }

    fn add_counters(&self, samples: &mut Samples) {
        for counter in &self.counters {
            let family = match counter.name.as_str() {
                store::OBJECTS => OBJECTS,
                store::CYCLES => CYCLES,
                store::CYCLE_SECONDS => CYCLE_SECONDS,
                store::REQUESTS => REQUESTS,
                store::THROTTLED_SECONDS => THROTTLED,
                // Those of a histogram, and what another version counted.
                _ => continue,
            };
            samples.add(family, &self.labels_of(family, counter), counter.value);
        }
    }

    /// The stored classes of latency, one histogram for each service and class.
    fn add_durations(&self, samples: &mut Samples) {
        for sum in self.counters.iter().filter(|counter| counter.name == store::ANSWER_SECONDS) {
            let within = |le: &str| {
                let is_it = |counter: &&Counter| {
                    counter.name == store::ANSWERS_WITHIN
                        && counter.labels.get("le").is_some_and(|found| found == le)
                        && sum.labels.iter().all(|(label, value)| {
                            counter.labels.get(label).is_some_and(|found| found == value)
                        })
                };
                self.counters.iter().find(is_it).map_or(0, |counter| whole(counter.value))
            };
            let bounds = LATENCY_BOUNDS.map(|bound| (bound, within(&bound.to_string())));
            let all = bounds.iter().map(|(_, count)| count).sum::<u64>() + within(store::BEYOND);
            let labels = self.labels_of(DURATION, sum);
            samples.add_histogram(DURATION, &labels, &bounds, (all, sum.value));
        }
    }

    fn labels_of<'a>(&'a self, family: &family::Family, counter: &'a Counter) -> Vec<&'a str> {
        let value = |label: &&str| match *label {
            "app" => self.standing.app.as_str(),
            label => counter.labels.get(label).map_or("", String::as_str),
        };
        family.labels.iter().map(value).collect()
    }
}

/// The state file with what was not folded into it yet.
fn size(path: &Path) -> u64 {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let of = |path: &Path| std::fs::metadata(path).map_or(0, |found| found.len());
    of(path) + of(Path::new(&log))
}

fn flag(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

#[expect(clippy::cast_precision_loss, reason = "no count here reaches 2^53")]
fn count(of: u64) -> f64 {
    of as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it was stored as a whole number that is not negative"
)]
fn whole(value: f64) -> u64 {
    value as u64
}

#[expect(clippy::cast_precision_loss, reason = "no moment here is 2^53 milliseconds away")]
fn seconds(at: Timestamp) -> f64 {
    at.timestamp_millis() as f64 / 1_000.0
}
