//! App roles from the assignment to the account, by each of Entra's three functions.

use entra_scim::{
    model::{AppRole, AppRoleId},
    sandbox::application::Quirks,
};
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::world::World;

const SINGLE: &str = r#"
target = 'roles[primary eq "True"].value'
expression = 'SingleAppRoleAssignment([appRoleAssignments])'
"#;

const ADDING: &str = r#"
target = "roles"
expression = 'AppRoleAssignmentsComplex([appRoleAssignments])'
"#;

const ASSERTIVE: &str = r#"
target = "roles"
expression = 'AssertiveAppRoleAssignmentsComplex([appRoleAssignments])'
"#;

/// Roles whose ids are in the order of their names.
fn role(name: &str) -> AppRole {
    let first = name.bytes().next().unwrap_or_default();
    AppRole {
        id: format!("{first:08x}-0000-4000-8000-000000000000").parse().expect("a GUID"),
        display_name: name.to_owned(),
        value: Some(name.to_lowercase()),
        is_enabled: true,
    }
}

fn id(name: &str) -> AppRoleId {
    role(name).id
}

/// Ada with the role Buyer, provisioned, in an application with the roles Admin, Buyer and Clerk.
async fn provisioned(row: &str, dialect: &str) -> World {
    let mut world = World::with_config(&format!(
        "exclude_default_access = false\n---\n[apps.crm.users]\ninherit = true\n\
         [[apps.crm.users.attributes]]\n{row}\n"
    ));
    if dialect == "entra-legacy" {
        world.quirks(Quirks { entra_legacy: true, ..Quirks::default() });
        world.job.dialect = entra_scim::scim::Dialect::EntraLegacy;
    }
    for name in ["Clerk", "Admin", "Buyer"] {
        world.tenant.add_app_role(world.enterprise_app, &role(name));
    }
    world.person("ada");
    world.assign("ada", Some(id("Buyer")));
    world.sync_well().await;
    world
}

/// What was said of roles to the application since the last call.
fn said(world: &World) -> String {
    let mut told = String::new();
    for request in world.application.take_requests() {
        let Some(body) = request.body.filter(|_| request.method != "GET") else { continue };
        let about_roles = |operation: &&Value| {
            operation["path"].as_str().is_some_and(|path| path.starts_with("roles"))
        };
        match body["Operations"].as_array() {
            Some(operations) => {
                for operation in operations.iter().filter(about_roles) {
                    told.push_str(&operation.to_string());
                    told.push('\n');
                }
            }
            None => told.extend([request.method.as_str(), " ", &body["roles"].to_string(), "\n"]),
        }
    }
    told
}

fn roles(world: &World) -> Value {
    world.account("ada@contoso.com").expect("there")["roles"].clone()
}

/// Ada gains two roles, loses one, and loses the rest.
async fn life(world: &World) -> String {
    let mut told = said(world);
    let ada = world.id("ada");
    world.assign("ada", Some(id("Clerk")));
    let group = world.assigned_group("Administrators", id("Admin"));
    world.join(group, "ada");
    world.sync_well().await;
    told.extend(["gains Clerk, and Admin through a group\n", &said(world)]);
    world.is_settled().await;
    world.a_day_later();
    world.tenant.unassign(world.enterprise_app, ada, Some(id("Buyer")));
    world.tenant.remove_member(group, ada);
    world.sync_well().await;
    told.extend(["loses Admin and Buyer\n", &said(world)]);
    world.is_settled().await;
    world.assign("ada", None);
    world.tenant.unassign(world.enterprise_app, ada, Some(id("Clerk")));
    world.sync_well().await;
    told.extend(["loses Clerk\n", &said(world)]);
    world.is_settled().await;
    told
}

