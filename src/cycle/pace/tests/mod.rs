//! How the pace finds what services allow, and what it keeps to meanwhile.

mod limits;
mod service;

use std::{pin::Pin, sync::Arc, time::Duration};

use chrono::TimeDelta;
use service::{SECOND, Service, Timeline, pace, pacer, start, throttled, workers};

use super::{Class, HostPaces, Pacer, pacer::End};
use crate::{
    cycle::Stop,
    model::{Clock, Timestamp},
    port::{FaultClass, TargetFault},
    provisioning::job::Pace,
};

/// That of `seconds` at `limit` a second, at least 95 % were used, and at most 1 % was too much.
fn is_well_used((served, refused): (usize, usize), limit: usize, seconds: usize) {
    assert!(served * 100 >= limit * seconds * 95, "{served} of {} were used", limit * seconds);
    assert!(refused * 100 <= served + refused, "{refused} beside {served} were too much");
}

#[test]
fn a_limit_that_nobody_told_is_found_and_used() {
    for concurrency in [8, 32, 64] {
        for latency in [|_| Duration::from_millis(1), |_| Duration::from_millis(50)] {
            let clock = Timeline::starts();
            let host = Arc::default();
            let service = Service { latency, ..Service::of(&clock, 25, &[Class::UserWrite]) };
            let pacer = pacer(&clock, &pace(concurrency), &host);
            clock.run(workers((&pacer, &service), Class::UserWrite, 300));
            is_well_used(service.since(0), 25, 300);
        }
    }
}

#[test]
fn what_was_learnt_in_one_cycle_the_next_one_knows() {
    let (clock, hosts) = (Timeline::starts(), HostPaces::default());
    let service = Service::of(&clock, 25, &[Class::UserWrite]);
    let first = pacer(&clock, &pace(8), &hosts.of("crm.example"));
    clock.run(workers((&first, &service), Class::UserWrite, 20));
    clock.run([Box::pin(clock.sleep(SECOND * 1_200)) as Pin<Box<dyn Future<Output = ()>>>]);
    let second = pacer(&clock, &pace(8), &hosts.of("CRM.example"));
    clock.run(workers((&second, &service), Class::UserWrite, 1_250));
    let (served, refused) = service.since(1_220);
    assert!(served >= 30 * 23 && refused <= 1, "{served} served, {refused} too much");
}

#[test]
fn a_limit_that_changes_is_found_again_in_both_directions() {
    let clock = Timeline::starts();
    let host = Arc::default();
    let service = Service::of(&clock, 25, &[Class::UserWrite]);
    let pacer = pacer(&clock, &pace(8), &host);
    clock.run(workers((&pacer, &service), Class::UserWrite, 60));
    *service.limit.borrow_mut() = 10;
    clock.run(workers((&pacer, &service), Class::UserWrite, 360));
    is_well_used(service.since(70), 10, 290);
    *service.limit.borrow_mut() = 25;
    clock.run(workers((&pacer, &service), Class::UserWrite, 1_200));
    let (served, refused) = service.since(1_000);
    assert!(served >= 200 * 23 && refused <= served / 100, "{served} served, {refused} too much");
}

#[test]
fn a_class_that_is_throttled_holds_up_no_other() {
    let clock = Timeline::starts();
    let host = Arc::default();
    let service = Service::of(&clock, 5, &[Class::UserWrite]);
    let (writer, reader) = (pacer(&clock, &pace(8), &host), pacer(&clock, &pace(8), &host));
    let mut all = workers((&writer, &service), Class::UserWrite, 60);
    all.extend(workers((&reader, &service), Class::Read, 60));
    clock.run(all);
    let of = |class| service.seen.borrow().iter().filter(|(_, it, _)| *it == class).count();
    // Eight at a time, in 40 ms each: as if there were no writes.
    assert!(of(Class::Read) >= 60 * 8 * 25 * 95 / 100, "{} reads", of(Class::Read));
    assert!((5 * 50..5 * 63).contains(&of(Class::UserWrite)), "{} writes", of(Class::UserWrite));
}

