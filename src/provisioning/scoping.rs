//! Step `scoping`: decides whether a person belongs to the job.
//!
//! In: a person, the roles it holds and by which path, the job's scope. Out: [`Scoping`] and the
//! [`Step`] that explains it. Someone who *leaves* the scope is still decided here; what happens
//! at the target is the plan's business.
//!
//! **Invariant:** knows no target. A scope that depended on the target could never be previewed.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    ClauseFinding, FilterInputs, FilterPrincipals, FilterResult, Reason, ScopingFilter, Step,
    StepKind, StepStatus,
    job::{Job, Scope},
    words::words,
};
use crate::model::{
    AppRole, AppRoleId, Attributes, DEFAULT_ACCESS, Fingerprint, ObjectKind, SourceId, Timestamp,
};

/// An entitlement older than this is established: its end is believed at once.
pub const ENTITLEMENT_SETTLES_AFTER: Duration = Duration::from_secs(60 * 60);

/// A younger entitlement's end is believed after a second read this much later, or in the next
/// cycle: Graph's replicas lag, and can go backwards.
pub const CONFIRMATION_DELAY: Duration = Duration::from_secs(60);

/// Whether an object is in the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It is.
    Live,
    /// It is deleted and can be restored for 30 days.
    SoftDeleted,
    /// It is gone for good.
    Deleted,
    /// It was never read: a member or assignee that the directory does not show.
    Unseen,
}

/// One role that a person holds, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The role; all zeros for Default Access.
    pub role: AppRoleId,
    /// The group through which, with its name; `None` for a direct assignment.
    pub via: Option<(SourceId, String)>,
}

/// What is known of one person, or of one group.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Whether it is a person or a group.
    pub kind: ObjectKind,
    /// The directory's id.
    pub id: SourceId,
    /// Every selected property that has a value.
    pub attributes: Attributes,
    /// Whether it is in the directory.
    pub presence: Presence,
    /// The manager, where one is set.
    pub manager: Option<SourceId>,
    /// Every role it holds.
    pub grants: Vec<Grant>,
    /// Those of the groups that filters name which it is a direct member of.
    pub filter_groups: BTreeSet<SourceId>,
}

/// Whether a person belongs to the job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scoping {
    /// It does.
    In,
    /// It does not.
    Out(OutReason),
    /// It cannot be said: a filter could not be evaluated, for this reason. Nothing is concluded.
    Undecided(String),
}

/// What scoping rests on beside the job and the person.
#[derive(Clone, Copy, Debug)]
pub struct ScopingInputs<'a> {
    /// The roles that the application declares.
    pub declared_roles: &'a [AppRole],
    /// The principals that filters name.
    pub principals: &'a FilterPrincipals,
    /// The present moment.
    pub now: Timestamp,
}

/// Whether a person belongs to the job, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scoped {
    /// Whether it does.
    pub scoping: Scoping,
    /// Why.
    pub step: Step,
    /// When time alone may next change it, where a filter compares a date with the present.
    pub reconsider_at: Option<Timestamp>,
}

/// Why a person does not belong to the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutReason {
    /// No assignment, direct or through a group.
    NotAssigned,
    /// Default Access is its only role.
    OnlyDefaultAccess,
    /// No scoping filter holds.
    ScopingFilter,
}

impl OutReason {
    /// The reason as a sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::NotAssigned => "not assigned to the application",
            Self::OnlyDefaultAccess => "its only role is Default Access",
            Self::ScopingFilter => "no scoping filter holds",
        }
    }

    /// The reason under which it is logged.
    pub fn reason(self) -> Reason {
        match self {
            Self::NotAssigned | Self::OnlyDefaultAccess => Reason::NotEffectivelyEntitled,
            Self::ScopingFilter => Reason::EntrySynchronizationSkipped,
        }
    }
}

impl Subject {
    /// Whether sign-in is enabled; an unknown value counts as enabled.
    pub fn is_enabled(&self) -> bool {
        self.attributes.get("accountEnabled") != Some(&serde_json::Value::Bool(false))
    }

