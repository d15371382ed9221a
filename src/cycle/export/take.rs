//! Between the plan and the requests: which rows are sent next, and the record of those that were.

use std::collections::VecDeque;

use super::window::{Ended, Exporting, Line, Ready};
use crate::{
    cycle::{
        answer::{adopted_in_passing, no_account, success},
        context::{CycleError, Tracker},
        guard::{is_postponed, not_ours, of_neighbour},
        redaction::{mapping_inputs, revealed},
    },
    model::Timestamp,
    port::TargetWrite,
    provisioning::{
        Claim, Failure, LinkEffect, MappingInputs, Outcome, Phase, PlannedChange, Reason, Revealed,
        Write,
    },
    store::{StoreError, Tx, View},
};

/// Rows that are read of the plan at once.
const READ_AT_ONCE: u32 = 64;

/// Rows that one transaction goes through at most.
const TAKEN_MAX: usize = 256;

/// What is to be done with a row of the plan now.
enum Next {
    /// Its request leaves.
    Send(Revealed),
    /// It ends without one.
    End(Outcome),
    /// Nothing: another row of the plan settled it meanwhile.
    Nothing,
}

impl<D: Sync, W: TargetWrite> Exporting<'_, D, W> {
    fn inputs(&self) -> MappingInputs<'_> {
        let (roles, domain) = (&self.roles, self.default_domain.as_deref());
        mapping_inputs(roles, domain, self.cycle.1, self.context.store.key())
    }

    /// Whether a person released this removal, so that it waits for no hour.
    pub(super) fn is_approved(&self, row: &PlannedChange) -> Result<bool, StoreError> {
        self.context.store.read(|view| view.is_approved(row))
    }

    /// Records what ended, and commits as sent as many of the next rows as may be under way at
    /// once; returns whether there is more to do in this phase.
    ///
    /// Not more, because each of them costs a look at its account if the program dies here.
    pub(super) fn take(
        &self,
        line: &mut Line,
        tracker: &Tracker<'_, D>,
        progress: &mut (u64, u64),
    ) -> Result<bool, CycleError> {
        let ended = std::mem::take(&mut line.ended);
        let (done, is_more) = self.context.store.write(|tx| {
            let mut done = self.settle(tx, ended)?;
            for _ in 0..TAKEN_MAX {
                if line.ready.len() >= line.width {
                    break;
                }
                let Some((seq, mut row)) = line.read_next(tx)? else {
                    return Ok((done, !line.ready.is_empty()));
                };
                let now = self.context.clock.now();
                match self.next(tx, (seq, &mut row), now)? {
                    Next::Send(revealed) => line.ready.push_back(Ready { seq, row, revealed }),
                    Next::End(outcome) => {
                        let outcome = Some(outcome);
                        done +=
                            self.settle(tx, vec![Ended { seq, row, outcome, times: (now, now) }])?;
                    }
                    Next::Nothing => {}
                }
            }
            Ok((done, true))
        })?;
        tell(done, tracker, progress)?;
        Ok(is_more)
    }

    /// Records what ended. Where the export is to end, rows whose requests have not left are
    /// planned again.
    pub(super) fn record(
        &self,
        line: &mut Line,
        tracker: &Tracker<'_, D>,
        progress: &mut (u64, u64),
    ) -> Result<(), CycleError> {
        let ended = std::mem::take(&mut line.ended);
        let is_over = self.trouble().end.is_some();
        let unsent = if is_over { std::mem::take(&mut line.ready) } else { VecDeque::new() };
        if ended.is_empty() && unsent.is_empty() {
            return Ok(());
        }
        let done = self.context.store.write(|tx| {
            for ready in &unsent {
                tx.plan_again(ready.seq)?;
            }
            self.settle(tx, ended)
        })?;
        tell(done, tracker, progress)
    }

    /// Records rows with their outcomes: row, link, escrow and log of each; returns how many ended.
    fn settle(&self, tx: &Tx<'_>, ended: Vec<Ended>) -> Result<u64, StoreError> {
        let mut done = 0;
        for Ended { seq, row, outcome, times } in ended {
            let Some(outcome) = outcome else {
                tx.plan_again(seq)?;
                // Where the hours for removals are over, every one that is left waits.
                is_postponed(tx, self.context.job, self.cycle.0, (&row, times.1))?;
                continue;
            };
            let outcome = taken(tx, &row, &outcome)?.unwrap_or(outcome);
            let (source, in_passing) = (row.source, adopted_in_passing(&row, &outcome));
            tx.record_outcome(self.cycle.0, (seq, row), &outcome, times)?;
            if in_passing {
                tx.set_stale(source)?;
                tx.mark_dirty(source)?;
            }
            done += 1;
        }
        Ok(done)
    }

    fn next(
        &self,
        tx: &Tx<'_>,
        (seq, row): (i64, &mut PlannedChange),
        now: Timestamp,
    ) -> Result<Next, StoreError> {
        let job = self.context.job;
        if !tx.is_planned(seq)? || is_postponed(tx, job, self.cycle.0, (row, now))? {
            return Ok(Next::Nothing);
        }
        if let Some(outcome) = self.prepare(tx, seq, row)? {
            return Ok(Next::End(outcome));
        }
        if row.write == Write::Nothing {
            let linked = row.target.clone().map(|target| success(row, target, None));
            return Ok(Next::End(linked.unwrap_or_else(no_account)));
        }
        let revealed = if row.write == Write::Members {
            Revealed::default()
        } else {
            match revealed(job, tx, row, self.inputs())? {
                Err(failure) => return Ok(Next::End(Outcome::Failed(failure))),
                Ok(revealed) => {
                    if waits_for_link(row) {
                        tx.update_planned(seq, row)?;
                    }
                    tx.mark_sent(seq, now)?;
                    revealed
                }
            }
        };
        Ok(Next::Send(revealed))
    }

    /// Fills in what only now is known: the account, and the manager's account. Some rows need not
    /// be sent any more.
    fn prepare(
        &self,
        view: &View<'_>,
        seq: i64,
        row: &mut PlannedChange,
    ) -> Result<Option<Outcome>, StoreError> {
        if !waits_for_link(row) {
            if let Some(outcome) = of_neighbour(view, row)? {
                return Ok(Some(outcome));
            }
            // A target may allow the same name twice, and nobody could say whose account is whose.
            let is_kept = self.frees_values && view.is_value_kept(seq, self.cycle.0)?;
            return Ok(is_kept.then(|| {
                Outcome::Failed(Failure {
                    reason: Reason::EntryConflict,
                    detail: "another account still has the value that this one is to take: the \
                             change that frees it did not succeed"
                        .to_owned(),
                })
            }));
        }
        let unresolved = |detail: &str| {
            Outcome::Skipped(Failure {
                reason: Reason::UnableToResolveReferenceAttributeValue,
                detail: detail.to_owned(),
            })
        };
        let Some(link) = view.link(row.source)? else {
            return Ok(Some(unresolved("its account did not come to be in this cycle")));
        };
        if link.stale {
            return Ok(Some(Outcome::Skipped(Failure {
                reason: Reason::Timeout,
                detail: "an earlier write to its account has no known outcome; the account is \
                         read first, in the next cycle"
                    .to_owned(),
            })));
        }
        row.target = Some(link.target);
        if let Some(manager) = row.reference {
            let Some(target) = view.linked_target(manager)? else {
                return Ok(Some(unresolved("the manager has no account")));
            };
            for change in &mut row.changes {
                change.new = Some(target.to_string().into());
            }
        }
        if row.phase == Phase::References {
            row.write = Write::Patch { baseline: link.exported.clone() };
            let mut exported = link.exported;
            for change in &row.changes {
                match &change.new {
                    Some(value) => exported.insert(change.path.clone(), value.clone()),
                    None => exported.remove(&change.path),
                };
            }
            row.effect = LinkEffect::Exported(exported);
        }
        of_neighbour(view, row)
    }
}

