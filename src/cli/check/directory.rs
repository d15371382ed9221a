//! Microsoft's side of a check: sign-in, permissions, the enterprise application, first pages.

use std::collections::BTreeSet;

use super::{
    finding::{Blame, Findings},
    permission::{
        HIDDEN_MEMBERS, LEAVE_DATE, NEEDED, ORGANIZATION, SYNCHRONIZATION, where_to_grant,
    },
};
use crate::{
    config::{AppSettings, Config},
    cycle::{needs_default_domain, selection_of},
    graph::GraphDirectory,
    model::{Application, Assignment, DEFAULT_ACCESS, PrincipalKind, SourceId},
    port::{Directory, DirectoryFault, GROUPS_PER_CHAIN_MAX, GroupsAt},
    provisioning::job::Scope,
};

/// Where an administrator adds a role.
const ADD_A_ROLE: &str = "Entra admin center > App registrations > All applications > the \
    application > App roles > Create app role (allowed member types: Users/Groups), then assign \
    people to it under Enterprise applications > the application > Users and groups";

/// What is known of the permissions.
struct Permissions {
    /// From the token; `None` where that is opaque.
    granted: Option<BTreeSet<String>>,
    /// Reported as missing already.
    reported: BTreeSet<String>,
}

/// Looks at everything on Microsoft's side.
pub(super) async fn examine(
    config: &Config,
    app: &AppSettings,
    directory: &GraphDirectory,
    findings: &mut Findings,
) {
    let application = directory.application(&app.job.application).await;
    if let Err(fault @ (DirectoryFault::SignIn(_) | DirectoryFault::Unavailable { .. })) =
        &application
    {
        unreachable(config, fault, findings);
        return;
    }
    let client = &config.tenant.client_id;
    let who = if client.is_empty() { "the managed identity" } else { client };
    findings.ok("sign-in", format!("signed in as {who} of tenant {}", config.tenant.id));
    let mut permissions =
        Permissions { granted: directory.granted_roles().await, reported: BTreeSet::new() };
    permissions.needed(app, findings);
    match application {
        Ok(application) => {
            declared_roles(app, &application, findings);
            let groups =
                assignments(app, directory, &application, &mut permissions, findings).await;
            users(app, directory, &mut permissions, findings).await;
            members(directory, &groups, &mut permissions, findings).await;
            default_domain(app, directory, &mut permissions, findings).await;
            permissions.optional(findings);
            own_jobs(directory, &application, &permissions, findings).await;
        }
        Err(fault) => {
            fault_of("application", &fault, &mut permissions, findings);
            users(app, directory, &mut permissions, findings).await;
        }
    }
}

impl Permissions {
    fn needed(&mut self, app: &AppSettings, findings: &mut Findings) {
        let Some(granted) = &self.granted else {
            let why = "the access token is opaque, so permissions show only in what can be read";
            findings.note("permissions", why, "");
            return;
        };
        let leave_date = selection_of(&app.job).properties.contains("employeeLeaveDateTime");
        let domain = needs_default_domain(&app.job);
        let needed = NEEDED
            .iter()
            .chain(leave_date.then_some(&LEAVE_DATE))
            .chain(domain.then_some(&ORGANIZATION));
        for permission in needed {
            if permission.is_in(granted) {
                findings.ok("permission", permission.name);
                continue;
            }
            self.reported.insert(permission.name.to_owned());
            findings.error(
                "permission",
                Blame::Connection,
                format!("{} is missing: it reads {}", permission.name, permission.purpose),
                where_to_grant(permission.name),
            );
        }
    }

    /// What is not granted and would show more.
    fn optional(&self, findings: &mut Findings) {
        let Some(granted) = &self.granted else { return };
        if HIDDEN_MEMBERS.is_in(granted) {
            findings.ok("permission", format!("{} (optional)", HIDDEN_MEMBERS.name));
        } else {
            let message = format!("{} (optional) is not granted", HIDDEN_MEMBERS.name);
            findings.note("permission", message, format!("it shows {}", HIDDEN_MEMBERS.purpose));
        }
    }
}

