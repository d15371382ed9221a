//! The window of requests that stays full while a phase lasts. What a row is sent as and what is
//! stored of it are its neighbours' business.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};

use crate::cycle::{
    context::{Context, CycleError, Tracker, WorkLeft},
    discovery::discover,
    guard::closed_window,
    import::DEFAULT_DOMAIN,
    pace::Pacer,
    quarantine::Watch,
};
use crate::{
    model::{AppRole, CycleId, Sleep, Timestamp},
    port::TargetWrite,
    provisioning::{ChangeStatus, Cleared, Outcome, Phase, Plan, PlannedChange, Revealed},
    store::PlanPlace,
};

/// How long an answer may wait for others to be recorded with.
const GATHERED_WITHIN: Duration = Duration::from_millis(10);

/// No answer for so long: those that came together are all here, and the next ones take a while. A
/// transaction among them would hold up those behind it, and the requests that follow them.
const QUIET: Duration = Duration::from_millis(2);

/// Answers that are recorded at once, at most.
const GATHERED_MAX: usize = 64;

/// Everything that sending one row needs beside the row.
pub(super) struct Exporting<'a, D, W> {
    pub(super) context: &'a Context<'a, D>,
    pub(super) target: &'a W,
    pub(super) pacer: &'a Pacer<'a>,
    pub(super) roles: Vec<AppRole>,
    pub(super) default_domain: Option<String>,
    pub(super) cycle: (CycleId, Timestamp),
    pub(super) trouble: Mutex<Trouble>,
    /// Whether the plan lets anybody give a unique value up.
    pub(super) frees_values: bool,
}

/// Why no further row is sent, and what may become the reason.
#[derive(Default)]
pub(super) struct Trouble {
    pub(super) end: Option<CycleError>,
    pub(super) watch: Watch,
}

/// A row whose request may leave.
pub(super) struct Ready {
    pub(super) seq: i64,
    pub(super) row: PlannedChange,
    pub(super) revealed: Revealed,
}

/// A row with what became of it, which is not recorded yet; without an outcome it is to be planned
/// again.
pub(super) struct Ended {
    pub(super) seq: i64,
    pub(super) row: PlannedChange,
    pub(super) outcome: Option<Outcome>,
    pub(super) times: (Timestamp, Timestamp),
}

/// The rows of one phase between the plan and their requests.
pub(super) struct Line {
    pub(super) phase: Phase,
    /// Requests under way at once.
    pub(super) width: usize,
    /// Rows that were read of the plan, in order, and where the next ones begin.
    pub(super) read: VecDeque<(i64, PlannedChange)>,
    pub(super) after: PlanPlace,
    /// Rows that are committed as sent, or see to that themselves.
    pub(super) ready: VecDeque<Ready>,
    /// What is to be recorded.
    pub(super) ended: Vec<Ended>,
}

/// Sends what a review cleared.
pub(in crate::cycle) async fn export<D: Sync, W: TargetWrite>(
    context: &Context<'_, D>,
    target: &W,
    pacer: &Pacer<'_>,
    plan: &Plan<Cleared>,
    began: Timestamp,
) -> Result<(), CycleError> {
    let in_quarantine = context.store.read(|view| view.quarantine())?.is_some();
    let watch = Watch::new(in_quarantine);
    let trouble = Mutex::new(Trouble { end: None, watch });
    let (roles, default_domain) =
        context.store.read(|view| Ok((view.app_roles()?, view.fact(DEFAULT_DOMAIN)?)))?;
    let cycle = (plan.cycle(), began);
    let frees_values = context.store.read(|view| view.frees_any())?;
    let exporting =
        Exporting { context, target, pacer, roles, default_domain, cycle, trouble, frees_values };
    let tracker = Tracker::new(context, plan.cycle(), "export");
    let total = context.store.read(|view| view.plan_count(ChangeStatus::Planned))?;
    if total > 0 {
        match discover(context, target, pacer).await {
            // The first row meets the same refusal, and its log row says so.
            Ok(()) | Err(CycleError::Target(_)) => {}
            Err(error) => return Err(error),
        }
    }
    let mut progress = (0, total);
    for phase in Phase::ALL {
        exporting.phase(phase, &tracker, &mut progress).await?;
        let end = exporting.trouble().end.take();
        if let Some(end) = end {
            return Err(exporting.with_what_is_left(end)?);
        }
    }
    Ok(())
}

