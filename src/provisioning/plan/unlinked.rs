//! What is done for a person without a link: match, then create or adopt.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    case::{Case, Row},
    decide::is_rename,
    difference::{Baseline, applied, difference, is_reference},
    model::{Action, ChangeStatus, LinkEffect, Phase, Verdict, Write},
};
use crate::{
    provisioning::{
        CONFIRMATION_DELAY, Candidate, Evidence, Mapped, Matched, OutReason, Presence, Reason,
        Scoping, UnsettledCreate, job::Apply, map, match_keys, settle,
    },
    scim::{AttributeChange, AttributePath, Values},
};

/// Looks, in different cycles, that must find nothing before a create is repeated.
pub(super) const LOOKS_BEFORE_CREATE: u32 = 2;

pub(super) fn unlinked(mut case: Case<'_>, scoping: &Scoping) -> Verdict {
    let subject = case.inputs.subject;
    let wanted = case.in_scope && subject.is_enabled();
    if let Some(unsettled) = case.inputs.unsettled.filter(|_| !wanted) {
        case = match super::unsettled::unwanted(case, unsettled) {
            Ok(verdict) => return verdict,
            Err(settled) => settled,
        };
    }
    if subject.presence != Presence::Live {
        let row = Row::skip(Reason::NotEffectivelyEntitled, "not among the directory's live users");
        return case.decided(vec![row], false, false);
    }
    if let Scoping::Out(reason) = scoping {
        let row = Row::skip(Reason::NotEffectivelyEntitled, out_sentence(*reason));
        return case.decided(vec![row], false, false);
    }
    let enabled = subject.is_enabled();
    let mapped = match map(&case.inputs.job.users, subject, case.mapping_inputs(!enabled)) {
        Ok(mapped) => mapped,
        Err(fault) if enabled => return case.fault(&fault),
        Err(_) => Mapped::default(),
    };
    let keys = match_keys(&mapped);
    if keys.is_empty() && enabled {
        let row = Row::concern(
            ChangeStatus::Skipped,
            Reason::ImportSkipped,
            "no matching attribute has a value",
        );
        return case.decided(vec![row], false, false);
    }
    let found = match &case.inputs.evidence {
        Evidence::NotLooked if !keys.is_empty() => {
            return Verdict::Lookup { keys, required: enabled };
        }
        Evidence::NotLooked => BTreeMap::new(),
        Evidence::Found(found) => found.clone(),
    };
    let (matched, step) = settle(&keys, &found);
    if !enabled {
        return disabled_at_first_sight(case, &matched);
    }
    case.steps.push(step);
    match matched {
        Matched::Many(path, count) => {
            let detail = format!("{count} accounts have the same `{path}`");
            let row = Row::concern(ChangeStatus::Failure, Reason::DuplicateTargetEntries, detail);
            case.decided(vec![row], true, false)
        }
        Matched::Claimed(path, target, _) => {
            let detail = format!(
                "account `{target}` has the same `{path}`, but belongs or belonged to another \
                 person; nothing was written to it"
            );
            let row = Row::concern(ChangeStatus::Failure, Reason::DuplicateSourceEntries, detail);
            case.decided(vec![row], true, false)
        }
        Matched::One(path, candidate) => adopt(case, &mapped, &path, &candidate),
        Matched::None => create(case, &mapped),
    }
}

fn out_sentence(reason: OutReason) -> &'static str {
    match reason {
        OutReason::NotAssigned => "not assigned to the application",
        OutReason::OnlyDefaultAccess => "assigned with Default Access only, which is excluded",
    }
}

/// Someone disabled who never had an account gets none; one that is active is pointed out.
fn disabled_at_first_sight(case: Case<'_>, matched: &Matched) -> Verdict {
    let active = match matched {
        Matched::One(_, candidate) => candidate
            .values
            .iter()
            .find(|(path, _)| path.is_active())
            .is_none_or(|(_, value)| value != &Value::Bool(false))
            .then_some(&candidate.target),
        Matched::None | Matched::Many(..) | Matched::Claimed(..) => None,
    };
    let row = match active {
        Some(target) => Row::concern(
            ChangeStatus::Warning,
            Reason::NotEffectivelyEntitled,
            format!(
                "disabled in the directory, and the active account `{target}` matches; it is not \
                 ours, so it was left as it is"
            ),
        ),
        None => Row::skip(
            Reason::NotEffectivelyEntitled,
            "disabled in the directory before it ever had an account",
        ),
    };
    case.decided(vec![row], false, false)
}

