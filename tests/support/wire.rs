//! The line between the engine and the world, and the engine's hold on its disk: who was spoken to,
//! with which credentials, where the program dies, and when the disk is full.
//!
//! A death is an exchange that never ends, or a commit that fails like every one after it: the
//! caller notices, drops the cycle and opens the state again. Whatever the dying program still
//! does reaches neither a service nor the disk. That is what a killed process leaves, too: what was
//! committed lasts, since the system keeps what a process wrote.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use entra_scim::{
    http::{Answer, Exchange},
    store::{Commit, CommitWatch, StoreError},
};
use rusqlite::ffi;
use tokio::sync::Notify;

/// A moment at which the program can die.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Moment {
    /// The request never leaves.
    BeforeSending,
    /// The request was handled; its answer is never read.
    AfterSending,
    /// Nothing of the transaction lasts.
    BeforeCommit,
    /// The transaction lasts, and nothing comes after it.
    AfterCommit,
}

/// What happens once, beside a request.
type Happening = Box<dyn FnOnce() + Send>;

/// Looks at a request on its way, and complains.
type Witness = Arc<dyn Fn(&http::Request<Bytes>) -> Option<String> + Send + Sync>;

/// What both services' lines have in common. Clones are the same line.
#[derive(Clone, Default)]
pub(crate) struct Wire(Arc<Mutex<Watched>>);

#[derive(Default)]
struct Watched {
    hosts: BTreeSet<String>,
    credentials: BTreeSet<String>,
    /// Moments and exchanges since the program started to live.
    moments: u32,
    exchanges: u32,
    death: Option<(u32, Arc<Notify>)>,
    died_at: Option<Moment>,
    happening: Option<(u32, Happening)>,
    /// Commits until the disk is full, and how many fail then.
    full: Option<(u32, u32)>,
    was_full: bool,
    witness: Option<Witness>,
    complaints: Vec<String>,
}

struct Line {
    wire: Wire,
    service: Arc<dyn Exchange>,
}

impl Wire {
    /// The way to a service.
    pub(crate) fn to(&self, service: Arc<dyn Exchange>) -> Arc<dyn Exchange> {
        Arc::new(Line { wire: self.clone(), service })
    }

    /// The way to the disk.
    pub(crate) fn watch(&self) -> CommitWatch {
        let wire = self.clone();
        Arc::new(move |commit| wire.commits(commit))
    }

    /// Lets the program die at so many moments from now, the next being 1.
    pub(crate) fn die_at(&self, moment: u32) -> Arc<Notify> {
        let notify = Arc::new(Notify::new());
        self.live();
        self.watched().death = Some((moment, Arc::clone(&notify)));
        notify
    }

    /// Lets the program die before the next request whose address contains this text.
    pub(crate) fn die_before(&self, part: &'static str) -> Arc<Notify> {
        let (notify, wire) = (Arc::new(Notify::new()), self.clone());
        let (dies, has_died) = (Arc::clone(&notify), AtomicBool::new(false));
        self.witness(move |request| {
            let is_meant = request.uri().to_string().contains(part);
            if is_meant && !has_died.swap(true, Ordering::Relaxed) {
                wire.watched().died_at = Some(Moment::BeforeSending);
                dies.notify_one();
            }
            None
        });
        notify
    }

    /// Nobody dies any more, nothing happens, and the disk has room. Moments are counted anew.
    pub(crate) fn live(&self) {
        let mut watched = self.watched();
        watched.death = None;
        watched.died_at = None;
        watched.happening = None;
        watched.full = None;
        watched.was_full = false;
        watched.moments = 0;
        watched.exchanges = 0;
    }

    /// At which moment the program died, if it did.
    pub(crate) fn died_at(&self) -> Option<Moment> {
        self.watched().died_at
    }

    /// Moments since the program started to live.
    pub(crate) fn moments(&self) -> u32 {
        self.watched().moments
    }

    /// Exchanges since the program started to live.
    pub(crate) fn exchanges(&self) -> u32 {
        self.watched().exchanges
    }

