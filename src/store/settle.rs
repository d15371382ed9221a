//! Who is clean at the end of a cycle, and who is dirty again at the beginning of the next one.

use super::open::{StoreError, Tx};
use crate::model::Timestamp;

/// Of an object: it is not linked, and every row of its plan is still to be sent.
const UNSENT: &str = "NOT EXISTS (SELECT 1 FROM link WHERE link.source = source_object.id) \
     AND EXISTS (SELECT 1 FROM planned_change AS row WHERE row.source = source_object.id) \
     AND NOT EXISTS (SELECT 1 FROM planned_change AS row WHERE row.source = source_object.id \
         AND (row.again = 1 OR row.status <> 'planned'))";

/// Objects whose next try is due by itself.
const SET_ASIDE: &str = "EXISTS (SELECT 1 FROM escrow WHERE escrow.source = source_object.id)";

/// Objects of whose rows something is left to do.
const LEFT_TO_DO: &str = "EXISTS (SELECT 1 FROM planned_change AS row \
     WHERE row.source = source_object.id AND (row.again = 1 \
     OR row.status IN ('planned', 'sent', 'failure', 'held')))";

impl Tx<'_> {
    /// Objects left drafted by a cycle that did not end are dirty again, but for those who failed:
    /// these wait for their next try; and but for what was drafted before a draft that goes on now
    /// ran out of time. Whose time has come is dirty, too.
    pub fn mark_due_dirty(&self, now: Timestamp) -> Result<(), StoreError> {
        if !self.is_draft_open()? {
            self.run(
                &format!("UPDATE source_object SET dirty = NOT {SET_ASIDE} WHERE dirty = 2"),
                [],
            )?;
        }
        self.run(
            "UPDATE escrow SET due_cycle = 0 WHERE given_up = 0 AND source IN \
             (SELECT id FROM source_object WHERE reconsider_at <= ?1)",
            [now.timestamp_millis()],
        )?;
        self.run(
            "UPDATE source_object SET dirty = 1, reconsider_at = NULL \
             WHERE reconsider_at IS NOT NULL AND reconsider_at <= ?1",
            [now.timestamp_millis()],
        )?;
        Ok(())
    }

    /// Settles the objects drafted in the cycle of this number: those with everything done are
    /// clean, and so are those set aside, whose next try is due by itself; the others stay dirty.
    /// Returns how many there were.
    pub fn settle_drafted(&self, number: u64) -> Result<usize, StoreError> {
        self.keep_unfinished_escrows(number)?;
        Ok(self.run(
            &format!(
                "UPDATE source_object SET dirty = CASE WHEN {SET_ASIDE} THEN 0 \
                 WHEN {LEFT_TO_DO} THEN 1 ELSE 0 END WHERE dirty = 2"
            ),
            [],
        )?)
    }

    /// The same after an export that ran out of time: whoever has no account yet, and of whose rows
    /// none was sent, stays drafted.
    pub fn settle_unsent(&self, number: u64) -> Result<(), StoreError> {
        self.keep_unfinished_escrows(number)?;
        let sql = format!(
            "UPDATE source_object SET dirty = CASE WHEN {UNSENT} THEN 2 WHEN {SET_ASIDE} THEN 0 \
             WHEN {LEFT_TO_DO} THEN 1 ELSE 0 END WHERE dirty = 2"
        );
        self.run(&sql, [])?;
        Ok(())
    }

    /// After a draft that ran out of time: whoever has no account yet, and gets one, stays drafted,
    /// so that nobody is looked up twice. Anybody else is decided again, which asks nobody; whoever
    /// failed when the next try is due.
    pub fn keep_drafted(&self) -> Result<(), StoreError> {
        let sql = format!(
            "UPDATE source_object SET dirty = NOT {SET_ASIDE} WHERE dirty = 2 AND NOT ({UNSENT})"
        );
        self.run(&sql, [])?;
        Ok(())
    }
}
