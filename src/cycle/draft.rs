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
    import::DEFAULT_DOMAIN,
    pace::{Class, Pacer},
    redaction::mapping_inputs,
    references::{manager_path, references},
    survey::{Lookup, candidates, matching_paths},
};
use crate::{
    model::{AppRole, ChangeId, CycleId, ObjectKind, SourceId, Timestamp},
    port::{FaultClass, Resource, TargetFault, TargetRead},
    provisioning::{
        Action, Candidate, ChangeStatus, Claim, Decision, Evidence, Failure, FilterPrincipals,
        Link, LinkEffect, MappingInputs, Phase, PlanInputs, PlannedChange, Reason, ScopingInputs,
        Secrets, Step, StepKind, StepStatus, Subject, Verdict, Write, decide, failure_of,
        is_wanted, map_to_compare, order_claims, project_redacted, scope,
    },
    scim::{AttributePath, EqFilter, Values, same},
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
    default_domain: Option<String>,
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
        default_domain: context.store.read(|view| view.fact(DEFAULT_DOMAIN))?,
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
        let mut link = match store.read(|view| view.link(id))? {
            Some(link) if link.stale && !self.is_matched_anew(&link, &subject) => {
                match self.read_back(link, &subject).await? {
                    Ok(link) => link,
                    Err(failure) => return self.failed_lookup(&subject, failure),
                }
            }
            link => link,
        };
        let mut evidence = Evidence::NotLooked;
        let mut verdict = self.decide(&subject, link.as_ref(), &evidence)?;
        if let Verdict::Lookup { keys, required } = &verdict {
            if let Some(hint) = link.take() {
                match self.try_hint(hint, &subject, keys).await? {
                    Ok((still, found)) => (link, evidence) = (still, found),
                    Err(failure) => return self.failed_lookup(&subject, failure),
                }
            }
            if link.is_none() {
                evidence = match self.look(&subject, keys, *required, turn).await? {
                    Ok(evidence) => evidence,
                    Err(failure) => return self.failed_lookup(&subject, failure),
                };
            }
            verdict = self.decide(&subject, link.as_ref(), &evidence)?;
        }
        let Verdict::Decided(decision) = verdict else { return Ok(Drafted::Stored) };
        let claimed = |row: &PlannedChange| row.reason == Reason::DuplicateSourceEntries;
        if turn == Turn::First && decision.changes.iter().any(claimed) {
            return Ok(Drafted::Deferred);
        }
        self.store(id, &decision)?;
        Ok(Drafted::Stored)
    }

    fn decide(
        &self,
        subject: &Subject,
        link: Option<&Link>,
        evidence: &Evidence,
    ) -> Result<Verdict, StoreError> {
        let id = subject.id;
        let (memory, unsettled) = self
            .context
            .store
            .read(|view| Ok((view.entitlement(id)?, view.unsettled_create(id)?)))?;
        Ok(decide(&PlanInputs {
            job: self.context.job,
            cycle: self.cycle,
            now: self.context.clock.now(),
            subject,
            declared_roles: &self.roles,
            principals: &self.principals,
            memory,
            link,
            unsettled,
            evidence: evidence.clone(),
            default_domain: self.default_domain.as_deref(),
            key: self.context.store.key(),
        }))
    }

    /// Whether a link is only a hint, because its person is to be matched anew.
    fn is_matched_anew(&self, link: &Link, subject: &Subject) -> bool {
        let inputs = ScopingInputs {
            declared_roles: &self.roles,
            principals: &self.principals,
            now: self.context.clock.now(),
        };
        link.is_hint && is_wanted(subject, &scope(self.context.job, subject, inputs).scoping)
    }

    /// Looks at the account of a link that is only a hint, before any filter is asked.
    ///
    /// With one of the person's matching values it is the person's, whoever else has that value. It
    /// stays so where it shows no matching attribute at all. With somebody else's values, or gone,
    /// it is let go, and the person is matched as if there had been no link.
    async fn try_hint(
        &self,
        mut hint: Link,
        subject: &Subject,
        keys: &[EqFilter],
    ) -> Result<Result<(Option<Link>, Evidence), Failure>, CycleError> {
        let store = self.context.store;
        let surveyed = match self.lookup {
            Lookup::Surveyed => store.read(|view| view.surveyed_account(&hint.target))?,
            Lookup::Filtered => None,
        };
        let values = match surveyed {
            Some(values) => Some(values),
            None => match self.account(&hint, subject).await? {
                Ok(values) => values,
                Err(failure) => return Ok(Err(failure)),
            },
        };
        if let Some(values) = values {
            let has = |key: &&EqFilter| {
                let wanted = serde_json::Value::from(key.value.as_str());
                values.get(&key.path).is_some_and(|value| same(&key.path, &wanted, value))
            };
            if let Some(key) = keys.iter().find(has) {
                let target = hint.target.clone();
                let path = key.path.clone();
                let candidate = Candidate { target, values, claim: Claim::Free };
                let found = BTreeMap::from([(path, vec![candidate])]);
                return Ok(Ok((Some(hint), Evidence::Found(found))));
            }
            if !self.unique.iter().any(|path| values.contains_key(path)) {
                hint.is_hint = false;
                hint.read_back = Some(values);
                return Ok(Ok((Some(hint), Evidence::NotLooked)));
            }
        }
        let now = self.context.clock.now();
        store.write(|tx| tx.release_link(hint.source, now))?;
        Ok(Ok((None, Evidence::NotLooked)))
    }

    /// What a link's account has at the mapped paths; `None` where it is gone.
    async fn account(
        &self,
        link: &Link,
        subject: &Subject,
    ) -> Result<Result<Option<Values>, Failure>, CycleError> {
        let answer =
            self.pacer.ask(Class::Read, || self.target.get(ObjectKind::User, &link.target)).await;
        match answer {
            Ok(found) => {
                let (job, key) = (self.context.job, self.context.store.key());
                let values = |found: Resource| project_redacted(job, &found.document, key);
                Ok(Ok(found.map(values)))
            }
            Err(fault) => self.failed(self.secrets(subject, Some(link)).clean_fault(fault)),
        }
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
        let found = match self.account(&link, subject).await? {
            Ok(Some(found)) => found,
            Ok(None) => {
                let now = self.context.clock.now();
                self.context.store.write(|tx| tx.release_link(link.source, now))?;
                return Ok(Ok(None));
            }
            Err(failure) => return Ok(Err(failure)),
        };
        let users = &self.context.job.users;
        let mapped = map_to_compare(users, subject, self.mapping_inputs()).unwrap_or_default();
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
        Secrets::of(self.context.job, subject, self.mapping_inputs(), exported)
    }

    fn mapping_inputs(&self) -> MappingInputs<'_> {
        let (roles, domain) = (&self.roles, self.default_domain.as_deref());
        mapping_inputs(roles, domain, self.cycle.1, self.context.store.key())
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
            basis: None,
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
            reconsider_at: None,
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
