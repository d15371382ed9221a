//! The explanation of one person: every step to what a cycle would do now, and what it would send.
//!
//! The person is read live; its link and what else is remembered come out of the state, where
//! there is one; the same [`decide`] as in a cycle decides. Nothing is written anywhere: there is
//! no writer here, neither of the state nor of the target.

use std::collections::BTreeMap;

use super::{
    context::CycleError,
    discovery::known_capabilities,
    explain_group::{Members, of_group},
    find::{FoundBy, FoundGroup, Namesake, Person, Question, Search},
    guard::closed_window,
    import::{needs_default_domain, selection_of, warnings_of},
    look::{Eyes, Hinted, ReadBack, failed_lookup},
    pace::{self, Pacer},
    references::{
        Resolved, exported_manager, found_manager, manager_path, resolve, waiting, wants_manager,
    },
    survey::Lookup,
    told::{self, AssignedRole, WouldSend},
};
use crate::{
    model::{Application, CycleId, ObjectKind, SourceId},
    port::{Directory, TargetRead},
    provisioning::{
        Capabilities, Evidence, Failure, FilterPrincipals, Filtering, Link, ManagerStanding,
        MappedValue, MappingInputs, PlanInputs, PlannedChange, Presence, Step, StepKind, Subject,
        Verdict, decide, job::Job, mapped_values, retry_sentence,
    },
    scim::{AttributePath, EqFilter},
    store::{EscrowRow, StateRead, StoreError, View},
};

/// What explaining a name comes to.
pub enum Explained {
    /// Somebody was found and is explained.
    One(Box<Explanation>),
    /// Several have this name.
    Several(Vec<Namesake>),
    /// Nobody has.
    Nobody,
}

/// Why a cycle would do what it would do for one person.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// Whom it is about.
    pub found: Found,
    /// The steps, in the order in which they are taken.
    pub steps: Vec<Step>,
    /// What each mapping gives.
    pub mapping: Vec<MappedValue>,
    /// The rows that a plan would have.
    pub changes: Vec<PlannedChange>,
    /// What would be sent to the application.
    pub requests: Vec<WouldSend>,
    /// Whether `IsSoftDeleted` is true for what each mapping gives.
    pub is_soft_deleted: bool,
    /// What else a person should know.
    pub notes: Vec<String>,
}

/// Whom an explanation is about.
#[derive(Clone, Debug)]
pub struct Found {
    /// The directory's id.
    pub id: SourceId,
    /// User or group.
    pub kind: ObjectKind,
    /// Its name.
    pub display: String,
    /// By what it was found.
    pub by: FoundBy,
    /// Whether it is in the directory.
    pub presence: Presence,
    /// Whether sign-in is enabled, of users.
    pub enabled: Option<bool>,
    /// The manager, where one is read and set.
    pub manager: Option<SourceId>,
    /// Every role, and by which path.
    pub assignments: Vec<AssignedRole>,
    /// The direct members, of groups.
    pub members: Option<Members>,
}

/// What the state remembers of a person.
struct Memory {
    link: Option<Link>,
    entitlement: crate::provisioning::EntitlementMemory,
    unsettled: Option<crate::provisioning::UnsettledCreate>,
    has_cycle: bool,
    held_by: Option<String>,
    escrow: Option<EscrowRow>,
    last_cycle: u64,
}

/// Explains whom `who` means: an object id, a user principal name, a mail address or the display
/// name of a group.
pub async fn explain<D: Directory, S: StateRead, R: TargetRead>(
    question: &Question<'_, D, S>,
    target: &R,
    who: &str,
) -> Result<Explained, CycleError> {
    Ok(match question.find(who, &selection_of(question.job)).await? {
        Search::Nobody => Explained::Nobody,
        Search::Several(all) => Explained::Several(all),
        Search::Group(group) => Explained::One(Box::new(of_group(question, target, *group).await?)),
        Search::Person(person) => {
            let explanation = of_person(question, target, *person).await?;
            Explained::One(Box::new(explanation))
        }
    })
}

async fn of_person<D: Directory, S: StateRead, R: TargetRead>(
    question: &Question<'_, D, S>,
    target: &R,
    person: Person,
) -> Result<Explanation, CycleError> {
    let Person { mut subject, by, application } = person;
    let principals = question.principals().await?;
    subject.filter_groups.retain(|group| principals.groups.values().any(|named| named == group));
    let known = Known { job: question.job, subject, by, application, principals };
    of_subject(question, target, known).await
}

