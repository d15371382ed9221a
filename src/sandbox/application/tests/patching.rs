//! PATCH, rule by rule (RFC 7644 §3.5.2).

use super::*;

/// A user with something of every shape.
fn ada() -> Value {
    json!({
        "userName": "ada", "active": true, "title": "Countess",
        "name": { "givenName": "Ada", "familyName": "Byron" },
        "emails": [
            { "type": "work", "value": "ada@work", "primary": true },
            { "type": "home", "value": "ada@home" },
        ],
        ENTERPRISE: { "department": "Engines" },
    })
}

/// Applies operations to [`ada`] and returns what is stored, without the id.
async fn patched(operations: Value) -> Value {
    let world = World::strict();
    let id = world.seeded(ada());
    let got = world.patch(&format!("/Users/{id}"), operations).await;
    assert_eq!(got.status, 200, "{}", got.text);
    assert_eq!(world.kinds(), []);
    assert_eq!(got.headers["etag"], "W/\"2\"");
    let mut stored = world.app.user(&id).unwrap();
    stored.remove("id");
    Value::Object(stored)
}

/// [`ada`] with one change.
fn but(change: impl FnOnce(&mut Value)) -> Value {
    let mut user = ada();
    change(&mut user);
    user
}

#[tokio::test]
async fn add_sets_merges_and_appends() {
    let got = patched(json!([{"op":"add","path":"nickName","value":"A"}])).await;
    assert_eq!(got, but(|user| user["nickName"] = "A".into()));
    let got = patched(json!([{"op":"add","path":"title","value":"Dr"}])).await;
    assert_eq!(got, but(|user| user["title"] = "Dr".into()));
    let got = patched(json!([{"op":"add","path":"name","value":{"givenName":"A"}}])).await;
    assert_eq!(got, but(|user| user["name"]["givenName"] = "A".into()));
    let got = patched(json!([{"op":"add","path":"emails","value":[
        {"type":"home","value":"ada@home"},{"type":"other","value":"ada@other"}]}]))
    .await;
    let other = json!({"type":"other","value":"ada@other"});
    assert_eq!(got, but(|user| user["emails"].as_array_mut().unwrap().push(other)));
}

#[tokio::test]
async fn a_new_primary_value_takes_the_place_of_the_old_one() {
    let got =
        patched(json!([{"op":"add","path":"emails[type eq \"home\"].primary","value":true}])).await;
    assert_eq!(got["emails"][0]["primary"], false);
    assert_eq!(got["emails"][1]["primary"], true);
}

#[tokio::test]
async fn replace_sets_one_attribute_one_sub_attribute_or_a_whole_list() {
    let got = patched(json!([{"op":"replace","path":"NAME.familyname","value":"King"}])).await;
    assert_eq!(got, but(|user| user["name"]["familyName"] = "King".into()));
    let got = patched(json!([{"op":"replace","path":"nickName","value":"A"}])).await;
    assert_eq!(got["nickName"], "A");
    let got = patched(json!([{"op":"replace","path":"emails","value":[{"value":"x@y"}]}])).await;
    assert_eq!(got["emails"], json!([{"value":"x@y"}]));
    let path = format!("{ENTERPRISE}:department");
    let got = patched(json!([{"op":"replace","path":path,"value":"Poetry"}])).await;
    assert_eq!(got[ENTERPRISE], json!({"department":"Poetry"}));
    let path = format!("{CORE}:title");
    let got = patched(json!([{"op":"replace","path":path,"value":"Dr"}])).await;
    assert_eq!(got["title"], "Dr");
}

#[tokio::test]
async fn replace_through_a_value_path_touches_the_selected_elements_only() {
    let operation =
        json!([{"op":"replace","path":"emails[type eq \"WORK\"].value","value":"a@new"}]);
    let got = patched(operation).await;
    assert_eq!(got, but(|user| user["emails"][0]["value"] = "a@new".into()));
    let operation = json!([{"op":"replace","path":"emails[type eq \"work\" and primary eq true]",
            "value":{"value":"a@new"}}]);
    let got = patched(operation).await;
    assert_eq!(got, but(|user| user["emails"][0] = json!({"value":"a@new"})));
}

#[tokio::test]
async fn without_a_path_each_attribute_of_the_value_is_set() {
    let value = json!({"title":"Dr","name":{"givenName":"A"},ENTERPRISE:{"costCenter":"7"}});
    let expected = but(|user| {
        user["title"] = "Dr".into();
        user["name"]["givenName"] = "A".into();
        user[ENTERPRISE]["costCenter"] = "7".into();
    });
    assert_eq!(patched(json!([{"op":"replace","value":value.clone()}])).await, expected);
    assert_eq!(patched(json!([{"op":"add","value":value}])).await, expected);
}

