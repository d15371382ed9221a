//! What a cycle works with, and why it can end early.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::pace::HostPace;
use crate::{
    model::{Clock, CycleId, Timestamp, with_sources},
    port::{DirectoryFault, TargetFault},
    provisioning::{Occasion, job::Job},
    store::{Binding, Engine, Progress, StoreError},
};

/// A request to end the cycle at the next request boundary.
#[derive(Debug, Default)]
pub struct Stop {
    is_requested: AtomicBool,
    waiting: tokio::sync::Notify,
}

impl Stop {
    /// Asks the cycle to end.
    pub fn request(&self) {
        self.is_requested.store(true, Ordering::SeqCst);
        self.waiting.notify_waiters();
    }

    /// Whether the cycle was asked to end.
    pub fn is_requested(&self) -> bool {
        self.is_requested.load(Ordering::SeqCst)
    }

    /// Completes once the cycle was asked to end.
    pub async fn requested(&self) {
        let mut told = std::pin::pin!(self.waiting.notified());
        // Before the look, so that a request between the two is heard.
        told.as_mut().enable();
        if !self.is_requested() {
            told.await;
        }
    }
}

/// How a cycle is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CycleOptions {
    /// Read and decide everything again; links are kept.
    pub initial: bool,
    /// Who asked for it.
    pub occasion: Occasion,
}

/// What a cycle works with.
pub struct Context<'a, D> {
    /// The job.
    pub job: &'a Job,
    /// The state, or for a preview its private copy.
    pub store: &'a Engine,
    /// The directory.
    pub directory: &'a D,
    /// The clock.
    pub clock: &'a dyn Clock,
    /// What the target's host can bear, as far as this process knows it.
    pub host: &'a Arc<HostPace>,
    /// A request to end.
    pub stop: &'a Stop,
    /// Who is told of the progress.
    pub observer: &'a (dyn Fn(&Progress) + Send + Sync),
    /// How the cycle is run.
    pub options: CycleOptions,
    /// When a cycle for real ends at the latest, which [`sync`](super::sync) works out from the
    /// job; `None` before.
    pub deadline: Option<Timestamp>,
}

/// Why a cycle ended early.
#[derive(Debug, thiserror::Error)]
pub enum CycleError {
    /// The directory could not be read.
    #[error("{0}")]
    Directory(DirectoryFault),
    /// The target could not be read, or refuses every request.
    #[error("the application: {0}")]
    Target(TargetFault),
    /// The state could not be used.
    #[error("{}", with_sources(.0))]
    Store(#[from] StoreError),
    /// The state file belongs to something else.
    #[error(
        "the state file belongs to tenant {}, application {} and target {}; the configuration now \
         says {}, {} and {}. Point the configuration back, or use another `state_dir`; if the move \
         is meant, `entra-scim restart {app} --rebind` forgets all links and matches every account \
         anew",
        .stored.tenant, .stored.service_principal, .stored.target_base,
        .configured.tenant, .configured.service_principal, .configured.target_base
    )]
    Rebound {
        /// The application's section.
        app: String,
        /// What the file says.
        stored: Box<Binding>,
        /// What the configuration says.
        configured: Box<Binding>,
    },
    /// A complete read has no value for a property that had some.
    #[error(
        "the directory shows no value of `{property}` for anybody, and showed {before} at the last \
         complete read. A missing permission looks like this: grant the one that `{property}` \
         needs{hint}, or, if the values are really gone, run `entra-scim restart {app} --full`"
    )]
    PropertyVanished {
        /// The application's section.
        app: String,
        /// Which property.
        property: String,
        /// How many users had a value.
        before: u64,
        /// The permission, where it is known.
        hint: &'static str,
    },
    /// A scoping filter names something that the directory does not have exactly once.
    #[error(
        "a scoping filter of application `{app}` names the {kind} {text:?}, and the directory has \
         {} of that name. Nobody was put in or out of scope. Correct \
         `apps.{app}.users.scoping_filters`, or name it by its object id",
        if *found == 0 { "none".to_owned() } else { found.to_string() }
    )]
    FilterName {
        /// The application's section.
        app: String,
        /// `group` or `manager`.
        kind: &'static str,
        /// How the filter names it.
        text: String,
        /// How many there are.
        found: usize,
    },
    /// The failures of a job in quarantine go on, or there are too many to go on with.
    #[error("{failed} of {events} changes failed, so the rest was not sent")]
    TooManyFailures {
        /// How many.
        failed: u64,
        /// Of how many.
        events: u64,
    },
    /// It took as long as it may.
    #[error(
        "the cycle took as long as it may (`apps.{app}.safeguards.cycle_time_max`, {}) and \
         ended before its work was done: {left}. Everything done so far is kept, and the next cycle \
         goes on",
        spoken(*max)
    )]
    TimeUp {
        /// The application's section.
        app: String,
        /// How long it may take.
        max: Duration,
        /// What is left of its work.
        left: WorkLeft,
    },
    /// Somebody asked the cycle to end.
    #[error("the cycle was asked to stop; the next one goes on where it ended")]
    Stopped,
}

