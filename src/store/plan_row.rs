//! How a row of the plan is stored: its columns, and a body that says each value once.
//!
//! A create has the same values up to three times: as what changes, as what is sent, and as what
//! the link has afterwards. A plan for a whole tenant is made of them.

use std::borrow::Cow;

use rusqlite::params;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    open::{StoreError, Tx, View},
    phrase::{lengthened, shortened},
};
use crate::{
    model::{ObjectKind, SourceId, TargetId},
    provisioning::{
        Action, Basis, ChangeStatus, Failure, LinkEffect, Phase, PlannedChange, Reason, Step, Write,
    },
    scim::{AttributeChange, AttributePath, Values},
};

/// The shape of `planned_change.body`.
pub(super) const BODY_VERSION: i64 = 2;

/// The columns that [`read_row`] reads, of a table called `row`.
pub(super) const COLUMNS: &str = "row.seq, row.status, row.body, row.version, row.id, row.source, \
     row.target, row.action, row.outcome";

/// What a row says beside its columns.
#[derive(Serialize, Deserialize)]
struct Body<'a> {
    kind: ObjectKind,
    source_display: Cow<'a, str>,
    reason: Reason,
    detail: Cow<'a, str>,
    /// Absent where a create gives every value that it sends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    changes: Option<Cow<'a, [AttributeChange]>>,
    write: Cow<'a, Write>,
    effect: Effect<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    basis: Option<Cow<'a, Basis>>,
    phase: Phase,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reference: Option<SourceId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<Cow<'a, Failure>>,
    steps: Cow<'a, [Step]>,
}

/// What the link becomes.
#[derive(Serialize, Deserialize)]
enum Effect<'a> {
    /// Live, with the values that are sent.
    Created,
    /// Anything else.
    Other(Cow<'a, LinkEffect>),
}

/// A row's body as it is stored.
pub(super) fn print(change: &PlannedChange) -> Result<String, StoreError> {
    let (effect, is_whole) = match (&change.write, &change.effect) {
        (Write::Create(sent), LinkEffect::Exported(exported)) => {
            let effect = if sent == exported {
                Effect::Created
            } else {
                Effect::Other(Cow::Borrowed(&change.effect))
            };
            (effect, is_of(&change.changes, sent))
        }
        _ => (Effect::Other(Cow::Borrowed(&change.effect)), false),
    };
    let body = Body {
        kind: change.kind,
        source_display: Cow::Borrowed(&change.source_display),
        reason: change.reason,
        detail: Cow::Borrowed(&change.detail),
        changes: (!is_whole).then_some(Cow::Borrowed(&change.changes)),
        write: Cow::Borrowed(&change.write),
        effect,
        basis: change.basis.as_ref().map(Cow::Borrowed),
        phase: change.phase,
        reference: change.reference,
        error: change.error.as_ref().map(Cow::Borrowed),
        steps: Cow::Borrowed(&change.steps),
    };
    let text = serde_json::to_string(&body);
    let text = text.map_err(|error| StoreError::stored("planned change", error))?;
    Ok(shortened(&text))
}

/// Whether these changes are what a create with these values gives.
fn is_of(changes: &[AttributeChange], sent: &Values) -> bool {
    changes.len() == sent.len()
        && changes.iter().zip(sent).all(|(change, (path, value))| {
            change.old.is_none() && change.path == *path && change.new.as_ref() == Some(value)
        })
}

/// A row as it was stored.
pub(super) fn read_row(
    row: &rusqlite::Row<'_>,
) -> rusqlite::Result<Result<(i64, PlannedChange), StoreError>> {
    let (seq, status, version): (i64, String, i64) = (row.get(0)?, row.get(1)?, row.get(3)?);
    let body = row.get_ref(2)?.as_str()?;
    let outcome = row.get_ref(8)?.as_str_or_null()?;
    let (id, source): (String, String) = (row.get(4)?, row.get(5)?);
    let (target, action): (Option<String>, String) = (row.get(6)?, row.get(7)?);
    let target = target.as_deref();
    let change = if version < BODY_VERSION {
        whole(body, target, &status)
    } else {
        parse(body, (&id, &source, target), (&action, &status))
    };
    Ok(change.and_then(|mut change| {
        change.steps.extend(steps_of(outcome)?);
        Ok((seq, change))
    }))
}

