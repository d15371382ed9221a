//! Filters and clauses, and how a clause is compiled from what a person wrote. Knows no person.

use std::fmt;

use chrono::TimeDelta;

use super::Operator;
use crate::{
    expression::{Anchor, TextPattern, parse_date},
    model::{ObjectKind, Timestamp},
    provisioning::SourceAttribute,
};

/// One filter: all of its clauses have to hold (Graph `filterGroup`).
#[derive(Clone, Debug)]
pub struct ScopingFilter {
    /// What a person calls it.
    pub name: Option<String>,
    /// The clauses; at least one.
    pub clauses: Vec<Clause>,
}

/// One clause (Graph `filterClause`).
#[derive(Clone, Debug)]
pub struct Clause {
    /// What is looked at.
    pub operand: Operand,
    /// Of several values, how many have to pass.
    pub quantifier: Quantifier,
    pub(super) test: Test,
    text: String,
}

/// What a clause looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// An attribute of the object.
    Attribute(SourceAttribute),
    /// The manager.
    Manager,
    /// The app roles that the object holds.
    AppRoles,
    /// The groups that the person is a direct member of.
    MemberOf,
}

/// Of several values, how many have to pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantifier {
    /// One is enough.
    Any,
    /// Every one.
    All,
}

/// What is asked of a value.
#[derive(Clone, Debug)]
pub(super) enum Test {
    Equals(String),
    EndsWith(String),
    Includes(String),
    Regex(TextPattern),
    GreaterThan(i64),
    GreaterThanOrEquals(i64),
    Is(bool),
    IsNull,
    IsNotNull,
    BitSet(String),
    Before(Moment),
    After(Moment),
    /// The denial of another test of one value.
    Not(Box<Test>),
}

/// A moment that a date is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    At(Timestamp),
    /// So long after the present moment; before it where negative.
    FromNow(TimeDelta),
}

/// A clause as a person wrote it.
#[derive(Clone, Copy, Debug)]
pub struct ClauseText<'a> {
    /// A source attribute, `manager`, `appRoles` or `memberOf`.
    pub attribute: &'a str,
    /// One of [`Operator`].
    pub operator: &'a str,
    /// What is compared with.
    pub value: Option<&'a str>,
    /// `any` or `all`.
    pub quantifier: Option<&'a str>,
    /// `whole` or `find`.
    pub anchor: Option<&'a str>,
}

/// Which part of a clause is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClauseKey {
    /// `attribute`.
    Attribute,
    /// `operator`.
    Operator,
    /// `value`.
    Value,
    /// `quantifier`.
    Quantifier,
    /// `anchor`.
    Anchor,
}

impl ClauseKey {
    /// The key in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Attribute => "attribute",
            Self::Operator => "operator",
            Self::Value => "value",
            Self::Quantifier => "quantifier",
            Self::Anchor => "anchor",
        }
    }
}

