//! Replacements: the whole resource as it should be, made from the resource as it was last read.
//!
//! For services without PATCH, where a change is a PUT (RFC 7644 §3.5.1), and for whoever reads a
//! resource again because its version changed. Nothing that no change names is touched: attributes
//! and elements of others survive.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{
    AttributeChange, AttributePath, Dialect, ValueFilter, Values,
    create::{as_array, as_object, filter_value, is_primary_role, typed, without_nulls},
    document::{is_primary, matches_filter, member, member_mut},
    patch::same_element,
    project, read,
    role::{self, ENTRA_ROLE_TYPE, only_adds},
    same, schema,
};
use crate::model::{ObjectKind, TargetId};

/// The body of a PUT that makes `changes` to a resource that was read as `document`.
///
/// `baseline` decides, as in [`patch`](super::patch), when the last known value of an element such
/// as `emails[type eq "work"]` is cleared, so that the element goes with it. `id` stays, because
/// some services take it from the body; `meta` goes, because only the service may write it
/// (RFC 7643 §3.1). Nulls go too: they are the same as no value (RFC 7643 §2.5). `schemas` gets
/// what is used beyond what it names, and loses the extensions that become empty.
pub fn replaced(
    kind: ObjectKind,
    document: &Map<String, Value>,
    (baseline, changes): (&Values, &[AttributeChange]),
    dialect: Dialect,
) -> Map<String, Value> {
    let mut body = writable(document);
    let wanted: BTreeMap<&AttributePath, Option<Value>> = changes
        .iter()
        .map(|change| {
            let new = change.new.as_ref().and_then(|new| without_nulls(typed(&change.path, new)));
            (&change.path, new)
        })
        .collect();
    for (path, new) in &wanted {
        match new {
            Some(new) => set(&mut body, path, new.clone(), dialect),
            None => clear(&mut body, path, is_last_of_element(path, baseline, &wanted)),
        }
    }
    name_schemas(kind, &mut body);
    body
}

/// The body of a PUT that adds members to a group that was read as `document`, and removes others.
///
/// The rest keeps its order and whatever the service says of it; nobody becomes a member twice. The
/// group must have been read with its members.
pub fn with_members(
    document: &Map<String, Value>,
    adds: &[TargetId],
    removes: &[TargetId],
) -> Map<String, Value> {
    let mut body = writable(document);
    let removes: BTreeSet<&str> = removes.iter().map(TargetId::as_str).collect();
    let members = as_array(member_mut(&mut body, "members"));
    members.retain(|member| !member_id(member).is_some_and(|id| removes.contains(id)));
    let mut present: BTreeSet<String> =
        members.iter().filter_map(member_id).map(str::to_owned).collect();
    for id in adds {
        if present.insert(id.as_str().to_owned()) {
            members.push(json!({ "value": id.as_str() }));
        }
    }
    let is_empty = members.is_empty();
    if is_empty {
        remove(&mut body, "members");
    }
    name_schemas(ObjectKind::Group, &mut body);
    body
}

/// The ids of the members that a group shows; `None` where it shows no such attribute, which an
/// empty group may do, and so does a service that keeps its members to itself.
pub fn members_shown(group: &Map<String, Value>) -> Option<BTreeSet<&str>> {
    let members = member(group, "members")?.as_array()?;
    Some(members.iter().filter_map(member_id).collect())
}

/// What of `changes` is still to be made to a resource that is read as `document`, and what it has
/// at these paths and at those of `known`.
pub fn outstanding<'a>(
    document: &Map<String, Value>,
    known: impl IntoIterator<Item = &'a AttributePath>,
    changes: &'a [AttributeChange],
) -> (Values, Vec<AttributeChange>) {
    let paths = known.into_iter().chain(changes.iter().map(|change| &change.path));
    let there = project(document, paths);
    let is_made = |change: &AttributeChange| match (&change.new, read(document, &change.path)) {
        (None, None) => true,
        (Some(new), theirs) if only_adds(new) => {
            role::added(new, theirs.as_ref(), Dialect::Rfc7644).is_none()
        }
        (Some(new), Some(theirs)) => same(&change.path, new, &theirs),
        (None, Some(_)) | (Some(_), None) => false,
    };
    let left = changes
        .iter()
        .filter(|change| !is_made(change))
        .map(|change| AttributeChange { old: there.get(&change.path).cloned(), ..change.clone() });
    let left = left.collect();
    (there, left)
}

