//! Creating, replacing, deleting.

use super::*;

#[tokio::test]
async fn a_created_user_has_an_opaque_id_a_location_and_a_version() {
    let world = World::strict();
    let made = world.post("/Users", user("ada@example.org")).await;
    assert_eq!(made.status, 201);
    assert!(made.id().starts_with("u-"), "{}", made.id());
    assert_eq!(made.headers["etag"], "W/\"1\"");
    assert_eq!(made.headers["content-type"], "application/scim+json");
    assert_eq!(made.body["meta"]["created"], "2030-01-01T00:00:00.000Z");
    let location = made.headers["location"].to_str().unwrap();
    assert_eq!(made.body["meta"]["location"], location);
    let path = location.strip_prefix("https://app.test/scim/v2").expect("our own host");
    assert_eq!(world.get(path).await.body["userName"], "ada@example.org");
    assert_eq!(world.kinds(), []);
}

#[tokio::test]
async fn the_same_seed_gives_the_same_ids() {
    let (one, two) = (World::strict(), World::strict());
    let left = one.post("/Users", user("ada")).await;
    assert_eq!(left.id(), two.post("/Users", user("ada")).await.id());
    assert_ne!(left.id(), one.post("/Users", user("grace")).await.id());
}

#[tokio::test]
async fn user_names_are_unique_without_regard_to_case_and_external_ids_are_not() {
    let world = World::strict();
    let mut ada = user("ada");
    ada["externalId"] = "1".into();
    world.post("/Users", ada).await;
    let mut grace = user("grace");
    grace["externalId"] = "1".into();
    assert_eq!(world.post("/Users", grace).await.status, 201);
    let again = world.post("/Users", user("ADA")).await;
    assert_eq!((again.status, again.scim_type()), (409, "uniqueness"));
    assert_eq!(world.kinds(), [ViolationKind::Duplicate]);

    let id = world.app.user_by_name("grace").unwrap()["id"].as_str().unwrap().to_owned();
    let renamed = world
        .patch(&format!("/Users/{id}"), json!([{"op":"replace","path":"userName","value":"Ada"}]))
        .await;
    assert_eq!(renamed.status, 409);
}

#[tokio::test]
async fn group_names_are_unique() {
    let world = World::strict();
    assert_eq!(world.post("/Groups", group("Crew", &[])).await.status, 201);
    assert_eq!(world.post("/Groups", group("crew", &[])).await.status, 409);
}

/// Posts a body and expects a refusal of this kind.
#[track_caller]
fn refused(got: &Got, world: &World, scim_type: &str, kind: ViolationKind) {
    assert_eq!((got.status, got.scim_type()), (400, scim_type), "{}", got.text);
    assert_eq!(got.body["status"], "400");
    assert_eq!(world.kinds(), [kind], "{}", got.text);
    assert_eq!(world.app.user_count(), 0);
}