/// What is wrong with a clause.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct ClauseError {
    /// Where.
    pub key: ClauseKey,
    /// What.
    pub problem: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl ClauseError {
    fn new(key: ClauseKey, problem: impl Into<String>) -> Self {
        Self { key, problem: problem.into(), hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl Clause {
    /// Compiles a clause about objects of one kind. Fails with everything that is wrong with it.
    pub fn compile(kind: ObjectKind, text: &ClauseText<'_>) -> Result<Self, Vec<ClauseError>> {
        let mut errors = Vec::new();
        let operand = operand(kind, text.attribute).map_err(|error| errors.push(error)).ok();
        let operator = operator(text.operator).map_err(|error| errors.push(error)).ok();
        let (Some(operand), Some(operator)) = (operand, operator) else { return Err(errors) };
        if let Err(error) = fit(&operand, operator, text.attribute) {
            errors.push(error);
        }
        let quantifier =
            quantifier(text, &operand, operator).map_err(|error| errors.push(error)).ok();
        let anchor = anchor(text.anchor, operator).map_err(|error| errors.push(error)).ok();
        let test = match anchor {
            Some(anchor) => {
                test(operator, text.value, anchor).map_err(|error| errors.push(error)).ok()
            }
            None => None,
        };
        match (quantifier, test) {
            (Some(quantifier), Some(test)) if errors.is_empty() => {
                Ok(Self { operand, quantifier, test, text: canonical(text, operator, quantifier) })
            }
            _ => Err(errors),
        }
    }

    /// The group that the clause names, where it names one.
    pub fn group(&self) -> Option<&str> {
        (self.operand == Operand::MemberOf).then(|| self.test.equals()).flatten()
    }

    /// The person that the clause names as a manager, where it names one.
    pub fn manager(&self) -> Option<&str> {
        (self.operand == Operand::Manager).then(|| self.test.equals()).flatten()
    }
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for ScopingFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clauses: Vec<&str> = self.clauses.iter().map(|clause| clause.text.as_str()).collect();
        f.write_str(&clauses.join(" and "))
    }
}

impl Test {
    fn equals(&self) -> Option<&str> {
        match self {
            Self::Equals(text) => Some(text),
            Self::Not(inner) => inner.equals(),
            Self::EndsWith(_)
            | Self::Includes(_)
            | Self::Regex(_)
            | Self::GreaterThan(_)
            | Self::GreaterThanOrEquals(_)
            | Self::Is(_)
            | Self::IsNull
            | Self::IsNotNull
            | Self::BitSet(_)
            | Self::Before(_)
            | Self::After(_) => None,
        }
    }
}

fn operand(kind: ObjectKind, name: &str) -> Result<Operand, ClauseError> {
    let refuse = |problem: String| ClauseError::new(ClauseKey::Attribute, problem);
    let operand = match name {
        "memberOf" => Operand::MemberOf,
        "appRoles" => Operand::AppRoles,
        _ => match SourceAttribute::parse(name) {
            None => return Err(refuse(format!("unknown source attribute {name:?}"))),
            Some(SourceAttribute::IsSoftDeleted) => {
                let problem = "`IsSoftDeleted` itself depends on whether the filters hold";
                let error = refuse(problem.to_owned());
                return Err(match kind {
                    ObjectKind::User => error.hint("a filter can look at `accountEnabled`"),
                    ObjectKind::Group => error,
                });
            }
            Some(SourceAttribute::Members) if kind == ObjectKind::Group => {
                return Err(refuse("a filter cannot look at who the members are".to_owned())
                    .hint("filter the people themselves, with `memberOf`"));
            }
            Some(SourceAttribute::Manager) => Operand::Manager,
            Some(SourceAttribute::AppRoleAssignments) => Operand::AppRoles,
            Some(attribute) => Operand::Attribute(attribute),
        },
    };
    let belongs = match (&operand, kind) {
        (Operand::Attribute(attribute), kind) => attribute.belongs_to(kind),
        (Operand::AppRoles, _) => true,
        (Operand::Manager | Operand::MemberOf, kind) => kind == ObjectKind::User,
    };
    if belongs {
        return Ok(operand);
    }
    Err(match kind {
        ObjectKind::User => refuse(format!("`{name}` is an attribute of groups"))
            .hint("to filter people by their groups, use `memberOf`"),
        ObjectKind::Group => refuse(format!("a group has no `{name}`"))
            .hint("a filter of groups looks at `displayName`, `mail`, `description` and so on"),
    })
}

fn operator(name: &str) -> Result<Operator, ClauseError> {
    Operator::parse(name).ok_or_else(|| {
        let names: Vec<&str> = Operator::ALL.into_iter().map(Operator::as_str).collect();
        ClauseError::new(ClauseKey::Operator, format!("unknown operator {name:?}"))
            .hint(format!("possible are {}", names.join(", ")))
    })
}

/// Whether the operator makes sense of what is looked at.
fn fit(operand: &Operand, operator: Operator, name: &str) -> Result<(), ClauseError> {
    const IDENTITY: [Operator; 2] = [Operator::Equals, Operator::NotEquals];
    const PRESENCE: [Operator; 2] = [Operator::IsNull, Operator::IsNotNull];
    let fits = match operand {
        Operand::Attribute(_) => true,
        Operand::MemberOf => IDENTITY.contains(&operator),
        Operand::Manager => IDENTITY.contains(&operator) || PRESENCE.contains(&operator),
        Operand::AppRoles => ![
            Operator::GreaterThan,
            Operator::GreaterThanOrEquals,
            Operator::IsTrue,
            Operator::IsFalse,
            Operator::Before,
            Operator::After,
        ]
        .contains(&operator),
    };
    if fits {
        return Ok(());
    }
    let hint = match operand {
        Operand::MemberOf => "EQUALS and NOT EQUALS, with a group's name or id",
        Operand::Manager => {
            "EQUALS and NOT EQUALS, with the manager's user principal name or object id, IS NULL \
             and IS NOT NULL"
        }
        Operand::Attribute(_) | Operand::AppRoles => {
            "EQUALS and NOT EQUALS, with a role's name, value or id"
        }
    };
    let problem = format!("`{name}` cannot be compared with {operator}");
    Err(ClauseError::new(ClauseKey::Operator, problem).hint(format!("possible are {hint}")))
}

/// Without one, a denial has to be true of every value: it then says that none is so.
fn quantifier(
    text: &ClauseText<'_>,
    operand: &Operand,
    operator: Operator,
) -> Result<Quantifier, ClauseError> {
    let refuse = |problem: String| Err(ClauseError::new(ClauseKey::Quantifier, problem));
    let several = match operand {
        Operand::Attribute(attribute) => attribute.may_have_several_values(),
        Operand::AppRoles => true,
        Operand::Manager | Operand::MemberOf => false,
    };
    match text.quantifier {
        None if operator.is_negated() => Ok(Quantifier::All),
        Some(_) if !several => {
            refuse(format!("`{}` has one value at most, so it needs none", text.attribute))
        }
        None | Some("any") => Ok(Quantifier::Any),
        Some("all") => Ok(Quantifier::All),
        Some(other) => refuse(format!("unknown value {other:?}; possible are `any`, `all`")),
    }
}

fn anchor(text: Option<&str>, operator: Operator) -> Result<Anchor, ClauseError> {
    let refuse = |problem: String| Err(ClauseError::new(ClauseKey::Anchor, problem));
    match text {
        Some(_) if !operator.is_regex() => {
            refuse(format!("{operator} knows none; it belongs to REGEX MATCH"))
        }
        None | Some("whole") => Ok(Anchor::Whole),
        Some("find") => Ok(Anchor::Find),
        Some(other) => refuse(format!("unknown value {other:?}; possible are `whole`, `find`")),
    }
}

fn test(operator: Operator, value: Option<&str>, anchor: Anchor) -> Result<Test, ClauseError> {
    let refuse = |problem: String| ClauseError::new(ClauseKey::Value, problem);
    if !operator.takes_value() {
        if value.is_some() {
            return Err(refuse(format!("{operator} takes no value")));
        }
    } else if value.is_none_or(|value| value.trim().is_empty()) {
        return Err(refuse(format!("missing; {operator} compares with a value")));
    }
    let text = value.unwrap_or_default();
    let owned = || text.to_owned();
    let integer = || {
        text.trim()
            .parse::<i64>()
            .map_err(|_| refuse(format!("{operator} compares whole numbers; {text:?} is none")))
    };
    let pattern = || TextPattern::compile(text, anchor).map(Test::Regex).map_err(refuse);
    let not = |test: Test| Test::Not(Box::new(test));
    Ok(match operator {
        Operator::Equals => Test::Equals(owned()),
        Operator::NotEquals => not(Test::Equals(owned())),
        Operator::EndsWith => Test::EndsWith(owned()),
        Operator::Includes => Test::Includes(owned()),
        Operator::RegexMatch => pattern()?,
        Operator::NotRegexMatch => not(pattern()?),
        Operator::GreaterThan => Test::GreaterThan(integer()?),
        Operator::GreaterThanOrEquals => Test::GreaterThanOrEquals(integer()?),
        Operator::IsTrue => Test::Is(true),
        Operator::IsFalse => Test::Is(false),
        Operator::IsNull => Test::IsNull,
        Operator::IsNotNull => Test::IsNotNull,
        Operator::BitSet => Test::BitSet(owned()),
        Operator::BitNotSet => not(Test::BitSet(owned())),
        Operator::Before => Test::Before(moment(text)?),
        Operator::After => Test::After(moment(text)?),
    })
}

/// A date (`2026-01-31`, with a time and an offset if wanted), or so long from now: `-30d`, `+2w`.
fn moment(text: &str) -> Result<Moment, ClauseError> {
    relative(text).map(Moment::FromNow).or_else(|| parse_date(text).map(Moment::At)).ok_or_else(
        || {
            ClauseError::new(ClauseKey::Value, format!("{text:?} is no date")).hint(
                "write a date such as 2026-01-31 or 2026-01-31T08:00:00Z, or a time from now such \
                 as -30d, 0d, +2w, +12h",
            )
        },
    )
}

fn relative(text: &str) -> Option<TimeDelta> {
    let text = text.trim();
    let (negative, rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let number: i64 = rest[..digits].parse().ok()?;
    let seconds: i64 = match &rest[digits..] {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    let delta = TimeDelta::try_seconds(number.checked_mul(seconds)?)?;
    Some(if negative { -delta } else { delta })
}

fn canonical(text: &ClauseText<'_>, operator: Operator, quantifier: Quantifier) -> String {
    let quantifier = match (text.quantifier, quantifier) {
        (None, _) => "",
        (Some(_), Quantifier::Any) => "any ",
        (Some(_), Quantifier::All) => "all ",
    };
    let value = text.value.map(|value| format!(" {value:?}")).unwrap_or_default();
    let anchor = if text.anchor == Some("find") { " (find)" } else { "" };
    format!("{quantifier}{} {operator}{value}{anchor}", text.attribute)
}
