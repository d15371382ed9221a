//! What is held, what is released, and what is never done.

use std::time::Duration;

use entra_scim::sandbox::{
    application::{Fault as TargetFault, Matcher, Moment},
    tenant::Fault,
};
use http::Method;
use insta::assert_snapshot;
use serde_json::json;

use crate::support::world::World;

const TEN: [&str; 10] =
    ["ada", "barbara", "chloe", "donald", "edsger", "frances", "grace", "hedy", "ines", "joan"];

async fn ten(config: &str) -> World {
    let mut world = World::with_config(config);
    world.hire_all(TEN);
    world.all_provisioned().await
}

fn held_plan(world: &World) -> String {
    let held = world.state().read(|view| view.held_changes()).expect("readable");
    held.first().expect("something is held").plan.clone()
}

fn approve(world: &World) -> u64 {
    let plan = held_plan(world);
    let now = entra_scim::model::Clock::now(&world.clock);
    world.state().write(|tx| tx.approve(&plan, "root", now)).expect("approved")
}

#[tokio::test]
async fn removals_over_the_default_are_all_held_and_everything_else_goes_on() {
    let world = ten("").await;
    for name in &TEN[..6] {
        world.unassign(name);
    }
    world.set("joan", "department", "Legal");
    let end = world.sync_well().await;
    let held = end.report.held.expect("held");
    assert_snapshot!(held.reason, @"6 of 10 linked accounts would be disabled or deleted; the threshold is 5 in 24 hours");
    assert_eq!((held.removals, held.threshold, held.linked), (6, 5, 10));
    assert_eq!((end.report.totals.held, end.report.totals.update), (6, 1));
    assert_eq!(world.take_writes().len(), 1);
    assert_snapshot!(world.plan().await, @"
    disable ada  held  no longer assigned to the application
        active: true → false
    disable barbara  held  no longer assigned to the application
        active: true → false
    disable chloe  held  no longer assigned to the application
        active: true → false
    disable donald  held  no longer assigned to the application
        active: true → false
    disable edsger  held  no longer assigned to the application
        active: true → false
    disable frances  held  no longer assigned to the application
        active: true → false
    held: 6 of 10 linked accounts would be disabled or deleted; the threshold is 5 in 24 hours
    ");
}

#[tokio::test]
async fn removals_up_to_the_threshold_are_sent() {
    let world = ten("").await;
    for name in &TEN[..5] {
        world.unassign(name);
    }
    let end = world.sync_well().await;
    assert!(end.report.held.is_none());
    assert_eq!(end.report.totals.disable, 5);
    world.is_settled().await;
}

#[tokio::test]
async fn removals_of_the_last_day_count() {
    let world = ten("---\n[apps.crm.safeguards]\nmax_removals = 3").await;
    world.unassign("ada");
    world.unassign("barbara");
    world.sync_well().await;
    world.later();
    world.unassign("chloe");
    world.unassign("donald");
    let end = world.sync_well().await;
    assert_snapshot!(end.report.held.expect("held").reason, @"2 of 10 linked accounts would be disabled or deleted, after 2 in the last 24 hours; the threshold is 3 in 24 hours");
    assert_eq!(world.active("chloe"), Some(true));
    world.a_day_later();
    let end = world.sync_well().await;
    assert!(end.report.held.is_none(), "{:?}", end.report.held);
    assert_eq!((world.active("chloe"), world.active("donald")), (Some(false), Some(false)));
    world.is_settled().await;
}

#[tokio::test]
async fn share_of_the_linked_accounts_is_a_limit_too() {
    let world = ten("---\n[apps.crm.safeguards]\nmax_removals = \"20%\"").await;
    for name in &TEN[..3] {
        world.unassign(name);
    }
    assert_eq!(world.sync_well().await.report.held.expect("held").threshold, 2);
    world.assign("ada", Some(world.editor));
    let end = world.sync_well().await;
    assert!(end.report.held.is_none());
    assert_eq!(end.report.totals.disable, 2);
}

#[tokio::test]
async fn removing_everybody_is_held_whatever_the_limit() {
    let world = ten("---\n[apps.crm.safeguards]\nmax_removals = 1000").await;
    for name in TEN {
        world.unassign(name);
    }
    // The first empty list is not even believed.
    let first = world.sync_well().await;
    assert!(first.report.held.is_none());
    assert_snapshot!(first.report.warnings.join("\n"), @"the directory listed no assignment at all, after it had listed some; nothing was withdrawn. The next cycle reads the list again, and the safeguards count what it says");
    world.later();
    let end = world.sync_well().await;
    assert_snapshot!(end.report.held.expect("held").reason, @"all 10 enabled accounts would be disabled or deleted");
    assert!(world.take_writes().is_empty());
}

#[tokio::test]
async fn deleting_accounts_that_are_disabled_already_is_not_removing_everybody() {
    let world = ten("---\n[apps.crm.safeguards]\nmax_removals = 1000").await;
    for name in &TEN[..8] {
        world.unassign(name);
    }
    world.sync_well().await;
    world.a_day_later();
    for name in &TEN[..8] {
        world.tenant.soft_delete_user(world.id(name));
        world.tenant.purge_user(world.id(name));
    }
    let end = world.sync_well().await;
    assert!(end.report.held.is_none(), "{:?}", end.report.held);
    assert_eq!(end.report.totals.delete, 8);
}

#[tokio::test]
async fn list_that_is_empty_once_takes_nothing_away() {
    let world = ten("").await;
    world.tenant.inject(Fault::EmptyAssignments);
    let end = world.sync_well().await;
    assert_eq!(end.report.warnings.len(), 1);
    assert_eq!(world.last_plan(), "nothing to do\n");
    world.later();
    let end = world.sync_well().await;
    assert!(end.report.warnings.is_empty());
    assert!(world.take_writes().is_empty());
    world.is_settled().await;
}

#[tokio::test]
async fn approval_releases_exactly_what_was_seen() {
    let world = ten("---\n[apps.crm.safeguards]\nmax_removals = 1").await;
    world.unassign("ada");
    world.unassign("barbara");
    world.sync_well().await;
    assert_eq!(approve(&world), 2);
    // Before the next cycle one is assigned again, and two others leave.
    world.assign("ada", Some(world.editor));
    world.unassign("chloe");
    world.unassign("donald");
    world.later();
    let end = world.sync_well().await;
    assert_eq!(end.report.held.expect("held").removals, 2);
    let active = |name: &str| world.active(name);
    assert_eq!(
        (active("ada"), active("barbara"), active("chloe"), active("donald")),
        (Some(true), Some(false), Some(true), Some(true))
    );
}

#[tokio::test]
async fn approval_of_someone_who_came_back_lapses() {
    let world = ten("---\n[apps.crm.safeguards]\nmax_removals = 1").await;
    world.unassign("ada");
    world.unassign("barbara");
    world.sync_well().await;
    approve(&world);
    world.assign("ada", Some(world.editor));
    world.assign("barbara", Some(world.editor));
    world.later();
    world.sync_well().await;
    // The same two leave again within the day: that is a new decision.
    world.unassign("ada");
    world.unassign("barbara");
    world.pass(Duration::from_secs(2 * 3600));
    let end = world.sync_well().await;
    assert_eq!(end.report.held.expect("held anew").removals, 2);
    assert_eq!(world.active("ada"), Some(true));
}

#[tokio::test]
async fn approval_expires_after_a_day() {
    let world = ten("---\n[apps.crm.safeguards]\nmax_removals = 1").await;
    world.unassign("ada");
    world.unassign("barbara");
    world.sync_well().await;
    approve(&world);
    world.a_day_later();
    let end = world.sync_well().await;
    assert_eq!(end.report.held.expect("held").removals, 2);
}

#[tokio::test]
async fn approved_removals_are_not_counted_against_the_day() {
    let world = ten("---\n[apps.crm.safeguards]\nmax_removals = 1").await;
    world.unassign("ada");
    world.unassign("barbara");
    world.sync_well().await;
    approve(&world);
    world.later();
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(false));
    world.unassign("chloe");
    world.later();
    let end = world.sync_well().await;
    assert!(end.report.held.is_none(), "{:?}", end.report.held);
    assert_eq!(world.active("chloe"), Some(false));
    world.is_settled().await;
}

