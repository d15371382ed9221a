//! The last drafted plan as a diff, as `plan` prints it, one action at a time and a page at a time;
//! and of it what a safeguard holds.

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    response::Response,
};
use serde::Deserialize;

use super::{
    frame::{Frame, page},
    words::{Mark, Moment, action_mark, status_mark},
};
use crate::{
    model::{ObjectKind, Timestamp, plain, short, thousands},
    provisioning::{Action, ChangeStatus, PlannedChange},
    store::{HeldReport, ModifiedProperty, PlanCounts, PlanPick, StoreError, View, is_held},
    web::{answer::Refusal, site::Site},
};

/// Rows of the plan on one page.
const ROWS: usize = 50;

/// Characters of one value: a certificate or a photo would hide the rest.
const VALUE_CHARS_MAX: usize = 200;

/// Attributes of one row that are shown at once.
const ATTRIBUTES_MAX: usize = 60;

#[derive(Template)]
#[template(path = "plan.html")]
struct PlanPage {
    frame: Frame,
    app: String,
    tabs: Vec<Tab>,
    pick: String,
    rows: Vec<PlanRow>,
    /// Where the next page begins.
    next: Option<i64>,
    is_first: bool,
    drafted: Option<Moment>,
    held: Option<HeldView>,
    running: bool,
}

/// One way to look at the plan.
pub(super) struct Tab {
    pub(super) word: &'static str,
    pub(super) sign: &'static str,
    pub(super) tone: &'static str,
    pub(super) count: String,
    pub(super) is_here: bool,
}

/// A row of the plan.
pub(super) struct PlanRow {
    pub(super) action: Mark,
    /// Where it is another than what the action says.
    pub(super) status: Option<Mark>,
    pub(super) is_group: bool,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) why: String,
    pub(super) changes: Vec<ChangeLine>,
    pub(super) more_changes: usize,
    pub(super) error: Option<ErrorView>,
}

/// One attribute that changes.
pub(super) struct ChangeLine {
    pub(super) path: String,
    pub(super) old: Option<String>,
    pub(super) new: Option<String>,
}

/// What failed, and what to do.
pub(super) struct ErrorView {
    pub(super) code: String,
    pub(super) detail: String,
    pub(super) advice: Option<&'static str>,
}

/// What a safeguard holds, with the command that releases it.
pub(super) struct HeldView {
    pub(super) what: String,
    pub(super) reason: String,
    pub(super) linked: String,
    pub(super) command: String,
    pub(super) plan: String,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    pick: Option<String>,
    after: Option<i64>,
}

/// Which rows are shown where nobody says so: the first action that has any.
fn first_pick(counts: &PlanCounts) -> PlanPick {
    if counts.held > 0 {
        return PlanPick::Held;
    }
    let some = counts.actions.iter().find(|(_, count)| *count > 0);
    some.map_or(PlanPick::Action(Action::Create), |(action, _)| PlanPick::Action(*action))
}

fn parse(word: &str) -> Option<PlanPick> {
    match word {
        "held" => Some(PlanPick::Held),
        "failed" => Some(PlanPick::Failed),
        action => Action::parse(action).map(PlanPick::Action),
    }
}

fn word(pick: PlanPick) -> &'static str {
    match pick {
        PlanPick::Held => "held",
        PlanPick::Failed => "failed",
        PlanPick::Action(action) => action.as_str(),
    }
}

/// What a page of the plan needs of the state.
pub(super) struct PlanRead {
    pub(super) counts: PlanCounts,
    pub(super) pick: PlanPick,
    pub(super) rows: Vec<(i64, PlannedChange)>,
    pub(super) drafted: Option<Timestamp>,
    pub(super) held: Option<HeldReport>,
    pub(super) running: bool,
}

impl PlanRead {
    pub(super) fn read(
        view: &View<'_>,
        pick: Option<PlanPick>,
        after: i64,
        limit: usize,
    ) -> Result<Self, StoreError> {
        let counts = view.plan_counts()?;
        let pick = pick.unwrap_or_else(|| first_pick(&counts));
        let by = view.fact("planned_by")?;
        let report = by.map(|id| view.cycle(&id)).transpose()?.flatten();
        Ok(Self {
            rows: view.plan_page(pick, after, limit)?,
            counts,
            pick,
            drafted: report.map(|report| report.began),
            held: view.held_report()?,
            running: view.progress()?.is_some(),
        })
    }
}

