//! The addresses of the pages.

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    response::Html,
    routing::get,
};

use crate::{
    store::LogRow,
    web::{answer::Refusal, log::LogQuery, site::Site, standing::Standing},
};

/// Rows of the log on one page.
const ROWS: u32 = 100;

pub(in crate::web) fn routes() -> Router<Site> {
    Router::new()
        .route("/", get(overview))
        .route("/apps/{app}", get(application))
        .route("/apps/{app}/log", get(log))
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    all: Vec<Result<Standing, Refusal>>,
}

#[derive(Template)]
#[template(path = "application.html")]
struct Application {
    standing: Standing,
}

#[derive(Template)]
#[template(path = "log.html")]
struct Log {
    app: String,
    rows: Vec<LogRow>,
}

async fn overview(State(site): State<Site>) -> Result<Html<String>, Refusal> {
    let mut all = Vec::new();
    for app in &site.shown().apps {
        all.push(site.standing(app).await);
    }
    html(&Overview { all })
}

async fn application(
    State(site): State<Site>,
    Path(name): Path<String>,
) -> Result<Html<String>, Refusal> {
    let app = site.app(&name)?;
    html(&Application { standing: site.standing(&app).await? })
}

async fn log(State(site): State<Site>, Path(name): Path<String>) -> Result<Html<String>, Refusal> {
    let app = site.app(&name)?;
    let query = LogQuery { limit: ROWS, ..LogQuery::default() };
    let rows = move |reader: Option<&_>| reader.map_or(Ok(Vec::new()), |reader| query.rows(reader));
    html(&Log { app: name, rows: site.read(&app, rows).await? })
}

pub(super) fn html(template: &impl Template) -> Result<Html<String>, Refusal> {
    let text = template.render().map_err(|_| Refusal::internal("the page cannot be written"))?;
    Ok(Html(text))
}
