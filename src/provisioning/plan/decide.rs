//! Decides about one person: the table of the room's essay, row by row.

use serde_json::Value;

use super::{
    model::{
        Action, ChangeStatus, Decision, LinkEffect, Phase, PlanInputs, PlannedChange, Verdict,
        Write,
    },
    withdraw::{leave, withdraw},
};
use crate::{
    model::{ChangeId, ObjectKind},
    provisioning::{
        Candidate, EntitlementMemory, Evidence, Failure, Link, LinkStanding, Mapped, MappingFault,
        MappingInputs, Matched, OutReason, Presence, Reason, Scoping, Step, StepKind, StepStatus,
        UnsettledCreate, Withdrawal, confirm, job::Apply, job::DirectoryDelete, job::NullFlow, map,
        match_keys, scope, settle,
    },
    scim::{AttributeChange, AttributePath, Values, same},
};

/// Looks, in different cycles, that must find nothing before a create is repeated.
pub(super) const LOOKS_BEFORE_CREATE: u32 = 2;

/// Decides what is done for one person.
///
/// Asks for a lookup first where the person has no link and might match an account.
pub fn decide(inputs: &PlanInputs<'_>) -> Verdict {
    let (scoping, step) = scope(inputs.job, inputs.subject, inputs.declared_roles);
    let mut case = Case::new(inputs, &scoping, step);
    if let (Scoping::Out(_), Some(link)) = (&scoping, inputs.link)
        && inputs.subject.presence == Presence::Live
        && link.standing == LinkStanding::Linked
    {
        case.out_of_scope();
        if confirm(case.memory, inputs.cycle.1, inputs.now) == Withdrawal::Pending {
            return case.pending();
        }
    }
    match scoping {
        Scoping::In => {
            case.memory = EntitlementMemory {
                since: inputs.memory.since.or(Some(inputs.now)),
                missing_since: None,
            }
        }
        Scoping::Out(_) => case.memory = EntitlementMemory::default(),
    }
    match inputs.link {
        None => unlinked(case, &scoping),
        Some(link) if link.standing == LinkStanding::Kept => kept(case, link, &scoping),
        Some(link) => linked(case, link, &scoping),
    }
}

/// One decision in the making: the steps so far, and what they rest on.
pub(super) struct Case<'a> {
    pub(super) inputs: &'a PlanInputs<'a>,
    pub(super) steps: Vec<Step>,
    in_scope: bool,
    memory: EntitlementMemory,
    looked: bool,
}

/// One row without what every row of the person has in common.
pub(super) struct Row {
    pub(super) action: Action,
    pub(super) status: ChangeStatus,
    pub(super) reason: Reason,
    pub(super) detail: String,
    pub(super) changes: Vec<AttributeChange>,
    pub(super) write: Write,
    pub(super) effect: LinkEffect,
    pub(super) phase: Phase,
    pub(super) error: bool,
}

impl Row {
    /// A row that does nothing.
    pub(super) fn skip(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            action: Action::Skip,
            status: ChangeStatus::Skipped,
            reason,
            detail: detail.into(),
            changes: Vec::new(),
            write: Write::Nothing,
            effect: LinkEffect::Unchanged,
            phase: Phase::Updates,
            error: false,
        }
    }

    /// A row that does nothing and that a person should see.
    pub(super) fn concern(status: ChangeStatus, reason: Reason, detail: impl Into<String>) -> Self {
        Self { status, error: true, ..Self::skip(reason, detail) }
    }
}

impl<'a> Case<'a> {
    fn new(inputs: &'a PlanInputs<'a>, scoping: &Scoping, step: Step) -> Self {
        let subject = inputs.subject;
        let found = match subject.presence {
            Presence::Live => (StepStatus::Success, "found in the directory"),
            Presence::SoftDeleted => (StepStatus::Success, "soft-deleted in the directory"),
            Presence::Deleted => (StepStatus::Success, "gone from the directory for good"),
            Presence::Unseen => (StepStatus::Warning, "the directory does not show it"),
        };
        let import = Step::new(StepKind::Import, found.0, "EntryImport", found.1.to_owned());
        Self {
            inputs,
            steps: vec![import, step],
            in_scope: *scoping == Scoping::In && subject.presence == Presence::Live,
            memory: inputs.memory,
            looked: false,
        }
    }

    fn out_of_scope(&mut self) {
        self.memory.missing_since = self.memory.missing_since.or(Some(self.inputs.now));
    }

    fn pending(self) -> Verdict {
        let row = Row::skip(
            Reason::AwaitingConfirmation,
            "its recent assignment ended; the next read must say so too",
        );
        self.decided(vec![row], true, false)
    }