#[tokio::test]
async fn too_many_creates_are_held_until_approved() {
    let mut world = World::with_config("---\n[apps.crm.safeguards]\nmax_creates = 2");
    world.hire_all(["ada", "barbara", "chloe"]);
    let end = world.sync_well().await;
    assert_snapshot!(end.report.held.expect("held").reason, @"3 accounts would be created; the limit is 2");
    assert_eq!(world.application.user_count(), 0);
    assert_eq!(approve(&world), 3);
    world.later();
    let end = world.sync_well().await;
    assert!(end.report.held.is_none());
    assert_eq!(world.application.user_count(), 3);
    world.is_settled().await;
}

#[tokio::test]
async fn held_rows_are_logged_once() {
    let world = ten("---\n[apps.crm.safeguards]\nmax_removals = 0").await;
    world.unassign("ada");
    world.sync_well().await;
    let before = world.log("ada").len();
    world.later();
    world.sync_well().await;
    assert_eq!(world.log("ada").len(), before);
    assert!(world.log("ada").last().expect("a row").held);
}

#[tokio::test]
async fn protected_people_are_never_disabled_deleted_or_renamed() {
    for key in ["ADA@contoso.com", "mail", "id"] {
        let mut world = World::new();
        world.hire_all(["ada", "barbara"]);
        let who = match key {
            "mail" => "a.lovelace@contoso.com".to_owned(),
            "id" => world.id("ada").to_string(),
            name => name.to_owned(),
        };
        if key == "mail" {
            world.set("ada", "mail", "a.lovelace@contoso.com");
        }
        world.reconfigure(&format!("---\n[apps.crm.safeguards]\nprotect = [\"{who}\"]"));
        let world = world.all_provisioned().await;
        world.set("ada", "department", "Legal");
        if key != "ADA@contoso.com" {
            world.set("ada", "userPrincipalName", "renamed@contoso.com");
        }
        world.sync_well().await;
        let account = world.account("ada@contoso.com").expect("not renamed");
        let urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        assert_eq!(account[urn]["department"], json!("Legal"), "other values are written");
        world.unassign("ada");
        world.sync_well().await;
        assert_eq!(world.active("ada"), Some(true));
        assert!(world.reason("ada").contains("Protected"), "{}", world.reason("ada"));
        world.tenant.soft_delete_user(world.id("ada"));
        world.sync_well().await;
        assert_eq!(world.active("ada"), Some(true));
        world.tenant.purge_user(world.id("ada"));
        world.sync_well().await;
        assert_eq!(world.active("ada"), Some(true));
        world.is_settled().await;
    }
}