    /// Lets this happen before so many exchanges from now, the next being 1.
    pub(crate) fn at_exchange(&self, exchange: u32, happening: impl FnOnce() + Send + 'static) {
        self.watched().happening = Some((exchange, Box::new(happening)));
    }

    /// Lets the disk be full at so many commits from now, the next being 1, and for so many.
    pub(crate) fn fill_disk(&self, commit: u32, commits: u32) {
        self.watched().full = Some((commit, commits));
    }

    /// Whether the disk was full since the program started to live.
    pub(crate) fn was_full(&self) -> bool {
        self.watched().was_full
    }

    /// Lets somebody look at every request before it leaves.
    pub(crate) fn witness(
        &self,
        witness: impl Fn(&http::Request<Bytes>) -> Option<String> + Send + Sync + 'static,
    ) {
        self.watched().witness = Some(Arc::new(witness));
    }

    /// What the witness complained of.
    pub(crate) fn complaints(&self) -> Vec<String> {
        self.watched().complaints.clone()
    }

    /// The hosts that requests went to.
    pub(crate) fn hosts(&self) -> BTreeSet<String> {
        self.watched().hosts.clone()
    }

    /// The bearer tokens that requests carried.
    pub(crate) fn credentials(&self) -> BTreeSet<String> {
        self.watched().credentials.clone()
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the program lives on after this moment.
    fn lives(&self, moment: Moment) -> bool {
        let mut watched = self.watched();
        if watched.died_at.is_some() {
            return false;
        }
        watched.moments += 1;
        let Some((at, notify)) = watched.death.clone() else { return true };
        if watched.moments < at {
            return true;
        }
        watched.died_at = Some(moment);
        notify.notify_one();
        false
    }

    fn commits(&self, commit: Commit) -> Result<(), StoreError> {
        let moment = match commit {
            Commit::Before => Moment::BeforeCommit,
            Commit::After => Moment::AfterCommit,
        };
        if !self.lives(moment) {
            return Err(failed(ffi::SQLITE_ABORT));
        }
        let mut watched = self.watched();
        let Watched { full: Some((left, commits)), was_full, .. } = &mut *watched else {
            return Ok(());
        };
        if commit == Commit::After || *commits == 0 {
            return Ok(());
        }
        *left = left.saturating_sub(1);
        if *left > 0 {
            return Ok(());
        }
        (*left, *commits) = (1, *commits - 1);
        *was_full = true;
        Err(failed(ffi::SQLITE_FULL))
    }

    fn note(&self, request: &http::Request<Bytes>) {
        let mut watched = self.watched();
        watched.exchanges += 1;
        watched.hosts.insert(request.uri().host().unwrap_or_default().to_owned());
        let credential = request.headers().get(http::header::AUTHORIZATION);
        if let Some(token) = credential.and_then(|value| value.to_str().ok()) {
            watched.credentials.insert(token.trim_start_matches("Bearer ").to_owned());
        }
        let exchanges = watched.exchanges;
        let happening = watched.happening.take_if(|(at, _)| exchanges >= *at);
        let witness = watched.witness.clone();
        drop(watched);
        if let Some((_, happening)) = happening {
            happening();
        }
        if let Some(complaint) = witness.and_then(|witness| witness(request)) {
            self.watched().complaints.push(complaint);
        }
    }
}

fn failed(code: std::ffi::c_int) -> StoreError {
    StoreError::Sql(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None))
}

impl Exchange for Line {
    fn exchange(&self, request: http::Request<Bytes>) -> Answer<'_> {
        Box::pin(async move {
            if !self.wire.lives(Moment::BeforeSending) {
                return std::future::pending().await;
            }
            self.wire.note(&request);
            if self.wire.died_at().is_some() {
                return std::future::pending().await;
            }
            let answer = self.service.exchange(request).await;
            if !self.wire.lives(Moment::AfterSending) {
                return std::future::pending().await;
            }
            answer
        })
    }
}
