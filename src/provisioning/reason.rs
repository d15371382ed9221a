//! Why something happened or did not: one code per cause, Entra's own where it has one.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The cause of a decision or failure, as `errorCode` or skip reason in the provisioning log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Reason {
    /// In scope, and no account exists for it.
    InScope,
    /// An account with the same matching value exists.
    Matched,
    /// A mapped value differs from what was last exported.
    AttributesChanged,
    /// Its account was disabled and it is in scope again.
    BackInScope,
    /// The adopted account was disabled at the target.
    AdoptedAccountDisabled,
    /// Not assigned, assigned by Default Access only, or disabled before it ever had an account.
    NotEffectivelyEntitled,
    /// No scoping filter holds.
    EntrySynchronizationSkipped,
    /// It is not in the directory any more, restorable for 30 days.
    SoftDeleted,
    /// It is gone from the directory for good.
    HardDeleted,
    /// Its sign-in is disabled in the directory.
    AccountDisabled,
    /// Nothing differs.
    RedundantExport,
    /// A mapped value is missing or cannot be computed.
    AttributeValidationFailed,
    /// The manager has no account at the target.
    UnableToResolveReferenceAttributeValue,
    /// No matching attribute has a value.
    ImportSkipped,
    /// Several accounts match.
    DuplicateTargetEntries,
    /// The matching account belongs, or belonged, to another person.
    DuplicateSourceEntries,
    /// The link leads to nothing, or to somebody else's account.
    InvalidAnchor,
    /// A recent entitlement ended; a second read must confirm it.
    AwaitingConfirmation,
    /// An earlier create has no known outcome; it is looked up before it is repeated.
    CreateUnsettled,
    /// The account is listed in `protect`.
    Protected,
    /// The action is switched off in the configuration.
    ActionDisabled,
    /// The application cannot change an account's `userName`.
    RenameNotSupported,
    /// The account is kept as it is, as configured.
    Kept,
    /// A safeguard holds it until a person approves.
    HeldBySafeguard,
    /// Removals are sent at other hours; it waits.
    OutsideRemovalsWindow,
    /// Its person left the scope longer than `delete_after` ago.
    DeleteAfterElapsed,
    /// The target already has a conflicting resource.
    EntryConflict,
    /// The target throttles.
    TooManyRequests,
    /// The target failed.
    InternalServerError,
    /// The target did not answer; whether the request was applied is looked up next time.
    Timeout,
    /// The target refuses the credentials.
    Unauthorized,
    /// The credentials do not allow it.
    InsufficientRights,
    /// The target refuses this request.
    UnprocessableEntity,
    /// The target's answer is not SCIM.
    SystemForCrossDomainIdentityManagementServiceIncompatible,
    /// The cycle ended before it was sent.
    Interrupted,
    /// The account is not as it was left: it was changed at the target.
    Drift,
}

impl Reason {
    /// Every reason, for documentation and its test.
    pub const ALL: [Self; 36] = [
        Self::InScope,
        Self::Matched,
        Self::AttributesChanged,
        Self::BackInScope,
        Self::AdoptedAccountDisabled,
        Self::NotEffectivelyEntitled,
        Self::EntrySynchronizationSkipped,
        Self::SoftDeleted,
        Self::HardDeleted,
        Self::AccountDisabled,
        Self::RedundantExport,
        Self::AttributeValidationFailed,
        Self::UnableToResolveReferenceAttributeValue,
        Self::ImportSkipped,
        Self::DuplicateTargetEntries,
        Self::DuplicateSourceEntries,
        Self::InvalidAnchor,
        Self::AwaitingConfirmation,
        Self::CreateUnsettled,
        Self::Protected,
        Self::ActionDisabled,
        Self::RenameNotSupported,
        Self::Kept,
        Self::HeldBySafeguard,
        Self::OutsideRemovalsWindow,
        Self::DeleteAfterElapsed,
        Self::EntryConflict,
        Self::TooManyRequests,
        Self::InternalServerError,
        Self::Timeout,
        Self::Unauthorized,
        Self::InsufficientRights,
        Self::UnprocessableEntity,
        Self::SystemForCrossDomainIdentityManagementServiceIncompatible,
        Self::Interrupted,
        Self::Drift,
    ];

    /// What to do about it, for the log and for people.
    pub fn recommended_action(self) -> &'static str {
        match self {
            Self::InScope
            | Self::Matched
            | Self::AttributesChanged
            | Self::BackInScope
            | Self::AdoptedAccountDisabled
            | Self::SoftDeleted
            | Self::HardDeleted
            | Self::AccountDisabled
            | Self::DeleteAfterElapsed
            | Self::RedundantExport
            | Self::Kept => "Nothing.",
            Self::NotEffectivelyEntitled => {
                "Assign it to the application, with a role other than Default Access."
            }
            Self::EntrySynchronizationSkipped => {
                "Nothing; or change its attributes or the scoping filters, which `explain` shows \
                 clause by clause."
            }
            Self::AttributeValidationFailed => {
                "Give the source attribute a value that the application takes, or the mapping a \
                 `default`."
            }
            Self::UnableToResolveReferenceAttributeValue => {
                "Assign the manager, or the member, to the application too."
            }
            Self::ImportSkipped => "Give the person or group a value for a matching attribute.",
            Self::DuplicateTargetEntries => {
                "Remove or rename all but one of those that match in the application."
            }
            Self::DuplicateSourceEntries => {
                "Decide whose it is: rename or delete it in the application, or change the \
                 matching value in the directory."
            }
            Self::InvalidAnchor => {
                "Look at the account or group in the application; `restart --links` matches anew."
            }
            Self::AwaitingConfirmation => "Nothing: the next cycle reads the directory again.",
            Self::CreateUnsettled => "Nothing: the next cycles look it up in the application.",
            Self::Protected => "Take it out of `safeguards.protect` if it may be changed.",
            Self::ActionDisabled => "Switch the action on under `safeguards`, or do it by hand.",
            Self::RenameNotSupported => "Rename it in the application, or leave it as it is.",
            Self::HeldBySafeguard => {
                "Read the list with `plan --held`; restore the scope or `approve` it."
            }
            Self::OutsideRemovalsWindow => {
                "Nothing: it is decided again, and sent once `removals_between` allows it."
            }
            Self::EntryConflict => {
                "Change the conflicting value, or match by the attribute that the other one has."
            }
            Self::TooManyRequests => "Nothing: it is tried again. Set `max_requests_per_second`.",
            Self::InternalServerError | Self::Timeout | Self::Interrupted => {
                "Nothing: the next cycle tries again."
            }
            Self::Drift => "Mend it in the application, or set `drift` to \"repair\".",
            Self::Unauthorized => "Renew the application's token and run `check`.",
            Self::InsufficientRights => {
                "Give the token the right to manage users, and groups where they are provisioned."
            }
            Self::UnprocessableEntity => {
                "Compare the mapping with what the application accepts; its answer is above."
            }
            Self::SystemForCrossDomainIdentityManagementServiceIncompatible => {
                "Check `tenant_url`, and ask the vendor about the answer above."
            }
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
