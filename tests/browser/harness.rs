//! The browser that the stories use notices what they rely on.

use axum::{Router, response::Html, routing::get};
use serde_json::json;
use tokio::net::TcpListener;

use crate::support::browser::{Browser, Screen};

const BAD_PAGE: &str = r#"<!doctype html><html lang="en"><title>Bad</title>
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <main><h1>Bad</h1><img src="/nothing.png"><p id="wide">wide</p>
    <script>document.getElementById("wide").style.width = "900px"; nothing_of_this_name();</script>
    </main>"#;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium: tests/browser/README.md"]
async fn a_bad_page_is_found_to_be_one() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let router = Router::new().route("/", get(|| async { Html(BAD_PAGE) }));
    tokio::spawn(async move { axum::serve(listener, router).await });

    let browser = Browser::start().await;
    browser.show_on(Screen::Phone).await;
    browser.go(&format!("http://{address}/")).await;

    let complaints = browser.complaints().await;
    assert!(complaints.iter().any(|said| said.contains("nothing_of_this_name")), "{complaints:?}");
    let faults = browser.accessibility_faults().await;
    assert!(faults.iter().any(|fault| fault.contains("image-alt")), "{faults:?}");
    assert!(browser.scrolls_sideways().await);
    assert_eq!(browser.words("h1").await, ["Bad"]);
    assert!(browser.picture(true).await.starts_with(b"\x89PNG"));

    browser.turn_scripts_off().await;
    browser.go(&format!("http://{address}/")).await;
    assert_eq!(browser.ask("return document.getElementById('wide').style.width").await, json!(""));
}
