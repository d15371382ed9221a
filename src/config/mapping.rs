//! `[apps.NAME.users]` and `[[apps.NAME.users.attributes]]`: rows compiled and checked.

use std::collections::BTreeMap;

use serde_json::Value;
use toml::de::DeValue;

use super::{
    diagnosis::{At, Findings, caret, nearest},
    raw::{Located, Node, Section, wrong_type},
};
use crate::{
    expression::{Expression, Role},
    gallery::Profile,
    provisioning::{
        is_always_in_clear, is_known_source_attribute,
        job::{Apply, AttributeMapping, MappingSource, NullFlow, ValueLimit, ValueType},
        selected_property,
    },
    scim::AttributePath,
};

pub(super) const KEYS: [&str; 3] = ["inherit", "attributes", "scoping_filters"];

pub(super) const ROW_KEYS: [&str; 8] =
    ["target", "source", "constant", "expression", "match", "default", "apply", "null"];

const SOURCES: [&str; 3] = ["source", "constant", "expression"];

/// The largest matching precedence; nobody matches by a hundred attributes.
const MATCHING_PRIORITY_MAX: u64 = 100;

/// The source attributes to suggest: the portal's names, and Graph's where they are used most.
pub(super) const SUGGESTIONS: [&str; 40] = [
    "userPrincipalName",
    "originalUserPrincipalName",
    "IsSoftDeleted",
    "objectId",
    "displayName",
    "givenName",
    "surname",
    "mail",
    "mailNickname",
    "otherMails",
    "proxyAddresses",
    "jobTitle",
    "department",
    "companyName",
    "division",
    "costCenter",
    "employeeId",
    "employeeType",
    "employeeHireDate",
    "employeeLeaveDateTime",
    "manager",
    "appRoleAssignments",
    "telephoneNumber",
    "mobile",
    "facsimileTelephoneNumber",
    "physicalDeliveryOfficeName",
    "businessPhones",
    "mobilePhone",
    "officeLocation",
    "streetAddress",
    "city",
    "state",
    "postalCode",
    "country",
    "usageLocation",
    "preferredLanguage",
    "accountEnabled",
    "userType",
    "extensionAttribute1",
    "onPremisesSamAccountName",
];

/// Attributes that only the application writes (RFC 7643 §3.1, §4.1.2).
const READ_ONLY: [&str; 4] = ["id", "meta", "schemas", "groups"];

/// The mapping of users: the file's rows, the profile's, or both.
///
/// Rows that are wrong are reported and left out; what the whole list has to hold is checked by
/// the caller only if none was.
pub(super) struct UserMapping {
    pub(super) rows: Vec<AttributeMapping>,
    pub(super) at: At,
    pub(super) is_whole: bool,
}

/// Decodes `[apps.NAME.users]` on top of the profile.
pub(super) fn decode(
    node: Option<&Node<'_, '_>>,
    app: &At,
    profile: &Profile,
    findings: &mut Findings<'_>,
) -> UserMapping {
    let from_profile = |at: At, is_whole| UserMapping { rows: profile.users.clone(), at, is_whole };
    let Some(node) = node else {
        return from_profile(app.join("users", app.span.clone()), true);
    };
    let Some(section) = Section::open(node, &KEYS, findings) else {
        return from_profile(node.at.clone(), false);
    };
    let inherit = section.flag("inherit", false, findings);
    let Some(attributes) = section.rows("attributes", findings) else {
        return from_profile(node.at.clone(), section.get("attributes").is_none());
    };
    let mut is_whole = true;
    let mut own: Vec<(AttributeMapping, At)> = Vec::new();
    for row in &attributes.value {
        match decode_row(row, profile, findings) {
            Some(mapping) => own.push((mapping, row.at.clone())),
            None => is_whole = false,
        }
    }
    refuse_duplicate_targets(&own, findings);
    let mut rows = if inherit { profile.users.clone() } else { Vec::new() };
    for (mapping, _) in &own {
        match rows.iter_mut().find(|row| inherit && row.target == mapping.target) {
            Some(inherited) => *inherited = mapping.clone(),
            None => rows.push(mapping.clone()),
        }
    }
    refuse_duplicate_precedences(&rows, &own, findings);
    UserMapping { rows, at: attributes.at, is_whole }
}

