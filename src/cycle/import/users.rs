//! The chain of all users: what changed since the last link, or everything.

use super::{
    ahead::{ahead, bytes_of_changes},
    everybody,
};
use crate::{
    cycle::{
        context::{Context, CycleError, Tracker},
        pace,
    },
    model::{Removal, UserChange},
    port::{DeltaPage, Directory, DirectoryFault, Link, RoundEnd, Selection, UsersAt},
    provisioning::{Presence, job::Scope},
    store::{Chain, Showing, StoreError, Tx},
};

/// Pages of one round: more than any tenant has, so that a link in a ring ends.
pub(in crate::cycle) const PAGES_MAX: u32 = 1_000_000;

/// Rows of a first reading that are sorted in at once.
const SORTED_IN_AT_ONCE: u32 = 2_000;

/// What the pages of a chain are read for.
#[derive(Clone, Copy)]
struct Reading {
    /// Whether it is a complete reading.
    full: bool,
    generation: u64,
    /// Whether its pages are put down, and sorted in at its end.
    puts_down: bool,
}

/// Reads changes of users. Returns the chain to store when the whole import is complete, where it
/// may not be stored before.
pub(super) async fn read<D: Directory>(
    context: &Context<'_, D>,
    selection: &Selection,
    full: bool,
    generation: u64,
    tracker: &Tracker<'_, D>,
) -> Result<Option<Chain>, CycleError> {
    match (full, context.job.scope) {
        (false, _) => {
            let chain = context
                .store
                .read(|view| view.chain(Chain::USERS))?
                .ok_or_else(|| DirectoryFault::TokenExpired("no link is stored".to_owned()))?;
            let reading = Reading { full, generation, puts_down: false };
            follow(context, selection, chain, reading, tracker).await?;
            Ok(None)
        }
        (true, Scope::Assigned) => from_now(context, selection, generation).await.map(Some),
        (true, Scope::All) if selection.manager => {
            let stored = context.store.read(|view| view.chain(Chain::USERS))?;
            let chain = match stored {
                Some(chain) if chain.generation == generation => chain,
                Some(_) | None => empty(context, generation),
            };
            // What was put down before the engine ended is sorted in before anything newer.
            if chain.complete {
                sort_in(context, Showing::Everything, tracker, 0)?;
            }
            let puts_down =
                !chain.complete && context.store.write(|tx| tx.begin_first_reading(generation))?;
            let reading = Reading { full, generation, puts_down };
            let seen = follow(context, selection, chain, reading, tracker).await?;
            sort_in(context, Showing::Everything, tracker, seen)?;
            Ok(None)
        }
        (true, Scope::All) => {
            let chain = from_now(context, selection, generation).await?;
            everybody::list(context, selection, generation, tracker).await?;
            Ok(Some(chain))
        }
    }
}

fn empty<D>(context: &Context<'_, D>, generation: u64) -> Chain {
    Chain {
        name: Chain::USERS.to_owned(),
        link: None,
        complete: false,
        taken_at: context.clock.now(),
        generation,
        members: Vec::new(),
    }
}

/// Takes the link for "from now on".
async fn from_now<D: Directory>(
    context: &Context<'_, D>,
    selection: &Selection,
    generation: u64,
) -> Result<Chain, CycleError> {
    let mut chain = empty(context, generation);
    let mut page =
        pace::directory(context.clock, || context.directory.users_delta(UsersAt::Now(selection)))
            .await?;
    for _ in 0..PAGES_MAX {
        match page.end {
            RoundEnd::Complete(link) => {
                chain.link = Some(link.0);
                chain.complete = true;
                return Ok(chain);
            }
            RoundEnd::Next(link) => {
                context.check_stop()?;
                page = pace::directory(context.clock, || {
                    context.directory.users_delta(UsersAt::Link(&link))
                })
                .await?;
            }
        }
    }
    Err(endless())
}

pub(in crate::cycle) fn endless() -> CycleError {
    DirectoryFault::Malformed("its pages never end".to_owned()).into()
}

/// Sorts in what was put down of a reading that is complete.
pub(super) fn sort_in<D>(
    context: &Context<'_, D>,
    showing: Showing,
    tracker: &Tracker<'_, D>,
    seen: u64,
) -> Result<(), CycleError> {
    let sort = |tx: &Tx<'_>| tx.sort_in_first_reading(showing, SORTED_IN_AT_ONCE);
    while context.store.write(sort)? > 0 {
        context.check_stop()?;
        tracker.at(seen, None)?;
    }
    Ok(())
}

/// Follows a chain to the end of its round; each page is stored with the link after it. Returns how
/// many rows its pages had.
async fn follow<D: Directory>(
    context: &Context<'_, D>,
    selection: &Selection,
    mut chain: Chain,
    reading: Reading,
    tracker: &Tracker<'_, D>,
) -> Result<u64, CycleError> {
    let ask = |link: Option<Link>| {
        Box::pin(async move {
            pace::directory(context.clock, || {
                let at = link.as_ref().map_or(UsersAt::Initial(selection), UsersAt::Link);
                context.directory.users_delta(at)
            })
            .await
        })
    };
    let everybody = context.job.scope == Scope::All;
    context.check_stop()?;
    let mut page = ask(chain.link.clone().map(Link)).await?;
    let mut seen = 0;
    for _ in 0..PAGES_MAX {
        let DeltaPage { items, end } = page;
        seen += items.len() as u64;
        let bytes = bytes_of_changes(&items);
        let complete = matches!(end, RoundEnd::Complete(_));
        let (RoundEnd::Next(link) | RoundEnd::Complete(link)) = end;
        chain.link = Some(link.0.clone());
        chain.complete = complete;
        chain.taken_at = context.clock.now();
        let keep = || {
            context.store.write(|tx| {
                for change in &items {
                    apply(tx, change, everybody, reading)?;
                }
                tx.set_chain(&chain)
            })?;
            drop(items);
            Ok(tracker.at(seen, None)?)
        };
        if complete {
            keep()?;
            return Ok(seen);
        }
        page = ahead(|| context.check_stop(), ask(Some(link)), bytes, keep).await?;
    }
    Err(endless())
}

/// Applies one change; of people who do not matter only if everybody is in scope.
///
/// Whom a complete reading shows for the first time has no manager unless it says so; anybody else
/// has the one that is known.
fn apply(
    tx: &Tx<'_>,
    change: &UserChange,
    everybody: bool,
    Reading { full, generation, puts_down }: Reading,
) -> Result<(), StoreError> {
    match change {
        UserChange::Upsert { object, manager } if puts_down => {
            tx.put_down_user(object.id, &object.attributes, *manager)
        }
        UserChange::Upsert { object, manager } => {
            let shown = (object.id, &object.attributes);
            if everybody {
                let showing = if full { Showing::Everything } else { Showing::Changes };
                tx.upsert_user_and_manager(shown, *manager, showing, generation)
            } else {
                tx.update_known_user(shown, *manager)
            }
        }
        UserChange::Removed { id, removal } => {
            let presence = match removal {
                Removal::SoftDeleted => Presence::SoftDeleted,
                Removal::Deleted => Presence::Deleted,
            };
            if puts_down {
                tx.put_down_presence(*id, presence)
            } else {
                tx.set_presence(*id, presence)
            }
        }
    }
}