    pub(super) fn mapping_inputs(&self, is_soft_deleted: bool) -> MappingInputs<'a> {
        MappingInputs {
            declared_roles: self.inputs.declared_roles,
            is_soft_deleted,
            now: self.inputs.now,
            default_domain: self.inputs.default_domain,
        }
    }

    /// Whether the account may never be disabled, deleted or renamed.
    pub(super) fn is_protected(&self) -> bool {
        let subject = self.inputs.subject;
        let names = ["userPrincipalName", "mail"];
        let mut known: Vec<String> = names
            .iter()
            .filter_map(|name| subject.attributes.get(*name)?.as_str().map(str::to_lowercase))
            .collect();
        known.push(subject.id.to_string());
        self.inputs
            .job
            .safeguards
            .protect
            .iter()
            .any(|protected| known.contains(&protected.to_lowercase()))
    }

    pub(super) fn decided(self, rows: Vec<Row>, again: bool, references: bool) -> Verdict {
        let subject = self.inputs.subject;
        let target = self.inputs.link.map(|link| link.target.clone());
        let changes = rows.into_iter().map(|row| {
            let mut steps = self.steps.clone();
            steps.push(processing_step(&row));
            PlannedChange {
                id: ChangeId::derive(&[
                    &self.inputs.cycle.0.to_string(),
                    &subject.id.to_string(),
                    row.action.as_str(),
                ]),
                kind: ObjectKind::User,
                source: subject.id,
                source_display: subject.display(),
                target: target.clone(),
                action: row.action,
                status: row.status,
                reason: row.reason,
                error: row
                    .error
                    .then(|| Failure { reason: row.reason, detail: row.detail.clone() }),
                detail: row.detail,
                changes: row.changes,
                write: row.write,
                effect: row.effect,
                phase: row.phase,
                reference: None,
                steps,
            }
        });
        let changes: Vec<PlannedChange> = changes.collect();
        Verdict::Decided(Decision {
            in_scope: self.in_scope,
            memory: self.memory,
            changes,
            again,
            wants_references: references,
            looked: self.looked,
        })
    }

    fn fault(self, fault: &MappingFault) -> Verdict {
        let row = Row::concern(ChangeStatus::Failure, MappingFault::REASON, fault.to_string());
        self.decided(vec![row], true, false)
    }
}

fn processing_step(row: &Row) -> Step {
    let (name, status) = match (row.action, row.status) {
        (_, ChangeStatus::Failure) => ("EntrySynchronizationSkip", StepStatus::Failure),
        (Action::Skip, ChangeStatus::Warning) => ("EntrySynchronizationSkip", StepStatus::Warning),
        (Action::Skip, _) => ("EntrySynchronizationSkip", StepStatus::Skipped),
        (Action::Create, _) => ("EntrySynchronizationAdd", StepStatus::Success),
        (Action::Adopt | Action::Update | Action::Disable | Action::Enable | Action::Delete, _) => {
            ("EntrySynchronizationUpdate", StepStatus::Success)
        }
    };
    let step = Step::new(StepKind::Processing, status, name, row.detail.clone());
    if status == StepStatus::Success {
        step
    } else {
        step.with("SkipReason", row.reason.to_string())
    }
}

