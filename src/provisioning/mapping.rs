//! Step `processing`: computes what an account should look like.
//!
//! Always from the whole person, never from what changed: an expression whose attribute did not
//! change in this cycle has its value all the same.

use serde_json::{Value, json};

use super::{
    Link, Reason, SourceAttribute, Subject,
    coerce::coerce,
    job::{Apply, AttributeMapping, MappingSource, NullFlow, ValueType},
    selected_property,
    sticky::{basis_and_seed, rests_on},
    words::words,
};
use crate::{
    expression::{Flow, Inputs},
    model::{AppRole, RedactionKey, Timestamp, is_sealed},
    scim::{AttributePath, Values, is_primary_role_value, redact},
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
    /// What redacted values are hashed with.
    pub key: &'a RedactionKey,
}

/// One mapped attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct MappedRow {
    /// Which attribute.
    pub path: AttributePath,
    /// Its value, or the stand-in for a redacted one; `None` where the source has none.
    pub value: Option<Value>,
    /// The value on create where the source has none; a stand-in too where the row is redacted.
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
    /// Whether its values are added to those that are there, and none is ever taken away.
    pub only_adds: bool,
    /// Of a value that would be another one each time, what it rests on: it stays as it is while
    /// this stays. `None` where the value is computed anew each time.
    pub basis: Option<String>,
    /// Why the target would refuse the value, where it is written on create only.
    pub create_problem: Option<String>,
}

/// A whole person, mapped. References are not here: they are resolved against links.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mapped {
    /// The rows, in the order of the mapping.
    pub rows: Vec<MappedRow>,
    /// When a row may have another value, with the same person.
    pub reconsider_at: Option<Timestamp>,
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

/// What is done about a value that the target would not take.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Limits {
    /// The person fails.
    Enforced,
    /// The attribute is left as it is.
    LeftOut,
    /// Nothing: the value is compared and not sent.
    Unchecked,
}

/// Computes every attribute of a person's account.
///
/// A value that breaks its attribute's [`job::ValueLimit`](super::job::ValueLimit) is a fault:
/// the target would refuse the whole request for it. One that is written on create only is a fault
/// of the create ([`Mapped::create_fault`]).
pub fn map(
    mappings: &[AttributeMapping],
    subject: &Subject,
    inputs: MappingInputs<'_>,
) -> Result<Mapped, MappingFault> {
    map_where(mappings, (subject, None), inputs, Limits::Enforced, |_| true)
}

/// Computes every attribute of an account that is linked, as [`map`] does.
///
/// Random values, and times that flow, stay as they were last exported until a source attribute
/// that their expression names has another value.
pub fn map_linked(
    mappings: &[AttributeMapping],
    subject: &Subject,
    inputs: MappingInputs<'_>,
    link: &Link,
) -> Result<Mapped, MappingFault> {
    map_where(mappings, (subject, Some(link)), inputs, Limits::Enforced, |_| true)
}

/// Computes every attribute of a person's account to compare with, whatever the target takes.
pub fn map_to_compare(
    mappings: &[AttributeMapping],
    subject: &Subject,
    inputs: MappingInputs<'_>,
) -> Result<Mapped, MappingFault> {
    map_where(mappings, (subject, None), inputs, Limits::Unchecked, |_| true)
}

/// The earlier of two moments, where there is one.
pub fn earliest(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}

/// Computes only `active`.
pub(super) fn map_active(
    mappings: &[AttributeMapping],
    subject: &Subject,
    inputs: MappingInputs<'_>,
    link: &Link,
) -> Result<Mapped, MappingFault> {
    let of = (subject, Some(link));
    map_where(mappings, of, inputs, Limits::LeftOut, |mapping| mapping.target.is_active())
}

/// Computes only the attributes that express that an account is withdrawn.
///
/// Another attribute that cannot be computed must not keep somebody's access alive, nor must a
/// value that the target does not take: such an attribute stays as it is.
pub fn map_withdrawal(
    mappings: &[AttributeMapping],
    subject: &Subject,
    inputs: MappingInputs<'_>,
    link: &Link,
) -> Result<Mapped, MappingFault> {
    let of = (subject, Some(link));
    map_where(mappings, of, inputs, Limits::LeftOut, |mapping| {
        mentions_soft_deleted(&mapping.source)
    })
}

