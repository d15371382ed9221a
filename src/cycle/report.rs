//! Phase `close`: what the cycle came to.

use super::context::CycleError;
use crate::store::CycleReport;

/// How a cycle ended. The report is there even where it ended early.
#[derive(Debug)]
pub struct CycleEnd {
    /// What was done.
    pub report: CycleReport,
    /// Why it ended early.
    pub error: Option<CycleError>,
}
