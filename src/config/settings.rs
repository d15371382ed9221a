//! The validated configuration, as the rest of the program sees it.

use std::{collections::BTreeSet, net::SocketAddr, path::PathBuf, time::Duration};

use chrono::{NaiveDate, NaiveTime};
use chrono_tz::Tz;
use http::HeaderName;
use url::Url;

use super::{Diagnosis, SecretSource};
use crate::provisioning::{NoticeTopic, Schedule, job::Job};

/// A whole configuration: one tenant, any number of applications.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to read.
    pub tenant: TenantSettings,
    /// How this daemon runs.
    pub service: ServiceSettings,
    /// Who is written to, where anybody is.
    pub email: Option<EmailSettings>,
    /// Where else notices go.
    pub webhooks: Vec<WebhookSettings>,
    /// The applications, in the order of the file.
    pub apps: Vec<AppSettings>,
    /// What a person should know although the file was accepted.
    pub warnings: Vec<Diagnosis>,
}

/// `[tenant]`: the directory, and how to sign in to it.
#[derive(Clone, Debug)]
pub struct TenantSettings {
    /// The tenant's id or a verified domain, as configured.
    pub id: String,
    /// The app registration of this daemon (its application id); empty where a managed identity
    /// signs in, which has a client id of its own.
    pub client_id: String,
    /// How it proves who it is.
    pub credential: CredentialSettings,
    /// Which national cloud.
    pub cloud: Cloud,
    /// Where tokens come from: the cloud's authority, or the configured one.
    pub login_url: Url,
    /// The root of Microsoft Graph, without `/v1.0`.
    pub graph_url: Url,
    /// More certificate authorities to trust, PEM.
    pub ca_pem: Option<Vec<u8>>,
    /// The proxy to go through.
    pub proxy: Option<Url>,
}

/// How the daemon proves who it is to Microsoft Entra. Exactly one kind is configured.
#[derive(Clone, Debug)]
pub enum CredentialSettings {
    /// `client_secret`.
    ClientSecret(SecretSource),
    /// `certificate`: a signed assertion.
    Certificate {
        /// The certificate, PEM; public.
        cert: PathBuf,
        /// Its private key, PEM.
        key: SecretSource,
    },
    /// `federated_token_file`: a token that the platform keeps fresh in this file.
    FederatedTokenFile(PathBuf),
    /// `managed_identity`: the identity of the machine.
    ManagedIdentity {
        /// The user-assigned identity; `None` for the system-assigned one.
        client_id: Option<String>,
    },
}

/// A national cloud.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cloud {
    /// The worldwide service, GCC included.
    #[default]
    Global,
    /// US Government L4 (GCC High).
    UsGov,
    /// US Government L5 (DoD).
    UsGovDod,
    /// China, operated by 21Vianet.
    China,
}

impl Cloud {
    /// Where tokens come from (Graph "National cloud deployments").
    pub fn login_url(self) -> Url {
        let url = match self {
            Self::Global => "https://login.microsoftonline.com",
            Self::UsGov | Self::UsGovDod => "https://login.microsoftonline.us",
            Self::China => "https://login.partner.microsoftonline.cn",
        };
        Url::parse(url).expect("the four literals above are URLs")
    }

    /// The root of Microsoft Graph (Graph "National cloud deployments").
    pub fn graph_url(self) -> Url {
        let url = match self {
            Self::Global => "https://graph.microsoft.com",
            Self::UsGov => "https://graph.microsoft.us",
            Self::UsGovDod => "https://dod-graph.microsoft.us",
            Self::China => "https://microsoftgraph.chinacloudapi.cn",
        };
        Url::parse(url).expect("the four literals above are URLs")
    }
}

/// `[service]`: how the daemon runs.
#[derive(Clone, Debug)]
pub struct ServiceSettings {
    /// Where the state files are, one per application.
    pub state_dir: PathBuf,
    /// How long the provisioning log is kept.
    pub log_retention: Duration,
    /// Where the provisioning log is forwarded to as JSON lines.
    pub log_file: Option<PathBuf>,
    /// The zone of times of day.
    pub zone: Tz,
    /// The status page; `None` where it is off.
    pub page: Option<PageSettings>,
}

/// Where the status page listens, and who is let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageSettings {
    /// Its address.
    pub listen: SocketAddr,
    /// What has to be shown to see anything; nobody is asked where there is none.
    pub access_token: Option<SecretSource>,
    /// With which certificate it speaks TLS.
    pub tls: Option<TlsSettings>,
    /// Whether a proxy that speaks TLS stands before it, and says whom it asks for.
    pub behind_proxy: bool,
    /// Names under which it may be asked for, beside addresses and `localhost`.
    pub allowed_hosts: Vec<String>,
}

/// `service.tls`: the certificate of the status page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// The certificate, and those up to its authority, PEM; public.
    pub cert: PathBuf,
    /// Its private key, PEM.
    pub key: SecretSource,
}

/// `[email]`: who is written to, and about what.
#[derive(Clone, Debug)]
pub struct EmailSettings {
    /// The mail server.
    pub server: MailServer,
    /// The sender.
    pub from: String,
    /// The recipients for every application.
    pub to: Vec<String>,
    /// What they are told of.
    pub on: BTreeSet<NoticeTopic>,
    /// Whether mails hold names and what applications answered.
    pub details: bool,
    /// When the digest goes out, where one is asked for.
    pub digest: NaiveTime,
}

