//! Somebody stays and changes: name, address, department, manager, role.

use serde_json::json;

use super::host::{Life, on_every_host};
use crate::support::company::hire_in_full;

on_every_host! {
    a_rename_is_one_patch_of_the_account_and_frees_the_name
    a_changed_matching_attribute_is_one_patch_of_the_account
    a_marriage_changes_name_and_address_in_one_patch
    a_move_changes_department_place_and_manager_in_one_patch
    another_role_is_one_patch_and_takes_nothing_away
}

async fn a_rename_is_one_patch_of_the_account_and_frees_the_name(mut life: Life) {
    hire_in_full(&mut life, "ada");
    life.hire("grace");
    life.begins().await;
    let id = life.account_id("ada").await;
    life.set("ada", "userPrincipalName", "countess@contoso.com");
    life.set("ada", "mailNickname", "countess");
    assert_eq!(life.good_cycle().await, ["PATCH ada"]);
    assert_eq!(life.account_id("ada").await, id);
    life.is("ada", true, None).await;
    assert_eq!(life.account_named("ada@contoso.com").await, None);
    life.rests().await;

    // The freed name leads nobody to the account of whoever had it.
    life.hire_another("ada.b", "ada@contoso.com");
    assert_eq!(life.good_cycle().await, ["POST ada"]);
    assert_ne!(life.account_id("ada.b").await, id);
    life.is("ada", true, None).await;
    life.is("ada.b", true, None).await;
    life.rests().await;
}

async fn a_changed_matching_attribute_is_one_patch_of_the_account(mut life: Life) {
    life.configure(
        r#"---
[apps.crm.users]
inherit = true
[[apps.crm.users.attributes]]
target = "externalId"
source = "employeeId"
match = 1
[[apps.crm.users.attributes]]
target = "userName"
source = "userPrincipalName"
match = 2
"#,
    );
    hire_in_full(&mut life, "ada");
    hire_in_full(&mut life, "grace");
    life.begins().await;
    let id = life.account_id("ada").await;
    life.set("ada", "employeeId", "E9999");
    life.set("ada", "userPrincipalName", "countess@contoso.com");
    assert_eq!(life.good_cycle().await, ["PATCH ada"]);
    let account = life.account_of("ada").await.expect("there");
    assert_eq!((&account["id"], &account["externalId"]), (&json!(id), &json!("E9999")));
    assert_eq!(life.accounts().await.len(), 2);
    life.rests().await;
}

async fn a_marriage_changes_name_and_address_in_one_patch(mut life: Life) {
    hire_in_full(&mut life, "ada");
    hire_in_full(&mut life, "grace");
    life.begins().await;
    let id = life.account_id("ada").await;
    for (attribute, value) in [
        ("surname", "Lovelace"),
        ("displayName", "Ada Lovelace"),
        ("mail", "ada.lovelace@contoso.com"),
        ("userPrincipalName", "ada.lovelace@contoso.com"),
    ] {
        life.set("ada", attribute, value);
    }
    assert_eq!(life.good_cycle().await, ["PATCH ada"]);
    assert_eq!(life.account_id("ada").await, id);
    life.is("ada", true, None).await;
    life.is("grace", true, None).await;
    life.rests().await;
}

async fn a_move_changes_department_place_and_manager_in_one_patch(mut life: Life) {
    for name in ["ada", "grace", "linus"] {
        hire_in_full(&mut life, name);
    }
    life.tenant.set_manager(life.id("linus"), Some(life.id("ada")));
    life.begins().await;
    life.set("linus", "department", "Kernel");
    life.set("linus", "city", "Helsinki");
    life.set("linus", "jobTitle", "Fellow");
    life.tenant.set_manager(life.id("linus"), Some(life.id("grace")));
    assert_eq!(life.good_cycle().await, ["PATCH linus"]);
    life.is("linus", true, Some("grace")).await;
    life.rests().await;
    life.tenant.set_manager(life.id("linus"), None);
    assert_eq!(life.good_cycle().await, ["PATCH linus"]);
    life.is("linus", true, None).await;
    life.rests().await;
}

async fn another_role_is_one_patch_and_takes_nothing_away(mut life: Life) {
    life.configure(
        r#"---
[apps.crm.users]
inherit = true
[[apps.crm.users.attributes]]
target = "userType"
expression = 'Switch(SingleAppRoleAssignment([appRoleAssignments]), , "Editor", "editor", "Viewer", "viewer")'
[[apps.crm.users.attributes]]
target = "roles"
expression = 'AssertiveAppRoleAssignmentsComplex([appRoleAssignments])'
"#,
    );
    life.hire("ada");
    life.hire("grace");
    life.begins().await;
    let before = life.account_of("ada").await.expect("there");
    assert_eq!(before["userType"], json!("editor"));
    assert_eq!(before["roles"][0]["value"], json!("editor"));

    let viewer = entra_scim::model::AppRoleId::derive(&["role", "Viewer"]);
    life.assign("ada", Some(viewer));
    let (app, ada, editor) = (life.enterprise_app, life.id("ada"), life.editor);
    life.tenant.unassign(app, ada, Some(editor));
    assert_eq!(life.good_cycle().await, ["PATCH ada"]);
    let after = life.account_of("ada").await.expect("there");
    assert_eq!((&after["id"], &after["active"]), (&before["id"], &json!(true)));
    assert_eq!(after["userType"], json!("viewer"));
    let roles = after["roles"].as_array().expect("a list");
    assert_eq!((roles.len(), &roles[0]["value"]), (1, &json!("viewer")), "{after}");
    life.rests().await;
}
