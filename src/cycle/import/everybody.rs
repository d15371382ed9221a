//! The plain list of all users: one page after the other, and in shards where it turns out long.
//!
//! Only a list that one request began and that ends by itself is complete. Shards are not: who is
//! renamed meanwhile, or has a name that no shard begins with, is in none. So where they were used,
//! the list of all ids is read to its end afterwards, and whoever no shard has shown is looked up.
//! Returning without an error means that everybody who was there is shown, and that who is not
//! shown was not there.

use super::{
    ahead::{ahead, bytes_of},
    shard::{Shards, lanes},
    users::{PAGES_MAX, endless, sort_in},
};
use crate::{
    cycle::{
        context::{Context, CycleError, Tracker},
        pace,
    },
    model::{SourceId, SourceObject},
    port::{Directory, IDS_PER_LOOKUP_MAX, Link, Page, Selection},
    store::{Showing, StoreError},
};

/// Pages that are read one after the other before shards pay: below some 16,000 users the requests
/// that find most shards small would be more than those that they save.
pub(super) const PAGES_IN_SEQUENCE: u32 = 16;

/// What reading everybody needs beside the directory.
pub(super) struct Listing<'a, D> {
    pub(super) context: &'a Context<'a, D>,
    pub(super) selection: &'a Selection,
    generation: u64,
    /// Whether its pages are put down, and sorted in before it is asked who was shown.
    puts_down: bool,
    tracker: &'a Tracker<'a, D>,
}

/// Reads the list of all users.
pub(super) async fn list<D: Directory>(
    context: &Context<'_, D>,
    selection: &Selection,
    generation: u64,
    tracker: &Tracker<'_, D>,
) -> Result<(), CycleError> {
    let puts_down = context.store.write(|tx| tx.begin_first_reading(generation))?;
    let mut listing = Listing { context, selection, generation, puts_down, tracker };
    let ask = |next: Option<Link>| {
        Box::pin(async move {
            let ask = || context.directory.users(selection, next.as_ref());
            pace::directory(context.clock, ask).await
        })
    };
    context.check_stop()?;
    let mut page = ask(None).await?;
    let (mut seen, mut page_bytes_max) = (0, 0);
    for number in 1..=PAGES_MAX {
        let Page { items, next } = page;
        seen += items.len() as u64;
        let bytes = bytes_of(&items);
        page_bytes_max = bytes.max(page_bytes_max);
        let Some(next) = next else {
            listing.keep(items, seen)?;
            return listing.sort_in(seen);
        };
        if number == PAGES_IN_SEQUENCE && lanes(page_bytes_max) > 1 {
            listing.keep(items, seen)?;
            let mut shards = Shards::new(&listing, lanes(page_bytes_max), seen);
            Box::pin(shards.read()).await?;
            let seen = shards.seen();
            listing.sort_in(seen)?;
            return Box::pin(listing.complete(seen)).await;
        }
        let keep = || listing.keep(items, seen);
        page = ahead(|| context.check_stop(), ask(Some(next)), bytes, keep).await?;
    }
    Err(endless())
}

impl<D: Directory> Listing<'_, D> {
    /// Stores users as this reading shows them.
    pub(super) fn keep(&self, users: Vec<SourceObject>, seen: u64) -> Result<(), CycleError> {
        self.context.store.write(|tx| {
            for user in &users {
                if self.puts_down {
                    tx.put_down_user(user.id, &user.attributes, None)?;
                } else {
                    tx.upsert_user(user.id, &user.attributes, self.generation)?;
                }
            }
            Ok(())
        })?;
        drop(users);
        Ok(self.tracker.at(seen, None)?)
    }

    /// Sorts in what was put down; from now on, users are stored as they come.
    fn sort_in(&mut self, seen: u64) -> Result<(), CycleError> {
        self.puts_down = false;
        sort_in(self.context, Showing::Changes, self.tracker, seen)
    }

    /// Reads the ids of all users to their end, and looks up whom this reading has not shown yet.
    async fn complete(&self, mut seen: u64) -> Result<(), CycleError> {
        let context = self.context;
        let ask = |next: Option<Link>| {
            Box::pin(async move {
                let ask = || context.directory.user_ids(next.as_ref());
                pace::directory(context.clock, ask).await
            })
        };
        context.check_stop()?;
        let mut unshown: Vec<SourceId> = Vec::new();
        let mut page = ask(None).await?;
        for _ in 0..PAGES_MAX {
            let Page { items, next } = page;
            let bytes = items.len() * size_of::<SourceId>();
            let mut keep = || {
                unshown.extend(self.unshown(&items)?);
                Ok(())
            };
            let following = match next {
                None => {
                    keep()?;
                    None
                }
                Some(next) => {
                    Some(ahead(|| context.check_stop(), ask(Some(next)), bytes, keep).await?)
                }
            };
            while unshown.len() >= IDS_PER_LOOKUP_MAX
                || (following.is_none() && !unshown.is_empty())
            {
                let rest = unshown.split_off(unshown.len().min(IDS_PER_LOOKUP_MAX));
                let mut ids = std::mem::replace(&mut unshown, rest);
                // A list may show somebody twice; a lookup asks once.
                ids.sort_unstable();
                ids.dedup();
                seen += self.look_up(&ids, seen).await?;
            }
            match following {
                Some(following) => page = following,
                None => return Ok(()),
            }
        }
        Err(endless())
    }

    fn unshown(&self, ids: &[SourceId]) -> Result<Vec<SourceId>, StoreError> {
        self.context.store.read(|view| {
            let mut unshown = Vec::new();
            for id in ids {
                if !view.is_shown(*id, self.generation)? {
                    unshown.push(*id);
                }
            }
            Ok(unshown)
        })
    }

    /// Reads these users by their ids. Who is not found was deleted meanwhile, and stays unshown.
    async fn look_up(&self, ids: &[SourceId], seen: u64) -> Result<u64, CycleError> {
        let Self { context, selection, .. } = *self;
        context.check_stop()?;
        let found =
            pace::directory(context.clock, || context.directory.users_by_id(ids, selection))
                .await?;
        let count = found.len() as u64;
        self.keep(found, seen + count)?;
        Ok(count)
    }
}
