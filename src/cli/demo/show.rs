//! The demo's words.

use std::fmt::Write as _;

use super::world::{APP, World};
use crate::{
    cli::rows::Plan,
    daemon::state_path,
    provisioning::{Action, PlannedChange},
    store::{CycleReport, PlanFilter},
};

/// Rows of a plan that are shown where not all of them are.
const ROWS_SAMPLED: usize = 12;

/// How much of a plan is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rows {
    /// The first ones.
    Sampled,
    /// All of them.
    Listed,
    /// None: the totals say it.
    Counted,
}

/// What was started, and where.
pub(super) fn introduction(world: &World) -> String {
    format!(
        "A simulated Entra tenant with {} users and {} groups is at {}\n\
         A simulated SCIM application with {} accounts is at {}\n\
         The configuration that joins them is {}\n",
        world.tenant.users().len(),
        world.tenant.groups().len(),
        world.tenant_url,
        world.application.user_count(),
        world.application_url,
        world.config_path.display(),
    )
}

/// A part of the story, and the command that does the same.
pub(super) fn heading(title: &str, command: &str) -> String {
    let bold = anstyle::Style::new().bold();
    format!("\n{bold}{title}{bold:#}  (entra-scim {command} {APP})\n\n")
}

/// What happened in the tenant.
pub(super) fn day(events: &[String]) -> String {
    let bold = anstyle::Style::new().bold();
    let lines: String = events.iter().map(|event| format!("  {event}\n")).collect();
    format!("\n{bold}A day passes in the tenant{bold:#}\n\n{lines}")
}

/// The rows of a plan.
pub(super) fn rows(plan: &impl Plan, rows: Rows) -> anyhow::Result<String> {
    let limit = match rows {
        Rows::Sampled => ROWS_SAMPLED,
        Rows::Listed => usize::MAX,
        Rows::Counted => return Ok(String::new()),
    };
    let (mut text, mut count) = (String::new(), 0);
    plan.each(PlanFilter::Visible, |change| {
        count += 1;
        if count <= limit {
            text.push_str(&row(change));
        }
        Ok(())
    })?;
    if count > limit {
        let _ = writeln!(text, "  … and {} more", count - limit);
    }
    Ok(text)
}

fn row(change: &PlannedChange) -> String {
    let sign = match change.action {
        Action::Create => '+',
        Action::Adopt => '=',
        Action::Update | Action::Enable | Action::Disable => '~',
        Action::Delete => '-',
        Action::Skip => ' ',
    };
    format!(
        "  {sign} {:<8} {:<36} {}\n",
        change.action.as_str(),
        change.source_display,
        change.detail
    )
}

/// What a cycle came to, in two lines.
pub(super) fn totals(report: &CycleReport) -> String {
    let totals = &report.totals;
    let counts = [
        (totals.create, "create"),
        (totals.adopt, "adopt"),
        (totals.update, "update"),
        (totals.enable, "enable"),
        (totals.disable, "disable"),
        (totals.delete, "delete"),
        (totals.failure, "failed"),
        (totals.held, "held"),
    ];
    let done: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let done = if done.is_empty() { "nothing to do".to_owned() } else { done.join(", ") };
    format!(
        "\n{done}; {} people in scope\n{} requests to Microsoft Graph, {} to the application\n",
        totals.in_scope, report.requests.graph, report.requests.target,
    )
}

/// Where everything is, and what to do next.
pub(super) fn ending(world: &World) -> String {
    let config = world.config_path.display();
    let state = state_path(&world.config, &world.config.apps[0].job.app);
    format!(
        "\nEach cycle did exactly what it had to. State and log are in {}\n\n\
         Who got what, and why:      entra-scim --config {config} log {APP}\n\
         One person's story:         entra-scim --config {config} log {APP} --who ada.lovell\n\
         Where the application is:   entra-scim --config {config} status\n\
         With your own tenant:       entra-scim init\n",
        state.display(),
    )
}

/// What goes on.
pub(super) fn still_running(world: &World) -> String {
    format!(
        "\nBoth simulated services and the service keep running ({} and {}).\n\
         The commands above work beside them. End with Ctrl-C.\n",
        world.tenant_url, world.application_url,
    )
}
