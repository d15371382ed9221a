//! Who is let in: the rules of the door, as the configuration has them.

use std::{fmt, sync::Arc};

use axum::http::{HeaderMap, Uri, header, uri::Authority};
use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq as _;

use crate::model::Secret;

/// The rules of the door. Without a token everybody is let in who reaches it.
#[derive(Clone, Debug, Default)]
pub struct Door {
    /// What has to be shown.
    pub access_token: Option<AccessToken>,
    /// Whether browsers reach the site over TLS: then cookies are sent over nothing else.
    pub is_sealed: bool,
    /// Whether a proxy stands before it, which says whom it asks for.
    pub behind_proxy: bool,
    /// Names under which it may be asked for, beside addresses and `localhost`, in lower case.
    pub allowed_hosts: Vec<String>,
}

/// Where the access token is. It is read each time, so that a new one counts at once.
#[derive(Clone)]
pub struct AccessToken(Arc<dyn Fn() -> Result<Secret, String> + Send + Sync>);

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken")
    }
}

impl AccessToken {
    /// A token that `read` reads; its error names the place, never the content.
    pub fn new(read: impl Fn() -> Result<Secret, String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// The fingerprint of the token as it is now.
    pub(super) fn fingerprint(&self) -> Result<Fingerprint, String> {
        (self.0)().map(|token| Fingerprint::of(token.expose()))
    }
}

/// The SHA-256 of a token or of a session's id: what is kept and compared in their place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub(super) fn of(text: &str) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
        Self(bytes)
    }

    /// Whether both are the same, in a time that says nothing about where they differ.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// Whom a request asks for, by its `Host` or the address it names in full.
pub(super) fn asked_for(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    if let Some(authority) = uri.authority() {
        return Some(authority.clone());
    }
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next()?;
    if hosts.next().is_some() {
        return None;
    }
    host.to_str().ok()?.parse().ok()
}

impl Door {
    /// Whether the site answers under this name.
    ///
    /// A page from elsewhere whose name was made to lead here (DNS rebinding) asks under its own
    /// name; who writes an address has no name that could be made to lead anywhere.
    pub(super) fn knows(&self, authority: &Authority) -> bool {
        let host = authority.host().to_ascii_lowercase();
        let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        literal.unwrap_or(&host).parse::<std::net::IpAddr>().is_ok()
            || host == "localhost"
            || host.ends_with(".localhost")
            || self.allowed_hosts.contains(&host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_localhost_are_known_and_other_names_where_they_are_allowed() {
        let door = Door { allowed_hosts: vec!["scim.example.com".to_owned()], ..Door::default() };
        let knows = |host: &str| door.knows(&host.parse().expect("an authority"));
        for host in ["127.0.0.1:8640", "[::1]:8640", "10.0.0.7", "LocalHost:1", "Scim.Example.com"]
        {
            assert!(knows(host), "{host}");
        }
        for host in [
            "evil.example",
            "scim.example.com.evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:8640",
            "xlocalhost",
        ] {
            assert!(!knows(host), "{host}");
        }
    }
}
