//! Step `referenceResolution`: who a person's manager is at the target.
//!
//! Level-triggered like everything else: the wanted reference is compared with the exported one,
//! whenever either side changed. A manager without an account is no error; it waits visibly.

use serde_json::Value;

use super::{Reason, Step, StepKind, StepStatus};
use crate::{
    model::{SourceId, TargetId},
    scim::{AttributeChange, AttributePath},
};

/// What a person's manager is at the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ManagerStanding {
    /// The person has none.
    None,
    /// The manager has this account.
    Linked(TargetId),
    /// The manager gets an account in this very plan.
    Coming(SourceId),
    /// The manager has no account and gets none.
    NotProvisioned(SourceId),
}

/// The difference between the exported manager and the wanted one, with its explanation.
///
/// Of a manager that is only coming the new value is its source id; the export puts the account's
/// id in its place once that exists.
pub fn manager_change(
    path: &AttributePath,
    exported: Option<&Value>,
    standing: &ManagerStanding,
) -> (Option<AttributeChange>, Step) {
    let step = |status, text: String| {
        Step::new(StepKind::ReferenceResolution, status, "ReferenceResolution", text)
            .with("Attribute", path.to_string())
    };
    let (wanted, step) = match standing {
        ManagerStanding::None => (None, step(StepStatus::Success, "no manager".to_owned())),
        ManagerStanding::Linked(target) => (
            Some(Value::String(target.to_string())),
            step(StepStatus::Success, format!("the manager's account is `{target}`")),
        ),
        ManagerStanding::Coming(source) => (
            Some(Value::String(source.to_string())),
            step(StepStatus::Success, "the manager's account comes in this cycle".to_owned()),
        ),
        ManagerStanding::NotProvisioned(source) => (
            None,
            step(StepStatus::Warning, format!("the manager {source} has no account"))
                .with("SkipReason", Reason::UnableToResolveReferenceAttributeValue.to_string()),
        ),
    };
    let change = (wanted.as_ref() != exported).then(|| AttributeChange {
        path: path.clone(),
        old: exported.cloned(),
        new: wanted,
    });
    (change, step)
}
