//! A plan as text: what would happen to whom, and why, in the order in which a person asks.

use std::io::Write;

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use super::{document::reason, output, rows::Plan};
pub(super) use crate::model::{counted, duration, short, thousands};
use crate::{
    model::{ObjectKind, moment},
    provisioning::{Action, ChangeStatus, PlannedChange, Quarantine},
    scim::{REDACTED, is_redacted},
    store::{CycleReport, HeldReport, PlanFilter, RevisionReport, Totals},
};

/// Characters of one value: a certificate or a photo would hide the rest.
const VALUE_CHARS_MAX: usize = 120;

/// The order of the groups: first what appears, last what disappears.
const ORDER: [Action; 7] = [
    Action::Create,
    Action::Adopt,
    Action::Update,
    Action::Enable,
    Action::Disable,
    Action::Delete,
    Action::Skip,
];

/// Writes the rows of a plan, grouped by action; then what failed, then skips worth knowing.
pub(super) fn rows(
    out: &mut dyn Write,
    plan: &impl Plan,
    filter: PlanFilter,
) -> anyhow::Result<()> {
    for action in ORDER {
        plan.each(filter, |row| {
            if row.action == action && !is_failure(row) {
                change(out, row)?;
            }
            Ok(())
        })?;
    }
    plan.each(filter, |row| if is_failure(row) { change(out, row) } else { Ok(()) })
}

fn is_failure(row: &PlannedChange) -> bool {
    row.status == ChangeStatus::Failure
}

/// Writes one row.
pub(super) fn change(out: &mut dyn Write, row: &PlannedChange) -> anyhow::Result<()> {
    let (mark, style) = look(row.action);
    let (style, status) = match row.status {
        ChangeStatus::Planned | ChangeStatus::Sent | ChangeStatus::Success => (style, ""),
        ChangeStatus::Warning => (style, " [warning]"),
        ChangeStatus::Failure => (color(AnsiColor::Red).bold(), " [failed]"),
        ChangeStatus::Skipped if row.action == Action::Skip => (style, ""),
        ChangeStatus::Skipped => (style, " [not sent]"),
        ChangeStatus::Held => (style, " [held]"),
    };
    let action = row.action.as_str();
    let why = reason(row);
    let (name, told) = (output::plain(&row.source_display), output::plain(&why));
    let object = match row.kind {
        ObjectKind::User => "",
        ObjectKind::Group => "group ",
    };
    writeln!(out, "{style}{mark} {action} {object}{name}{style:#}{status}  {told}")?;
    for c in &row.changes {
        match (&c.old, &c.new) {
            (None, Some(new)) => writeln!(out, "    {}: {}", c.path, shown(new))?,
            (old, new) => {
                let text = |value: &Option<Value>| value.as_ref().map_or("(none)".into(), shown);
                writeln!(out, "    {}: {} → {}", c.path, text(old), text(new))?;
            }
        }
    }
    if let Some(failure) = &row.error {
        if failure.detail != why {
            writeln!(out, "    {}: {}", failure.reason, output::plain(&failure.detail))?;
        }
        let advice = failure.reason.recommended_action();
        if advice != "Nothing." {
            writeln!(out, "    what to do: {advice}")?;
        }
    }
    Ok(())
}

fn look(action: Action) -> (char, Style) {
    match action {
        Action::Create => ('+', color(AnsiColor::Green)),
        Action::Adopt => ('=', color(AnsiColor::Cyan)),
        Action::Update => ('~', color(AnsiColor::Yellow)),
        Action::Enable => ('^', color(AnsiColor::Green)),
        Action::Disable => ('-', color(AnsiColor::Red)),
        Action::Delete => ('x', color(AnsiColor::Red)),
        Action::Skip => ('.', Style::new()),
    }
}

fn color(color: AnsiColor) -> Style {
    Style::new().fg_color(Some(color.into()))
}

/// A value as JSON on one line, shortened, unless it is redacted.
pub(super) fn shown(value: &Value) -> String {
    if is_redacted(value) {
        return REDACTED.to_owned();
    }
    let text = value.to_string();
    if text.chars().count() <= VALUE_CHARS_MAX {
        return text;
    }
    text.chars().take(VALUE_CHARS_MAX - 1).chain(['…']).collect()
}

