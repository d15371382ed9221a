//! `demo`: the main job on one's own machine, within seconds and without an account anywhere.
//!
//! `world` starts a simulated tenant and a simulated application on loopback and writes an ordinary
//! configuration for them; `day` lets a day pass in the tenant and knows what it has to lead to;
//! `run` tells the story and `show` has its words. Nothing else is simulated: requests go through
//! the real transport, the state is a real file, and the cycles are those of `plan` and `sync`.
//!
//! **Invariant:** a demonstration that did other than it should ends with exit code 1 and says so.

mod day;
mod run;
mod show;
#[cfg(test)]
mod tests;
mod world;

#[cfg(test)]
pub(super) use world::{World, start};

pub(super) use run::run;
