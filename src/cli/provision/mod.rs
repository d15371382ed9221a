//! The command `provision`: one person or group, now, by this process or by the service that runs.
//!
//! Whom a name means is found here, so that nothing but an object id is handed over. What became of
//! it is read from the rows that the state keeps.

mod document;
mod run;
mod text;

pub(super) use run::run;
