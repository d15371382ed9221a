//! Limits of every size and manner, and what of them is used from a cold start on.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;

use super::{
    is_well_used,
    service::{SECOND, Service, Timeline, pace, pacer, start, workers},
};
use crate::{cycle::pace::Class, model::Timestamp};

/// Answers after 1, 50 and 200 ms.
const LATENCIES: [fn(usize) -> Duration; 3] = [|_| SECOND / 1_000, |_| SECOND / 20, |_| SECOND / 5];

/// How many ask at once, and with which latency: each limit takes the next of them.
const WORLDS: [(u16, usize); 6] = [(1, 0), (8, 1), (16, 0), (16, 2), (32, 1), (64, 0)];

/// Asks for so long, with nothing known at first.
fn ask(service: &Service<'_>, concurrency: u16, seconds: u64) {
    let pacer = pacer(service.clock, &pace(concurrency), &Arc::default());
    service.clock.run(workers((&pacer, service), Class::UserWrite, seconds));
}

/// When it was too much: once for all that were under way then.
fn refusals(service: &Service<'_>) -> Vec<Timestamp> {
    let seen = service.seen.borrow();
    let refused = seen.iter().filter(|(.., is_too_much)| *is_too_much).map(|(at, ..)| *at);
    let mut first = Vec::new();
    let mut last = Timestamp::UNIX_EPOCH;
    for at in refused {
        if at - last > TimeDelta::milliseconds(400) {
            first.push(at);
        }
        last = at;
    }
    first
}

#[test]
fn a_burst_that_is_let_in_is_not_taken_for_the_limit() {
    for concurrency in [1, 8, 16, 64] {
        for latency in LATENCIES {
            let clock = Timeline::starts();
            let service = Service { latency, ..Service::bucket(&clock, 5, 25) };
            // One at a time in 50 ms or more are no more than 20 a second.
            if concurrency == 1 && latency(0) > SECOND / 1_000 {
                continue;
            }
            ask(&service, concurrency, 120);
            is_well_used(service.since(0), 25, 120);
            let waits = refusals(&service).len();
            assert!(waits <= 3, "{waits} waits with {concurrency} at once");
        }
    }
}

#[test]
fn a_limit_of_any_size_is_used_from_the_start() {
    let worlds = &mut WORLDS.into_iter().cycle();
    let waits = [(Some(SECOND), 83), (Some(SECOND * 5), 65), (Some(SECOND * 10), 45), (None, 83)];
    for (retry_after, least) in waits {
        for burst in [1, 5, 10, 25, 50, 100] {
            for (limit, (concurrency, latency)) in [5, 25, 100, 600].into_iter().zip(&mut *worlds) {
                let clock = Timeline::starts();
                let latency = LATENCIES[latency];
                let service =
                    Service { latency, retry_after, ..Service::bucket(&clock, burst, limit) };
                ask(&service, concurrency, 120);
                let (served, refused) = service.since(0);
                let reach = usize::from(concurrency) * 120_000 / latency(0).as_millis() as usize;
                let of = (limit * 120).min(reach);
                let what = format!(
                    "burst {burst}, {limit} a second, {retry_after:?}, {concurrency} at once: \
                     {served} of {of} served, {refused} too much"
                );
                assert!(served * 100 >= of * least, "{what}");
                assert!(limit < 25 || refused * 100 <= served * 4, "{what}");
            }
        }
    }
}

#[test]
fn a_number_in_any_second_is_known_by_the_second_refusal() {
    let worlds = &mut WORLDS.into_iter().cycle();
    for limit in [5, 25, 100, 600] {
        for (concurrency, latency) in worlds.take(5) {
            let clock = Timeline::starts();
            let latency = LATENCIES[latency];
            let service = Service { latency, ..Service::of(&clock, limit, &[Class::UserWrite]) };
            ask(&service, concurrency, 60);
            let reach = usize::from(concurrency) * 60_000 / latency(0).as_millis() as usize;
            let (served, refused) = service.since(0);
            let of = (limit * 60).min(reach);
            assert!(served * 100 >= of * 92, "{served} of {of} with {concurrency} at once");
            let waits = refusals(&service).len();
            assert!(waits <= 2, "{waits} waits for {limit} with {concurrency}, {refused} too much");
        }
    }
}

#[test]
fn a_bucket_that_is_filled_differently_is_noticed_in_both_directions() {
    let clock = Timeline::starts();
    let service = Service::bucket(&clock, 5, 25);
    let pacer = pacer(&clock, &pace(16), &Arc::default());
    let run = |until| clock.run(workers((&pacer, &service), Class::UserWrite, until));
    run(120);
    *service.limit.borrow_mut() = 10;
    run(420);
    is_well_used(service.since(150), 10, 270);
    *service.limit.borrow_mut() = 50;
    run(1_200);
    is_well_used(service.since(1_000), 50, 200);
}

