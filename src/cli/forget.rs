//! The command `forget`: removes a person's data from the state and the log of every application.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{IsTerminal, Write as _},
};

use serde_json::{Value, json};

use super::{
    apps,
    args::{ForgetArgs, Global},
    control::give,
    exit::ExitCode,
    output,
    plan::open,
    problem::Problem,
    view,
};
use crate::{
    config::{AppSettings, Config},
    daemon::{Answer, Order},
    model::SourceId,
    provisioning::job::Scope,
    store::{Forgotten, StoreError, Traces, Whereabouts},
};

/// What the state of one application has of the person.
struct Known<'c> {
    app: &'c AppSettings,
    traces: Traces,
}

pub(super) async fn run(args: &ForgetArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let config = apps::configuration(global)?;
    let chosen = apps::choose(&config, args.app.as_deref(), args.app.is_none())?;
    let (person, known) = meant(&config, &chosen, &args.who)?;
    if !args.yes && !confirmed(&args.who, person, &known, global)? {
        output::note(global, "nothing was forgotten");
        return Ok(ExitCode::Done);
    }
    let mut documents = Vec::new();
    for known in &known {
        let forgotten = forget(&config, known.app, person).await?;
        if global.json {
            documents.push(document(known.app, &forgotten));
        } else {
            output::data(&told(known.app, &forgotten))?;
        }
    }
    if global.json {
        output::json(&json!({ "forgotten": documents }))?;
    }
    Ok(ExitCode::Done)
}

/// Who is meant, and which states know something of them. Somebody who is found by an old name in
/// one state is looked for in the others by the id.
fn meant<'c>(
    config: &Config,
    chosen: &[&'c AppSettings],
    who: &str,
) -> Result<(SourceId, Vec<Known<'c>>), Problem> {
    let mut readers = Vec::new();
    let mut people: BTreeMap<SourceId, Vec<String>> = BTreeMap::new();
    for app in chosen {
        let name = app.job.app.as_str();
        let store = |error: StoreError| Problem::of_store(name, error);
        let Some(reader) = open(config, app)? else { continue };
        for id in reader.read(|view| view.people_named(who)).map_err(store)? {
            let traces = reader.read(|view| view.traces(id)).map_err(store)?;
            let found = traces.map(|traces| format!("{name}: {}", whereabouts(&traces)));
            people.entry(id).or_default().extend(found);
        }
        readers.push((*app, reader));
    }
    let person = match people.keys().collect::<Vec<_>>().as_slice() {
        [] => return Err(nobody(chosen, who)),
        [only] => **only,
        _ => return Err(several(who, &people)),
    };
    let mut known = Vec::new();
    for (app, reader) in readers {
        let traces = reader
            .read(|view| view.traces(person))
            .map_err(|error| Problem::of_store(app.job.app.as_str(), error))?;
        known.extend(traces.map(|traces| Known { app, traces }));
    }
    Ok((person, known))
}

fn nobody(chosen: &[&AppSettings], who: &str) -> Problem {
    let names: Vec<String> = chosen.iter().map(|app| format!("`{}`", app.job.app)).collect();
    Problem::usage(format!("the state of {} knows nobody called `{who}`", names.join(", ")))
        .with_hint(
            "nothing was changed. Give the object id, the user principal name or the mail address, \
             in full; a name that the log has no longer is not found, the object id always is",
        )
}

fn several(who: &str, people: &BTreeMap<SourceId, Vec<String>>) -> Problem {
    let mut message = format!("`{who}` is or was the name of {} people", people.len());
    for (id, found) in people {
        write!(message, "\n  {id}  {}", found.join("; ")).expect("a text takes it");
    }
    Problem::usage(message)
        .with_hint("nothing was changed. Say which one is meant, by its object id")
}

fn whereabouts(traces: &Traces) -> &'static str {
    match traces.whereabouts {
        Whereabouts::Assigned => "assigned",
        Whereabouts::InDirectory => "in the directory, not assigned",
        Whereabouts::Gone => "gone from the directory",
    }
}

