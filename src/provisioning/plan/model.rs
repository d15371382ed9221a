//! The plan as values: rows, what they write, and what a decision rests on.

use serde::{Deserialize, Serialize};

use crate::{
    model::{AppRole, ChangeId, CycleId, ObjectKind, RedactionKey, SourceId, TargetId, Timestamp},
    provisioning::{
        Basis, EntitlementMemory, Evidence, Failure, FilterPrincipals, Link, Mapped, Reason, Step,
        Subject, UnsettledCreate, job::Job,
    },
    scim::{AttributeChange, EqFilter, Values},
};

/// What is done for one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// A new account.
    Create,
    /// An existing account is linked.
    Adopt,
    /// Attributes change.
    Update,
    /// `active` turns from true to false.
    Disable,
    /// `active` turns from false to true.
    Enable,
    /// The account is removed.
    Delete,
    /// Nothing.
    Skip,
}

impl Action {
    /// Every action, in the order in which plans are printed.
    pub const ALL: [Self; 7] = [
        Self::Create,
        Self::Adopt,
        Self::Update,
        Self::Enable,
        Self::Disable,
        Self::Delete,
        Self::Skip,
    ];

    /// Whether it takes access away: what safeguards count.
    pub fn is_removal(self) -> bool {
        match self {
            Self::Disable | Self::Delete => true,
            Self::Create | Self::Adopt | Self::Update | Self::Enable | Self::Skip => false,
        }
    }

    /// The name in the plan, the log and the state.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Adopt => "adopt",
            Self::Update => "update",
            Self::Disable => "disable",
            Self::Enable => "enable",
            Self::Delete => "delete",
            Self::Skip => "skip",
        }
    }

    /// The action of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == name)
    }
}

/// Where a planned change stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeStatus {
    /// Not sent yet.
    Planned,
    /// Its request left; the outcome is not known.
    Sent,
    /// It was applied.
    Success,
    /// It was applied, and a person should know something.
    Warning,
    /// It failed.
    Failure,
    /// Nothing was to be done, or it could not be.
    Skipped,
    /// A safeguard holds it.
    Held,
}

impl ChangeStatus {
    /// The name in the plan, the log and the state.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Sent => "sent",
            Self::Success => "success",
            Self::Warning => "warning",
            Self::Failure => "failure",
            Self::Skipped => "skipped",
            Self::Held => "held",
        }
    }

    /// The status of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [
            Self::Planned,
            Self::Sent,
            Self::Success,
            Self::Warning,
            Self::Failure,
            Self::Skipped,
            Self::Held,
        ]
        .into_iter()
        .find(|status| status.as_str() == name)
    }
}

/// When in a cycle a change is sent: seats and unique values are freed before they are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Phase {
    /// Removals.
    Removals = 1,
    /// Updates that give up a unique value which another change takes.
    FreeingUpdates = 2,
    /// Other updates.
    Updates = 3,
    /// Creates and adoptions.
    Creates = 4,
    /// What follows an adoption.
    AfterCreates = 5,
    /// References between accounts.
    References = 6,
    /// Members of groups.
    Memberships = 7,
}

impl Phase {
    /// Every phase, in order.
    pub const ALL: [Self; 7] = [
        Self::Removals,
        Self::FreeingUpdates,
        Self::Updates,
        Self::Creates,
        Self::AfterCreates,
        Self::References,
        Self::Memberships,
    ];
}

/// What would be sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Write {
    /// Nothing: the decision itself, or a link.
    Nothing,
    /// A POST with these values.
    Create(Values),
    /// A PATCH from this baseline by the row's changes.
    Patch {
        /// What the account is known to have.
        baseline: Values,
    },
    /// A DELETE.
    Delete,
    /// PATCHes that add members to a group and take others out; the state has which.
    Members,
}

/// What the link becomes once the change is applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum LinkEffect {
    /// What it was.
    Unchanged,
    /// Live, with these values exported.
    Exported(Values),
    /// Remembered only.
    Kept,
    /// Gone.
    Removed,
}

/// One row of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedChange {
    /// Its id, derived from the cycle, the object and the action.
    pub id: ChangeId,
    /// User or group.
    pub kind: ObjectKind,
    /// Whose account.
    pub source: SourceId,
    /// The person's name, for people.
    pub source_display: String,
    /// The account, where there is one.
    pub target: Option<TargetId>,
    /// What is done.
    pub action: Action,
    /// Where it stands.
    pub status: ChangeStatus,
    /// Why.
    pub reason: Reason,
    /// Why, as a sentence.
    pub detail: String,
    /// What changes.
    pub changes: Vec<AttributeChange>,
    /// What would be sent.
    pub write: Write,
    /// What the link becomes.
    pub effect: LinkEffect,
    /// What the values rest on then that are not computed anew each time; `None` where that stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<Basis>,
    /// When in the cycle.
    pub phase: Phase,
    /// A manager whose account comes in this cycle.
    pub reference: Option<SourceId>,
    /// Why it failed or was skipped, where a person should know.
    pub error: Option<Failure>,
    /// The explanation.
    pub steps: Vec<Step>,
}

/// Everything that a decision about one person rests on.
#[derive(Clone)]
pub struct PlanInputs<'a> {
    /// The job.
    pub job: &'a Job,
    /// The cycle, and when it began.
    pub cycle: (CycleId, Timestamp),
    /// The present moment.
    pub now: Timestamp,
    /// The person.
    pub subject: &'a Subject,
    /// The roles the application declares.
    pub declared_roles: &'a [AppRole],
    /// The groups and managers that filters name.
    pub principals: &'a FilterPrincipals,
    /// What is remembered of its entitlement.
    pub memory: EntitlementMemory,
    /// Its link. Where that is stale, `exported` was just read back from the target.
    pub link: Option<&'a Link>,
    /// A create without a known outcome.
    pub unsettled: Option<UnsettledCreate>,
    /// The candidates at the target.
    pub evidence: Evidence,
    /// What the person maps to, where that was computed to know what to look for.
    pub mapped: Option<&'a Mapped>,
    /// The tenant's default domain.
    pub default_domain: Option<&'a str>,
    /// What redacted values are hashed with.
    pub key: &'a RedactionKey,
}

/// What a decision comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The target must be asked first.
    Lookup {
        /// What to ask, in order.
        keys: Vec<EqFilter>,
        /// Whether the decision waits for it, or only says more with it.
        required: bool,
        /// What the keys were taken from, where the decision goes on from it.
        mapped: Option<Box<Mapped>>,
    },
    /// It is decided.
    Decided(Decision),
}

/// The decision about one person.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Whether it is in scope.
    pub in_scope: bool,
    /// What to remember of its entitlement.
    pub memory: EntitlementMemory,
    /// The rows of the plan: one, or two where an adopted account is enabled.
    pub changes: Vec<PlannedChange>,
    /// Whether it must be decided again in the next cycle, whatever changes.
    pub again: bool,
    /// Whether the lookup counts towards settling a create.
    pub looked: bool,
    /// When the same facts may come to another decision, because it read the clock.
    pub reconsider_at: Option<Timestamp>,
}
