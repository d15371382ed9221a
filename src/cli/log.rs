//! The command `log`: the provisioning log as a table, as JSON, or as comma-separated values.

use std::{io::Write, time::Duration};

use chrono::SecondsFormat;
use serde_json::Value;

use super::{
    apps,
    args::{Global, LogArgs},
    exit::ExitCode,
    output,
    plan::open,
    problem::Problem,
};
use crate::{
    config::{AppSettings, Config},
    daemon::{SystemClock, stop_on_signals},
    model::{Clock, JobId},
    store::{CSV_COLUMNS, LogRow},
    web::{LogQuery, UnknownWord},
};

/// How often new rows are looked for.
const FOLLOW_EVERY: Duration = Duration::from_millis(500);

/// Rows printed at once while following.
const FOLLOWED_AT_ONCE: u32 = 10_000;

pub(super) async fn run(args: &LogArgs, global: &Global) -> anyhow::Result<ExitCode> {
    check_words(args)?;
    let config = apps::configuration(global)?;
    let chosen = apps::choose(&config, args.which.app.as_deref(), args.which.all)?;
    if args.follow {
        return follow(&config, chosen[0], args).await;
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

fn query(args: &LogArgs, after: Option<i64>, limit: u32) -> LogQuery {
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

async fn follow(config: &Config, app: &AppSettings, args: &LogArgs) -> anyhow::Result<ExitCode> {
    let name = app.job.app.as_str();
    let stop = stop_on_signals().map_err(Problem::from)?;
    let mut reader = None;
    let mut after = None;
    while !stop.is_requested() {
        if reader.is_none() {
            reader = open(config, app)?;
        }
        if let Some(reader) = &reader {
            let limit = if after.is_none() { args.limit } else { FOLLOWED_AT_ONCE };
            let rows = query(args, after, limit)
                .rows(reader)
                .map_err(|error| Problem::of_store(name, error))?;
            print(name, &rows, args)?;
            after = rows.last().map(|row| row.seq).or(after).or(Some(0));
        }
        SystemClock.sleep(FOLLOW_EVERY).await;
    }
    Ok(ExitCode::Done)
}

fn print(app: &str, rows: &[LogRow], args: &LogArgs) -> anyhow::Result<()> {
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