#[tokio::test]
async fn bodies_that_are_not_what_the_schemas_say_are_refused() {
    use ViolationKind as Kind;
    let cases = [
        (json!({"userName":"a"}), "invalidSyntax", Kind::MissingSchemas),
        (json!({"schemas":[ENTERPRISE],"userName":"a"}), "invalidSyntax", Kind::MissingSchemas),
        (json!({"schemas":[CORE,"urn:x"],"userName":"a"}), "invalidValue", Kind::UnknownSchema),
        (json!({"schemas":[CORE]}), "invalidValue", Kind::MissingRequired),
        (json!({"schemas":[CORE],"userName":"a","x":1}), "invalidSyntax", Kind::UnknownAttribute),
        (
            json!({"schemas":[CORE],"userName":"a","name":{"given":"A"}}),
            "invalidSyntax",
            Kind::UnknownAttribute,
        ),
        (
            json!({"schemas":[CORE],"userName":"a","name.givenName":"A"}),
            "invalidSyntax",
            Kind::UnknownAttribute,
        ),
        (
            json!({"schemas":[CORE],"userName":"a","active":"False"}),
            "invalidValue",
            Kind::WrongType,
        ),
        (json!({"schemas":[CORE],"userName":"a","emails":"a@b"}), "invalidValue", Kind::WrongType),
        (json!({"schemas":[CORE],"userName":"a","title":""}), "invalidValue", Kind::EmptyValue),
        (
            json!({"schemas":[CORE],"userName":"a",ENTERPRISE:{"department":"x"}}),
            "invalidSyntax",
            Kind::UnlistedExtension,
        ),
        (
            json!({"schemas":[CORE,ENTERPRISE],"userName":"a",ENTERPRISE:{"manager":"u-1"}}),
            "invalidValue",
            Kind::WrongType,
        ),
        (
            json!({"schemas":[CORE,ENTERPRISE],"userName":"a",
                ENTERPRISE:{"manager":[{"value":"u-1"}]}}),
            "invalidValue",
            Kind::WrongType,
        ),
        (
            json!({"schemas":[CORE,ENTERPRISE],"userName":"a",
                ENTERPRISE:{"manager":{"value":"u-1"}}}),
            "invalidValue",
            Kind::UnknownReference,
        ),
        (
            json!({"schemas":[CORE],"userName":"a","emails":[
                {"value":"a@b","primary":true},{"value":"c@d","primary":true}]}),
            "invalidValue",
            Kind::InvalidValue,
        ),
        (json!(["not an object"]), "invalidSyntax", Kind::MalformedBody),
        (
            json!({"schemas":[CORE,WHIMSICAL_USER],"userName":"a",
                WHIMSICAL_USER:{"editor":"True"}}),
            "invalidValue",
            Kind::WrongType,
        ),
    ];
    for (body, scim_type, kind) in cases {
        let world = World::strict();
        refused(&world.post("/Users", body).await, &world, scim_type, kind);
    }
}

#[tokio::test]
async fn read_only_and_empty_values_are_noted_and_left_out() {
    use ViolationKind::{EmptyValue, ReadOnly};

    let world = World::strict();
    let mut body = user("ada");
    body["id"] = "mine".into();
    body["meta"] = json!({ "resourceType": "User" });
    body["roles"] = json!([]);
    body["title"] = Value::Null;
    let made = world.post("/Users", body).await;
    assert_eq!(made.status, 201);
    assert_ne!(made.id(), "mine");
    assert_eq!(made.body.get("roles"), None);
    let mut kinds = world.kinds();
    kinds.sort_unstable();
    assert_eq!(kinds, [EmptyValue, EmptyValue, ReadOnly, ReadOnly]);
}

#[tokio::test]
async fn extensions_are_stored_and_named_in_schemas_and_passwords_never_come_back() {
    let world = World::strict();
    let body = json!({
        "schemas": [CORE, WHIMSICAL_USER], "USERNAME": "ada", "password": "pw",
        WHIMSICAL_USER: { "editor": true },
    });
    let made = world.post("/Users", body).await;
    assert_eq!(made.body["schemas"], json!([CORE, WHIMSICAL_USER]));
    assert_eq!(made.body[WHIMSICAL_USER]["editor"], true);
    assert_eq!(made.body["userName"], "ada");
    assert_eq!(made.body.get("password"), None);
    assert_eq!(world.kinds(), []);
}

#[tokio::test]
async fn put_replaces_everything_and_the_same_again_is_needless() {
    let world = World::strict();
    let id = world.seeded(json!({"userName":"ada","title":"Countess"}));
    let path = format!("/Users/{id}");
    let mut body = user("ada");
    body["id"] = id.into();
    let put = world.attempt("PUT", &path, Some(body.clone())).await.unwrap();
    assert_eq!(put.status, 200);
    assert_eq!(put.body.get("title"), None);
    assert_eq!(put.headers["etag"], "W/\"2\"");
    assert_eq!(world.kinds(), []);
    let again = world.attempt("PUT", &path, Some(body)).await.unwrap();
    assert_eq!(again.headers["etag"], "W/\"2\"");
    assert_eq!(world.kinds(), [ViolationKind::NeedlessWrite]);
}

