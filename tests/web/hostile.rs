//! Clients that mean no good, or know no better.

use std::time::Duration;

use entra_scim::web::Limits;
use tokio::io::AsyncWriteExt as _;

use super::house::{House, TOKEN, converse, heard, locked};

#[tokio::test]
async fn paths_out_of_the_site_lead_nowhere() {
    let house = House::open().await;
    for path in [
        "/../../etc/passwd",
        "/../../../../../../etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/assets/../../../etc/passwd",
        "/assets/..%2f..%2f..%2fetc%2fpasswd",
        "/apps/..%2f..%2fetc%2fpasswd",
        "/apps/..%2f..%2fetc%2fpasswd/log",
        "/api/v1/apps/..%2f..%2fetc%2fpasswd",
        "/api/v1/apps/%00",
        "//etc/passwd",
        "/apps/nobody",
        "/index.php",
    ] {
        let answer = house.get(path, "").await.has(404);
        assert!(!answer.body.contains("root:"), "{path}: {answer:?}");
        let is_html = !path.starts_with("/api/");
        let kind = answer.header("content-type").unwrap_or_default();
        assert_eq!(kind.starts_with("text/html"), is_html, "{path}: {kind}");
    }
    let page = house.get("/apps/nobody", "").await;
    assert!(page.body.contains("href=\"/\"") && page.body.contains("crm"), "{page:?}");
}

#[tokio::test]
async fn a_name_in_the_address_is_shown_as_text() {
    let house = House::open().await;
    let page = house.get("/apps/%3Cscript%3Ealert(1)%3C%2Fscript%3E", "").await.has(404);
    assert!(!page.body.contains("<script>alert"), "{page:?}");
    let page = house.get("/apps/crm/log?who=%22%3E%3Cscript%3Ealert(1)%3C/script%3E", "").await;
    assert!(!page.body.contains("<script>alert"), "{page:?}");
}

#[tokio::test]
async fn nothing_can_be_changed_over_http() {
    let house = House::open().await;
    for verb in ["POST", "PUT", "PATCH", "DELETE"] {
        for path in ["/", "/apps/crm", "/apps/crm/log", "/api/v1/status", "/metrics", "/healthz"] {
            let answer = house.ask(&house.request(verb, path, "", "x")).await.has(405);
            assert!(
                answer.header("allow").is_some_and(|verbs| verbs.contains("GET")),
                "{answer:?}"
            );
        }
    }
    let head = house.ask(&house.request("HEAD", "/", "", "")).await.has(200);
    assert_eq!(head.body, "");
}

#[tokio::test]
async fn a_header_of_a_megabyte_is_refused_and_others_are_answered() {
    let house = House::open().await;
    let long = format!("X-Long: {}\r\n", "a".repeat(1 << 20));
    assert_eq!(house.get("/", &long).await.status, 431);
    let many = "X-Many: a\r\n".repeat(10_000);
    assert_eq!(house.get("/", &many).await.status, 431);
    let path = format!("/{}", "a".repeat(1 << 20));
    let answer = house.get(&path, "").await;
    assert!([414, 431].contains(&answer.status), "{}", answer.status);
    house.get("/healthz", "").await.has(200);
}

#[tokio::test]
async fn a_form_without_end_is_not_read() {
    let house = House::with(locked(), Limits::default(), None).await;
    let form = format!("token={}", "a".repeat(1 << 20));
    assert_eq!(house.post("/login", "", &form).await.status, 413);
    house.get("/healthz", "").await.has(200);
}

#[tokio::test]
async fn a_thousand_idle_connections_keep_nobody_out() {
    let house = House::open().await;
    let mut idle = Vec::new();
    for _ in 0..1_000 {
        idle.push(house.connect().await);
    }
    house.get("/", "").await.has(200);
    // Whoever came first and said nothing has lost the place.
    assert_eq!(heard(idle.remove(0)).await, "");
    house.get("/readyz", "").await;
    house.get("/api/v1/status", "").await.has(200);
}

#[tokio::test]
async fn who_is_active_keeps_the_place_before_who_is_idle() {
    let limits = Limits { connections: 3, ..Limits::default() };
    let house = House::with(locked(), limits, None).await;
    let mut active = house.connect().await;
    let idle = [house.connect().await, house.connect().await];
    // An answer without `Connection: close` leaves the connection open.
    let ask = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", house.address);
    active.write_all(ask.as_bytes()).await.expect("the connection is open");
    let mut first = [0; 12];
    tokio::io::AsyncReadExt::read_exact(&mut active, &mut first).await.expect("an answer");
    assert_eq!(&first, b"HTTP/1.1 200");
    house.get("/healthz", "").await.has(200);
    let [oldest, _kept] = idle;
    assert_eq!(heard(oldest).await, "");
    let last = house.request("GET", "/healthz", "", "");
    let rest = converse(active, &last).await.body;
    assert!(rest.contains("200 OK"), "{rest}");
}

#[tokio::test]
async fn who_never_finishes_the_question_is_not_waited_for() {
    let limits = Limits { header_time: Duration::from_millis(200), ..Limits::default() };
    let house = House::with(locked(), limits, None).await;
    let silent = house.connect().await;
    let mut slow = house.connect().await;
    slow.write_all(b"GET / HTTP/1.1\r\nX-Slow: ").await.expect("the connection is open");
    assert_eq!(heard(silent).await, "");
    heard(slow).await;
    let ask = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", house.address);
    let mut kept = house.connect().await;
    kept.write_all(ask.as_bytes()).await.expect("the connection is open");
    let answer = heard(kept).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn bytes_that_are_no_request_are_refused() {
    let house = House::open().await;
    for raw in ["\x16\x03\x01\x02\r\n\r\n", "GET\r\n\r\n", "SSH-2.0-x\r\n\r\n", "\0\0\0\0\r\n\r\n"]
    {
        let status = house.ask(raw).await.status;
        assert!(status == 400 || status == 0, "{raw:?}: {status}");
    }
    house.get("/healthz", "").await.has(200);
}

#[tokio::test]
async fn the_site_closes_although_somebody_listens_and_somebody_is_silent() {
    let house = House::with(locked(), Limits::default(), None).await;
    let silent = house.connect().await;
    let mut listener = house.connect().await;
    let headers = format!("Authorization: Bearer {TOKEN}\r\nAccept: text/event-stream\r\n");
    let ask = format!("GET /events HTTP/1.1\r\nHost: {}\r\n{headers}\r\n", house.address);
    listener.write_all(ask.as_bytes()).await.expect("the connection is open");
    let mut first = [0; 12];
    tokio::io::AsyncReadExt::read_exact(&mut listener, &mut first).await.expect("an answer");
    let address = house.address;
    house.close().await;
    heard(silent).await;
    heard(listener).await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "it still listens");
}
