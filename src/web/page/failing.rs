//! Escrows: the objects that failed, why, and when each is tried again.

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    response::Response,
};
use chrono::DateTime;
use serde::Deserialize;

use super::{
    frame::{Frame, page},
    plan::no_state,
    words::{Moment, Times},
};
use crate::{
    model::{plain, thousands},
    provisioning::NextAttempt,
    store::{EscrowCounts, EscrowRow, StoreError, View},
    web::{answer::Refusal, site::Site},
};

/// Objects on one page.
const ROWS: usize = 50;

#[derive(Template)]
#[template(path = "failing.html")]
struct FailingPage {
    frame: Frame,
    app: String,
    waiting: String,
    given_up: String,
    removals: String,
    rows: Vec<EscrowView>,
    /// Where the next page begins.
    next: Option<String>,
    is_first: bool,
    /// What tries all of them in the next cycle.
    command: String,
}

/// An object that failed.
pub(super) struct EscrowView {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) code: String,
    pub(super) detail: String,
    pub(super) since: Moment,
    pub(super) count: String,
    pub(super) is_removal: bool,
    pub(super) next: NextTry,
}

/// When it is tried again.
pub(super) enum NextTry {
    /// In the next cycle.
    NextCycle,
    /// After so many more cycles, or in the first one after this.
    Cycles { count: u64, at_latest: Moment },
    /// In the first cycle after this.
    After(Moment),
    /// Not before somebody asks.
    GivenUp,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    after: Option<String>,
}

/// Objects that failed, from a place on.
pub(super) struct FailingRead {
    pub(super) counts: EscrowCounts,
    pub(super) rows: Vec<EscrowRow>,
    pub(super) next_cycle: u64,
}

impl FailingRead {
    pub(super) fn read(
        view: &View<'_>,
        after: Option<(i64, &str)>,
        limit: usize,
    ) -> Result<Self, StoreError> {
        let after = after.and_then(|(at, id)| Some((DateTime::from_timestamp_millis(at)?, id)));
        Ok(Self {
            counts: view.escrow_counts()?,
            rows: view.escrow_page(after, limit)?,
            next_cycle: view.next_cycle_seq()?,
        })
    }

    pub(super) fn views(&self, times: &Times) -> Vec<EscrowView> {
        self.rows.iter().map(|row| EscrowView::of(row, self.next_cycle, times)).collect()
    }
}

pub(super) async fn answer(
    State(site): State<Site>,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    let (app, times) = (site.app(&name)?, site.times());
    let is_first = asked.after.is_none();
    let after = asked.after.map(|key| parse(&key)).transpose()?;
    let read = site
        .read(&app, move |reader| {
            let after = after.as_ref().map(|(at, id)| (*at, id.as_str()));
            reader
                .map(|reader| reader.read(|view| FailingRead::read(view, after, ROWS + 1)))
                .transpose()
        })
        .await?;
    let Some(mut read) = read else { return Err(no_state(&name)) };
    let more = read.rows.len() > ROWS;
    read.rows.truncate(ROWS);
    let last = read.rows.last().filter(|_| more);
    page(&FailingPage {
        frame: site.frame_of(&times, &name, "failing", "Escrows"),
        command: format!("entra-scim restart {name} --escrows"),
        app: name,
        waiting: thousands(read.counts.all - read.counts.given_up),
        given_up: thousands(read.counts.given_up),
        removals: thousands(read.counts.removals),
        next: last.map(|row| format!("{}.{}", row.failures.since.timestamp_millis(), row.source)),
        rows: read.views(&times),
        is_first,
    })
}

/// The key of a row: its time and its id.
fn parse(key: &str) -> Result<(i64, String), Refusal> {
    let parts = key.split_once('.').and_then(|(at, id)| Some((at.parse().ok()?, id.to_owned())));
    parts.ok_or_else(|| Refusal::bad("`after` is not the key of a row"))
}

impl EscrowView {
    fn of(row: &EscrowRow, next_cycle: u64, times: &Times) -> Self {
        let next = match row.next {
            NextAttempt::Cycle { number, .. } if number <= next_cycle => NextTry::NextCycle,
            NextAttempt::Cycle { at_latest, .. } if at_latest <= times.now => NextTry::NextCycle,
            NextAttempt::Cycle { number, at_latest } => {
                NextTry::Cycles { count: number - next_cycle, at_latest: times.shown(at_latest) }
            }
            NextAttempt::At(at) if at <= times.now => NextTry::NextCycle,
            NextAttempt::At(at) => NextTry::After(times.shown(at)),
            NextAttempt::GivenUp => NextTry::GivenUp,
        };
        Self {
            id: row.source.clone(),
            name: plain(row.name.as_deref().unwrap_or(&row.source)).into_owned(),
            code: row.code.clone(),
            detail: plain(&row.detail).into_owned(),
            since: times.shown(row.failures.since),
            count: thousands(row.failures.count),
            is_removal: row.is_removal,
            next,
        }
    }
}
