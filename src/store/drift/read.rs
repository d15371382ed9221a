//! What is known of comparisons, and what the next one looks at.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, params};

use super::model::{
    ANCHOR, BASELINE, BROKEN_OFF, DriftBrokenOff, DriftCheck, DriftCounts, LISTED, LinkedAccount,
    SHOWN, named,
};
use crate::{
    model::{CycleId, ObjectKind, SourceId, TargetId, Timestamp},
    provisioning::{DriftFinding, DriftKind},
    scim::{AttributePath, Values},
    store::{
        link::{parse_exported, parse_values},
        notice::moment,
        open::{StoreError, View},
        packed::Text,
        source::stored_kind,
    },
};

/// Live links whose account is as the last export left it. One that this cycle wrote may be shown
/// as it was before by a target that settles slowly.
///
/// Those of a kind are read by their ids: an index of the kind would have them all sorted for each
/// few of them.
const COMPARABLE: &str = "+link.kind = ?2 AND link.standing = 0 AND link.stale = 0 \
     AND link.is_hint = 0 AND link.members_unread = 0 \
     AND NOT EXISTS (SELECT 1 FROM planned_change AS row INDEXED BY planned_change_by_source \
         WHERE row.source = link.source AND row.cycle = ?1 AND row.action <> 'skip' \
         AND row.status IN ('sent', 'success', 'warning', 'failure'))";

