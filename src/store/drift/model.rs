//! A comparison as a value: how far it is, and what it counted.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    model::{CycleId, ObjectKind, SourceId, TargetId, Timestamp},
    provisioning::DriftMode,
    scim::{AttributePath, Values},
};

/// The facts: since when there was something to compare, what the target and its list have ever
/// shown, whether its unlinked accounts are known, and how the last attempt was broken off.
pub(super) const ANCHOR: &str = "drift_anchor";
pub(super) const SHOWN: &str = "drift_shown";
pub(super) const LISTED: &str = "drift_listed";
pub(super) const BASELINE: &str = "drift_baseline";
pub(super) const BROKEN_OFF: &str = "drift_broken_off";

/// How far a comparison is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DriftStage {
    /// It reads what the target lists; broken off, it starts anew.
    Listing,
    /// It asks for one account after the other; broken off, it goes on where it was.
    Asking,
    /// All is read; what was found goes to the log.
    Recording,
}

/// What the target's list of accounts was worth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DriftListing {
    /// It shows all there is.
    Complete,
    /// It shows some, and why not all is the text.
    Partial(String),
    /// There is none, and the text says why.
    None(String),
}

/// One comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftCheck {
    /// The cycle that began it.
    pub id: CycleId,
    /// When it began.
    pub began: Timestamp,
    /// When it came to its end.
    #[serde(skip)]
    pub ended: Option<Timestamp>,
    /// The cycle in which it came to its end.
    pub ended_in: Option<CycleId>,
    /// What is done about what it finds.
    pub mode: DriftMode,
    /// How far it is.
    pub stage: DriftStage,
    /// What it compares: people's accounts first, then groups.
    pub kind: ObjectKind,
    /// The last person or group whose object was compared.
    pub after: Option<SourceId>,
    /// Requests to the target.
    pub requests: u64,
    /// What was counted of people's accounts.
    pub users: DriftPart,
    /// The same of groups, where they are provisioned.
    pub groups: Option<DriftPart>,
}

/// What a comparison counted of one kind of object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftPart {
    /// What the list was worth; `None` before it was read.
    pub listing: Option<DriftListing>,
    /// Objects that are linked.
    pub linked: u64,
    /// Objects that were compared.
    pub compared: u64,
    /// Objects that a cycle had just written, or whose last write has no known outcome.
    pub left_out: u64,
    /// Objects that could not be read.
    pub unread: u64,
    /// Disabled accounts that the target does not show: gone or only hidden.
    pub hidden: u64,
    /// Objects that answer like missing ones, without proof that they are.
    pub unproven: u64,
    /// Attributes that were exported to some object.
    pub asked: BTreeSet<AttributePath>,
    /// Attributes that the target has ever shown of some object.
    pub shown: BTreeSet<AttributePath>,
    /// Those of them that its list has ever shown. Lists leave out more than reads do.
    pub listed: BTreeSet<AttributePath>,
}

impl DriftCheck {
    /// What was counted of this kind, where it is provisioned.
    pub fn part(&self, kind: ObjectKind) -> Option<&DriftPart> {
        match kind {
            ObjectKind::User => Some(&self.users),
            ObjectKind::Group => self.groups.as_ref(),
        }
    }

    /// What is counted of the kind that is compared just now.
    pub fn current(&mut self) -> &mut DriftPart {
        match self.kind {
            ObjectKind::User => &mut self.users,
            ObjectKind::Group => self.groups.get_or_insert_default(),
        }
    }
}

impl DriftPart {
    /// Attributes that are exported and that were seen of nobody, where the comparison looked:
    /// nothing can be said about them.
    pub fn not_shown(&self) -> impl Iterator<Item = &AttributePath> {
        let is_seen = |path: &&AttributePath| match self.listing {
            // Members are never listed: those of a group are read by themselves.
            Some(DriftListing::Complete | DriftListing::Partial(_)) => {
                self.listed.contains(path) || (path.is_members() && self.shown.contains(path))
            }
            Some(DriftListing::None(_)) | None => self.shown.contains(path),
        };
        self.asked.iter().filter(move |path| !is_seen(path))
    }
}

/// How many objects drifted in each way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DriftCounts {
    /// Accounts with other values.
    pub changed: u64,
    /// Accounts that are gone.
    pub missing: u64,
    /// Accounts that came to be.
    pub added: u64,
}

impl DriftCounts {
    /// All of them.
    pub fn all(self) -> u64 {
        self.changed + self.missing + self.added
    }
}

/// How a comparison ended that did not come to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftBrokenOff {
    /// When.
    pub at: Timestamp,
    /// When it may be tried again.
    pub not_before: Timestamp,
    /// Why, in a sentence.
    pub problem: String,
}

impl DriftBrokenOff {
    /// Whether it may be tried again. A clock that was set back since delays nothing.
    pub fn may_retry(&self, now: Timestamp) -> bool {
        now < self.at || now >= self.not_before
    }
}

/// A linked account or group, and what the list showed of it.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkedAccount {
    /// Whose.
    pub source: SourceId,
    /// The person's name.
    pub display: String,
    /// The account.
    pub target: TargetId,
    /// What was last exported to it.
    pub exported: Values,
    /// Whether it was last left enabled.
    pub is_enabled: bool,
    /// Whether its person is in scope and not disabled.
    pub is_wanted: bool,
    /// What the list showed, if it was in it.
    pub listed: Option<Values>,
    /// Of a group, the members that we made.
    pub members: u64,
}

/// The name of a fact about one kind of object.
pub(super) fn named(fact: &str, kind: ObjectKind) -> String {
    match kind {
        ObjectKind::User => format!("{fact}.users"),
        ObjectKind::Group => format!("{fact}.groups"),
    }
}
