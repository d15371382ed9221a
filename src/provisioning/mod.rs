//! The core: what should happen to each object, and why. Pure, synchronous, total.
//!
//! One file per provisioning step, in the order an object takes them: `scoping` decides whether it
//! belongs to the job, `matching` which account is its, `mapping` what the account should look
//! like, `plan` what is to be done, `reference` who its manager is at the target, `safeguard` what
//! a person must see first, `outcome` what became of it, `escrow` when what failed is tried again,
//! `quarantine` when the whole job rests, `drift` where a target was changed behind our back,
//! `notice` what a person is told of it. Time, randomness and everything read arrive as arguments;
//! every decision returns the [`Step`]s that explain it.
//!
//! **Invariant:** knows no I/O. It never sees a clock, a socket, a file or a logger.

mod capability;
mod coerce;
mod drift;
mod escrow;
pub mod job;
mod link;
mod mapped_value;
mod mapping;
mod matching;
mod notice;
mod outcome;
mod plan;
mod quarantine;
mod reason;
mod redaction;
mod reference;
mod revision;
mod safeguard;
mod schedule;
mod scoping;
mod scoping_filter;
mod source_attribute;
mod step;
mod sticky;
mod window;
mod words;

pub use capability::{Capabilities, Discovered, Filtering, Paging, Versions, capabilities};
pub use drift::{
    Correction, DriftFinding, DriftKind, DriftMode, DriftRule, Expected, compared_paths,
    correction, drift_of,
};
pub use escrow::{
    Failures, GIVEN_UP_AFTER, IsRemoval, NextAttempt, REMOVAL_FAILURES_TOLD, Retry, retry,
    retry_at, retry_sentence,
};
pub use link::{Basis, Link, LinkStanding, UnsettledCreate, leaves_enabled};
pub use mapped_value::{MappedValue, mapped_values};
pub use mapping::{
    Mapped, MappedRow, MappingFault, MappingInputs, earliest, map, map_linked, map_to_compare,
    map_withdrawal, read_source, seed_of,
};
pub use matching::{Candidate, Claim, Evidence, Matched, match_keys, settle};
pub use notice::{
    CSV_ROWS_MAX, LastSent, NOTICES_PER_HOUR_MAX, NextStep, Notice, NoticeKind, NoticeRow,
    NoticeTopic, UNDELIVERABLE_AFTER, batches, csv, csv_cell, expiry_stage, is_due, next_attempt,
    room_left,
};
pub use outcome::{Failure, Outcome, Remedy, failure_of, remedy};
pub use plan::{
    Action, ChangeStatus, Decision, LinkEffect, Phase, PlanInputs, PlannedChange, Verdict, Write,
    decide, is_wanted, order_claims,
};
pub use quarantine::{
    Events, FAILURES_MAX, Occasion, Quarantine, QuarantineCause, QuarantineReason,
};
pub use reason::Reason;
pub use redaction::{Revealed, Secrets, is_always_in_clear, project_redacted, reveal};
pub use reference::{ManagerStanding, manager_change};
pub use revision::{GROUP_MAPPING_ROW, MAPPING_ROW, PROGRAM, RevisionParts, revision_changes};
pub use safeguard::{
    Cleared, Draft, Held, Plan, ReviewFacts, membership_threshold, removal_threshold, review,
};
pub use schedule::{InvalidCron, Schedule};
pub use scoping::{
    CONFIRMATION_DELAY, ENTITLEMENT_SETTLES_AFTER, EntitlementMemory, Grant, OutReason, Presence,
    Scoped, Scoping, ScopingInputs, Subject, Withdrawal, confirm, scope,
};
pub use scoping_filter::{
    Clause, ClauseError, ClauseFinding, ClauseKey, ClauseText, FilterFault, FilterInputs,
    FilterPrincipals, FilterResult, Operand, Operator, Quantifier, ScopingFilter,
};
pub use source_attribute::{
    SourceAttribute, is_known_attribute, is_known_source_attribute, selected_property,
};
pub use step::{Step, StepKind, StepStatus};
pub use window::{DailyWindow, InvalidWindow};
