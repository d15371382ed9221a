//! From settings to adapters: which credential, network and address each application gets.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use http::HeaderValue;
use url::Url;

use crate::{
    config::{
        AppSettings, Config, CredentialSettings, OAuthAuth, TargetSignIn, managed_identity_endpoint,
    },
    graph::{self, GraphDirectory, GraphSettings},
    http::{
        Authorizer, Bearer, Credential, Exchange, ManagedIdentityEndpoint, Network, NetworkFault,
        NetworkOptions, SecretSent, SecretSource, TokenSettings, TokenSource,
    },
    model::{Clock, Secret},
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
/// proxy, a token source for Graph, and for the target a bearer token that is read again after it
/// was refused.
pub fn connect(
    config: &Config,
    app: &AppSettings,
    clock: Arc<dyn Clock>,
) -> Result<Connection, ConnectError> {
    let tenant = &config.tenant;
    let microsoft = network(tenant.ca_pem.clone(), tenant.proxy.as_ref(), GRAPH_REQUEST_TIMEOUT)
        .map_err(ConnectError::Tenant)?;
    let token = TokenSettings {
        token_url: graph::token_url(&tenant.login_url, &tenant.id),
        client_id: tenant.client_id.clone(),
        scope: Some(graph::scope(&tenant.graph_url)),
        credential: credential(&tenant.credential)?,
    };
    let source = TokenSource::new(token, Arc::clone(&microsoft), Arc::clone(&clock));
    let settings = GraphSettings { graph_url: tenant.graph_url.clone() };
    let authorizer = Authorizer::Token(source);
    let directory = GraphDirectory::new(&settings, microsoft, authorizer, Arc::clone(&clock));
    let target = target(app, &clock)?;
    Ok(Connection { directory, target, clock })
}

fn target(app: &AppSettings, clock: &Arc<dyn Clock>) -> Result<ScimTarget, ConnectError> {
    let connection = &app.target;
    let timeout = app.job.pace.request_timeout;
    let network = network(connection.ca_pem.clone(), connection.proxy.as_ref(), timeout)
        .map_err(|source| ConnectError::Target { app: app.job.app.to_string(), source })?;
    let settings = TargetSettings {
        base_url: connection.base.clone(),
        query: connection.query.clone(),
        user_agent: HeaderValue::from_static(USER_AGENT),
    };
    let authorizer = match &connection.sign_in {
        TargetSignIn::SecretToken(token) => {
            let token = token.clone();
            Authorizer::Bearer(Bearer::new(Arc::new(move || token.read())))
        }
        TargetSignIn::OAuth(oauth) => {
            let source = oauth.client_secret.clone();
            let credential = Credential::ClientSecret {
                secret: Arc::new(move || source.read()),
                sent: match oauth.auth {
                    OAuthAuth::Header => SecretSent::Header,
                    OAuthAuth::Body => SecretSent::Body,
                },
            };
            let token = TokenSettings {
                token_url: oauth.token_url.clone(),
                client_id: oauth.client_id.clone(),
                scope: oauth.scope.clone(),
                credential,
            };
            let source = TokenSource::new(token, Arc::clone(&network), Arc::clone(clock));
            Authorizer::Token(source)
        }
    };
    Ok(ScimTarget::new(settings, network, authorizer, Arc::clone(clock)))
}

pub(super) fn network(
    ca_pem: Option<Vec<u8>>,
    proxy: Option<&Url>,
    request_timeout: Duration,
) -> Result<Arc<dyn Exchange>, NetworkFault> {
    let network = Network::new(&NetworkOptions {
        request_timeout,
        connect_timeout: CONNECT_TIMEOUT.min(request_timeout),
        ca_pem,
        proxy: proxy.map(ToString::to_string),
        body_limit_bytes: BODY_BYTES_MAX,
    })?;
    Ok(Arc::new(network))
}

fn credential(settings: &CredentialSettings) -> Result<Credential, ConnectError> {
    Ok(match settings {
        CredentialSettings::ClientSecret(source) => {
            let source = source.clone();
            let secret: SecretSource = Arc::new(move || source.read());
            Credential::ClientSecret { secret, sent: SecretSent::Body }
        }
        CredentialSettings::Certificate { cert, key } => {
            let (cert, key) = (cert.clone(), key.clone());
            Credential::Certificate {
                cert_pem: Arc::new(move || read_certificate(&cert)),
                key_pem: Arc::new(move || key.read()),
            }
        }
        CredentialSettings::FederatedTokenFile(path) => {
            Credential::FederatedTokenFile(path.clone())
        }
        CredentialSettings::ManagedIdentity { client_id } => {
            let announced = managed_identity_endpoint().map_err(ConnectError::ManagedIdentity)?;
            let endpoint = match announced {
                Some(announced) => ManagedIdentityEndpoint::AppService {
                    endpoint: announced.endpoint,
                    header: announced.header,
                },
                None => ManagedIdentityEndpoint::imds(),
            };
            Credential::ManagedIdentity { client_id: client_id.clone(), endpoint }
        }
    })
}

fn read_certificate(path: &PathBuf) -> Result<Secret, String> {
    fs::read_to_string(path).map(Secret::new).map_err(|error| {
        format!("tenant.certificate.cert: {} cannot be read: {error}", path.display())
    })
}
