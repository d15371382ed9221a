//! The JSON documents of `status`. Their fields are promises to scripts.

use chrono::SecondsFormat;
use serde_json::{Value, json};

use super::{drift::DriftStanding, standing::Standing};
use crate::{
    model::{Timestamp, moment},
    store::{CycleReport, EscrowRow, HeldReport},
};

impl Standing {
    /// The document of several applications.
    pub fn documents<'a>(all: impl IntoIterator<Item = &'a Self>) -> Value {
        let apps: Vec<Value> = all.into_iter().map(Self::document).collect();
        json!({ "apps": apps })
    }

    /// The document of one.
    fn document(&self) -> Value {
        let millis = |at: Timestamp| at.to_rfc3339_opts(SecondsFormat::Millis, true);
        json!({
            "app": self.app,
            "state": self.state,
            "watermark_at": self.watermark.map(millis),
            "last_cycle": self.last_cycle.as_ref().map(last_cycle),
            "running": self.running,
            "next_run": self.next_run.map(moment),
            "links": { "users": self.links.linked, "groups": self.links.groups },
            "escrows": self.escrows.all,
            "given_up": self.given_up.iter().map(given_up).collect::<Vec<Value>>(),
            "quarantine": self.quarantine.as_ref().map(|quarantine| json!({
                "reason": quarantine.reason,
                "since": moment(quarantine.series_began),
                "next_attempt": self.next_attempt.map(moment),
                "error": quarantine.problem(),
            })),
            "held": self.held.as_ref().map(held_document),
            "drift": self.drift.as_ref().map(DriftStanding::document),
        })
    }
}

fn last_cycle(report: &CycleReport) -> Value {
    json!({
        "id": report.id,
        "kind": report.kind,
        "began": moment(report.began),
        "duration_ms": report.duration_ms,
        "totals": report.totals,
        "requests": report.requests,
        "error": report.error,
    })
}

fn given_up(row: &EscrowRow) -> Value {
    json!({
        "source": { "id": row.source, "display": row.name },
        "since": moment(row.failures.since),
        "code": row.code,
        "detail": row.detail,
    })
}

/// What a safeguard holds.
pub fn held_document(held: &HeldReport) -> Value {
    json!({
        "plan": held.plan,
        "removals": held.removals,
        "membership_removals": held.membership_removals,
        "creates": held.creates,
        "linked": held.linked,
        "threshold": held.threshold,
        "reason": held.reason,
    })
}
