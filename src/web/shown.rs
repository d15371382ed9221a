//! What is shown, and of whom: the part of the configuration that this room needs.

use std::path::PathBuf;

use chrono::NaiveDate;
use chrono_tz::Tz;

use crate::{
    model::{AppName, JobId},
    provisioning::{DailyWindow, DriftRule, Schedule},
};

/// Everything that is shown.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// The applications, in the order of the configuration.
    pub apps: Vec<ShownApp>,
    /// The zone in which times are shown.
    pub zone: Tz,
}

impl Shown {
    /// The application of this name.
    pub fn app(&self, name: &str) -> Option<&ShownApp> {
        self.apps.iter().find(|app| app.app.as_str() == name)
    }
}

/// One application.
#[derive(Clone, Debug)]
pub struct ShownApp {
    /// Its name.
    pub app: AppName,
    /// Whether the service schedules it.
    pub enabled: bool,
    /// Its state; the file need not be there yet.
    pub state_file: PathBuf,
    /// The tenant, as configured: its id or a verified domain.
    pub tenant: String,
    /// The job, as the log names it.
    pub job: JobId,
    /// When its cycles start.
    pub schedule: Schedule,
    /// The hours in which removals are sent, where they are limited.
    pub removals_between: Option<DailyWindow>,
    /// Whether and when accounts are compared.
    pub drift: DriftRule,
    /// When the application's token ends, where the configuration says so.
    pub secret_token_expires: Option<NaiveDate>,
    /// Whether its log is forwarded to a file.
    pub log_forwarded: bool,
}
