//! What each answer becomes.

use std::time::Duration;

use serde_json::{Map, json};

use super::{Headers, TOKEN, answer, id, json as answer_json, rig, target, target_at, user_name};
use crate::{
    http::TransportFault,
    model::ObjectKind::User,
    port::{
        FaultClass::{
            self, Conflict, Lost, Malformed, Missing, NotCompliant, Rejected, Throttled,
            Unauthorized, Unavailable,
        },
        ListAt, TargetFault, TargetRead, TargetWrite,
    },
    scim::{Discovery, PatchRequest},
};

const HTML: &str = "<html><body>Sign in</body></html>";

fn no_operations() -> PatchRequest {
    PatchRequest { schemas: vec![], operations: vec![] }
}

#[derive(Clone, Copy, Debug)]
enum Ask {
    List,
    Find,
    Get,
    Create,
    Patch,
    Delete,
}

async fn fault(ask: Ask, scripted: super::Scripted) -> TargetFault {
    let rig = target(vec![scripted]);
    let writer = &rig.writer;
    let outcome = match ask {
        Ask::List => writer.list(User, ListAt::Index(1), 10).await.map(|_| ()),
        Ask::Find => writer.find(User, &user_name("x")).await.map(|_| ()),
        Ask::Get => writer.get(User, &id("7")).await.map(|_| ()),
        Ask::Create => writer.create(User, &Map::new()).await.map(|_| ()),
        Ask::Patch => writer.patch(User, &id("7"), &no_operations(), None).await.map(|_| ()),
        Ask::Delete => writer.delete(User, &id("7"), None).await,
    };
    outcome.expect_err("a fault")
}

