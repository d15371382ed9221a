//! The body of a create.

use serde_json::{Map, Value, json};

use super::{
    AttributePath, Dialect, ENTERPRISE_USER, ValueFilter, Values,
    document::{as_flag, is_manager, is_primary, manager_id, member, member_mut},
    role::{self, ENTRA_ROLE_TYPE},
    schema,
};
use crate::model::ObjectKind;

/// The body of a POST that creates an object with these values. It never holds a null.
///
/// The elements of multi-valued attributes are put together from their paths; the work e-mail is
/// the primary one unless another is. Booleans are booleans in both dialects. `rfc7644` names
/// exactly the schemas used; `entra-legacy` names core and enterprise (for a group Microsoft's
/// own), never custom ones, and adds `meta.resourceType`, as Entra does. The primary role has the
/// type that Entra gives it.
pub fn create_body(kind: ObjectKind, values: &Values, dialect: Dialect) -> Map<String, Value> {
    let mut body = Map::new();
    let mut extensions: Vec<String> = Vec::new();
    for (path, value) in values {
        let Some(value) = without_nulls(typed(path, value)) else { continue };
        let value = role::plain(path, value, dialect);
        match path.urn.as_deref().filter(|urn| !schema::is_core(urn)) {
            None => put(&mut body, path, value),
            Some(urn) => {
                // Paths are ordered by URN, so one extension's paths come together.
                if !extensions.last().is_some_and(|last| last.eq_ignore_ascii_case(urn)) {
                    extensions.push(urn.to_owned());
                }
                put(as_object(member_mut(&mut body, urn)), path, value);
            }
        }
    }
    mark_primary_email(&mut body);
    let mut schemas = vec![schema::core(kind).to_owned()];
    match dialect {
        Dialect::Rfc7644 => {
            extensions.sort_unstable();
            schemas.append(&mut extensions);
        }
        Dialect::EntraLegacy => {
            let (extension, resource_type) = match kind {
                ObjectKind::User => (ENTERPRISE_USER, "User"),
                ObjectKind::Group => (schema::MICROSOFT_GROUP, "Group"),
            };
            schemas.push(extension.to_owned());
            body.insert("meta".to_owned(), json!({ "resourceType": resource_type }));
        }
    }
    body.insert("schemas".to_owned(), json!(schemas));
    body
}

/// The value in its JSON type: flags given as text become booleans, a manager becomes an object.
pub(super) fn typed(path: &AttributePath, value: &Value) -> Value {
    if is_manager(path) {
        return match manager_id(value) {
            Some(id) => json!({ "value": id }),
            None => Value::Null,
        };
    }
    let is_flag = path.is_active() || path.sub.as_deref().is_some_and(is_primary);
    match value.as_str().filter(|_| is_flag).and_then(as_flag) {
        Some(flag) => Value::Bool(flag),
        None => value.clone(),
    }
}

/// The value of a filter as the element has it: `primary` is a boolean, all else text.
pub(super) fn filter_value(filter: &ValueFilter) -> Value {
    match as_flag(&filter.value).filter(|_| is_primary(&filter.attribute)) {
        Some(flag) => Value::Bool(flag),
        None => Value::from(filter.value.as_str()),
    }
}

/// Puts a value where its path says, inside a resource or an extension.
fn put(object: &mut Map<String, Value>, path: &AttributePath, value: Value) {
    let slot = member_mut(object, &path.attribute);
    let holder = match &path.filter {
        None => slot,
        Some(filter) => element(as_array(slot), filter),
    };
    if is_primary_role(path) {
        as_object(holder).entry("type").or_insert_with(|| Value::from(ENTRA_ROLE_TYPE));
    }
    match (&path.sub, value) {
        (Some(sub), value) => *member_mut(as_object(holder), sub) = value,
        (None, Value::Object(members)) if path.filter.is_some() => {
            as_object(holder).extend(members);
        }
        (None, value) => *holder = value,
    }
}

/// Whether `path` is a sub-attribute of the one role, `roles[primary eq "True"]`.
pub(super) fn is_primary_role(path: &AttributePath) -> bool {
    path.urn.is_none()
        && path.attribute.eq_ignore_ascii_case("roles")
        && path.filter.as_ref().is_some_and(|filter| is_primary(&filter.attribute))
}

/// The element that the filter picks, made where there is none.
fn element<'e>(elements: &'e mut Vec<Value>, filter: &ValueFilter) -> &'e mut Value {
    let wanted = filter_value(filter);
    let found = elements.iter().position(|element| {
        element.as_object().and_then(|element| member(element, &filter.attribute)) == Some(&wanted)
    });
    let index = found.unwrap_or_else(|| {
        elements.push(json!({ filter.attribute.as_str(): wanted }));
        elements.len() - 1
    });
    &mut elements[index]
}

fn mark_primary_email(body: &mut Map<String, Value>) {
    let emails = body.iter_mut().find(|(name, _)| name.eq_ignore_ascii_case("emails"));
    let Some((_, Value::Array(emails))) = emails else { return };
    if emails.iter().any(|email| email.get("primary") == Some(&Value::Bool(true))) {
        return;
    }
    let work = emails.iter_mut().find(|email| email.get("type") == Some(&Value::from("work")));
    if let Some(Value::Object(work)) = work {
        work.entry("primary").or_insert(Value::Bool(true));
    }
}

/// The object in `slot`; anything else there gives way to an empty one.
pub(super) fn as_object(slot: &mut Value) -> &mut Map<String, Value> {
    if !slot.is_object() {
        *slot = Value::Object(Map::new());
    }
    slot.as_object_mut().expect("it was just made an object")
}

/// The array in `slot`; anything else there gives way to an empty one.
pub(super) fn as_array(slot: &mut Value) -> &mut Vec<Value> {
    if !slot.is_array() {
        *slot = Value::Array(Vec::new());
    }
    slot.as_array_mut().expect("it was just made an array")
}

/// The value without nulls at any depth; `None` where it is one.
pub(super) fn without_nulls(value: Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Array(elements) => {
            Some(Value::Array(elements.into_iter().filter_map(without_nulls).collect()))
        }
        Value::Object(members) => {
            let kept = members
                .into_iter()
                .filter_map(|(name, value)| without_nulls(value).map(|value| (name, value)));
            Some(Value::Object(kept.collect()))
        }
        value @ (Value::Bool(_) | Value::Number(_) | Value::String(_)) => Some(value),
    }
}
