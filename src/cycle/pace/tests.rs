//! Services with limits of their own, and how the pace finds them. Time is simulated: a wait ends
//! when nothing else is left to do, and always the shortest first.

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context as TaskContext, Poll, Waker},
    time::Duration,
};

use chrono::TimeDelta;
use futures_util::{Stream as _, stream::FuturesUnordered};

use super::{Class, HostPace, HostPaces, Pacer, pacer::End};
use crate::{
    cycle::Stop,
    model::{Clock, Sleep, Timestamp},
    port::{FaultClass, TargetFault},
    provisioning::job::Pace,
};

const SECOND: Duration = Duration::from_secs(1);

/// When every story begins.
fn start() -> Timestamp {
    Timestamp::default() + SECOND * 86_400
}

/// A clock that goes on to the end of the shortest wait once everybody waits.
#[derive(Clone, Default)]
struct Timeline(Arc<Mutex<Waits>>);

#[derive(Default)]
struct Waits {
    now: Timestamp,
    /// By their ends, and in the order in which they began.
    all: BTreeMap<(Timestamp, u64), Waker>,
    count: u64,
}

impl Timeline {
    fn starts() -> Self {
        let clock = Self::default();
        clock.0.lock().unwrap().now = start();
        clock
    }

    fn go_on(&self) -> bool {
        let mut waits = self.0.lock().unwrap();
        let Some(((at, _), waker)) = waits.all.pop_first() else { return false };
        waits.now = waits.now.max(at);
        waker.wake();
        true
    }

    /// Lets these run to their end.
    fn run<'f>(&self, tasks: impl IntoIterator<Item = Pin<Box<dyn Future<Output = ()> + 'f>>>) {
        let mut tasks: FuturesUnordered<_> = tasks.into_iter().collect();
        let mut context = TaskContext::from_waker(Waker::noop());
        loop {
            match Pin::new(&mut tasks).poll_next(&mut context) {
                Poll::Ready(Some(())) => {}
                Poll::Ready(None) => return,
                Poll::Pending => assert!(self.go_on(), "everybody waits for nothing"),
            }
        }
    }
}

impl Clock for Timeline {
    fn now(&self) -> Timestamp {
        self.0.lock().unwrap().now
    }

    fn sleep(&self, duration: Duration) -> Sleep<'_> {
        let until = self.now() + duration;
        let mut key = None;
        Box::pin(std::future::poll_fn(move |context| {
            let mut waits = self.0.lock().unwrap();
            if waits.now >= until {
                return Poll::Ready(());
            }
            let key = *key.get_or_insert_with(|| {
                waits.count += 1;
                (until, waits.count)
            });
            waits.all.insert(key, context.waker().clone());
            Poll::Pending
        }))
    }
}

/// A service that serves so many requests of a class in any second, and takes its time.
struct Service<'a> {
    clock: &'a Timeline,
    limit: RefCell<usize>,
    /// Which classes share the limit.
    limited: &'a [Class],
    latency: fn(under_way: usize) -> Duration,
    recent: RefCell<VecDeque<Timestamp>>,
    /// So many at most at once, where it counts in the manner of a bucket: what is in it, and when
    /// it was last filled.
    bucket: Option<(f64, RefCell<(f64, Timestamp)>)>,
    under_way: RefCell<(usize, usize)>,
    /// When each request came, of which class, and whether it was too much.
    seen: RefCell<Vec<(Timestamp, Class, bool)>>,
}

impl<'a> Service<'a> {
    fn of(clock: &'a Timeline, limit: usize, limited: &'a [Class]) -> Self {
        Self {
            clock,
            limit: RefCell::new(limit),
            limited,
            latency: |_| Duration::from_millis(40),
            recent: RefCell::default(),
            bucket: None,
            under_way: RefCell::default(),
            seen: RefCell::default(),
        }
    }

