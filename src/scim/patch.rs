//! Patches: from what is there and what should be, the fewest operations that any server takes.

use std::{cmp::Ordering, collections::BTreeMap};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    AttributePath, Dialect, ValueFilter, Values,
    create::{filter_value, is_primary_role, typed, without_nulls},
    document::{is_manager, is_primary, manager_id},
    schema,
};

/// A PATCH request's body (RFC 7644 §3.5.2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PatchRequest {
    /// Always the PatchOp message schema.
    pub schemas: Vec<String>,
    /// What to do, in order.
    #[serde(rename = "Operations")]
    pub operations: Vec<Operation>,
}

/// One operation of a PATCH.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// `add`, `replace` or `remove`, in the dialect's case.
    pub op: String,
    /// Where; RFC 7644 allows it to be absent for `add` and `replace`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What; absent for most removals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
}

/// One attribute's difference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttributeChange {
    /// Which attribute.
    pub path: AttributePath,
    /// Its value so far; `None` where it had none, or where it is unknown.
    pub old: Option<Value>,
    /// Its value from now on; `None` clears it.
    pub new: Option<Value>,
}

/// The PATCH that makes `changes` to a resource that has `baseline`.
///
/// Whether an attribute has a value is decided by `baseline` alone, so a change that clears what
/// `baseline` does not have needs no operation. In `rfc7644`, single values are added, replaced or
/// removed under their own path. An element such as `emails[type eq "work"]` that has no value in
/// `baseline` is added whole to its attribute, because a filter that picks nothing is an error
/// (RFC 7644 §3.5.2.3); one that has is changed through its value path, and is removed whole with
/// its last value. `entra-legacy` writes every value under its own path, as Entra does.
///
/// The order is fixed: `active` first, then removals, replacements and additions, each by path.
/// Removals come first to free unique values.
pub fn patch(baseline: &Values, changes: &[AttributeChange], dialect: Dialect) -> PatchRequest {
    let changes: BTreeMap<&AttributePath, Option<Value>> = changes
        .iter()
        .map(|change| {
            let new = change.new.as_ref().and_then(|new| without_nulls(typed(&change.path, new)));
            (&change.path, new)
        })
        .filter(|(path, new)| new.is_some() || baseline.contains_key(*path))
        .collect();
    let mut steps = match dialect {
        Dialect::Rfc7644 => standard(baseline, changes),
        Dialect::EntraLegacy => changes
            .into_iter()
            .map(|(path, new)| (path, legacy(path, new, baseline.contains_key(path))))
            .collect(),
    };
    steps.sort_by(|(path, step), (other_path, other)| {
        (!path.is_active()).cmp(&!other_path.is_active()).then(rank(step).cmp(&rank(other)))
    });
    PatchRequest {
        schemas: vec![schema::PATCH_OP.to_owned()],
        operations: steps.into_iter().map(|(_, operation)| operation).collect(),
    }
}

/// An operation and the path it was made for, by which the sort keeps its order.
type Step<'a> = (&'a AttributePath, Operation);

fn rank(operation: &Operation) -> u8 {
    match operation.op.to_ascii_lowercase().as_str() {
        "remove" => 0,
        "replace" => 1,
        _ => 2,
    }
}

fn standard<'a>(
    baseline: &Values,
    changes: BTreeMap<&'a AttributePath, Option<Value>>,
) -> Vec<Step<'a>> {
    let mut steps = Vec::new();
    let mut rest = changes.into_iter().peekable();
    while let Some((path, new)) = rest.next() {
        // Paths of one element are neighbours in the order of paths.
        let mut element = vec![(path, new)];
        while let Some(next) = rest.next_if(|(next, _)| same_element(path, next)) {
            element.push(next);
        }
        match &path.filter {
            None => {
                steps.extend(element.into_iter().map(|(path, new)| {
                    (path, through_path(path, new, baseline.contains_key(path)))
                }))
            }
            Some(filter) => element_steps(baseline, filter, element, &mut steps),
        }
    }
    steps
}

