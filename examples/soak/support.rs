//! As much of the tests' support as a story needs.

#[path = "../../tests/support/graph_schema.rs"]
pub(crate) mod graph_schema;
#[path = "../../tests/support/real_server.rs"]
pub(crate) mod real_server;
#[path = "../../tests/support/skewed_clock.rs"]
pub(crate) mod skewed_clock;
#[path = "../../tests/support/state.rs"]
pub(crate) mod state;
#[path = "../../tests/support/wire.rs"]
pub(crate) mod wire;
#[path = "../../tests/support/wiretap.rs"]
pub(crate) mod wiretap;
#[path = "../../tests/support/world.rs"]
pub(crate) mod world;
