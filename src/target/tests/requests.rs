//! What leaves: addresses, headers, bodies, counts.

use http::Method;
use serde_json::json;

use super::{answer, id, json as answer_json, rig, target, target_at, user_name};
use crate::{
    model::ObjectKind::{Group, User},
    port::{TargetRead, TargetWrite},
    scim::{Operation, PATCH_OP, PatchRequest},
    target::test_connection,
};

fn empty_list() -> super::Scripted {
    answer_json(200, &json!({ "totalResults": 0 }))
}

fn deactivate() -> PatchRequest {
    PatchRequest {
        schemas: vec![PATCH_OP.to_owned()],
        operations: vec![Operation {
            op: "replace".into(),
            path: Some("active".into()),
            value: Some(json!(false)),
        }],
    }
}

#[tokio::test]
async fn every_request_carries_its_headers_and_is_counted() {
    let rig = target(vec![
        empty_list(),
        answer_json(201, &json!({ "id": "7" })),
        answer(204, &[], ""),
        answer(204, &[], ""),
    ]);
    let body = json!({ "userName": "a" });
    let writer = &rig.writer;
    writer.list(User, 1, 100).await.expect("listed");
    writer.create(User, body.as_object().expect("an object")).await.expect("created");
    assert_eq!(writer.patch(User, &id("7"), &deactivate()).await, Ok(None));
    writer.delete(User, &id("7")).await.expect("deleted");
    assert_eq!((writer.requests(), rig.target.reader().requests()), (4, 4));

    let asked = rig.script.asked();
    let lines: Vec<String> = asked.iter().map(|r| format!("{} {}", r.method(), r.uri())).collect();
    assert_eq!(
        lines,
        [
            "GET https://app.example/scim/v2/Users?startIndex=1&count=100",
            "POST https://app.example/scim/v2/Users",
            "PATCH https://app.example/scim/v2/Users/7",
            "DELETE https://app.example/scim/v2/Users/7",
        ]
    );
    for request in &asked {
        let header = |name| request.headers().get(name).and_then(|v| v.to_str().ok());
        let has_body = matches!(*request.method(), Method::POST | Method::PATCH);
        assert_eq!(header("accept"), Some("application/scim+json, application/json"));
        assert_eq!(header("user-agent"), Some("entra-scim/test"));
        assert_eq!(header("authorization"), Some("Bearer s3cret-t0ken"));
        assert!(request.headers()["authorization"].is_sensitive());
        assert_eq!(header("content-type"), has_body.then_some("application/scim+json"));
    }
    assert_eq!(asked[1].body(), r#"{"userName":"a"}"#);
    assert_eq!(
        asked[2].body(),
        concat!(
            r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"#,
            r#""Operations":[{"op":"replace","path":"active","value":false}]}"#
        )
    );
}

#[tokio::test]
async fn groups_are_read_without_their_members() {
    let rig = target(vec![empty_list(), answer_json(200, &json!({ "id": "g" }))]);
    rig.writer.find(Group, &user_name("x")).await.expect("found");
    rig.writer.get(Group, &id("g")).await.expect("read").expect("is there");
    let uris: Vec<String> = rig.script.asked().iter().map(|r| r.uri().to_string()).collect();
    assert_eq!(
        uris,
        [
            "https://app.example/scim/v2/Groups?excludedAttributes=members&filter=userName%20eq%20%22x%22",
            "https://app.example/scim/v2/Groups/g?excludedAttributes=members",
        ]
    );
}

#[tokio::test]
async fn awkward_ids_stay_one_segment_of_the_address() {
    for (raw, segment) in [
        ("a/b", "a%2Fb"),
        ("../Groups", "..%2FGroups"),
        ("a?b#c", "a%3Fb%23c"),
        ("a b\"c'", "a%20b%22c%27"),
        ("50%25", "50%2525"),
        ("a\\b;c=d", "a%5Cb%3Bc%3Dd"),
        ("müller@x+y", "m%C3%BCller%40x%2By"),
    ] {
        let rig = target(vec![answer(204, &[], "")]);
        rig.writer.delete(User, &id(raw)).await.expect(raw);
        let uri = rig.script.last_uri();
        assert_eq!(uri, format!("https://app.example/scim/v2/Users/{segment}"));
        let reparsed = url::Url::parse(&uri).expect("a URL");
        assert_eq!(reparsed.as_str(), uri, "a client that parses it again changes nothing");
    }
    for raw in [".", ".."] {
        let rig = target(vec![]);
        rig.writer.delete(User, &id(raw)).await.expect_err("would lead elsewhere");
        assert_eq!(rig.writer.requests(), 0);
    }
}

#[tokio::test]
async fn awkward_filter_values_arrive_as_they_are() {
    for value in ["a+b@x.example", "a&b=c#d%41", r#"quo"te\back"#, "Zoë O'Hara", "日本", "a\tb\n"]
    {
        let rig = target(vec![empty_list()]);
        rig.writer.find(User, &user_name(value)).await.expect(value);
        let uri = rig.script.last_uri();
        let query = uri.split_once('?').expect("a query").1;
        assert!(!query.contains(['+', '"', '\\', '\'', '#', ' ', '&']), "{query}");
        let url = url::Url::parse(&uri).expect("a URL");
        let (name, filter) = url.query_pairs().next().expect("one parameter");
        let literal = filter.strip_prefix("userName eq ").expect("an equality filter");
        assert_eq!(name, "filter");
        assert_eq!(serde_json::from_str::<String>(literal).expect("a JSON text"), value);
    }
}

#[tokio::test]
async fn extra_parameters_go_on_every_request_and_the_base_may_end_in_a_slash() {
    for base in
        ["https://app.example/scim", "https://app.example/scim/", "https://app.example/scim//"]
    {
        let answers = vec![empty_list(), answer(204, &[], "")];
        let rig = target_at(base, &[("team", "a&b"), ("bare", "")], answers);
        rig.writer.find(User, &user_name("x")).await.expect("found");
        rig.writer.delete(User, &id("7")).await.expect("deleted");
        let uris: Vec<String> = rig.script.asked().iter().map(|r| r.uri().to_string()).collect();
        assert_eq!(
            uris,
            [
                "https://app.example/scim/Users?filter=userName%20eq%20%22x%22&team=a%26b&bare",
                "https://app.example/scim/Users/7?team=a%26b&bare",
            ]
        );
    }
    let rig = target_at("http://127.0.0.1:8080", &[], vec![empty_list()]);
    rig.writer.find(User, &user_name("x")).await.expect("found");
    assert!(rig.script.last_uri().starts_with("http://127.0.0.1:8080/Users?"));
}

#[tokio::test]
async fn a_refused_token_is_read_again_once() {
    let answers = vec![answer(401, &[], ""), answer(204, &[], "")];
    let rig = rig("https://app.example/", &[], answers, vec!["old", "new"]);
    rig.writer.delete(User, &id("7")).await.expect("the new token is good");
    let asked = rig.script.asked();
    let sent: Vec<_> = asked.iter().map(|r| &r.headers()["authorization"]).collect();
    assert_eq!(sent, ["Bearer old", "Bearer new"]);
}

#[tokio::test]
async fn the_connection_test_notices_filters_that_are_ignored() {
    let guid = "5f3f1c1e-7f2b-4c53-a7f5-6d3c4d7f7f11";
    let everybody = json!({ "totalResults": 1, "Resources": [{ "id": "1", "userName": "ann" }] });
    let rig = target(vec![empty_list(), answer_json(200, &everybody)]);
    let paths = ["externalId", "userName"].map(|p| p.parse().expect("a path"));
    let test = test_connection(&rig.target.reader(), User, &paths, guid).await.expect("reachable");
    assert_eq!(test.filters_ignored, [paths[1].clone()]);
    assert!(rig.script.last_uri().ends_with(&format!("filter=userName%20eq%20%22{guid}%22")));
}
