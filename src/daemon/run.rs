//! The service: every enabled application side by side, until it is asked to stop.

use std::sync::Arc;

use tokio::{runtime::Handle, sync::watch, task::JoinSet};
use tracing::info;

use super::{
    Channels, DaemonError, connect,
    forward::{Forwarder, Origin},
    once::{neighbours, state_path},
    service::Service,
};
use crate::{config::Config, cycle::Stop, model::Clock, store::Engine};

/// Keeps the schedule of every enabled application until `stop` is requested.
///
/// The lock of each is held from the beginning to the end. An error is one of the start: nothing
/// that a cycle meets ends the service.
pub async fn run(
    config: Config,
    stop: &Arc<Stop>,
    clock: Arc<dyn Clock>,
) -> Result<(), DaemonError> {
    // Whoever shows the configuration in effect gets a receiver of its own.
    let (settings, _) = watch::channel(Arc::new(config));
    let config = Arc::clone(&settings.borrow());
    let config = config.as_ref();
    let forwarder = Forwarder::of(config).map(Arc::new);
    let mut services = Vec::new();
    for app in config.apps.iter().filter(|app| app.job.provisioning) {
        let started = clock.now();
        let engine =
            Engine::open(&state_path(config, &app.job.app)).map_err(DaemonError::store(app))?;
        let connection = connect(config, app, Arc::clone(&clock))?;
        engine.count_requests(connection.meters());
        services.push(Service {
            app: app.clone(),
            connection,
            channels: Channels::connect(config, app)?,
            engine: engine.beside(neighbours(config, app)),
            log_retention: config.service.log_retention,
            forwarder: forwarder.clone(),
            origin: Origin::of(config, app),
            stop: Arc::clone(stop),
            started,
        });
    }
    info!(jobs = services.len(), "entra-scim {} runs", env!("CARGO_PKG_VERSION"));
    let mut tasks = JoinSet::new();
    let runtime = Handle::current();
    for service in services {
        // A thread each: reading and writing the state blocks, and one application's large plan
        // must not delay another's requests.
        let runtime = runtime.clone();
        tasks.spawn_blocking(move || runtime.block_on(service.keep()));
    }
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            // The others end cleanly; the supervisor starts everything anew.
            stop.request();
            tasks.join_all().await;
            return Err(DaemonError::Task(error));
        }
    }
    Ok(())
}
