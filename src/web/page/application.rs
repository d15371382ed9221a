//! The page of one application: how it stands, what it needs, its past cycles, and where its
//! escrows and its plan begin.

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    response::Response,
};
use serde::Deserialize;

use super::{
    chart::Charts,
    failing::{EscrowView, FailingRead, NextTry},
    frame::{Frame, page},
    needs::Need,
    overview::Known,
    plan::{HeldView, PlanRead, PlanRow, Tab, tabs},
    standing_view::{CycleView, NextView, StandingView},
    words::{Moment, Times},
};
use crate::{
    provisioning::Quarantine,
    store::{CycleReport, Reader, StoreError},
    web::{answer::Refusal, shown::ShownApp, site::Site},
};

/// Past cycles that can be looked at, the first where nobody says how many.
const CYCLES: [u32; 3] = [60, 240, 1_000];

/// Cycles that are listed with what they did.
const CYCLES_LISTED: usize = 10;

/// Rows of the plan, and objects that failed, of which the rest is on a page of its own.
const ROWS: usize = 10;

#[derive(Template)]
#[template(path = "application.html")]
struct ApplicationPage {
    frame: Frame,
    view: StandingView,
    needs: Vec<Need>,
    charts: Charts,
    chosen: u32,
    choices: [u32; 3],
    cycles: Vec<CycleView>,
    quarantine: Option<QuarantineView>,
    past: Vec<PastQuarantine>,
    failing: Vec<EscrowView>,
    failing_all: u64,
    held: Option<HeldView>,
    plan: Option<PlanShown>,
}

/// The beginning of the plan.
struct PlanShown {
    drafted: Option<Moment>,
    tabs: Vec<Tab>,
    rows: Vec<PlanRow>,
    pick: &'static str,
    more: bool,
}

/// The quarantine that the job is in.
struct QuarantineView {
    reason: &'static str,
    problem: String,
    series_began: Moment,
    current_began: Moment,
    count: u32,
    next: Option<Moment>,
}

/// One that is over.
struct PastQuarantine {
    reason: &'static str,
    code: String,
    began: Moment,
    /// The cycle with which it ended.
    ended: Moment,
    cycles: u32,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    cycles: Option<u32>,
}

struct Read {
    known: Known,
    reports: Vec<CycleReport>,
    failing: Option<FailingRead>,
    plan: Option<PlanRead>,
}

impl Read {
    fn of(
        app: &ShownApp,
        reader: Option<&Reader>,
        cycles: u32,
        times: &Times,
    ) -> Result<Self, StoreError> {
        let known = Known::read(app, reader, times)?;
        let Some(reader) = reader else {
            return Ok(Self { known, reports: Vec::new(), failing: None, plan: None });
        };
        reader.read(|view| {
            Ok(Self {
                known,
                reports: view.cycles(cycles)?,
                failing: Some(FailingRead::read(view, None, ROWS)?),
                plan: Some(PlanRead::read(view, None, i64::MIN, ROWS + 1)?),
            })
        })
    }
}

pub(super) async fn answer(
    State(site): State<Site>,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    let (app, times) = (site.app(&name)?, site.times());
    let chosen = asked.cycles.filter(|count| CYCLES.contains(count)).unwrap_or(CYCLES[0]);
    let of = app.clone();
    let read = site.read(&app, move |reader| Read::of(&of, reader, chosen, &times)).await?;
    let needs = read.known.needs(&app, &times);
    let standing = &read.known.standing;
    let quarantine = standing.quarantine.as_ref().map(|quarantine| QuarantineView {
        reason: quarantine.reason.as_str(),
        problem: quarantine.problem(),
        series_began: times.shown(quarantine.series_began),
        current_began: times.shown(quarantine.current_began),
        count: quarantine.series_count,
        next: standing.next_attempt.map(|at| times.shown(at)),
    });
    let listed = read.reports.iter().take(CYCLES_LISTED);
    page(&ApplicationPage {
        frame: site.frame_of(&times, &name, "status", "Status"),
        needs,
        charts: Charts::of(&read.reports, &times),
        chosen,
        choices: CYCLES,
        cycles: listed.map(|report| CycleView::of(report, &times)).collect(),
        past: past_quarantines(&read.reports, standing.quarantine.as_ref(), &times),
        quarantine,
        failing: read.failing.as_ref().map(|read| read.views(&times)).unwrap_or_default(),
        failing_all: standing.escrows.all,
        held: standing.held.as_ref().map(|held| HeldView::of(&name, held)),
        plan: read.plan.as_ref().map(|read| PlanShown::of(read, &times)),
        view: StandingView::of(read.known, &times),
    })
}

impl PlanShown {
    fn of(read: &PlanRead, times: &Times) -> Self {
        let tabs = tabs(&read.counts, read.pick);
        Self {
            drafted: read.drafted.map(|at| times.shown(at)),
            pick: tabs.iter().find(|tab| tab.is_here).map_or("create", |tab| tab.word),
            tabs,
            rows: read.rows.iter().take(ROWS).map(|(_, row)| PlanRow::of(row)).collect(),
            more: read.rows.len() > ROWS,
        }
    }
}

/// The quarantines of these cycles, which are newest first, without the one that goes on.
fn past_quarantines(
    reports: &[CycleReport],
    present: Option<&Quarantine>,
    times: &Times,
) -> Vec<PastQuarantine> {
    let mut past: Vec<PastQuarantine> = Vec::new();
    let mut series = present.map(|quarantine| quarantine.series_began);
    // The cycle after the one that is looked at: where a series goes on no more, it ended it.
    let mut after: Option<&CycleReport> = None;
    for report in reports {
        if let Some(quarantine) = &report.quarantine
            && series != Some(quarantine.series_began)
            && let Some(ended) = after
        {
            series = Some(quarantine.series_began);
            past.push(PastQuarantine {
                reason: quarantine.reason.as_str(),
                code: quarantine.code.to_string(),
                began: times.shown(quarantine.series_began),
                ended: times.shown(ended.began),
                cycles: quarantine.series_count,
            });
        }
        after = Some(report);
    }
    past
}
