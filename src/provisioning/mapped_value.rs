//! What each mapping gives for one person, told to a person: an explanation, never a plan.
//!
//! Every row is computed by itself, so that one that cannot be computed hides no other.

use serde_json::Value;

use super::{
    Link, MappingInputs, Subject,
    job::{Apply, AttributeMapping, MappingSource, NullFlow, ValueType},
    map, map_linked,
};
use crate::scim::{AttributePath, REDACTED, shown};

/// What one mapping gives for one person.
#[derive(Clone, Debug, PartialEq)]
pub struct MappedValue {
    /// The attribute at the target.
    pub target: AttributePath,
    /// Where its value comes from: `[attribute]`, a constant between quotes, or an expression.
    pub source: String,
    /// Its value; [`REDACTED`] where it must not be shown, `None` where there is none.
    pub value: Option<Value>,
    /// Whether it must not be shown.
    pub redacted: bool,
    /// What else a person should know of it, empty where that is nothing.
    pub notes: Vec<String>,
}

/// What each mapping gives for a person, in the order of the mapping. A value that was drawn for
/// the account of `link` stays as it is.
pub fn mapped_values(
    mappings: &[AttributeMapping],
    subject: &Subject,
    inputs: MappingInputs<'_>,
    link: Option<&Link>,
) -> Vec<MappedValue> {
    mappings.iter().map(|mapping| mapped_value(mapping, subject, inputs, link)).collect()
}

fn mapped_value(
    mapping: &AttributeMapping,
    subject: &Subject,
    inputs: MappingInputs<'_>,
    link: Option<&Link>,
) -> MappedValue {
    let mut told = MappedValue {
        target: mapping.target.clone(),
        source: source_text(mapping),
        value: None,
        redacted: mapping.is_redacted(),
        notes: Vec::new(),
    };
    if let Some(priority) = mapping.matching_priority {
        told.notes.push(format!("matches accounts, precedence {priority}"));
    }
    if mapping.apply == Apply::Create {
        told.notes.push("on create only".to_owned());
    }
    if mapping.value_type == ValueType::Reference {
        return told;
    }
    let alone = std::slice::from_ref(mapping);
    let mapped = match link {
        Some(link) => map_linked(alone, subject, inputs, link),
        None => map(alone, subject, inputs),
    };
    match mapped {
        Err(fault) => told.notes.push(format!("cannot be computed: {}", fault.problem)),
        Ok(mapped) => match mapped.rows.into_iter().next() {
            None => told.notes.push("the expression leaves the attribute alone".to_owned()),
            Some(row) => {
                if row.value.is_none() {
                    told.notes.extend(notes_of_nothing(mapping));
                }
                told.value = row.value.as_ref().map(shown);
            }
        },
    }
    told
}

/// What follows from a source without a value.
fn notes_of_nothing(mapping: &AttributeMapping) -> Option<String> {
    match (&mapping.default, mapping.required, mapping.null) {
        (Some(_), _, _) if mapping.is_redacted() => {
            Some(format!("a new account gets the default {REDACTED}"))
        }
        (Some(default), _, _) => Some(format!("a new account gets the default {default}")),
        (None, true, _) => Some("the application refuses an account without it".to_owned()),
        (None, false, NullFlow::Keep) => Some("the account keeps what it has".to_owned()),
        (None, false, NullFlow::Clear) => None,
    }
}

fn source_text(mapping: &AttributeMapping) -> String {
    match &mapping.source {
        MappingSource::Attribute(name) => format!("[{name}]"),
        MappingSource::Constant(text) => Value::from(text.as_str()).to_string(),
        // A text in it may be a part of the value.
        MappingSource::Expression(expression)
            if mapping.is_redacted() && expression.source().contains('"') =>
        {
            "an expression with `Redact`".to_owned()
        }
        MappingSource::Expression(expression) => expression.source().to_owned(),
    }
}
