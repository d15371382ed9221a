//! Emptying the outbox: each due message is tried once, and what fails waits longer and longer.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::Value;
use tracing::{info, warn};

use super::{Channels, expiry::Expiry, queue::MAIL};
use crate::{
    cycle::CycleEnd,
    graph::GraphDirectory,
    model::Clock,
    notify::{WebhookAddress, post},
    port::{MailFault, Mailer},
    store::{Engine, OutboxRow, StoreError},
};

/// Messages tried at once; more wait for the next minute.
const TRIED_AT_ONCE: u32 = 50;

/// No further message is begun after so long: the next cycle does not wait for a mail server.
const DELIVERY_MAX: TimeDelta = TimeDelta::seconds(60);

/// How often the outbox is looked at between cycles.
const DELIVERED_EVERY: Duration = Duration::from_secs(60);

/// What a delivery came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Messages that were accepted.
    pub sent: u64,
    /// Messages that are tried again later.
    pub waiting: u64,
    /// Messages that were given up.
    pub given_up: u64,
}

/// Keeps the ends of credentials in the state, for whoever reads beside this.
fn remember(engine: &Engine, expiries: &[Expiry]) -> Result<(), StoreError> {
    let ends = expiries.iter().map(|expiry| (expiry.cause.to_owned(), expiry.ends)).collect();
    if engine.read(|view| view.credential_expiries())? == ends {
        return Ok(());
    }
    engine.write(|tx| tx.set_credential_expiries(&ends))
}

impl<M: Mailer> Channels<M> {
    /// Tells what this cycle leaves to tell. Whatever goes wrong is logged and fails nothing.
    pub async fn after_cycle(
        &self,
        directory: &GraphDirectory,
        engine: &Engine,
        end: &CycleEnd,
        clock: &dyn Clock,
    ) {
        let now = clock.now();
        let raised = match self.watch.look(directory, engine, now).await {
            Ok(expiries) => remember(engine, &expiries).and_then(|()| {
                if self.are_none() { Ok(()) } else { self.raise(engine, end, &expiries, now) }
            }),
            Err(error) => Err(error),
        };
        if let Err(error) = raised {
            let error: &dyn std::error::Error = &error;
            warn!(job.name = %self.app, error, "notices could not be raised");
        }
        self.tick(engine, clock).await;
    }

    /// Delivers once a minute, for as long as it is polled.
    ///
    /// It holds `gate` while it delivers: whoever gets it may drop this between two deliveries.
    pub async fn keep_delivering(
        &self,
        engine: &Engine,
        clock: &dyn Clock,
        gate: &tokio::sync::Mutex<()>,
    ) -> std::convert::Infallible {
        loop {
            clock.sleep(DELIVERED_EVERY).await;
            let _delivering = gate.lock().await;
            self.tick(engine, clock).await;
        }
    }

    /// Delivers what is due, and logs how that went.
    async fn tick(&self, engine: &Engine, clock: &dyn Clock) {
        if self.are_none() {
            return;
        }
        match self.deliver(engine, clock).await {
            Ok(Delivered { sent: 0, waiting: 0, given_up: 0 }) => {}
            Ok(Delivered { sent, waiting: 0, given_up: 0 }) => {
                info!(job.name = %self.app, sent, "notices were sent");
            }
            Ok(Delivered { sent, waiting, given_up }) => warn!(
                job.name = %self.app,
                sent,
                waiting,
                given_up,
                "notices could not be sent; `entra-scim status {}` says why",
                self.app
            ),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                warn!(job.name = %self.app, error, "notices could not be delivered");
            }
        }
    }

    /// Queues the notices that are due, and tries every message of the outbox that is due, once.
    ///
    /// Begins nothing more after a minute. A mail server that cannot be reached is not asked again
    /// for the next mail.
    pub async fn deliver(
        &self,
        engine: &Engine,
        clock: &dyn Clock,
    ) -> Result<Delivered, StoreError> {
        let began = clock.now();
        self.raise_digest(engine, began)?;
        self.queue_due(engine, began)?;
        let rows = engine.read(|view| view.outbox_due(began, TRIED_AT_ONCE))?;
        let mut delivered = Delivered::default();
        let mut down: Option<String> = None;
        for row in rows {
            if clock.now() - began > DELIVERY_MAX {
                break;
            }
            let outcome = match &down {
                Some(why) if row.channel == MAIL => Err(why.clone()),
                Some(_) | None => self.send(&row, &mut down).await,
            };
            let now = clock.now();
            let given_up = engine.write(|tx| match &outcome {
                Ok(()) => tx.delivered(row.id).map(|()| false),
                Err(why) => tx.undelivered(&row, why, now),
            })?;
            match (outcome, given_up) {
                (Ok(()), _) => delivered.sent += 1,
                (Err(_), false) => delivered.waiting += 1,
                (Err(_), true) => delivered.given_up += 1,
            }
        }
        Ok(delivered)
    }

    /// Tries one message. `down` is set where the mail server cannot be used at all.
    async fn send(&self, row: &OutboxRow, down: &mut Option<String>) -> Result<(), String> {
        let unreadable = |error: serde_json::Error| format!("the stored message: {error}");
        if row.channel == MAIL {
            let mail = self.mail.as_ref().ok_or("there is no [email] any more")?;
            let letter = serde_json::from_str(&row.body).map_err(unreadable)?;
            return match mail.mailer.send(&letter).await {
                Ok(_) => Ok(()),
                Err(fault) => {
                    let why = fault.to_string();
                    if matches!(fault, MailFault::Unreachable(_) | MailFault::SignIn(_)) {
                        *down = Some(why.clone());
                    }
                    Err(why)
                }
            };
        }
        let webhook = self
            .webhooks
            .iter()
            .find(|webhook| webhook.name == row.channel)
            .ok_or_else(|| format!("there is no {} any more", row.channel))?;
        let message: Value = serde_json::from_str(&row.body).map_err(unreadable)?;
        let address = WebhookAddress {
            url: webhook.url.as_ref().map(|url| url.read()).transpose()?,
            routing_key: webhook.routing_key.as_ref().map(|key| key.read()).transpose()?,
        };
        let posted = post(self.exchange.as_ref(), webhook.kind, &address, &message).await;
        posted.map(drop).map_err(|fault| format!("{}: {fault}", webhook.name))
    }
}
