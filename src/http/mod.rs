//! One transport: time-outs, `Retry-After`, body limits, redaction, sign-in.
//!
//! `graph` and `target` say what they want as a plain `http::Request`; an [`Exchange`] carries it.
//! Over the network that is one reqwest client ([`Network`]); in the simulation it is a router in
//! process, so that the adapters above are the same code in both. An [`Authorizer`] gives them the
//! credential of a request, a [`SignIn`] that and the headers of the configuration; it is asked
//! again once after a 401. The room retries nothing and knows neither Graph nor SCIM: what a status
//! means is the adapter's to say.

mod authorizer;
mod exchange;
mod kept;
mod network;
mod origin;
mod request_sign_in;
mod retry_after;
#[cfg(test)]
pub(crate) mod scripted;
mod sign_in;
#[cfg(test)]
mod tests;

pub use authorizer::{Authorizer, Basic, Bearer, SecretSource, SignInFault};
pub use exchange::{Answer, Exchange, TransportFault};
pub use network::{
    ClientCertificate, LinkLocalPlain, Network, NetworkFault, NetworkOptions, with_causes,
};
pub use origin::same_origin;
pub use request_sign_in::{ConfiguredHeader, SignIn, SignedHeaders};
pub use retry_after::{RETRY_AFTER_SECONDS_MAX, retry_after};
pub use sign_in::{
    AssertionSource, Credential, Grant, ManagedIdentityEndpoint, SecretSent, TokenSettings,
    TokenSource,
};
