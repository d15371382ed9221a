//! Arithmetic on bits.

use serde_json::Value;

use super::Arguments;
use crate::expression::evaluate::Outcome;

pub(super) fn bit_and(arguments: &mut Arguments<'_, '_>) -> Outcome {
    Ok(Value::from(arguments.integer(0)? & arguments.integer(1)?))
}
