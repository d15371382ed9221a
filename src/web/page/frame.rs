//! What stands around every page: its title, where one can go, and when it was made.

use askama::Template;
use axum::{
    http::header,
    response::{Html, IntoResponse, Response},
};

use super::{
    assets::{self, Assets},
    words::{Moment, Times},
};
use crate::web::{answer::Refusal, site::Site};

/// The frame around a page.
pub(super) struct Frame {
    /// Of the tab of the browser.
    pub(super) title: String,
    /// The application that the page is about.
    pub(super) app: Option<String>,
    /// Which of its pages it is.
    pub(super) here: &'static str,
    /// When it was made, and in which zone its times are.
    pub(super) present: Option<Moment>,
    pub(super) zone: String,
    /// Whether whoever looks had to sign in.
    pub(super) may_sign_out: bool,
    pub(super) assets: &'static Assets,
}

impl Frame {
    /// The frame of a page that says nothing of the state.
    pub(super) fn bare(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            app: None,
            here: "",
            present: None,
            zone: String::new(),
            may_sign_out: false,
            assets: assets::assets(),
        }
    }

    /// Whether this is the page that a link of the navigation leads to.
    pub(super) fn is_here(&self, name: &str) -> bool {
        self.here == name
    }
}

impl Site {
    /// The frame of a page about everything.
    pub(super) fn frame(&self, times: &Times, title: &str) -> Frame {
        Frame {
            present: Some(times.present()),
            zone: times.zone.name().to_owned(),
            may_sign_out: self.door().access_token.is_some(),
            ..Frame::bare(title)
        }
    }

    /// The frame of a page about one application.
    pub(super) fn frame_of(
        &self,
        times: &Times,
        app: &str,
        here: &'static str,
        title: &str,
    ) -> Frame {
        let title = format!("{title} · {app}");
        Frame { app: Some(app.to_owned()), here, ..self.frame(times, &title) }
    }

    /// Now, in the zone in which times are shown.
    pub(super) fn times(&self) -> Times {
        Times { now: self.now(), zone: self.shown().zone }
    }
}

/// A page as an answer.
pub(super) fn page(template: &impl Template) -> Result<Response, Refusal> {
    let text = template.render().map_err(|_| Refusal::internal("the page cannot be written"))?;
    // A browser that goes back shows what was there, and asks nobody for it.
    Ok(([(header::CACHE_CONTROL, "no-store")], Html(text)).into_response())
}
