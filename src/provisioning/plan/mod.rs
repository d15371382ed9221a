//! The plan: what is to be done for one person or group, with the reason and every step to it.
//!
//! | link | person | what happens |
//! | --- | --- | --- |
//! | none | in scope, enabled | match, then create or adopt |
//! | none | anything else | nothing, and the log says why |
//! | linked | in scope, enabled | update, enable, or nothing |
//! | linked | disabled, soft-deleted | `IsSoftDeleted` flows: disable |
//! | linked | out of scope | as `on_out_of_scope` says |
//! | linked | hard-deleted | as `on_directory_delete` says |
//! | kept | in scope again | linked anew, after a look at the account |
//!
//! A group takes the same way. It cannot be disabled, so where a person's account would be, a group
//! is deleted, or kept where `on_out_of_scope` says so or the application deletes no groups.
//!
//! **Invariant:** what to do is desired minus last exported, never a reaction to an event.

mod case;
mod decide;
mod difference;
mod model;
mod order;
mod unlinked;
mod withdraw;

#[cfg(test)]
mod tests;

pub use decide::{decide, is_wanted};
pub use model::{
    Action, ChangeStatus, Decision, LinkEffect, Phase, PlanInputs, PlannedChange, Verdict, Write,
};
pub use order::order_claims;
