//! `sandbox`: a simulated tenant of any size and a simulated application, to try the program on.
//!
//! `args` declares what may be said, `config` writes an ordinary configuration for the two, and
//! `run` serves both on loopback until it is stopped. Nothing of the engine runs here: a cycle is
//! the other commands' doing, in another process.

mod args;
mod config;
mod run;

pub(super) use args::SandboxArgs;
pub(super) use run::run;
