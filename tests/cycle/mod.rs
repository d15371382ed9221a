//! Whole cycles on the sandbox: what an administrator would see happen.

mod adopted_managers;
mod approval;
mod clock;
mod default_domain;
mod delete_after;
mod directory_faults;
mod drift;
mod escrow;
mod explain;
mod first_reading;
mod forget;
mod groups;
mod large_tenant;
mod life;
mod mapping;
mod matching;
mod notices;
mod profiles;
mod protect;
mod provision;
mod provision_groups;
mod quarantine;
mod redaction;
mod rematching;
mod removal_window;
mod requests;
mod revision;
mod roles;
mod safeguards;
mod scope;
mod scoping_filters;
mod shared_target;
mod slow_targets;
mod state;
mod target_dialects;
mod target_faults;
mod target_lists;
mod time_limit;
mod traps;

use crate::support::world::World;

async fn explained(world: &World, who: &str) -> entra_scim::cycle::Explanation {
    match world.explain(who).await {
        entra_scim::cycle::Explained::One(explanation) => *explanation,
        entra_scim::cycle::Explained::Several(_) | entra_scim::cycle::Explained::Nobody => {
            panic!("`{who}` is not one person")
        }
    }
}

/// What an explanation has to add.
async fn explain_notes(world: &World, who: &str) -> String {
    explained(world, who).await.notes.join("\n")
}

/// What a cycle would decide, and why, as an explanation says it.
pub(crate) async fn explain_decision(world: &World, who: &str) -> String {
    let explanation = explained(world, who).await;
    let step = explanation.steps.iter().rfind(|step| step.name.starts_with("EntrySynchronization"));
    step.map(|step| step.description.clone()).unwrap_or_default()
}
