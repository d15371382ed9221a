//! Phase `draft`: decides about every dirty person and group, and writes the plan.
//!
//! Only here and in the survey is the target read before anything is written: for objects without a
//! link, and for those whose last write has no known outcome. People come first: whose account
//! comes or goes decides about the members of groups.

use std::collections::BTreeMap;

use super::{
    context::{Context, CycleError, Tracker, WorkLeft},
    discovery::known_capabilities,
    group::{memberships, memberships_of},
    import::DEFAULT_DOMAIN,
    known::{Decided, Known},
    look::{Eyes, Hinted, ReadBack, failed_lookup, is_matched_anew},
    pace::Pacer,
    references::{manager_path, reference, references},
    survey::{
        GroupSurvey, Lookup, Surveyed, has_no_groups, list_all, matching_paths, survey_for_one,
    },
};
use crate::{
    model::{CycleId, ObjectKind, SourceId, Timestamp},
    port::{TargetFault, TargetRead},
    provisioning::{
        Action, Candidate, ChangeStatus, Claim, Decision, Discovered, EntitlementMemory, Evidence,
        Failure, FilterPrincipals, Filtering, Link, LinkEffect, Mapped, PlanInputs, PlannedChange,
        Reason, ScopingInputs, Subject, UnsettledCreate, Verdict, decide, is_wanted, job::Job,
        order_claims, scope,
    },
    scim::{AttributePath, EqFilter},
    store::{Engine, StoreError},
};

/// Dirty objects decided between two looks at the clock and the stop request.
const BATCH: u32 = 200;

/// Whoever wants a value that another person's account has is decided about once everybody else
/// is: by then it is known who gives a value up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    First,
    Second,
}

/// Whether an object was decided about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turned {
    Decided,
    Deferred,
}

/// Everything that drafting one object needs beside the object.
struct Drafting<'a, D, R> {
    context: &'a Context<'a, D>,
    /// The job of its kind.
    job: &'a Job,
    eyes: Eyes<'a, Engine, R>,
    cycle: (CycleId, Timestamp),
    principals: FilterPrincipals,
    /// The attribute that names the manager, where people have one.
    manager: Option<AttributePath>,
    /// Whether rows of a draft that ran out of time are there already.
    goes_on: bool,
}

/// What drafting found that a person should know.
#[derive(Default)]
pub(super) struct Drafted {
    pub(super) warnings: Vec<String>,
}