#[tokio::test]
async fn single_role_is_the_first_by_id_and_changes_in_place() {
    let world = provisioned(SINGLE, "rfc7644").await;
    assert_snapshot!(life(&world).await, @r#"
    POST [{"primary":true,"type":"WindowsAzureActiveDirectoryRole","value":"Buyer"}]
    gains Clerk, and Admin through a group
    {"op":"replace","path":"roles[primary eq true].value","value":"Admin"}
    loses Admin and Buyer
    {"op":"replace","path":"roles[primary eq true].value","value":"Clerk"}
    loses Clerk
    {"op":"remove","path":"roles[primary eq true]"}
    "#);
    assert_eq!(roles(&world), Value::Null);
}

#[tokio::test]
async fn single_role_without_the_flag_is_written_as_entra_writes_it() {
    let world = provisioned(SINGLE, "entra-legacy").await;
    assert_snapshot!(life(&world).await, @r#"
    POST [{"primary":true,"type":"WindowsAzureActiveDirectoryRole","value":"Buyer"}]
    gains Clerk, and Admin through a group
    {"op":"Add","path":"roles","value":[{"value":"{\"id\":\"00000041-0000-4000-8000-000000000000\",\"value\":\"admin\",\"displayName\":\"Admin\"}"}]}
    loses Admin and Buyer
    {"op":"Add","path":"roles","value":[{"value":"{\"id\":\"00000043-0000-4000-8000-000000000000\",\"value\":\"clerk\",\"displayName\":\"Clerk\"}"}]}
    loses Clerk
    {"op":"Remove","path":"roles"}
    "#);
}

#[tokio::test]
async fn adding_list_never_takes_a_role_away() {
    let world = provisioned(ADDING, "rfc7644").await;
    assert_snapshot!(life(&world).await, @r#"
    POST [{"display":"Buyer","primary":false,"type":"WindowsAzureActiveDirectoryRole","value":"buyer"}]
    gains Clerk, and Admin through a group
    {"op":"add","path":"roles","value":[{"display":"Admin","primary":false,"type":"WindowsAzureActiveDirectoryRole","value":"admin"},{"display":"Clerk","primary":false,"type":"WindowsAzureActiveDirectoryRole","value":"clerk"}]}
    loses Admin and Buyer
    loses Clerk
    "#);
    assert_eq!(roles(&world).as_array().map(Vec::len), Some(3));
    // What was lost and comes back is there already.
    world.assign("ada", Some(id("Buyer")));
    world.sync_well().await;
    assert_eq!(said(&world), "");
}

#[tokio::test]
async fn adding_list_without_the_flag_is_json_text() {
    let world = provisioned(ADDING, "entra-legacy").await;
    assert_snapshot!(life(&world).await, @r#"
    POST [{"displayName":"Buyer","primary":false,"type":"WindowsAzureActiveDirectoryRole","value":"buyer"}]
    gains Clerk, and Admin through a group
    {"op":"Add","path":"roles","value":[{"value":"{\"id\":\"00000041-0000-4000-8000-000000000000\",\"value\":\"admin\",\"displayName\":\"Admin\"}"},{"value":"{\"id\":\"00000043-0000-4000-8000-000000000000\",\"value\":\"clerk\",\"displayName\":\"Clerk\"}"}]}
    loses Admin and Buyer
    loses Clerk
    "#);
}

#[tokio::test]
async fn asserted_list_takes_lost_roles_away() {
    let world = provisioned(ASSERTIVE, "rfc7644").await;
    assert_snapshot!(life(&world).await, @r#"
    POST [{"display":"Buyer","primary":false,"type":"WindowsAzureActiveDirectoryRole","value":"buyer"}]
    gains Clerk, and Admin through a group
    {"op":"replace","path":"roles","value":[{"display":"Admin","primary":false,"type":"WindowsAzureActiveDirectoryRole","value":"admin"},{"display":"Buyer","primary":false,"type":"WindowsAzureActiveDirectoryRole","value":"buyer"},{"display":"Clerk","primary":false,"type":"WindowsAzureActiveDirectoryRole","value":"clerk"}]}
    loses Admin and Buyer
    {"op":"replace","path":"roles","value":[{"display":"Clerk","primary":false,"type":"WindowsAzureActiveDirectoryRole","value":"clerk"}]}
    loses Clerk
    {"op":"remove","path":"roles"}
    "#);
    assert_eq!(roles(&world), Value::Null);
}

#[tokio::test]
async fn asserted_list_without_the_flag_takes_lost_roles_away_too() {
    let world = provisioned(ASSERTIVE, "entra-legacy").await;
    assert_snapshot!(life(&world).await, @r#"
    POST [{"display":"Buyer","primary":false,"type":"WindowsAzureActiveDirectoryRole","value":"buyer"}]
    gains Clerk, and Admin through a group
    {"op":"replace","path":"roles","value":[{"display":"Admin","primary":false,"type":"WindowsAzureActiveDirectoryRole","value":"admin"},{"display":"Buyer","primary":false,"type":"WindowsAzureActiveDirectoryRole","value":"buyer"},{"display":"Clerk","primary":false,"type":"WindowsAzureActiveDirectoryRole","value":"clerk"}]}
    loses Admin and Buyer
    {"op":"replace","path":"roles","value":[{"display":"Clerk","primary":false,"type":"WindowsAzureActiveDirectoryRole","value":"clerk"}]}
    loses Clerk
    {"op":"Remove","path":"roles"}
    "#);
}

#[tokio::test]
async fn adopted_account_is_given_only_the_roles_it_lacks() {
    let mut world = World::with_config(&format!(
        "---\n[apps.crm.users]\ninherit = true\n[[apps.crm.users.attributes]]\n{ADDING}"
    ));
    for name in ["Admin", "Buyer"] {
        world.tenant.add_app_role(world.enterprise_app, &role(name));
    }
    world.seed_account(json!({
        "userName": "ada@contoso.com", "active": true,
        "roles": [{ "value": "buyer", "display": "Somebody who buys" }, { "value": "own" }],
    }));
    world.person("ada");
    for name in ["Admin", "Buyer"] {
        world.assign("ada", Some(id(name)));
    }
    world.sync_well().await;
    assert_snapshot!(said(&world), @r#"{"op":"add","path":"roles","value":[{"display":"Admin","primary":false,"type":"WindowsAzureActiveDirectoryRole","value":"admin"}]}"#);
    assert_eq!(roles(&world).as_array().map(Vec::len), Some(3));
    world.is_settled().await;
}
