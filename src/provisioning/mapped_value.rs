//! What each mapping gives for one person, told to a person: an explanation, never a plan.
//!
//! Every row is computed by itself, so that one that cannot be computed hides no other.

use serde_json::Value;

use super::{
    MappingInputs, Subject,
    job::{Apply, AttributeMapping, MappingSource, NullFlow, ValueType},
    map,
    mapping::read_source,
};
use crate::{
    expression::{Flow, Inputs},
    scim::AttributePath,
};

/// What stands in the place of a redacted value, as in Entra's log.
pub const REDACTED: &str = "[Redact]";

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

/// What each mapping gives for a person, in the order of the mapping.
pub fn mapped_values(
    mappings: &[AttributeMapping],
    subject: &Subject,
    inputs: MappingInputs<'_>,
) -> Vec<MappedValue> {
    mappings.iter().map(|mapping| mapped_value(mapping, subject, inputs)).collect()
}

fn mapped_value(
    mapping: &AttributeMapping,
    subject: &Subject,
    inputs: MappingInputs<'_>,
) -> MappedValue {
    let mut told = MappedValue {
        target: mapping.target.clone(),
        source: source_text(&mapping.source),
        value: None,
        redacted: is_redacted(mapping, subject, inputs),
        notes: Vec::new(),
    };
    if let Some(priority) = mapping.matching_priority {
        told.notes.push(format!("matches accounts, precedence {priority}"));
    }
    if mapping.apply == Apply::Create {
        told.notes.push("on create only".to_owned());
    }
    if told.redacted {
        told.value = Some(Value::from(REDACTED));
        return told;
    }
    if mapping.value_type == ValueType::Reference {
        return told;
    }
    match map(std::slice::from_ref(mapping), subject, inputs) {
        Err(fault) => told.notes.push(format!("cannot be computed: {}", fault.problem)),
        Ok(mapped) => match mapped.rows.into_iter().next() {
            None => told.notes.push("the expression leaves the attribute alone".to_owned()),
            Some(row) => {
                if row.value.is_none() {
                    told.notes.extend(notes_of_nothing(mapping));
                }
                told.value = row.value;
            }
        },
    }
    told
}

/// What follows from a source without a value.
fn notes_of_nothing(mapping: &AttributeMapping) -> Option<String> {
    match (&mapping.default, mapping.required, mapping.null) {
        (Some(default), _, _) => Some(format!("a new account gets the default {default}")),
        (None, true, _) => Some("the application refuses an account without it".to_owned()),
        (None, false, NullFlow::Keep) => Some("the account keeps what it has".to_owned()),
        (None, false, NullFlow::Clear) => None,
    }
}

fn source_text(source: &MappingSource) -> String {
    match source {
        MappingSource::Attribute(name) => format!("[{name}]"),
        MappingSource::Constant(text) => Value::from(text.as_str()).to_string(),
        MappingSource::Expression(expression) => expression.source().to_owned(),
    }
}

fn is_redacted(mapping: &AttributeMapping, subject: &Subject, inputs: MappingInputs<'_>) -> bool {
    let MappingSource::Expression(expression) = &mapping.source else { return false };
    let roles: Vec<_> = subject.roles(inputs.declared_roles).into_iter().cloned().collect();
    let flow = expression.evaluate(&Inputs {
        attribute: &|name| read_source(name, subject, inputs.is_soft_deleted),
        app_roles: &roles,
        now: inputs.now,
        // Whether a value is redacted does not depend on which value it is.
        seed: 0,
        default_domain: inputs.default_domain,
    });
    matches!(flow, Ok(Flow::Redacted(_)))
}
