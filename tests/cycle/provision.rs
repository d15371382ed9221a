//! One person on demand: what is done for that person, and what is left alone of everybody else.

use std::{fmt::Write as _, time::Duration};

use entra_scim::{
    cycle::Provisioned,
    provisioning::{Phase, Step, StepKind},
    sandbox::tenant::Fault,
    store::Chain,
};
use insta::assert_snapshot;
use serde_json::json;

use crate::support::world::World;

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

/// What became of each row, in words; accounts by their people.
pub(super) fn told(world: &World, done: &Provisioned) -> String {
    let mut text = String::new();
    for row in &done.changes {
        let why = row.error.as_ref().map_or(&row.detail, |error| &error.detail);
        writeln!(text, "{} {} {}: {why}", row.action.as_str(), row.status.as_str(), row.reason)
            .expect("a text takes it");
        let is_export = |step: &&Step| step.kind == StepKind::Export;
        for step in row.steps.iter().filter(is_export) {
            writeln!(text, "  {}", step.description).expect("a text takes it");
        }
    }
    if let Some(held) = &done.held {
        writeln!(text, "held: {}", held.reason).expect("a text takes it");
    }
    if let Some(error) = &done.error {
        writeln!(text, "error: {error}").expect("a text takes it");
    }
    for name in world.people.keys() {
        if let Some(account) = world.account(&format!("{name}@contoso.com")) {
            text =
                text.replace(account["id"].as_str().expect("an id"), &format!("account-of-{name}"));
        }
    }
    text
}

async fn provisioned(world: &World, name: &str) -> String {
    let done = world.provision(name).await;
    told(world, &done)
}

#[tokio::test]
async fn somebody_gets_an_account_before_the_first_cycle_and_the_cycle_has_nothing_to_add() {
    let world = World::with_users(["ada", "grace"]);
    let preview = world.preview_provision("ada").await;
    assert_snapshot!(told(&world, &preview), @"create planned InScope: in scope, and no account matches");
    assert!(world.take_writes().is_empty());
    assert_snapshot!(provisioned(&world, "ada").await, @r#"
create success InScope: in scope, and no account matches
  created
"#);
    assert_eq!((world.application.user_count(), world.active("ada")), (1, Some(true)));
    assert_snapshot!(provisioned(&world, "ada").await, @"skip skipped RedundantExport: nothing differs");
    assert_eq!(world.take_writes().len(), 1, "a repeat writes nothing");
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.create, end.report.totals.adopt), (1, 0), "only Grace");
    assert_eq!(world.take_writes().len(), 1);
    world.is_settled().await;
}

#[tokio::test]
async fn an_account_that_is_there_is_adopted_and_what_differs_is_written() {
    let world = World::with_users(["ada"]);
    world.seed_account(
        json!({ "userName": "ada@contoso.com", "displayName": "A.", "active": true }),
    );
    assert_snapshot!(provisioned(&world, "ada").await, @r#"
adopt success Matched: account `account-of-ada` has the same `userName`
  7 attributes written
"#);
    assert_eq!(world.application.user_count(), 1);
    assert_eq!(world.account("ada@contoso.com").expect("there")["displayName"], "Ada Example");
    world.sync_well().await;
    world.is_settled().await;
}

#[tokio::test]
async fn nobody_else_is_decided_about_and_no_watermark_moves() {
    let world = World::with_users(["ada", "grace", "edsger"]).all_provisioned().await;
    for name in ["ada", "grace"] {
        world.set(name, "department", "Legal");
    }
    world.unassign("edsger");
    let chain = || world.state().read(|view| view.chain(Chain::USERS)).expect("a chain");
    let before = chain();
    assert_snapshot!(provisioned(&world, "ada").await, @r#"
update success AttributesChanged: urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department changed
  1 attributes written
"#);
    assert!(chain() == before, "the watermark moved");
    let writes = world.take_writes();
    assert_eq!(writes.len(), 1, "{writes:?}");
    assert_eq!(world.active("edsger"), Some(true));
    assert!(world.log("grace").iter().all(|row| row.action.as_str() == "create"));
    let last = world.log("ada").pop().expect("a row");
    assert_eq!((last.action.as_str(), last.status.as_str()), ("update", "success"));
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.update, end.report.totals.disable), (1, 1), "the cycle saw both");
    world.is_settled().await;
}

#[tokio::test]
async fn a_dry_run_holds_no_writer_and_leaves_every_byte_of_the_state() {
    let world = World::with_users(["ada"]).all_provisioned().await;
    world.set("ada", "displayName", "Ada Lovell");
    let before = world.state_bytes();
    let done = world.preview_provision("ada").await;
    assert_snapshot!(told(&world, &done), @"update planned AttributesChanged: displayName changed");
    assert_eq!(world.state_bytes(), before);
    assert!(world.take_writes().is_empty());
}

