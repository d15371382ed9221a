//! An explanation as text: five steps, each with what it rests on.

use std::io::Write;

use anstyle::{AnsiColor, Style};

use crate::{
    cli::{document::reason, output, view},
    cycle::{Explanation, Found, Members},
    model::ObjectKind,
    provisioning::{
        Action, ChangeStatus, MappedValue, PlannedChange, Presence, Step, StepKind, StepStatus,
    },
};

/// A column of names gets no wider than this, so that the values stay on the screen.
const NAME_CHARS_MAX: usize = 48;

/// How the name of a finding about a clause of a scoping filter begins.
const CLAUSE: &str = "Filter ";

/// Writes the five steps.
pub(super) fn explanation(
    out: &mut dyn Write,
    app: &str,
    explanation: &Explanation,
) -> anyhow::Result<()> {
    let found = &explanation.found;
    let kind = match found.kind {
        ObjectKind::User => "user",
        ObjectKind::Group => "group",
    };
    let bold = Style::new().bold();
    let (name, id) = (output::plain(&found.display), found.id);
    writeln!(out, "{bold}{name}{bold:#}  {kind} {id}, application `{app}`")?;
    let step = |kind| explanation.steps.iter().find(|step| step.kind == kind);
    heading(out, 1, "Found in Entra", step(StepKind::Import))?;
    members(out, found)?;
    heading(out, 2, "Scope", step(StepKind::Scoping))?;
    heading(out, 3, "Match", step(StepKind::Matching))?;
    values(out, explanation)?;
    sent(out, explanation)?;
    if !explanation.notes.is_empty() {
        writeln!(out)?;
    }
    for note in &explanation.notes {
        writeln!(out, "note: {note}")?;
    }
    Ok(())
}

/// A step's number and name, what it came to, and its findings.
pub(in crate::cli) fn heading(
    out: &mut dyn Write,
    number: u8,
    name: &str,
    step: Option<&Step>,
) -> anyhow::Result<()> {
    let bold = Style::new().bold();
    let Some(step) = step else {
        return Ok(writeln!(out, "\n{bold}{number}. {name}{bold:#}: not reached")?);
    };
    let style = match step.status {
        StepStatus::Success => Style::new(),
        StepStatus::Skipped => Style::new().fg_color(Some(AnsiColor::Cyan.into())),
        StepStatus::Warning => Style::new().fg_color(Some(AnsiColor::Yellow.into())),
        StepStatus::Failure => Style::new().fg_color(Some(AnsiColor::Red.into())),
    };
    writeln!(
        out,
        "\n{bold}{number}. {name}{bold:#}: {style}{}{style:#}",
        output::plain(&step.description)
    )?;
    findings(out, step)
}

fn findings(out: &mut dyn Write, step: &Step) -> anyhow::Result<()> {
    let (clauses, others): (Vec<_>, Vec<_>) =
        step.details.iter().partition(|(name, _)| name.starts_with(CLAUSE));
    let width = width(others.iter().map(|(name, _)| name.as_str()));
    for (name, value) in others {
        let values: Vec<&str> = match name.as_str() {
            // Several values under one name stand below each other.
            "Assignments" | "Looked for" => value.split("; ").collect(),
            _ => vec![value],
        };
        for (index, value) in values.into_iter().enumerate() {
            let name = if index == 0 { name } else { "" };
            writeln!(out, "   {name:width$}  {}", output::plain(value))?;
        }
    }
    // A clause is as long as it is, so that what it saw stands below it.
    for (clause, saw) in clauses {
        writeln!(out, "   {}\n     {}", output::plain(clause), output::plain(saw))?;
    }
    Ok(())
}

fn width<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    names.map(|name| name.chars().count()).max().unwrap_or(0).min(NAME_CHARS_MAX)
}

fn members(out: &mut dyn Write, found: &Found) -> anyhow::Result<()> {
    let Some(Members { users, groups, nested, more }) = found.members else { return Ok(()) };
    let at_least = if more { "at least " } else { "" };
    let users = view::counted(users, "user");
    writeln!(out, "   direct members: {at_least}{users}")?;
    if groups > 0 {
        let groups = view::counted(groups, "nested group");
        let own = if nested { "whose members count too" } else { "whose own members do not count" };
        writeln!(out, "   {groups}, {own}")?;
    }
    Ok(())
}

