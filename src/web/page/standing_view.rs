//! How an application is doing, as overview and application page show it.

use super::{
    live::Live,
    overview::Known,
    words::{Mark, Moment, Times, state_mark},
};
use crate::{
    model::{counted, duration, thousands},
    store::{CycleKind, CycleReport, Totals},
};

/// How an application is doing.
pub(super) struct StandingView {
    pub(super) app: String,
    pub(super) mark: Mark,
    pub(super) live: Live,
    pub(super) last: Option<CycleView>,
    pub(super) next: NextView,
    pub(super) figures: Vec<Figure>,
    pub(super) watermark: Option<Moment>,
}

/// When the next cycle comes.
pub(super) enum NextView {
    /// Then.
    At(Moment),
    /// It is due.
    Due,
    /// Not while things are as they are: why.
    Never(&'static str),
}

/// A number with its name, and where its rows are.
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) value: String,
    /// A colour's name where the number wants to be seen.
    pub(super) tone: &'static str,
    /// An address below the application's.
    pub(super) path: Option<&'static str>,
}

/// A finished cycle.
pub(super) struct CycleView {
    pub(super) id: String,
    pub(super) kind: &'static str,
    pub(super) began: Moment,
    pub(super) took: String,
    pub(super) graph: String,
    pub(super) target: String,
    pub(super) linked: Option<String>,
    /// What was done, each with its number.
    pub(super) done: Vec<(String, &'static str)>,
    pub(super) in_scope: String,
    pub(super) skipped: String,
    pub(super) error: Option<String>,
    pub(super) warnings: Vec<String>,
    pub(super) changes: Vec<String>,
}

impl StandingView {
    pub(super) fn of(known: Known, times: &Times) -> Self {
        let Known { standing, live, .. } = known;
        let mark =
            state_mark(standing.enabled, standing.served, live.running.is_some(), standing.state);
        let next = match standing.next_run {
            _ if !standing.enabled => NextView::Never("`provisioning` is off"),
            _ if standing.paused.is_some() => NextView::Never("paused"),
            _ if !standing.served => NextView::Never("once the service runs"),
            Some(next) if next > times.now => NextView::At(times.shown(next)),
            Some(_) => NextView::Due,
            None => NextView::Never("not scheduled"),
        };
        let failing = standing.escrows.all;
        let held = standing
            .held
            .as_ref()
            .map_or(0, |held| held.removals + held.membership_removals + held.creates);
        let tone = |count: u64, tone: &'static str| if count > 0 { tone } else { "" };
        let mut figures = vec![
            figure("accounts linked", standing.links.linked, "", None),
            figure("groups linked", standing.links.groups, "", None),
            figure("failing", failing, tone(failing, "bad"), Some("/failing")),
            figure("held", held, tone(held, "warn"), Some("/plan?pick=held")),
        ];
        if standing.waiting > 0 {
            figures.push(figure("waiting for their hours", standing.waiting, "warn", None));
        }
        Self {
            app: standing.app,
            mark,
            live,
            last: standing.last_cycle.as_ref().map(|report| CycleView::of(report, times)),
            next,
            figures,
            watermark: standing.watermark.map(|at| times.shown(at)),
        }
    }
}

fn figure(
    name: &'static str,
    count: u64,
    tone: &'static str,
    path: Option<&'static str>,
) -> Figure {
    Figure { name, value: thousands(count), tone, path: path.filter(|_| count > 0) }
}

impl CycleView {
    pub(super) fn of(report: &CycleReport, times: &Times) -> Self {
        let revision = report.revision.as_ref();
        let linked = report.linked.map(|linked| {
            let groups = match linked.groups {
                0 => String::new(),
                groups => format!(" and {}", counted(groups, "group")),
            };
            format!("{}{groups}", counted(linked.linked, "account"))
        });
        Self {
            id: report.id.to_string(),
            kind: match report.kind {
                CycleKind::Initial => "initial",
                CycleKind::Incremental => "incremental",
            },
            began: times.shown(report.began),
            took: duration(report.duration_ms),
            graph: thousands(report.requests.graph),
            target: thousands(report.requests.target),
            linked,
            done: done(&report.totals),
            in_scope: thousands(report.totals.in_scope),
            skipped: thousands(report.totals.skip),
            error: report.error.clone(),
            warnings: report.warnings.clone(),
            changes: revision.map(|revision| revision.changes.clone()).unwrap_or_default(),
        }
    }
}

/// What a cycle did, without what it did not do.
fn done(totals: &Totals) -> Vec<(String, &'static str)> {
    [
        (totals.create, "created"),
        (totals.adopt, "adopted"),
        (totals.update, "updated"),
        (totals.enable, "enabled"),
        (totals.disable, "disabled"),
        (totals.delete, "deleted"),
        (totals.held, "held"),
        (totals.failure, "failed"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, word)| (thousands(count), word))
    .collect()
}
