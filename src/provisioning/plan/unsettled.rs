//! Someone who is not to have an account, and whose earlier create has no known outcome.
//!
//! The create may have been applied. An account that appeared since is ours: it is linked, and the
//! next cycle treats it as any other account of somebody who is disabled, out of scope or gone.

use super::{
    case::{Case, Row},
    model::{Action, ChangeStatus, LinkEffect, Phase, Verdict, Write},
    unlinked::{LOOKS_BEFORE_CREATE, looks_so_far},
};
use crate::provisioning::{
    Evidence, Matched, Reason, StepStatus, UnsettledCreate, map, match_keys, settle,
};

/// What is decided as long as the create is not settled; the case comes back once it is.
pub(super) fn unwanted(
    mut case: Case<'_>,
    unsettled: UnsettledCreate,
) -> Result<Verdict, Case<'_>> {
    let inputs = case.inputs;
    let mapped = map(&inputs.job.users, inputs.subject, case.mapping_inputs(true));
    let keys = mapped.map(|mapped| match_keys(&mapped)).unwrap_or_default();
    if keys.is_empty() {
        return Err(case);
    }
    let found = match &inputs.evidence {
        Evidence::NotLooked => return Ok(Verdict::Lookup { keys, required: true }),
        Evidence::Found(found) => found,
    };
    let (matched, step) = settle(&keys, found);
    if let Matched::One(_, candidate) = matched {
        case.steps.push(step);
        let row = Row {
            action: Action::Adopt,
            status: ChangeStatus::Planned,
            reason: Reason::Matched,
            detail: format!(
                "account `{}` came to be by an earlier create without a known outcome",
                candidate.target
            ),
            changes: Vec::new(),
            write: Write::Nothing,
            effect: LinkEffect::Exported(candidate.values),
            phase: Phase::Creates,
            error: false,
        };
        let mut verdict = case.decided(vec![row], true, false);
        if let Verdict::Decided(decision) = &mut verdict {
            for change in &mut decision.changes {
                change.target = Some(candidate.target.clone());
            }
        }
        return Ok(verdict);
    }
    let looks = looks_so_far(&mut case, unsettled);
    if looks >= LOOKS_BEFORE_CREATE {
        return Err(case);
    }
    if step.status != StepStatus::Success {
        case.steps.push(step);
    }
    let row = Row::concern(
        ChangeStatus::Skipped,
        Reason::CreateUnsettled,
        format!(
            "an earlier create had no known outcome; looked for the account {looks} of \
             {LOOKS_BEFORE_CREATE} times"
        ),
    );
    Ok(case.decided(vec![row], true, false))
}
