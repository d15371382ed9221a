//! The part of `$filter` that directory lists accept: comparisons joined by `and` and `or`.
//!
//! Owns the grammar and its limits; what a property is worth comes from the object.

use serde_json::Value;

use super::{
    answer::Refusal,
    call::Call,
    schema,
    state::{Entry, ObjectType},
};
use crate::model::SourceId;

/// Terms joined by `or`, or values of `in`, in one filter of a directory list.
const OR_TERMS_MAX: usize = 15;

/// A filter: any of the groups, of which all terms hold.
pub(super) struct Filter(Vec<Vec<Term>>);

struct Term {
    property: String,
    test: Test,
}

enum Test {
    Equals(Value),
    Differs(Value),
    StartsWith(String),
    EndsWith(String),
    AtLeast(String),
    AtMost(String),
    In(Vec<Value>),
}

/// Reads the filter of a list of `kind`, or of anything where `kind` is `None`.
pub(super) fn parse(call: &Call, kind: Option<ObjectType>) -> Result<Option<Filter>, Refusal> {
    let Some(text) = &call.options.filter else { return Ok(None) };
    let mut groups = Vec::new();
    for group in split(text, " or ") {
        let terms: Result<Vec<Term>, Refusal> =
            split(group, " and ").into_iter().map(|term| parse_term(term.trim())).collect();
        groups.push(terms?);
    }
    let listed = groups.iter().flatten().map(|term| match &term.test {
        Test::In(values) => values.len(),
        Test::Equals(_)
        | Test::Differs(_)
        | Test::StartsWith(_)
        | Test::EndsWith(_)
        | Test::AtLeast(_)
        | Test::AtMost(_) => 1,
    });
    let terms = listed.max().unwrap_or(1).max(groups.len());
    if terms > OR_TERMS_MAX {
        return Err(Refusal::unsupported(format!(
            "Too many child clauses specified in search filter expression containing 'OR' \
             operators: {terms}. Max allowed: {OR_TERMS_MAX}."
        )));
    }
    for term in groups.iter().flatten() {
        if kind.is_some_and(|kind| schema::property(kind, &term.property).is_none()) {
            return Err(Refusal::bad_request(format!(
                "Could not find a property named '{}'.",
                term.property
            )));
        }
        let advanced = matches!(term.test, Test::Differs(_) | Test::EndsWith(_));
        if advanced && !(call.is_eventual() && call.options.count) {
            return Err(Refusal::unsupported("Operator is not supported without advanced query."));
        }
    }
    Ok(Some(Filter(groups)))
}

/// The ids of an `id eq` filter of a delta query (at most `max`), which accepts no other.
pub(super) fn ids(text: &str, max: usize) -> Result<Vec<SourceId>, Refusal> {
    let refuse = || Refusal::unsupported("The specified filter is not supported for delta.");
    let mut ids = Vec::new();
    for term in split(text, " or ") {
        let term = parse_term(term.trim().trim_matches(['(', ')'])).map_err(|_| refuse())?;
        match (term.property.as_str(), &term.test) {
            ("id", Test::Equals(Value::String(id))) => {
                ids.push(SourceId::parse(id).map_err(|_| refuse())?);
            }
            _ => return Err(refuse()),
        }
    }
    if ids.len() > max {
        return Err(Refusal::unsupported(format!(
            "Too many ids in the filter: {}. Max allowed: {max}.",
            ids.len()
        )));
    }
    Ok(ids)
}

impl Filter {
    pub(super) fn accepts(&self, id: SourceId, entry: &Entry) -> bool {
        let id = Value::String(id.to_string());
        self.matches(|name| if name == "id" { &id } else { entry.value(name) })
    }

    /// The properties that it looks at.
    pub(super) fn properties(&self) -> Vec<&str> {
        self.0.iter().flatten().map(|term| term.property.as_str()).collect()
    }

    pub(super) fn matches<'a>(&self, value: impl Fn(&str) -> &'a Value) -> bool {
        self.0.iter().any(|group| group.iter().all(|term| term.holds(value(&term.property))))
    }
}

