//! Managers: whose account a drafted person's account refers to, once it is known who gets one.

use serde_json::Value;

use super::context::Context;
use crate::{
    model::{ChangeId, CycleId, ObjectKind, SourceId, TargetId},
    provisioning::{
        Action, ChangeStatus, Link, LinkEffect, ManagerStanding, Phase, PlannedChange, Reason,
        SourceAttribute, Step, Write,
        job::{Job, MappingSource, ValueType},
        manager_change,
    },
    scim::AttributePath,
    store::{NotedReference, StoreError, Tx},
};

/// People looked at in one transaction.
const BATCH: u32 = 200;

/// The attribute that holds the manager, where one is mapped.
pub(super) fn manager_path(job: &Job) -> Option<AttributePath> {
    job.attributes
        .iter()
        .find(|mapping| {
            mapping.value_type == ValueType::Reference
                && matches!(&mapping.source, MappingSource::Attribute(name)
                    if SourceAttribute::parse(name) == Some(SourceAttribute::Manager))
        })
        .map(|mapping| mapping.target.clone())
}

/// Resolves the managers of the drafted people, once it is known who gets an account.
///
/// The draft has noted whose reference is wanted; of one that goes on, everybody is looked at,
/// since an earlier cycle has decided about some.
pub(super) fn references<D>(
    context: &Context<'_, D>,
    cycle: CycleId,
    (unique, path): (&[AttributePath], &AttributePath),
    goes_on: bool,
) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let last = context.store.write(|tx| {
            if goes_on {
                let ids = tx.drafted_objects(ObjectKind::User, after, BATCH)?;
                for id in &ids {
                    reference(tx, (cycle, *id), unique, path)?;
                }
                return Ok(ids.last().copied());
            }
            let wanted = tx.wanted_references(after, BATCH)?;
            for one in &wanted {
                resolve_wanted(tx, (cycle, one), unique, path)?;
            }
            Ok(wanted.last().map(|one| one.source))
        })?;
        let Some(last) = last else { return Ok(()) };
        after = Some(last);
    }
}

/// Lets the row that the draft has noted refer to the manager's account.
fn resolve_wanted(
    tx: &Tx<'_>,
    (cycle, noted): (CycleId, &NotedReference),
    unique: &[AttributePath],
    path: &AttributePath,
) -> Result<(), StoreError> {
    let exported = noted.wanted.exported.as_ref();
    let standing = standing_of(tx, noted.wanted.manager, exported)?;
    match standing {
        // Nothing differs, and nothing is to be said.
        ManagerStanding::None | ManagerStanding::Linked(_) | ManagerStanding::Coming(_)
            if manager_change(path, exported, &standing).0.is_none() =>
        {
            Ok(())
        }
        // Of an account that only comes to be, the reference is a row of its own in any case.
        ManagerStanding::Linked(_) | ManagerStanding::Coming(_) if noted.is_create => {
            let head = tx.planned_head(noted.seq)?;
            match resolve((cycle, path), head, None, &standing) {
                Some(Resolved::Apart(row)) => tx.add_planned(cycle, &row, unique, false).map(drop),
                Some(Resolved::Joined(_)) | None => Ok(()),
            }
        }
        ManagerStanding::None
        | ManagerStanding::Linked(_)
        | ManagerStanding::Coming(_)
        | ManagerStanding::NotProvisioned(_) => reference(tx, (cycle, noted.source), unique, path),
    }
}

/// Lets the rows of one drafted person refer to the manager's account.
pub(super) fn reference(
    tx: &Tx<'_>,
    (cycle, id): (CycleId, SourceId),
    unique: &[AttributePath],
    path: &AttributePath,
) -> Result<(), StoreError> {
    let rows = tx.planned_for(id)?;
    let Some((seq, row)) = rows.into_iter().find(|(_, row)| wants_manager(row)) else {
        return Ok(());
    };
    let Some(subject) = tx.subject(id)? else { return Ok(()) };
    // An account that is withdrawn keeps its manager, also where nothing of it differs any more.
    if !subject.is_enabled() || !tx.is_in_scope(id)? {
        return Ok(());
    }
    let link = tx.link(id)?;
    let exported = exported_manager(&row, link.as_ref(), path);
    let standing = standing_of(tx, subject.manager, exported.as_ref())?;
    let found = found_manager(&row, path);
    let mut row = row;
    if let Some(step) = waiting((path, exported.as_ref(), found.as_ref()), &standing) {
        row.steps.push(step);
        tx.update_planned(seq, &row)?;
    }
    // An adopted account keeps a manager that we have nothing to say against.
    let silent = matches!(standing, ManagerStanding::None | ManagerStanding::NotProvisioned(_));
    if found.is_some() && silent {
        return forget_manager(tx, id, path);
    }
    match resolve((cycle, path), row, link, &standing) {
        None => Ok(()),
        Some(Resolved::Joined(row)) => tx.update_planned(seq, &row),
        Some(Resolved::Apart(row)) => tx.add_planned(cycle, &row, unique, false).map(drop),
    }
}

/// What a row says where nothing is written of a manager, because the manager is waited for.
pub(super) fn waiting(
    (path, exported, found): (&AttributePath, Option<&Value>, Option<&Value>),
    standing: &ManagerStanding,
) -> Option<Step> {
    let (change, step) = manager_change(path, exported, standing);
    let waits = matches!(standing, ManagerStanding::NotProvisioned(_));
    (waits && (change.is_none() || found.is_some())).then_some(step)
}

/// How a row of a person and its manager go together.
pub(super) enum Resolved {
    /// The person's own row carries the manager along.
    Joined(Box<PlannedChange>),
    /// The manager is a row of its own, behind the person's.
    Apart(Box<PlannedChange>),
}