impl Line {
    /// The next row of the phase.
    fn read_next(&mut self, view: &View<'_>) -> Result<Option<(i64, PlannedChange)>, StoreError> {
        if self.read.is_empty() {
            let rows = view.next_planned(self.phase, self.after, READ_AT_ONCE)?;
            if let Some((last, _)) = rows.last() {
                self.after = *last;
            }
            self.read.extend(rows.into_iter().map(|(place, row)| (place.seq, row)));
        }
        Ok(self.read.pop_front())
    }
}

/// Whether a row is completed by what the rows before it brought about.
fn waits_for_link(row: &PlannedChange) -> bool {
    matches!(row.phase, Phase::AfterCreates | Phase::References | Phase::Memberships)
}

/// What a create comes to whose answer names an account that is somebody else's: also where that
/// one's own answer is recorded in this very transaction.
fn taken(
    view: &View<'_>,
    row: &PlannedChange,
    outcome: &Outcome,
) -> Result<Option<Outcome>, StoreError> {
    let (Write::Create(_), Outcome::Success { target, .. }) = (&row.write, outcome) else {
        return Ok(None);
    };
    Ok(match view.claim(row.kind, target, row.source)? {
        Claim::Free => None,
        Claim::LinkedTo(other) | Claim::ReleasedFrom(other) => {
            Some(not_ours(target, &other.to_string()))
        }
        Claim::OtherApplication(app) => Some(not_ours(target, &format!("application `{app}`"))),
    })
}

/// Says how far the export is, where it is further than before.
fn tell<D>(
    done: u64,
    tracker: &Tracker<'_, D>,
    progress: &mut (u64, u64),
) -> Result<(), CycleError> {
    progress.0 += done;
    if done > 0 {
        tracker.at(progress.0, Some(progress.1.max(progress.0)))?;
    }
    Ok(())
}
