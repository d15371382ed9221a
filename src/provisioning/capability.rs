//! What a target can do, as far as it is known: from the configuration, from its profile, from its
//! own words, and from how it answered.
//!
//! Pure. Reading what the target says is `cycle::discovery`'s; what follows from it is decided here
//! and nowhere else.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::job::{Job, Overrides};
use crate::{
    model::{ObjectKind, Timestamp},
    scim::{AttributePath, ServiceDescription},
};

/// Resources asked for in one page, where the target takes that many.
const PAGE_SIZE: u32 = 200;

/// What is known of a target beside its profile. Lasts a day at most ([`Self::until`]).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discovered {
    /// The target it is about ([`Job::target_key`]).
    pub target: String,
    /// When it was read.
    pub at: Timestamp,
    /// When it is to be read again.
    pub until: Timestamp,
    /// What the target said.
    pub says: ServiceDescription,
    /// Kinds whose PATCH it refused, and whose PUT it took.
    #[serde(default)]
    pub without_patch: BTreeSet<ObjectKind>,
    /// Whether it refused a filter, or answered one as if there were none.
    #[serde(default)]
    pub filter_doubted: bool,
}

impl Discovered {
    /// Nothing, of a target that was not asked yet.
    pub fn nothing(job: &Job, now: Timestamp) -> Self {
        Self {
            target: job.target_key().to_owned(),
            at: now,
            until: now,
            says: ServiceDescription::default(),
            without_patch: BTreeSet::new(),
            filter_doubted: false,
        }
    }

    /// Whether it is about this target and not too old. What lies in the future was read by a clock
    /// that has been set back, and counts as too old.
    pub fn is_fresh(&self, job: &Job, now: Timestamp) -> bool {
        self.target == job.target_key() && self.at <= now && now < self.until
    }
}

/// How a target's versions are used (RFC 7644 §3.14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versions {
    /// No request names one.
    Ignored,
    /// A change that follows a read names the version that was read, where the resource itself has
    /// one; an HTTP header alone may come from something in between.
    OfResources,
    /// The same, and a header counts too: the target says that it compares versions.
    Compared,
    /// Every change is preceded by a read: the target takes none without a version.
    Required,
}

/// Whether a target can be searched with a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filtering {
    /// It can.
    Taken,
    /// It should, and lately refused a filter or answered one as if there were none.
    Doubted,
    /// It cannot: every search is a list.
    NotTaken,
}

/// How a target's lists go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paging {
    /// By `startIndex` (RFC 7644 §3.4.2.4).
    Index,
    /// By `cursor` (RFC 9865).
    Cursor,
}

/// What a target can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Kinds that are changed with PUT, because there is no PATCH.
    pub replaces: BTreeSet<ObjectKind>,
    /// Whether a refused PATCH is tried as a PUT.
    pub may_replace: bool,
    /// Whether it can be searched with a filter.
    pub filter: Filtering,
    /// Whether its resources can be listed.
    pub list: bool,
    /// How its versions are used.
    pub versions: Versions,
    /// How its lists go on.
    pub paging: Paging,
    /// Resources to ask for in one page, at least 1.
    pub page_size: u32,
    /// Whether it has groups, as far as it says. Where groups are configured they are asked for all
    /// the same: a list of resource types may be older than the service.
    pub groups: bool,
    /// Attributes that only the target itself may write.
    pub read_only: BTreeSet<AttributePath>,
}

/// What a target can do: the configuration and the profile say it before the target's own words,
/// and these before what is assumed of a service that says nothing.
pub fn capabilities(job: &Job, discovered: Option<&Discovered>) -> Capabilities {
    let known = discovered.filter(|discovered| discovered.target == job.target_key());
    let nothing = ServiceDescription::default();
    let says = known.map_or(&nothing, |known| &known.says);
    let Overrides { patch, filter, etag, cursor } = job.capability.overrides;
    let kinds = BTreeSet::from([ObjectKind::User, ObjectKind::Group]);
    let replaces = match (patch, says.patch) {
        (Some(true), _) => BTreeSet::new(),
        (Some(false), _) | (None, Some(false)) => kinds,
        (None, Some(true) | None) => {
            known.map(|known| known.without_patch.clone()).unwrap_or_default()
        }
    };
    let filter = match (filter, says.filter) {
        (Some(false), _) | (None, Some(false)) => Filtering::NotTaken,
        (None, _) if known.is_some_and(|known| known.filter_doubted) => Filtering::Doubted,
        (Some(true), _) | (None, Some(true) | None) => Filtering::Taken,
    };
    let versions = match (etag, says.etag) {
        (Some(false), _) | (None, Some(false)) => Versions::Ignored,
        (Some(true), _) => Versions::Required,
        (None, Some(true)) => Versions::Compared,
        (None, None) => Versions::OfResources,
    };
    let only_cursors = says.cursor_paging == Some(true) && says.index_paging == Some(false);
    let paging = if cursor.unwrap_or(only_cursors) { Paging::Cursor } else { Paging::Index };
    let sizes = [job.capability.page_size_max, says.page_size_max].into_iter().flatten();
    Capabilities {
        replaces,
        may_replace: patch != Some(true),
        filter,
        list: job.capability.list,
        versions,
        paging,
        page_size: sizes.fold(PAGE_SIZE, u32::min).max(1),
        groups: says.groups != Some(false),
        read_only: says.read_only.clone(),
    }
}