fn unlinked(mut case: Case<'_>, scoping: &Scoping) -> Verdict {
    let subject = case.inputs.subject;
    let wanted = case.in_scope && subject.is_enabled();
    if let Some(unsettled) = case.inputs.unsettled.filter(|_| !wanted) {
        case = match super::unsettled::unwanted(case, unsettled) {
            Ok(verdict) => return verdict,
            Err(settled) => settled,
        };
    }
    if subject.presence != Presence::Live {
        // A member that the directory does not show may only be late: ask again.
        let again = subject.presence == Presence::Unseen;
        let row = Row::skip(Reason::NotEffectivelyEntitled, "not among the directory's live users");
        return case.decided(vec![row], again, false);
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
        Evidence::NotLooked => std::collections::BTreeMap::new(),
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

/// How often the account of an unsettled create was looked for, this look included if it counts.
pub(super) fn looks_so_far(case: &mut Case<'_>, unsettled: UnsettledCreate) -> u32 {
    let waited = (case.inputs.now - unsettled.sent_at).to_std().unwrap_or_default();
    case.looked = waited >= crate::provisioning::CONFIRMATION_DELAY
        && unsettled.last_look != Some(case.inputs.cycle.0);
    unsettled.looks + u32::from(case.looked)
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
    let mut diff = difference(mapped, &candidate.values, Comparison::ByCaseRule);
    // What the source has no value for is not ours: it stays, and we do not remember it.
    diff.changes.retain(|change| change.new.is_some());
    diff.exported.retain(|path, _| mapped.value(path).is_some());
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

/// A kept account whose person is in scope again is linked anew, from what the account has now.
fn kept(case: Case<'_>, link: &Link, scoping: &Scoping) -> Verdict {
    let subject = case.inputs.subject;
    if *scoping == Scoping::In && subject.presence == Presence::Live && subject.is_enabled() {
        return linked(case, link, scoping);
    }
    let row = Row::skip(
        Reason::Kept,
        format!("account `{}` is kept as it is, as configured", link.target),
    );
    case.decided(vec![row], false, false)
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
            case.decided(vec![row], true, false)
        }
        Presence::Live => match scoping {
            Scoping::Out(_) => super::withdraw::out_of_scope(case, link),
            Scoping::In if !subject.is_enabled() => withdraw(case, link, Reason::AccountDisabled),
            Scoping::In => update(case, link),
        },
    }
}

/// Leaves the account as it is and remembers whose it was.
pub(super) fn keep(case: Case<'_>, link: &Link, reason: Reason) -> Verdict {
    let text = match reason {
        Reason::HardDeleted => "deleted in the directory",
        Reason::SoftDeleted => "soft-deleted in the directory",
        _ => "out of scope",
    };
    let row = Row {
        effect: LinkEffect::Kept,
        ..Row::skip(
            Reason::Kept,
            format!("{text}; account `{}` is kept as it is, as configured", link.target),
        )
    };
    case.decided(vec![row], false, false)
}

fn update(case: Case<'_>, link: &Link) -> Verdict {
    let job = case.inputs.job;
    let mapped = match map(&job.users, case.inputs.subject, case.mapping_inputs(false)) {
        Ok(mapped) => mapped,
        Err(fault) => return case.fault(&fault),
    };
    let comparison = if link.stale { Comparison::ByCaseRule } else { Comparison::Exact };
    let mut diff = difference(&mapped, &link.exported, comparison);
    let mut withheld = None;
    if case.is_protected() {
        let before = diff.changes.len();
        diff.changes.retain(|change| !is_rename(&mapped, &change.path) && !turns_off(change));
        withheld = (diff.changes.len() < before)
            .then(|| Row::skip(Reason::Protected, "protected: it is not renamed or disabled"));
    }
    if !job.safeguards.update && !diff.changes.is_empty() {
        diff.changes.clear();
        withheld = Some(Row::skip(Reason::ActionDisabled, "it differs, and `update` is off"));
    }
    let exported = LinkEffect::Exported(applied(&diff.exported, &diff.changes));
    if diff.changes.is_empty() {
        let row = withheld.unwrap_or_else(|| Row::skip(Reason::RedundantExport, "nothing differs"));
        let unchanged = !link.stale
            && link.standing == LinkStanding::Linked
            && exported == LinkEffect::Exported(link.exported.clone());
        let effect = if unchanged { LinkEffect::Unchanged } else { exported };
        return case.decided(vec![Row { effect, ..row }], false, true);
    }
    let (action, reason, detail) = classify(&diff.changes);
    let row = Row {
        action,
        status: ChangeStatus::Planned,
        reason,
        detail,
        changes: diff.changes,
        write: Write::Patch { baseline: link.exported.clone() },
        effect: exported,
        phase: if action == Action::Disable { Phase::Removals } else { Phase::Updates },
        error: false,
    };
    case.decided(vec![row], false, true)
}

fn classify(changes: &[AttributeChange]) -> (Action, Reason, String) {
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

fn is_rename(mapped: &Mapped, path: &AttributePath) -> bool {
    path.is_user_name()
        || mapped.rows.iter().any(|row| &row.path == path && row.matching_priority.is_some())
}

/// How values are compared with a baseline.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    /// Byte for byte: the baseline is our own export.
    Exact,
    /// By the attribute's case rule: the baseline was read from the target.
    ByCaseRule,
}

/// What differs from a baseline, and the baseline with equal values in our own spelling.
pub(super) struct Difference {
    pub(super) changes: Vec<AttributeChange>,
    pub(super) exported: Values,
}

pub(super) fn difference(mapped: &Mapped, baseline: &Values, comparison: Comparison) -> Difference {
    let mut changes = Vec::new();
    let mut exported = Values::new();
    for row in mapped.rows.iter().filter(|row| row.apply == Apply::Always) {
        let old = baseline.get(&row.path);
        match (&row.value, old) {
            (Some(new), Some(old))
                if new == old
                    || (comparison == Comparison::ByCaseRule && same(&row.path, new, old)) =>
            {
                exported.insert(row.path.clone(), new.clone());
            }
            (None, None) => {}
            (None, Some(old)) if row.null == NullFlow::Keep || row.required => {
                exported.insert(row.path.clone(), old.clone());
            }
            (new, old) => {
                if let Some(old) = old {
                    exported.insert(row.path.clone(), old.clone());
                }
                changes.push(AttributeChange {
                    path: row.path.clone(),
                    old: old.cloned(),
                    new: new.clone(),
                });
            }
        }
    }
    // A mapping that was removed leaves the target's value and is forgotten; references are not
    // mapped rows and stay as they were exported.
    for (path, value) in baseline {
        if is_reference(path) {
            exported.insert(path.clone(), value.clone());
        }
    }
    Difference { changes, exported }
}

fn is_reference(path: &AttributePath) -> bool {
    path.attribute.eq_ignore_ascii_case("manager")
}

/// A baseline after these changes.
pub(super) fn applied(baseline: &Values, changes: &[AttributeChange]) -> Values {
    let mut after = baseline.clone();
    for change in changes {
        match &change.new {
            Some(value) => after.insert(change.path.clone(), value.clone()),
            None => after.remove(&change.path),
        };
    }
    after
}
