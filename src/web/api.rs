//! `/api`: the documents of `status --json` and `log --json`, byte for byte.

use axum::{
    Router,
    extract::{Path, Query, State},
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    answer::Refusal,
    log::{LogQuery, Since, UnknownWord, summaries},
    site::Site,
    standing::Standing,
};
use crate::model::escaped;

/// Rows of the log where nobody says how many, as of the command.
const ROWS_DEFAULT: u32 = 100;

/// Rows of the log at most: more are asked for in parts.
const ROWS_MAX: u32 = 10_000;

pub(super) fn routes() -> Router<Site> {
    Router::new()
        .route("/api/v1/status", get(status))
        .route("/api/v1/apps/{app}", get(app_status))
        .route("/api/v1/apps/{app}/log", get(log))
}

async fn status(State(site): State<Site>) -> Result<Response, Refusal> {
    let shown = site.shown();
    let mut all = Vec::new();
    for app in &shown.apps {
        all.push(site.standing(app).await?);
    }
    Ok(document(&Standing::documents(&all)))
}

async fn app_status(
    State(site): State<Site>,
    Path(name): Path<String>,
) -> Result<Response, Refusal> {
    let app = site.app(&name)?;
    let standing = site.standing(&app).await?;
    Ok(document(&Standing::documents([&standing])))
}

/// The filters of the command `log`, under the same names.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Filters {
    who: Option<String>,
    action: Option<String>,
    status: Option<String>,
    cycle: Option<String>,
    since: Option<String>,
    limit: Option<u32>,
}

async fn log(
    State(site): State<Site>,
    Path(name): Path<String>,
    filters: Result<Query<Filters>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Refusal> {
    let app = site.app(&name)?;
    let Query(filters) = filters.map_err(|rejection| Refusal::bad(rejection.body_text()))?;
    let query = filters.query(&site)?;
    let of = app.clone();
    let rows = move |reader: Option<&_>| {
        let rows = reader.map_or(Ok(Vec::new()), |reader| query.rows(reader))?;
        Ok(summaries(&of, &rows))
    };
    Ok(document(&site.read(&app, rows).await?))
}

impl Filters {
    fn query(self, site: &Site) -> Result<LogQuery, Refusal> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let since = given(self.since).map(|text| Since::parse(&text)).transpose();
        let since = since.map_err(|problem| Refusal::bad(format!("since: {problem}")))?;
        let limit = self.limit.unwrap_or(ROWS_DEFAULT);
        if !(1..=ROWS_MAX).contains(&limit) {
            return Err(Refusal::bad(format!("limit: {limit} is not between 1 and {ROWS_MAX}")));
        }
        let query = LogQuery {
            who: given(self.who),
            action: given(self.action),
            status: given(self.status),
            cycle: given(self.cycle),
            since: since.map(|since| since.moment(site.now())),
            after: None,
            limit,
        };
        query.check().map_err(|UnknownWord { name, word, known }| {
            Refusal::bad(format!("{name} knows no `{word}`"))
                .with_hint(format!("possible are {}", known.join(", ")))
        })?;
        Ok(query)
    }
}

/// A document as the commands print it.
fn document(value: &Value) -> Response {
    let text = escaped(&format!("{value:#}\n"));
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}
