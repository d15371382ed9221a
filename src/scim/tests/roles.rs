//! Golden bodies of app roles: each role function, each dialect, on create and on change.

use std::fmt::Write as _;

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::{changes, path, values};
use crate::{
    model::ObjectKind,
    scim::{Dialect, Values, create_body, only_adds, patch, same, united},
};

const PRIMARY: &str = r#"roles[primary eq "True"].value"#;

/// What `SingleAppRoleAssignment` carries through a plan where the role's id is sent.
fn whole(name: &str) -> Value {
    json!({ "id": format!("id-of-{name}"), "value": name.to_lowercase(), "displayName": name })
}

/// What `AppRoleAssignmentsComplex` gives for one role.
fn adding(name: &str) -> Value {
    json!({ "id": format!("id-of-{name}"), "primary": false, "displayName": name,
            "type": "WindowsAzureActiveDirectoryRole", "value": name.to_lowercase() })
}

/// What `AssertiveAppRoleAssignmentsComplex` gives for one role.
fn asserted(name: &str) -> Value {
    json!({ "primary": false, "display": name,
            "type": "WindowsAzureActiveDirectoryRole", "value": name.to_lowercase() })
}

fn roles(list: Vec<Value>) -> Values {
    values([("roles", Value::Array(list))])
}

/// The roles of a create, and the operations of a change from nothing, from one value to another,
/// and to nothing.
fn life(first: &Values, second: &Values, dialect: Dialect) -> String {
    let mut told = String::new();
    let body = create_body(ObjectKind::User, first, dialect);
    writeln!(told, "POST {}", body["roles"]).expect("a text takes it");
    let nothing = Values::new();
    for (name, before, after) in
        [("gain", &nothing, first), ("change", first, second), ("lose", second, &nothing)]
    {
        let request = patch(before, &changes(before, after), dialect);
        let operations: Vec<String> = request
            .operations
            .iter()
            .map(|operation| serde_json::to_string(operation).expect("operations are JSON"))
            .collect();
        writeln!(told, "{name} {}", operations.join(" ")).expect("a text takes it");
    }
    told
}

