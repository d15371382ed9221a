//! The body of a PUT: what was read, with the difference in it and nothing else.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{
    changes, path,
    properties::{PATHS, foreign_paths, has_null, some_values, with_foreign},
    values,
};
use crate::{
    model::{ObjectKind, TargetId},
    scim::{
        AttributePath, Dialect, ENTERPRISE_USER, Values, create_body, outstanding, project,
        replaced, with_members,
    },
};

fn document(value: Value) -> Map<String, Value> {
    let Value::Object(document) = value else { panic!("an object") };
    document
}

fn put(document: &Map<String, Value>, baseline: &Values, wanted: &Values) -> Value {
    let changes = changes(baseline, wanted);
    let kind = ObjectKind::User;
    Value::Object(replaced(kind, document, (baseline, &changes), Dialect::Rfc7644))
}

#[test]
fn what_others_wrote_survives_and_what_only_the_service_writes_is_left_out() {
    let read = document(json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:x:theirs"],
        "id": "7", "meta": { "version": "W/\"3\"" }, "userName": "ada", "nickName": null,
        "emails": [
            { "type": "home", "value": "ada@home.example", "primary": true },
            { "type": "work", "value": "old@x.example", "verified": true },
        ],
        "urn:x:theirs": { "badge": 12 },
    }));
    let work = r#"emails[type eq "work"].value"#;
    let department = format!("{ENTERPRISE_USER}:department");
    let baseline = values([("userName", json!("ada")), (work, json!("old@x.example"))]);
    let wanted = values([
        ("userName", json!("ada")),
        (work, json!("new@x.example")),
        (&department, json!("Engines")),
    ]);
    assert_eq!(
        put(&read, &baseline, &wanted),
        json!({
            "schemas": [
                "urn:ietf:params:scim:schemas:core:2.0:User", "urn:x:theirs", ENTERPRISE_USER,
            ],
            "id": "7", "userName": "ada",
            "emails": [
                { "type": "home", "value": "ada@home.example", "primary": true },
                { "type": "work", "value": "new@x.example", "verified": true },
            ],
            "urn:x:theirs": { "badge": 12 },
            ENTERPRISE_USER: { "department": "Engines" },
        })
    );
}

#[test]
fn an_element_goes_with_its_last_known_value_and_an_extension_with_its_last_attribute() {
    let department = format!("{ENTERPRISE_USER}:department");
    let read = document(json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE_USER],
        "id": "7",
        "phoneNumbers": [{ "type": "work", "value": "1" }],
        "addresses": [{ "type": "work", "locality": "Zürich", "region": "ZH" }],
        ENTERPRISE_USER: { "department": "Engines" },
    }));
    let locality = r#"addresses[type eq "work"].locality"#;
    let region = r#"addresses[type eq "work"].region"#;
    let baseline = values([
        (r#"phoneNumbers[type eq "work"].value"#, json!("1")),
        (locality, json!("Zürich")),
        (region, json!("ZH")),
        (&department, json!("Engines")),
    ]);
    assert_eq!(
        put(&read, &baseline, &values([(region, json!("ZH"))])),
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "id": "7",
            "addresses": [{ "type": "work", "region": "ZH" }],
        })
    );
}

#[test]
fn names_in_another_case_and_flat_extension_keys_are_written_where_they_stand() {
    let department = format!("{ENTERPRISE_USER}:department");
    let read = document(json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "id": "7",
        "DisplayName": "Ada", department.as_str(): "Engines", "Emails": { "type": "home" },
    }));
    let baseline = values([("displayName", json!("Ada")), (&department, json!("Engines"))]);
    let wanted = values([
        ("displayName", json!("Ada L")),
        (&department, json!("Looms")),
        (r#"emails[type eq "work"].value"#, json!("a@x.example")),
    ]);
    assert_eq!(
        put(&read, &baseline, &wanted),
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "id": "7",
            "DisplayName": "Ada L", department.as_str(): "Looms",
            "Emails": [{ "type": "home" }, { "type": "work", "value": "a@x.example" }],
        })
    );
}