    async fn ask(&self, class: Class) -> Result<(), TargetFault> {
        let now = self.clock.now();
        let is_too_much = self.limited.contains(&class)
            && if let Some((size, filled)) = &self.bucket {
                let (left, at) = *filled.borrow();
                let limit = u32::try_from(*self.limit.borrow()).expect("a small limit");
                let left = (left + (now - at).as_seconds_f64() * f64::from(limit)).min(*size);
                *filled.borrow_mut() = (if left >= 1.0 { left - 1.0 } else { left }, now);
                left < 1.0
            } else {
                let mut recent = self.recent.borrow_mut();
                while recent.front().is_some_and(|at| now - *at >= TimeDelta::seconds(1)) {
                    recent.pop_front();
                }
                let is_too_much = recent.len() >= *self.limit.borrow();
                if !is_too_much {
                    recent.push_back(now);
                }
                is_too_much
            };
        self.seen.borrow_mut().push((now, class, is_too_much));
        let latency = {
            let mut under_way = self.under_way.borrow_mut();
            under_way.0 += 1;
            under_way.1 = under_way.1.max(under_way.0);
            (self.latency)(under_way.0)
        };
        self.clock.sleep(latency).await;
        self.under_way.borrow_mut().0 -= 1;
        if is_too_much { Err(throttled()) } else { Ok(()) }
    }

    /// How many were served, and how many were too much, from a moment on.
    fn since(&self, from: u64) -> (usize, usize) {
        let from = start() + Duration::from_secs(from);
        let seen = self.seen.borrow();
        let late = seen.iter().filter(|(at, ..)| *at >= from);
        let refused = late.clone().filter(|(.., is_too_much)| *is_too_much).count();
        (late.count() - refused, refused)
    }
}

fn throttled() -> TargetFault {
    TargetFault {
        class: FaultClass::Throttled,
        status: Some(429),
        scim_type: None,
        detail: "too many".to_owned(),
        retry_after: Some(SECOND),
    }
}

fn pace(concurrency: u16) -> Pace {
    Pace {
        concurrency,
        requests_per_second_max: None,
        reads_per_second_max: None,
        user_writes_per_second_max: None,
        group_writes_per_second_max: None,
        request_timeout: SECOND * 30,
    }
}

fn pacer<'a>(clock: &'a Timeline, pace: &Pace, host: &Arc<HostPace>) -> Pacer<'a> {
    Pacer { host: Arc::clone(host), ..Pacer::new(clock, pace) }
}

/// As many workers as an export has, each sending one request after the other until then.
fn workers<'f>(
    (pacer, service): (&'f Pacer<'f>, &'f Service<'f>),
    class: Class,
    until: u64,
) -> Vec<Pin<Box<dyn Future<Output = ()> + 'f>>> {
    let until = start() + Duration::from_secs(until);
    let work = || -> Pin<Box<dyn Future<Output = ()> + 'f>> {
        Box::pin(async move {
            while pacer.clock.now() < until {
                let _ = pacer.ask(class, || service.ask(class)).await;
            }
        })
    };
    (0..pacer.limits.concurrency).map(|_| work()).collect()
}

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
fn a_service_that_lets_a_short_burst_in_is_not_taken_for_a_slow_one() {
    for concurrency in [8, 16, 64] {
        let clock = Timeline::starts();
        let host = Arc::default();
        let bucket = Some((5.0, RefCell::new((5.0, clock.now()))));
        let latency = |_| Duration::from_millis(1);
        let service = Service { latency, bucket, ..Service::of(&clock, 25, &[Class::UserWrite]) };
        let pacer = pacer(&clock, &pace(concurrency), &host);
        clock.run(workers((&pacer, &service), Class::UserWrite, 300));
        let ((all, refused), (late, _)) = (service.since(0), service.since(16));
        assert!(
            all >= 25 * 300 * 94 / 100 && refused * 100 <= all,
            "{all} served, {refused} too much"
        );
        assert!(all - late >= 200, "{} in the first 16 seconds", all - late);
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
