//! What everything that was read comes to: what is no proof is taken out, the rest goes to the log.

use serde_json::Value;

use super::compare::{BATCH, Comparing};
use crate::{
    model::ObjectKind,
    port::TargetRead,
    provisioning::{Correction, DriftFinding, DriftKind, correction},
    scim::Values,
    store::{DriftCheck, DriftListing, StoreError},
};

impl<D: Sync, R: TargetRead> Comparing<'_, D, R> {
    /// An attribute that the target shows of nobody was not cleared: nobody can see it.
    pub(super) fn take_out_not_shown(&self, check: &DriftCheck) -> Result<(), StoreError> {
        if check.asked.is_subset(&check.shown) {
            return Ok(());
        }
        let (job, store) = (self.context.job, self.context.store);
        let mut after = 0;
        loop {
            let rows = store.read(|view| view.drift_findings(check.id, after, BATCH))?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = *last;
            store.write(|tx| {
                for (seq, mut finding) in rows {
                    finding.changes.retain(|change| check.shown.contains(&change.path));
                    finding.correction = correction(job, check.mode, &finding.changes);
                    tx.replace_drift(seq, &finding)?;
                }
                Ok(())
            })?;
        }
    }

    /// A target that cuts its list short, or that shows no linked account at all, proves of none
    /// that it is gone.
    pub(super) fn doubt_missing(&self, check: &mut DriftCheck) -> Result<(), StoreError> {
        let is_cut = matches!(check.listing, Some(DriftListing::Partial(_)));
        if !is_cut && check.compared > 0 {
            return Ok(());
        }
        let store = self.context.store;
        check.unproven = store.read(|view| view.drift_counts(check.id))?.missing;
        store.write(|tx| tx.drop_drift(check.id, DriftKind::Missing))
    }

    /// Tells the accounts that nobody is linked to and that a complete list did not have before.
    pub(super) fn tell_added(&self, check: &DriftCheck) -> Result<(), StoreError> {
        let store = self.context.store;
        let is_known = store.read(|view| view.has_drift_baseline())?;
        if check.listing != Some(DriftListing::Complete) || !is_known {
            return Ok(());
        }
        let mut after = String::new();
        loop {
            let rows = store.read(|view| view.added_accounts(&after, BATCH))?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            last.as_str().clone_into(&mut after);
            store.write(|tx| {
                for (target, values) in rows {
                    // It is the account of another application with the same target.
                    if tx.neighbour_of(&target)?.is_some() {
                        continue;
                    }
                    let finding = DriftFinding {
                        kind: DriftKind::Added,
                        object: ObjectKind::User,
                        source: None,
                        source_display: None,
                        target,
                        target_display: name_of(&values),
                        changes: Vec::new(),
                        correction: Correction::None,
                    };
                    tx.add_drift(check.id, &finding)?;
                }
                Ok(())
            })?;
        }
    }

    /// Puts what was found into the log, and its corrections on their way.
    pub(super) fn record(&self, check: &DriftCheck) -> Result<(), StoreError> {
        let store = self.context.store;
        loop {
            let rows = store.read(|view| view.unrecorded_drift(check.id, BATCH))?;
            if rows.is_empty() {
                return Ok(());
            }
            let now = self.context.clock.now();
            store.write(|tx| {
                for (seq, finding) in &rows {
                    tx.record_drift(self.cycle, (*seq, finding), now)?;
                    if let (Correction::Planned, Some(source)) =
                        (finding.correction, finding.source)
                    {
                        tx.set_stale(source)?;
                        tx.mark_dirty(source)?;
                    }
                }
                Ok(())
            })?;
        }
    }
}

/// The account's `userName`, or where that is not mapped the first text it has.
pub(super) fn name_of(values: &Values) -> Option<String> {
    let name = values.iter().find(|(path, _)| path.is_user_name()).map(|(_, value)| value);
    let name = name.and_then(Value::as_str).or_else(|| values.values().find_map(Value::as_str));
    name.map(str::to_owned)
}
