//! One cycle from beginning to end: for real, or as a preview.

use chrono::TimeDelta;

use super::{
    context::{Context, CycleError, Tracker, WorkLeft},
    discovery::outdate,
    draft::draft,
    drift,
    export::export,
    guard::closed_window,
    import::{import, kind},
    pace::Pacer,
    quarantine, redaction,
    report::CycleEnd,
    survey::survey,
};
use crate::{
    model::{CycleId, ObjectKind, Timestamp},
    port::{Directory, TargetRead, TargetWrite},
    provisioning::{
        Action, Cleared, Draft, Failure, Held, Outcome, Plan, Reason, Remedy, ReviewFacts,
        job::{Job, Scope},
        remedy, review, revision_changes,
    },
    store::{
        Counted, CycleKind, CycleReport, HeldReport, Requests, RevisionReport, StoreError, Totals,
        Tx, View,
    },
};

const REMOVALS: [Action; 2] = [Action::Disable, Action::Delete];

/// The window in which removals are counted.
const REMOVALS_WINDOW: TimeDelta = TimeDelta::hours(24);

/// Runs one cycle for real.
pub async fn sync<D: Directory, W: TargetWrite>(
    context: &Context<'_, D>,
    target: &W,
) -> Result<CycleEnd, StoreError> {
    let start = Start::now(context, target, false)?;
    let time = TimeDelta::from_std(context.job.safeguards.cycle_time_max).ok();
    let deadline = time.and_then(|time| start.began.checked_add_signed(time));
    let context = &Context { deadline, ..*context };
    context.store.write(|tx| tx.begin_cycle(start.id, start.seq, start.kind, start.began))?;
    let pacer = Pacer::of(context);
    let mut told = Told::default();
    if start.in_quarantine
        && let Err(error) = quarantine::probe(context, target, &pacer, start.id).await
    {
        return start.close(context, target, Some(why(context, error)), told);
    }
    let result = match plan(context, target, &pacer, &start, &mut told).await {
        Ok((cleared, _)) => {
            told.log(context.job);
            export(context, target, &pacer, &cleared, start.began).await
        }
        Err(error) => Err(error),
    };
    let result = match result {
        Ok(()) if !start.in_quarantine => {
            Box::pin(drift::compare_when_due(context, target, &pacer, start.id))
                .await
                .map_err(CycleError::Store)
        }
        ended => ended,
    };
    start.close(context, target, result.err().map(|error| why(context, error)), told)
}

/// Why a cycle ended: where its time was up, or it was asked to end, while it waited for a target
/// that throttles, that and not the target's refusal.
fn why<D>(context: &Context<'_, D>, error: CycleError) -> CycleError {
    match &error {
        CycleError::Target(fault) if remedy(fault.class) == Remedy::Pace => {
            context.check_stop().err().unwrap_or(error)
        }
        CycleError::Target(_)
        | CycleError::Directory(_)
        | CycleError::Store(_)
        | CycleError::Rebound { .. }
        | CycleError::PropertyVanished { .. }
        | CycleError::FilterName { .. }
        | CycleError::TooManyFailures { .. }
        | CycleError::TimeUp { .. }
        | CycleError::Stopped => error,
    }
}

/// Runs one cycle on a private copy of the state, up to and without the export.
///
/// There is no writer here, so nothing can be written.
pub async fn preview<D: Directory, R: TargetRead>(
    context: &Context<'_, D>,
    target: &R,
) -> Result<CycleEnd, StoreError> {
    let start = Start::now(context, target, true)?;
    context.store.write(|tx| tx.begin_cycle(start.id, start.seq, start.kind, start.began))?;
    let pacer = Pacer::of(context);
    let mut told = Told::default();
    let result = plan(context, target, &pacer, &start, &mut told).await;
    start.close(context, target, result.err(), told)
}

/// What a cycle has to say before anything is written.
#[derive(Default)]
struct Told {
    warnings: Vec<String>,
    revision: Option<RevisionReport>,
}

impl Told {
    /// Says how far a change of the configuration reaches, without what stands in it.
    fn log(&self, job: &Job) {
        let Some(revision) = &self.revision else { return };
        tracing::info!(
            app = job.app.as_str(),
            changes = revision.changes.len(),
            people = revision.people,
            accounts = revision.accounts,
            "the configuration or the program changed; everybody is decided again"
        );
    }
}

/// What is known of a cycle when it begins.
struct Start {
    id: CycleId,
    seq: u64,
    kind: CycleKind,
    began: Timestamp,
    dry_run: bool,
    in_quarantine: bool,
    requests: Requests,
}

