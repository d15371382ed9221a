//! What everything that was read comes to: what is no proof is taken out, the rest goes to the log.

use serde_json::Value;

use super::compare::{BATCH, Comparing};
use crate::{
    model::ObjectKind,
    port::TargetRead,
    provisioning::{Correction, DriftFinding, DriftKind, correction, job::Job},
    scim::Values,
    store::{DriftCheck, DriftListing, DriftPart, DriftStage, StoreError, View},
};

impl<D: Sync, R: TargetRead> Comparing<'_, D, R> {
    /// Says what was read of one kind of object comes to, and goes on to the next kind.
    pub(super) fn conclude(&self, job: &Job, check: &mut DriftCheck) -> Result<(), StoreError> {
        self.take_out_not_shown(job, check)?;
        self.doubt_missing(job, check)?;
        let is_complete = check.current().listing == Some(DriftListing::Complete);
        if is_complete {
            self.tell_added(job, check)?;
        }
        check.after = None;
        let groups = self.context.job.groups.is_some();
        self.context.store.write(|tx| {
            if is_complete {
                tx.set_drift_baseline(job.kind)?;
            }
            if job.kind == ObjectKind::User && groups {
                (check.kind, check.stage) = (ObjectKind::Group, DriftStage::Listing);
                *check.current() = new_part(tx, ObjectKind::Group)?;
            } else {
                check.stage = DriftStage::Recording;
            }
            tx.save_drift_check(check)
        })
    }

    /// An attribute that the target shows of nobody was not cleared: nobody can see it.
    fn take_out_not_shown(&self, job: &Job, check: &mut DriftCheck) -> Result<(), StoreError> {
        let (id, mode, part) = (check.id, check.mode, check.current());
        if part.asked.is_subset(&part.shown) {
            return Ok(());
        }
        let store = self.context.store;
        let mut after = 0;
        loop {
            let rows = store.read(|view| view.drift_findings(id, after, BATCH))?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = *last;
            store.write(|tx| {
                for (seq, mut finding) in rows {
                    if finding.object != job.kind {
                        continue;
                    }
                    finding.changes.retain(|change| part.shown.contains(&change.path));
                    finding.correction = correction(job, mode, &finding.changes);
                    tx.replace_drift(seq, &finding)?;
                }
                Ok(())
            })?;
        }
    }

    /// A target that cuts its list short, or that shows no linked object at all, proves of none
    /// that it is gone.
    fn doubt_missing(&self, job: &Job, check: &mut DriftCheck) -> Result<(), StoreError> {
        let (id, part) = (check.id, check.current());
        let is_cut = matches!(part.listing, Some(DriftListing::Partial(_)));
        if is_cut || part.compared == 0 {
            part.unproven = self.context.store.write(|tx| tx.drop_missing(id, job.kind))?;
        }
        Ok(())
    }

    /// Tells the objects that nobody is linked to and that a complete list did not have before.
    fn tell_added(&self, job: &Job, check: &DriftCheck) -> Result<(), StoreError> {
        let (store, kind) = (self.context.store, job.kind);
        if !store.read(|view| view.has_drift_baseline(kind))? {
            return Ok(());
        }
        let mut after = String::new();
        loop {
            let rows = store.read(|view| view.added_accounts(kind, &after, BATCH))?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            last.as_str().clone_into(&mut after);
            store.write(|tx| {
                for (target, values) in rows {
                    // It is the account of another application with the same target.
                    if tx.neighbour_of(kind, &target)?.is_some() {
                        continue;
                    }
                    let finding = DriftFinding {
                        kind: DriftKind::Added,
                        object: kind,
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
                        if finding.changes.iter().any(|change| change.path.is_members()) {
                            tx.doubt_made_members(source)?;
                        }
                    }
                }
                Ok(())
            })?;
        }
    }
}

/// What counts begin with, for one kind of object.
pub(super) fn new_part(view: &View<'_>, kind: ObjectKind) -> Result<DriftPart, StoreError> {
    let (shown, listed) = (view.drift_shown(kind)?, view.drift_listed(kind)?);
    Ok(DriftPart { shown, listed, ..DriftPart::default() })
}

/// The account's `userName`, or where that is not mapped the first text it has.
pub(super) fn name_of(values: &Values) -> Option<String> {
    let name = values.iter().find(|(path, _)| path.is_user_name()).map(|(_, value)| value);
    let name = name.and_then(Value::as_str).or_else(|| values.values().find_map(Value::as_str));
    name.map(str::to_owned)
}
