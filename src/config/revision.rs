//! The fingerprint of everything that shapes decisions: with another one, every row is drafted
//! anew. Its parts can be read, so that a person is told what changed.

use super::duration;
use crate::{
    model::{ApplicationRef, Fingerprint},
    provisioning::{
        GROUP_MAPPING_ROW, MAPPING_ROW, PROGRAM, RevisionParts,
        job::{
            Apply, AttributeMapping, DirectoryDelete, Job, MappingSource, NullFlow, OutOfScope,
            Scope, ValueType,
        },
    },
    scim::{Dialect, REDACTED},
};

/// Gives a job, and the job of groups in it, the revision of both.
pub(super) fn stamp(job: &mut Job, profile: &str) {
    let (revision, parts) = of(job, profile);
    if let Some(groups) = &mut job.groups {
        groups.revision = revision.clone();
        groups.revision_parts.clone_from(&parts);
    }
    (job.revision, job.revision_parts) = (revision, parts);
}

/// The revision of a job, and the parts it is made of. Schedule, pace, thresholds, secrets and
/// connection play no part: they decide when and whether something is sent, never what.
fn of(job: &Job, profile: &str) -> (Fingerprint, RevisionParts) {
    let mut parts = RevisionParts::new();
    let mut part = |name: &str, value: String| parts.push((name.to_owned(), value));
    part(PROGRAM, env!("CARGO_PKG_VERSION").to_owned());
    part("profile", profile.to_owned());
    part("enterprise_app", application(&job.application));
    part(
        "scope",
        match job.scope {
            Scope::Assigned => "assigned".to_owned(),
            Scope::All => "all".to_owned(),
        },
    );
    part("exclude_default_access", job.exclude_default_access.to_string());
    part("nested_groups", job.nested_groups.to_string());
    part(
        "target.dialect",
        match job.dialect {
            Dialect::Rfc7644 => "rfc7644".to_owned(),
            Dialect::EntraLegacy => "entra-legacy".to_owned(),
        },
    );
    part("whether the application lists its users", job.capability.list.to_string());
    part("what the application filters by", words(&job.capability.filterable));
    part("whether the application renames accounts", job.capability.renames.to_string());
    safeguards(job, &mut part);
    mapping(job, MAPPING_ROW, "users.scoping_filters", &mut part);
    part("groups.enabled", job.groups.is_some().to_string());
    if let Some(groups) = &job.groups {
        let can = &groups.capability;
        part("what the application filters groups by", words(&can.filterable));
        part("whether the application creates groups", can.creates.to_string());
        part("whether the application renames groups", can.renames.to_string());
        part("whether the application deletes groups", can.deletes.to_string());
        mapping(groups, GROUP_MAPPING_ROW, "groups.scoping_filters", &mut part);
    }
    let hidden = job.attributes.iter().filter(|row| row.is_redacted());
    let hidden: Vec<String> =
        hidden.map(|row| format!("{:?} {:?}", row.source, row.default)).collect();
    let texts = parts.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
    (Fingerprint::of(texts.chain(hidden.iter().map(String::as_str))), parts)
}

/// The rows and filters of one kind of object. The order of rows is the order of attributes in
/// requests, so it counts.
fn mapping(job: &Job, row_name: &str, filter_name: &str, part: &mut dyn FnMut(&str, String)) {
    for row in &job.attributes {
        part(&format!("{row_name}`{}`", row.target), canonical(row));
    }
    for (index, filter) in job.scoping_filters.iter().enumerate() {
        let name = filter.name.as_ref().map(|name| format!(" {name:?}")).unwrap_or_default();
        part(&format!("{filter_name} {}{name}", index + 1), filter.to_string());
    }
}

fn application(application: &ApplicationRef) -> String {
    match application {
        ApplicationRef::Guid(id) => id.to_string(),
        ApplicationRef::DisplayName(name) => format!("{name:?}"),
    }
}

fn words<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

fn safeguards(job: &Job, part: &mut dyn FnMut(&str, String)) {
    let safeguards = &job.safeguards;
    part(
        "safeguards.on_out_of_scope",
        match safeguards.on_out_of_scope {
            OutOfScope::Disable => "disable".to_owned(),
            OutOfScope::Delete => "delete".to_owned(),
            OutOfScope::Keep => "keep".to_owned(),
        },
    );
    part(
        "safeguards.on_directory_delete",
        match safeguards.on_directory_delete {
            DirectoryDelete::Delete => "delete".to_owned(),
            DirectoryDelete::Disable => "disable".to_owned(),
            DirectoryDelete::Keep => "keep".to_owned(),
        },
    );
    if let Some(after) = safeguards.delete_after {
        part("safeguards.delete_after", duration::show(after));
    }
    part("safeguards.create", safeguards.create.to_string());
    part("safeguards.update", safeguards.update.to_string());
    part("safeguards.delete", safeguards.delete.to_string());
    part("safeguards.protect", words(&safeguards.protect));
}

fn canonical(row: &AttributeMapping) -> String {
    let mut text = match &row.source {
        MappingSource::Attribute(name) => format!("[{name}]"),
        MappingSource::Constant(text) => format!("{text:?}"),
        MappingSource::Expression(expression) => shown_expression(row, &expression.to_string()),
    };
    let mut and = |more: String| text.extend([", ", &more]);
    if let Some(precedence) = row.matching_priority {
        and(format!("match {precedence}"));
    }
    if let Some(default) = &row.default {
        let default = if row.is_redacted() { REDACTED.to_owned() } else { default.to_string() };
        and(format!("default {default}"));
    }
    match row.apply {
        Apply::Always => {}
        Apply::Create => and("on create".to_owned()),
    }
    match row.null {
        NullFlow::Clear => {}
        NullFlow::Keep => and("null keeps".to_owned()),
    }
    match row.value_type {
        ValueType::String => {}
        ValueType::Boolean => and("boolean".to_owned()),
        ValueType::Reference => and("reference".to_owned()),
        ValueType::Complex => and("complex".to_owned()),
    }
    if row.required {
        and("required".to_owned());
    }
    if let Some(max) = row.limit.characters_max {
        and(format!("at most {max} characters"));
    }
    if !row.limit.forbidden.is_empty() {
        and(format!("without {}", row.limit.forbidden));
    }
    text
}

/// An expression with nothing in it that it redacts: a text there may be the secret itself.
fn shown_expression(row: &AttributeMapping, text: &str) -> String {
    if row.is_redacted() && text.contains('"') { REDACTED.to_owned() } else { text.to_owned() }
}
