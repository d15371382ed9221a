//! The chains of groups and their direct members: assigned ones, those inside them where nested
//! groups count, those that filters name, or every group of the tenant.
//!
//! Each chain of single groups follows at most fifty of them. A new one joins a chain with room,
//! which is then read from the beginning; the others go on from their links.

use std::collections::BTreeSet;

use super::{
    ahead::ahead,
    people::MISSES_PROVE_DELETION,
    users::{PAGES_MAX, endless},
};
use crate::{
    cycle::{
        context::{Context, CycleError, Tracker},
        pace,
    },
    model::{GroupChange, MemberChange, SourceId},
    port::{
        DeltaPage, Directory, GROUPS_PER_CHAIN_MAX, GroupsAt, IDS_PER_LOOKUP_MAX, Link, RoundEnd,
    },
    provisioning::{
        Operand, Presence,
        job::{Job, MappingSource, Scope},
        selected_property,
    },
    store::{Chain, GroupObjects, Round, StoreError},
};

/// The chain of every group of the tenant.
const EVERY_GROUP: &str = "groups:all";

/// Which groups a job provisions themselves.
fn objects_of(job: &Job) -> GroupObjects {
    match (&job.groups, job.scope) {
        (None, _) => GroupObjects::None,
        (Some(_), Scope::Assigned) => GroupObjects::Assigned,
        (Some(_), Scope::All) => GroupObjects::Every,
    }
}

/// The properties that a job of groups needs of each.
pub(in crate::cycle) fn group_properties(job: &Job) -> BTreeSet<String> {
    let mut names: Vec<&str> = Vec::new();
    for mapping in job.groups.iter().flat_map(|groups| &groups.attributes) {
        match &mapping.source {
            MappingSource::Attribute(name) => names.push(name),
            MappingSource::Constant(_) => {}
            MappingSource::Expression(expression) => names.extend(expression.attributes()),
        }
    }
    let clauses = job.groups.iter().flat_map(|groups| groups.clauses());
    let filtered = clauses.filter_map(|clause| match &clause.operand {
        Operand::Attribute(attribute) => attribute.selected_property().map(str::to_owned),
        Operand::Manager | Operand::AppRoles | Operand::MemberOf => None,
    });
    names.into_iter().filter_map(selected_property).chain(filtered).collect()
}

/// What reading groups needs beside the directory.
struct Reading<'a, D> {
    context: &'a Context<'a, D>,
    tracker: &'a Tracker<'a, D>,
    objects: GroupObjects,
    properties: BTreeSet<String>,
}

/// Reads changes of the groups, and works out whose members count for which.
pub(super) async fn read<D: Directory>(
    context: &Context<'_, D>,
    full: bool,
    tracker: &Tracker<'_, D>,
) -> Result<(), CycleError> {
    let objects = objects_of(context.job);
    let nested = context.job.nested_groups;
    let properties = group_properties(context.job);
    let reading = Reading { context, tracker, objects, properties };
    let mut followed: BTreeSet<SourceId> = BTreeSet::new();
    let mut is_first = true;
    loop {
        let wanted = reading.wanted(nested)?;
        if !is_first && wanted.is_subset(&followed) {
            break;
        }
        arrange(context, (&wanted, objects), full && is_first)?;
        for chain in context.store.read(|view| view.group_chains())? {
            if is_first || !chain.complete {
                reading.follow(chain).await?;
            }
        }
        followed = wanted;
        is_first = false;
    }
    context.store.write(|tx| tx.arrange_group_paths(objects, nested))?;
    Ok(())
}

