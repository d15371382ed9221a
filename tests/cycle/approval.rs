//! What a person releases: exactly what was seen, for a day, and by name.

use std::time::Duration;

use entra_scim::{
    model::{Clock, JobId},
    sandbox::application::{Fault, Matcher},
    store::Reader,
};
use http::Method;
use insta::assert_snapshot;
use serde_json::json;

use crate::support::world::World;

const ONE: &str = "---\n[apps.crm.safeguards]\nmax_removals = 1";

/// Five people with accounts, of whom one may go in a day.
async fn five() -> World {
    let mut world = World::with_config(ONE);
    world.hire_all(["ada", "barbara", "chloe", "donald", "edsger"]);
    world.all_provisioned().await
}

/// Runs a cycle that holds something; the id of the held plan.
async fn held(world: &World) -> String {
    world.sync_well().await.report.held.expect("something is held").plan
}

fn approve(world: &World, plan: &str) -> u64 {
    let now = world.clock.now();
    world.state().write(|tx| tx.approve(plan, "olga", now)).expect("stored")
}

#[tokio::test]
async fn log_of_a_released_removal_names_who_released_it() {
    let world = five().await;
    world.unassign("ada");
    world.unassign("barbara");
    let plan = held(&world).await;
    approve(&world, &plan);
    world.later();
    world.set("chloe", "department", "Legal");
    world.sync_well().await;
    let summary = |name: &str| {
        let rows = world.log(name);
        let row = rows.last().expect("a row");
        row.summary("tenant", JobId::derive(&["job"]), "crm")
    };
    let ada = summary("ada");
    assert_eq!(ada["provisioningAction"], json!("disable"));
    assert_eq!(
        ada["initiatedBy"],
        json!({"id": null, "displayName": "olga", "initiatorType": "user"})
    );
    let steps = ada["provisioningSteps"].as_array().expect("steps");
    let step = steps.iter().find(|step| step["name"] == json!("Approved")).expect("the approval");
    assert_snapshot!(step["description"].as_str().expect("a sentence"), @"released by olga at 2026-11-24T08:01:00Z");
    assert_eq!(step["details"]["ApprovedPlan"], json!(plan));
    assert_eq!(summary("chloe")["initiatedBy"]["initiatorType"], json!("application"));
}

#[tokio::test]
async fn held_removal_is_a_staged_delete_in_the_log() {
    let world = five().await;
    world.unassign("ada");
    world.unassign("barbara");
    held(&world).await;
    let rows = world.log("ada");
    let row = rows.last().expect("a row");
    let summary = row.summary("tenant", JobId::derive(&["job"]), "crm");
    assert_eq!(summary["provisioningAction"], json!("stageddelete"));
    let why = &summary["provisioningStatusInfo"]["errorInformation"];
    assert_eq!(why["errorCode"], json!("HeldBySafeguard"));
    assert_snapshot!(why["reason"].as_str().expect("a sentence"), @"2 of 5 linked accounts would be disabled or deleted; the threshold is 1 in 24 hours");
    let found = |word: &str| {
        let action = Some(word.to_owned());
        let filter = entra_scim::store::LogFilter { action, ..Default::default() };
        world.state().read(|view| view.log_rows(&filter, 100)).expect("a log").len()
    };
    assert_eq!((found("stagedDelete"), found("STAGEDDELETE"), found("delete")), (2, 2, 0));
    approve(&world, &row_plan(&world));
    world.later();
    world.sync_well().await;
    // What was carried out in the end is a disable, and no staged delete more.
    assert_eq!((found("stagedDelete"), found("disable")), (2, 4));
}

fn row_plan(world: &World) -> String {
    let held = world.state().read(|view| view.held_changes()).expect("readable");
    held.first().expect("held").plan.clone()
}

#[tokio::test]
async fn plan_that_is_not_held_any_more_releases_nothing() {
    let world = five().await;
    world.unassign("ada");
    world.unassign("barbara");
    let seen = held(&world).await;
    world.unassign("chloe");
    world.later();
    let now = held(&world).await;
    assert_ne!(seen, now, "another list has another id");
    assert_eq!(approve(&world, &seen), 0);
    world.later();
    assert_eq!(held(&world).await, now, "the same list keeps its id");
    assert!(world.take_writes().is_empty());
    assert_eq!(approve(&world, &now), 3);
}

#[tokio::test]
async fn release_that_failed_in_part_is_tried_again_until_a_day_is_over() {
    let world = five().await;
    for name in ["ada", "barbara", "chloe"] {
        world.unassign(name);
    }
    let ada = world.account("ada@contoso.com").expect("there")["id"].clone();
    let path = format!("/Users/{}", ada.as_str().expect("an id"));
    let only_ada = Matcher { path_prefix: Some(path), ..Matcher::method(Method::PATCH) };
    world.application.inject_by_chance(Fault::status(400), only_ada, 1.0);
    let plan = held(&world).await;
    assert_eq!(approve(&world, &plan), 3);
    world.later();
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.disable, end.report.totals.failure), (2, 1));
    // Hours later the release still counts, and does not count against the day.
    world.pass(Duration::from_secs(10 * 3_600));
    let end = world.sync_well().await;
    assert_eq!((end.report.held, end.report.totals.failure), (None, 1));
    // Once a day is over, a removal like any other.
    world.a_day_later();
    world.unassign("donald");
    let end = world.sync_well().await;
    assert_eq!(end.report.held.expect("held").removals, 2, "ada counts afresh");
    world.application.clear_faults();
    assert_eq!(world.active("ada"), Some(true));
    assert_eq!((world.active("barbara"), world.active("chloe")), (Some(false), Some(false)));
}

#[tokio::test]
async fn release_while_a_cycle_runs_counts_for_the_next_one() {
    let mut world = five().await;
    world.unassign("ada");
    world.unassign("barbara");
    let plan = held(&world).await;
    world.set("chloe", "department", "Legal");
    let (path, now) = (world.folder.path().join("crm.db"), world.clock.now());
    world.at_each_write(move || {
        let reader = Reader::open(&path).expect("a reader");
        let count = reader.give(|tx| tx.approve(&plan, "olga", now)).expect("stored");
        assert_eq!(count, 2);
    });
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.update, end.report.totals.held), (1, 2));
    assert_eq!(world.active("ada"), Some(true));
    world.later();
    world.at_each_write(|| {});
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.disable, end.report.held), (2, None));
    world.is_settled().await;
}

#[tokio::test]
async fn release_of_a_disable_is_none_of_a_delete() {
    let world = five().await;
    world.unassign("ada");
    world.unassign("barbara");
    let plan = held(&world).await;
    approve(&world, &plan);
    for name in ["ada", "barbara"] {
        world.tenant.soft_delete_user(world.id(name));
        world.tenant.purge_user(world.id(name));
    }
    world.later();
    let end = world.sync_well().await;
    assert_eq!(end.report.held.expect("held anew").removals, 2);
    assert!(world.take_writes().is_empty());
}
