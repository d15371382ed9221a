//! The room at its door: each question of the port, over a script.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod clouds;
mod faults;
mod requests;
mod rows;
mod world;
