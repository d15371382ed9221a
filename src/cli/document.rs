//! The JSON documents of a cycle and a plan. Their fields are promises to scripts.

use serde_json::{Value, json};

use super::rows::Plan;
use crate::{
    model::moment,
    provisioning::{ChangeStatus, LinkEffect, PlannedChange, Write},
    scim::{Values, shown},
    store::{CycleReport, PlanFilter},
    web::held_document,
};

/// The document of `plan --json` and `sync --json`.
pub(super) fn cycle(
    app: &str,
    report: &CycleReport,
    plan: &impl Plan,
    verbose: bool,
) -> anyhow::Result<Value> {
    let mut changes = Vec::new();
    if plan.is_of(&report.id.to_string())? {
        plan.each(filter(verbose), |row| {
            changes.push(change(row));
            Ok(())
        })?;
    }
    Ok(json!({
        "app": app,
        "cycle": {
            "id": report.id,
            "kind": report.kind,
            "dry_run": report.dry_run,
            "began": moment(report.began),
            "duration_ms": report.duration_ms,
        },
        "totals": report.totals,
        "requests": report.requests,
        "held": report.held.as_ref().map(held_document),
        "error": report.error,
        "warnings": report.warnings,
        "revision": report.revision,
        "quarantine": report.quarantine.as_ref().map(|quarantine| json!({
            "reason": quarantine.reason,
            "since": moment(quarantine.series_began),
            "error": quarantine.problem(),
        })),
        "changes": changes,
    }))
}

/// Which rows are shown.
pub(super) fn filter(verbose: bool) -> PlanFilter {
    if verbose { PlanFilter::All } else { PlanFilter::Visible }
}

/// One change.
pub(super) fn change(row: &PlannedChange) -> Value {
    let seen = |value: &Option<Value>| value.as_ref().map(shown);
    let attributes: Vec<Value> = row
        .changes
        .iter()
        .map(|c| json!({ "path": c.path.to_string(), "old": seen(&c.old), "new": seen(&c.new) }))
        .collect();
    let error = row.error.as_ref().map(|failure| {
        json!({
            "code": failure.reason.to_string(),
            "detail": failure.detail,
            "recommended_action": failure.reason.recommended_action(),
        })
    });
    json!({
        "change_id": row.id,
        "object": row.kind,
        "action": row.action,
        "status": status(row.status),
        "source": { "id": row.source, "display": row.source_display },
        "target": { "id": row.target, "display": account_name(row) },
        "reason": reason(row),
        "attributes": attributes,
        "error": error,
    })
}

/// Why, as a sentence; as a code where there is none.
pub(super) fn reason(row: &PlannedChange) -> String {
    if row.detail.is_empty() { row.reason.to_string() } else { row.detail.clone() }
}

/// A row that was sent and has no outcome yet is still only planned for whoever reads it.
fn status(status: ChangeStatus) -> ChangeStatus {
    match status {
        ChangeStatus::Sent => ChangeStatus::Planned,
        ChangeStatus::Planned
        | ChangeStatus::Success
        | ChangeStatus::Warning
        | ChangeStatus::Failure
        | ChangeStatus::Skipped
        | ChangeStatus::Held => status,
    }
}

/// The account's `userName` as far as it is known.
fn account_name(row: &PlannedChange) -> Option<String> {
    let name = |values: &Values| {
        let found = values.iter().find(|(path, _)| path.to_string() == "userName");
        found.and_then(|(_, value)| value.as_str().map(str::to_owned))
    };
    let exported = match &row.effect {
        LinkEffect::Exported(values) => name(values),
        LinkEffect::Unchanged | LinkEffect::Kept | LinkEffect::Removed => None,
    };
    exported.or_else(|| match &row.write {
        Write::Create(values) | Write::Patch { baseline: values } => name(values),
        Write::Nothing | Write::Delete | Write::Members => None,
    })
}
