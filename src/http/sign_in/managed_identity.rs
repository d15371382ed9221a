//! The token of an Azure machine's own identity. It is not an OAuth token endpoint, so the request
//! is written by hand (Azure "How to use managed identities on a VM", "App Service REST endpoint").

use bytes::Bytes;
use http::{HeaderValue, Method, Request};
use serde::Deserialize;

use super::credential::ManagedIdentityEndpoint;
use crate::{
    http::{LinkLocalPlain, SignInFault},
    model::Secret,
};

/// The newest version of the instance metadata service that every Azure cloud has.
const IMDS_VERSION: &str = "2018-02-01";
/// The version of the App Service endpoint.
const APP_SERVICE_VERSION: &str = "2019-08-01";

/// What the answer holds that we use. Both endpoints send numbers as strings.
#[derive(Deserialize)]
pub(super) struct IdentityToken {
    pub(super) access_token: String,
    expires_in: Option<Seconds>,
    expires_on: Option<Seconds>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(i64),
    Text(String),
}

impl Seconds {
    fn value(&self) -> Option<i64> {
        match self {
            Self::Number(seconds) => Some(*seconds),
            Self::Text(text) => text.trim().parse().ok(),
        }
    }
}

impl IdentityToken {
    /// Seconds that the token lives, at `now` in seconds since 1970.
    pub(super) fn life_seconds(&self, now: i64) -> Option<i64> {
        let life = self.expires_in.as_ref().and_then(Seconds::value);
        life.or_else(|| Some(self.expires_on.as_ref()?.value()? - now))
    }
}

/// The request for a token of `scope`, whose `/.default` these endpoints do not take.
pub(super) fn request(
    endpoint: &ManagedIdentityEndpoint,
    client_id: Option<&str>,
    scope: &str,
) -> Result<Request<Bytes>, SignInFault> {
    let resource = scope.strip_suffix("/.default").unwrap_or(scope);
    let (mut address, version, name, value) = match endpoint {
        ManagedIdentityEndpoint::Imds { base } => {
            let mut address = base.clone();
            address.set_path("/metadata/identity/oauth2/token");
            (address, IMDS_VERSION, "metadata", Secret::new("true".to_owned()))
        }
        ManagedIdentityEndpoint::AppService { endpoint, header } => {
            (endpoint.clone(), APP_SERVICE_VERSION, "x-identity-header", header.clone())
        }
    };
    address.query_pairs_mut().append_pair("api-version", version).append_pair("resource", resource);
    if let Some(client_id) = client_id {
        address.query_pairs_mut().append_pair("client_id", client_id);
    }
    let unusable = || SignInFault::permanent("the managed identity's endpoint is not usable");
    let mut value = HeaderValue::from_str(value.expose()).map_err(|_| unusable())?;
    value.set_sensitive(true);
    Request::builder()
        .method(Method::GET)
        .uri(address.as_str())
        .header(name, value)
        .extension(LinkLocalPlain)
        .body(Bytes::new())
        .map_err(|_| unusable())
}
