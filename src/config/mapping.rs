//! The mapping below `[apps.NAME.users]` and `[apps.NAME.groups]`: rows compiled and checked.

use std::collections::BTreeMap;

use serde_json::Value;
use toml::de::DeValue;

use super::{
    diagnosis::{At, Findings, caret, nearest},
    fit::{check_fit, check_limit},
    raw::{Located, Node, Section, wrong_type},
    source_names::source_attributes,
};
use crate::{
    expression::{Expression, Role},
    gallery::Profile,
    model::ObjectKind,
    provisioning::{
        SourceAttribute, is_known_attribute,
        job::{Apply, AttributeMapping, MappingSource, NullFlow, ValueType},
    },
    scim::AttributePath,
};

/// What a section of a mapping is about: whose attributes, at which application.
#[derive(Clone, Copy)]
pub(super) struct About<'p> {
    pub(super) kind: ObjectKind,
    pub(super) profile: &'p Profile,
}

const USER_KEYS: [&str; 3] = ["inherit", "attributes", "scoping_filters"];

pub(super) const GROUP_KEYS: [&str; 4] = ["enabled", "inherit", "attributes", "scoping_filters"];

pub(super) const ROW_KEYS: [&str; 8] =
    ["target", "source", "constant", "expression", "match", "default", "apply", "null"];

const SOURCES: [&str; 3] = ["source", "constant", "expression"];

/// The largest matching precedence; nobody matches by a hundred attributes.
const MATCHING_PRIORITY_MAX: u64 = 100;

/// Attributes that only the application writes (RFC 7643 §3.1, §4.1.2).
const READ_ONLY: [&str; 4] = ["id", "meta", "schemas", "groups"];

/// The mapping of users or of groups: the file's rows, the profile's, or both.
///
/// Rows that are wrong are reported and left out; what the whole list has to hold is checked by
/// the caller only if none was.
pub(super) struct Mapping {
    pub(super) rows: Vec<AttributeMapping>,
    pub(super) at: At,
    pub(super) is_whole: bool,
}

/// Decodes `[apps.NAME.users]` on top of the profile.
pub(super) fn decode_users(
    profile: &Profile,
    node: Option<&Node<'_, '_>>,
    app: &At,
    findings: &mut Findings<'_>,
) -> Mapping {
    let from_profile = |at: At, is_whole| Mapping { rows: profile.users.clone(), at, is_whole };
    let Some(node) = node else {
        return from_profile(app.join("users", app.span.clone()), true);
    };
    let Some(section) = Section::open(node, &USER_KEYS, findings) else {
        return from_profile(node.at.clone(), false);
    };
    decode_section(About { kind: ObjectKind::User, profile }, &section, findings)
}

/// The mapping in a section of which the keys are known already.
pub(super) fn decode_section(
    about: About<'_>,
    section: &Section<'_, '_>,
    findings: &mut Findings<'_>,
) -> Mapping {
    let of_profile = || about.profile.rows_of(about.kind).to_vec();
    let inherit = section.flag("inherit", false, findings);
    let Some(attributes) = section.rows("attributes", findings) else {
        let is_whole = section.get("attributes").is_none();
        return Mapping { rows: of_profile(), at: section.at.clone(), is_whole };
    };
    let mut is_whole = true;
    let mut own: Vec<(AttributeMapping, At)> = Vec::new();
    for row in &attributes.value {
        match decode_row(about, row, findings) {
            Some(mapping) => own.push((mapping, row.at.clone())),
            None => is_whole = false,
        }
    }
    refuse_duplicate_targets(&own, findings);
    let mut rows = if inherit { of_profile() } else { Vec::new() };
    for (mapping, _) in &own {
        match rows.iter_mut().find(|row| inherit && row.target == mapping.target) {
            Some(inherited) => *inherited = mapping.clone(),
            None => rows.push(mapping.clone()),
        }
    }
    refuse_duplicate_precedences(&rows, &own, findings);
    Mapping { rows, at: attributes.at, is_whole }
}

