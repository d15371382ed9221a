//! Every example of Microsoft's pages, as data: what the page prints is what comes out.

use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    expression::{Expression, Flow, Inputs},
    model::{AppRole, AppRoleId, Timestamp},
};

#[derive(Deserialize)]
struct Vector {
    expression: String,
    input: Map<String, Value>,
    status: String,
    output: Value,
    expected_by_documented_semantics: Option<Value>,
    now_utc: Option<Timestamp>,
    #[serde(default)]
    values_already_in_target: Vec<String>,
    tenant_default_domain: Option<String>,
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("../../../tests/vectors/expressions.json"))
        .expect("the vectors are well formed")
}

fn evaluate(vector: &Vector) -> Result<Value, String> {
    let expression = Expression::parse(&vector.expression).map_err(|error| error.to_string())?;
    let roles: Vec<AppRole> = vector
        .input
        .get("appRoleAssignments")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|role| AppRole {
            id: AppRoleId::derive(&["role"]),
            display_name: role["displayName"].as_str().unwrap_or_default().to_owned(),
            value: None,
            is_enabled: true,
        })
        .collect();
    let inputs = Inputs {
        attribute: &|name| vector.input.get(name).cloned().unwrap_or_default(),
        app_roles: &roles,
        now: vector.now_utc.unwrap_or_default(),
        seed: 7,
        default_domain: vector.tenant_default_domain.as_deref(),
    };
    let taken = |text: &str| vector.values_already_in_target.iter().any(|value| value == text);
    match expression.evaluate_unique(&inputs, &taken).map_err(|error| error.to_string())? {
        Flow::Value(value) | Flow::Redacted(value) => Ok(value),
        Flow::Ignore | Flow::IgnoreObject => Ok(Value::Null),
    }
}

#[test]
fn every_documented_example_gives_what_its_rules_say() {
    let mut failures = String::new();
    let mut checked = 0;
    for vector in vectors() {
        let expected = match vector.status.as_str() {
            "ok" => vector.output.clone(),
            "doc_inconsistent" => {
                vector.expected_by_documented_semantics.clone().unwrap_or_default()
            }
            _ => continue,
        };
        checked += 1;
        let found = evaluate(&vector);
        if found.as_ref() != Ok(&expected) {
            let input = Value::Object(vector.input);
            writeln!(
                failures,
                "{}\n  {input}\n  expected {expected}, found {found:?}",
                vector.expression
            )
            .expect("a String takes every write");
        }
    }
    assert!(failures.is_empty(), "{failures}");
    assert!(checked > 250, "only {checked} examples were found");
}

#[test]
fn every_documented_example_prints_to_a_text_that_parses_to_itself() {
    for vector in vectors() {
        let Ok(expression) = Expression::parse(&vector.expression) else {
            assert!(vector.expression.contains("..."), "{}", vector.expression);
            continue;
        };
        assert_eq!(Expression::parse(&expression.to_string()).as_ref(), Ok(&expression));
    }
}
