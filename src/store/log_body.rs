//! The body of a row of the provisioning log, and the forms in which state files have it.
//!
//! A large tenant's log is mostly bodies, and they say the same few things of everybody: the stored
//! form has lists where the document has members by name, and is packed. Of version 1 it is the
//! document itself, and of version 2 it has phrases by their numbers.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{log::ModifiedProperty, open::StoreError, phrase::lengthened};
use crate::{
    model::ObjectKind,
    provisioning::{Failure, Reason, Step, StepKind, StepStatus},
};

/// The shape of `provisioning_log.body`.
pub(super) const BODY_VERSION: i64 = 3;

/// What a row says beside its columns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Body {
    pub(super) kind: ObjectKind,
    pub(super) reason: Reason,
    pub(super) detail: String,
    pub(super) error: Option<Failure>,
    pub(super) modified: Vec<ModifiedProperty>,
    pub(super) steps: Vec<Step>,
    #[serde(default)]
    pub(super) held: bool,
}

/// A body as it is stored. `kind` and `held` are asked for by SQL.
#[derive(Serialize, Deserialize)]
struct Stored {
    kind: ObjectKind,
    reason: Reason,
    detail: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
    /// Path, old value, new value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    modified: Vec<(String, Option<String>, Option<String>)>,
    steps: Vec<StoredStep>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    held: bool,
}

/// Name, part of provisioning, status, sentence, and findings by name one after the other.
type StoredStep = (String, StepKind, StepStatus, String, Vec<String>);

impl Body {
    /// The body of a row with this version.
    pub(super) fn parse(text: &str, version: i64) -> Result<Self, StoreError> {
        let fault = |error| StoreError::stored("log row", error);
        let text = match version {
            1 => return serde_json::from_str(text).map_err(fault),
            2 => lengthened(text)?,
            _ => Cow::Borrowed(text),
        };
        serde_json::from_str::<Stored>(&text).map(Self::from).map_err(fault)
    }

    /// The body as it is stored.
    pub(super) fn print(&self) -> Result<String, StoreError> {
        serde_json::to_string(&Stored::from(self))
            .map_err(|error| StoreError::stored("log row", error))
    }
}

impl From<Stored> for Body {
    fn from(stored: Stored) -> Self {
        let modified = stored.modified.into_iter().map(|(display_name, old_value, new_value)| {
            ModifiedProperty { display_name, old_value, new_value }
        });
        let step = |(name, kind, status, description, findings): StoredStep| {
            let mut step = Step::new(kind, status, &name, description);
            let mut findings = findings.into_iter();
            while let (Some(name), Some(value)) = (findings.next(), findings.next()) {
                step = step.with(&name, value);
            }
            step
        };
        Self {
            kind: stored.kind,
            reason: stored.reason,
            detail: stored.detail,
            error: stored.error,
            modified: modified.collect(),
            steps: stored.steps.into_iter().map(step).collect(),
            held: stored.held,
        }
    }
}

impl From<&Body> for Stored {
    fn from(body: &Body) -> Self {
        let modified = body.modified.iter().cloned();
        let step = |step: &Step| {
            let findings = step.details.iter().flat_map(|(name, value)| [name, value]);
            let findings = findings.cloned().collect();
            (step.name.clone(), step.kind, step.status, step.description.clone(), findings)
        };
        Self {
            kind: body.kind,
            reason: body.reason,
            detail: body.detail.clone(),
            error: body.error.clone(),
            modified: modified
                .map(|one| (one.display_name, one.old_value, one.new_value))
                .collect(),
            steps: body.steps.iter().map(step).collect(),
            held: body.held,
        }
    }
}
