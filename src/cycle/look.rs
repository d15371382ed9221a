//! Looking one person up at the target: the account of a link in doubt, and the accounts that may
//! be somebody's. For the draft and for an explanation; nothing here writes.

use std::{
    collections::BTreeMap,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use super::{
    context::CycleError,
    pace::{Class, Pacer},
    redaction::mapping_inputs,
    survey::{Lookup, Sought, candidates, matching_paths},
};
use crate::{
    model::{AppRole, ChangeId, CycleId, Timestamp},
    port::{FaultClass, Resource, TargetFault, TargetRead},
    provisioning::{
        Action, Candidate, ChangeStatus, Claim, Evidence, Failure, Link, LinkEffect, MappingInputs,
        Matched, Phase, PlannedChange, Reason, ScopingInputs, Secrets, Step, StepKind, StepStatus,
        Subject, Write, failure_of, is_wanted, job::Job, map_to_compare, project_redacted, scope,
        settle,
    },
    scim::{AttributePath, EqFilter, Values, same},
    store::{StateRead, StoreError},
};

/// Server errors in one draft, or in one comparison, after which they are no longer about single
/// people.
const SERVER_ERRORS_MAX: u32 = 5;

/// Everything that looking somebody up needs.
pub(super) struct Eyes<'a, S, R> {
    job: &'a Job,
    store: &'a S,
    target: &'a R,
    pacer: &'a Pacer<'a>,
    lookup: Lookup,
    /// How they are found after the target turned out to ignore filters.
    instead: OnceLock<Lookup>,
    filter_doubts: AtomicBool,
    /// The roles that the application declares.
    pub(super) roles: Vec<AppRole>,
    /// The attributes that matching compares.
    pub(super) unique: Vec<AttributePath>,
    /// The tenant's default domain, where a mapping needs it.
    pub(super) default_domain: Option<String>,
    began: Timestamp,
    server_errors: ServerErrors,
}

/// What became of a link whose account was read.
pub(super) enum ReadBack {
    /// The link, with what its account has.
    There(Box<Link>),
    /// The account is gone, and the link leads nowhere.
    Gone,
    /// It could not be read, or has become another person's.
    Failed(Failure),
}

/// What became of a link that is only a hint.
pub(super) enum Hinted {
    /// Its account has one of the person's matching values, whoever else has that value.
    Matches(Box<Link>, Evidence),
    /// Its account shows no matching attribute at all, and stays linked.
    Stays(Box<Link>),
    /// Its account is gone or has somebody else's values: the person is matched without it.
    LetGo,
    /// It could not be looked at.
    Failed(Failure),
}

/// Whether a link is only a hint, because its person is to be matched anew.
pub(super) fn is_matched_anew(
    job: &Job,
    link: &Link,
    subject: &Subject,
    inputs: ScopingInputs<'_>,
) -> bool {
    link.is_hint && is_wanted(subject, &scope(job, subject, inputs).scoping)
}

