//! What a safeguard holds, and how a person releases it.

use serde_json::json;

use crate::support::desk::Desk;

#[tokio::test(flavor = "multi_thread")]
async fn held_changes_are_shown_approved_and_only_then_sent() {
    let desk = Desk::with_users(&["ada", "grace", "alan"]).await;
    desk.configure("", "[apps.crm.safeguards]\nmax_creates = 2");
    let sync = desk.say("sync").await.ends(4);
    assert!(sync.stdout.contains("3 creates of application `crm` held"), "{}", sync.stdout);
    assert!(sync.stdout.contains("entra-scim approve crm "), "{}", sync.stdout);
    assert_eq!(desk.application.user_count(), 0);
    desk.say("plan").await.ends(4);

    let held = desk.say("plan --held --json").await.ends(4).json();
    assert_eq!(held["held"]["creates"], json!(3));
    assert_eq!(held["changes"].as_array().map(Vec::len), Some(3));
    assert_eq!(held["changes"][0]["status"], json!("held"));

    let asked = desk.say("approve crm").await.ends(2);
    assert!(asked.stderr.contains("--yes"), "{}", asked.stderr);
    desk.say("approve crm ffffffffffff --yes").await.ends(2);
    let plan = held["held"]["plan"].as_str().expect("an id");
    let approved = desk.say(&format!("approve crm {} --yes", &plan[..8])).await.ends(0);
    assert!(approved.stdout.contains("3 changes of application `crm` released"));
    assert_eq!(desk.application.user_count(), 0);

    desk.say("sync").await.ends(0);
    assert_eq!(desk.application.user_count(), 3);
    let nothing = desk.say("approve crm --yes").await.ends(0);
    assert!(nothing.stdout.contains("nothing of application `crm` is held"));
    desk.say("plan --held").await.ends(0);
}
