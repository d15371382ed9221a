//! `/healthz` and `/readyz`: whether the process lives, and whether it does its work.
//!
//! Neither needs a token, so neither says more than names of applications and how they are.

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use chrono::TimeDelta;
use serde::Serialize;
use serde_json::json;

use super::{shown::ShownApp, site::Site};
use crate::{
    model::Timestamp,
    store::{JobState, Reader, StoreError, is_held},
};

/// A cycle may come so many intervals late before it is overdue: one may take long, one may be
/// retried.
const INTERVALS_LATE: i32 = 3;

/// The least that counts as late: a service that was just started catches up first.
const LATE_MIN: TimeDelta = TimeDelta::minutes(15);

pub(super) fn routes() -> Router<Site> {
    Router::new().route("/healthz", get(|| async { "ok\n" })).route("/readyz", get(ready))
}

/// How one application is, as far as a supervisor has to know.
#[derive(Serialize)]
struct Readiness {
    app: String,
    ready: bool,
    why: &'static str,
}

async fn ready(State(site): State<Site>) -> Response {
    let mut apps = Vec::new();
    for app in site.shown().apps.iter().filter(|app| app.enabled) {
        let (of, now) = (app.clone(), site.now());
        let looked = site.read(app, move |reader| look(&of, reader, now)).await;
        let (ready, why) = looked.unwrap_or((false, "its state cannot be read"));
        apps.push(Readiness { app: app.app.to_string(), ready, why });
    }
    let is_ready = apps.iter().all(|app| app.ready);
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": is_ready, "apps": apps }))).into_response()
}

fn look(
    app: &ShownApp,
    reader: Option<&Reader>,
    now: Timestamp,
) -> Result<(bool, &'static str), StoreError> {
    let Some(reader) = reader else { return Ok((false, "it has no state yet")) };
    if !is_held(reader.path()) {
        return Ok((false, "no process works on its state"));
    }
    reader.read(|view| {
        let state = view.job_state()?;
        if view.progress()?.is_some() {
            return Ok((true, "a cycle is under way"));
        }
        let last = view.cycles(1)?.pop().map(|report| report.began);
        Ok(match (state, last) {
            (JobState::Paused, _) => (true, "it is paused"),
            // The program works: what it meets is broken, and it is told of elsewhere.
            (JobState::Quarantine, _) => (true, "it is in quarantine"),
            (JobState::NotRun | JobState::Active, None) => (false, "no cycle has finished yet"),
            (JobState::NotRun | JobState::Active, Some(last)) if is_late(app, last, now) => {
                (false, "the last cycle is too long ago")
            }
            (JobState::NotRun | JobState::Active, Some(_)) => (true, "the last cycle is recent"),
        })
    })
}

/// Whether the cycle after the one of `last` is long overdue.
fn is_late(app: &ShownApp, last: Timestamp, now: Timestamp) -> bool {
    let due = app.schedule.next_after(last, last);
    let allowed = ((due - last) * INTERVALS_LATE).max(LATE_MIN);
    last.checked_add_signed(allowed).is_some_and(|latest| latest < now)
}
