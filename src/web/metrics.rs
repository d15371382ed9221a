//! `/metrics`: the same state as numbers, in the Prometheus text format.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{family::Family, gauge::Gauge, info::Info},
    registry::Registry,
};

use super::{answer::Refusal, site::Site, standing::Standing};

/// The media type of what [`exposition`] writes.
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AppLabel {
    app: String,
}

pub(super) async fn answer(State(site): State<Site>) -> Result<Response, Refusal> {
    let shown = site.shown();
    let mut all = Vec::new();
    for app in &shown.apps {
        all.push(site.standing(app).await?);
    }
    let text = exposition(&all)?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}

/// Every metric of these applications.
fn exposition(all: &[Standing]) -> Result<String, Refusal> {
    let mut registry = Registry::with_prefix("entra_scim");
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    registry.register("build", "The version that runs", Info::new(version.to_vec()));
    let accounts = Family::<AppLabel, Gauge>::default();
    let quarantine = Family::<AppLabel, Gauge>::default();
    registry.register("linked_accounts", "Accounts that a cycle keeps", accounts.clone());
    registry.register("quarantine", "1 while the job is in quarantine", quarantine.clone());
    for standing in all {
        let label = AppLabel { app: standing.app.clone() };
        let linked = i64::try_from(standing.links.linked).unwrap_or(i64::MAX);
        accounts.get_or_create(&label).set(linked);
        quarantine.get_or_create(&label).set(i64::from(standing.quarantine.is_some()));
    }
    let mut text = String::new();
    encode(&mut text, &registry)
        .map_err(|_| Refusal::internal("the metrics cannot be written as text"))?;
    Ok(text)
}
