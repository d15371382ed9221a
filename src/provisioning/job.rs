//! A job: one application's provisioning, compiled from the configuration and its profile.
//!
//! Everything here was validated before it was built; the engine asks no further questions of it.

use std::{collections::BTreeSet, time::Duration};

use serde_json::Value;

use super::{Clause, DailyWindow, DriftRule, RevisionParts, ScopingFilter};
use crate::{
    expression::Expression,
    model::{AppName, ApplicationRef, Fingerprint, ObjectKind},
    scim::{AttributePath, Dialect},
};

/// The source attribute that holds a group's members.
pub const MEMBERS: &str = "members";

/// Members in one request where neither the configuration nor the profile says so.
pub const MEMBERS_PER_REQUEST_DEFAULT: u32 = 100;

/// One application's provisioning of one kind of object, as configured.
///
/// The job of users holds that of groups, where group objects are provisioned: the same
/// application, target and schedule, with another mapping and other filters.
#[derive(Clone, Debug)]
pub struct Job {
    /// Whether it is about people's accounts or about groups.
    pub kind: ObjectKind,
    /// The section's name.
    pub app: AppName,
    /// The tenant, as configured: its id or a verified domain.
    pub tenant: String,
    /// Which enterprise application.
    pub application: ApplicationRef,
    /// Whether `run` schedules it.
    pub provisioning: bool,
    /// Whom it concerns.
    pub scope: Scope,
    /// Whether principals whose only role is Default Access are left out.
    pub exclude_default_access: bool,
    /// Whether the members of groups inside an assigned group count as its members.
    pub nested_groups: bool,
    /// The mapping, at least one of its rows matching.
    pub attributes: Vec<AttributeMapping>,
    /// Who of those that the scope holds belongs to the job; everybody if there is none.
    pub scoping_filters: Vec<ScopingFilter>,
    /// The target's base URL without the flag, which the state file is bound to.
    pub target_base: String,
    /// How requests are phrased.
    pub dialect: Dialect,
    /// What the target can and cannot do, from its profile.
    pub capability: Capability,
    /// How requests are paced.
    pub pace: Pace,
    /// What must never happen.
    pub safeguards: Safeguards,
    /// Whether and when accounts are compared with what was exported to them.
    pub drift: DriftRule,
    /// The fingerprint of everything above that shapes decisions, the program's version included.
    pub revision: Fingerprint,
    /// What that fingerprint is made of, for a person to read.
    pub revision_parts: RevisionParts,
    /// The job of group objects, where they are provisioned; `None` in that job itself.
    pub groups: Option<Box<Job>>,
}

impl Job {
    /// The job of one kind of object; `None` of groups that are not provisioned.
    pub fn of(&self, kind: ObjectKind) -> Option<&Job> {
        if self.kind == kind { Some(self) } else { self.groups.as_deref() }
    }

    /// The jobs of every kind of object that is provisioned, that of users first.
    pub fn kinds(&self) -> impl Iterator<Item = &Job> {
        std::iter::once(self).chain(self.groups.as_deref())
    }

    /// The attribute that holds a group's members, where they are provisioned.
    pub fn members_path(&self) -> Option<&AttributePath> {
        let is_members = |mapping: &&AttributeMapping| {
            mapping.value_type == ValueType::Reference
                && matches!(&mapping.source, MappingSource::Attribute(name) if name == MEMBERS)
        };
        self.attributes.iter().find(is_members).map(|mapping| &mapping.target)
    }

    /// What two jobs with the same target have in common: its base URL without a slash at the end.
    pub fn target_key(&self) -> &str {
        self.target_base.trim_end_matches('/')
    }

    /// The clauses of every scoping filter.
    pub fn clauses(&self) -> impl Iterator<Item = &Clause> {
        self.scoping_filters.iter().flat_map(|filter| &filter.clauses)
    }
}

/// Whom a job concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Users assigned directly, and direct members of assigned groups.
    Assigned,
    /// Every user of the tenant.
    All,
}

/// One row of the attribute mapping (Graph `attributeMapping`).
#[derive(Clone, Debug)]
pub struct AttributeMapping {
    /// The attribute at the target.
    pub target: AttributePath,
    /// Where its value comes from.
    pub source: MappingSource,
    /// Matching precedence, lowest first; `None` for rows that do not match.
    pub matching_priority: Option<u32>,
    /// The value on create where the source has none.
    pub default: Option<Value>,
    /// When the row applies.
    pub apply: Apply,
    /// What a source value that became null does.
    pub null: NullFlow,
    /// The type of the target attribute.
    pub value_type: ValueType,
    /// Whether the target refuses an account without it.
    pub required: bool,
    /// What the target takes as its value.
    pub limit: ValueLimit,
}

/// What a text has to keep to, so that the target takes it (from its profile).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValueLimit {
    /// Characters at most; `None` where the target names no limit.
    pub characters_max: Option<u32>,
    /// Characters that must not be in it.
    pub forbidden: String,
}

