//! Looking people up by their ids: newly assigned ones, and linked ones that a read did not show.
//!
//! Absence proves nothing by itself. A linked person that is neither among the live users nor among
//! the deleted ones is hard-deleted only once two cycles have found it so.

use std::collections::{BTreeMap, BTreeSet};

use super::users::{PAGES_MAX, endless};
use crate::{
    cycle::{
        context::{Context, CycleError, Tracker},
        pace,
    },
    model::{Clock, ManagerChange, ObjectKind, SourceId, UserChange},
    port::{Directory, GROUPS_PER_CHAIN_MAX, ManagersAt, RoundEnd, Selection},
    provisioning::{Presence, job::Scope},
    store::{StoreError, UsersToRead},
};

/// Ids looked up at once: Graph's limit.
const LOOKUP_SIZE: u32 = 1_000;

/// Complete reads in a row that must not show a person or group before it counts as gone for good.
pub(super) const MISSES_PROVE_DELETION: u32 = 2;

/// Looks up everybody whose state must be known and is not.
pub(super) async fn look_up<D: Directory>(
    context: &Context<'_, D>,
    selection: &Selection,
    full: bool,
    generation: u64,
    tracker: &Tracker<'_, D>,
) -> Result<(), CycleError> {
    let everybody = context.job.scope == Scope::All;
    let which = if full && !everybody { UsersToRead::Relevant } else { UsersToRead::Unread };
    context.store.write(|tx| tx.list_users_to_read(which))?;
    let mut after = None;
    let mut seen = 0;
    let mut missing: BTreeSet<SourceId> = BTreeSet::new();
    loop {
        context.check_stop()?;
        let ids = context.store.read(|view| view.users_to_read(after, LOOKUP_SIZE))?;
        let Some(last) = ids.last().copied() else { break };
        after = Some(last);
        let found =
            pace::directory(context.clock, || context.directory.users_by_id(&ids, selection))
                .await?;
        let shown: BTreeSet<SourceId> = found.iter().map(|object| object.id).collect();
        let managers =
            if selection.manager { read_managers(context, &shown).await? } else { BTreeMap::new() };
        // Both at once: who is known is not looked up again, and would stay without a manager.
        context.store.write(|tx| {
            for object in &found {
                tx.upsert_user(object.id, &object.attributes, generation)?;
            }
            for (id, manager) in &managers {
                tx.set_manager(*id, *manager)?;
            }
            Ok(())
        })?;
        remember_missing(context, &ids, &shown, &mut missing)?;
        seen += ids.len() as u64;
        tracker.at(seen, None)?;
    }
    context.store.write(|tx| tx.note_users_read())?;
    if full && everybody {
        missing
            .extend(context.store.read(|view| view.unshown_linked(ObjectKind::User, generation))?);
        context.store.write(|tx| tx.set_unshown_unseen(ObjectKind::User, generation))?;
    }
    resolve_missing(context, missing).await
}

/// Linked people are looked for among the deleted; others are remembered as not shown.
fn remember_missing<D>(
    context: &Context<'_, D>,
    ids: &[SourceId],
    shown: &BTreeSet<SourceId>,
    missing: &mut BTreeSet<SourceId>,
) -> Result<(), StoreError> {
    context.store.write(|tx| {
        for id in ids.iter().filter(|id| !shown.contains(id)) {
            if tx.is_linked(*id)? {
                missing.insert(*id);
            } else {
                tx.set_unseen(*id)?;
            }
        }
        Ok(())
    })
}

async fn read_managers<D: Directory>(
    context: &Context<'_, D>,
    ids: &BTreeSet<SourceId>,
) -> Result<BTreeMap<SourceId, ManagerChange>, CycleError> {
    let ids: Vec<SourceId> = ids.iter().copied().collect();
    let mut managers = BTreeMap::new();
    for chunk in ids.chunks(GROUPS_PER_CHAIN_MAX) {
        let check_stop = || context.check_stop();
        managers.extend(managers_of(context.directory, context.clock, chunk, check_stop).await?);
    }
    Ok(managers)
}

/// The managers of these people (at most [`GROUPS_PER_CHAIN_MAX`]), as the directory shows them.
pub(in crate::cycle) async fn managers_of<D: Directory>(
    directory: &D,
    clock: &dyn Clock,
    ids: &[SourceId],
    check_stop: impl Fn() -> Result<(), CycleError>,
) -> Result<BTreeMap<SourceId, ManagerChange>, CycleError> {
    let mut managers: BTreeMap<SourceId, ManagerChange> =
        ids.iter().map(|id| (*id, ManagerChange::Cleared)).collect();
    let mut next = None;
    for _ in 0..PAGES_MAX {
        check_stop()?;
        let page = pace::directory(clock, || {
            let at = next.as_ref().map_or(ManagersAt::Initial(ids), ManagersAt::Link);
            directory.managers(at)
        })
        .await?;
        for change in page.items {
            if let UserChange::Upsert { object, manager: Some(manager) } = change
                && let Some(known) = managers.get_mut(&object.id)
            {
                *known = manager;
            }
        }
        match page.end {
            RoundEnd::Complete(_) => return Ok(managers),
            RoundEnd::Next(link) => next = Some(link),
        }
    }
    Err(endless())
}

/// Looks for missing linked people among the deleted users.
async fn resolve_missing<D: Directory>(
    context: &Context<'_, D>,
    mut missing: BTreeSet<SourceId>,
) -> Result<(), CycleError> {
    let mut next = None;
    for _ in 0..PAGES_MAX {
        if missing.is_empty() {
            return Ok(());
        }
        context.check_stop()?;
        let page =
            pace::directory(context.clock, || context.directory.deleted_users(next.as_ref()))
                .await?;
        context.store.write(|tx| {
            for id in &page.items {
                if missing.remove(id) {
                    tx.set_presence(*id, Presence::SoftDeleted)?;
                }
            }
            Ok(())
        })?;
        if page.next.is_none() {
            context.store.write(|tx| {
                for id in &missing {
                    if tx.count_miss(*id)? >= MISSES_PROVE_DELETION {
                        tx.set_presence(*id, Presence::Deleted)?;
                    }
                }
                Ok(())
            })?;
            return Ok(());
        }
        next = page.next;
    }
    Err(endless())
}