#[test]
fn a_wait_is_over_before_the_limit_is_searched_further() {
    for wait in [1, 5, 10] {
        let clock = Timeline::starts();
        let retry_after = Some(SECOND * wait);
        let service = Service { retry_after, ..Service::bucket(&clock, 5, 25) };
        ask(&service, 16, 120);
        let seen = service.seen.borrow();
        for (at, ..) in seen.iter().filter(|(.., is_too_much)| *is_too_much) {
            let answered = *at + SECOND / 1_000;
            // What leaves in the very moment of the answer left before anybody could know.
            let early =
                seen.iter().find(|(it, ..)| *it > answered && *it < answered + SECOND * wait);
            assert_eq!(early.map(|(it, ..)| *it - start()), None, "refused at {at}");
        }
    }
}

#[test]
fn a_slow_refill_is_found_behind_a_burst_of_any_size() {
    let second = Some(SECOND);
    for (burst, limit, retry_after, concurrency, latency, least) in [
        (1, 2, second, 1, LATENCIES[0], 75),
        (1, 2, None, 8, LATENCIES[0], 80),
        (25, 2, None, 1, LATENCIES[0], 95),
        (25, 2, second, 8, LATENCIES[1], 95),
        (50, 2, second, 16, LATENCIES[0], 90),
        (100, 25, second, 1, |_| SECOND * 3 / 100, 95),
    ] {
        let clock = Timeline::starts();
        let service = Service { latency, retry_after, ..Service::bucket(&clock, burst, limit) };
        ask(&service, concurrency, 120);
        let (served, _) = service.since(0);
        let of = burst as usize + limit * 120;
        assert!(served * 100 >= of * least, "{served} of {of} for {burst} and {limit}");
    }
}

#[test]
fn a_wait_that_says_little_of_the_window_does_not_mislead() {
    for (limit, retry_after, concurrency, latency, least) in [
        // It says nothing, and counts by the second.
        (25, None, 8, LATENCIES[0], 95),
        (25, None, 64, LATENCIES[1], 94),
        // It asks for more than the second by which it counts.
        (25, Some(SECOND * 5), 16, LATENCIES[0], 45),
        (100, Some(SECOND * 5), 16, LATENCIES[0], 45),
    ] {
        let clock = Timeline::starts();
        let of = Service::of(&clock, limit, &[Class::UserWrite]);
        let service = Service { latency, retry_after, ..of };
        ask(&service, concurrency, 120);
        let (served, refused) = service.since(0);
        let of = limit * 120;
        assert!(served * 100 >= of * least, "{served} of {of}, {refused} too much");
    }
}

#[test]
fn a_service_that_is_asked_too_early_time_and_again_is_asked_more_slowly() {
    let clock = Timeline::starts();
    let of = Service::of(&clock, 100, &[Class::UserWrite]);
    let service = Service { window: SECOND * 60, ..of };
    ask(&service, 8, 600);
    let (served, refused) = service.since(0);
    assert!(served >= 700 && refused * 4 <= served, "{served} served, {refused} too much");
}

#[test]
fn a_rate_at_which_nobody_asks_is_not_raised() {
    let clock = Timeline::starts();
    let mut service = Service::bucket(&clock, 5, 25);
    let host = Arc::default();
    let run = |service: &Service<'_>, concurrency, until| {
        let pacer = pacer(service.clock, &pace(concurrency), &host);
        service.clock.run(workers((&pacer, service), Class::UserWrite, until));
    };
    run(&service, 16, 60);
    service.latency = LATENCIES[2];
    run(&service, 1, 1_000);
    service.latency = LATENCIES[0];
    run(&service, 16, 1_060);
    let (served, refused) = service.since(1_000);
    assert!(served >= 60 * 24 && refused <= 2, "{served} served, {refused} too much");
}

#[test]
fn a_limit_beyond_which_nothing_is_searched_is_kept_all_the_same() {
    let clock = Timeline::starts();
    let latency = LATENCIES[0];
    let service = Service { latency, ..Service::of(&clock, 1_500, &[Class::UserWrite]) };
    ask(&service, 64, 20);
    let (served, refused) = service.since(0);
    assert!(
        served >= 1_500 * 20 * 90 / 100 && refused <= 64,
        "{served} served, {refused} too much"
    );
}
