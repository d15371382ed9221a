//! The composition root: wires the rooms together, keeps the schedules, holds the locks.
//!
//! [`connect`] builds the adapters of one application out of the configuration; [`sync_once`] and
//! [`preview_once`] run one cycle; `run` is the service, which keeps every application's schedule
//! until it is asked to stop.
//!
//! **Invariant:** a cycle that fails is reported and never ends the service. The room prints
//! nothing, and decides nothing that the cycle decides.

mod clock;
mod connect;
mod once;

pub use clock::SystemClock;
pub use connect::{ConnectError, Connection, connect};
pub use once::{DaemonError, preview_once, state_path, sync_once};
