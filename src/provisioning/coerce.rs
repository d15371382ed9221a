//! Step `processing`, its last part: a value in the type of its target attribute. Knows no person.

use serde_json::{Value, json};

use super::{
    MappingFault,
    job::{AttributeMapping, ValueType},
};

/// Brings a value into the type of its target attribute; `None` for null and empty.
///
/// Of several values the first flows, unless the target attribute can have several too.
pub(super) fn coerce(
    mapping: &AttributeMapping,
    value: Value,
) -> Result<Option<Value>, MappingFault> {
    let fault = |problem: String| MappingFault { path: mapping.target.to_string(), problem };
    Ok(match (mapping.value_type, value) {
        (_, Value::Null) => None,
        (_, Value::String(text)) if text.is_empty() => None,
        (_, Value::Array(items)) if items.is_empty() => None,
        (ValueType::Complex, Value::Array(items)) => {
            let element =
                |item: Value| if item.is_string() { json!({ "value": item }) } else { item };
            let items = items.into_iter().filter(|item| !is_empty(item));
            // The type of a list's elements is their `value` (RFC 7643 §2.4).
            Some(items.map(element).collect::<Vec<_>>().into()).filter(|list| !is_empty(list))
        }
        (ValueType::Complex, value) => Some(value),
        (ValueType::String, Value::Array(items)) if !mapping.target.is_single_valued() => {
            let texts = items.into_iter().filter(|item| !is_empty(item));
            let texts = texts.map(|item| coerce(mapping, item)).collect::<Result<Vec<_>, _>>()?;
            let texts: Vec<Value> = texts.into_iter().flatten().collect();
            (!texts.is_empty()).then_some(Value::Array(texts))
        }
        (_, Value::Array(items)) => {
            return coerce(mapping, items.into_iter().next().unwrap_or_default());
        }
        (ValueType::Boolean, Value::Bool(flag)) => Some(Value::Bool(flag)),
        (ValueType::Boolean, Value::String(text)) if text.eq_ignore_ascii_case("true") => {
            Some(Value::Bool(true))
        }
        (ValueType::Boolean, Value::String(text)) if text.eq_ignore_ascii_case("false") => {
            Some(Value::Bool(false))
        }
        (ValueType::Boolean, other) => {
            return Err(fault(format!("needs true or false, not {}", kind_of(&other))));
        }
        (ValueType::String | ValueType::Reference, Value::Bool(flag)) => {
            Some(Value::from(if flag { "True" } else { "False" }))
        }
        (ValueType::String | ValueType::Reference, Value::Number(number)) => {
            Some(Value::String(number.to_string()))
        }
        (ValueType::String | ValueType::Reference, Value::String(text)) => {
            Some(Value::String(text))
        }
        (ValueType::String | ValueType::Reference, other @ Value::Object(_)) => {
            return Err(fault(format!("needs a text, not {}", kind_of(&other))));
        }
    })
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value == "" || value.as_array().is_some_and(Vec::is_empty)
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "another text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a complex value",
    }
}
