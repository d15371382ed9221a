//! Drafts the rows that make the members of groups what they should be.
//!
//! The target is asked for the members of a group that is adopted, and of one whose last change of
//! members has no known outcome: what it shows is not written again. Whoever is in a group at the
//! target without us stays in it.

use crate::{
    cycle::{
        context::{Context, CycleError, WorkLeft},
        pace::{Class, Pacer},
    },
    model::{ChangeId, CycleId, ObjectKind, SourceId, TargetId},
    port::TargetRead,
    provisioning::{
        Action, ChangeStatus, LinkEffect, Phase, PlannedChange, Reason, Step, StepKind, StepStatus,
        Write, failure_of, job::Job,
    },
    scim::{AttributePath, member_ids},
    store::StoreError,
};

/// Groups looked at between two looks at the clock and the stop request.
const BATCH: u32 = 50;

/// Members that stand in a row of the plan; of more, the row says how many.
const TOLD_MAX: u32 = 1_000;

/// Members without an account that a row names; of more, it says how many.
const NAMED_MAX: u32 = 10;

/// Plans the members of every drafted group.
pub(in crate::cycle) async fn memberships<D: Sync, R: TargetRead>(
    context: &Context<'_, D>,
    job: &Job,
    (target, pacer): (&R, &Pacer<'_>),
    cycle: CycleId,
) -> Result<(), CycleError> {
    let Some(path) = job.members_path() else { return Ok(()) };
    let mut after = None;
    loop {
        let ids =
            context.store.read(|view| view.drafted_objects(ObjectKind::Group, after, BATCH))?;
        let Some(last) = ids.last().copied() else { return Ok(()) };
        after = Some(last);
        for id in ids {
            context.check_end(|| Ok(WorkLeft::Reading))?;
            group(context, job, (target, pacer), (cycle, path), id).await?;
        }
    }
}

/// Plans the members of one drafted group.
pub(in crate::cycle) async fn memberships_of<D: Sync, R: TargetRead>(
    context: &Context<'_, D>,
    job: &Job,
    (target, pacer): (&R, &Pacer<'_>),
    cycle: CycleId,
    id: SourceId,
) -> Result<(), CycleError> {
    let Some(path) = job.members_path() else { return Ok(()) };
    group(context, job, (target, pacer), (cycle, path), id).await
}

async fn group<D: Sync, R: TargetRead>(
    context: &Context<'_, D>,
    job: &Job,
    (target, pacer): (&R, &Pacer<'_>),
    (cycle, path): (CycleId, &AttributePath),
    id: SourceId,
) -> Result<(), CycleError> {
    let store = context.store;
    let (rows, in_scope) = store.read(|view| Ok((view.planned_for(id)?, view.is_in_scope(id)?)))?;
    let Some((_, row)) = rows.into_iter().find(|(_, row)| has_members(row)) else {
        return Ok(());
    };
    if !in_scope || !job.safeguards.update {
        return Ok(());
    }
    let mut plan = members_row(cycle, &row);
    if let Some(linked) = &row.target {
        let is_unread =
            row.action == Action::Adopt || store.read(|view| view.are_members_unread(id))?;
        if is_unread && !note_shown(context, (target, pacer), (id, linked), &mut plan).await? {
            return refuse(context, cycle, plan).map_err(Into::into);
        }
    }
    store.write(|tx| {
        let (count, first) = tx.members_without_account(id, NAMED_MAX)?;
        if count > 0 {
            plan.steps.push(pending_step((count, &first), path));
        }
        if tx.plan_members(cycle, plan.clone(), (path, TOLD_MAX))?.is_none() {
            tx.forget_unread_members(id)?;
            if count > 0 {
                let skip = pending_row(plan, count);
                tx.add_planned(cycle, &skip, &[], false)?;
                tx.record_decision(cycle, &skip, context.clock.now())?;
            }
        }
        Ok(())
    })?;
    Ok(())
}

/// Notes which members the target shows for a group; false where it could not be asked, which the
/// row then says.
async fn note_shown<D, R: TargetRead>(
    context: &Context<'_, D>,
    (target, pacer): (&R, &Pacer<'_>),
    (id, linked): (SourceId, &TargetId),
    plan: &mut PlannedChange,
) -> Result<bool, CycleError> {
    match pacer.ask(Class::Read, || target.get_whole(ObjectKind::Group, linked)).await {
        Ok(group) => {
            let shown = group.map(|group| member_ids(&group.document)).unwrap_or_default();
            context.store.write(|tx| tx.note_shown_members(id, &shown))?;
            Ok(true)
        }
        Err(fault) => {
            plan.error = Some(failure_of(&fault));
            Ok(false)
        }
    }
}

/// The members of a group could not be read: it is tried again later.
fn refuse<D>(
    context: &Context<'_, D>,
    cycle: CycleId,
    mut row: PlannedChange,
) -> Result<(), StoreError> {
    row.status = ChangeStatus::Failure;
    row.write = Write::Nothing;
    context.store.write(|tx| {
        tx.add_planned(cycle, &row, &[], false)?;
        tx.record_decision(cycle, &row, context.clock.now())
    })
}

/// Whether a row belongs to a group whose members are to be right.
fn has_members(row: &PlannedChange) -> bool {
    match row.action {
        Action::Create | Action::Adopt | Action::Update | Action::Enable => {
            row.status == ChangeStatus::Planned
        }
        Action::Skip => {
            let may_be_right =
                matches!(row.reason, Reason::RedundantExport | Reason::RenameNotSupported);
            may_be_right && row.target.is_some()
        }
        Action::Disable | Action::Delete => false,
    }
}

/// The row of a group's members, beside that of the group itself.
fn members_row(cycle: CycleId, row: &PlannedChange) -> PlannedChange {
    PlannedChange {
        id: ChangeId::derive(&[&cycle.to_string(), &row.source.to_string(), "members"]),
        kind: ObjectKind::Group,
        source: row.source,
        source_display: row.source_display.clone(),
        target: row.target.clone(),
        action: Action::Update,
        status: ChangeStatus::Planned,
        reason: Reason::AttributesChanged,
        detail: String::new(),
        changes: Vec::new(),
        write: Write::Members,
        effect: LinkEffect::Unchanged,
        basis: None,
        phase: Phase::Memberships,
        reference: None,
        error: None,
        steps: row.steps.clone(),
    }
}

fn pending_step((count, first): (u64, &[SourceId]), path: &AttributePath) -> Step {
    let mut named: Vec<String> = first.iter().map(ToString::to_string).collect();
    if count > named.len() as u64 {
        named.push(format!("and {} more", count - named.len() as u64));
    }
    let text = format!("{}: {}", without_account(count), named.join(", "));
    Step::new(StepKind::ReferenceResolution, StepStatus::Warning, "ReferenceResolution", text)
        .with("Attribute", path.to_string())
        .with("SkipReason", Reason::UnableToResolveReferenceAttributeValue.to_string())
}

fn without_account(count: u64) -> String {
    match count {
        1 => "1 member has no account, and is added once it has".to_owned(),
        count => format!("{count} members have no account, and are added once they have"),
    }
}

/// Says that only members without an account are missing.
fn pending_row(row: PlannedChange, count: u64) -> PlannedChange {
    PlannedChange {
        action: Action::Skip,
        status: ChangeStatus::Skipped,
        reason: Reason::UnableToResolveReferenceAttributeValue,
        detail: without_account(count),
        write: Write::Nothing,
        ..row
    }
}
