//! The credential of a request: a token that is fetched, or one that is configured.
//!
//! Knows how to give an `Authorization` value and how to look for a newer one after a 401. It does
//! not know what was requested with it, and it never sends a request of its own accord again.

use std::{sync::Arc, time::Duration};

use http::HeaderValue;
use tokio::sync::Mutex;

use super::TokenSource;
use crate::model::Secret;

/// Reads a secret from where it is configured, each time anew. The error says what to fix.
pub type SecretSource = Arc<dyn Fn() -> Result<Secret, String> + Send + Sync>;

/// Why there is no credential. The message is one sentence that says what to fix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SignInFault {
    /// Whether waiting alone may help.
    pub temporary: bool,
    /// The wait that was asked for, if any.
    pub retry_after: Option<Duration>,
    /// What happened and what to fix; holds no secret.
    pub message: String,
}

impl SignInFault {
    /// A fault that stays until a person fixes it.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self { temporary: false, retry_after: None, message: message.into() }
    }

    /// A fault that may pass.
    pub fn temporary(message: impl Into<String>, retry_after: Option<Duration>) -> Self {
        Self { temporary: true, retry_after, message: message.into() }
    }
}

/// Gives the `Authorization` header of each request to one host.
pub enum Authorizer {
    /// A token from a token endpoint, refreshed before it expires.
    Token(TokenSource),
    /// A long-lived token out of the configuration.
    Bearer(Bearer),
}

impl Authorizer {
    /// The header's value, marked sensitive.
    pub async fn authorization(&self) -> Result<HeaderValue, SignInFault> {
        let secret = match self {
            Self::Token(source) => source.token().await?,
            Self::Bearer(bearer) => bearer.token().await?,
        };
        header(&secret)
    }

    /// Looks for a credential other than `used`, which was refused with a 401.
    ///
    /// True when there is one, fetched or read just now or by another request meanwhile: the
    /// request is then worth exactly one more try.
    pub async fn renew(&self, used: &HeaderValue) -> Result<bool, SignInFault> {
        let used = used.to_str().ok().and_then(|text| text.strip_prefix(SCHEME));
        let stale = Secret::new(used.unwrap_or_default().to_owned());
        match self {
            Self::Token(source) => source.renew(&stale).await,
            Self::Bearer(bearer) => bearer.renew(&stale).await,
        }
    }
}

/// The authentication scheme with its space (RFC 6750 §2.1).
const SCHEME: &str = "Bearer ";

fn header(secret: &Secret) -> Result<HeaderValue, SignInFault> {
    let text = zeroize::Zeroizing::new(format!("{SCHEME}{}", secret.expose()));
    let mut value = HeaderValue::from_str(&text).map_err(|_| {
        SignInFault::permanent("the token holds a character that a header cannot carry")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// A token out of the configuration, read once and again only after a 401.
pub struct Bearer {
    read: SecretSource,
    cached: Mutex<Option<Secret>>,
}

impl Bearer {
    /// Reads the token with `read`, at the first request and after each refusal.
    pub fn new(read: SecretSource) -> Self {
        Self { read, cached: Mutex::new(None) }
    }

    async fn token(&self) -> Result<Secret, SignInFault> {
        let mut cached = self.cached.lock().await;
        match &*cached {
            Some(token) => Ok(token.clone()),
            None => Ok(cached.insert(self.read_now()?).clone()),
        }
    }

    async fn renew(&self, stale: &Secret) -> Result<bool, SignInFault> {
        let mut cached = self.cached.lock().await;
        if cached.as_ref().is_some_and(|token| token != stale) {
            return Ok(true);
        }
        let fresh = cached.insert(self.read_now()?);
        Ok(fresh != stale)
    }

    /// Without the line end that a file's secret usually has.
    fn read_now(&self) -> Result<Secret, SignInFault> {
        let raw = (self.read)().map_err(SignInFault::permanent)?;
        let trimmed = raw.expose().trim();
        if trimmed.is_empty() {
            return Err(SignInFault::permanent("the configured token is empty"));
        }
        Ok(Secret::new(trimmed.to_owned()))
    }
}
