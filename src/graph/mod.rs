//! The source: Microsoft Graph v1.0, read only. Implements [`crate::port::Directory`].
//!
//! Graph's wire names stay in this room. The SDK builds every request out of typed paths and
//! options; we put our own host, credential and headers on it and carry it over
//! [`crate::http::Exchange`], because the SDK's own paging ends silently on a failed page. Every
//! page is decoded straight into the port's values; a page that is not whole is an error, never a
//! short list. Links are opaque and are followed only to the configured host.
//!
//! It does not know what the rows are for: nothing here compares, stores, waits or retries, but for
//! one new sign-in after a 401.

mod client;
mod directory;
mod domain;
mod endpoint;
mod fault;
mod group;
mod object;
mod page;
mod registration;
mod service_principal;
#[cfg(test)]
mod tests;
mod user;

pub use client::GraphSettings;
pub use directory::GraphDirectory;
pub use endpoint::{scope, token_url};
pub use registration::RegistrationCredential;
pub use service_principal::ProvisioningJob;
