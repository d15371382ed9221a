//! A job in quarantine, at the terminal.

use entra_scim::{
    daemon::SystemClock,
    model::Clock as _,
    sandbox::application::{Fault, Matcher},
    store::{Engine, Paused},
};
use http::Method;
use serde_json::{Value, json};

use crate::support::desk::{Desk, eventually};

async fn status(desk: &Desk) -> Value {
    desk.say("status --json").await.ends(0).json()["apps"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_ends_with_seven_and_the_next_sync_after_it_is_mended_with_zero() {
    let desk = Desk::with_users(&["ada"]).await;
    desk.say("sync").await.ends(0);
    desk.tenant.set_attribute(desk.people["ada"], "displayName", "Ada Lovelace");
    desk.application.set_token("another");
    let sync = desk.say("sync --json").await.ends(7);
    assert_eq!(sync.json()["quarantine"]["reason"], json!("EncounteredQuarantineException"));
    let now = status(&desk).await;
    assert_eq!(now["state"], json!("quarantine"));
    let error = now["quarantine"]["error"].as_str().expect("a sentence");
    assert!(error.starts_with("Unauthorized: "), "{error}");
    assert!(now["quarantine"]["next_attempt"].is_string(), "{now}");
    assert_eq!(now["next_run"], now["quarantine"]["next_attempt"]);
    let said = desk.say("status").await.ends(0).stdout;
    assert!(said.contains("entra-scim restart crm --quarantine"), "{said}");

    desk.say("sync").await.ends(7);
    desk.application.set_token("secret");
    desk.say("sync").await.ends(0);
    let now = status(&desk).await;
    assert_eq!((&now["state"], &now["quarantine"]), (&json!("active"), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_failures_end_with_five() {
    let names: Vec<String> = (0..24).map(|number| format!("p{number:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let desk = Desk::with_users(&names).await;
    let post = Matcher::method(Method::POST);
    desk.application.inject_by_chance(Fault::status(400), post, 1.0);
    let sync = desk.say("sync").await.ends(5);
    assert!(sync.stdout.contains("is in quarantine since"), "{}", sync.stdout);
    assert!(sync.stdout.contains("24 of 24 changes failed"), "{}", sync.stdout);
    let again = desk.say("sync").await.ends(5);
    assert!(again.stderr.contains("so the rest was not sent"), "{}", again.stderr);
    let log = desk.say("log --status failure --limit 1").await.ends(0).stdout;
    assert!(log.contains("failed 2 times since"), "{log}");
    desk.application.clear_faults();
    desk.say("restart crm --quarantine --escrows").await.ends(0);
    desk.say("sync").await.ends(0);
    assert_eq!(desk.application.user_count(), 24);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_mends_itself_and_tries_at_once_when_it_is_told_to() {
    let desk = Desk::with_users(&["ada"]).await;
    desk.configure("interval = \"1s\"", "");
    desk.application.set_token("another");
    let service = desk.run().await;
    let rests = || async { status(&desk).await["state"] == json!("quarantine") };
    eventually("the quarantine", rests).await;
    desk.application.set_token("secret");
    eventually("the recovery", || async { desk.application.user_count() == 1 }).await;
    eventually("the end", || async { status(&desk).await["state"] == json!("active") }).await;
    service.terminate().await.ends(0);

    desk.configure("interval = \"6h\"", "");
    desk.application.set_token("another");
    desk.tenant.set_attribute(desk.people["ada"], "displayName", "Ada Lovelace");
    desk.say("sync").await.ends(7);
    let service = desk.run().await;
    desk.application.set_token("secret");
    let restart = desk.say("restart crm --quarantine").await.ends(0);
    assert!(restart.stdout.contains("starts one at once"), "{}", restart.stdout);
    eventually("the cycle", || async { status(&desk).await["state"] == json!("active") }).await;
    eventually("the change", || async {
        desk.application.user_by_name("ada@contoso.com").expect("there")["displayName"]
            == json!("Ada Lovelace")
    })
    .await;
    service.terminate().await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_after_four_weeks_ends_with_the_quarantine_and_one_of_a_person_does_not() {
    let desk = Desk::with_users(&["ada"]).await;
    desk.say("sync").await.ends(0);
    for (by, after) in [("entra-scim", "active"), ("root", "paused")] {
        let engine = Engine::open(&desk.path("state/crm.sqlite")).expect("nobody holds it");
        let paused = Paused { by: by.to_owned(), at: SystemClock.now() };
        engine.write(|tx| tx.set_paused(Some(&paused))).expect("writable");
        drop(engine);
        let said = desk.say("status").await.ends(0).stdout;
        assert!(said.contains("entra-scim resume crm"), "{said}");
        assert_eq!(said.contains("after four weeks in quarantine"), by == "entra-scim", "{said}");
        desk.say("restart crm --quarantine").await.ends(0);
        assert_eq!(status(&desk).await["state"], json!(after), "{by}");
    }
    desk.say("resume").await.ends(0);
    assert_eq!(status(&desk).await["state"], json!("active"));
}
