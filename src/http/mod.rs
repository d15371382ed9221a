//! One transport: time-outs, `Retry-After`, body limits, redaction, request ids, sign-in.
//!
//! `graph` and `target` say what they want as a plain `http::Request`; an [`Exchange`] carries it.
//! Over the network that is one reqwest client per host; in the simulation it is a router in
//! process, so that the adapters above are the same code in both.

mod exchange;

pub use exchange::{Answer, Exchange, TransportFault};