#[tokio::test]
async fn whoever_left_the_scope_long_ago_is_disabled_and_a_young_entitlement_is_read_twice() {
    let world = World::with_users(["ada", "grace"]).all_provisioned().await;
    world.unassign("ada");
    assert_snapshot!(provisioned(&world, "ada").await, @r#"
disable success NotEffectivelyEntitled: no longer assigned to the application
  1 attributes written
"#);
    assert_eq!(world.active("ada"), Some(false));
    assert_snapshot!(provisioned(&world, "ada").await, @r#"
skip skipped RedundantExport: no longer assigned to the application; its account already says so
"#);
    world.assign("ada", Some(world.editor));
    assert_snapshot!(provisioned(&world, "ada").await, @r#"
enable success BackInScope: in scope and enabled again
  1 attributes written
"#);
    world.unassign("ada");
    assert_snapshot!(provisioned(&world, "ada").await, @r#"
skip skipped AwaitingConfirmation: its recent assignment ended; the next read must say so too
"#);
    assert_eq!(world.active("ada"), Some(true));
    world.pass(minutes(2));
    assert_snapshot!(provisioned(&world, "ada").await, @r#"
disable success NotEffectivelyEntitled: no longer assigned to the application
  1 attributes written
"#);
    assert_eq!(world.active("ada"), Some(false));
}

#[tokio::test]
async fn one_missing_row_proves_nothing_however_often_it_is_asked_for() {
    let world = World::with_users(["ada", "grace"]).all_provisioned().await;
    world.tenant.purge_user(world.id("ada"));
    let first = provisioned(&world, "ada").await;
    assert_snapshot!(first, @r#"
skip skipped AwaitingConfirmation: the directory does not show it; one missing row proves nothing
"#);
    for _ in 0..4 {
        world.pass(minutes(61));
        assert_eq!(provisioned(&world, "ada").await, first);
    }
    assert!(world.take_writes().is_empty());
    world.sync_well().await;
    assert_eq!(world.active("ada"), None, "the round of changes says that it was deleted");
}

#[tokio::test]
async fn a_list_of_assignments_that_is_empty_at_once_withdraws_nobody() {
    let world = World::with_users(["ada", "grace"]).all_provisioned().await;
    world.unassign("ada");
    world.unassign("grace");
    assert_snapshot!(provisioned(&world, "ada").await, @r#"
error: Microsoft Graph gave an unusable answer: it lists no assignment at all, after it had listed some; nothing was withdrawn. A cycle reads the list twice before it believes that
"#);
    assert_eq!(world.active("ada"), Some(true));
}

#[tokio::test]
async fn safeguards_count_it_and_what_they_hold_is_not_sent() {
    let mut world = World::with_config("---\n[apps.crm.safeguards]\nmax_removals = 1");
    world.hire_all(["ada", "barbara", "chloe"]);
    let world = world.all_provisioned().await;
    world.unassign("ada");
    world.unassign("barbara");
    world.provision("ada").await;
    assert_snapshot!(provisioned(&world, "barbara").await, @r#"
disable held NotEffectivelyEntitled: no longer assigned to the application
held: 1 of 3 linked accounts would be disabled or deleted, after 1 in the last 24 hours; the threshold is 1 in 24 hours
"#);
    assert_eq!((world.active("ada"), world.active("barbara")), (Some(false), Some(true)));
    world.a_day_later();
    assert_snapshot!(provisioned(&world, "barbara").await, @r#"
disable success NotEffectivelyEntitled: no longer assigned to the application
  1 attributes written
"#);
}

#[tokio::test]
async fn what_the_last_cycle_holds_of_others_stays_and_can_be_released() {
    let mut world = World::with_config("---\n[apps.crm.safeguards]\nmax_removals = 2");
    world.hire_all(["ada", "barbara", "chloe", "donald", "edsger"]);
    let world = world.all_provisioned().await;
    for name in ["ada", "barbara", "chloe"] {
        world.unassign(name);
    }
    let held = world.sync_well().await.report.held.expect("three are too many");
    world.set("donald", "department", "Legal");
    world.provision("donald").await;
    let rows = || world.state().read(|view| view.held_changes()).expect("readable");
    assert_eq!(rows().len(), 3);
    assert_eq!(world.last_plan().matches("held").count(), 3, "{}", world.last_plan());
    // One alone is below the limit, and what is done is not held any more.
    assert_snapshot!(provisioned(&world, "ada").await, @r#"
disable success NotEffectivelyEntitled: no longer assigned to the application
  1 attributes written
"#);
    assert_eq!(rows().len(), 2);
    let stored = world.state().read(|view| view.fact("held")).expect("readable").expect("held");
    let stored: serde_json::Value = serde_json::from_str(&stored).expect("JSON");
    assert_eq!((&stored["removals"], &stored["plan"]), (&json!(2), &json!(held.plan)));
    let now = entra_scim::model::Clock::now(&world.clock);
    let released = world.state().write(|tx| tx.approve(&held.plan, "root", now)).expect("released");
    assert_eq!(released, 2);
    assert_snapshot!(provisioned(&world, "barbara").await, @r#"
disable success NotEffectivelyEntitled: no longer assigned to the application
  1 attributes written
"#);
    world.sync_well().await;
    assert_eq!((world.active("barbara"), world.active("chloe")), (Some(false), Some(false)));
}

#[tokio::test]
async fn what_a_cycle_without_time_left_unsent_is_sent_by_the_next_one_and_once() {
    let mut world = World::with_config("---\n[apps.crm.safeguards]\ncycle_time_max = \"1h\"");
    world.hire_all(["ada", "barbara", "chloe", "donald"]);
    world.each_write_takes(minutes(25));
    world.sync().await;
    let left: Vec<&str> = ["ada", "barbara", "chloe", "donald"]
        .into_iter()
        .filter(|name| world.active(name).is_none())
        .collect();
    let [first, ..] = left.as_slice() else { panic!("some are left") };
    world.provision(first).await;
    assert_eq!(world.active(first), Some(true));
    for _ in 0..3 {
        world.later();
        world.sync().await;
    }
    assert_eq!(world.application.user_count(), 4, "each has one account");
    world.is_settled().await;
}

#[tokio::test]
async fn a_death_under_way_is_recovered_by_the_next_cycle() {
    let mut world = World::with_users(["ada", "grace"]);
    let dies = world.wire.die_before("scim/v2/Users?");
    tokio::select! {
        done = world.provision("ada") => panic!("it ended: {done:?}"),
        () = dies.notified() => {}
    }
    world.wire.live();
    world.restart();
    let end = world.sync_well().await;
    assert_eq!(end.report.totals.create, 2);
    // The same between the request and its answer: nobody knows whether there is an account.
    let mut world = World::with_users(["ada"]);
    for moment in 1.. {
        let dies = world.wire.die_at(moment);
        let died = tokio::select! {
            biased;
            () = dies.notified() => true,
            ended = world.try_provision("ada") => ended.is_err(),
        };
        world.wire.live();
        world.restart();
        if !died {
            break;
        }
    }
    for _ in 0..3 {
        world.pass(minutes(2));
        world.sync_well().await;
    }
    assert_eq!(world.application.user_count(), 1);
    world.is_settled().await;
}

#[tokio::test]
async fn a_protected_person_is_not_disabled() {
    let mut world =
        World::with_config("---\n[apps.crm.safeguards]\nprotect = [\"ada@contoso.com\"]");
    world.hire("ada");
    world.hire("grace");
    let world = world.all_provisioned().await;
    world.unassign("ada");
    assert_snapshot!(provisioned(&world, "ada").await, @r#"
skip skipped Protected: no longer assigned to the application; protected, so its account is not disabled
"#);
    assert_eq!(world.active("ada"), Some(true));
}

#[tokio::test]
async fn a_manager_with_an_account_is_referred_to_and_one_without_follows_in_a_cycle() {
    let world = World::with_users(["ada", "grace"]);
    world.tenant.set_manager(world.id("ada"), Some(world.id("grace")));
    assert_snapshot!(provisioned(&world, "ada").await, @r#"
create success InScope: in scope, and no account matches
  created
"#);
    world.provision("grace").await;
    let done = world.provision("ada").await;
    assert!(
        done.changes
            .iter()
            .any(|row| row.phase == Phase::References || row.action.as_str() == "update")
    );
    assert_snapshot!(told(&world, &done), @r#"
skip skipped RedundantExport: nothing differs
update success AttributesChanged: urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager changed
  1 attributes written
"#);
    world.sync_well().await;
    world.is_settled().await;
}

#[tokio::test]
async fn a_removal_outside_its_hours_waits() {
    let mut world =
        World::with_config("---\n[apps.crm.safeguards]\nremovals_between = \"08:00-18:00\"");
    world.hire_all(["ada", "grace"]);
    let world = world.all_provisioned().await;
    world.pass(minutes(11 * 60));
    world.unassign("ada");
    assert_snapshot!(provisioned(&world, "ada").await, @r#"
disable skipped NotEffectivelyEntitled: removals are sent within 08:00-18:00 UTC only (`removals_between`); this one waits until 2026-11-25 08:00 (UTC+00:00)
"#);
    assert_eq!(world.active("ada"), Some(true));
}

#[tokio::test]
async fn a_refused_token_ends_it_and_the_job_is_not_judged_by_it() {
    let mut world = World::with_users(["ada"]).all_provisioned().await;
    world.set("ada", "department", "Legal");
    world.application.set_token("another");
    world.expects_violations();
    assert_snapshot!(provisioned(&world, "ada").await, @r#"
update failure AttributesChanged: answered 401: the bearer token is missing or wrong
  answered 401: the bearer token is missing or wrong
  failed for the first time; tried again in the next cycle
error: the application: answered 401: the bearer token is missing or wrong
"#);
    assert!(world.state().read(|view| view.quarantine()).expect("readable").is_none());
    world.application.set_token("secret");
    world.sync_well().await;
    world.is_settled().await;
}

#[tokio::test]
async fn somebody_who_cannot_be_read_is_not_touched() {
    let world = World::with_users(["ada"]).all_provisioned().await;
    world.set("ada", "department", "Legal");
    for _ in 0..20 {
        world.tenant.inject_at("/appRoleAssignedTo", Fault::HtmlSuccess);
    }
    let done = world.provision("ada").await;
    assert!(done.error.is_some() && done.changes.is_empty(), "{done:?}");
    assert!(world.take_writes().is_empty());
}