impl View<'_> {
    /// The comparison that is under way.
    pub fn open_drift_check(&self) -> Result<Option<DriftCheck>, StoreError> {
        self.drift_check_where("ended IS NULL")
    }

    /// The last comparison that came to its end.
    pub fn last_drift_check(&self) -> Result<Option<DriftCheck>, StoreError> {
        self.drift_check_where("ended IS NOT NULL")
    }

    fn drift_check_where(&self, condition: &str) -> Result<Option<DriftCheck>, StoreError> {
        let sql = format!(
            "SELECT body, ended FROM drift_check WHERE {condition} ORDER BY began DESC LIMIT 1"
        );
        let row: Option<(String, Option<i64>)> =
            self.one(&sql, [], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        row.map(|(body, ended)| {
            let mut check: DriftCheck =
                serde_json::from_str(&body).map_err(|e| StoreError::stored("drift check", e))?;
            check.ended = ended.map(moment);
            Ok(check)
        })
        .transpose()
    }

    /// Since when there has been something to compare, whether it was or not.
    pub fn drift_anchor(&self) -> Result<Option<Timestamp>, StoreError> {
        let at = self.fact(ANCHOR)?.and_then(|text| text.parse().ok());
        Ok(at.map(moment))
    }

    /// How the last comparison ended, where it did not come to its end.
    pub fn drift_broken_off(&self) -> Result<Option<DriftBrokenOff>, StoreError> {
        let text = self.fact(BROKEN_OFF)?;
        text.map(|text| serde_json::from_str(&text))
            .transpose()
            .map_err(|error| StoreError::stored("drift check", error))
    }

    /// The attributes that the target has ever shown of some object of this kind.
    pub fn drift_shown(&self, kind: ObjectKind) -> Result<BTreeSet<AttributePath>, StoreError> {
        self.paths(&named(SHOWN, kind))
    }

    /// Those of them that its list has ever shown.
    pub fn drift_listed(&self, kind: ObjectKind) -> Result<BTreeSet<AttributePath>, StoreError> {
        self.paths(&named(LISTED, kind))
    }

    fn paths(&self, fact: &str) -> Result<BTreeSet<AttributePath>, StoreError> {
        let text = self.fact(fact)?;
        text.map_or_else(|| Ok(BTreeSet::new()), |text| serde_json::from_str(&text))
            .map_err(|error| StoreError::stored("shown attributes", error))
    }

    /// Whether the target's unlinked objects are known, so that others are new.
    pub fn has_drift_baseline(&self, kind: ObjectKind) -> Result<bool, StoreError> {
        Ok(self.fact(&named(BASELINE, kind))?.is_some())
    }

    /// The attributes that the survey shows of some object.
    pub fn surveyed_paths(&self, kind: ObjectKind) -> Result<BTreeSet<AttributePath>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT DISTINCT value.key FROM survey_account, \
             json_each(survey_account.\"values\") AS value WHERE survey_account.kind = ?1",
        )?;
        let rows = statement.query_map([stored_kind(kind)], |row| row.get::<_, String>(0))?;
        rows.map(|row| AttributePath::parse(&row?).map_err(|e| StoreError::stored("path", e)))
            .collect()
    }

    /// How many objects can be compared in this cycle, of how many that are linked.
    pub fn comparable_count(
        &self,
        cycle: CycleId,
        kind: ObjectKind,
    ) -> Result<(u64, u64), StoreError> {
        let sql = format!(
            "SELECT (SELECT count(*) FROM link WHERE {COMPARABLE}), \
             (SELECT count(*) FROM link WHERE standing = 0 AND kind = ?2)"
        );
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        Ok(self.one(&sql, params![cycle.to_string(), stored_kind(kind)], row)?)
    }

    /// Up to `limit` objects that can be compared in this cycle, after this one, by id.
    pub fn linked_accounts(
        &self,
        cycle: CycleId,
        kind: ObjectKind,
        after: Option<SourceId>,
        limit: u32,
    ) -> Result<Vec<LinkedAccount>, StoreError> {
        let sql = format!(
            "SELECT link.source, link.display, link.target, coalesce(link.packed, link.exported), link.enabled, \
             coalesce((SELECT in_scope AND coalesce(attributes ->> 'accountEnabled', 1) \
                 FROM source_whole WHERE id = link.source), 0), \
             survey_account.\"values\", \
             (SELECT count(*) FROM member_link WHERE group_id = link.source AND doubt = 0) \
             FROM link \
             LEFT JOIN survey_account ON survey_account.kind = link.kind \
                 AND survey_account.target = link.target \
             WHERE {COMPARABLE} AND link.source > ?3 ORDER BY link.source LIMIT ?4"
        );
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let mut statement = self.connection.prepare_cached(&sql)?;
        let key = params![cycle.to_string(), stored_kind(kind), after, limit];
        let rows = statement.query_map(key, |row| {
            let exported = row.get::<_, Text>(3)?.0;
            let texts: [String; 4] = [row.get(0)?, row.get(1)?, row.get(2)?, exported];
            Ok((texts, row.get(4)?, row.get(5)?, row.get::<_, Option<String>>(6)?, row.get(7)?))
        })?;
        rows.map(|row| {
            let ([source, display, target, exported], is_enabled, is_wanted, listed, members) =
                row?;
            Ok(LinkedAccount {
                source: source.parse().map_err(|e| StoreError::stored("link", e))?,
                display,
                target: TargetId::parse(&target).map_err(|e| StoreError::stored("link", e))?,
                exported: parse_exported(&exported)?,
                is_enabled,
                is_wanted,
                listed: listed.map(|text| parse_values(&text)).transpose()?,
                members,
            })
        })
        .collect()
    }

    /// Up to `limit` members that we made of a group, after this one, by their ids at the target.
    pub fn made_members(
        &self,
        group: SourceId,
        after: &str,
        limit: u32,
    ) -> Result<Vec<TargetId>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT DISTINCT target FROM member_link WHERE group_id = ?1 AND doubt = 0 \
             AND target > ?2 ORDER BY target LIMIT ?3",
        )?;
        let key = params![group.to_string(), after, limit];
        let rows = statement.query_map(key, |row| row.get::<_, String>(0))?;
        rows.map(|row| TargetId::parse(&row?).map_err(|e| StoreError::stored("member", e)))
            .collect()
    }

    /// Up to `limit` surveyed objects after this one that nobody is linked to, that were never
    /// ours, and that were not there when the target last listed all of them.
    pub fn added_accounts(
        &self,
        kind: ObjectKind,
        after: &str,
        limit: u32,
    ) -> Result<Vec<(TargetId, Values)>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT target, \"values\" FROM survey_account AS account \
             WHERE kind = ?1 AND target > ?2 \
             AND NOT EXISTS (SELECT 1 FROM link \
                 WHERE link.kind = ?1 AND link.target = account.target) \
             AND NOT EXISTS (SELECT 1 FROM released AS was \
                 WHERE was.kind = ?1 AND was.target = account.target) \
             AND NOT EXISTS (SELECT 1 FROM drift_unlinked AS known \
                 WHERE known.kind = ?1 AND known.target = account.target) \
             AND NOT EXISTS (SELECT 1 FROM unsettled_create \
                 CROSS JOIN json_each(unsettled_create.sent) AS sent \
                 CROSS JOIN survey_key ON survey_key.kind = ?1 \
                 AND survey_key.target = account.target AND survey_key.path = lower(sent.key) \
                 AND survey_key.folded = lower(sent.value)) \
             ORDER BY target LIMIT ?3",
        )?;
        let rows = statement.query_map(params![stored_kind(kind), after, limit], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })?;
        rows.map(|row| {
            let (target, values) = row?;
            let id = TargetId::parse(&target).map_err(|e| StoreError::stored("survey", e))?;
            Ok((id, parse_values(&values)?))
        })
        .collect()
    }

    /// How many objects a comparison found, by kind.
    pub fn drift_counts(&self, check: CycleId) -> Result<DriftCounts, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT kind, count(*) FROM drift_finding WHERE check_id = ?1 GROUP BY kind",
        )?;
        let rows = statement.query_map([check.to_string()], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, u64>(1)?))
        })?;
        let mut counts = DriftCounts::default();
        for row in rows {
            let (kind, count) = row?;
            match kind_of(&kind)? {
                DriftKind::Changed => counts.changed = count,
                DriftKind::Missing => counts.missing = count,
                DriftKind::Added => counts.added = count,
            }
        }
        Ok(counts)
    }

    /// Up to `limit` findings of a comparison after the row number `after`, with their numbers.
    pub fn drift_findings(
        &self,
        check: CycleId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<(i64, DriftFinding)>, StoreError> {
        self.findings_where("1", check, after, limit)
    }

    /// The same of those that the log does not have yet.
    pub fn unrecorded_drift(
        &self,
        check: CycleId,
        limit: u32,
    ) -> Result<Vec<(i64, DriftFinding)>, StoreError> {
        self.findings_where("recorded = 0", check, 0, limit)
    }

    fn findings_where(
        &self,
        condition: &str,
        check: CycleId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<(i64, DriftFinding)>, StoreError> {
        let sql = format!(
            "SELECT seq, body FROM drift_finding WHERE check_id = ?1 AND seq > ?2 AND {condition} \
             ORDER BY seq LIMIT ?3"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map(params![check.to_string(), after, limit], |row| {
            Ok((row.get(0)?, row.get::<_, String>(1)?))
        })?;
        rows.map(|row| {
            let (seq, body) = row?;
            let finding =
                serde_json::from_str(&body).map_err(|e| StoreError::stored("finding", e))?;
            Ok((seq, finding))
        })
        .collect()
    }
}

fn kind_of(word: &str) -> Result<DriftKind, StoreError> {
    DriftKind::ALL
        .into_iter()
        .find(|kind| kind.as_str() == word)
        .ok_or_else(|| StoreError::stored("drift", word))
}
