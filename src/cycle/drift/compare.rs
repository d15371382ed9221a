//! Reads the target's list, and each account of which that is not enough.

use std::collections::BTreeSet;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::conclude::name_of;
use crate::{
    cycle::{
        context::{Context, CycleError, Tracker},
        listing::Listed,
        look::ServerErrors,
        pace::{Class, Pacer},
        survey::{has_no_groups, list_all},
    },
    model::{CycleId, ObjectKind},
    port::TargetRead,
    provisioning::{
        DriftFinding, DriftKind, Expected, compared_paths, correction, drift_of, job::Job,
        project_redacted,
    },
    scim::{AttributeChange, AttributePath, Values, member_ids},
    store::{DriftCheck, DriftListing, DriftStage, LinkedAccount},
};

/// Accounts compared, and findings recorded, in one transaction.
pub(super) const BATCH: u32 = 200;

/// Members of one group that are told as lost by their ids; the rest is counted.
const MEMBERS_TOLD_MAX: usize = 20;

/// Everything that comparing needs.
pub(super) struct Comparing<'a, D, R> {
    pub(super) context: &'a Context<'a, D>,
    pub(super) target: &'a R,
    pacer: &'a Pacer<'a>,
    /// The cycle that compares; `check.id` is the one that began to.
    pub(super) cycle: CycleId,
    tracker: Tracker<'a, D>,
    server_errors: ServerErrors,
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
    let server_errors = ServerErrors::default();
    let comparing = Comparing { context, target, pacer, cycle, tracker, server_errors };
    comparing.run(check).await
}

