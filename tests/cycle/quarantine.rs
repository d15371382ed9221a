//! A job that fails as a whole: it rests, is tried less and less often, and mends itself.

use chrono::TimeDelta;
use entra_scim::{
    cycle::CycleOptions,
    model::Clock as _,
    provisioning::{Occasion, Quarantine, QuarantineReason, Reason, Schedule},
    sandbox::application::{Fault, Matcher},
    store::JobState,
};
use http::Method;

use crate::support::world::World;

fn quarantine(world: &World) -> Option<Quarantine> {
    world.state().read(|view| view.quarantine()).expect("readable")
}

fn state(world: &World) -> JobState {
    world.state().read(|view| view.job_state()).expect("readable")
}

fn company(count: usize) -> World {
    let mut world = World::new();
    for number in 0..count {
        world.hire(&format!("p{number:02}"));
    }
    world
}

/// So many of the company's people are refused.
fn refuse(world: &World, count: usize) {
    for number in 0..count {
        let text = Some(format!("p{number:02}@contoso.com"));
        let matcher = Matcher { body_contains: text, ..Matcher::method(Method::POST) };
        world.application.inject_by_chance(Fault::status(400), matcher, 1.0);
    }
}

#[tokio::test]
async fn refused_credentials_put_a_job_in_quarantine_at_once_and_one_request_tries_again() {
    let mut world = World::with_users(["ada", "grace"]).all_provisioned().await;
    world.expects_violations();
    world.set("ada", "displayName", "Ada Lovelace");
    world.application.set_token("another");
    world.sync().await;
    let first = quarantine(&world).expect("in quarantine");
    assert_eq!(first.reason, QuarantineReason::EncounteredQuarantineException);
    assert_eq!(first.code, Reason::Unauthorized);
    assert_eq!(state(&world), JobState::Quarantine);
    for count in 2..5 {
        world.a_day_later();
        world.application.take_requests();
        let end = world.sync().await;
        assert!(end.error.is_some());
        assert_eq!(end.report.requests.graph, 0, "the directory is not asked");
        assert_eq!(world.application.take_requests().len(), 1);
        assert_eq!(quarantine(&world).expect("still").series_count, count);
    }
    world.application.set_token("secret");
    world.a_day_later();
    let end = world.sync_well().await;
    assert_eq!(end.report.totals.update, 1, "nothing was lost meanwhile");
    assert_eq!((quarantine(&world), state(&world)), (None, JobState::Active));
    world.is_settled().await;
}

#[tokio::test]
async fn an_address_without_a_scim_service_is_a_reason_at_once() {
    let mut world = World::with_users(["ada"]);
    world.expects_violations();
    world.application.inject_by_chance(Fault::status(404), Matcher::any(), 1.0);
    world.sync().await;
    let code = quarantine(&world).expect("in quarantine").code;
    assert_eq!(code, Reason::SystemForCrossDomainIdentityManagementServiceIncompatible);
    world.application.clear_faults();
    world.later();
    world.sync_well().await;
    assert_eq!((quarantine(&world), world.active("ada")), (None, Some(true)));
}

#[tokio::test]
async fn a_service_that_cannot_filter_leaves_quarantine_all_the_same() {
    let mut world = company(30).all_provisioned().await;
    world.expects_violations();
    world.set("p00", "displayName", "Another");
    world.application.set_token("another");
    world.sync().await;
    assert!(quarantine(&world).is_some());
    world.application.set_token("secret");
    world.application.inject(Fault::status(501), Matcher::method(Method::GET));
    world.later();
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.update, quarantine(&world)), (1, None));
}

#[tokio::test]
async fn nine_of_twenty_failures_are_too_many_and_eight_are_not() {
    for (failures, is_quarantined) in [(8, false), (9, true)] {
        let mut world = company(20);
        world.expects_violations();
        refuse(&world, failures);
        let end = world.sync_well().await;
        assert_eq!(end.report.totals.failure, failures as u64);
        assert_eq!(end.report.quarantine.is_some(), is_quarantined, "{failures}");
        let reason = quarantine(&world).map(|quarantine| quarantine.reason);
        let expected = QuarantineReason::EncounteredEscrowProportionThreshold;
        assert_eq!(reason, is_quarantined.then_some(expected));
    }
}