/// What a cycle that ran out of time left undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkLeft {
    /// Reading the directory or the application. Nothing was decided, nothing sent.
    Reading,
    /// Deciding about so many people. Nothing was sent.
    People(u64),
    /// Sending so many changes.
    Changes(u64),
}

impl fmt::Display for WorkLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reading => write!(f, "not everything was read, and nothing was sent"),
            Self::People(1) => write!(f, "1 person is not decided yet, and nothing was sent"),
            Self::People(count) => {
                write!(f, "{count} people are not decided yet, and nothing was sent")
            }
            Self::Changes(1) => write!(f, "1 change is left to send"),
            Self::Changes(count) => write!(f, "{count} changes are left to send"),
        }
    }
}

/// `90 seconds`, `6 hours`.
fn spoken(time: Duration) -> String {
    let seconds = time.as_secs();
    let (count, noun) = match seconds {
        _ if seconds > 0 && seconds.is_multiple_of(3_600) => (seconds / 3_600, "hour"),
        _ if seconds > 0 && seconds.is_multiple_of(60) => (seconds / 60, "minute"),
        _ => (seconds, "second"),
    };
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

impl From<DirectoryFault> for CycleError {
    fn from(fault: DirectoryFault) -> Self {
        Self::Directory(fault)
    }
}

impl From<TargetFault> for CycleError {
    fn from(fault: TargetFault) -> Self {
        Self::Target(fault)
    }
}

impl<D> Context<'_, D> {
    /// Ends the cycle here if somebody asked for it, or its time is up.
    pub(super) fn check_stop(&self) -> Result<(), CycleError> {
        self.check_end(|| Ok(WorkLeft::Reading))
    }

    /// The same, with what is left of the work.
    pub(super) fn check_end(
        &self,
        left: impl FnOnce() -> Result<WorkLeft, StoreError>,
    ) -> Result<(), CycleError> {
        if self.stop.is_requested() {
            return Err(CycleError::Stopped);
        }
        if self.deadline.is_some_and(|deadline| self.clock.now() >= deadline) {
            return Err(CycleError::TimeUp {
                app: self.job.app.to_string(),
                max: self.job.safeguards.cycle_time_max,
                left: left()?,
            });
        }
        Ok(())
    }
}

/// Tells the observer of every step and the state at most once a second.
pub(super) struct Tracker<'a, D> {
    context: &'a Context<'a, D>,
    cycle: CycleId,
    phase: &'static str,
    written: Mutex<Option<Timestamp>>,
}

impl<'a, D> Tracker<'a, D> {
    /// A tracker of one phase.
    pub(super) fn new(context: &'a Context<'a, D>, cycle: CycleId, phase: &'static str) -> Self {
        Self { context, cycle, phase, written: Mutex::new(None) }
    }

    /// Whose progress this is.
    pub(super) fn cycle(&self) -> CycleId {
        self.cycle
    }

    /// Says how far the phase is.
    pub(super) fn at(&self, done: u64, total: Option<u64>) -> Result<(), StoreError> {
        let progress = Progress { phase: self.phase.to_owned(), done, total };
        (self.context.observer)(&progress);
        let now = self.context.clock.now();
        let due = {
            let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
            let due = written.is_none_or(|at| (now - at).num_milliseconds() >= 1_000);
            if due {
                *written = Some(now);
            }
            due
        };
        if due {
            self.context.store.write(|tx| tx.set_progress(self.cycle, &progress, now))?;
        }
        Ok(())
    }
}
