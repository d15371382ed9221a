//! `/metrics`: the same state as numbers, in the Prometheus text format.
//!
//! [`family`] is the list of all there is, [`application`] fills it from one application's state,
//! and [`process`] from the process. A label says which application, what kind and how it ended;
//! never whom anything was about.
//!
//! **Invariant:** every sample belongs to a family of the list, and the list is what
//! `packaging/prometheus/README.md` documents; the tests hold them together.

mod answer;
mod application;
mod family;
mod process;
#[cfg(test)]
mod tests;

pub(super) use answer::answer;
