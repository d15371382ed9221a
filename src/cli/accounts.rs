//! The command `accounts`: every account at the target, and whose it is.

use std::{collections::BTreeMap, io::Write, sync::Arc};

use serde_json::{Value, json};

use super::{
    apps,
    args::{AccountsArgs, Global},
    exit::ExitCode,
    explain::failed,
    output,
    problem::Problem,
    progress::Meter,
    view,
};
use crate::{
    config::{AppSettings, Config},
    cycle::Shown,
    daemon::{SystemClock, list_accounts, stop_on_signals},
    provisioning::csv,
    store::{AccountRow, AccountStanding, Engine},
};

/// Accounts read from the copy at once.
const PAGE: u32 = 500;

const CSV_COLUMNS: [&str; 7] =
    ["target_id", "target_name", "active", "standing", "source_id", "source_name", "in_scope"];

pub(super) async fn run(args: &AccountsArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let config = apps::configuration(global)?;
    let app = apps::one(&config, args.app.as_deref())?;
    let (listed, shown) = list(&config, app, global).await?;
    let mut counts: BTreeMap<AccountStanding, u64> = BTreeMap::new();
    let mut documents = Vec::new();
    let mut lines = Vec::new();
    let mut after = String::new();
    loop {
        let rows = listed.read(|view| view.accounts(&after, PAGE))?;
        let Some(last) = rows.last() else { break };
        after.clone_from(&last.target);
        for row in rows {
            *counts.entry(row.standing).or_default() += 1;
            if args.standing.is_some_and(|wanted| wanted != row.standing) {
                continue;
            }
            if global.json {
                documents.push(document(&row));
            } else if args.csv {
                lines.push(cells(row));
            } else {
                output::stream(|out| table(out, &row))?;
            }
        }
    }
    if global.json {
        output::json(&Value::Array(documents))?;
    } else if args.csv {
        // A terminal and a script expect the line ends that every other command writes.
        output::data(&csv(CSV_COLUMNS, lines).replace("\r\n", "\n"))?;
    } else {
        output::stream(|out| summary(out, app.job.app.as_str(), &counts))?;
    }
    if shown == Shown::Part {
        output::note(
            global,
            "warning: the application listed fewer accounts than it says it has, or the same page \
             again; there may be others",
        );
    }
    Ok(ExitCode::Done)
}

async fn list(
    config: &Config,
    app: &AppSettings,
    global: &Global,
) -> anyhow::Result<(Engine, Shown)> {
    let stop = stop_on_signals().map_err(Problem::from)?;
    let meter = Meter::new(app.job.app.as_str(), global);
    let tell = |progress: &crate::store::Progress| meter.tell(progress);
    let listed = list_accounts(config, app, &stop, &tell, Arc::new(SystemClock)).await;
    meter.end();
    let listed = listed.map_err(Problem::from)?;
    Ok(listed.map_err(|error| failed(app.job.app.as_str(), error))?)
}

fn document(row: &AccountRow) -> Value {
    json!({
        "target": { "id": row.target, "display": row.name },
        "active": row.active,
        "standing": row.standing.as_str(),
        "source": row.source.as_ref().map(|(id, name)| json!({ "id": id, "display": name })),
        "in_scope": row.in_scope,
    })
}

fn cells(row: AccountRow) -> [String; 7] {
    let (id, name) = row.source.unwrap_or_default();
    [
        row.target,
        row.name.unwrap_or_default(),
        row.active.map(|active| active.to_string()).unwrap_or_default(),
        row.standing.as_str().to_owned(),
        id,
        name,
        row.in_scope.to_string(),
    ]
}

fn table(out: &mut dyn Write, row: &AccountRow) -> anyhow::Result<()> {
    let active = match row.active {
        Some(true) => "active",
        Some(false) => "disabled",
        None => "-",
    };
    let name = output::plain(row.name.as_deref().unwrap_or("-"));
    let person = row.source.as_ref().map(|(_, person)| output::plain(person));
    let whose = match (&person, row.standing) {
        (None, _) => String::new(),
        (Some(person), AccountStanding::Matched) if row.in_scope => {
            format!("  matches {person}, who is in scope: the next cycle adopts it")
        }
        (Some(person), AccountStanding::Matched) => {
            format!("  matches {person}, who is not in scope")
        }
        (Some(person), AccountStanding::Kept) => format!("  was the account of {person}"),
        (Some(person), AccountStanding::Linked | AccountStanding::Local) => {
            format!("  {person}")
        }
    };
    let (standing, target) = (row.standing.as_str(), output::plain(row.target.as_str()));
    Ok(writeln!(out, "{standing:<8} {active:<9} {name}  ({target}){whose}")?)
}

fn summary(
    out: &mut dyn Write,
    app: &str,
    counts: &BTreeMap<AccountStanding, u64>,
) -> anyhow::Result<()> {
    let all: u64 = counts.values().sum();
    let parts: Vec<String> = AccountStanding::WORDS
        .into_iter()
        .filter_map(|(word, standing)| {
            Some(format!("{} {word}", view::thousands(*counts.get(&standing)?)))
        })
        .collect();
    let parts = if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) };
    Ok(writeln!(out, "{} at application `{app}`{parts}", view::counted(all, "account"))?)
}