fn map_where(
    mappings: &[AttributeMapping],
    (subject, link): (&Subject, Option<&Link>),
    inputs: MappingInputs<'_>,
    limits: Limits,
    wanted: impl Fn(&AttributeMapping) -> bool,
) -> Result<Mapped, MappingFault> {
    let roles: Vec<AppRole> = subject.roles(inputs.declared_roles).into_iter().cloned().collect();
    let mut rows = Vec::with_capacity(mappings.len());
    let mut reconsider_at = None;
    let flowing = |m: &&AttributeMapping| m.value_type != ValueType::Reference && wanted(m);
    for mapping in mappings.iter().filter(flowing) {
        let (basis, seed) = basis_and_seed(mapping, subject, &roles, inputs);
        let row = if let Some(link) = link.filter(|link| rests_on(link, mapping, basis.as_ref())) {
            row_of(mapping, link.exported.get(&mapping.target).cloned())
        } else {
            let (value, wake) = source_value(mapping, subject, &roles, (inputs, seed))?;
            // A value that is not compared later need not be looked at again either.
            if basis.is_none() && mapping.apply == Apply::Always {
                reconsider_at = earliest(reconsider_at, wake);
            }
            let Some(value) = value else { continue };
            limited(row_of(mapping, coerce(mapping, value)?), mapping, limits)?
        };
        let hidden = |value: Value| {
            let is_redacted = mapping.is_redacted();
            if is_redacted { redact(inputs.key, &mapping.target, &value) } else { value }
        };
        rows.push(MappedRow {
            value: row.value.map(hidden),
            default: row.default.map(hidden),
            basis: basis.filter(|_| mapping.apply == Apply::Always),
            ..row
        });
    }
    Ok(Mapped { rows, reconsider_at })
}

/// A row as its value and its mapping make it.
fn row_of(mapping: &AttributeMapping, value: Option<Value>) -> MappedRow {
    MappedRow {
        path: mapping.target.clone(),
        value,
        default: mapping.default.clone(),
        apply: mapping.apply,
        null: mapping.null,
        matching_priority: mapping.matching_priority,
        expresses_withdrawal: mentions_soft_deleted(&mapping.source),
        required: mapping.required,
        only_adds: only_adds(&mapping.source),
        basis: None,
        create_problem: None,
    }
}

/// A row after its attribute's limits.
fn limited(
    row: MappedRow,
    mapping: &AttributeMapping,
    limits: Limits,
) -> Result<MappedRow, MappingFault> {
    let problem = row.value.as_ref().and_then(Value::as_str).and_then(|text| match limits {
        Limits::Enforced | Limits::LeftOut => problem_of(mapping, text),
        Limits::Unchecked => None,
    });
    match (problem, limits, mapping.apply) {
        (None, _, _) => Ok(row),
        (Some(problem), Limits::Enforced, Apply::Always) => {
            Err(MappingFault { path: mapping.target.to_string(), problem })
        }
        (Some(problem), Limits::Enforced, Apply::Create) => {
            Ok(MappedRow { create_problem: Some(problem), ..row })
        }
        (Some(_), Limits::LeftOut | Limits::Unchecked, _) => {
            Ok(MappedRow { value: None, null: NullFlow::Keep, ..row })
        }
    }
}

/// Why the target would not take a text; of a redacted one without a part of it.
fn problem_of(mapping: &AttributeMapping, text: &str) -> Option<String> {
    let problem = mapping.limit.problem(text)?;
    Some(if mapping.is_redacted() {
        "is longer than the application takes, or holds a character that it does not take"
            .to_owned()
    } else {
        problem
    })
}

/// What a redacted attribute may get, in clear: its value, and its default.
///
/// Only for [`reveal`](super::reveal), which sees to it that nothing of this is kept.
pub(super) fn in_clear(
    mapping: &AttributeMapping,
    subject: &Subject,
    inputs: MappingInputs<'_>,
) -> Result<Vec<Value>, MappingFault> {
    let roles: Vec<AppRole> = subject.roles(inputs.declared_roles).into_iter().cloned().collect();
    let (_, seed) = basis_and_seed(mapping, subject, &roles, inputs);
    let value = match source_value(mapping, subject, &roles, (inputs, seed))?.0 {
        Some(value) => coerce(mapping, value)?,
        None => None,
    };
    Ok(value.into_iter().chain(mapping.default.clone()).collect())
}

