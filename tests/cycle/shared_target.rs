//! Two applications with one target: each leaves alone what the other has or had.

use entra_scim::{
    cycle::CycleError,
    model::{AppName, Clock, ObjectKind, TargetId},
    store::Neighbours,
};
use insta::assert_snapshot;
use serde_json::json;

use crate::support::world::{Neighbour, World};

/// Two applications; ada has an account through the first.
async fn two() -> (World, Neighbour) {
    let mut world = World::with_users(["ada", "grace"]).all_provisioned().await;
    let other = world.neighbour("erp", "");
    (world, other)
}

fn id(world: &World, name: &str) -> String {
    let account = world.account(&format!("{name}@contoso.com")).expect("there");
    account["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn account_of_the_other_application_is_never_adopted_nor_written() {
    let (mut world, mut erp) = two().await;
    world.swap(&mut erp);
    world.assign("ada", Some(world.editor));
    world.hire("kay");
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.create, end.report.totals.failure), (1, 1));
    assert_snapshot!(world.reason("ada"), @"failure DuplicateSourceEntries: account `u-38f4d74b451e8c20` has the same `userName`, but application `crm` has or had it; nothing was written to it");
    assert_eq!(world.take_writes(), ["POST /Users"], "only kay");
    world.set("ada", "department", "Legal");
    world.unassign("ada");
    world.later();
    world.sync_well().await;
    assert!(world.take_writes().is_empty());
    // To the application that has the account, it is as if the other one were not there.
    world.swap(&mut erp);
    world.sync_well().await;
    assert_eq!(world.take_writes().len(), 1);
    world.is_settled().await;
}

#[tokio::test]
async fn account_that_the_other_application_once_had_is_left_alone_too() {
    let (mut world, mut erp) = two().await;
    let (ada, now) = (world.id("ada"), world.clock.now());
    world.state().write(|tx| tx.release_link(ada, now)).expect("stored");
    world.swap(&mut erp);
    world.assign("ada", Some(world.editor));
    world.sync_well().await;
    assert!(
        world.reason("ada").contains("application `crm` has or had it"),
        "{}",
        world.reason("ada")
    );
    assert!(world.take_writes().is_empty());
}

#[tokio::test]
async fn account_that_came_to_be_linked_by_both_is_written_by_neither() {
    let (mut world, mut erp) = two().await;
    world.swap(&mut erp);
    let (ada, now, target) = (world.id("ada"), world.clock.now(), id(&world, "ada"));
    let target = TargetId::parse(&target).expect("an id");
    world.assign("ada", Some(world.editor));
    world.sync_well().await;
    let exported = [("userName", json!("ada@contoso.com")), ("active", json!(true))];
    let exported = exported
        .into_iter()
        .map(|(path, value)| (entra_scim::scim::AttributePath::parse(path).expect(path), value))
        .collect();
    world
        .state()
        .write(|tx| tx.set_link((ObjectKind::User, ada), &target, "ada", (&exported, None), now))
        .expect("stored");
    world.a_day_later();
    for (lines, what) in [("", "disable"), ("on_out_of_scope = \"delete\"", "delete")] {
        world.reconfigure_neighbour("erp", &format!("---\n[apps.crm.safeguards]\n{lines}"));
        world.unassign("ada");
        let end = world.sync_well().await;
        assert_eq!(end.report.totals.failure, 1, "{what}: {}", world.last_plan());
        let said = world.reason("ada");
        assert!(said.contains("application `crm` has or had account"), "{what}: {said}");
        world.assign("ada", Some(world.editor));
        world.set("ada", "department", what);
        let end = world.sync_well().await;
        assert_eq!(end.report.totals.failure, 1, "update: {}", world.last_plan());
    }
    assert!(world.take_writes().is_empty());
    assert_eq!(world.active("ada"), Some(true));
}

#[tokio::test]
async fn account_that_the_other_application_is_just_creating_is_its() {
    let mut world = World::with_users(["ada"]);
    // The request of `crm` left, and nobody knows what became of it.
    world.crash_after_writes(0).await;
    let mut erp = world.neighbour("erp", "");
    world.seed_account(json!({"userName": "ada@contoso.com", "active": true}));
    world.swap(&mut erp);
    world.assign("ada", Some(world.editor));
    world.sync_well().await;
    assert!(
        world.reason("ada").contains("application `crm` has or had it"),
        "{}",
        world.reason("ada")
    );
    assert!(world.take_writes().is_empty());
}

#[tokio::test]
async fn state_of_the_other_that_cannot_be_read_stops_the_cycle() {
    let mut world = World::with_users(["ada"]);
    world.seed_account(json!({"userName": "ada@contoso.com", "active": true}));
    let path = world.folder.path().join("broken.db");
    std::fs::write(&path, "this is no state").expect("written");
    let name = AppName::parse("broken").expect("a name");
    let store = world.store.take().expect("open");
    world.store = Some(store.beside(Neighbours::of([(name, path)])));
    let end = world.sync().await;
    assert!(matches!(end.error, Some(CycleError::Store(_))), "{:?}", end.report.error);
    assert!(world.take_writes().is_empty());
}

#[tokio::test]
async fn application_that_never_ran_has_nothing() {
    let mut world = World::with_users(["ada"]);
    let path = world.folder.path().join("not-there.db");
    let name = AppName::parse("later").expect("a name");
    let store = world.store.take().expect("open");
    world.store = Some(store.beside(Neighbours::of([(name, path.clone())])));
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(true));
    assert!(!path.exists(), "looking makes no state");
}
