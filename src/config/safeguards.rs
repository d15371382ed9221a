//! `[apps.NAME.safeguards]`.

use std::collections::BTreeSet;

use toml::de::DeValue;

use super::{
    diagnosis::Findings,
    raw::{Node, Section, unsigned, wrong_type},
};
use crate::{
    gallery::{Profile, Unsupported},
    provisioning::job::{DirectoryDelete, OutOfScope, Safeguards, Threshold},
};

pub(super) const KEYS: [&str; 8] = [
    "max_removals",
    "max_creates",
    "protect",
    "on_out_of_scope",
    "on_directory_delete",
    "create",
    "update",
    "delete",
];

const OUT_OF_SCOPE: [(&str, OutOfScope); 3] =
    [("disable", OutOfScope::Disable), ("delete", OutOfScope::Delete), ("keep", OutOfScope::Keep)];

const DIRECTORY_DELETE: [(&str, DirectoryDelete); 3] = [
    ("delete", DirectoryDelete::Delete),
    ("disable", DirectoryDelete::Disable),
    ("keep", DirectoryDelete::Keep),
];

/// What is in force where the file says nothing.
fn defaults(can_delete: bool) -> Safeguards {
    Safeguards {
        max_removals: Threshold::Default,
        max_creates: None,
        protect: BTreeSet::new(),
        on_out_of_scope: OutOfScope::Disable,
        on_directory_delete: if can_delete {
            DirectoryDelete::Delete
        } else {
            DirectoryDelete::Disable
        },
        create: true,
        update: true,
        delete: true,
    }
}

/// Decodes `[apps.NAME.safeguards]`; a missing section has every default.
pub(super) fn decode(
    node: Option<&Node<'_, '_>>,
    profile: &Profile,
    findings: &mut Findings<'_>,
) -> Safeguards {
    let can_delete = profile.supports(Unsupported::Delete);
    let mut safeguards = defaults(can_delete);
    let Some(section) = node.and_then(|node| Section::open(node, &KEYS, findings)) else {
        return safeguards;
    };
    if let Some(node) = section.get("max_removals")
        && let Some(threshold) = threshold(&node, findings)
    {
        safeguards.max_removals = threshold;
    }
    if let Some(node) = section.get("max_creates") {
        safeguards.max_creates = node.integer(0, u64::from(u32::MAX), findings);
    }
    if let Some(node) = section.get("protect") {
        safeguards.protect =
            node.strings(findings).into_iter().map(|who| who.value.trim().to_lowercase()).collect();
    }
    safeguards.on_out_of_scope =
        section.choice("on_out_of_scope", &OUT_OF_SCOPE, safeguards.on_out_of_scope, findings);
    safeguards.on_directory_delete = section.choice(
        "on_directory_delete",
        &DIRECTORY_DELETE,
        safeguards.on_directory_delete,
        findings,
    );
    if !can_delete {
        refuse_delete(&section, &safeguards, profile, findings);
    }
    safeguards.create = section.flag("create", true, findings);
    safeguards.update = section.flag("update", true, findings);
    safeguards.delete = section.flag("delete", true, findings);
    safeguards
}

/// A rule that asks for deletes is refused where the application makes nothing of them.
fn refuse_delete(
    section: &Section<'_, '_>,
    safeguards: &Safeguards,
    profile: &Profile,
    findings: &mut Findings<'_>,
) {
    let wanted = [
        ("on_out_of_scope", safeguards.on_out_of_scope == OutOfScope::Delete),
        ("on_directory_delete", safeguards.on_directory_delete == DirectoryDelete::Delete),
    ];
    for (key, _) in wanted.iter().filter(|(_, is_delete)| *is_delete) {
        if let Some(node) = section.get(key) {
            findings.error_hint(
                &node.at,
                format!("accounts of profile `{}` cannot be deleted", profile.name),
                "write \"disable\" or \"keep\"; the vendor deletes an account only by hand",
            );
        }
    }
}

/// A number, or a share such as `"10%"`.
fn threshold(node: &Node<'_, '_>, findings: &mut Findings<'_>) -> Option<Threshold> {
    match node.value {
        DeValue::Integer(integer) => {
            let count = unsigned(integer);
            if count.is_none() {
                findings.error(&node.at, format!("{integer} is not a number from 0 up"));
            }
            count.map(Threshold::Count)
        }
        DeValue::String(text) => {
            let share = text
                .strip_suffix('%')
                .filter(|digits| digits.chars().all(|c| c.is_ascii_digit() || c == '.'))
                .and_then(|digits| digits.parse::<f64>().ok())
                .filter(|share| (0.0..=100.0).contains(share));
            if share.is_none() {
                findings.error_hint(
                    &node.at,
                    format!("{text:?} is not a share between \"0%\" and \"100%\""),
                    "write a number such as 50, or a share such as \"10%\"",
                );
            }
            share.map(Threshold::Percent)
        }
        other @ (DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_)) => {
            wrong_type(&node.at, "a whole number or a share such as \"10%\"", other, findings);
            None
        }
    }
}
