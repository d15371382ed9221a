//! Services with limits of their own, as stories tell of them, and a clock without time. Time is
//! simulated: a wait ends when nothing else is left to do, and always the shortest first.

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context as TaskContext, Poll, Waker},
    time::Duration,
};

use futures_util::{Stream as _, stream::FuturesUnordered};

use crate::{
    cycle::pace::{Class, HostPace, Pacer},
    model::{Clock, Sleep, Timestamp},
    port::{FaultClass, TargetFault},
    provisioning::job::Pace,
};

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// When every story begins.
pub(super) fn start() -> Timestamp {
    Timestamp::default() + SECOND * 86_400
}

/// A clock that goes on to the end of the shortest wait once everybody waits.
#[derive(Clone, Default)]
pub(super) struct Timeline(Arc<Mutex<Waits>>);

#[derive(Default)]
struct Waits {
    now: Timestamp,
    /// By their ends, and in the order in which they began.
    all: BTreeMap<(Timestamp, u64), Waker>,
    count: u64,
}

impl Timeline {
    pub(super) fn starts() -> Self {
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
    pub(super) fn run<'f>(
        &self,
        tasks: impl IntoIterator<Item = Pin<Box<dyn Future<Output = ()> + 'f>>>,
    ) {
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
pub(super) struct Service<'a> {
    pub(super) clock: &'a Timeline,
    pub(super) limit: RefCell<usize>,
    /// Which classes share the limit.
    pub(super) limited: &'a [Class],
    pub(super) latency: fn(under_way: usize) -> Duration,
    /// In which time it counts, where it has no bucket.
    pub(super) window: Duration,
    /// What it says with a refusal.
    pub(super) retry_after: Option<Duration>,
    pub(super) recent: RefCell<VecDeque<Timestamp>>,
    /// So many at most at once, where it counts in the manner of a bucket: what is in it, and when
    /// it was last filled.
    pub(super) bucket: Option<(f64, RefCell<(f64, Timestamp)>)>,
    pub(super) under_way: RefCell<(usize, usize)>,
    /// When each request came, of which class, and whether it was too much.
    pub(super) seen: RefCell<Vec<(Timestamp, Class, bool)>>,
}

impl<'a> Service<'a> {
    pub(super) fn of(clock: &'a Timeline, limit: usize, limited: &'a [Class]) -> Self {
        Self {
            clock,
            limit: RefCell::new(limit),
            limited,
            latency: |_| Duration::from_millis(40),
            window: SECOND,
            retry_after: Some(SECOND),
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
                while recent.front().is_some_and(|at| *at + self.window <= now) {
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
        if is_too_much {
            Err(TargetFault { retry_after: self.retry_after, ..throttled() })
        } else {
            Ok(())
        }
    }

    /// One that lets in `burst` at once, and `limit` a second in the long run.
    pub(super) fn bucket(clock: &'a Timeline, burst: u32, limit: usize) -> Self {
        let burst = f64::from(burst);
        let bucket = Some((burst, RefCell::new((burst, clock.now()))));
        let latency = |_| Duration::from_millis(1);
        Self { latency, bucket, ..Self::of(clock, limit, &[Class::UserWrite]) }
    }

    /// How many were served, and how many were too much, from a moment on.
    pub(super) fn since(&self, from: u64) -> (usize, usize) {
        let from = start() + Duration::from_secs(from);
        let seen = self.seen.borrow();
        let late = seen.iter().filter(|(at, ..)| *at >= from);
        let refused = late.clone().filter(|(.., is_too_much)| *is_too_much).count();
        (late.count() - refused, refused)
    }
}

pub(super) fn throttled() -> TargetFault {
    TargetFault {
        class: FaultClass::Throttled,
        status: Some(429),
        scim_type: None,
        detail: "too many".to_owned(),
        retry_after: Some(SECOND),
    }
}

pub(super) fn pace(concurrency: u16) -> Pace {
    Pace {
        concurrency,
        requests_per_second_max: None,
        reads_per_second_max: None,
        user_writes_per_second_max: None,
        group_writes_per_second_max: None,
        request_timeout: SECOND * 30,
    }
}

pub(super) fn pacer<'a>(clock: &'a Timeline, pace: &Pace, host: &Arc<HostPace>) -> Pacer<'a> {
    Pacer { host: Arc::clone(host), ..Pacer::new(clock, pace) }
}

/// As many workers as an export has, each sending one request after the other until then.
pub(super) fn workers<'f>(
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
