//! `[apps.NAME.groups]`: group objects and their members, compiled into a job inside that of users.

use super::{
    diagnosis::Findings,
    filter::{self, Filtered},
    mapping::{self, About, Mapping},
    raw::{Node, Section},
};
use crate::{
    gallery::{Profile, Unsupported},
    model::ObjectKind,
    provisioning::{
        ScopingFilter,
        job::{AttributeMapping, Capability, DirectoryDelete, Job, OutOfScope, Safeguards, Scope},
    },
};

/// What `[apps.NAME.groups]` says, where groups are provisioned.
pub(super) struct Groups {
    rows: Vec<AttributeMapping>,
    scoping_filters: Vec<ScopingFilter>,
}

/// Decodes `[apps.NAME.groups]`; `None` where groups are not provisioned. What stands in a section
/// that is not enabled has to be right all the same, so that it can be.
pub(super) fn decode(
    node: Option<&Node<'_, '_>>,
    profile: &Profile,
    scope: Scope,
    findings: &mut Findings<'_>,
) -> Option<Groups> {
    let node = node?;
    let section = Section::open(node, &mapping::GROUP_KEYS, findings)?;
    let is_enabled = section.flag("enabled", false, findings);
    if !profile.supports(Unsupported::Groups) {
        if is_enabled && let Some(enabled) = section.get("enabled") {
            findings.error_hint(
                &enabled.at,
                format!("profile `{}` has no groups, only the people in them", profile.name),
                "write false, or leave the section out; whoever is in an assigned group still gets \
                 an account",
            );
        }
        return None;
    }
    let kind = ObjectKind::Group;
    let mapping = mapping::decode_section(About { kind, profile }, &section, findings);
    check(&mapping, findings);
    let scoping_filters = filter::decode(Filtered { kind, scope }, Some(node), findings);
    is_enabled.then_some(Groups { rows: mapping.rows, scoping_filters })
}

/// What the mapping as a whole has to hold.
fn check(mapping: &Mapping, findings: &mut Findings<'_>) {
    if !mapping.is_whole {
        return;
    }
    if mapping.rows.iter().all(|row| row.matching_priority.is_none()) {
        findings.error_hint(
            &mapping.at,
            "no attribute matches groups",
            "add `match = 1` to the row whose value tells one group from all others",
        );
    }
    if !mapping.rows.iter().any(|row| row.target.is_display_name()) {
        findings.error_hint(
            &mapping.at,
            "nothing is mapped to `displayName`, without which no group can be created \
             (RFC 7643 §4.2)",
            "add target = \"displayName\", source = \"displayName\"",
        );
    }
}

impl Groups {
    /// The job of groups: that of users with another mapping, other filters, and safeguards for
    /// something that cannot be disabled.
    pub(super) fn job(self, users: &Job, profile: &Profile) -> Job {
        let capability = Capability {
            filterable: profile.group_filterable.clone(),
            creates: profile.supports(Unsupported::GroupCreate),
            renames: profile.supports(Unsupported::GroupRename),
            deletes: profile.supports(Unsupported::GroupDelete),
            ..users.capability.clone()
        };
        Job {
            kind: ObjectKind::Group,
            attributes: self.rows,
            scoping_filters: self.scoping_filters,
            safeguards: safeguards(&users.safeguards, &capability),
            capability,
            groups: None,
            ..users.clone()
        }
    }
}

/// A group has no `active`: where an account would be disabled, it is deleted; and it is kept where
/// the application cannot delete it. `delete_after` counts from a disable, so it plays no part.
fn safeguards(users: &Safeguards, capability: &Capability) -> Safeguards {
    let (on_out_of_scope, on_directory_delete) = if capability.deletes {
        (
            match users.on_out_of_scope {
                OutOfScope::Disable | OutOfScope::Delete => OutOfScope::Delete,
                OutOfScope::Keep => OutOfScope::Keep,
            },
            match users.on_directory_delete {
                DirectoryDelete::Disable | DirectoryDelete::Delete => DirectoryDelete::Delete,
                DirectoryDelete::Keep => DirectoryDelete::Keep,
            },
        )
    } else {
        (OutOfScope::Keep, DirectoryDelete::Keep)
    };
    Safeguards {
        on_out_of_scope,
        on_directory_delete,
        delete_after: None,
        create: users.create && capability.creates,
        delete: users.delete && capability.deletes,
        ..users.clone()
    }
}