impl<'a, S: StateRead, R: TargetRead> Eyes<'a, S, R> {
    pub(super) fn new(
        (job, store): (&'a Job, &'a S),
        (target, pacer): (&'a R, &'a Pacer<'a>),
        lookup: Lookup,
        (roles, default_domain): (Vec<AppRole>, Option<String>),
        began: Timestamp,
    ) -> Self {
        let unique = matching_paths(job);
        let server_errors = ServerErrors::default();
        Self {
            job,
            store,
            target,
            pacer,
            lookup,
            instead: OnceLock::new(),
            filter_doubts: AtomicBool::new(false),
            roles,
            unique,
            default_domain,
            began,
            server_errors,
        }
    }

    /// The target that is looked at, and the pace of that.
    pub(super) fn target(&self) -> (&'a R, &'a Pacer<'a>) {
        (self.target, self.pacer)
    }

    /// How candidates are found.
    pub(super) fn lookup(&self) -> Lookup {
        self.instead.get().copied().unwrap_or(self.lookup)
    }

    /// Lets candidates be found in another way from now on, once.
    pub(super) fn look_up_instead(&self, lookup: Lookup) {
        let _ = self.instead.set(lookup);
    }

    /// Whether that was said already.
    pub(super) fn is_looking_up_instead(&self) -> bool {
        self.instead.get().is_some()
    }

    /// Whether the target refused a filter so far, or answered as if there were none.
    pub(super) fn has_filter_doubts(&self) -> bool {
        self.filter_doubts.load(Ordering::Relaxed)
    }

    /// What the target has for a person without a link; `keep` says which candidates count. A
    /// fault that concerns this person alone is returned, one that concerns everybody is an error.
    pub(super) async fn look(
        &self,
        subject: &Subject,
        keys: &[EqFilter],
        keep: impl Fn(Vec<Candidate>, &EqFilter) -> Result<Vec<Candidate>, StoreError>,
    ) -> Result<Result<Evidence, Failure>, CycleError> {
        let mut found: BTreeMap<AttributePath, Vec<Candidate>> = BTreeMap::new();
        for key in keys {
            let state = (self.job, self.store);
            let sought =
                candidates(state, self.target, self.pacer, self.lookup(), (subject.id, key)).await;
            let hits = match sought {
                Ok(Sought::Found(hits)) => hits,
                Ok(Sought::FilterIgnored) => {
                    self.filter_doubts.store(true, Ordering::Relaxed);
                    return Ok(Err(filter_ignored(key)));
                }
                Err(CycleError::Target(fault)) => {
                    if refuses_filters(&fault) {
                        self.filter_doubts.store(true, Ordering::Relaxed);
                    }
                    return self.failed((subject, None), fault);
                }
                Err(error) => return Err(error),
            };
            let hits = keep(hits, key)?;
            let enough = !hits.is_empty();
            found.entry(key.path.clone()).or_default().extend(hits);
            if enough && settle(subject.kind, keys, &found).0 != Matched::None {
                break;
            }
        }
        Ok(Ok(Evidence::Found(found)))
    }

    /// Looks at the account of a link that is only a hint, before any filter is asked.
    pub(super) async fn try_hint(
        &self,
        mut hint: Link,
        subject: &Subject,
        keys: &[EqFilter],
    ) -> Result<Hinted, CycleError> {
        let surveyed = match self.lookup() {
            Lookup::Surveyed | Lookup::Partly => {
                self.store.read(|view| view.surveyed_account(self.job.kind, &hint.target))?
            }
            Lookup::Filtered | Lookup::Nowhere => None,
        };
        let values = match surveyed {
            Some(values) => Some(values),
            None => match self.account(&hint, subject).await? {
                Ok(values) => values,
                Err(failure) => return Ok(Hinted::Failed(failure)),
            },
        };
        let Some(values) = values else { return Ok(Hinted::LetGo) };
        let has = |key: &&EqFilter| {
            let wanted = serde_json::Value::from(key.value.as_str());
            values.get(&key.path).is_some_and(|value| same(&key.path, &wanted, value))
        };
        if let Some(key) = keys.iter().find(has) {
            let (target, path) = (hint.target.clone(), key.path.clone());
            let candidate = Candidate { target, values, claim: Claim::Free };
            let found = BTreeMap::from([(path, vec![candidate])]);
            return Ok(Hinted::Matches(Box::new(hint), Evidence::Found(found)));
        }
        // Whatever is as we exported it last is still ours, under a name that is about to change.
        let is_another = |path: &&AttributePath| match (values.get(path), hint.exported.get(path)) {
            (Some(value), Some(exported)) => !same(path, exported, value),
            (Some(_), None) => true,
            (None, _) => false,
        };
        if self.unique.iter().any(|path| is_another(&path)) {
            return Ok(Hinted::LetGo);
        }
        hint.is_hint = false;
        hint.read_back = Some(values);
        Ok(Hinted::Stays(Box::new(hint)))
    }

    /// What a link's account has at the mapped paths; `None` where it is gone.
    async fn account(
        &self,
        link: &Link,
        subject: &Subject,
    ) -> Result<Result<Option<Values>, Failure>, CycleError> {
        let answer =
            self.pacer.ask(Class::Read, || self.target.get(self.job.kind, &link.target)).await;
        match answer {
            Ok(found) => {
                let (job, key) = (self.job, self.store.key());
                let values = |found: Resource| project_redacted(job, &found.document, key);
                Ok(Ok(found.map(values)))
            }
            Err(fault) => self.failed((subject, Some(link)), fault),
        }
    }

    /// Reads the account of a link whose last write has no known outcome. One that has become
    /// another person's is left alone.
    pub(super) async fn read_back(
        &self,
        mut link: Link,
        subject: &Subject,
    ) -> Result<ReadBack, CycleError> {
        let found = match self.account(&link, subject).await? {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(ReadBack::Gone),
            Err(failure) => return Ok(ReadBack::Failed(failure)),
        };
        let users = &self.job.attributes;
        let mapped = map_to_compare(users, subject, self.mapping_inputs()).unwrap_or_default();
        let is_stranger = self.unique.iter().any(|path| {
            let wanted = mapped.value(path);
            let is_known = wanted.is_some() || link.exported.contains_key(path);
            found.get(path).is_some_and(|theirs| {
                is_known
                    && !wanted.is_some_and(|value| same(path, value, theirs))
                    && !link.may_have(path, theirs)
            })
        });
        if is_stranger {
            return Ok(ReadBack::Failed(Failure {
                reason: Reason::InvalidAnchor,
                detail: format!(
                    "account `{}` now has another person's matching value; nothing was sent to it",
                    link.target
                ),
            }));
        }
        link.read_back = Some(found);
        Ok(ReadBack::There(Box::new(link)))
    }

    /// The failure that a fault is for one person, without anything secret of this person; one
    /// that concerns everybody is an error.
    fn failed<T>(
        &self,
        (subject, link): (&Subject, Option<&Link>),
        fault: TargetFault,
    ) -> Result<Result<T, Failure>, CycleError> {
        let fault = self.secrets(subject, link).clean_fault(fault);
        if self.server_errors.concerns_one(&fault) {
            Ok(Err(failure_of(&fault)))
        } else {
            Err(fault.into())
        }
    }

    /// What no message about a person may repeat.
    fn secrets(&self, subject: &Subject, link: Option<&Link>) -> Secrets {
        let exported = link.map(|link| &link.exported);
        Secrets::of(self.job, subject, self.mapping_inputs(), exported)
    }

    /// What the mapping of a live person depends on.
    pub(super) fn mapping_inputs(&self) -> MappingInputs<'_> {
        let domain = self.default_domain.as_deref();
        mapping_inputs(&self.roles, domain, self.began, self.store.key())
    }
}

