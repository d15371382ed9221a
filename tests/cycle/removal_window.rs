//! The hours in which removals are sent, and what happens at the others.

use std::time::Duration;

use entra_scim::cycle::CycleOptions;
use insta::assert_snapshot;

use super::explain_notes;
use crate::support::world::World;

const OFFICE_HOURS: &str = "---\n[apps.crm.safeguards]\nremovals_between = \"08:00-18:00\"";

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3_600)
}

/// Four people with accounts, one minute after the window opened.
async fn company(lines: &str) -> World {
    let mut world = World::with_config(lines);
    world.hire_all(["ada", "barbara", "chloe", "donald"]);
    world.all_provisioned().await
}

#[tokio::test]
async fn removal_at_night_waits_until_the_window_opens() {
    let world = company(OFFICE_HOURS).await;
    world.pass(hours(11));
    world.unassign("ada");
    world.tenant.disable_user(world.id("barbara"));
    world.set("chloe", "department", "Legal");
    let planned = world.plan().await;
    assert_snapshot!(planned, @r#"
    disable ada  skipped  removals are sent within 08:00-18:00 UTC only (`removals_between`); this one waits until 2026-11-25 08:00 (UTC+00:00)
        active: true → false
    disable barbara  skipped  removals are sent within 08:00-18:00 UTC only (`removals_between`); this one waits until 2026-11-25 08:00 (UTC+00:00)
        active: true → false
    update chloe  planned  urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department changed
        urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department: "Sales" → "Legal"
    "#);
    let end = world.sync_well().await;
    assert_eq!(world.last_plan(), planned.replace("planned", "success"), "as the dry run said");
    assert_eq!((end.report.totals.disable, end.report.totals.update), (0, 1));
    assert_eq!(world.take_writes().len(), 1);
    assert_eq!((world.active("ada"), world.active("barbara")), (Some(true), Some(true)));
    assert_snapshot!(world.reason("ada"), @"skipped OutsideRemovalsWindow: removals are sent within 08:00-18:00 UTC only (`removals_between`); this one waits until 2026-11-25 08:00 (UTC+00:00)");
    assert_snapshot!(explain_notes(&world, "ada@contoso.com").await, @"
    removals of a cycle are counted by the safeguards first
    removals are sent within 08:00-18:00 UTC only (`removals_between`); this one waits until 2026-11-25 08:00 (UTC+00:00)
    ");
    // The log has it once, however long the night.
    let rows = world.log("ada").len();
    world.later();
    world.sync_well().await;
    world.later();
    world.sync_well().await;
    assert_eq!(world.log("ada").len(), rows);
    assert!(world.take_writes().is_empty());
    world.pass(hours(12));
    let end = world.sync_well().await;
    assert_eq!(end.report.totals.disable, 2);
    assert_eq!((world.active("ada"), world.active("barbara")), (Some(false), Some(false)));
    world.is_settled().await;
}

#[tokio::test]
async fn what_is_not_wanted_any_more_by_the_morning_is_not_sent() {
    let world = company(OFFICE_HOURS).await;
    world.pass(hours(11));
    world.unassign("ada");
    world.sync_well().await;
    world.later();
    world.assign("ada", Some(world.editor));
    world.sync_well().await;
    world.pass(hours(13));
    world.sync_well().await;
    assert!(world.take_writes().is_empty());
    world.is_settled().await;
    // The same again is logged again.
    let rows = world.log("ada").len();
    world.pass(hours(11));
    world.unassign("ada");
    world.sync_well().await;
    assert_eq!(world.log("ada").len(), rows + 1);
}

#[tokio::test]
async fn what_is_too_much_is_held_at_night_and_what_is_approved_goes_at_once() {
    let world = company(&format!("{OFFICE_HOURS}\nmax_removals = 1")).await;
    world.pass(hours(11));
    world.unassign("ada");
    world.unassign("barbara");
    let end = world.sync_well().await;
    assert_eq!(end.report.held.as_ref().map(|held| held.removals), Some(2));
    let plan = end.report.held.expect("held").plan;
    let now = entra_scim::model::Clock::now(&world.clock);
    assert_eq!(world.state().write(|tx| tx.approve(&plan, "olga", now)).expect("stored"), 2);
    world.unassign("chloe");
    world.later();
    let end = world.sync_well().await;
    assert_eq!(end.report.totals.disable, 2, "{}", world.last_plan());
    let active = |name: &str| world.active(name);
    assert_eq!(
        (active("ada"), active("barbara"), active("chloe")),
        (Some(false), Some(false), Some(true)),
        "nobody approved the third"
    );
    assert!(world.reason("chloe").contains("OutsideRemovalsWindow"), "{}", world.reason("chloe"));
}

#[tokio::test]
async fn cycle_that_began_in_time_removes_nobody_once_the_window_is_closed() {
    let lines = OFFICE_HOURS.replace("---\n", "---\nconcurrency = 1\n");
    let mut world = company(&lines).await;
    world.pass(hours(9) + Duration::from_secs(58 * 60));
    for name in ["ada", "barbara", "chloe"] {
        world.unassign(name);
    }
    world.each_write_takes(Duration::from_secs(90));
    let end = world.sync_well().await;
    assert_eq!(
        (end.report.totals.disable, end.report.totals.skip),
        (1, 2),
        "{}",
        world.last_plan()
    );
    assert_eq!(world.take_writes().len(), 1);
    world.pass(hours(14));
    let end = world.sync_well().await;
    assert_eq!(end.report.totals.disable, 2);
    world.is_settled().await;
}

#[tokio::test]
async fn create_that_needs_the_name_of_a_waiting_account_waits_with_it() {
    let mut world = company(OFFICE_HOURS).await;
    world.pass(hours(11));
    world.tenant.soft_delete_user(world.id("ada"));
    world.tenant.purge_user(world.id("ada"));
    world.hire("kay");
    world.set("kay", "userPrincipalName", "ada@contoso.com");
    let end = world.sync_well().await;
    assert!(world.take_writes().is_empty());
    assert_eq!(end.report.totals.failure, 0);
    assert_snapshot!(world.reason("ada"), @"skipped OutsideRemovalsWindow: removals are sent within 08:00-18:00 UTC only (`removals_between`); this one waits until 2026-11-25 08:00 (UTC+00:00)");
    assert_snapshot!(world.reason("kay"), @"skipped OutsideRemovalsWindow: it needs a matching value that another account has until its removal, which waits");
    world.pass(hours(14));
    world.sync_well().await;
    let writes = world.take_writes();
    assert!(writes.len() == 2 && writes[0].starts_with("DELETE"), "{writes:?}");
    assert_eq!(world.account("ada@contoso.com").expect("there")["externalId"], "kay");
    world.is_settled().await;
}

#[tokio::test]
async fn create_that_needs_the_name_of_a_held_account_waits_with_it() {
    let mut world = company("---\n[apps.crm.safeguards]\nmax_removals = 0").await;
    world.tenant.soft_delete_user(world.id("ada"));
    world.tenant.purge_user(world.id("ada"));
    world.hire("kay");
    world.set("kay", "userPrincipalName", "ada@contoso.com");
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.held, end.report.totals.failure), (1, 0));
    assert!(world.take_writes().is_empty());
    assert_snapshot!(world.reason("kay"), @"skipped HeldBySafeguard: it needs a matching value that another account has until its removal, which waits");
    let plan = end.report.held.expect("held").plan;
    let now = entra_scim::model::Clock::now(&world.clock);
    world.state().write(|tx| tx.approve(&plan, "olga", now)).expect("stored");
    world.later();
    world.sync_well().await;
    assert_eq!(world.account("ada@contoso.com").expect("there")["externalId"], "kay");
    world.is_settled().await;
}

#[tokio::test]
async fn account_that_the_mapping_of_active_turns_off_waits_too() {
    let lines = r#"---
[apps.crm.users]
inherit = true
[[apps.crm.users.attributes]]
target = "active"
expression = 'Switch([department], "True", "Legal", "False")'
[apps.crm.safeguards]
on_out_of_scope = "keep"
removals_between = "22:00-06:00"
"#;
    let world = company(lines).await;
    world.set("ada", "department", "Legal");
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(true));
    world.pass(hours(15));
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(false));
    let plan = world.plan_with(CycleOptions { initial: true, ..CycleOptions::default() }).await;
    assert!(!plan.contains("planned"), "{plan}");
}