impl Start {
    fn now<D: Directory, R: TargetRead>(
        context: &Context<'_, D>,
        target: &R,
        dry_run: bool,
    ) -> Result<Self, StoreError> {
        redaction::hide(context)?;
        let began = context.clock.now();
        let seq = context.store.read(|view| view.next_cycle_seq())?;
        let kind = match kind(context) {
            Ok(kind) => kind,
            Err(CycleError::Store(error)) => return Err(error),
            Err(_) => CycleKind::Initial,
        };
        let id = CycleId::derive(&[
            &context.job.tenant,
            context.job.app.as_str(),
            &seq.to_string(),
            &began.to_rfc3339(),
        ]);
        let requests = Requests { graph: context.directory.requests(), target: target.requests() };
        let in_quarantine = context.store.read(|view| view.quarantine())?.is_some();
        Ok(Self { id, seq, kind, began, dry_run, in_quarantine, requests })
    }

    /// Settles who is clean, and stores the report.
    fn close<D: Directory, R: TargetRead>(
        &self,
        context: &Context<'_, D>,
        target: &R,
        error: Option<CycleError>,
        told: Told,
    ) -> Result<CycleEnd, StoreError> {
        let ended = context.clock.now();
        let held: Option<HeldReport> = context.store.read(|view| view.held_report())?;
        let drafted = !matches!(error, Some(CycleError::Rebound { .. }));
        let totals = if drafted {
            context.store.read(|view| {
                // A cycle that ended before its draft has no plan of its own.
                if view.fact("planned_by")?.as_deref() == Some(&self.id.to_string()) {
                    view.totals(if self.dry_run { Counted::Planned } else { Counted::Done })
                } else {
                    Ok(Totals { in_scope: view.in_scope_count()?, ..Totals::default() })
                }
            })?
        } else {
            Totals::default()
        };
        let mut report = CycleReport {
            id: self.id,
            kind: self.kind,
            dry_run: self.dry_run,
            began: self.began,
            duration_ms: u64::try_from((ended - self.began).num_milliseconds()).unwrap_or(0),
            totals,
            requests: Requests {
                graph: context.directory.requests() - self.requests.graph,
                target: target.requests() - self.requests.target,
            },
            held,
            error: error.as_ref().map(ToString::to_string),
            warnings: told.warnings,
            revision: told.revision,
            quarantine: None,
            linked: Some(context.store.read(|view| view.link_counts())?),
        };
        context.store.write(|tx| {
            if !self.dry_run {
                let times = (self.began, ended);
                report.quarantine = quarantine::judge(tx, context, times, error.as_ref())?;
            }
            if error.as_ref().is_some_and(quarantine::is_of_the_target) {
                tx.excuse_escrows(self.seq)?;
            }
            settle(tx, context.job, self.seq, error.as_ref())?;
            tx.end_cycle(&report, ended)
        })?;
        Ok(CycleEnd { report, error })
    }
}

/// Settles who is clean at the end of a cycle. One that ran out of time leaves to the next one what
/// it has done, so that this one gets further.
fn settle(
    tx: &Tx<'_>,
    job: &Job,
    number: u64,
    error: Option<&CycleError>,
) -> Result<(), StoreError> {
    match error {
        None => {
            let drafted = tx.settle_drafted(number)?;
            tx.forget_hints()?;
            // Whoever ceases to matter was decided about in the cycle that ended it.
            if job.scope == Scope::Assigned && drafted > 0 {
                tx.prune_objects()?;
            }
            tx.set_fact("finished_once", Some("1"))?;
            tx.set_revision_parts(&job.revision_parts)
        }
        Some(CycleError::TimeUp { left: WorkLeft::People(_), .. }) => {
            tx.keep_drafted()?;
            tx.leave_draft_open()
        }
        Some(CycleError::TimeUp { left: WorkLeft::Changes(_), .. }) => {
            tx.settle_unsent(number)?;
            tx.leave_draft_open()
        }
        Some(_) => Ok(()),
    }
}

/// Import, survey, draft and review: everything that a preview does too.
async fn plan<D: Directory, R: TargetRead>(
    context: &Context<'_, D>,
    target: &R,
    pacer: &Pacer<'_>,
    start: &Start,
    told: &mut Told,
) -> Result<(Plan<Cleared>, Option<HeldReport>), CycleError> {
    recover(context)?;
    let changes = context.store.read(|view| changes_since(view, context.job))?;
    let imported = import(context, start.id, start.kind).await?;
    told.warnings.extend(imported.warnings);
    mark_dirty(context, start)?;
    let initial = start.kind == CycleKind::Initial;
    if context.options.initial {
        outdate(context.store)?;
    }
    let surveyed = survey(context, (target, pacer), start.id, initial).await?;
    context.store.write(|tx| tx.set_fact("planned_by", Some(&start.id.to_string())))?;
    let cycle = (start.id, start.began);
    let drafted = draft(context, (target, pacer), &surveyed, cycle).await?;
    told.warnings.extend(drafted.warnings);
    Tracker::new(context, start.id, "review").at(0, None)?;
    let reviewed = review_plan(context, Plan::drafted(start.id))?;
    if !changes.is_empty() {
        let (people, accounts) = context.store.read(|view| view.reach())?;
        told.revision = Some(RevisionReport { changes, people, accounts });
    }
    Ok(reviewed)
}

