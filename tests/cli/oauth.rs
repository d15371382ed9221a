//! An application that wants tokens from a token endpoint.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use axum::{Json, Router, routing::post};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::{desk::Desk, state};

type Fields = std::collections::BTreeMap<String, String>;

/// A token endpoint that knows one client, and gives tokens with a number.
struct Issuer {
    url: String,
    given: Arc<AtomicU32>,
    /// Whether the last secret came as HTTP basic.
    was_basic: Arc<AtomicBool>,
}

impl Issuer {
    async fn start() -> Self {
        let given = Arc::new(AtomicU32::new(0));
        let was_basic = Arc::new(AtomicBool::new(false));
        let (counter, seen) = (Arc::clone(&given), Arc::clone(&was_basic));
        let token = move |headers: HeaderMap, body: String| async move {
            let fields: Fields =
                url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
            let basic = headers.get("authorization").map(|value| value.to_str().expect("text"));
            seen.store(basic.is_some(), Ordering::Relaxed);
            let field = |name: &str| fields.get(name).map(String::as_str);
            // `us:s3cret` in base64.
            let knows = basic == Some("Basic dXM6czNjcmV0")
                || (field("client_id"), field("client_secret")) == (Some("us"), Some("s3cret"));
            if !knows || field("grant_type") != Some("client_credentials") {
                let refusal: Value = json!({"error": "invalid_client"});
                return (StatusCode::UNAUTHORIZED, Json(refusal));
            }
            let number = counter.fetch_add(1, Ordering::Relaxed) + 1;
            let scope = field("scope").unwrap_or("none");
            let token = format!("token-{scope}-{number}");
            let answer =
                json!({"access_token": token, "token_type": "Bearer", "expires_in": 3_600});
            (StatusCode::OK, Json(answer))
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let url = format!("http://{}/token?tenant=7", listener.local_addr().expect("an address"));
        let router = Router::new().route("/token", post(token));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, given, was_basic }
    }
}

/// The desk's application signs in with these words beside the client's secret.
fn configure(desk: &Desk, issuer: &Issuer, words: &str) {
    desk.secret("client-secret", "s3cret");
    let file = desk.path("client-secret");
    let text = fs::read_to_string(desk.config()).expect("a configuration");
    let lines: Vec<String> = text
        .lines()
        .map(|line| {
            if line.starts_with("secret_token") {
                format!(
                    "oauth = {{ token_url = \"{}\", client_id = \"us\", client_secret = {{ file = \
                     \"{}\" }}{words} }}",
                    issuer.url,
                    file.display()
                )
            } else {
                line.to_owned()
            }
        })
        .collect();
    fs::write(desk.config(), lines.join("\n")).expect("a configuration");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_fetched_once_for_a_cycle_in_either_way_of_sending_the_secret() {
    for (words, is_basic) in
        [("", true), (", auth = \"header\"", true), (", auth = \"body\"", false)]
    {
        let desk = Desk::with_users(&["ada", "grace"]).await;
        let issuer = Issuer::start().await;
        configure(&desk, &issuer, &format!(", scope = \"scim\"{words}"));
        desk.application.set_token("token-scim-1");
        desk.say("sync").await.ends(0);
        assert_eq!(issuer.given.load(Ordering::Relaxed), 1, "{words}");
        assert_eq!(issuer.was_basic.load(Ordering::Relaxed), is_basic, "{words}");
        assert_eq!(desk.application.user_count(), 2);
        let state = state::bytes_and_texts(&desk.path("state/crm.sqlite"));
        let state = String::from_utf8_lossy(&state);
        assert!(!state.contains("token-scim-1") && !state.contains("s3cret"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_is_fetched_anew_once_and_then_the_job_is_in_quarantine() {
    let desk = Desk::with_users(&["ada"]).await;
    let issuer = Issuer::start().await;
    configure(&desk, &issuer, "");
    desk.application.set_token("token-none-2");
    desk.say("sync").await.ends(0);
    assert_eq!(issuer.given.load(Ordering::Relaxed), 2, "one more after the refusal");

    desk.application.set_token("another");
    let checked = desk.say("check").await.ends(7);
    assert!(checked.stdout.contains("apps.crm.target.oauth"), "{}", checked.stdout);
    desk.tenant.set_attribute(desk.people["ada"], "displayName", "Ada Lovelace");
    desk.say("sync").await.ends(7);
    let status = desk.say("status --json").await.ends(0).json();
    assert_eq!(status["apps"][0]["state"], json!("quarantine"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_the_endpoint_does_not_know_is_told_so() {
    let desk = Desk::with_users(&["ada"]).await;
    let issuer = Issuer::start().await;
    configure(&desk, &issuer, "");
    desk.secret("client-secret", "wr0ng-s3cret");
    let sync = desk.say("sync").await.ends(7);
    assert!(sync.stderr.contains("invalid_client"), "{}", sync.stderr);
    assert!(sync.stderr.contains("check the client id and its credential"), "{}", sync.stderr);
    assert!(!sync.stderr.contains("wr0ng") && !sync.stdout.contains("wr0ng"));
}
