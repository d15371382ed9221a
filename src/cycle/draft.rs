//! Phase `draft`: decides about every dirty person, and writes the plan.
//!
//! Only here and in the survey is the target read before anything is written: for people without a
//! link, and for accounts whose last write has no known outcome.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    context::{Context, CycleError, Tracker},
    pace::Pacer,
    survey::{Lookup, candidates, mapped_paths, matching_paths},
};
use crate::{
    model::{AppRole, ChangeId, CycleId, ObjectKind, SourceId, TargetId, Timestamp},
    port::{FaultClass, TargetFault, TargetRead},
    provisioning::{
        Action, Candidate, ChangeStatus, Decision, Evidence, Failure, Link, LinkEffect,
        ManagerStanding, Phase, PlanInputs, PlannedChange, Reason, SourceAttribute, Step, StepKind,
        StepStatus, Subject, Verdict, Write, decide, failure_of,
        job::{Job, MappingSource, ValueType},
        manager_change, order_claims,
    },
    scim::{AttributePath, EqFilter, project},
    store::{StoreError, Tx},
};

/// Dirty people decided between two looks at the clock and the stop request.
const BATCH: u32 = 200;

/// Everything that drafting one person needs beside the person.
struct Drafting<'a, D, R> {
    context: &'a Context<'a, D>,
    target: &'a R,
    pacer: &'a Pacer<'a>,
    lookup: Lookup,
    cycle: (CycleId, Timestamp),
    roles: Vec<AppRole>,
    unique: Vec<AttributePath>,
}

/// Drafts the plan of this cycle.
pub(super) async fn draft<D: Sync, R: TargetRead>(
    context: &Context<'_, D>,
    target: &R,
    pacer: &Pacer<'_>,
    lookup: Lookup,
    cycle: (CycleId, Timestamp),
) -> Result<(), CycleError> {
    let drafting = Drafting {
        context,
        target,
        pacer,
        lookup,
        cycle,
        roles: context.store.read(|view| view.app_roles())?,
        unique: matching_paths(context.job),
    };
    let tracker = Tracker::new(context, cycle.0, "draft");
    let total = context.store.read(|view| view.dirty_count())?;
    context.store.write(|tx| tx.clear_plan())?;
    let (mut after, mut done) = (None, 0);
    loop {
        context.check_stop()?;
        let ids = context.store.read(|view| view.dirty_users(after, BATCH))?;
        let Some(last) = ids.last().copied() else { break };
        after = Some(last);
        for id in &ids {
            drafting.person(*id).await?;
            done += 1;
        }
        tracker.at(done, Some(total.max(done)))?;
    }
    if let Some(path) = manager_path(context.job) {
        drafting.references(&path)?;
    }
    drafting.refuse_contested()?;
    order(context)?;
    Ok(())
}

/// The attribute that holds the manager, where one is mapped.
pub(super) fn manager_path(job: &Job) -> Option<AttributePath> {
    job.users
        .iter()
        .find(|mapping| {
            mapping.value_type == ValueType::Reference
                && matches!(&mapping.source, MappingSource::Attribute(name)
                    if SourceAttribute::parse(name) == Some(SourceAttribute::Manager))
        })
        .map(|mapping| mapping.target.clone())
}

