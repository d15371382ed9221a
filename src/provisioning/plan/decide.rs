//! Decides about one object: the table of the room's essay, row by row.

use serde_json::Value;

use super::{
    case::{Case, Row},
    difference::{Baseline, applied, difference},
    model::{Action, ChangeStatus, LinkEffect, Phase, PlanInputs, Verdict, Write},
    unlinked::unlinked,
    withdraw::{leave, out_of_scope, sentence, turn_off, withdraw},
};
use crate::{
    model::{ObjectKind, Timestamp},
    provisioning::{
        EntitlementMemory, Link, LinkStanding, MappingFault, Presence, Reason, Scoping,
        ScopingInputs, Subject, Withdrawal, confirm,
        job::{DirectoryDelete, Job},
        map_linked,
        mapping::map_active,
        scope,
        words::{is_name, words},
    },
    scim::{AttributeChange, shown},
};

/// Decides what is done for one person.
///
/// Asks for a lookup first where the person has no link and might match an account.
pub fn decide(inputs: &PlanInputs<'_>) -> Verdict {
    let scoped = scope(
        inputs.job,
        inputs.subject,
        ScopingInputs {
            declared_roles: inputs.declared_roles,
            principals: inputs.principals,
            now: inputs.now,
        },
    );
    let scoping = scoped.scoping;
    let mut case = Case::new(inputs, &scoping, scoped.step);
    case.reconsider(scoped.reconsider_at);
    if let (Scoping::Out(_), Some(link)) = (&scoping, inputs.link)
        && inputs.subject.presence == Presence::Live
        && link.standing == LinkStanding::Linked
    {
        case.out_of_scope();
        if confirm(&case.memory, inputs.cycle.1, inputs.now) == Withdrawal::Pending {
            return case.pending();
        }
    }
    match &scoping {
        Scoping::In => case.memory = inputs.memory.of(&inputs.subject.accesses(), inputs.now),
        Scoping::Out(_) => case.memory = EntitlementMemory::default(),
        Scoping::Undecided(_) => {}
    }
    case.memory.left_at = left_at(inputs, &scoping);
    match inputs.link {
        None => unlinked(case, &scoping),
        Some(link) if link.is_hint && is_wanted(inputs.subject, &scoping) => {
            unlinked(case, &scoping)
        }
        Some(link) if link.standing == LinkStanding::Kept => kept(case, link, &scoping),
        Some(link) => linked(case, link, &scoping),
    }
}

/// Since when a person has been out of scope, as far as `delete_after` counts it.
///
/// Nothing is counted without the key, so that it counts from the first decision under it and
/// never from before.
fn left_at(inputs: &PlanInputs<'_>, scoping: &Scoping) -> Option<Timestamp> {
    inputs.job.safeguards.delete_after?;
    let remembered = inputs.memory.left_at;
    match (inputs.subject.presence, scoping) {
        (Presence::SoftDeleted | Presence::Deleted, _) | (Presence::Live, Scoping::Out(_)) => {
            remembered.or(Some(inputs.now))
        }
        (Presence::Live, Scoping::In) => None,
        (Presence::Unseen, _) | (Presence::Live, Scoping::Undecided(_)) => remembered,
    }
}

/// Whether a person is to have an account that is enabled.
pub fn is_wanted(subject: &Subject, scoping: &Scoping) -> bool {
    *scoping == Scoping::In && subject.presence == Presence::Live && subject.is_enabled()
}

/// A kept account whose person is in scope again is linked anew, from what the account has now.
fn kept(case: Case<'_>, link: &Link, scoping: &Scoping) -> Verdict {
    if is_wanted(case.inputs.subject, scoping) {
        return linked(case, link, scoping);
    }
    let why = cannot_delete(&case).unwrap_or_else(|| ", as configured".to_owned());
    let (one, target) = (case.words().one, &link.target);
    let row = Row::skip(Reason::Kept, format!("{one} `{target}` is kept as it is{why}"));
    case.decided(vec![row], false)
}

/// That nothing else than keeping was possible, as the end of a sentence. A person's account that
/// cannot be deleted is disabled, so it is kept only where somebody wants it.
fn cannot_delete(case: &Case<'_>) -> Option<String> {
    let job = case.inputs.job;
    (job.kind == ObjectKind::Group && !job.capability.deletes)
        .then(|| format!("; the application cannot delete {}", case.words().many))
}

fn linked(case: Case<'_>, link: &Link, scoping: &Scoping) -> Verdict {
    let subject = case.inputs.subject;
    let safeguards = &case.inputs.job.safeguards;
    match subject.presence {
        Presence::Deleted => match safeguards.on_directory_delete {
            DirectoryDelete::Delete => leave(case, Reason::HardDeleted),
            DirectoryDelete::Disable => withdraw(case, link, Reason::HardDeleted),
            DirectoryDelete::Keep => keep(case, link, Reason::HardDeleted),
        },
        Presence::SoftDeleted => match safeguards.on_directory_delete {
            DirectoryDelete::Keep => keep(case, link, Reason::SoftDeleted),
            DirectoryDelete::Delete | DirectoryDelete::Disable => {
                withdraw(case, link, Reason::SoftDeleted)
            }
        },
        Presence::Unseen => {
            let row = Row::concern(
                ChangeStatus::Skipped,
                Reason::AwaitingConfirmation,
                "the directory does not show it; one missing row proves nothing",
            );
            case.decided(vec![row], true)
        }
        Presence::Live => match scoping {
            Scoping::Out(reason) => out_of_scope(case, link, *reason),
            Scoping::In | Scoping::Undecided(_) if !subject.is_enabled() => {
                withdraw(case, link, Reason::AccountDisabled)
            }
            Scoping::In => update(case, link),
            Scoping::Undecided(problem) => case.undecided(problem),
        },
    }
}