impl Mapped {
    /// Puts the whole role in the place of its name where `SingleAppRoleAssignment` alone flows to
    /// `roles[primary eq "True"].value`: without the flag, Entra's PATCH says its id and value too.
    #[must_use]
    pub(super) fn with_whole_role(
        mut self,
        mappings: &[AttributeMapping],
        subject: &Subject,
        declared: &[AppRole],
    ) -> Self {
        let is_single = |path: &AttributePath| {
            is_primary_role_value(path)
                && mappings.iter().any(|mapping| {
                    mapping.target == *path
                        && matches!(&mapping.source, MappingSource::Expression(expression)
                            if expression.is_single_role())
                })
        };
        let Some(role) = subject.roles(declared).into_iter().next() else { return self };
        for row in self.rows.iter_mut().filter(|row| is_single(&row.path)) {
            row.value = Some(json!({
                "id": role.id.to_string(),
                "value": role.value,
                "displayName": role.display_name,
            }));
        }
        self
    }

    /// Why the target would refuse a new account, as far as the account's updates would pass.
    pub fn create_fault(&self) -> Option<MappingFault> {
        self.rows.iter().find_map(|row| {
            let problem = row.create_problem.clone()?;
            Some(MappingFault { path: row.path.to_string(), problem })
        })
    }

    /// The person with the values that an account already has, where a new one would be no better:
    /// nobody can tell whether a random value is an older one of ours.
    #[must_use]
    pub fn keeping(mut self, found: &Values, link: Option<&Link>) -> Self {
        for row in &mut self.rows {
            let known = link.and_then(|link| link.basis.get(&row.path));
            let is_outdated = known.is_some() && known != row.basis.as_ref();
            if let (Some(_), Some(value), false) = (&row.basis, found.get(&row.path), is_outdated) {
                row.value = Some(value.clone());
            }
        }
        self
    }

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

/// The raw value, or `None` where the expression asks to leave the attribute alone; and when it may
/// be another one.
fn source_value(
    mapping: &AttributeMapping,
    subject: &Subject,
    roles: &[AppRole],
    (inputs, seed): (MappingInputs<'_>, u64),
) -> Result<(Option<Value>, Option<Timestamp>), MappingFault> {
    let fault = |problem: String| MappingFault { path: mapping.target.to_string(), problem };
    let read = |name: &str| read_source(name, subject, inputs.is_soft_deleted);
    if is_unreadable(&mapping.source, subject) {
        return Err(fault(
            "its source was sealed with a key that is not there any more; it is waited for until \
             the directory shows it again"
                .to_owned(),
        ));
    }
    match &mapping.source {
        MappingSource::Attribute(name) => Ok((Some(read(name)), None)),
        MappingSource::Constant(text) => Ok((Some(Value::String(text.clone())), None)),
        MappingSource::Expression(expression) => {
            let (flow, wake) = expression.evaluate_timed(&Inputs {
                attribute: &read,
                app_roles: roles,
                now: inputs.now,
                seed,
                default_domain: inputs.default_domain,
            });
            match flow.map_err(|error| fault(error.to_string()))? {
                Flow::Value(value) | Flow::Redacted(value) => Ok((Some(value), wake)),
                Flow::Ignore => Ok((None, wake)),
                Flow::IgnoreObject => {
                    let this = words(subject.kind).this;
                    Err(fault(format!("the expression says to leave {this} alone")))
                }
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

pub(super) fn only_adds(source: &MappingSource) -> bool {
    match source {
        MappingSource::Attribute(_) | MappingSource::Constant(_) => false,
        MappingSource::Expression(expression) => expression.only_adds_roles(),
    }
}

/// Whether a source is still sealed: to read it as a null would clear what the account has.
fn is_unreadable(source: &MappingSource, subject: &Subject) -> bool {
    let is_it = |name: &str| {
        let value = selected_property(name).and_then(|name| subject.attributes.get(&name));
        value.is_some_and(is_sealed)
    };
    subject.attributes.values().any(is_sealed)
        && match source {
            MappingSource::Attribute(name) => is_it(name),
            MappingSource::Constant(_) => false,
            MappingSource::Expression(expression) => expression.attributes().into_iter().any(is_it),
        }
}

pub(super) fn mentions_soft_deleted(source: &MappingSource) -> bool {
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
