//! The command `log`: the provisioning log as a table, as JSON, or as comma-separated values.

use std::io::Write;

use chrono::SecondsFormat;
use serde_json::Value;

use super::{
    apps,
    args::{Global, LogArgs},
    exit::ExitCode,
    follow::follow,
    output,
    plan::open,
    problem::Problem,
};
use crate::{
    daemon::SystemClock,
    model::{Clock, JobId},
    store::{CSV_COLUMNS, LogRow},
    web::{LogQuery, UnknownWord},
};

pub(super) async fn run(args: &LogArgs, global: &Global) -> anyhow::Result<ExitCode> {
    check_words(args)?;
    let config = apps::configuration(global)?;
    let chosen = apps::choose(&config, args.which.app.as_deref(), args.which.all)?;
    if args.follow {
        return follow(&config, &chosen, args, global).await;
    }
    let mut documents = Vec::new();
    if args.csv {
        output::data(&format!("{CSV_COLUMNS}\n"))?;
    }
    for app in chosen {
        let name = app.job.app.as_str();
        let Some(reader) = open(&config, app)? else {
            output::note(global, &format!("application `{name}` has no log yet"));
            continue;
        };
        let rows = query(args, None, args.limit)
            .rows(&reader)
            .map_err(|error| Problem::of_store(name, error))?;
        if global.json {
            let job = JobId::derive(&[&config.tenant.id, name]);
            documents.extend(rows.iter().map(|row| row.summary(&config.tenant.id, job, name)));
        } else {
            print(name, &rows, args)?;
        }
    }
    if global.json {
        output::json(&Value::Array(documents))?;
    }
    Ok(ExitCode::Done)
}

/// The step that says when what failed is tried again.
const ESCROW_RETRY: &str = "EntryEscrowRetry";

/// A misspelt word would show an empty log, which says that nothing happened.
fn check_words(args: &LogArgs) -> Result<(), Problem> {
    query(args, None, args.limit).check().map_err(|UnknownWord { name, word, known }| {
        Problem::usage(format!("--{name} knows no `{word}`"))
            .with_hint(format!("possible are {}", known.join(", ")))
    })
}

/// What was asked for: the newest `limit` rows, or the first of those after a number.
pub(super) fn query(args: &LogArgs, after: Option<i64>, limit: u32) -> LogQuery {
    LogQuery {
        who: args.who.clone(),
        action: args.action.clone(),
        status: args.status.clone(),
        cycle: args.cycle.clone(),
        since: args.since.map(|since| since.moment(SystemClock.now())),
        after,
        limit,
    }
}

pub(super) fn print(app: &str, rows: &[LogRow], args: &LogArgs) -> anyhow::Result<()> {
    output::stream(|out| {
        for row in rows {
            if args.csv {
                writeln!(out, "{}", row.csv(app))?;
            } else {
                table(out, app, row, args.which.all)?;
            }
        }
        Ok(())
    })
}

fn table(out: &mut dyn Write, app: &str, row: &LogRow, all: bool) -> std::io::Result<()> {
    let at = row.at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let app = if all { format!("{app}  ") } else { String::new() };
    let why = if row.detail.is_empty() { row.reason.to_string() } else { row.detail.clone() };
    let (action, name) = (row.action.as_str(), output::plain(&row.source_name));
    let status = if row.held { "held" } else { row.status.as_str() };
    writeln!(out, "{at}  {app}{status:<8} {action:<8} {name}  {}", output::plain(&why))?;
    if let Some(failure) = &row.error
        && failure.detail != why
    {
        writeln!(out, "    {}: {}", failure.reason, output::plain(&failure.detail))?;
    }
    for step in row.steps.iter().filter(|step| step.name == ESCROW_RETRY) {
        writeln!(out, "    {}", step.description)?;
    }
    Ok(())
}
