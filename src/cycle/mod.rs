//! The imperative shell of one cycle: import, survey, draft, review, export, close.
//!
//! The shell fetches, stores and sends; every decision is made by `provisioning`. What to do is
//! always the difference between what is wanted and what was last exported, both read from the
//! state, so a cycle that broke off needs no special path: the next one goes on.
//!
//! **Invariant:** a preview is given no writer, and the export takes a cleared plan only.

mod accounts;
mod answer;
mod change;
mod context;
mod discovery;
mod draft;
mod drift;
mod explain;
mod explain_group;
mod export;
mod find;
mod group;
mod guard;
mod import;
mod known;
mod listing;
mod look;
mod memberships;
mod pace;
mod provision;
mod quarantine;
mod redaction;
mod references;
mod report;
mod run;
mod survey;
mod told;

pub use accounts::{Shown, survey_accounts};
pub use context::{Context, CycleError, CycleOptions, Stop, WorkLeft};
pub use drift::compare_now;
pub use explain::{Explained, Explanation, Found, explain, found_group, found_person, steps_of};
pub use explain_group::Members;
pub use find::{FoundBy, FoundGroup, Namesake, Person, Question, Search};
pub use import::{FULL_READ_AFTER, needs_default_domain, selection_of};
pub use pace::{HostPace, HostPaces};
pub use provision::{HeldOnDemand, Provisioned, preview_provision, provision};
pub use report::CycleEnd;
pub use run::{preview, sync};
pub use told::{AssignedRole, WouldSend};
