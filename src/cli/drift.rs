//! The command `drift`: which accounts are not as they were left, out of the state or by looking
//! now.

use std::{io::Write, sync::Arc};

use serde_json::{Value, json};

use super::{
    apps,
    args::{DriftArgs, Global},
    exit::ExitCode,
    explain::failed,
    output,
    plan::open,
    problem::Problem,
    progress::Meter,
    view,
};
use crate::{
    config::{AppSettings, Config},
    daemon::{SystemClock, compare_accounts, stop_on_signals},
    model::{Clock, ObjectKind, Timestamp, moment},
    provisioning::{Correction, DriftFinding, DriftKind, DriftMode, csv},
    scim,
    store::{DriftCounts, DriftListing, DriftPart, Engine, StateRead},
    web::DriftStanding,
};

/// Findings read at once.
const PAGE: u32 = 500;

const CSV_COLUMNS: [&str; 10] = [
    "kind",
    "object",
    "source_id",
    "source_name",
    "target_id",
    "target_name",
    "attribute",
    "exported",
    "found",
    "correction",
];

pub(super) async fn run(args: &DriftArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let config = apps::configuration(global)?;
    let app = apps::one(&config, args.app.as_deref())?;
    let name = app.job.app.as_str();
    if args.now {
        let compared = compare(&config, app, global).await?;
        return show(app, &compared, args, global);
    }
    match open(&config, app)? {
        Some(reader) => show(app, &reader, args, global),
        None => Err(Problem::usage(format!("application `{name}` has no state yet"))
            .with_hint(format!("run a cycle first: entra-scim sync {name}"))
            .into()),
    }
}

/// Compares into a private copy of the state.
async fn compare(config: &Config, app: &AppSettings, global: &Global) -> anyhow::Result<Engine> {
    let stop = stop_on_signals().map_err(Problem::from)?;
    let meter = Meter::new(app.job.app.as_str(), global);
    let tell = |progress: &crate::store::Progress| meter.tell(progress);
    let compared = compare_accounts(config, app, &stop, &tell, Arc::new(SystemClock)).await;
    meter.end();
    let compared = compared.map_err(Problem::from)?;
    Ok(compared.map_err(|error| failed(app.job.app.as_str(), error))?)
}

/// A line of `status`; `None` where there is nothing to say.
pub(super) fn line(standing: &DriftStanding, app: &str) -> Option<String> {
    if let Some(broken) = &standing.broken_off {
        let at = moment(broken.at);
        return Some(format!("accounts could not be compared at {at}: {}", broken.problem));
    }
    let (check, counts) = standing.check.as_ref()?;
    let at = check.ended.map(moment).unwrap_or_default();
    if counts.all() == 0 {
        return Some(format!("none at {at}"));
    }
    Some(format!("{} at {at}: `entra-scim drift {app}`", counted(*counts)))
}

fn counted(counts: DriftCounts) -> String {
    let DriftCounts { changed, missing, added } = counts;
    let number = view::thousands;
    format!("{} changed, {} missing, {} added", number(changed), number(missing), number(added))
}

fn show(
    app: &AppSettings,
    state: &impl StateRead,
    args: &DriftArgs,
    global: &Global,
) -> anyhow::Result<ExitCode> {
    let now = SystemClock.now();
    let (name, rule) = (app.job.app.as_str(), &app.job.drift);
    let standing = state.read(|view| DriftStanding::read(view, rule, now))?;
    let (mut documents, mut lines) = (Vec::new(), Vec::new());
    if let Some((check, _)) = &standing.check {
        let mut after = 0;
        loop {
            let rows = state.read(|view| view.drift_findings(check.id, after, PAGE))?;
            let Some((last, _)) = rows.last() else { break };
            after = *last;
            for (_, finding) in rows {
                if global.json {
                    documents.push(document(&finding));
                } else if args.csv {
                    lines.extend(cells(&finding));
                } else {
                    output::stream(|out| text(out, &finding))?;
                }
            }
        }
    }
    if global.json {
        output::json(&whole(name, &standing, &documents))?;
    } else if args.csv {
        output::data(&csv(CSV_COLUMNS, lines).replace("\r\n", "\n"))?;
    } else {
        output::stream(|out| summary(out, name, &standing, now))?;
    }
    Ok(ExitCode::Done)
}

fn whole(app: &str, standing: &DriftStanding, findings: &[Value]) -> Value {
    let check = standing.check.as_ref().map(|(check, counts)| {
        json!({
            "began": moment(check.began),
            "ended": check.ended.map(moment),
            "mode": check.mode.as_str(),
            "changed": counts.changed,
            "missing": counts.missing,
            "added": counts.added,
            "requests": check.requests,
            "users": part(&check.users, "account"),
            "groups": check.groups.as_ref().map(|groups| part(groups, "group")),
        })
    });
    let broken_off = standing.broken_off.as_ref().map(|broken| {
        json!({
            "at": moment(broken.at),
            "not_before": moment(broken.not_before),
            "problem": broken.problem,
        })
    });
    json!({
        "app": app,
        "mode": standing.mode.as_str(),
        "check": check,
        "broken_off": broken_off,
        "next": standing.next.map(moment),
        "findings": findings,
    })
}

fn part(part: &DriftPart, noun: &str) -> Value {
    json!({
        "linked": part.linked,
        "compared": part.compared,
        "not_shown": part.not_shown().map(ToString::to_string).collect::<Vec<String>>(),
        "notes": notes(part, noun),
    })
}

