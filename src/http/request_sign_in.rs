//! What signs each request to one service in: an `Authorization`, configured headers, or both.
//!
//! It knows which texts of them are secret, so that an adapter can keep them out of its faults. A
//! client certificate is the transport's and not known here.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Authorizer, SecretSource, SignInFault, authorizer::secrets_of, kept::Kept};
use crate::model::Secret;

/// A plain header value shorter than this is no credential, and hiding it would garble texts.
const SECRET_BYTES_MIN: usize = 6;

/// A header that goes on every request to a service.
pub struct ConfiguredHeader {
    /// Its name.
    pub name: HeaderName,
    /// Where its value is read, at the first request and after each refusal.
    pub read: SecretSource,
}

/// Signs requests to one service in.
pub struct SignIn {
    authorizer: Option<Authorizer>,
    headers: Vec<(HeaderName, Kept)>,
}

/// The headers that sign one request in.
pub struct SignedHeaders {
    authorization: Option<HeaderValue>,
    /// In the order of the configuration, each with its value as it was read.
    configured: Vec<(HeaderName, HeaderValue, Secret)>,
}

impl From<Authorizer> for SignIn {
    fn from(authorizer: Authorizer) -> Self {
        Self::new(Some(authorizer), Vec::new())
    }
}

impl SignIn {
    /// With an `Authorization` where there is one, and these headers beside it. Without either
    /// nothing is added: a client certificate may be all that a service asks for.
    pub fn new(authorizer: Option<Authorizer>, headers: Vec<ConfiguredHeader>) -> Self {
        let kept = |header: ConfiguredHeader| (header.name, Kept::new("header", header.read));
        Self { authorizer, headers: headers.into_iter().map(kept).collect() }
    }

    /// What the next request is signed in with.
    pub async fn headers(&self) -> Result<SignedHeaders, SignInFault> {
        let authorization = match &self.authorizer {
            Some(authorizer) => Some(authorizer.authorization().await?),
            None => None,
        };
        let mut configured = Vec::with_capacity(self.headers.len());
        for (name, value) in &self.headers {
            let secret = value.get().await?;
            configured.push((name.clone(), sensitive(name, &secret)?, secret));
        }
        Ok(SignedHeaders { authorization, configured })
    }

    /// Looks for credentials other than `used`, which were refused with a 401.
    ///
    /// True when one of them is another one by now: the request is then worth exactly one more try.
    pub async fn renew(&self, used: &SignedHeaders) -> Result<bool, SignInFault> {
        let mut is_new = false;
        if let (Some(authorizer), Some(stale)) = (&self.authorizer, &used.authorization) {
            is_new |= authorizer.renew(stale).await?;
        }
        for ((_, value), (_, _, stale)) in self.headers.iter().zip(&used.configured) {
            is_new |= value.renew(stale).await?;
        }
        Ok(is_new)
    }
}

impl SignedHeaders {
    /// Puts them on a request.
    pub fn apply(&self, headers: &mut HeaderMap) {
        if let Some(authorization) = &self.authorization {
            headers.insert(http::header::AUTHORIZATION, authorization.clone());
        }
        for (name, value, _) in &self.configured {
            headers.insert(name.clone(), value.clone());
        }
    }

    /// The texts that must not be repeated, should a service send them back.
    pub fn secrets(&self) -> Vec<Secret> {
        let authorization = self.authorization.iter().flat_map(secrets_of);
        let configured = self
            .configured
            .iter()
            .map(|(_, _, secret)| secret)
            .filter(|secret| secret.expose().len() >= SECRET_BYTES_MIN);
        // A value such as `Token abc` may be repeated without its first word.
        let words = configured.clone().filter_map(|secret| {
            let (_, word) = secret.expose().rsplit_once(' ')?;
            (word.len() >= SECRET_BYTES_MIN).then(|| Secret::new(word.to_owned()))
        });
        let mut secrets: Vec<Secret> =
            authorization.chain(configured.cloned()).chain(words).collect();
        secrets.retain(|secret| !secret.expose().is_empty());
        // A longer text first: hiding a part of it would leave the rest.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
        secrets
    }
}

fn sensitive(name: &HeaderName, secret: &Secret) -> Result<HeaderValue, SignInFault> {
    let mut value = HeaderValue::from_str(secret.expose()).map_err(|_| {
        SignInFault::permanent(format!(
            "the value of header `{name}` holds a character that a header cannot carry"
        ))
    })?;
    value.set_sensitive(true);
    Ok(value)
}