/// What an explanation rests on that was read live.
pub(super) struct Known<'a> {
    /// The job of the object's kind.
    pub(super) job: &'a Job,
    pub(super) subject: Subject,
    pub(super) by: FoundBy,
    pub(super) application: Application,
    pub(super) principals: FilterPrincipals,
}

/// Explains a person or a group that is provisioned itself.
pub(super) async fn of_subject<D: Directory, S: StateRead, R: TargetRead>(
    question: &Question<'_, D, S>,
    target: &R,
    known: Known<'_>,
) -> Result<Explanation, CycleError> {
    let (store, clock) = (question.store, question.clock);
    let Known { job, subject, by, application, principals } = known;
    let now = clock.now();
    let cycle = CycleId::derive(&["explanation", &subject.id.to_string(), &now.to_rfc3339()]);
    let mut memory = store.read(|view| remembered(view, subject.id))?;
    let mut notes = notes_of(question, &memory);
    notes.extend(warnings_of(job, &application));
    let pacer = Pacer::new(clock, &job.pace);
    let roles = &application.roles;
    let (state, target) = ((job, store), (target, &pacer));
    let domain = default_domain(question, job).await?;
    let can = known_capabilities(job, store)?;
    let eyes = Eyes::new(state, target, lookup(&can), (roles.clone(), domain.clone()), now);
    let failed = in_doubt(&eyes, &mut memory, &subject, &mut notes).await?;
    let mut deciding = Deciding {
        inputs: PlanInputs {
            job,
            cycle: (cycle, now),
            now,
            subject: &subject,
            declared_roles: roles,
            principals: &principals,
            memory: memory.entitlement,
            link: memory.link.as_ref(),
            unsettled: memory.unsettled,
            evidence: Evidence::NotLooked,
            mapped: None,
            default_domain: domain.as_deref(),
            key: store.key(),
        },
        asked: Vec::new(),
    };
    let (in_scope, mut changes) = match failed {
        Some(failure) => deciding.failed(failure),
        None => deciding.decide(&eyes).await?,
    };
    let asked = deciding.asked;
    // An account that is withdrawn keeps its manager.
    let manager = match manager_path(job).filter(|_| in_scope && subject.is_enabled()) {
        None => None,
        Some(path) => {
            let link = memory.link.clone();
            Some(store.read(|view| refer(view, (cycle, &subject), link, path, &mut changes))?)
        }
    };
    let is_soft_deleted = !(in_scope && subject.is_enabled());
    let inputs = MappingInputs { is_soft_deleted, ..eyes.mapping_inputs() };
    let mut mapping = mapped_values(&job.attributes, &subject, inputs, memory.link.as_ref());
    if let Some((path, standing)) = &manager {
        told::tell_manager(&mut mapping, path, standing);
    }
    let assignments = told::assigned_roles(&subject.grants, roles);
    let whom = (subject.id, subject.manager, by);
    let steps = told::steps(whom, &assignments, memory.link.as_ref(), &asked, &changes);
    notes.extend(told::remarks(&subject, &changes).map(str::to_owned));
    notes.extend(waits(question, &changes)?);
    let requests = told::requests(job.dialect, &changes);
    notes.extend(goes_by_put(&can, job.kind, &requests));
    told::hide(&mut changes);
    let found = found(&subject, by, assignments);
    Ok(Explanation { found, steps, mapping, changes, requests, is_soft_deleted, notes })
}

async fn default_domain<D: Directory, S>(
    question: &Question<'_, D, S>,
    job: &Job,
) -> Result<Option<String>, CycleError> {
    if !needs_default_domain(job) {
        return Ok(None);
    }
    Ok(pace::directory(question.clock, || question.directory.default_domain()).await?)
}

/// How one person is looked for.
fn lookup(can: &Capabilities) -> Lookup {
    match can.filter {
        Filtering::Taken | Filtering::Doubted => Lookup::Filtered,
        Filtering::NotTaken => Lookup::Nowhere,
    }
}

