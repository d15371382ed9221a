//! Cycles in which one thing happens at a time, and what each of them sends.

use std::fmt::Write as _;

use entra_scim::{
    model::{AppRole, AppRoleId},
    sandbox::{application::Quirks, tenant::UserSpec},
    scim::Dialect,
};
use serde_json::{Value, json};

use super::Recorded;
use crate::support::{wiretap::Sent, world::World};

/// The attributes of Microsoft's examples and a few more, so that a POST is what they show.
const MAPPING: &str = r#"
[[apps.crm.users.attributes]]
target = "userName"
source = "userPrincipalName"
match = 1
[[apps.crm.users.attributes]]
target = "active"
expression = "Not([IsSoftDeleted])"
[[apps.crm.users.attributes]]
target = "externalId"
source = "mailNickname"
[[apps.crm.users.attributes]]
target = 'emails[type eq "work"].value'
source = "mail"
[[apps.crm.users.attributes]]
target = "name.formatted"
source = "displayName"
[[apps.crm.users.attributes]]
target = "name.familyName"
source = "surname"
[[apps.crm.users.attributes]]
target = "name.givenName"
source = "givenName"
[[apps.crm.users.attributes]]
target = "nickName"
source = "companyName"
[[apps.crm.users.attributes]]
target = "title"
source = "jobTitle"
[[apps.crm.users.attributes]]
target = 'phoneNumbers[type eq "mobile"].value'
source = "mobilePhone"
[[apps.crm.users.attributes]]
target = 'addresses[type eq "work"].locality'
source = "city"
[[apps.crm.users.attributes]]
target = 'addresses[type eq "work"].country'
source = "country"
[[apps.crm.users.attributes]]
target = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber"
source = "employeeId"
[[apps.crm.users.attributes]]
target = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"
source = "manager"
"#;

/// How the role comes to the account, by each of Entra's functions.
const ROLES: [(&str, &str, &str); 3] = [
    (
        "single-role",
        r#"roles[primary eq "True"].value"#,
        "SingleAppRoleAssignment([appRoleAssignments])",
    ),
    ("added-roles", "roles", "AppRoleAssignmentsComplex([appRoleAssignments])"),
    ("asserted-roles", "roles", "AssertiveAppRoleAssignmentsComplex([appRoleAssignments])"),
];

/// A world that speaks this dialect, with a line on which everything is heard.
fn world(dialect: Dialect, more: &str) -> World {
    let name = match dialect {
        Dialect::Rfc7644 => "rfc7644",
        Dialect::EntraLegacy => "entra-legacy",
    };
    let mut world = World::with_config(&format!(
        "exclude_default_access = false\ndrift = \"off\"\n---\ndialect = \"{name}\"\n{MAPPING}{more}"
    ));
    world.quirks(Quirks { entra_legacy: dialect == Dialect::EntraLegacy, ..Quirks::default() });
    world.listen();
    world
}

/// John Doe of Microsoft's examples.
fn hire(world: &mut World, nickname: &str, given: &str, family: &str) {
    let address = format!("{nickname}@contoso.com");
    let spec = UserSpec::named(&address, &format!("{given} {family}"))
        .with("mail", address.as_str())
        .with("mailNickname", nickname)
        .with("givenName", given)
        .with("surname", family);
    let id = world.tenant.add_user(spec);
    world.people.insert(nickname.to_owned(), id);
    world.assign(nickname, Some(world.editor));
}

/// What an application says of itself is read once a day, and is about nobody.
const DISCOVERY: [&str; 3] = ["/ServiceProviderConfig", "/ResourceTypes", "/Schemas"];

/// Requests as a file holds them: method, address and body, a blank line between two of them.
fn told(sent: &[Sent]) -> String {
    let mut text = String::new();
    let is_discovery = |path: &str| DISCOVERY.iter().any(|place| path.ends_with(place));
    for request in sent.iter().filter(|request| !is_discovery(&request.path)) {
        if !text.is_empty() {
            text.push('\n');
        }
        writeln!(text, "{} {}", request.method, request.path).expect("a text takes it");
        if !request.bytes.is_empty() {
            writeln!(text, "{}", request.bytes).expect("a text takes it");
        }
    }
    text
}

/// Runs a cycle and takes down under `case` what it sends.
async fn take(world: &World, recorded: &mut Recorded, case: &str) {
    world.sent();
    let end = world.sync_well().await;
    assert_eq!(end.report.totals.failure, 0, "{case}: {}", world.last_plan());
    let sent = world.sent();
    assert!(!sent.is_empty(), "{case} sends nothing: {}", world.last_plan());
    assert!(recorded.insert(case.to_owned(), told(&sent)).is_none(), "{case} twice");
    world.a_day_later();
}

/// Every case in this dialect.
pub(super) async fn everything(dialect: Dialect) -> Recorded {
    let mut recorded = Recorded::new();
    users(dialect, &mut recorded).await;
    for (case, target, expression) in ROLES {
        roles(dialect, (case, target, expression), &mut recorded).await;
    }
    groups(dialect, &mut recorded).await;
    recorded
}

