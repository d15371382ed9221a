//! The JSON document of `provision --json`. Its fields are promises to scripts.

use serde_json::{Value, json};

use super::run::Told;
use crate::cli::{document::change, explain::found};

/// The document of one person or group.
pub(super) fn provisioned(told: &Told<'_>) -> Value {
    let done = &told.done;
    let changes: Vec<Value> = told.changes.iter().map(change).collect();
    json!({
        "app": told.app,
        "who": told.who,
        "dry_run": told.dry_run,
        "found": found(&told.found),
        "steps": told.steps,
        "changes": changes,
        "held": done.held.as_ref().map(|reason| json!({
            "reason": reason,
            "plan": done.held_plan,
        })),
        "requests": done.requests,
        "duration_ms": done.duration_ms,
        "error": done.error,
    })
}
