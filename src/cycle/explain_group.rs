//! The explanation of a group: of the group object where groups are provisioned, and else of what
//! being assigned does to the people in it.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    context::CycleError,
    explain::{Explanation, Found, Known, of_subject},
    find::{FoundGroup, Question},
    import::{group_properties, warnings_of},
    pace, told,
};
use crate::{
    model::{Attributes, DEFAULT_ACCESS, MemberKind, ObjectKind, SourceId},
    port::{Directory, GroupsAt, RoundEnd, TargetRead},
    provisioning::{Presence, Step, StepKind, StepStatus, Subject, job::Scope},
    store::StateRead,
};

/// How many direct members a group has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// Users.
    pub users: u64,
    /// Groups.
    pub groups: u64,
    /// Whether the members of those count too (`nested_groups`).
    pub nested: bool,
    /// Whether there are more, who were not counted.
    pub more: bool,
}

/// Explains a group.
pub(super) async fn of_group<D: Directory, S: StateRead, R: TargetRead>(
    question: &Question<'_, D, S>,
    target: &R,
    group: FoundGroup,
) -> Result<Explanation, CycleError> {
    let (members, read) = members_of(question, group.id).await?;
    let Some(job) = &question.job.groups else { return Ok(of_people(question, group, members)) };
    let FoundGroup { id, attributes, by, grants, application } = group;
    let subject = Subject {
        kind: ObjectKind::Group,
        id,
        attributes: read.unwrap_or(attributes),
        presence: Presence::Live,
        manager: None,
        grants,
        filter_groups: BTreeSet::new(),
    };
    let principals = question.principals().await?;
    let known = Known { job, subject, by, application, principals };
    let mut explanation = of_subject(question, target, known).await?;
    explanation.found.members = Some(members);
    let count = question.store.read(|view| view.member_count(id))?;
    if count > 0 {
        let noun = if count == 1 { "member" } else { "members" };
        explanation.notes.push(format!("it has {count} {noun} from us at the application"));
    }
    Ok(explanation)
}

/// What a group means that is not provisioned itself.
fn of_people<D, S>(
    question: &Question<'_, D, S>,
    group: FoundGroup,
    members: Members,
) -> Explanation {
    let FoundGroup { id, attributes, by, grants, application } = group;
    let assignments = told::assigned_roles(&grants, &application.roles);
    let import = Step::new(
        StepKind::Import,
        StepStatus::Success,
        "EntryImport",
        "found in the directory".to_owned(),
    );
    let everybody = question.job.scope == Scope::All;
    let has_role = grants.iter().any(|grant| grant.role != DEFAULT_ACCESS);
    let (status, sentence) = if everybody {
        (StepStatus::Skipped, "every user of the tenant is in scope, whatever the groups")
    } else if assignments.is_empty() {
        (StepStatus::Skipped, "not assigned to the application")
    } else if question.job.exclude_default_access && !has_role {
        (StepStatus::Skipped, "assigned with Default Access only, which is excluded")
    } else {
        (StepStatus::Success, "its direct members are assigned through it")
    };
    let flag = if assignments.is_empty() { "False" } else { "True" };
    let name = "EntrySynchronizationScoping";
    let mut scoping = Step::new(StepKind::Scoping, status, name, sentence.to_owned())
        .with("Assigned to the application", flag);
    told::tell_assignments(&mut scoping, &assignments);
    let skipped = "group objects are not provisioned, only the people who are direct members";
    let processing = Step::new(
        StepKind::Processing,
        StepStatus::Skipped,
        "EntrySynchronizationSkip",
        skipped.to_owned(),
    );
    let display = attributes.get("displayName").and_then(serde_json::Value::as_str);
    Explanation {
        found: Found {
            id,
            kind: ObjectKind::Group,
            display: display.map_or_else(|| id.to_string(), str::to_owned),
            by,
            presence: Presence::Live,
            enabled: None,
            manager: None,
            assignments,
            members: Some(members),
        },
        steps: vec![import, scoping, processing],
        mapping: Vec::new(),
        changes: Vec::new(),
        requests: Vec::new(),
        is_soft_deleted: false,
        notes: warnings_of(question.job, &application),
    }
}

/// Counts the direct members on the first page of them, since a large group has more; with the
/// properties of the group that are mapped.
async fn members_of<D: Directory, S>(
    question: &Question<'_, D, S>,
    group: SourceId,
) -> Result<(Members, Option<Attributes>), CycleError> {
    let groups = [group];
    let properties = group_properties(question.job);
    let page = pace::directory(question.clock, || {
        let groups = Some(groups.as_slice());
        let properties = &properties;
        question.directory.groups_delta(GroupsAt::Objects { groups, properties })
    })
    .await?;
    let mut attributes = None;
    let mut standing = BTreeMap::new();
    for change in page.items.iter().filter(|change| change.id == group) {
        if change.attributes.get("displayName").is_some() {
            attributes = Some(change.attributes.values());
        }
        for member in &change.members {
            standing.insert(member.id, (member.kind, member.removed));
        }
    }
    let count = |wanted: MemberKind| {
        standing.values().filter(|(kind, removed)| *kind == wanted && !removed).count() as u64
    };
    let members = Members {
        users: count(MemberKind::User),
        groups: count(MemberKind::Group),
        nested: question.job.nested_groups,
        more: matches!(page.end, RoundEnd::Next(_)),
    };
    Ok((members, attributes))
}
