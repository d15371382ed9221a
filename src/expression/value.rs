//! Values as the language sees them: how they print, count and compare. Knows no function.

use std::cmp::Ordering;

use serde_json::{Number, Value};

/// A list with several values stood where one value is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SeveralValues(pub(super) usize);

/// The one value of `value`: a list of one is its element, an empty list is null.
pub(super) fn single(value: Value) -> Result<Value, SeveralValues> {
    match value {
        Value::Array(mut values) if values.len() < 2 => Ok(values.pop().unwrap_or(Value::Null)),
        Value::Array(values) => Err(SeveralValues(values.len())),
        other => Ok(other),
    }
}

/// How `value` prints; `None` for null. Booleans are "True" and "False", numbers are invariant.
pub(super) fn text(value: Value) -> Result<Option<String>, SeveralValues> {
    Ok(match single(value)? {
        Value::Null => None,
        Value::Bool(flag) => Some(boolean_text(flag).to_owned()),
        Value::Number(number) => Some(number_text(&number)),
        Value::String(text) => Some(text),
        structured @ (Value::Array(_) | Value::Object(_)) => Some(structured.to_string()),
    })
}

/// "True" or "False", as .NET prints them.
pub(super) const fn boolean_text(flag: bool) -> &'static str {
    if flag { "True" } else { "False" }
}

/// A number without thousands separators and without a fraction that is zero.
pub(super) fn number_text(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => format!("{float}"),
        Some(_) | None => number.to_string(),
    }
}

/// Whether nothing would flow: null, "" or an empty list.
pub(super) fn is_null_or_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    }
}

/// The number a text spells: an integer, a decimal, or `&H` and hexadecimal digits.
pub(super) fn parse_number(raw: &str) -> Option<Number> {
    let raw = raw.trim();
    if let Some(digits) = raw.strip_prefix("&H").or_else(|| raw.strip_prefix("&h")) {
        let plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        return plain.then(|| i64::from_str_radix(digits, 16).ok()).flatten().map(Number::from);
    }
    let plain = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+');
    if !raw.bytes().all(plain) {
        return None;
    }
    raw.parse::<i64>().map(Number::from).ok().or_else(|| Number::from_f64(raw.parse().ok()?))
}

/// The number that `value` is or spells.
pub(super) fn number(value: &Value) -> Option<Number> {
    match value {
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => parse_number(text),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The Boolean that `value` is or spells, in any case.
pub(super) fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) if text.trim().eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.trim().eq_ignore_ascii_case("false") => Some(false),
        Value::Number(number) => number.as_f64().map(|float| float != 0.0),
        Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// How two values compare: as numbers where one is a number and the other spells one, as Booleans
/// likewise, else as texts, ordinally. Null equals "" (as in `Switch`) and has no order: `None`.
pub(super) fn compare(left: Value, right: Value) -> Result<Option<Ordering>, SeveralValues> {
    let (left, right) = (single(left)?, single(right)?);
    if left.is_null() || right.is_null() {
        let equal = is_null_or_empty(&left) && is_null_or_empty(&right);
        return Ok(equal.then_some(Ordering::Equal));
    }
    if (left.is_number() || right.is_number())
        && let (Some(left), Some(right)) = (number(&left), number(&right))
    {
        return Ok(compare_numbers(&left, &right));
    }
    if (left.is_boolean() || right.is_boolean())
        && let (Some(left), Some(right)) = (boolean(&left), boolean(&right))
    {
        return Ok(Some(left.cmp(&right)));
    }
    Ok(Some(text(left)?.cmp(&text(right)?)))
}

fn compare_numbers(left: &Number, right: &Number) -> Option<Ordering> {
    // Integers compare as such: tick counts are beyond what a float holds exactly.
    match (left.as_i64(), right.as_i64()) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}

/// A text that two values share exactly when they are the same value.
pub(super) fn identity(value: &Value) -> String {
    value.to_string()
}
