//! Phase `draft`: decides about every dirty person, and writes the plan.
//!
//! Only here and in the survey is the target read before anything is written: for people without a
//! link, and for accounts whose last write has no known outcome.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU32, Ordering},
};

use super::{
    context::{Context, CycleError, Tracker},
    pace::{Class, Pacer},
    redaction::{mapping_inputs, secrets},
    references::{manager_path, references},
    survey::{Lookup, candidates, matching_paths},
};
use crate::{
    model::{AppRole, ChangeId, CycleId, ObjectKind, SourceId, Timestamp},
    port::{FaultClass, TargetFault, TargetRead},
    provisioning::{
        Action, Candidate, ChangeStatus, Claim, Decision, Evidence, Failure, FilterPrincipals,
        Link, LinkEffect, Phase, PlanInputs, PlannedChange, Reason, Secrets, Step, StepKind,
        StepStatus, Subject, Verdict, Write, decide, failure_of, map_to_compare, order_claims,
        project_redacted,
    },
    scim::{AttributePath, EqFilter, same},
    store::StoreError,
};

/// Dirty people decided between two looks at the clock and the stop request.
const BATCH: u32 = 200;

/// Server errors in one draft after which they are no longer about single people.
const SERVER_ERRORS_MAX: u32 = 5;

/// Whoever wants a value that another person's account has is decided about once everybody else
/// is: by then it is known who gives a value up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    First,
    Second,
}

/// Whether a decision was stored.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Drafted {
    Stored,
    Deferred,
}

/// Everything that drafting one person needs beside the person.
struct Drafting<'a, D, R> {
    context: &'a Context<'a, D>,
    target: &'a R,
    pacer: &'a Pacer<'a>,
    lookup: Lookup,
    cycle: (CycleId, Timestamp),
    roles: Vec<AppRole>,
    principals: FilterPrincipals,
    unique: Vec<AttributePath>,
    server_errors: AtomicU32,
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
        principals: context.store.read(|view| view.filter_principals())?,
        unique: matching_paths(context.job),
        server_errors: AtomicU32::new(0),
    };
    let tracker = Tracker::new(context, cycle.0, "draft");
    let total = context.store.read(|view| view.dirty_count())?;
    context.store.write(|tx| tx.clear_plan())?;
    let (mut after, mut done) = (None, 0);
    let mut deferred = Vec::new();
    loop {
        context.check_stop()?;
        let ids = context.store.read(|view| view.dirty_users(after, BATCH))?;
        let Some(last) = ids.last().copied() else { break };
        after = Some(last);
        for id in &ids {
            if drafting.person(*id, Turn::First).await? == Drafted::Deferred {
                deferred.push(*id);
            }
            done += 1;
        }
        tracker.at(done, Some(total.max(done)))?;
    }
    for id in deferred {
        drafting.person(id, Turn::Second).await?;
    }
    if let Some(path) = manager_path(context.job) {
        references(context, cycle.0, &drafting.unique, &path)?;
    }
    drafting.refuse_contested()?;
    order(context)?;
    Ok(())
}

