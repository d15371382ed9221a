//! The wire forms as stories and as properties.

mod bodies;
mod describing;
mod members;
mod parsing;
mod properties;
mod replacing;
mod roles;

use serde_json::Value;

use super::{AttributeChange, AttributePath, Values};

pub(super) fn path(text: &str) -> AttributePath {
    AttributePath::parse(text).expect(text)
}

pub(super) fn values<const N: usize>(rows: [(&str, Value); N]) -> Values {
    rows.into_iter().map(|(text, value)| (path(text), value)).collect()
}

/// The changes that lead from one set of values to another.
pub(super) fn changes(baseline: &Values, wanted: &Values) -> Vec<AttributeChange> {
    let mut paths: Vec<_> = baseline.keys().chain(wanted.keys()).collect();
    paths.sort();
    paths.dedup();
    paths
        .into_iter()
        .map(|path| AttributeChange {
            path: path.clone(),
            old: baseline.get(path).cloned(),
            new: wanted.get(path).cloned(),
        })
        .filter(|change| change.old != change.new)
        .collect()
}
