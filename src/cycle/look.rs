//! Looking one person up at the target: the account of a link in doubt, and the accounts that may
//! be somebody's. For the draft and for an explanation; nothing here writes.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU32, Ordering},
};

use super::{
    context::CycleError,
    pace::{Class, Pacer},
    redaction::{mapping_inputs, secrets},
    survey::{Lookup, candidates, matching_paths},
};
use crate::{
    model::{AppRole, ChangeId, CycleId, ObjectKind, Timestamp},
    port::{FaultClass, TargetFault, TargetRead},
    provisioning::{
        Action, Candidate, ChangeStatus, Evidence, Failure, Link, LinkEffect, Matched, Phase,
        PlannedChange, Reason, Secrets, Step, StepKind, StepStatus, Subject, Write, failure_of,
        job::Job, map_to_compare, project_redacted, settle,
    },
    scim::{AttributePath, EqFilter, same},
    store::{StateRead, StoreError},
};

/// Server errors in one draft after which they are no longer about single people.
const SERVER_ERRORS_MAX: u32 = 5;

/// Everything that looking somebody up needs.
pub(super) struct Eyes<'a, S, R> {
    job: &'a Job,
    store: &'a S,
    target: &'a R,
    pacer: &'a Pacer<'a>,
    /// How candidates are found.
    pub(super) lookup: Lookup,
    /// The roles that the application declares.
    pub(super) roles: Vec<AppRole>,
    /// The attributes that matching compares.
    pub(super) unique: Vec<AttributePath>,
    began: Timestamp,
    server_errors: AtomicU32,
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

impl<'a, S: StateRead, R: TargetRead> Eyes<'a, S, R> {
    pub(super) fn new(
        (job, store): (&'a Job, &'a S),
        (target, pacer): (&'a R, &'a Pacer<'a>),
        lookup: Lookup,
        roles: Vec<AppRole>,
        began: Timestamp,
    ) -> Self {
        let unique = matching_paths(job);
        let server_errors = AtomicU32::new(0);
        Self { job, store, target, pacer, lookup, roles, unique, began, server_errors }
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
            let hits =
                candidates(state, self.target, self.pacer, self.lookup, (subject.id, key)).await;
            let hits = match hits {
                Ok(hits) => hits,
                Err(CycleError::Target(fault)) => return self.failed((subject, None), fault),
                Err(error) => return Err(error),
            };
            let hits = keep(hits, key)?;
            let enough = !hits.is_empty();
            found.insert(key.path.clone(), hits);
            if enough && settle(keys, &found).0 != Matched::None {
                break;
            }
        }
        Ok(Ok(Evidence::Found(found)))
    }

    /// Reads the account of a link whose last write has no known outcome. One that has become
    /// another person's is left alone.
    pub(super) async fn read_back(
        &self,
        mut link: Link,
        subject: &Subject,
    ) -> Result<ReadBack, CycleError> {
        let answer =
            self.pacer.ask(Class::Read, || self.target.get(ObjectKind::User, &link.target)).await;
        let resource = match answer {
            Ok(Some(resource)) => resource,
            Ok(None) => return Ok(ReadBack::Gone),
            Err(fault) => {
                let failed = self.failed::<ReadBack>((subject, Some(&link)), fault)?;
                return Ok(failed.unwrap_or_else(ReadBack::Failed));
            }
        };
        let (job, key) = (self.job, self.store.key());
        let found = project_redacted(job, &resource.document, key);
        let inputs = mapping_inputs(&self.roles, self.began, key);
        let mapped = map_to_compare(&job.users, subject, inputs).unwrap_or_default();
        let is_stranger = self.unique.iter().any(|path| {
            let ours = link.exported.get(path).into_iter().chain(mapped.value(path));
            let mut ours = ours.peekable();
            found.get(path).is_some_and(|theirs| {
                ours.peek().is_some() && !ours.any(|value| same(path, value, theirs))
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
        if self.concerns_one(&fault) { Ok(Err(failure_of(&fault))) } else { Err(fault.into()) }
    }

    /// What no message about a person may repeat.
    fn secrets(&self, subject: &Subject, link: Option<&Link>) -> Secrets {
        let exported = link.map(|link| &link.exported);
        let job = (self.job, self.store.key());
        secrets(job, (subject, &self.roles), exported, self.began)
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
}

/// The row of a person who could not be looked up.
pub(super) fn failed_lookup(cycle: CycleId, subject: &Subject, failure: Failure) -> PlannedChange {
    PlannedChange {
        id: ChangeId::derive(&[&cycle.to_string(), &subject.id.to_string(), Action::Skip.as_str()]),
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
    }
}
