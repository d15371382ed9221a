//! The answer to a scrape.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};

use super::{
    application::Numbers,
    family::{BUILD, READABLE, Samples},
    process,
};
use crate::web::{answer::Refusal, site::Site};

pub(in crate::web) async fn answer(State(site): State<Site>) -> Result<Response, Refusal> {
    let shown = site.shown();
    let mut samples = Samples::default();
    samples.add(BUILD, &[env!("CARGO_PKG_VERSION")], 1.0);
    for app in &shown.apps {
        let (of, now) = (app.clone(), site.now());
        match site.read(app, move |reader| Numbers::read(&of, reader, now)).await {
            Ok(numbers) => numbers.add(&mut samples),
            // One application's trouble hides no other's numbers.
            Err(_) => samples.add(READABLE, &[app.app.as_str()], 0.0),
        }
    }
    process::add(&mut samples);
    let text =
        samples.text().map_err(|_| Refusal::internal("the metrics cannot be written as text"))?;
    Ok(([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response())
}
