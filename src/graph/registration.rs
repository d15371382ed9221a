//! The credentials of an app registration, as Graph writes them.

use serde::Deserialize;

use crate::model::Timestamp;

/// What is read of an app registration.
pub(super) const SELECTED: [&str; 2] = ["passwordCredentials", "keyCredentials"];

/// A secret or key of an app registration (Graph `passwordCredential`, `keyCredential`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationCredential {
    /// Whether it is a key, such as a certificate, and no secret.
    pub is_key: bool,
    /// The first three characters of a secret.
    pub hint: Option<String>,
    /// When it ends.
    pub ends: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireRegistration {
    #[serde(default)]
    password_credentials: Vec<WireCredential>,
    #[serde(default)]
    key_credentials: Vec<WireCredential>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireCredential {
    hint: Option<String>,
    end_date_time: Option<Timestamp>,
}

impl WireRegistration {
    /// Those that say when they end.
    pub(super) fn credentials(self) -> Vec<RegistrationCredential> {
        let secrets = self.password_credentials.into_iter().map(|wire| (false, wire));
        let keys = self.key_credentials.into_iter().map(|wire| (true, wire));
        secrets
            .chain(keys)
            .filter_map(|(is_key, wire)| {
                let hint = wire.hint.filter(|hint| !hint.is_empty());
                Some(RegistrationCredential { is_key, hint, ends: wire.end_date_time? })
            })
            .collect()
    }
}