/// The row that lets an account refer to the manager; `None` where it does already.
pub(super) fn resolve(
    (cycle, path): (CycleId, &AttributePath),
    row: PlannedChange,
    link: Option<Link>,
    standing: &ManagerStanding,
) -> Option<Resolved> {
    let exported = exported_manager(&row, link.as_ref(), path);
    let (change, step) = manager_change(path, exported.as_ref(), standing);
    let change = change?;
    let reference = coming(standing);
    // A linked person's own update carries the manager along: one write, not two.
    let joins = reference.is_none()
        && link.is_some()
        && matches!(row.action, Action::Update | Action::Enable)
        && matches!(row.write, Write::Patch { .. });
    let mut steps = row.steps.clone();
    steps.push(step);
    if joins {
        let mut joined = row;
        joined.effect = with_reference(joined.effect, &change);
        joined.changes.push(change);
        joined.steps = steps;
        return Some(Resolved::Joined(Box::new(joined)));
    }
    Some(Resolved::Apart(Box::new(PlannedChange {
        id: ChangeId::derive(&[&cycle.to_string(), &row.source.to_string(), "manager"]),
        action: Action::Update,
        status: ChangeStatus::Planned,
        reason: Reason::AttributesChanged,
        detail: format!("{path} changed"),
        changes: vec![change],
        write: Write::Patch { baseline: link.map(|link| link.exported).unwrap_or_default() },
        effect: LinkEffect::Unchanged,
        basis: None,
        phase: Phase::References,
        reference,
        error: None,
        steps,
        ..row
    })))
}

/// The manager that the account refers to, as far as we know. What was read back counts, not what
/// was exported before that.
pub(super) fn exported_manager(
    row: &PlannedChange,
    link: Option<&Link>,
    path: &AttributePath,
) -> Option<Value> {
    match &row.effect {
        LinkEffect::Exported(values) => values.get(path).cloned(),
        LinkEffect::Unchanged | LinkEffect::Kept | LinkEffect::Removed => {
            link.and_then(|link| link.exported.get(path).cloned())
        }
    }
}

/// The manager whose account the export has to name.
fn coming(standing: &ManagerStanding) -> Option<SourceId> {
    match standing {
        ManagerStanding::Coming(manager) => Some(*manager),
        ManagerStanding::None | ManagerStanding::Linked(_) | ManagerStanding::NotProvisioned(_) => {
            None
        }
    }
}

/// Whether the manager has an account, or gets one in this cycle.
fn standing_of(
    tx: &Tx<'_>,
    manager: Option<SourceId>,
    exported: Option<&Value>,
) -> Result<ManagerStanding, StoreError> {
    let known = exported.and_then(Value::as_str);
    Ok(match manager {
        None => ManagerStanding::None,
        Some(manager) => match tx.linked_target(manager)? {
            // Whether the account goes shows when its removal was sent: asked again then.
            Some(target) if known != Some(target.as_str()) && tx.is_leaving(manager)? => {
                ManagerStanding::Coming(manager)
            }
            Some(target) => ManagerStanding::Linked(target),
            None if !tx.is_coming(manager)? => ManagerStanding::NotProvisioned(manager),
            // The account that is referred to already may be the one found for the manager.
            None => match adopted_as(tx, manager, known)? {
                Some(target) => ManagerStanding::Linked(target),
                None => ManagerStanding::Coming(manager),
            },
        },
    })
}

/// The manager that an account had when it was found, where it is being adopted.
pub(super) fn found_manager(row: &PlannedChange, path: &AttributePath) -> Option<Value> {
    match (row.action, &row.effect) {
        (Action::Adopt, LinkEffect::Exported(values)) => values.get(path).cloned(),
        (_, _) => None,
    }
}

/// The account that `known` names, if the manager is about to be linked to it.
fn adopted_as(
    tx: &Tx<'_>,
    manager: SourceId,
    known: Option<&str>,
) -> Result<Option<TargetId>, StoreError> {
    if known.is_none() {
        return Ok(None);
    }
    let rows = tx.planned_for(manager)?.into_iter();
    let mut adopted = rows.filter(|(_, row)| row.action == Action::Adopt);
    Ok(adopted.find_map(|(_, row)| row.target.filter(|target| Some(target.as_str()) == known)))
}

/// Lets the rows of a person not take a manager for our own export.
fn forget_manager(tx: &Tx<'_>, id: SourceId, path: &AttributePath) -> Result<(), StoreError> {
    for (seq, mut row) in tx.planned_for(id)? {
        if let LinkEffect::Exported(values) = &mut row.effect
            && values.remove(path).is_some()
        {
            tx.update_planned(seq, &row)?;
        }
    }
    Ok(())
}

/// Whether a row belongs to an enabled person in scope, whose manager is to be right.
pub(super) fn wants_manager(row: &PlannedChange) -> bool {
    match row.action {
        Action::Create | Action::Update | Action::Enable => row.phase != Phase::References,
        Action::Adopt => row.reason == Reason::Matched,
        Action::Skip => row.reason == Reason::RedundantExport && row.target.is_some(),
        Action::Disable | Action::Delete => false,
    }
}

fn with_reference(effect: LinkEffect, change: &crate::scim::AttributeChange) -> LinkEffect {
    match effect {
        LinkEffect::Exported(mut values) => {
            match &change.new {
                Some(value) => values.insert(change.path.clone(), value.clone()),
                None => values.remove(&change.path),
            };
            LinkEffect::Exported(values)
        }
        other @ (LinkEffect::Unchanged | LinkEffect::Kept | LinkEffect::Removed) => other,
    }
}
