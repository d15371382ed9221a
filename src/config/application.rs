//! `[apps.NAME]`: one application, compiled into a job.

use std::time::Duration;

use chrono_tz::Tz;

use super::{
    diagnosis::{At, Findings, suggestion},
    email,
    filter::{self, Filtered},
    groups,
    mapping::{self, Mapping},
    raw::{Located, Node, Section},
    revision, safeguards, schedule,
    settings::AppSettings,
    surroundings::Surroundings,
    target::{self, Members, Target},
};
use crate::{
    gallery::{self, Profile, Unsupported},
    model::{AppName, ApplicationRef, Fingerprint, ObjectKind},
    provisioning::{
        Schedule, is_always_in_clear,
        job::{
            Capability, DirectoryDelete, Job, MappingSource, OutOfScope, Overrides, Safeguards,
            Scope,
        },
    },
};

pub(super) const KEYS: [&str; 17] = [
    "enterprise_app",
    "profile",
    "provisioning",
    "scope",
    "exclude_default_access",
    "nested_groups",
    "interval",
    "cron",
    "jitter",
    "drift",
    "drift_cron",
    "notify",
    "shared_target",
    "target",
    "safeguards",
    "users",
    "groups",
];

/// Graph's limit for `displayName` of a service principal.
const DISPLAY_NAME_CHARS_MAX: usize = 256;

/// What an application takes from the sections above it.
pub(super) struct Defaults<'a> {
    pub(super) tenant: &'a str,
    pub(super) schedule: &'a Schedule,
    pub(super) jitter: Duration,
    pub(super) zone: Tz,
    pub(super) surroundings: Surroundings,
    /// Whether there is a mail server.
    pub(super) has_email: bool,
}

/// One application, and where its tenant URL stands.
pub(super) struct Application {
    pub(super) settings: AppSettings,
    pub(super) tenant_url_at: At,
}

/// Decodes `[apps.NAME]`; `None` where something in it is wrong.
pub(super) fn decode(
    name: &str,
    node: &Node<'_, '_>,
    defaults: &Defaults<'_>,
    findings: &mut Findings<'_>,
) -> Option<Application> {
    let app = app_name(name, &node.at, findings);
    let section = Section::open(node, &KEYS, findings)?;
    let enterprise_app = section
        .required_string("enterprise_app", findings)
        .and_then(|text| enterprise_app(text, findings));
    let profile = profile(&section, findings);
    let provisioning =
        section.choice("provisioning", &[("on", true), ("off", false)], true, findings);
    let scope = section.choice(
        "scope",
        &[("assigned", Scope::Assigned), ("all", Scope::All)],
        Scope::Assigned,
        findings,
    );
    let exclude_default_access = section.flag("exclude_default_access", true, findings);
    let nested_groups = section.flag("nested_groups", false, findings);
    let schedule = schedule::decode(&section, defaults.zone, findings)
        .unwrap_or_else(|| defaults.schedule.clone());
    let jitter = schedule::jitter(&section, findings).unwrap_or(defaults.jitter);
    let schedule = schedule.spread(jitter, Fingerprint::of([defaults.tenant, name]).seed());
    let drift = schedule::drift(&section, defaults.zone, findings);
    let shared_target = section.flag("shared_target", false, findings);
    let notify = notify(&section, defaults.has_email, findings);
    let safeguards =
        safeguards::decode(section.get("safeguards").as_ref(), profile, defaults.zone, findings);
    let target = section
        .required("target", findings)
        .and_then(|node| target::decode(&node, profile, defaults.surroundings, findings));
    let node = section.get("users");
    let kind = ObjectKind::User;
    let users = mapping::decode_users(profile, node.as_ref(), &section.at, findings);
    check_mapping(&users, &safeguards, findings);
    let scoping_filters = filter::decode(Filtered { kind, scope }, node.as_ref(), findings);
    let groups = groups::decode(section.get("groups").as_ref(), profile, scope, findings);
    let Target { connection, dialect, pace, members, overrides, tenant_url_at } = target?;
    let mut job = Job {
        kind,
        app: app?,
        tenant: defaults.tenant.to_owned(),
        application: enterprise_app?,
        provisioning,
        scope,
        exclude_default_access,
        nested_groups,
        attributes: users.rows,
        scoping_filters,
        target_base: connection.base.to_string(),
        dialect,
        capability: capability(profile, members, overrides),
        pace,
        safeguards,
        drift,
        revision: Fingerprint::of([]),
        revision_parts: Vec::new(),
        groups: None,
    };
    job.groups = groups.map(|groups| Box::new(groups.job(&job, profile)));
    revision::stamp(&mut job, &profile.name);
    let profile = profile.name.clone();
    let settings =
        AppSettings { job, schedule, target: connection, profile, notify, shared_target };
    Some(Application { settings, tenant_url_at })
}

fn app_name(name: &str, at: &At, findings: &mut Findings<'_>) -> Option<AppName> {
    let app = AppName::parse(name);
    if app.is_none() {
        findings.error(
            at,
            "an application's name is 1 to 64 letters, digits, `-` and `_`: its state file has it",
        );
    }
    app
}