/// Shows on stderr what will be forgotten and asks, where there is somebody to ask.
fn confirmed(
    who: &str,
    person: SourceId,
    known: &[Known<'_>],
    global: &Global,
) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Err(Problem::usage("forgetting somebody needs a person's yes")
            .with_hint(format!(
                "what was forgotten cannot be brought back. Read it with `entra-scim log --all \
                 --who {who}`, then say `entra-scim forget {who} --yes`"
            ))
            .into());
    }
    let mut stderr = output::stderr();
    if !global.quiet {
        writeln!(stderr, "{}  {person}", output::plain(who))?;
        for Known { app, traces } in known {
            let (app, rows) = (&app.job.app, view::counted(traces.log_rows, "log row"));
            writeln!(stderr, "  {app}: {}, {rows}", whereabouts(traces))?;
        }
    }
    write!(stderr, "Forget this person for good? The accounts stay as they are. [y/N] ")?;
    stderr.flush()?;
    drop(stderr);
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(matches!(line.trim().to_lowercase().as_str(), "y" | "yes"))
}

async fn forget(
    config: &Config,
    app: &AppSettings,
    person: SourceId,
) -> Result<Forgotten, Problem> {
    match give(config, app, &Order::Forget { person }).await? {
        Answer::Forgotten(forgotten) => Ok(forgotten),
        Answer::Refused { message } => {
            Err(Problem::refused(ExitCode::Unexpected, app.job.app.as_str(), message))
        }
        Answer::Done { .. }
        | Answer::Approved { .. }
        | Answer::Cycle { .. }
        | Answer::Provisioned(_) => Err(Problem::answered_otherwise()),
    }
}

/// Whether the next cycle reads the person again, whatever was forgotten.
fn comes_back(app: &AppSettings, traces: &Traces) -> bool {
    match traces.whereabouts {
        Whereabouts::Assigned => true,
        Whereabouts::InDirectory => app.job.scope == Scope::All,
        Whereabouts::Gone => false,
    }
}

fn document(app: &AppSettings, forgotten: &Forgotten) -> Value {
    let traces = &forgotten.traces;
    json!({
        "app": app.job.app.as_str(),
        "log_rows": traces.log_rows,
        "held": traces.held,
        "messages": forgotten.messages,
        "account": traces.account.as_ref().map(|id| json!({ "id": id, "enabled": traces.enabled })),
        "unsettled_create": traces.unsettled,
        "comes_back": comes_back(app, traces),
        "file_rewritten": forgotten.swept,
    })
}

/// What was forgotten, and what of it a person has to know or do.
fn told(app: &AppSettings, forgotten: &Forgotten) -> String {
    let (name, traces) = (app.job.app.as_str(), &forgotten.traces);
    let rows = view::counted(traces.log_rows, "log row");
    let mut text =
        format!("application `{name}` forgot this person: {rows} and all of its state\n");
    let mut line = |words: String| {
        text.push_str("  ");
        text.push_str(&words);
        text.push('\n');
    };
    if let Some(account) = &traces.account {
        let state = if traces.enabled { "enabled" } else { "disabled" };
        line(format!("account `{account}` was left as it is, {state}; nobody else ever gets it"));
    }
    let returns = comes_back(app, traces);
    if traces.enabled && !returns {
        line(
            "it is still enabled, and nothing disables it any more: see to it in the application"
                .to_owned(),
        );
    }
    if traces.unsettled {
        line("a create had no known outcome: an account may be in the application".to_owned());
    }
    if returns && traces.whereabouts == Whereabouts::Assigned {
        line(format!(
            "still assigned to {name}: the next cycle reads them again; unassign them first if \
             they are to stay forgotten"
        ));
    } else if returns {
        line(format!(
            "still in the directory, and {name} provisions everybody: the next cycle reads them \
             again"
        ));
    }
    if forgotten.rereads {
        line("the next cycle reads the directory from the beginning".to_owned());
    }
    if !forgotten.swept {
        line(
            "another process was reading the state file: the next cycle clears the last bytes \
             out of it before anything else"
                .to_owned(),
        );
    }
    text
}