    /// A name to show: the user principal name, else the display name, else the id.
    pub fn display(&self) -> String {
        ["userPrincipalName", "displayName"]
            .iter()
            .find_map(|name| self.attributes.get(*name).and_then(serde_json::Value::as_str))
            .map_or_else(|| self.id.to_string(), str::to_owned)
    }

    /// The enabled roles it holds, each once, in the order of their ids.
    pub fn roles<'a>(&self, declared: &'a [AppRole]) -> Vec<&'a AppRole> {
        let mut held: Vec<&AppRole> = declared
            .iter()
            .filter(|role| role.is_enabled && role.id != DEFAULT_ACCESS)
            .filter(|role| self.grants.iter().any(|grant| grant.role == role.id))
            .collect();
        held.sort_by_key(|role| role.id);
        held
    }

    /// Each access it has, a role by the path it comes through, as a fingerprint.
    pub fn accesses(&self) -> BTreeSet<u64> {
        let fingerprint = |grant: &Grant| {
            let via = grant.via.as_ref().map(|(group, _)| group.to_string()).unwrap_or_default();
            Fingerprint::of([grant.role.to_string().as_str(), &via]).seed()
        };
        self.grants.iter().map(fingerprint).collect()
    }
}

/// Decides whether a person belongs to the job: by its assignments, then by the scoping filters.
///
/// Default Access is decided over all its roles: one other role, by any path, is enough, even a
/// disabled or vanished one, which then only flows no value and warns.
pub fn scope(job: &Job, subject: &Subject, inputs: ScopingInputs<'_>) -> Scoped {
    let assigned = !subject.grants.is_empty();
    let has_role = subject.grants.iter().any(|grant| grant.role != DEFAULT_ACCESS);
    let required = !job.exclude_default_access || has_role;
    let filter_inputs = FilterInputs {
        subject,
        declared_roles: inputs.declared_roles,
        principals: inputs.principals,
        now: inputs.now,
    };
    let filtered = FilterResult::of(&job.scoping_filters, filter_inputs);
    let scoping = match (job.scope, &filtered) {
        (Scope::Assigned, _) if !assigned => Scoping::Out(OutReason::NotAssigned),
        (Scope::Assigned, _) if !required => Scoping::Out(OutReason::OnlyDefaultAccess),
        (_, FilterResult::Passed) => Scoping::In,
        (_, FilterResult::NotPassed) => Scoping::Out(OutReason::ScopingFilter),
        (_, FilterResult::Undecided(fault)) => Scoping::Undecided(fault.to_string()),
    };
    let (status, description) = described(&scoping, &dead_roles(subject, inputs.declared_roles));
    let flag = |value: bool| if value { "True" } else { "False" };
    let mut step = Step::new(StepKind::Scoping, status, "EntrySynchronizationScoping", description)
        .with("Active in the source system", flag(is_active(subject)))
        .with("ScopeEvaluationResult", flag(scoping == Scoping::In));
    if job.scope == Scope::Assigned {
        step = step
            .with("Assigned to the application", flag(assigned))
            .with(words(subject.kind).role_detail, flag(required && assigned));
    }
    let groups: Vec<&str> = subject
        .grants
        .iter()
        .filter_map(|grant| grant.via.as_ref().map(|(_, name)| name.as_str()))
        .collect();
    if !groups.is_empty() {
        step = step.with("Assigned through", groups.join(", "));
    }
    if !job.scoping_filters.is_empty() {
        step =
            step.with("Scoping filter evaluation passed", flag(filtered == FilterResult::Passed));
        let redacted = job.sealed_properties();
        for finding in ScopingFilter::findings(&job.scoping_filters, filter_inputs, &redacted) {
            let (name, value) = finding_detail(&finding);
            step = step.with(&name, value);
        }
    }
    let reconsider_at = ScopingFilter::reconsider_at(&job.scoping_filters, filter_inputs);
    Scoped { scoping, step, reconsider_at }
}

/// Roles it holds that the application has no more, or has disabled.
fn dead_roles(subject: &Subject, declared: &[AppRole]) -> Vec<String> {
    subject
        .grants
        .iter()
        .filter(|grant| grant.role != DEFAULT_ACCESS)
        .filter(|grant| !declared.iter().any(|role| role.id == grant.role && role.is_enabled))
        .map(|grant| grant.role.to_string())
        .collect()
}