fn values(out: &mut dyn Write, explanation: &Explanation) -> anyhow::Result<()> {
    let bold = Style::new().bold();
    if explanation.mapping.is_empty() {
        return Ok(writeln!(out, "\n{bold}4. Values{bold:#}: none, nothing is mapped")?);
    }
    let withdrawn = if explanation.is_soft_deleted {
        ", with IsSoftDeleted = true; of an account that is withdrawn only what depends on it \
         is written"
    } else {
        ""
    };
    let count = view::counted(explanation.mapping.len() as u64, "mapping");
    writeln!(out, "\n{bold}4. Values{bold:#}: {count}{withdrawn}")?;
    let rows: Vec<(String, String, &MappedValue)> = explanation
        .mapping
        .iter()
        .map(|told| {
            let value = told.value.as_ref().map_or_else(|| "(none)".to_owned(), view::shown);
            (told.target.to_string(), value, told)
        })
        .collect();
    let targets = width(rows.iter().map(|(target, _, _)| short_urn(target)));
    let values = width(rows.iter().map(|(_, value, _)| value.as_str())).min(32);
    for (target, value, told) in &rows {
        let target = short_urn(target);
        let source = told.source.split_whitespace().collect::<Vec<_>>().join(" ");
        let notes = match told.notes.join("; ") {
            notes if notes.is_empty() => notes,
            notes => format!("  ({notes})"),
        };
        writeln!(out, "   {target:targets$}  {value:values$}  from {source}{notes}")?;
    }
    Ok(())
}

/// An extension's attribute without the part of its URN that all have in common.
fn short_urn(target: &str) -> &str {
    target.strip_prefix("urn:ietf:params:scim:schemas:extension:").unwrap_or(target)
}

fn sent(out: &mut dyn Write, explanation: &Explanation) -> anyhow::Result<()> {
    let bold = Style::new().bold();
    write!(out, "\n{bold}5. What would be sent{bold:#}: ")?;
    if explanation.changes.is_empty() {
        let skipped = explanation.steps.iter().find(|step| step.kind == StepKind::Processing);
        writeln!(out, "nothing; {}", skipped.map_or("", |step| &step.description))?;
    } else if explanation.requests.is_empty() {
        writeln!(out, "nothing")?;
    } else {
        writeln!(out, "{}", view::counted(explanation.requests.len() as u64, "request"))?;
    }
    for row in &explanation.changes {
        // Whoever is disabled or deleted needs no advice on roles.
        decision(out, row, !explanation.is_soft_deleted || is_present(&explanation.found))?;
    }
    for step in explanation.steps.iter().filter(|s| s.kind == StepKind::ReferenceResolution) {
        writeln!(out, "   reference: {}", step.description)?;
    }
    for request in &explanation.requests {
        writeln!(out, "\n   {} {}", request.method, request.path)?;
        if let Some(body) = &request.body {
            for line in format!("{body:#}").lines() {
                writeln!(out, "   {line}")?;
            }
        }
    }
    Ok(())
}

fn is_present(found: &Found) -> bool {
    found.presence == Presence::Live && found.enabled != Some(false)
}

fn decision(out: &mut dyn Write, row: &PlannedChange, may_advise: bool) -> anyhow::Result<()> {
    let action = row.action.as_str();
    writeln!(out, "   {action}: {} ({})", output::plain(&reason(row)), row.reason)?;
    if row.action != Action::Create {
        for change in &row.changes {
            let text = |value: &Option<serde_json::Value>| {
                value.as_ref().map_or_else(|| "(none)".to_owned(), view::shown)
            };
            writeln!(out, "     {}: {} → {}", change.path, text(&change.old), text(&change.new))?;
        }
    }
    let concerns = matches!(row.status, ChangeStatus::Failure | ChangeStatus::Warning)
        || (row.status == ChangeStatus::Skipped && row.error.is_some());
    let advice = row.reason.recommended_action();
    if (concerns || (row.action == Action::Skip && may_advise)) && advice != "Nothing." {
        writeln!(out, "     what to do: {advice}")?;
    }
    Ok(())
}
