//! The provisioning log as comma-separated values, for the command and for the status page.

use chrono::SecondsFormat;

use super::log::{LogRow, STAGED_DELETE};
use crate::{
    model::plain,
    provisioning::{Reason, csv_cell},
};

/// The columns of [`LogRow::csv`].
pub const CSV_COLUMNS: &str = "activityDateTime,app,action,status,sourceId,sourceName,targetId,\
     reason,detail,errorCode,errorDetail,durationInMilliseconds,cycleId,changeId";

impl LogRow {
    /// The row as a line without its end. What a spreadsheet would compute is guarded.
    pub fn csv(&self, app: &str) -> String {
        let error = self.error.as_ref();
        let (mut code, mut problem) = error
            .map(|failure| (failure.reason.to_string(), failure.detail.clone()))
            .unwrap_or_default();
        let mut action = self.action.as_str();
        if self.held {
            code = Reason::HeldBySafeguard.to_string();
            self.held_because().unwrap_or_default().clone_into(&mut problem);
            if self.action.is_removal() {
                action = STAGED_DELETE;
            }
        }
        let fields = [
            self.at.to_rfc3339_opts(SecondsFormat::Millis, true),
            app.to_owned(),
            action.to_owned(),
            self.status.as_str().to_owned(),
            self.source.clone(),
            self.source_name.clone(),
            self.target.clone().unwrap_or_default(),
            self.reason.to_string(),
            self.detail.clone(),
            code,
            problem,
            self.duration_ms.to_string(),
            self.cycle_id.clone(),
            self.change_id.clone(),
        ];
        fields.map(|field| csv_cell(&plain(&field))).join(",")
    }
}
