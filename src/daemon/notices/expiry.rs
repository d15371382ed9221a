//! Which credentials end, and when: the target's token, our certificates, our client secret.
//!
//! An opaque token can't tell, so its end is configured. A certificate says it itself. Of a client
//! secret only the app registration knows; it is read once a day where that is permitted, and where
//! it isn't, nothing is said of it.

use std::path::PathBuf;

use chrono::{NaiveDate, NaiveTime, TimeDelta};
use serde::{Deserialize, Serialize};
use tracing::debug;

use crate::{
    config::{AppSettings, Config, CredentialSettings, SecretSource},
    graph::{GraphDirectory, RegistrationCredential},
    model::Timestamp,
    provisioning::NextStep,
    store::{Engine, StoreError},
};

/// How often the app registration is read.
const READ_EVERY: TimeDelta = TimeDelta::days(1);

/// The fact that remembers what was read.
const REGISTRATION: &str = "registration_credential";

/// Characters of a secret that the app registration shows (Graph `passwordCredential`, `hint`).
const HINT_CHARS: usize = 3;

/// A credential that ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// Which, as a code.
    pub(super) cause: &'static str,
    /// Which, in words.
    pub(super) what: String,
    /// When.
    pub(super) ends: Timestamp,
    /// How to renew it.
    pub(super) renew: Vec<NextStep>,
}

/// Where to look for ends.
pub(super) struct Watch {
    app: String,
    client_id: String,
    token_expires: Option<NaiveDate>,
    /// The key whose credential `secret_token_expires` is about.
    sign_in_key: &'static str,
    client_certificate: Option<PathBuf>,
    certificate: Option<PathBuf>,
    secret: Option<SecretSource>,
}

/// What was read of the app registration.
#[derive(Serialize, Deserialize)]
struct Remembered {
    read_at: i64,
    ends: Option<i64>,
}

impl Watch {
    pub(super) fn of(config: &Config, app: &AppSettings) -> Self {
        let (certificate, secret) = match &config.tenant.credential {
            CredentialSettings::ClientSecret(source) => (None, Some(source.clone())),
            CredentialSettings::Certificate { cert, .. } => (Some(cert.clone()), None),
            CredentialSettings::FederatedTokenFile(_)
            | CredentialSettings::ManagedIdentity { .. } => (None, None),
        };
        Self {
            app: app.job.app.to_string(),
            client_id: config.tenant.client_id.clone(),
            token_expires: app.target.secret_token_expires,
            sign_in_key: app.target.sign_in_key(),
            client_certificate: app.target.client_certificate.as_ref().map(|c| c.cert.clone()),
            certificate,
            secret,
        }
    }

    /// Every end that is known now. Reads the app registration at most once a day.
    pub(super) async fn look(
        &self,
        directory: &GraphDirectory,
        engine: &Engine,
        now: Timestamp,
    ) -> Result<Vec<Expiry>, StoreError> {
        let check = |what: &str| NextStep::run(what, format!("entra-scim check {}", self.app));
        let mut found = self.of_the_application(check);
        if let Some(ends) = self.certificate.as_ref().and_then(certificate_ends) {
            let renew = "upload a new certificate under Entra admin center > App registrations > \
                 the registration > Certificates & secrets, and put it where \
                 `tenant.certificate` says";
            found.push(Expiry {
                cause: "certificate",
                what: "The certificate that signs in to Microsoft Entra".to_owned(),
                ends,
                renew: vec![NextStep::by_hand(renew), check("then test it")],
            });
        }
        if let Some(ends) = self.client_secret_ends(directory, engine, now).await? {
            let renew = "create a new client secret under Entra admin center > App registrations > \
                 the registration > Certificates & secrets, and put it where \
                 `tenant.client_secret` says";
            found.push(Expiry {
                cause: "client_secret",
                what: "The client secret that signs in to Microsoft Entra".to_owned(),
                ends,
                renew: vec![NextStep::by_hand(renew), check("then test it")],
            });
        }
        Ok(found)
    }

