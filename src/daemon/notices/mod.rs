//! Notices of one application: raised at the end of a cycle, queued when due, delivered.
//!
//! `channels` says who is told, `raise` what there is to tell, `wording` in which words, `expiry`
//! which credentials end, `digest` what happened in a day, `queue` puts what is due into the
//! outbox, `deliver` empties it, and `probe` asks whether notices arrive at all.
//!
//! **Invariant:** a mail server that is down fails no cycle: what goes wrong here is logged and
//! waits in the outbox.

mod channels;
mod deliver;
mod digest;
mod expiry;
mod probe;
mod queue;
mod raise;
mod wording;

pub use channels::Channels;
pub use deliver::Delivered;
pub use probe::{Probe, Probed};
