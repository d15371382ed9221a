//! The door: who is let in, under which name, and what a browser is told.

use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use entra_scim::{
    model::Secret,
    web::{AccessToken, Door, Limits},
};

use super::house::{House, TOKEN, locked};

const FORM: &str = "token=a-token-that-nobody-would-guess&next=%2Fapps%2Fcrm";

#[tokio::test]
async fn a_page_from_elsewhere_whose_name_leads_here_gets_nothing() {
    let house = House::open().await;
    for host in ["evil.example", "evil.example:8640", "localhost.evil.example"] {
        let raw = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let answer = house.ask(&raw).await.has(421);
        assert!(answer.body.contains("service.allowed_hosts"), "{answer:?}");
        assert!(!answer.body.contains("crm"), "{answer:?}");
    }
    for raw in [
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
    ] {
        house.ask(raw).await.has(400);
    }
    house.ask("GET / HTTP/1.1\r\nHost: localhost:1\r\nConnection: close\r\n\r\n").await.has(200);
    let absolute =
        "GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    house.ask(absolute).await.has(421);
}

#[tokio::test]
async fn every_answer_keeps_browsers_from_framing_guessing_and_keeping_it() {
    let house = House::with(locked(), Limits::default(), None).await;
    for path in ["/", "/login", "/nothing", "/api/v1/status", "/healthz", "/readyz", "/metrics"] {
        for headers in ["", &format!("Authorization: Bearer {TOKEN}\r\n")] {
            let answer = house.get(path, headers).await;
            let policy = answer.header("content-security-policy").expect("a policy");
            for part in ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'"] {
                assert!(policy.contains(part), "{path}: {policy}");
            }
            assert!(!policy.contains("unsafe") && !policy.contains('*'), "{path}: {policy}");
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
            assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
            assert_eq!(answer.header("referrer-policy"), Some("same-origin"), "{path}");
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
            assert!(!answer.body.contains("<script>") && !answer.body.contains("style="), "{path}");
        }
    }
}

#[tokio::test]
async fn without_the_token_nothing_is_shown_but_whether_the_service_lives() {
    let house = House::with(locked(), Limits::default(), None).await;
    for path in ["/api/v1/status", "/api/v1/apps/crm", "/api/v1/apps/crm/log", "/metrics"] {
        let answer = house.get(path, "").await.has(401);
        assert!(answer.header("www-authenticate").is_some_and(|way| way.starts_with("Bearer")));
        assert!(!answer.body.contains("crm"), "{answer:?}");
        house.get(path, "Cookie: entra-scim=guessed\r\n").await.has(401);
        house.get(path, &format!("Authorization: Bearer {TOKEN}\r\n")).await.has(200);
    }
    for path in ["/", "/apps/crm", "/apps/crm/log", "/nothing"] {
        let answer = house.get(path, "").await.has(303);
        let to = answer.header("location").expect("the way in");
        assert!(to.starts_with("/login?next=%2F"), "{to}");
    }
    house.get("/healthz", "").await.has(200);
    assert_ne!(house.get("/readyz", "").await.status, 401);
    let form = house.get("/login", "").await.has(200);
    assert!(form.body.contains("<form"), "{form:?}");
}

