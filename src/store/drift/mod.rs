//! Comparisons of accounts with what was exported to them: how far one is, what it found, and what
//! the next one starts from.
//!
//! `model` holds a comparison as a value, `read` and `write` the statements about it.

mod model;
mod read;
mod write;

pub use model::{
    DriftBrokenOff, DriftCheck, DriftCounts, DriftListing, DriftPart, DriftStage, LinkedAccount,
};