/// One sentence of totals: `3 created, 1 updated; 120 in scope, 116 unchanged`.
pub(super) fn totals(totals: &Totals, dry_run: bool) -> String {
    let words = |count: u64, done: &str, planned: &str| {
        let word = if dry_run { planned } else { done };
        (count > 0).then(|| format!("{} {word}", thousands(count)))
    };
    let parts: Vec<String> = [
        words(totals.create, "created", "to create"),
        words(totals.adopt, "adopted", "to adopt"),
        words(totals.update, "updated", "to update"),
        words(totals.enable, "enabled", "to enable"),
        words(totals.disable, "disabled", "to disable"),
        words(totals.delete, "deleted", "to delete"),
        words(totals.held, "held", "held"),
        words(totals.failure, "failed", "failed"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let done = match (parts.is_empty(), dry_run) {
        (true, true) => "nothing to do".to_owned(),
        (true, false) => "nothing was to be done".to_owned(),
        (false, _) => parts.join(", "),
    };
    let (in_scope, skipped) = (thousands(totals.in_scope), thousands(totals.skip));
    format!("{done}; {in_scope} in scope, {skipped} skipped")
}

/// `3 removals, 8 membership removals and 2 creates`.
pub(super) fn what_is_held(held: &HeldReport) -> String {
    let parts = [
        (held.removals, "removal"),
        (held.membership_removals, "membership removal"),
        (held.creates, "create"),
    ];
    let mut parts: Vec<String> = parts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, noun)| counted(count, noun))
        .collect();
    match (parts.pop(), parts.is_empty()) {
        (None, _) => counted(0, "change"),
        (Some(last), true) => last,
        (Some(last), false) => format!("{} and {last}", parts.join(", ")),
    }
}

/// What a safeguard holds, and the two ways on.
pub(super) fn held(app: &str, held: &HeldReport) -> String {
    let what = what_is_held(held);
    format!(
        "{what} of application `{app}` held by a safeguard\n  caused by: {}\n\n\
         hint: none of them was sent. Read the list with `entra-scim plan {app} --held`, then\n      \
         either restore the scope (apps.{app} in the configuration, or the assignments in Entra)\n      \
         or release exactly this list with `entra-scim approve {app} {}`.\n",
        held.reason,
        short(&held.plan)
    )
}

/// That the job is in quarantine, and what to do.
pub(super) fn quarantine(app: &str, quarantine: &Quarantine) -> String {
    format!(
        "application `{app}` is in quarantine since {}\n  caused by: {}\n\n\
         hint: the service tries again by itself, less and less often, and goes on once a try ends \
         well.\n      When the cause is mended, `entra-scim sync {app}` or `entra-scim restart \
         {app} --quarantine`\n      goes on at once.\n",
        moment(quarantine.series_began),
        quarantine.problem()
    )
}

/// What the cycle cost, and what a person should know.
pub(super) fn footer(report: &CycleReport) -> String {
    let mut text = format!(
        "requests: {} to Microsoft Graph, {} to the application; took {}\n",
        thousands(report.requests.graph),
        thousands(report.requests.target),
        duration(report.duration_ms)
    );
    for warning in &report.warnings {
        text.push_str("warning: ");
        text.push_str(warning);
        text.push('\n');
    }
    text
}

/// What changed since the last finished cycle, and how far that reaches.
pub(super) fn revision(revision: &RevisionReport, dry_run: bool) -> String {
    let mut text = "changed since the last cycle:\n".to_owned();
    for change in &revision.changes {
        text.extend(["  ", change, "\n"]);
    }
    let count = |number: u64, one: &str, many: &str| {
        format!("{} {}", thousands(number), if number == 1 { one } else { many })
    };
    let people = if dry_run { ("person is", "people are") } else { ("person was", "people were") };
    let accounts = if dry_run { "would change" } else { "had to change" };
    text.extend([count(revision.people, people.0, people.1).as_str(), " decided again; "]);
    text.extend([count(revision.accounts, "account", "accounts").as_str(), " ", accounts, "\n"]);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_name_what_happened_and_leave_out_what_did_not() {
        let some =
            Totals { create: 1_200, failure: 2, in_scope: 1_300, skip: 98, ..Totals::default() };
        assert_eq!(totals(&some, true), "1,200 to create, 2 failed; 1,300 in scope, 98 skipped");
        assert_eq!(
            totals(&Totals::default(), false),
            "nothing was to be done; 0 in scope, 0 skipped"
        );
    }
}
