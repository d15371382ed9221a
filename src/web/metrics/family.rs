//! The families of metrics: names, help and labels. Names follow Prometheus' conventions: base
//! units, `_total` for what only grows.

use prometheus::{
    Result, TextEncoder,
    proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType},
};

/// What a family is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// A name, what its samples are and how they are labelled, and what they say.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) labels: &'static [&'static str],
    pub(super) help: &'static str,
}

pub(super) const BUILD: &Family =
    &gauge("entra_scim_build_info", &["version"], "1, with the version that runs");
pub(super) const READABLE: &Family = &gauge(
    "entra_scim_state_readable",
    &["app"],
    "0 where the state file cannot be read; nothing else is said of the application then",
);
pub(super) const ENABLED: &Family = &gauge(
    "entra_scim_application_enabled",
    &["app"],
    "1 where the configuration has provisioning on",
);
pub(super) const SERVED: &Family = &gauge(
    "entra_scim_state_held",
    &["app"],
    "1 while a process holds the state file: the service, or a command",
);
pub(super) const JOB_STATE: &Family = &gauge(
    "entra_scim_job_state",
    &["app", "state"],
    "1 for the state that the job is in: not_run, active, paused or quarantine",
);
pub(super) const CYCLES: &Family = &counter(
    "entra_scim_cycles_total",
    &["app", "kind", "result"],
    "Cycles that ended, by what they read and the worst that came of them",
);
pub(super) const CYCLE_SECONDS: &Family = &counter(
    "entra_scim_cycle_seconds_total",
    &["app", "kind"],
    "The time that cycles took, all together",
);
pub(super) const RUNNING: &Family =
    &gauge("entra_scim_cycle_running", &["app"], "1 while a cycle is under way");
pub(super) const PROGRESS: &Family = &gauge(
    "entra_scim_cycle_progress_ratio",
    &["app", "phase"],
    "How far the phase of the cycle under way is, where its end is known",
);
pub(super) const LAST_START: &Family = &gauge(
    "entra_scim_last_cycle_start_timestamp_seconds",
    &["app"],
    "When the last cycle that ended began",
);
pub(super) const LAST_DURATION: &Family =
    &gauge("entra_scim_last_cycle_duration_seconds", &["app"], "How long the last cycle took");
pub(super) const LAST_SUCCESS: &Family = &gauge(
    "entra_scim_last_cycle_complete",
    &["app"],
    "1 where the last cycle came to its end, whatever failed in it; 0 where it ended early",
);
pub(super) const LAST_OBJECTS: &Family = &gauge(
    "entra_scim_last_cycle_objects",
    &["app", "result"],
    "Users and groups by what the last cycle did with them",
);
pub(super) const IN_SCOPE: &Family =
    &gauge("entra_scim_users_in_scope", &["app"], "People in scope at the last cycle");
pub(super) const NEXT: &Family = &gauge(
    "entra_scim_next_cycle_timestamp_seconds",
    &["app"],
    "When the next cycle is due; absent while the application is paused or switched off",
);
pub(super) const WATERMARK: &Family = &gauge(
    "entra_scim_watermark_timestamp_seconds",
    &["app"],
    "Up to when everything was read from the directory",
);
pub(super) const LINKED: &Family =
    &gauge("entra_scim_linked", &["app", "object"], "Accounts and groups that are linked");
pub(super) const OBJECTS: &Family = &counter(
    "entra_scim_objects_total",
    &["app", "object", "action", "status"],
    "Rows of the provisioning log, by what was done and how it ended",
);
pub(super) const ESCROWS: &Family = &gauge(
    "entra_scim_escrows",
    &["app", "standing"],
    "Objects that failed: waiting for their next try, or given up",
);
pub(super) const HELD: &Family = &gauge(
    "entra_scim_held_changes",
    &["app", "change"],
    "Changes that a safeguard holds until a person approves them",
);
pub(super) const WAITING: &Family = &gauge(
    "entra_scim_waiting_changes",
    &["app"],
    "Changes that wait for the hours in which removals are sent",
);
pub(super) const QUARANTINE: &Family =
    &gauge("entra_scim_quarantine", &["app"], "1 while the job is in quarantine");
pub(super) const QUARANTINE_REASON: &Family = &gauge(
    "entra_scim_quarantine_reason",
    &["app", "reason"],
    "1, with the reason, while the job is in quarantine",
);
pub(super) const QUARANTINE_SINCE: &Family = &gauge(
    "entra_scim_quarantine_start_timestamp_seconds",
    &["app"],
    "Since when the job is in quarantine",
);
pub(super) const EXPIRY: &Family = &gauge(
    "entra_scim_credential_expiry_timestamp_seconds",
    &["app", "credential"],
    "When a credential ends, where that is known",
);
pub(super) const REQUESTS: &Family = &counter(
    "entra_scim_requests_total",
    &["app", "service", "class", "code"],
    "Requests of cycles, by the status of their answer; none where no answer came",
);
pub(super) const DURATION: &Family = &histogram(
    "entra_scim_request_duration_seconds",
    &["app", "service", "class"],
    "How long requests of cycles took",
);
pub(super) const THROTTLED: &Family = &counter(
    "entra_scim_throttled_seconds_total",
    &["app", "service"],
    "How long nothing was sent after an answer with status 429",
);
pub(super) const UNDELIVERED: &Family = &gauge(
    "entra_scim_undelivered_notices",
    &["app", "standing"],
    "Mails and messages that were not accepted: waiting for their next try, or given up",
);
pub(super) const STATE_BYTES: &Family = &gauge(
    "entra_scim_state_bytes",
    &["app"],
    "The size of the state file and its log of transactions",
);
pub(super) const LOG_ROWS: &Family =
    &gauge("entra_scim_log_rows", &["app"], "About how many rows the provisioning log has");
