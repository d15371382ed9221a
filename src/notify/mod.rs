//! Notices on their way to people: a mail as text and HTML, or a message for a webhook.
//!
//! `text` and `template` write what a [`Notice`](crate::provisioning::Notice) says, `webhook` says
//! it as the JSON that each service takes, `mime` and `smtp` carry a mail, `post` carries a
//! message. When a notice goes out is decided elsewhere, and so is whether it is tried again.
//!
//! **Invariant:** knows no state and no configuration file. No secret is in what it writes: the
//! address of a webhook and its key arrive when a message leaves, and appear in no error.

mod mime;
mod post;
mod smtp;
mod template;
#[cfg(test)]
mod tests;
mod text;
mod webhook;

pub use post::{WebhookAddress, WebhookFault, post};
pub use smtp::{Encryption, SmtpMailer, SmtpSettings};
pub use text::{Voice, Written, write};
pub use webhook::{WebhookKind, messages};
