//! A cycle that takes too long, and the one that goes on after it.

use std::time::Duration;

use entra_scim::{
    cycle::CycleError,
    model::Clock,
    sandbox::application::{Quirks, ViolationKind},
};
use insta::assert_snapshot;

use crate::support::world::World;

const AN_HOUR: &str = "---\nconcurrency = 1\n[apps.crm.safeguards]\ncycle_time_max = \"1h\"";

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

fn world() -> World {
    let mut world = World::with_config(AN_HOUR);
    world.hire_all(["ada", "barbara", "chloe", "donald"]);
    world
}

#[tokio::test]
async fn export_that_runs_out_of_time_says_what_is_left_and_the_next_cycle_goes_on() {
    let mut world = world();
    world.each_write_takes(minutes(25));
    let end = world.sync().await;
    assert!(matches!(end.error, Some(CycleError::TimeUp { .. })), "{:?}", end.report.error);
    assert_snapshot!(end.report.error.expect("it says why"), @"the cycle took as long as it may (`apps.crm.safeguards.cycle_time_max`, 1 hour) and ended before its work was done: 1 change is left to send. Everything done so far is kept, and the next cycle goes on");
    assert_eq!(end.report.totals.create, 3, "only what was done counts");
    assert_eq!(world.application.user_count(), 3);
    world.application.take_requests();
    let end = world.sync_well().await;
    assert_eq!(end.report.totals.create, 1);
    let requests = world.application.take_requests();
    assert_eq!(requests.len(), 1, "nobody is looked up or written twice: {requests:?}");
    world.is_settled().await;
}

#[tokio::test]
async fn draft_that_runs_out_of_time_is_gone_on_with_and_nobody_is_looked_up_twice() {
    let mut world = World::with_config(AN_HOUR);
    world.hire("edsger");
    let mut world = world.all_provisioned().await;
    // What the application says of itself is known for a day.
    world.set("edsger", "department", "Looms");
    world.sync_well().await;
    world.hire_all(["ada", "barbara", "chloe", "donald"]);
    world.quirks(Quirks { list_refused: Some(403), latency: minutes(25), ..Quirks::default() });
    let end = world.sync().await;
    assert_snapshot!(end.report.error.expect("it says why"), @"the cycle took as long as it may (`apps.crm.safeguards.cycle_time_max`, 1 hour) and ended before its work was done: 1 person is not decided yet, and nothing was sent. Everything done so far is kept, and the next cycle goes on");
    assert_eq!((end.report.totals.create, world.application.user_count()), (0, 1));
    let mut cycles = 1;
    while world.application.user_count() < 5 {
        cycles += 1;
        assert!(cycles < 10, "it never gets there");
        world.later();
        world.sync().await;
    }
    world.quirks(Quirks::default());
    world.later();
    world.sync_well().await;
    let requests = world.application.take_requests();
    let looks = requests.iter().filter(|request| request.parameter("filter").is_some()).count();
    assert_eq!(looks, 4, "{requests:?}");
    world.is_settled().await;
}

#[tokio::test]
async fn what_changes_between_the_two_cycles_is_decided_again() {
    let mut world = world();
    world.each_write_takes(minutes(25));
    world.sync().await;
    let left = ["ada", "barbara", "chloe", "donald"]
        .into_iter()
        .find(|name| world.active(name).is_none())
        .expect("one is left");
    world.set(left, "displayName", "Somebody Else");
    for name in ["ada", "barbara", "chloe", "donald"] {
        if name != left {
            world.set(name, "department", "Legal");
        }
    }
    world.later();
    let end = world.sync().await;
    assert_eq!((end.report.totals.create, end.report.totals.update), (0, 3));
    world.later();
    world.sync_well().await;
    let account = world.account(&format!("{left}@contoso.com")).expect("created");
    assert_eq!(account["displayName"], "Somebody Else");
    world.is_settled().await;
}

