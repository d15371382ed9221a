//! App roles, in the forms that Entra gives them for the attribute `roles`.
//!
//! The argument `[appRoleAssignments]` is there for the reader: the roles are an input of their
//! own, because they belong to the assignment and not to the object.

use serde_json::{Value, json};

use super::Arguments;
use crate::expression::evaluate::Outcome;

/// The `type` of every role that Entra sends.
const ROLE_TYPE: &str = "WindowsAzureActiveDirectoryRole";

/// The display name. Which of several roles Entra takes is unspecified; here it is the first by
/// id, so that the choice never changes by itself.
pub(super) fn single(arguments: &mut Arguments<'_, '_>) -> Outcome {
    arguments.spend(1)?;
    let first = arguments.evaluator.inputs.app_roles.first();
    Ok(first.map_or(Value::Null, |role| Value::from(role.display_name.as_str())))
}

pub(super) fn names(arguments: &mut Arguments<'_, '_>) -> Outcome {
    let roles = arguments.evaluator.inputs.app_roles;
    arguments.spend(roles.len() as u64)?;
    Ok(roles.iter().map(|role| Value::from(role.display_name.as_str())).collect())
}

/// With each role's id, which Entra's PATCH has; a body without it leaves the id out.
pub(super) fn complex(arguments: &mut Arguments<'_, '_>) -> Outcome {
    list(arguments, "displayName", true)
}

pub(super) fn assertive(arguments: &mut Arguments<'_, '_>) -> Outcome {
    list(arguments, "display", false)
}

/// A role without a value entitles and flows nothing.
fn list(arguments: &mut Arguments<'_, '_>, name_key: &str, with_id: bool) -> Outcome {
    let roles = arguments.evaluator.inputs.app_roles;
    arguments.spend(roles.len() as u64)?;
    let element = |role: &crate::model::AppRole| {
        let value = role.value.as_deref().filter(|value| !value.is_empty())?;
        let mut element = json!({
            "primary": false,
            "type": ROLE_TYPE,
            name_key: role.display_name,
            "value": value,
        });
        if with_id {
            element["id"] = Value::from(role.id.to_string());
        }
        Some(element)
    };
    Ok(roles.iter().filter_map(element).collect())
}
