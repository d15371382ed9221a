//! Reads the target's list, and each account of which that is not enough.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU32, Ordering},
};

use futures_util::{StreamExt, TryStreamExt, stream};

use super::conclude::name_of;
use crate::{
    cycle::{
        context::{Context, CycleError, Tracker},
        pace::{Class, Pacer},
        survey::{Listed, list_all},
    },
    model::{CycleId, ObjectKind},
    port::{FaultClass, TargetFault, TargetRead},
    provisioning::{
        Correction, DriftFinding, DriftKind, Expected, compared_paths, correction, drift_of,
        project_redacted,
    },
    scim::{AttributeChange, AttributePath, Values},
    store::{DriftCheck, DriftListing, DriftStage, LinkedAccount},
};

/// Accounts compared, and findings recorded, in one transaction.
pub(super) const BATCH: u32 = 200;

/// Server errors in one comparison after which they are no longer about single accounts.
const SERVER_ERRORS_MAX: u32 = 5;

/// Everything that comparing needs.
pub(super) struct Comparing<'a, D, R> {
    pub(super) context: &'a Context<'a, D>,
    pub(super) target: &'a R,
    pacer: &'a Pacer<'a>,
    /// The cycle that compares; `check.id` is the one that began to.
    pub(super) cycle: CycleId,
    tracker: Tracker<'a, D>,
    server_errors: AtomicU32,
}

/// What reading one account came to.
enum Looked {
    /// It was read: what it has, and what of that differs.
    Read { found: Values, changes: Vec<AttributeChange> },
    /// There is none of this id.
    Gone,
    /// It could not be read.
    Unread,
}

