//! One decision in the making: what it rests on, the steps so far, and the rows it comes to.

use chrono::TimeDelta;
use serde_json::Value;

use super::model::{
    Action, ChangeStatus, Decision, LinkEffect, Phase, PlanInputs, PlannedChange, Verdict, Write,
};
use crate::{
    model::{ChangeId, ObjectKind, Timestamp},
    provisioning::{
        Basis, CONFIRMATION_DELAY, EntitlementMemory, Failure, Mapped, MappingFault, MappingInputs,
        Presence, Reason, Scoping, Step, StepKind, StepStatus, UnsettledCreate, earliest,
        words::{Words, is_name, words},
    },
    scim::{AttributeChange, AttributePath, Dialect, Values},
};

/// One decision in the making: the steps so far, and what they rest on.
pub(super) struct Case<'a> {
    pub(super) inputs: &'a PlanInputs<'a>,
    pub(super) steps: Vec<Step>,
    in_scope: bool,
    pub(super) memory: EntitlementMemory,
    pub(super) looked: bool,
    reconsider_at: Option<Timestamp>,
    /// Values that are not computed anew each time, with what they rest on.
    sticky: Vec<Sticky>,
}

/// A value that is not computed anew each time.
struct Sticky {
    path: AttributePath,
    basis: String,
    value: Option<Value>,
    default: Option<Value>,
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
    pub(super) fn new(inputs: &'a PlanInputs<'a>, scoping: &Scoping, step: Step) -> Self {
        let subject = inputs.subject;
        let found = match subject.presence {
            Presence::Live => (StepStatus::Success, "found in the directory"),
            Presence::SoftDeleted => (StepStatus::Success, "soft-deleted in the directory"),
            Presence::Deleted => (StepStatus::Success, "gone from the directory for good"),
            Presence::Unseen => (StepStatus::Warning, "the directory does not show it"),
        };
        let import = Step::new(StepKind::Import, found.0, "EntryImport", found.1.to_owned());
        let was_in_scope = inputs.memory.since.is_some();
        let in_scope = match scoping {
            Scoping::In => subject.presence == Presence::Live,
            Scoping::Out(_) => false,
            Scoping::Undecided(_) => was_in_scope && subject.presence == Presence::Live,
        };
        Self {
            inputs,
            steps: vec![import, step],
            in_scope,
            memory: inputs.memory.clone(),
            looked: false,
            reconsider_at: None,
            sticky: Vec::new(),
        }
    }

    /// The same facts may come to another decision then.
    pub(super) fn reconsider(&mut self, at: Option<Timestamp>) {
        self.reconsider_at = earliest(self.reconsider_at, at);
    }

    /// The decision rests on this mapping.
    pub(super) fn rests_on(&mut self, mapped: &Mapped) {
        self.reconsider(mapped.reconsider_at);
        let sticky = mapped.rows.iter().filter_map(|row| {
            Some(Sticky {
                path: row.path.clone(),
                basis: row.basis.clone()?,
                value: row.value.clone(),
                default: row.default.clone(),
            })
        });
        self.sticky = sticky.collect();
    }

    /// What these exported values rest on: what was just computed where that is among them, and
    /// what the link knows where they are still the same.
    pub(super) fn basis_of(&self, exported: &Values) -> Basis {
        let mut basis = Basis::new();
        if let Some(link) = self.inputs.link {
            let stays = |path: &AttributePath| exported.get(path) == link.exported.get(path);
            let known = link.basis.iter().filter(|(path, _)| stays(path));
            basis.extend(known.map(|(path, text)| (path.clone(), text.clone())));
        }
        for sticky in &self.sticky {
            let wanted = sticky.value.as_ref();
            let got = exported.get(&sticky.path);
            if got == wanted || (wanted.is_none() && got == sticky.default.as_ref()) {
                basis.insert(sticky.path.clone(), sticky.basis.clone());
            }
        }
        basis
    }

    fn basis_after(&self, effect: &LinkEffect) -> Option<Basis> {
        match effect {
            LinkEffect::Exported(exported) => Some(self.basis_of(exported)),
            LinkEffect::Unchanged | LinkEffect::Kept | LinkEffect::Removed => None,
        }
    }

    pub(super) fn out_of_scope(&mut self) {
        self.memory.missing_since = self.memory.missing_since.or(Some(self.inputs.now));
    }

    pub(super) fn pending(self) -> Verdict {
        let row = Row::skip(
            Reason::AwaitingConfirmation,
            "its recent assignment ended; the next read must say so too",
        );
        self.decided(vec![row], true)
    }

