//! Shards: many users read at once, by the beginnings of their user principal names.
//!
//! They only make a long list quicker to read. Nothing is concluded from what they show or do not
//! show together, so a shard that the directory refuses ends them all and no more.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures_util::stream::{FuturesUnordered, StreamExt as _};

use super::{ahead::bytes_of, everybody::Listing};
use crate::{
    cycle::{context::CycleError, pace},
    model::{Clock, SourceObject, Timestamp},
    port::{Directory, DirectoryFault, Link, Page},
};

/// Requests under way at once: Graph's own advice is 4 to 8.
const LANES_MAX: usize = 6;

/// What the pages under way may take together, each once as an answer and once as rows.
const BYTES_MAX: usize = 32 << 20;

/// What the user principal names of Entra are made of, without regard to case, as far as it is
/// frequent. Whoever has another character is looked up by id.
const ALPHABET: &str = "abcdefghijklmnopqrstuvwxyz0123456789.-_'@";

/// Pages after which a shard is split. What was read of it is read again, so it is many; but a
/// shard that is read alone for long is what shards are to avoid.
const PAGES_PER_SHARD_MAX: u32 = 32;

/// Characters of a beginning, after which a shard is split no further.
const PREFIX_CHARS_MAX: usize = 16;

/// Of a request that was throttled without a word about how long.
const HOLD: Duration = Duration::from_secs(1);

/// How many pages of such a size may be under way at once.
pub(super) fn lanes(page_bytes: usize) -> usize {
    (BYTES_MAX / (2 * page_bytes).max(1)).min(LANES_MAX)
}

/// The users whose names begin in one way.
struct Shard {
    prefix: String,
    pages: u32,
    next: Option<Link>,
}

/// All shards of one reading.
pub(super) struct Shards<'a, D> {
    listing: &'a Listing<'a, D>,
    lanes: usize,
    seen: u64,
}

impl<'a, D: Directory> Shards<'a, D> {
    /// Shards of which so many are read at once.
    pub(super) fn new(listing: &'a Listing<'a, D>, lanes: usize, seen: u64) -> Self {
        Self { listing, lanes, seen }
    }

    /// Rows seen so far, some of them twice.
    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    /// Reads all shards, or as many as the directory answers.
    pub(super) async fn read(&mut self) -> Result<(), CycleError> {
        let Listing { context, .. } = *self.listing;
        let gate = Gate { clock: context.clock, hold: Mutex::default() };
        let mut waiting = parts_of("");
        let mut under_way = FuturesUnordered::new();
        loop {
            context.check_stop()?;
            while under_way.len() < self.lanes
                && let Some(shard) = waiting.pop()
            {
                under_way.push(self.listing.page(shard, &gate));
            }
            let Some((mut shard, answer)) = under_way.next().await else { return Ok(()) };
            let Page { items, next } = match answer {
                Ok(page) => page,
                Err(fault) if is_of_shards(&fault) => {
                    tracing::warn!(%fault, "users cannot be read in shards; reading goes on by id");
                    return Ok(());
                }
                Err(fault) => return Err(fault.into()),
            };
            shard.pages += 1;
            let is_long = shard.pages >= PAGES_PER_SHARD_MAX;
            if next.is_some() && is_long && shard.prefix.len() < PREFIX_CHARS_MAX {
                waiting.extend(parts_of(&shard.prefix));
            } else if next.is_some() {
                waiting.push(Shard { next, ..shard });
            }
            self.seen += items.len() as u64;
            self.lanes = self.lanes.min(lanes(bytes_of(&items))).max(1);
            self.listing.keep(items, self.seen)?;
        }
    }
}

impl<D: Directory> Listing<'_, D> {
    /// The next page of a shard.
    async fn page(
        &self,
        shard: Shard,
        gate: &Gate<'_>,
    ) -> (Shard, Result<Page<SourceObject>, DirectoryFault>) {
        let Self { context, selection, .. } = *self;
        let answer = pace::directory(context.clock, || {
            gate.through(async {
                match &shard.next {
                    Some(link) => context.directory.users(selection, Some(link)).await,
                    None => context.directory.users_beginning(&shard.prefix, selection).await,
                }
            })
        })
        .await;
        (shard, answer)
    }
}

/// The shards that this beginning is split into, the first one last.
fn parts_of(prefix: &str) -> Vec<Shard> {
    let part = |end: char| Shard { prefix: format!("{prefix}{end}"), pages: 0, next: None };
    ALPHABET.chars().rev().map(part).collect()
}