#[tokio::test]
async fn out_of_scope_can_mean_delete() {
    let world = ten("---\n[apps.crm.safeguards]\non_out_of_scope = \"delete\"").await;
    world.unassign("ada");
    assert_snapshot!(world.synced().await, @"delete ada  success  no longer assigned to the application");
    assert_eq!(world.active("ada"), None);
    world.assign("ada", Some(world.editor));
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(true));
    world.is_settled().await;
}

#[tokio::test]
async fn out_of_scope_can_mean_keep() {
    let world = ten("---\n[apps.crm.safeguards]\non_out_of_scope = \"keep\"").await;
    world.unassign("ada");
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(true));
    assert!(world.reason("ada").contains("Kept"), "{}", world.reason("ada"));
    assert!(world.take_writes().is_empty());
    world.is_settled().await;
    // Meanwhile somebody changes the kept account; back in scope it is ours again.
    let id =
        world.account("ada@contoso.com").expect("there")["id"].as_str().expect("an id").to_owned();
    world.application.tamper(&id, "displayName", Some(json!("By hand")));
    world.a_day_later();
    world.assign("ada", Some(world.editor));
    world.sync_well().await;
    assert_eq!(
        world.account("ada@contoso.com").expect("there")["displayName"],
        json!("Ada Example")
    );
    world.is_settled().await;
}

#[tokio::test]
async fn directory_delete_can_mean_disable_or_keep() {
    for (word, expected) in [("disable", Some(false)), ("keep", Some(true))] {
        let world =
            ten(&format!("---\n[apps.crm.safeguards]\non_directory_delete = \"{word}\"")).await;
        world.tenant.soft_delete_user(world.id("ada"));
        world.sync_well().await;
        assert_eq!(world.active("ada"), expected, "{word}");
        world.tenant.purge_user(world.id("ada"));
        world.sync_well().await;
        assert_eq!(world.active("ada"), expected, "{word}");
        world.is_settled().await;
    }
}

