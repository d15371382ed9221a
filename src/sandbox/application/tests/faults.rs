//! What can go wrong on the way, in process and over HTTP.

use http::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

#[tokio::test]
async fn an_error_status_strikes_once_and_nothing_is_applied() {
    for status in [429, 500, 502, 503, 504] {
        let world = World::strict();
        world.app.inject(Fault::status(status), Matcher::method(Method::POST));
        assert_eq!(world.get("/Users").await.status, 200);
        let got = world.post("/Users", user("ada")).await;
        assert_eq!(got.status, status);
        assert_eq!(got.headers.get("retry-after"), None);
        assert_eq!(world.app.user_count(), 0);
        assert!(!world.app.writes()[0].applied);
        assert_eq!(world.post("/Users", user("ada")).await.status, 201);
    }
}

#[tokio::test]
async fn throttling_says_how_long_to_wait() {
    let world = World::strict();
    world.app.inject(Fault::throttled(Duration::from_secs(17)), Matcher::any());
    let unavailable = Fault::Status {
        status: 503,
        retry_after: Some(Duration::from_secs(3)),
        moment: Moment::BeforeApplying,
    };
    world.app.inject(unavailable, Matcher::any());
    for (status, wait) in [(429, "17"), (503, "3")] {
        let got = world.get("/Users").await;
        assert_eq!((got.status, got.headers["retry-after"].to_str().unwrap()), (status, wait));
    }
}

#[tokio::test]
async fn a_lost_answer_may_hide_an_applied_request() {
    let after = Duration::from_secs(30);
    for (fault, applied) in [
        (Fault::Refused, false),
        (Fault::Reset(Moment::BeforeApplying), false),
        (Fault::Reset(Moment::AfterApplying), true),
        (Fault::Timeout { after, moment: Moment::BeforeApplying }, false),
        (Fault::Timeout { after, moment: Moment::AfterApplying }, true),
    ] {
        let world = World::strict();
        let start = world.clock.now();
        let waits = matches!(fault, Fault::Timeout { .. });
        let refused = fault == Fault::Refused;
        world.app.inject(fault, Matcher::any());
        let lost = world.attempt("POST", "/Users", Some(user("ada"))).await.unwrap_err();
        assert_eq!(matches!(lost, TransportFault::NotSent(_)), refused);
        assert_eq!(world.app.user_count(), usize::from(applied));
        assert_eq!(world.clock.now() - start == chrono::Duration::seconds(30), waits);
        let recorded = &world.app.requests()[0];
        assert_eq!((recorded.status, recorded.applied), (None, applied));
    }
}

#[tokio::test]
async fn a_gateway_can_fail_after_the_request_was_applied() {
    let world = World::strict();
    let fault = Fault::Status { status: 504, retry_after: None, moment: Moment::AfterApplying };
    world.app.inject(fault, Matcher::any());
    assert_eq!(world.post("/Users", user("ada")).await.status, 504);
    assert_eq!(world.app.user_count(), 1);
}

#[tokio::test]
async fn a_truncated_answer_is_no_json_but_the_request_was_applied() {
    let world = World::strict();
    world.app.inject(Fault::Truncated, Matcher::any());
    let got = world.post("/Users", user("ada")).await;
    assert_eq!((got.status, &got.body), (201, &Value::Null));
    assert!(got.text.starts_with('{'));
    assert_eq!(world.app.user_count(), 1);
}

#[tokio::test]
async fn a_redirect_leads_elsewhere_and_nothing_is_applied() {
    let world = World::strict();
    let location = "https://other.test/scim/v2/Users".to_owned();
    world.app.inject(Fault::Redirect { location: location.clone() }, Matcher::any());
    let got = world.post("/Users", user("ada")).await;
    assert_eq!((got.status, got.headers["location"].to_str().unwrap()), (307, location.as_str()));
    assert_eq!(world.app.user_count(), 0);
}

#[tokio::test]
async fn a_matcher_picks_by_path_and_body() {
    let world = World::strict();
    let matcher = Matcher {
        path_prefix: Some("/Users".to_owned()),
        body_contains: Some("grace".to_owned()),
        ..Matcher::any()
    };
    world.app.inject(Fault::status(500), matcher);
    assert_eq!(world.post("/Groups", group("grace", &[])).await.status, 201);
    assert_eq!(world.post("/Users", user("ada")).await.status, 201);
    assert_eq!(world.post("/Users", user("grace")).await.status, 500);
}

#[tokio::test]
async fn faults_by_chance_are_the_same_for_the_same_seed_and_can_be_cleared() {
    let statuses = async || {
        let world = World::strict();
        world.app.inject_by_chance(Fault::status(500), Matcher::any(), 0.5);
        let mut statuses = Vec::new();
        for _ in 0..40 {
            statuses.push(world.get("/Users").await.status);
        }
        world.app.clear_faults();
        assert_eq!(world.get("/Users").await.status, 200);
        statuses
    };
    let first = statuses().await;
    assert_eq!(first, statuses().await);
    assert!(first.contains(&200) && first.contains(&500), "{first:?}");
}

#[tokio::test]
async fn drift_behind_the_clients_back_shows_in_the_next_read() {
    let world = World::strict();
    let id = world.post("/Users", user("ada")).await.id().to_owned();
    assert!(world.app.tamper(&id, "title", Some("Dr".into())));
    assert!(world.app.tamper_deactivate(&id));
    let got = world.get(&format!("/Users/{id}")).await;
    assert_eq!((&got.body["title"], &got.body["active"]), (&json!("Dr"), &json!(false)));
    assert!(world.app.tamper(&id, "title", None));
    assert_eq!(world.app.user(&id).unwrap().get("title"), None);
    assert!(!world.app.tamper("u-none", "title", None));
    world.app.set_token("new");
    assert_eq!(world.get("/Users").await.status, 401);
}

/// Sends bytes over a socket and reads until the connection closes.
async fn over_the_wire(address: std::net::SocketAddr, request: String) -> String {
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A reset is one of the expected ends; what came before it is what counts.
    let _ = socket.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn the_same_application_answers_over_http() {
    let world = World::strict();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    assert_eq!(world.app.base_url(address), format!("http://{address}/scim/v2"));
    let server = tokio::spawn(world.app.clone().serve(listener));
    let body = user("ada").to_string();
    let request = format!(
        "POST /scim/v2/Users HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer secret\r\n\
         Content-Type: application/scim+json\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = over_the_wire(address, request.clone()).await;
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert!(answer.contains(&format!("location: http://{address}/scim/v2/Users/u-")), "{answer}");
    assert_eq!(world.get("/Users").await.names(), ["ada"]);

    world.app.inject(Fault::Reset(Moment::AfterApplying), Matcher::any());
    let answer = over_the_wire(address, request.replace("\"ada\"", "\"eve\"")).await;
    assert!(!answer.ends_with("0\r\n\r\n"), "an answer that ends well: {answer}");
    assert_eq!(world.app.user_count(), 2);
    server.abort();
}
