//! The status page of the service: what it shows, where it listens, and that its troubles are
//! nobody else's.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tracing::{error, info};

use super::state_path;
use crate::{
    config::{AppSettings, Config, PageSettings, TlsSettings},
    cycle::Stop,
    model::{Clock, JobId, Timestamp},
    web::{AccessToken, Door, Limits, Shown, ShownApp, Site, Tls, TlsFiles, serve},
};

/// How long after a page that could not be opened it is tried again.
const OPEN_AGAIN: Duration = Duration::from_secs(30);

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
        log_forwarded: config.service.log_file.is_some(),
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
    let page = settings.borrow().service.page.clone();
    let opened = open(page.as_ref(), clock.now()).await;
    let shown = watch::Sender::new(Arc::new(shown(&settings.borrow())));
    let keeper = Keeper { settings, shown, clock };
    tokio::spawn(keeper.keep(page, opened, stop))
}

/// What a page that is open needs.
struct Opened {
    listener: TcpListener,
    tls: Option<Tls>,
}

struct Keeper {
    settings: watch::Receiver<Arc<Config>>,
    shown: watch::Sender<Arc<Shown>>,
    clock: Arc<dyn Clock>,
}

impl Keeper {
    async fn keep(
        mut self,
        mut page: Option<PageSettings>,
        mut opened: Option<Opened>,
        stop: Arc<Stop>,
    ) {
        let clock = Arc::clone(&self.clock);
        while !stop.is_requested() {
            let site = Site::new(self.shown.subscribe(), door(page.as_ref()), Arc::clone(&clock));
            let changed = first(self.changed(page.as_ref()), stop.requested());
            match opened.take() {
                Some(Opened { listener, tls }) => {
                    serve(site, listener, tls, Limits::default(), changed).await;
                }
                None if page.is_some() => first(clock.sleep(OPEN_AGAIN), changed).await,
                None => changed.await,
            }
            page.clone_from(&self.settings.borrow().service.page);
            if !stop.is_requested() {
                opened = open(page.as_ref(), clock.now()).await;
            }
        }
    }

    /// Shows what each new configuration says, until one wants another page.
    async fn changed(&mut self, page: Option<&PageSettings>) {
        while self.settings.changed().await.is_ok() {
            let config = Arc::clone(&self.settings.borrow_and_update());
            self.shown.send_replace(Arc::new(shown(&config)));
            if config.service.page.as_ref() != page {
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

/// Takes the address, and reads certificate and key.
async fn open(page: Option<&PageSettings>, now: Timestamp) -> Option<Opened> {
    let page = page?;
    let address = page.listen;
    let tls = match page.tls.clone().map(|tls| Tls::new(move || tls_files(&tls), now)).transpose() {
        Ok(tls) => tls,
        Err(problem) => {
            error!(problem, "the status page has no certificate; cycles go on without it");
            return None;
        }
    };
    let listener = TcpListener::bind(address).await;
    match listener.and_then(|listener| Ok((listener.local_addr()?, listener))) {
        Ok((bound, listener)) => {
            let scheme = if tls.is_some() { "https" } else { "http" };
            info!("the status page is at {scheme}://{bound}/");
            Some(Opened { listener, tls })
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

fn tls_files(tls: &TlsSettings) -> Result<TlsFiles, String> {
    let cert = std::fs::read(&tls.cert)
        .map_err(|error| format!("cannot read {}: {error}", tls.cert.display()))?;
    Ok(TlsFiles { cert, key: tls.key.read()? })
}

/// Who is let in.
fn door(page: Option<&PageSettings>) -> Door {
    let Some(page) = page else { return Door::default() };
    let token = page.access_token.clone();
    Door {
        access_token: token.map(|token| AccessToken::new(move || token.read())),
        is_sealed: page.tls.is_some() || page.behind_proxy,
        behind_proxy: page.behind_proxy,
        allowed_hosts: page.allowed_hosts.clone(),
    }
}
