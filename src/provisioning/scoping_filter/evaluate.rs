//! Whether filters hold for a person, and what each clause saw. Knows no configuration.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use serde_json::Value;

use super::{
    Clause, Operand, Quantifier, ScopingFilter,
    clause::{Moment, Test},
};
use crate::{
    expression::{EvaluationError, STEPS_MAX, parse_date},
    model::{AppRole, SourceId, Timestamp, is_sealed},
    provisioning::{SourceAttribute, Subject},
    scim::REDACTED,
};

/// The principals that filters name, by the text that names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilterPrincipals {
    /// Groups, by name or id.
    pub groups: BTreeMap<String, SourceId>,
    /// Managers, by user principal name, mail or id.
    pub managers: BTreeMap<String, SourceId>,
}

/// What an evaluation rests on.
#[derive(Clone, Copy)]
pub struct FilterInputs<'a> {
    /// The person.
    pub subject: &'a Subject,
    /// The roles that the application declares.
    pub declared_roles: &'a [AppRole],
    /// The principals that filters name.
    pub principals: &'a FilterPrincipals,
    /// The present moment.
    pub now: Timestamp,
}

/// Why filters decide nothing about a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the clause `{clause}` cannot be evaluated: {problem}")]
pub struct FilterFault {
    /// Which clause.
    pub clause: String,
    /// Why.
    pub problem: String,
}

/// What the filters say of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilterResult {
    /// One filter holds, or there is none.
    Passed,
    /// None holds.
    NotPassed,
    /// None holds, and one could not be evaluated.
    Undecided(FilterFault),
}

/// What one clause saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClauseFinding {
    /// The filter's number, counted from 1.
    pub filter: usize,
    /// The clause's number inside the filter, counted from 1.
    pub number: usize,
    /// The filter's name.
    pub name: Option<String>,
    /// The clause.
    pub clause: String,
    /// The value it saw, as a text to show.
    pub saw: String,
    /// Whether it holds; `None` where it cannot be evaluated.
    pub holds: Option<bool>,
}

impl FilterResult {
    /// What `filters` say of a person.
    pub fn of(filters: &[ScopingFilter], inputs: FilterInputs<'_>) -> Self {
        let mut steps_left = STEPS_MAX;
        let mut fault = None;
        for filter in filters {
            match filter.holds(inputs, &mut steps_left) {
                Ok(true) => return Self::Passed,
                Ok(false) => {}
                Err(new) => fault = fault.or(Some(new)),
            }
        }
        match fault {
            Some(fault) => Self::Undecided(fault),
            None if filters.is_empty() => Self::Passed,
            None => Self::NotPassed,
        }
    }
}

impl ScopingFilter {
    /// Whether every clause holds. One that does not decides, whatever another cannot say.
    fn holds(&self, inputs: FilterInputs<'_>, steps_left: &mut u64) -> Result<bool, FilterFault> {
        let mut fault = None;
        for clause in &self.clauses {
            match clause.holds(inputs, steps_left) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(problem) => {
                    fault = fault.or(Some(FilterFault { clause: clause.to_string(), problem }));
                }
            }
        }
        fault.map_or(Ok(true), Err)
    }

    /// What each clause of `filters` saw, for an explanation; of the `redacted` properties of the
    /// directory only that it saw them.
    pub fn findings(
        filters: &[Self],
        inputs: FilterInputs<'_>,
        redacted: &BTreeSet<String>,
    ) -> Vec<ClauseFinding> {
        let mut steps_left = STEPS_MAX;
        let numbered = filters.iter().enumerate();
        let clauses = numbered.flat_map(|(index, filter)| {
            let clauses = filter.clauses.iter().enumerate();
            clauses.map(move |(place, clause)| ((index + 1, place + 1), &filter.name, clause))
        });
        clauses
            .map(|((filter, number), name, clause)| ClauseFinding {
                filter,
                number,
                name: name.clone(),
                clause: clause.to_string(),
                saw: match clause.property() {
                    Some(property) if redacted.contains(property) => REDACTED.to_owned(),
                    Some(_) | None => clause.saw(inputs),
                },
                holds: clause.holds(inputs, &mut steps_left).ok(),
            })
            .collect()
    }

    /// When time alone may next change what `filters` say of a person.
    pub fn reconsider_at(filters: &[Self], inputs: FilterInputs<'_>) -> Option<Timestamp> {
        filters
            .iter()
            .flat_map(|filter| &filter.clauses)
            .filter_map(|clause| clause.turns_at(inputs))
            .min()
    }
}