/// Whether a list in sequence may be answered where a shard was not.
fn is_of_shards(fault: &DirectoryFault) -> bool {
    match fault {
        DirectoryFault::Rejected { .. }
        | DirectoryFault::Malformed(_)
        | DirectoryFault::TokenExpired(_) => true,
        DirectoryFault::SignIn(_)
        | DirectoryFault::Permission { .. }
        | DirectoryFault::NotFound(_)
        | DirectoryFault::Ambiguous { .. }
        | DirectoryFault::Throttled { .. }
        | DirectoryFault::Unavailable { .. }
        | DirectoryFault::ForeignLink(_) => false,
    }
}

/// Lets no request of any shard leave while one of them was told to wait.
struct Gate<'a> {
    clock: &'a dyn Clock,
    /// Until when, and how long that was when it was said.
    hold: Mutex<Option<(Timestamp, Duration)>>,
}

impl Gate<'_> {
    async fn through<T>(
        &self,
        ask: impl Future<Output = Result<T, DirectoryFault>>,
    ) -> Result<T, DirectoryFault> {
        while let Some(wait) = self.wait() {
            self.clock.sleep(wait).await;
        }
        let answer = ask.await;
        if let Err(DirectoryFault::Throttled { retry_after }) = &answer {
            let wait = retry_after.unwrap_or(HOLD);
            let until = self.clock.now() + wait;
            *self.hold.lock().unwrap_or_else(PoisonError::into_inner) = Some((until, wait));
        }
        answer
    }

    /// How long is left. A clock that was set back makes nobody wait longer than was said.
    fn wait(&self) -> Option<Duration> {
        let mut hold = self.hold.lock().unwrap_or_else(PoisonError::into_inner);
        let left = hold.and_then(|(until, said)| {
            let left = (until - self.clock.now()).to_std().ok()?;
            (!left.is_zero() && left <= said).then_some(left)
        });
        if left.is_none() {
            *hold = None;
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Sleep;

    /// A clock that notes who sleeps on it, and wakes them at once.
    struct Noted {
        now: Mutex<Timestamp>,
        told: Mutex<Vec<String>>,
    }

    impl Noted {
        fn tell(&self, what: &str) {
            self.told.lock().unwrap().push(what.to_owned());
        }
    }

    impl Clock for Noted {
        fn now(&self) -> Timestamp {
            *self.now.lock().unwrap()
        }

        fn sleep(&self, duration: Duration) -> Sleep<'_> {
            self.tell(&format!("waits {} s", duration.as_secs()));
            *self.now.lock().unwrap() += duration;
            Box::pin(async {})
        }
    }

    fn noted() -> Noted {
        Noted { now: Mutex::new(Timestamp::UNIX_EPOCH), told: Mutex::default() }
    }

    #[tokio::test]
    async fn no_request_leaves_while_another_was_told_to_wait() {
        let clock = noted();
        let gate = Gate { clock: &clock, hold: Mutex::default() };
        let throttled = async {
            clock.tell("first");
            let retry_after = Some(Duration::from_secs(30));
            Err::<(), _>(DirectoryFault::Throttled { retry_after })
        };
        assert!(gate.through(throttled).await.is_err());
        for _ in 0..2 {
            let answered = async {
                clock.tell("next");
                Ok(())
            };
            assert!(gate.through(answered).await.is_ok());
        }
        assert_eq!(*clock.told.lock().unwrap(), ["first", "waits 30 s", "next", "next"]);
    }

    #[tokio::test]
    async fn a_clock_that_was_set_back_holds_nobody_for_longer_than_was_said() {
        let clock = noted();
        let gate = Gate { clock: &clock, hold: Mutex::default() };
        let throttled = async { Err::<(), _>(DirectoryFault::Throttled { retry_after: None }) };
        assert!(gate.through(throttled).await.is_err());
        *clock.now.lock().unwrap() -= Duration::from_secs(3_600);
        assert!(gate.through(async { Ok(()) }).await.is_ok());
        assert_eq!(*clock.told.lock().unwrap(), [""; 0]);
    }

    #[test]
    fn the_larger_a_page_the_fewer_are_under_way_and_of_the_largest_only_one() {
        assert_eq!(lanes(0), LANES_MAX);
        assert_eq!(lanes(999 * 1_300), LANES_MAX);
        assert_eq!(lanes(4 << 20), 4);
        assert!(lanes(999 * 20 * 1_024) <= 1);
    }
}
