//! What is shown of the state over HTTP: documents, health, metrics and the status page.
//!
//! [`Standing`] is how an application is doing, out of its state file alone; [`Site`] answers
//! requests with it, and [`serve`] brings connections to a site. What is shown comes through a
//! watch ([`Shown`]), so that a configuration that is read again takes effect at once. The
//! documents are those of `status --json` and `log --json`, made here for both.
//!
//! **Invariant:** the room reads state files and nothing else, and answers GET and HEAD; the
//! sign-in is its only POST. It knows no configuration, no engine and no secret but the access
//! token. That it fails, or is slow, is noticed by whoever looks and by no cycle.

mod access;
mod answer;
mod api;
mod attempts;
mod document;
mod door;
mod drift;
mod health;
mod log;
mod login;
mod metrics;
mod page;
mod readers;
mod router;
mod server;
mod session;
mod shown;
mod site;
mod standing;
mod tls;

pub use document::held_document;
pub use door::{AccessToken, Door};
pub use drift::DriftStanding;
pub use log::{LogQuery, Since, UnknownWord};
pub use server::{Limits, serve};
pub use shown::{Shown, ShownApp};
pub use site::Site;
pub use standing::Standing;
pub use tls::{Tls, TlsFiles};
