//! The explanation that every decision returns (Graph `provisioningStep`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Which part of provisioning a step explains (Graph `provisioningStepType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StepKind {
    /// Reading the object from the directory.
    Import,
    /// Deciding whether it belongs to the job.
    Scoping,
    /// Finding its account at the target.
    Matching,
    /// Computing its attributes.
    Processing,
    /// Finding the accounts that it refers to.
    ReferenceResolution,
    /// Writing to the target.
    Export,
}

impl StepKind {
    /// Graph's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Scoping => "scoping",
            Self::Matching => "matching",
            Self::Processing => "processing",
            Self::ReferenceResolution => "referenceResolution",
            Self::Export => "export",
        }
    }
}

/// How a step ended (Graph `provisioningResult`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StepStatus {
    /// It did what it should.
    Success,
    /// It did, and a person should know something.
    Warning,
    /// It failed.
    Failure,
    /// It decided that nothing is to be done.
    Skipped,
}

/// One step of the explanation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Entra's name of the step, such as `EntrySynchronizationScoping`.
    pub name: String,
    /// Which part of provisioning.
    #[serde(rename = "provisioningStepType")]
    pub kind: StepKind,
    /// How it ended.
    pub status: StepStatus,
    /// One sentence.
    pub description: String,
    /// Findings by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
}

impl Step {
    /// A step without findings.
    pub fn new(kind: StepKind, status: StepStatus, name: &str, description: String) -> Self {
        Self { name: name.to_owned(), kind, status, description, details: BTreeMap::new() }
    }

    /// The same step with one more finding.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }
}
