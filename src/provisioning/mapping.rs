//! Step `processing`: computes what an account should look like.
//!
//! Always from the whole person, never from what changed: an expression whose attribute did not
//! change in this cycle has its value all the same.

use serde_json::Value;

use super::{
    Reason, SourceAttribute, Subject,
    job::{Apply, AttributeMapping, MappingSource, NullFlow, ValueType},
};
use crate::{
    expression::{Flow, Inputs},
    model::{AppRole, Timestamp},
    scim::{AttributePath, Values},
};

/// What mapping needs beyond the person.
#[derive(Clone, Copy)]
pub struct MappingInputs<'a> {
    /// The roles the application declares.
    pub declared_roles: &'a [AppRole],
    /// True where the person is out of scope, disabled or deleted.
    pub is_soft_deleted: bool,
    /// The present moment.
    pub now: Timestamp,
    /// The tenant's default domain, where it could be read.
    pub default_domain: Option<&'a str>,
}

/// One mapped attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct MappedRow {
    /// Which attribute.
    pub path: AttributePath,
    /// Its value; `None` where the source has none.
    pub value: Option<Value>,
    /// The value on create where the source has none.
    pub default: Option<Value>,
    /// When the row applies.
    pub apply: Apply,
    /// What a null does.
    pub null: NullFlow,
    /// Matching precedence.
    pub matching_priority: Option<u32>,
    /// Whether the row depends on `IsSoftDeleted`: it expresses that an account is withdrawn.
    pub expresses_withdrawal: bool,
    /// Whether the target refuses an account without it.
    pub required: bool,
}

/// A whole person, mapped. References are not here: they are resolved against links.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mapped {
    /// The rows, in the order of the mapping.
    pub rows: Vec<MappedRow>,
}

/// Why a person could not be mapped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct MappingFault {
    /// The target attribute.
    pub path: String,
    /// What is wrong.
    pub problem: String,
}

impl MappingFault {
    /// The reason under which it is logged.
    pub const REASON: Reason = Reason::AttributeValidationFailed;
}

/// Computes every attribute of a person's account.
pub fn map(
    mappings: &[AttributeMapping],
    subject: &Subject,
    inputs: MappingInputs<'_>,
) -> Result<Mapped, MappingFault> {
    map_where(mappings, subject, inputs, |_| true)
}

/// Computes only the attributes that express that an account is withdrawn.
///
/// Another attribute that cannot be computed must not keep somebody's access alive.
pub fn map_withdrawal(
    mappings: &[AttributeMapping],
    subject: &Subject,
    inputs: MappingInputs<'_>,
) -> Result<Mapped, MappingFault> {
    map_where(mappings, subject, inputs, |mapping| mentions_soft_deleted(&mapping.source))
}

fn map_where(
    mappings: &[AttributeMapping],
    subject: &Subject,
    inputs: MappingInputs<'_>,
    wanted: impl Fn(&AttributeMapping) -> bool,
) -> Result<Mapped, MappingFault> {
    let roles: Vec<AppRole> = subject.roles(inputs.declared_roles).into_iter().cloned().collect();
    let mut rows = Vec::with_capacity(mappings.len());
    let flowing = |m: &&AttributeMapping| m.value_type != ValueType::Reference && wanted(m);
    for mapping in mappings.iter().filter(flowing) {
        let Some(value) = source_value(mapping, subject, &roles, inputs)? else { continue };
        rows.push(MappedRow {
            path: mapping.target.clone(),
            value: coerce(mapping, value)?,
            default: mapping.default.clone(),
            apply: mapping.apply,
            null: mapping.null,
            matching_priority: mapping.matching_priority,
            expresses_withdrawal: mentions_soft_deleted(&mapping.source),
            required: mapping.required,
        });
    }
    Ok(Mapped { rows })
}