/// That the shown PATCH is what changes, and not what is sent.
fn goes_by_put(can: &Capabilities, kind: ObjectKind, requests: &[WouldSend]) -> Option<String> {
    let changes = requests.iter().any(|request| request.method == "PATCH");
    (changes && can.replaces.contains(&kind)).then(|| {
        "the application has no PATCH: the change goes as a PUT of the whole resource, made from \
         what it has at that moment"
            .to_owned()
    })
}

/// That a removal would not be sent at this hour.
fn waits<D, S: StateRead>(
    question: &Question<'_, D, S>,
    changes: &[PlannedChange],
) -> Result<Option<String>, StoreError> {
    let removes = changes.iter().find(|change| change.action.is_removal());
    let Some(change) = removes else { return Ok(None) };
    if question.store.read(|view| view.is_approved(change))? {
        return Ok(None);
    }
    Ok(closed_window(question.job, question.clock.now()))
}

/// Whom a search found.
pub fn found_person(person: &Person) -> Found {
    let subject = &person.subject;
    let assignments = told::assigned_roles(&subject.grants, &person.application.roles);
    found(subject, person.by, assignments)
}

/// Whom a search found, where that is a group. Its members were not read.
pub fn found_group(group: &FoundGroup) -> Found {
    let display = group.attributes.get("displayName").and_then(serde_json::Value::as_str);
    Found {
        id: group.id,
        kind: ObjectKind::Group,
        display: display.map_or_else(|| group.id.to_string(), str::to_owned),
        by: group.by,
        presence: Presence::Live,
        enabled: None,
        manager: None,
        assignments: told::assigned_roles(&group.grants, &group.application.roles),
        members: None,
    }
}

/// The steps of the rows of somebody, with what was seen on the way; `link` says whose account it
/// is.
pub fn steps_of(found: &Found, link: Option<&Link>, changes: &[PlannedChange]) -> Vec<Step> {
    let whom = (found.id, found.manager, found.by);
    told::steps(whom, &found.assignments, link, &[], changes)
}

fn found(subject: &Subject, by: FoundBy, assignments: Vec<AssignedRole>) -> Found {
    let is_known = subject.attributes.contains_key("accountEnabled");
    Found {
        id: subject.id,
        kind: subject.kind,
        display: subject.display(),
        by,
        presence: subject.presence,
        enabled: is_known.then(|| subject.is_enabled()),
        manager: subject.manager,
        assignments,
        members: None,
    }
}

/// Reads the account of a link whose last write has no known outcome, as a cycle does before it
/// decides. Why that failed, where it did.
async fn in_doubt<S: StateRead, R: TargetRead>(
    eyes: &Eyes<'_, S, R>,
    memory: &mut Memory,
    subject: &Subject,
    notes: &mut Vec<String>,
) -> Result<Option<Failure>, CycleError> {
    // A hint is looked at by the decision, which knows the person's matching values.
    let in_doubt = |link: &mut Link| link.stale && !link.is_hint;
    let Some(link) = memory.link.take_if(in_doubt) else { return Ok(None) };
    match eyes.read_back(link, subject).await? {
        ReadBack::There(link) => memory.link = Some(*link),
        ReadBack::Gone => {
            notes.push("its linked account is gone at the application".to_owned());
        }
        ReadBack::Failed(failure) => return Ok(Some(failure)),
    }
    Ok(None)
}

/// A decision in the making: what it rests on, and what the target was asked for it.
struct Deciding<'a> {
    inputs: PlanInputs<'a>,
    asked: Vec<EqFilter>,
}

