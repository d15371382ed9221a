//! The provisioning log, and the one place that writes it as Graph's `provisioningObjectSummary`.

use rusqlite::{params, params_from_iter, types::Value as Sql};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    log_body::{BODY_VERSION, Body},
    open::{StoreError, Tx, View},
    packed::{Stored, Words, text_of},
};
use crate::{
    model::{ChangeId, CycleId, JobId, ObjectKind, SourceId, TargetId, Timestamp},
    provisioning::{
        Action, ChangeStatus, DriftFinding, Failure, PlannedChange, Reason, Step, StepKind,
        StepStatus,
    },
    scim::{AttributeChange, shown},
};

/// Graph's word for a removal that a safeguard holds.
pub const STAGED_DELETE: &str = "stageddelete";

/// How the step is called that names who released a held change, and its findings.
pub(super) const APPROVED: &str = "Approved";
pub(super) const APPROVED_BY: &str = "ApprovedBy";

/// How the step is called that tells of drift.
const DRIFT: &str = "EntryDrift";

/// One attribute that changed (Graph `modifiedProperty`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModifiedProperty {
    /// The SCIM path.
    pub display_name: String,
    /// The old value as text, where it had one.
    pub old_value: Option<String>,
    /// The new value as text, where it has one.
    pub new_value: Option<String>,
}

impl ModifiedProperty {
    /// A change, with a stand-in for what is redacted.
    pub fn of(change: &AttributeChange) -> Self {
        let text = |value: &Option<Value>| {
            let value = shown(value.as_ref()?);
            Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        };
        Self {
            display_name: change.path.to_string(),
            old_value: text(&change.old),
            new_value: text(&change.new),
        }
    }
}

/// One row of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogRow {
    /// Its number; later rows have higher ones.
    pub seq: i64,
    /// The change it tells of.
    pub change_id: String,
    /// The cycle.
    pub cycle_id: String,
    /// When.
    pub at: Timestamp,
    /// How long the request took.
    pub duration_ms: u64,
    /// What was done.
    pub action: Action,
    /// How it ended.
    pub status: ChangeStatus,
    /// Whether it is about a person's account or a group.
    pub kind: ObjectKind,
    /// Whose account, or which group.
    pub source: String,
    /// The person's or the group's name.
    pub source_name: String,
    /// The account.
    pub target: Option<String>,
    /// Why.
    pub reason: Reason,
    /// Why, as a sentence.
    pub detail: String,
    /// What failed.
    pub error: Option<Failure>,
    /// What changed.
    pub modified: Vec<ModifiedProperty>,
    /// The explanation.
    pub steps: Vec<Step>,
    /// Whether it tells that a safeguard holds the change.
    pub held: bool,
}

/// Which rows of the log. Empty fields do not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFilter {
    /// Any of these persons.
    pub sources: Option<Vec<SourceId>>,
    /// A part of the person's name, without regard to case.
    pub name: Option<String>,
    /// This action: a plan's or Graph's word for it.
    pub action: Option<String>,
    /// This status.
    pub status: Option<String>,
    /// A cycle's id or the beginning of one.
    pub cycle: Option<String>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Only rows after this number.
    pub after: Option<i64>,
}

impl View<'_> {
    /// The newest `limit` rows that pass, or the first ones of those after a number; oldest first.
    pub fn log_rows(&self, filter: &LogFilter, limit: u32) -> Result<Vec<LogRow>, StoreError> {
        let mut conditions = vec!["1".to_owned()];
        let mut values: Vec<Sql> = Vec::new();
        let mut add = |condition: &str, value: String| {
            values.push(Sql::Text(value));
            conditions.push(condition.replace('?', &format!("?{}", values.len())));
        };
        if let Some(sources) = &filter.sources {
            let ids: Vec<String> = sources.iter().map(ToString::to_string).collect();
            let list = serde_json::to_string(&ids).map_err(|e| StoreError::stored("ids", e))?;
            add("source IN (SELECT value FROM json_each(?))", list);
        }
        if let Some(name) = &filter.name {
            add("instr(lower(source_name), lower(?)) > 0", name.clone());
        }
        if let Some(action) = &filter.action {
            let held = if action.eq_ignore_ascii_case(STAGED_DELETE) {
                " AND unpacked(coalesce(packed, body)) ->> 'held' = 1"
            } else {
                ""
            };
            let condition = format!("action IN (SELECT value FROM json_each(?)){held}");
            add(&condition, json!(plan_actions(action)).to_string());
        }
        if let Some(status) = &filter.status {
            add("status = lower(?)", status.clone());
        }
        if let Some(cycle) = &filter.cycle {
            add("cycle_id LIKE ? || '%'", cycle.to_lowercase());
        }
        if let Some(since) = filter.since {
            add("at >= CAST(? AS INTEGER)", since.timestamp_millis().to_string());
        }
        if let Some(after) = filter.after {
            add("seq > CAST(? AS INTEGER)", after.to_string());
        }
        let order = if filter.after.is_some() { "ASC" } else { "DESC" };
        let sql = format!(
            "SELECT {COLUMNS} FROM provisioning_log WHERE {} ORDER BY seq {order} LIMIT {limit}",
            conditions.join(" AND ")
        );
        let mut statement = self.connection.prepare(&sql)?;
        let rows = statement.query_map(params_from_iter(values), read_row)?;
        let mut rows: Vec<LogRow> = rows.map(|row| row?).collect::<Result<_, StoreError>>()?;
        rows.sort_by_key(|row| row.seq);
        Ok(rows)
    }
}

