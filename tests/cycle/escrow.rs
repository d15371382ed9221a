//! Objects that fail: set aside, tried less and less often, and never in anybody's way.

use std::time::Duration;

use chrono::TimeDelta;
use entra_scim::{
    cycle::CycleOptions,
    model::Clock as _,
    sandbox::application::{Fault, Matcher, Moment},
    store::{EscrowCounts, EscrowRow},
};
use http::Method;
use serde_json::json;

use crate::support::world::World;

fn on(method: Method, text: &str) -> Matcher {
    Matcher { body_contains: Some(text.to_owned()), ..Matcher::method(method) }
}

/// From now on the application refuses Ada's account.
fn refuse_ada(world: &World, status: u16) {
    let matcher = on(Method::POST, "ada@contoso.com");
    world.application.inject_by_chance(Fault::status(status), matcher, 1.0);
}

fn escrow(world: &World, name: &str) -> Option<EscrowRow> {
    world.state().read(|view| view.escrow(world.id(name))).expect("readable")
}

fn counts(world: &World) -> EscrowCounts {
    world.state().read(|view| view.escrow_counts()).expect("readable")
}

/// Whether each of so many cycles, forty minutes apart, tried to create somebody.
async fn tries(world: &World, cycles: usize) -> Vec<usize> {
    let mut tried = Vec::new();
    for number in 1..=cycles {
        world.later();
        world.sync_well().await;
        if world.take_writes().iter().any(|write| write.starts_with("POST")) {
            tried.push(number);
        }
    }
    tried
}

#[tokio::test]
async fn an_object_that_fails_is_tried_after_one_two_four_and_eight_cycles_then_after_hours() {
    let mut world = World::with_users(["ada", "grace"]);
    world.expects_violations();
    refuse_ada(&world, 400);
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.create, end.report.totals.failure), (1, 1));
    world.take_writes();
    assert_eq!(tries(&world, 50).await, [1, 3, 7, 15, 24, 42]);
    let step = world.log("ada").pop().expect("a row").steps.pop().expect("a step");
    assert_eq!(step.name, "EntryEscrowRetry");
    assert!(step.description.starts_with("failed 7 times since 2026-11-23 08:00 UTC;"), "{step:?}");
}

#[tokio::test]
async fn what_fails_holds_nobody_else_up_and_success_ends_it() {
    let mut world = World::with_users(["ada", "grace"]);
    world.expects_violations();
    refuse_ada(&world, 422);
    world.sync_well().await;
    world.hire("alan");
    world.later();
    world.sync_well().await;
    assert_eq!((world.active("grace"), world.active("alan")), (Some(true), Some(true)));
    assert_eq!(escrow(&world, "ada").expect("set aside").failures.count, 2);
    world.application.clear_faults();
    for _ in 0..2 {
        world.later();
        world.sync_well().await;
    }
    assert_eq!(world.active("ada"), Some(true));
    assert_eq!(counts(&world), EscrowCounts::default());
    world.is_settled().await;
}

#[tokio::test]
async fn a_changed_source_is_tried_at_once_and_counts_anew() {
    let mut world = World::with_users(["ada", "grace"]);
    world.expects_violations();
    refuse_ada(&world, 400);
    world.sync_well().await;
    tries(&world, 4).await;
    assert_eq!(escrow(&world, "ada").expect("set aside").failures.count, 3);
    world.set("ada", "displayName", "Ada Lovelace");
    world.take_writes();
    assert_eq!(tries(&world, 4).await, [1, 2, 4]);
    assert_eq!(escrow(&world, "ada").expect("set aside").failures.count, 3);
}

#[tokio::test]
async fn after_four_weeks_it_is_given_up_and_listed_until_somebody_asks() {
    let mut world = World::with_users(["ada", "grace"]);
    world.expects_violations();
    refuse_ada(&world, 400);
    world.sync_well().await;
    for _ in 0..40 {
        world.a_day_later();
        world.sync_well().await;
    }
    let row = world.state().read(|view| view.given_up(10)).expect("readable").pop();
    let row = row.expect("Ada is given up");
    assert_eq!(
        (row.name.as_deref(), row.code.as_str()),
        (Some("ada@contoso.com"), "UnprocessableEntity")
    );
    let last = world.log("ada").pop().expect("a row");
    assert_eq!((last.at - row.failures.since).num_days(), 28);
    world.take_writes();
    world.application.clear_faults();
    assert_eq!(tries(&world, 3).await, Vec::<usize>::new());
    let now = world.clock.now();
    world.state().write(|tx| tx.release_escrows(now)).expect("writable");
    assert_eq!(tries(&world, 3).await, [1]);
    assert_eq!(world.active("ada"), Some(true));
}

#[tokio::test]
async fn a_removal_that_fails_is_tried_in_every_cycle_for_ever() {
    let mut world = World::with_users(["ada", "grace"]).all_provisioned().await;
    world.expects_violations();
    world.unassign("ada");
    world.application.inject_by_chance(Fault::status(400), Matcher::method(Method::PATCH), 1.0);
    for days in 0..60 {
        world.sync_well().await;
        assert_eq!(world.take_writes().len(), 1, "day {days}");
        world.a_day_later();
    }
    let row = escrow(&world, "ada").expect("set aside");
    assert!(row.is_removal);
    assert_eq!(row.failures.count, 60);
    assert_eq!(counts(&world).given_up, 0);
    world.application.clear_faults();
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(false));
}

