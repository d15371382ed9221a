//! Whether the two sides of a mapping row go together: its source, its target, and the texts that
//! stand in the file.

use toml::de::DeValue;

use super::{
    diagnosis::{At, Findings},
    raw::Section,
};
use crate::{
    expression::Expression,
    model::ObjectKind,
    provisioning::{
        is_always_in_clear,
        job::{MEMBERS, MappingSource, ValueLimit, ValueType},
        selected_property,
    },
    scim::AttributePath,
};

/// Whether source and target of a row go together at all.
pub(super) fn check_fit(
    kind: ObjectKind,
    target: (&AttributePath, ValueType),
    source: (&MappingSource, &At),
    findings: &mut Findings<'_>,
) {
    match kind {
        ObjectKind::User => check_user(target, source, findings),
        ObjectKind::Group => check_group(target, source, findings),
    }
}

fn check_user(
    (target, value_type): (&AttributePath, ValueType),
    (source, at): (&MappingSource, &At),
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
    if target.is_members() {
        findings.error_hint(
            at,
            "an account has no members",
            "the mapping of groups stands in [apps.NAME.groups]",
        );
        return;
    }
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

/// A group has a name and members, and nothing that can be disabled.
fn check_group(
    (target, value_type): (&AttributePath, ValueType),
    (source, at): (&MappingSource, &At),
    findings: &mut Findings<'_>,
) {
    let flows_members = match source {
        MappingSource::Attribute(name) => name == MEMBERS,
        MappingSource::Constant(_) => false,
        MappingSource::Expression(expression) => {
            check_group_expression(expression, at, findings);
            false
        }
    };
    if target.is_members() {
        if !flows_members {
            let hint = "its only possible source is source = \"members\"";
            findings.error_hint(at, "the target is the list of references to accounts", hint);
        }
    } else if flows_members {
        let hint = "the only target for them is `members`";
        findings.error_hint(at, format!("members cannot flow to `{target}`"), hint);
    } else if target.is_active() {
        findings.error_hint(
            at,
            "a group has no `active`: it is there, or it is deleted",
            "leave the row out; safeguards.on_out_of_scope says what becomes of a group",
        );
    } else if value_type == ValueType::Reference {
        findings.error(at, format!("`{target}` is a reference of accounts, and groups have none"));
    }
}

fn check_group_expression(expression: &Expression, at: &At, findings: &mut Findings<'_>) {
    if expression.attributes().contains(MEMBERS) {
        findings.error_hint(
            at,
            "members are references, of which no expression can make anything",
            "write target = \"members\", source = \"members\"",
        );
    }
    if expression.attributes().contains("appRoleAssignments") {
        findings.error(at, "app roles are people's; a group hands its own on to its members");
    }
    if expression.is_redacted() {
        findings.error_hint(
            at,
            "what is known of groups is stored and shown in clear, so `Redact` would hide nothing",
            "write the expression without `Redact`, or leave the row out",
        );
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
pub(super) fn check_limit(
    limit: &ValueLimit,
    section: &Section<'_, '_>,
    findings: &mut Findings<'_>,
) {
    for key in ["constant", "default"] {
        let Some(node) = section.get(key) else { continue };
        let DeValue::String(text) = node.value else { continue };
        if let Some(problem) = limit.problem(text) {
            findings.error(&node.at, problem);
        }
    }
}
