//! Phase `import`: reads what changed in the directory into the state.
//!
//! Tokens for "from now on" are taken before the state is read: replays are harmless, gaps are
//! not. Nothing is concluded before every listing is complete, and nothing from one missing row.

mod ahead;
mod application;
mod everybody;
mod filters;
mod groups;
mod people;
mod shard;
mod users;

pub(super) use application::{
    DEFAULT_DOMAIN, bind, import, is_bound, kind, read_default_domain, warnings_of,
};
pub use application::{FULL_READ_AFTER, needs_default_domain, selection_of};
pub(super) use filters::Names;
pub(super) use groups::group_properties;
pub(super) use people::managers_of;
pub(super) use users::{PAGES_MAX, endless};
