//! What moves while somebody looks: the cycle under way.
//!
//! A page holds what was so when it was made, and works without a script. With one, the browser
//! listens to `/events`, moves the bar along, and fetches the page anew once its `version` is
//! another. However many listen, each state is asked once a second at most.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Extension,
    extract::State,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use chrono::TimeDelta;
use futures_util::{StreamExt as _, stream};
use serde::Serialize;
use tokio::sync::Mutex;

use super::words::{phase_words, span};
use crate::{
    model::{Fingerprint, Timestamp, thousands},
    store::{CycleKind, JobState, Running, StoreError, View, is_held},
    web::{answer::Refusal, shown::ShownApp, site::Site},
};

/// How often a state is asked while somebody listens.
const ASKED_EVERY: Duration = Duration::from_secs(1);
const ASKED_EVERY_MS: i64 = 950;

/// How long a proxy may take a quiet line for a dead one.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// An application as it moves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Live {
    pub(super) app: String,
    /// Another one means that the page says something that is no longer so.
    pub(super) version: String,
    pub(super) running: Option<Bar>,
}

/// The bar of the cycle under way, in the words of the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Bar {
    /// The phase, as the log and `status` call it.
    pub(super) phase: String,
    /// What it does.
    pub(super) words: String,
    pub(super) kind: &'static str,
    pub(super) done: String,
    pub(super) total: Option<String>,
    /// Hundredths of the phase; `None` where nobody knows how long it is.
    pub(super) percent: Option<u64>,
    /// `38 a second`.
    pub(super) rate: Option<String>,
    /// `4 min 5 s`.
    pub(super) left: Option<String>,
    pub(super) took: String,
}

impl Live {
    /// How it is at this moment. `served` says whether a process holds the state: one that was
    /// killed leaves its progress behind.
    pub(super) fn read(
        view: &View<'_>,
        app: &str,
        served: bool,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let running = view.running()?.filter(|_| served);
        let state = view.job_state()?;
        let parts = [
            state_word(state).to_owned(),
            served.to_string(),
            running.as_ref().map(|running| running.cycle.clone()).unwrap_or_default(),
            view.last_finished()?.unwrap_or_default(),
            view.fact("held")?.unwrap_or_default(),
        ];
        let version = Fingerprint::of(parts.iter().map(String::as_str));
        let version = version.as_str().get(..16).unwrap_or_default().to_owned();
        Ok(Self { app: app.to_owned(), version, running: running.map(|r| Bar::of(&r, now)) })
    }

    /// Of an application without a state.
    pub(super) fn none(app: &str) -> Self {
        Self { app: app.to_owned(), version: "none".to_owned(), running: None }
    }
}

fn state_word(state: JobState) -> &'static str {
    match state {
        JobState::NotRun => "not_run",
        JobState::Active => "active",
        JobState::Paused => "paused",
        JobState::Quarantine => "quarantine",
    }
}

impl Bar {
    pub(super) fn of(running: &Running, now: Timestamp) -> Self {
        let progress = &running.progress;
        let total = progress.total.filter(|total| *total > 0);
        Self {
            phase: progress.phase.clone(),
            words: phase_words(&progress.phase).to_owned(),
            kind: match running.kind {
                CycleKind::Initial => "initial",
                CycleKind::Incremental => "incremental",
            },
            done: thousands(progress.done),
            total: total.map(thousands),
            percent: total.map(|total| progress.done.min(total).saturating_mul(100) / total),
            rate: running.steps_per_second().map(rate),
            left: running.phase_left(now).map(|left| span(whole_seconds(left))),
            took: span(whole_seconds(now - running.began)),
        }
    }
}

fn whole_seconds(span: TimeDelta) -> TimeDelta {
    TimeDelta::seconds(span.num_seconds())
}

/// `0.4 a second`, `1,204 a second`.
fn rate(steps_per_second: f64) -> String {
    if steps_per_second < 10.0 {
        return format!("{steps_per_second:.1} a second");
    }
    let whole = Duration::from_secs_f64(steps_per_second.min(1e9)).as_secs();
    format!("{} a second", thousands(whole))
}

/// What was asked last, for everybody who listens.
#[derive(Clone, Default)]
pub(super) struct Listened(Arc<Mutex<Option<Look>>>);

/// What was so at a moment.
type Look = (Timestamp, Vec<Live>);

impl Listened {
    /// How everything is, as it was asked within the last second.
    async fn look(&self, site: &Site) -> Vec<Live> {
        let mut last = self.0.lock().await;
        let now = site.now();
        if let Some((at, lives)) = last.as_ref() {
            let age = (now - *at).num_milliseconds();
            // A clock that was set back must not stop the bar.
            if (0..ASKED_EVERY_MS).contains(&age) {
                return lives.clone();
            }
        }
        let mut lives = Vec::new();
        for app in &site.shown().apps {
            // A state that cannot be read moves nothing; the page itself says why.
            lives.extend(site.live(app).await);
        }
        *last = Some((now, lives.clone()));
        lives
    }
}

impl Site {
    /// How an application moves at this moment.
    async fn live(&self, app: &ShownApp) -> Result<Live, Refusal> {
        let (name, now) = (app.app.to_string(), self.now());
        self.read(app, move |reader| {
            let Some(reader) = reader else { return Ok(Live::none(&name)) };
            let served = is_held(reader.path());
            reader.read(|view| Live::read(view, &name, served, now))
        })
        .await
    }
}

/// The stream of events: first how everything is, then what moved.
pub(super) async fn events(
    State(site): State<Site>,
    Extension(listened): Extension<Listened>,
) -> Response {
    let looks = stream::unfold((site, listened, None), |(site, listened, before)| async move {
        let mut before: Option<Vec<Live>> = before;
        loop {
            if before.is_some() {
                tokio::select! {
                    () = site.clock().sleep(ASKED_EVERY) => {}
                    () = site.closed() => return None,
                }
            }
            let lives = listened.look(&site).await;
            let is_new = |live: &&Live| before.as_ref().is_none_or(|all| !all.contains(live));
            let moved: Vec<_> =
                lives.iter().filter(is_new).map(event).map(Ok::<_, Infallible>).collect();
            let is_first = before.replace(lives).is_none();
            if is_first || !moved.is_empty() {
                return Some((stream::iter(moved), (site, listened, before)));
            }
        }
    });
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    Sse::new(looks.flatten()).keep_alive(keep_alive).into_response()
}

fn event(live: &Live) -> Event {
    let data = serde_json::to_string(live).unwrap_or_default();
    Event::default().event("app").data(data)
}
