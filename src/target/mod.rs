//! The destination: a SCIM service over HTTP. Implements `TargetRead` and `TargetWrite`.
//!
//! The room knows addresses, headers and statuses; what a body says is `scim`'s to read and to
//! phrase. Every failure is classified here, once, and nothing is tried again but for one new
//! sign-in after a 401. Reading and writing are different hands, [`ScimReader`] and [`ScimWriter`]:
//! a preview is given the first only. Redirects are never followed, and the text of a fault holds
//! neither the token nor the query of an address.

mod address;
mod client;
mod connection_test;
mod fault;
mod service;
#[cfg(test)]
mod tests;

pub use connection_test::{ConnectionTest, test_connection};
pub use service::{ScimReader, ScimTarget, ScimWriter, TargetSettings};
