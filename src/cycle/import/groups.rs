//! The chains of groups and their direct members: assigned ones, and those that filters name.
//!
//! Each chain follows at most fifty groups. A new one joins a chain that has room,
//! which is then read from the beginning; the others go on from their links.

use std::collections::BTreeSet;

use super::users::{PAGES_MAX, endless};
use crate::{
    cycle::{
        context::{Context, CycleError, Tracker},
        pace,
    },
    model::SourceId,
    port::{Directory, GROUPS_PER_CHAIN_MAX, GroupsAt, Link, RoundEnd},
    store::{Chain, StoreError},
};

/// Reads changes of the groups.
pub(super) async fn read<D: Directory>(
    context: &Context<'_, D>,
    full: bool,
    tracker: &Tracker<'_, D>,
) -> Result<(), CycleError> {
    arrange(context, full)?;
    for chain in context.store.read(|view| view.group_chains())? {
        follow(context, chain, tracker).await?;
    }
    Ok(())
}

/// Lets every group that matters be followed by one chain, and no chain follow any other group.
fn arrange<D>(context: &Context<'_, D>, full: bool) -> Result<(), StoreError> {
    let now = context.clock.now();
    context.store.write(|tx| {
        let mut wanted: BTreeSet<SourceId> = tx.assigned_groups()?.into_iter().collect();
        wanted.extend(tx.filter_groups()?);
        let mut chains = tx.group_chains()?;
        let generation = tx.next_membership_generation()?;
        for chain in &mut chains {
            chain.members.retain(|group| wanted.contains(group));
            if full && chain.complete {
                restart(chain, generation);
            }
        }
        let followed: BTreeSet<SourceId> =
            chains.iter().flat_map(|chain| chain.members.iter().copied()).collect();
        for group in wanted.difference(&followed) {
            let room = chains.iter_mut().find(|chain| chain.members.len() < GROUPS_PER_CHAIN_MAX);
            match room {
                Some(chain) => {
                    chain.members.push(*group);
                    restart(chain, generation);
                }
                None => chains.push(Chain {
                    name: unused_name(&chains),
                    link: None,
                    complete: false,
                    taken_at: now,
                    generation,
                    members: vec![*group],
                }),
            }
        }
        for chain in &chains {
            if chain.members.is_empty() {
                tx.remove_chain(&chain.name)?;
            } else {
                tx.set_chain(chain)?;
            }
        }
        Ok(())
    })
}

/// A name that no chain has: one that ended leaves a gap behind.
fn unused_name(chains: &[Chain]) -> String {
    let name = |number: usize| format!("groups:{number:06}");
    (0..=chains.len())
        .map(name)
        .find(|name| chains.iter().all(|chain| &chain.name != name))
        .unwrap_or_else(|| name(chains.len()))
}

/// The chain is read from the beginning, under a new generation.
fn restart(chain: &mut Chain, generation: u64) {
    chain.generation = generation;
    chain.link = None;
    chain.complete = false;
}

async fn follow<D: Directory>(
    context: &Context<'_, D>,
    mut chain: Chain,
    tracker: &Tracker<'_, D>,
) -> Result<(), CycleError> {
    let mut seen = 0;
    for _ in 0..PAGES_MAX {
        context.check_stop()?;
        let link = chain.link.clone().map(Link);
        let page = pace::directory(context.clock, || {
            let at = link.as_ref().map_or(GroupsAt::Initial(&chain.members), GroupsAt::Link);
            context.directory.groups_delta(at)
        })
        .await?;
        seen += page.items.iter().map(|group| group.members.len() as u64 + 1).sum::<u64>();
        let complete = matches!(page.end, RoundEnd::Complete(_));
        let (RoundEnd::Next(next) | RoundEnd::Complete(next)) = page.end;
        chain.link = Some(next.0);
        chain.complete = complete;
        chain.taken_at = context.clock.now();
        context.store.write(|tx| {
            for change in &page.items {
                tx.apply_group(change, chain.generation)?;
            }
            if complete {
                tx.finish_groups(&chain.members, chain.generation)?;
            }
            tx.set_chain(&chain)
        })?;
        tracker.at(seen, None)?;
        if complete {
            return Ok(());
        }
    }
    Err(endless())
}
