//! The state: one SQLite file per application. All SQL is here.
//!
//! One [`Engine`] holds the lock and writes; any number of [`Reader`]s look at the same file. What
//! is atomic is visible in the signature: everything that takes a [`Tx`] happens together or not at
//! all. Stored texts that hold JSON have a version beside them.
//!
//! **Invariant:** a watermark moves only in the transaction that stores the page it stands for,
//! and an outcome, its link and its log row are one transaction.

mod access;
mod account;
mod assignment;
mod bell;
mod chain;
mod command;
mod contest;
mod counter;
mod cycle;
mod dictionary;
mod drift;
mod due;
mod error;
mod escrow;
mod fact;
mod filter;
mod first_reading;
mod forget;
mod held;
mod held_member;
mod holder;
mod key;
mod link;
mod log;
mod log_body;
mod log_csv;
mod log_page;
mod member;
mod neighbour;
mod notice;
mod object;
mod on_demand;
mod open;
mod outbox;
mod outcome;
mod packed;
mod phrase;
mod plan;
mod plan_page;
mod plan_row;
mod private;
#[cfg(test)]
mod query_plan;
mod reading;
mod redaction;
mod retention;
mod settle;
mod soundness;
mod source;
mod survey;
mod tally;
mod waiting;
mod wanted_reference;
mod watch;

pub use account::{AccountRow, AccountStanding};
pub use assignment::{GroupObjects, Round};
pub use bell::Bell;
pub use chain::Chain;
pub use command::{Command, CommandAnswer};
pub use counter::{
    ANSWER_SECONDS, ANSWERS_WITHIN, BEYOND, CYCLE_SECONDS, CYCLES, Counter, OBJECTS, REQUESTS,
    THROTTLED_SECONDS,
};
pub use cycle::{
    Counted, CycleKind, CycleReport, HeldReport, Progress, Requests, RevisionReport, Running,
    Totals,
};
pub use drift::{
    DriftBrokenOff, DriftCheck, DriftCounts, DriftListing, DriftPart, DriftStage, LinkedAccount,
};
pub use escrow::{EscrowCounts, EscrowRow};
pub use fact::{Binding, JobState, Paused};
pub use forget::{Forgotten, Traces, Whereabouts};
pub use held::HeldChange;
pub use held_member::MembershipCounts;
pub use holder::is_held;
pub use link::LinkCounts;
pub use log::{LogFilter, LogRow, ModifiedProperty, STAGED_DELETE};
pub use log_csv::CSV_COLUMNS;
pub use log_page::{LogKey, LogPage, LogSearch, LogStart};
pub use member::{MemberCounts, PlannedMember};
pub use neighbour::Neighbours;
pub use notice::OpenNotice;
pub use object::Showing;
pub use open::{Engine, Reader, StateRead, StoreError, Tx, View, preview_copy};
pub use outbox::{OutboxCounts, OutboxRow};
pub use packed::unpacked;
pub use plan::{PlanFilter, PlanPlace, Retries};
pub use plan_page::{PlanCounts, PlanPick};
pub use source::{FoundSource, Holdings, UsersToRead};
pub use wanted_reference::{NotedReference, WantedReference};
pub use watch::{Commit, CommitWatch};
