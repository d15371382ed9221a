//! The people who are told of a story by mail, and whoever reads their mail for secrets.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use entra_scim::{
    config,
    cycle::CycleEnd,
    daemon::Channels,
    http::{Answer, Exchange},
    port::{Letter, MailFault, Mailer},
};

use crate::support::world::World;

/// A mail server that takes every mail.
#[derive(Clone, Default)]
struct Postman(Arc<Mutex<Vec<Letter>>>);

impl Mailer for Postman {
    async fn send(&self, letter: &Letter) -> Result<String, MailFault> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(letter.clone());
        Ok("250 OK".to_owned())
    }

    async fn check(&self) -> Result<String, MailFault> {
        Ok("here".to_owned())
    }
}

/// A webhook that takes every message.
#[derive(Clone, Default)]
struct Hook(Arc<Mutex<Vec<String>>>);

impl Exchange for Hook {
    fn exchange(&self, request: http::Request<Bytes>) -> Answer<'_> {
        let body = String::from_utf8_lossy(request.body()).into_owned();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(body);
        Box::pin(std::future::ready(Ok(http::Response::new(Bytes::new()))))
    }
}

/// Everybody who is told.
pub(super) struct Office {
    channels: Channels<Postman>,
    postman: Postman,
    hook: Hook,
}

impl Office {
    /// The people around this world.
    pub(super) fn of(world: &World) -> Self {
        let (client_id, secret) = world.tenant.default_client();
        let text = format!(
            r#"
[tenant]
id = "11111111-2222-3333-4444-555555555555"
client_id = "{client_id}"
client_secret = {{ value = "{}" }}

[email]
smtp_url = "smtp://localhost"
from = "Entra SCIM <scim@example.com>"
to = ["identity@example.com"]

[[webhook]]
url = {{ value = "https://hooks.example.com/simulation" }}
format = "generic"

[apps.crm]
enterprise_app = "CRM"

[apps.crm.target]
tenant_url = "https://app.sandbox.example/scim/v2"
secret_token = {{ value = "secret" }}
"#,
            secret.expose()
        );
        let config = config::parse(&text, "config.toml").unwrap_or_else(|diagnoses| {
            let all: Vec<String> = diagnoses.iter().map(ToString::to_string).collect();
            panic!("the office's configuration is wrong:\n{}", all.join("\n"))
        });
        let (postman, hook) = (Postman::default(), Hook::default());
        let exchange = Arc::new(hook.clone());
        let channels = Channels::new(&config, &config.apps[0], Some(postman.clone()), exchange);
        Self { channels, postman, hook }
    }

    /// Tells what this cycle leaves to tell, and reads every word of it; returns in how many
    /// messages.
    pub(super) async fn tell(&self, world: &World, end: &CycleEnd) -> Result<u64, String> {
        let (directory, _) = world.adapters();
        let clock = &world.engine_clock;
        self.channels.after_cycle(&directory, world.state(), end, clock).await;
        let letters: Vec<Letter> =
            std::mem::take(&mut *self.postman.0.lock().unwrap_or_else(PoisonError::into_inner));
        let messages: Vec<String> =
            std::mem::take(&mut *self.hook.0.lock().unwrap_or_else(PoisonError::into_inner));
        let mut secrets = world.wire.credentials();
        secrets.insert(world.tenant.default_client().1.expose().to_owned());
        let texts = letters.iter().flat_map(|letter| [&letter.subject, &letter.text, &letter.html]);
        for text in texts.chain(&messages) {
            // Nobody asked for details.
            if text.contains("@contoso.com") {
                return Err(format!("a message names a person: {text}"));
            }
            if secrets.iter().any(|secret| text.contains(secret)) {
                return Err(format!("a message holds a credential: {text}"));
            }
        }
        let files = letters.iter().filter_map(|letter| letter.attachment.as_ref());
        for file in files {
            if secrets.iter().any(|secret| file.csv.contains(secret)) {
                return Err(format!("an attachment holds a credential: {}", file.csv));
            }
        }
        Ok((letters.len() + messages.len()) as u64)
    }
}