/// Counts the server errors of one draft, or of one comparison.
#[derive(Default)]
pub(super) struct ServerErrors(AtomicU32);

impl ServerErrors {
    /// Whether a fault concerns one object and not the target as a whole.
    ///
    /// A server error may be about one value; several are about the server.
    pub(super) fn concerns_one(&self, fault: &TargetFault) -> bool {
        match fault.class {
            FaultClass::Rejected
            | FaultClass::Malformed
            | FaultClass::Conflict
            | FaultClass::Missing
            | FaultClass::Lost => true,
            FaultClass::Unavailable if fault.status.is_some() => {
                self.0.fetch_add(1, Ordering::Relaxed) + 1 < SERVER_ERRORS_MAX
            }
            FaultClass::Unavailable
            | FaultClass::Throttled
            | FaultClass::Unauthorized
            | FaultClass::NotCompliant => false,
        }
    }
}

/// The target says that it does not search, or not by this attribute (RFC 7644 §3.12).
fn refuses_filters(fault: &TargetFault) -> bool {
    let is_invalid =
        || fault.scim_type.as_deref().is_some_and(|it| it.eq_ignore_ascii_case("invalidFilter"));
    fault.status == Some(501) || is_invalid()
}

/// Why a person is left alone whom a search would have to find among everybody.
fn filter_ignored(key: &EqFilter) -> Failure {
    Failure {
        reason: Reason::UnprocessableEntity,
        detail: format!(
            "the application ignored a filter on `{}` and answered with a part of its accounts, so \
             nobody can tell whether this person has one; nothing was written",
            key.path
        ),
    }
}

/// The row of a person who could not be looked up.
pub(super) fn failed_lookup(cycle: CycleId, subject: &Subject, failure: Failure) -> PlannedChange {
    PlannedChange {
        id: ChangeId::derive(&[&cycle.to_string(), &subject.id.to_string(), Action::Skip.as_str()]),
        kind: subject.kind,
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
    }
}
