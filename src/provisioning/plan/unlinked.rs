//! What is done for a person without a link: match, then create or adopt.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::Value;

use super::{
    case::{Case, Row},
    decide::{classify, is_wanted, turns_off, withhold_rename},
    difference::{Baseline, applied, difference, is_reference},
    model::{Action, ChangeStatus, LinkEffect, Phase, PlanInputs, Verdict, Write},
};
use crate::{
    model::TargetId,
    provisioning::{
        Candidate, Claim, Evidence, Mapped, MappingFault, Matched, OutReason, Presence, Reason,
        Scoping, UnsettledCreate, job::Apply, map, map_to_compare, match_keys, settle,
        words::Words,
    },
    scim::{AttributeChange, AttributePath, Values},
};

/// Looks, in different cycles, that must find nothing before a create is repeated.
const LOOKS_BEFORE_CREATE: u32 = 2;

pub(super) fn unlinked(mut case: Case<'_>, scoping: &Scoping) -> Verdict {
    let subject = case.inputs.subject;
    let wanted = is_wanted(subject, scoping);
    if let (Some(unsettled), false) = (&case.inputs.unsettled, wanted)
        && unsettled.looks < LOOKS_BEFORE_CREATE
    {
        return abandoned(case, unsettled);
    }
    if subject.presence != Presence::Live {
        let row = Row::skip(Reason::NotEffectivelyEntitled, "not among the directory's live users");
        return case.decided(vec![row], false);
    }
    match scoping {
        Scoping::In => {}
        Scoping::Out(reason) => {
            let row = Row::skip(reason.reason(), out_sentence(*reason));
            return case.decided(vec![row], false);
        }
        Scoping::Undecided(problem) => return case.undecided(problem),
    }
    let enabled = subject.is_enabled();
    let mapped = match mapped(&case) {
        Ok(mapped) => mapped,
        Err(fault) if enabled => return case.fault(&fault),
        Err(_) => Cow::Owned(Mapped::default()),
    };
    case.rests_on(&mapped);
    let keys = match_keys(&mapped, case.inputs.unsettled.as_ref());
    if keys.is_empty() && enabled {
        let row = Row::concern(
            ChangeStatus::Skipped,
            Reason::ImportSkipped,
            "no matching attribute has a value",
        );
        return case.decided(vec![row], false);
    }
    let found = match &case.inputs.evidence {
        Evidence::NotLooked if !keys.is_empty() => {
            let mapped = Some(Box::new(mapped.into_owned()));
            return Verdict::Lookup { keys, required: enabled, mapped };
        }
        Evidence::NotLooked => BTreeMap::new(),
        Evidence::Found(found) => found.clone(),
    };
    let (matched, step) = settle(subject.kind, &keys, &found);
    if !enabled {
        return disabled_at_first_sight(case, &matched);
    }
    case.steps.push(step);
    match matched {
        Matched::Many(path, count) => {
            let detail = format!("{count} {} have the same `{path}`", case.words().many);
            let row = Row::concern(ChangeStatus::Failure, Reason::DuplicateTargetEntries, detail);
            case.decided(vec![row], true)
        }
        Matched::Claimed(path, target, claim) => {
            let detail = format!(
                "{} `{target}` has the same `{path}`, but {}; nothing was written to it",
                case.words().one,
                owner(case.words(), &claim)
            );
            let row = Row::concern(ChangeStatus::Failure, Reason::DuplicateSourceEntries, detail);
            case.decided(vec![row], true)
        }
        Matched::One(path, candidate) => adopt(case, mapped.into_owned(), &path, &candidate),
        Matched::None => create(case, &mapped),
    }
}

/// What the person maps to: computed once, also where the target is asked in between.
fn mapped<'a>(case: &Case<'a>) -> Result<Cow<'a, Mapped>, MappingFault> {
    let PlanInputs { job, subject, mapped, .. } = case.inputs;
    if let Some(mapped) = mapped {
        return Ok(Cow::Borrowed(mapped));
    }
    let inputs = case.mapping_inputs(!subject.is_enabled());
    map(&job.attributes, subject, inputs).map(|mapped| Cow::Owned(case.as_sent(mapped)))
}

/// Whose an account or group is that somebody else has a claim to, as a part of a sentence.
fn owner(words: &Words, claim: &Claim) -> String {
    match claim {
        Claim::OtherApplication(app) => format!("application `{app}` has or had it"),
        Claim::Free | Claim::LinkedTo(_) | Claim::ReleasedFrom(_) => {
            format!("belongs or belonged to {}", words.other)
        }
    }
}

/// Someone who is not wanted any more, and whose create may have made an account all the same: it
/// is looked for and linked, so that the next cycle withdraws it like any other.
fn abandoned(mut case: Case<'_>, unsettled: &UnsettledCreate) -> Verdict {
    let inputs = case.mapping_inputs(false);
    let mapped = map_to_compare(&case.inputs.job.attributes, case.inputs.subject, inputs)
        .unwrap_or_default();
    let keys = match_keys(&mapped, case.inputs.unsettled.as_ref());
    let found = match &case.inputs.evidence {
        Evidence::NotLooked if !keys.is_empty() => {
            return Verdict::Lookup { keys, required: true, mapped: None };
        }
        Evidence::NotLooked => BTreeMap::new(),
        Evidence::Found(found) => found.clone(),
    };
    let (matched, step) = settle(case.inputs.subject.kind, &keys, &found);
    case.steps.push(step);
    if let Matched::One(by, candidate) = matched {
        let mut exported = candidate.values;
        exported.retain(|path, _| mapped.value(path).is_some());
        let row = Row {
            action: Action::Adopt,
            status: ChangeStatus::Planned,
            detail: format!(
                "an earlier create had no known outcome and made {} `{}` (same `{by}`)",
                case.words().one,
                candidate.target
            ),
            effect: LinkEffect::Exported(exported),
            phase: Phase::Creates,
            ..Row::skip(Reason::CreateUnsettled, "")
        };
        return about(&candidate.target, case.decided(vec![row], true));
    }
    case.looked = case.look_counts(unsettled);
    let row = Row::skip(
        Reason::CreateUnsettled,
        format!(
            "no longer wanted; an earlier create had no known outcome, so {} is looked for",
            case.words().its
        ),
    );
    case.decided(vec![row], true)
}

