//! The demo's words.

use std::fmt::Write as _;

use super::world::{APP, World};
use crate::{
    cli::{rows::Plan, view},
    daemon::state_path,
    store::{CycleKind, CycleReport, PlanFilter},
};

/// Rows of each action that are shown where not all of them are.
const ROWS_SAMPLED: usize = 2;

/// How much of a plan is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rows {
    /// The first ones of each action.
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
    let lines = events.join("\n  ");
    format!("\n{bold}A day passes in the tenant{bold:#}\n\n  {lines}\n")
}

/// The rows of a plan, as `plan` and `sync` show them.
pub(super) fn rows(plan: &impl Plan, rows: Rows) -> anyhow::Result<String> {
    if rows == Rows::Counted {
        return Ok(String::new());
    }
    let mut text = Vec::new();
    view::rows(&mut text, plan, PlanFilter::Visible)?;
    let text = String::from_utf8(text)?;
    Ok(if rows == Rows::Sampled { sample(&text) } else { text })
}

/// The first rows of each action; a row begins at the margin and has its attributes below it.
fn sample(text: &str) -> String {
    let (mut sampled, mut left_out) = (String::new(), 0);
    let (mut action, mut of_action) = ("", 0);
    for line in text.split_inclusive('\n') {
        if !line.starts_with(' ') {
            // Behind the colour and the mark, the second word is the action.
            let this = line.split(' ').nth(1).unwrap_or_default();
            of_action = if this == action { of_action + 1 } else { 1 };
            action = this;
            left_out += usize::from(of_action > ROWS_SAMPLED);
        }
        if of_action <= ROWS_SAMPLED {
            sampled.push_str(line);
        }
    }
    if left_out > 0 {
        let _ = writeln!(sampled, "… and {left_out} more like these");
    }
    sampled
}

/// What a cycle came to. How long it took is left out: on the demo's clock no time passes.
pub(super) fn totals(report: &CycleReport) -> String {
    let kind = match report.kind {
        CycleKind::Initial => "initial",
        CycleKind::Incremental => "incremental",
    };
    let what = if report.dry_run { "plan" } else { "cycle" };
    format!(
        "{kind} {what} of `{APP}`: {}\nrequests: {} to Microsoft Graph, {} to the application\n",
        view::totals(&report.totals, report.dry_run),
        report.requests.graph,
        report.requests.target,
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
    let page = world.config.service.page.as_ref().map(|page| page.listen);
    let page = page.map(|page| format!("\nThe status page is at http://{page}/\n"));
    let page = page.unwrap_or_default();
    format!(
        "{page}\nBoth simulated services and the service keep running ({} and {}).\n\
         The commands above work beside them. End with Ctrl-C.\n",
        world.tenant_url, world.application_url,
    )
}