impl<D, R: TargetRead> Drafting<'_, D, R> {
    async fn person(&self, id: SourceId) -> Result<(), CycleError> {
        let store = self.context.store;
        let Some(subject) = store.read(|view| view.subject(id))? else { return Ok(()) };
        let link = match store.read(|view| view.link(id))? {
            Some(link) if link.stale => match self.read_back(link).await? {
                Ok(link) => link,
                Err(failure) => return self.failed_lookup(&subject, failure),
            },
            link => link,
        };
        let (memory, unsettled) =
            store.read(|view| Ok((view.entitlement(id)?, view.unsettled_create(id)?)))?;
        let mut inputs = PlanInputs {
            job: self.context.job,
            cycle: self.cycle,
            now: self.context.clock.now(),
            subject: &subject,
            declared_roles: &self.roles,
            memory,
            link: link.as_ref(),
            unsettled,
            evidence: Evidence::NotLooked,
            default_domain: None,
        };
        let decision = match decide(&inputs) {
            Verdict::Decided(decision) => decision,
            Verdict::Lookup { keys, required } => {
                inputs.evidence = match self.look(id, &keys, required).await? {
                    Ok(evidence) => evidence,
                    Err(failure) => return self.failed_lookup(&subject, failure),
                };
                match decide(&inputs) {
                    Verdict::Decided(decision) => decision,
                    Verdict::Lookup { .. } => return Ok(()),
                }
            }
        };
        self.store(id, &decision)?;
        Ok(())
    }

    /// What the target has for a person without a link. A fault that concerns this person alone
    /// is returned, one that concerns everybody ends the cycle.
    async fn look(
        &self,
        id: SourceId,
        keys: &[EqFilter],
        required: bool,
    ) -> Result<Result<Evidence, Failure>, CycleError> {
        if !required && self.lookup == Lookup::Filtered {
            return Ok(Ok(Evidence::Found(BTreeMap::new())));
        }
        let mut found: BTreeMap<AttributePath, Vec<Candidate>> = BTreeMap::new();
        for key in keys {
            let hits =
                candidates(self.context, self.target, self.pacer, self.lookup, (id, key)).await;
            let hits = match hits {
                Ok(hits) => hits,
                Err(CycleError::Target(fault)) if concerns_one(&fault) => {
                    return Ok(Err(failure_of(&fault)));
                }
                Err(error) => return Err(error),
            };
            let enough = !hits.is_empty();
            found.insert(key.path.clone(), hits);
            if enough
                && crate::provisioning::settle(keys, &found).0 != crate::provisioning::Matched::None
            {
                break;
            }
        }
        Ok(Ok(Evidence::Found(found)))
    }

    /// A link whose account was just read, because its last write has no known outcome.
    async fn read_back(&self, mut link: Link) -> Result<Result<Option<Link>, Failure>, CycleError> {
        let answer = self.pacer.ask(|| self.target.get(ObjectKind::User, &link.target)).await;
        match answer {
            Ok(Some(resource)) => {
                let mapped = mapped_paths(self.context.job);
                link.read_back = Some(project(&resource.document, &mapped));
                Ok(Ok(Some(link)))
            }
            Ok(None) => {
                let now = self.context.clock.now();
                self.context.store.write(|tx| tx.release_link(link.source, now))?;
                Ok(Ok(None))
            }
            Err(fault) if concerns_one(&fault) => Ok(Err(failure_of(&fault))),
            Err(fault) => Err(fault.into()),
        }
    }

    fn failed_lookup(&self, subject: &Subject, failure: Failure) -> Result<(), CycleError> {
        let change = PlannedChange {
            id: ChangeId::derive(&[
                &self.cycle.0.to_string(),
                &subject.id.to_string(),
                Action::Skip.as_str(),
            ]),
            kind: ObjectKind::User,
            source: subject.id,
            source_display: subject.display(),
            target: None,
            action: Action::Skip,
            status: ChangeStatus::Failure,
            reason: failure.reason,
            detail: failure.detail.clone(),
            changes: Vec::new(),
            write: Write::Nothing,
            effect: LinkEffect::Unchanged,
            phase: Phase::Updates,
            reference: None,
            steps: vec![Step::new(
                StepKind::Matching,
                StepStatus::Failure,
                "EntrySynchronizationMatching",
                failure.detail.clone(),
            )],
            error: Some(failure),
        };
        let store = self.context.store;
        let memory = store.read(|view| view.entitlement(subject.id))?;
        let decision = Decision {
            in_scope: memory.since.is_some(),
            memory,
            changes: vec![change],
            again: true,
            wants_references: false,
            looked: false,
        };
        Ok(self.store(subject.id, &decision)?)
    }

    fn store(&self, id: SourceId, decision: &Decision) -> Result<(), StoreError> {
        let now = self.context.clock.now();
        self.context.store.write(|tx| {
            tx.remember_decision(id, decision)?;
            if decision.looked {
                tx.count_look(id, self.cycle.0)?;
            }
            for change in &decision.changes {
                tx.add_planned(self.cycle.0, change, &self.unique, decision.again)?;
                if change.status != ChangeStatus::Planned {
                    tx.record_decision(self.cycle.0, change, now)?;
                }
            }
            Ok(())
        })
    }

    /// An account that several people would adopt is adopted by none of them.
    fn refuse_contested(&self) -> Result<(), StoreError> {
        let now = self.context.clock.now();
        self.context.store.write(|tx| {
            for (seq, mut row) in tx.contested_adoptions()? {
                let failure = Failure {
                    reason: Reason::DuplicateSourceEntries,
                    detail: "several people match the same account; nothing was written to it"
                        .to_owned(),
                };
                row.status = ChangeStatus::Failure;
                row.error = Some(failure);
                row.changes.clear();
                tx.update_planned(seq, &row)?;
                row.effect = LinkEffect::Unchanged;
                tx.record_decision(self.cycle.0, &row, now)?;
            }
            Ok(())
        })
    }

    /// Resolves the managers of the drafted people, once it is known who gets an account.
    fn references(&self, path: &AttributePath) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let ids = self.context.store.read(|view| view.drafted_users(after, BATCH))?;
            let Some(last) = ids.last().copied() else { return Ok(()) };
            after = Some(last);
            self.context.store.write(|tx| {
                for id in &ids {
                    self.reference(tx, *id, path)?;
                }
                Ok(())
            })?;
        }
    }

    fn reference(&self, tx: &Tx<'_>, id: SourceId, path: &AttributePath) -> Result<(), StoreError> {
        let rows = tx.planned_for(id)?;
        let Some((seq, row)) = rows.into_iter().find(|(_, row)| wants_manager(row)) else {
            return Ok(());
        };
        let Some(subject) = tx.subject(id)? else { return Ok(()) };
        let link = tx.link(id)?;
        let exported = match &row.effect {
            // What was read back counts, not what was exported before that.
            LinkEffect::Exported(values) => values.get(path).cloned(),
            LinkEffect::Unchanged | LinkEffect::Kept | LinkEffect::Removed => {
                link.as_ref().and_then(|link| link.exported.get(path).cloned())
            }
        };
        let known = exported.as_ref().and_then(Value::as_str);
        let names = |target: &TargetId| known == Some(target.as_str());
        let standing = match subject.manager {
            None => ManagerStanding::None,
            Some(manager) => match tx.linked_target(manager)? {
                // Whether the account goes shows when its removal was sent: asked again then.
                Some(target) if !names(&target) && tx.is_leaving(manager)? => {
                    ManagerStanding::Coming(manager)
                }
                Some(target) => ManagerStanding::Linked(target),
                None if tx.is_coming(manager)? => ManagerStanding::Coming(manager),
                None => ManagerStanding::NotProvisioned(manager),
            },
        };
        let found = found_manager(&row, path);
        if let Some(found) = &found {
            match standing {
                // An adopted account keeps a manager that we have nothing to say against.
                ManagerStanding::None | ManagerStanding::NotProvisioned(_) => {
                    return forget_manager(tx, id, path);
                }
                ManagerStanding::Coming(manager) if is_adopted_as(tx, manager, found)? => {
                    return Ok(());
                }
                ManagerStanding::Coming(_) | ManagerStanding::Linked(_) => {}
            }
        }
        let (change, step) = manager_change(path, exported.as_ref(), &standing);
        let Some(change) = change else { return Ok(()) };
        let reference = match standing {
            ManagerStanding::Coming(manager) => Some(manager),
            ManagerStanding::None
            | ManagerStanding::Linked(_)
            | ManagerStanding::NotProvisioned(_) => None,
        };
        // A linked person's own update carries the manager along: one write, not two.
        let joins = reference.is_none()
            && link.is_some()
            && matches!(row.action, Action::Update | Action::Enable)
            && matches!(row.write, Write::Patch { .. });
        let mut steps = row.steps.clone();
        steps.push(step);
        if joins {
            let mut joined = row;
            joined.effect = with_reference(joined.effect, &change);
            joined.changes.push(change);
            joined.steps = steps;
            return tx.update_planned(seq, &joined);
        }
        let manager = PlannedChange {
            id: ChangeId::derive(&[&self.cycle.0.to_string(), &id.to_string(), "manager"]),
            action: Action::Update,
            status: ChangeStatus::Planned,
            reason: Reason::AttributesChanged,
            detail: format!("{path} changed"),
            changes: vec![change],
            write: Write::Patch { baseline: link.map(|link| link.exported).unwrap_or_default() },
            effect: LinkEffect::Unchanged,
            phase: Phase::References,
            reference,
            error: None,
            steps,
            ..row
        };
        tx.add_planned(self.cycle.0, &manager, &self.unique, false)
    }
}

