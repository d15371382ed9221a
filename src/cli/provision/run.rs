//! Finds whom a name means, gives the order, and prints what became of it.

use std::sync::Arc;

use super::{document, text};
use crate::{
    cli::{
        apps,
        args::{Global, ProvisionArgs},
        exit::ExitCode,
        explain::{failed, nobody, question, several, with_state},
        output,
        plan::open,
        problem::Problem,
        progress::Meter,
    },
    config::{AppSettings, Config},
    cycle::{Found, Search, found_group, found_person, selection_of, steps_of},
    daemon::{Answer, OnDemand, Order, SystemClock, order, preview_on_demand, stop_on_signals},
    model::SourceId,
    provisioning::{ChangeStatus, PlannedChange, Step},
    store::Progress,
};

/// Everything there is to tell of one person or group.
pub(super) struct Told<'a> {
    pub(super) app: &'a str,
    pub(super) who: &'a str,
    pub(super) dry_run: bool,
    pub(super) found: Found,
    pub(super) steps: Vec<Step>,
    pub(super) changes: Vec<PlannedChange>,
    pub(super) done: OnDemand,
}

pub(in crate::cli) async fn run(args: &ProvisionArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let config = apps::configuration(global)?;
    let (name, who) = match &args.who {
        Some(who) => (Some(args.app_or_who.as_str()), who.as_str()),
        None => (None, args.app_or_who.as_str()),
    };
    let app = apps::one(&config, name)?;
    let found = meant(&config, app, who).await?;
    let (done, changes) = if args.dry_run {
        preview(&config, app, found.id, global).await?
    } else {
        carry_out(&config, app, found.id, global).await?
    };
    let name = app.job.app.as_str();
    let link = match open(&config, app)? {
        Some(reader) => reader.read(|view| view.link(found.id))?,
        None => None,
    };
    let told = Told {
        app: name,
        who,
        dry_run: args.dry_run,
        steps: steps_of(&found, link.as_ref(), &changes),
        found,
        changes,
        done,
    };
    if global.json {
        output::json(&document::provisioned(&told))?;
    } else if !told.changes.is_empty() {
        output::stream(|out| text::provisioned(out, &told))?;
    }
    match (&told.done.error, told.done.trouble) {
        (Some(error), trouble) => Err(Problem::of_on_demand(name, who, error, trouble).into()),
        (None, _) => Ok(exit(&told)),
    }
}

fn exit(told: &Told<'_>) -> ExitCode {
    let is_failure = |row: &PlannedChange| row.status == ChangeStatus::Failure;
    let failed = told.changes.iter().any(is_failure);
    let code = if failed { ExitCode::SomeFailed } else { ExitCode::Done };
    if told.done.held.is_some() { code.worse(ExitCode::Held) } else { code }
}

/// The only person or group whom `who` means.
async fn meant(config: &Config, app: &AppSettings, who: &str) -> anyhow::Result<Found> {
    let name = app.job.app.as_str();
    let (connection, state) = with_state(config, app)?;
    let found = question(app, &connection, &state).find(who, &selection_of(&app.job)).await;
    Ok(match found.map_err(|error| failed(name, error))? {
        Search::Person(person) => found_person(&person),
        Search::Group(group) if app.job.groups.is_some() => found_group(&group),
        Search::Group(group) => {
            let message =
                format!("`{who}` is the group {}, and groups stay where they are", group.id);
            let hint = format!(
                "`apps.{name}.groups.enabled` is false: only the people in groups are provisioned"
            );
            return Err(Problem::usage(message).with_hint(hint).into());
        }
        Search::Nobody => return Err(nobody(name, who).into()),
        Search::Several(all) => return Err(several(who, &all).into()),
    })
}

async fn preview(
    config: &Config,
    app: &AppSettings,
    id: SourceId,
    global: &Global,
) -> anyhow::Result<(OnDemand, Vec<PlannedChange>)> {
    let stop = stop_on_signals().map_err(Problem::from)?;
    let meter = Meter::new(app.job.app.as_str(), global);
    let tell = |progress: &Progress| meter.tell(progress);
    let clock = Arc::new(SystemClock);
    let done = preview_on_demand(config, app, id, &stop, &tell, clock).await;
    meter.end();
    let done = done.map_err(Problem::from)?;
    Ok((OnDemand::of(&done), done.changes))
}

async fn carry_out(
    config: &Config,
    app: &AppSettings,
    id: SourceId,
    global: &Global,
) -> anyhow::Result<(OnDemand, Vec<PlannedChange>)> {
    let stop = stop_on_signals().map_err(Problem::from)?;
    let meter = Meter::new(app.job.app.as_str(), global);
    let tell = |progress: &Progress| meter.tell(progress);
    let wanted = Order::Provision { object: id };
    let answer = order(config, app, &wanted, &stop, &tell, Arc::new(SystemClock)).await;
    meter.end();
    let done = match answer.map_err(Problem::from)? {
        Answer::Provisioned(done) => done,
        Answer::Refused { message } => {
            let app = app.job.app.as_str();
            return Err(Problem::refused(ExitCode::Unexpected, app, message).into());
        }
        Answer::Done { .. }
        | Answer::Cycle { .. }
        | Answer::Approved { .. }
        | Answer::Forgotten(_) => return Err(Problem::answered_otherwise().into()),
    };
    let Some(reader) = open(config, app)? else { return Ok((done, Vec::new())) };
    let rows = reader.read(|view| view.rows_of(done.id))?;
    Ok((done, rows.into_iter().map(|(_, row)| row).collect()))
}
