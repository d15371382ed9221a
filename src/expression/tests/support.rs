//! How the stories evaluate.

use serde_json::{Map, Value, json};

use crate::{
    expression::{EvaluationError, Expression, Flow, Inputs},
    model::{AppRole, AppRoleId, Timestamp},
};

pub(super) fn parsed(text: &str) -> Expression {
    Expression::parse(text).unwrap_or_else(|error| panic!("{}", error.render(text)))
}

pub(super) fn noon() -> Timestamp {
    "2025-07-30T12:00:00Z".parse().expect("a well-formed time")
}

pub(super) fn role(name: &str, value: Option<&str>) -> AppRole {
    AppRole {
        id: AppRoleId::derive(&[name]),
        display_name: name.to_owned(),
        value: value.map(str::to_owned),
        is_enabled: true,
    }
}

/// Evaluates `text` at noon for an object with these attributes and two roles.
pub(super) fn flow(text: &str, attributes: &Value) -> Result<Flow, EvaluationError> {
    let attributes: Map<String, Value> = attributes.as_object().cloned().unwrap_or_default();
    let roles = [role("Editors", Some("editor")), role("Entitled", None)];
    parsed(text).evaluate(&Inputs {
        attribute: &|name| attributes.get(name).cloned().unwrap_or_default(),
        app_roles: &roles,
        now: noon(),
        seed: 7,
        default_domain: None,
    })
}

/// The value that flows, or the reason why none does.
pub(super) fn value(text: &str, attributes: &Value) -> Value {
    match flow(text, attributes) {
        Ok(Flow::Value(value)) => value,
        Ok(other) => json!({ "flow": format!("{other:?}") }),
        Err(error) => json!({ "error": error.to_string() }),
    }
}

/// Compares the values of many expressions that use no attribute.
pub(super) fn assert_values(rows: &[(&str, Value)]) {
    for (text, expected) in rows {
        assert_eq!(&value(text, &Value::Null), expected, "{text}");
    }
}
