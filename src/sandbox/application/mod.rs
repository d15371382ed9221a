//! A simulated SCIM application: RFC 7643 and RFC 7644 taken at their word, with switches for what
//! real services do instead.
//!
//! It shares no parsing and no patching with the rest of the program, so that a misreading of the
//! RFCs cannot be on both sides at once. Whatever a request does that a careful client would not
//! do is kept as a [`Violation`], whether it is refused or let through. Requests come in process
//! (it is an [`Exchange`](crate::http::Exchange)) or over loopback ([`Application::serve`]); both
//! lead to the same code.
//!
//! Everything it does follows from its seed, its clock and the order of the requests.

mod conform;
mod control;
mod discovery;
mod endpoint;
mod exchange;
mod fault;
mod filter;
mod large;
mod options;
mod patch;
mod query;
mod record;
mod schema;
mod store;
#[cfg(test)]
mod tests;

pub use exchange::{Application, ServeError};
pub use fault::{Fault, Matcher, Moment};
pub use large::{LargeApplication, LargeApplicationOptions};
pub use options::{
    ApplicationOptions, DescriptionSupport, FilterSupport, Quirks, TotalResults, WHIMSICAL_USER,
};
pub use record::{AccountEvent, AccountEventKind, RecordedRequest, Violation, ViolationKind};
pub use schema::AttributeType;
