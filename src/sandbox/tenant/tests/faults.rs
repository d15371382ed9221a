//! What goes wrong, on both doors.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{BASE, World};
use crate::{
    http::TransportFault,
    model::Clock as _,
    sandbox::tenant::{ErrorBody, Fault, FaultPlan, RetryAfter},
};

#[tokio::test]
async fn every_answer_has_graphs_headers_and_the_cost() {
    let world = World::new();
    let mine = [("client-request-id", "11111111-2222-3333-4444-555555555555")];
    let got = world.send("GET", "/users?$select=id", &mine, &Value::Null).await.unwrap();
    assert_eq!(got.headers["client-request-id"], mine[0].1);
    assert_eq!(got.headers["odata-version"], "4.0");
    assert_eq!(got.headers["x-ms-resource-unit"], "1");
    assert!(got.headers["content-type"].contains("odata.metadata=minimal"));
    assert_eq!(world.get("/users").await.headers["x-ms-resource-unit"], "2");
    assert_eq!(world.get("/users?$top=5&$expand=manager").await.headers["x-ms-resource-unit"], "2");
    let refused = world.get("/users?$select=no").await;
    assert_eq!(refused.headers["x-ms-resource-unit"], "0");
    assert_eq!(refused.body["error"]["innerError"]["date"], "2026-03-02T08:00:00");
    assert_eq!(
        refused.body["error"]["innerError"]["request-id"],
        refused.headers["request-id"].as_str()
    );
}

#[tokio::test]
async fn throttling_says_when_to_come_back_in_every_form() {
    let world = World::new();
    let forms = [
        (RetryAfter::Seconds(17), Some("17")),
        (RetryAfter::Decimal(2_128), Some("2.128")),
        (RetryAfter::HttpDate(60), Some("Mon, 02 Mar 2026 08:01:00 GMT")),
        (RetryAfter::Missing, None),
    ];
    for (form, expected) in forms {
        world.tenant.inject(Fault::Throttle(form));
        let got = world.get("/users").await;
        got.refused(429, "TooManyRequests");
        assert_eq!(got.headers.get("retry-after").map(String::as_str), expected);
    }
    assert_eq!(world.get("/users").await.status, 200);
}

#[tokio::test]
async fn the_bucket_of_resource_units_empties_and_refills_on_the_clock() {
    let world = World::new();
    world.tenant.switch(|switches| switches.throttles = true);
    let mut answered = 0;
    let refused = loop {
        let got = world.get("/users").await;
        if got.status != 200 {
            break got;
        }
        answered += 1;
    };
    assert_eq!(answered, 1_750, "3,500 units at two each");
    assert_eq!(refused.headers["x-ms-throttle-information"], "ResourceUnitLimitExceeded");
    let wait: u64 = refused.headers["retry-after"].parse().unwrap();
    world.wait(Duration::from_secs(wait));
    assert_eq!(world.get("/users").await.status, 200);
}

#[tokio::test]
async fn servers_gateways_and_connections_fail() {
    let world = World::new();
    world.user("ada");
    for (body, content) in [
        (ErrorBody::Json, true),
        (ErrorBody::EmptyCode, true),
        (ErrorBody::Html, false),
        (ErrorBody::Empty, false),
    ] {
        world.tenant.inject(Fault::ServerError { status: 503, body });
        let got = world.get("/users").await;
        assert_eq!((got.status, got.body.is_object()), (503, content));
    }
    world.tenant.inject(Fault::HtmlSuccess);
    let got = world.get("/users").await;
    assert_eq!((got.status, got.headers["content-type"].as_str()), (200, "text/html"));
    for (fault, sent) in
        [(Fault::ResetBefore, false), (Fault::ResetAfter, true), (Fault::TruncatedBody, true)]
    {
        world.tenant.inject(fault);
        let lost = world.send("GET", "/users", &[], &Value::Null).await.err().unwrap();
        assert_eq!(matches!(lost, TransportFault::Lost(_)), sent);
    }
    world.tenant.inject(Fault::ForeignLink("https://evil.test".into()));
    let body = world.get("/users/delta").await.ok();
    assert!(body["@odata.deltaLink"].as_str().unwrap().starts_with("https://evil.test/v1.0/"));
    let before = world.clock.now();
    world.tenant.inject(Fault::Delay(Duration::from_secs(31)));
    world.get("/users").await.ok();
    assert_eq!((world.clock.now() - before).num_seconds(), 31);
    assert_eq!(world.tenant.pending_faults(), 0);
}

#[tokio::test]
async fn a_plan_of_faults_hits_the_same_requests_for_the_same_seed() {
    let mut histories = Vec::new();
    for seed in [5, 5, 6] {
        let world = World::new();
        let error = Fault::ServerError { status: 504, body: ErrorBody::Html };
        world.tenant.follow(FaultPlan { seed, rules: vec![(error, 300)], login: false });
        let mut statuses = Vec::new();
        for _ in 0..60 {
            statuses.push(world.get("/users").await.status);
        }
        histories.push(statuses);
    }
    assert_eq!(histories[0], histories[1]);
    assert_ne!(histories[0], histories[2]);
    assert!(histories[0].contains(&200) && histories[0].contains(&504));
}

/// The whole answer of a plain request over a connection of its own, as far as it came.
async fn fetch(base: &str, path: &str, headers: &str) -> Vec<u8> {
    let host = base.strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
    let request =
        format!("GET /v1.0{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A connection that breaks is what some of these requests ask for.
    let _ = stream.read_to_end(&mut answer).await;
    answer
}

fn parts(answer: &[u8]) -> (String, &[u8]) {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    (String::from_utf8_lossy(&answer[..end]).to_lowercase(), &answer[end + 4..])
}

#[tokio::test]
async fn a_server_on_loopback_gives_the_same_answers_plain_packed_or_broken() {
    let world = World::new();
    world.user("ada");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = world.tenant.serve(listener).unwrap();
    assert_ne!(base, BASE);
    let bearer = format!("Authorization: Bearer {}\r\n", world.token);
    let answer = fetch(&base, "/users/delta?%24select=displayName", &bearer).await;
    let (head, body) = parts(&answer);
    assert!(head.starts_with("http/1.1 200") && head.contains("odata-version: 4.0"), "{head}");
    let body: Value = serde_json::from_slice(body).unwrap();
    assert!(body["@odata.deltaLink"].as_str().unwrap().starts_with(&base));
    assert_eq!(body["value"][0]["displayName"], "ada");

    let answer = fetch(&base, "/users", &format!("{bearer}Accept-Encoding: gzip\r\n")).await;
    let (head, body) = parts(&answer);
    assert!(head.contains("content-encoding: gzip"), "{head}");
    let unpacked: Value = serde_json::from_reader(flate2::read::GzDecoder::new(body)).unwrap();
    assert_eq!(unpacked["value"][0]["displayName"], "ada");

    for fault in [Fault::TruncatedBody, Fault::ResetAfter] {
        world.tenant.inject(fault);
        let answer = fetch(&base, "/users", &bearer).await;
        assert!(!answer.ends_with(b"0\r\n\r\n"), "the body has no proper end");
        assert!(!answer.ends_with(b"}"));
    }
    let recorded = world.tenant.take_requests();
    assert_eq!(recorded[0].path, "/v1.0/users/delta");
    assert_eq!(recorded[0].option("$select"), Some("displayName"));
    assert!(!recorded[0].headers.contains_key("authorization"));
    assert_eq!(world.tenant.request_count(), 4);
    assert!(world.tenant.requests().is_empty());
}
