//! Lists, filters, pages, projections, discovery.

use super::*;

fn crowd(count: usize) -> World {
    let world = World::strict();
    for number in 1..=count {
        world.seeded(json!({"userName":format!("user{number}"),"externalId":format!("e{number}")}));
    }
    world
}

#[tokio::test]
async fn a_filter_without_a_match_is_an_empty_list() {
    let got = World::strict().find("userName eq \"nobody\"").await;
    assert_eq!((got.status, &got.body["totalResults"]), (200, &json!(0)));
    assert_eq!(got.body["Resources"], json!([]));
}

#[tokio::test]
async fn filters_find_what_they_say() {
    let world = World::strict();
    let boss = world.seeded(json!({"userName":"Boss","externalId":"E1","active":false}));
    let ada = json!({
        "userName":"ada@example.org", "name":{"givenName":"Ada"}, "externalId":"e1", "active":true,
        "emails":[{"type":"work","value":"a@work"},{"type":"home","value":"a@home"}],
        ENTERPRISE:{"department":"Engines","manager":{"value":boss}},
    });
    let id = world.seeded(ada);
    let both = vec!["Boss", "ada@example.org"];
    let ada = vec!["ada@example.org"];
    for (filter, expected) in [
        ("userName eq \"ADA@example.org\"".to_owned(), ada.clone()),
        ("username EQ \"boss\"".to_owned(), vec!["Boss"]),
        ("externalId eq \"e1\"".to_owned(), ada.clone()),
        ("userName sw \"ada@\"".to_owned(), ada.clone()),
        ("userName co \"example\"".to_owned(), ada.clone()),
        ("userName pr".to_owned(), both),
        ("name.givenName pr".to_owned(), ada.clone()),
        ("active eq false".to_owned(), vec!["Boss"]),
        ("emails.value eq \"a@home\"".to_owned(), ada.clone()),
        ("emails eq \"a@home\"".to_owned(), ada.clone()),
        ("emails[type eq \"work\" and value eq \"a@work\"]".to_owned(), ada.clone()),
        ("emails[type eq \"work\" and value eq \"a@home\"]".to_owned(), vec![]),
        (format!("{ENTERPRISE}:department eq \"engines\""), ada.clone()),
        (format!("id eq \"{id}\" and {ENTERPRISE}:manager eq \"{boss}\""), ada.clone()),
        ("(userName eq \"boss\") and active eq true".to_owned(), vec![]),
    ] {
        let got = world.find(&filter).await;
        assert_eq!(got.status, 200, "{filter}: {}", got.text);
        assert_eq!(got.names(), expected, "{filter}");
    }
    assert_eq!(world.kinds(), []);
}

#[tokio::test]
async fn filters_that_are_none_are_refused() {
    for filter in [
        "",
        "userName",
        "userName eq",
        "userName eq ada",
        "userName eq \"ada",
        "shoe eq \"1\"",
        "userName gt \"a\"",
        "userName eq \"a\" or userName eq \"b\"",
        "active eq \"true\"",
        "userName eq 1",
        "(userName pr",
        "userName pr)",
        "title[a pr]",
        "emails[type eq \"x\"",
        "emails[type eq \"work\"].value eq \"x\"",
        "password pr",
        "name eq \"x\"",
    ] {
        let world = World::strict();
        let got = world.find(filter).await;
        assert_eq!((got.status, got.scim_type()), (400, "invalidFilter"), "{filter}");
        assert_eq!(world.kinds(), [ViolationKind::InvalidFilter], "{filter}");
    }
}

#[tokio::test]
async fn pages_follow_one_another_in_the_order_of_creation() {
    let world = crowd(5);
    let got = world.get("/Users?startIndex=1&count=2").await;
    assert_eq!(got.names(), ["user1", "user2"]);
    assert_eq!(got.body["totalResults"], 5);
    assert_eq!(got.body["itemsPerPage"], 2);
    assert_eq!(world.get("/Users?startIndex=5&count=2").await.names(), ["user5"]);
    let past = world.get("/Users?startIndex=6&count=2").await;
    assert_eq!((past.names().len(), &past.body["totalResults"]), (0, &json!(5)));
    assert_eq!(world.get("/Users?startIndex=-3&count=1").await.names(), ["user1"]);
    let none = world.get("/Users?count=0").await;
    assert_eq!((none.names().len(), &none.body["totalResults"]), (0, &json!(5)));
    assert_eq!(world.get("/Users?count=-1").await.names().len(), 0);
    assert_eq!(world.kinds(), []);
    assert_eq!(world.get("/Users?count=many").await.status, 400);
    assert_eq!(world.kinds(), [ViolationKind::InvalidQuery]);
    assert_eq!(crowd(101).get("/Users").await.names().len(), 100);
}

