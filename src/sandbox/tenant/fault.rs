//! What goes wrong in the field, to be injected once or drawn at random from a seed.
//!
//! Owns the choice of which faults hit a request; the handlers carry them out.

use std::{collections::VecDeque, time::Duration};

use super::exchange::Tenant;

/// One thing that goes wrong with one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 429, whatever was used so far.
    Throttle(RetryAfter),
    /// A status of the 500s.
    ServerError {
        /// 500, 502, 503 or 504.
        status: u16,
        /// What the body is.
        body: ErrorBody,
    },
    /// The connection breaks before the request is handled.
    ResetBefore,
    /// The connection breaks after the request was handled.
    ResetAfter,
    /// The connection breaks in the middle of the body.
    TruncatedBody,
    /// 200 with a web page, as proxies answer.
    HtmlSuccess,
    /// The nextLink or deltaLink leads to this origin.
    ForeignLink(String),
    /// The page token of this request has expired: `Directory_ExpiredPageToken`.
    ExpiredPageToken,
    /// The page token of this request is unknown: `DirectoryPageTokenNotFoundException`.
    PageTokenNotFound,
    /// 410 with a `Location` that starts the round anew.
    Gone,
    /// 400 `syncStateNotFound` for a delta token.
    SyncStateNotFound,
    /// A page without rows that has a nextLink.
    EmptyPage,
    /// A page with a third of its rows.
    ShortPage,
    /// Some rows of a round of changes come twice.
    DuplicateRows,
    /// A round repeats rows of the round before.
    ReplayRows,
    /// The rows of a round come in random order.
    ShuffleRows,
    /// Half the rows of a round appear this many rounds later.
    LateRows {
        /// How many rounds leave them out, this one included.
        rounds: u32,
    },
    /// An initial round names what was deleted and members who left as `@removed`.
    RemovedInInitialRound,
    /// The assignment list is read from a replica that lacks the latest changes.
    StaleAssignments {
        /// How many changes of assignments the replica lacks.
        changes: usize,
    },
    /// The assignment list comes back empty.
    EmptyAssignments,
    /// 401 for a good token.
    SpuriousUnauthorized,
    /// The last page has neither nextLink nor deltaLink.
    MissingDeltaLink,
    /// The answer takes this long on the tenant's clock.
    Delay(Duration),
}

/// How a 429 says when to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// Whole seconds.
    Seconds(u32),
    /// Milliseconds, written as decimal seconds such as `2.128`.
    Decimal(u32),
    /// An HTTP date this many seconds from now.
    HttpDate(u32),
    /// No header.
    Missing,
}

/// The body of a server error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorBody {
    /// Graph's envelope.
    Json,
    /// Graph's envelope with an empty `code`.
    EmptyCode,
    /// A gateway's web page.
    Html,
    /// Nothing.
    Empty,
}

impl Fault {
    fn delay(&self) -> Option<Duration> {
        if let Self::Delay(delay) = self { Some(*delay) } else { None }
    }

    /// Whether the fault can happen to this request at all: others leave it waiting.
    fn fits(&self, path: &str, is_continued: bool) -> bool {
        let is_login = path.contains("/oauth2/");
        let is_delta = path.contains("/delta");
        let is_assignments = path.contains("/appRoleAssignedTo");
        match self {
            Self::Throttle(_)
            | Self::ServerError { .. }
            | Self::ResetBefore
            | Self::ResetAfter
            | Self::TruncatedBody
            | Self::HtmlSuccess
            | Self::Delay(_) => true,
            Self::SpuriousUnauthorized => !is_login,
            Self::ForeignLink(_) | Self::EmptyPage | Self::ShortPage => {
                !is_login && !path.contains("getByIds") && !path.contains("$batch")
            }
            Self::ExpiredPageToken | Self::PageTokenNotFound => is_continued,
            Self::Gone | Self::SyncStateNotFound => is_delta && is_continued,
            Self::DuplicateRows
            | Self::ReplayRows
            | Self::ShuffleRows
            | Self::LateRows { .. }
            | Self::MissingDeltaLink => is_delta,
            Self::RemovedInInitialRound => is_delta && !is_continued,
            Self::StaleAssignments { .. } | Self::EmptyAssignments => is_assignments,
        }
    }
}

/// Faults that happen at random, each with its chance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultPlan {
    /// Decides which requests are hit.
    pub seed: u64,
    /// Each fault with its chance per thousand requests that it fits.
    pub rules: Vec<(Fault, u16)>,
    /// Whether the token endpoint is hit too.
    pub login: bool,
}

impl Tenant {
    /// Faults that happened so far.
    pub fn fault_count(&self) -> u64 {
        self.state().faults.count
    }
}

/// Faults to come.
pub(super) struct Faults {
    rng: fastrand::Rng,
    plan: FaultPlan,
    queued: VecDeque<Queued>,
    /// Faults that happened so far.
    pub(super) count: u64,
    /// How long the answer that is being made is held back.
    pub(super) delay: Option<Duration>,
}

struct Queued {
    fault: Fault,
    path: Option<String>,
}

impl Faults {
    pub(super) fn seeded(seed: u64) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(seed),
            plan: FaultPlan::default(),
            queued: VecDeque::new(),
            count: 0,
            delay: None,
        }
    }

    pub(super) fn follow(&mut self, plan: FaultPlan) {
        self.rng = fastrand::Rng::with_seed(plan.seed);
        self.plan = plan;
    }

    pub(super) fn queue(&mut self, fault: Fault, path: Option<String>) {
        self.queued.push_back(Queued { fault, path });
    }

    pub(super) fn queued(&self) -> usize {
        self.queued.len()
    }

    pub(super) fn clear(&mut self) {
        self.plan = FaultPlan::default();
        self.queued.clear();
    }

    /// The faults of this request: the first queued one that fits, and what the plan draws.
    ///
    /// A queued fault without a path never hits the token endpoint, which would surprise a test
    /// that means the next read.
    pub(super) fn draw(&mut self, path: &str, is_continued: bool) -> Vec<Fault> {
        let is_login = path.contains("/oauth2/");
        let hit = self.queued.iter().position(|queued| {
            queued.fault.fits(path, is_continued)
                && queued.path.as_ref().map_or(!is_login, |part| path.contains(part.as_str()))
        });
        let mut faults: Vec<Fault> =
            hit.and_then(|index| self.queued.remove(index)).map(|q| q.fault).into_iter().collect();
        if !is_login || self.plan.login {
            for (fault, chance) in &self.plan.rules {
                if fault.fits(path, is_continued) && self.rng.u16(0..1000) < *chance {
                    faults.push(fault.clone());
                }
            }
        }
        self.count += faults.len() as u64;
        self.delay = self.delay.max(faults.iter().find_map(Fault::delay));
        faults
    }
}
