//! Looking, doing, and finding nothing left to do.

use serde_json::json;

use crate::support::desk::Desk;

#[tokio::test(flavor = "multi_thread")]
async fn what_plan_shows_sync_does_and_then_nothing_is_left_to_do() {
    let desk = Desk::with_users(&["ada", "grace"]).await;
    let plan = desk.say("plan crm").await.ends(0);
    assert!(plan.stdout.contains("+ create ada"), "{}", plan.stdout);
    assert!(plan.stdout.contains("    userName: \"ada@contoso.com\""), "{}", plan.stdout);
    assert!(plan.stdout.contains("2 to create; 2 in scope"), "{}", plan.stdout);
    assert_eq!(desk.application.user_count(), 0);

    let sync = desk.say("sync --json").await.ends(0).json();
    assert_eq!(sync["app"], json!("crm"));
    assert_eq!(sync["cycle"]["kind"], json!("initial"));
    assert_eq!(sync["cycle"]["dry_run"], json!(false));
    assert_eq!(sync["totals"]["create"], json!(2));
    assert_eq!(sync["held"], json!(null));
    let ada = &sync["changes"][0];
    assert_eq!((&ada["action"], &ada["status"]), (&json!("create"), &json!("success")));
    assert_eq!(
        ada["target"]["display"],
        ada["attributes"].as_array().map_or(json!(null), |all| {
            all.iter().find(|a| a["path"] == "userName").map_or(json!(null), |a| a["new"].clone())
        })
    );
    assert!(ada["target"]["id"].is_string() && ada["error"].is_null(), "{ada}");
    assert_eq!(desk.application.active_user_count(), 2);

    let again = desk.say("plan").await.ends(0);
    assert!(again.stdout.contains("nothing to do; 2 in scope"), "{}", again.stdout);
    assert!(desk.application.violations().is_empty(), "{:?}", desk.application.violations());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_leaves_the_state_byte_for_byte_as_it_was() {
    let mut desk = Desk::with_users(&["ada"]).await;
    desk.say("sync").await.ends(0);
    desk.hire("grace");
    let before = desk.state();
    let writes = desk.application.writes().len();
    for preview in ["plan", "sync --dry-run", "plan --json --verbose", "status", "log"] {
        desk.say(preview).await.ends(0);
        assert!(desk.state() == before, "`{preview}` changed the state");
    }
    assert_eq!(desk.application.writes().len(), writes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_before_the_first_cycle_makes_no_state() {
    let desk = Desk::with_users(&["ada"]).await;
    desk.say("plan").await.ends(0);
    assert!(!desk.path("state").exists());
    let status = desk.say("status --json").await.ends(0).json();
    assert_eq!(status["apps"][0]["state"], json!("not_run"));
    assert_eq!(status["apps"][0]["last_cycle"], json!(null));
    assert_eq!(desk.say("log --json").await.ends(0).json(), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn status_and_log_tell_what_happened() {
    let desk = Desk::with_users(&["ada", "grace"]).await;
    let sync = desk.say("sync --json").await.ends(0).json();
    let status = desk.say("status --json").await.ends(0).json();
    let crm = &status["apps"][0];
    assert_eq!((&crm["app"], &crm["state"]), (&json!("crm"), &json!("active")));
    assert_eq!(crm["links"], json!({ "users": 2, "groups": 0 }));
    assert_eq!(crm["last_cycle"]["id"], sync["cycle"]["id"]);
    assert_eq!(crm["last_cycle"]["totals"], sync["totals"]);
    assert_eq!((&crm["quarantine"], &crm["running"]), (&json!(null), &json!(null)));
    assert!(crm["next_run"].is_string() && crm["watermark_at"].is_string(), "{crm}");

    let rows = desk.say("log --who ada@contoso.com --json").await.ends(0).json();
    assert_eq!(rows.as_array().map(Vec::len), Some(1), "{rows}");
    assert_eq!(rows[0]["provisioningAction"], json!("create"));
    assert_eq!(rows[0]["provisioningStatusInfo"]["status"], json!("success"));
    assert_eq!(rows[0]["cycleId"], sync["cycle"]["id"]);
    let csv = desk.say("log --csv --since 1h --action create").await.ends(0).stdout;
    assert_eq!(csv.lines().count(), 3, "{csv}");
    assert_eq!(desk.say("log --who nobody --json").await.ends(0).json(), json!([]));
    let table = desk.say("log --status success").await.ends(0).stdout;
    assert!(table.contains("success  create   ada"), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_plan_is_carried_out_or_refused_where_the_world_has_moved() {
    let mut desk = Desk::with_users(&["ada"]).await;
    let file = desk.path("plan.json").display().to_string();
    desk.say(&format!("plan crm --out {file}")).await.ends(0);
    desk.hire("grace");
    let refused = desk.say(&format!("sync crm --plan {file}")).await.ends(4);
    assert!(refused.stderr.contains("new: create grace"), "{}", refused.stderr);
    assert_eq!(desk.application.user_count(), 0);

    desk.say(&format!("plan crm --out {file}")).await.ends(0);
    desk.say(&format!("sync crm --plan {file}")).await.ends(0);
    assert_eq!(desk.application.user_count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_reads_everything_again_and_keeps_every_link() {
    let desk = Desk::with_users(&["ada"]).await;
    desk.say("sync").await.ends(0);
    let restart = desk.say("restart crm").await.ends(0);
    assert!(restart.stderr.contains("--watermark --escrows"), "{}", restart.stderr);
    let sync = desk.say("sync --json").await.ends(0).json();
    assert_eq!(sync["cycle"]["kind"], json!("initial"));
    assert_eq!(desk.application.user_count(), 1);
    assert_eq!(sync["totals"]["create"], json!(0));
}
