//! The first page: what needs a person, then how each application is doing.

use askama::Template;
use axum::{extract::State, response::Response};

use super::{
    frame::{Frame, page},
    live::Live,
    needs::{Beside, Need, needs},
    standing_view::{NextView, StandingView},
    words::{Mark, Times, UNREADABLE},
};
use crate::{
    store::{Reader, StoreError},
    web::{answer::Refusal, shown::ShownApp, site::Site, standing::Standing},
};

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    frame: Frame,
    needs: Vec<Need>,
    cards: Vec<Card>,
}

/// One application.
enum Card {
    Readable(Box<StandingView>),
    Unreadable { app: String, mark: Mark, message: String },
}

/// What a page knows of an application: how it stands, what is beside that, and how it moves.
pub(super) struct Known {
    pub(super) standing: Standing,
    pub(super) beside: Beside,
    pub(super) live: Live,
}

impl Known {
    /// Reads all of it.
    pub(super) fn read(
        app: &ShownApp,
        reader: Option<&Reader>,
        times: &Times,
    ) -> Result<Self, StoreError> {
        let standing = Standing::of(app, reader, times.now)?;
        let name = app.app.as_str();
        let Some(reader) = reader else {
            return Ok(Self { standing, beside: Beside::default(), live: Live::none(name) });
        };
        reader.read(|view| {
            let live = Live::read(view, name, standing.served, times.now)?;
            Ok(Self { beside: Beside::read(view)?, live, standing })
        })
    }

    pub(super) fn needs(&self, app: &ShownApp, times: &Times) -> Vec<Need> {
        needs(app, &self.standing, &self.beside, times)
    }
}

pub(super) async fn answer(State(site): State<Site>) -> Result<Response, Refusal> {
    let times = site.times();
    let (mut all_needs, mut cards) = (Vec::new(), Vec::new());
    for app in &site.shown().apps {
        let of = app.clone();
        let known = site.read(app, move |reader| Known::read(&of, reader, &times)).await;
        match known {
            Ok(known) => {
                all_needs.extend(known.needs(app, &times));
                cards.push(Card::Readable(Box::new(StandingView::of(known, &times))));
            }
            Err(refusal) => {
                let (name, hint) = (app.app.to_string(), refusal.hint.as_deref());
                all_needs.push(Need::of_unreadable(&name, &refusal.message, hint));
                let message = refusal.message;
                cards.push(Card::Unreadable { app: name, mark: UNREADABLE, message });
            }
        }
    }
    all_needs.sort_by_key(|need| need.urgency);
    page(&OverviewPage { frame: site.frame(&times, "Overview"), needs: all_needs, cards })
}