#[tokio::test]
async fn statuses_become_classes() {
    let uniqueness = json!({ "scimType": "uniqueness", "detail": "taken" }).to_string();
    let wait: &[_] = &[("retry-after", "7")];
    let cases: [(Ask, u16, Headers<'_>, &str, FaultClass); _] = [
        (Ask::Patch, 400, &[], r#"{"detail":"no"}"#, Rejected),
        (Ask::Create, 400, &[], &uniqueness, Conflict),
        (Ask::Create, 409, &[], "", Conflict),
        (Ask::Create, 409, &[], HTML, Conflict),
        (Ask::Patch, 403, &[], "", Rejected),
        (Ask::Patch, 403, wait, "", Throttled),
        (Ask::Patch, 405, &[], HTML, Malformed),
        (Ask::Patch, 413, &[], "", Rejected),
        (Ask::Patch, 422, &[], r#"{"message":"bad title"}"#, Rejected),
        (Ask::Patch, 501, &[], "{}", Rejected),
        (Ask::Patch, 404, &[], "", Missing),
        (Ask::Patch, 404, &[], HTML, Missing),
        (Ask::Delete, 404, &[], "", Missing),
        (Ask::List, 404, &[], "", NotCompliant),
        (Ask::Find, 404, &[], r#"{"detail":"none"}"#, NotCompliant),
        (Ask::Create, 404, &[], "", NotCompliant),
        (Ask::Get, 429, wait, "", Throttled),
        (Ask::Get, 503, wait, "", Throttled),
        (Ask::Get, 503, &[], "", Unavailable),
        (Ask::Create, 500, &[], HTML, Unavailable),
        (Ask::Create, 502, &[], HTML, Lost),
        (Ask::Patch, 504, &[], "", Lost),
        (Ask::Patch, 524, &[], "", Lost),
    ];
    for (ask, status, headers, body, class) in cases {
        let fault = fault(ask, answer(status, headers, body)).await;
        assert_eq!((fault.class, fault.status), (class, Some(status)), "{ask:?} {status} {body}");
        let wait = (!headers.is_empty()).then(|| Duration::from_secs(7));
        assert_eq!(fault.retry_after, wait, "{ask:?} {status}");
    }
}

#[tokio::test]
async fn broken_connections_say_whether_the_request_may_have_arrived() {
    let not_sent = || Err(TransportFault::NotSent("connection refused".into()));
    let lost = || Err(TransportFault::Lost("timed out".into()));
    let large = || Err(TransportFault::TooLarge { limit_bytes: 10 });
    assert_eq!(fault(Ask::Create, not_sent()).await.class, Unavailable);
    assert_eq!(fault(Ask::Create, lost()).await.class, Lost);
    assert_eq!(fault(Ask::Create, large()).await.class, Lost);
    assert_eq!(fault(Ask::List, large()).await.class, Malformed);
}

#[tokio::test]
async fn a_success_that_is_no_answer_is_never_taken_for_one() {
    let html = || answer(200, &[("content-type", "text/html")], HTML);
    let cases = [
        (Ask::List, html(), NotCompliant),
        (Ask::Find, html(), NotCompliant),
        (Ask::Find, answer_json(200, &json!({ "id": "7" })), NotCompliant),
        (Ask::Find, answer_json(200, &json!([])), NotCompliant),
        (Ask::Find, answer(204, &[], ""), NotCompliant),
        (Ask::Find, answer_json(200, &json!({ "Resources": [{ "userName": "x" }] })), Malformed),
        (Ask::Find, answer_json(200, &json!({ "totalResults": 1 })), Malformed),
        (Ask::Get, html(), NotCompliant),
        (Ask::Get, answer_json(200, &json!({ "id": "8" })), Malformed),
        (Ask::Get, answer_json(200, &json!({ "userName": "x" })), Malformed),
        (Ask::Create, html(), Lost),
        (Ask::Create, answer_json(201, &json!({ "userName": "x" })), Lost),
        (Ask::Create, answer_json(201, &json!([{ "id": "7" }])), Lost),
        (Ask::Create, answer_json(201, &json!({ "id": "" })), Lost),
        (Ask::Create, answer_json(200, &json!({ "detail": "no", "status": "400" })), Lost),
        (Ask::Create, answer(201, &[("location", "https://app.example/scim/v2/")], ""), Lost),
        (Ask::Patch, html(), Lost),
        (Ask::Patch, answer_json(200, &json!({ "id": "8" })), Malformed),
        (Ask::Patch, answer_json(200, &json!({ "detail": "no" })), Lost),
        (Ask::Delete, html(), Lost),
    ];
    for (ask, scripted, class) in cases {
        let told = format!("{ask:?} {scripted:?}");
        assert_eq!(fault(ask, scripted).await.class, class, "{told}");
    }
}

#[tokio::test]
async fn a_resource_of_another_kind_is_never_taken_for_an_account() {
    let by_meta = json!({ "id": "7", "meta": { "resourceType": "Group" } });
    let by_schema = json!({
        "id": "7", "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
    });
    for group in [by_meta, by_schema] {
        let list = json!({ "totalResults": 1, "Resources": [group] });
        for (ask, body, class) in [
            (Ask::List, &list, NotCompliant),
            (Ask::Find, &list, NotCompliant),
            (Ask::Get, &group, Malformed),
            (Ask::Create, &group, Lost),
            (Ask::Patch, &group, Malformed),
        ] {
            assert_eq!(fault(ask, answer_json(200, body)).await.class, class, "{ask:?} {body}");
        }
    }
    insta::assert_snapshot!(
        fault(Ask::Get, answer_json(200, &json!({ "id": "7", "meta": { "resourceType": "Group" } })))
            .await
            .detail,
        @"answered a read of one of Users with a Group"
    );
    // A type that is copied from elsewhere is less than a schema that is named.
    let user = json!({
        "id": "7", "meta": { "resourceType": "Group" },
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
    });
    let rig = target(vec![answer_json(200, &user)]);
    assert!(rig.writer.get(User, &id("7")).await.expect("read").is_some());
}

#[tokio::test]
async fn two_resources_of_one_id_are_no_list_and_the_same_one_twice_is() {
    let ada = json!({ "id": "7", "userName": "ada" });
    let list = |other: &serde_json::Value| {
        answer_json(200, &json!({ "totalResults": 2, "Resources": [ada, other] }))
    };
    let twice = fault(Ask::List, list(&json!({ "id": "7", "userName": "eve" }))).await;
    assert_eq!(twice.class, NotCompliant);
    assert!(twice.detail.contains("two different resources of the id `7`"), "{twice}");
    let rig = target(vec![list(&ada)]);
    assert_eq!(rig.writer.list(User, ListAt::Index(1), 2).await.expect("listed").total, 2);
}

#[tokio::test]
async fn json_that_is_nested_without_end_is_no_answer() {
    let nested = format!("{}{}", r#"{"id":"7","a":"#, "[".repeat(100_000));
    let closed = format!("{nested}{}}}", "]".repeat(100_000));
    for body in [&nested, &closed] {
        for (ask, class) in [
            (Ask::List, NotCompliant),
            (Ask::Find, NotCompliant),
            (Ask::Get, NotCompliant),
            (Ask::Create, Lost),
            (Ask::Patch, Lost),
        ] {
            assert_eq!(fault(ask, answer(200, &[], body)).await.class, class, "{ask:?}");
        }
    }
    let rig = target(vec![answer(200, &[], &closed)]);
    assert_eq!(rig.writer.discover(Discovery::Schemas).await, Ok(None));
}

#[tokio::test]
async fn what_a_service_does_not_say_of_itself_is_nothing_and_trouble_is_trouble() {
    let page = || answer(200, &[("content-type", "text/html")], HTML);
    for nothing in [404, 403, 405, 501, 400, 410, 302].map(|it| answer(it, &[], "")) {
        let told = format!("{nothing:?}");
        let rig = target(vec![nothing]);
        assert_eq!(rig.writer.discover(Discovery::ResourceTypes).await, Ok(None), "{told}");
    }
    let rig = target(vec![page(), answer_json(200, &json!({ "patch": {} }))]);
    assert_eq!(rig.writer.discover(Discovery::Schemas).await, Ok(None));
    let said = rig.writer.discover(Discovery::ServiceProviderConfig).await;
    assert_eq!(said, Ok(Some(json!({ "patch": {} }))));
    for (status, class) in [(401, Unauthorized), (429, Throttled), (500, Unavailable), (502, Lost)]
    {
        let rig = target(vec![answer(status, &[], "")]);
        let fault = rig.writer.discover(Discovery::Schemas).await.expect_err("trouble");
        assert_eq!(fault.class, class);
    }
}

#[tokio::test]
async fn resources_come_with_id_and_version() {
    let user = json!({ "id": "7", "userName": "x", "meta": { "version": "W/\"2\"" } });
    let rig = target(vec![
        answer_json(200, &user),
        answer(200, &[("etag", "W/\"3\"")], r#"{"id":"7"}"#),
        answer(404, &[], ""),
        answer_json(201, &user),
        answer(200, &[], " "),
        answer_json(200, &user),
        answer_json(200, &json!({})),
    ]);
    let writer = &rig.writer;
    let read = writer.get(User, &id("7")).await.expect("read").expect("is there");
    assert_eq!(
        (read.version.as_deref(), read.document["userName"].as_str()),
        (Some("W/\"2\""), Some("x"))
    );
    let tagged = writer.get(User, &id("7")).await.expect("read").expect("is there");
    assert_eq!(tagged.version.as_deref(), Some("W/\"3\""));
    assert_eq!(writer.get(User, &id("7")).await, Ok(None));
    assert_eq!(writer.create(User, &Map::new()).await.expect("created").id, id("7"));
    assert_eq!(writer.patch(User, &id("7"), &no_operations(), None).await, Ok(None));
    assert!(writer.patch(User, &id("7"), &no_operations(), None).await.expect("changed").is_some());
    assert_eq!(writer.patch(User, &id("7"), &no_operations(), None).await, Ok(None));
}

#[tokio::test]
async fn a_page_counts_the_rows_that_cannot_be_used() {
    let page = json!({ "totalResults": "40", "resources": [{ "id": "7" }, { "userName": "x" }] });
    let rig = target(vec![answer_json(200, &page)]);
    let page = rig.writer.list(User, ListAt::Index(1), 2).await.expect("listed");
    assert_eq!((page.resources.len(), page.total, page.unusable), (1, 40, 1));
}

#[tokio::test]
async fn rows_that_do_not_match_are_returned_for_the_caller_to_compare() {
    let rows = json!({ "totalResults": 2, "Resources": [{ "id": "1", "userName": "ann" },
                       { "id": "2", "userName": "bob" }] });
    let rig = target(vec![answer_json(200, &rows)]);
    assert_eq!(rig.writer.find(User, &user_name("zoe")).await.expect("found").resources.len(), 2);
}

#[tokio::test]
async fn a_create_without_a_body_is_known_by_its_location() {
    for location in ["https://app.example/scim/v2/Users/a%2Fb?x=1", "/scim/v2/users/a%2Fb"] {
        let rig = target(vec![answer(201, &[("location", location)], "")]);
        let made = rig.writer.create(User, &Map::new()).await.expect("created");
        assert_eq!((made.id, made.document.is_empty()), (id("a/b"), true));
    }
}

#[tokio::test]
async fn a_redirect_is_refused_and_names_the_host_but_gets_no_token() {
    let rig = target(vec![answer(302, &[("location", "https://evil.example/Users?x=1")], "")]);
    let fault = rig.writer.find(User, &user_name("x")).await.expect_err("refused");
    assert_eq!((fault.class, fault.status), (NotCompliant, Some(302)));
    assert!(fault.detail.contains("evil.example") && !fault.detail.contains("x=1"));
    let asked = rig.script.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].uri().host(), Some("app.example"));
}

#[tokio::test]
async fn a_second_401_is_final_and_the_same_token_is_not_tried_twice() {
    let twice = vec![answer(401, &[], ""), answer(401, &[], "")];
    let changed = rig("https://app.example/", &[], twice, vec!["old", "new"]);
    let fault = changed.writer.get(User, &id("7")).await.expect_err("refused");
    assert_eq!((fault.class, changed.writer.requests()), (Unauthorized, 2));

    let unchanged = target(vec![answer(401, &[], "")]);
    let fault = unchanged.writer.get(User, &id("7")).await.expect_err("refused");
    assert_eq!((fault.class, unchanged.writer.requests()), (Unauthorized, 1));
}

#[tokio::test]
async fn without_a_token_nothing_is_sent() {
    let rig = rig("https://app.example/", &[], vec![], vec![""]);
    let fault = rig.writer.get(User, &id("7")).await.expect_err("no token");
    assert_eq!((fault.class, rig.writer.requests()), (Unauthorized, 0));
}

#[tokio::test]
async fn no_fault_repeats_the_token_or_a_secret_parameter_and_none_is_long() {
    let echo = |prefix: &str| format!("{prefix} Bearer {TOKEN} code=pa55-w0rd {}", "ü".repeat(900));
    let bodies = [
        json!({ "detail": echo(""), "scimType": echo("") }).to_string(),
        json!({ "detail": echo(&"x".repeat(250)) }).to_string(),
        json!({ "message": echo("") }).to_string(),
        echo("<html>"),
    ];
    for status in [400, 401, 403, 404, 409, 429, 500, 502, 302] {
        for body in &bodies {
            let headers = [("content-type", TOKEN), ("location", "https://x.example/s3cret-t0ken")];
            let scripted = answer(status, &headers, body);
            let rig = target_at("https://app.example/", &[("code", "pa55-w0rd")], vec![scripted]);
            let fault = rig.writer.create(User, &Map::new()).await.expect_err("refused");
            let text = format!("{fault} {fault:?}");
            for part in [TOKEN, "s3cret", "pa55"] {
                assert!(!text.contains(part), "{status}: {text}");
            }
            assert!(fault.detail.chars().count() <= 300);
            assert!(!fault.detail.contains('\n'));
        }
    }
}

#[tokio::test]
async fn a_refusal_says_what_the_target_said() {
    let told = async |status, body: &str| {
        fault(Ask::Patch, answer(status, &[("content-type", "text/html")], body)).await.detail
    };
    insta::assert_snapshot!(
        told(400, r#"{"scimType":"invalidValue","detail":"title\n is too long"}"#).await,
        @"answered 400 (invalidValue): title is too long"
    );
    insta::assert_snapshot!(told(422, r#"{"message":"bad"}"#).await, @"answered 422: bad");
    insta::assert_snapshot!(told(403, "").await, @"answered 403: no explanation");
    insta::assert_snapshot!(
        told(500, HTML).await, @"answered 500: a body that is not SCIM (text/html)"
    );
}