/// Goes on with a comparison until its end.
pub(super) async fn compare<D: Sync, R: TargetRead>(
    context: &Context<'_, D>,
    (target, pacer): (&R, &Pacer<'_>),
    cycle: CycleId,
    check: &mut DriftCheck,
) -> Result<(), CycleError> {
    let tracker = Tracker::new(context, cycle, "drift");
    let server_errors = AtomicU32::new(0);
    let comparing = Comparing { context, target, pacer, cycle, tracker, server_errors };
    comparing.run(check).await
}

impl<D: Sync, R: TargetRead> Comparing<'_, D, R> {
    async fn run(&self, check: &mut DriftCheck) -> Result<(), CycleError> {
        let store = self.context.store;
        if check.stage == DriftStage::Listing {
            let before = self.target.requests();
            self.list(check).await?;
            check.requests += self.target.requests() - before;
            store.write(|tx| tx.save_drift_check(check))?;
        }
        if check.stage != DriftStage::Recording {
            self.compare_all(check).await?;
            self.take_out_not_shown(check)?;
            self.doubt_missing(check)?;
            self.tell_added(check)?;
            check.stage = DriftStage::Recording;
            check.after = None;
            store.write(|tx| {
                if check.listing == Some(DriftListing::Complete) {
                    tx.set_drift_baseline()?;
                }
                tx.save_drift_check(check)
            })?;
        }
        self.record(check)?;
        check.ended_in = Some(self.cycle);
        store.write(|tx| tx.end_drift_check(check, self.context.clock.now()))?;
        Ok(())
    }

    /// Reads the target's list of accounts, where it has one.
    async fn list(&self, check: &mut DriftCheck) -> Result<(), CycleError> {
        self.context.store.write(|tx| tx.clear_survey())?;
        let listed = if self.context.job.capability.list {
            list_all(self.context, self.target, self.pacer, &self.tracker).await?
        } else {
            None
        };
        check.listing = Some(match listed {
            None if self.context.job.capability.list => {
                DriftListing::None("the application refuses to list its users".to_owned())
            }
            None => DriftListing::None("the application does not list its users".to_owned()),
            Some(listed) => worth(listed),
        });
        if listed.is_none() {
            check.stage = DriftStage::Asking;
        }
        let paths = self.context.store.read(|view| view.surveyed_paths())?;
        check.shown.extend(paths.iter().cloned());
        check.listed.extend(paths);
        Ok(())
    }

    async fn compare_all(&self, check: &mut DriftCheck) -> Result<(), CycleError> {
        let store = self.context.store;
        let (total, linked) = store.read(|view| view.comparable_count(self.cycle))?;
        (check.linked, check.left_out) = (linked, linked - total);
        let concurrency = usize::from(self.context.job.pace.concurrency.max(1));
        let mut done = check.compared;
        loop {
            self.context.check_stop()?;
            let before = self.target.requests();
            let accounts =
                store.read(|view| view.linked_accounts(self.cycle, check.after, BATCH))?;
            let Some(last) = accounts.last() else { return Ok(()) };
            check.after = Some(last.source);
            let shown = check.listed.clone();
            let looks = stream::iter(&accounts)
                .map(|account| self.look(account, &shown))
                .buffered(concurrency);
            let looks: Vec<Looked> = looks.try_collect().await?;
            let mut findings = Vec::new();
            for (account, looked) in accounts.iter().zip(looks) {
                findings.extend(self.judge(check, account, looked));
            }
            check.requests += self.target.requests() - before;
            store.write(|tx| {
                for finding in &findings {
                    tx.add_drift(check.id, finding)?;
                }
                tx.save_drift_check(check)
            })?;
            done += accounts.len() as u64;
            self.tracker.at(done, Some(total.max(done)))?;
        }
    }

    /// Looks at one account: in the list, and by itself where that shows a difference, or does not
    /// show the account.
    async fn look(
        &self,
        account: &LinkedAccount,
        shown: &BTreeSet<AttributePath>,
    ) -> Result<Looked, CycleError> {
        let (job, key) = (self.context.job, self.context.store.key());
        if let Some(listed) = &account.listed {
            let mut changes = drift_of(job, expected(account), listed, key);
            changes.retain(|change| shown.contains(&change.path));
            if changes.is_empty() {
                return Ok(Looked::Read { found: listed.clone(), changes });
            }
        }
        let get = || self.target.get(ObjectKind::User, &account.target);
        match self.pacer.ask(Class::Read, get).await {
            // The list still has it: one of the two is not up to date.
            Ok(None) if account.listed.is_some() => Ok(Looked::Unread),
            Ok(None) => Ok(Looked::Gone),
            Ok(Some(resource)) => {
                let found = project_redacted(job, &resource.document, key);
                let changes = drift_of(job, expected(account), &found, key);
                Ok(Looked::Read { found, changes })
            }
            Err(fault) if self.concerns_one(&fault) => Ok(Looked::Unread),
            Err(fault) => Err(fault.into()),
        }
    }

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

    /// Counts what a look came to; what there is to tell of it.
    fn judge(
        &self,
        check: &mut DriftCheck,
        account: &LinkedAccount,
        looked: Looked,
    ) -> Option<DriftFinding> {
        let job = self.context.job;
        let paths = compared_paths(job, expected(account), self.context.store.key());
        check.asked.extend(paths.cloned());
        match looked {
            Looked::Unread => {
                check.unread += 1;
                None
            }
            Looked::Gone if !account.is_enabled => {
                // Some services show no account that is disabled.
                check.hidden += 1;
                None
            }
            Looked::Gone => Some(finding(account, DriftKind::Missing, Vec::new(), {
                correction(job, check.mode, &[])
            })),
            Looked::Read { found, changes } => {
                check.compared += 1;
                if account.listed.is_none()
                    && account.is_enabled
                    && check.listing == Some(DriftListing::Complete)
                {
                    check.listing = Some(DriftListing::Partial(format!(
                        "its list of users does not show account `{}`, which is there",
                        account.target
                    )));
                }
                check.shown.extend(found.into_keys());
                let correction = correction(job, check.mode, &changes);
                (!changes.is_empty())
                    .then(|| finding(account, DriftKind::Changed, changes, correction))
            }
        }
    }
}

/// What a list that came to its end is worth.
fn worth(listed: Listed) -> DriftListing {
    let Listed { seen, claimed, unusable } = listed;
    if unusable > 0 {
        DriftListing::Partial(format!("its list of users has {unusable} rows without a usable id"))
    } else if seen != claimed {
        DriftListing::Partial(format!("its list of users shows {seen}, and says {claimed}"))
    } else {
        DriftListing::Complete
    }
}

fn expected(account: &LinkedAccount) -> Expected<'_> {
    Expected { exported: &account.exported, is_wanted: account.is_wanted }
}

fn finding(
    account: &LinkedAccount,
    kind: DriftKind,
    changes: Vec<AttributeChange>,
    correction: Correction,
) -> DriftFinding {
    DriftFinding {
        kind,
        object: ObjectKind::User,
        source: Some(account.source),
        source_display: Some(account.display.clone()),
        target: account.target.clone(),
        target_display: name_of(&account.exported),
        changes,
        correction,
    }
}