/// A resource without what only the service may write, and without nulls.
fn writable(document: &Map<String, Value>) -> Map<String, Value> {
    document
        .iter()
        .filter(|(name, _)| !name.eq_ignore_ascii_case("meta"))
        .filter_map(|(name, value)| Some((name.clone(), without_nulls(value.clone())?)))
        .collect()
}

fn member_id(one: &Value) -> Option<&str> {
    match one {
        Value::String(id) => Some(id),
        Value::Object(object) => member(object, "value")?.as_str(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
    }
}

/// Whether nothing known remains of the element that `path` leads into.
fn is_last_of_element(
    path: &AttributePath,
    baseline: &Values,
    wanted: &BTreeMap<&AttributePath, Option<Value>>,
) -> bool {
    let mut changed = wanted.iter().filter(|(other, _)| same_element(path, other));
    let mut known = baseline.keys().filter(|other| same_element(path, other));
    changed.all(|(_, new)| new.is_none()) && known.all(|other| wanted.contains_key(other))
}

/// Where the attribute of a path stands, and its name there: at the top, in its extension, or as
/// `urn:…:User:department` beside the core attributes, as some services have it.
fn holder<'d>(
    body: &'d mut Map<String, Value>,
    path: &AttributePath,
) -> (&'d mut Map<String, Value>, String) {
    let Some(urn) = path.urn.as_deref().filter(|urn| !schema::is_core(urn)) else {
        return (body, path.attribute.clone());
    };
    let flat = format!("{urn}:{}", path.attribute);
    if member(body, urn).is_none() && member(body, &flat).is_some() {
        return (body, flat);
    }
    (as_object(member_mut(body, urn)), path.attribute.clone())
}

fn set(body: &mut Map<String, Value>, path: &AttributePath, value: Value, dialect: Dialect) {
    let (holder, name) = holder(body, path);
    let slot = member_mut(holder, &name);
    if only_adds(&value) {
        let known = as_elements(slot);
        let missing = role::missing(&value, known).into_iter().cloned().collect();
        // As in a create, in both dialects: JSON text inside `value` is for a PATCH only.
        if let Value::Array(missing) = role::plain(path, missing, dialect) {
            known.extend(missing);
        }
        return;
    }
    let value = role::plain(path, value, dialect);
    let Some(filter) = &path.filter else {
        match (&path.sub, slot) {
            (Some(sub), Value::Array(elements)) => {
                let index = first_or_primary(elements);
                if elements.is_empty() {
                    elements.push(json!({}));
                }
                *member_mut(as_object(&mut elements[index]), sub) = value;
            }
            (Some(sub), slot) => *member_mut(as_object(slot), sub) = value,
            (None, slot) => *slot = value,
        }
        return;
    };
    let element = element(as_elements(slot), filter, path.sub.as_deref());
    if is_primary_role(path) {
        element.entry("type").or_insert_with(|| Value::from(ENTRA_ROLE_TYPE));
    }
    match (&path.sub, value) {
        (Some(sub), value) => *member_mut(element, sub) = value,
        (None, Value::Object(members)) => element.extend(members),
        (
            None,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_),
        ) => {}
    }
}

