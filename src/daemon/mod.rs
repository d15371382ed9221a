//! The composition root: wires the rooms together, keeps the schedules, holds the locks.
//!
//! [`connect`] builds the adapters of one application out of the configuration; [`sync_once`] and
//! [`preview_once`] run one cycle; [`run`] is the service, which keeps every application's schedule
//! until it is asked to stop. What a person orders ([`Order`]) is carried out by whoever holds the
//! state file: this process, or through [`order`] the service that already runs.
//!
//! **Invariant:** a cycle that fails is reported and never ends the service. The room prints
//! nothing, and decides nothing that the cycle decides.

mod applications;
mod clock;
mod connect;
mod forward;
mod hand_over;
mod heartbeat;
mod notices;
mod once;
mod order;
mod page;
mod run;
mod seat;
mod service;
mod sign_in;
mod signals;
mod supervisor;
mod trouble;
mod unit;
mod upkeep;

pub use clock::SystemClock;
pub use connect::{ConnectError, Connection, connect};
pub use hand_over::order;
pub use notices::{Channels, Delivered, Probe, Probed};
pub use once::{
    DaemonError, compare_accounts, list_accounts, neighbours, preview_on_demand, preview_once,
    state_path, sync_once,
};
pub use order::{Answer, OnDemand, Order, Reset};
pub use page::{shown, shown_app};
pub use run::{Control, Reload, run};
pub use signals::{reloads_on_hang_up, stop_on_signals};
pub use trouble::Trouble;
pub use unit::{SYSUSERS, UNIT, unit_for};
