//! Conditions and choices. Everything here is lazy: the branch not taken is never evaluated.

use serde_json::Value;

use super::Arguments;
use crate::expression::{
    evaluate::{Halt, Outcome},
    value,
};

pub(super) fn and(arguments: &mut Arguments<'_, '_>) -> Outcome {
    for index in 0..arguments.count() {
        if arguments.has(index) && !arguments.condition(index)? {
            return Ok(Value::Bool(false));
        }
    }
    Ok(Value::Bool(true))
}

pub(super) fn or(arguments: &mut Arguments<'_, '_>) -> Outcome {
    for index in 0..arguments.count() {
        if arguments.condition(index)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

pub(super) fn c_bool(arguments: &mut Arguments<'_, '_>) -> Outcome {
    Ok(Value::Bool(arguments.condition(0)?))
}

/// Null alone falls through, as the reference says; a guide that lets "" do so contradicts it.
pub(super) fn coalesce(arguments: &mut Arguments<'_, '_>) -> Outcome {
    for index in 0..arguments.count() {
        let found = arguments.value(index)?;
        if !found.is_null() {
            return Ok(found);
        }
    }
    Ok(Value::Null)
}

pub(super) fn error(arguments: &mut Arguments<'_, '_>) -> Outcome {
    // Only a constant message is repeated: a computed one may hold what no log should show.
    let constant = arguments.node(0).and_then(|node| node.constant_text());
    let reason = constant.map_or_else(|| "was reached".to_owned(), |text| format!("says: {text}"));
    Err(arguments.fail(&reason))
}

pub(super) fn ignore_flow_if_null_or_empty(arguments: &mut Arguments<'_, '_>) -> Outcome {
    let found = arguments.value(0)?;
    if value::is_null_or_empty(&found) { Err(Halt::Ignore) } else { Ok(found) }
}

pub(super) fn iif(arguments: &mut Arguments<'_, '_>) -> Outcome {
    let branch = if arguments.condition(0)? { 1 } else { 2 };
    arguments.value(branch)
}

pub(super) fn is_null(arguments: &mut Arguments<'_, '_>) -> Outcome {
    Ok(Value::Bool(arguments.value(0)?.is_null()))
}

pub(super) fn is_null_or_empty(arguments: &mut Arguments<'_, '_>) -> Outcome {
    Ok(Value::Bool(value::is_null_or_empty(&arguments.value(0)?)))
}

pub(super) fn is_present(arguments: &mut Arguments<'_, '_>) -> Outcome {
    Ok(Value::Bool(!value::is_null_or_empty(&arguments.value(0)?)))
}

pub(super) fn is_string(arguments: &mut Arguments<'_, '_>) -> Outcome {
    Ok(Value::Bool(arguments.value(0)?.is_string()))
}

/// Gives a text, as documented: "False" for true and "True" for everything else, null included.
pub(super) fn not(arguments: &mut Arguments<'_, '_>) -> Outcome {
    let text = arguments.text(0)?.unwrap_or_default();
    let held = value::boolean(&Value::String(text)) == Some(true);
    Ok(Value::from(value::boolean_text(!held)))
}

pub(super) fn redact(arguments: &mut Arguments<'_, '_>) -> Outcome {
    let Some(node) = arguments.node(0) else { return Ok(Value::Null) };
    arguments.evaluator.redact(|evaluator| evaluator.evaluate(node))
}

/// Takes the first rule whose value the target does not have; null and "" are no values.
pub(super) fn select_unique_value(arguments: &mut Arguments<'_, '_>) -> Outcome {
    for index in 0..arguments.count() {
        let candidate = arguments.text(index)?.filter(|text| !text.is_empty());
        if let Some(text) = candidate.filter(|text| !(arguments.evaluator.taken)(text)) {
            return Ok(Value::String(text));
        }
    }
    Err(arguments.fail("found the values of all its rules in use"))
}

/// Compares exactly; a null source equals the key "".
pub(super) fn switch(arguments: &mut Arguments<'_, '_>) -> Outcome {
    let source = arguments.text(0)?.unwrap_or_default();
    for key in (2..arguments.count().saturating_sub(1)).step_by(2) {
        arguments.spend(1)?;
        if arguments.has(key) && arguments.text(key)?.unwrap_or_default() == source {
            return arguments.value(key + 1);
        }
    }
    arguments.value(1)
}
