//! `scoping_filters` of users and of groups: filters compiled and checked.

use toml::de::DeValue;

use super::{
    diagnosis::{At, Findings, nearest},
    raw::{Located, Node, Section, wrong_type},
    source_names::source_attributes,
};
use crate::{
    model::ObjectKind,
    provisioning::{
        Clause, ClauseError, ClauseKey, ClauseText, Operand, Operator, ScopingFilter, job::Scope,
    },
};

const FILTER_KEYS: [&str; 2] = ["name", "clauses"];

const CLAUSE_KEYS: [&str; 5] = ["attribute", "operator", "value", "quantifier", "anchor"];

/// What the filters are about: which kind of object, in which scope.
#[derive(Clone, Copy)]
pub(super) struct Filtered {
    pub(super) kind: ObjectKind,
    pub(super) scope: Scope,
}

/// The filters below `[apps.NAME.users]` or `[apps.NAME.groups]`. Whether that is a table is the
/// mapping's to say.
pub(super) fn decode(
    filtered: Filtered,
    section: Option<&Node<'_, '_>>,
    findings: &mut Findings<'_>,
) -> Vec<ScopingFilter> {
    let Some(section) = section.filter(|node| matches!(node.value, DeValue::Table(_))) else {
        return Vec::new();
    };
    let rows = Section::open_free(section, findings)
        .and_then(|section| section.rows("scoping_filters", findings));
    let Some(rows) = rows else { return Vec::new() };
    rows.value.iter().filter_map(|row| decode_filter(filtered, row, findings)).collect()
}

fn decode_filter(
    filtered: Filtered,
    node: &Node<'_, '_>,
    findings: &mut Findings<'_>,
) -> Option<ScopingFilter> {
    let section = Section::open(node, &FILTER_KEYS, findings)?;
    let name = section.string("name", findings).map(|name| name.value);
    section.required("clauses", findings)?;
    let rows = section.rows("clauses", findings)?;
    if rows.value.is_empty() {
        findings.error_hint(
            &rows.at,
            "has no clause, so it would let everybody in",
            "add a clause, or remove the filter",
        );
        return None;
    }
    let clauses: Vec<_> =
        rows.value.iter().map(|row| decode_clause(filtered, row, findings)).collect();
    Some(ScopingFilter { name, clauses: clauses.into_iter().collect::<Option<_>>()? })
}

fn decode_clause(
    Filtered { kind, scope }: Filtered,
    node: &Node<'_, '_>,
    findings: &mut Findings<'_>,
) -> Option<Clause> {
    let section = Section::open(node, &CLAUSE_KEYS, findings)?;
    let attribute = section.required_string("attribute", findings);
    let operator = section.required_string("operator", findings);
    let value = match section.get("value") {
        None => None,
        Some(node) => Some(scalar(&node, findings)?),
    };
    let quantifier = section.string("quantifier", findings);
    let anchor = section.string("anchor", findings);
    let (attribute, operator) = (attribute?, operator?);
    let text = |given: &Option<Located<String>>| given.as_ref().map(|text| text.value.clone());
    let (quantifier_text, anchor_text) = (text(&quantifier), text(&anchor));
    let written = ClauseText {
        attribute: &attribute.value,
        operator: &operator.value,
        value: value.as_deref(),
        quantifier: quantifier_text.as_deref(),
        anchor: anchor_text.as_deref(),
    };
    match Clause::compile(kind, &written) {
        Ok(clause) if clause.operand == Operand::AppRoles && scope == Scope::All => {
            findings.error_hint(
                &attribute.at,
                "with scope = \"all\" nobody is looked up for app roles",
                "use scope = \"assigned\", or another attribute",
            );
            None
        }
        Ok(clause) => Some(clause),
        Err(errors) => {
            for error in errors {
                let key = error.key.as_str();
                let missing = || section.at.join(key, section.at.span.clone());
                let at = section.get(key).map_or_else(missing, |node| node.at);
                report(kind, &error, &at, (&attribute.value, &operator.value), findings);
            }
            None
        }
    }
}

/// Names the nearest attribute or operator where one was probably meant.
fn report(
    kind: ObjectKind,
    error: &ClauseError,
    at: &At,
    (attribute, operator): (&str, &str),
    findings: &mut Findings<'_>,
) {
    let near = match error.key {
        ClauseKey::Attribute if error.hint.is_none() => {
            // What a clause can look at that no mapping can.
            let others: &[&str] = match kind {
                ObjectKind::User => &["memberOf", "appRoles"],
                ObjectKind::Group => &["appRoles"],
            };
            nearest(attribute, source_attributes(kind).iter().chain(others).copied())
        }
        ClauseKey::Operator if Operator::parse(operator).is_none() => {
            nearest(operator, Operator::ALL.map(Operator::as_str))
        }
        ClauseKey::Attribute
        | ClauseKey::Operator
        | ClauseKey::Value
        | ClauseKey::Quantifier
        | ClauseKey::Anchor => None,
    };
    match near.map(|name| format!("did you mean `{name}`?")).or_else(|| error.hint.clone()) {
        Some(hint) => findings.error_hint(at, error.problem.clone(), hint),
        None => findings.error(at, error.problem.clone()),
    }
}

/// A value as the text that is compared; numbers, Booleans and dates may stand without quotes.
fn scalar(node: &Node<'_, '_>, findings: &mut Findings<'_>) -> Option<String> {
    match node.value {
        DeValue::String(_) => node.string(findings).map(|text| text.value),
        DeValue::Integer(integer) => {
            let number = i64::from_str_radix(integer.as_str(), integer.radix()).ok();
            if number.is_none() {
                findings.error(&node.at, format!("{integer} is too large"));
            }
            number.map(|number| number.to_string())
        }
        DeValue::Boolean(true) => Some("True".to_owned()),
        DeValue::Boolean(false) => Some("False".to_owned()),
        DeValue::Datetime(date) => Some(date.to_string()),
        DeValue::Float(_) | DeValue::Array(_) | DeValue::Table(_) => {
            wrong_type(&node.at, "a text, a whole number, true or false", node.value, findings);
            None
        }
    }
}
