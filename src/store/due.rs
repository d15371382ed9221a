//! When the next cycle of an application starts, as far as the state says.

use super::{
    fact::JobState,
    open::{StoreError, View},
};
use crate::{model::Timestamp, provisioning::Schedule};

impl View<'_> {
    /// When the next cycle of an application starts: at once without a finished cycle, overdue, or
    /// where a person asked for it; in quarantine when its next try is due. `None` while it is
    /// paused.
    ///
    /// `began` is when the last cycle began, where the state does not know better.
    pub fn due_at(
        &self,
        schedule: &Schedule,
        began: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let last = self.last_began()?.max(began);
        let regular = last.map_or(now, |last| schedule.next_after(last, now));
        if self.job_state()? == JobState::Paused {
            return Ok(None);
        }
        if self.is_hurried()? {
            return Ok(Some(now));
        }
        Ok(Some(match (self.job_state()?, self.quarantine()?) {
            (_, Some(quarantine)) => quarantine.next_attempt(schedule, now).max(regular),
            (JobState::NotRun, None) if began.is_none() => now,
            (
                JobState::NotRun | JobState::Active | JobState::Paused | JobState::Quarantine,
                None,
            ) => regular,
        }))
    }
}