impl Deciding<'_> {
    /// Whether the person is in scope, and the rows of the plan.
    async fn decide<S: StateRead, R: TargetRead>(
        &mut self,
        eyes: &Eyes<'_, S, R>,
    ) -> Result<(bool, Vec<PlannedChange>), CycleError> {
        let (keys, mapped) = match decide(&self.inputs) {
            Verdict::Decided(decision) => return Ok((decision.in_scope, decision.changes)),
            // Even what a cycle decides without it is said better with it.
            Verdict::Lookup { keys, mapped, .. } => (keys, mapped),
        };
        let subject = self.inputs.subject;
        let kept;
        let mut inputs = self.inputs.clone();
        inputs.mapped = mapped.as_deref();
        if let Some(hint) = inputs.link.take() {
            match eyes.try_hint(hint.clone(), subject, &keys).await? {
                Hinted::Matches(_, found) => {
                    inputs.link = Some(hint);
                    inputs.evidence = found;
                }
                Hinted::Stays(link) => {
                    kept = link;
                    inputs.link = Some(&*kept);
                }
                Hinted::LetGo => {}
                Hinted::Failed(failure) => return Ok(self.failed(failure)),
            }
        }
        if inputs.link.is_none() {
            match eyes.look(subject, &keys, |hits, _| Ok(hits)).await? {
                Ok(evidence) => inputs.evidence = evidence,
                Err(failure) => return Ok(self.failed(failure)),
            }
        }
        self.asked = keys;
        Ok(match decide(&inputs) {
            Verdict::Decided(decision) => (decision.in_scope, decision.changes),
            Verdict::Lookup { .. } => (true, Vec::new()),
        })
    }

    /// What a lookup comes to that failed, with the steps that were taken before it.
    fn failed(&mut self, failure: Failure) -> (bool, Vec<PlannedChange>) {
        let mut change = failed_lookup(self.inputs.cycle.0, self.inputs.subject, failure);
        self.inputs.evidence = Evidence::Found(BTreeMap::new());
        let Verdict::Decided(decision) = decide(&self.inputs) else { return (true, vec![change]) };
        let before = decision.changes.into_iter().next().map(|row| row.steps).unwrap_or_default();
        let before = before
            .into_iter()
            .filter(|s| s.kind == StepKind::Import || s.kind == StepKind::Scoping);
        change.steps = before.chain(change.steps).collect();
        (decision.in_scope, vec![change])
    }
}

fn remembered(view: &View<'_>, id: SourceId) -> Result<Memory, StoreError> {
    let held = view.held_changes()?;
    let held_by = held.into_iter().find(|held| held.source == id.to_string());
    Ok(Memory {
        link: view.link(id)?,
        entitlement: view.entitlement(id)?,
        unsettled: view.unsettled_create(id)?,
        has_cycle: view.fact("finished_once")?.is_some(),
        held_by: held_by.map(|held| held.plan),
        escrow: view.escrow(id)?,
        last_cycle: view.next_cycle_seq()? - 1,
    })
}

fn notes_of<D, S>(question: &Question<'_, D, S>, memory: &Memory) -> Vec<String> {
    let app = &question.job.app;
    let mut notes = Vec::new();
    if !memory.has_cycle {
        notes.push("no cycle has finished here yet, so no account is linked".to_owned());
    }
    if !question.job.provisioning {
        notes.push(format!("`apps.{app}.provisioning` is off: the service runs no cycle"));
    }
    if let Some(plan) = &memory.held_by {
        notes.push(format!(
            "a safeguard holds a change of this person (plan {plan}); `entra-scim plan {app} \
             --held` lists it"
        ));
    }
    if let Some(escrow) = &memory.escrow {
        let tried = retry_sentence(escrow.failures, escrow.next, memory.last_cycle);
        notes.push(format!("{tried}; the last failure: {}: {}", escrow.code, escrow.detail));
    }
    notes
}

/// Lets the rows refer to the manager's account, as far as it is known before a cycle.
fn refer(
    view: &View<'_>,
    (cycle, subject): (CycleId, &Subject),
    link: Option<Link>,
    path: AttributePath,
    changes: &mut Vec<PlannedChange>,
) -> Result<(AttributePath, ManagerStanding), StoreError> {
    let standing = match subject.manager {
        None => ManagerStanding::None,
        Some(manager) => match view.linked_target(manager)? {
            Some(target) => ManagerStanding::Linked(target),
            None => ManagerStanding::NotProvisioned(manager),
        },
    };
    let Some(at) = changes.iter().position(wants_manager) else { return Ok((path, standing)) };
    let is_linked = matches!(standing, ManagerStanding::Linked(_));
    let (exported, found) =
        (exported_manager(&changes[at], link.as_ref(), &path), found_manager(&changes[at], &path));
    changes[at].steps.extend(waiting((&path, exported.as_ref(), found.as_ref()), &standing));
    if found.is_some() && !is_linked {
        return Ok((path, standing));
    }
    match resolve((cycle, &path), changes[at].clone(), link, &standing) {
        None => {}
        Some(Resolved::Joined(row)) => changes[at] = *row,
        Some(Resolved::Apart(row)) => changes.push(*row),
    }
    Ok((path, standing))
}
