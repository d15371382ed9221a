//! What became of one person or group as text: four steps, each with its findings.

use std::io::Write;

use anstyle::Style;

use super::run::Told;
use crate::{
    cli::{explain::heading, output, view},
    model::ObjectKind,
    provisioning::{StepKind, StepStatus},
};

/// Writes the four steps, what a safeguard holds, and the cost.
pub(super) fn provisioned(out: &mut dyn Write, told: &Told<'_>) -> anyhow::Result<()> {
    let bold = Style::new().bold();
    let (name, id) = (output::plain(&told.found.display), told.found.id);
    let only = if told.dry_run { ", dry run: nothing is sent" } else { "" };
    let kind = match told.found.kind {
        ObjectKind::User => "user",
        ObjectKind::Group => "group",
    };
    writeln!(out, "{bold}{name}{bold:#}  {kind} {id}, application `{}`{only}", told.app)?;
    let step = |kind| told.steps.iter().find(|step| step.kind == kind);
    heading(out, 1, "Import", step(StepKind::Import))?;
    heading(out, 2, "Scope", step(StepKind::Scoping))?;
    heading(out, 3, "Match", step(StepKind::Matching))?;
    let action = if told.dry_run { "What would be done" } else { "Perform action" };
    writeln!(out, "\n{bold}4. {action}{bold:#}")?;
    for row in &told.changes {
        view::change(out, row)?;
    }
    for step in &told.steps {
        let label = match (step.kind, step.status) {
            (StepKind::ReferenceResolution, _) => "reference",
            (StepKind::Export, StepStatus::Success | StepStatus::Warning) => "outcome",
            (
                StepKind::Import
                | StepKind::Scoping
                | StepKind::Matching
                | StepKind::Processing
                | StepKind::Export,
                _,
            ) => continue,
        };
        writeln!(out, "    {label}: {}", output::plain(&step.description))?;
    }
    let done = &told.done;
    if let Some(reason) = &done.held {
        writeln!(out, "\nheld by a safeguard: {}", output::plain(reason))?;
        writeln!(out, "{}", release(told))?;
    }
    let requests = format!(
        "{} to Microsoft Graph, {} to the application",
        view::thousands(done.requests.graph),
        view::thousands(done.requests.target)
    );
    Ok(writeln!(out, "\nrequests: {requests}; took {}", view::duration(done.duration_ms))?)
}

/// How a person releases what is held.
fn release(told: &Told<'_>) -> String {
    let app = told.app;
    match &told.done.held_plan {
        Some(plan) => format!(
            "it is a part of what the last cycle holds: `entra-scim plan {app} --held` lists that, \
             and `entra-scim approve {app} {}` releases all of it",
            view::short(plan)
        ),
        None => format!(
            "nothing was sent. The next cycle holds it too: read the list with `entra-scim plan \
             {app} --held` then, and release it with `entra-scim approve {app}`"
        ),
    }
}
