//! An Entra provisioning schema, read into our own configuration text.
//!
//! [`import_schema`] takes the JSON that the portal and Graph export (`synchronizationSchema`) and
//! returns TOML below `[apps.NAME]`: attribute mappings and scoping filters of users and of groups,
//! the actions that are allowed. `wire` is the JSON's shape, `source` turns a source into a text of
//! ours, `row` and `filter` translate one thing each, `text` writes TOML, `groups` is about the
//! mapping of groups, `import` puts it together.
//!
//! A row counts as translated when the configuration's own decoder takes it, so what is written
//! loads. Everything else stays as a comment that says why.
//!
//! **Invariant:** any text may stand in a schema; what is written is TOML all the same. Nothing is
//! left out in silence that decides who gets an account: where a filter is lost, the text forbids
//! what the filter would have prevented.

mod filter;
mod groups;
mod import;
mod row;
mod source;
mod text;
mod wire;

#[cfg(test)]
mod tests;

pub use import::{ImportedSchema, SCHEMA_BYTES_MAX, SchemaError, SchemaOptions, import_schema};