fn unreachable(config: &Config, fault: &DirectoryFault, findings: &mut Findings) {
    let action = if matches!(fault, DirectoryFault::SignIn(_)) {
        "Entra admin center > App registrations > your registration: Overview has the ids for \
         `tenant.id` and `tenant.client_id`, Certificates & secrets the credential"
            .to_owned()
    } else {
        format!(
            "nothing else of Microsoft's side could be looked at; check the way from here to {} \
             and {}, and `proxy` and `ca_file` under [tenant]",
            config.tenant.login_url, config.tenant.graph_url
        )
    };
    findings.error("sign-in", Blame::Connection, fault.to_string(), action);
}

/// Says a failed read once, however many reads fail by the same missing permission.
fn fault_of(
    check: &'static str,
    fault: &DirectoryFault,
    permissions: &mut Permissions,
    findings: &mut Findings,
) {
    let (blame, action) = match fault {
        DirectoryFault::Permission { permission, .. } => {
            if !permissions.reported.insert(permission.clone()) {
                return;
            }
            (Blame::Connection, where_to_grant(permission))
        }
        DirectoryFault::NotFound(_) => (
            Blame::Configuration,
            "Entra admin center > Enterprise applications > the application > Overview has its \
             Application ID; put it in `enterprise_app`"
                .to_owned(),
        ),
        DirectoryFault::Ambiguous { .. } => (
            Blame::Configuration,
            "Entra admin center > Enterprise applications > the application > Overview: put its \
             Object ID in `enterprise_app`"
                .to_owned(),
        ),
        DirectoryFault::Throttled { .. } => {
            (Blame::Connection, "wait some minutes, then check again".to_owned())
        }
        DirectoryFault::SignIn(_)
        | DirectoryFault::TokenExpired(_)
        | DirectoryFault::Unavailable { .. }
        | DirectoryFault::Malformed(_)
        | DirectoryFault::ForeignLink(_)
        | DirectoryFault::Rejected { .. } => (
            Blame::Connection,
            "check `cloud`, `graph_url` and whatever stands between here and Microsoft Graph"
                .to_owned(),
        ),
    };
    findings.error(check, blame, fault.to_string(), action);
}

fn declared_roles(app: &AppSettings, application: &Application, findings: &mut Findings) {
    let name = &application.display_name;
    findings.ok("application", format!("`{name}`, appId {}", application.app_id));
    if !application.account_enabled {
        findings.warning(
            "application",
            format!("sign-in to `{name}` is disabled; its accounts are provisioned all the same"),
            "Entra admin center > Enterprise applications > the application > Properties > Enabled \
             for users to sign in",
        );
    }
    let roles: Vec<&str> = application
        .roles
        .iter()
        .filter(|role| role.is_enabled)
        .map(|role| role.display_name.as_str())
        .collect();
    let matters = app.job.scope == Scope::Assigned && app.job.exclude_default_access;
    if !roles.is_empty() {
        findings.ok("app roles", roles.join(", "));
    } else if matters {
        findings.warning(
            "app roles",
            "the application has only Default Access, and `exclude_default_access` leaves out \
             whoever has no other role",
            format!("{ADD_A_ROLE}; or set `exclude_default_access = false`"),
        );
    } else {
        findings.ok("app roles", "only Default Access");
    }
}

/// Reads the first page, and returns its groups.
async fn assignments(
    app: &AppSettings,
    directory: &GraphDirectory,
    application: &Application,
    permissions: &mut Permissions,
    findings: &mut Findings,
) -> Vec<SourceId> {
    let page = match directory.assignments(application.id, None).await {
        Ok(page) => page,
        Err(fault) => {
            fault_of("assignments", &fault, permissions, findings);
            return Vec::new();
        }
    };
    let distinct = |kind: PrincipalKind, counts: fn(&Assignment) -> bool| -> BTreeSet<SourceId> {
        let rows = page.items.iter().filter(|row| row.principal_kind == kind && counts(row));
        rows.map(|row| row.principal).collect()
    };
    let users = distinct(PrincipalKind::User, |_| true);
    let groups = distinct(PrincipalKind::Group, |_| true);
    let more = if page.next.is_some() { ", on the first page of several" } else { "" };
    let message = format!("{} users and {} groups assigned{more}", users.len(), groups.len());
    let entitled = |row: &Assignment| row.role != DEFAULT_ACCESS;
    let by_role = distinct(PrincipalKind::User, entitled).len()
        + distinct(PrincipalKind::Group, entitled).len();
    if app.job.scope == Scope::All {
        findings.ok("assignments", format!("{message}; scope = \"all\" does not need them"));
    } else if users.is_empty() && groups.is_empty() {
        findings.warning(
            "assignments",
            "nobody is assigned, so nobody is in scope",
            "Entra admin center > Enterprise applications > the application > Users and groups > \
             Add user/group",
        );
    } else if app.job.exclude_default_access && by_role == 0 && page.next.is_none() {
        findings.warning(
            "assignments",
            format!(
                "{message}, all with Default Access only, which `exclude_default_access` \
                     leaves out"
            ),
            "assign them with another role, or set `exclude_default_access = false`",
        );
    } else {
        findings.ok("assignments", message);
    }
    groups.into_iter().take(GROUPS_PER_CHAIN_MAX).collect()
}