impl Mapped {
    /// What a new account gets: every value, or its default.
    pub fn for_create(&self) -> Result<Values, MappingFault> {
        let mut values = Values::new();
        for row in &self.rows {
            match row.value.as_ref().or(row.default.as_ref()) {
                Some(value) => {
                    values.insert(row.path.clone(), value.clone());
                }
                None if row.required => {
                    return Err(MappingFault {
                        path: row.path.to_string(),
                        problem: "is required by the application and has no value".to_owned(),
                    });
                }
                None => {}
            }
        }
        Ok(values)
    }

    /// The value of one attribute.
    pub fn value(&self, path: &AttributePath) -> Option<&Value> {
        self.rows.iter().find(|row| &row.path == path)?.value.as_ref()
    }

    /// Whether the account should be enabled, where the mapping says.
    pub fn is_active(&self) -> Option<bool> {
        self.rows.iter().find(|row| row.path.is_active())?.value.as_ref()?.as_bool()
    }
}

/// The raw value, or `None` where the expression asks to leave the attribute alone.
fn source_value(
    mapping: &AttributeMapping,
    subject: &Subject,
    roles: &[AppRole],
    inputs: MappingInputs<'_>,
) -> Result<Option<Value>, MappingFault> {
    let fault = |problem: String| MappingFault { path: mapping.target.to_string(), problem };
    let read = |name: &str| read_source(name, subject, inputs.is_soft_deleted);
    match &mapping.source {
        MappingSource::Attribute(name) => Ok(Some(read(name))),
        MappingSource::Constant(text) => Ok(Some(Value::String(text.clone()))),
        MappingSource::Expression(expression) => {
            let flow = expression
                .evaluate(&Inputs {
                    attribute: &read,
                    app_roles: roles,
                    now: inputs.now,
                    seed: seed_of(subject),
                    default_domain: inputs.default_domain,
                })
                .map_err(|error| fault(error.to_string()))?;
            match flow {
                Flow::Value(value) => Ok(Some(value)),
                Flow::Ignore => Ok(None),
                Flow::IgnoreObject => {
                    Err(fault("the expression says to leave this person alone".to_owned()))
                }
                Flow::Redacted(_) => Err(fault(
                    "a redacted value cannot be written, because the state would hold it in clear"
                        .to_owned(),
                )),
            }
        }
    }
}

/// The value of a source attribute, under any of its names; null where it has none.
pub fn read_source(name: &str, subject: &Subject, is_soft_deleted: bool) -> Value {
    match SourceAttribute::parse(name) {
        Some(SourceAttribute::IsSoftDeleted) => Value::Bool(is_soft_deleted),
        Some(SourceAttribute::ObjectId) => Value::String(subject.id.to_string()),
        Some(attribute) => attribute.read(&subject.attributes),
        None => Value::Null,
    }
}

fn mentions_soft_deleted(source: &MappingSource) -> bool {
    let is_it = |name: &str| SourceAttribute::parse(name) == Some(SourceAttribute::IsSoftDeleted);
    match source {
        MappingSource::Attribute(name) => is_it(name),
        MappingSource::Constant(_) => false,
        MappingSource::Expression(expression) => expression.attributes().into_iter().any(is_it),
    }
}

/// The same person gives the same random values, whatever the cycle.
pub fn seed_of(subject: &Subject) -> u64 {
    let (high, low) = subject.id.as_uuid().as_u64_pair();
    high ^ low
}

/// Brings a value into the type of its target attribute; `None` for null and empty.
fn coerce(mapping: &AttributeMapping, value: Value) -> Result<Option<Value>, MappingFault> {
    let fault = |problem: String| MappingFault { path: mapping.target.to_string(), problem };
    Ok(match (mapping.value_type, value) {
        (_, Value::Null) => None,
        (_, Value::String(text)) if text.is_empty() => None,
        (_, Value::Array(items)) if items.is_empty() => None,
        (ValueType::Complex, value) => Some(value),
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
