//! The JSON document of `explain --json`. Its fields are promises to scripts.

use serde_json::{Value, json};

use crate::{
    cli::document::change,
    cycle::{AssignedRole, Explanation, Found, FoundBy, WouldSend},
    provisioning::{MappedValue, Presence},
};

/// The document of one explanation.
pub(super) fn explanation(app: &str, who: &str, explanation: &Explanation) -> Value {
    let list = |values: Vec<Value>| Value::Array(values);
    json!({
        "app": app,
        "who": who,
        "found": found(&explanation.found),
        "steps": explanation.steps,
        "mapping": list(explanation.mapping.iter().map(mapped).collect()),
        "changes": list(explanation.changes.iter().map(change).collect()),
        "requests": list(explanation.requests.iter().map(request).collect()),
        "notes": explanation.notes,
    })
}

/// Whom a question was about.
pub(in crate::cli) fn found(found: &Found) -> Value {
    let presence = match found.presence {
        Presence::Live => "live",
        Presence::SoftDeleted => "softDeleted",
        Presence::Deleted => "deleted",
        Presence::Unseen => "unseen",
    };
    let by = match found.by {
        FoundBy::Id => "id",
        FoundBy::UserPrincipalName => "userPrincipalName",
        FoundBy::Mail => "mail",
        FoundBy::DisplayName => "displayName",
        FoundBy::State => "state",
    };
    let members = found.members.map(
        |members| json!({ "users": members.users, "groups": members.groups, "more": members.more }),
    );
    json!({
        "object": found.kind,
        "id": found.id,
        "display": found.display,
        "by": by,
        "presence": presence,
        "enabled": found.enabled,
        "manager": found.manager,
        "assignments": found.assignments.iter().map(assignment).collect::<Vec<_>>(),
        "members": members,
    })
}

fn assignment(role: &AssignedRole) -> Value {
    let group = role.group.as_ref().map(|(id, name)| json!({ "id": id, "display": name }));
    json!({
        "role": { "id": role.id, "display": role.name, "enabled": role.enabled },
        "group": group,
    })
}

fn mapped(told: &MappedValue) -> Value {
    let note = (!told.notes.is_empty()).then(|| told.notes.join("; "));
    json!({
        "target": told.target.to_string(),
        "source": told.source,
        "value": told.value,
        "note": note,
    })
}

fn request(request: &WouldSend) -> Value {
    json!({ "method": request.method, "path": request.path, "body": request.body })
}
