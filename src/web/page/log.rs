//! The provisioning log: filtered, a page at a time, and each event opened.

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    response::Response,
};

use super::{
    frame::{Frame, page},
    log_query::{Asked, Choice, key_text},
    plan::{ChangeLine, ErrorView, no_state},
    words::{Mark, Moment, Times, action_mark, status_mark, step_mark},
};
use crate::{
    model::{ObjectKind, duration, escaped, plain},
    provisioning::{Reason, Step},
    store::{LogPage, LogRow, LogStart, ModifiedProperty},
    web::{answer::Refusal, shown::ShownApp, site::Site},
};

/// Events on one page.
const ROWS: usize = 50;

#[derive(Template)]
#[template(path = "log.html")]
struct LogListPage {
    frame: Frame,
    app: String,
    asked: Asked,
    actions: Vec<Choice>,
    statuses: Vec<Choice>,
    /// The filters as the query of an address, and the same with a sign before it.
    query: String,
    rows: Vec<EventView>,
    /// Queries of the pages with older and with newer events.
    older: Option<String>,
    newer: Option<String>,
    looked_until: Option<Moment>,
    has_state: bool,
}

#[derive(Template)]
#[template(path = "event.html")]
struct EventPage {
    frame: Frame,
    app: String,
    event: EventView,
    took: String,
    change: String,
    target: Option<String>,
    reason: String,
    advice: &'static str,
    released_by: Option<String>,
    held_because: Option<String>,
    steps: Vec<StepView>,
    document: String,
}

/// An event in the list.
struct EventView {
    seq: i64,
    at: Moment,
    action: Mark,
    status: Mark,
    is_group: bool,
    /// The person's or group's id; empty where the log has none.
    id: String,
    name: String,
    why: String,
    cycle: String,
    changes: Vec<ChangeLine>,
    error: Option<ErrorView>,
}

/// A step of the explanation.
struct StepView {
    name: String,
    kind: &'static str,
    mark: Mark,
    description: String,
    details: Vec<(String, String)>,
}

pub(super) async fn list(
    State(site): State<Site>,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    let (app, times) = (site.app(&name)?, site.times());
    let (search, start) = asked.search(&times)?;
    let read = site
        .read(&app, move |reader| {
            reader.map(|reader| reader.read(|view| view.log_page(&search, start, ROWS))).transpose()
        })
        .await?;
    let has_state = read.is_some();
    let LogPage { mut rows, next, looked_until } = read.unwrap_or_default();
    let goes_older = matches!(start, LogStart::Newest | LogStart::Before(_));
    let query = asked.query();
    let place = |word: &str, key| {
        let sign = if query.is_empty() { "" } else { "&" };
        format!("{query}{sign}{word}={}", key_text(key))
    };
    if !goes_older {
        rows.reverse();
    }
    // Read towards older ones, there is something newer unless it began at the newest; and the
    // other way round.
    let first = rows.first().map(LogRow::key).or(next);
    let last = rows.last().map(LogRow::key).or(next);
    let (older, newer) = match start {
        LogStart::Newest => (next, None),
        LogStart::Before(key) => (next, Some(first.unwrap_or(key))),
        LogStart::After(key) => (Some(last.unwrap_or(key)), next),
        LogStart::Oldest => (None, next),
    };
    page(&LogListPage {
        frame: site.frame_of(&times, &name, "log", "Provisioning log"),
        app: name,
        actions: asked.actions(),
        statuses: asked.statuses(),
        rows: rows.iter().map(|row| EventView::of(row, &times)).collect(),
        older: older.map(|key| place("before", key)),
        newer: newer.map(|key| place("after", key)),
        looked_until: looked_until.filter(|_| goes_older).map(|at| times.shown(at)),
        query,
        asked,
        has_state,
    })
}

pub(super) async fn event(
    State(site): State<Site>,
    Path((name, seq)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let (app, times) = (site.app(&name)?, site.times());
    let gone = || {
        Refusal::not_found("the log has no such event")
            .with_hint("it may be older than `log_retention`, or its person was forgotten")
    };
    let seq: i64 = seq.parse().map_err(|_| gone())?;
    let read = site
        .read(&app, move |reader| {
            reader.map(|reader| reader.read(|view| view.log_row(seq))).transpose()
        })
        .await?;
    let row = read.ok_or_else(|| no_state(&name))?.ok_or_else(gone)?;
    let frame = site.frame_of(&times, &name, "event", "Event");
    page(&EventPage::of(frame, &app, &row, &times))
}

impl EventPage {
    fn of(frame: Frame, app: &ShownApp, row: &LogRow, times: &Times) -> Self {
        let name = app.app.to_string();
        let document = row.summary(&app.tenant, app.job, &name);
        let reason = if row.held { Reason::HeldBySafeguard } else { row.reason };
        let steps = row.steps.iter().map(StepView::of).collect();
        Self {
            frame,
            app: name,
            event: EventView::of(row, times),
            took: duration(row.duration_ms),
            change: row.change_id.clone(),
            target: row.target.as_deref().map(|target| plain(target).into_owned()),
            reason: reason.to_string(),
            advice: reason.recommended_action(),
            released_by: row.approved_by().map(|by| plain(by).into_owned()),
            held_because: row.held_because().map(str::to_owned),
            steps,
            document: escaped(&format!("{document:#}")),
        }
    }
}

impl EventView {
    fn of(row: &LogRow, times: &Times) -> Self {
        let why = if row.detail.is_empty() { row.reason.to_string() } else { row.detail.clone() };
        let error = row.error.as_ref().map(|failure| {
            let advice = failure.reason.recommended_action();
            ErrorView {
                code: failure.reason.to_string(),
                detail: plain(&failure.detail).into_owned(),
                advice: (advice != "Nothing.").then_some(advice),
            }
        });
        let name = if row.source_name.is_empty() {
            row.target.as_deref().unwrap_or_default()
        } else {
            &row.source_name
        };
        Self {
            seq: row.seq,
            at: times.shown(row.at),
            action: action_mark(row.action),
            status: status_mark(row.status, row.held),
            is_group: row.kind == ObjectKind::Group,
            id: row.source.clone(),
            name: plain(name).into_owned(),
            why: plain(&why).into_owned(),
            cycle: row.cycle_id.clone(),
            changes: row
                .modified
                .iter()
                .map(|modified: &ModifiedProperty| ChangeLine::of(modified))
                .collect(),
            error,
        }
    }

    /// The beginning of the cycle's id, enough to name it.
    fn cycle_short(&self) -> &str {
        crate::model::short(&self.cycle)
    }
}

impl StepView {
    fn of(step: &Step) -> Self {
        let details = step.details.iter();
        Self {
            name: step.name.clone(),
            kind: step.kind.as_str(),
            mark: step_mark(step.status),
            description: plain(&step.description).into_owned(),
            details: details
                .map(|(name, value)| (name.clone(), plain(value).into_owned()))
                .collect(),
        }
    }
}
