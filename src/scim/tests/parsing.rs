//! What services answer, read leniently; and tenant URLs as people paste them.

use serde_json::{Map, Value, json};

use super::{path, values};
use crate::scim::{
    Dialect, ENTERPRISE_USER, InvalidList, InvalidTenantUrl, ListResponse, ScimError,
    parse_tenant_url, project, read, same,
};

fn document(value: &Value) -> Map<String, Value> {
    value.as_object().expect("an object").clone()
}

#[test]
fn a_resource_is_read_whatever_the_case_of_its_names() {
    let user = document(&json!({
        "USERNAME": "a", "Active": "True", "title": null, "photos": [], "name": {},
        "Emails": [{"type": "home", "value": "h"}, {"Type": "Work", "VALUE": "w"}],
        "roles": [{"value": "x"}, {"primary": "true", "value": "y"}],
        "URN:ietf:params:scim:schemas:extension:enterprise:2.0:User":
            {"Department": "Sales", "manager": {"value": "m1", "displayName": "M"}},
        "urn:example:2.0:User:flat": 7
    }));
    let manager = format!("{ENTERPRISE_USER}:manager");
    let department = format!("{ENTERPRISE_USER}:department");
    let expected = values([
        ("userName", json!("a")),
        ("active", json!("True")),
        (r#"emails[type eq "work"].value"#, json!("w")),
        (r#"roles[primary eq "True"].value"#, json!("y")),
        ("roles.value", json!("y")),
        (&manager, json!("m1")),
        (&department, json!("Sales")),
        ("urn:example:2.0:User:flat", json!(7)),
    ]);
    let absent = ["title", "photos", "name", "name.givenName", r#"emails[type eq "x"].value"#];
    let absent = absent.map(path);
    assert_eq!(project(&user, expected.keys().chain(&absent)), expected);
}

#[test]
fn an_element_that_lost_its_value_does_not_hide_the_one_that_has_one() {
    let user = document(&json!({
        "phoneNumbers": [{"type": "fax"}, {"type": "work"}, {"type": "work", "value": "1"}],
    }));
    assert_eq!(read(&user, &path(r#"phoneNumbers[type eq "work"].value"#)), Some(json!("1")));
    assert_eq!(read(&user, &path(r#"phoneNumbers[type eq "fax"].value"#)), None);
}

#[test]
fn a_manager_is_read_as_its_id_however_it_is_wrapped() {
    let manager = path(&format!("{ENTERPRISE_USER}:manager"));
    for wrapped in [json!("m"), json!({"value": "m", "$ref": "x"}), json!([{"value": "m"}])] {
        let user = document(&json!({ ENTERPRISE_USER: { "manager": wrapped.clone() } }));
        assert_eq!(read(&user, &manager), Some(json!("m")));
        assert!(same(&manager, &json!("m"), &wrapped));
        assert!(!same(&manager, &json!("M"), &wrapped), "ids are case-exact");
    }
    let without = document(&json!({ ENTERPRISE_USER: { "manager": { "displayName": "M" } } }));
    assert_eq!(read(&without, &manager), None);
}

#[test]
fn values_that_mean_the_same_need_no_write() {
    let cases = [
        ("active", json!(false), json!("False"), true),
        ("active", json!("True"), json!(true), true),
        ("active", json!(true), json!("False"), false),
        ("userName", json!("A@B"), json!("a@b"), true),
        ("externalId", json!("A"), json!("a"), false),
        ("urn:x:2.0:User:level", json!("7"), json!(7), true),
        (
            "roles",
            json!([{"value": "a"}, {"value": "b"}]),
            json!([{"value": "b"}, {"value": "a", "$ref": "r"}]),
            true,
        ),
        ("roles", json!([{"value": "a", "primary": false}]), json!([{"value": "a"}]), true),
        (
            "roles",
            json!([{"value": "a"}, {"value": "a"}]),
            json!([{"value": "a"}, {"value": "b"}]),
            false,
        ),
        ("roles", json!([{"value": "a"}]), json!([]), false),
    ];
    for (attribute, ours, theirs, expected) in cases {
        assert_eq!(same(&path(attribute), &ours, &theirs), expected, "{attribute} {ours} {theirs}");
    }
}

#[test]
fn lists_are_read_as_services_write_them() {
    let parse = |value: Value| ListResponse::parse(value.to_string().as_bytes());
    let full = parse(json!({
        "totalresults": "40",
        "resources": [{"id": "a"}, {"ID": 7}, {"id": ""}, {"userName": "x"}, null]
    }))
    .expect("a list");
    let ids: Vec<&str> = full.resources.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!((ids, full.total, full.unusable), (vec!["a", "7"], 40, 3));

    for empty in [
        json!({"totalResults": 0}),
        json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"]}),
        json!({"totalResults": 0, "Resources": null}),
        json!({"Resources": []}),
    ] {
        let list = parse(empty).expect("an empty list");
        assert_eq!((list.resources.len(), list.total, list.unusable), (0, 0, 0));
    }
    assert_eq!(parse(json!({"id": "a"})), Err(InvalidList::NotAList));
    assert_eq!(parse(json!([{"id": "a"}])), Err(InvalidList::NotAList));
    assert_eq!(parse(json!({"Resources": {}})), Err(InvalidList::Resources));
    assert_eq!(ListResponse::parse(b"<html>"), Err(InvalidList::NotJson));
}

#[test]
fn errors_are_read_with_their_status_as_text_or_number() {
    let parse = |value: Value| ScimError::parse(value.to_string().as_bytes());
    for status in [json!("409"), json!(409)] {
        let error = parse(json!({"scimType": "Uniqueness", "detail": "taken", "status": status}))
            .expect("an error");
        assert_eq!(error.status, Some(409));
        assert!(error.is_uniqueness());
    }
    let old = parse(json!({"Errors": [{"description": "no such user", "code": "404"}]}));
    assert_eq!(old.and_then(|error| error.detail).as_deref(), Some("no such user"));
    assert_eq!(parse(json!({"message": "nope"})), None);
    assert_eq!(parse(json!({"Errors": [1]})), None);
    assert_eq!(ScimError::parse(b""), None);
}

#[test]
fn the_flag_in_a_tenant_url_is_consumed_and_selects_the_dialect() {
    for raw in [
        "https://whimsical.com/public-api/scim-v2/?aadOptscim062020",
        " https://whimsical.com/public-api/scim-v2?aadOptscim062020=true ",
    ] {
        let tenant = parse_tenant_url(raw).expect(raw);
        assert_eq!(tenant.base.as_str(), "https://whimsical.com/public-api/scim-v2");
        assert_eq!(tenant.dialect, Some(Dialect::Rfc7644));
        assert_eq!((tenant.query, tenant.warnings), (vec![], Vec::<String>::new()));
    }
}

#[test]
fn a_misspelt_flag_is_a_warning_and_is_not_sent() {
    for name in ["aadOptscim0620200", "AADOPTSCIM062020", "aadOptScim06202"] {
        let raw = format!("https://a.example/scim?{name}&team=a%26b&x");
        let tenant = parse_tenant_url(&raw).expect("a tenant URL");
        assert_eq!(tenant.dialect, None);
        assert_eq!(tenant.query, [("team".into(), "a&b".into()), ("x".into(), String::new())]);
        assert_eq!(tenant.warnings.len(), 1);
        assert!(tenant.warnings[0].contains(name) && tenant.warnings[0].contains("not sent"));
    }
}

#[test]
fn a_tenant_url_that_could_leak_or_mislead_is_refused() {
    use InvalidTenantUrl::{Fragment, NotAUrl, NotHttps, UserInfo};
    let refused = |raw: &str| parse_tenant_url(raw).expect_err(raw);
    assert_eq!(refused("http://a.example/scim"), NotHttps);
    assert_eq!(refused("ftp://a.example/scim"), NotHttps);
    assert_eq!(refused("https://me:secret@a.example/"), UserInfo);
    assert_eq!(refused("https://me@a.example/"), UserInfo);
    assert_eq!(refused("https://a.example/#x"), Fragment);
    assert!(matches!(refused("a.example/scim"), NotAUrl(_)));
    assert!(matches!(refused("mailto:a@b"), NotAUrl(_)));
    for loopback in ["http://127.0.0.1:8080/v2", "http://[::1]/", "http://localhost/x/"] {
        parse_tenant_url(loopback).expect(loopback);
    }
}