#[test]
fn the_single_role_without_the_flag_is_json_text_in_a_patch() {
    let (user, admin) = (values([(PRIMARY, whole("User"))]), values([(PRIMARY, whole("Admin"))]));
    assert_snapshot!(life(&user, &admin, Dialect::EntraLegacy), @r#"
    POST [{"primary":true,"type":"WindowsAzureActiveDirectoryRole","value":"User"}]
    gain {"op":"Add","path":"roles","value":[{"value":"{\"id\":\"id-of-User\",\"value\":\"user\",\"displayName\":\"User\"}"}]}
    change {"op":"Add","path":"roles","value":[{"value":"{\"id\":\"id-of-Admin\",\"value\":\"admin\",\"displayName\":\"Admin\"}"}]}
    lose {"op":"Remove","path":"roles"}
    "#);
}

#[test]
fn the_single_role_by_the_rfc_is_one_primary_element() {
    let (user, admin) = (values([(PRIMARY, json!("User"))]), values([(PRIMARY, json!("Admin"))]));
    let told = life(&user, &admin, Dialect::Rfc7644);
    assert_snapshot!(told, @r#"
    POST [{"primary":true,"type":"WindowsAzureActiveDirectoryRole","value":"User"}]
    gain {"op":"add","path":"roles","value":[{"primary":true,"type":"WindowsAzureActiveDirectoryRole","value":"User"}]}
    change {"op":"replace","path":"roles[primary eq true].value","value":"Admin"}
    lose {"op":"remove","path":"roles[primary eq true]"}
    "#);
    let (user, admin) = (values([(PRIMARY, whole("User"))]), values([(PRIMARY, whole("Admin"))]));
    assert_eq!(life(&user, &admin, Dialect::Rfc7644), told, "however the role is carried");
}

#[test]
fn the_adding_list_adds_what_is_missing_and_shows_no_id_elsewhere() {
    let (user, both) = (roles(vec![adding("User")]), roles(vec![adding("User"), adding("Admin")]));
    assert_snapshot!(life(&user, &both, Dialect::EntraLegacy), @r#"
    POST [{"displayName":"User","primary":false,"type":"WindowsAzureActiveDirectoryRole","value":"user"}]
    gain {"op":"Add","path":"roles","value":[{"value":"{\"id\":\"id-of-User\",\"value\":\"user\",\"displayName\":\"User\"}"}]}
    change {"op":"Add","path":"roles","value":[{"value":"{\"id\":\"id-of-Admin\",\"value\":\"admin\",\"displayName\":\"Admin\"}"}]}
    lose {"op":"Remove","path":"roles"}
    "#);
    assert_snapshot!(life(&user, &both, Dialect::Rfc7644), @r#"
    POST [{"display":"User","primary":false,"type":"WindowsAzureActiveDirectoryRole","value":"user"}]
    gain {"op":"add","path":"roles","value":[{"display":"User","primary":false,"type":"WindowsAzureActiveDirectoryRole","value":"user"}]}
    change {"op":"add","path":"roles","value":[{"display":"Admin","primary":false,"type":"WindowsAzureActiveDirectoryRole","value":"admin"}]}
    lose {"op":"remove","path":"roles"}
    "#);
}

#[test]
fn the_asserted_list_is_replaced_whole() {
    let (user, both) =
        (roles(vec![asserted("User")]), roles(vec![asserted("Admin"), asserted("Owner")]));
    assert_snapshot!(life(&user, &both, Dialect::EntraLegacy), @r#"
    POST [{"display":"User","primary":false,"type":"WindowsAzureActiveDirectoryRole","value":"user"}]
    gain {"op":"replace","path":"roles","value":[{"display":"User","primary":false,"type":"WindowsAzureActiveDirectoryRole","value":"user"}]}
    change {"op":"replace","path":"roles","value":[{"display":"Admin","primary":false,"type":"WindowsAzureActiveDirectoryRole","value":"admin"},{"display":"Owner","primary":false,"type":"WindowsAzureActiveDirectoryRole","value":"owner"}]}
    lose {"op":"Remove","path":"roles"}
    "#);
    assert_snapshot!(life(&user, &both, Dialect::Rfc7644), @r#"
    POST [{"display":"User","primary":false,"type":"WindowsAzureActiveDirectoryRole","value":"user"}]
    gain {"op":"replace","path":"roles","value":[{"display":"User","primary":false,"type":"WindowsAzureActiveDirectoryRole","value":"user"}]}
    change {"op":"replace","path":"roles","value":[{"display":"Admin","primary":false,"type":"WindowsAzureActiveDirectoryRole","value":"admin"},{"display":"Owner","primary":false,"type":"WindowsAzureActiveDirectoryRole","value":"owner"}]}
    lose {"op":"remove","path":"roles"}
    "#);
}

#[test]
fn roles_are_told_by_their_value_however_the_application_keeps_them() {
    let known = json!([
        { "value": "user", "primary": true },
        { "value": "{\"id\":\"x\",\"value\":\"admin\",\"displayName\":\"Admin\"}" },
        "owner",
    ]);
    let wanted = json!([adding("User"), adding("Admin"), adding("Owner")]);
    assert_eq!(united(&known, &wanted), known);
    let more = united(&known, &json!([adding("Guest")]));
    assert_eq!(more.as_array().map(Vec::len), Some(4));
    assert!(only_adds(&more) && !only_adds(&known) && !only_adds(&json!([asserted("User")])));
    let baseline = values([("roles", known.clone())]);
    let request =
        patch(&baseline, &changes(&baseline, &values([("roles", more)])), Dialect::Rfc7644);
    let added = request.operations[0].value.as_ref().and_then(Value::as_array).map(Vec::len);
    assert_eq!((request.operations.len(), added), (1, Some(1)));
    assert!(
        patch(&baseline, &changes(&baseline, &roles(vec![adding("User")])), Dialect::EntraLegacy)
            .operations
            .is_empty()
    );
}

#[test]
fn a_carried_role_is_the_same_as_its_name() {
    assert!(same(&path(PRIMARY), &whole("Admin"), &json!("Admin")));
    assert!(!same(&path(PRIMARY), &whole("Admin"), &json!("User")));
    assert!(!same(&path(PRIMARY), &json!({}), &Value::Null));
}