impl Clause {
    /// Fails with why it cannot be evaluated.
    fn holds(&self, inputs: FilterInputs<'_>, steps_left: &mut u64) -> Result<bool, String> {
        match &self.operand {
            Operand::Attribute(attribute) => {
                let stored = self.property().and_then(|name| inputs.subject.attributes.get(name));
                if stored.is_some_and(is_sealed) {
                    return Err("its value was sealed with a key that is not there any more".into());
                }
                let value = read(attribute, inputs.subject);
                self.holds_of(&value, inputs.now, steps_left)
            }
            Operand::Manager => self.holds_of_manager(inputs),
            Operand::MemberOf => self.holds_of_groups(inputs),
            Operand::AppRoles => self.holds_of_roles(inputs, steps_left),
        }
    }

    /// The directory's property that it looks at, where it is one.
    fn property(&self) -> Option<&str> {
        match &self.operand {
            Operand::Attribute(attribute) => attribute.selected_property(),
            Operand::Manager | Operand::AppRoles | Operand::MemberOf => None,
        }
    }

    fn holds_of(
        &self,
        value: &Value,
        now: Timestamp,
        steps_left: &mut u64,
    ) -> Result<bool, String> {
        let mut test = |value: &Value| self.test.holds(value, now, steps_left);
        let Value::Array(values) = value else { return test(value).map_err(shown) };
        let mut values = values.iter().filter(|value| !is_empty(value)).peekable();
        if values.peek().is_none() {
            return test(&Value::Null).map_err(shown);
        }
        for value in values {
            let passed = test(value).map_err(shown)?;
            match self.quantifier {
                Quantifier::Any if passed => return Ok(true),
                Quantifier::All if !passed => return Ok(false),
                Quantifier::Any | Quantifier::All => {}
            }
        }
        Ok(self.quantifier == Quantifier::All)
    }

    fn holds_of_manager(&self, inputs: FilterInputs<'_>) -> Result<bool, String> {
        let manager = inputs.subject.manager;
        let named = match self.manager() {
            None => None,
            Some(text) => Some(*inputs.principals.managers.get(text).ok_or_else(|| {
                format!("the manager {text:?} was not looked up in the directory")
            })?),
        };
        Ok(match (&self.test, manager) {
            (Test::IsNull, manager) => manager.is_none(),
            (_, None) => false,
            (Test::IsNotNull, Some(_)) => true,
            (Test::Not(_), Some(manager)) => named != Some(manager),
            (_, Some(manager)) => named == Some(manager),
        })
    }

    fn holds_of_groups(&self, inputs: FilterInputs<'_>) -> Result<bool, String> {
        let text = self.group().unwrap_or_default();
        let group = inputs
            .principals
            .groups
            .get(text)
            .ok_or_else(|| format!("the group {text:?} was not looked up in the directory"))?;
        let is_member = inputs.subject.filter_groups.contains(group);
        Ok(if let Test::Not(_) = self.test { !is_member } else { is_member })
    }

    /// A role is named by its display name, its value or its id.
    fn holds_of_roles(
        &self,
        inputs: FilterInputs<'_>,
        steps_left: &mut u64,
    ) -> Result<bool, String> {
        let roles = inputs.subject.roles(inputs.declared_roles);
        if roles.is_empty() {
            return self.test.holds(&Value::Null, inputs.now, steps_left).map_err(shown);
        }
        let denied = if let Test::Not(inner) = &self.test { Some(inner.as_ref()) } else { None };
        let (test, denied) = (denied.unwrap_or(&self.test), denied.is_some());
        for role in roles {
            let names = [Some(role.display_name.clone()), role.value.clone()];
            let names = names.into_iter().flatten().chain([role.id.to_string()]);
            let mut named = false;
            for name in names {
                named = named
                    || test.holds(&Value::String(name), inputs.now, steps_left).map_err(shown)?;
            }
            match self.quantifier {
                Quantifier::Any if named != denied => return Ok(true),
                Quantifier::All if named == denied => return Ok(false),
                Quantifier::Any | Quantifier::All => {}
            }
        }
        Ok(self.quantifier == Quantifier::All)
    }

    /// When time alone turns the clause: only a date against a moment that moves does.
    fn turns_at(&self, inputs: FilterInputs<'_>) -> Option<Timestamp> {
        let (Test::Before(Moment::FromNow(delta)) | Test::After(Moment::FromNow(delta))) =
            &self.test
        else {
            return None;
        };
        let Operand::Attribute(attribute) = &self.operand else { return None };
        let value = read(attribute, inputs.subject);
        let values =
            value.as_array().map_or(std::slice::from_ref(&*value), |values| values.as_slice());
        // A moment after both sides are equal, the comparison has turned for good.
        let turn = |at: Timestamp| {
            at.checked_sub_signed(*delta)?.checked_add_signed(chrono::TimeDelta::milliseconds(1))
        };
        values
            .iter()
            .filter_map(|value| turn(parse_date(value.as_str()?)?))
            .filter(|turn| *turn > inputs.now)
            .min()
    }