    /// What signs in to the application.
    fn of_the_application(&self, check: impl Fn(&str) -> NextStep) -> Vec<Expiry> {
        let (app, key) = (&self.app, self.sign_in_key);
        let mut found = Vec::new();
        if let Some(day) = self.token_expires {
            let (what, renew) = if key == "secret_token" {
                ("token", "create a new token in the application, put it where")
            } else {
                ("sign-in", "create a new credential in the application, put it where")
            };
            found.push(Expiry {
                cause: "secret_token",
                what: format!("The {what} of application `{app}`"),
                ends: day.and_time(NaiveTime::MIN).and_utc(),
                renew: vec![
                    NextStep::by_hand(format!(
                        "{renew} `apps.{app}.target.{key}` says, and its end into \
                         `secret_token_expires`"
                    )),
                    check("then test it"),
                ],
            });
        }
        if let Some(ends) = self.client_certificate.as_ref().and_then(certificate_ends) {
            found.push(Expiry {
                cause: "client_certificate",
                what: format!("The client certificate of application `{app}`"),
                ends,
                renew: vec![
                    NextStep::by_hand(format!(
                        "have a new certificate issued, and put it where \
                         `apps.{app}.target.client_certificate` says"
                    )),
                    check("then test it"),
                ],
            });
        }
        found
    }

    async fn client_secret_ends(
        &self,
        directory: &GraphDirectory,
        engine: &Engine,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let Some(secret) = &self.secret else { return Ok(None) };
        let stored = engine.read(|view| view.fact(REGISTRATION))?;
        let known: Option<Remembered> = stored.and_then(|text| serde_json::from_str(&text).ok());
        let moment = |ms: Option<i64>| ms.and_then(Timestamp::from_timestamp_millis);
        if let Some(known) = known
            && moment(Some(known.read_at)).is_some_and(|at| (now - at).abs() < READ_EVERY)
        {
            return Ok(moment(known.ends));
        }
        let ends = match directory.registration_credentials(&self.client_id).await {
            Ok(credentials) => ends_of(&credentials, secret),
            Err(fault) => {
                // Where it isn't permitted, this is how it stays; else tomorrow is soon enough.
                debug!(job.name = %self.app, error = %fault, "no app registration");
                None
            }
        };
        let known = Remembered {
            read_at: now.timestamp_millis(),
            ends: ends.map(|at| at.timestamp_millis()),
        };
        let text = serde_json::to_string(&known)
            .map_err(|e| StoreError::Stored { what: "registration", detail: e.to_string() })?;
        engine.write(|tx| tx.set_fact(REGISTRATION, Some(&text)))?;
        Ok(ends)
    }
}

/// The end of the secret that signs in: the one whose hint is its beginning, else the last to end,
/// because others may be leftovers.
fn ends_of(credentials: &[RegistrationCredential], secret: &SecretSource) -> Option<Timestamp> {
    let ours = secret
        .read()
        .ok()
        .map(|secret| secret.expose().chars().take(HINT_CHARS).collect::<String>());
    let is_ours =
        |credential: &&RegistrationCredential| credential.hint.is_some() && credential.hint == ours;
    let ends = |credential: &RegistrationCredential| credential.ends;
    let all = || credentials.iter().filter(|credential| !credential.is_key);
    all().filter(is_ours).map(ends).max().or_else(|| all().map(ends).max())
}

/// When the first certificate of a PEM file ends; `None` where it cannot be read.
fn certificate_ends(path: &PathBuf) -> Option<Timestamp> {
    let pem = std::fs::read(path).ok()?;
    let (_, block) = x509_parser::pem::parse_x509_pem(&pem).ok()?;
    let certificate = block.parse_x509().ok()?;
    Timestamp::from_timestamp(certificate.validity().not_after.timestamp(), 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_read_from_its_file() {
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut parameters = rcgen::CertificateParams::new(vec!["x".to_owned()]).expect("a name");
        parameters.not_after = rcgen::date_time_ymd(2027, 3, 1);
        let certificate = parameters.self_signed(&key).expect("a certificate");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("cert.pem");
        std::fs::write(&path, certificate.pem()).expect("a file");
        let ends = certificate_ends(&path).expect("an end");
        assert_eq!(ends.to_rfc3339(), "2027-03-01T00:00:00+00:00");
        std::fs::write(&path, "nonsense").expect("a file");
        assert_eq!(certificate_ends(&path), None);
        assert_eq!(certificate_ends(&folder.path().join("none")), None);
    }
}