/// The manager that an account had when it was found, where it is being adopted.
fn found_manager(row: &PlannedChange, path: &AttributePath) -> Option<Value> {
    match (row.action, &row.effect) {
        (Action::Adopt, LinkEffect::Exported(values)) => values.get(path).cloned(),
        (_, _) => None,
    }
}

/// Whether the manager is about to be linked to the very account that `found` names.
fn is_adopted_as(tx: &Tx<'_>, manager: SourceId, found: &Value) -> Result<bool, StoreError> {
    let rows = tx.planned_for(manager)?;
    Ok(rows.iter().any(|(_, row)| {
        row.action == Action::Adopt
            && row.target.as_ref().is_some_and(|target| found == target.as_str())
    }))
}

/// Lets the rows of a person not take a manager for our own export.
fn forget_manager(tx: &Tx<'_>, id: SourceId, path: &AttributePath) -> Result<(), StoreError> {
    for (seq, mut row) in tx.planned_for(id)? {
        if let LinkEffect::Exported(values) = &mut row.effect
            && values.remove(path).is_some()
        {
            tx.update_planned(seq, &row)?;
        }
    }
    Ok(())
}

/// Whether a row belongs to an enabled person in scope, whose manager is to be right.
fn wants_manager(row: &PlannedChange) -> bool {
    match row.action {
        Action::Create | Action::Update | Action::Enable => row.phase != Phase::References,
        Action::Adopt => true,
        Action::Skip => row.reason == Reason::RedundantExport && row.target.is_some(),
        Action::Disable | Action::Delete => false,
    }
}

