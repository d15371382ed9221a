//! What several suites share.

pub(crate) mod browser;
pub(crate) mod company;
pub(crate) mod desk;
pub(crate) mod gate;
pub(crate) mod graph_schema;
pub(crate) mod real_server;
pub(crate) mod schema;
pub(crate) mod skewed_clock;
pub(crate) mod source;
pub(crate) mod state;
pub(crate) mod tls;
pub(crate) mod wire;
pub(crate) mod wiretap;
pub(crate) mod world;
