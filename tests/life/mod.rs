//! The life of an account, from hire to hard delete and beyond: what happens to a person over
//! years, told once for each kind of event and run on every service.
//!
//! Stories run whole cycles on the sandbox, strict and with the quirks that go together, and on
//! two services that others wrote. [`host`] says which these are. What one of them cannot do is
//! asserted as the exact failure, with its row in the log.

mod application;
mod changes;
mod groups;
mod hiring;
mod host;
mod leaving;
mod managers;
mod returning;
mod switches;
