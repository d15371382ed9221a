//! The fingerprint of everything that shapes decisions: with another one, every row is drafted
//! anew.

use crate::{
    model::Fingerprint,
    provisioning::job::{AttributeMapping, Job, MappingSource},
};

/// The revision of a job. Schedule, pace, thresholds, secrets and connection play no part: they
/// decide when and whether something is sent, never what.
pub(super) fn of(job: &Job, profile: &str) -> Fingerprint {
    let safeguards = &job.safeguards;
    let filterable: Vec<_> = job.capability.filterable.iter().map(ToString::to_string).collect();
    let mut parts = vec![
        env!("CARGO_PKG_VERSION").to_owned(),
        profile.to_owned(),
        format!("{:?}", job.application),
        format!("{:?} {}", job.scope, job.exclude_default_access),
        format!("{:?}", job.dialect),
        format!("{} {}", job.capability.list, filterable.join(" ")),
        format!("renames {}", job.capability.renames),
        format!("{:?} {:?}", safeguards.on_out_of_scope, safeguards.on_directory_delete),
        format!("{} {} {}", safeguards.create, safeguards.update, safeguards.delete),
        format!("{:?}", safeguards.protect),
    ];
    // The order of rows is the order of attributes in requests, so it counts.
    parts.extend(job.users.iter().map(canonical));
    parts.extend(job.scoping_filters.iter().map(|filter| format!("filter {filter}")));
    Fingerprint::of(parts.iter().map(String::as_str))
}

fn canonical(row: &AttributeMapping) -> String {
    let source = match &row.source {
        MappingSource::Attribute(name) => format!("[{name}]"),
        MappingSource::Constant(text) => format!("{text:?}"),
        MappingSource::Expression(expression) => expression.to_string(),
    };
    let default = row.default.as_ref().map(ToString::to_string);
    format!(
        "{} <- {source} match {:?} default {default:?} {:?} {:?} {:?} {} {:?}",
        row.target,
        row.matching_priority,
        row.apply,
        row.null,
        row.value_type,
        row.required,
        row.limit
    )
}
