//! Reading a resource through attribute paths, and comparing what is read.
//!
//! Lenient where services differ (case of names, booleans as text, a manager as object, array or
//! text), because whatever is not recognised here would be written again in every cycle.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    AttributePath, ENTERPRISE_USER, ValueFilter, is_primary_role_value,
    redacted::{is_redacted, same_redacted},
    schema,
};

/// Mapped values by path. An absent path has no value.
pub type Values = BTreeMap<AttributePath, Value>;

/// The value at `path`, or `None` where there is none: absent, null, an empty array or object.
///
/// Names compare without case (RFC 7643 §2.1), and so do the values of a filter, because `type` is
/// not case-exact. The first matching element that has the value counts: some clients clear a value
/// and leave its element behind, an empty shell beside the one that is written next. A
/// sub-attribute of a multi-valued attribute without a filter is that of the primary element, or
/// else of the first. The manager is returned as the id's text, however the service wraps it.
pub fn read(document: &Map<String, Value>, path: &AttributePath) -> Option<Value> {
    let attribute = attribute(document, path)?;
    if is_manager(path) {
        return manager_id(attribute).map(Value::from);
    }
    let inside = |holder| value_inside(holder, path.sub.as_deref());
    match (&path.filter, attribute) {
        (Some(filter), Value::Array(elements)) => {
            elements.iter().filter(|element| matches_filter(element, filter)).find_map(inside)
        }
        (Some(_), _) => None,
        (None, Value::Array(elements)) if path.sub.is_some() => {
            let primary = ValueFilter { attribute: "primary".into(), value: "True".into() };
            let chosen = elements.iter().find(|element| matches_filter(element, &primary));
            chosen.or(elements.first()).and_then(inside)
        }
        (None, whole) => inside(whole),
    }
}

/// The value of an attribute or element, or of its sub-attribute, unless it is an empty one.
fn value_inside(holder: &Value, sub: Option<&str>) -> Option<Value> {
    let value = match sub {
        Some(sub) => member(holder.as_object()?, sub)?,
        None => holder,
    };
    (!is_empty(value)).then(|| value.clone())
}

/// The values that `document` has at `paths`.
pub fn project<'a>(
    document: &Map<String, Value>,
    paths: impl IntoIterator<Item = &'a AttributePath>,
) -> Values {
    paths
        .into_iter()
        .filter_map(|path| read(document, path).map(|value| (path.clone(), value)))
        .collect()
}

/// Whether two values of an attribute mean the same, so that nothing needs writing.
///
/// Texts compare by the attribute's case rule ([`AttributePath::case_exact`]); `true` equals "True"
/// and a number its text; a manager equals its id. Lists compare without order, and an object of
/// theirs may hold more than ours: services add `$ref`, `display` and the like. Redacted values are
/// the same where their hashes say so.
pub fn same(path: &AttributePath, ours: &Value, theirs: &Value) -> bool {
    if is_manager(path) {
        return match (manager_id(ours), manager_id(theirs)) {
            (Some(ours), Some(theirs)) => ours == theirs,
            (ours, theirs) => ours.is_none() && theirs.is_none(),
        };
    }
    match (is_redacted(ours), is_redacted(theirs)) {
        (false, false) => {}
        (true, true) => return same_redacted(ours, theirs),
        (true, false) | (false, true) => return false,
    }
    let role = ours.as_object().filter(|_| is_primary_role_value(path));
    let ours = role.map_or(Some(ours), |role| role.get("displayName"));
    ours.is_some_and(|ours| same_value(path.case_exact(), ours, theirs))
}

fn same_value(case_exact: bool, ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Bool(flag), Value::String(text)) | (Value::String(text), Value::Bool(flag)) => {
            as_flag(text) == Some(*flag)
        }
        (Value::Number(number), Value::String(text))
        | (Value::String(text), Value::Number(number)) => number.to_string() == *text,
        (Value::String(ours), Value::String(theirs)) => {
            ours == theirs || (!case_exact && ours.to_lowercase() == theirs.to_lowercase())
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            let mut rest: Vec<&Value> = theirs.iter().collect();
            ours.len() == theirs.len()
                && ours.iter().all(|our| {
                    rest.iter()
                        .position(|their| same_value(case_exact, our, their))
                        .map(|found| rest.swap_remove(found))
                        .is_some()
                })
        }
        (Value::Object(ours), Value::Object(theirs)) => {
            ours.iter().all(|(name, our)| match member(theirs, name) {
                Some(their) => same_value(case_exact, our, their),
                // Absent and false are the same primary (RFC 7643 §2.4).
                None => is_empty(our) || (is_primary(name) && our == &Value::Bool(false)),
            })
        }
        (ours, theirs) => ours == theirs,
    }
}

/// The attribute that `path` names, before its filter and sub-attribute.
fn attribute<'d>(document: &'d Map<String, Value>, path: &AttributePath) -> Option<&'d Value> {
    let Some(urn) = path.urn.as_deref().filter(|urn| !schema::is_core(urn)) else {
        return member(document, &path.attribute);
    };
    member(document, urn)
        .and_then(Value::as_object)
        .and_then(|extension| member(extension, &path.attribute))
        // Some services return `urn:…:User:department` as one key beside the core attributes.
        .or_else(|| member(document, &format!("{urn}:{}", path.attribute)))
}

/// A member of an object, its name compared without case; the exact name wins.
pub(super) fn member<'d>(object: &'d Map<String, Value>, name: &str) -> Option<&'d Value> {
    object.get(name).or_else(|| {
        object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    })
}

/// Like [`member`], to change it; created as null where it is absent.
pub(super) fn member_mut<'d>(object: &'d mut Map<String, Value>, name: &str) -> &'d mut Value {
    let key = match object.keys().find(|key| key.eq_ignore_ascii_case(name)) {
        Some(key) => key.clone(),
        None => name.to_owned(),
    };
    object.entry(key).or_insert(Value::Null)
}

pub(super) fn matches_filter(element: &Value, filter: &ValueFilter) -> bool {
    let value = element.as_object().and_then(|element| member(element, &filter.attribute));
    value.is_some_and(|value| same_value(false, &Value::from(filter.value.as_str()), value))
}

pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(elements) => elements.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Whether `path` is the enterprise user's manager (RFC 7643 §4.3), whose value is an id.
pub(super) fn is_manager(path: &AttributePath) -> bool {
    path.urn.as_deref().is_some_and(|urn| urn.eq_ignore_ascii_case(ENTERPRISE_USER))
        && path.attribute.eq_ignore_ascii_case("manager")
        && path.filter.is_none()
        && path.sub.is_none()
}

/// The id of a manager, given as text, as `{"value": id}`, or as an array of one of these.
pub(super) fn manager_id(value: &Value) -> Option<&str> {
    match value {
        Value::String(id) => Some(id.as_str()).filter(|id| !id.is_empty()),
        Value::Object(manager) => {
            member(manager, "value").and_then(Value::as_str).filter(|id| !id.is_empty())
        }
        Value::Array(managers) => match managers.first() {
            Some(first @ (Value::String(_) | Value::Object(_))) => manager_id(first),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_)) | None => None,
        },
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

pub(super) fn is_primary(name: &str) -> bool {
    name.eq_ignore_ascii_case("primary")
}

/// The boolean that a text says, as Entra writes it ("True") or as JSON does.
pub(super) fn as_flag(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}
