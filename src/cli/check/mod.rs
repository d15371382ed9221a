//! `check`: test connection. Everything that a first cycle needs, looked at without writing.
//!
//! A check goes on after a failure where it can, so that one run shows all there is to do; each
//! finding says what is missing and where to click. `directory` looks at Microsoft's side,
//! `application` at the target, `permission` knows the names, `finding` says it.
//!
//! It knows no state file: what was provisioned before plays no part here.

mod application;
mod description;
mod directory;
mod finding;
mod mail;
mod permission;
mod run;
#[cfg(test)]
mod tests;

pub(super) use finding::{Level, text};
pub(super) use run::{examine, run};