#[tokio::test]
async fn only_the_attributes_asked_for_come_back() {
    let world = World::strict();
    let id = world.seeded(json!({
        "userName":"ada", "title":"Countess", "name":{"givenName":"Ada","familyName":"Byron"},
        "emails":[{"type":"work","value":"a@b"}], ENTERPRISE:{"department":"E","division":"D"},
    }));
    let query = format!("attributes=name.givenName,emails.value,{ENTERPRISE}:division,unknown");
    let got = world.get(&format!("/Users/{id}?{query}")).await;
    let schemas = json!([CORE, ENTERPRISE]);
    assert_eq!(
        got.body,
        json!({
            "schemas": schemas, "id": id, "name": {"givenName":"Ada"},
            "emails": [{"value":"a@b"}], ENTERPRISE: {"division":"D"},
        })
    );
    let got = world.get("/Users?attributes=emails.value,emails.type").await;
    assert_eq!(got.body["Resources"][0]["emails"], json!([{"type":"work","value":"a@b"}]));
    let got = world.get("/Users?attributes=id").await;
    assert_eq!(got.body["Resources"], json!([{ "schemas": schemas, "id": id }]));
    let got =
        world.get(&format!("/Users/{id}?excludedAttributes=id,title,name.givenName,meta")).await;
    assert_eq!(got.id(), id);
    assert_eq!(got.body["name"], json!({"familyName":"Byron"}));
    assert_eq!((got.body.get("title"), got.body.get("meta")), (None, None));
}

#[tokio::test]
async fn a_group_can_be_read_without_its_members() {
    let world = World::strict();
    let ada = world.seeded(json!({"userName":"ada"}));
    world.app.seed_group(map(group("Crew", &[&ada])));
    let filter = "filter=displayName%20eq%20%22crew%22";
    let got = world.get(&format!("/Groups?excludedAttributes=members&{filter}")).await;
    assert_eq!(got.body["totalResults"], 1);
    assert_eq!(got.body["Resources"][0].get("members"), None);
    let got = world.get(&format!("/Groups?{filter}")).await;
    assert_eq!(got.body["Resources"][0]["members"], json!([{"value":ada}]));
}

#[tokio::test]
async fn an_unchanged_resource_need_not_be_sent_again() {
    let world = World::strict();
    let id = world.seeded(json!({"userName":"ada"}));
    let request = Request::get(format!("https://app.test/scim/v2/Users/{id}"))
        .header("authorization", "Bearer secret")
        .header("if-none-match", "W/\"1\"");
    let got = world.send(request.body(Bytes::new()).unwrap()).await.unwrap();
    assert_eq!((got.status, got.text.as_str()), (304, ""));
}

#[tokio::test]
async fn the_service_describes_itself() {
    let world = World::strict();
    let config = world.get("/ServiceProviderConfig").await;
    assert_eq!(config.body["patch"]["supported"], true);
    let types = world.get("/ResourceTypes").await;
    assert_eq!(types.body["Resources"][0]["endpoint"], "/Users");
    assert_eq!(world.get("/ResourceTypes/Group").await.body["schema"], CORE_GROUP);
    let schema = world.get(&format!("/Schemas/{WHIMSICAL_USER}")).await;
    assert_eq!(schema.body["attributes"][0]["name"], "editor");
    assert_eq!(schema.body["attributes"][0]["type"], "boolean");
    assert_eq!(world.get("/Schemas").await.body["totalResults"], 4);
    assert_eq!(world.get("/Schemas/urn:x").await.status, 404);
}

#[tokio::test]
async fn requests_are_recorded_as_they_were_meant() {
    let world = World::strict();
    world.find("userName eq \"a b\"").await;
    world.post("/Users", user("ada")).await;
    let requests = world.app.requests();
    assert_eq!(requests[0].path, "/Users");
    assert_eq!(requests[0].parameter("filter"), Some("userName eq \"a b\""));
    assert_eq!((requests[1].status, requests[1].applied), (Some(201), true));
    assert_eq!(requests[1].body, Some(user("ada")));
    assert_eq!(world.app.writes().len(), 1);
    assert_eq!(world.app.take_requests().len(), 2);
    assert!(world.app.requests().is_empty());
}