pub(super) fn decode_row(
    about: About<'_>,
    node: &Node<'_, '_>,
    findings: &mut Findings<'_>,
) -> Option<AttributeMapping> {
    let About { kind, profile } = about;
    let section = Section::open(node, &ROW_KEYS, findings)?;
    let target =
        section.required_string("target", findings).and_then(|text| target_path(&text, findings));
    let matching_priority = section.get("match").map(|node| {
        let number = node.integer(1, MATCHING_PRIORITY_MAX, findings);
        number.and_then(|number| u32::try_from(number).ok()).map(|number| (number, node.at))
    });
    let role = if matching_priority.is_some() { Role::Matching } else { Role::Plain };
    let source = source(kind, &section, role, findings);
    let definition = target.as_ref().map(|target| profile.definition_of(kind, target));
    let value_type = definition.map_or(ValueType::String, |definition| definition.value_type);
    let default = section.get("default").map(|node| scalar(&node, value_type, findings));
    let apply = section.choice(
        "apply",
        &[("always", Apply::Always), ("create", Apply::Create)],
        Apply::Always,
        findings,
    );
    let null = section.choice(
        "null",
        &[("clear", NullFlow::Clear), ("keep", NullFlow::Keep)],
        NullFlow::Clear,
        findings,
    );
    let target = target?;
    let (source, source_at) = source?;
    check_fit(kind, (&target, value_type), (&source, &source_at), findings);
    let limit = profile.limit_of(kind, &target);
    check_limit(&limit, &section, findings);
    let matching_priority = match matching_priority {
        None => None,
        Some(given) => {
            let (number, at) = given?;
            check_matching(about, &target, (&source, &at), findings);
            Some(number)
        }
    };
    let default = match default {
        None => None,
        Some(value) => Some(value?),
    };
    Some(AttributeMapping {
        target,
        source,
        matching_priority,
        default,
        apply,
        null,
        value_type,
        required: definition.is_some_and(|definition| definition.required),
        limit,
    })
}

fn target_path(text: &Located<String>, findings: &mut Findings<'_>) -> Option<AttributePath> {
    let path = match AttributePath::parse(&text.value) {
        Ok(path) => path,
        Err(error) => {
            let message = format!("not a SCIM path: {}", error.problem);
            findings.error_excerpt(&text.at, message, caret(&text.value, 1, error.position));
            return None;
        }
    };
    let is_read_only = path.urn.is_none()
        && READ_ONLY.iter().any(|name| path.attribute.eq_ignore_ascii_case(name));
    if is_read_only {
        findings.error(
            &text.at,
            format!("`{}` is written by the application alone (RFC 7643)", path.attribute),
        );
        return None;
    }
    Some(path)
}

fn source(
    kind: ObjectKind,
    section: &Section<'_, '_>,
    role: Role,
    findings: &mut Findings<'_>,
) -> Option<(MappingSource, At)> {
    let given: Vec<_> = SOURCES.iter().filter_map(|key| Some((*key, section.get(key)?))).collect();
    let [(key, node)] = given.as_slice() else {
        let problem = match given.len() {
            0 => "says no source",
            _ => "says several sources",
        };
        findings.error_hint(
            &section.at,
            problem,
            "give exactly one of `source`, `constant`, `expression`",
        );
        return None;
    };
    let text = node.string(findings)?;
    let source = match *key {
        "source" => {
            if !is_known_attribute(kind, &text.value) {
                unknown_source(kind, &text, findings);
                return None;
            }
            MappingSource::Attribute(text.value)
        }
        "constant" => MappingSource::Constant(text.value),
        _ => MappingSource::Expression(Box::new(expression(kind, &text, role, findings)?)),
    };
    Some((source, text.at))
}

fn unknown_source(kind: ObjectKind, text: &Located<String>, findings: &mut Findings<'_>) {
    let name = text.value.as_str();
    if SourceAttribute::parse(name).is_some() {
        let (problem, hint) = match kind {
            ObjectKind::User => (
                format!("`{name}` is an attribute of groups, and a person has none"),
                "the mapping of groups stands in [apps.NAME.groups]",
            ),
            ObjectKind::Group => (
                format!("`{name}` is an attribute of people, and a group has none"),
                "a group has `objectId`, `displayName`, `description`, `mail`, `members` and more",
            ),
        };
        findings.error_hint(&text.at, problem, hint);
        return;
    }
    let hint = match nearest(name, source_attributes(kind).iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => {
            "directory extensions are written extension_<appId without hyphens>_<name>".to_owned()
        }
    };
    findings.error_hint(&text.at, format!("unknown source attribute {name:?}"), hint);
}

