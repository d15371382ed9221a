//! The page that asks for the token, as a browser keeps to what it is told.

use fantoccini::Locator;
use serde_json::json;

use super::office::serve;
use crate::support::{browser::Browser, desk::Desk};

const TOKEN: &str = "a-token-that-nobody-could-guess";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium: tests/browser/README.md"]
async fn the_token_is_asked_for_once_and_until_one_signs_out() {
    let desk = Desk::with_users(&["ada"]).await;
    desk.secret("page-token", TOKEN);
    let place = desk.path("page-token");
    let token = format!("access_token = {{ file = \"{}\" }}", place.display());
    desk.configure(&format!("listen = \"127.0.0.1:0\"\n{token}"), "");
    let (service, url) = serve(&desk).await;
    let browser = Browser::start().await;

    browser.go(&format!("{url}/apps/crm/log?status=success")).await;
    assert_eq!(browser.words("h1").await, ["Sign in"]);
    assert_eq!(browser.complaints().await, [""; 0]);
    let faults = browser.accessibility_faults().await;
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    sign_in(&browser, "not-the-token-at-all").await;
    assert_eq!(browser.words("[role=alert]").await.len(), 1, "nothing says that it was wrong");

    sign_in(&browser, TOKEN).await;
    browser.until("what was asked for", "location.search == '?status=success'").await;
    assert_eq!(browser.ask("return document.cookie").await, json!(""), "a script sees the cookie");
    let button = browser.client.find(Locator::Css(".sign-out button")).await.expect("a button");
    button.click().await.expect("a click");
    browser.until("the form", "location.pathname == '/login'").await;
    browser.go(&url).await;
    assert_eq!(browser.words("h1").await, ["Sign in"], "still signed in");
    service.terminate().await.ends(0);
}

async fn sign_in(browser: &Browser, token: &str) {
    let field = browser.client.find(Locator::Id("token")).await.expect("a field");
    field.send_keys(token).await.expect("keys");
    let button = browser.client.find(Locator::Css("main form button")).await.expect("a button");
    button.click().await.expect("a click");
    browser.until("an answer", "document.readyState == 'complete'").await;
}