fn described(scoping: &Scoping, dead_roles: &[String]) -> (StepStatus, String) {
    match scoping {
        Scoping::In if !dead_roles.is_empty() => (
            StepStatus::Warning,
            format!(
                "in scope; it holds a disabled or removed app role ({})",
                dead_roles.join(", ")
            ),
        ),
        Scoping::In => (StepStatus::Success, "in scope".to_owned()),
        Scoping::Out(reason) => (StepStatus::Skipped, reason.sentence().to_owned()),
        Scoping::Undecided(problem) => (StepStatus::Failure, problem.clone()),
    }
}

/// `Filter 1 "staff", clause 2: department EQUALS "Legal"`, and `False: saw "Sales"`. The numbers
/// keep the order of the configuration, since details are told by name.
fn finding_detail(finding: &ClauseFinding) -> (String, String) {
    let name = finding.name.as_ref().map(|name| format!(" {name:?}")).unwrap_or_default();
    let holds = match finding.holds {
        Some(true) => "True",
        Some(false) => "False",
        None => "not evaluated",
    };
    (
        format!("Filter {}{name}, clause {}: {}", finding.filter, finding.number, finding.clause),
        format!("{holds}: saw {}", finding.saw),
    )
}

fn is_active(subject: &Subject) -> bool {
    subject.presence == Presence::Live && subject.is_enabled()
}

/// What is remembered of a person's entitlement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntitlementMemory {
    /// Since when it has been in scope by an access that it still has, where it has.
    pub since: Option<Timestamp>,
    /// When each access that it has ([`Subject::accesses`]) was first seen.
    pub accesses: BTreeMap<u64, Timestamp>,
    /// When it was first seen out of scope again, by which cycle it does not matter.
    pub missing_since: Option<Timestamp>,
    /// Since when its end has been believed, counted only while `delete_after` is configured.
    pub left_at: Option<Timestamp>,
}

impl EntitlementMemory {
    /// What to remember of somebody who is in scope, and has these accesses.
    ///
    /// One that took the place of all others is as young as a first one: a replica that goes back
    /// does not show it, and shows that the others ended.
    pub(super) fn of(&self, accesses: &BTreeSet<u64>, now: Timestamp) -> Self {
        // An older version did not remember them: they are as old as the entitlement.
        let oldest = self.since.filter(|_| self.accesses.is_empty()).unwrap_or(now);
        let seen = |access: &u64| self.accesses.get(access).copied().unwrap_or(oldest);
        let accesses: BTreeMap<u64, Timestamp> =
            accesses.iter().map(|access| (*access, seen(access))).collect();
        let since = accesses.values().min().copied().or(self.since).or(Some(now));
        Self { since, accesses, ..Self::default() }
    }
}

/// Whether the end of an entitlement is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withdrawal {
    /// It is.
    Confirmed,
    /// A second read must say so too.
    Pending,
}

/// Decides whether a person that is out of scope *now* is really out.
///
/// | entitlement | first seen out | belief |
/// | --- | --- | --- |
/// | never, or an hour or more | – | at once |
/// | younger | in this cycle, less than 60 s ago | pending |
/// | younger | earlier, or later than now because the clock was set back | confirmed by this read |
pub fn confirm(memory: &EntitlementMemory, cycle_began: Timestamp, now: Timestamp) -> Withdrawal {
    let Some(since) = memory.since else { return Withdrawal::Confirmed };
    let age = (now - since).to_std().unwrap_or_default();
    if age >= ENTITLEMENT_SETTLES_AFTER {
        return Withdrawal::Confirmed;
    }
    match memory.missing_since {
        Some(seen) if seen < cycle_began || seen > now => Withdrawal::Confirmed,
        Some(seen) if (now - seen).to_std().unwrap_or_default() >= CONFIRMATION_DELAY => {
            Withdrawal::Confirmed
        }
        Some(_) | None => Withdrawal::Pending,
    }
}