impl Term {
    fn holds(&self, value: &Value) -> bool {
        match &self.test {
            Test::Equals(wanted) => same(value, wanted),
            Test::Differs(unwanted) => !same(value, unwanted),
            Test::StartsWith(prefix) => fold(value).is_some_and(|text| text.starts_with(prefix)),
            Test::EndsWith(suffix) => fold(value).is_some_and(|text| text.ends_with(suffix)),
            Test::AtLeast(least) => fold(value).is_some_and(|text| text >= *least),
            Test::AtMost(most) => fold(value).is_some_and(|text| text <= *most),
            Test::In(values) => values.iter().any(|wanted| same(value, wanted)),
        }
    }
}

fn fold(value: &Value) -> Option<String> {
    value.as_str().map(str::to_lowercase)
}

/// The directory compares texts without regard to case.
fn same(left: &Value, right: &Value) -> bool {
    left == right || (left.is_string() && fold(left) == fold(right))
}

fn parse_term(term: &str) -> Result<Term, Refusal> {
    let refuse = || Refusal::bad_request("Invalid filter clause");
    for name in ["startswith", "endswith"] {
        let folded = term.to_ascii_lowercase();
        if folded.starts_with(name) && folded[name.len()..].starts_with('(') {
            let inner = term[name.len() + 1..].strip_suffix(')').ok_or_else(refuse)?;
            let (property, literal) = inner.split_once(',').ok_or_else(refuse)?;
            let text = fold(&parse_literal(literal.trim())?).ok_or_else(refuse)?;
            let test =
                if name == "startswith" { Test::StartsWith(text) } else { Test::EndsWith(text) };
            return Ok(Term { property: property.trim().to_owned(), test });
        }
    }
    let mut words = term.splitn(3, ' ');
    let (property, operator, rest) = (
        words.next().ok_or_else(refuse)?,
        words.next().ok_or_else(refuse)?,
        words.next().ok_or_else(refuse)?.trim(),
    );
    let test = match operator {
        "eq" => Test::Equals(parse_literal(rest)?),
        "ne" => Test::Differs(parse_literal(rest)?),
        "ge" => Test::AtLeast(fold(&parse_literal(rest)?).ok_or_else(refuse)?),
        "le" => Test::AtMost(fold(&parse_literal(rest)?).ok_or_else(refuse)?),
        "in" => {
            let inner = rest
                .strip_prefix('(')
                .and_then(|inner| inner.strip_suffix(')'))
                .ok_or_else(refuse)?;
            let values: Result<Vec<Value>, Refusal> =
                split(inner, ",").into_iter().map(|part| parse_literal(part.trim())).collect();
            Test::In(values?)
        }
        _ => return Err(Refusal::unsupported("Unsupported Query.")),
    };
    Ok(Term { property: property.to_owned(), test })
}

pub(super) fn parse_literal(text: &str) -> Result<Value, Refusal> {
    match text {
        "null" => Ok(Value::Null),
        "true" => Ok(Value::Bool(true)),
        "false" => Ok(Value::Bool(false)),
        quoted if quoted.len() >= 2 && quoted.starts_with('\'') && quoted.ends_with('\'') => {
            let inner = &quoted[1..quoted.len() - 1];
            if inner.replace("''", "").contains('\'') {
                return Err(Refusal::bad_request("Invalid filter clause: unbalanced quotes."));
            }
            Ok(Value::String(inner.replace("''", "'")))
        }
        // `resourceId eq 1f0c…`: a GUID may stand without quotes.
        bare if uuid::Uuid::parse_str(bare).is_ok() => Ok(Value::String(bare.to_owned())),
        _ => Err(Refusal::bad_request("Invalid filter clause")),
    }
}

/// Splits at `separator` wherever it stands outside quotes.
pub(super) fn split<'a>(text: &'a str, separator: &str) -> Vec<&'a str> {
    let (mut parts, mut start, mut quoted, mut depth) = (Vec::new(), 0, false, 0_u32);
    for (at, character) in text.char_indices() {
        match character {
            '\'' => quoted = !quoted,
            '(' if !quoted && separator == "," => depth += 1,
            ')' if !quoted && separator == "," => depth = depth.saturating_sub(1),
            _ => {}
        }
        if !quoted && depth == 0 && at >= start && text[at..].starts_with(separator) {
            parts.push(&text[start..at]);
            start = at + separator.len();
        }
    }
    parts.push(&text[start..]);
    parts
}
