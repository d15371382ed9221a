//! Phase `export`: sends the rows of a cleared plan, and records what became of each.
//!
//! Every row is committed as `sent` before its request leaves. Requests of different people run
//! side by side under one pacer; phases follow each other, so that seats and unique values are
//! free before they are taken. An account is read before it is deleted: a stranger behind a known
//! id is left alone.

use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::{StreamExt, stream};

use super::{
    context::{Context, CycleError, Tracker, WorkLeft},
    group::{Sender, Sent},
    guard::{is_postponed, not_ours, of_neighbour},
    import::DEFAULT_DOMAIN,
    pace::{Class, Pacer},
    quarantine::Watch,
    redaction::{mapping_inputs, revealed},
    survey::{Lookup, candidates, matching_paths},
};
use crate::{
    model::{AppRole, CycleId, TargetId, Timestamp},
    port::{FaultClass, Resource, TargetFault, TargetWrite},
    provisioning::{
        ChangeStatus, Claim, Cleared, Failure, LinkEffect, MappingInputs, Outcome, Phase, Plan,
        PlannedChange, Reason, Remedy, Revealed, Secrets, Write, failure_of, job::Job, remedy,
    },
    scim::{AttributePath, EqFilter, Values, create_body, patch, read, same},
};

/// Rows taken from the plan at once.
const BATCH: u32 = 200;

/// Everything that sending one row needs beside the row.
struct Exporting<'a, D, W> {
    context: &'a Context<'a, D>,
    target: &'a W,
    pacer: &'a Pacer<'a>,
    roles: Vec<AppRole>,
    default_domain: Option<String>,
    cycle: (CycleId, Timestamp),
    trouble: Mutex<Trouble>,
}

/// Why no further row is sent, and what may become the reason.
#[derive(Default)]
struct Trouble {
    end: Option<CycleError>,
    watch: Watch,
}

/// Sends what a review cleared.
pub(super) async fn export<D: Sync, W: TargetWrite>(
    context: &Context<'_, D>,
    target: &W,
    pacer: &Pacer<'_>,
    plan: &Plan<Cleared>,
    began: Timestamp,
) -> Result<(), CycleError> {
    let in_quarantine = context.store.read(|view| view.quarantine())?.is_some();
    let watch = Watch::new(in_quarantine);
    let trouble = Mutex::new(Trouble { end: None, watch });
    let (roles, default_domain) =
        context.store.read(|view| Ok((view.app_roles()?, view.fact(DEFAULT_DOMAIN)?)))?;
    let cycle = (plan.cycle(), began);
    let exporting = Exporting { context, target, pacer, roles, default_domain, cycle, trouble };
    let tracker = Tracker::new(context, plan.cycle(), "export");
    let total = context.store.read(|view| view.plan_count(ChangeStatus::Planned))?;
    let mut done = 0;
    for phase in Phase::ALL {
        loop {
            let rows = context.store.read(|view| view.next_planned(phase, BATCH))?;
            if rows.is_empty() {
                break;
            }
            // Who frees a unique value and who frees the next one must not race.
            let concurrency = match phase {
                Phase::FreeingUpdates => 1,
                Phase::Removals
                | Phase::Updates
                | Phase::Creates
                | Phase::AfterCreates
                | Phase::References
                | Phase::Memberships => usize::from(context.job.pace.concurrency.max(1)),
            };
            let mut under_way = stream::iter(&rows)
                .map(|(seq, row)| exporting.row(*seq, row))
                .buffer_unordered(concurrency);
            // Requests under way are always heard to their end: a dropped one would be a write
            // without a known outcome.
            while let Some(result) = under_way.next().await {
                result?;
                done += 1;
                tracker.at(done, Some(total.max(done)))?;
            }
            if let Some(end) = exporting.trouble().end.take() {
                return Err(end);
            }
        }
    }
    Ok(())
}

