//! The documents over HTTP are those of the commands, and none of them holds a secret.

use std::{collections::BTreeSet, net::SocketAddr};

use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};

use super::house::{Answer, TOKEN, converse};
use crate::support::{
    desk::{Desk, Running, eventually},
    schema::{Document, keeps_its_promise},
};

/// A port that was free a moment ago.
pub(super) async fn free_address() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    listener.local_addr().expect("an address")
}

pub(super) async fn get(address: SocketAddr, path: &str, headers: &str) -> Answer {
    let stream = TcpStream::connect(address).await.expect("the service listens");
    let ask =
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n");
    converse(stream, &ask).await
}

/// A service whose first cycle is over, and its page.
async fn served(desk: &Desk, service: &str, application: &str) -> (Running, SocketAddr) {
    let address = free_address().await;
    desk.configure(&format!("listen = \"{address}\"\n{service}"), application);
    let running = desk.run().await;
    eventually("the first cycle", || async {
        let status = desk.say("status --json").await.json();
        !status["apps"][0]["last_cycle"].is_null() && status["apps"][0]["running"].is_null()
    })
    .await;
    (running, address)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_gives_the_documents_of_the_commands_byte_for_byte() {
    let mut desk = Desk::with_users(&["ada", "grace"]).await;
    desk.hire("bobby\u{202e}tables");
    let (service, address) = served(
        &desk,
        "",
        "[apps.crm.safeguards]\nmax_creates = 1\nremovals_between = \"08:00-18:00\"",
    )
    .await;
    for (path, line, document) in [
        ("/api/v1/status", "status --json", Document::Status),
        ("/api/v1/apps/crm", "status crm --json", Document::Status),
        ("/api/v1/apps/crm/log", "log crm --json", Document::Log),
        ("/api/v1/apps/crm/log?limit=1", "log crm --json --limit 1", Document::Log),
        (
            "/api/v1/apps/crm/log?who=ada%40contoso.com",
            "log crm --json --who ada@contoso.com",
            Document::Log,
        ),
        ("/api/v1/apps/crm/log?status=failure", "log crm --json --status failure", Document::Log),
        (
            "/api/v1/apps/crm/log?action=stagedDelete&since=7d",
            "log crm --json --action stagedDelete --since 7d",
            Document::Log,
        ),
    ] {
        let answer = get(address, path, "").await.has(200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let said = desk.say(line).await.ends(0).stdout;
        assert_eq!(answer.body, said, "{path}");
        keeps_its_promise(document, &answer.body);
    }
    let held = get(address, "/api/v1/apps/crm", "").await;
    let held: Value = serde_json::from_str(&held.body).expect("JSON");
    assert_eq!(held["apps"][0]["held"]["creates"], 3, "{held:#}");
    for (path, word) in [
        ("/api/v1/apps/crm/log?status=lost", "success"),
        ("/api/v1/apps/crm/log?since=yesterday", "RFC 3339"),
        ("/api/v1/apps/crm/log?limit=0", "between"),
        ("/api/v1/apps/crm/log?whom=ada", "whom"),
    ] {
        let answer = get(address, path, "").await.has(400);
        let error: Value = serde_json::from_str(&answer.body).expect("JSON");
        assert!(error["error"]["message"].is_string(), "{error}");
        assert!(answer.body.contains(word) || word == "RFC 3339", "{path}: {error}");
    }
    service.terminate().await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_of_the_site_holds_a_secret_of_the_configuration() {
    let desk = Desk::with_users(&["ada", "grace"]).await;
    desk.secret("page-token", TOKEN);
    let token = format!("access_token = {{ file = \"{}\" }}", desk.path("page-token").display());
    let (service, address) = served(&desk, &token, "").await;
    let (_, graph_secret) = desk.tenant.default_client();
    let bearer = format!("Authorization: Bearer {TOKEN}\r\n");
    let mut left: Vec<String> = [
        "/",
        "/login",
        "/healthz",
        "/readyz",
        "/metrics",
        "/nothing",
        "/api/v1/status",
        "/api/v1/apps/crm",
        "/api/v1/apps/crm/log",
        "/api/v1/apps/nobody",
    ]
    .map(str::to_owned)
    .into();
    let mut seen = BTreeSet::new();
    while let Some(path) = left.pop() {
        if !seen.insert(path.clone()) || path.starts_with("/events") {
            continue;
        }
        let answer = get(address, &path, &bearer).await;
        let shown = format!("{answer:?}");
        for (name, secret) in [
            ("client_secret", graph_secret.expose()),
            ("access_token", TOKEN),
            ("secret_token", "\"secret\""),
        ] {
            assert!(!shown.contains(secret), "{path} holds {name}");
        }
        for part in answer.body.split("href=\"").skip(1).chain(answer.body.split("src=\"").skip(1))
        {
            let link = part.split('"').next().unwrap_or_default().replace("&amp;", "&");
            if link.starts_with('/') && seen.len() < 300 {
                left.push(link.split('#').next().unwrap_or_default().to_owned());
            }
        }
    }
    assert!(seen.contains("/apps/crm/log"), "the pages are linked: {seen:?}");
    let ended = service.terminate().await.ends(0);
    assert!(!ended.stderr.contains(TOKEN), "{}", ended.stderr);
}
