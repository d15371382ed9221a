//! The `Authorization` of a request: a token that is fetched, or a token or password that is
//! configured.
//!
//! Knows how to give the value and how to look for a newer one after a 401. It does not know what
//! was requested with it, and it never sends a request of its own accord again.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderValue;
use zeroize::Zeroizing;

use super::{TokenSource, kept::Kept};
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
    /// A user name and a password out of the configuration.
    Basic(Basic),
}

impl Authorizer {
    /// The header's value, marked sensitive.
    pub async fn authorization(&self) -> Result<HeaderValue, SignInFault> {
        match self {
            Self::Token(source) => header(BEARER, &source.token().await?),
            Self::Bearer(bearer) => header(BEARER, &bearer.0.get().await?),
            Self::Basic(basic) => header(BASIC, &basic.pair(&basic.password.get().await?)),
        }
    }

    /// Looks for a credential other than `used`, which was refused with a 401.
    ///
    /// True when there is one, fetched or read just now or by another request meanwhile: the
    /// request is then worth exactly one more try.
    pub async fn renew(&self, used: &HeaderValue) -> Result<bool, SignInFault> {
        let text = used.to_str().unwrap_or_default();
        let stale = |scheme| Secret::new(text.strip_prefix(scheme).unwrap_or_default().to_owned());
        match self {
            Self::Token(source) => source.renew(&stale(BEARER)).await,
            Self::Bearer(bearer) => bearer.0.renew(&stale(BEARER)).await,
            Self::Basic(basic) => basic.password.renew(&password(&stale(BASIC))).await,
        }
    }
}

/// The authentication schemes with their space (RFC 6750 §2.1, RFC 7617 §2).
const BEARER: &str = "Bearer ";
const BASIC: &str = "Basic ";

fn header(scheme: &str, secret: &Secret) -> Result<HeaderValue, SignInFault> {
    let text = Zeroizing::new(format!("{scheme}{}", secret.expose()));
    let mut value = HeaderValue::from_str(&text).map_err(|_| {
        SignInFault::permanent("the token holds a character that a header cannot carry")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// What an `Authorization` value must not show: its credential, and of a pair in base64 the
/// password as well.
pub(super) fn secrets_of(authorization: &HeaderValue) -> Vec<Secret> {
    let text = authorization.to_str().unwrap_or_default();
    let credential = text.split_once(' ').map_or(text, |(_, credential)| credential);
    let credential = Secret::new(credential.to_owned());
    let password = text.starts_with(BASIC).then(|| password(&credential));
    [Some(credential), password].into_iter().flatten().collect()
}

/// The password of a pair in base64; empty where there is none.
fn password(pair: &Secret) -> Secret {
    let decoded = STANDARD.decode(pair.expose()).unwrap_or_default();
    let decoded = Zeroizing::new(String::from_utf8(decoded).unwrap_or_default());
    Secret::new(decoded.split_once(':').map(|(_, word)| word.to_owned()).unwrap_or_default())
}

/// A token out of the configuration, read once and again only after a 401.
pub struct Bearer(Kept);

impl Bearer {
    /// Reads the token with `read`, at the first request and after each refusal.
    pub fn new(read: SecretSource) -> Self {
        Self(Kept::new("token", read))
    }
}

/// A user name and a password (RFC 7617), the password read once and again only after a 401.
pub struct Basic {
    user: String,
    password: Kept,
}

impl Basic {
    /// Signs in as `user`, which holds no colon (RFC 7617 §2). The password is read with `read`, at
    /// the first request and after each refusal.
    pub fn new(user: String, read: SecretSource) -> Self {
        Self { user, password: Kept::password(read) }
    }

    /// Both in UTF-8 (RFC 7617 §2.1) and base64.
    fn pair(&self, password: &Secret) -> Secret {
        let pair = Zeroizing::new(format!("{}:{}", self.user, password.expose()));
        Secret::new(STANDARD.encode(pair.as_bytes()))
    }
}