/// The plan actions that a word names.
pub(super) fn plan_actions(word: &str) -> Vec<String> {
    let word = word.to_lowercase();
    let names: Vec<&str> = match word.as_str() {
        "other" => vec!["skip"],
        STAGED_DELETE => vec!["disable", "delete"],
        other => Action::parse(other).map(Action::as_str).into_iter().collect(),
    };
    names.into_iter().map(str::to_owned).collect()
}

/// What [`read_row`] reads.
pub(super) const COLUMNS: &str = "seq, change_id, cycle_id, at, duration_ms, action, status, \
     source, source_name, target, coalesce(packed, body), version";

pub(super) fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Result<LogRow, StoreError>> {
    let (action, status): (String, String) = (row.get(5)?, row.get(6)?);
    let (at, version): (i64, i64) = (row.get(3)?, row.get(11)?);
    let parsed =
        text_of(row.get_ref(10)?).and_then(|text| Body::parse(&text, version)).and_then(|body| {
            let action =
                Action::parse(&action).ok_or_else(|| StoreError::stored("action", &action))?;
            let status = ChangeStatus::parse(&status)
                .ok_or_else(|| StoreError::stored("status", &status))?;
            Ok((body, action, status))
        });
    Ok(match parsed {
        Err(error) => Err(error),
        Ok((body, action, status)) => Ok(LogRow {
            seq: row.get(0)?,
            change_id: row.get(1)?,
            cycle_id: row.get(2)?,
            at: Timestamp::from_timestamp_millis(at).unwrap_or_default(),
            duration_ms: row.get(4)?,
            action,
            status,
            source: row.get(7)?,
            source_name: row.get(8)?,
            target: row.get(9)?,
            kind: body.kind,
            reason: body.reason,
            detail: body.detail,
            error: body.error,
            modified: body.modified,
            steps: body.steps,
            held: body.held,
        }),
    })
}

impl Tx<'_> {
    /// Appends what became of a change.
    pub(super) fn append_log(
        &self,
        cycle: CycleId,
        change: &PlannedChange,
        (began, ended): (Timestamp, Timestamp),
    ) -> Result<(), StoreError> {
        let held = change.status == ChangeStatus::Held;
        let body = Body {
            kind: change.kind,
            reason: change.error.as_ref().map_or(change.reason, |failure| failure.reason),
            detail: change.detail.clone(),
            error: change.error.clone(),
            modified: change.changes.iter().map(ModifiedProperty::of).collect(),
            steps: change.steps.clone(),
            held,
        };
        let status = if held { ChangeStatus::Skipped } else { change.status };
        let (source, target) = (change.source.to_string(), change.target.as_ref());
        self.insert_log(
            (change.id, cycle),
            (change.action, status),
            (&source, &change.source_display, target),
            &body,
            (began, ended),
        )
    }

    /// Appends what a comparison with the target found. Nobody is linked to an account that came to
    /// be there, so that row has no person.
    pub(super) fn append_drift(
        &self,
        cycle: CycleId,
        finding: &DriftFinding,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (kind, detail) = (finding.kind.as_str(), finding.sentence());
        let step = Step::new(StepKind::Processing, StepStatus::Warning, DRIFT, detail.clone());
        let body = Body {
            kind: finding.object,
            reason: Reason::Drift,
            error: Some(Failure { reason: Reason::Drift, detail: detail.clone() }),
            detail,
            modified: finding.changes.iter().map(ModifiedProperty::of).collect(),
            steps: vec![step.with("DriftKind", kind)],
            held: false,
        };
        let id = ChangeId::derive(&[&cycle.to_string(), finding.target.as_str(), kind]);
        let source = finding.source.map(|id| id.to_string()).unwrap_or_default();
        let display = finding.source_display.as_deref().unwrap_or_default();
        self.insert_log(
            (id, cycle),
            (Action::Skip, ChangeStatus::Warning),
            (&source, display, Some(&finding.target)),
            &body,
            (now, now),
        )
    }

    fn insert_log(
        &self,
        (change, cycle): (ChangeId, CycleId),
        (action, status): (Action, ChangeStatus),
        (source, display, target): (&str, &str, Option<&TargetId>),
        body: &Body,
        (began, ended): (Timestamp, Timestamp),
    ) -> Result<(), StoreError> {
        let text = body.print()?;
        let stored = Stored::of(&text, Words::LogRow)?;
        self.connection
            .prepare_cached(
                "INSERT INTO provisioning_log (seq, change_id, cycle_id, at, duration_ms, action, \
                 status, source, source_name, target, target_name, code, version, body, packed) \
                 VALUES (?13, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, NULL, ?10, ?11, ?12, ?14)",
            )?
            .execute(params![
                change.to_string(),
                cycle.to_string(),
                ended.timestamp_millis(),
                (ended - began).num_milliseconds().max(0),
                action.as_str(),
                status.as_str(),
                source,
                display,
                target.map(TargetId::as_str),
                body.reason.to_string(),
                BODY_VERSION,
                stored.text(),
                self.log_end()? + 1,
                stored.packed()
            ])?;
        // A held change is skipped in Graph's words; whoever counts wants to tell them apart.
        let status = if body.held { ChangeStatus::Held } else { status };
        self.count_object(body.kind, action, status);
        Ok(())
    }
}