#[tokio::test]
async fn remove_takes_an_attribute_a_sub_attribute_an_element_or_a_part_of_it() {
    let gone = |user: &mut Value, key: &str| user.as_object_mut().unwrap().remove(key);
    let got = patched(json!([{"op":"remove","path":"title"}])).await;
    assert_eq!(got, but(|user| drop(gone(user, "title"))));
    let got = patched(json!([{"op":"remove","path":"name.givenName"}])).await;
    assert_eq!(got["name"], json!({"familyName":"Byron"}));
    let got = patched(json!([{"op":"remove","path":"emails[type eq \"work\"]"}])).await;
    assert_eq!(got["emails"], json!([{"type":"home","value":"ada@home"}]));
    let got = patched(json!([{"op":"remove","path":"emails[type eq \"work\"].primary"}])).await;
    assert_eq!(got["emails"][0], json!({"type":"work","value":"ada@work"}));
    let path = format!("{ENTERPRISE}:department");
    let got = patched(json!([{"op":"remove","path":path}])).await;
    assert_eq!(got.get(ENTERPRISE), None);
    let got = patched(json!([{"op":"remove","path":"emails[value pr]"}])).await;
    assert_eq!(got.get("emails"), None);
}

#[tokio::test]
async fn operations_that_are_not_right_are_refused_and_change_nothing() {
    use ViolationKind as Kind;
    let cases = [
        (json!({"op":"Replace","path":"title","value":"x"}), "invalidSyntax", Kind::OperationCase),
        (json!({"op":"set","path":"title","value":"x"}), "invalidSyntax", Kind::UnknownOperation),
        (json!({"op":"add","path":"title"}), "invalidSyntax", Kind::MalformedBody),
        (json!({"op":"add","where":"title","value":"x"}), "invalidSyntax", Kind::MalformedBody),
        (json!({"op":"add","value":"x"}), "invalidValue", Kind::WrongType),
        (json!({"op":"remove"}), "noTarget", Kind::NoTarget),
        (
            json!({"op":"add","path":"emails[type eq \"other\"].value","value":"x"}),
            "noTarget",
            Kind::NoTarget,
        ),
        (
            json!({"op":"replace","path":"emails[type eq \"other\"].value","value":"x"}),
            "noTarget",
            Kind::NoTarget,
        ),
        (json!({"op":"remove","path":"emails[type eq \"other\"]"}), "noTarget", Kind::NoTarget),
        (
            json!({"op":"remove","path":"emails","value":[{"value":"ada@work"}]}),
            "invalidSyntax",
            Kind::RemoveWithValue,
        ),
        (json!({"op":"add","path":"shoe","value":"x"}), "invalidPath", Kind::UnknownAttribute),
        (json!({"op":"add","path":"name.shoe","value":"x"}), "invalidPath", Kind::UnknownAttribute),
        (json!({"op":"add","path":"emails[type eq","value":"x"}), "invalidPath", Kind::InvalidPath),
        (json!({"op":"add","path":"title[a eq 1]","value":"x"}), "invalidPath", Kind::InvalidPath),
        (
            json!({"op":"replace","path":"emails.value","value":"x"}),
            "invalidPath",
            Kind::InvalidPath,
        ),
        (
            json!({"op":"replace","path":"emails[type eq work].value","value":"x"}),
            "invalidPath",
            Kind::InvalidPath,
        ),
        (
            json!({"op":"replace","value":{"name.givenName":"x"}}),
            "invalidSyntax",
            Kind::UnknownAttribute,
        ),
        (json!({"op":"replace","path":"active","value":"False"}), "invalidValue", Kind::WrongType),
        (json!({"op":"replace","path":"title","value":""}), "invalidValue", Kind::EmptyValue),
        (json!({"op":"replace","path":"id","value":"x"}), "mutability", Kind::ReadOnly),
        (json!({"op":"replace","value":{"meta":{}}}), "mutability", Kind::ReadOnly),
        (json!({"op":"remove","path":"userName"}), "mutability", Kind::MissingRequired),
        (
            json!({"op":"add","path":format!("{ENTERPRISE}:manager"),"value":"u-1"}),
            "invalidValue",
            Kind::WrongType,
        ),
        (
            json!({"op":"add","path":format!("{ENTERPRISE}:manager"),"value":[{"value":"u-1"}]}),
            "invalidValue",
            Kind::WrongType,
        ),
    ];
    for (operation, scim_type, kind) in cases {
        let world = World::strict();
        let id = world.seeded(ada());
        let before = world.app.user(&id);
        let first = json!({"op":"replace","path":"nickName","value":"A"});
        let operations = json!([first, operation.clone()]);
        let got = world.patch(&format!("/Users/{id}"), operations).await;
        assert_eq!((got.status, got.scim_type()), (400, scim_type), "{operation}: {}", got.text);
        assert_eq!(world.kinds(), [kind], "{operation}");
        assert_eq!(world.app.user(&id), before, "{operation}");
    }
}