impl<D, R: TargetRead> Drafting<'_, D, R> {
    async fn person(&self, id: SourceId, turn: Turn) -> Result<Drafted, CycleError> {
        let store = self.context.store;
        let Some(subject) = store.read(|view| view.subject(id))? else {
            return Ok(Drafted::Stored);
        };
        let link = match store.read(|view| view.link(id))? {
            Some(link) if link.stale => match self.read_back(link, &subject).await? {
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
            principals: &self.principals,
            memory,
            link: link.as_ref(),
            unsettled,
            evidence: Evidence::NotLooked,
            default_domain: None,
            key: store.key(),
        };
        let decision = match decide(&inputs) {
            Verdict::Decided(decision) => decision,
            Verdict::Lookup { keys, required } => {
                inputs.evidence = match self.look(&subject, &keys, required, turn).await? {
                    Ok(evidence) => evidence,
                    Err(failure) => return self.failed_lookup(&subject, failure),
                };
                match decide(&inputs) {
                    Verdict::Decided(decision) => decision,
                    Verdict::Lookup { .. } => return Ok(Drafted::Stored),
                }
            }
        };
        let claimed = |row: &PlannedChange| row.reason == Reason::DuplicateSourceEntries;
        if turn == Turn::First && decision.changes.iter().any(claimed) {
            return Ok(Drafted::Deferred);
        }
        self.store(id, &decision)?;
        Ok(Drafted::Stored)
    }

    /// What the target has for a person without a link. A fault that concerns this person alone
    /// is returned, one that concerns everybody ends the cycle.
    async fn look(
        &self,
        subject: &Subject,
        keys: &[EqFilter],
        required: bool,
        turn: Turn,
    ) -> Result<Result<Evidence, Failure>, CycleError> {
        if !required && self.lookup == Lookup::Filtered {
            return Ok(Ok(Evidence::Found(BTreeMap::new())));
        }
        let mut found: BTreeMap<AttributePath, Vec<Candidate>> = BTreeMap::new();
        for key in keys {
            let hits =
                candidates(self.context, self.target, self.pacer, self.lookup, (subject.id, key))
                    .await;
            let hits = match hits {
                Ok(hits) => hits,
                Err(CycleError::Target(fault)) => {
                    return self.failed(self.secrets(subject, None).clean_fault(fault));
                }
                Err(error) => return Err(error),
            };
            let hits = match turn {
                Turn::First => hits,
                Turn::Second => self.without_freed(hits, key)?,
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

    /// The candidates without those that give the value up before it is taken.
    fn without_freed(
        &self,
        hits: Vec<Candidate>,
        key: &EqFilter,
    ) -> Result<Vec<Candidate>, StoreError> {
        self.context.store.read(|view| {
            let mut kept = Vec::new();
            for hit in hits {
                let freed = match hit.claim {
                    Claim::LinkedTo(other) => view.frees(other, &key.value)?,
                    Claim::Free | Claim::ReleasedFrom(_) => false,
                };
                if !freed {
                    kept.push(hit);
                }
            }
            Ok(kept)
        })
    }

    /// A link whose account was just read, because its last write has no known outcome. An account
    /// that is gone ends the link; one that has become another person's is left alone.
    async fn read_back(
        &self,
        mut link: Link,
        subject: &Subject,
    ) -> Result<Result<Option<Link>, Failure>, CycleError> {
        let answer =
            self.pacer.ask(Class::Read, || self.target.get(ObjectKind::User, &link.target)).await;
        let resource = match answer {
            Ok(Some(resource)) => resource,
            Ok(None) => {
                let now = self.context.clock.now();
                self.context.store.write(|tx| tx.release_link(link.source, now))?;
                return Ok(Ok(None));
            }
            Err(fault) => {
                let fault = self.secrets(subject, Some(&link)).clean_fault(fault);
                return self.failed(fault);
            }
        };
        let (job, key) = (self.context.job, self.context.store.key());
        let found = project_redacted(job, &resource.document, key);
        let inputs = mapping_inputs(&self.roles, self.cycle.1, key);
        let mapped = map_to_compare(&job.users, subject, inputs).unwrap_or_default();
        let is_stranger = self.unique.iter().any(|path| {
            let ours = link.exported.get(path).into_iter().chain(mapped.value(path));
            let mut ours = ours.peekable();
            found.get(path).is_some_and(|theirs| {
                ours.peek().is_some() && !ours.any(|value| same(path, value, theirs))
            })
        });
        if is_stranger {
            return Ok(Err(Failure {
                reason: Reason::InvalidAnchor,
                detail: format!(
                    "account `{}` now has another person's matching value; nothing was sent to it",
                    link.target
                ),
            }));
        }
        link.read_back = Some(found);
        Ok(Ok(Some(link)))
    }

    /// What no message about a person may repeat.
    fn secrets(&self, subject: &Subject, link: Option<&Link>) -> Secrets {
        let exported = link.map(|link| &link.exported);
        secrets(self.context, (subject, &self.roles), exported, self.cycle.1)
    }

    /// The failure that a fault is for one person; one that concerns everybody ends the cycle.
    fn failed<T>(&self, fault: TargetFault) -> Result<Result<T, Failure>, CycleError> {
        if self.concerns_one(&fault) { Ok(Err(failure_of(&fault))) } else { Err(fault.into()) }
    }

    /// Whether a fault concerns this one person and not the target as a whole.
    ///
    /// A server error may be about one value; several are about the server.
    fn concerns_one(&self, fault: &TargetFault) -> bool {
        match fault.class {
            FaultClass::Rejected
            | FaultClass::Malformed
            | FaultClass::Conflict
            | FaultClass::Missing
            | FaultClass::Lost => true,
            FaultClass::Unavailable if fault.status.is_some() => {
                self.server_errors.fetch_add(1, Ordering::Relaxed) + 1 < SERVER_ERRORS_MAX
            }
            FaultClass::Unavailable
            | FaultClass::Throttled
            | FaultClass::Unauthorized
            | FaultClass::NotCompliant => false,
        }
    }

    fn failed_lookup(&self, subject: &Subject, failure: Failure) -> Result<Drafted, CycleError> {
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
            looked: false,
        };
        self.store(subject.id, &decision)?;
        Ok(Drafted::Stored)
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