impl<D: Sync, W: TargetWrite> Exporting<'_, D, W> {
    fn mapping_inputs(&self) -> MappingInputs<'_> {
        let (roles, domain) = (&self.roles, self.default_domain.as_deref());
        mapping_inputs(roles, domain, self.cycle.1, self.context.store.key())
    }

    fn trouble(&self) -> MutexGuard<'_, Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn row(&self, seq: i64, row: &PlannedChange) -> Result<(), CycleError> {
        {
            let mut trouble = self.trouble();
            let store = self.context.store;
            let left = || store.read(|view| view.plan_count(ChangeStatus::Planned));
            if trouble.end.is_none() {
                trouble.end = self.context.check_end(|| left().map(WorkLeft::Changes)).err();
            }
            if trouble.end.is_some() {
                return Ok(());
            }
        }
        let began = self.context.clock.now();
        if is_postponed(self.context, self.cycle.0, row, began)? {
            return Ok(());
        }
        let mut row = row.clone();
        let outcome = match self.prepare(seq, &mut row)? {
            Some(outcome) => outcome,
            None if row.write == Write::Members => match self.members(seq, &row).await? {
                Some(outcome) => outcome,
                // The row stays planned, and the next cycle goes on with it.
                None => return Ok(()),
            },
            None => match revealed(self.context, &row, self.mapping_inputs())? {
                Err(failure) => Outcome::Failed(failure),
                Ok(revealed) => {
                    if row.write != Write::Nothing {
                        self.context.store.write(|tx| {
                            tx.update_planned(seq, &row)?;
                            tx.mark_sent(seq, began)
                        })?;
                    }
                    self.send(&row, &revealed).await?
                }
            },
        };
        let ended = self.context.clock.now();
        self.context.store.write(|tx| {
            tx.record_outcome(self.cycle.0, (seq, &row), &outcome, (began, ended))?;
            if adopted_in_passing(&row, &outcome) {
                tx.set_stale(row.source)?;
                tx.mark_dirty(row.source)?;
            }
            Ok(())
        })?;
        match outcome {
            Outcome::Success { .. } | Outcome::Gone { failure: None } => {
                self.trouble().watch.succeeded();
            }
            // What the target refused was noted when it answered.
            Outcome::Gone { failure: Some(_) }
            | Outcome::Unknown(_)
            | Outcome::Failed(_)
            | Outcome::Skipped(_) => {}
        }
        Ok(())
    }

    /// The failure that an answer is for its object; the export ends where every further row would
    /// fail like this one.
    fn refused(&self, fault: &TargetFault) -> Failure {
        let mut trouble = self.trouble();
        if let Some(end) = trouble.watch.refused(fault) {
            trouble.end.get_or_insert(end);
        }
        failure_of(fault)
    }

    /// Fills in what only now is known: the account, and the manager's account. Some rows need not
    /// be sent any more.
    fn prepare(&self, seq: i64, row: &mut PlannedChange) -> Result<Option<Outcome>, CycleError> {
        let store = self.context.store;
        let waits_for_link =
            matches!(row.phase, Phase::AfterCreates | Phase::References | Phase::Memberships);
        if !waits_for_link {
            if let Some(outcome) = of_neighbour(self.context, row)? {
                return Ok(Some(outcome));
            }
            // A target may allow the same name twice, and nobody could say whose account is whose.
            return Ok(store.read(|view| view.is_value_kept(seq, self.cycle.0))?.then(|| {
                Outcome::Failed(Failure {
                    reason: Reason::EntryConflict,
                    detail: "another account still has the value that this one is to take: the \
                             change that frees it did not succeed"
                        .to_owned(),
                })
            }));
        }
        let unresolved = |detail: &str| {
            Outcome::Skipped(Failure {
                reason: Reason::UnableToResolveReferenceAttributeValue,
                detail: detail.to_owned(),
            })
        };
        let Some(link) = store.read(|view| view.link(row.source))? else {
            return Ok(Some(unresolved("its account did not come to be in this cycle")));
        };
        if link.stale {
            return Ok(Some(Outcome::Skipped(Failure {
                reason: Reason::Timeout,
                detail: "an earlier write to its account has no known outcome; the account is \
                         read first, in the next cycle"
                    .to_owned(),
            })));
        }
        row.target = Some(link.target);
        if let Some(manager) = row.reference {
            let Some(target) = store.read(|view| view.linked_target(manager))? else {
                return Ok(Some(unresolved("the manager has no account")));
            };
            for change in &mut row.changes {
                change.new = Some(target.to_string().into());
            }
        }
        if row.phase == Phase::References {
            row.write = Write::Patch { baseline: link.exported.clone() };
            let mut exported = link.exported;
            for change in &row.changes {
                match &change.new {
                    Some(value) => exported.insert(change.path.clone(), value.clone()),
                    None => exported.remove(&change.path),
                };
            }
            row.effect = LinkEffect::Exported(exported);
        }
        of_neighbour(self.context, row)
    }

    /// Sends the members of a group; `None` where the export is to end before it is done.
    async fn members(&self, seq: i64, row: &PlannedChange) -> Result<Option<Outcome>, CycleError> {
        let exported = self.context.store.read(|view| view.link(row.source))?;
        let exported = exported.map(|link| link.exported).unwrap_or_default();
        let (Some(target), job) = (&row.target, self.job_of(row)) else {
            return Ok(Some(no_account()));
        };
        let (context, pacer) = (self.context, self.pacer);
        let sender = Sender { context, job, target: self.target, pacer };
        match sender.send((seq, row), target, exported).await? {
            Sent::Ended(outcome, fault) => {
                if let Some(fault) = fault {
                    self.refused(&fault);
                }
                Ok(Some(outcome))
            }
            Sent::Interrupted(end) => {
                self.trouble().end.get_or_insert(end);
                Ok(None)
            }
        }
    }

    /// The job of the row's kind of object.
    fn job_of(&self, row: &PlannedChange) -> &Job {
        self.context.job.of(row.kind).unwrap_or(self.context.job)
    }

    async fn send(&self, row: &PlannedChange, revealed: &Revealed) -> Result<Outcome, CycleError> {
        match (&row.write, &row.target) {
            (Write::Create(values), _) => self.create(row, values, revealed).await,
            (Write::Nothing, Some(target)) => Ok(success(row, target.clone(), None)),
            (Write::Patch { baseline }, Some(target)) => {
                self.patch(row, target, baseline, revealed).await
            }
            (Write::Delete, Some(target)) => self.delete(row, target, &revealed.secrets).await,
            (Write::Members, _) | (Write::Nothing | Write::Patch { .. } | Write::Delete, None) => {
                Ok(no_account())
            }
        }
    }

    async fn create(
        &self,
        row: &PlannedChange,
        values: &Values,
        revealed: &Revealed,
    ) -> Result<Outcome, CycleError> {
        let body = create_body(row.kind, &revealed.values(values), self.context.job.dialect);
        let created =
            self.pacer.ask(Class::write(row.kind), || self.target.create(row.kind, &body)).await;
        let fault = match created {
            Ok(resource) => return self.created(row, &resource),
            Err(fault) => revealed.secrets.clean_fault(fault),
        };
        match remedy(fault.class) {
            Remedy::Settle => Ok(Outcome::Unknown(self.refused(&fault))),
            Remedy::Rematch => self.conflict(row, values, &fault).await,
            Remedy::Pace | Remedy::Escrow | Remedy::Quarantine => {
                Ok(Outcome::Failed(self.refused(&fault)))
            }
        }
    }

    /// A created account must not be one that belongs to somebody else already.
    fn created(&self, row: &PlannedChange, resource: &Resource) -> Result<Outcome, CycleError> {
        let claim =
            self.context.store.read(|view| view.claim(row.kind, &resource.id, row.source))?;
        Ok(match claim {
            Claim::Free => success(row, resource.id.clone(), None),
            Claim::LinkedTo(other) | Claim::ReleasedFrom(other) => {
                not_ours(&resource.id, &other.to_string())
            }
            Claim::OtherApplication(app) => not_ours(&resource.id, &format!("application `{app}`")),
        })
    }

    /// The target has a conflicting account: look again, and adopt it if it is the person's.
    async fn conflict(
        &self,
        row: &PlannedChange,
        values: &Values,
        fault: &TargetFault,
    ) -> Result<Outcome, CycleError> {
        for path in matching_paths(self.job_of(row)) {
            let Some(text) = values.get(&path).and_then(serde_json::Value::as_str) else {
                continue;
            };
            let key = EqFilter { path: path.clone(), value: text.to_owned() };
            let found = candidates(
                (self.job_of(row), self.context.store),
                self.target,
                self.pacer,
                Lookup::Filtered,
                (row.source, &key),
            )
            .await;
            let Ok(found) = found else { break };
            let wanted = serde_json::Value::from(text);
            let mut matching = found.into_iter().filter(|candidate| {
                candidate.values.get(&path).is_some_and(|value| same(&path, &wanted, value))
            });
            match (matching.next(), matching.next()) {
                (Some(one), None) if one.claim == Claim::Free => {
                    // Adopted with what it has: the next cycle writes only what differs.
                    let exported = one
                        .values
                        .iter()
                        .filter(|(path, _)| values.contains_key(*path))
                        .map(|(path, value)| (path.clone(), value.clone()))
                        .collect();
                    let warning = format!(
                        "the application already had account `{}`; it was adopted, and what \
                         differs is written in the next cycle",
                        one.target
                    );
                    return Ok(Outcome::Success {
                        target: one.target,
                        exported,
                        warning: Some(warning),
                    });
                }
                (None, _) => {}
                (Some(_), _) => {
                    return Ok(Outcome::Failed(Failure {
                        reason: Reason::DuplicateSourceEntries,
                        detail: format!(
                            "an account with this `{path}` exists and is not free to adopt: {}",
                            fault.detail
                        ),
                    }));
                }
            }
        }
        Ok(Outcome::Failed(self.refused(fault)))
    }

    async fn patch(
        &self,
        row: &PlannedChange,
        target: &TargetId,
        baseline: &Values,
        revealed: &Revealed,
    ) -> Result<Outcome, CycleError> {
        let request = patch(baseline, &revealed.changes(&row.changes), self.context.job.dialect);
        if request.operations.is_empty() {
            return Ok(success(row, target.clone(), None));
        }
        let send = || self.target.patch(row.kind, target, &request);
        let answer = self.pacer.ask(Class::write(row.kind), send).await;
        match answer.map_err(|fault| revealed.secrets.clean_fault(fault)) {
            Ok(Some(resource)) => Ok(self.patched(row, target, &resource)),
            Ok(None) => Ok(success(row, target.clone(), None)),
            Err(fault) if fault.class == FaultClass::Missing => Ok(missing(row)),
            Err(fault) => Ok(match remedy(fault.class) {
                Remedy::Settle => Outcome::Unknown(self.refused(&fault)),
                Remedy::Rematch | Remedy::Pace | Remedy::Escrow | Remedy::Quarantine => {
                    Outcome::Failed(self.refused(&fault))
                }
            }),
        }
    }

    /// An answer about somebody else is a broken link, whatever its status.
    fn patched(&self, row: &PlannedChange, target: &TargetId, answer: &Resource) -> Outcome {
        let stranger = answer.id != *target
            || matching_paths(self.job_of(row)).iter().any(|path| {
                let wanted = match &row.effect {
                    LinkEffect::Exported(values) => values.get(path),
                    LinkEffect::Unchanged | LinkEffect::Kept | LinkEffect::Removed => None,
                };
                match (wanted, read(&answer.document, path)) {
                    (Some(wanted), Some(got)) => !same(path, wanted, &got),
                    (_, _) => false,
                }
            });
        if stranger {
            return Outcome::Unknown(Failure {
                reason: Reason::InvalidAnchor,
                detail: format!(
                    "the application answered for account `{target}` with another person's values"
                ),
            });
        }
        success(row, target.clone(), None)
    }

    async fn delete(
        &self,
        row: &PlannedChange,
        target: &TargetId,
        secrets: &Secrets,
    ) -> Result<Outcome, CycleError> {
        let failed = |fault: &TargetFault| Outcome::Failed(self.refused(fault));
        let current = match self.pacer.ask(Class::Read, || self.target.get(row.kind, target)).await
        {
            Ok(Some(resource)) => resource,
            Ok(None) => return Ok(Outcome::Gone { failure: None }),
            Err(fault) => return Ok(failed(&secrets.clean_fault(fault))),
        };
        let link = self.context.store.read(|view| view.link(row.source))?;
        let is_strange = |path: &AttributePath| {
            let theirs = read(&current.document, path);
            link.as_ref().zip(theirs).is_some_and(|(link, theirs)| {
                link.exported.contains_key(path) && !link.may_have(path, &theirs)
            })
        };
        if matching_paths(self.job_of(row)).iter().any(is_strange) {
            return Ok(Outcome::Failed(Failure {
                reason: Reason::InvalidAnchor,
                detail: format!(
                    "account `{target}` now has another person's matching value; it was not deleted"
                ),
            }));
        }
        let send = || self.target.delete(row.kind, target);
        let answer = self.pacer.ask(Class::write(row.kind), send).await;
        Ok(match answer.map_err(|fault| secrets.clean_fault(fault)) {
            Ok(()) => Outcome::Gone { failure: None },
            Err(fault) if fault.class == FaultClass::Missing => Outcome::Gone { failure: None },
            Err(fault) if remedy(fault.class) == Remedy::Settle => {
                Outcome::Unknown(self.refused(&fault))
            }
            Err(fault) => failed(&fault),
        })
    }
}

fn no_account() -> Outcome {
    Outcome::Failed(Failure {
        reason: Reason::InvalidAnchor,
        detail: "the plan names no account".to_owned(),
    })
}

/// The account is gone. That is what a removal wanted; anything else starts again without link.
fn missing(row: &PlannedChange) -> Outcome {
    if row.action.is_removal() {
        return Outcome::Gone { failure: None };
    }
    Outcome::Gone {
        failure: Some(Failure {
            reason: Reason::InvalidAnchor,
            detail: "the account is gone from the application; the next cycle matches or \
                     creates it again"
                .to_owned(),
        }),
    }
}

/// A create that found the account there already: what differs is for the next cycle, which reads
/// the account first.
fn adopted_in_passing(row: &PlannedChange, outcome: &Outcome) -> bool {
    matches!(row.write, Write::Create(_))
        && matches!(outcome, Outcome::Success { warning: Some(_), .. })
}

fn success(row: &PlannedChange, target: TargetId, warning: Option<String>) -> Outcome {
    let exported = match &row.effect {
        LinkEffect::Exported(values) => values.clone(),
        LinkEffect::Unchanged | LinkEffect::Kept | LinkEffect::Removed => Values::new(),
    };
    Outcome::Success { target, exported, warning }
}
