//! The addresses of the pages.

use axum::{Extension, Router, routing::get};

use super::{application, assets, export, failing, live, log, overview, plan};
use crate::web::site::Site;

pub(in crate::web) fn routes() -> Router<Site> {
    Router::new()
        .route("/", get(overview::answer))
        .route("/apps/{app}", get(application::answer))
        .route("/apps/{app}/plan", get(plan::answer))
        .route("/apps/{app}/failing", get(failing::answer))
        .route("/apps/{app}/log", get(log::list))
        .route("/apps/{app}/log.csv", get(export::csv))
        .route("/apps/{app}/log.json", get(export::json))
        .route("/apps/{app}/log/{seq}", get(log::event))
        .route("/events", get(live::events).layer(Extension(live::Listened::default())))
        .route("/assets/{hash}/{name}", get(assets::answer))
}
