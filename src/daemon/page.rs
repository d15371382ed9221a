//! The status page of the service: what it shows, where it listens, and that its troubles are
//! nobody else's.

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tracing::{error, info};

use super::state_path;
use crate::{
    config::{AppSettings, Config},
    cycle::Stop,
    model::{Clock, JobId},
    web::{Limits, Shown, ShownApp, Site, serve},
};

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

/// Opens the page, and serves it until a stop is requested.
///
/// An address that cannot be had is told, and asked for again: no cycle waits for it. Another
/// configuration takes effect at once, another address too.
pub(super) async fn open_page(
    settings: watch::Receiver<Arc<Config>>,
    stop: Arc<Stop>,
    clock: Arc<dyn Clock>,
) -> JoinHandle<()> {
    let listen = settings.borrow().service.listen;
    let opened = open(listen).await;
    let shown = watch::Sender::new(Arc::new(shown(&settings.borrow())));
    let page = Page { settings, shown, clock };
    tokio::spawn(page.keep(listen, opened, stop))
}

struct Page {
    settings: watch::Receiver<Arc<Config>>,
    shown: watch::Sender<Arc<Shown>>,
    clock: Arc<dyn Clock>,
}

impl Page {
    async fn keep(
        mut self,
        mut listen: Option<SocketAddr>,
        mut opened: Option<TcpListener>,
        stop: Arc<Stop>,
    ) {
        let clock = Arc::clone(&self.clock);
        while !stop.is_requested() {
            let is_wanted = listen.is_some();
            let site = Site::new(self.shown.subscribe(), Arc::clone(&clock));
            let moved = self.moved(listen);
            match opened.take() {
                Some(listener) => {
                    serve(site, listener, Limits::default(), first(moved, stop.requested())).await;
                }
                None if is_wanted => {
                    first(clock.sleep(LISTEN_AGAIN), first(moved, stop.requested())).await;
                }
                None => first(moved, stop.requested()).await,
            }
            listen = self.settings.borrow().service.listen;
            if !stop.is_requested() {
                opened = open(listen).await;
            }
        }
    }

    /// Shows what each new configuration says, until one has another address.
    async fn moved(&mut self, listen: Option<SocketAddr>) {
        while self.settings.changed().await.is_ok() {
            let config = Arc::clone(&self.settings.borrow_and_update());
            self.shown.send_replace(Arc::new(shown(&config)));
            if config.service.listen != listen {
                return;
            }
        }
        // Nobody changes it any more.
        std::future::pending::<()>().await;
    }
}

async fn first(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    tokio::select! {
        () = one => {}
        () = other => {}
    }
}

async fn open(listen: Option<SocketAddr>) -> Option<TcpListener> {
    let address = listen?;
    match TcpListener::bind(address)
        .await
        .and_then(|listener| Ok((listener.local_addr()?, listener)))
    {
        Ok((bound, listener)) => {
            info!("the status page is at http://{bound}/");
            Some(listener)
        }
        Err(error) => {
            error!(
                error = &error as &dyn std::error::Error,
                "the status page cannot listen on {address}; cycles go on without it. Another \
                 program may have the port (`ss -ltnp` names it): end that one, or set \
                 `service.listen` to another port or to \"off\""
            );
            None
        }
    }
}