/// Drafts the plan of this cycle.
pub(super) async fn draft<D: Sync, R: TargetRead>(
    context: &Context<'_, D>,
    (target, pacer): (&R, &Pacer<'_>),
    surveyed: &Surveyed,
    cycle: (CycleId, Timestamp),
) -> Result<Drafted, CycleError> {
    let goes_on = context.store.read(|view| view.is_draft_open())?;
    context.store.write(|tx| {
        tx.forget_wanted_references()?;
        if goes_on { tx.trim_open_draft() } else { tx.clear_plan() }
    })?;
    let at = (cycle, goes_on);
    draft_kind(context, context.job, (target, pacer), surveyed.users, at).await?;
    let mut drafted = Drafted::default();
    let groups = context.job.groups.as_deref();
    match groups.map(|job| (job, &surveyed.groups)) {
        None => {}
        Some((_, GroupSurvey::None(fault))) => drafted.warnings.push(no_groups(fault)),
        Some((job, GroupSurvey::Found(lookup))) => {
            context.store.write(|tx| tx.mark_groups_of_drafted())?;
            match draft_kind(context, job, (target, pacer), *lookup, at).await {
                Err(CycleError::Target(fault)) if has_no_groups(&fault) => {
                    drafted.warnings.push(no_groups(&fault));
                    context.store.write(|tx| tx.forget_drafted_groups())?;
                }
                other => other?,
            }
            memberships(context, job, (target, pacer), cycle.0).await?;
        }
    }
    context.store.write(|tx| tx.close_draft())?;
    if let Some(path) = manager_path(context.job) {
        references(context, cycle.0, (&matching_paths(context.job), &path), goes_on)?;
    }
    refuse_contested(context, cycle.0)?;
    order(context)?;
    Ok(drafted)
}

fn no_groups(fault: &TargetFault) -> String {
    format!(
        "`groups.enabled` is true, and the application offers no groups: {}. People are \
         provisioned all the same. Set `groups.enabled` to false, or ask the vendor where its \
         `/Groups` are",
        fault.detail
    )
}

/// Decides about one object, as it was just read; nobody else's plan is looked at.
pub(super) async fn draft_one<D: Sync, R: TargetRead>(
    context: &Context<'_, D>,
    (target, pacer): (&R, &Pacer<'_>),
    (subject, principals): (&Subject, FilterPrincipals),
    cycle: (CycleId, Timestamp),
) -> Result<(), CycleError> {
    let Some(job) = context.job.of(subject.kind) else { return Ok(()) };
    let (roles, default_domain) =
        context.store.read(|view| Ok((view.app_roles()?, view.fact(DEFAULT_DOMAIN)?)))?;
    let known = (roles, default_domain);
    let lookup = match context.store.read(|view| view.link(subject.id))? {
        Some(_) => Lookup::Filtered,
        None => survey_for_one(context, job, (target, pacer), cycle.0).await?,
    };
    let eyes = Eyes::new((job, context.store), (target, pacer), lookup, known, cycle.1);
    let drafting =
        Drafting { context, job, eyes, cycle, principals, manager: None, goes_on: false };
    let known = context.store.read(|view| Known::of(view, subject.clone()))?;
    let mut decided = Vec::new();
    let outcome = drafting.subject(known, Turn::Second, &mut decided).await;
    drafting.store(&decided)?;
    outcome?;
    if subject.kind == ObjectKind::Group {
        return memberships_of(context, job, (target, pacer), cycle.0, subject.id).await;
    }
    if let Some(path) = manager_path(job) {
        let unique = matching_paths(job);
        context.store.write(|tx| reference(tx, (cycle.0, subject.id), &unique, &path))?;
    }
    Ok(())
}

/// Decides about every dirty object of one kind.
async fn draft_kind<D: Sync, R: TargetRead>(
    context: &Context<'_, D>,
    job: &Job,
    (target, pacer): (&R, &Pacer<'_>),
    lookup: Lookup,
    (cycle, goes_on): ((CycleId, Timestamp), bool),
) -> Result<(), CycleError> {
    let roles = context.store.read(|view| view.app_roles())?;
    let principals = context.store.read(|view| view.filter_principals())?;
    let default_domain = context.store.read(|view| view.fact(DEFAULT_DOMAIN))?;
    let known = (roles, default_domain);
    let eyes = Eyes::new((job, context.store), (target, pacer), lookup, known, cycle.1);
    let manager = manager_path(job);
    let drafting = Drafting { context, job, eyes, cycle, principals, manager, goes_on };
    let tracker = Tracker::new(context, cycle.0, "draft");
    drafting.everything_dirty(&tracker).await?;
    // Who reports to somebody who gets an account now is to refer to it in this very cycle.
    if manager_path(job).is_some() && context.store.write(|tx| tx.wake_reports())? > 0 {
        drafting.everything_dirty(&tracker).await?;
    }
    Ok(())
}

impl<D: Sync, R: TargetRead> Drafting<'_, D, R> {
    /// Decides about every dirty object of the job's kind.
    async fn everything_dirty(&self, tracker: &Tracker<'_, D>) -> Result<(), CycleError> {
        let (context, kind) = (self.context, self.job.kind);
        let total = context.store.read(|view| view.dirty_count(kind))?;
        let (mut after, mut done) = (None, 0);
        let mut deferred = Vec::new();
        loop {
            let ids = context.store.read(|view| view.dirty_objects(kind, after, BATCH))?;
            let Some(last) = ids.last().copied() else { break };
            after = Some(last);
            let known = context.store.read(|view| Known::load(view, &ids))?;
            let mut decided = Vec::with_capacity(known.len());
            let outcome = self.batch(known, &mut decided, &mut deferred, (done, total)).await;
            // What was decided before something went wrong stands.
            self.store(&decided)?;
            outcome?;
            done += ids.len() as u64;
            tracker.at(done, Some(total.max(done)))?;
        }
        for (index, id) in deferred.iter().copied().enumerate() {
            context.check_end(|| Ok(WorkLeft::People((deferred.len() - index) as u64)))?;
            let mut decided = Vec::new();
            for known in context.store.read(|view| Known::load(view, &[id]))? {
                self.subject(known, Turn::Second, &mut decided).await?;
            }
            self.store(&decided)?;
        }
        Ok(())
    }

    /// Decides about some objects; who has to wait for the others is deferred.
    async fn batch(
        &self,
        known: Vec<Known>,
        decided: &mut Vec<Decided>,
        deferred: &mut Vec<SourceId>,
        (done, total): (u64, u64),
    ) -> Result<(), CycleError> {
        for (index, known) in known.into_iter().enumerate() {
            let done = done + index as u64;
            self.context.check_end(|| Ok(WorkLeft::People(total.max(done) - done)))?;
            let id = known.subject.id;
            if self.subject(known, Turn::First, decided).await? == Turned::Deferred {
                deferred.push(id);
            }
        }
        Ok(())
    }

    async fn subject(
        &self,
        known: Known,
        turn: Turn,
        decided: &mut Vec<Decided>,
    ) -> Result<Turned, CycleError> {
        let Known { subject, link, memory, unsettled } = known;
        let (subject, id) = (&subject, subject.id);
        let mut link = match link {
            Some(link) if link.stale && !self.is_matched_anew(&link, subject) => {
                match self.eyes.read_back(link, subject).await? {
                    ReadBack::There(link) => Some(*link),
                    ReadBack::Gone => self.let_go(id)?,
                    ReadBack::Failed(failure) => {
                        decided.push(self.failed_lookup((subject, memory), true, failure));
                        return Ok(Turned::Decided);
                    }
                }
            }
            link => link,
        };
        let facts = (subject, &memory, &unsettled);
        let mut evidence = Evidence::NotLooked;
        let mut verdict = self.decide(facts, link.as_ref(), (evidence.clone(), None));
        if let Verdict::Lookup { keys, required, mapped } = &verdict {
            let is_linked = link.is_some();
            if let Some(hint) = link.take() {
                match self.eyes.try_hint(hint, subject, keys).await? {
                    Hinted::Matches(hint, found) => (link, evidence) = (Some(*hint), found),
                    Hinted::Stays(hint) => link = Some(*hint),
                    Hinted::LetGo => link = self.let_go(id)?,
                    Hinted::Failed(failure) => {
                        decided.push(self.failed_lookup((subject, memory), is_linked, failure));
                        return Ok(Turned::Decided);
                    }
                }
            }
            if link.is_none() {
                evidence = match self.look(subject, keys, *required, turn).await? {
                    Ok(evidence) => evidence,
                    Err(failure) => {
                        decided.push(self.failed_lookup((subject, memory), false, failure));
                        return Ok(Turned::Decided);
                    }
                };
            }
            verdict = self.decide(facts, link.as_ref(), (evidence, mapped.as_deref()));
        }
        let Verdict::Decided(decision) = verdict else { return Ok(Turned::Decided) };
        let claimed = |row: &PlannedChange| row.reason == Reason::DuplicateSourceEntries;
        if turn == Turn::First && decision.changes.iter().any(claimed) {
            return Ok(Turned::Deferred);
        }
        decided.push(Decided::new((subject, link.as_ref()), decision, self.manager.as_ref()));
        Ok(Turned::Decided)
    }

    /// Ends a link that leads nowhere.
    fn let_go(&self, id: SourceId) -> Result<Option<Link>, StoreError> {
        let now = self.context.clock.now();
        self.context.store.write(|tx| tx.release_link(id, now))?;
        Ok(None)
    }

    fn decide(
        &self,
        (subject, memory, unsettled): (&Subject, &EntitlementMemory, &Option<UnsettledCreate>),
        link: Option<&Link>,
        (evidence, mapped): (Evidence, Option<&Mapped>),
    ) -> Verdict {
        decide(&PlanInputs {
            job: self.job,
            cycle: self.cycle,
            now: self.context.clock.now(),
            subject,
            declared_roles: &self.eyes.roles,
            principals: &self.principals,
            memory: memory.clone(),
            link,
            unsettled: unsettled.clone(),
            evidence,
            mapped,
            default_domain: self.eyes.default_domain.as_deref(),
            key: self.context.store.key(),
        })
    }

    fn is_matched_anew(&self, link: &Link, subject: &Subject) -> bool {
        is_matched_anew(self.job, link, subject, self.scoping_inputs())
    }

    fn scoping_inputs(&self) -> ScopingInputs<'_> {
        ScopingInputs {
            declared_roles: &self.eyes.roles,
            principals: &self.principals,
            now: self.context.clock.now(),
        }
    }

    /// What the target has for a person without a link, as far as this cycle looks.
    async fn look(
        &self,
        subject: &Subject,
        keys: &[EqFilter],
        required: bool,
        turn: Turn,
    ) -> Result<Result<Evidence, Failure>, CycleError> {
        if !required && self.eyes.lookup() == Lookup::Filtered {
            return Ok(Ok(Evidence::Found(BTreeMap::new())));
        }
        let keep = |hits, key: &EqFilter| match turn {
            Turn::First => Ok(hits),
            Turn::Second => self.without_freed(hits, key),
        };
        let found = self.eyes.look(subject, keys, keep).await?;
        if found.is_ok() || !self.eyes.has_filter_doubts() || !self.survey_instead().await? {
            return Ok(found);
        }
        self.eyes.look(subject, keys, keep).await
    }

    /// Lists all accounts after all, where the target turned out to ignore filters; false where
    /// that was done already, or is of no use.
    async fn survey_instead(&self) -> Result<bool, CycleError> {
        let (context, job) = (self.context, self.job);
        note_filter_doubts(context)?;
        let can = known_capabilities(job, context.store)?;
        let is_doubted = can.filter == Filtering::Doubted;
        let is_of_use = can.list && is_doubted && self.eyes.lookup() == Lookup::Filtered;
        if !is_of_use || self.eyes.is_looking_up_instead() {
            return Ok(false);
        }
        let tracker = Tracker::new(context, self.cycle.0, "survey");
        let (target, pacer) = self.eyes.target();
        let listed = list_all(context, job, (target, pacer), &tracker).await?;
        self.eyes.look_up_instead(listed.map_or(Lookup::Filtered, Lookup::of));
        Ok(listed.is_some())
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
                let freed = match &hit.claim {
                    Claim::LinkedTo(other) => view.frees((self.job.kind, *other), &key.value)?,
                    Claim::Free | Claim::ReleasedFrom(_) | Claim::OtherApplication(_) => false,
                };
                if !freed {
                    kept.push(hit);
                }
            }
            Ok(kept)
        })
    }

    /// The decision about somebody whose account could not be looked up.
    fn failed_lookup(
        &self,
        (subject, memory): (&Subject, EntitlementMemory),
        is_linked: bool,
        failure: Failure,
    ) -> Decided {
        let mut change = failed_lookup(self.cycle.0, subject, failure);
        let scoping = scope(self.job, subject, self.scoping_inputs()).scoping;
        if is_linked && !is_wanted(subject, &scoping) {
            // It should have been a disable, and is tried again as one.
            change.action = Action::Disable;
        }
        let decision = Decision {
            in_scope: memory.since.is_some(),
            memory,
            changes: vec![change],
            again: true,
            looked: false,
            reconsider_at: None,
        };
        Decided::new((subject, None), decision, None)
    }

    /// Stores decisions, all of them or none.
    fn store(&self, decided: &[Decided]) -> Result<(), StoreError> {
        if decided.is_empty() {
            return Ok(());
        }
        let now = self.context.clock.now();
        self.context.store.write(|tx| {
            for Decided { id, decision, reference } in decided {
                if self.goes_on {
                    tx.forget_planned(*id)?;
                }
                tx.remember_decision(*id, decision)?;
                if decision.looked {
                    tx.count_look(*id, self.cycle.0)?;
                }
                for (place, change) in decision.changes.iter().enumerate() {
                    let unique = &self.eyes.unique;
                    let seq = tx.add_planned(self.cycle.0, change, unique, decision.again)?;
                    if let Some((_, wanted)) = reference.as_ref().filter(|(at, _)| *at == place) {
                        tx.want_reference(*id, (seq, change.action), wanted)?;
                    }
                    if change.status != ChangeStatus::Planned {
                        tx.record_decision(self.cycle.0, change, now)?;
                    }
                }
            }
            Ok(())
        })
    }
}