#[tokio::test]
async fn a_browser_signs_in_once_and_out_again_with_a_cookie_that_no_script_can_read() {
    let house = House::with(locked(), Limits::default(), None).await;
    let wrong = house.post("/login", "", "token=guess&next=%2F").await.has(401);
    assert_eq!(wrong.header("set-cookie"), None);
    assert!(wrong.body.contains("this is not the access token"), "{wrong:?}");

    let right = house.post("/login", "", FORM).await.has(303);
    assert_eq!(right.header("location"), Some("/apps/crm"));
    let cookie = right.header("set-cookie").expect("a session").to_owned();
    for part in ["; HttpOnly", "; SameSite=Strict", "; Path=/", "; Max-Age=43200"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure") && !cookie.contains(TOKEN), "{cookie}");

    let session = cookie.split(';').next().expect("a pair");
    let headers = format!("Cookie: other=1; {session}\r\n");
    house.get("/", &headers).await.has(200);
    house.get("/api/v1/status", &headers).await.has(200);
    let out = house.post("/logout", &headers, "x=1").await.has(303);
    assert!(out.header("set-cookie").is_some_and(|cookie| cookie.contains("Max-Age=0")));
    house.get("/", &headers).await.has(303);
}

#[tokio::test]
async fn a_session_ends_after_a_day_of_work() {
    let house = House::with(locked(), Limits::default(), None).await;
    let signed_in = house.post("/login", "", FORM).await.has(303);
    let cookie = signed_in.header("set-cookie").and_then(|line| line.split(';').next());
    let headers = format!("Cookie: {}\r\n", cookie.expect("a session"));
    house.clock.ahead(TimeDelta::hours(11));
    house.get("/", &headers).await.has(200);
    house.clock.ahead(TimeDelta::hours(1));
    house.get("/", &headers).await.has(303);
}

#[tokio::test]
async fn a_new_token_counts_at_once_and_ends_the_sessions_of_the_old_one() {
    let token = Arc::new(Mutex::new(Ok(TOKEN.to_owned())));
    let read = Arc::clone(&token);
    let access_token =
        AccessToken::new(move || read.lock().expect("nobody panicked").clone().map(Secret::new));
    let door = Door { access_token: Some(access_token), ..Door::default() };
    let house = House::with(door, Limits::default(), None).await;
    let signed_in = house.post("/login", "", FORM).await.has(303);
    let cookie = signed_in.header("set-cookie").and_then(|line| line.split(';').next());
    let session = format!("Cookie: {}\r\n", cookie.expect("a session"));
    let bearer = format!("Authorization: Bearer {TOKEN}\r\n");
    house.get("/", &session).await.has(200);
    house.get("/metrics", &bearer).await.has(200);

    *token.lock().expect("nobody panicked") = Ok("another-token-of-some-length".to_owned());
    house.get("/", &session).await.has(303);
    house.get("/metrics", &bearer).await.has(401);

    *token.lock().expect("nobody panicked") = Err("service.access_token: gone".to_owned());
    house.get("/", &session).await.has(503);
    house.get("/metrics", &bearer).await.has(503);
    house.get("/healthz", "").await.has(200);
}

#[tokio::test]
async fn whoever_guesses_has_to_wait_and_is_told_for_how_long() {
    let house = House::with(locked(), Limits::default(), None).await;
    for _ in 0..3 {
        house.post("/login", "", "token=guess").await.has(401);
    }
    for _ in 0..2 {
        house.get("/metrics", "Authorization: Bearer guess\r\n").await.has(401);
    }
    let refused = house.post("/login", "", FORM).await.has(429);
    let seconds: i64 =
        refused.header("retry-after").and_then(|text| text.parse().ok()).expect("a time");
    assert!((1..=61).contains(&seconds), "{seconds}");
    let right = format!("Authorization: Bearer {TOKEN}\r\n");
    house.get("/metrics", &right).await.has(429);
    house.clock.ahead(TimeDelta::seconds(seconds));
    house.get("/metrics", &right).await.has(200);
}

#[tokio::test]
async fn behind_a_proxy_the_cookie_keeps_to_tls_and_guesses_are_counted_by_who_made_them() {
    let door = Door { is_sealed: true, behind_proxy: true, ..locked() };
    let house = House::with(door, Limits::default(), None).await;
    let right = house.post("/login", "", FORM).await.has(303);
    let cookie = right.header("set-cookie").expect("a session");
    assert!(cookie.starts_with("__Host-entra-scim=") && cookie.ends_with("; Secure"), "{cookie}");
    // The first address is the client's own word; the last is the proxy's.
    for guess in 0..5 {
        let from = format!("X-Forwarded-For: 198.51.100.{guess}, 192.0.2.1\r\n");
        house.post("/login", &from, "token=guess").await.has(401);
    }
    house.post("/login", "X-Forwarded-For: 192.0.2.1\r\n", FORM).await.has(429);
    house.post("/login", "X-Forwarded-For: 192.0.2.2\r\n", FORM).await.has(303);
}

#[tokio::test]
async fn without_a_proxy_nobody_chooses_the_address_they_are_counted_under() {
    let house = House::with(locked(), Limits::default(), None).await;
    for guess in 0..5 {
        let from = format!("X-Forwarded-For: 198.51.100.{guess}\r\n");
        house.post("/login", &from, "token=guess").await.has(401);
    }
    house.post("/login", "X-Forwarded-For: 198.51.100.9\r\n", FORM).await.has(429);
}

#[tokio::test]
async fn a_form_that_another_site_sends_is_not_taken() {
    let house = House::with(locked(), Limits::default(), None).await;
    let own = format!("Origin: http://{}\r\n", house.address);
    for (headers, status) in [
        ("Origin: https://evil.example\r\n", 403),
        ("Origin: null\r\n", 403),
        ("Sec-Fetch-Site: cross-site\r\n", 403),
        ("Sec-Fetch-Site: same-site\r\n", 403),
        ("Sec-Fetch-Site: same-origin\r\n", 303),
        (own.as_str(), 303),
    ] {
        house.post("/login", headers, FORM).await.has(status);
    }
    house.post("/logout", "Sec-Fetch-Site: cross-site\r\n", "x=1").await.has(403);
}
