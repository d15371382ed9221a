//! From settings to adapters: which network and address each application gets.

use std::{sync::Arc, time::Duration};

use http::HeaderValue;
use url::Url;

use super::{
    heartbeat::{Heartbeat, WatchedClock, WatchedExchange},
    sign_in::{self, Ways},
};
use crate::{
    config::{AppSettings, Config},
    cycle::{HostPace, HostPaces},
    graph::{self, GraphDirectory, GraphSettings},
    http::{Authorizer, ClientCertificate, Exchange, Network, NetworkFault, NetworkOptions},
    model::{Clock, Meter},
    port::MailFault,
    target::{ScimTarget, TargetSettings},
};

/// How long Graph may take for one page; its own gateway gives up earlier.
const GRAPH_REQUEST_TIMEOUT: Duration = Duration::from_secs(100);

/// For a name, a connection and TLS, wherever it leads.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// Bytes of one answer: a page of 1,000 users with every property has a few megabytes.
const BODY_BYTES_MAX: usize = 64 * 1_024 * 1_024;

/// What requests to a target call themselves.
const USER_AGENT: &str = concat!("entra-scim/", env!("CARGO_PKG_VERSION"));

/// The adapters of one application. Nothing was sent yet.
pub struct Connection {
    /// The tenant, read.
    pub directory: GraphDirectory,
    /// The application.
    pub target: ScimTarget,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What the application's host can bear.
    pub host: Arc<HostPace>,
}

impl Connection {
    /// What counts the requests to either side.
    pub(super) fn meters(&self) -> [Arc<Meter>; 2] {
        [self.directory.meter(), self.target.meter()]
    }
}

/// Why the adapters cannot be built. Each is a mistake of the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The way to Microsoft cannot be set up.
    #[error("set up the connection to Microsoft Graph (`tenant.ca_file`, `tenant.proxy`)")]
    Tenant(#[source] NetworkFault),
    /// The way to the application cannot be set up.
    #[error("set up the connection to application `{app}` (`apps.{app}.target`)")]
    Target {
        /// The application's section.
        app: String,
        /// Why.
        #[source]
        source: NetworkFault,
    },
    /// The mail server is not usable as configured.
    #[error("set up the way to the mail server (`email`): {0}")]
    Mail(MailFault),
    /// The platform's own variables are not usable.
    #[error("use the managed identity: {0}")]
    ManagedIdentity(String),
}

/// Builds the adapters of one application: a network per side, each with its own authorities and
/// proxy, a token source for Graph, and for the target what its settings say of the sign-in.
pub fn connect(
    config: &Config,
    app: &AppSettings,
    clock: Arc<dyn Clock>,
) -> Result<Connection, ConnectError> {
    connect_by(config, app, (clock, Arc::default()), &|exchange, _| exchange)
}

/// The same, with every request and every wait of a cycle a sign of life, and what its host can
/// bear shared with the other applications on it.
pub(super) fn connect_watched(
    config: &Config,
    app: &AppSettings,
    (clock, hosts): (Arc<dyn Clock>, &HostPaces),
    heartbeat: &Arc<Heartbeat>,
) -> Result<Connection, ConnectError> {
    let clock = WatchedClock { clock, heartbeat: Arc::clone(heartbeat) };
    let host = hosts.of(app.target.base.host_str().unwrap_or_default());
    connect_by(config, app, (Arc::new(clock), host), &|exchange, limit| {
        Arc::new(WatchedExchange { exchange, limit, heartbeat: Arc::clone(heartbeat) })
    })
}

/// What becomes of a network whose requests may take so long.
type Watch<'a> = &'a dyn Fn(Arc<dyn Exchange>, Duration) -> Arc<dyn Exchange>;

fn connect_by(
    config: &Config,
    app: &AppSettings,
    (clock, host): (Arc<dyn Clock>, Arc<HostPace>),
    watch: Watch<'_>,
) -> Result<Connection, ConnectError> {
    let tenant = &config.tenant;
    let microsoft = network(tenant.ca_pem.clone(), tenant.proxy.as_ref(), GRAPH_REQUEST_TIMEOUT)
        .map_err(ConnectError::Tenant)?;
    let microsoft = watch(microsoft, GRAPH_REQUEST_TIMEOUT);
    let scope = graph::scope(&tenant.graph_url);
    let source = sign_in::entra_tokens(tenant, scope, Arc::clone(&microsoft), Arc::clone(&clock))
        .map_err(ConnectError::ManagedIdentity)?;
    let settings = GraphSettings { graph_url: tenant.graph_url.clone() };
    let authorizer = Authorizer::Token(source);
    let directory =
        GraphDirectory::new(&settings, Arc::clone(&microsoft), authorizer, Arc::clone(&clock));
    let target = target(config, app, microsoft, &clock, watch)?;
    Ok(Connection { directory, target, clock, host })
}

fn target(
    config: &Config,
    app: &AppSettings,
    microsoft: Arc<dyn Exchange>,
    clock: &Arc<dyn Clock>,
    watch: Watch<'_>,
) -> Result<ScimTarget, ConnectError> {
    let connection = &app.target;
    let timeout = app.job.pace.request_timeout;
    let certificate = sign_in::client_certificate(app);
    let options =
        options(connection.ca_pem.clone(), connection.proxy.as_ref(), timeout, certificate);
    let network = Network::new(&options)
        .map_err(|source| ConnectError::Target { app: app.job.app.to_string(), source })?;
    let settings = TargetSettings {
        base_url: connection.base.clone(),
        query: connection.query.clone(),
        user_agent: HeaderValue::from_static(USER_AGENT),
    };
    let ways =
        Ways { microsoft, target: watch(Arc::new(network), timeout), clock: Arc::clone(clock) };
    let sign_in =
        sign_in::target(&config.tenant, app, &ways).map_err(ConnectError::ManagedIdentity)?;
    Ok(ScimTarget::new(settings, ways.target, sign_in, ways.clock))
}

pub(super) fn network(
    ca_pem: Option<Vec<u8>>,
    proxy: Option<&Url>,
    request_timeout: Duration,
) -> Result<Arc<dyn Exchange>, NetworkFault> {
    Ok(Arc::new(Network::new(&options(ca_pem, proxy, request_timeout, None))?))
}

fn options(
    ca_pem: Option<Vec<u8>>,
    proxy: Option<&Url>,
    request_timeout: Duration,
    client_certificate: Option<ClientCertificate>,
) -> NetworkOptions {
    NetworkOptions {
        request_timeout,
        connect_timeout: CONNECT_TIMEOUT.min(request_timeout),
        ca_pem,
        proxy: proxy.map(ToString::to_string),
        body_limit_bytes: BODY_BYTES_MAX,
        client_certificate,
    }
}
