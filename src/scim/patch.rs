//! Patches: from what is there and what should be, the fewest operations that any server takes.

use std::{cmp::Ordering, collections::BTreeMap};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    AttributePath, Dialect, ValueFilter, Values,
    create::{filter_value, is_primary_role, typed, without_nulls},
    document::{is_manager, is_primary, manager_id},
    role::{self, ENTRA_ROLE_TYPE, is_primary_role_value, only_adds},
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
/// its last value. `entra-legacy` writes every value under its own path, as Entra does. Roles that
/// only add are told from what `baseline` has, and none of them is removed.
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
            .filter_map(|(path, new)| Some((path, legacy(path, new, baseline.get(path))?)))
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
                steps.extend(element.into_iter().filter_map(|(path, new)| {
                    Some((path, unfiltered(path, new, baseline.get(path))?))
                }));
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
        if is_primary_role(first) {
            element.insert("type".to_owned(), Value::from(ENTRA_ROLE_TYPE));
        }
        for (path, new) in changes {
            let new = new.map(|new| role::plain(path, new, Dialect::Rfc7644));
            match (&path.sub, new) {
                (Some(sub), Some(new)) => drop(element.insert(sub.clone(), new)),
                (None, Some(Value::Object(members))) => element.extend(members),
                (None, Some(_)) | (_, None) => {}
            }
        }
        let attribute = first.whole();
        steps.push((first, operation("add", attribute.to_string(), Some(json!([element])))));
        return;
    }
    let cleared = |path: &AttributePath| {
        changes.iter().any(|(changed, new)| *changed == path && new.is_none())
    };
    let nothing_new = changes.iter().all(|(_, new)| new.is_none());
    if nothing_new && known().all(cleared) {
        let whole = first.without_sub();
        steps.push((first, operation("remove", wire_path(&whole), None)));
        return;
    }
    steps.extend(
        changes
            .into_iter()
            .map(|(path, new)| (path, through_path(path, new, baseline.contains_key(path)))),
    );
}

/// The operation on an attribute that is no element of another; `None` where nothing is to do.
fn unfiltered(path: &AttributePath, new: Option<Value>, old: Option<&Value>) -> Option<Operation> {
    if let Some(new) = new.as_ref().filter(|new| only_adds(new)) {
        let added = role::added(new, old, Dialect::Rfc7644)?;
        return Some(operation("add", wire_path(path), Some(added)));
    }
    // What is asserted replaces whatever is there (RFC 7644 §3.5.2.3: an add, where nothing is).
    let had = old.is_some() || new.as_ref().is_some_and(role::is_assertive);
    Some(through_path(path, new, had))
}

fn through_path(path: &AttributePath, new: Option<Value>, had: bool) -> Operation {
    let new = new.map(|new| role::plain(path, new, Dialect::Rfc7644));
    let op = match (&new, had) {
        (None, _) => "remove",
        (Some(_), true) => "replace",
        (Some(_), false) => "add",
    };
    operation(op, wire_path(path), new)
}

/// What Entra sends without the flag (its own pages on SCIM and on application roles).
fn legacy(path: &AttributePath, new: Option<Value>, old: Option<&Value>) -> Option<Operation> {
    let is_roles = path.urn.is_none() && path.attribute.eq_ignore_ascii_case("roles");
    let Some(new) = new else {
        // The one role was written to the list as a whole, so that is where it is taken from.
        let place = if is_manager(path) {
            "manager".to_owned()
        } else if is_primary_role_value(path) {
            "roles".to_owned()
        } else {
            path.to_string()
        };
        return Some(operation("Remove", place, None));
    };
    if is_manager(path) {
        let reference = json!([{ "$ref": null, "value": manager_id(&new) }]);
        return Some(operation("Add", "manager".to_owned(), Some(reference)));
    }
    if is_primary_role_value(path) {
        // The role as JSON text; a value that is no role of the directory stays as it is.
        let value = if new.is_object() { Value::from(role::text(&new)) } else { new };
        return Some(operation("Add", "roles".to_owned(), Some(json!([{ "value": value }]))));
    }
    if only_adds(&new) {
        let added = role::added(&new, old, Dialect::EntraLegacy)?;
        return Some(operation("Add", path.to_string(), Some(added)));
    }
    if is_roles && path.filter.is_none() && path.sub.is_none() {
        // The assertive form replaces the list, and Entra writes that word in lower case.
        return Some(operation("replace", path.to_string(), Some(new)));
    }
    let value = match new.as_bool() {
        Some(flag) => Value::from(if flag { "True" } else { "False" }),
        None => new,
    };
    let op = if old.is_some() { "Replace" } else { "Add" };
    Some(operation(op, path.to_string(), Some(value)))
}

fn operation(op: &str, path: String, value: Option<Value>) -> Operation {
    Operation { op: op.to_owned(), path: Some(path), value }
}

/// The path's text, with `primary` compared to a boolean (RFC 7644 §3.4.2.2) and not to a text.
fn wire_path(path: &AttributePath) -> String {
    let Some(filter) = path.filter.as_ref().filter(|filter| is_primary(&filter.attribute)) else {
        return path.to_string();
    };
    let attribute = path.whole();
    let sub = path.sub.as_deref().map(|sub| format!(".{sub}")).unwrap_or_default();
    format!("{attribute}[{} eq {}]{sub}", filter.attribute, filter_value(filter))
}

/// Whether two paths lead into the same element of the same multi-valued attribute.
pub(super) fn same_element(one: &AttributePath, other: &AttributePath) -> bool {
    let whole = |path: &AttributePath| path.without_sub();
    one.filter.is_some()
        && other.filter.is_some()
        && whole(one).cmp(&whole(other)) == Ordering::Equal
}
