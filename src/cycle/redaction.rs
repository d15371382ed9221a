//! Redacted values in a cycle: hidden in the state before it begins, revealed for one request.

use super::context::Context;
use crate::{
    model::{AppRole, RedactionKey, Timestamp},
    provisioning::{
        Failure, MappingFault, MappingInputs, PlannedChange, Revealed, job::Job, reveal,
    },
    store::{StoreError, View},
};

/// Sees to it that the state holds nothing in clear that the configuration redacts.
pub(super) fn hide<D>(context: &Context<'_, D>) -> Result<(), StoreError> {
    context.store.hide(context.job.redacted_paths(), context.job.sealed_properties())
}

/// What the mapping of a live person depends on. `began` is the cycle's beginning, so that the
/// export maps to what was planned.
pub(super) fn mapping_inputs<'a>(
    declared_roles: &'a [AppRole],
    default_domain: Option<&'a str>,
    began: Timestamp,
    key: &'a RedactionKey,
) -> MappingInputs<'a> {
    MappingInputs { declared_roles, is_soft_deleted: false, now: began, default_domain, key }
}

/// The redacted values that a change writes, and what no message about it may repeat.
pub(super) fn revealed(
    job: &Job,
    view: &View<'_>,
    row: &PlannedChange,
    inputs: MappingInputs<'_>,
) -> Result<Result<Revealed, Failure>, StoreError> {
    if job.redacted_paths().is_empty() {
        return Ok(Ok(Revealed::default()));
    }
    let (subject, link) = (view.subject(row.source)?, view.link(row.source)?);
    let exported = link.as_ref().map(|link| &link.exported);
    let failure =
        |fault: MappingFault| Failure { reason: MappingFault::REASON, detail: fault.to_string() };
    Ok(reveal(job, subject.as_ref(), inputs, row, exported).map_err(failure))
}
