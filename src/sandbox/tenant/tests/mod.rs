//! The tenant read as a client reads it; every exchange is held against the description of Graph.

#[path = "../../../../tests/support/graph_schema.rs"]
pub(super) mod graph_schema;
mod key;

mod delta;
mod faults;
mod login;
mod reads;
mod world;

pub(super) use world::skipped;
use world::{BASE, World, days, ids};