    pub(super) fn mapping_inputs(&self, is_soft_deleted: bool) -> MappingInputs<'a> {
        MappingInputs {
            declared_roles: self.inputs.declared_roles,
            is_soft_deleted,
            // The export maps redacted values again, at another moment and to the same values.
            now: self.inputs.cycle.1,
            default_domain: self.inputs.default_domain,
            key: self.inputs.key,
        }
    }

    /// The mapped person as the dialect sends it: `entra-legacy` names a role with its id.
    pub(super) fn as_sent(&self, mapped: Mapped) -> Mapped {
        let PlanInputs { job, subject, declared_roles, .. } = self.inputs;
        match job.dialect {
            Dialect::Rfc7644 => mapped,
            Dialect::EntraLegacy => {
                mapped.with_whole_role(&job.attributes, subject, declared_roles)
            }
        }
    }

    /// Whether looking for the account of a lost create counts: a while after, once a cycle. One
    /// that was sent later than now was sent by an earlier cycle, before the clock was set back.
    pub(super) fn look_counts(&self, unsettled: &UnsettledCreate) -> bool {
        let waited = (self.inputs.now - unsettled.sent_at).abs().to_std().unwrap_or_default();
        waited >= CONFIRMATION_DELAY && unsettled.last_look != Some(self.inputs.cycle.0)
    }

    /// When the account of a person who left the scope for this reason is deleted, where it is.
    pub(super) fn deletion_due(&self, reason: Reason) -> Option<Timestamp> {
        // Whoever is disabled in the directory, or by the mapping of `active`, is in the scope.
        const LEFT: [Reason; 4] = [
            Reason::NotEffectivelyEntitled,
            Reason::EntrySynchronizationSkipped,
            Reason::SoftDeleted,
            Reason::HardDeleted,
        ];
        let left = self.memory.left_at.filter(|_| LEFT.contains(&reason))?;
        let after = TimeDelta::from_std(self.inputs.job.safeguards.delete_after?).ok()?;
        left.checked_add_signed(after)
    }

    /// Whether an account with these values may never be disabled, deleted or renamed: its own
    /// names count too, so that a rename in the directory does not end what `protect` says.
    pub(super) fn is_protected_account(&self, values: &Values) -> bool {
        let protect = &self.inputs.job.safeguards.protect;
        let names = values.values().filter_map(Value::as_str).map(str::to_lowercase);
        let protected = |name: &str| protect.iter().any(|other| other.to_lowercase() == name);
        !protect.is_empty() && names.into_iter().any(|name| protected(&name))
    }

    /// The words for what the decision is about.
    pub(super) fn words(&self) -> &'static Words {
        words(self.inputs.job.kind)
    }

    /// Whether a change of this attribute gives the account, or the group, another name.
    pub(super) fn is_rename(&self, mapped: &Mapped, path: &AttributePath) -> bool {
        is_name(self.inputs.job.kind, path)
            || mapped.rows.iter().any(|row| &row.path == path && row.matching_priority.is_some())
    }

    /// Whether the account may never be disabled, deleted or renamed.
    pub(super) fn is_protected(&self) -> bool {
        if let Some(link) = self.inputs.link
            && (self.is_protected_account(&link.exported)
                || self.is_protected_account(link.baseline()))
        {
            return true;
        }
        let subject = self.inputs.subject;
        let names = match subject.kind {
            ObjectKind::User => ["userPrincipalName", "mail"],
            ObjectKind::Group => ["displayName", "mail"],
        };
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

    pub(super) fn decided(self, rows: Vec<Row>, again: bool) -> Verdict {
        let subject = self.inputs.subject;
        let target = self.inputs.link.map(|link| link.target.clone());
        let changes = rows.into_iter().map(|row| {
            let mut steps = self.steps.clone();
            steps.push(processing_step(&row));
            let basis = self.basis_after(&row.effect);
            PlannedChange {
                basis,
                id: ChangeId::derive(&[
                    &self.inputs.cycle.0.to_string(),
                    &subject.id.to_string(),
                    row.action.as_str(),
                ]),
                kind: subject.kind,
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
            looked: self.looked,
            reconsider_at: self.reconsider_at,
        })
    }

    /// A filter could not be evaluated: nothing is done, and the next cycle tries again.
    pub(super) fn undecided(self, problem: &str) -> Verdict {
        let row = Row::concern(ChangeStatus::Failure, MappingFault::REASON, problem);
        self.decided(vec![row], true)
    }

    pub(super) fn fault(self, fault: &MappingFault) -> Verdict {
        let row = Row::concern(ChangeStatus::Failure, MappingFault::REASON, fault.to_string());
        self.decided(vec![row], true)
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
