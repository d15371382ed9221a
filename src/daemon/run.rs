//! The service: every enabled application side by side, until it is asked to stop.

use std::{sync::Arc, time::Duration};

use tokio::sync::{mpsc, watch};
use tracing::{error, info, warn};

use super::{
    DaemonError, applications::Applications, page::open_page, service::ORDERS_EVERY,
    supervisor::Supervisor,
};
use crate::{
    config::{Config, LoadError},
    cycle::Stop,
    model::Clock,
};

/// What reaches the service from outside.
pub struct Control {
    /// A request to end.
    pub stop: Arc<Stop>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How the configuration is read anew; `None` where there is no file.
    pub reload: Option<Reload>,
}

/// How the configuration is read anew.
pub struct Reload {
    /// Hears when it is asked for.
    pub asked: mpsc::Receiver<()>,
    /// Reads it.
    pub load: Box<dyn Fn() -> Result<Config, LoadError> + Send + Sync>,
}

/// Keeps the schedule of every enabled application until a stop is requested.
///
/// The lock of each is held from the beginning to the end. An error is one of the start: nothing
/// that a cycle meets ends the service, nor does a configuration that is read anew.
pub async fn run(config: Config, control: Control) -> Result<(), DaemonError> {
    let Control { stop, clock, mut reload } = control;
    let mut supervisor = Supervisor::of_this_process();
    let mut apps = Applications::start(&config, Arc::clone(&stop), Arc::clone(&clock))?;
    // Whoever shows the configuration in effect gets a receiver of its own.
    let (settings, _) = watch::channel(Arc::new(config));
    let page = open_page(settings.subscribe(), Arc::clone(&stop), Arc::clone(&clock)).await;
    info!(jobs = apps.count(), "entra-scim {} runs", env!("CARGO_PKG_VERSION"));
    supervisor.ready();
    let (mut ends, mut broken) = (false, None);
    let mut since_look = Duration::ZERO;
    while !(ends && apps.are_gone()) {
        let every = ORDERS_EVERY.min(supervisor.look_every());
        tokio::select! {
            left = apps.left() => if let Err(error) = left {
                // The others end cleanly; the supervisor starts everything anew.
                stop.request();
                broken.get_or_insert(error);
            },
            () = stop.requested(), if !ends => {
                ends = true;
                supervisor.stopping(apps.end_max());
            }
            () = asked(reload.as_mut()), if !ends => if let Some(reload) = &reload {
                supervisor.reloading();
                change(reload, &mut apps, &settings);
                supervisor.ready();
            },
            () = clock.sleep(every) => {
                apps.ring();
                since_look += every;
                if since_look >= supervisor.look_every() {
                    let zone = settings.borrow().service.zone;
                    supervisor.look(since_look, apps.heartbeats(), zone);
                    since_look = Duration::ZERO;
                }
            }
        }
    }
    // It closes when a stop is requested; what became of it is in the log.
    drop(page.await);
    broken.map_or(Ok(()), |error| Err(DaemonError::Task(error)))
}

/// Completes when the configuration is to be read anew.
async fn asked(reload: Option<&mut Reload>) {
    if let Some(reload) = reload
        && reload.asked.recv().await.is_some()
    {
        return;
    }
    std::future::pending::<()>().await;
}

/// Reads the configuration anew and takes it over, or says why the one before goes on.
fn change(reload: &Reload, apps: &mut Applications, settings: &watch::Sender<Arc<Config>>) {
    let mut config = match (reload.load)() {
        Ok(config) => config,
        Err(refused) => {
            error!(
                "{}\nNothing was taken over; the configuration before goes on",
                refused.report()
            );
            return;
        }
    };
    for warning in &config.warnings {
        warn!("{warning}");
    }
    let before = Arc::clone(&settings.borrow());
    if config.service.state_dir != before.service.state_dir {
        warn!(
            "`service.state_dir` is another one now; it takes effect when the service is started \
             anew (`systemctl restart entra-scim`)"
        );
        config.service.state_dir.clone_from(&before.service.state_dir);
    }
    match apps.change(&config) {
        Ok(()) => {
            let jobs = config.apps.iter().filter(|app| app.job.provisioning).count();
            settings.send_replace(Arc::new(config));
            info!(jobs, "the configuration was read anew and is in effect");
        }
        Err(refused) => {
            let refused: &dyn std::error::Error = &refused;
            error!(
                error = refused,
                "the configuration cannot be used; nothing was taken over, and the one before goes \
                 on"
            );
        }
    }
}