pub(super) fn decode_row(
    node: &Node<'_, '_>,
    profile: &Profile,
    findings: &mut Findings<'_>,
) -> Option<AttributeMapping> {
    let section = Section::open(node, &ROW_KEYS, findings)?;
    let target =
        section.required_string("target", findings).and_then(|text| target_path(&text, findings));
    let matching_priority = section.get("match").map(|node| {
        let number = node.integer(1, MATCHING_PRIORITY_MAX, findings);
        number.and_then(|number| u32::try_from(number).ok()).map(|number| (number, node.at))
    });
    let role = if matching_priority.is_some() { Role::Matching } else { Role::Plain };
    let source = source(&section, role, findings);
    let definition = target.as_ref().map(|target| profile.definition(target));
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
    check_fit(&target, value_type, &source, &source_at, findings);
    let limit = profile.limits.text(&target);
    check_limit(&limit, &section, findings);
    let matching_priority = match matching_priority {
        None => None,
        Some(given) => {
            let (number, at) = given?;
            check_matching(&target, &source, &at, profile, findings);
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
    section: &Section<'_, '_>,
    role: Role,
    findings: &mut Findings<'_>,
) -> Option<(MappingSource, At)> {
    let given: Vec<_> = SOURCES.iter().filter_map(|key| Some((*key, section.get(key)?))).collect();
    let [(kind, node)] = given.as_slice() else {
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
    let source = match *kind {
        "source" => {
            if !is_known_source_attribute(&text.value) {
                unknown_source(&text, findings);
                return None;
            }
            MappingSource::Attribute(text.value)
        }
        "constant" => MappingSource::Constant(text.value),
        _ => MappingSource::Expression(Box::new(expression(&text, role, findings)?)),
    };
    Some((source, text.at))
}

fn unknown_source(text: &Located<String>, findings: &mut Findings<'_>) {
    let hint = match nearest(&text.value, SUGGESTIONS) {
        Some(name) => format!("did you mean `{name}`?"),
        None => {
            "directory extensions are written extension_<appId without hyphens>_<name>".to_owned()
        }
    };
    findings.error_hint(&text.at, format!("unknown source attribute {:?}", text.value), hint);
}

fn expression(
    text: &Located<String>,
    role: Role,
    findings: &mut Findings<'_>,
) -> Option<Expression> {
    let parsed = Expression::parse(&text.value);
    let errors = match &parsed {
        Ok(expression) => expression.check(&is_known_source_attribute, role),
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

/// Whether source and target go together at all.
fn check_fit(
    target: &AttributePath,
    value_type: ValueType,
    source: &MappingSource,
    at: &At,
    findings: &mut Findings<'_>,
) {
    let name = match source {
        MappingSource::Attribute(name) => Some(name.as_str()),
        MappingSource::Constant(_) => None,
        MappingSource::Expression(expression) => {
            check_redaction(target, expression, at, findings);
            None
        }
    };
    if value_type == ValueType::Reference {
        if name != Some("manager") {
            findings.error_hint(
                at,
                "the target is a reference to an account",
                "its only possible source is source = \"manager\"",
            );
        }
        return;
    }
    match name {
        Some("manager") => {
            findings.error(at, format!("a manager is a reference and cannot flow to `{target}`"));
        }
        Some("appRoleAssignments") => findings.error_hint(
            at,
            "app roles do not flow by themselves",
            "write expression = 'SingleAppRoleAssignment([appRoleAssignments])' or \
             'AssertiveAppRoleAssignmentsComplex([appRoleAssignments])'",
        ),
        Some(name) if target.is_active() && name.eq_ignore_ascii_case("IsSoftDeleted") => findings
            .error_hint(
                at,
                "would enable exactly the accounts that are to be disabled",
                "write expression = 'Not([IsSoftDeleted])'",
            ),
        Some(_) | None => {}
    }
}

/// Whether a redacted value can stay unseen.
fn check_redaction(
    target: &AttributePath,
    expression: &Expression,
    at: &At,
    findings: &mut Findings<'_>,
) {
    if target.is_active() && expression.is_redacted() {
        findings.error_hint(
            at,
            "whether an account is enabled cannot be redacted: the safeguards count it",
            "write the expression without `Redact`",
        );
    }
    let seen = expression.redacted_attributes().into_iter().filter(|name| {
        selected_property(name).is_some_and(|property| is_always_in_clear(&property))
    });
    for name in seen {
        let message = format!(
            "`{name}` is shown of every person in plans and logs, and is stored in clear; \
             `Redact` hides it at `{target}` only"
        );
        findings.warning(at, message);
    }
}

/// Whether the application takes the texts that stand in the file itself.
fn check_limit(limit: &ValueLimit, section: &Section<'_, '_>, findings: &mut Findings<'_>) {
    for key in ["constant", "default"] {
        let Some(node) = section.get(key) else { continue };
        let DeValue::String(text) = node.value else { continue };
        if let Some(problem) = limit.problem(text) {
            findings.error(&node.at, problem);
        }
    }
}

/// Whether accounts can be found by this row.
fn check_matching(
    target: &AttributePath,
    source: &MappingSource,
    at: &At,
    profile: &Profile,
    findings: &mut Findings<'_>,
) {
    if let MappingSource::Constant(_) = source {
        findings.error(at, "a constant is the same for everybody and matches nobody");
    }
    if !profile.filterable.contains(target) {
        let names: Vec<_> = profile.filterable.iter().map(|path| format!("`{path}`")).collect();
        findings.error_hint(
            at,
            format!("`{target}` cannot stand in a filter of profile `{}`", profile.name),
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