    fn saw(&self, inputs: FilterInputs<'_>) -> String {
        match &self.operand {
            Operand::Attribute(attribute) => {
                let value = read(attribute, inputs.subject);
                if value.is_null() { "nothing".to_owned() } else { value.to_string() }
            }
            Operand::Manager => match inputs.subject.manager {
                Some(manager) => manager.to_string(),
                None => "nobody".to_owned(),
            },
            Operand::MemberOf => {
                let is_member = inputs
                    .principals
                    .groups
                    .get(self.group().unwrap_or_default())
                    .map(|group| inputs.subject.filter_groups.contains(group));
                match is_member {
                    Some(true) => "a member".to_owned(),
                    Some(false) => "no member".to_owned(),
                    None => "an unknown group".to_owned(),
                }
            }
            Operand::AppRoles => {
                let roles = inputs.subject.roles(inputs.declared_roles);
                let names: Vec<&str> =
                    roles.iter().map(|role| role.display_name.as_str()).collect();
                if names.is_empty() { "no role".to_owned() } else { names.join(", ") }
            }
        }
    }
}

fn shown(error: EvaluationError) -> String {
    error.message
}

fn read<'s>(attribute: &SourceAttribute, subject: &'s Subject) -> Cow<'s, Value> {
    if *attribute == SourceAttribute::ObjectId {
        return Cow::Owned(Value::String(subject.id.to_string()));
    }
    attribute.borrow(&subject.attributes)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    }
}

impl Test {
    /// Whether it holds of one value. Of no value only `IS NULL` does.
    fn holds(
        &self,
        value: &Value,
        now: Timestamp,
        steps_left: &mut u64,
    ) -> Result<bool, EvaluationError> {
        if is_empty(value) {
            return Ok(matches!(self, Self::IsNull));
        }
        Ok(match self {
            Self::IsNull => false,
            Self::IsNotNull => true,
            Self::Equals(wanted) => equals(value, wanted),
            Self::EndsWith(suffix) => text(value).ends_with(suffix.as_str()),
            Self::Includes(part) => text(value).contains(part.as_str()),
            Self::Regex(pattern) => pattern.matches(&text(value), steps_left)?,
            Self::GreaterThan(least) => integer(&text(value)).is_some_and(|n| n > *least),
            Self::GreaterThanOrEquals(least) => integer(&text(value)).is_some_and(|n| n >= *least),
            Self::Is(wanted) => boolean(value) == Some(*wanted),
            Self::BitSet(mask) => bit_set(&text(value), mask),
            Self::Before(moment) => {
                date(value).zip(moment.at(now)).is_some_and(|(at, moment)| at < moment)
            }
            Self::After(moment) => {
                date(value).zip(moment.at(now)).is_some_and(|(at, moment)| at > moment)
            }
            Self::Not(inner) => !inner.holds(value, now, steps_left)?,
        })
    }
}

impl Moment {
    fn at(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::At(at) => Some(at),
            Self::FromNow(delta) => now.checked_add_signed(delta),
        }
    }
}

/// A value as the text that Entra compares: Booleans are "True" and "False".
fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        Value::Bool(true) => Cow::Borrowed("True"),
        Value::Bool(false) => Cow::Borrowed("False"),
        Value::Null => Cow::Borrowed(""),
        Value::Number(_) | Value::Array(_) | Value::Object(_) => Cow::Owned(value.to_string()),
    }
}

fn equals(value: &Value, wanted: &str) -> bool {
    match value {
        Value::Bool(_) => text(value).eq_ignore_ascii_case(wanted),
        Value::Number(_) => {
            let found = text(value);
            found == wanted || integer(&found).is_some_and(|n| integer(wanted) == Some(n))
        }
        Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            text(value) == wanted
        }
    }
}

fn integer(text: &str) -> Option<i64> {
    text.trim().parse().ok()
}

fn boolean(value: &Value) -> Option<bool> {
    let text = text(value);
    let text = text.trim();
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else {
        text.eq_ignore_ascii_case("false").then_some(false)
    }
}

/// Two numbers share a bit; a text that is no number occurs in the other.
fn bit_set(value: &str, mask: &str) -> bool {
    match (bits(value), bits(mask)) {
        (Some(value), Some(mask)) => value & mask != 0,
        _ => mask.contains(value),
    }
}

/// A whole number, decimal or `&H` and hexadecimal digits.
fn bits(text: &str) -> Option<i64> {
    let text = text.trim();
    match text.strip_prefix("&H").or_else(|| text.strip_prefix("&h")) {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

fn date(value: &Value) -> Option<Timestamp> {
    parse_date(value.as_str()?)
}
