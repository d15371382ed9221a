//! Multi-valued attributes: counting, picking, joining and splitting.

use serde_json::Value;

use super::Arguments;
use crate::expression::{
    evaluate::{Outcome, size},
    value,
};

/// The values of `found`: null has none, a value that is no list is one.
fn values(found: Value) -> Vec<Value> {
    match found {
        Value::Null => Vec::new(),
        Value::Array(values) => values,
        one @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
            vec![one]
        }
    }
}

pub(super) fn count(arguments: &mut Arguments<'_, '_>) -> Outcome {
    Ok(Value::from(values(arguments.value(0)?).len()))
}

/// Out of range there is nothing: null.
pub(super) fn item(arguments: &mut Arguments<'_, '_>) -> Outcome {
    let mut values = values(arguments.value(0)?);
    let index = arguments.integer(1)?.checked_sub(1).and_then(|index| usize::try_from(index).ok());
    Ok(index.filter(|index| *index < values.len()).map_or(Value::Null, |i| values.swap_remove(i)))
}

/// Null and empty sources are skipped, blank ones are not; a list contributes each of its values.
pub(super) fn join(arguments: &mut Arguments<'_, '_>) -> Outcome {
    let separator = arguments.text(0)?.unwrap_or_default();
    let mut joined = String::new();
    for index in 1..arguments.count() {
        for value in values(arguments.value(index)?) {
            arguments.spend(1)?;
            if let Some(text) = arguments.text_of(value)?.filter(|text| !text.is_empty()) {
                let length = joined.len() + separator.len() + text.len();
                arguments.spend_text(length)?;
                if !joined.is_empty() {
                    joined.push_str(&separator);
                }
                joined.push_str(&text);
            }
        }
    }
    Ok(Value::String(joined))
}

pub(super) fn remove_duplicates(arguments: &mut Arguments<'_, '_>) -> Outcome {
    let found = arguments.value(0)?;
    if !found.is_array() {
        return Ok(found);
    }
    let mut seen = std::collections::BTreeSet::new();
    let mut distinct = Vec::new();
    for value in values(found) {
        arguments.spend(1)?;
        arguments.spend_text(size(&value))?;
        if seen.insert(value::identity(&value)) {
            distinct.push(value);
        }
    }
    Ok(Value::Array(distinct))
}

/// Null and "" have no parts; a part may be empty. Blanks around a part are not part of it.
pub(super) fn split(arguments: &mut Arguments<'_, '_>) -> Outcome {
    let found = arguments.value(0)?;
    let delimiter = arguments.text(1)?.filter(|text| !text.is_empty());
    let mut parts = Vec::new();
    for source in values(found) {
        let Some(text) = arguments.text_of(source)?.filter(|text| !text.is_empty()) else {
            continue;
        };
        arguments.spend_text(text.len())?;
        let pieces: Vec<&str> = match &delimiter {
            Some(delimiter) => text.split(delimiter.as_str()).collect(),
            None => vec![text.as_str()],
        };
        arguments.spend(pieces.len() as u64 / 8)?;
        parts.extend(pieces.into_iter().map(|piece| Value::from(piece.trim())));
    }
    Ok(Value::Array(parts))
}
