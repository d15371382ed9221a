//! The parts of an explanation: how roles, steps, managers and requests are told. Pure.

use std::collections::BTreeSet;

use serde_json::Value;

use super::find::FoundBy;
use crate::{
    model::{AppRole, AppRoleId, DEFAULT_ACCESS, SourceId},
    provisioning::{
        ChangeStatus, Grant, Link, ManagerStanding, MappedValue, PlannedChange, Presence, Reason,
        Step, StepKind, StepStatus, Subject, Write,
    },
    scim::{
        AttributeChange, AttributePath, Dialect, EqFilter, Values, create_body, patch,
        resource_path, shown,
    },
};

/// A role that somebody holds, and by which path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssignedRole {
    /// The role; all zeros for Default Access.
    pub id: AppRoleId,
    /// Its name; the id where the application does not declare it any more.
    pub name: String,
    /// Whether it flows a value: declared and enabled. Default Access flows none.
    pub enabled: bool,
    /// The group through which, with its name; `None` for a direct assignment.
    pub group: Option<(SourceId, String)>,
}

/// A request that a cycle would send, without credentials.
#[derive(Clone, Debug, PartialEq)]
pub struct WouldSend {
    /// The HTTP method.
    pub method: &'static str,
    /// The path below the tenant URL.
    pub path: String,
    /// The body, with every redacted value as [`REDACTED`](crate::scim::REDACTED).
    pub body: Option<Value>,
}

/// The roles of these grants, with their names.
pub(super) fn assigned_roles(grants: &[Grant], declared: &[AppRole]) -> Vec<AssignedRole> {
    let role = |grant: &Grant| {
        let declared = declared.iter().find(|role| role.id == grant.role);
        let name = match declared {
            Some(role) => role.display_name.clone(),
            None if grant.role == DEFAULT_ACCESS => "Default Access".to_owned(),
            None => grant.role.to_string(),
        };
        let enabled = declared.map_or(grant.role == DEFAULT_ACCESS, |role| role.is_enabled);
        AssignedRole { id: grant.role, name, enabled, group: grant.via.clone() }
    };
    grants.iter().map(role).collect()
}

/// Says of the manager's mapping whose account it leads to.
pub(super) fn tell_manager(
    mapping: &mut [MappedValue],
    path: &AttributePath,
    standing: &ManagerStanding,
) {
    let Some(told) = mapping.iter_mut().find(|told| &told.target == path) else { return };
    match standing {
        ManagerStanding::None => {}
        ManagerStanding::Linked(target) => told.value = Some(Value::from(target.as_str())),
        ManagerStanding::Coming(manager) | ManagerStanding::NotProvisioned(manager) => told
            .notes
            .push(format!("the manager {manager} has no account yet; it follows once it has one")),
    }
}

/// The steps of a decision, with what was seen on the way.
pub(super) fn steps(
    (id, manager, by): (SourceId, Option<SourceId>, FoundBy),
    assignments: &[AssignedRole],
    link: Option<&Link>,
    asked: &[EqFilter],
    changes: &[PlannedChange],
) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for change in changes {
        for step in &change.steps {
            if !steps.contains(step) {
                steps.push(step.clone());
            }
        }
    }
    if let Some(import) = steps.iter_mut().find(|step| step.kind == StepKind::Import) {
        import.details.insert("Object id".to_owned(), id.to_string());
        import.details.insert("Found by".to_owned(), found_by(by).to_owned());
        if let Some(manager) = manager {
            import.details.insert("Manager".to_owned(), manager.to_string());
        }
    }
    if let Some(scoping) = steps.iter_mut().find(|step| step.kind == StepKind::Scoping) {
        tell_assignments(scoping, assignments);
    }
    let looked_for: Vec<String> = asked.iter().map(ToString::to_string).collect();
    if let Some(matching) = steps.iter_mut().find(|step| step.kind == StepKind::Matching) {
        if !looked_for.is_empty() {
            matching.details.insert("Looked for".to_owned(), looked_for.join("; "));
        }
    } else {
        let at = steps
            .iter()
            .position(|step| !matches!(step.kind, StepKind::Import | StepKind::Scoping))
            .unwrap_or(steps.len());
        steps.insert(at, matching_without_search(link, &looked_for));
    }
    steps
}

/// Names every role in the step, and by which path it is held.
pub(super) fn tell_assignments(scoping: &mut Step, assignments: &[AssignedRole]) {
    let roles: BTreeSet<String> = assignments.iter().map(path_of).collect();
    if !roles.is_empty() {
        let roles: Vec<String> = roles.into_iter().collect();
        scoping.details.insert("Assignments".to_owned(), roles.join("; "));
    }
}