/// `notify`: who is written to about this application beside those of `[email]`.
fn notify(section: &Section<'_, '_>, has_email: bool, findings: &mut Findings<'_>) -> Vec<String> {
    let Some(node) = section.get("notify") else { return Vec::new() };
    if !has_email {
        findings.error_hint(
            &node.at,
            "there is no mail server",
            "add a section [email]: it says how mails are sent",
        );
    }
    email::addresses(&node, findings).value
}

fn capability(profile: &Profile, members: Members, overrides: Overrides) -> Capability {
    Capability {
        filterable: profile.filterable.clone(),
        list: profile.list,
        creates: true,
        renames: profile.supports(Unsupported::UserRename),
        deletes: profile.supports(Unsupported::Delete),
        page_size_max: profile.limits.page_size.as_ref().map(|limit| limit.max),
        members_per_request_max: members.per_request_max,
        member_removal: members.removal,
        overrides,
    }
}

/// The chosen profile; after a wrong name `generic`, so that the rest can be looked at.
fn profile(section: &Section<'_, '_>, findings: &mut Findings<'_>) -> &'static Profile {
    let generic = || gallery::profile("generic").expect("the gallery's first profile");
    let Some(text) = section.string("profile", findings) else { return generic() };
    gallery::profile(&text.value).unwrap_or_else(|| {
        findings.error_hint(
            &text.at,
            format!("unknown profile {:?}", text.value),
            suggestion(&text.value, gallery::names()),
        );
        generic()
    })
}

fn enterprise_app(text: Located<String>, findings: &mut Findings<'_>) -> Option<ApplicationRef> {
    let name = text.value;
    if let Ok(id) = uuid::Uuid::try_parse(&name) {
        if id.is_nil() {
            findings.error(&text.at, "is the empty GUID, which names no application");
            return None;
        }
        return Some(ApplicationRef::Guid(id));
    }
    let looks_like_guid =
        name.matches('-').count() >= 4 && name.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    let problem = if looks_like_guid {
        format!("{name:?} is nearly a GUID (expected 8-4-4-4-12 hexadecimal digits)")
    } else if name.trim() != name {
        format!("{name:?} starts or ends with a blank; a display name is compared exactly")
    } else if name.chars().count() > DISPLAY_NAME_CHARS_MAX || name.chars().any(char::is_control) {
        "is not the display name of an application".to_owned()
    } else {
        return Some(ApplicationRef::DisplayName(name));
    };
    findings.error_hint(
        &text.at,
        problem,
        "give the application's appId, its object id, or its exact display name",
    );
    None
}

/// What the mapping as a whole has to hold.
fn check_mapping(users: &Mapping, safeguards: &Safeguards, findings: &mut Findings<'_>) {
    if !users.is_whole {
        return;
    }
    check_redaction(users, findings);
    if users.rows.iter().all(|row| row.matching_priority.is_none()) {
        findings.error_hint(
            &users.at,
            "no attribute matches accounts",
            "add `match = 1` to the row whose value tells one account from all others",
        );
    }
    let disables = match (safeguards.on_out_of_scope, safeguards.on_directory_delete) {
        (OutOfScope::Disable, _) => Some("on_out_of_scope"),
        (OutOfScope::Delete | OutOfScope::Keep, DirectoryDelete::Disable) => {
            Some("on_directory_delete")
        }
        (
            OutOfScope::Delete | OutOfScope::Keep,
            DirectoryDelete::Delete | DirectoryDelete::Keep,
        ) => None,
    };
    if let Some(key) = disables
        && !users.rows.iter().any(|row| row.target.is_active())
    {
        findings.error_hint(
            &users.at,
            format!("nothing is mapped to `active`, while safeguards.{key} is \"disable\""),
            format!(
                "add target = \"active\", expression = 'Not([IsSoftDeleted])', or set {key} to \
                 \"delete\" or \"keep\""
            ),
        );
    }
}

/// A source that is redacted in one row and flows in clear by another is most likely an oversight.
fn check_redaction(users: &Mapping, findings: &mut Findings<'_>) {
    for row in users.rows.iter().filter(|row| row.is_redacted()) {
        let MappingSource::Expression(expression) = &row.source else { continue };
        for name in expression.redacted_attributes() {
            let leaks = users.rows.iter().find(|other| {
                !other.is_redacted()
                    && match &other.source {
                        MappingSource::Attribute(source) => source == name,
                        MappingSource::Expression(other) => other.attributes().contains(name),
                        MappingSource::Constant(_) => false,
                    }
            });
            if let Some(other) = leaks.filter(|_| !is_always_in_clear(name)) {
                let message = format!(
                    "`{name}` is redacted at `{}` and flows in clear to `{}`, where plans, logs \
                     and the state show it",
                    row.target, other.target
                );
                findings.warning(&users.at, message);
            }
        }
    }
}
