//! One application's place in the service: the settings it runs under, and what its loop is told.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use super::{
    Channels, ConnectError, Connection,
    connect::connect_watched,
    forward::{Forwarder, Origin},
    heartbeat::Heartbeat,
    once::{neighbours, state_path},
    service::STOP_GRACE,
};
use crate::{
    config::{AppSettings, Config},
    cycle::{HostPaces, Stop},
    model::Clock,
    notify::SmtpMailer,
    store::Neighbours,
};

/// What a configuration makes of one application.
pub(super) struct Settings {
    pub(super) app: AppSettings,
    pub(super) connection: Connection,
    pub(super) channels: Channels<SmtpMailer>,
    pub(super) neighbours: Neighbours,
    pub(super) log_retention: Duration,
    pub(super) forwarder: Option<Arc<Forwarder>>,
    pub(super) origin: Origin,
    pub(super) state: PathBuf,
}

impl Settings {
    /// The settings of this application; nothing is opened or sent yet.
    pub(super) fn of(
        config: &Config,
        app: &AppSettings,
        forwarder: Option<&Arc<Forwarder>>,
        (seat, hosts): (&Seat, &HostPaces),
    ) -> Result<Self, ConnectError> {
        let clock = Arc::clone(&seat.clock);
        Ok(Self {
            connection: connect_watched(config, app, (clock, hosts), &seat.heartbeat)?,
            channels: Channels::connect(config, app)?,
            neighbours: neighbours(config, app),
            log_retention: config.service.log_retention,
            forwarder: forwarder.cloned(),
            origin: Origin::of(config, app),
            state: state_path(config, &app.job.app),
            app: app.clone(),
        })
    }

    /// How long the loop may take to end once it is asked to.
    pub(super) fn end_max(&self) -> Duration {
        self.app.job.pace.request_timeout + STOP_GRACE
    }
}

/// What becomes of an application once its cycle under way has ended.
pub(super) enum Change {
    /// It goes on under these settings.
    Settings(Box<Settings>),
    /// It is run no longer. Nobody is deprovisioned.
    Leave,
}

/// What the loop of an application and the service have in common.
pub(super) struct Seat {
    pub(super) stop: Arc<Stop>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) heartbeat: Arc<Heartbeat>,
    /// The last change counts: an earlier one that was not taken yet is of no use any more.
    change: Mutex<Option<Change>>,
    told: Notify,
}

impl Seat {
    pub(super) fn new(stop: Arc<Stop>, clock: Arc<dyn Clock>) -> Self {
        let (heartbeat, change, told) = (Arc::default(), Mutex::default(), Notify::new());
        Self { stop, clock, heartbeat, change, told }
    }

    fn change(&self) -> MutexGuard<'_, Option<Change>> {
        self.change.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the loop of a change.
    pub(super) fn tell(&self, change: Change) {
        *self.change() = Some(change);
        self.told.notify_one();
    }

    /// Tells the loop that something was written to its state: an order perhaps.
    pub(super) fn ring(&self) {
        self.told.notify_one();
    }

    /// Completes once there may be something new, which may have been taken already.
    pub(super) async fn told(&self) {
        self.told.notified().await;
    }

    /// The change that was told last, once.
    pub(super) fn take_change(&self) -> Option<Change> {
        self.change().take()
    }

    /// Whether a change waits to be taken.
    pub(super) fn is_changed(&self) -> bool {
        self.change().is_some()
    }
}
