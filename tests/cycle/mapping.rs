//! What an account looks like: values, defaults, nulls and references.

use std::collections::BTreeMap;

use entra_scim::{
    model::{AppRole, AppRoleId},
    sandbox::application::AttributeType,
};
use insta::assert_snapshot;
use serde_json::json;

use crate::support::world::World;

#[tokio::test]
async fn generic_profile_maps_its_whole_table() {
    let mut world = World::with_users(["grace"]);
    world.hire("ada");
    for (name, value) in [
        ("jobTitle", json!("Countess")),
        ("preferredLanguage", json!("en-GB")),
        ("officeLocation", json!("St James's Square")),
        ("streetAddress", json!("12 St James's Square")),
        ("city", json!("London")),
        ("state", json!("Greater London")),
        ("postalCode", json!("SW1Y 4JH")),
        ("country", json!("United Kingdom")),
        ("businessPhones", json!(["+44 20 7946 0001"])),
        ("mobilePhone", json!("+44 7700 900001")),
        ("faxNumber", json!("+44 20 7946 0002")),
        ("employeeId", json!("1815")),
    ] {
        world.set("ada", name, value);
    }
    world.tenant.set_manager(world.id("ada"), Some(world.id("grace")));
    world.sync_well().await;
    let mut account = world.account("ada@contoso.com").expect("an account");
    account.as_object_mut().expect("an object").remove("meta");
    let grace = world.account("grace@contoso.com").expect("an account")["id"].clone();
    let text = serde_json::to_string_pretty(&account).expect("JSON");
    let text = text
        .replace(account["id"].as_str().expect("an id"), "ADA")
        .replace(grace.as_str().expect("an id"), "GRACE");
    assert_snapshot!(text, @r#"
    {
      "active": true,
      "addresses": [
        {
          "country": "United Kingdom",
          "formatted": "St James's Square",
          "locality": "London",
          "postalCode": "SW1Y 4JH",
          "region": "Greater London",
          "streetAddress": "12 St James's Square",
          "type": "work"
        }
      ],
      "displayName": "Ada Example",
      "emails": [
        {
          "primary": true,
          "type": "work",
          "value": "ada@contoso.com"
        }
      ],
      "externalId": "ada",
      "id": "ADA",
      "name": {
        "familyName": "Example",
        "formatted": "Ada Example",
        "givenName": "Ada"
      },
      "phoneNumbers": [
        {
          "type": "fax",
          "value": "+44 20 7946 0002"
        },
        {
          "type": "mobile",
          "value": "+44 7700 900001"
        },
        {
          "type": "work",
          "value": "+44 20 7946 0001"
        }
      ],
      "preferredLanguage": "en-GB",
      "title": "Countess",
      "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
        "department": "Sales",
        "employeeNumber": "1815",
        "manager": {
          "value": "GRACE"
        }
      },
      "userName": "ada@contoso.com"
    }
    "#);
    world.is_settled().await;
}

const SMALL: &str = r#"
[[apps.crm.users.attributes]]
target = "userName"
source = "userPrincipalName"
match = 1
[[apps.crm.users.attributes]]
target = "active"
expression = 'Not([IsSoftDeleted])'
"#;

fn with_row(row: &str) -> String {
    format!("---\n{SMALL}\n[[apps.crm.users.attributes]]\n{row}\n")
}