fn with_reference(effect: LinkEffect, change: &crate::scim::AttributeChange) -> LinkEffect {
    match effect {
        LinkEffect::Exported(mut values) => {
            match &change.new {
                Some(value) => values.insert(change.path.clone(), value.clone()),
                None => values.remove(&change.path),
            };
            LinkEffect::Exported(values)
        }
        other @ (LinkEffect::Unchanged | LinkEffect::Kept | LinkEffect::Removed) => other,
    }
}

/// Whether a fault concerns this one person and not the target as a whole.
fn concerns_one(fault: &TargetFault) -> bool {
    match fault.class {
        FaultClass::Rejected
        | FaultClass::Malformed
        | FaultClass::Conflict
        | FaultClass::Missing
        | FaultClass::Lost => true,
        FaultClass::Throttled
        | FaultClass::Unavailable
        | FaultClass::Unauthorized
        | FaultClass::NotCompliant => false,
    }
}

/// Lets whoever gives up a unique value go before whoever takes it.
fn order<D>(context: &Context<'_, D>) -> Result<(), StoreError> {
    let contested = context.store.read(|view| view.contested_claims())?;
    let ranks = order_claims(&contested);
    context.store.write(|tx| {
        for (id, rank) in ranks {
            tx.rank_planned(id, rank)?;
        }
        Ok(())
    })
}