#[tokio::test]
async fn switched_off_actions_are_not_done_and_are_done_once_switched_on() {
    let off = "---\n[apps.crm.safeguards]\ncreate = false\nupdate = false\ndelete = false";
    let mut world = ten("").await;
    world.reconfigure(off);
    world.hire("kay");
    world.set("ada", "department", "Legal");
    world.tenant.soft_delete_user(world.id("joan"));
    world.tenant.purge_user(world.id("joan"));
    world.unassign("ines");
    assert_eq!(world.synced().await, "nothing to do\n");
    assert!(world.take_writes().is_empty());
    for name in ["kay", "ada", "joan", "ines"] {
        assert!(world.reason(name).contains("ActionDisabled"), "{}", world.reason(name));
    }
    world.reconfigure("");
    assert_snapshot!(world.synced().await, @r#"
    disable ines  success  no longer assigned to the application
        active: true → false
    delete joan  success  deleted in the directory for good
    update ada  success  urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department changed
        urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department: "Sales" → "Legal"
    create kay  success  in scope, and no account matches
        active: ∅ → true
        displayName: ∅ → "Kay Example"
        emails[type eq "work"].value: ∅ → "kay@contoso.com"
        externalId: ∅ → "kay"
        name.familyName: ∅ → "Example"
        name.formatted: ∅ → "Kay Example"
        name.givenName: ∅ → "Kay"
        userName: ∅ → "kay@contoso.com"
        urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department: ∅ → "Sales"
    "#);
    world.is_settled().await;
}

#[tokio::test]
async fn adoption_that_disables_counts_as_a_removal() {
    let mut world = World::with_config(
        r#"---
[[apps.crm.users.attributes]]
target = "userName"
source = "userPrincipalName"
match = 1
[[apps.crm.users.attributes]]
target = "active"
expression = 'IIF([department]="Sales", "False", "True")'
[apps.crm.safeguards]
max_removals = 0
on_out_of_scope = "keep"
"#,
    );
    world.hire("ada");
    world.seed_account(json!({"userName": "ada@contoso.com", "active": true}));
    let end = world.sync_well().await;
    assert_eq!(end.report.held.map(|held| held.removals), Some(1), "{}", world.last_plan());
    assert_eq!(world.active("ada"), Some(true));
}

#[tokio::test]
async fn holding_removals_also_holds_deletes_and_disables_together() {
    let world = ten("---\n[apps.crm.safeguards]\nmax_removals = 1").await;
    world.unassign("ada");
    world.tenant.soft_delete_user(world.id("joan"));
    world.tenant.purge_user(world.id("joan"));
    let end = world.sync_well().await;
    assert_eq!(end.report.held.expect("held").removals, 2);
    assert_eq!((world.active("ada"), world.active("joan")), (Some(true), Some(true)));
    assert!(world.take_writes().is_empty());
}

#[tokio::test]
async fn restored_scope_ends_the_hold() {
    let world = ten("---\n[apps.crm.safeguards]\nmax_removals = 0").await;
    world.unassign("ada");
    assert!(world.sync_well().await.report.held.is_some());
    world.assign("ada", Some(world.editor));
    assert!(world.sync_well().await.report.held.is_none());
    assert!(world.take_writes().is_empty());
    world.is_settled().await;
}

#[tokio::test]
async fn hold_survives_a_restart_of_the_program() {
    let mut world = ten("---\n[apps.crm.safeguards]\nmax_removals = 0").await;
    world.unassign("ada");
    world.sync_well().await;
    world.restart();
    approve(&world);
    world.restart();
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(false));
}

#[tokio::test]
async fn a_removal_that_gets_no_answer_counts_once_however_often_it_is_tried() {
    let mut world = ten("---\n[apps.crm.safeguards]\nmax_removals = 1\n").await;
    world.expects_violations();
    world.unassign("ada");
    let lost = TargetFault::Reset(Moment::BeforeApplying);
    world.application.inject_by_chance(lost, Matcher::method(Method::PATCH), 1.0);
    for _ in 0..6 {
        let end = world.sync_well().await;
        assert_eq!((end.report.held, end.report.totals.failure), (None, 1));
        world.later();
    }
    world.application.clear_faults();
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(false));
    // It is the one removal of this day.
    world.unassign("barbara");
    let end = world.sync_well().await;
    assert_eq!(end.report.held.expect("held").removals, 1);
}

#[tokio::test]
async fn two_accounts_of_one_person_that_went_without_an_answer_count_twice() {
    let rule = "---\n[apps.crm.safeguards]\nmax_removals = 2\non_out_of_scope = \"delete\"\n";
    let mut world = ten(rule).await;
    world.expects_violations();
    for _ in 0..2 {
        let lost = TargetFault::Reset(Moment::AfterApplying);
        world.application.inject(lost, Matcher::method(Method::DELETE));
        world.unassign("ada");
        // A young access is taken for ended when a second read says so too.
        for _ in 0..2 {
            world.sync_well().await;
            world.later();
        }
        assert!(world.account("ada@contoso.com").is_none());
        world.assign("ada", Some(world.editor));
        world.sync_well().await;
        assert!(world.account("ada@contoso.com").is_some());
        world.later();
    }
    world.unassign("barbara");
    let end = world.sync_well().await;
    assert_eq!(end.report.held.expect("held").removals, 1);
}
