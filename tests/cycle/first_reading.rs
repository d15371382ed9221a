//! The first reading of everybody, which is put down as it comes and sorted in at its end.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use entra_scim::{
    cycle::{CycleOptions, Stop},
    model::Clock as _,
    provisioning::{ChangeStatus, Presence},
    sandbox::tenant::Fault,
    store::StoreError,
};

use crate::support::{state, world::World};

/// Managers are mapped, so everybody is read by one chain of pages.
const EVERYBODY: &str = "scope = \"all\"\n---";

const NAMES: [&str; 7] = ["ada", "bob", "cleo", "dora", "emil", "fay", "gus"];

fn world() -> World {
    let mut world = World::with_config(EVERYBODY);
    world.tenant.switch(|switches| switches.page_rows_max = 2);
    for name in NAMES {
        world.person(name);
    }
    for pair in NAMES.windows(2) {
        world.tenant.set_manager(world.id(pair[1]), Some(world.id(pair[0])));
    }
    world
}

/// Everybody has an account, and that of the manager is named in it.
async fn assert_all_there(world: &World) {
    let of = |name: &str| world.account(&format!("{name}@contoso.com")).expect(name);
    for pair in NAMES.windows(2) {
        let manager = &of(pair[1])["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"]["manager"]
            ["value"];
        assert_eq!(*manager, of(pair[0])["id"], "{}", pair[1]);
    }
    world.is_settled().await;
}

/// A reading that breaks off after two pages, for good.
async fn broken_off() -> World {
    let mut world = world();
    let pages = AtomicUsize::new(0);
    world.before_the_directory(move |target| {
        let is_page = target.contains("/users/delta");
        (is_page && pages.fetch_add(1, Ordering::Relaxed) >= 2).then_some(503)
    });
    assert!(world.sync_badly().await.contains("unavailable"));
    world.directory_is_itself_again();
    world.tenant.take_requests();
    world
}

/// The rows that are put down.
fn put_down(world: &World) -> i64 {
    let state = state::open(world.state().path());
    state.query_row("SELECT count(*) FROM first_reading", [], |row| row.get(0)).expect("a count")
}

#[tokio::test]
async fn what_was_put_down_counts_when_the_reading_goes_on_and_nothing_of_it_stays() {
    let mut world = broken_off().await;
    assert_eq!(put_down(&world), 4);
    world.restart();
    let end = world.sync_well().await;
    // The application, and the two pages that are left.
    assert_eq!(end.report.requests.graph, 3);
    assert_eq!(put_down(&world), 0);
    assert_all_there(&world).await;
}

#[tokio::test]
async fn a_first_reading_that_dies_at_any_commit_loses_nobody() {
    for moment in 0.. {
        let mut world = world();
        let commits = AtomicUsize::new(0);
        world.watch_commits(Arc::new(move |_| {
            if commits.fetch_add(1, Ordering::Relaxed) == moment {
                return Err(StoreError::Missing("the power is gone".into()));
            }
            Ok(())
        }));
        let end = world.try_sync(CycleOptions::default(), &Stop::default()).await;
        assert!(end.is_err() || end.is_ok_and(|end| end.error.is_some()), "it did not die");
        world.restart();
        let planned = world.state().read(|view| view.plan_count(ChangeStatus::Planned));
        if planned.expect("the state reads") > 0 {
            assert!(moment > 20, "{moment} moments before the first decision");
            break;
        }
        // What the next cycle reads of her is newer than what was put down.
        world.set("ada", "department", "Legal");
        world.sync_well().await;
        assert_all_there(&world).await;
    }
}

#[tokio::test]
async fn who_changes_while_everybody_is_read_is_as_the_last_page_says() {
    let mut world = world();
    let (tenant, pages) = (world.tenant.clone(), AtomicUsize::new(0));
    let [ada, bob, cleo, gus] = ["ada", "bob", "cleo", "gus"].map(|name| world.id(name));
    world.before_the_directory(move |target| {
        if target.contains("/users/delta") && pages.fetch_add(1, Ordering::Relaxed) == 2 {
            tenant.set_attribute(ada, "department", "Legal");
            tenant.set_manager(cleo, Some(gus));
            tenant.set_manager(gus, None);
            tenant.soft_delete_user(bob);
        }
        None
    });
    world.sync_well().await;
    world.sync_well().await;
    let known = |id| world.state().read(|view| view.subject(id)).expect("reads").expect("known");
    assert_eq!(known(ada).attributes["department"], "Legal");
    assert_eq!(known(cleo).manager, Some(gus));
    assert_eq!(known(gus).manager, None);
    assert_ne!(known(bob).presence, Presence::Live);
    world.is_settled().await;
}

#[tokio::test]
async fn rows_that_come_twice_and_in_any_order_are_sorted_in_once() {
    for fault in [Fault::DuplicateRows, Fault::ShuffleRows, Fault::ReplayRows] {
        let world = world();
        for _ in 0..5 {
            world.tenant.inject_at("/users/delta", fault.clone());
        }
        world.sync_well().await;
        world.tenant.clear_faults();
        assert_all_there(&world).await;
    }
}

#[tokio::test]
async fn who_is_provisioned_while_a_first_reading_is_broken_off_stays_as_provisioned() {
    let world = broken_off().await;
    world.provision("dora").await;
    assert!(world.account("dora@contoso.com").is_some());
    world.set("dora", "department", "Legal");
    world.sync_well().await;
    assert_all_there(&world).await;
}

#[tokio::test]
async fn of_a_forgotten_person_nothing_that_was_put_down_stays() {
    for name in NAMES {
        let world = broken_off().await;
        let id = world.id(name);
        if !world.state_bytes().windows(name.len()).any(|bytes| bytes == name.as_bytes()) {
            continue;
        }
        world.tenant.purge_user(id);
        let people = world.state().read(|view| view.people_named(&format!("{name}@contoso.com")));
        assert_eq!(people.expect("the state reads"), [id], "{name}");
        world.state().forget(id, world.clock.now()).expect("forgotten");
        let bytes = world.state_bytes();
        assert!(!bytes.windows(name.len()).any(|bytes| bytes == name.as_bytes()), "{name}");
        world.sync_well().await;
        assert_eq!(world.application.user_count(), NAMES.len() - 1);
        world.is_settled().await;
        return;
    }
    panic!("nobody was put down");
}

#[tokio::test]
async fn what_is_redacted_from_now_on_is_not_in_what_was_put_down() {
    let world = broken_off().await;
    let shows = |world: &World| world.state_bytes().windows(5).any(|bytes| bytes == b"Sales");
    assert!(shows(&world));
    let paths = ["department".parse().expect("a path")].into();
    world.state().hide(paths, ["department".to_owned()].into()).expect("hidden");
    assert!(!shows(&world));
    world.sync_well().await;
    assert_all_there(&world).await;
}