#[tokio::test]
async fn a_patch_that_changes_nothing_is_answered_and_noted() {
    let world = World::strict();
    let id = world.seeded(ada());
    let path = format!("/Users/{id}");
    world.clock.advance(Duration::from_secs(5));
    let got = world.patch(&path, json!([{"op":"replace","path":"title","value":"Countess"}])).await;
    assert_eq!(got.status, 200);
    assert_eq!(got.body["meta"]["lastModified"], got.body["meta"]["created"]);
    assert_eq!(world.kinds(), [ViolationKind::NeedlessWrite]);
    let got = world.patch(&path, json!([])).await;
    assert_eq!(got.status, 400);
    assert_eq!(world.kinds()[1], ViolationKind::NoOperations);
}

#[tokio::test]
async fn null_in_a_patch_unassigns_and_is_noted() {
    let world = World::strict();
    let id = world.seeded(ada());
    let operations = json!([{"op":"replace","path":"title","value":null}]);
    assert_eq!(world.patch(&format!("/Users/{id}"), operations).await.status, 200);
    assert_eq!(world.app.user(&id).unwrap().get("title"), None);
    assert_eq!(world.kinds(), [ViolationKind::EmptyValue]);
}

#[tokio::test]
async fn a_message_without_the_patch_schema_is_refused() {
    let world = World::strict();
    let id = world.seeded(ada());
    let body = json!({"Operations":[{"op":"remove","path":"title"}]});
    let got = world.attempt("PATCH", &format!("/Users/{id}"), Some(body)).await.unwrap();
    assert_eq!((got.status, got.scim_type()), (400, "invalidSyntax"));
    assert_eq!(world.kinds(), [ViolationKind::MissingSchemas]);
}

#[tokio::test]
async fn members_come_and_go_one_by_one_and_never_twice() {
    let world = World::strict();
    let ids = ["a", "b", "c"].map(|name| world.seeded(json!({ "userName": name })));
    let crew = world.post("/Groups", group("Crew", &[&ids[0]])).await;
    let path = format!("/Groups/{}", crew.id());
    let members = || world.app.groups()[0].get("members").cloned().unwrap_or_default();
    let add = json!([{"op":"add","path":"members","value":[{"value":ids[0]},{"value":ids[1]}]}]);
    world.patch(&path, add).await;
    assert_eq!(members(), json!([{"value":ids[0]},{"value":ids[1]}]));
    let remove = format!("members[value eq \"{}\"]", ids[0]);
    world.patch(&path, json!([{"op":"remove","path":remove}])).await;
    assert_eq!(members(), json!([{"value":ids[1]}]));
    assert_eq!(world.kinds(), []);
    let immutable = format!("members[value eq \"{}\"].value", ids[1]);
    let got = world.patch(&path, json!([{"op":"replace","path":immutable,"value":ids[2]}])).await;
    assert_eq!((got.status, got.scim_type()), (400, "mutability"));
}

#[tokio::test]
async fn a_manager_is_set_changed_and_removed() {
    let world = World::strict();
    let [boss, chief] = ["boss", "chief"].map(|name| world.seeded(json!({ "userName": name })));
    let id = world.seeded(json!({"userName":"ada"}));
    let path = format!("/Users/{id}");
    let manager = format!("{ENTERPRISE}:manager");
    let shown = || world.app.user(&id).unwrap().get(ENTERPRISE).cloned().unwrap_or_default();
    world.patch(&path, json!([{"op":"add","path":manager,"value":{"value":boss}}])).await;
    assert_eq!(shown()["manager"]["value"], boss);
    let value = format!("{manager}.value");
    world.patch(&path, json!([{"op":"replace","path":value,"value":chief}])).await;
    assert_eq!(shown()["manager"]["value"], chief);
    world.patch(&path, json!([{"op":"remove","path":manager}])).await;
    assert_eq!(shown(), Value::Null);
    assert_eq!(world.kinds(), []);
}
