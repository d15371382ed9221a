//! Every page, on every screen, in both colour schemes, with and without scripts.

use std::{fs, path::PathBuf, time::Duration};

use fantoccini::{Locator, key::Key};
use serde_json::json;

use super::office::{Office, serve, slow_down};
use crate::support::{
    browser::{Browser, Screen},
    desk::Desk,
};

/// The folder that pictures of the main pages go to, where the variable is set.
const PICTURES: &str = "ENTRA_SCIM_PICTURES";

/// Every page of an office, below its address.
async fn pages(browser: &Browser, url: &str) -> Vec<String> {
    browser.go(&format!("{url}/apps/crm/log?status=failure")).await;
    let event = browser.ask("return document.querySelector('.cell-time a').pathname").await;
    let mut pages: Vec<String> =
        ["/", "/apps/crm", "/apps/wiki", "/apps/tickets"].map(Into::into).into();
    pages.extend(
        ["plan", "plan?pick=held", "failing", "log"].map(|page| format!("/apps/crm/{page}")),
    );
    pages.push(event.as_str().expect("an event").to_owned());
    pages.into_iter().map(|page| format!("{url}{page}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium: tests/browser/README.md"]
async fn every_page_is_whole_fits_a_phone_and_can_be_read_by_everybody() {
    let office = Office::with_a_past().await;
    let (service, url) = office.open().await;
    let browser = Browser::start().await;
    let pages = pages(&browser, &url).await;
    for scheme in ["light", "dark"] {
        browser.prefer(scheme).await;
        for screen in [Screen::Desk, Screen::Phone] {
            browser.show_on(screen).await;
            for page in &pages {
                browser.go(page).await;
                let here = format!("{page} ({scheme}, {screen:?})");
                assert_eq!(browser.complaints().await, [""; 0], "{here}");
                assert!(!browser.scrolls_sideways().await, "{here} scrolls sideways");
                assert_eq!(browser.words("h1").await.len(), 1, "{here} has not one heading");
                let faults = browser.accessibility_faults().await;
                assert!(faults.is_empty(), "{here}: {}", faults.join("\n"));
            }
        }
    }
    browser.go(&format!("{url}/apps/nobody")).await;
    assert!(browser.words("h1").await[0].starts_with("404"), "an unknown page is no page");
    service.terminate().await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium: tests/browser/README.md"]
async fn the_overview_says_how_everything_is_and_what_needs_a_person() {
    let office = Office::with_a_past().await;
    let (service, url) = office.open().await;
    let browser = Browser::start().await;
    browser.go(&url).await;
    assert_eq!(browser.words(".card h3").await, ["crm", "wiki", "tickets"]);
    let needs = browser.words(".need .command code").await;
    for command in ["entra-scim approve crm", "entra-scim resume tickets"] {
        assert!(needs.iter().any(|need| need.starts_with(command)), "{command}: {needs:?}");
    }
    let words = browser.words("main").await.join(" ");
    assert!(words.contains("quarantine"), "{words}");
    browser
        .client
        .find(Locator::LinkText("crm"))
        .await
        .expect("a link")
        .click()
        .await
        .expect("a click");
    browser.until("the page of the application", "location.pathname == '/apps/crm'").await;
    assert!(browser.words(".chart figcaption").await.len() >= 5, "charts are missing");
    let bars = browser.ask("return document.querySelectorAll('.chart rect').length").await;
    assert!(bars.as_u64().is_some_and(|bars| bars > 20), "{bars} bars");
    service.terminate().await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium: tests/browser/README.md"]
async fn the_bar_of_a_running_cycle_moves_by_itself_and_the_page_ends_up_right() {
    let names: Vec<String> = (0..40).map(|number| format!("user{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let desk = Desk::with_users(&names).await;
    desk.configure("listen = \"127.0.0.1:0\"", "");
    slow_down(&desk, Duration::from_millis(150));
    let (service, url) = serve(&desk).await;
    let browser = Browser::start().await;
    browser.go(&url).await;
    browser.ask("window.loaded = true; return null").await;
    let bar = "document.querySelector('.live progress')";
    browser
        .until("a bar that is somewhere", &format!("{bar} && {bar}.value > 0 && {bar}.value < 60"))
        .await;
    let at = browser.ask(&format!("return {bar}.value")).await;
    browser.until("a bar that moves", &format!("{bar} && {bar}.value > {at} + 10")).await;
    let words = "document.querySelector('.live-figures')?.textContent";
    browser.until("the time left", &format!("{words}?.includes('left in this phase')")).await;
    browser.until("no bar", &format!("!{bar}")).await;
    browser.until("the accounts", "document.body.textContent.includes('40')").await;
    assert_eq!(browser.ask("return window.loaded").await, json!(true), "the page was loaded anew");
    assert_eq!(browser.complaints().await, [""; 0]);
    service.terminate().await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium: tests/browser/README.md"]
async fn filters_filter_and_one_event_opens_to_its_steps() {
    let office = Office::with_a_past().await;
    let (service, url) = office.open().await;
    let browser = Browser::start().await;
    browser.go(&format!("{url}/apps/crm/log")).await;
    let all = browser.words(".log tbody tr").await.len();
    choose(&browser, "status", "failure").await;
    let failures = browser.words(".log .cell-status").await;
    assert!(!failures.is_empty() && failures.len() < all, "{} of {all}", failures.len());
    assert!(failures.iter().all(|status| status.to_lowercase().contains("fail")), "{failures:?}");

    browser.go(&format!("{url}/apps/crm/log")).await;
    type_into(&browser, "who", "grace.moor").await;
    let people = browser.words(".log .cell-who").await;
    assert!(!people.is_empty() && people.iter().all(|who| who.contains("grace")), "{people:?}");

    browser.go(&format!("{url}/apps/crm/log?action=disable")).await;
    let actions = browser.words(".log .cell-action").await;
    assert!(!actions.is_empty() && actions.iter().all(|word| word == "disable"), "{actions:?}");
    let open = browser.client.find(Locator::Css(".cell-time a")).await.expect("an event");
    open.click().await.expect("a click");
    browser.until("the event", "document.querySelectorAll('.steps li').length > 1").await;
    let changes = browser.words("table.diff tbody tr").await.join(" ");
    assert!(changes.contains("active"), "{changes}");

    browser.go(&format!("{url}/apps/crm/log?who=nobody-of-this-name")).await;
    assert_eq!(browser.words(".log tbody tr").await, [""; 0]);
    service.terminate().await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium: tests/browser/README.md"]
async fn without_scripts_the_pages_say_the_same() {
    let office = Office::with_a_past().await;
    let (service, url) = office.open().await;
    let browser = Browser::start().await;
    browser.turn_scripts_off().await;
    browser.go(&url).await;
    assert_eq!(browser.words(".card h3").await, ["crm", "wiki", "tickets"]);
    browser.go(&format!("{url}/apps/crm/log")).await;
    choose(&browser, "status", "failure").await;
    assert!(!browser.words(".log .cell-status").await.is_empty());
    service.terminate().await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium: tests/browser/README.md"]
async fn the_keyboard_alone_is_enough() {
    let office = Office::with_a_past().await;
    let (service, url) = office.open().await;
    let browser = Browser::start().await;
    browser.go(&format!("{url}/apps/crm/log")).await;
    press(&browser, Key::Tab).await;
    assert_eq!(focus(&browser, "textContent").await, "Skip to the content");
    let shown = "return document.activeElement.getBoundingClientRect().top >= 0";
    assert_eq!(browser.ask(shown).await, json!(true), "the skip link stays out of sight");
    press(&browser, Key::Enter).await;
    press(&browser, Key::Tab).await;
    assert_eq!(focus(&browser, "id").await, "who", "the first field follows");
    let ring = "const s = getComputedStyle(document.activeElement);
        return s.outlineStyle != 'none' && parseFloat(s.outlineWidth) >= 2";
    assert_eq!(browser.ask(ring).await, json!(true), "nobody sees where the focus is");
    browser.client.active_element().await.expect("it").send_keys("grace").await.expect("keys");
    press(&browser, Key::Enter).await;
    browser.until("what was asked for", "location.search.includes('who=grace')").await;
    service.terminate().await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium: tests/browser/README.md"]
async fn pictures_of_the_main_pages_are_taken() {
    let office = Office::with_a_past().await;
    let (service, url) = office.open().await;
    let browser = Browser::start().await;
    let kept = std::env::var_os(PICTURES).map(PathBuf::from);
    for (name, page, screen, scheme) in [
        ("overview", "/", Screen::Desk, "light"),
        ("application", "/apps/crm", Screen::Desk, "light"),
        ("held", "/apps/crm/plan?pick=held", Screen::Desk, "dark"),
        ("log", "/apps/crm/log", Screen::Desk, "dark"),
        ("phone", "/apps/crm", Screen::Phone, "light"),
    ] {
        browser.prefer(scheme).await;
        browser.show_on(screen).await;
        browser.go(&format!("{url}{page}")).await;
        let picture = browser.picture(false).await;
        assert!(picture.len() > 10_000, "{name} is a blank page");
        if let Some(folder) = &kept {
            fs::write(folder.join(format!("{name}.png")), picture).expect("a picture");
        }
    }
    service.terminate().await.ends(0);
}

/// Chooses in a list and sends the form.
async fn choose(browser: &Browser, field: &str, value: &str) {
    let field = browser.client.find(Locator::Id(field)).await.expect("a field");
    field.select_by_value(value).await.expect("a choice");
    submit(browser).await;
}

async fn type_into(browser: &Browser, field: &str, text: &str) {
    let field = browser.client.find(Locator::Id(field)).await.expect("a field");
    field.send_keys(text).await.expect("keys");
    submit(browser).await;
}

async fn submit(browser: &Browser) {
    let button = browser.client.find(Locator::Css("form.filters button")).await.expect("a button");
    button.click().await.expect("a click");
    browser.until("the answer", "location.search.length > 1").await;
}

async fn press(browser: &Browser, key: Key) {
    let here = browser.client.active_element().await.expect("an element");
    here.send_keys(&String::from(char::from(key))).await.expect("a key");
}

async fn focus(browser: &Browser, property: &str) -> String {
    let answer = browser.ask(&format!("return document.activeElement.{property}")).await;
    answer.as_str().unwrap_or_default().trim().to_owned()
}
