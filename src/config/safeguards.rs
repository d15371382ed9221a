//! `[apps.NAME.safeguards]`.

use std::{collections::BTreeSet, time::Duration};

use chrono_tz::Tz;
use toml::de::DeValue;

use super::{
    diagnosis::Findings,
    duration::{self, DURATION_MAX},
    raw::{Node, Section, unsigned, wrong_type},
};
use crate::{
    gallery::{Profile, Unsupported},
    provisioning::{
        DailyWindow,
        job::{DirectoryDelete, OutOfScope, Safeguards, Threshold},
    },
};

pub(super) const KEYS: [&str; 12] = [
    "max_removals",
    "max_membership_removals",
    "max_creates",
    "protect",
    "on_out_of_scope",
    "on_directory_delete",
    "delete_after",
    "removals_between",
    "cycle_time_max",
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

/// How long a cycle may take where the file says nothing.
const CYCLE_TIME_MAX_DEFAULT: Duration = Duration::from_secs(6 * 3_600);

/// A shorter cycle would end before it has read anything.
const CYCLE_TIME_MAX_LEAST: Duration = Duration::from_secs(1);

const DELETE_AFTER_LEAST: Duration = Duration::from_secs(1);

/// What is in force where the file says nothing.
fn defaults(can_delete: bool) -> Safeguards {
    Safeguards {
        max_removals: Threshold::Default,
        max_membership_removals: Threshold::Default,
        max_creates: None,
        protect: BTreeSet::new(),
        on_out_of_scope: OutOfScope::Disable,
        on_directory_delete: if can_delete {
            DirectoryDelete::Delete
        } else {
            DirectoryDelete::Disable
        },
        delete_after: None,
        removals_between: None,
        cycle_time_max: CYCLE_TIME_MAX_DEFAULT,
        create: true,
        update: true,
        delete: true,
    }
}

/// Decodes `[apps.NAME.safeguards]`; a missing section has every default.
pub(super) fn decode(
    node: Option<&Node<'_, '_>>,
    profile: &Profile,
    zone: Tz,
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
    if let Some(node) = section.get("max_membership_removals")
        && let Some(threshold) = threshold(&node, findings)
    {
        safeguards.max_membership_removals = threshold;
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
    safeguards.delete_after = delete_after(&section, &safeguards, profile, findings);
    safeguards.removals_between = removals_between(&section, zone, findings);
    let (least, most) = (CYCLE_TIME_MAX_LEAST, DURATION_MAX);
    if let Some(time) = duration::get(&section, "cycle_time_max", least, most, findings) {
        safeguards.cycle_time_max = time.value;
    }
    safeguards
}

/// `delete_after`, refused beside what keeps it from ever deleting anything.
fn delete_after(
    section: &Section<'_, '_>,
    safeguards: &Safeguards,
    profile: &Profile,
    findings: &mut Findings<'_>,
) -> Option<Duration> {
    let after = duration::get(section, "delete_after", DELETE_AFTER_LEAST, DURATION_MAX, findings)?;
    let (problem, hint) = if !profile.supports(Unsupported::Delete) {
        (
            format!("accounts of profile `{}` cannot be deleted", profile.name),
            "leave the key out; the vendor deletes an account only by hand",
        )
    } else if !safeguards.delete {
        (
            "nothing is deleted while `delete` is false".to_owned(),
            "set `delete` to true, or leave this key out",
        )
    } else {
        match safeguards.on_out_of_scope {
            OutOfScope::Disable => return Some(after.value),
            OutOfScope::Delete => (
                "deletes what was disabled, and `on_out_of_scope` is \"delete\", which disables \
                 nothing"
                    .to_owned(),
                "set `on_out_of_scope` to \"disable\", or leave this key out",
            ),
            OutOfScope::Keep => (
                "deletes what was disabled, and `on_out_of_scope` is \"keep\", which leaves \
                 accounts as they are"
                    .to_owned(),
                "set `on_out_of_scope` to \"disable\", or leave this key out",
            ),
        }
    };
    findings.error_hint(&after.at, problem, hint);
    None
}

/// `removals_between`, in the zone of the schedule.
fn removals_between(
    section: &Section<'_, '_>,
    zone: Tz,
    findings: &mut Findings<'_>,
) -> Option<DailyWindow> {
    let text = section.string("removals_between", findings)?;
    match DailyWindow::parse(&text.value, zone) {
        Ok(window) => Some(window),
        Err(problem) => {
            findings.error_hint(
                &text.at,
                format!("window {:?}: {problem}", text.value),
                "write for example \"08:00-18:00\", or \"22:00-06:00\" over midnight; without the \
                 key removals are sent at any hour",
            );
            None
        }
    }
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
