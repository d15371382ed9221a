//! How a comparison goes on, what it found, and how it ends.

use rusqlite::params;

use super::model::{
    ANCHOR, BASELINE, BROKEN_OFF, DriftBrokenOff, DriftCheck, LISTED, SHOWN, named,
};
use crate::{
    model::{CycleId, ObjectKind, SourceId, Timestamp},
    provisioning::{DriftFinding, DriftKind},
    store::{
        open::{StoreError, Tx},
        source::stored_kind,
    },
};

/// The shapes of `drift_check.body` and `drift_finding.body`.
const CHECK_VERSION: i64 = 1;
const FINDING_VERSION: i64 = 1;

impl Tx<'_> {
    /// From now on there is something to compare.
    pub fn set_drift_anchor(&self, at: Timestamp) -> Result<(), StoreError> {
        self.set_fact(ANCHOR, Some(&at.timestamp_millis().to_string()))
    }

    /// Stores how far a comparison is.
    pub fn save_drift_check(&self, check: &DriftCheck) -> Result<(), StoreError> {
        let body =
            serde_json::to_string(check).map_err(|e| StoreError::stored("drift check", e))?;
        self.connection
            .prepare_cached(
                "INSERT INTO drift_check (id, began, ended, version, body) \
                 VALUES (?1, ?2, NULL, ?3, ?4) \
                 ON CONFLICT (id) DO UPDATE SET version = excluded.version, body = excluded.body",
            )?
            .execute(params![
                check.id.to_string(),
                check.began.timestamp_millis(),
                CHECK_VERSION,
                body
            ])?;
        Ok(())
    }

    /// Forgets a comparison that did not come to its end.
    pub fn discard_open_drift_check(&self) -> Result<(), StoreError> {
        self.run(
            "DELETE FROM drift_finding \
             WHERE check_id IN (SELECT id FROM drift_check WHERE ended IS NULL)",
            [],
        )?;
        self.run("DELETE FROM drift_check WHERE ended IS NULL", [])?;
        Ok(())
    }

    /// Stores how a comparison ended that did not come to its end.
    pub fn set_drift_broken_off(&self, broken: &DriftBrokenOff) -> Result<(), StoreError> {
        let text =
            serde_json::to_string(broken).map_err(|e| StoreError::stored("drift check", e))?;
        self.set_fact(BROKEN_OFF, Some(&text))
    }

    /// Adds what a comparison found.
    pub fn add_drift(&self, check: CycleId, finding: &DriftFinding) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO drift_finding (check_id, object, kind, source, target, version, body) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                check.to_string(),
                stored_kind(finding.object),
                finding.kind.as_str(),
                finding.source.map(|id| id.to_string()),
                finding.target.as_str(),
                FINDING_VERSION,
                finding_body(finding)?
            ])?;
        Ok(())
    }

    /// Replaces what was found; without a difference left it goes.
    pub fn replace_drift(&self, seq: i64, finding: &DriftFinding) -> Result<(), StoreError> {
        if finding.kind == DriftKind::Changed && finding.changes.is_empty() {
            self.run("DELETE FROM drift_finding WHERE seq = ?1", [seq])?;
            return Ok(());
        }
        self.connection
            .prepare_cached("UPDATE drift_finding SET body = ?2 WHERE seq = ?1")?
            .execute(params![seq, finding_body(finding)?])?;
        Ok(())
    }

    /// Takes back the missing objects of this kind that a comparison found; returns how many.
    pub fn drop_missing(&self, check: CycleId, object: ObjectKind) -> Result<u64, StoreError> {
        let dropped = self.run(
            "DELETE FROM drift_finding WHERE check_id = ?1 AND object = ?2 AND kind = ?3",
            params![check.to_string(), stored_kind(object), DriftKind::Missing.as_str()],
        )?;
        Ok(dropped as u64)
    }

    /// Puts a finding into the log, and marks it as recorded.
    pub fn record_drift(
        &self,
        cycle: CycleId,
        (seq, finding): (i64, &DriftFinding),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.append_drift(cycle, finding, now)?;
        self.connection
            .prepare_cached("UPDATE drift_finding SET recorded = 1 WHERE seq = ?1")?
            .execute([seq])?;
        Ok(())
    }

    /// Nothing is sure of a group's members before the target has shown them: those that we made
    /// and that are not there are added again.
    pub fn doubt_made_members(&self, group: SourceId) -> Result<(), StoreError> {
        self.set_members_unread(group)?;
        self.connection
            .prepare_cached("UPDATE member_link SET doubt = 1 WHERE group_id = ?1")?
            .execute([group.to_string()])?;
        Ok(())
    }

    /// A comparison came to its end: it takes the place of the one before.
    pub fn end_drift_check(&self, check: &DriftCheck, now: Timestamp) -> Result<(), StoreError> {
        self.save_drift_check(check)?;
        let id = check.id.to_string();
        self.run("DELETE FROM drift_check WHERE id <> ?1", [&id])?;
        self.run("DELETE FROM drift_finding WHERE check_id <> ?1", [&id])?;
        self.run(
            "UPDATE drift_check SET ended = ?2 WHERE id = ?1",
            params![id, now.timestamp_millis()],
        )?;
        for kind in [ObjectKind::User, ObjectKind::Group] {
            let Some(part) = check.part(kind) else { continue };
            for (fact, paths) in [(SHOWN, &part.shown), (LISTED, &part.listed)] {
                let paths = serde_json::to_string(paths)
                    .map_err(|error| StoreError::stored("shown attributes", error))?;
                self.set_fact(&named(fact, kind), Some(&paths))?;
            }
        }
        self.set_fact(BROKEN_OFF, None)?;
        self.set_drift_anchor(check.began)
    }

    /// Forgets every comparison, and what was learned of the target by them.
    pub fn forget_drift(&self) -> Result<(), StoreError> {
        self.connection.execute_batch(
            "DELETE FROM drift_check; DELETE FROM drift_finding; DELETE FROM drift_unlinked;",
        )?;
        for kind in [ObjectKind::User, ObjectKind::Group] {
            for fact in [SHOWN, LISTED, BASELINE] {
                self.set_fact(&named(fact, kind), None)?;
            }
        }
        self.set_fact(BROKEN_OFF, None)
    }

    /// Remembers the surveyed objects that nobody is linked to; others are new from now on.
    pub fn set_drift_baseline(&self, kind: ObjectKind) -> Result<(), StoreError> {
        let code = stored_kind(kind);
        self.run("DELETE FROM drift_unlinked WHERE kind = ?1", [code])?;
        self.run(
            "INSERT INTO drift_unlinked (kind, target) SELECT kind, target FROM survey_account \
             WHERE kind = ?1 AND target NOT IN (SELECT target FROM link WHERE kind = ?1)",
            [code],
        )?;
        self.set_fact(&named(BASELINE, kind), Some("1"))
    }
}

fn finding_body(finding: &DriftFinding) -> Result<String, StoreError> {
    serde_json::to_string(finding).map_err(|error| StoreError::stored("finding", error))
}
