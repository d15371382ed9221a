//! Every departure from the RFCs, one story each.

use super::*;

fn with(set: impl FnOnce(&mut Quirks)) -> World {
    let mut quirks = Quirks::default();
    set(&mut quirks);
    World::with(quirks)
}

#[tokio::test]
async fn entras_old_requests_are_taken() {
    let world = World::legacy();
    let body = json!({
        "schemas": [CORE, ENTERPRISE], "userName": "ada", "active": "True", "roles": [],
        "meta": {"resourceType":"User"}, "title": null,
    });
    let id = world.post("/Users", body).await.id().to_owned();
    let boss = world.seeded(json!({"userName":"boss"}));
    let got = world
        .patch(
            &format!("/Users/{id}"),
            json!([
                {"op":"Replace","path":"active","value":"False"},
                {"op":"Add","path":"emails[type eq \"work\"].value","value":"a@b"},
                {"op":"Add","path":format!("{ENTERPRISE}:manager"),"value":[{"value":boss}]},
                {"op":"replace","value":{"name.givenName":"A",
                    (format!("{ENTERPRISE}:employeeNumber")):"7"}},
            ]),
        )
        .await;
    assert_eq!(got.status, 200, "{}", got.text);
    assert_eq!(got.body["active"], false);
    assert_eq!(got.body["emails"], json!([{"type":"work","value":"a@b"}]));
    assert_eq!(got.body["name"]["givenName"], "A");
    assert_eq!(got.body[ENTERPRISE], json!({"employeeNumber":"7","manager":{"value":boss}}));
    let found = world.find("emails[type eq \"work\"].value eq \"a@b\"").await;
    assert_eq!(found.names(), ["ada"]);

    let mut crew = group("Crew", &[&id, &boss]);
    crew["schemas"] = json!([
        CORE_GROUP,
        "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group",
    ]);
    let crew = world.post("/Groups", crew).await;
    let remove = json!([{"op":"Remove","path":"members","value":[{"$ref":null,"value":id}]}]);
    let got = world.patch(&format!("/Groups/{}", crew.id()), remove).await;
    assert_eq!(got.body["members"], json!([{"value":boss}]));
    assert_eq!(world.kinds(), []);
}

#[tokio::test]
async fn a_patch_can_be_answered_without_a_body_or_not_at_all() {
    for (world, status) in
        [(with(|q| q.patch_no_content = true), 204), (with(|q| q.patch_refused = true), 501)]
    {
        let id = world.seeded(json!({"userName":"ada"}));
        let operations = json!([{"op":"replace","path":"title","value":"Dr"}]);
        let got = world.patch(&format!("/Users/{id}"), operations).await;
        assert_eq!(got.status, status);
        assert_eq!(got.text.is_empty(), status == 204);
        assert_eq!(world.app.user(&id).unwrap().contains_key("title"), status == 204);
    }
}

#[tokio::test]
async fn external_ids_and_members_can_be_hidden() {
    let world = with(|q| (q.hides_external_id, q.hides_members) = (true, true));
    let mut ada = user("ada");
    ada["externalId"] = "e1".into();
    let made = world.post("/Users", ada).await;
    assert_eq!(made.body.get("externalId"), None);
    assert_eq!(world.find("externalId eq \"e1\"").await.names(), ["ada"]);
    let crew = world.post("/Groups", group("Crew", &[made.id()])).await;
    assert_eq!(crew.body.get("members"), None);
    assert_eq!(world.app.groups()[0]["members"], json!([{"value":made.id()}]));
}

#[tokio::test]
async fn filters_can_be_ignored_refused_or_late() {
    let world = with(|q| q.filter = FilterSupport::Ignored);
    world.seeded(json!({"userName":"ada"}));
    world.seeded(json!({"userName":"grace"}));
    assert_eq!(world.find("userName eq \"grace\"").await.names(), ["ada", "grace"]);

    let world = with(|q| q.filter = FilterSupport::Refused);
    let got = world.find("userName eq \"grace\"").await;
    assert_eq!((got.status, got.scim_type()), (400, "invalidFilter"));
    assert_eq!(world.kinds(), []);

    let world = with(|q| q.settle = Duration::from_secs(30));
    world.seeded(json!({"userName":"ada"}));
    assert!(world.find("userName eq \"ada\"").await.names().is_empty());
    assert_eq!(world.get("/Users").await.names(), ["ada"]);
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(world.find("userName eq \"ada\"").await.names(), ["ada"]);
}