#[test]
fn two_applications_on_one_host_share_what_it_bears() {
    let (clock, hosts) = (Timeline::starts(), HostPaces::default());
    let service = Service::of(&clock, 25, &[Class::UserWrite]);
    let apps: [Pacer<'_>; 2] = [1, 2].map(|_| pacer(&clock, &pace(8), &hosts.of("vendor.example")));
    let work = apps.iter().flat_map(|app| workers((app, &service), Class::UserWrite, 200));
    clock.run(work.collect::<Vec<_>>());
    is_well_used(service.since(0), 25, 200);
    assert!(service.under_way.borrow().1 <= 8, "one window, not two");

    let others = HostPaces::default();
    let (clock, apart) = (Timeline::starts(), ["a.example", "b.example"]);
    let services = apart.map(|_| Service::of(&clock, 25, &[Class::UserWrite]));
    let apps = apart.map(|host| pacer(&clock, &pace(8), &others.of(host)));
    let pairs = apps.iter().zip(&services);
    let work = pairs.flat_map(|pair| workers(pair, Class::UserWrite, 200));
    clock.run(work.collect::<Vec<_>>());
    for service in &services {
        is_well_used(service.since(0), 25, 200);
    }
}

#[test]
fn more_at_once_is_not_tried_where_it_only_makes_every_answer_slower() {
    let clock = Timeline::starts();
    let host = Arc::default();
    // Five at a time are served in 200 ms; whatever comes on top waits for its turn.
    let latency = |under_way: usize| Duration::from_millis(40 * under_way.max(5) as u64);
    let service = Service { latency, ..Service::of(&clock, 0, &[]) };
    let pacer = pacer(&clock, &pace(64), &host);
    clock.run(workers((&pacer, &service), Class::UserWrite, 60));
    assert!(service.under_way.borrow().1 <= 24, "{} at once", service.under_way.borrow().1);
    let (served, _) = service.since(0);
    assert!(served >= 60 * 25 * 95 / 100, "{served} of {} were used", 60 * 25);
}

#[test]
fn a_quick_service_is_asked_by_as_many_as_are_allowed() {
    let clock = Timeline::starts();
    let host = Arc::default();
    let latency = |_| Duration::from_millis(50);
    let service = Service { latency, ..Service::of(&clock, 0, &[]) };
    let pacer = pacer(&clock, &pace(32), &host);
    clock.run(workers((&pacer, &service), Class::UserWrite, 10));
    assert_eq!(service.under_way.borrow().1, 32);
    let (served, _) = service.since(0);
    assert!(served >= 10 * 640 * 97 / 100, "{served} of 6400");
}

#[test]
fn what_is_configured_is_never_exceeded() {
    let clock = Timeline::starts();
    let host = Arc::default();
    let limits = Pace {
        requests_per_second_max: Some(20.0),
        user_writes_per_second_max: Some(4.0),
        ..pace(8)
    };
    let service = Service::of(&clock, 0, &[]);
    let (writer, reader) = (pacer(&clock, &limits, &host), pacer(&clock, &limits, &host));
    let mut all = workers((&writer, &service), Class::UserWrite, 30);
    all.extend(workers((&reader, &service), Class::Read, 30));
    clock.run(all);
    let seen = service.seen.borrow();
    let least = |times: Vec<Timestamp>| times.windows(2).map(|two| two[1] - two[0]).min();
    let of = |only: Option<Class>| {
        let wanted = seen.iter().filter(|(_, class, _)| only.is_none_or(|only| only == *class));
        wanted.map(|(at, ..)| *at).collect::<Vec<_>>()
    };
    assert_eq!(least(of(None)), Some(TimeDelta::milliseconds(50)));
    assert!(least(of(Some(Class::UserWrite))) >= Some(TimeDelta::milliseconds(250)));
    assert!(of(None).len() >= 30 * 20 * 95 / 100, "{} in all", of(None).len());
    assert!(of(Some(Class::UserWrite)).len() >= 30 * 4 * 9 / 10);
    assert!(service.under_way.borrow().1 <= 16);
}

#[test]
fn nobody_is_asked_before_the_wait_is_over_that_was_asked_for() {
    let clock = Timeline::starts();
    let host = Arc::default();
    let service = Service::of(&clock, 3, &[Class::UserWrite]);
    let pacer = pacer(&clock, &pace(8), &host);
    clock.run(workers((&pacer, &service), Class::UserWrite, 30));
    let seen = service.seen.borrow();
    for (at, ..) in seen.iter().filter(|(.., is_too_much)| *is_too_much) {
        let answered = *at + Duration::from_millis(40);
        let until = answered + SECOND;
        let early = seen.iter().find(|(it, ..)| *it > answered && *it < until);
        assert_eq!(early, None, "refused at {at}");
    }
}

#[test]
fn a_cycle_that_is_over_waits_no_longer() {
    let clock = Timeline::starts();
    let stop = Stop::default();
    let deadline = Some(start() + SECOND * 90);
    let over = Some(End { stop: &stop, deadline });
    let refused =
        || async { Err::<(), _>(TargetFault { retry_after: Some(SECOND * 40), ..throttled() }) };
    let paced = Pacer { end: over, ..pacer(&clock, &pace(8), &Arc::default()) };
    clock.run([Box::pin(async {
        let fault = paced.ask(Class::UserWrite, refused).await.unwrap_err();
        assert_eq!((fault.class, fault.status), (FaultClass::Throttled, Some(429)));
        assert_eq!(Some(clock.now()), deadline, "not after 80 seconds, and not after 120");
    }) as Pin<Box<dyn Future<Output = ()>>>]);

    let (clock, stop) = (Timeline::starts(), Stop::default());
    let over = Some(End { stop: &stop, deadline: None });
    let paced = Pacer { end: over, ..pacer(&clock, &pace(8), &Arc::default()) };
    clock.run([
        Box::pin(async {
            paced.ask(Class::UserWrite, refused).await.unwrap_err();
            assert_eq!(clock.now(), start() + SECOND * 7);
        }) as Pin<Box<dyn Future<Output = ()>>>,
        Box::pin(async {
            clock.sleep(SECOND * 7).await;
            stop.request();
        }),
    ]);
}
