//! Who is told of an application, how, and of what.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use chrono::NaiveTime;
use chrono_tz::Tz;

use super::expiry::Watch;
use crate::{
    config::{
        AppSettings, Config, EmailSettings, SecretSource, StartTls, WebhookFormat, WebhookSettings,
    },
    daemon::connect::{ConnectError, network},
    http::Exchange,
    notify::{Encryption, SmtpMailer, SmtpSettings, WebhookKind},
    port::MailFault,
    provisioning::{Notice, NoticeTopic},
};

/// How long a webhook may take.
const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(20);

/// The ways in which notices of one application leave.
pub struct Channels<M> {
    pub(super) app: String,
    pub(super) mail: Option<MailChannel<M>>,
    pub(super) webhooks: Vec<WebhookChannel>,
    pub(super) exchange: Arc<dyn Exchange>,
    pub(super) digest: Option<(NaiveTime, Tz)>,
    pub(super) watch: Watch,
}

/// Mail: the server, the recipients, and what they are told of.
pub(super) struct MailChannel<M> {
    pub(super) mailer: M,
    pub(super) to: Vec<String>,
    pub(super) on: BTreeSet<NoticeTopic>,
    pub(super) details: bool,
}

/// A webhook, and what is told there.
pub(super) struct WebhookChannel {
    pub(super) name: String,
    pub(super) kind: WebhookKind,
    pub(super) url: Option<SecretSource>,
    pub(super) routing_key: Option<SecretSource>,
    pub(super) on: BTreeSet<NoticeTopic>,
    pub(super) details: bool,
}

impl Channels<SmtpMailer> {
    /// The channels that the configuration says. Nothing was sent yet.
    pub fn connect(config: &Config, app: &AppSettings) -> Result<Self, ConnectError> {
        let mailer = match &config.email {
            Some(email) => Some(mailer(email).map_err(ConnectError::Mail)?),
            None => None,
        };
        Ok(Self::new(config, app, mailer, webhook_network(config)?))
    }
}

impl<M> Channels<M> {
    /// The channels that the configuration says, with this way to the mail server and this one to
    /// webhooks.
    pub fn new(
        config: &Config,
        app: &AppSettings,
        mailer: Option<M>,
        exchange: Arc<dyn Exchange>,
    ) -> Self {
        let mail = config.email.as_ref().zip(mailer).map(|(email, mailer)| MailChannel {
            mailer,
            to: recipients(email, app),
            on: email.on.clone(),
            details: email.details,
        });
        let webhooks: Vec<WebhookChannel> =
            config.webhooks.iter().enumerate().map(webhook).collect();
        let at = config.email.as_ref().map_or_else(NaiveTime::default, |email| email.digest);
        let mut topics =
            webhooks.iter().map(|hook| &hook.on).chain(mail.iter().map(|mail| &mail.on));
        let digest =
            topics.any(|on| on.contains(&NoticeTopic::Digest)).then_some((at, config.service.zone));
        let watch = Watch::of(config, app);
        Self { app: app.job.app.to_string(), mail, webhooks, exchange, digest, watch }
    }

    /// Whether nobody is told of anything.
    pub fn are_none(&self) -> bool {
        self.mail.is_none() && self.webhooks.is_empty()
    }

    /// Whether anybody asked for this notice.
    pub(super) fn want(&self, notice: &Notice) -> bool {
        self.mail.as_ref().is_some_and(|mail| wants(&mail.on, notice))
            || self.webhooks.iter().any(|webhook| wants(&webhook.on, notice))
    }
}

/// Whether these topics hold the notice's.
pub(super) fn wants(on: &BTreeSet<NoticeTopic>, notice: &Notice) -> bool {
    notice.topic().is_none_or(|topic| on.contains(&topic))
}

/// Everybody once, those of `[email]` first.
fn recipients(email: &EmailSettings, app: &AppSettings) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let all = email.to.iter().chain(&app.notify);
    all.filter(|address| seen.insert(bare(address))).cloned().collect()
}

/// The address without a name.
fn bare(address: &str) -> String {
    let bare = address.rsplit_once('<').map_or(address, |(_, rest)| rest.trim_end_matches('>'));
    bare.trim().to_lowercase()
}

fn webhook((index, settings): (usize, &WebhookSettings)) -> WebhookChannel {
    let kind = match settings.format {
        WebhookFormat::Generic => WebhookKind::Generic,
        WebhookFormat::Teams => WebhookKind::Teams,
        WebhookFormat::Slack => WebhookKind::Slack,
        WebhookFormat::PagerDuty => WebhookKind::PagerDuty,
    };
    WebhookChannel {
        name: format!("webhook {} {}", index + 1, kind.as_str()),
        kind,
        url: settings.url.clone(),
        routing_key: settings.routing_key.clone(),
        on: settings.on.clone(),
        details: settings.details,
    }
}

/// The way to the mail server. Nothing was sent yet.
pub(super) fn mailer(email: &EmailSettings) -> Result<SmtpMailer, MailFault> {
    let server = &email.server;
    let encryption = match server.starttls {
        None => Encryption::Tls,
        Some(StartTls::Required) => Encryption::StartTls,
        Some(StartTls::Opportunistic) => Encryption::StartTlsIfOffered,
        Some(StartTls::Off) => Encryption::None,
    };
    let sign_in = server.user.clone().zip(server.password.clone()).map(|(user, password)| {
        let read: crate::http::SecretSource = Arc::new(move || password.read());
        (user, read)
    });
    SmtpMailer::new(SmtpSettings {
        host: server.host.clone(),
        port: server.port,
        encryption,
        sign_in,
        ca_pem: server.ca_pem.clone(),
        from: email.from.clone(),
    })
}

/// The way to webhooks: that to Microsoft, with its authorities and proxy.
pub(super) fn webhook_network(config: &Config) -> Result<Arc<dyn Exchange>, ConnectError> {
    let tenant = &config.tenant;
    network(tenant.ca_pem.clone(), tenant.proxy.as_ref(), WEBHOOK_TIMEOUT)
        .map_err(ConnectError::Tenant)
}