pub(super) const LOG_PENDING: &Family = &gauge(
    "entra_scim_log_forward_pending_rows",
    &["app"],
    "About how many rows of the log wait to be forwarded; absent unless service.log_file is set",
);
pub(super) const STARTED: &Family =
    &gauge("process_start_time_seconds", &[], "When the process started");
pub(super) const MEMORY: &Family =
    &gauge("process_resident_memory_bytes", &[], "Resident memory of the process");
pub(super) const CPU: &Family =
    &counter("process_cpu_seconds_total", &[], "Processor time of the process");

/// All of them, in the order in which they are shown.
pub(super) const ALL: &[&Family] = &[
    BUILD,
    READABLE,
    ENABLED,
    SERVED,
    JOB_STATE,
    CYCLES,
    CYCLE_SECONDS,
    RUNNING,
    PROGRESS,
    LAST_START,
    LAST_DURATION,
    LAST_SUCCESS,
    LAST_OBJECTS,
    IN_SCOPE,
    NEXT,
    WATERMARK,
    LINKED,
    OBJECTS,
    ESCROWS,
    HELD,
    WAITING,
    QUARANTINE,
    QUARANTINE_REASON,
    QUARANTINE_SINCE,
    EXPIRY,
    REQUESTS,
    DURATION,
    THROTTLED,
    UNDELIVERED,
    STATE_BYTES,
    LOG_ROWS,
    LOG_PENDING,
    STARTED,
    MEMORY,
    CPU,
];

const fn counter(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Family {
    Family { name, kind: Kind::Counter, labels, help }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Family {
    Family { name, kind: Kind::Gauge, labels, help }
}

const fn histogram(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Family {
    Family { name, kind: Kind::Histogram, labels, help }
}

/// The samples of a scrape, by family.
#[derive(Default)]
pub(super) struct Samples(Vec<(&'static str, Metric)>);

impl Samples {
    /// Adds a sample of a counter or a gauge, with the values of its labels in the family's order.
    pub(super) fn add(&mut self, family: &Family, labels: &[&str], value: f64) {
        let mut metric = labelled(family, labels);
        if family.kind == Kind::Counter {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        self.0.push((family.name, metric));
    }

    /// Adds a histogram: how many were within each bound, how many there were, and their sum.
    pub(super) fn add_histogram(
        &mut self,
        family: &Family,
        labels: &[&str],
        within: &[(f64, u64)],
        (count, sum): (u64, f64),
    ) {
        let mut cumulative = 0;
        let bucket = |(bound, count): &(f64, u64)| {
            cumulative += count;
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(*bound);
            bucket.set_cumulative_count(cumulative);
            bucket
        };
        let buckets = within.iter().map(bucket).collect();
        let mut histogram = Histogram::default();
        histogram.set_bucket(buckets);
        histogram.set_sample_count(count);
        histogram.set_sample_sum(sum);
        let mut metric = labelled(family, labels);
        metric.set_histogram(histogram);
        self.0.push((family.name, metric));
    }

    /// All of them as text, family by family. One without a sample is left out.
    pub(super) fn text(mut self) -> Result<String> {
        let mut families = Vec::new();
        for family in ALL {
            let is_of = |(name, _): &mut (&str, Metric)| *name == family.name;
            let metrics: Vec<Metric> =
                self.0.extract_if(.., is_of).map(|(_, metric)| metric).collect();
            if metrics.is_empty() {
                continue;
            }
            let mut shown = MetricFamily::default();
            shown.set_name(family.name.to_owned());
            shown.set_help(family.help.to_owned());
            shown.set_field_type(match family.kind {
                Kind::Counter => MetricType::COUNTER,
                Kind::Gauge => MetricType::GAUGE,
                Kind::Histogram => MetricType::HISTOGRAM,
            });
            shown.set_metric(metrics);
            families.push(shown);
        }
        TextEncoder::new().encode_to_string(&families)
    }
}

fn labelled(family: &Family, values: &[&str]) -> Metric {
    debug_assert_eq!(family.labels.len(), values.len(), "{}", family.name);
    let pair = |(name, value): (&&str, &&str)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    };
    Metric::from_label(family.labels.iter().zip(values).map(pair).collect())
}
