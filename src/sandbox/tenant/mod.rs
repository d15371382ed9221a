//! The simulated Entra tenant: a token endpoint and the part of Microsoft Graph v1.0 that is read.
//!
//! [`Tenant`] is the door. A test changes the directory through its control methods and reads it
//! as a client would: [`Exchange`](crate::http::Exchange) in process or [`Tenant::serve`] on
//! loopback. Inside, `state` holds the objects, each property and link with the number of the
//! change that last touched it, so that a delta token is no more than a number and a selection;
//! `call` parses a request, `route` finds its handler, `list`, `members`, `delta`, `lookup` and
//! `batch` answer it, `login` signs in, `fault` breaks what should be broken, and `record` keeps
//! what was said. `large` is the same tenant made for load.
//!
//! Where Microsoft documents nothing, a field of [`Switches`] decides, and a client has to work in
//! every position. What goes wrong in the field is a [`Fault`].
//!
//! **Invariant:** every link is absolute on the tenant's own base URL, unless a fault says
//! otherwise; every random choice comes from the seed; the time comes from the given clock.

mod answer;
mod batch;
mod call;
mod control;
mod delta;
mod exchange;
mod fault;
mod filter;
mod large;
mod list;
mod login;
mod lookup;
mod members;
mod options;
mod record;
mod registration;
mod render;
mod route;
mod schema;
mod state;
mod throttle;

#[cfg(test)]
mod tests;

pub use control::{ApplicationSpec, UserSpec};
pub use exchange::Tenant;
pub use fault::{ErrorBody, Fault, FaultPlan, RetryAfter};
pub use large::{LargeTenant, LargeTenantOptions};
pub use options::{ClientRegistration, FederatedCredential, Switches, TenantOptions};
pub use record::{Observer, RecordedRequest};
pub use state::{GroupKind, ObjectType};