impl<D: Sync, W: TargetWrite> Exporting<'_, D, W> {
    pub(super) fn trouble(&self) -> MutexGuard<'_, Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends every row of a phase, until something ends the export.
    ///
    /// Requests under way are always heard to their end: a dropped one would be a write without a
    /// known outcome.
    async fn phase(
        &self,
        phase: Phase,
        tracker: &Tracker<'_, D>,
        progress: &mut (u64, u64),
    ) -> Result<(), CycleError> {
        let mut line = Line::of(phase, self.context.job.pace.concurrency);
        let mut under_way = FuturesUnordered::new();
        let (mut gathered_since, mut due) = (None, None);
        loop {
            while under_way.len() < line.width && self.may_go_on() {
                if let Some(ready) = line.ready.pop_front() {
                    under_way.push(self.row(ready));
                } else if !self.take(&mut line, tracker, progress)? {
                    break;
                }
            }
            if under_way.is_empty() {
                break;
            }
            if line.ended.is_empty() {
                (gathered_since, due) = (None, None);
            } else if due.is_none() {
                let now = self.context.clock.now();
                let waited = now - *gathered_since.get_or_insert(now);
                let left = GATHERED_WITHIN.saturating_sub(waited.to_std().unwrap_or_default());
                due = Some(self.context.clock.sleep(left.min(QUIET)));
            }
            let is_due = tokio::select! {
                biased;
                Some(ended) = under_way.next() => {
                    line.ended.push(ended?);
                    due = None;
                    line.ended.len() >= GATHERED_MAX
                }
                () = passed(&mut due) => true,
            };
            // The next rows are taken along: a place that comes free waits for no transaction.
            if is_due && self.may_go_on() {
                self.take(&mut line, tracker, progress)?;
            } else if is_due {
                self.record(&mut line, tracker, progress)?;
            }
        }
        self.record(&mut line, tracker, progress)
    }

    /// Whether another row may be sent; where not, the reason is kept.
    fn may_go_on(&self) -> bool {
        let mut trouble = self.trouble();
        if trouble.end.is_none() {
            trouble.end = self.context.check_stop().err();
        }
        trouble.end.is_none()
    }

    /// The reason for an early end, with the changes that are left by then.
    fn with_what_is_left(&self, end: CycleError) -> Result<CycleError, CycleError> {
        Ok(match end {
            CycleError::TimeUp { app, max, .. } => {
                let left =
                    self.context.store.read(|view| view.plan_count(ChangeStatus::Planned))?;
                CycleError::TimeUp { app, max, left: WorkLeft::Changes(left) }
            }
            CycleError::Directory(_)
            | CycleError::Target(_)
            | CycleError::Store(_)
            | CycleError::Rebound { .. }
            | CycleError::PropertyVanished { .. }
            | CycleError::FilterName { .. }
            | CycleError::TooManyFailures { .. }
            | CycleError::Stopped => end,
        })
    }

    /// Sends one row, unless it came too late by now.
    async fn row(&self, ready: Ready) -> Result<Ended, CycleError> {
        let began = self.context.clock.now();
        let too_late =
            ready.row.action.is_removal() && closed_window(self.context.job, began).is_some();
        // Whether somebody approved it is looked at where the next rows are taken.
        let outcome = if !self.may_go_on() || (too_late && !self.is_approved(&ready.row)?) {
            None
        } else {
            self.outcome(&ready).await?
        };
        match outcome {
            Some(Outcome::Success { .. } | Outcome::Gone { failure: None }) => {
                self.trouble().watch.succeeded();
            }
            // What the target refused was noted when it answered.
            Some(
                Outcome::Gone { failure: Some(_) }
                | Outcome::Unknown(_)
                | Outcome::Failed(_)
                | Outcome::Skipped(_),
            )
            | None => {}
        }
        let Ready { seq, row, .. } = ready;
        Ok(Ended { seq, row, outcome, times: (began, self.context.clock.now()) })
    }
}

/// Completes once this wait is over; never where there is none.
async fn passed(wait: &mut Option<Sleep<'_>>) {
    match wait {
        Some(wait) => wait.await,
        None => std::future::pending().await,
    }
}

impl Line {
    fn of(phase: Phase, concurrency: u16) -> Self {
        // Who frees a unique value and who frees the next one must not race.
        let width = match phase {
            Phase::FreeingUpdates => 1,
            Phase::Removals
            | Phase::Updates
            | Phase::Creates
            | Phase::AfterCreates
            | Phase::References
            | Phase::Memberships => usize::from(concurrency.max(1)),
        };
        let (read, ready, ended) = (VecDeque::new(), VecDeque::new(), Vec::new());
        Self { phase, width, read, after: PlanPlace::default(), ready, ended }
    }
}