#[tokio::test]
async fn people_who_fail_for_ever_are_no_outage() {
    let mut world = company(60);
    world.expects_violations();
    refuse(&world, 22);
    world.sync_well().await;
    assert_eq!(quarantine(&world), None, "22 of 60");
    for _ in 0..20 {
        world.later();
        world.sync_well().await;
        assert_eq!(quarantine(&world), None, "{}", world.last_plan());
    }
    // Nor are they when all of them are tried again at once.
    let now = world.clock.now();
    world.state().write(|tx| tx.release_escrows(now)).expect("writable");
    world.later();
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.failure, quarantine(&world)), (22, None));
}

#[tokio::test]
async fn a_try_in_quarantine_stops_where_the_failures_go_on() {
    let mut world = company(60);
    world.expects_violations();
    refuse(&world, 60);
    world.sync_well().await;
    assert!(quarantine(&world).is_some());
    world.take_writes();
    world.later();
    let end = world.sync().await;
    let said = end.report.error.expect("it ends early");
    assert_eq!(said, "20 of 20 changes failed, so the rest was not sent");
    let writes = world.take_writes().len();
    assert!((20..=28).contains(&writes), "those under way are heard to their end: {writes}");
    assert!(quarantine(&world).is_some());
    world.application.clear_faults();
    for _ in 0..2 {
        world.later();
        world.sync_well().await;
    }
    assert_eq!((quarantine(&world), world.application.user_count()), (None, 60));
    world.is_settled().await;
}

#[tokio::test]
async fn leavers_lose_their_access_before_a_try_finds_that_the_failures_go_on() {
    let mut world = company(40).all_provisioned().await;
    world.expects_violations();
    for number in 40..80 {
        world.hire(&format!("p{number:02}"));
    }
    world.application.inject_by_chance(Fault::status(400), Matcher::method(Method::POST), 1.0);
    world.sync_well().await;
    assert!(quarantine(&world).is_some());
    world.unassign("p00");
    world.later();
    assert!(world.sync().await.error.is_some());
    assert_eq!(world.active("p00"), Some(false));
}

#[tokio::test]
async fn a_directory_that_cannot_be_read_says_nothing_about_the_target() {
    let mut world = World::with_users(["ada"]).all_provisioned().await;
    world.expects_violations();
    let (client_id, _) = world.tenant.default_client();
    world.tenant.grant_permissions(&client_id, &[]);
    world.sync_badly().await;
    assert_eq!((quarantine(&world), state(&world)), (None, JobState::Active));
}

#[tokio::test]
async fn tries_are_scheduled_less_and_less_often_and_a_person_may_try_at_any_time() {
    let mut world = World::with_users(["ada"]).all_provisioned().await;
    world.expects_violations();
    world.set("ada", "displayName", "Ada Lovelace");
    world.application.set_token("another");
    let every = Schedule::Every(std::time::Duration::from_secs(40 * 60));
    let due = |world: &World| {
        let now = world.clock.now();
        let due = world.state().read(|view| view.due_at(&every, None, now));
        due.expect("readable").expect("scheduled") - now
    };
    world.sync().await;
    assert_eq!(due(&world), TimeDelta::minutes(40));
    world.later();
    world.sync().await;
    assert_eq!(due(&world), TimeDelta::minutes(80));
    world.later();
    world.sync_with(CycleOptions { occasion: Occasion::Asked, ..CycleOptions::default() }).await;
    assert_eq!(due(&world), TimeDelta::minutes(40), "no later for having been asked");
    world.application.set_token("secret");
    world.sync_with(CycleOptions { occasion: Occasion::Asked, ..CycleOptions::default() }).await;
    assert_eq!((quarantine(&world), due(&world)), (None, TimeDelta::minutes(40)));
}

#[tokio::test]
async fn after_four_weeks_the_job_is_paused_and_says_so() {
    let mut world = World::with_users(["ada"]).all_provisioned().await;
    world.expects_violations();
    world.set("ada", "displayName", "Ada Lovelace");
    world.application.set_token("another");
    for _ in 0..28 {
        world.sync().await;
        assert_eq!(state(&world), JobState::Quarantine);
        world.a_day_later();
    }
    world.sync().await;
    assert_eq!(state(&world), JobState::Paused);
    let paused = world.state().read(|view| view.paused()).expect("readable").expect("paused");
    assert_eq!(paused.by, "entra-scim");
}
