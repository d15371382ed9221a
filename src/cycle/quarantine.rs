//! A job's quarantine in one cycle: the request that a cycle begins with, and what its end means.

use super::{
    context::{Context, CycleError},
    pace::{Class, Pacer},
    survey::matching_paths,
};
use crate::{
    model::{CycleId, ObjectKind, Timestamp},
    port::{TargetFault, TargetRead},
    provisioning::{FAILURES_MAX, PROGRAM, Quarantine, QuarantineCause, Reason, Remedy, remedy},
    scim::EqFilter,
    store::{Paused, Retries, StoreError, Tx},
};

/// Asks one question that every SCIM service can answer, as Entra's own connection test does:
/// for an account that nobody has. Of a job in quarantine nothing else is asked before it.
///
/// A service that is there and cannot filter refuses the question, and that is an answer too.
pub(super) async fn probe<D, R: TargetRead>(
    context: &Context<'_, D>,
    target: &R,
    pacer: &Pacer<'_>,
    cycle: CycleId,
) -> Result<(), CycleError> {
    let Some(path) = matching_paths(context.job).into_iter().next() else { return Ok(()) };
    let question = EqFilter { path, value: cycle.to_string() };
    match pacer.ask(Class::Read, || target.find(ObjectKind::User, &question)).await {
        Ok(_) => Ok(()),
        Err(fault) => match remedy(fault.class) {
            Remedy::Quarantine | Remedy::Pace | Remedy::Settle => Err(fault.into()),
            Remedy::Rematch | Remedy::Escrow => Ok(()),
        },
    }
}

/// What the end of a cycle makes of the job's quarantine; `None` where it is in none.
///
/// A cycle that ended well ends it. One that ended early for another reason leaves it as it was:
/// the directory says nothing about the target.
pub(super) fn judge<D>(
    tx: &Tx<'_>,
    context: &Context<'_, D>,
    (began, ended): (Timestamp, Timestamp),
    error: Option<&CycleError>,
) -> Result<Option<Quarantine>, StoreError> {
    let before = tx.quarantine()?;
    let Some(cause) = cause(tx, before.is_some(), error)? else {
        if error.is_none() && before.is_some() {
            tx.set_quarantine(None)?;
        }
        return Ok(before.filter(|_| error.is_some()));
    };
    let occasion = context.options.occasion;
    let quarantine = Quarantine::entered(before.as_ref(), cause, occasion, began);
    tx.set_quarantine(Some(&quarantine))?;
    if quarantine.is_hopeless(ended) && tx.paused()?.is_none() {
        tx.set_paused(Some(&Paused { by: PROGRAM.to_owned(), at: ended }))?;
    }
    Ok(Some(quarantine))
}

fn cause(
    tx: &Tx<'_>,
    in_quarantine: bool,
    error: Option<&CycleError>,
) -> Result<Option<QuarantineCause>, StoreError> {
    match error {
        Some(CycleError::Target(fault)) => Ok(QuarantineCause::of_fault(fault)),
        Some(CycleError::TooManyFailures { .. } | CycleError::TimeUp { .. }) | None => {
            let retries = if in_quarantine { Retries::Count } else { Retries::LeaveOut };
            let failing = tx.escrow_counts()?.all;
            let most = tx.most_failures()?.unwrap_or(Reason::UnprocessableEntity);
            Ok(QuarantineCause::of_events(tx.events(retries)?, failing, most))
        }
        Some(
            CycleError::Directory(_)
            | CycleError::Store(_)
            | CycleError::Rebound { .. }
            | CycleError::PropertyVanished { .. }
            | CycleError::FilterName { .. }
            | CycleError::Stopped,
        ) => Ok(None),
    }
}

/// Whether what a fault did to single objects is no fault of theirs, because it ended the cycle.
pub(super) fn is_of_the_target(error: &CycleError) -> bool {
    match error {
        CycleError::Target(fault) => match remedy(fault.class) {
            Remedy::Pace | Remedy::Quarantine => true,
            Remedy::Settle | Remedy::Rematch | Remedy::Escrow => false,
        },
        CycleError::Directory(_)
        | CycleError::Store(_)
        | CycleError::Rebound { .. }
        | CycleError::PropertyVanished { .. }
        | CycleError::FilterName { .. }
        | CycleError::TooManyFailures { .. }
        | CycleError::TimeUp { .. }
        | CycleError::Stopped => false,
    }
}

/// How the export of one cycle goes, and when it must end.
#[derive(Default)]
pub(super) struct Watch {
    /// Whether the job is in quarantine: then it ends where the failures go on.
    in_quarantine: bool,
    events: crate::provisioning::Events,
    unavailable_rows: u32,
}

/// Rows in a row that an unavailable target fails before the cycle ends: the rest would fail too.
const UNAVAILABLE_ROWS_MAX: u32 = 5;

impl Watch {
    /// A watch that has seen nothing yet.
    pub(super) fn new(in_quarantine: bool) -> Self {
        Self { in_quarantine, ..Self::default() }
    }

    /// A change was applied, or its account was gone already.
    pub(super) fn succeeded(&mut self) {
        self.events.succeeded += 1;
        self.unavailable_rows = 0;
    }

    /// The target refused a change. Why the cycle ends now, if it does.
    pub(super) fn refused(&mut self, fault: &TargetFault) -> Option<CycleError> {
        self.events.failed += 1;
        match remedy(fault.class) {
            Remedy::Quarantine => return Some(CycleError::Target(fault.clone())),
            Remedy::Pace => {
                self.unavailable_rows += 1;
                if self.unavailable_rows >= UNAVAILABLE_ROWS_MAX {
                    return Some(CycleError::Target(fault.clone()));
                }
            }
            Remedy::Settle | Remedy::Rematch | Remedy::Escrow => self.unavailable_rows = 0,
        }
        let too_many = self.events.failed >= FAILURES_MAX
            || (self.in_quarantine && self.events.too_many_fail());
        too_many.then_some(CycleError::TooManyFailures {
            failed: self.events.failed,
            events: self.events.succeeded + self.events.failed,
        })
    }
}