#[tokio::test]
async fn user_names_can_be_lowered_limited_and_repeated() {
    let world = with(|q| q.lowercases_user_name = true);
    assert_eq!(world.post("/Users", user("Ada")).await.body["userName"], "ada");

    let world = with(|q| q.user_name_chars_max = Some(3));
    assert_eq!(world.post("/Users", user("ädä")).await.status, 201);
    let got = world.post("/Users", user("adas")).await;
    assert_eq!((got.status, got.scim_type()), (400, "invalidValue"));
    assert_eq!(world.kinds(), []);

    let world = with(|q| q.duplicates_allowed = true);
    for _ in 0..2 {
        assert_eq!(world.post("/Users", user("ada")).await.status, 201);
        assert_eq!(world.post("/Groups", group("Crew", &[])).await.status, 201);
    }
    assert_eq!(world.find("userName eq \"ada\"").await.names().len(), 2);

    let world = with(|q| q.group_names_repeat = true);
    for _ in 0..2 {
        assert_eq!(world.post("/Groups", group("Crew", &[])).await.status, 201);
    }
    world.post("/Users", user("ada")).await;
    assert_eq!(world.post("/Users", user("ada")).await.status, 409);
}

#[tokio::test]
async fn pages_can_be_short_repeated_and_miscounted() {
    let crowd = |set: fn(&mut Quirks)| {
        let world = with(set);
        for name in ["a", "b", "c", "d", "e"] {
            world.seeded(json!({ "userName": name }));
        }
        world
    };
    let world = crowd(|q| q.page_size_max = Some(2));
    let got = world.get("/Users?count=100").await;
    assert_eq!((got.names(), &got.body["itemsPerPage"]), (vec!["a", "b"], &json!(2)));

    let world = crowd(|q| q.repeats_last_page = true);
    assert_eq!(world.get("/Users?startIndex=6&count=2").await.names(), ["d", "e"]);
    assert_eq!(world.get("/Users?startIndex=4&count=2").await.names(), ["d", "e"]);

    let world = crowd(|q| q.total_results = TotalResults::Page);
    assert_eq!(world.get("/Users?count=2").await.body["totalResults"], 2);
    let world = crowd(|q| q.total_results = TotalResults::OffBy(-9));
    assert_eq!(world.get("/Users?count=2").await.body["totalResults"], 0);
    let world = crowd(|q| q.total_results = TotalResults::OffBy(2));
    assert_eq!(world.get("/Users?count=2").await.body["totalResults"], 7);

    let world = crowd(|q| q.list_refused = Some(405));
    assert_eq!(world.get("/Users").await.status, 405);
    assert_eq!(world.find("userName eq \"a\"").await.names(), ["a"]);

    let world = crowd(|q| q.lists_without_id = true);
    assert_eq!(world.get("/Users").await.body["Resources"][0].get("id"), None);
}

#[tokio::test]
async fn a_delete_can_mean_deactivate_and_the_deactivated_can_be_invisible() {
    let world = with(|q| (q.delete_deactivates, q.hides_inactive) = (true, true));
    let id = world.post("/Users", user("ada")).await.id().to_owned();
    let path = format!("/Users/{id}");
    assert_eq!(world.delete(&path).await.status, 204);
    assert_eq!(world.app.user(&id).unwrap()["active"], false);
    assert_eq!(world.app.removals()[0].kind, AccountEventKind::Disabled);
    assert_eq!(world.get(&path).await.status, 404);
    assert!(world.get("/Users").await.names().is_empty());
    assert!(world.find("userName eq \"ada\"").await.names().is_empty());
    assert_eq!(world.post("/Users", user("ada")).await.status, 409);
}

