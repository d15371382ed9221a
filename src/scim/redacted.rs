//! Redacted values: what stands in a value's place wherever it may not be in clear.
//!
//! The stand-in holds two keyed hashes. One is of the value as it is, by which our own exports are
//! compared; the other is of what [`same`](super::same) would make of it, by which a value is
//! compared with what a service returned.

use serde_json::{Value, json};

use super::{
    AttributePath,
    document::{as_flag, is_empty, is_primary},
};
use crate::model::RedactionKey;

/// How a redacted value is shown, as in Entra's own log.
pub const REDACTED: &str = "[Redact]";

/// The only member of a stand-in, which is an object.
pub const STAND_IN: &str = "$redacted";

/// The stand-in for the value of an attribute. One that stands in for something already stays.
pub fn redact(key: &RedactionKey, path: &AttributePath, value: &Value) -> Value {
    if is_redacted(value) {
        return value.clone();
    }
    let name = path.to_string().to_lowercase();
    let exact = key.hash(["exact", &name, &value.to_string()]);
    let loose = key.hash(["loose", &name, &loose(path.case_exact(), value).to_string()]);
    json!({ STAND_IN: [exact, loose] })
}

/// Whether a value is the stand-in for a redacted one.
pub fn is_redacted(value: &Value) -> bool {
    hashes(value).is_some()
}

/// The value as a person or a script may see it, stand-ins at any depth replaced.
pub fn shown(value: &Value) -> Value {
    match value {
        _ if is_redacted(value) => Value::from(REDACTED),
        Value::Array(elements) => elements.iter().map(shown).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), shown(value))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// Whether two stand-ins of one attribute stand for values that mean the same.
pub(super) fn same_redacted(ours: &Value, theirs: &Value) -> bool {
    matches!((hashes(ours), hashes(theirs)), (Some(ours), Some(theirs)) if ours[1] == theirs[1])
}

fn hashes(value: &Value) -> Option<&Vec<Value>> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    object.get(STAND_IN)?.as_array().filter(|hashes| hashes.len() == 2)
}

/// One form for all values that [`same`](super::same) takes for equal.
fn loose(case_exact: bool, value: &Value) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::Bool(flag) => Value::from(flag.to_string()),
        Value::Number(number) => Value::from(number.to_string()),
        Value::String(text) => match as_flag(text) {
            Some(flag) => Value::from(flag.to_string()),
            None if case_exact => Value::from(text.as_str()),
            None => Value::from(text.to_lowercase()),
        },
        Value::Array(elements) => {
            let mut elements: Vec<Value> =
                elements.iter().map(|element| loose(case_exact, element)).collect();
            elements.sort_by_key(ToString::to_string);
            Value::Array(elements)
        }
        Value::Object(members) => members
            .iter()
            .filter(|(name, value)| {
                let is_same_as_absent = is_primary(name) && *value == &Value::Bool(false);
                !is_empty(value) && !is_same_as_absent
            })
            .map(|(name, value)| (name.to_lowercase(), loose(case_exact, value)))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::same;

    #[test]
    fn stand_ins_compare_as_their_values_would() {
        let key = RedactionKey::new(&[7; 32]);
        let title = AttributePath::parse("title").expect("a path");
        let exact = AttributePath::parse("urn:example:User:badge").expect("a path");
        let values = [
            json!("Berg"),
            json!("BERG"),
            json!("Straße"),
            json!(true),
            json!("True"),
            json!(12),
            json!("12"),
            json!(["a", "B"]),
            json!(["b", "a"]),
            json!({"type": "x", "primary": false}),
            json!({"TYPE": "x"}),
        ];
        for path in [&title, &exact] {
            for ours in &values {
                for theirs in &values {
                    let stand_ins = (redact(&key, path, ours), redact(&key, path, theirs));
                    assert_eq!(
                        same(path, &stand_ins.0, &stand_ins.1),
                        same(path, ours, theirs) || same(path, theirs, ours),
                        "{path}: {ours} and {theirs}"
                    );
                    assert_eq!(stand_ins.0 == stand_ins.1, ours == theirs);
                    assert!(!same(path, &stand_ins.0, theirs) && !same(path, ours, &stand_ins.1));
                }
            }
        }
    }

    #[test]
    fn a_stand_in_tells_neither_its_value_nor_that_another_attribute_has_it() {
        let key = RedactionKey::new(&[7; 32]);
        let path = |text| AttributePath::parse(text).expect("a path");
        let stand_in = redact(&key, &path("title"), &json!("Berg"));
        assert!(!stand_in.to_string().to_lowercase().contains("berg"));
        assert_eq!(redact(&key, &path("TITLE"), &stand_in), stand_in);
        assert_ne!(redact(&key, &path("nickName"), &json!("Berg")), stand_in);
        assert_eq!(shown(&stand_in), json!("[Redact]"));
        assert_eq!(shown(&json!({"a": [stand_in]})), json!({"a": ["[Redact]"]}));
        assert_eq!(shown(&json!({"a": ["Berg"]})), json!({"a": ["Berg"]}));
    }
}
