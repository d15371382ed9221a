//! Built-in application profiles: what a known application can do, and the mapping to start with.
//!
//! A profile is data, one TOML file each, compiled at its first use; `config` puts the user's keys
//! over it. The room knows no application by name outside those files.
//!
//! **Invariant:** a profile never widens what is written: it names attributes, limits and
//! filterable attributes, and no safeguard.

mod attribute;
mod profile;

pub use attribute::{AttributeDefinition, default_definition};
pub use profile::{Profile, names, profile};
