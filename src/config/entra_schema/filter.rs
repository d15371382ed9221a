//! Scoping filters: Graph's filter groups as tables of ours, and what is lost where one is not.

use super::{
    text::{comment, commented, entry, quoted, shown},
    wire::{Filter, FilterClause, FilterGroup},
};
use crate::{
    model::ObjectKind,
    provisioning::{Clause, ClauseText, Operator},
};

/// What became of a mapping's filters.
#[derive(Default)]
pub(super) struct Filters {
    /// The filters as TOML, comments included.
    pub(super) text: String,
    /// How many filters can be used.
    pub(super) live: usize,
    /// Why others cannot, one sentence each.
    pub(super) lost: Vec<String>,
    /// Whether a restriction is missing, so that more people would be in scope than in Entra.
    pub(super) is_wider: bool,
    /// Whether one of several alternatives is missing, so that fewer would be.
    pub(super) is_narrower: bool,
}

/// The application's name, and whose filters they are.
type Place<'a> = (&'a str, ObjectKind);

/// Translates the scope of a mapping of users or of groups.
pub(super) fn translate(place: Place<'_>, scope: Option<&Filter>) -> Filters {
    let mut filters = Filters::default();
    let Some(scope) = scope else { return filters };
    for group in scope.groups.as_deref().unwrap_or_default() {
        one(place, group, &mut filters);
    }
    if !filters.lost.is_empty() {
        // The filters are alternatives: without any of them everybody is in scope.
        filters.is_wider = filters.live == 0;
        filters.is_narrower = filters.live > 0;
    }
    let other = [
        (
            &scope.input_filter_groups,
            "an input filter leaves people out without deprovisioning them, which has no \
             counterpart",
        ),
        (&scope.category_filter_groups, "a category filter has no counterpart"),
    ];
    for (groups, why) in other {
        for group in groups.as_deref().unwrap_or_default() {
            if group.clauses.as_deref().unwrap_or_default().is_empty() {
                continue;
            }
            filters.is_wider = true;
            lose(place, group, why, &mut filters);
        }
    }
    filters
}

/// One filter. A single clause that cannot be translated takes the whole filter with it: without
/// the clause the filter would let in whom it keeps out.
fn one(place: Place<'_>, group: &FilterGroup, filters: &mut Filters) {
    let clauses = group.clauses.as_deref().unwrap_or_default();
    if clauses.is_empty() {
        return lose(place, group, "the filter has no clauses", filters);
    }
    let problems: Vec<String> =
        clauses.iter().filter_map(|clause| clause_text(place.1, clause).err()).collect();
    if !problems.is_empty() {
        return lose(place, group, &problems.join("; "), filters);
    }
    filters.live += 1;
    filters.text.push('\n');
    let is_pattern = |clause: &FilterClause| {
        clause.operator_name.as_deref().and_then(Operator::parse).is_some_and(Operator::is_regex)
    };
    if clauses.iter().any(is_pattern) {
        comment(
            &mut filters.text,
            "A pattern has to fit the whole value; in a clause with anchor = \"find\" it may fit \
             any part, as .NET reads it.",
        );
    }
    filters.text.push_str(&table(place, group));
}

fn lose(place: Place<'_>, group: &FilterGroup, why: &str, filters: &mut Filters) {
    let name = group.name.as_deref().filter(|name| !name.trim().is_empty());
    let name = name.map_or_else(|| "a filter".to_owned(), |name| format!("filter {}", shown(name)));
    let sentence = format!("{name}: {why}");
    filters.text.push('\n');
    comment(&mut filters.text, &sentence);
    commented(&mut filters.text, &table(place, group));
    filters.lost.push(sentence);
}

fn table((app, kind): Place<'_>, group: &FilterGroup) -> String {
    let section = match kind {
        ObjectKind::User => "users",
        ObjectKind::Group => "groups",
    };
    let mut text = format!("[[apps.{app}.{section}.scoping_filters]]\n");
    if let Some(name) = group.name.as_deref().filter(|name| !name.trim().is_empty()) {
        entry(&mut text, "name", &quoted(name));
    }
    text.push_str("clauses = [\n");
    for clause in group.clauses.as_deref().unwrap_or_default() {
        let inside = clause_text(kind, clause).unwrap_or_else(|_| verbatim(clause));
        for part in ["  { ", &inside, " },\n"] {
            text.push_str(part);
        }
    }
    text.push_str("]\n");
    text
}

/// A clause as the members of its inline table; the error says why it cannot be used.
fn clause_text(kind: ObjectKind, clause: &FilterClause) -> Result<String, String> {
    let written = clause.operator_name.as_deref().unwrap_or_default();
    let Some(operator) = Operator::parse(written) else {
        let hint = if written.eq_ignore_ascii_case("IsMemberOf") {
            "; a clause on `memberOf` takes a group's name or id"
        } else {
            ""
        };
        return Err(format!("the operator {} is not known{hint}", shown(written)));
    };
    let attribute = clause.source_operand_name.as_deref().unwrap_or_default().trim();
    let head =
        format!("attribute = {}, operator = {}", quoted(attribute), quoted(&operator.to_string()));
    let values = values(clause);
    let value = match values.as_slice() {
        _ if !operator.takes_value() => None,
        [value] => Some(*value),
        several => {
            let count = several.len();
            return Err(format!("{operator} compares with one value, and there are {count}"));
        }
    };
    let written = ClauseText {
        attribute,
        operator: operator.as_str(),
        value,
        quantifier: None,
        anchor: None,
    };
    if let Err(errors) = Clause::compile(kind, &written) {
        let problems: Vec<String> = errors.into_iter().map(|error| error.problem).collect();
        return Err(problems.join("; "));
    }
    Ok(match value {
        Some(value) => format!("{head}, value = {}", quoted(value)),
        None => head,
    })
}

/// A clause that cannot be used, as it was written.
fn verbatim(clause: &FilterClause) -> String {
    let text = |text: &Option<String>| quoted(text.as_deref().unwrap_or_default());
    let values: Vec<String> = values(clause).into_iter().map(quoted).collect();
    format!(
        "attribute = {}, operator = {}, value = [{}]",
        text(&clause.source_operand_name),
        text(&clause.operator_name),
        values.join(", ")
    )
}

fn values(clause: &FilterClause) -> Vec<&str> {
    let operand = clause.target_operand.as_ref();
    let values = operand.and_then(|operand| operand.values.as_deref()).unwrap_or_default();
    values.iter().flatten().map(String::as_str).collect()
}
