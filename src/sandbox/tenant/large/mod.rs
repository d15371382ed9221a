//! A tenant of a million people and more, made for load: read-mostly, compact, quick.
//!
//! [`LargeTenant`] is the door. People, groups and memberships are functions of a number and the
//! seed, so that none of them is stored; what is stored is who was changed when. `id` turns numbers
//! into ids and back, `person` and `group` derive what each is, `columns` writes the selected
//! properties, `delta`, `list` and `lookup` answer, `token` is what links carry, `serve` is the
//! router with its counters. Signing in, the enterprise application and whatever else there are few
//! of stands in an ordinary [`Tenant`](super::Tenant) behind it.
//!
//! **Invariant:** what it answers is what the ordinary tenant would answer of the same directory;
//! its tests hold the two against each other.

mod columns;
mod delta;
mod group;
mod id;
mod list;
mod lookup;
mod person;
mod serve;
mod token;
mod world;

#[cfg(test)]
mod tests;

pub use world::{LargeTenant, LargeTenantOptions};