fn out_sentence(reason: OutReason) -> &'static str {
    match reason {
        OutReason::NotAssigned => "not assigned to the application",
        OutReason::OnlyDefaultAccess => "assigned with Default Access only, which is excluded",
        OutReason::ScopingFilter => "assigned, but no scoping filter holds",
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
    case.decided(vec![row], false)
}

fn create(mut case: Case<'_>, mapped: &Mapped) -> Verdict {
    if let Some(unsettled) = &case.inputs.unsettled {
        let counts = case.look_counts(unsettled);
        case.looked = counts;
        let looks = unsettled.looks + u32::from(counts);
        if looks < LOOKS_BEFORE_CREATE {
            let row = Row::concern(
                ChangeStatus::Skipped,
                Reason::CreateUnsettled,
                format!(
                    "an earlier create had no known outcome; looked for the {} {looks} of \
                     {LOOKS_BEFORE_CREATE} times",
                    case.words().one
                ),
            );
            return case.decided(vec![row], true);
        }
    }
    if !case.inputs.job.safeguards.create {
        let Words { one, many, .. } = case.words();
        let why = if case.inputs.job.capability.creates {
            "`create` is off".to_owned()
        } else {
            format!("the application cannot create {many}")
        };
        let row = Row::skip(Reason::ActionDisabled, format!("no {one}, and {why}"));
        return case.decided(vec![row], false);
    }
    if let Some(fault) = mapped.create_fault() {
        return case.fault(&fault);
    }
    let values = match mapped.for_create() {
        Ok(values) => values,
        Err(fault) => {
            let row = Row::concern(
                ChangeStatus::Skipped,
                Reason::AttributeValidationFailed,
                fault.to_string(),
            );
            return case.decided(vec![row], false);
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
        detail: format!("in scope, and no {} matches", case.words().one),
        changes,
        effect: LinkEffect::Exported(exported_of_create(mapped, &values)),
        write: Write::Create(values),
        phase: Phase::Creates,
        error: false,
    };
    case.decided(vec![row], false)
}

/// Values of rows that apply on create only are not compared later, so they are not remembered.
fn exported_of_create(mapped: &Mapped, values: &Values) -> Values {
    if mapped.rows.iter().all(|row| row.apply == Apply::Always) {
        return values.clone();
    }
    let lasting = |path: &AttributePath| {
        mapped.rows.iter().any(|row| &row.path == path && row.apply == Apply::Always)
    };
    values
        .iter()
        .filter(|(path, _)| lasting(path))
        .map(|(path, value)| (path.clone(), value.clone()))
        .collect()
}

/// What is ours of an account that is adopted: nothing, so that what the source has no value for
/// stays; but all of one of our own making, whose create had no known outcome.
fn owned(case: &Case<'_>) -> Values {
    let own = case.inputs.unsettled.as_ref().filter(|unsettled| unsettled.created);
    own.map(|unsettled| unsettled.sent.clone()).unwrap_or_default()
}

fn adopt(mut case: Case<'_>, mapped: Mapped, by: &AttributePath, candidate: &Candidate) -> Verdict {
    let mapped = &mapped.keeping(&candidate.values, case.inputs.link);
    case.rests_on(mapped);
    let owned = owned(&case);
    let baseline = Baseline { values: &candidate.values, owned: &owned, own_export: false };
    let mut diff = difference(mapped, baseline);
    let has_manager = case.inputs.subject.manager.is_some();
    diff.exported.retain(|path, _| {
        if is_reference(path) { has_manager } else { mapped.value(path).is_some() }
    });
    if !case.inputs.job.safeguards.update {
        diff.changes.clear();
    }
    if case.is_protected() || case.is_protected_account(&candidate.values) {
        diff.changes.retain(|change| !case.is_rename(mapped, &change.path) && !turns_off(change));
    }
    let rename = withhold_rename(case.inputs.job, &mut diff.changes);
    let disables = diff.changes.iter().any(turns_off);
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
        detail: format!("{} `{}` has the same `{by}`", case.words().one, candidate.target),
        changes: Vec::new(),
        write: Write::Nothing,
        effect: LinkEffect::Exported(diff.exported),
        phase: Phase::Creates,
        error: false,
    };
    let mut rows = Vec::new();
    if enables || disables {
        let (action, reason, detail) = if enables {
            let detail = "the adopted account was disabled at the target".to_owned();
            (Action::Enable, Reason::AdoptedAccountDisabled, detail)
        } else {
            classify(&diff.changes)
        };
        rows.push(adopt);
        rows.push(Row {
            action,
            status: ChangeStatus::Planned,
            reason,
            detail,
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
    rows.extend(rename);
    about(&candidate.target, case.decided(rows, false))
}

/// The verdict with its rows naming the account.
fn about(target: &TargetId, mut verdict: Verdict) -> Verdict {
    if let Verdict::Decided(decision) = &mut verdict {
        for change in &mut decision.changes {
            change.target = Some(target.clone());
        }
    }
    verdict
}