fn matching_without_search(link: Option<&Link>, looked_for: &[String]) -> Step {
    let name = "EntrySynchronizationMatching";
    match link {
        Some(link) => {
            let read = if link.read_back.is_some() {
                "; its last write has no known outcome, so it was read"
            } else {
                ""
            };
            let text = format!("linked to account `{}`{read}", link.target);
            Step::new(StepKind::Matching, StepStatus::Success, name, text)
        }
        None if looked_for.is_empty() => {
            let text = "no account is linked, and none was looked for".to_owned();
            Step::new(StepKind::Matching, StepStatus::Skipped, name, text)
        }
        None => {
            let text = "no account is linked; one was looked for to say more".to_owned();
            Step::new(StepKind::Matching, StepStatus::Skipped, name, text)
                .with("Looked for", looked_for.join("; "))
        }
    }
}

/// `Editor, directly` or `Editor, through the group Sales`.
fn path_of(role: &AssignedRole) -> String {
    let state = if role.enabled { "" } else { " (disabled or removed)" };
    match &role.group {
        None => format!("{}{state}, directly", role.name),
        Some((_, group)) => format!("{}{state}, through the group {group}", role.name),
    }
}

/// By what somebody was found, as words.
pub(super) fn found_by(by: FoundBy) -> &'static str {
    match by {
        FoundBy::Id => "object id",
        FoundBy::UserPrincipalName => "user principal name",
        FoundBy::Mail => "mail",
        FoundBy::DisplayName => "display name",
        FoundBy::State => "a name in the state of the last cycle",
    }
}

/// What a cycle would do besides, where the rows alone do not say it.
pub(super) fn remarks(
    subject: &Subject,
    changes: &[PlannedChange],
) -> impl Iterator<Item = &'static str> {
    let is_gone = matches!(subject.presence, Presence::SoftDeleted | Presence::Deleted);
    let any = |wanted: fn(&PlannedChange) -> bool| changes.iter().any(wanted);
    let gone = is_gone.then_some("assignments play no part once somebody is deleted");
    let duplicate = any(|row| row.reason == Reason::DuplicateSourceEntries).then_some(
        "should the other person give the value up in the same cycle, this one is decided again \
         after that",
    );
    let removal = any(|row| row.action.is_removal())
        .then_some("removals of a cycle are counted by the safeguards first");
    [gone, duplicate, removal].into_iter().flatten()
}

/// Hides every redacted value.
pub(super) fn hide(changes: &mut [PlannedChange]) {
    for change in changes.iter_mut().flat_map(|row| &mut row.changes) {
        *change = hidden(change);
    }
}

fn hidden(change: &AttributeChange) -> AttributeChange {
    AttributeChange {
        path: change.path.clone(),
        old: change.old.as_ref().map(shown),
        new: change.new.as_ref().map(shown),
    }
}

/// What would be sent for these rows, every redacted value hidden.
pub(super) fn requests(dialect: Dialect, changes: &[PlannedChange]) -> Vec<WouldSend> {
    let planned = changes.iter().filter(|row| row.status == ChangeStatus::Planned);
    planned.filter_map(|row| request(dialect, row)).collect()
}

fn request(dialect: Dialect, row: &PlannedChange) -> Option<WouldSend> {
    // A row behind a create names an account that has no id yet.
    let place = |method| {
        let path = match &row.target {
            Some(target) => resource_path(row.kind, Some(target)),
            None => format!("{}/{{id}}", resource_path(row.kind, None)),
        };
        WouldSend { method, path, body: None }
    };
    // What stands in for a value is hidden first: in a body it would be taken for an object.
    match &row.write {
        // Which members a group gets is told by the row.
        Write::Nothing | Write::Members => None,
        Write::Create(values) => {
            let values = without_stand_ins(values);
            let body = create_body(row.kind, &values, dialect);
            let path = resource_path(row.kind, None);
            Some(WouldSend { method: "POST", path, body: Some(Value::Object(body)) })
        }
        Write::Patch { baseline } => {
            let changes: Vec<AttributeChange> = row.changes.iter().map(hidden).collect();
            let request = patch(&without_stand_ins(baseline), &changes, dialect);
            // What changes nothing is not sent.
            (!request.operations.is_empty())
                .then(|| WouldSend { body: serde_json::to_value(&request).ok(), ..place("PATCH") })
        }
        Write::Delete => Some(place("DELETE")),
    }
}

fn without_stand_ins(values: &Values) -> Values {
    values.iter().map(|(path, value)| (path.clone(), shown(value))).collect()
}