impl<D: Sync, R: TargetRead> Comparing<'_, D, R> {
    async fn run(&self, check: &mut DriftCheck) -> Result<(), CycleError> {
        let store = self.context.store;
        while check.stage != DriftStage::Recording {
            let Some(job) = self.context.job.of(check.kind) else { break };
            if check.stage == DriftStage::Listing {
                let before = self.target.requests();
                self.list(job, check).await?;
                check.requests += self.target.requests() - before;
                store.write(|tx| tx.save_drift_check(check))?;
            }
            self.compare_all(job, check).await?;
            self.conclude(job, check)?;
        }
        self.record(check)?;
        check.ended_in = Some(self.cycle);
        store.write(|tx| tx.end_drift_check(check, self.context.clock.now()))?;
        Ok(())
    }

    /// Reads the target's list, where it has one.
    async fn list(&self, job: &Job, check: &mut DriftCheck) -> Result<(), CycleError> {
        let (store, noun) = (self.context.store, noun(job.kind));
        store.write(|tx| tx.clear_survey())?;
        let listed = if job.capability.list {
            list_all(self.context, job, (self.target, self.pacer), &self.tracker).await
        } else {
            Ok(None)
        };
        let listing = match listed {
            Ok(Some(listed)) => worth(listed, noun),
            Ok(None) if job.capability.list => {
                DriftListing::None(format!("the application refuses to list its {noun}"))
            }
            Ok(None) => DriftListing::None(format!("the application does not list its {noun}")),
            Err(CycleError::Target(fault))
                if job.kind == ObjectKind::Group && has_no_groups(&fault) =>
            {
                DriftListing::None("the application has no groups".to_owned())
            }
            Err(error) => return Err(error),
        };
        if matches!(listing, DriftListing::None(_)) {
            check.stage = DriftStage::Asking;
        }
        let paths = store.read(|view| view.surveyed_paths(job.kind))?;
        let part = check.current();
        part.listing = Some(listing);
        part.shown.extend(paths.iter().cloned());
        part.listed.extend(paths);
        Ok(())
    }

    async fn compare_all(&self, job: &Job, check: &mut DriftCheck) -> Result<(), CycleError> {
        let (store, kind) = (self.context.store, job.kind);
        let (total, linked) = store.read(|view| view.comparable_count(self.cycle, kind))?;
        let part = check.current();
        (part.linked, part.left_out) = (linked, linked - total);
        let concurrency = usize::from(job.pace.concurrency.max(1));
        let mut done = part.compared;
        loop {
            self.context.check_stop()?;
            let before = self.target.requests();
            let accounts =
                store.read(|view| view.linked_accounts(self.cycle, kind, check.after, BATCH))?;
            let Some(last) = accounts.last() else { return Ok(()) };
            check.after = Some(last.source);
            let listed = check.current().listed.clone();
            let looks = stream::iter(&accounts)
                .map(|account| self.look(job, account, &listed))
                .buffered(concurrency);
            let looks: Vec<Looked> = looks.try_collect().await?;
            let mut findings = Vec::new();
            for (account, looked) in accounts.iter().zip(looks) {
                findings.extend(self.judge(job, check, account, looked));
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

    /// Looks at one object: in the list, and by itself where that shows a difference, or does not
    /// show the object; of a group also at its members.
    async fn look(
        &self,
        job: &Job,
        account: &LinkedAccount,
        listed: &BTreeSet<AttributePath>,
    ) -> Result<Looked, CycleError> {
        match (self.look_at_attributes(job, account, listed).await?, job.members_path()) {
            (Looked::Read { found, changes }, Some(path)) if has_members(account) => {
                self.look_at_members(path, account, (found, changes)).await
            }
            (looked, _) => Ok(looked),
        }
    }

    async fn look_at_attributes(
        &self,
        job: &Job,
        account: &LinkedAccount,
        listed: &BTreeSet<AttributePath>,
    ) -> Result<Looked, CycleError> {
        let key = self.context.store.key();
        if let Some(found) = &account.listed {
            let mut changes = drift_of(job, expected(account), found, key);
            changes.retain(|change| listed.contains(&change.path));
            if changes.is_empty() {
                return Ok(Looked::Read { found: found.clone(), changes });
            }
        }
        let get = || self.target.get(job.kind, &account.target);
        match self.pacer.ask(Class::Read, get).await {
            // The list still has it: one of the two is not up to date.
            Ok(None) if account.listed.is_some() => Ok(Looked::Unread),
            Ok(None) => Ok(Looked::Gone),
            Ok(Some(resource)) => {
                let found = project_redacted(job, &resource.document, key);
                let changes = drift_of(job, expected(account), &found, key);
                Ok(Looked::Read { found, changes })
            }
            Err(fault) if self.server_errors.concerns_one(&fault) => Ok(Looked::Unread),
            Err(fault) => Err(fault.into()),
        }
    }

    /// Looks whether the members that we made are there. Others are the application's own.
    async fn look_at_members(
        &self,
        path: &AttributePath,
        account: &LinkedAccount,
        (mut found, mut changes): (Values, Vec<AttributeChange>),
    ) -> Result<Looked, CycleError> {
        let read = || self.target.get_whole(ObjectKind::Group, &account.target);
        let shown = match self.pacer.ask(Class::Read, read).await {
            Ok(Some(group)) => member_ids(&group.document),
            Ok(None) => return Ok(Looked::Unread),
            Err(fault) if self.server_errors.concerns_one(&fault) => return Ok(Looked::Unread),
            Err(fault) => return Err(fault.into()),
        };
        let (mut lost, mut first, mut after) = (0_usize, Vec::new(), String::new());
        let made = |after: &str| {
            self.context.store.read(|view| view.made_members(account.source, after, BATCH))
        };
        loop {
            let page = made(&after)?;
            let Some(last) = page.last() else { break };
            last.as_str().clone_into(&mut after);
            for member in page.iter().filter(|member| !shown.contains(*member)) {
                lost += 1;
                if first.len() < MEMBERS_TOLD_MAX {
                    first.push(member.to_string());
                }
            }
        }
        if !shown.is_empty() {
            found.insert(path.clone(), shown.len().into());
        }
        if lost > 0 {
            if lost > first.len() {
                first.push(format!("and {} more", lost - first.len()));
            }
            changes.push(AttributeChange {
                path: path.clone(),
                old: Some(first.into()),
                new: None,
            });
        }
        Ok(Looked::Read { found, changes })
    }

    /// Counts what a look came to; what there is to tell of it.
    fn judge(
        &self,
        job: &Job,
        check: &mut DriftCheck,
        account: &LinkedAccount,
        looked: Looked,
    ) -> Option<DriftFinding> {
        let mode = check.mode;
        let part = check.current();
        let paths = compared_paths(job, expected(account), self.context.store.key());
        part.asked.extend(paths.cloned());
        part.asked.extend(job.members_path().filter(|_| has_members(account)).cloned());
        let (kind, changes) = match looked {
            Looked::Unread => {
                part.unread += 1;
                return None;
            }
            // Some services show no account that is disabled.
            Looked::Gone if !account.is_enabled => {
                part.hidden += 1;
                return None;
            }
            Looked::Gone => (DriftKind::Missing, Vec::new()),
            Looked::Read { found, changes } => {
                part.compared += 1;
                let is_unlisted = account.listed.is_none() && account.is_enabled;
                if is_unlisted && part.listing == Some(DriftListing::Complete) {
                    part.listing = Some(DriftListing::Partial(format!(
                        "its list of {} does not show `{}`, which is there",
                        noun(job.kind),
                        account.target
                    )));
                }
                part.shown.extend(found.into_keys());
                if changes.is_empty() {
                    return None;
                }
                (DriftKind::Changed, changes)
            }
        };
        Some(DriftFinding {
            kind,
            object: job.kind,
            source: Some(account.source),
            source_display: Some(account.display.clone()),
            target: account.target.clone(),
            target_display: name_of(&account.exported),
            correction: correction(job, mode, &changes),
            changes,
        })
    }
}

/// Whether a group is to have members that we made.
fn has_members(account: &LinkedAccount) -> bool {
    account.is_wanted && account.members > 0
}

fn noun(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::User => "users",
        ObjectKind::Group => "groups",
    }
}

/// What a list that came to its end is worth.
fn worth(listed: Listed, noun: &str) -> DriftListing {
    let Listed { seen, claimed, unusable, is_whole } = listed;
    if unusable > 0 {
        DriftListing::Partial(format!("its list of {noun} has {unusable} rows without a usable id"))
    } else if seen != claimed {
        DriftListing::Partial(format!("its list of {noun} shows {seen}, and says {claimed}"))
    } else if !is_whole {
        DriftListing::Partial(format!("its list of {noun} is the same page again and again"))
    } else {
        DriftListing::Complete
    }
}

fn expected(account: &LinkedAccount) -> Expected<'_> {
    Expected { exported: &account.exported, is_wanted: account.is_wanted }
}
