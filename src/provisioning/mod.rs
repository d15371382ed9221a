//! The core: what should happen to each object, and why. Pure, synchronous, total.
//!
//! One file per provisioning step. Time, randomness and everything read arrive as arguments;
//! every decision returns the [`Step`]s that explain it.

pub mod job;
mod schedule;
mod source_attribute;

pub use schedule::{CronSchedule, InvalidCron, Schedule};
pub use source_attribute::is_known_source_attribute;
