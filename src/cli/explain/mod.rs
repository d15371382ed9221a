//! The command `explain`: why somebody is in scope or not, and what would be sent.
//!
//! It only reads: it takes no lock, writes no state and holds nothing that could write to the
//! application, so it works beside a running service and before the first cycle.

mod document;
mod run;
mod text;

pub(super) use document::found;
pub(super) use run::{failed, nobody, question, run, several, with_state};
pub(super) use text::heading;
