//! A mail on its way to a mail server: SMTP with TLS and sign-in (RFC 5321, RFC 3207, RFC 4954).
//!
//! TLS is always verified, by the system's authorities and those that are configured. One
//! connection per mail: there are few, and a connection that is kept is one that can have died.

use std::{future::Future, time::Duration};

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    transport::smtp::{
        Error as SmtpError,
        authentication::{Credentials, Mechanism},
        client::{Certificate, Tls, TlsParameters},
    },
};

use super::mime::message;
use crate::{
    http::{SecretSource, with_causes},
    port::{Letter, MailFault, Mailer},
};

/// From the connection to the last answer. Servers that scan a mail before they take it are slow.
const DIALOGUE_MAX: Duration = Duration::from_secs(40);

/// For one answer of the server, and for the connection.
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// How a connection comes to TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// It begins with it.
    Tls,
    /// By STARTTLS, or no mail leaves.
    StartTls,
    /// By STARTTLS where the server offers it.
    StartTlsIfOffered,
    /// Never.
    None,
}

/// The mail server, and how to reach it.
pub struct SmtpSettings {
    /// Its name or address; the certificate has to be for it.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How TLS is come to.
    pub encryption: Encryption,
    /// Who signs in, and where the password is read, each time anew.
    pub sign_in: Option<(String, SecretSource)>,
    /// More certificate authorities to trust, PEM.
    pub ca_pem: Option<Vec<u8>>,
    /// The sender.
    pub from: String,
}

/// Hands mails to one mail server.
pub struct SmtpMailer {
    settings: SmtpSettings,
    tls: Tls,
}

impl SmtpMailer {
    /// Connects nowhere yet.
    pub fn new(settings: SmtpSettings) -> Result<Self, MailFault> {
        let tls = tls(&settings)?;
        Ok(Self { settings, tls })
    }

    fn transport(&self) -> Result<AsyncSmtpTransport<Tokio1Executor>, MailFault> {
        let mut builder =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(self.settings.host.clone())
                .port(self.settings.port)
                .timeout(Some(ANSWER_MAX))
                .tls(self.tls.clone());
        if let Some((user, password)) = &self.settings.sign_in {
            let password = password().map_err(MailFault::SignIn)?;
            builder = builder
                .credentials(Credentials::new(user.clone(), password.expose().to_owned()))
                .authentication(vec![Mechanism::Plain, Mechanism::Login]);
        }
        Ok(builder.build())
    }

    fn server(&self) -> String {
        format!("{}:{}", self.settings.host, self.settings.port)
    }
}

impl Mailer for SmtpMailer {
    async fn send(&self, letter: &Letter) -> Result<String, MailFault> {
        let message = message(letter, &self.settings.from)?;
        let transport = self.transport()?;
        let answer = in_time(transport.send(message)).await?;
        let said: Vec<&str> = answer.message().collect();
        Ok(format!("{} {}", answer.code(), said.join(" ")))
    }

    async fn check(&self) -> Result<String, MailFault> {
        let transport = self.transport()?;
        if !in_time(transport.test_connection()).await? {
            return Err(MailFault::Unreachable("the connection broke".to_owned()));
        }
        let encryption = match self.settings.encryption {
            Encryption::Tls => "with TLS",
            Encryption::StartTls => "with STARTTLS",
            Encryption::StartTlsIfOffered => "with STARTTLS if it is offered",
            Encryption::None => "without TLS",
        };
        let user = match &self.settings.sign_in {
            Some((user, _)) => format!("signed in as {user}"),
            None => "no sign-in".to_owned(),
        };
        Ok(format!("{} answers {encryption}, {user}", self.server()))
    }
}

fn tls(settings: &SmtpSettings) -> Result<Tls, MailFault> {
    if settings.encryption == Encryption::None {
        return Ok(Tls::None);
    }
    let unusable = |error: SmtpError| MailFault::Unusable(format!("TLS: {}", chain(&error)));
    let mut parameters = TlsParameters::builder(settings.host.clone());
    if let Some(pem) = &settings.ca_pem {
        parameters = parameters.add_root_certificate(Certificate::from_pem(pem).map_err(unusable)?);
    }
    let parameters = parameters.build().map_err(unusable)?;
    Ok(match settings.encryption {
        Encryption::Tls => Tls::Wrapper(parameters),
        Encryption::StartTls => Tls::Required(parameters),
        Encryption::StartTlsIfOffered => Tls::Opportunistic(parameters),
        Encryption::None => Tls::None,
    })
}

async fn in_time<T>(dialogue: impl Future<Output = Result<T, SmtpError>>) -> Result<T, MailFault> {
    match tokio::time::timeout(DIALOGUE_MAX, dialogue).await {
        Ok(ended) => ended.map_err(|error| fault(&error)),
        Err(_) => Err(MailFault::Unreachable("timed out".to_owned())),
    }
}

/// What a failure means, by the reply code where there is one (RFC 5321 §4.2.2, RFC 4954 §6).
fn fault(error: &SmtpError) -> MailFault {
    let text = chain(error);
    match error.status().map(u16::from) {
        Some(454 | 530 | 534 | 535 | 538) => MailFault::SignIn(text),
        // The server is closing the channel.
        Some(421) => MailFault::Unreachable(text),
        Some(_) => MailFault::Refused(text),
        // "No compatible authentication mechanism was found", or an address the server can't take.
        None if error.is_client() => MailFault::Refused(text),
        None => MailFault::Unreachable(text),
    }
}

/// An error with its causes, on one line.
fn chain(error: &SmtpError) -> String {
    with_causes(error).split_whitespace().collect::<Vec<_>>().join(" ")
}
