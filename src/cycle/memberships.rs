//! The groups of which one person is a direct member, live, and in memory alone.
//!
//! One request answers it. A directory that refuses this request is asked as a cycle asks it: for
//! the members of every group that matters.

use std::collections::{BTreeMap, BTreeSet};

use super::{context::CycleError, pace};
use crate::{
    model::{Clock, SourceId, SourceObject},
    port::{Directory, DirectoryFault, GROUPS_PER_CHAIN_MAX, GroupsAt, RoundEnd},
};

/// Pages of members of one chain of groups: five million people, so that a ring of pages ends.
const PAGES_MAX: u32 = 100_000;

/// The groups of a user with their names; `None` where the directory refuses to say.
pub(super) async fn groups_of<D: Directory>(
    directory: &D,
    clock: &dyn Clock,
    user: SourceId,
) -> Result<Option<BTreeMap<SourceId, String>>, CycleError> {
    match pace::directory(clock, || directory.groups_of(user)).await {
        Ok(groups) => Ok(Some(groups.iter().map(|group| (group.id, name_of(group))).collect())),
        Err(DirectoryFault::Rejected { status: 400 | 404 | 405 | 501, .. }) => Ok(None),
        Err(fault) => Err(fault.into()),
    }
}

/// Those among `groups` of which a user is a direct member, by reading their members.
pub(super) async fn groups_with<D: Directory>(
    directory: &D,
    clock: &dyn Clock,
    user: SourceId,
    groups: BTreeSet<SourceId>,
) -> Result<BTreeMap<SourceId, String>, CycleError> {
    let groups: Vec<SourceId> = groups.into_iter().collect();
    let (mut memberships, mut names) = (BTreeSet::new(), BTreeMap::new());
    for chain in groups.chunks(GROUPS_PER_CHAIN_MAX) {
        let (mut next, mut pages) = (None, 0);
        loop {
            let page = pace::directory(clock, || {
                let at = next.as_ref().map_or(GroupsAt::Initial(chain), GroupsAt::Link);
                directory.groups_delta(at)
            })
            .await?;
            for change in page.items {
                let name = change.attributes.text("displayName");
                names.extend(name.map(|name| (change.id, name)));
                // Later entries win, as they do in a cycle.
                for member in change.members.iter().filter(|member| member.id == user) {
                    if member.removed {
                        memberships.remove(&change.id);
                    } else {
                        memberships.insert(change.id);
                    }
                }
                if change.removal.is_some() {
                    memberships.remove(&change.id);
                }
            }
            pages += 1;
            match page.end {
                RoundEnd::Complete(_) => break,
                RoundEnd::Next(_) if pages == PAGES_MAX => {
                    let endless = "its pages never end".to_owned();
                    return Err(DirectoryFault::Malformed(endless).into());
                }
                RoundEnd::Next(link) => next = Some(link),
            }
        }
    }
    let named = |id: SourceId| (id, names.get(&id).cloned().unwrap_or_else(|| id.to_string()));
    Ok(memberships.into_iter().map(named).collect())
}

fn name_of(group: &SourceObject) -> String {
    group.attributes.text("displayName").unwrap_or_else(|| group.id.to_string())
}