fn expression(
    kind: ObjectKind,
    text: &Located<String>,
    role: Role,
    findings: &mut Findings<'_>,
) -> Option<Expression> {
    let parsed = Expression::parse(&text.value);
    let errors = match &parsed {
        Ok(expression) => expression.check(&|name| is_known_attribute(kind, name), role),
        Err(error) => vec![error.clone()],
    };
    for error in &errors {
        findings.error_excerpt(
            &text.at,
            format!("{} (line {}, column {})", error.message, error.line, error.column),
            caret(&text.value, error.line, error.column),
        );
    }
    if errors.is_empty() { parsed.ok() } else { None }
}

/// `default`: a text, or true or false for a boolean attribute.
fn scalar(
    node: &Node<'_, '_>,
    value_type: ValueType,
    findings: &mut Findings<'_>,
) -> Option<Value> {
    match (node.value, value_type) {
        (DeValue::Boolean(flag), ValueType::Boolean) => Some(Value::Bool(*flag)),
        (DeValue::String(text), ValueType::Boolean) => match text.to_ascii_lowercase().as_str() {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            _ => {
                findings.error(&node.at, format!("{text:?} is neither true nor false"));
                None
            }
        },
        (DeValue::String(_), ValueType::String) => {
            node.string(findings).map(|text| Value::String(text.value))
        }
        (_, ValueType::Reference | ValueType::Complex) => {
            findings.error(&node.at, "an attribute that is no single value has no default");
            None
        }
        (other, ValueType::Boolean) => {
            wrong_type(&node.at, "true or false", other, findings);
            None
        }
        (other, ValueType::String) => {
            wrong_type(&node.at, "a text in quotes", other, findings);
            None
        }
    }
}

/// Whether accounts, or groups, can be found by this row.
fn check_matching(
    about: About<'_>,
    target: &AttributePath,
    (source, at): (&MappingSource, &At),
    findings: &mut Findings<'_>,
) {
    let name = &about.profile.name;
    if let MappingSource::Constant(_) = source {
        let whom = match about.kind {
            ObjectKind::User => "for everybody and matches nobody",
            ObjectKind::Group => "for every group and matches none",
        };
        findings.error(at, format!("a constant is the same {whom}"));
    }
    let filterable = about.profile.filterable_of(about.kind);
    if !filterable.contains(target) {
        let names: Vec<_> = filterable.iter().map(|path| format!("`{path}`")).collect();
        let what = match about.kind {
            ObjectKind::User => "",
            ObjectKind::Group => " of groups",
        };
        findings.error_hint(
            at,
            format!("`{target}` cannot stand in a filter{what} of profile `{name}`"),
            format!("match on one of {}", names.join(", ")),
        );
    }
}

fn refuse_duplicate_targets(own: &[(AttributeMapping, At)], findings: &mut Findings<'_>) {
    let mut seen = BTreeMap::new();
    for (mapping, at) in own {
        match seen.get(&mapping.target) {
            None => {
                seen.insert(&mapping.target, at);
            }
            Some(first) => findings.error(
                &at.join("target", at.span.clone()),
                format!("`{}` is mapped already, by {}", mapping.target, first.path),
            ),
        }
    }
}

fn refuse_duplicate_precedences(
    rows: &[AttributeMapping],
    own: &[(AttributeMapping, At)],
    findings: &mut Findings<'_>,
) {
    let mut seen: BTreeMap<u32, &AttributePath> = BTreeMap::new();
    for row in rows {
        let Some(priority) = row.matching_priority else { continue };
        let Some(first) = seen.insert(priority, &row.target).filter(|path| **path != row.target)
        else {
            continue;
        };
        let place = own.iter().rev().find(|(mapping, _)| {
            [first, &row.target].contains(&&mapping.target)
                && mapping.matching_priority == Some(priority)
        });
        if let Some((_, at)) = place {
            findings.error(
                &at.join("match", at.span.clone()),
                format!(
                    "precedence {priority} is given twice, to `{first}` and to `{}`",
                    row.target
                ),
            );
        }
    }
}
