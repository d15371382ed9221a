//! The rows: their names, what each has to reach, and how a figure is shown beside it.

/// Where a figure has to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) bound: Bound,
    pub(crate) unit: &'static str,
}

/// Every row, in the order in which they are shown.
pub(crate) const ROWS: [Row; 16] = [
    row("memory-initial", Bound::AtMost(128.0), "MiB"),
    row("memory-noop", Bound::AtMost(64.0), "MiB"),
    row("import", Bound::AtLeast(40_000.0), "users/s of CPU"),
    row("draft", Bound::AtLeast(30_000.0), "objects/s of CPU"),
    row("export-zero", Bound::AtLeast(0.90), "of a bare loop"),
    row("export-latency", Bound::AtLeast(0.95), "of 640/s"),
    row("export-limit", Bound::AtLeast(0.95), "of 25/s"),
    row("export-throttled", Bound::AtMost(1.0), "% of requests"),
    row("noop-cpu", Bound::AtMost(1.5), "x"),
    row("churn-cpu", Bound::AtMost(1.5), "x"),
    row("adopt-cpu", Bound::AtMost(1.5), "x"),
    row("graph-requests", Bound::AtMost(0.0), "over what is allowed"),
    row("target-requests", Bound::AtMost(0.0), "requests"),
    row("state-size", Bound::AtMost(2_048.0), "bytes/user"),
    row("log-size", Bound::AtMost(1_024.0), "bytes/event"),
    row("first-request", Bound::AtMost(50.0), "ms"),
];

const fn row(name: &'static str, bound: Bound, unit: &'static str) -> Row {
    Row { name, bound, unit }
}

/// What was measured for a row.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) value: f64,
    /// Of what: users, pages, bytes, concurrency.
    pub(crate) of: String,
}

impl Figure {
    pub(crate) fn new(name: &'static str, value: f64, of: impl Into<String>) -> Self {
        Self { name, value, of: of.into() }
    }

    /// Prints the row; whether it reaches what it has to.
    pub(crate) fn show(&self) -> bool {
        let Some(row) = ROWS.iter().find(|row| row.name == self.name) else { return false };
        let (reached, bound) = match row.bound {
            Bound::AtLeast(least) => (self.value >= least, format!("at least {}", shown(least))),
            Bound::AtMost(most) => (self.value <= most, format!("at most {}", shown(most))),
        };
        let verdict = if reached { "ok   " } else { "SHORT" };
        let (name, value) = (self.name, shown(self.value));
        println!("{verdict}  {name:16} {value:>10} {}, {bound}: {}", row.unit, self.of);
        reached
    }
}

/// A number with as many digits as say something.
pub(crate) fn shown(value: f64) -> String {
    if value.abs() >= 100.0 || value.fract().abs() < f64::EPSILON {
        format!("{value:.0}")
    } else if value.abs() >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.3}")
    }
}