/// Looks linked groups up that a complete reading did not show, and no round since: gone for good
/// once two cycles in a row have not found them.
pub(super) async fn look_up<D: Directory>(context: &Context<'_, D>) -> Result<(), CycleError> {
    if context.job.groups.is_none() {
        return Ok(());
    }
    let unshown = context.store.read(|view| view.unshown_groups(EVERY_GROUP))?;
    for ids in unshown.chunks(IDS_PER_LOOKUP_MAX) {
        context.check_stop()?;
        let found = pace::directory(context.clock, || context.directory.groups_by_id(ids)).await?;
        let live: BTreeSet<SourceId> = found.iter().map(|group| group.id).collect();
        context.store.write(|tx| {
            for id in ids {
                if live.contains(id) {
                    tx.forget_misses(*id)?;
                } else if tx.count_miss(*id)? >= MISSES_PROVE_DELETION {
                    tx.set_presence(*id, Presence::Deleted)?;
                }
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// Lets every group that matters be followed by one chain, and no chain follow any other group.
fn arrange<D>(
    context: &Context<'_, D>,
    (wanted, objects): (&BTreeSet<SourceId>, GroupObjects),
    full: bool,
) -> Result<(), StoreError> {
    let now = context.clock.now();
    context.store.write(|tx| {
        let mut chains = tx.group_chains()?;
        let generation = tx.next_group_generation()?;
        let empty = |name: &str, members: Vec<SourceId>| Chain {
            name: name.to_owned(),
            link: None,
            complete: false,
            taken_at: now,
            generation,
            members,
        };
        let unread = match objects {
            GroupObjects::Assigned => tx.assigned_unread_groups()?,
            GroupObjects::None | GroupObjects::Every => Vec::new(),
        };
        for chain in &mut chains {
            chain.members.retain(|group| wanted.contains(group));
            let lacks = chain.members.iter().any(|group| unread.contains(group));
            if (full || lacks) && chain.complete {
                restart(chain, generation);
            }
        }
        if objects == GroupObjects::Every {
            for chain in &mut chains {
                chain.members.clear();
            }
            if chains.iter().all(|chain| chain.name != EVERY_GROUP) {
                chains.push(empty(EVERY_GROUP, Vec::new()));
            }
        }
        let followed: BTreeSet<SourceId> =
            chains.iter().flat_map(|chain| chain.members.iter().copied()).collect();
        let missing = wanted.difference(&followed).filter(|_| objects != GroupObjects::Every);
        for group in missing {
            let room = chains.iter_mut().find(|chain| {
                chain.name != EVERY_GROUP && chain.members.len() < GROUPS_PER_CHAIN_MAX
            });
            if let Some(chain) = room {
                chain.members.push(*group);
                restart(chain, generation);
            } else {
                let name = unused_name(&chains);
                chains.push(empty(&name, vec![*group]));
            }
        }
        for chain in &chains {
            let is_every = objects == GroupObjects::Every && chain.name == EVERY_GROUP;
            if chain.members.is_empty() && !is_every {
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

impl<D: Directory> Reading<'_, D> {
    /// The groups whose members matter, as far as they are known.
    fn wanted(&self, nested: bool) -> Result<BTreeSet<SourceId>, StoreError> {
        self.context.store.read(|view| {
            let mut wanted: BTreeSet<SourceId> = if nested {
                view.nested_groups()?.into_iter().collect()
            } else {
                view.assigned_groups()?.into_iter().collect()
            };
            wanted.extend(view.filter_groups()?);
            Ok(wanted)
        })
    }

    async fn follow(&self, mut chain: Chain) -> Result<(), CycleError> {
        let context = self.context;
        let is_every = chain.name == EVERY_GROUP;
        let members = chain.members.clone();
        let groups = (!is_every).then_some(members.as_slice());
        let first = match (self.objects, groups) {
            (GroupObjects::None, Some(groups)) => GroupsAt::Initial(groups),
            (_, groups) => GroupsAt::Objects { groups, properties: &self.properties },
        };
        let ask = |link: Option<Link>| {
            Box::pin(async move {
                let at = link.as_ref().map_or(first, GroupsAt::Link);
                pace::directory(context.clock, || context.directory.groups_delta(at)).await
            })
        };
        context.check_stop()?;
        // Only the first round after a reading from the beginning may have left something out.
        let round = if chain.complete { Round::Later } else { Round::First };
        let mut page = ask(chain.link.clone().map(Link)).await?;
        let mut seen = 0;
        for _ in 0..PAGES_MAX {
            let DeltaPage { items, end } = page;
            let links = items.iter().map(|group| group.members.len()).sum::<usize>();
            seen += (links + items.len()) as u64;
            let complete = matches!(end, RoundEnd::Complete(_));
            let (RoundEnd::Next(next) | RoundEnd::Complete(next)) = end;
            chain.link = Some(next.0.clone());
            chain.complete = complete;
            chain.taken_at = context.clock.now();
            let keep = || {
                self.keep(&chain, round, &items)?;
                drop(items);
                Ok(self.tracker.at(seen, None)?)
            };
            if complete {
                return keep();
            }
            let bytes = links * size_of::<MemberChange>();
            page = ahead(|| context.check_stop(), ask(Some(next)), bytes, keep).await?;
        }
        Err(endless())
    }

    /// Stores a page together with the link after it.
    fn keep(&self, chain: &Chain, round: Round, page: &[GroupChange]) -> Result<(), StoreError> {
        let is_every = chain.name == EVERY_GROUP;
        self.context.store.write(|tx| {
            // A link goes on about groups that nobody follows any more.
            let ours = page.iter().filter(|c| is_every || chain.members.contains(&c.id));
            for change in ours {
                tx.apply_group(change, self.objects, chain.generation)?;
            }
            if chain.complete && is_every {
                tx.finish_every_group(chain.generation, round)?;
            } else if chain.complete {
                tx.finish_groups(&chain.members, chain.generation, round)?;
            }
            tx.set_chain(chain)
        })
    }
}