/// The mail server, and how to reach it.
#[derive(Clone, Debug)]
pub struct MailServer {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How TLS is come to; `None` where the connection begins with it.
    pub starttls: Option<StartTls>,
    /// Who signs in.
    pub user: Option<String>,
    /// With which password.
    pub password: Option<SecretSource>,
    /// More certificate authorities to trust, PEM.
    pub ca_pem: Option<Vec<u8>>,
}

/// How a plain connection comes to TLS (RFC 3207).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartTls {
    /// No mail without it.
    Required,
    /// Where the server offers it.
    Opportunistic,
    /// Never.
    Off,
}

/// `[[webhook]]`: where else notices go.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// The address, a secret; `None` for PagerDuty's own.
    pub url: Option<SecretSource>,
    /// How notices are phrased.
    pub format: WebhookFormat,
    /// PagerDuty's integration key.
    pub routing_key: Option<SecretSource>,
    /// What is told there.
    pub on: BTreeSet<NoticeTopic>,
    /// Whether it holds names and what applications answered.
    pub details: bool,
}

/// How a notice is phrased for a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookFormat {
    /// A JSON document of our own.
    Generic,
    /// An adaptive card for Microsoft Teams.
    Teams,
    /// Blocks for Slack.
    Slack,
    /// An event for PagerDuty.
    PagerDuty,
}

/// `[apps.NAME]`: one application.
#[derive(Clone, Debug)]
pub struct AppSettings {
    /// What the engine runs.
    pub job: Job,
    /// When its cycles start.
    pub schedule: Schedule,
    /// How to reach the application.
    pub target: TargetConnection,
    /// The profile its settings started from.
    pub profile: String,
    /// Who is written to beside those of `[email]`.
    pub notify: Vec<String>,
    /// Whether another application may have the same target: then each leaves alone what the
    /// other has.
    pub shared_target: bool,
}

/// As whom requests to an application are made.
#[derive(Clone, Debug)]
pub enum TargetSignIn {
    /// With this bearer token.
    SecretToken(SecretSource),
    /// With a token that a token endpoint gives (RFC 6749 §4.4).
    OAuth(OAuthSettings),
    /// With a user name and a password (RFC 7617).
    Basic {
        /// The user name; holds no colon.
        username: String,
        /// The password.
        password: SecretSource,
    },
    /// With no scheme of its own: the headers or the client certificate say who asks.
    Otherwise,
}

/// `oauth`: how to get a token for an application.
#[derive(Clone, Debug)]
pub struct OAuthSettings {
    /// The token endpoint.
    pub token_url: Url,
    /// The client; an assertion may say alone who asks.
    pub client_id: Option<String>,
    /// What proves that it is the client.
    pub credential: OAuthCredential,
    /// The scopes to ask for, separated by spaces; the endpoint's default without.
    pub scope: Option<String>,
    /// Another grant type than `client_credentials`.
    pub grant_type: Option<String>,
    /// More parameters of the request, in the order of the file.
    pub parameters: Vec<(String, SecretSource)>,
}

/// What proves to a token endpoint that it is the client who asks.
#[derive(Clone, Debug)]
pub enum OAuthCredential {
    /// `client_secret`.
    Secret {
        /// The secret.
        secret: SecretSource,
        /// How it is sent.
        auth: OAuthAuth,
    },
    /// `client_assertion.entra_scope`: a token for this scope, which Microsoft Entra gives to this
    /// daemon (RFC 7523 §2.2).
    EntraToken {
        /// The scope, ending in `/.default`.
        scope: String,
    },
    /// `client_assertion.file`: a token that something else keeps fresh in this file.
    TokenFile(PathBuf),
}

/// How a client's secret is sent to a token endpoint (RFC 6749 §2.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OAuthAuth {
    /// As HTTP basic authentication, which every endpoint has to take.
    #[default]
    Header,
    /// As fields of the body.
    Body,
}

/// `client_certificate`: shown to a server that asks for one.
#[derive(Clone, Debug)]
pub struct ClientCertificateSettings {
    /// The certificate, and those up to its authority, PEM; public.
    pub cert: PathBuf,
    /// Its private key, PEM.
    pub key: SecretSource,
}

/// `[apps.NAME.target]`: how to reach an application.
#[derive(Clone, Debug)]
pub struct TargetConnection {
    /// The base URL, without query.
    pub base: Url,
    /// Query parameters of the tenant URL, which go on every request.
    pub query: Vec<(String, String)>,
    /// As whom requests are made.
    pub sign_in: TargetSignIn,
    /// Headers that go on every request, in the order of the file.
    pub headers: Vec<(HeaderName, SecretSource)>,
    /// Who we are to a server that asks for a certificate.
    pub client_certificate: Option<ClientCertificateSettings>,
    /// When it ends; an opaque token can't tell.
    pub secret_token_expires: Option<NaiveDate>,
    /// More certificate authorities to trust, PEM.
    pub ca_pem: Option<Vec<u8>>,
    /// The proxy to go through.
    pub proxy: Option<Url>,
}

impl TargetConnection {
    /// The key below `apps.NAME.target` that says who asks; what a person has to look at where the
    /// application refuses the sign-in.
    pub fn sign_in_key(&self) -> &'static str {
        match &self.sign_in {
            TargetSignIn::SecretToken(_) => "secret_token",
            TargetSignIn::OAuth(_) => "oauth",
            TargetSignIn::Basic { .. } => "basic",
            TargetSignIn::Otherwise if self.headers.is_empty() => "client_certificate",
            TargetSignIn::Otherwise => "headers",
        }
    }
}