impl ValueLimit {
    /// What is wrong with a text, as the end of a sentence; `None` if nothing is.
    pub fn problem(&self, text: &str) -> Option<String> {
        let characters = text.chars().count();
        if let Some(max) = self.characters_max
            && usize::try_from(max).is_ok_and(|max| characters > max)
        {
            return Some(format!(
                "has {characters} characters, and the application takes at most {max}"
            ));
        }
        let found = text.chars().find(|character| self.forbidden.contains(*character))?;
        Some(format!("holds `{}`, which the application does not take", found.escape_debug()))
    }
}

/// Where a mapped value comes from.
#[derive(Clone, Debug)]
pub enum MappingSource {
    /// A source attribute, under the portal's name or Graph's.
    Attribute(String),
    /// A fixed text.
    Constant(String),
    /// An expression of Entra's mapping language.
    Expression(Box<Expression>),
}

/// When a mapping applies (Graph `flowType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apply {
    /// On create and on every update.
    Always,
    /// On create only.
    Create,
}

/// What happens when a source value became null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NullFlow {
    /// The target's value is cleared, if we wrote it.
    Clear,
    /// The target keeps the old value, as under Entra.
    Keep,
}

/// The type of a target attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// Text.
    String,
    /// `true` or `false`; the texts "True" and "False" are taken as such.
    Boolean,
    /// A reference to another resource: the manager.
    Reference,
    /// Any JSON, such as a list of roles.
    Complex,
}

/// What a target can do (from its profile).
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that a service does or not")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capability {
    /// Attributes that can stand in a filter.
    pub filterable: BTreeSet<AttributePath>,
    /// Whether everything of the kind can be listed; where not, each is looked up with a filter.
    pub list: bool,
    /// Whether accounts, or groups, can be created.
    pub creates: bool,
    /// Whether an account's `userName`, or a group's `displayName`, can change.
    pub renames: bool,
    /// Whether accounts, or groups, can be deleted.
    pub deletes: bool,
    /// Resources in one page of a list at most, where the target says so.
    pub page_size_max: Option<u32>,
    /// Members that one request adds to a group or removes from it at most, at least 1.
    pub members_per_request_max: u32,
}

/// How requests to the target are paced.
#[derive(Clone, Debug, PartialEq)]
pub struct Pace {
    /// Requests under way at once, at least 1.
    pub concurrency: u16,
    /// Requests a second at most; `None` leaves it to the target's own throttling.
    pub requests_per_second_max: Option<f64>,
    /// Reads a second at most, where the target limits them by themselves.
    pub reads_per_second_max: Option<f64>,
    /// Writes of users a second at most, where the target limits them by themselves.
    pub user_writes_per_second_max: Option<f64>,
    /// Writes of groups a second at most, where the target limits them by themselves.
    pub group_writes_per_second_max: Option<f64>,
    /// How long one request may take.
    pub request_timeout: Duration,
}

/// A limit: a number, or a share of what there is: linked accounts, linked groups, memberships.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Threshold {
    /// So many.
    Count(u64),
    /// This share, in percent, rounded down.
    Percent(f64),
    /// Of accounts and of groups ten percent, at least 5, at most 50; of memberships twenty
    /// percent, at least 5.
    Default,
}

/// What stands between a plan and the target.
#[derive(Clone, Debug, PartialEq)]
pub struct Safeguards {
    /// Disables and deletes of accounts in any 24 hours, and by themselves deletes of groups; above
    /// it all removals of a cycle are held.
    pub max_removals: Threshold,
    /// Members removed from groups in any 24 hours; above it all removals of a cycle are held.
    pub max_membership_removals: Threshold,
    /// Creates of accounts in a cycle; above it all of them are held. Groups are not counted.
    pub max_creates: Option<u64>,
    /// Never disabled, deleted or renamed: user principal names, mail addresses or object ids.
    pub protect: BTreeSet<String>,
    /// What becomes of an account whose person left the scope.
    pub on_out_of_scope: OutOfScope,
    /// What becomes of an account whose person was hard-deleted.
    pub on_directory_delete: DirectoryDelete,
    /// How long after its person left the scope an account that we disabled is deleted; `None`
    /// where it stays.
    pub delete_after: Option<Duration>,
    /// When removals that nobody approved may be sent; `None` at any hour.
    pub removals_between: Option<DailyWindow>,
    /// How long a cycle may take; it ends then, and the next one goes on.
    pub cycle_time_max: Duration,
    /// Whether accounts are created.
    pub create: bool,
    /// Whether accounts are updated, enabled and disabled.
    pub update: bool,
    /// Whether accounts are deleted.
    pub delete: bool,
}

/// What becomes of an account whose person left the scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutOfScope {
    /// `active` becomes false.
    Disable,
    /// The account is deleted.
    Delete,
    /// The account stays as it is; whose it was is remembered.
    Keep,
}

/// What becomes of an account whose person was hard-deleted in the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirectoryDelete {
    /// The account is deleted.
    Delete,
    /// `active` becomes false.
    Disable,
    /// The account stays as it is; whose it was is remembered.
    Keep,
}