/// An account or a group that several would adopt is adopted by none of them.
fn refuse_contested<D>(context: &Context<'_, D>, cycle: CycleId) -> Result<(), StoreError> {
    let now = context.clock.now();
    context.store.write(|tx| {
        for (seq, mut row) in tx.contested_adoptions()? {
            let detail = match row.kind {
                ObjectKind::User => {
                    "several people match the same account; nothing was written to it"
                }
                ObjectKind::Group => {
                    "several groups match the same group at the target; nothing was written to it"
                }
            };
            let failure =
                Failure { reason: Reason::DuplicateSourceEntries, detail: detail.to_owned() };
            row.status = ChangeStatus::Failure;
            row.error = Some(failure);
            row.changes.clear();
            tx.update_planned(seq, &row)?;
            row.effect = LinkEffect::Unchanged;
            tx.record_decision(cycle, &row, now)?;
        }
        Ok(())
    })
}

/// Keeps in mind that the target cannot be searched, until it is asked again what it can do.
fn note_filter_doubts<D>(context: &Context<'_, D>) -> Result<(), StoreError> {
    let now = context.clock.now();
    context.store.write(|tx| {
        let known = tx.discovered()?;
        let mut known = known.unwrap_or_else(|| Discovered::nothing(context.job, now));
        known.filter_doubted = true;
        tx.set_discovered(&known)
    })
}

/// Lets whoever gives up a unique value go before whoever takes it.
fn order<D>(context: &Context<'_, D>) -> Result<(), StoreError> {
    let contested = context.store.read(|view| view.contested_claims())?;
    let seqs: BTreeMap<_, _> = contested.iter().map(|(seq, claim)| (claim.0, *seq)).collect();
    let claims: Vec<_> = contested.into_iter().map(|(_, claim)| claim).collect();
    let ranks = order_claims(&claims);
    context.store.write(|tx| {
        for (id, rank) in ranks {
            if let Some(seq) = seqs.get(&id) {
                tx.rank_planned(*seq, rank)?;
            }
        }
        Ok(())
    })
}
