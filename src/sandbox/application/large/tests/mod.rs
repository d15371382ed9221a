//! Stories told through the door of the large application, by the ordinary one's measure.

use std::{sync::Arc, time::Duration};

use axum::body::Body;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use serde_json::{Map, Value, json};
use tower::ServiceExt as _;

use super::{LargeApplication, LargeApplicationOptions};
use crate::{
    http::Exchange as _,
    sandbox::{
        Pace, VirtualClock,
        application::{Application, ApplicationOptions},
    },
};

const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

struct World {
    large: LargeApplication,
    ordinary: Application,
    clock: VirtualClock,
}

struct Got {
    status: u16,
    retry_after: Option<u64>,
    body: Value,
}

impl Got {
    async fn of(answer: Response<Body>) -> Self {
        let (head, body) = answer.into_parts();
        let header = head.headers.get("retry-after");
        let retry_after = header.map(|value| value.to_str().unwrap().parse().unwrap());
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        Self { status: head.status.as_u16(), retry_after, body }
    }

    /// Without what each service says in its own way.
    fn plain(&self) -> Value {
        fn strip(value: &mut Value) {
            match value {
                Value::Object(fields) => {
                    for own in ["id", "meta", "detail"] {
                        fields.remove(own);
                    }
                    fields.values_mut().for_each(strip);
                }
                Value::Array(values) => values.iter_mut().for_each(strip),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        let mut plain = self.body.clone();
        strip(&mut plain);
        plain
    }

    fn id(&self) -> String {
        self.body["id"].as_str().unwrap_or_default().to_owned()
    }
}

impl World {
    fn new() -> Self {
        Self::with(Pace::default())
    }

    fn with(pace: Pace) -> Self {
        let clock = VirtualClock::starting_at("2030-01-01T00:00:00Z".parse().unwrap());
        let shared = Arc::new(clock.clone());
        let large = LargeApplication::new(LargeApplicationOptions {
            clock: shared.clone(),
            token: "secret".to_owned(),
            pace,
        });
        let ordinary = Application::new(ApplicationOptions::strict(7, shared));
        Self { large, ordinary, clock }
    }

    fn request(method: &str, path: &str, body: &Value) -> Request<bytes::Bytes> {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        Request::builder()
            .method(method)
            .uri(format!(
                "https://app.test/scim/v2{}",
                path.replace(' ', "%20").replace('"', "%22")
            ))
            .header("authorization", "Bearer secret")
            .header("content-type", "application/scim+json")
            .body(text.into())
            .unwrap()
    }

    async fn send(&self, method: &str, path: &str, body: &Value) -> Got {
        let request = Self::request(method, path, body).map(Body::from);
        Got::of(self.large.router().oneshot(request).await.unwrap()).await
    }

    /// Sends the same to both and expects the same. `USER` and `GROUP` in it stand for the ids that
    /// each gave.
    async fn check(
        &self,
        ids: &mut [[String; 2]; 2],
        method: &str,
        path: &str,
        body: Value,
    ) -> Got {
        let [large, ordinary] = ids;
        let said = |text: &str, [user, group]: &[String; 2]| {
            text.replace("USER", user).replace("GROUP", group)
        };
        let put = |ids: &[String; 2]| -> (String, Value) {
            (said(path, ids), serde_json::from_str(&said(&body.to_string(), ids)).unwrap())
        };
        let (path, body) = put(ordinary);
        let request = Self::request(method, &path, &body);
        let expected = self.ordinary.exchange(request).await.unwrap().map(Body::from);
        let expected = Got::of(expected).await;
        let (path, body) = put(large);
        let found = self.send(method, &path, &body).await;
        let is_silent = found.status == 204 && expected.status == 200;
        assert!(found.status == expected.status || is_silent, "{path}: {}", found.body);
        if !is_silent {
            let named = |value: Value, [user, group]: &[String; 2]| {
                let text = value.to_string();
                let text = if user.is_empty() { text } else { text.replace(user, "USER") };
                if group.is_empty() { text } else { text.replace(group, "GROUP") }
            };
            let parsed = |text: String| serde_json::from_str::<Value>(&text).unwrap();
            assert_eq!(
                parsed(named(found.plain(), large)),
                parsed(named(expected.plain(), ordinary)),
                "{method} {path}"
            );
        }
        if method == "POST" && found.status == 201 {
            let place = usize::from(path.contains("Groups"));
            large[place] = found.id();
            ordinary[place] = expected.id();
        }
        found
    }
}

fn person(name: &str) -> Value {
    json!({
        "schemas": [CORE, ENTERPRISE], "userName": name, "externalId": format!("x-{name}"),
        "active": true, "name": { "givenName": "Ada", "familyName": "Berg" },
        "emails": [{ "type": "work", "value": name, "primary": true }],
        ENTERPRISE: { "department": "Sales" },
    })
}

fn patch(operations: &Value) -> Value {
    json!({ "schemas": [PATCH], "Operations": operations })
}

#[tokio::test]
async fn an_account_has_the_life_that_it_has_at_the_ordinary_application() {
    let world = World::new();
    let mut ids = Default::default();
    let steps = [
        ("GET", "/Users?startIndex=1&count=10", Value::Null),
        ("POST", "/Users", person("Ada@contoso.example")),
        ("POST", "/Users", person("ada@contoso.example")),
        ("POST", "/Users", json!({ "schemas": [CORE] })),
        ("POST", "/Users", json!({ "schemas": [GROUP], "userName": "x" })),
        ("POST", "/Users", json!({ "schemas": [CORE], "userName": "x", "nonsense": 1 })),
        ("POST", "/Users", json!({ "schemas": [CORE], "userName": "x", "active": "False" })),
        (
            "POST",
            "/Users",
            json!({
                "schemas": [CORE, ENTERPRISE], "userName": "x",
                ENTERPRISE: { "manager": { "value": "nobody" } },
            }),
        ),
        ("GET", "/Users/USER", Value::Null),
        ("GET", "/Users/USER?attributes=userName,name.familyName", Value::Null),
        ("GET", "/Users/USER?excludedAttributes=emails", Value::Null),
        ("GET", "/Users?filter=userName eq \"ADA@contoso.example\"", Value::Null),
        ("GET", "/Users?filter=externalId eq \"x-Ada@contoso.example\"", Value::Null),
        ("GET", "/Users?filter=externalId eq \"x-ada\"", Value::Null),
        ("GET", "/Users?filter=name.familyName eq \"berg\"", Value::Null),
        ("GET", "/Users?filter=nonsense eq \"berg\"", Value::Null),
        (
            "PATCH",
            "/Users/USER",
            patch(&json!([
                { "op": "replace", "path": "userName", "value": "ada.lovell@contoso.example" },
                { "op": "replace", "path": "emails[type eq \"work\"].value", "value": "a@b.example" },
                { "op": "remove", "path": "name.givenName" },
                { "op": "add", "path": format!("{ENTERPRISE}:costCenter"), "value": "7" },
                { "op": "add", "path": format!("{ENTERPRISE}:manager"), "value": { "value": "USER" } },
            ])),
        ),
        ("GET", "/Users?filter=userName eq \"ada@contoso.example\"", Value::Null),
        ("GET", "/Users?filter=userName eq \"ada.lovell@contoso.example\"", Value::Null),
        (
            "PATCH",
            "/Users/USER",
            patch(&json!([{
                "op": "add", "path": format!("{ENTERPRISE}:manager"), "value": { "value": "u-1" },
            }])),
        ),
        ("PATCH", "/Users/USER", patch(&json!([{ "op": "add", "path": "nonsense", "value": 1 }]))),
        (
            "PATCH",
            "/Users/USER",
            patch(&json!([{ "op": "replace", "value": { "active": false } }])),
        ),
        ("PUT", "/Users/USER", person("ada.again@contoso.example")),
        ("GET", "/Users?startIndex=1&count=10", Value::Null),
        ("DELETE", "/Users/USER", Value::Null),
        ("GET", "/Users/USER", Value::Null),
        ("DELETE", "/Users/USER", Value::Null),
        ("POST", "/Users", person("ada.again@contoso.example")),
        ("GET", "/Users?startIndex=1&count=10", Value::Null),
        ("GET", "/Nothing", Value::Null),
        ("GET", "/ServiceProviderConfig", Value::Null),
        ("GET", "/Schemas", Value::Null),
    ];
    for (method, path, body) in steps {
        world.check(&mut ids, method, path, body).await;
    }
    assert_eq!(world.large.user_count(), 1);
}

#[tokio::test]
async fn a_group_has_the_members_that_it_has_at_the_ordinary_application() {
    let world = World::new();
    let mut ids = Default::default();
    let members = json!([{ "value": "USER" }]);
    let group = json!({ "schemas": [GROUP], "displayName": "Sales" });
    let steps = [
        ("POST", "/Users", person("ada@contoso.example")),
        ("POST", "/Groups", group.clone()),
        ("POST", "/Groups", group),
        (
            "PATCH",
            "/Groups/GROUP",
            patch(&json!([{ "op": "add", "path": "members", "value": members }])),
        ),
        ("GET", "/Groups/GROUP", Value::Null),
        ("GET", "/Groups/GROUP?excludedAttributes=members", Value::Null),
        (
            "PATCH",
            "/Groups/GROUP",
            patch(&json!([{ "op": "remove", "path": "members[value eq \"USER\"]" }])),
        ),
        ("GET", "/Groups/GROUP", Value::Null),
        (
            "PATCH",
            "/Groups/GROUP",
            patch(&json!([
                { "op": "replace", "path": "members", "value": members },
                { "op": "replace", "path": "displayName", "value": "Marketing" },
            ])),
        ),
        ("GET", "/Groups?filter=displayName eq \"marketing\"", Value::Null),
        (
            "PATCH",
            "/Groups/GROUP",
            patch(&json!([{ "op": "add", "path": "members", "value": [{ "value": "nobody" }] }])),
        ),
        ("DELETE", "/Users/USER", Value::Null),
        ("GET", "/Groups/GROUP", Value::Null),
        ("DELETE", "/Groups/GROUP", Value::Null),
        ("GET", "/Groups?startIndex=1&count=10", Value::Null),
    ];
    for (method, path, body) in steps {
        world.check(&mut ids, method, path, body).await;
    }
    assert_eq!(world.large.group_count(), 0);
}

#[tokio::test]
async fn pages_hold_everybody_once_also_after_somebody_left() {
    let world = World::new();
    let mut ids = Vec::new();
    for number in 0..25 {
        ids.push(world.send("POST", "/Users", &person(&format!("p{number}"))).await.id());
    }
    for gone in [3, 4, 20] {
        world.send("DELETE", &format!("/Users/{}", ids[gone]), &Value::Null).await;
    }
    let mut seen = Vec::new();
    for start in [1, 11, 21] {
        let path = format!("/Users?startIndex={start}&count=10");
        let page = world.send("GET", &path, &Value::Null).await.body;
        assert_eq!(page["totalResults"], 22);
        let rows = page["Resources"].as_array().unwrap();
        seen.extend(rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()));
    }
    let left =
        [0, 1, 2, 5].into_iter().chain(6..20).chain(21..25).map(|number| ids[number].clone());
    assert_eq!(seen, left.collect::<Vec<_>>());
}

#[tokio::test]
async fn an_old_version_and_a_wrong_token_are_refused() {
    let world = World::new();
    let ada = world.send("POST", "/Users", &person("ada")).await;
    assert_eq!(ada.body["meta"]["version"], "W/\"1\"");
    let change = patch(&json!([{ "op": "replace", "path": "active", "value": false }]));
    let send = |version: &'static str, token: &'static str| {
        let mut request = World::request("PATCH", &format!("/Users/{}", ada.id()), &change);
        request.headers_mut().insert("if-match", version.parse().unwrap());
        request.headers_mut().insert("authorization", token.parse().unwrap());
        world.large.router().oneshot(request.map(Body::from))
    };
    assert_eq!(send("W/\"1\"", "Bearer other").await.unwrap().status().as_u16(), 401);
    assert_eq!(send("W/\"1\"", "Bearer secret").await.unwrap().status().as_u16(), 200);
    assert_eq!(send("W/\"1\"", "Bearer secret").await.unwrap().status().as_u16(), 412);
}

#[tokio::test]
async fn over_the_limit_it_answers_429_and_counts_what_it_let_in() {
    let latency = Duration::ZERO;
    let world = World::with(Pace { latency, requests_per_second_max: Some(25) });
    let mut refused = 0;
    for _ in 0..20 {
        let got = world.send("GET", "/Users?count=1", &Value::Null).await;
        if got.status == 429 {
            assert_eq!(got.retry_after, Some(1));
            refused += 1;
        }
    }
    assert_eq!(refused, 15, "a fifth of a second's requests are let through at once");
    for _ in 0..50 {
        world.clock.advance(Duration::from_millis(40));
        assert_eq!(world.send("GET", "/Users?count=1", &Value::Null).await.status, 200);
    }
    let report = world.large.measured().report();
    assert_eq!((&report["by_kind"]["GET /Users"], &report["throttled"]), (&json!(55), &json!(15)));
    world.large.measured().reset();
    assert_eq!(world.large.measured().report()["requests"], 0);
}

#[tokio::test]
async fn what_takes_its_time_does_so_on_the_clock() {
    let latency = Duration::from_millis(50);
    let world = World::with(Pace { latency, requests_per_second_max: None });
    let before = crate::model::Clock::now(&world.clock);
    world.send("GET", "/Users?count=1", &Value::Null).await;
    let took = crate::model::Clock::now(&world.clock) - before;
    assert!((49..=50).contains(&took.num_milliseconds()), "{took}");
}

#[tokio::test]
async fn the_accounts_can_be_had_as_they_were_sent() {
    let world = World::new();
    let sent = person("ada");
    world.send("POST", "/Users", &sent).await;
    let request = Request::get("/sandbox/accounts").body(Body::empty()).unwrap();
    let answer = world.large.router().oneshot(request).await.unwrap();
    let text = answer.into_body().collect().await.unwrap().to_bytes();
    let kept: Vec<Map<String, Value>> =
        serde_json::Deserializer::from_slice(&text).into_iter().map(Result::unwrap).collect();
    assert_eq!(kept, [sent.as_object().unwrap().clone()]);
}