#[tokio::test]
async fn seats_can_run_out() {
    let world = with(|q| q.seats_max = Some(1));
    let id = world.post("/Users", user("ada")).await.id().to_owned();
    assert_eq!(world.post("/Users", user("grace")).await.status, 403);
    let mut idle = user("idle");
    idle["active"] = false.into();
    let idle = world.post("/Users", idle).await;
    assert_eq!(idle.status, 201);
    let enable = json!([{"op":"replace","path":"active","value":true}]);
    let path = format!("/Users/{}", idle.id());
    assert_eq!(world.patch(&path, enable.clone()).await.status, 403);
    world.delete(&format!("/Users/{id}")).await;
    assert_eq!(world.patch(&path, enable).await.status, 200);
    assert_eq!(world.app.active_user_count(), 1);
    assert_eq!(world.kinds(), []);
}

#[tokio::test]
async fn answers_can_be_html_plain_text_or_lack_an_id() {
    let world = with(|q| q.html_answers = true);
    let got = world.post("/Users", user("ada")).await;
    assert_eq!((got.status, &got.headers["content-type"]), (200, &"text/html".parse().unwrap()));
    assert_eq!(world.app.user_count(), 0);

    let world = with(|q| q.plain_errors = true);
    let got = world.get("/Users/none").await;
    assert_eq!((got.status, &got.headers["content-type"]), (404, &"text/plain".parse().unwrap()));

    let world = with(|q| q.base_path_missing = true);
    assert_eq!(world.get("/Users").await.status, 404);

    let world = with(|q| q.creates_without_id = true);
    let got = world.post("/Users", user("ada")).await;
    assert_eq!((got.status, got.body.get("id")), (201, None));
    assert_eq!(got.body["userName"], "ada");
}

#[tokio::test]
async fn ids_can_hold_what_a_path_must_escape() {
    let world = with(|q| q.awkward_ids = true);
    let made = world.post("/Users", user("ada")).await;
    let id = made.id().to_owned();
    assert!(id.contains('/') && id.contains('"') && id.contains("%2F"), "{id}");
    let location = made.headers["location"].to_str().unwrap();
    let path = location.strip_prefix("https://app.test/scim/v2").unwrap();
    assert_eq!(world.get(path).await.id(), id);
    let crew = world.post("/Groups", group("Crew", &[&id])).await;
    let literal = Value::from(id.as_str());
    let remove = json!([{"op":"remove","path":format!("members[value eq {literal}]")}]);
    let crew = crew.headers["location"].to_str().unwrap().to_owned();
    let path = crew.strip_prefix("https://app.test/scim/v2").unwrap();
    assert_eq!(world.patch(path, remove).await.body.get("members"), None);
    assert_eq!(world.find(&format!("id eq {literal}")).await.names(), ["ada"]);
    assert_eq!(world.kinds(), []);
    world.clock.advance(Duration::from_secs(1));
    let unescaped = path.split('/').take(2).collect::<Vec<_>>().join("/") + "/a/b";
    assert_eq!(world.get(&unescaped).await.status, 404);
}

#[tokio::test]
async fn too_many_requests_in_a_second_are_turned_away() {
    let world = with(|q| q.requests_per_second_max = Some(2));
    for status in [200, 200, 429] {
        assert_eq!(world.get("/Users").await.status, status);
    }
    assert_eq!(world.get("/Users").await.headers["retry-after"], "1");
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.get("/Users").await.status, 200);
}

#[tokio::test]
async fn every_answer_takes_its_time() {
    let world = with(|q| q.latency = Duration::from_millis(250));
    let start = world.clock.now();
    world.get("/Users").await;
    world.get("/Users").await;
    assert_eq!((world.clock.now() - start).num_milliseconds(), 500);
}

#[tokio::test]
async fn quirks_can_change_while_the_service_runs_and_old_names_stay_as_they_are() {
    let world = World::strict();
    let id = world.seeded(json!({"userName":"ada.lovelace"}));
    world.app.set_quirks(Quirks { user_name_chars_max: Some(3), ..world.app.quirks() });
    let path = format!("/Users/{id}");
    let title = json!([{"op":"replace","path":"title","value":"Dr"}]);
    assert_eq!(world.patch(&path, title).await.status, 200);
    let longer = json!([{"op":"replace","path":"userName","value":"lovelace"}]);
    assert_eq!(world.patch(&path, longer).await.status, 400);
}
