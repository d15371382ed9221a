//! Redacted values in a cycle: hidden in the state before it begins, revealed for one request.

use super::context::Context;
use crate::{
    model::{AppRole, RedactionKey, Timestamp},
    provisioning::{
        Failure, MappingFault, MappingInputs, PlannedChange, Revealed, Secrets, Subject, reveal,
    },
    scim::Values,
    store::StoreError,
};

/// Sees to it that the state holds nothing in clear that the configuration redacts.
pub(super) fn hide<D>(context: &Context<'_, D>) -> Result<(), StoreError> {
    context.store.hide(context.job.redacted_paths(), context.job.sealed_properties())
}

/// What the mapping of a live person depends on. `began` is the cycle's beginning, so that the
/// export maps to what was planned.
pub(super) fn mapping_inputs<'a>(
    roles: &'a [AppRole],
    began: Timestamp,
    key: &'a RedactionKey,
) -> MappingInputs<'a> {
    MappingInputs {
        declared_roles: roles,
        is_soft_deleted: false,
        now: began,
        default_domain: None,
        key,
    }
}

/// The redacted values that a change writes, and what no message about it may repeat.
pub(super) fn revealed<D>(
    context: &Context<'_, D>,
    roles: &[AppRole],
    row: &PlannedChange,
    began: Timestamp,
) -> Result<Result<Revealed, Failure>, StoreError> {
    if context.job.redacted_paths().is_empty() {
        return Ok(Ok(Revealed::default()));
    }
    let (subject, link) =
        context.store.read(|view| Ok((view.subject(row.source)?, view.link(row.source)?)))?;
    let inputs = mapping_inputs(roles, began, context.store.key());
    let exported = link.as_ref().map(|link| &link.exported);
    let failure =
        |fault: MappingFault| Failure { reason: MappingFault::REASON, detail: fault.to_string() };
    Ok(reveal(context.job, subject.as_ref(), inputs, row, exported).map_err(failure))
}

/// What no message about a person may repeat.
pub(super) fn secrets<D>(
    context: &Context<'_, D>,
    (subject, roles): (&Subject, &[AppRole]),
    exported: Option<&Values>,
    began: Timestamp,
) -> Secrets {
    let inputs = mapping_inputs(roles, began, context.store.key());
    Secrets::of(context.job, subject, inputs, exported)
}
