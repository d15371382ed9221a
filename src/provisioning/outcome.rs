//! What became of a planned change, and what is done about a failure: one total function.

use serde::{Deserialize, Serialize};

use super::Reason;
use crate::{
    model::TargetId,
    scim::{FaultClass, TargetFault, Values},
};

/// Why one object failed, as the provisioning log tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The error code.
    pub reason: Reason,
    /// What happened, with what the target said.
    pub detail: String,
}

/// What became of one planned change.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was applied. `exported` is what the account now has from us.
    Success {
        /// The account; of a create, the one that came to be.
        target: TargetId,
        /// What we know to have written, by path.
        exported: Values,
        /// Something a person should know.
        warning: Option<String>,
    },
    /// The account does not exist any more, as wished or not: the link goes.
    Gone {
        /// Why that is a failure, where it was not wished.
        failure: Option<Failure>,
    },
    /// Nobody knows whether it was applied.
    Unknown(Failure),
    /// It was not applied.
    Failed(Failure),
    /// It was not sent.
    Skipped(Failure),
}

/// What is done about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Try again in seconds, in the same cycle.
    Pace,
    /// Find out what is there before anything else is sent.
    Settle,
    /// Our link is wrong or missing: look again.
    Rematch,
    /// This object, next cycle.
    Escrow,
    /// The whole job: tell a person.
    Quarantine,
}

/// What is done about a class of failures.
pub fn remedy(class: FaultClass) -> Remedy {
    match class {
        FaultClass::Throttled | FaultClass::Unavailable => Remedy::Pace,
        FaultClass::Lost => Remedy::Settle,
        FaultClass::Conflict | FaultClass::Missing => Remedy::Rematch,
        FaultClass::Rejected | FaultClass::Malformed => Remedy::Escrow,
        FaultClass::Unauthorized | FaultClass::NotCompliant => Remedy::Quarantine,
    }
}

/// The failure that a target's fault is for one object.
pub fn failure_of(fault: &TargetFault) -> Failure {
    let reason = match fault.class {
        FaultClass::Throttled => Reason::TooManyRequests,
        FaultClass::Unavailable => Reason::InternalServerError,
        FaultClass::Lost => Reason::Timeout,
        FaultClass::Conflict => Reason::EntryConflict,
        FaultClass::Missing => Reason::InvalidAnchor,
        FaultClass::Rejected if fault.status == Some(403) => Reason::InsufficientRights,
        FaultClass::Rejected => Reason::UnprocessableEntity,
        FaultClass::Unauthorized => Reason::Unauthorized,
        FaultClass::Malformed | FaultClass::NotCompliant => {
            Reason::SystemForCrossDomainIdentityManagementServiceIncompatible
        }
    };
    Failure { reason, detail: fault.detail.clone() }
}
