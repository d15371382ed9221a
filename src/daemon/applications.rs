//! The applications of the service, side by side: who runs, who starts, who leaves.
//!
//! Each has a thread of its own, because reading and writing the state blocks, and one
//! application's large plan must not delay another's requests. One whose state cannot be used waits
//! until it can, and the others run.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use tokio::{
    runtime::Handle,
    task::{JoinError, JoinSet},
};
use tracing::{error, info};

use super::{
    ConnectError, DaemonError,
    forward::Forwarder,
    heartbeat::{Doing, Heartbeat},
    seat::{Change, Seat, Settings},
    service::Service,
};
use crate::{
    config::Config,
    cycle::{HostPaces, Stop},
    model::{AppName, Clock, Timestamp, with_sources},
    store::{Bell, Engine, StoreError},
};

/// How often a state that cannot be used is tried again: a command may hold it for an hour.
const OPEN_AGAIN: Duration = Duration::from_secs(10);

/// The applications that run.
pub(super) struct Applications {
    seats: BTreeMap<AppName, Arc<Seat>>,
    /// One look for all of them: a thread that looked for itself would have to wake for it.
    bells: BTreeMap<AppName, Bell>,
    tasks: JoinSet<AppName>,
    /// The longest that one of them may take to end.
    end_max: Duration,
    stop: Arc<Stop>,
    clock: Arc<dyn Clock>,
    /// Those with one host share what it can bear, and a reload forgets nothing of it.
    hosts: HostPaces,
}

/// An application that is about to run.
struct Start {
    seat: Arc<Seat>,
    settings: Settings,
}

/// An open state, and the time before its lock was taken.
type Opened = (Engine, Timestamp);