/// The operations on one element of a multi-valued attribute.
fn element_steps<'a>(
    baseline: &Values,
    filter: &ValueFilter,
    changes: Vec<(&'a AttributePath, Option<Value>)>,
    steps: &mut Vec<Step<'a>>,
) {
    let Some((first, _)) = changes.first() else { return };
    let first = *first;
    let known = || baseline.keys().filter(|path| same_element(first, path));
    if known().next().is_none() {
        let mut element = Map::from_iter([(filter.attribute.clone(), filter_value(filter))]);
        for (path, new) in changes {
            match (&path.sub, new) {
                (Some(sub), Some(new)) => drop(element.insert(sub.clone(), new)),
                (None, Some(Value::Object(members))) => element.extend(members),
                (None, Some(_)) | (_, None) => {}
            }
        }
        let attribute = AttributePath { filter: None, sub: None, ..first.clone() };
        steps.push((first, operation("add", attribute.to_string(), Some(json!([element])))));
        return;
    }
    let cleared = |path: &AttributePath| {
        changes.iter().any(|(changed, new)| *changed == path && new.is_none())
    };
    let nothing_new = changes.iter().all(|(_, new)| new.is_none());
    if nothing_new && known().all(cleared) {
        let whole = AttributePath { sub: None, ..first.clone() };
        steps.push((first, operation("remove", wire_path(&whole), None)));
        return;
    }
    steps.extend(
        changes
            .into_iter()
            .map(|(path, new)| (path, through_path(path, new, baseline.contains_key(path)))),
    );
}

fn through_path(path: &AttributePath, new: Option<Value>, had: bool) -> Operation {
    let op = match (&new, had) {
        (None, _) => "remove",
        (Some(_), true) => "replace",
        (Some(_), false) => "add",
    };
    operation(op, wire_path(path), new)
}

/// What Entra sends without the flag (its own pages on SCIM and on application roles).
fn legacy(path: &AttributePath, new: Option<Value>, had: bool) -> Operation {
    let is_roles = path.urn.is_none() && path.attribute.eq_ignore_ascii_case("roles");
    let Some(new) = new else {
        let place = if is_manager(path) { "manager".to_owned() } else { path.to_string() };
        return operation("Remove", place, None);
    };
    if is_manager(path) {
        let reference = json!([{ "$ref": null, "value": manager_id(&new) }]);
        return operation("Add", "manager".to_owned(), Some(reference));
    }
    if is_primary_role(path) && path.sub.as_deref().is_some_and(|s| s.eq_ignore_ascii_case("value"))
    {
        return operation("Add", "roles".to_owned(), Some(json!([{ "value": new }])));
    }
    if is_roles && path.filter.is_none() && path.sub.is_none() {
        // Roles with `displayName` are those of AppRoleAssignmentsComplex, which only ever adds;
        // the assertive form replaces the list, and Entra writes that word in lower case.
        let only_adds = new
            .as_array()
            .is_some_and(|roles| roles.iter().any(|role| role.get("displayName").is_some()));
        return operation(if only_adds { "Add" } else { "replace" }, path.to_string(), Some(new));
    }
    let value = match new {
        Value::Bool(flag) => Value::from(if flag { "True" } else { "False" }),
        other => other,
    };
    operation(if had { "Replace" } else { "Add" }, path.to_string(), Some(value))
}

fn operation(op: &str, path: String, value: Option<Value>) -> Operation {
    Operation { op: op.to_owned(), path: Some(path), value }
}

/// The path's text, with `primary` compared to a boolean (RFC 7644 §3.4.2.2) and not to a text.
fn wire_path(path: &AttributePath) -> String {
    let Some(filter) = path.filter.as_ref().filter(|filter| is_primary(&filter.attribute)) else {
        return path.to_string();
    };
    let attribute = AttributePath { filter: None, sub: None, ..path.clone() };
    let sub = path.sub.as_deref().map(|sub| format!(".{sub}")).unwrap_or_default();
    format!("{attribute}[{} eq {}]{sub}", filter.attribute, filter_value(filter))
}

/// Whether two paths lead into the same element of the same multi-valued attribute.
fn same_element(one: &AttributePath, other: &AttributePath) -> bool {
    let whole = |path: &AttributePath| AttributePath { sub: None, ..path.clone() };
    one.filter.is_some()
        && other.filter.is_some()
        && whole(one).cmp(&whole(other)) == Ordering::Equal
}
