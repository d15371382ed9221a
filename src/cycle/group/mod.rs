//! Memberships: which members of a group a plan changes, and how they are sent.
//!
//! Owns what is particular about a group beside its attributes. Who counts as a member is the
//! store's to work out, which compares row by row; how a change of members is phrased is `scim`'s.
//! A group object itself is decided and written like a person's account.

mod plan;
mod send;

pub(super) use plan::{memberships, memberships_of};
pub(super) use send::{Sender, Sent};
