//! The status page of the service: what it shows, where it listens, and that its troubles are
//! nobody else's.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{net::TcpListener, sync::watch};
use tracing::{error, info};

use super::state_path;
use crate::{
    config::{AppSettings, Config},
    cycle::Stop,
    model::{Clock, JobId},
    web::{Limits, Shown, ShownApp, Site, serve},
};

/// How often it is looked whether the service is asked to stop.
const STOP_POLL: Duration = Duration::from_millis(100);

/// How long after a refused address it is asked for again.
const LISTEN_AGAIN: Duration = Duration::from_secs(30);

/// What the page shows of one application.
pub fn shown_app(config: &Config, app: &AppSettings) -> ShownApp {
    let (tenant, name) = (config.tenant.id.as_str(), app.job.app.as_str());
    ShownApp {
        app: app.job.app.clone(),
        enabled: app.job.provisioning,
        state_file: state_path(config, &app.job.app),
        tenant: tenant.to_owned(),
        job: JobId::derive(&[tenant, name]),
        schedule: app.schedule.clone(),
        removals_between: app.job.safeguards.removals_between,
        drift: app.job.drift.clone(),
        secret_token_expires: app.target.secret_token_expires,
    }
}

/// What the page shows.
pub fn shown(config: &Config) -> Shown {
    let apps = config.apps.iter().map(|app| shown_app(config, app)).collect();
    Shown { apps, zone: config.service.zone }
}

/// Serves the page until the service is asked to stop. An address that cannot be had is told, and
/// asked for again: cycles do not wait for it.
pub(super) async fn keep_page(
    listen: SocketAddr,
    shown: watch::Receiver<Arc<Shown>>,
    stop: Arc<Stop>,
    clock: Arc<dyn Clock>,
) {
    while !stop.is_requested() {
        match TcpListener::bind(listen).await {
            Ok(listener) => {
                info!("the status page is at http://{listen}/");
                let site = Site::new(shown.clone(), Arc::clone(&clock));
                serve(site, listener, Limits::default(), stopped(&stop, clock.as_ref())).await;
            }
            Err(error) => {
                error!(
                    error = &error as &dyn std::error::Error,
                    "the status page cannot listen on {listen}; cycles go on without it. Another \
                     program may have the port (`ss -ltnp` names it): end that one, or set \
                     `service.listen` to another port or to \"off\""
                );
                tokio::select! {
                    () = clock.sleep(LISTEN_AGAIN) => {}
                    () = stopped(&stop, clock.as_ref()) => {}
                }
            }
        }
    }
}

async fn stopped(stop: &Stop, clock: &dyn Clock) {
    while !stop.is_requested() {
        clock.sleep(STOP_POLL).await;
    }
}
