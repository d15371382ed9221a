//! A simulated Entra tenant and a simulated SCIM application, for tests, benchmarks and the demo.
//!
//! Both are models with two doors: an [`Exchange`](crate::http::Exchange) in process, which the
//! simulation calls thousands of times a second, and a router on loopback, which the real
//! transport talks to. Both doors lead to the same code. The tenant behaves as Microsoft documents
//! Graph, not as our client hopes: where the documentation is silent the behaviour is a switch, and
//! what goes wrong in the field can be injected.
//!
//! **Invariant:** knows nothing of the adapters, the engine or the store. A fake that shared code
//! with its client would share the client's mistakes.

pub mod application;
mod clock;
pub mod population;
mod serve;
pub mod tenant;
mod traffic;

pub use clock::VirtualClock;
pub use serve::serve;
pub use traffic::{Measured, Pace};
