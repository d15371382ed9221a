//! Built-in application profiles: what a known application can do, and the mapping to start with.
//!
//! A profile is data: one TOML file in this folder, compiled at its first use; `config` puts the
//! user's keys over it, and `gallery` shows it. The room knows no application by name outside those
//! files, so adding one touches no code. Every limit names the page it was read on.
//!
//! **Invariant:** a profile never widens what is written: it names attributes, limits and
//! filterable attributes, and no safeguard.

mod attribute;
mod file;
mod limit;
mod profile;
mod unsupported;

pub use attribute::{AttributeDefinition, default_definition};
pub use limit::{CountLimit, Limits, RateClass, RateLimit, TextLimit};
pub use profile::{Profile, names, profile, profiles};
pub use unsupported::Unsupported;
