//! What `[apps.NAME.target]` says of the application's abilities, where its own words are wrong or
//! missing.

use super::{diagnosis::Findings, raw::Section};
use crate::{
    gallery::Profile,
    provisioning::job::Overrides,
    scim::{Dialect, MemberRemoval},
};

pub(super) const KEYS: [&str; 5] = ["patch", "filter", "etag", "cursor", "member_removal"];

const REMOVALS: [(&str, Option<MemberRemoval>); 2] = [
    ("value-path", Some(MemberRemoval::ValuePath)),
    ("value-array", Some(MemberRemoval::ValueArray)),
];

/// What the file says, and where it says nothing, what the profile does.
pub(super) fn decode(
    section: &Section<'_, '_>,
    profile: &Profile,
    findings: &mut Findings<'_>,
) -> Overrides {
    let mut flag = |key: &str, of_profile: Option<bool>| match section.get(key) {
        Some(_) => Some(section.flag(key, false, findings)),
        None => of_profile,
    };
    Overrides {
        patch: flag("patch", profile.overrides.patch),
        filter: flag("filter", profile.overrides.filter),
        etag: flag("etag", profile.overrides.etag),
        cursor: flag("cursor", profile.overrides.cursor),
    }
}

/// `member_removal`: the file's, else the profile's, else that of the dialect.
pub(super) fn member_removal(
    section: &Section<'_, '_>,
    profile: &Profile,
    dialect: Dialect,
    findings: &mut Findings<'_>,
) -> MemberRemoval {
    let chosen = section.choice("member_removal", &REMOVALS, None, findings);
    chosen.or(profile.member_removal).unwrap_or(MemberRemoval::of(dialect))
}
