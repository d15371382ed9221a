//! The service, and the other commands while it runs.

use std::{fs, time::Duration};

use entra_scim::{
    daemon::SystemClock,
    model::Clock,
    sandbox::application::Quirks,
    store::{Engine, Reader},
};
use serde_json::json;

use crate::support::desk::{Desk, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn the_service_starts_at_once_and_ends_cleanly_when_it_is_asked_to() {
    let desk = Desk::with_users(&["ada"]).await;
    let service = desk.run().await;
    eventually("the first cycle", || async { desk.application.user_count() == 1 }).await;
    let ended = service.terminate().await.ends(0);
    assert!(ended.stderr.contains("cycle of job `crm` begins"), "{}", ended.stderr);
    assert!(!entra_scim::store::is_held(&desk.path("state/crm.sqlite")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_is_handed_to_the_service_and_shows_the_same() {
    let mut desk = Desk::with_users(&["ada"]).await;
    let service = desk.run().await;
    eventually("the first cycle", || finished(&desk)).await;
    desk.hire("grace");
    let preview = desk.say("plan --json").await.ends(0).json();
    let sync = desk.say("sync --json").await.ends(0).json();
    assert_eq!(sync["totals"]["create"], json!(1));
    assert_eq!(sync["changes"][0]["attributes"], preview["changes"][0]["attributes"]);
    assert_eq!(sync["changes"][0]["status"], json!("success"));
    assert_eq!(desk.application.user_count(), 2);
    service.terminate().await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cycle_that_is_asked_to_end_finishes_its_request_and_the_next_one_goes_on() {
    let desk = Desk::with_users(&["ada", "grace", "alan", "edsger", "barbara", "kurt"]).await;
    let text = fs::read_to_string(desk.config()).expect("a configuration");
    let slow = text.replace("[apps.crm.target]", "[apps.crm.target]\nconcurrency = 1");
    fs::write(desk.config(), slow).expect("a configuration");
    let latency = Duration::from_millis(300);
    desk.application.set_quirks(Quirks { latency, ..Quirks::default() });
    let service = desk.run().await;
    eventually("the first account", || async { desk.application.user_count() > 0 }).await;
    service.terminate().await.ends(0);
    let done = desk.application.user_count();
    assert!(done < 6, "the cycle was over before it was asked to end");

    let status = desk.say("status --json").await.ends(0).json();
    let last = &status["apps"][0]["last_cycle"];
    assert!(last["error"].as_str().is_some_and(|error| error.contains("asked to stop")), "{last}");
    assert_eq!(last["totals"]["failure"], json!(0));
    assert_eq!(status["apps"][0]["links"]["users"], json!(done));
    desk.application.set_quirks(Quirks::default());
    let sync = desk.say("sync --json").await.ends(0).json();
    assert_eq!(sync["totals"]["create"], json!(6 - done));
    assert_eq!(desk.application.user_count(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_service_is_refused_with_six() {
    let desk = Desk::with_users(&["ada"]).await;
    let service = desk.run().await;
    let second = desk.say("run").await.ends(6);
    assert!(second.stderr.contains("another process holds the state"), "{}", second.stderr);
    service.terminate().await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_application_is_not_scheduled_until_it_is_resumed() {
    let mut desk = Desk::with_users(&["ada"]).await;
    desk.configure("interval = \"1s\"", "");
    desk.say("sync").await.ends(0);
    let paused = desk.say("pause --json").await.ends(0).json();
    assert_eq!(paused, json!({ "app": "crm", "state": "paused", "changed": true }));
    let service = desk.run().await;
    desk.hire("grace");
    let status = desk.say("status --json").await.ends(0).json();
    assert_eq!(status["apps"][0]["state"], json!("paused"));
    assert_eq!(status["apps"][0]["next_run"], json!(null));
    assert_eq!(desk.application.user_count(), 1);

    desk.say("resume").await.ends(0);
    eventually("a scheduled cycle", || async { desk.application.user_count() == 2 }).await;
    let again = desk.say("pause").await.ends(0);
    assert!(again.stdout.contains("is paused"), "{}", again.stdout);
    service.terminate().await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_cycle_is_told_and_the_next_one_is_run() {
    let desk = Desk::with_users(&["ada"]).await;
    desk.configure("interval = \"1s\"", "");
    desk.secret("graph-secret", "not-the-secret");
    let service = desk.run().await;
    eventually("a cycle that failed", || finished(&desk)).await;
    let status = desk.say("status --json").await.ends(0).json();
    assert!(status["apps"][0]["last_cycle"]["error"].is_string(), "{status}");
    let (_, secret) = desk.tenant.default_client();
    desk.secret("graph-secret", secret.expose());
    eventually("a cycle that works", || async { desk.application.user_count() == 1 }).await;
    let ended = service.terminate().await.ends(0);
    assert!(ended.stderr.contains("ended early"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("not-the-secret"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_is_approved_while_the_service_runs() {
    let desk = Desk::with_users(&["ada", "grace"]).await;
    desk.configure("", "[apps.crm.safeguards]\nmax_creates = 1");
    let service = desk.run().await;
    eventually("the first cycle", || finished(&desk)).await;
    desk.say("approve crm --yes").await.ends(0);
    desk.say("sync").await.ends(0);
    assert_eq!(desk.application.user_count(), 2);
    service.terminate().await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_that_does_not_answer_ends_with_six_and_the_order_is_withdrawn() {
    let desk = Desk::with_users(&["ada"]).await;
    let silent = Engine::open(&desk.path("state/crm.sqlite")).expect("a state");
    let said = desk.say("sync").await.ends(6);
    assert!(said.stderr.contains("did not answer within 10 seconds"), "{}", said.stderr);
    assert_eq!(silent.read(|view| view.next_command()).expect("a state"), None);
    assert_eq!(desk.application.user_count(), 0);
    desk.say("plan").await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_left_behind_by_an_earlier_process_is_not_carried_out() {
    let desk = Desk::with_users(&["ada"]).await;
    let path = desk.path("state/crm.sqlite");
    let engine = Engine::open(&path).expect("a state");
    let earlier = SystemClock.now() - chrono::TimeDelta::hours(1);
    let id = engine.write(|tx| tx.give_command("pause", &json!({}), "olga", earlier));
    let id = id.expect("a command");
    drop(engine);
    let service = desk.run().await;
    eventually("the first cycle", || finished(&desk)).await;
    let reader = Reader::open(&path).expect("a state");
    let answer = reader.read(|view| view.command_answer(id)).expect("a command").answer;
    assert!(answer.is_some_and(|answer| answer.get("refused").is_some()));
    let status = desk.say("status --json").await.ends(0).json();
    assert_eq!(status["apps"][0]["state"], json!("active"));
    service.terminate().await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_while_the_service_runs_makes_its_next_cycle_initial() {
    let desk = Desk::with_users(&["ada"]).await;
    let service = desk.run().await;
    eventually("the first cycle", || finished(&desk)).await;
    desk.say("restart --watermark").await.ends(0);
    let sync = desk.say("sync --json").await.ends(0).json();
    assert_eq!(sync["cycle"]["kind"], json!("initial"));
    assert_eq!(desk.application.user_count(), 1);
    service.terminate().await.ends(0);
}

async fn finished(desk: &Desk) -> bool {
    let status = desk.say("status --json").await;
    status.code == 0 && !status.json()["apps"][0]["last_cycle"].is_null()
}