async fn users(
    app: &AppSettings,
    directory: &GraphDirectory,
    permissions: &mut Permissions,
    findings: &mut Findings,
) {
    if permissions.reported.contains("User.Read.All") {
        return;
    }
    match directory.users(&selection_of(&app.job), None).await {
        Ok(page) => {
            let more = if page.next.is_some() { ", and there are more" } else { "" };
            findings.ok("users", format!("{} read{more}", page.items.len()));
        }
        Err(fault) => fault_of("users", &fault, permissions, findings),
    }
}

async fn members(
    directory: &GraphDirectory,
    groups: &[SourceId],
    permissions: &mut Permissions,
    findings: &mut Findings,
) {
    if permissions.reported.contains("GroupMember.Read.All") {
        return;
    }
    match directory.groups_delta(GroupsAt::Initial(groups)).await {
        Ok(page) if groups.is_empty() => {
            debug_assert!(page.items.is_empty(), "no group has the nil id");
            findings.ok("groups", "can be read; none is assigned");
        }
        Ok(page) => {
            let read: BTreeSet<SourceId> = page.items.iter().map(|group| group.id).collect();
            findings.ok("groups", format!("{} of {} read", read.len(), groups.len()));
        }
        Err(fault) => fault_of("groups", &fault, permissions, findings),
    }
}

/// Where a mapping needs it.
async fn default_domain(
    app: &AppSettings,
    directory: &GraphDirectory,
    permissions: &mut Permissions,
    findings: &mut Findings,
) {
    if !needs_default_domain(&app.job) || permissions.reported.contains(ORGANIZATION.name) {
        return;
    }
    match directory.default_domain().await {
        Ok(Some(domain)) => findings.ok("default domain", domain),
        Ok(None) => findings.warning(
            "default domain",
            "the directory names none, so mappings with `DefaultDomain()` have no value",
            "Entra admin center > Settings > Domain names: make a verified domain the primary one",
        ),
        Err(fault) => fault_of("default domain", &fault, permissions, findings),
    }
}

/// Two services that write the same accounts undo each other's work.
async fn own_jobs(
    directory: &GraphDirectory,
    application: &Application,
    permissions: &Permissions,
    findings: &mut Findings,
) {
    const CHECK: &str = "Entra's own job";
    let by_hand = "Entra admin center > Enterprise applications > the application > Provisioning: \
                   see that provisioning is off there";
    let granted = permissions.granted.as_ref();
    if granted.is_some_and(|granted| !SYNCHRONIZATION.is_in(granted)) {
        let name = SYNCHRONIZATION.name;
        findings.note(CHECK, format!("not looked at: {name} (optional) is not granted"), by_hand);
        return;
    }
    match directory.provisioning_jobs(application.id).await {
        Err(fault) => findings.note(CHECK, format!("not looked at: {fault}"), by_hand),
        Ok(jobs) if jobs.iter().any(|job| job.state == "Active") => findings.warning(
            CHECK,
            "Entra's own provisioning of this application is on: two services that write the same \
             accounts undo each other's work",
            "Entra admin center > Enterprise applications > the application > Provisioning > Stop \
             provisioning",
        ),
        Ok(_) => findings.ok(CHECK, "is off"),
    }
}
