//! Sending one row, and what its answer means for it. Stores nothing but what a group's members are
//! made of.

use super::window::{Exporting, Ready};
use crate::{
    cycle::{
        answer::{is_another, is_strange, missing, no_account, stranger, success, wanted_of},
        change::{Changed, Changing, Difference},
        context::{Context, CycleError},
        discovery::known_capabilities,
        group::{Sender, Sent},
        pace::Class,
        survey::{Lookup, Sought, candidates, matching_paths},
    },
    model::TargetId,
    port::{Resource, TargetFault, TargetWrite},
    provisioning::{
        Claim, Failure, Filtering, Outcome, PlannedChange, Reason, Remedy, Revealed, Secrets,
        Write, failure_of, job::Job, remedy,
    },
    scim::{EqFilter, Values, create_body, same},
};

impl<D: Sync, W: TargetWrite> Exporting<'_, D, W> {
    /// Sends a row that is committed as sent; `None` where it was not carried out, because the
    /// export is to end before.
    pub(super) async fn outcome(&self, ready: &Ready) -> Result<Option<Outcome>, CycleError> {
        let Ready { seq, row, revealed } = ready;
        let outcome = if row.write == Write::Members {
            self.members(*seq, row).await?
        } else {
            Some(self.send(row, revealed).await?)
        };
        Ok(outcome.filter(|outcome| !self.is_put_off(outcome)))
    }

    /// Whether the target throttled the row for as long as the cycle had left: nothing was applied,
    /// and the next cycle goes on with it.
    fn is_put_off(&self, outcome: &Outcome) -> bool {
        let Outcome::Failed(failure) = outcome else { return false };
        failure.reason == Reason::TooManyRequests && self.context.check_stop().is_err()
    }

    /// The failure that an answer is for its object; the export ends where every further row would
    /// fail like this one.
    fn refused(&self, fault: &TargetFault) -> Failure {
        let mut trouble = self.trouble();
        let end = match self.context.check_stop() {
            // What was given up because the time is over says nothing about the target.
            Err(end) if remedy(fault.class) == Remedy::Pace => Some(end),
            Err(_) | Ok(()) => trouble.watch.refused(fault),
        };
        if let Some(end) = end {
            trouble.end.get_or_insert(end);
        }
        failure_of(fault)
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
            Ok(resource) => return Ok(success(row, resource.id, None)),
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

    /// The target has a conflicting account: look again, and adopt it if it is the person's.
    async fn conflict(
        &self,
        row: &PlannedChange,
        values: &Values,
        fault: &TargetFault,
    ) -> Result<Outcome, CycleError> {
        let (job, store) = (self.job_of(row), self.context.store);
        let lookup = match known_capabilities(job, store)?.filter {
            Filtering::Taken | Filtering::Doubted => Lookup::Filtered,
            Filtering::NotTaken => Lookup::Surveyed,
        };
        for path in matching_paths(job) {
            let Some(text) = values.get(&path).and_then(serde_json::Value::as_str) else {
                continue;
            };
            let key = EqFilter { path: path.clone(), value: text.to_owned() };
            let found =
                candidates((job, store), self.target, self.pacer, lookup, (row.source, &key)).await;
            let Ok(Sought::Found(found)) = found else { break };
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
        let link = self.context.store.read(|view| view.link(row.source))?;
        let difference = Difference::Attributes(baseline.clone(), revealed.changes(&row.changes));
        let wanted = wanted_of(row);
        let job = self.job_of(row);
        let is_strange = |found: &Resource| is_strange(job, link.as_ref(), wanted, found);
        let place = (row.kind, target);
        let sent = self.changing(row).send(place, difference, is_strange).await?;
        match sent.map_err(|fault| revealed.secrets.clean_fault(fault)) {
            Ok(Changed::Sent(Some(resource))) => Ok(self.patched(row, target, &resource)),
            Ok(Changed::Sent(None) | Changed::Already) => Ok(success(row, target.clone(), None)),
            Ok(Changed::Gone) => Ok(missing(row)),
            Ok(Changed::Strange) => Ok(stranger(target, "nothing was sent to it")),
            Err(fault) => Ok(match remedy(fault.class) {
                Remedy::Settle => Outcome::Unknown(self.refused(&fault)),
                Remedy::Rematch | Remedy::Pace | Remedy::Escrow | Remedy::Quarantine => {
                    Outcome::Failed(self.refused(&fault))
                }
            }),
        }
    }

    fn changing(&self, row: &PlannedChange) -> Changing<'_, W> {
        let Context { store, clock, .. } = *self.context;
        let (job, class) = (self.job_of(row), Class::write(row.kind));
        Changing { job, store, clock, target: self.target, pacer: self.pacer, class }
    }

    /// An answer about somebody else is a broken link, whatever its status.
    fn patched(&self, row: &PlannedChange, target: &TargetId, answer: &Resource) -> Outcome {
        if is_another(self.job_of(row), row, (target, answer)) {
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
        let link = self.context.store.read(|view| view.link(row.source))?;
        let job = self.job_of(row);
        let is_strange = |found: &Resource| is_strange(job, link.as_ref(), None, found);
        let removed = self.changing(row).remove((row.kind, target), is_strange).await?;
        Ok(match removed.map_err(|fault| secrets.clean_fault(fault)) {
            Ok(Changed::Sent(_) | Changed::Already | Changed::Gone) => {
                Outcome::Gone { failure: None }
            }
            Ok(Changed::Strange) => stranger(target, "it was not deleted"),
            Err(fault) if remedy(fault.class) == Remedy::Settle => {
                Outcome::Unknown(self.refused(&fault))
            }
            Err(fault) => Outcome::Failed(self.refused(&fault)),
        })
    }
}
