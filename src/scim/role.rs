//! App roles on the wire: the three forms that Entra's role functions give the attribute `roles`.
//!
//! A plan carries a role whole, with its id in the directory, because Entra's PATCH without the
//! flag holds the role as JSON text inside `value`. What an application stores of it is its value
//! or its name alone, so a body never shows the id otherwise.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{AttributePath, Dialect, create::is_primary_role};

/// The type Entra gives a role it assigns.
pub(super) const ENTRA_ROLE_TYPE: &str = "WindowsAzureActiveDirectoryRole";

/// A role as Entra writes it into a text; the order of its members is Entra's.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RoleText<'v> {
    id: Option<&'v str>,
    value: Option<&'v str>,
    display_name: Option<&'v str>,
}

/// Whether `path` is `roles[primary eq "True"].value`, which one role flows to.
pub fn is_primary_role_value(path: &AttributePath) -> bool {
    is_primary_role(path) && path.sub.as_deref().is_some_and(|s| s.eq_ignore_ascii_case("value"))
}

/// Whether the value is a list of `AppRoleAssignmentsComplex`, which only ever adds.
///
/// Its elements have `displayName`; those of the assertive form have `display`.
pub fn only_adds(value: &Value) -> bool {
    value.as_array().is_some_and(|roles| roles.iter().any(is_adding))
}

/// Whether the value is a list of `AssertiveAppRoleAssignmentsComplex`, which replaces the list.
pub(super) fn is_assertive(value: &Value) -> bool {
    let is_role = |role: &Value| {
        role.get("type").and_then(Value::as_str) == Some(ENTRA_ROLE_TYPE)
            && role.get("display").is_some()
    };
    !only_adds(value) && value.as_array().is_some_and(|roles| roles.iter().any(is_role))
}

/// What is known, and after it the roles of `wanted` that are not among it, told by their values.
pub fn united(known: &Value, wanted: &Value) -> Value {
    let known = known.as_array().map(Vec::as_slice).unwrap_or_default();
    let missing = missing(wanted, known);
    known.iter().cloned().chain(missing.into_iter().cloned()).collect()
}

/// The roles of `wanted` whose values no role of `known` has.
pub(super) fn missing<'v>(wanted: &'v Value, known: &[Value]) -> Vec<&'v Value> {
    let wanted = wanted.as_array().map(Vec::as_slice).unwrap_or_default();
    let has = |role: &&Value| known.iter().any(|other| key(other) == key(role));
    wanted.iter().filter(|role| !has(role)).collect()
}

/// The value of the operation that adds what `known` lacks; `None` where nothing is.
pub(super) fn added(wanted: &Value, known: Option<&Value>, dialect: Dialect) -> Option<Value> {
    let known = known.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let missing = missing(wanted, known);
    let element = |role: &Value| match dialect {
        Dialect::Rfc7644 => plain_element(role, dialect),
        Dialect::EntraLegacy => json!({ "value": text(role) }),
    };
    (!missing.is_empty()).then(|| missing.into_iter().map(element).collect())
}

/// The value as a body holds it: of a carried role what the attribute has, without its id.
pub(super) fn plain(path: &AttributePath, value: Value, dialect: Dialect) -> Value {
    if is_primary_role_value(path) && value.is_object() {
        return value.get("displayName").cloned().unwrap_or_default();
    }
    match value.as_array() {
        Some(roles) if roles.iter().any(is_adding) => {
            roles.iter().map(|role| plain_element(role, dialect)).collect()
        }
        Some(_) | None => value,
    }
}

/// The JSON text that Entra puts inside `value`.
pub(super) fn text(role: &Value) -> String {
    let member = |name: &str| role.get(name).and_then(Value::as_str);
    let written =
        RoleText { id: member("id"), value: member("value"), display_name: member("displayName") };
    serde_json::to_string(&written).expect("three texts are JSON")
}

/// RFC 7643 §4.1.2 calls the name of a role `display`; Entra's own form says `displayName`.
fn plain_element(role: &Value, dialect: Dialect) -> Value {
    let Some(members) = role.as_object().filter(|_| is_adding(role)) else { return role.clone() };
    let name = |name: &str| match dialect {
        Dialect::Rfc7644 if name == "displayName" => "display".to_owned(),
        Dialect::Rfc7644 | Dialect::EntraLegacy => name.to_owned(),
    };
    let kept = members.iter().filter(|(key, _)| key.as_str() != "id");
    Value::Object(kept.map(|(key, value)| (name(key), value.clone())).collect::<Map<_, _>>())
}

fn is_adding(role: &Value) -> bool {
    role.get("displayName").is_some()
        && role.get("type").and_then(Value::as_str) == Some(ENTRA_ROLE_TYPE)
}

/// What tells a role from others: its value, also where an application kept Entra's JSON text.
fn key(role: &Value) -> Option<String> {
    let value = match role {
        Value::Object(_) => role.get("value")?.as_str()?,
        Value::String(text) => text,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => return None,
    };
    let inner: Option<Value> = serde_json::from_str(value).ok().filter(Value::is_object);
    let inner = inner.as_ref().and_then(|inner| inner.get("value")).and_then(Value::as_str);
    Some(inner.unwrap_or(value).to_owned())
}