async fn users(dialect: Dialect, recorded: &mut Recorded) {
    let mut world = world(dialect, "");
    hire(&mut world, "jdoe", "John", "Doe");
    take(&world, recorded, "user-create").await;
    hire(&mut world, "boss", "Ada", "Berg");
    hire(&mut world, "chief", "Grace", "Lind");
    world.sync_well().await;
    world.a_day_later();

    let jdoe = world.id("jdoe");
    world.tenant.disable_user(jdoe);
    take(&world, recorded, "user-disable").await;
    world.tenant.enable_user(jdoe);
    take(&world, recorded, "user-enable").await;

    let changes: [(&str, &[(&str, Value)]); 9] = [
        ("user-add-one-value", &[("companyName", json!("Babs"))]),
        ("user-change-one-value", &[("companyName", json!("Babe"))]),
        ("user-clear-one-value", &[("companyName", Value::Null)]),
        ("user-change-email", &[("mail", json!("john.doe@contoso.com"))]),
        (
            "user-add-elements",
            &[
                ("mobilePhone", json!("+1 555 0100")),
                ("city", json!("Bern")),
                ("country", json!("CH")),
            ],
        ),
        ("user-clear-part-of-an-element", &[("city", Value::Null)]),
        ("user-clear-elements", &[("mobilePhone", Value::Null), ("country", Value::Null)]),
        (
            "user-change-several-values",
            &[
                ("mail", json!("a@contoso.com")),
                ("displayName", json!("A B")),
                ("givenName", json!("A")),
                ("employeeId", json!("7")),
            ],
        ),
        (
            "user-rename",
            &[("userPrincipalName", json!("jd@contoso.com")), ("mailNickname", json!("jd"))],
        ),
    ];
    for (case, attributes) in changes {
        for (attribute, value) in attributes {
            world.set("jdoe", attribute, value.clone());
        }
        take(&world, recorded, case).await;
    }

    world.tenant.set_manager(jdoe, Some(world.id("boss")));
    take(&world, recorded, "user-set-manager").await;
    world.tenant.set_manager(jdoe, Some(world.id("chief")));
    take(&world, recorded, "user-change-manager").await;
    world.tenant.set_manager(jdoe, None);
    take(&world, recorded, "user-remove-manager").await;

    world.tenant.purge_user(jdoe);
    take(&world, recorded, "user-delete").await;
}

async fn groups(dialect: Dialect, recorded: &mut Recorded) {
    let mut world = world(dialect, "[apps.crm.groups]\nenabled = true\n");
    for (nickname, given) in [("ada", "Ada"), ("grace", "Grace"), ("linus", "Linus")] {
        hire(&mut world, nickname, given, "Berg");
    }
    world.sync_well().await;
    world.a_day_later();
    let group = world.assigned_group("G", world.editor);
    take(&world, recorded, "group-create").await;
    world.join(group, "ada");
    take(&world, recorded, "group-add-member").await;
    for name in ["grace", "linus"] {
        world.join(group, name);
    }
    take(&world, recorded, "group-add-members").await;
    world.tenant.rename_group(group, "Group");
    take(&world, recorded, "group-rename").await;
    world.tenant.remove_member(group, world.id("ada"));
    take(&world, recorded, "group-remove-member").await;
    world.join(group, "ada");
    world.tenant.remove_member(group, world.id("grace"));
    take(&world, recorded, "group-add-and-remove-members").await;
    for name in ["ada", "linus"] {
        world.tenant.remove_member(group, world.id(name));
    }
    take(&world, recorded, "group-remove-members").await;
    world.join(group, "grace");
    world.tenant.rename_group(group, "G");
    take(&world, recorded, "group-rename-and-add-member").await;
    world.tenant.unassign(world.enterprise_app, group, None);
    take(&world, recorded, "group-delete").await;
}

/// A role of Microsoft's examples; their ids are in the order of their names.
fn role(name: &str) -> AppRole {
    let first = name.bytes().next().unwrap_or_default();
    AppRole {
        id: format!("{first:08x}-0000-4000-8000-000000000000").parse().expect("a GUID"),
        display_name: name.to_owned(),
        value: Some(name.to_owned()),
        is_enabled: true,
    }
}

async fn roles(
    dialect: Dialect,
    (case, target, expression): (&str, &str, &str),
    recorded: &mut Recorded,
) {
    let row = format!(
        "[[apps.crm.users.attributes]]\ntarget = '{target}'\nexpression = '{expression}'\n"
    );
    let mut world = world(dialect, &row);
    for name in ["Admin", "User"] {
        world.tenant.add_app_role(world.enterprise_app, &role(name));
    }
    let id = |name: &str| -> AppRoleId { role(name).id };
    hire(&mut world, "jdoe", "John", "Doe");
    world.unassign("jdoe");
    world.assign("jdoe", Some(id("User")));
    take(&world, recorded, &format!("{case}-create")).await;
    world.assign("jdoe", Some(id("Admin")));
    take(&world, recorded, &format!("{case}-gain")).await;
    let (app, jdoe) = (world.enterprise_app, world.id("jdoe"));
    world.tenant.unassign(app, jdoe, Some(id("Admin")));
    if case == "added-roles" {
        // This function only ever adds.
        world.sent();
        world.sync_well().await;
        assert!(world.sent().is_empty(), "{}", world.last_plan());
        return;
    }
    take(&world, recorded, &format!("{case}-lose")).await;
}