/// The steps that an outcome added.
fn steps_of(outcome: Option<&str>) -> Result<Vec<Step>, StoreError> {
    let Some(text) = outcome else { return Ok(Vec::new()) };
    serde_json::from_str(&lengthened(text)?)
        .map_err(|error| StoreError::stored("planned change", error))
}

/// What the parts of a row have in common that are rows of their own, read without the values.
#[derive(Deserialize)]
struct Head<'a> {
    kind: ObjectKind,
    source_display: Cow<'a, str>,
    reason: Reason,
    phase: Phase,
    steps: Vec<Step>,
}

impl View<'_> {
    /// A row of the present draft with everything but its values: what it changes, sends and rests
    /// on is left out.
    pub fn planned_head(&self, seq: i64) -> Result<PlannedChange, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM planned_change AS row WHERE seq = ?1");
        self.one(&sql, [seq], |row| {
            let (id, source, action): (String, String, String) =
                (row.get(4)?, row.get(5)?, row.get(7)?);
            let (status, target): (String, Option<String>) = (row.get(1)?, row.get(6)?);
            Ok(head(
                row.get_ref(2)?.as_str()?,
                (&id, &source, target.as_deref()),
                (&action, &status),
            ))
        })?
    }
}

impl Tx<'_> {
    /// Stores how a row went that is otherwise as it was planned.
    pub(super) fn settle_planned(
        &self,
        seq: i64,
        done: &PlannedChange,
        added: &[Step],
    ) -> Result<(), StoreError> {
        // What is added stands beside the body, so that a large plan is not written twice.
        let text = serde_json::to_string(added)
            .map_err(|error| StoreError::stored("planned change", error))?;
        self.connection
            .prepare_cached(
                "UPDATE planned_change SET status = ?2, target = ?3, outcome = ?4 WHERE seq = ?1",
            )?
            .execute(params![
                seq,
                done.status.as_str(),
                done.target.as_ref().map(TargetId::as_str),
                shortened(&text)
            ])?;
        Ok(())
    }
}

fn head(
    body: &str,
    (id, source, target): (&str, &str, Option<&str>),
    (action, status): (&str, &str),
) -> Result<PlannedChange, StoreError> {
    let body = lengthened(body)?;
    let head: Head<'_> =
        serde_json::from_str(&body).map_err(|error| StoreError::stored("planned change", error))?;
    Ok(PlannedChange {
        id: id.parse().map_err(|error| StoreError::stored("change id", error))?,
        kind: head.kind,
        source: source.parse().map_err(|error| StoreError::stored("id", error))?,
        source_display: head.source_display.into_owned(),
        target: target.map(target_of).transpose()?,
        action: action_of(action)?,
        status: status_of(status)?,
        reason: head.reason,
        detail: String::new(),
        changes: Vec::new(),
        write: Write::Nothing,
        effect: LinkEffect::Unchanged,
        basis: None,
        phase: head.phase,
        reference: None,
        error: None,
        steps: head.steps,
    })
}

fn target_of(text: &str) -> Result<TargetId, StoreError> {
    TargetId::parse(text).map_err(|error| StoreError::stored("target", error))
}

fn action_of(text: &str) -> Result<Action, StoreError> {
    Action::parse(text).ok_or_else(|| StoreError::stored("action", text))
}

/// A row in the first shape, whose body was all of it but for how it went.
fn whole(body: &str, target: Option<&str>, status: &str) -> Result<PlannedChange, StoreError> {
    let change: PlannedChange =
        serde_json::from_str(body).map_err(|error| StoreError::stored("planned change", error))?;
    let (target, status) = (target.map(target_of).transpose()?, status_of(status)?);
    Ok(PlannedChange { target: target.or(change.target), status, ..change })
}

