//! What a safeguard holds, and how a person releases it.

use entra_scim::{daemon::SystemClock, model::Clock};
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

#[tokio::test(flavor = "multi_thread")]
async fn held_removals_end_with_four_though_the_rest_is_done_and_are_staged_deletes_in_the_log() {
    let mut desk = Desk::with_users(&["ada", "grace", "alan"]).await;
    desk.say("sync").await.ends(0);
    desk.configure("", "[apps.crm.safeguards]\nmax_removals = 0");
    desk.tenant.disable_user(desk.people["ada"]);
    desk.hire("kay");
    let sync = desk.say("sync --json").await.ends(4).json();
    assert_eq!((&sync["totals"]["held"], &sync["totals"]["create"]), (&json!(1), &json!(1)));
    assert_eq!(desk.application.user_count(), 4);

    let staged = desk.say("log --action stagedDelete --json").await.ends(0).json();
    assert_eq!(staged.as_array().map(Vec::len), Some(1), "{staged:#}");
    assert_eq!(staged[0]["provisioningAction"], json!("stageddelete"));
    assert_eq!(staged[0]["initiatedBy"]["initiatorType"], json!("application"));
    let csv = desk.say("log --action STAGEDDELETE --csv").await.ends(0).stdout;
    let row = csv.lines().nth(1).expect("a row");
    assert!(row.contains(",stageddelete,skipped,") && row.contains(",HeldBySafeguard,"), "{row}");
    assert_eq!(csv.lines().count(), 2, "{csv}");

    desk.say("approve crm --yes").await.ends(0);
    desk.say("sync").await.ends(0);
    let done = desk.say("log --action disable --status success --json").await.ends(0).json();
    assert_eq!(done[0]["initiatedBy"]["initiatorType"], json!("user"));
    assert_eq!(done[0]["initiatedBy"]["displayName"], json!("olga"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_applications_with_one_target_are_refused_or_leave_each_others_accounts_alone() {
    let desk = Desk::with_users(&["ada", "grace"]).await;
    let config = std::fs::read_to_string(desk.config()).expect("a configuration");
    let (before, crm) = config.split_once("[apps.crm]").expect("the application");
    let erp = crm.replace("apps.crm", "apps.erp");
    let both = |line: &str| {
        let text = format!("{before}[apps.crm]\n{line}{crm}\n[apps.erp]\n{line}{erp}");
        std::fs::write(desk.config(), text).expect("a configuration");
    };
    both("");
    let refused = desk.say("sync crm").await.ends(2);
    assert!(refused.stderr.contains("shared_target = true"), "{}", refused.stderr);
    both("shared_target = true\n");
    desk.say("sync crm").await.ends(0);
    // The same people are assigned to what the second section names.
    let sync = desk.say("sync erp --json").await.ends(3).json();
    assert_eq!((&sync["totals"]["failure"], &sync["totals"]["adopt"]), (&json!(2), &json!(0)));
    let plan = desk.say("plan erp").await;
    assert!(plan.stdout.contains("application `crm` has or had it"), "{}", plan.stdout);
    let explained = desk.say("explain erp ada@contoso.com").await.ends(0);
    assert!(explained.stdout.contains("application `crm` has or had it"), "{}", explained.stdout);
    desk.say("sync crm").await.ends(0);
    assert_eq!(desk.application.user_count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn removal_at_the_wrong_hour_is_shown_as_waiting() {
    let desk = Desk::with_users(&["ada", "grace"]).await;
    desk.say("sync").await.ends(0);
    // A window of an hour that begins in two hours.
    let hour = |ahead: i64| {
        let at = SystemClock.now() + chrono::TimeDelta::hours(ahead);
        at.format("%H:%M").to_string()
    };
    let window = format!("removals_between = \"{}-{}\"", hour(2), hour(3));
    desk.configure("", &format!("[apps.crm.safeguards]\n{window}"));
    desk.tenant.disable_user(desk.people["ada"]);
    let plan = desk.say("plan").await.ends(0).stdout;
    assert!(plan.contains("- disable ada@contoso.com [not sent]"), "{plan}");
    assert!(plan.contains("this one waits until "), "{plan}");
    desk.say("sync").await.ends(0);
    assert_eq!(desk.application.active_user_count(), 2);
    let status = desk.say("status").await.ends(0).stdout;
    assert!(status.contains("waiting     1 change for the hours "), "{status}");
    let json = desk.say("sync --json").await.ends(0).json();
    assert_eq!(json["changes"][0]["status"], json!("skipped"), "{json:#}");
    assert_eq!(json["totals"]["disable"], json!(0));
    let explained = desk.say("explain ada@contoso.com").await.ends(0).stdout;
    assert!(explained.contains("note: removals are sent within "), "{explained}");
}
