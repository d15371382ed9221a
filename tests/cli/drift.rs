//! Which accounts were changed at the application, as a person and a script are told.

use std::fs;

use serde_json::{Value, json};

use crate::support::{
    desk::Desk,
    schema::{Document, keeps_its_promise},
};

/// Ada, Bob and Cleo have accounts; then somebody is at work at the application.
async fn desk(drift: &str) -> Desk {
    let desk = Desk::with_users(&["ada", "bob", "cleo"]).await;
    set_drift(&desk, drift);
    desk.say("sync").await.ends(0);
    desk
}

fn set_drift(desk: &Desk, drift: &str) {
    desk.configure("", "");
    let text = fs::read_to_string(desk.config()).expect("a configuration");
    let text = text.replace("[apps.crm]\n", &format!("[apps.crm]\n{drift}\n"));
    fs::write(desk.config(), text).expect("a configuration");
}

fn meddle(desk: &Desk) {
    let id = |name: &str| {
        let user = desk.application.user_by_name(&format!("{name}@contoso.com"));
        user.expect("an account")["id"].as_str().expect("an id").to_owned()
    };
    desk.application.tamper(&id("ada"), "displayName", Some("Ada King".into()));
    desk.application.tamper_delete(&id("bob"));
    let Value::Object(user) = json!({"userName": "mallory@evil.example"}) else { unreachable!() };
    desk.application.seed_user(user);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comparison_by_hand_shows_what_was_changed_and_corrects_nothing() {
    let desk = desk("drift = \"repair\"").await;
    meddle(&desk);
    let before = desk.state();
    let said = desk.say("drift --now").await.ends(0);
    assert!(said.stdout.contains("\n    displayName: \"ada\" → \"Ada King\"\n"), "{}", said.stdout);
    assert!(said.stdout.contains("1 changed, 1 missing, 0 added"), "{}", said.stdout);
    assert!(said.stdout.contains("\n2 of 3 linked accounts compared\n"), "{}", said.stdout);
    let shown = keeps_its_promise(
        Document::Drift,
        &desk.say("drift crm --now --json").await.ends(0).stdout,
    );
    assert_eq!(shown["check"]["users"]["compared"], json!(2));
    assert_eq!(shown["findings"].as_array().map(Vec::len), Some(2));
    assert_eq!(desk.state(), before, "it only reads");
    assert!(desk.application.user_by_name("bob@contoso.com").is_none());
    let shown = keeps_its_promise(Document::Drift, &desk.say("drift --json").await.ends(0).stdout);
    assert_eq!((&shown["check"], &shown["findings"]), (&Value::Null, &json!([])));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_last_comparison_of_a_cycle_found_is_in_status_log_and_drift() {
    // Every second one is due: whatever the machine's clock says, by the next cycle.
    let desk = desk("drift_cron = \"* * * * * *\"").await;
    tokio::time::timeout(std::time::Duration::from_secs(60), async {
        while desk.say("drift").await.stdout.contains("no account of application") {
            desk.say("sync").await.ends(0);
        }
    })
    .await
    .expect("a comparison becomes due");
    meddle(&desk);
    let found = || async {
        desk.say("sync").await.ends(0);
        let text = desk.say("drift --json").await.ends(0).stdout;
        keeps_its_promise(Document::Drift, &text)["findings"].as_array().map_or(0, Vec::len)
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), async { while found().await < 3 {} })
        .await
        .expect("the next comparison finds it");
    let text = desk.say("drift").await.ends(0).stdout;
    for line in ["changed  ada@contoso.com", "missing  bob@contoso.com", "added    mallory@evil"] {
        assert!(text.contains(line), "{text}");
    }
    let csv = desk.say("drift --csv").await.ends(0).stdout;
    assert_eq!(csv.lines().count(), 4, "{csv}");
    assert!(csv.contains(",displayName,ada,Ada King,none\n"), "{csv}");
    let status =
        keeps_its_promise(Document::Status, &desk.say("status --json").await.ends(0).stdout);
    let drift = &status["apps"][0]["drift"];
    assert_eq!((&drift["changed"], &drift["missing"]), (&json!(1), &json!(1)), "{drift:#}");
    let status = desk.say("status").await.ends(0).stdout;
    assert!(status.contains("`entra-scim drift crm`"), "{status}");
    let log = desk.say("log --status warning --json").await.ends(0).stdout;
    let rows = keeps_its_promise(Document::Log, &log);
    let code = "/provisioningStatusInfo/errorInformation/errorCode";
    let rows = rows.as_array().expect("an array");
    assert!(rows.len() >= 3 && rows.iter().all(|row| row.pointer(code) == Some(&json!("Drift"))));
    let text = desk.say("log --status warning").await.ends(0).stdout;
    assert!(text.contains("came to be at the application"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_cannot_be_reached_and_a_missing_state_are_said() {
    let desk = Desk::with_users(&["ada"]).await;
    let missing = desk.say("drift").await.ends(2);
    assert!(missing.stderr.contains("entra-scim sync crm"), "{}", missing.stderr);
    desk.say("sync").await.ends(0);
    desk.application.set_token("another");
    let refused = desk.say("drift --now").await.ends(7);
    assert!(refused.stderr.contains("entra-scim check crm"), "{}", refused.stderr);
}
