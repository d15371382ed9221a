//! Signing in: a token for an application itself, never for a person (RFC 6749 §4.4).
//!
//! [`TokenSource`] holds the token and refreshes it early, one refresh at a time. A [`Credential`]
//! proves who asks: a secret, a certificate, a token of another identity provider, or the machine
//! itself. A [`Grant`] is what an endpoint wants beside that. Secrets are read again at every
//! refresh, so a rotated one needs no restart. A refusal becomes one sentence that says what to
//! fix; the refusal's own text may hold the secret and is never passed on.

mod assertion;
mod credential;
mod grant;
mod managed_identity;
mod refusal;
mod token_source;

pub use credential::{AssertionSource, Credential, ManagedIdentityEndpoint, SecretSent};
pub use grant::Grant;
pub use token_source::{TokenSettings, TokenSource};