impl Applications {
    /// Starts every enabled application. An error where nothing could be started at all.
    pub(super) fn start(
        config: &Config,
        stop: Arc<Stop>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, DaemonError> {
        let mut apps = Self {
            seats: BTreeMap::new(),
            bells: BTreeMap::new(),
            tasks: JoinSet::new(),
            end_max: Duration::ZERO,
            stop,
            clock,
            hosts: HostPaces::default(),
        };
        let starts = apps.prepare(config)?;
        let (mut opened, mut first) = (Vec::new(), None);
        for start in starts {
            match start.open() {
                Ok(state) => opened.push((start, Ok(state))),
                Err(failure) => {
                    let app = start.settings.app.job.app.to_string();
                    let said = with_sources(&failure);
                    first.get_or_insert(DaemonError::Store { app, source: failure });
                    opened.push((start, Err(said)));
                }
            }
        }
        if let Some(first) = first
            && opened.iter().all(|(_, state)| state.is_err())
        {
            return Err(first);
        }
        for (start, state) in opened {
            apps.spawn(start, Some(state));
        }
        Ok(apps)
    }

    /// Takes over another configuration: what is new starts, what is gone or switched off leaves,
    /// and the rest goes on under other settings. An error leaves everything as it is.
    pub(super) fn change(&mut self, config: &Config) -> Result<(), ConnectError> {
        let starts = self.prepare(config)?;
        let wanted: BTreeSet<AppName> =
            starts.iter().map(|start| start.settings.app.job.app.clone()).collect();
        for (app, seat) in &self.seats {
            if !wanted.contains(app) {
                info!(job.name = %app, "job `{app}` is run no longer; nobody is deprovisioned");
                seat.tell(Change::Leave);
            }
        }
        for start in starts {
            if self.seats.contains_key(&start.settings.app.job.app) {
                start.seat.tell(Change::Settings(Box::new(start.settings)));
            } else {
                self.spawn(start, None);
            }
        }
        Ok(())
    }

    /// What this configuration starts or changes. Nothing is opened yet.
    fn prepare(&mut self, config: &Config) -> Result<Vec<Start>, ConnectError> {
        // One for all: they share the file.
        let forwarder = Forwarder::of(config).map(Arc::new);
        let enabled = config.apps.iter().filter(|app| app.job.provisioning);
        let starts = enabled.map(|app| {
            let new = || Arc::new(Seat::new(Arc::clone(&self.stop), Arc::clone(&self.clock)));
            let seat = self.seats.get(&app.job.app).map_or_else(new, Arc::clone);
            Settings::of(config, app, forwarder.as_ref(), (&seat, &self.hosts))
                .map(|settings| Start { seat, settings })
        });
        let starts: Vec<Start> = starts.collect::<Result<_, _>>()?;
        let longest = starts.iter().map(|start| start.settings.end_max()).max();
        self.end_max = self.end_max.max(longest.unwrap_or_default());
        Ok(starts)
    }

    /// Runs an application in a thread of its own, on this state or what came of opening it.
    fn spawn(&mut self, start: Start, state: Option<Result<Opened, String>>) {
        let app = start.settings.app.job.app.clone();
        self.seats.insert(app.clone(), Arc::clone(&start.seat));
        self.bells.insert(app.clone(), Bell::of(&start.settings.state));
        let runtime = Handle::current();
        self.tasks.spawn_blocking(move || {
            runtime.block_on(async move {
                if let Some(service) = start.opened(state).await {
                    service.keep().await;
                }
            });
            app
        });
    }

    /// Completes once an application has left; never where none is there. An error if it broke.
    pub(super) async fn left(&mut self) -> Result<(), JoinError> {
        let Some(left) = self.tasks.join_next().await else { return std::future::pending().await };
        let app = left?;
        self.bells.remove(&app);
        // A change that came while it was leaving wants it back.
        if let Some(seat) = self.seats.remove(&app)
            && let Some(Change::Settings(settings)) = seat.take_change()
            && !self.stop.is_requested()
        {
            self.spawn(Start { seat, settings: *settings }, None);
        }
        Ok(())
    }

    /// Wakes those to whose state something was written.
    pub(super) fn ring(&mut self) {
        for (app, bell) in &mut self.bells {
            if bell.rings()
                && let Some(seat) = self.seats.get(app)
            {
                seat.ring();
            }
        }
    }

    /// Whether none is there any more.
    pub(super) fn are_gone(&self) -> bool {
        self.tasks.is_empty()
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.seats.len()
    }

    /// The longest that one of them may take to end.
    pub(super) fn end_max(&self) -> Duration {
        self.end_max
    }

    /// The signs of life of each.
    pub(super) fn heartbeats(&self) -> impl Iterator<Item = (&AppName, &Heartbeat)> {
        self.seats.iter().map(|(app, seat)| (app, seat.heartbeat.as_ref()))
    }
}

impl Start {
    fn open(&self) -> Result<Opened, StoreError> {
        let started = self.seat.clock.now();
        Engine::open(&self.settings.state).map(|engine| (engine, started))
    }

    /// The application with its state open, as soon as that is possible; `None` where it is not
    /// wanted any more.
    async fn opened(mut self, state: Option<Result<Opened, String>>) -> Option<Service> {
        let mut state =
            state.unwrap_or_else(|| self.open().map_err(|failure| with_sources(&failure)));
        let mut said = String::new();
        loop {
            let failed = match state {
                Ok((engine, started)) => {
                    let neighbours = std::mem::take(&mut self.settings.neighbours);
                    let Self { seat, settings } = self;
                    let engine = engine.beside(neighbours);
                    engine.count_requests(settings.connection.meters());
                    return Some(Service { settings, seat, engine, started });
                }
                Err(failed) => failed,
            };
            self.seat.heartbeat.does(Doing::Shut);
            if failed != said {
                let app = &self.settings.app.job.app;
                error!(
                    job.name = %app,
                    "job `{app}` does not run, because its state cannot be used, which is tried \
                     again every {} seconds: {failed}",
                    OPEN_AGAIN.as_secs()
                );
                said = failed;
            }
            tokio::select! {
                () = self.seat.stop.requested() => return None,
                () = self.seat.told() => {}
                () = self.seat.clock.sleep(OPEN_AGAIN) => {}
            }
            match self.seat.take_change() {
                Some(Change::Leave) => return None,
                Some(Change::Settings(settings)) => self.settings = *settings,
                None => {}
            }
            state = self.open().map_err(|failure| with_sources(&failure));
        }
    }
}
