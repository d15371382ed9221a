//! Applications that take their time, or let nobody in: a cycle ends in its time, says what is left,
//! and the next one goes on there.

use std::{sync::Arc, time::Duration};

use entra_scim::{
    cycle::CycleError,
    model::Clock as _,
    sandbox::application::{Fault, Matcher, Quirks},
};
use http::Method;
use insta::assert_snapshot;

use crate::support::world::World;

const HALF_AN_HOUR: Duration = Duration::from_secs(1_800);

fn world(people: usize, concurrency: u16) -> World {
    let mut world = World::with_config(&format!(
        "---\nconcurrency = {concurrency}\n[apps.crm.safeguards]\ncycle_time_max = \"30m\""
    ));
    for number in 0..people {
        world.hire(&format!("p{number:03}"));
    }
    world
}

#[tokio::test]
async fn application_that_throttles_for_ever_costs_the_cycle_its_time_and_nobody_a_failure() {
    let world = world(20, 8);
    let throttled = Fault::throttled(Duration::from_secs(300));
    world.application.inject_by_chance(throttled, Matcher::method(Method::POST), 1.0);
    let began = world.clock.now();
    let end = world.sync().await;
    assert!(matches!(end.error, Some(CycleError::TimeUp { .. })), "{:?}", end.report.error);
    assert_snapshot!(end.report.error.expect("it says why"), @"the cycle took as long as it may (`apps.crm.safeguards.cycle_time_max`, 30 minutes) and ended before its work was done: 20 changes are left to send. Everything done so far is kept, and the next cycle goes on");
    assert!(world.clock.now() - began < chrono::TimeDelta::minutes(31));
    assert_eq!((end.report.totals.create, end.report.totals.failure), (0, 0));
    let writes = world.take_writes().len();
    assert!(writes <= 20, "{writes} attempts where seven were allowed to one");
    world.application.clear_faults();
    world.later();
    world.application.take_requests();
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.create, end.report.totals.failure), (20, 0));
    assert_eq!(world.application.take_requests().len(), 20, "nobody is looked up again");
    world.is_settled().await;
}

#[tokio::test]
async fn application_that_throttles_the_reads_for_ever_ends_the_cycle_before_anything_is_sent() {
    let world = world(3, 8);
    let throttled = Fault::throttled(Duration::from_secs(300));
    world.application.inject_by_chance(throttled, Matcher::method(Method::GET), 1.0);
    let began = world.clock.now();
    let end = world.sync().await;
    assert_snapshot!(end.report.error.expect("it says why"), @"the cycle took as long as it may (`apps.crm.safeguards.cycle_time_max`, 30 minutes) and ended before its work was done: not everything was read, and nothing was sent. Everything done so far is kept, and the next cycle goes on");
    assert_eq!(world.clock.now() - began, chrono::TimeDelta::minutes(30));
    assert!(end.report.quarantine.is_none() && world.take_writes().is_empty());
    world.application.clear_faults();
    world.later();
    let end = world.sync_well().await;
    assert_eq!(end.report.totals.create, 3);
    world.is_settled().await;
}

#[tokio::test]
async fn application_that_answers_in_half_a_minute_gets_as_much_as_the_time_allows() {
    let mut world = world(100, 1);
    world.quirks(Quirks { latency: Duration::from_secs(29), ..Quirks::default() });
    let (mut created, mut cycles) = (0, 0);
    while created < 100 {
        let began = world.clock.now();
        let end = world.sync().await;
        let took = world.clock.now() - began;
        assert!(
            took <= chrono::TimeDelta::from_std(HALF_AN_HOUR).expect("short") + SLACK,
            "{took}"
        );
        assert_eq!(end.report.totals.failure, 0);
        created += end.report.totals.create;
        cycles += 1;
        assert!(cycles <= 3, "{created} after {cycles} cycles");
        world.later();
    }
    assert_eq!(world.take_writes().len(), 100, "each is sent once");
    world.quirks(Quirks::default());
    world.is_settled().await;
}

#[tokio::test]
async fn what_was_taken_ahead_is_planned_again_when_the_program_is_asked_to_stop() {
    let mut world = world(20, 4);
    let stop = Arc::default();
    world.stop_after_writes(&stop, 5);
    let end = world.sync_until(&stop).await;
    assert!(matches!(end.error, Some(CycleError::Stopped)), "{:?}", end.report.error);
    let created = world.application.user_count();
    assert!((6..=9).contains(&created), "{created}: those that were under way are heard");
    assert_eq!(end.report.totals.create, created as u64);
    let sent = world.state().read(|view| view.sent_rows()).expect("the state");
    assert!(sent.is_empty(), "nothing is in doubt: {sent:?}");
    world.at_each_write(|| {});
    world.later();
    let end = world.sync_well().await;
    assert_eq!(end.report.totals.create, 20 - created as u64);
    assert_eq!(world.take_writes().len(), 20, "each is sent once");
    world.is_settled().await;
}

#[tokio::test]
async fn two_creates_that_are_answered_with_one_account_give_it_to_one_person() {
    let mut world = World::with_config(
        "---
concurrency = 8",
    );
    world.hire_all(["ada", "barbara", "chloe"]);
    world.repeats_the_first_create();
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.create, end.report.totals.failure), (1, 2));
    let names = ["ada", "barbara", "chloe"];
    let refused = names.iter().filter(|name| world.reason(name).contains("DuplicateSourceEntries"));
    assert_eq!(refused.count(), 2, "{}", world.last_plan());
}

/// The answer that was on its way when the time was up.
const SLACK: chrono::TimeDelta = chrono::TimeDelta::seconds(30);
