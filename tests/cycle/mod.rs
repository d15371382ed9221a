//! Whole cycles on the sandbox: what an administrator would see happen.

mod adopted_managers;
mod clock;
mod default_domain;
mod directory_faults;
mod escrow;
mod explain;
mod forget;
mod life;
mod mapping;
mod matching;
mod notices;
mod profiles;
mod quarantine;
mod redaction;
mod rematching;
mod requests;
mod revision;
mod roles;
mod safeguards;
mod scope;
mod scoping_filters;
mod state;
mod target_faults;
