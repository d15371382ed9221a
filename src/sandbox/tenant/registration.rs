//! App registrations: what one shows of the secrets that it signs in with.

use serde_json::{Value, json};

use super::{
    answer::{Refusal, Reply},
    call::Call,
    exchange::Tenant,
    list,
    state::State,
};
use crate::model::Timestamp;

impl Tenant {
    /// Lets the registration of a client say when its secrets end, each by the first three
    /// characters of the secret.
    pub fn set_secret_ends(&self, client_id: &str, ends: &[(&str, Timestamp)]) {
        let ends = ends.iter().map(|(hint, at)| ((*hint).to_owned(), *at)).collect();
        self.state().registrations.insert(client_id.to_owned(), ends);
    }
}

/// `GET /applications(appId='{appId}')`: the credentials of a registration, if it is one.
pub(super) fn read(state: &State, call: &Call, key: &str) -> Result<Reply, Refusal> {
    list::require(call, &["Application.Read.All", "Application.ReadWrite.All"])?;
    let id = key.strip_prefix("appId=").unwrap_or(key);
    let known = state.clients.contains_key(id).then(|| state.registrations.get(id));
    let secrets = known.ok_or_else(|| Refusal::not_found(id))?;
    let secrets: Vec<Value> = secrets
        .into_iter()
        .flatten()
        .map(|(hint, ends)| {
            let ends = ends.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
            json!({ "displayName": "daemon", "hint": hint, "endDateTime": ends })
        })
        .collect();
    let selected = "applications(passwordCredentials,keyCredentials)/$entity";
    Ok(Reply::json(
        json!({
            "@odata.context": format!("{}/v1.0/$metadata#{selected}", state.base_url),
            "passwordCredentials": secrets,
            "keyCredentials": [],
        }),
        1,
    ))
}
