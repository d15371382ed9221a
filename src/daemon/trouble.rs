//! What kind of trouble ended a cycle early, as far as a person has to act differently.

use serde::{Deserialize, Serialize};

use crate::{
    cycle::CycleError,
    port::{DirectoryFault, FaultClass},
};

/// Why a cycle ended early. It travels between processes, so it holds no details.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// Microsoft Entra refuses the credential.
    SignIn,
    /// The app registration lacks a permission.
    Permission,
    /// The enterprise application is not there, or its name is not unique.
    EnterpriseApplication,
    /// Graph is not reachable, or answers with nothing usable.
    Graph,
    /// The application refuses the token.
    TargetToken,
    /// The application is not reachable.
    Target,
    /// What answers at the tenant URL is no SCIM service.
    TargetAddress,
    /// The state file belongs to something else.
    Rebound,
    /// A complete read lacked a property that had values.
    PropertyVanished,
    /// A scoping filter names what the directory does not have exactly once.
    FilterName,
    /// The state cannot be used.
    State,
    /// Too many changes fail.
    TooManyFailures,
    /// It took as long as it may; the next one goes on.
    TimeUp,
    /// Somebody asked for it.
    Stopped,
}

impl Trouble {
    /// The kind of this error.
    pub fn of(error: &CycleError) -> Self {
        match error {
            CycleError::Directory(fault) => match fault {
                DirectoryFault::SignIn(_) => Self::SignIn,
                DirectoryFault::Permission { .. } => Self::Permission,
                DirectoryFault::NotFound(_) | DirectoryFault::Ambiguous { .. } => {
                    Self::EnterpriseApplication
                }
                DirectoryFault::TokenExpired(_)
                | DirectoryFault::Throttled { .. }
                | DirectoryFault::Unavailable { .. }
                | DirectoryFault::Malformed(_)
                | DirectoryFault::ForeignLink(_)
                | DirectoryFault::Rejected { .. } => Self::Graph,
            },
            CycleError::Target(fault) => match fault.class {
                FaultClass::Unauthorized => Self::TargetToken,
                FaultClass::NotCompliant | FaultClass::Malformed | FaultClass::Missing => {
                    Self::TargetAddress
                }
                FaultClass::Throttled
                | FaultClass::Unavailable
                | FaultClass::Lost
                | FaultClass::Conflict
                | FaultClass::Rejected => Self::Target,
            },
            CycleError::Store(_) => Self::State,
            CycleError::Rebound { .. } => Self::Rebound,
            CycleError::PropertyVanished { .. } => Self::PropertyVanished,
            CycleError::FilterName { .. } => Self::FilterName,
            CycleError::TooManyFailures { .. } => Self::TooManyFailures,
            CycleError::TimeUp { .. } => Self::TimeUp,
            CycleError::Stopped => Self::Stopped,
        }
    }
}
