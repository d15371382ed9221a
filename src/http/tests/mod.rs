//! The room at its door: transport over loopback, sign-in over a script.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod headers;
mod network;
mod refusals;
mod sign_in;