#[tokio::test]
async fn a_deleted_user_is_gone_from_groups_and_managers_too() {
    let world = World::strict();
    let boss = world.seeded(json!({"userName":"boss"}));
    let ada = world.seeded(json!({"userName":"ada",ENTERPRISE:{"manager":{"value":boss}}}));
    let crew = world.post("/Groups", group("Crew", &[&boss, &ada])).await;
    assert_eq!(world.delete(&format!("/Users/{boss}")).await.status, 204);
    assert_eq!(world.app.user(&ada).unwrap().get(ENTERPRISE), None);
    let crew = world.get(&format!("/Groups/{}", crew.id())).await;
    assert_eq!(crew.body["members"], json!([{"value":ada}]));
    assert_eq!(world.get(&format!("/Users/{boss}")).await.status, 404);
    assert_eq!(world.delete("/Users/u-never").await.status, 404);
    assert_eq!(world.kinds(), [ViolationKind::GoneId, ViolationKind::UnknownId]);
    assert_eq!(world.app.deleted_ids(), [boss]);
}

#[tokio::test]
async fn members_must_exist() {
    let world = World::strict();
    let got = world.post("/Groups", group("Crew", &["u-nobody"])).await;
    assert_eq!((got.status, got.scim_type()), (400, "invalidValue"));
    assert_eq!(world.kinds(), [ViolationKind::UnknownReference]);
}

#[tokio::test]
async fn what_happened_to_accounts_is_remembered_and_tampering_is_not() {
    use AccountEventKind::{Created, Deleted, Disabled, Enabled};

    let world = World::strict();
    let id = world.post("/Users", user("ada")).await.id().to_owned();
    let path = format!("/Users/{id}");
    world.patch(&path, json!([{"op":"replace","path":"active","value":false}])).await;
    world.clock.advance(Duration::from_secs(60));
    world.patch(&path, json!([{"op":"replace","path":"active","value":true}])).await;
    world.app.tamper_deactivate(&id);
    world.delete(&path).await;
    let other = world.seeded(json!({"userName":"grace"}));
    assert!(world.app.tamper_delete(&other));
    let kinds: Vec<_> = world.app.events().iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [Created, Disabled, Enabled, Deleted]);
    let removals = world.app.removals();
    assert_eq!(removals.len(), 2);
    assert!(removals.iter().all(|event| event.id == id && event.user_name == "ada"));
    assert_eq!((removals[1].at - removals[0].at).num_seconds(), 60);
    assert_eq!(world.app.deleted_ids(), [id, other]);
}

#[tokio::test]
async fn a_stale_version_is_refused() {
    let world = World::strict();
    let id = world.seeded(json!({"userName":"ada"}));
    let request = |tag: &str| {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op":"replace","path":"title","value":tag}],
        });
        Request::patch(format!("https://app.test/scim/v2/Users/{id}"))
            .header("authorization", "Bearer secret")
            .header("content-type", "application/scim+json")
            .header("if-match", tag)
            .body(Bytes::from(body.to_string()))
            .unwrap()
    };
    assert_eq!(world.send(request("W/\"1\"")).await.unwrap().status, 200);
    assert_eq!(world.send(request("W/\"1\"")).await.unwrap().status, 412);
    assert_eq!(world.kinds(), [ViolationKind::StaleVersion]);
}

#[tokio::test]
async fn the_wrong_token_content_type_path_and_method_are_told_apart() {
    use ViolationKind::{ContentType, Method, Unauthorized, UnknownEndpoint};

    let world = World::strict();
    let request = |method: &str, path: &str, token: &str, media: &str| {
        Request::builder()
            .method(method)
            .uri(format!("https://app.test{path}"))
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", media)
            .body(Bytes::from(user("ada").to_string()))
            .unwrap()
    };
    let scim = "application/scim+json; charset=utf-8";
    let got = world.send(request("GET", "/scim/v2/Users", "other", scim)).await.unwrap();
    assert_eq!(got.status, 401);
    assert!(got.headers.contains_key("www-authenticate"));
    for (method, path, media, status) in [
        ("POST", "/scim/v2/Users", "text/plain", 415),
        ("GET", "/other/Users", scim, 404),
        ("GET", "/scim/v2/People", scim, 404),
        ("DELETE", "/scim/v2/Users", scim, 405),
        ("POST", "/scim/v2/Schemas", scim, 405),
        ("POST", "/scim/v2/Users", "application/json", 201),
    ] {
        let got = world.send(request(method, path, "secret", media)).await.unwrap();
        assert_eq!(got.status, status, "{method} {path} {media}");
    }
    let expected =
        [Unauthorized, ContentType, UnknownEndpoint, UnknownEndpoint, Method, Method, ContentType];
    assert_eq!(world.kinds(), expected);
}
