//! Accounts that are deleted a while after their person left.

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::json;

use crate::support::world::World;

const THIRTY_DAYS: &str = "---\n[apps.crm.safeguards]\ndelete_after = \"30d\"";

fn days(days: u64) -> Duration {
    Duration::from_secs(days * 86_400)
}

async fn three(lines: &str) -> World {
    let mut world = World::with_config(lines);
    world.hire_all(["ada", "barbara", "chloe"]);
    world.all_provisioned().await
}

#[tokio::test]
async fn account_is_deleted_once_its_person_is_gone_for_so_long() {
    let world = three(THIRTY_DAYS).await;
    world.unassign("ada");
    assert_snapshot!(world.synced().await, @"
    disable ada  success  no longer assigned to the application; it is deleted from 2026-12-24T08:01:00Z on (`delete_after`)
        active: true → false
    ");
    assert_snapshot!(super::explain_decision(&world, "ada@contoso.com").await, @"no longer assigned to the application; its account already says so; it is deleted from 2026-12-24T08:01:00Z on (`delete_after`)");
    world.pass(days(29));
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(false));
    world.is_settled().await;
    world.pass(days(1));
    assert_snapshot!(world.synced().await, @"delete ada  success  out of scope for longer than `delete_after`");
    assert_eq!(world.active("ada"), None);
    assert!(world.reason("ada").contains("DeleteAfterElapsed"), "{}", world.reason("ada"));
    world.is_settled().await;
    // Assigned again, the person gets a new account.
    world.assign("ada", Some(world.editor));
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(true));
}

#[tokio::test]
async fn time_counts_from_the_last_time_the_person_left() {
    let world = three(THIRTY_DAYS).await;
    world.unassign("ada");
    world.sync_well().await;
    world.pass(days(20));
    world.assign("ada", Some(world.editor));
    world.sync_well().await;
    world.pass(days(1));
    world.unassign("ada");
    world.sync_well().await;
    world.pass(days(29));
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(false));
    world.pass(days(2));
    world.sync_well().await;
    assert_eq!(world.active("ada"), None);
}

#[tokio::test]
async fn whoever_is_only_disabled_in_the_directory_keeps_the_account() {
    let world = three(THIRTY_DAYS).await;
    world.tenant.disable_user(world.id("ada"));
    world.sync_well().await;
    world.pass(days(60));
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(false));
    // From the day on which the person leaves as well, it counts.
    world.unassign("ada");
    world.sync_well().await;
    world.pass(days(31));
    world.sync_well().await;
    assert_eq!(world.active("ada"), None);
}

#[tokio::test]
async fn soft_deleted_and_filtered_people_have_left_too() {
    let lines = format!(
        "{THIRTY_DAYS}\non_directory_delete = \"disable\"\n{}",
        r#"[[apps.crm.users.scoping_filters]]
clauses = [{ attribute = "department", operator = "EQUALS", value = "Sales" }]"#
    );
    let world = three(&lines).await;
    world.tenant.soft_delete_user(world.id("ada"));
    world.set("barbara", "department", "Legal");
    let end = world.sync_well().await;
    assert_eq!(end.report.totals.disable, 2);
    world.pass(days(29));
    // The directory forgets whom it deleted; the time goes on counting.
    world.tenant.purge_user(world.id("ada"));
    let end = world.sync_well().await;
    assert_eq!(end.report.totals.delete, 0, "{}", world.last_plan());
    world.pass(days(2));
    let end = world.sync_well().await;
    assert_eq!(end.report.totals.delete, 2, "{}", world.last_plan());
    world.is_settled().await;
}

#[tokio::test]
async fn deletions_that_are_due_count_as_removals() {
    let world = three(&format!("{THIRTY_DAYS}\nmax_removals = 1")).await;
    for name in ["ada", "barbara"] {
        world.unassign(name);
        world.sync_well().await;
        world.pass(days(2));
    }
    world.pass(days(40));
    let end = world.sync_well().await;
    assert_eq!(end.report.held.expect("held").removals, 2);
    assert_eq!((world.active("ada"), world.active("barbara")), (Some(false), Some(false)));
}

#[tokio::test]
async fn who_is_protected_by_then_keeps_the_account() {
    let mut world = three(THIRTY_DAYS).await;
    world.unassign("ada");
    world.sync_well().await;
    world.reconfigure(&format!("{THIRTY_DAYS}\nprotect = [\"ADA@contoso.com\"]"));
    world.pass(days(60));
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(false));
    world.is_settled().await;
}

#[tokio::test]
async fn key_that_is_new_counts_from_its_first_cycle() {
    let mut world = three("").await;
    world.unassign("ada");
    world.sync_well().await;
    world.pass(days(100));
    world.reconfigure(THIRTY_DAYS);
    world.sync_well().await;
    world.pass(days(29));
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(false));
    world.pass(days(2));
    world.sync_well().await;
    assert_eq!(world.active("ada"), None);
    world.is_settled().await;
}

#[tokio::test]
async fn short_time_counts_as_well_and_waits_for_the_disable() {
    let world = three("---\n[apps.crm.safeguards]\ndelete_after = \"1s\"").await;
    world.unassign("ada");
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.disable, end.report.totals.delete), (1, 0));
    world.pass(Duration::from_secs(2));
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.disable, end.report.totals.delete), (0, 1));
    world.is_settled().await;
}

#[tokio::test]
async fn account_that_somebody_enabled_by_hand_is_not_taken_for_disabled() {
    let world = three(THIRTY_DAYS).await;
    let id = world.account("ada@contoso.com").expect("there")["id"].clone();
    world.application.inject(
        entra_scim::sandbox::application::Fault::Reset(
            entra_scim::sandbox::application::Moment::BeforeApplying,
        ),
        entra_scim::sandbox::application::Matcher::method(http::Method::PATCH),
    );
    world.unassign("ada");
    world.sync_well().await;
    world.application.tamper(id.as_str().expect("an id"), "active", Some(json!(true)));
    world.pass(days(31));
    // Whether the account is disabled is not known for sure, so that comes first.
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.disable, end.report.totals.delete), (1, 0));
}