#[test]
fn roles_that_only_add_leave_the_others_there() {
    let role = |name: &str| {
        json!({
            "id": "x", "displayName": name, "value": name.to_lowercase(), "primary": false,
            "type": "WindowsAzureActiveDirectoryRole",
        })
    };
    let read = document(json!({ "id": "7", "roles": [{ "value": "owner" }, { "value": "user" }] }));
    let wanted = values([("roles", json!([role("User"), role("Admin")]))]);
    let body = put(&read, &Values::new(), &wanted);
    assert_eq!(
        body["roles"],
        json!([
            { "value": "owner" },
            { "value": "user" },
            {
                "display": "Admin", "value": "admin", "primary": false,
                "type": "WindowsAzureActiveDirectoryRole",
            },
        ])
    );
    let again = changes(&Values::new(), &wanted);
    let (_, left) = outstanding(&document(body), [], &again);
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn only_what_is_not_there_yet_is_still_to_be_changed() {
    let read = document(json!({ "id": "7", "title": "Dr", "active": "False", "nickName": "A" }));
    let baseline = values([("title", json!("Dr")), ("nickName", json!("Ada"))]);
    let wanted =
        values([("active", json!(false)), ("displayName", json!("Ada")), ("title", json!("Dr"))]);
    let changes = changes(&baseline, &wanted);
    let (there, left) = outstanding(&read, baseline.keys(), &changes);
    assert_eq!(
        there,
        values([("active", json!("False")), ("nickName", json!("A")), ("title", json!("Dr"))])
    );
    let left: Vec<String> = left.iter().map(|change| change.path.to_string()).collect();
    assert_eq!(left, ["displayName", "nickName"]);
}

#[test]
fn members_of_others_keep_their_order_and_nobody_is_a_member_twice() {
    let ids = |texts: &[&str]| -> Vec<TargetId> {
        texts.iter().map(|text| TargetId::parse(text).expect("an id")).collect()
    };
    let read = document(json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "id": "g", "displayName": "Looms", "meta": { "resourceType": "Group" },
        "members": [
            { "value": "3", "display": "Three" }, { "value": "1" }, { "value": "2" },
        ],
    }));
    let body = with_members(&read, &ids(&["9", "3", "9"]), &ids(&["1", "404"]));
    assert_eq!(
        Value::Object(body),
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "id": "g", "displayName": "Looms",
            "members": [{ "value": "3", "display": "Three" }, { "value": "2" }, { "value": "9" }],
        })
    );
    let emptied = with_members(&read, &[], &ids(&["1", "2", "3"]));
    assert!(!emptied.contains_key("members"), "no value is no key");
}

proptest! {
    #[test]
    fn a_replacement_has_what_is_wanted_and_touches_nothing_else(
        baseline in some_values(),
        wanted in some_values(),
        dialect in prop::sample::select(vec![Dialect::Rfc7644, Dialect::EntraLegacy]),
    ) {
        let kind = ObjectKind::User;
        let read = with_foreign(create_body(kind, &baseline, Dialect::Rfc7644));
        let mapped: Vec<AttributePath> = PATHS.iter().map(|text| path(text)).collect();
        let foreign = foreign_paths();
        let changes = changes(&baseline, &wanted);

        let body = replaced(kind, &read, (&baseline, &changes), dialect);

        prop_assert_eq!(&project(&body, &mapped), &wanted);
        prop_assert_eq!(project(&body, &foreign), project(&read, &foreign));
        prop_assert!(!has_null(&Value::Object(body.clone())));
        let named: BTreeSet<&str> =
            body["schemas"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
        for key in body.keys().filter(|key| key.starts_with("urn:")) {
            prop_assert!(named.contains(key.as_str()), "{} is not in schemas", key);
        }
        let (there, left) = outstanding(&body, wanted.keys(), &changes);
        prop_assert!(left.is_empty(), "{:?}", left);
        let again = replaced(kind, &body, (&there, &changes), dialect);
        prop_assert_eq!(again, body, "a second time changes nothing");
    }

    #[test]
    fn no_document_makes_a_replacement_panic(
        document in super::properties::some_json(),
        wanted in some_values(),
    ) {
        let Value::Object(document) = document else { return Ok(()) };
        let changes = changes(&Values::new(), &wanted);
        let body = replaced(ObjectKind::User, &document, (&Values::new(), &changes), Dialect::Rfc7644);
        let (_, left) = outstanding(&body, [], &changes);
        prop_assert!(left.is_empty(), "{:?}", left);
        let ids = [TargetId::parse("1").expect("an id")];
        let _ = with_members(&document, &ids, &[]);
    }
}