/// Leaves the account as it is and remembers whose it was.
pub(super) fn keep(case: Case<'_>, link: &Link, reason: Reason) -> Verdict {
    let (one, target) = (case.words().one, &link.target);
    let (sentence, why) = (sentence(reason), cannot_delete(&case).unwrap_or_default());
    let row = Row {
        effect: LinkEffect::Kept,
        ..Row::skip(Reason::Kept, format!("{sentence}; {one} `{target}` is kept as it is{why}"))
    };
    case.decided(vec![row], false)
}

fn update(mut case: Case<'_>, link: &Link) -> Verdict {
    let job = case.inputs.job;
    let inputs = case.mapping_inputs(false);
    let mapped = match map_linked(&job.attributes, case.inputs.subject, inputs, link) {
        Ok(mapped) => case.as_sent(mapped),
        Err(fault) => return faulty(case, link, &fault),
    };
    case.rests_on(&mapped);
    let mut diff = difference(&mapped, Baseline::of(link));
    let mut withheld = None;
    if case.is_protected() {
        let before = diff.changes.len();
        diff.changes.retain(|change| !case.is_rename(&mapped, &change.path) && !turns_off(change));
        withheld = (diff.changes.len() < before)
            .then(|| Row::skip(Reason::Protected, case.words().protected));
    }
    let rename = withhold_rename(job, &mut diff.changes);
    if !job.safeguards.update && !diff.changes.is_empty() {
        diff.changes.clear();
        withheld = Some(Row::skip(Reason::ActionDisabled, "it differs, and `update` is off"));
    }
    let exported = applied(&diff.exported, &diff.changes);
    let rests_as_before = case.basis_of(&exported) == link.basis;
    let exported = LinkEffect::Exported(exported);
    if diff.changes.is_empty() {
        let row = rename
            .or(withheld)
            .unwrap_or_else(|| Row::skip(Reason::RedundantExport, "nothing differs"));
        let unchanged = !link.stale
            && link.standing == LinkStanding::Linked
            && rests_as_before
            && exported == LinkEffect::Exported(link.exported.clone());
        let effect = if unchanged { LinkEffect::Unchanged } else { exported };
        return case.decided(vec![Row { effect, ..row }], false);
    }
    let (action, reason, detail) = classify(&diff.changes);
    let row = Row {
        action,
        status: ChangeStatus::Planned,
        reason,
        detail,
        changes: diff.changes,
        write: Write::Patch { baseline: link.baseline().clone() },
        effect: exported,
        phase: if action == Action::Disable { Phase::Removals } else { Phase::Updates },
        error: false,
    };
    case.decided([row].into_iter().chain(rename).collect(), false)
}

/// A person whose account cannot be computed fails alone. An account that the mapping of `active`
/// turns off is turned off first all the same; what is wrong is said in the next cycle.
fn faulty(case: Case<'_>, link: &Link, fault: &MappingFault) -> Verdict {
    let users = &case.inputs.job.attributes;
    let inputs = case.mapping_inputs(false);
    let Ok(mapped) = map_active(users, case.inputs.subject, inputs, link) else {
        return case.fault(fault);
    };
    let changes = difference(&mapped, Baseline::of(link)).changes;
    if mapped.is_active() != Some(false) || !changes.iter().any(turns_off) {
        return case.fault(fault);
    }
    let mut verdict = turn_off(case, link, &mapped, Reason::AttributesChanged);
    if let Verdict::Decided(decision) = &mut verdict {
        decision.again = true;
    }
    verdict
}

/// Takes a change of the name out where the application cannot rename, and says so.
pub(super) fn withhold_rename(job: &Job, changes: &mut Vec<AttributeChange>) -> Option<Row> {
    if job.capability.renames {
        return None;
    }
    let position = changes.iter().position(|change| is_name(job.kind, &change.path))?;
    let rename = changes.remove(position);
    let detail = format!(
        "`{}` should be {}, and the application cannot rename {}",
        rename.path,
        rename.new.as_ref().map(shown).unwrap_or_default(),
        words(job.kind).any
    );
    Some(Row::concern(ChangeStatus::Warning, Reason::RenameNotSupported, detail))
}

pub(super) fn classify(changes: &[AttributeChange]) -> (Action, Reason, String) {
    match changes.iter().find(|change| change.path.is_active()) {
        Some(change) if turns_off(change) => (
            Action::Disable,
            Reason::AttributesChanged,
            "the mapping of `active` says false".to_owned(),
        ),
        Some(change) if change.new == Some(Value::Bool(true)) => {
            (Action::Enable, Reason::BackInScope, "in scope and enabled again".to_owned())
        }
        Some(_) | None => {
            let paths: Vec<String> = changes.iter().map(|c| c.path.to_string()).collect();
            (Action::Update, Reason::AttributesChanged, format!("{} changed", paths.join(", ")))
        }
    }
}

/// A disable is any write after which `active` is not true any more.
pub(super) fn turns_off(change: &AttributeChange) -> bool {
    change.path.is_active()
        && change.old != Some(Value::Bool(false))
        && change.new != Some(Value::Bool(true))
}