fn parse(
    body: &str,
    (id, source, target): (&str, &str, Option<&str>),
    (action, status): (&str, &str),
) -> Result<PlannedChange, StoreError> {
    let body = lengthened(body)?;
    let body: Body<'_> =
        serde_json::from_str(&body).map_err(|error| StoreError::stored("planned change", error))?;
    let write = body.write.into_owned();
    let changes = match (body.changes, &write) {
        (Some(changes), _) => changes.into_owned(),
        (None, Write::Create(sent)) => sent.iter().map(given).collect(),
        (None, Write::Nothing | Write::Patch { .. } | Write::Delete | Write::Members) => Vec::new(),
    };
    let effect = match (body.effect, &write) {
        (Effect::Other(effect), _) => effect.into_owned(),
        (Effect::Created, Write::Create(sent)) => LinkEffect::Exported(sent.clone()),
        (
            Effect::Created,
            Write::Nothing | Write::Patch { .. } | Write::Delete | Write::Members,
        ) => {
            return Err(StoreError::stored("planned change", "a create without values"));
        }
    };
    Ok(PlannedChange {
        id: id.parse().map_err(|error| StoreError::stored("change id", error))?,
        kind: body.kind,
        source: source.parse().map_err(|error| StoreError::stored("id", error))?,
        source_display: body.source_display.into_owned(),
        target: target.map(target_of).transpose()?,
        action: action_of(action)?,
        status: status_of(status)?,
        reason: body.reason,
        detail: body.detail.into_owned(),
        changes,
        write,
        effect,
        basis: body.basis.map(Cow::into_owned),
        phase: body.phase,
        reference: body.reference,
        error: body.error.map(Cow::into_owned),
        steps: body.steps.into_owned(),
    })
}

fn given((path, value): (&AttributePath, &Value)) -> AttributeChange {
    AttributeChange { path: path.clone(), old: None, new: Some(value.clone()) }
}

/// The status of a stored row. What is set aside while something else is sent is planned.
pub(super) fn status_of(stored: &str) -> Result<ChangeStatus, StoreError> {
    match stored {
        "aside" => Ok(ChangeStatus::Planned),
        other => ChangeStatus::parse(other).ok_or_else(|| StoreError::stored("status", other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{ChangeId, CycleId, ObjectKind},
        provisioning::{StepKind, StepStatus},
        store::{Engine, PlanFilter},
    };

    fn created() -> PlannedChange {
        let source = SourceId::derive(&["ada"]);
        PlannedChange {
            id: ChangeId::derive(&["ada"]),
            kind: ObjectKind::User,
            source,
            source_display: "ada@contoso.com".to_owned(),
            target: None,
            action: Action::Create,
            status: ChangeStatus::Planned,
            reason: Reason::InScope,
            detail: String::new(),
            changes: Vec::new(),
            write: Write::Create(Values::new()),
            effect: LinkEffect::Exported(Values::new()),
            basis: None,
            phase: Phase::Creates,
            reference: None,
            error: None,
            steps: Vec::new(),
        }
    }

    #[test]
    fn how_a_row_went_is_read_beside_a_body_of_either_shape() {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = Engine::open(&folder.path().join("crm.sqlite")).expect("a state");
        let planned = created();
        let first_shape = serde_json::to_string(&planned).expect("JSON");
        let step = Step::new(StepKind::Export, StepStatus::Success, "EntryExportAdd", "x".into());
        let target = Some(TargetId::parse("u-1").expect("an id"));
        let done = PlannedChange { target, status: ChangeStatus::Success, ..planned.clone() };
        for shape in [None, Some(first_shape)] {
            engine
                .write(|tx| {
                    tx.clear_plan()?;
                    let seq = tx.add_planned(CycleId::derive(&["c"]), &planned, &[], false)?;
                    if let Some(body) = &shape {
                        let sql = "UPDATE planned_change SET body = ?1, version = 1";
                        tx.run(sql, [body])?;
                    }
                    tx.settle_planned(seq, &done, std::slice::from_ref(&step))
                })
                .expect("a row");
            let rows = engine.read(|view| view.plan_rows(PlanFilter::All, 0, 9)).expect("a plan");
            let expected = PlannedChange { steps: vec![step.clone()], ..done.clone() };
            assert_eq!(rows[0].1, expected, "{shape:?}");
        }
    }
}
