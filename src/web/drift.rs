//! What is known of an application's drift, out of its state.

use serde_json::{Value, json};

use crate::{
    model::{Timestamp, moment},
    provisioning::{DriftMode, DriftRule},
    store::{DriftBrokenOff, DriftCheck, DriftCounts, StoreError, View},
};

/// How an application stands with drift.
#[derive(Clone, Debug)]
pub struct DriftStanding {
    /// What is done about it.
    pub mode: DriftMode,
    /// The last comparison that came to its end, and what it found.
    pub check: Option<(DriftCheck, DriftCounts)>,
    /// The one that did not, where it was the last.
    pub broken_off: Option<DriftBrokenOff>,
    /// When the next one is due.
    pub next: Option<Timestamp>,
}

impl DriftStanding {
    /// As the state says.
    pub fn read(view: &View<'_>, rule: &DriftRule, now: Timestamp) -> Result<Self, StoreError> {
        let check = view.last_drift_check()?;
        let counts = check.as_ref().map(|check| view.drift_counts(check.id)).transpose()?;
        let broken_off = view.drift_broken_off()?;
        let regular = view.drift_anchor()?.map(|anchor| rule.next_after(anchor, now));
        let next = match &broken_off {
            Some(broken) if !broken.may_retry(now) => Some(broken.not_before),
            Some(_) => Some(now),
            None if view.open_drift_check()?.is_some() => Some(now),
            None => regular,
        };
        Ok(Self {
            mode: rule.mode,
            check: check.zip(counts),
            broken_off,
            next: next.filter(|_| rule.mode != DriftMode::Off),
        })
    }

    /// A part of the document of `status`.
    pub(super) fn document(&self) -> Value {
        let counts = self.check.as_ref().map(|(_, counts)| *counts).unwrap_or_default();
        json!({
            "mode": self.mode.as_str(),
            "checked_at": self.check.as_ref().and_then(|(check, _)| check.ended).map(moment),
            "changed": counts.changed,
            "missing": counts.missing,
            "added": counts.added,
            "next": self.next.map(moment),
            "problem": self.broken_off.as_ref().map(|broken| &broken.problem),
        })
    }
}
