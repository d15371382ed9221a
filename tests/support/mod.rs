//! What several suites share.

pub(crate) mod real_server;
pub(crate) mod source;
