//! Giving an order: carried out here where the state is free, else by the process that holds it.

use std::{path::Path, sync::Arc, time::Duration};

use serde_json::Value;

use super::{
    Answer, Channels, DaemonError, OnDemand, Order, Trouble,
    forward::{Forwarder, Origin},
    once::{Observer, neighbours, run_cycle, run_on_demand, state_path},
    order::execute,
    upkeep::Upkeep,
};
use crate::{
    config::{AppSettings, Config, operator},
    cycle::{CycleOptions, Stop},
    daemon::connect,
    model::Clock,
    provisioning::Occasion,
    store::{Engine, Reader, StoreError, is_held},
};

/// How long the holder of the state may take to notice an order; it looks four times a second.
const TAKEN_WITHIN: Duration = Duration::from_secs(10);

/// How often the answer is looked for.
const POLL: Duration = Duration::from_millis(100);

/// Looks for the answer between two looks at whether the holder still lives.
const POLLS_PER_PROBE: u32 = 20;

/// Gives an order and waits for its end: carried out in this process where nobody holds the state,
/// else handed to the process that does, whose progress `observer` is told.
pub async fn order(
    config: &Config,
    app: &AppSettings,
    order: &Order,
    stop: &Stop,
    observer: Observer<'_>,
    clock: Arc<dyn Clock>,
) -> Result<Answer, DaemonError> {
    let path = state_path(config, &app.job.app);
    let store = DaemonError::store(app);
    let engine = match Engine::open(&path) {
        Ok(engine) => engine.beside(neighbours(config, app)),
        Err(StoreError::Locked(_)) => {
            return HandedOver { app, path: &path, order, stop, observer, clock }.follow().await;
        }
        Err(error) => return Err(store(error)),
    };
    let initial = match *order {
        Order::Sync { initial } => initial,
        Order::Provision { object } => {
            let connection = connect(config, app, clock)?;
            engine.count_requests(connection.meters());
            let done = run_on_demand(app, &connection, &engine, object, stop, observer).await;
            return done.map(|done| Answer::Provisioned(OnDemand::of(&done))).map_err(store);
        }
        Order::Approve { .. }
        | Order::Pause
        | Order::Resume
        | Order::Restart(_)
        | Order::Forget { .. } => {
            return execute(&engine, order, &operator(), clock.now()).map_err(store);
        }
    };
    let connection = connect(config, app, clock)?;
    engine.count_requests(connection.meters());
    let options = CycleOptions { initial, occasion: Occasion::Asked };
    let channels = Channels::connect(config, app)?;
    let clock = Arc::clone(&connection.clock);
    let end = run_cycle(app, &connection, &engine, options, stop, observer).await.map_err(store)?;
    channels.after_cycle(&connection.directory, &engine, &end, clock.as_ref()).await;
    let forwarder = Forwarder::of(config);
    Upkeep {
        engine: &engine,
        clock: clock.as_ref(),
        log_retention: config.service.log_retention,
        forwarder: forwarder.as_ref(),
        origin: &Origin::of(config, app),
    }
    .once();
    let trouble = end.error.as_ref().map(Trouble::of);
    Ok(Answer::Cycle { id: end.report.id.to_string(), trouble })
}

struct HandedOver<'a> {
    app: &'a AppSettings,
    path: &'a Path,
    order: &'a Order,
    stop: &'a Stop,
    observer: Observer<'a>,
    clock: Arc<dyn Clock>,
}

impl HandedOver<'_> {
    async fn follow(self) -> Result<Answer, DaemonError> {
        let store = DaemonError::store(self.app);
        let reader = self.open().await.map_err(&store)?;
        let (verb, args) = self.order.verb_and_args();
        let given_at = self.clock.now();
        let id = reader
            .give(|tx| tx.give_command(verb, &args, &operator(), given_at))
            .map_err(&store)?;
        let mut polls = 0;
        loop {
            let state = reader.read(|view| view.command_answer(id)).map_err(&store)?;
            if let Some(answer) = state.answer {
                return Ok(understood(answer));
            }
            let waited = (self.clock.now() - given_at).to_std().unwrap_or_default();
            let withdraws = self.stop.is_requested() || waited >= TAKEN_WITHIN;
            if !state.taken && withdraws {
                let withdrawn = reader.give(|tx| tx.withdraw_command(id)).map_err(&store)?;
                if withdrawn {
                    return Err(self.given_up());
                }
            }
            if state.taken {
                if self.stop.is_requested() {
                    return Err(DaemonError::Interrupted);
                }
                if let Some(progress) = reader.read(|view| view.progress()).map_err(&store)? {
                    (self.observer)(&progress);
                }
            }
            polls += 1;
            if polls % POLLS_PER_PROBE == 0 && state.taken && !is_held(self.path) {
                // The answer may have come between the two looks.
                let last = reader.read(|view| view.command_answer(id)).map_err(&store)?;
                return match last.answer {
                    Some(answer) => Ok(understood(answer)),
                    None => Err(DaemonError::HolderGone { app: self.app.job.app.to_string() }),
                };
            }
            self.clock.sleep(POLL).await;
        }
    }

    /// Opens the state beside its holder, who may still be creating or migrating it.
    async fn open(&self) -> Result<Reader, StoreError> {
        let began = self.clock.now();
        loop {
            let failed = match Reader::open(self.path) {
                Ok(reader) => return Ok(reader),
                Err(error) => error,
            };
            let waited = (self.clock.now() - began).to_std().unwrap_or_default();
            if waited >= TAKEN_WITHIN || self.stop.is_requested() {
                return Err(failed);
            }
            self.clock.sleep(POLL).await;
        }
    }

    fn given_up(&self) -> DaemonError {
        if self.stop.is_requested() {
            DaemonError::Interrupted
        } else {
            DaemonError::Unanswered { app: self.app.job.app.to_string() }
        }
    }
}

fn understood(answer: Value) -> Answer {
    serde_json::from_value(answer).unwrap_or_else(|_| Answer::Refused {
        message: "the running service is another version; restart it and try again".to_owned(),
    })
}