/// What is different from the last finished cycle: in the configuration, the profile or the
/// program.
fn changes_since(view: &View<'_>, job: &Job) -> Result<Vec<String>, StoreError> {
    let is_other = view.fact("finished_once")?.is_some()
        && view.fact("revision")?.as_deref() != Some(job.revision.as_str());
    let (told, otherwise) = match view.revision_parts()? {
        Some(before) => (
            revision_changes(&before, &job.revision_parts),
            "users.attributes: what a row redacts, which is not shown",
        ),
        None => (
            Vec::new(),
            "the configuration or the program; the state has no record of what was before",
        ),
    };
    if told.is_empty() && is_other {
        return Ok(vec![otherwise.to_owned()]);
    }
    Ok(told)
}

/// Rows that a crash left without an outcome: their accounts are looked at before anything else.
pub(super) fn recover<D>(context: &Context<'_, D>) -> Result<(), StoreError> {
    let now = context.clock.now();
    context.store.write(|tx| {
        tx.bring_back()?;
        for (seq, row) in tx.sent_rows()? {
            let (cycle, sent_at) = tx.sent_in(seq)?;
            let outcome = Outcome::Unknown(Failure {
                reason: Reason::Timeout,
                detail: "the program ended before the answer came".to_owned(),
            });
            // It is an outcome of that cycle: its account is looked at in this one already.
            tx.record_outcome(cycle, (seq, row), &outcome, (sent_at, now))?;
        }
        Ok(())
    })
}

fn mark_dirty<D>(context: &Context<'_, D>, start: &Start) -> Result<(), StoreError> {
    let job: &Job = context.job;
    context.store.write(|tx| {
        // Before anybody else is marked: who is dirty now has changed.
        tx.clear_changed_escrows()?;
        tx.mark_due_dirty(start.began)?;
        if start.in_quarantine {
            tx.hurry_escrows()?;
        }
        let stored = tx.fact("revision")?;
        if context.options.initial || stored.as_deref() != Some(job.revision.as_str()) {
            tx.mark_all_dirty()?;
            tx.release_escrows(start.began)?;
            tx.set_fact("revision", Some(job.revision.as_str()))?;
        }
        tx.mark_due_escrows(start.seq, start.began)
    })
}

/// Counts the plan against the safeguards, and holds what exceeds them.
fn review_plan<D>(
    context: &Context<'_, D>,
    plan: Plan<Draft>,
) -> Result<(Plan<Cleared>, Option<HeldReport>), StoreError> {
    let now = context.clock.now();
    let cycle = plan.cycle();
    context.store.write(|tx| {
        tx.expire_approvals(now)?;
        let facts = review_facts(tx, now)?;
        let (cleared, held) = review(plan, &context.job.safeguards, facts);
        let report = hold(tx, cycle, held, now)?;
        tx.postpone_blocked(cycle, Reason::HeldBySafeguard, now)?;
        if let Some(closed) = closed_window(context.job, now) {
            tx.postpone_removals(cycle, &closed, now)?;
        }
        tx.forget_waiting()?;
        Ok((cleared, report))
    })
}

/// The totals of the plan as it stands.
pub(super) fn review_facts(view: &View<'_>, now: Timestamp) -> Result<ReviewFacts, StoreError> {
    let since = now - REMOVALS_WINDOW;
    let (links, members) = (view.link_counts()?, view.membership_counts(since)?);
    Ok(ReviewFacts {
        linked: links.linked,
        enabled: links.enabled,
        removals_planned: view.unapproved(ObjectKind::User, &REMOVALS)?,
        enabled_removals_planned: view.unapproved_of_enabled(&REMOVALS)?,
        removals_recent: view.removals_since(ObjectKind::User, since)?,
        groups_linked: links.groups,
        group_removals_planned: view.unapproved(ObjectKind::Group, &REMOVALS)?,
        group_removals_recent: view.removals_since(ObjectKind::Group, since)?,
        memberships: members.linked,
        membership_removals_planned: members.removals_planned,
        membership_removals_recent: members.removals_recent,
        creates_planned: view.unapproved(ObjectKind::User, &[Action::Create])?,
    })
}

/// Holds what a review found to be too much.
fn hold(
    tx: &Tx<'_>,
    cycle: CycleId,
    held: Option<Held>,
    now: Timestamp,
) -> Result<Option<HeldReport>, StoreError> {
    let Some(held) = held else {
        tx.clear_held()?;
        return Ok(None);
    };
    let mut actions = Vec::new();
    let removes = held.removals > 0 || held.membership_removals > 0;
    if removes {
        actions.extend(REMOVALS);
    }
    if held.creates > 0 {
        actions.push(Action::Create);
    }
    let report = HeldReport {
        plan: tx.hold(cycle, (&actions, removes), &held.reason, now)?,
        removals: held.removals,
        creates: held.creates,
        membership_removals: held.membership_removals,
        linked: held.linked,
        threshold: held.threshold,
        reason: held.reason,
    };
    let text = serde_json::to_string(&report)
        .map_err(|error| StoreError::Stored { what: "held plan", detail: error.to_string() })?;
    tx.set_fact("held", Some(&text))?;
    Ok(Some(report))
}