#[tokio::test]
async fn removal_that_is_left_is_counted_again_before_it_is_sent() {
    let mut world = World::with_config(&format!("{AN_HOUR}\nmax_removals = 3"));
    world.hire_all(["ada", "barbara", "chloe", "donald", "edsger"]);
    let mut world = world.all_provisioned().await;
    for name in ["ada", "barbara", "chloe"] {
        world.unassign(name);
    }
    world.each_write_takes(minutes(31));
    let end = world.sync().await;
    assert_eq!(end.report.totals.disable, 2, "{:?}", end.report.error);
    world.unassign("donald");
    world.later();
    let end = world.sync_well().await;
    assert_snapshot!(end.report.held.expect("held").reason, @"2 of 5 linked accounts would be disabled or deleted, after 2 in the last 24 hours; the threshold is 3 in 24 hours");
}

#[tokio::test]
async fn reading_that_takes_too_long_keeps_its_pages() {
    let mut world = world();
    for _ in 0..3 {
        let slow = entra_scim::sandbox::tenant::Fault::Delay(minutes(40));
        world.tenant.inject_at("/users", slow);
    }
    let mut said = Vec::new();
    for _ in 0..4 {
        let end = world.sync().await;
        said.extend(end.report.error);
        world.later();
    }
    assert!(said.iter().all(|error| error.contains("not everything was read")), "{said:?}");
    world.expects_violations();
    assert_eq!(world.application.user_count(), 4);
    world.is_settled().await;
}

#[tokio::test]
async fn reference_that_is_left_is_worked_out_anew() {
    let mut world = World::with_config(AN_HOUR);
    world.hire_all(["ada", "barbara", "chloe"]);
    let mut world = world.all_provisioned().await;
    for name in ["barbara", "chloe"] {
        world.tenant.set_manager(world.id(name), Some(world.id("ada")));
        world.set(name, "department", "Legal");
    }
    world.each_write_takes(minutes(61));
    let end = world.sync().await;
    assert_eq!(end.report.totals.update, 1, "{:?}", end.report.error);
    // The manager goes for good before the other account could refer to the manager's.
    world.tenant.soft_delete_user(world.id("ada"));
    world.tenant.purge_user(world.id("ada"));
    world.at_each_write(|| {});
    world.later();
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.delete, end.report.totals.failure), (1, 0));
    world.later();
    world.sync_well().await;
    // The application took the reference to the deleted account away by itself.
    let mut violations = world.application.take_violations();
    violations.retain(|violation| violation.kind != ViolationKind::NeedlessWrite);
    assert_eq!(violations, []);
    world.is_settled().await;
}

#[tokio::test]
async fn on_a_slow_disk_cycles_run_out_of_time_and_each_goes_on_where_the_last_one_ended() {
    let mut world = World::with_config(
        "---\nconcurrency = 1\n[apps.crm.safeguards]\ncycle_time_max = \"1m\"\nmax_creates = 1000",
    );
    for number in 0..200 {
        world.hire(&format!("p{number:03}"));
    }
    let clock = world.clock.clone();
    world.at_each_commit(move || clock.advance(Duration::from_secs(1)));
    let (mut cycles, mut done) = (0, 0);
    while done < 200 {
        cycles += 1;
        assert!(cycles < 20, "it never gets there");
        let end = world.sync().await;
        let count = world.application.user_count();
        match &end.error {
            Some(CycleError::TimeUp { .. }) => {
                let (began, now) = (end.report.began, Clock::now(&world.clock));
                assert!((now - began).num_seconds() < 90, "it ends soon after its time is up");
            }
            None => assert_eq!(count, 200),
            Some(error) => panic!("{error}"),
        }
        assert!(count > done || done == 0, "every further cycle gets on: {count}");
        done = count;
    }
    assert!(cycles > 2, "the disk was slow enough to matter");
    let creates = world.take_writes().iter().filter(|write| write.starts_with("POST")).count();
    assert_eq!(creates, 200, "nobody was created twice");
    world.is_settled().await;
}