pub(super) async fn answer(
    State(site): State<Site>,
    Path(name): Path<String>,
    asked: Query<Asked>,
) -> Result<Response, Refusal> {
    let (app, times) = (site.app(&name)?, site.times());
    let pick = asked.pick.as_deref().filter(|word| !word.is_empty());
    let pick = pick.map(|word| parse(word).ok_or_else(|| unknown(word))).transpose()?;
    let after = asked.after.unwrap_or(i64::MIN);
    let read = site
        .read(&app, move |reader| {
            let Some(reader) = reader else { return Ok(None) };
            let mut read = reader.read(|view| PlanRead::read(view, pick, after, ROWS + 1))?;
            // A process that was killed leaves its progress behind.
            read.running &= is_held(reader.path());
            Ok(Some(read))
        })
        .await?;
    let frame = site.frame_of(&times, &name, "plan", "Plan");
    let Some(mut read) = read else { return Err(no_state(&name)) };
    let more = read.rows.len() > ROWS;
    read.rows.truncate(ROWS);
    let next = read.rows.last().filter(|_| more).map(|(seq, _)| *seq);
    page(&PlanPage {
        tabs: tabs(&read.counts, read.pick),
        pick: word(read.pick).to_owned(),
        rows: read.rows.iter().map(|(_, change)| PlanRow::of(change)).collect(),
        next,
        is_first: asked.after.is_none(),
        drafted: read.drafted.map(|at| times.shown(at)),
        held: read.held.as_ref().map(|held| HeldView::of(&name, held)),
        running: read.running,
        frame,
        app: name,
    })
}

fn unknown(word: &str) -> Refusal {
    let known: Vec<&str> = Action::ALL.iter().map(|action| action.as_str()).collect();
    Refusal::bad(format!("a plan has no rows `{}`", plain(word)))
        .with_hint(format!("possible are {}, failed, held", known.join(", ")))
}

/// There is nothing to show of an application that never ran.
pub(super) fn no_state(app: &str) -> Refusal {
    Refusal::not_found(format!("application `{app}` has no state yet"))
        .with_hint(format!("run its first cycle: `entra-scim sync {app}`, or start the service"))
}

/// Tabs for what there is, and for what is looked at.
pub(super) fn tabs(counts: &PlanCounts, here: PlanPick) -> Vec<Tab> {
    let tab = |pick: PlanPick, count: u64| {
        let mark = match pick {
            PlanPick::Action(action) => action_mark(action),
            PlanPick::Failed => status_mark(ChangeStatus::Failure, false),
            PlanPick::Held => status_mark(ChangeStatus::Held, true),
        };
        let Mark { sign, tone, .. } = mark;
        let is_here = pick == here;
        let word = word(pick);
        (count > 0 || is_here).then(|| Tab { word, sign, tone, count: thousands(count), is_here })
    };
    let actions = counts.actions.iter().map(|(action, count)| (PlanPick::Action(*action), *count));
    let others = [(PlanPick::Failed, counts.failed), (PlanPick::Held, counts.held)];
    actions.chain(others).filter_map(|(pick, count)| tab(pick, count)).collect()
}

impl PlanRow {
    pub(super) fn of(change: &PlannedChange) -> Self {
        let why = if change.detail.is_empty() {
            change.reason.to_string()
        } else {
            change.detail.clone()
        };
        let is_plain = match change.status {
            ChangeStatus::Planned | ChangeStatus::Success => true,
            ChangeStatus::Skipped => change.action == Action::Skip,
            ChangeStatus::Sent
            | ChangeStatus::Warning
            | ChangeStatus::Failure
            | ChangeStatus::Held => false,
        };
        let properties = change.changes.iter().take(ATTRIBUTES_MAX).map(ModifiedProperty::of);
        let error = change.error.as_ref().map(|failure| {
            let advice = failure.reason.recommended_action();
            ErrorView {
                code: failure.reason.to_string(),
                detail: if failure.detail == why { String::new() } else { failure.detail.clone() },
                advice: (advice != "Nothing.").then_some(advice),
            }
        });
        Self {
            action: action_mark(change.action),
            status: (!is_plain).then(|| status_mark(change.status, false)),
            is_group: change.kind == ObjectKind::Group,
            id: change.source.to_string(),
            name: plain(&change.source_display).into_owned(),
            why: plain(&why).into_owned(),
            changes: properties.map(|property| ChangeLine::of(&property)).collect(),
            more_changes: change.changes.len().saturating_sub(ATTRIBUTES_MAX),
            error,
        }
    }
}

impl ChangeLine {
    pub(super) fn of(property: &ModifiedProperty) -> Self {
        let shown = |value: &Option<String>| value.as_deref().map(shortened);
        Self {
            path: property.display_name.clone(),
            old: shown(&property.old_value),
            new: shown(&property.new_value),
        }
    }
}

/// A value on one line, not longer than a person reads.
fn shortened(value: &str) -> String {
    let value = plain(value);
    if value.chars().count() <= VALUE_CHARS_MAX {
        return value.into_owned();
    }
    value.chars().take(VALUE_CHARS_MAX - 1).chain(['…']).collect()
}

impl HeldView {
    pub(super) fn of(app: &str, held: &HeldReport) -> Self {
        Self {
            what: held.what(),
            reason: held.reason.clone(),
            linked: thousands(held.linked),
            command: format!("entra-scim approve {app} {}", short(&held.plan)),
            plan: held.plan.clone(),
        }
    }
}
