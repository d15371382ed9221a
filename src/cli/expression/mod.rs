//! The command `expression`: evaluates one expression, as a mapping would.
//!
//! With a file of attribute values it reads no configuration and asks nobody; of somebody in Entra
//! it reads the person live. It only reads.

mod inputs;
mod run;
mod show;

pub(super) use run::run;