#[tokio::test]
async fn a_leaver_whose_account_cannot_be_read_or_mapped_is_tried_in_every_cycle() {
    let mapping = r#"
---
[apps.crm.users]
inherit = true
[[apps.crm.users.attributes]]
target = "active"
expression = 'IIF([IsSoftDeleted], FormatDateTime([department], , "yyyy-MM-dd", "yyyy") = "1815", true)'
"#;
    let mut world = World::with_config(mapping);
    world.hire_all(["ada", "grace", "alan"]);
    let mut world = world.all_provisioned().await;
    world.expects_violations();
    // Grace's account may have another name by now, and nobody can say.
    world.set("grace", "displayName", "Grace Hopper");
    world.application.inject(Fault::Reset(Moment::BeforeApplying), Matcher::method(Method::PATCH));
    world.sync_well().await;
    world.application.inject_by_chance(Fault::status(400), Matcher::method(Method::GET), 1.0);
    world.unassign("ada");
    world.unassign("grace");
    for count in 1..6 {
        world.later();
        world.sync_well().await;
        for name in ["ada", "grace"] {
            let row =
                escrow(&world, name).unwrap_or_else(|| panic!("{name}: {}", world.reason(name)));
            assert!(row.is_removal, "{name}: {row:?}");
            assert_eq!(row.failures.count, count, "{name}: {row:?}");
        }
    }
}

#[tokio::test]
async fn an_outage_is_nobodys_failure() {
    let mut world = World::new();
    for number in 0..8 {
        world.hire(&format!("p{number}"));
    }
    world.expects_violations();
    world.application.inject_by_chance(Fault::status(503), Matcher::method(Method::POST), 1.0);
    for _ in 0..6 {
        assert!(world.sync().await.error.is_some());
        assert_eq!(counts(&world), EscrowCounts::default(), "{}", world.last_plan());
        world.later();
    }
    world.application.clear_faults();
    let end = world.sync_well().await;
    assert_eq!(end.report.totals.create, 8, "all of them in the first cycle after it");
    world.is_settled().await;
}

#[tokio::test]
async fn an_edited_configuration_tries_everything_again() {
    let mut world = World::with_users(["ada", "grace"]);
    world.expects_violations();
    refuse_ada(&world, 400);
    world.sync_well().await;
    tries(&world, 4).await;
    world.application.clear_faults();
    world.reconfigure("exclude_default_access = false\n---\n");
    world.later();
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(true));
}

#[tokio::test]
async fn a_cycle_that_reads_everything_again_tries_everything_again() {
    let mut world = World::with_users(["ada", "grace"]);
    world.expects_violations();
    refuse_ada(&world, 400);
    world.sync_well().await;
    tries(&world, 4).await;
    world.application.clear_faults();
    world.pass(Duration::from_secs(60));
    world.sync_with(CycleOptions { initial: true, ..CycleOptions::default() }).await;
    assert_eq!(world.active("ada"), Some(true));
}

#[tokio::test]
async fn a_death_between_two_tries_neither_forgets_nor_hurries_one() {
    let mut world = World::with_users(["ada", "grace"]);
    world.expects_violations();
    refuse_ada(&world, 400);
    world.sync_well().await;
    tries(&world, 1).await;
    let before = escrow(&world, "ada").expect("set aside");
    world.hire("alan");
    world.crash_after_writes(0).await;
    world.restart();
    refuse_ada(&world, 400);
    assert_eq!(escrow(&world, "ada").as_ref(), Some(&before));
    // Two cycles after the second failure: the one that died was the first of them.
    world.take_writes();
    assert_eq!(tries(&world, 1).await.len(), 1);
    assert_eq!(escrow(&world, "ada").expect("set aside").failures.count, 3);
}

#[tokio::test]
async fn an_explanation_says_how_often_it_failed_and_when_it_is_tried_again() {
    let mut world = World::with_users(["ada", "grace"]);
    world.expects_violations();
    refuse_ada(&world, 400);
    world.sync_well().await;
    tries(&world, 2).await;
    let entra_scim::cycle::Explained::One(told) = world.explain("ada@contoso.com").await else {
        panic!("Ada is found")
    };
    let note = told.notes.iter().find(|note| note.contains("failed 2 times")).expect("a note");
    assert!(note.contains("tried again in the next cycle"), "{note}");
    assert!(note.contains("the last failure: UnprocessableEntity: answered 400"), "{note}");
}

#[tokio::test]
async fn a_preview_shows_a_try_when_it_is_due_and_not_before() {
    let mut world = World::with_users(["ada", "grace"]);
    world.expects_violations();
    refuse_ada(&world, 400);
    world.sync_well().await;
    tries(&world, 1).await;
    world.later();
    assert_eq!(world.plan().await, "nothing to do\n");
    world.sync_well().await;
    world.later();
    assert!(world.plan().await.starts_with("create ada  planned"), "{}", world.plan().await);
}

#[tokio::test]
async fn a_clock_that_ran_ahead_puts_no_try_off_for_years() {
    let mut world = World::with_users(["ada", "grace"]);
    world.expects_violations();
    refuse_ada(&world, 400);
    world.sync_well().await;
    // Until it is tried by the hour.
    tries(&world, 15).await;
    let ahead = world.clock.now() + TimeDelta::days(400);
    let far = json!(ahead.timestamp_millis()).to_string();
    let connection = rusqlite::Connection::open(world.folder.path().join("crm.db")).expect("opens");
    connection.execute("UPDATE escrow SET due_at = ?1", [far]).expect("writable");
    drop(connection);
    world.application.clear_faults();
    world.take_writes();
    assert_eq!(tries(&world, 1).await, [1]);
}