/// The element that reading `path` would show, else the first that the filter picks, else another.
fn element<'e>(
    elements: &'e mut Vec<Value>,
    filter: &ValueFilter,
    sub: Option<&str>,
) -> &'e mut Map<String, Value> {
    let has = |element: &Value| {
        sub.is_some_and(|sub| element.as_object().is_some_and(|it| member(it, sub).is_some()))
    };
    let picked = |element: &&Value| matches_filter(element, filter);
    let shown = elements.iter().position(|element| picked(&element) && has(element));
    let index = shown.or_else(|| elements.iter().position(|element| picked(&element)));
    let index = index.unwrap_or_else(|| {
        elements.push(json!({ filter.attribute.as_str(): filter_value(filter) }));
        elements.len() - 1
    });
    as_object(&mut elements[index])
}

/// The elements of a multi-valued attribute; one that a service shows alone is an element too.
fn as_elements(slot: &mut Value) -> &mut Vec<Value> {
    if slot.is_object() {
        *slot = Value::Array(vec![slot.take()]);
    }
    as_array(slot)
}

fn first_or_primary(elements: &[Value]) -> usize {
    let is_marked = |element: &Value| {
        let members = element.as_object().into_iter().flatten();
        members.into_iter().any(|(name, value)| is_primary(name) && value == &Value::Bool(true))
    };
    elements.iter().position(is_marked).unwrap_or(0)
}

fn clear(body: &mut Map<String, Value>, path: &AttributePath, takes_element: bool) {
    let (holder, name) = holder(body, path);
    let Some(slot) = existing(holder, &name) else {
        drop_empty_extension(body, path);
        return;
    };
    match (&path.filter, &path.sub, slot) {
        (Some(filter), sub, Value::Array(elements)) => match sub {
            Some(sub) if !takes_element => {
                let picked = elements.iter_mut().filter(|one| matches_filter(one, filter));
                for element in picked.filter_map(Value::as_object_mut) {
                    remove(element, sub);
                }
            }
            Some(_) | None => elements.retain(|element| !matches_filter(element, filter)),
        },
        (Some(_), _, _) => {}
        (None, Some(sub), Value::Array(elements)) => {
            let index = first_or_primary(elements);
            if let Some(element) = elements.get_mut(index).and_then(Value::as_object_mut) {
                remove(element, sub);
            }
            elements.retain(|element| !is_empty(element));
        }
        (None, Some(sub), Value::Object(members)) => remove(members, sub),
        (None, Some(_) | None, slot) => *slot = Value::Null,
    }
    if existing(holder, &name).is_some_and(|slot| slot.is_null() || is_empty(slot)) {
        remove(holder, &name);
    }
    drop_empty_extension(body, path);
}

fn drop_empty_extension(body: &mut Map<String, Value>, path: &AttributePath) {
    let Some(urn) = path.urn.as_deref().filter(|urn| !schema::is_core(urn)) else { return };
    if member(body, urn).is_some_and(is_empty) {
        remove(body, urn);
        if let Some(Value::Array(schemas)) = existing(body, "schemas") {
            schemas.retain(|one| !one.as_str().is_some_and(|it| it.eq_ignore_ascii_case(urn)));
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(elements) => elements.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn existing<'d>(object: &'d mut Map<String, Value>, name: &str) -> Option<&'d mut Value> {
    let key = object.keys().find(|key| key.eq_ignore_ascii_case(name))?.clone();
    object.get_mut(&key)
}

fn remove(object: &mut Map<String, Value>, name: &str) {
    object.retain(|key, _| !key.eq_ignore_ascii_case(name));
}

/// Lets `schemas` name what the resource uses (RFC 7643 §3).
fn name_schemas(kind: ObjectKind, body: &mut Map<String, Value>) {
    let is_extension =
        |key: &&String| key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("urn:"));
    let used: Vec<String> = body
        .iter()
        .filter(|(_, value)| value.is_object())
        .map(|(key, _)| key)
        .filter(is_extension)
        .cloned()
        .collect();
    let schemas = as_array(member_mut(body, "schemas"));
    if schemas.is_empty() {
        schemas.push(schema::core(kind).into());
    }
    for urn in used {
        if !schemas.iter().any(|one| one.as_str().is_some_and(|it| it.eq_ignore_ascii_case(&urn))) {
            schemas.push(urn.into());
        }
    }
}
