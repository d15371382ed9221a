//! What several suites share.

pub(crate) mod graph_schema;
pub(crate) mod real_server;
pub(crate) mod source;
pub(crate) mod wire;
pub(crate) mod wiretap;
pub(crate) mod world;
