//! Links: which account belongs to which person, and what was last exported to it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    model::{CycleId, SourceId, TargetId, Timestamp},
    scim::{AttributePath, Values, same},
};

/// What the values rest on that are not computed anew each time (random ones, and times that
/// flow), as a fingerprint by path.
pub type Basis = BTreeMap<AttributePath, String>;

/// A link between a person and an account (Graph `objectConnection`).
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// Whose account.
    pub source: SourceId,
    /// The account.
    pub target: TargetId,
    /// What we last wrote, or found equal when the account was adopted, by path.
    pub exported: Values,
    /// What the exported values rest on that are not computed anew each time.
    pub basis: Basis,
    /// Whether it is live or only remembered.
    pub standing: LinkStanding,
    /// A write has no known outcome, or the account was left alone for a while: it is read before
    /// the next write.
    pub stale: bool,
    /// What the account may have from writes without a known outcome: each one's values, and those
    /// that it was to replace.
    pub unconfirmed: Vec<Values>,
    /// A person asked for accounts to be matched anew: of somebody in scope the link is only a
    /// hint, which account to try first.
    pub is_hint: bool,
    /// What the account has at the mapped paths, where it was just read.
    pub read_back: Option<Values>,
}

/// Whether a link is live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LinkStanding {
    /// We keep the account as the directory says.
    Linked,
    /// The account is kept as it is; whose it was is remembered.
    Kept,
}

/// A create whose outcome is unknown.
#[derive(Clone, Debug, PartialEq)]
pub struct UnsettledCreate {
    /// When it was sent.
    pub sent_at: Timestamp,
    /// In how many cycles it was looked up without being found.
    pub looks: u32,
    /// The cycle of the last look.
    pub last_look: Option<CycleId>,
    /// What was sent, by path: the account has these values whatever the person is called by now.
    /// Of an adoption, what its account had.
    pub sent: Values,
    /// What later adoptions without a known outcome found and wrote: it may have these values too.
    pub unconfirmed: Vec<Values>,
    /// Whether it was a create, so that what was sent is ours, and not an adoption.
    pub created: bool,
}

impl Link {
    /// Whether the account may have this value from us: it was exported, or a write without a known
    /// outcome sent it.
    pub fn may_have(&self, path: &AttributePath, value: &Value) -> bool {
        std::iter::once(&self.exported)
            .chain(&self.unconfirmed)
            .filter_map(|values| values.get(path))
            .any(|ours| same(path, ours, value))
    }

    /// What was exported, with what an earlier write without a known outcome turns out to have
    /// left.
    pub fn settled(&self) -> Values {
        let mut settled = self.exported.clone();
        for (path, found) in self.read_back.iter().flatten() {
            let is_ours = |sent: &Values| sent.get(path).is_some_and(|v| same(path, v, found));
            if self.unconfirmed.iter().any(is_ours) {
                settled.insert(path.clone(), found.clone());
            }
        }
        settled
    }

    /// What the account is known to have.
    pub fn baseline(&self) -> &Values {
        self.read_back.as_ref().unwrap_or(&self.exported)
    }

    /// Whether the account was last left enabled; an unknown state counts as enabled.
    pub fn is_enabled(&self) -> bool {
        leaves_enabled(&self.exported)
    }
}

/// Whether these values leave an account enabled; an unknown state counts as enabled.
pub fn leaves_enabled(exported: &Values) -> bool {
    let active = exported.iter().find(|(path, _)| path.is_active());
    active.is_none_or(|(_, value)| value != &Value::Bool(false))
}
