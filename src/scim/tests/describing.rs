//! What is taken from the words of a service about itself.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{path, properties::some_json};
use crate::scim::{Discovery, ServiceDescription, without_read_only};

fn learned(from: Discovery, answer: &Value) -> ServiceDescription {
    let mut description = ServiceDescription::default();
    description.learn(from, answer);
    description
}

#[test]
fn the_configuration_of_the_rfc_is_read_whole() {
    let answer = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": { "supported": false },
        "bulk": { "supported": true, "maxOperations": 1000, "maxPayloadSize": 1_048_576 },
        "filter": { "supported": true, "maxResults": 200 },
        "etag": { "supported": "true" },
        "pagination": {
            "cursor": true, "index": false, "defaultPaginationMethod": "cursor",
            "maxPageSize": 100,
        },
    });
    let expected = ServiceDescription {
        patch: Some(false),
        filter: Some(true),
        etag: Some(true),
        index_paging: Some(false),
        cursor_paging: Some(true),
        page_size_max: Some(100),
        ..ServiceDescription::default()
    };
    assert_eq!(learned(Discovery::ServiceProviderConfig, &answer), expected);
}

#[test]
fn a_page_of_no_rows_is_no_limit() {
    let answer = json!({ "filter": { "supported": true, "maxResults": 0 } });
    assert_eq!(learned(Discovery::ServiceProviderConfig, &answer).page_size_max, None);
}

#[test]
fn what_is_no_description_says_nothing() {
    let list = json!({ "totalResults": 0, "Resources": [] });
    for answer in [json!({}), json!([]), json!("<html>"), json!(null), list] {
        for from in Discovery::ALL {
            assert_eq!(learned(from, &answer), ServiceDescription::default(), "{answer}");
        }
    }
}

#[test]
fn a_service_has_groups_where_its_types_say_so() {
    let kind = |endpoint: &str| json!({ "name": "x", "endpoint": endpoint });
    let groups = |types: Value| learned(Discovery::ResourceTypes, &types).groups;
    let users = kind("/Users");
    assert_eq!(groups(json!({ "Resources": [users, kind("/Groups")] })), Some(true));
    assert_eq!(groups(json!({ "Resources": [users] })), Some(false));
    assert_eq!(groups(json!([kind("https://x.example/scim/Users/")])), Some(false));
    assert_eq!(groups(json!({ "Resources": [kind("/Tokens")] })), None);
}

#[test]
fn what_only_the_service_may_write_is_left_out_of_a_replacement() {
    let attribute =
        |name: &str, mutability: &str| json!({ "name": name, "mutability": mutability });
    let schemas = json!({ "Resources": [
        {
            "id": "urn:ietf:params:scim:schemas:core:2.0:User",
            "attributes": [
                attribute("groups", "readOnly"), attribute("userName", "readWrite"),
                attribute("id", "readOnly"),
            ],
        },
        { "id": "urn:x:theirs", "attributes": [attribute("score", "readonly")] },
    ]});
    let description = learned(Discovery::Schemas, &schemas);
    let named = ["groups", "id", "urn:x:theirs:score"].map(path);
    assert_eq!(description.read_only, named.into_iter().collect());
    let resource = json!({
        "id": "7", "userName": "ada", "Groups": [{ "value": "g" }],
        "urn:x:theirs": { "score": 3, "badge": 12 },
    });
    let Value::Object(resource) = resource else { unreachable!("an object") };
    assert_eq!(
        Value::Object(without_read_only(resource, &description.read_only)),
        json!({ "id": "7", "userName": "ada", "urn:x:theirs": { "badge": 12 } })
    );
    let stored = serde_json::to_string(&description).expect("JSON");
    assert_eq!(serde_json::from_str::<ServiceDescription>(&stored).expect("the same"), description);
}

proptest! {
    #[test]
    fn no_answer_makes_learning_panic(answer in some_json()) {
        for from in Discovery::ALL {
            let _ = learned(from, &answer);
        }
    }
}
