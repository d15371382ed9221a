//! The filtered log as a file: the columns of `log --csv`, or the documents of `log --json`.
//!
//! It is written while it is read, a part at a time and each part in a look of its own, so that
//! neither memory nor SQLite's log grows with it.

use axum::{
    body::{Body, Bytes},
    extract::{Path, Query, State},
    http::header,
    response::{IntoResponse, Response},
};
use futures_util::stream;

use super::{log_query::Asked, plan::no_state};
use crate::{
    model::escaped,
    store::{CSV_COLUMNS, LogPage, LogRow, LogSearch, LogStart},
    web::{answer::Refusal, shown::ShownApp, site::Site},
};

/// Rows of one part.
const ROWS: usize = 500;

/// The file's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Csv,
    Json,
}

/// The file as it comes: what is asked, and where it goes on.
struct Export {
    site: Site,
    app: ShownApp,
    search: LogSearch,
    form: Form,
    /// Where the next part begins; `None` after the last.
    next: Option<LogStart>,
    /// Whether its beginning is written, and whether a row is.
    is_begun: bool,
    has_rows: bool,
}

pub(super) async fn csv(
    site: State<Site>,
    name: Path<String>,
    asked: Query<Asked>,
) -> Result<Response, Refusal> {
    export(site, name, &asked, Form::Csv).await
}

pub(super) async fn json(
    site: State<Site>,
    name: Path<String>,
    asked: Query<Asked>,
) -> Result<Response, Refusal> {
    export(site, name, &asked, Form::Json).await
}

async fn export(
    State(site): State<Site>,
    Path(name): Path<String>,
    asked: &Asked,
    form: Form,
) -> Result<Response, Refusal> {
    let (app, times) = (site.app(&name)?, site.times());
    let (search, _) = asked.search(&times)?;
    let has_state = site.read(&app, |reader| Ok(reader.is_some())).await?;
    if !has_state {
        return Err(no_state(&name));
    }
    let day = times.now.with_timezone(&times.zone).format("%Y-%m-%d");
    let (kind, ending) = match form {
        Form::Csv => ("text/csv; charset=utf-8", "csv"),
        Form::Json => ("application/json", "json"),
    };
    let file = format!("attachment; filename=\"provisioning-log-{name}-{day}.{ending}\"");
    let next = Some(LogStart::Oldest);
    let export = Export { site, app, search, form, next, is_begun: false, has_rows: false };
    let parts = stream::try_unfold(export, Export::part);
    let headers = [(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, file)];
    Ok((headers, Body::from_stream(parts)).into_response())
}

impl Export {
    /// The next part; an error breaks the file off, so that nobody takes it for whole.
    async fn part(mut self) -> Result<Option<(Bytes, Self)>, std::io::Error> {
        let Some(start) = self.next else { return Ok(None) };
        let search = self.search.clone();
        let read = self.site.read(&self.app, move |reader| {
            reader.map(|reader| reader.read(|view| view.log_page(&search, start, ROWS))).transpose()
        });
        let read = read.await.map_err(|refusal| std::io::Error::other(refusal.message))?;
        let LogPage { rows, next, .. } = read.unwrap_or_default();
        self.next = next.map(LogStart::After);
        let text = self.text(&rows);
        Ok(Some((Bytes::from(text), self)))
    }

    fn text(&mut self, rows: &[LogRow]) -> String {
        let app = self.app.app.as_str();
        let mut text = String::new();
        if !std::mem::replace(&mut self.is_begun, true) {
            text.push_str(match self.form {
                Form::Csv => CSV_COLUMNS,
                Form::Json => "[",
            });
            text.push('\n');
        }
        for row in rows {
            let had_rows = std::mem::replace(&mut self.has_rows, true);
            match self.form {
                Form::Csv => text.push_str(&row.csv(app)),
                Form::Json => {
                    text.push_str(if had_rows { "," } else { "" });
                    let document = row.summary(&self.app.tenant, self.app.job, app);
                    text.push_str(&escaped(&document.to_string()));
                }
            }
            text.push('\n');
        }
        if self.form == Form::Json && self.next.is_none() {
            text.push_str("]\n");
        }
        text
    }
}