#[tokio::test]
async fn constant_and_expression_flow() {
    let mut world = World::with_config(&with_row(
        r#"target = "userType"
constant = "Employee"
[[apps.crm.users.attributes]]
target = "nickName"
expression = 'ToUpper([givenName])'"#,
    ));
    world.hire("ada");
    assert_snapshot!(world.synced().await, @r#"
    create ada  success  in scope, and no account matches
        active: ∅ → true
        nickName: ∅ → "ADA"
        userName: ∅ → "ada@contoso.com"
        userType: ∅ → "Employee"
    "#);
    world.is_settled().await;
}

#[tokio::test]
async fn default_fills_a_gap_on_create_only() {
    let mut world = World::with_config(&with_row(
        "target = \"title\"\nsource = \"jobTitle\"\ndefault = \"Staff\"",
    ));
    world.hire_all(["ada", "grace"]);
    world.set("grace", "jobTitle", "Admiral");
    let world = world.all_provisioned().await;
    assert_eq!(world.account("ada@contoso.com").expect("there")["title"], json!("Staff"));
    world.is_settled().await;
    world.set("grace", "jobTitle", serde_json::Value::Null);
    world.set("ada", "givenName", "Augusta");
    assert_snapshot!(world.synced().await, @r#"
    update grace  success  title changed
        title: "Admiral" → ∅
    "#);
    assert_eq!(world.account("ada@contoso.com").expect("there")["title"], json!("Staff"));
    world.is_settled().await;
}

#[tokio::test]
async fn mapping_that_applies_on_create_is_never_written_again() {
    let mut world = World::with_config(&with_row(
        "target = \"title\"\nsource = \"jobTitle\"\napply = \"create\"",
    ));
    world.hire("ada");
    world.set("ada", "jobTitle", "Countess");
    let world = world.all_provisioned().await;
    world.set("ada", "jobTitle", "Mathematician");
    assert_eq!(world.synced().await, "nothing to do\n");
    assert_eq!(world.account("ada@contoso.com").expect("there")["title"], json!("Countess"));
    world.is_settled().await;
}

#[tokio::test]
async fn value_that_became_null_is_cleared_or_kept() {
    let rows = r#"target = "title"
source = "jobTitle"
[[apps.crm.users.attributes]]
target = "nickName"
source = "department"
null = "keep""#;
    let mut world = World::with_config(&with_row(rows));
    world.hire("ada");
    world.set("ada", "jobTitle", "Countess");
    let world = world.all_provisioned().await;
    world.set("ada", "jobTitle", serde_json::Value::Null);
    world.set("ada", "department", serde_json::Value::Null);
    assert_snapshot!(world.synced().await, @r#"
    update ada  success  title changed
        title: "Countess" → ∅
    "#);
    let account = world.account("ada@contoso.com").expect("there");
    assert_eq!((account.get("title"), &account["nickName"]), (None, &json!("Sales")));
    world.is_settled().await;
}

#[tokio::test]
async fn is_soft_deleted_flows_into_any_attribute() {
    let mut world = World::with_config(&with_row(
        "target = \"nickName\"\nexpression = 'IIF([IsSoftDeleted]=\"True\", \"former\", \"current\")'",
    ));
    world.hire_all(["ada", "grace"]);
    let world = world.all_provisioned().await;
    assert_eq!(world.account("ada@contoso.com").expect("there")["nickName"], json!("current"));
    world.unassign("ada");
    assert_snapshot!(world.synced().await, @r#"
    disable ada  success  no longer assigned to the application
        active: true → false
        nickName: "current" → "former"
    "#);
    world.is_settled().await;
}

#[tokio::test]
async fn guest_is_known_by_the_address_at_home() {
    let world = World::with_users(["ada"]);
    world.set("ada", "userPrincipalName", "ada_fabrikam.com#EXT#@contoso.onmicrosoft.com");
    world.set("ada", "userType", "Guest");
    world.sync_well().await;
    assert!(world.account("ada@fabrikam.com").is_some(), "{:?}", world.application.users());
}

#[tokio::test]
async fn extension_path_is_written_under_its_schema() {
    let mut world = World::with_config("profile = \"whimsical\"\n---");
    world.tenant.add_app_role(world.enterprise_app, &editors());
    world.person("ada");
    world.assign("ada", Some(editors().id));
    world.sync_well().await;
    let account = world.account("ada@contoso.com").expect("there");
    let urn = "urn:ietf:params:scim:schemas:extension:whimsical:2.0:User";
    assert_eq!(account[urn]["editor"], json!(true));
    world.is_settled().await;
}

fn editors() -> AppRole {
    AppRole {
        id: AppRoleId::derive(&["editors"]),
        display_name: "Editors".to_owned(),
        value: Some("editors".to_owned()),
        is_enabled: true,
    }
}

#[tokio::test]
async fn manager_follows_once_both_have_an_account() {
    let mut world = World::with_users(["ada", "grace"]);
    world.person("edsger");
    world.tenant.set_manager(world.id("ada"), Some(world.id("grace")));
    world.tenant.set_manager(world.id("grace"), Some(world.id("edsger")));
    assert_snapshot!(world.synced().await, @r#"
    create ada  success  in scope, and no account matches
        active: ∅ → true
        displayName: ∅ → "Ada Example"
        emails[type eq "work"].value: ∅ → "ada@contoso.com"
        externalId: ∅ → "ada"
        name.familyName: ∅ → "Example"
        name.formatted: ∅ → "Ada Example"
        name.givenName: ∅ → "Ada"
        userName: ∅ → "ada@contoso.com"
        urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department: ∅ → "Sales"
    create grace  success  in scope, and no account matches
        active: ∅ → true
        displayName: ∅ → "Grace Example"
        emails[type eq "work"].value: ∅ → "grace@contoso.com"
        externalId: ∅ → "grace"
        name.familyName: ∅ → "Example"
        name.formatted: ∅ → "Grace Example"
        name.givenName: ∅ → "Grace"
        userName: ∅ → "grace@contoso.com"
        urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department: ∅ → "Sales"
    update ada  success  urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager changed
        urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager: ∅ → "u-c5fc598e707e7291"
    "#);
    world.is_settled().await;
    world.a_day_later();
    // The manager's manager is hired later.
    world.assign("edsger", Some(world.editor));
    world.sync_well().await;
    world.sync_well().await;
    let edsger = world.account("edsger@contoso.com").expect("there")["id"].clone();
    let urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let grace = world.account("grace@contoso.com").expect("there");
    assert_eq!(grace[urn]["manager"]["value"], edsger);
    world.is_settled().await;
}

#[tokio::test]
async fn changed_and_cleared_manager_is_written() {
    let world = World::with_users(["ada", "grace", "edsger"]);
    world.tenant.set_manager(world.id("ada"), Some(world.id("grace")));
    let world = world.all_provisioned().await;
    world.tenant.set_manager(world.id("ada"), Some(world.id("edsger")));
    world.set("ada", "department", "Legal");
    world.sync_well().await;
    assert_eq!(world.take_writes().len(), 1, "{}", world.last_plan());
    world.is_settled().await;
    world.tenant.set_manager(world.id("ada"), None);
    world.sync_well().await;
    assert_eq!(world.take_writes().len(), 1, "{}", world.last_plan());
    let urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let ada = world.account("ada@contoso.com").expect("there");
    assert_eq!(ada[urn].get("manager"), None);
    world.is_settled().await;
}

#[tokio::test]
async fn removed_mapping_leaves_the_value_at_the_target() {
    let mut world = World::with_config(&with_row("target = \"title\"\nsource = \"jobTitle\""));
    world.hire("ada");
    world.set("ada", "jobTitle", "Countess");
    let mut world = world.all_provisioned().await;
    world.reconfigure(&format!("---\n{SMALL}"));
    assert_eq!(world.synced().await, "nothing to do\n");
    assert_eq!(world.account("ada@contoso.com").expect("there")["title"], json!("Countess"));
    world.is_settled().await;
}

#[tokio::test]
async fn new_mapping_is_written_to_everybody() {
    let mut world = World::with_config(&format!("---\n{SMALL}"));
    world.hire_all(["ada", "grace"]);
    let mut world = world.all_provisioned().await;
    world.reconfigure(&with_row("target = \"nickName\"\nsource = \"givenName\""));
    assert_snapshot!(world.synced().await, @r#"
    update ada  success  nickName changed
        nickName: ∅ → "Ada"
    update grace  success  nickName changed
        nickName: ∅ → "Grace"
    "#);
    world.is_settled().await;
}

#[tokio::test]
async fn person_without_a_required_value_is_skipped_with_the_reason() {
    let mut world = World::with_config(
        r#"---
[[apps.crm.users.attributes]]
target = "userName"
source = "mail"
match = 1
[[apps.crm.users.attributes]]
target = "active"
expression = 'Not([IsSoftDeleted])'
"#,
    );
    world.hire_all(["ada", "grace"]);
    world.set("ada", "mail", serde_json::Value::Null);
    let end = world.sync_well().await;
    assert_eq!(end.report.totals.create, 1);
    assert_snapshot!(world.reason("ada"), @"skipped ImportSkipped: no matching attribute has a value");
}

#[tokio::test]
async fn expression_that_cannot_be_computed_fails_alone() {
    let mut world = World::with_config(&with_row(
        "target = \"nickName\"\nexpression = 'FormatDateTime([department], , \"yyyy\", \"dd\")'",
    ));
    world.hire_all(["ada", "grace"]);
    world.set("grace", "department", "2024");
    world.set("ada", "department", "no date");
    let end = world.sync_well().await;
    assert_eq!(
        (end.report.totals.create, end.report.totals.failure),
        (1, 1),
        "{}",
        world.last_plan()
    );
}

/// An extension of the story's own with these attributes, all of them texts.
fn own_schema(names: &[&str]) -> BTreeMap<String, BTreeMap<String, AttributeType>> {
    let attributes = names.iter().map(|name| ((*name).to_owned(), AttributeType::String));
    let urn = "urn:ietf:params:scim:schemas:extension:crm:2.0:User";
    BTreeMap::from([(urn.to_owned(), attributes.collect())])
}

#[tokio::test]
async fn several_values_flow_where_the_target_takes_several() {
    let urn = "urn:ietf:params:scim:schemas:extension:crm:2.0:User";
    let extension = "extension_0123456789abcdef0123456789abcdef_skills";
    let mut world = World::with_config(&with_row(&format!(
        "target = \"{urn}:tags\"\nsource = \"{extension}\"\n\
         [[apps.crm.users.attributes]]\ntarget = \"phoneNumbers\"\nsource = \"businessPhones\"\n\
         [[apps.crm.users.attributes]]\ntarget = \"nickName\"\nsource = \"businessPhones\"\n"
    )));
    world.extend_application(own_schema(&["tags[]"]));
    world.hire("ada");
    world.set("ada", extension, json!(["rust", "analysis"]));
    world.set("ada", "businessPhones", json!(["+1 555"]));
    world.sync_well().await;
    let account = world.account("ada@contoso.com").expect("there");
    let own = &account[urn];
    assert_eq!(own["tags"], json!(["rust", "analysis"]));
    assert_eq!(account["phoneNumbers"], json!([{ "value": "+1 555" }]));
    assert_eq!(account["nickName"], json!("+1 555"));
    world.set("ada", extension, json!(["rust"]));
    assert_snapshot!(world.synced().await, @r#"
    update ada  success  urn:ietf:params:scim:schemas:extension:crm:2.0:User:tags changed
        urn:ietf:params:scim:schemas:extension:crm:2.0:User:tags: ["rust","analysis"] → ["rust"]
    "#);
    let account = world.account("ada@contoso.com").expect("there");
    let own = &account[urn];
    assert_eq!(own["tags"], json!(["rust"]));
    world.set("ada", extension, json!([]));
    world.sync_well().await;
    let account = world.account("ada@contoso.com").expect("there");
    assert_eq!(account[urn].get("tags"), None, "{account}");
    world.is_settled().await;
}

#[tokio::test]
async fn a_complex_attribute_of_an_extension_has_as_many_parts_as_are_mapped() {
    let desk = "urn:ietf:params:scim:schemas:extension:crm:2.0:User:desk";
    let row = |part: &str, source: &str| {
        format!(
            "[[apps.crm.users.attributes]]\ntarget = \"{desk}.{part}\"\nsource = \"{source}\"\n"
        )
    };
    let mut world = World::with_config(&with_row(&format!(
        "target = \"{desk}.floor\"\nsource = \"state\"\n{}{}{}",
        row("room", "physicalDeliveryOfficeName"),
        row("city", "city"),
        row("phone", "telephoneNumber"),
    )));
    world.extend_application(own_schema(&["desk.floor", "desk.room", "desk.city", "desk.phone"]));
    world.hire("ada");
    world.set("ada", "state", "3");
    world.set("ada", "city", "Oslo");
    world.set("ada", "officeLocation", "3.14");
    world.set("ada", "businessPhones", json!(["+47 555"]));
    world.sync_well().await;
    let own = "urn:ietf:params:scim:schemas:extension:crm:2.0:User";
    let account = world.account("ada@contoso.com").expect("there");
    let whole = json!({"floor": "3", "room": "3.14", "city": "Oslo", "phone": "+47 555"});
    assert_eq!(account[own]["desk"], whole);
    world.set("ada", "city", "Bergen");
    world.set("ada", "state", serde_json::Value::Null);
    world.sync_well().await;
    let account = world.account("ada@contoso.com").expect("there");
    let whole = json!({"room": "3.14", "city": "Bergen", "phone": "+47 555"});
    assert_eq!(account[own]["desk"], whole);
    world.is_settled().await;
}
