//! Whether notices arrive: one test message to everybody, at once and past the outbox.

use super::{
    channels::{Channels, mailer},
    queue::letter,
};
use crate::{
    config::{AppSettings, Config},
    daemon::connect::ConnectError,
    model::Timestamp,
    notify::{SmtpMailer, Voice, WebhookAddress, WebhookKind, messages, post},
    port::Mailer,
    provisioning::{Notice, NoticeKind},
};

/// Sends test messages.
pub struct Probe {
    applications: Vec<Channels<SmtpMailer>>,
    mailer: Option<SmtpMailer>,
}

/// What became of one test message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probed {
    /// To whom, or to which webhook.
    pub to: String,
    /// What the server said: that it took it, or why not.
    pub outcome: Result<String, String>,
}

impl Probe {
    /// A probe of what these applications are told by. Nothing was sent yet.
    pub fn of(config: &Config, apps: &[&AppSettings]) -> Result<Self, ConnectError> {
        let mailer = match &config.email {
            Some(email) => Some(mailer(email).map_err(ConnectError::Mail)?),
            None => None,
        };
        let mut applications = Vec::new();
        for app in apps {
            applications.push(Channels::connect(config, app)?);
        }
        Ok(Self { applications, mailer })
    }

    /// Whether nothing is configured that could be tested.
    pub fn is_empty(&self) -> bool {
        self.applications.iter().all(Channels::are_none)
    }

    /// Connects to the mail server, signs in and leaves; `None` where there is no mail server.
    pub async fn greet(&self) -> Option<Result<String, String>> {
        let mailer = self.mailer.as_ref()?;
        Some(mailer.check().await.map_err(|fault| fault.to_string()))
    }

    /// Sends one mail to everybody, if the mail server can take some, and one message to each
    /// webhook.
    pub async fn send(&self, can_mail: bool, now: Timestamp) -> Vec<Probed> {
        let mut probed: Vec<Probed> = Vec::new();
        for channels in &self.applications {
            let notice = test_notice(&channels.app, now);
            if let Some(mail) = channels.mail.as_ref().filter(|_| can_mail) {
                for to in &mail.to {
                    if probed.iter().any(|done| done.to == *to) {
                        continue;
                    }
                    let letter = letter(std::slice::from_ref(&notice), (to, false), None, now);
                    let outcome = mail.mailer.send(&letter).await;
                    let outcome = outcome.map_err(|fault| fault.to_string());
                    probed.push(Probed { to: to.clone(), outcome });
                }
            }
        }
        if let Some(channels) = self.applications.first() {
            for webhook in &channels.webhooks {
                let notice = test_notice(&channels.app, now);
                let outcome = channels.test_webhook(webhook, &notice).await;
                probed.push(Probed { to: webhook.name.clone(), outcome });
            }
        }
        probed
    }
}

impl Channels<SmtpMailer> {
    async fn test_webhook(
        &self,
        webhook: &super::channels::WebhookChannel,
        notice: &Notice,
    ) -> Result<String, String> {
        let address = WebhookAddress {
            url: webhook.url.as_ref().map(|url| url.read()).transpose()?,
            routing_key: webhook.routing_key.as_ref().map(|key| key.read()).transpose()?,
        };
        let mut said = String::new();
        let mut told = messages(webhook.kind, std::slice::from_ref(notice), &Voice::default());
        if webhook.kind == WebhookKind::PagerDuty {
            // The test's incident is over as soon as it was seen.
            let over = Notice { over: true, ..notice.clone() };
            told.extend(messages(webhook.kind, &[over], &Voice::default()));
        }
        for message in told {
            let posted = post(self.exchange.as_ref(), webhook.kind, &address, &message).await;
            said = format!("status {}", posted.map_err(|fault| fault.to_string())?);
        }
        Ok(said)
    }
}

fn test_notice(app: &str, now: Timestamp) -> Notice {
    Notice::new(
        (app, NoticeKind::Test, "notify-test"),
        (1, now),
        "test of notices",
        "Somebody ran `entra-scim notify-test`. Notices arrive here; nothing is wrong.",
    )
}
