//! What a killed program, a stopped one and a disk without room leave behind.

use entra_scim::sandbox::application::ViolationKind;
use serde_json::json;

use crate::support::{
    desk::Desk,
    gate::{Gate, Side},
};

const PEOPLE: [&str; 3] = ["ada", "grace", "alan"];

/// A desk at which one request follows the other.
async fn desk(gate: &Gate) -> Desk {
    let desk = Desk::behind(gate, &PEOPLE).await;
    desk.configure("", "");
    let text = std::fs::read_to_string(desk.config()).expect("a configuration");
    let slow = text.replace("[apps.crm.target]", "[apps.crm.target]\nconcurrency = 1");
    std::fs::write(desk.config(), slow).expect("a configuration");
    desk
}

/// Kills `sync` while its request of this number waits, and looks at what the next one does.
async fn killed_at(number: u32) {
    let gate = Gate::open(Side::Behind);
    let desk = desk(&gate).await;
    gate.close_at(number);
    let sync = desk.start("sync");
    gate.reached().await;
    sync.kill().await;
    gate.reopen();

    // What was created without an answer is found, and nobody is created twice.
    let said = desk.say("sync").await.ends(0);
    assert_eq!(desk.application.user_count(), PEOPLE.len(), "request {number}: {}", said.stdout);
    let again = desk.say("plan").await.ends(0);
    assert!(again.stdout.contains("nothing to do; 3 in scope"), "{number}: {}", again.stdout);
    let posts = desk.application.writes();
    let posts = posts.iter().filter(|write| write.method == http::Method::POST).count();
    assert_eq!(posts, PEOPLE.len(), "request {number}");
    assert!(desk.application.violations().is_empty(), "{:?}", desk.application.violations());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_killed_at_any_answer_is_made_good_by_the_next_one() {
    let gate = Gate::open(Side::Behind);
    let whole = desk(&gate).await;
    whole.say("sync").await.ends(0);
    let requests = gate.passed();
    assert!(requests >= 8, "only {requests} requests");
    for number in 1..=requests {
        killed_at(number).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_killed_before_its_create_arrives_waits_before_it_creates_again() {
    let gate = Gate::open(Side::Before);
    let desk = desk(&gate).await;
    let whole = Gate::open(Side::Before);
    self::desk(&whole).await.say("sync").await.ends(0);
    // The last request but three is the first create; the very last asks when the client secret ends.
    gate.close_at(whole.passed() - 3);
    let sync = desk.start("sync");
    gate.reached().await;
    sync.kill().await;
    gate.reopen();
    assert_eq!(desk.application.user_count(), 0);

    // Nobody knows whether it will arrive yet. The others are served meanwhile.
    desk.say("sync").await.ends(0);
    assert_eq!(desk.application.user_count(), 2);
    let plan = desk.say("plan --verbose").await.ends(0);
    assert!(plan.stdout.contains("had no known outcome"), "{}", plan.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_asked_to_stop_in_the_middle_of_a_page_ends_there_and_the_next_goes_on() {
    let gate = Gate::open(Side::Behind);
    let desk = desk(&gate).await;
    gate.close_at(4);
    let sync = desk.start("sync");
    gate.reached().await;
    sync.signal("-TERM").await;
    gate.reopen();
    let said = sync.ended().await.ends(1);
    assert!(said.stderr.contains("asked to stop"), "{}", said.stderr);
    assert!(desk.application.writes().is_empty());
    desk.say("sync").await.ends(0);
    assert_eq!(desk.application.user_count(), PEOPLE.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_sync_waits_in_vain_and_the_lock_of_a_killed_one_is_free() {
    let gate = Gate::open(Side::Behind);
    let desk = desk(&gate).await;
    gate.close_at(4);
    let first = desk.start("sync");
    gate.reached().await;
    let second = desk.say("sync").await.ends(6);
    assert!(second.stderr.contains("another process holds the state"), "{}", second.stderr);
    assert!(second.stderr.contains("entra-scim status crm"), "{}", second.stderr);
    first.kill().await;
    gate.reopen();
    desk.say("sync").await.ends(0);
    assert_eq!(desk.application.user_count(), PEOPLE.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_in_a_cycle_ends_it_and_the_next_one_goes_on() {
    let mut desk = Desk::with_users(&["ada"]).await;
    desk.say("sync").await.ends(0);
    let names: Vec<String> = (0..40).map(|number| format!("person{number:02}")).collect();
    for name in &names {
        desk.hire(name);
    }
    let said = desk.say_with_little_room(400, "sync").await.ends(1);
    assert!(said.stderr.contains("cannot be written"), "{}", said.stderr);
    assert!(said.stderr.contains("Make room on the disk"), "{}", said.stderr);
    let done = desk.application.user_count();
    assert!(done < 41, "there was room enough");

    // What was created and not recorded is found: nobody is created twice.
    desk.say("sync").await.ends(0);
    assert_eq!(desk.application.user_count(), 41);
    let doubles = desk.application.violations();
    let doubles = doubles.iter().filter(|one| one.kind == ViolationKind::Duplicate);
    assert_eq!(doubles.count(), 0);
    let status = desk.say("status --json").await.ends(0).json();
    assert_eq!(status["apps"][0]["links"]["users"], json!(41));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_takes_nothing_at_all_is_told_before_anything_is_sent() {
    let desk = Desk::with_users(&["ada"]).await;
    let said = desk.say_with_little_room(0, "sync").await.ends(1);
    assert!(said.stderr.contains("the state of application `crm` cannot be used"));
    assert!(desk.application.requests().is_empty());
    desk.say("sync").await.ends(0);
    assert_eq!(desk.application.user_count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_written_is_named_with_the_setting_that_moves_it() {
    let desk = Desk::with_users(&["ada"]).await;
    let text = std::fs::read_to_string(desk.config()).expect("a configuration");
    // Nobody writes there, root included.
    let elsewhere = text.replace("state_dir = \"", "state_dir = \"/proc/entra-scim");
    std::fs::write(desk.config(), elsewhere).expect("a configuration");
    let said = desk.say("sync").await.ends(1);
    assert!(said.stderr.contains("/proc/entra-scim"), "{}", said.stderr);
    assert!(said.stderr.contains("service.state_dir"), "{}", said.stderr);
    assert!(desk.application.requests().is_empty());
}