fn document(finding: &DriftFinding) -> Value {
    let seen = |value: &Option<Value>| value.as_ref().map(scim::shown);
    let attributes: Vec<Value> = finding
        .changes
        .iter()
        .map(|c| {
            let (exported, found) = (seen(&c.old), seen(&c.new));
            json!({ "path": c.path.to_string(), "exported": exported, "found": found })
        })
        .collect();
    json!({
        "kind": finding.kind.as_str(),
        "object": finding.object,
        "source": finding.source.map(|id| json!({ "id": id, "display": finding.source_display })),
        "target": { "id": finding.target, "display": finding.target_display },
        "attributes": attributes,
        "correction": finding.correction,
    })
}

/// One line for each attribute; for what has none, one line.
fn cells(finding: &DriftFinding) -> Vec<[String; 10]> {
    let value = |value: &Option<Value>| {
        let Some(shown) = value.as_ref().map(scim::shown) else { return String::new() };
        shown.as_str().map_or_else(|| shown.to_string(), str::to_owned)
    };
    let word = |value: Value| value.as_str().unwrap_or_default().to_owned();
    let line = |attribute: String, exported: String, found: String| {
        [
            finding.kind.as_str().to_owned(),
            word(json!(finding.object)),
            finding.source.map(|id| id.to_string()).unwrap_or_default(),
            finding.source_display.clone().unwrap_or_default(),
            finding.target.to_string(),
            finding.target_display.clone().unwrap_or_default(),
            attribute,
            exported,
            found,
            word(json!(finding.correction)),
        ]
    };
    if finding.changes.is_empty() {
        return vec![line(String::new(), String::new(), String::new())];
    }
    let changes = finding.changes.iter();
    changes.map(|c| line(c.path.to_string(), value(&c.old), value(&c.new))).collect()
}

fn text(out: &mut dyn Write, finding: &DriftFinding) -> anyhow::Result<()> {
    let name = finding.source_display.as_deref().or(finding.target_display.as_deref());
    let (name, target) = (output::plain(name.unwrap_or("-")), finding.target.to_string());
    let why = match finding.kind {
        DriftKind::Changed => "",
        DriftKind::Missing => "  it is gone",
        DriftKind::Added => "  nobody is linked to it",
    };
    let then = match finding.correction {
        Correction::None => "",
        Correction::Planned => "  [corrected by the next cycle]",
        Correction::ByHand => "  [not corrected: it may have become somebody else's]",
    };
    let kind = finding.kind.as_str();
    let name = match finding.object {
        ObjectKind::User => name,
        ObjectKind::Group => format!("group {name}").into(),
    };
    writeln!(out, "{kind:<8} {name}  ({}){why}{then}", output::plain(&target))?;
    for c in &finding.changes {
        let value = |value: &Option<Value>| value.as_ref().map_or("(none)".into(), view::shown);
        let (exported, found) = (value(&c.old), value(&c.new));
        writeln!(out, "    {}: {exported} → {}", c.path, output::plain(&found))?;
    }
    Ok(())
}

fn summary(
    out: &mut dyn Write,
    app: &str,
    standing: &DriftStanding,
    now: Timestamp,
) -> anyhow::Result<()> {
    match &standing.check {
        None => writeln!(out, "no account of application `{app}` was compared yet")?,
        Some((check, counts)) => {
            let at = check.ended.map(moment).unwrap_or_default();
            let requests = view::counted(check.requests, "request");
            writeln!(out, "`{app}` at {at}: {}; {requests}", counted(*counts))?;
            compared(out, &check.users, "account")?;
            if let Some(groups) = &check.groups {
                compared(out, groups, "group")?;
            }
        }
    }
    if let Some(broken) = &standing.broken_off {
        let at = moment(broken.at);
        writeln!(out, "warning: it was broken off at {at}: {}", broken.problem)?;
    }
    let next = match (standing.mode, standing.next) {
        (DriftMode::Off, _) => format!("`apps.{app}.drift` is \"off\": no cycle compares them"),
        (_, None) => "the first comparison is due in the week after the first cycle".to_owned(),
        (_, Some(next)) if next <= now => "the next comparison is due in the next cycle".to_owned(),
        (_, Some(next)) => format!("the next comparison is due at {}", moment(next)),
    };
    writeln!(out, "{next}; at once, and without a correction: `entra-scim drift {app} --now`")?;
    Ok(())
}

fn compared(out: &mut dyn Write, part: &DriftPart, noun: &str) -> anyhow::Result<()> {
    let linked = view::counted(part.linked, &format!("linked {noun}"));
    writeln!(out, "{} of {linked} compared", view::thousands(part.compared))?;
    for note in notes(part, noun) {
        writeln!(out, "note: {note}")?;
    }
    Ok(())
}

/// What limits what a comparison can say.
fn notes(check: &DriftPart, noun: &str) -> Vec<String> {
    let mut notes = Vec::new();
    let not_shown: Vec<String> = check.not_shown().map(|path| format!("`{path}`")).collect();
    if !not_shown.is_empty() {
        let paths = not_shown.join(", ");
        notes.push(format!("not compared, because the application shows it of nobody: {paths}"));
    }
    match &check.listing {
        Some(DriftListing::Partial(why)) => {
            notes.push(format!("{why}; so no {noun} counts as missing or added"));
        }
        Some(DriftListing::None(why)) => {
            notes.push(format!("{why}; each {noun} was asked for, and none counts as added"));
        }
        Some(DriftListing::Complete) | None => {}
    }
    let mut count = |count: u64, what: &str| {
        if count > 0 {
            notes.push(format!("{} {what}", view::counted(count, noun)));
        }
    };
    count(check.left_out, "left out: just written, or with a write whose outcome is not known");
    count(check.unread, "could not be read");
    count(check.hidden, "that we disabled not shown: gone, or hidden because of that");
    count(check.unproven, "not found, without proof that they are gone");
    notes
}
