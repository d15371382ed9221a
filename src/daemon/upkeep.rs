//! Upkeep: what is done for an application's state beside its cycles and between them.
//!
//! Old rows go in small transactions with pauses in between, so that neither a cycle nor whoever
//! reads waits for long; and it is done by the clock, because a cycle may take for ever and the
//! next one may be a week away.

use std::{convert::Infallible, time::Duration};

use chrono::TimeDelta;
use tracing::warn;

use super::forward::{Forwarder, Origin};
use crate::{
    model::{Clock, Timestamp},
    store::{Engine, StoreError},
};

/// How often new rows of the log are looked for to be forwarded.
const FORWARDED_EVERY: Duration = Duration::from_secs(1);

/// Batches of rows forwarded when the service stops.
const FORWARDED_AT_STOP: u32 = 20;

/// How often old rows are looked for.
const PRUNED_EVERY: TimeDelta = TimeDelta::hours(1);

/// Rows deleted in one transaction, so that nobody waits for long.
const PRUNED_AT_ONCE: u32 = 500;

/// The pause after such a transaction: whatever else is to be done has its turn.
const PRUNE_PAUSE: Duration = Duration::from_millis(200);

/// What the upkeep of one state needs.
pub(super) struct Upkeep<'a> {
    pub(super) engine: &'a Engine,
    pub(super) clock: &'a dyn Clock,
    pub(super) log_retention: Duration,
    pub(super) forwarder: Option<&'a Forwarder>,
    pub(super) origin: &'a Origin,
}

impl Upkeep<'_> {
    /// Goes on for as long as it is polled.
    pub(super) async fn keep(&self) -> Infallible {
        let mut pruned_at: Option<Timestamp> = None;
        loop {
            while self.forward() {
                tokio::task::yield_now().await;
            }
            let now = self.clock.now();
            if pruned_at.is_none_or(|at| (now - at).abs() >= PRUNED_EVERY) {
                while self.prune() {
                    self.clock.sleep(PRUNE_PAUSE).await;
                }
                pruned_at = Some(now);
            }
            self.clock.sleep(FORWARDED_EVERY).await;
        }
    }

    /// Does once what is to be done, for a process that ends then.
    pub(super) fn once(&self) {
        while self.forward() {}
        while self.prune() {}
    }

    /// Forwards what came last, for a service that stops. What does not fit into its last second
    /// follows when it is started again.
    pub(super) fn forward_last(&self) {
        (0..FORWARDED_AT_STOP).take_while(|_| self.forward()).for_each(drop);
    }

    fn forward(&self) -> bool {
        self.forwarder.is_some_and(|forwarder| forwarder.forward(self.engine, self.origin))
    }

    /// Deletes some of what is too old; returns whether there may be more.
    fn prune(&self) -> bool {
        let age = TimeDelta::from_std(self.log_retention).unwrap_or(TimeDelta::MAX);
        let Some(before) = self.clock.now().checked_sub_signed(age) else { return false };
        match self.prune_before(before) {
            Ok(count) => count >= PRUNED_AT_ONCE as usize,
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                warn!(error, "old rows could not be deleted; it is tried again in an hour");
                false
            }
        }
    }

    fn prune_before(&self, before: Timestamp) -> Result<usize, StoreError> {
        let log = self.engine.write(|tx| tx.prune_log(before, PRUNED_AT_ONCE))?;
        let commands = self.engine.write(|tx| tx.prune_commands(before, PRUNED_AT_ONCE))?;
        Ok(log.max(commands))
    }
}
