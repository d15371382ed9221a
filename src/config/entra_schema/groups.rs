//! The mapping of groups: `[apps.NAME.groups]`, switched on where it does here what it does there.
//!
//! The switches under `safeguards` are those of accounts too, so a mapping of groups that may do
//! less, or that lost a filter, is written and stays off until a person has looked.

use std::fmt::Write as _;

use super::{
    filter,
    import::{Import, Placed, flow_types, number, refuse_duplicates},
    row::Row,
    text::{comment, shown},
    wire::ObjectMapping,
};
use crate::{gallery::Unsupported, model::ObjectKind};

/// Takes the first enabled mapping of groups, or the first one; the others stay comments. Returns
/// how many rows and filters load.
pub(super) fn groups(
    import: &mut Import<'_>,
    mappings: &[Placed<'_>],
    users: Option<&ObjectMapping>,
    out: &mut String,
) -> (usize, usize) {
    let is_on = |(_, mapping): &Placed<'_>| mapping.enabled != Some(false);
    let chosen = mappings.iter().position(is_on).or((!mappings.is_empty()).then_some(0));
    let mut counts = (0, 0);
    for (index, placed) in mappings.iter().enumerate() {
        if Some(index) == chosen {
            counts = take(import, *placed, users, out);
        } else {
            let why = "comes after another one, and an application has one";
            import.unused(*placed, why, out);
        }
    }
    counts
}

fn take(
    import: &mut Import<'_>,
    placed: Placed<'_>,
    users: Option<&ObjectMapping>,
    out: &mut String,
) -> (usize, usize) {
    let (rule, mapping) = placed;
    let profile = import.options.profile;
    if !profile.supports(Unsupported::Groups) {
        let why = format!("is one of groups, and profile `{}` has none", profile.name);
        import.unused(placed, &why, out);
        return (0, 0);
    }
    let mut rows = import.rows(placed, ObjectKind::Group);
    refuse_duplicates(&mut rows);
    let renumbered = number(&mut rows, mapping);
    if let Some(why) = incomplete(&rows) {
        import.unused(placed, why, out);
        return (0, 0);
    }
    let app = import.options.app.as_str();
    let filters = filter::translate((app, ObjectKind::Group), mapping.scope.as_ref());
    let mut reasons = Vec::new();
    if mapping.enabled == Some(false) {
        reasons.push("it is disabled in Entra".to_owned());
    }
    if filters.is_wider || filters.is_narrower {
        reasons.push(
            "a filter could not be translated, and without it other groups would be in scope"
                .to_owned(),
        );
    }
    reasons.extend(less_than_users(mapping, users));

    write!(out, "\n[apps.{app}.groups]\n").expect("a String takes everything");
    if reasons.is_empty() {
        out.push_str("enabled = true\n");
    } else {
        let name = shown(mapping.name.as_deref().unwrap_or_default());
        let why = reasons.join("; ");
        let sentence = format!("the mapping {name} of groups is not switched on: {why}");
        comment(out, &sentence);
        import.notes.push(sentence);
        out.push_str("enabled = false\n");
    }
    comment(out, "The rows below replace those of the profile.");
    out.push_str("inherit = false\n");
    if renumbered {
        let sentence = "the matching precedences of groups were counted anew, in the same order";
        import.remark(out, sentence.to_owned());
    }
    for row in &rows {
        row.write(&format!("[[apps.{app}.groups.attributes]]"), out);
        let target = shown(&row.target);
        let told = row.remarks.iter().map(|remark| format!("groups, {target}: {remark}"));
        import.notes.extend(told);
    }
    out.push_str(&filters.text);
    import.notes.extend(filters.lost.iter().map(|lost| format!("groups, {lost}")));
    import.metadata(rule, mapping, out);
    (rows.iter().filter(|row| row.live.is_some()).count(), filters.live)
}

/// Why the rows are no mapping of groups that the configuration takes.
fn incomplete(rows: &[Row]) -> Option<&'static str> {
    let live = || rows.iter().filter_map(|row| row.live.as_ref());
    if !rows.iter().any(Row::matches) {
        Some("is one of groups, and no row of it that loads matches groups")
    } else if !live().any(|row| row.target.is_display_name()) {
        Some("is one of groups, and no row of it that loads is one of `displayName`")
    } else {
        None
    }
}

/// What Entra does with accounts and not with groups: here one switch is for both.
fn less_than_users(mapping: &ObjectMapping, users: Option<&ObjectMapping>) -> Option<String> {
    let groups = flow_types(mapping.flow_types.as_deref());
    let users = flow_types(users.and_then(|users| users.flow_types.as_deref()));
    let kinds = [
        (users.create && !groups.create, "creates"),
        (users.update && !groups.update, "updates"),
        (users.delete && !groups.delete, "deletes"),
    ];
    let missing: Vec<&str> =
        kinds.into_iter().filter(|(less, _)| *less).map(|(_, verb)| verb).collect();
    (!missing.is_empty()).then(|| {
        format!(
            "Entra {} accounts and not groups, and the switches under `safeguards` are for both",
            missing.join(" and ")
        )
    })
}
