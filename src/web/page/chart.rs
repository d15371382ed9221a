//! Charts of past cycles, as SVG: one row of bars for each figure, over the same cycles.
//!
//! Each figure has a row of its own, so that none is told from another by its colour, and the same
//! figures stand in a table below. Nothing here is a style: a bar's place and height are
//! attributes of the drawing.

use super::words::Times;
use crate::{
    model::{duration, thousands},
    store::CycleReport,
};

/// Bars in a row at most: more cycles than that are drawn several to a bar.
const BARS_MAX: usize = 120;

/// The drawing's own units: a bar's place is ten wide, and a row so high.
const STEP: usize = 10;
const BAR_WIDTH: usize = 8;
const ROW_HEIGHT: u64 = 100;

/// Charts of some cycles.
#[derive(Clone, Debug, Default)]
pub(super) struct Charts {
    pub(super) rows: Vec<ChartRow>,
    /// The same as a table: the columns' names, then a line per bar.
    pub(super) columns: Vec<&'static str>,
    pub(super) table: Vec<TableLine>,
    /// How many cycles there are, and how many stand for one bar.
    pub(super) cycles: String,
    pub(super) per_bar: usize,
    pub(super) first: String,
    pub(super) last: String,
}

/// A line of the table.
#[derive(Clone, Debug)]
pub(super) struct TableLine {
    pub(super) utc: String,
    pub(super) began: String,
    pub(super) values: Vec<String>,
}

/// One figure over the cycles.
#[derive(Clone, Debug)]
pub(super) struct ChartRow {
    /// For the ids of its title and description.
    pub(super) key: &'static str,
    pub(super) name: &'static str,
    pub(super) tone: &'static str,
    pub(super) width: usize,
    pub(super) height: u64,
    pub(super) bars: Vec<Bar>,
    pub(super) most: String,
    pub(super) latest: String,
    /// What a person who does not see it is told.
    pub(super) description: String,
}

/// One bar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bar {
    pub(super) x: usize,
    pub(super) y: u64,
    pub(super) width: usize,
    pub(super) height: u64,
    /// What it stands for.
    pub(super) label: String,
}

/// How cycles that stand for one bar become one figure.
#[derive(Clone, Copy)]
enum Together {
    Sum,
    Most,
    Last,
}

/// A figure of a cycle; `None` where its report does not say.
struct Series {
    key: &'static str,
    name: &'static str,
    tone: &'static str,
    together: Together,
    shown: fn(u64) -> String,
    of: fn(&CycleReport) -> Option<u64>,
}

const SERIES: [Series; 9] = [
    series(("created", "Created or adopted"), "good", Together::Sum, |r| {
        Some(r.totals.create + r.totals.adopt)
    }),
    series(("updated", "Updated or enabled"), "warn", Together::Sum, |r| {
        Some(r.totals.update + r.totals.enable)
    }),
    series(("disabled", "Disabled or deleted"), "bad", Together::Sum, |r| {
        Some(r.totals.disable + r.totals.delete)
    }),
    series(("failed", "Failed"), "bad", Together::Sum, |r| Some(r.totals.failure)),
    Series {
        key: "duration",
        name: "Duration",
        tone: "calm",
        together: Together::Most,
        shown: duration,
        of: |r| Some(r.duration_ms),
    },
    series(("graph", "Requests to Microsoft Graph"), "busy", Together::Sum, |r| {
        Some(r.requests.graph)
    }),
    series(("target", "Requests to the application"), "busy", Together::Sum, |r| {
        Some(r.requests.target)
    }),
    series(("accounts", "Accounts linked"), "calm", Together::Last, |r| {
        r.linked.map(|linked| linked.linked)
    }),
    series(("groups", "Groups linked"), "calm", Together::Last, |r| {
        r.linked.map(|linked| linked.groups)
    }),
];

const fn series(
    (key, name): (&'static str, &'static str),
    tone: &'static str,
    together: Together,
    of: fn(&CycleReport) -> Option<u64>,
) -> Series {
    Series { key, name, tone, together, shown: thousands, of }
}

impl Charts {
    /// Charts of these reports, which are newest first.
    pub(super) fn of(reports: &[CycleReport], times: &Times) -> Self {
        let reports: Vec<&CycleReport> = reports.iter().rev().collect();
        let per_bar = reports.len().div_ceil(BARS_MAX).max(1);
        let parts: Vec<&[&CycleReport]> = reports.chunks(per_bar).collect();
        let began = |part: &[&CycleReport]| part.first().map(|report| times.shown(report.began));
        let mut charts = Self {
            cycles: thousands(reports.len() as u64),
            per_bar,
            first: parts.first().and_then(|part| began(part)).map(|m| m.full).unwrap_or_default(),
            last: parts.last().and_then(|part| began(part)).map(|m| m.full).unwrap_or_default(),
            ..Self::default()
        };
        for part in &parts {
            let Some(moment) = began(part) else { continue };
            let values = Vec::new();
            charts.table.push(TableLine { utc: moment.utc, began: moment.full, values });
        }
        for series in &SERIES {
            let figures: Vec<Option<u64>> = parts.iter().map(|part| series.figure(part)).collect();
            // No groups, or reports that are older than the figure: nothing to see.
            if matches!(series.together, Together::Last)
                && figures.iter().flatten().all(|n| *n == 0)
            {
                continue;
            }
            charts.columns.push(series.name);
            for (line, figure) in charts.table.iter_mut().zip(&figures) {
                line.values.push(figure.map_or_else(|| "–".to_owned(), series.shown));
            }
            charts.rows.push(series.row(&figures, &charts.table));
        }
        charts.table.reverse();
        charts
    }
}

impl Series {
    fn figure(&self, part: &[&CycleReport]) -> Option<u64> {
        let mut figures = part.iter().filter_map(|report| (self.of)(report));
        match self.together {
            Together::Sum => figures.reduce(u64::saturating_add),
            Together::Most => figures.max(),
            Together::Last => figures.next_back(),
        }
    }

    fn row(&self, figures: &[Option<u64>], lines: &[TableLine]) -> ChartRow {
        let most = figures.iter().flatten().copied().max().unwrap_or_default();
        let latest = figures.last().copied().flatten();
        let bars = figures.iter().zip(lines).enumerate().filter_map(|(place, (figure, line))| {
            let figure = figure.filter(|figure| *figure > 0)?;
            // What is there at all is seen: a bar is never lower than a hair.
            let height = scaled(figure, most).max(2);
            Some(Bar {
                x: place * STEP,
                y: ROW_HEIGHT - height,
                width: BAR_WIDTH,
                height,
                label: format!("{}: {}", line.began, (self.shown)(figure)),
            })
        });
        let (most, latest) =
            ((self.shown)(most), latest.map_or_else(|| "–".to_owned(), self.shown));
        ChartRow {
            key: self.key,
            name: self.name,
            tone: self.tone,
            width: figures.len().max(1) * STEP,
            height: ROW_HEIGHT,
            bars: bars.collect(),
            description: format!(
                "{} bars, the latest on the right. At most {most}; at the latest {latest}. The \
                 table below has every figure.",
                figures.len()
            ),
            most,
            latest,
        }
    }
}

/// A figure's height, where the largest is as high as the row.
fn scaled(figure: u64, most: u64) -> u64 {
    let height = u128::from(figure) * u128::from(ROW_HEIGHT) / u128::from(most.max(1));
    u64::try_from(height).unwrap_or(ROW_HEIGHT).min(ROW_HEIGHT)
}
