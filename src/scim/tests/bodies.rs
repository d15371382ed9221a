//! Golden bodies: what is sent, to the letter.

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::{changes, values};
use crate::{
    model::ObjectKind,
    scim::{AttributeChange, Dialect, ENTERPRISE_USER, Values, create_body, patch},
};

const WHIMSICAL_EDITOR: &str = "urn:ietf:params:scim:schemas:extension:whimsical:2.0:User:editor";

fn operations(baseline: &Values, wanted: &Values, dialect: Dialect) -> String {
    let request = patch(baseline, &changes(baseline, wanted), dialect);
    assert_eq!(request.schemas, ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]);
    let lines: Vec<String> = request
        .operations
        .iter()
        .map(|operation| serde_json::to_string(operation).expect("operations are JSON"))
        .collect();
    lines.join("\n")
}

fn jdoe() -> Values {
    values([
        ("externalId", json!("jdoe")),
        ("userName", json!("jdoe@contoso.com")),
        ("active", json!(true)),
        (r#"emails[type eq "work"].value"#, json!("jdoe@contoso.com")),
        ("name.formatted", json!("John Doe")),
        ("name.familyName", json!("Doe")),
        ("name.givenName", json!("John")),
    ])
}

fn text(body: impl serde::Serialize) -> String {
    serde_json::to_string_pretty(&body).expect("bodies are JSON")
}

#[test]
fn the_legacy_create_is_the_one_entra_documents() {
    let mut user = jdoe();
    user.extend(values([("roles", json!([]))]));
    let body = create_body(ObjectKind::User, &user, Dialect::EntraLegacy);
    let documented = json!({
        "schemas": [
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
        ],
        "externalId": "jdoe", "userName": "jdoe@contoso.com", "active": true,
        "emails": [{ "primary": true, "type": "work", "value": "jdoe@contoso.com" }],
        "meta": { "resourceType": "User" },
        "name": { "formatted": "John Doe", "familyName": "Doe", "givenName": "John" },
        "roles": []
    });
    assert_eq!(Value::Object(body), documented);
}

#[test]
fn a_create_names_exactly_the_schemas_it_uses() {
    let mut user = jdoe();
    user.extend(values([
        (WHIMSICAL_EDITOR, json!(true)),
        (&format!("{ENTERPRISE_USER}:department"), json!("Sales")),
        (&format!("{}:division", ENTERPRISE_USER.to_uppercase()), json!("North")),
        (&format!("{ENTERPRISE_USER}:manager"), json!("26118915")),
        (r#"addresses[type eq "work"].locality"#, json!("Bern")),
        (r#"addresses[type eq "work"].postalCode"#, json!("3011")),
        (r#"roles[primary eq "True"].value"#, json!("Admin")),
        ("nickName", Value::Null),
        ("urn:ietf:params:scim:schemas:core:2.0:User:title", json!("Dr")),
    ]));
    let body = create_body(ObjectKind::User, &user, Dialect::Rfc7644);
    assert_snapshot!(text(body), @r#"
    {
      "active": true,
      "addresses": [
        {
          "locality": "Bern",
          "postalCode": "3011",
          "type": "work"
        }
      ],
      "emails": [
        {
          "primary": true,
          "type": "work",
          "value": "jdoe@contoso.com"
        }
      ],
      "externalId": "jdoe",
      "name": {
        "familyName": "Doe",
        "formatted": "John Doe",
        "givenName": "John"
      },
      "roles": [
        {
          "primary": true,
          "type": "WindowsAzureActiveDirectoryRole",
          "value": "Admin"
        }
      ],
      "schemas": [
        "urn:ietf:params:scim:schemas:core:2.0:User",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        "urn:ietf:params:scim:schemas:extension:whimsical:2.0:User"
      ],
      "title": "Dr",
      "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
        "department": "Sales",
        "division": "North",
        "manager": {
          "value": "26118915"
        }
      },
      "urn:ietf:params:scim:schemas:extension:whimsical:2.0:User": {
        "editor": true
      },
      "userName": "jdoe@contoso.com"
    }
    "#);
}

#[test]
fn the_legacy_create_types_the_role_and_keeps_custom_schemas_to_itself() {
    let user = values([
        ("userName", json!("a@b")),
        ("active", json!("True")),
        (WHIMSICAL_EDITOR, json!("x")),
        (r#"roles[primary eq "True"].value"#, json!("Admin")),
    ]);
    let body = create_body(ObjectKind::User, &user, Dialect::EntraLegacy);
    assert_eq!(
        body["roles"],
        json!([{ "primary": true, "type": "WindowsAzureActiveDirectoryRole", "value": "Admin" }])
    );
    assert_eq!(body["active"], json!(true));
    assert_eq!(body["schemas"].as_array().map(Vec::len), Some(2));
}

#[test]
fn another_primary_email_is_left_the_only_one() {
    let user = values([
        (r#"emails[type eq "home"].primary"#, json!("True")),
        (r#"emails[type eq "home"].value"#, json!("h@b")),
        (r#"emails[type eq "work"].value"#, json!("w@b")),
    ]);
    let body = create_body(ObjectKind::User, &user, Dialect::Rfc7644);
    assert_eq!(
        body["emails"],
        json!([
            { "type": "home", "primary": true, "value": "h@b" },
            { "type": "work", "value": "w@b" }
        ])
    );
}

#[test]
fn a_group_is_created_in_both_dialects() {
    let group = values([("displayName", json!("G")), ("externalId", json!("1"))]);
    let legacy = create_body(ObjectKind::Group, &group, Dialect::EntraLegacy);
    assert_eq!(
        Value::Object(legacy),
        json!({
            "schemas": [
                "urn:ietf:params:scim:schemas:core:2.0:Group",
                "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"
            ],
            "externalId": "1", "displayName": "G", "meta": { "resourceType": "Group" }
        })
    );
    let standard = create_body(ObjectKind::Group, &group, Dialect::Rfc7644);
    assert_eq!(standard["schemas"], json!(["urn:ietf:params:scim:schemas:core:2.0:Group"]));
    assert!(!standard.contains_key("meta"));
}

fn before() -> Values {
    values([
        ("active", json!(true)),
        ("title", json!("Dr")),
        ("name.givenName", json!("B")),
        (r#"emails[type eq "work"].value"#, json!("old@b")),
        (r#"phoneNumbers[type eq "work"].value"#, json!("1")),
        (r#"addresses[type eq "work"].locality"#, json!("Bern")),
        (r#"addresses[type eq "work"].postalCode"#, json!("3011")),
        (r#"roles[primary eq "True"].value"#, json!("User")),
        (&format!("{ENTERPRISE_USER}:manager"), json!("m1")),
    ])
}

fn after() -> Values {
    values([
        ("active", json!(false)),
        ("nickName", json!("Babs")),
        ("name.givenName", json!("A")),
        (r#"emails[type eq "work"].value"#, json!("new@b")),
        (r#"emails[type eq "other"].value"#, json!("o@b")),
        (r#"emails[type eq "other"].display"#, json!("O")),
        (r#"addresses[type eq "work"].locality"#, json!("Thun")),
        (r#"addresses[type eq "work"].region"#, json!("BE")),
        (r#"roles[primary eq "True"].value"#, json!("Admin")),
        (&format!("{ENTERPRISE_USER}:department"), json!("Sales")),
        (&format!("{ENTERPRISE_USER}:manager"), json!("m2")),
        (WHIMSICAL_EDITOR, json!(true)),
    ])
}

#[test]
fn a_standard_patch_is_legal_for_the_strictest_server() {
    assert_snapshot!(operations(&before(), &after(), Dialect::Rfc7644), @r#"
    {"op":"replace","path":"active","value":false}
    {"op":"remove","path":"addresses[type eq \"work\"].postalCode"}
    {"op":"remove","path":"phoneNumbers[type eq \"work\"]"}
    {"op":"remove","path":"title"}
    {"op":"replace","path":"addresses[type eq \"work\"].locality","value":"Thun"}
    {"op":"replace","path":"emails[type eq \"work\"].value","value":"new@b"}
    {"op":"replace","path":"name.givenName","value":"A"}
    {"op":"replace","path":"roles[primary eq true].value","value":"Admin"}
    {"op":"replace","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":{"value":"m2"}}
    {"op":"add","path":"addresses[type eq \"work\"].region","value":"BE"}
    {"op":"add","path":"emails","value":[{"display":"O","type":"other","value":"o@b"}]}
    {"op":"add","path":"nickName","value":"Babs"}
    {"op":"add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","value":"Sales"}
    {"op":"add","path":"urn:ietf:params:scim:schemas:extension:whimsical:2.0:User:editor","value":true}
    "#);
}

#[test]
fn a_legacy_patch_is_one_capitalised_operation_for_each_attribute() {
    assert_snapshot!(operations(&before(), &after(), Dialect::EntraLegacy), @r#"
    {"op":"Replace","path":"active","value":"False"}
    {"op":"Remove","path":"addresses[type eq \"work\"].postalCode"}
    {"op":"Remove","path":"phoneNumbers[type eq \"work\"].value"}
    {"op":"Remove","path":"title"}
    {"op":"Replace","path":"addresses[type eq \"work\"].locality","value":"Thun"}
    {"op":"Replace","path":"emails[type eq \"work\"].value","value":"new@b"}
    {"op":"Replace","path":"name.givenName","value":"A"}
    {"op":"Add","path":"addresses[type eq \"work\"].region","value":"BE"}
    {"op":"Add","path":"emails[type eq \"other\"].display","value":"O"}
    {"op":"Add","path":"emails[type eq \"other\"].value","value":"o@b"}
    {"op":"Add","path":"nickName","value":"Babs"}
    {"op":"Add","path":"roles","value":[{"value":"Admin"}]}
    {"op":"Add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","value":"Sales"}
    {"op":"Add","path":"manager","value":[{"$ref":null,"value":"m2"}]}
    {"op":"Add","path":"urn:ietf:params:scim:schemas:extension:whimsical:2.0:User:editor","value":"True"}
    "#);
}

#[test]
fn the_whole_role_list_is_replaced_so_that_removals_work() {
    let role = |name: &str| {
        json!([{ "primary": false, "type": "WindowsAzureActiveDirectoryRole",
                 "value": name, "display": name }])
    };
    let (had, wanted) = (values([("roles", role("User"))]), values([("roles", role("Admin"))]));
    assert_snapshot!(operations(&had, &wanted, Dialect::EntraLegacy), @r#"{"op":"replace","path":"roles","value":[{"display":"Admin","primary":false,"type":"WindowsAzureActiveDirectoryRole","value":"Admin"}]}"#);
    assert_snapshot!(operations(&had, &values([]), Dialect::Rfc7644), @r#"{"op":"remove","path":"roles"}"#);
}

#[test]
fn a_cleared_manager_is_removed_in_both_dialects() {
    let had = values([(&format!("{ENTERPRISE_USER}:manager"), json!("m1"))]);
    assert_snapshot!(operations(&had, &values([]), Dialect::Rfc7644), @r#"{"op":"remove","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"}"#);
    assert_snapshot!(operations(&had, &values([]), Dialect::EntraLegacy), @r#"{"op":"Remove","path":"manager"}"#);
}

#[test]
fn clearing_what_is_not_there_needs_no_operation() {
    let had = values([("title", json!("Dr"))]);
    let mut change = changes(&had, &values([])).remove(0);
    change.old = None;
    assert!(patch(&Values::new(), &[change], Dialect::Rfc7644).operations.is_empty());
}

#[test]
fn a_change_is_stored_under_its_three_names() {
    let change = &changes(&values([("title", json!("Dr"))]), &values([]))[0];
    let stored = serde_json::to_value(change).expect("changes are JSON");
    assert_eq!(stored, json!({ "path": "title", "old": "Dr", "new": null }));
    assert_eq!(&serde_json::from_value::<AttributeChange>(stored).expect("a change"), change);
}
