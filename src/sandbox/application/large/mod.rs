//! A SCIM application for a million accounts and more, made for load: compact and quick.
//!
//! [`LargeApplication`] is the door. `shelf` keeps each account as a text, with two indexes;
//! `endpoint` says what each request does to it; `serve` is the router with its counters.
//! Discovery, the token and the schemas are those of an ordinary
//! [`Application`](super::Application) behind it, whose judgement of values and whose PATCH are
//! used, too. What a careful client would not do is refused or let through, and no book is kept.

mod endpoint;
mod serve;
mod shelf;

#[cfg(test)]
mod tests;

pub use serve::{LargeApplication, LargeApplicationOptions};