fn create(mut case: Case<'_>, mapped: &Mapped) -> Verdict {
    if let Some(unsettled) = case.inputs.unsettled {
        let looks = looks_so_far(&mut case, unsettled);
        if looks < LOOKS_BEFORE_CREATE {
            let row = Row::concern(
                ChangeStatus::Skipped,
                Reason::CreateUnsettled,
                format!(
                    "an earlier create had no known outcome; looked for the account {looks} of \
                     {LOOKS_BEFORE_CREATE} times"
                ),
            );
            return case.decided(vec![row], true, false);
        }
    }
    if !case.inputs.job.safeguards.create {
        let row = Row::skip(Reason::ActionDisabled, "no account, and `create` is off");
        return case.decided(vec![row], false, false);
    }
    let values = match mapped.for_create() {
        Ok(values) => values,
        Err(fault) => {
            let row = Row::concern(
                ChangeStatus::Skipped,
                Reason::AttributeValidationFailed,
                fault.to_string(),
            );
            return case.decided(vec![row], false, false);
        }
    };
    let changes = values
        .iter()
        .map(|(path, value)| AttributeChange {
            path: path.clone(),
            old: None,
            new: Some(value.clone()),
        })
        .collect();
    let row = Row {
        action: Action::Create,
        status: ChangeStatus::Planned,
        reason: Reason::InScope,
        detail: "in scope, and no account matches".to_owned(),
        changes,
        effect: LinkEffect::Exported(exported_of_create(mapped, &values)),
        write: Write::Create(values),
        phase: Phase::Creates,
        error: false,
    };
    case.decided(vec![row], false, true)
}

/// Values of rows that apply on create only are not compared later, so they are not remembered.
fn exported_of_create(mapped: &Mapped, values: &Values) -> Values {
    let lasting = |path: &AttributePath| {
        mapped.rows.iter().any(|row| &row.path == path && row.apply == Apply::Always)
    };
    values
        .iter()
        .filter(|(path, _)| lasting(path))
        .map(|(path, value)| (path.clone(), value.clone()))
        .collect()
}

fn adopt(case: Case<'_>, mapped: &Mapped, by: &AttributePath, candidate: &Candidate) -> Verdict {
    // What the source has no value for is not ours: it stays, and we do not remember it.
    let nothing_owned = Values::new();
    let baseline = Baseline { values: &candidate.values, owned: &nothing_owned, own_export: false };
    let mut diff = difference(mapped, baseline);
    let has_manager = case.inputs.subject.manager.is_some();
    diff.exported.retain(|path, _| {
        if is_reference(path) { has_manager } else { mapped.value(path).is_some() }
    });
    if !case.inputs.job.safeguards.update {
        diff.changes.clear();
    }
    if case.is_protected() {
        diff.changes.retain(|change| !is_rename(mapped, &change.path));
    }
    let enables = diff.changes.iter().any(|change| {
        change.path.is_active()
            && change.old == Some(Value::Bool(false))
            && change.new == Some(Value::Bool(true))
    });
    let after = applied(&diff.exported, &diff.changes);
    let patch = Write::Patch { baseline: candidate.values.clone() };
    let has_changes = !diff.changes.is_empty();
    let mut adopt = Row {
        action: Action::Adopt,
        status: ChangeStatus::Planned,
        reason: Reason::Matched,
        detail: format!("account `{}` has the same `{by}`", candidate.target),
        changes: Vec::new(),
        write: Write::Nothing,
        effect: LinkEffect::Exported(diff.exported),
        phase: Phase::Creates,
        error: false,
    };
    let mut rows = Vec::new();
    if enables {
        rows.push(adopt);
        rows.push(Row {
            action: Action::Enable,
            status: ChangeStatus::Planned,
            reason: Reason::AdoptedAccountDisabled,
            detail: "the adopted account was disabled at the target".to_owned(),
            changes: diff.changes,
            write: patch,
            effect: LinkEffect::Exported(after),
            phase: Phase::AfterCreates,
            error: false,
        });
    } else {
        if has_changes {
            adopt.write = patch;
        }
        adopt.changes = diff.changes;
        adopt.effect = LinkEffect::Exported(after);
        rows.push(adopt);
    }
    let target = candidate.target.clone();
    match case.decided(rows, false, true) {
        Verdict::Decided(mut decision) => {
            for change in &mut decision.changes {
                change.target = Some(target.clone());
            }
            Verdict::Decided(decision)
        }
        lookup @ Verdict::Lookup { .. } => lookup,
    }
}

/// How often the account of an unsettled create was looked for, this look included if it counts.
pub(super) fn looks_so_far(case: &mut Case<'_>, unsettled: UnsettledCreate) -> u32 {
    let waited = (case.inputs.now - unsettled.sent_at).to_std().unwrap_or_default();
    case.looked = waited >= CONFIRMATION_DELAY && unsettled.last_look != Some(case.inputs.cycle.0);
    unsettled.looks + u32::from(case.looked)
}