/// Graph's word for an action (`provisioningAction`).
fn graph_action(row: &LogRow) -> &'static str {
    match row.action {
        _ if row.held && row.action.is_removal() => STAGED_DELETE,
        Action::Create => "create",
        Action::Adopt | Action::Update | Action::Enable => "update",
        Action::Disable => "disable",
        Action::Delete => "delete",
        Action::Skip => "other",
    }
}

impl LogRow {
    /// Who released the change that a safeguard held, where a person did.
    pub fn approved_by(&self) -> Option<&str> {
        let step = self.steps.iter().find(|step| step.name == APPROVED)?;
        step.details.get(APPROVED_BY).map(String::as_str)
    }

    /// Why a safeguard holds the change.
    pub fn held_because(&self) -> Option<&str> {
        let step = self.steps.iter().rfind(|step| step.name == super::held::HELD)?;
        Some(&step.description)
    }

    /// A change that a person released is that person's, any other the program's.
    fn initiator(&self) -> Value {
        match self.approved_by() {
            Some(name) => json!({"id": null, "displayName": name, "initiatorType": "user"}),
            None => {
                json!({"id": null, "displayName": "entra-scim", "initiatorType": "application"})
            }
        }
    }

    /// The row as Graph's `provisioningObjectSummary`.
    pub fn summary(&self, tenant: &str, job: JobId, app: &str) -> Value {
        let identity = |id: &str, name: Option<&str>| {
            let none = json!({});
            let kind = match self.kind {
                ObjectKind::User => "User",
                ObjectKind::Group => "Group",
            };
            json!({"id": id, "displayName": name, "identityType": kind, "details": none})
        };
        let held = self.held.then(|| {
            json!({
                "errorCode": Reason::HeldBySafeguard.to_string(),
                "reason": self.held_because(),
                "additionalDetails": self.detail,
                "errorCategory": "nonServiceFailure",
                "recommendedAction": Reason::HeldBySafeguard.recommended_action(),
            })
        });
        let error = self.error.as_ref().map(|failure| {
            json!({
                "errorCode": failure.reason.to_string(),
                "reason": failure.detail,
                "additionalDetails": self.detail,
                "errorCategory": if self.status == ChangeStatus::Failure
                    { "failure" } else { "nonServiceFailure" },
                "recommendedAction": failure.reason.recommended_action(),
            })
        });
        let skipped = (self.error.is_none() && self.status == ChangeStatus::Skipped).then(|| {
            json!({
                "errorCode": self.reason.to_string(),
                "reason": self.detail,
                "additionalDetails": null,
                "errorCategory": "nonServiceFailure",
                "recommendedAction": self.reason.recommended_action(),
            })
        });
        json!({
            "id": format!("{}-{}", self.change_id, self.seq),
            "activityDateTime": self.at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
            "tenantId": tenant,
            "jobId": job.to_string(),
            "cycleId": self.cycle_id,
            "changeId": self.change_id,
            "provisioningAction": graph_action(self),
            "durationInMilliseconds": self.duration_ms,
            "initiatedBy": self.initiator(),
            "servicePrincipal": {"id": null, "displayName": app},
            "sourceSystem": {"id": null, "displayName": "Microsoft Entra ID", "details": {}},
            "targetSystem": {"id": null, "displayName": app, "details": {}},
            "sourceIdentity": identity(&self.source, Some(&self.source_name)),
            "targetIdentity": identity(self.target.as_deref().unwrap_or_default(), None),
            "modifiedProperties": self.modified,
            "provisioningSteps": self.steps,
            "provisioningStatusInfo": {
                "status": self.status.as_str(),
                "errorInformation": held.or(error).or(skipped),
            },
        })
    }
}
