//! A gate before both services of a desk: it counts requests, and lets one of them wait.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use axum::{Router, extract::Request, middleware};
use tokio::sync::Notify;

/// On which side of the service a request waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The service does not know of it yet.
    Before,
    /// The service has done what it asks for.
    Behind,
}

/// A gate that is open but for one request. Clones are the same gate.
#[derive(Clone)]
pub(crate) struct Gate {
    passed: Arc<AtomicU32>,
    /// The number of the request that waits; 0 for none.
    closes_at: Arc<AtomicU32>,
    side: Side,
    reached: Arc<Notify>,
    opened: Arc<Notify>,
}

impl Gate {
    /// A gate that is open.
    pub(crate) fn open(side: Side) -> Self {
        Self {
            passed: Arc::default(),
            closes_at: Arc::default(),
            side,
            reached: Arc::default(),
            opened: Arc::default(),
        }
    }

    /// Lets the request of this number wait, the next being 1.
    pub(crate) fn close_at(&self, number: u32) {
        self.closes_at.store(self.passed() + number, Ordering::SeqCst);
    }

    /// Requests so far.
    pub(crate) fn passed(&self) -> u32 {
        self.passed.load(Ordering::SeqCst)
    }

    /// Completes once the request waits.
    pub(crate) async fn reached(&self) {
        self.reached.notified().await;
    }

    /// Lets whoever waits go on, and everybody after it.
    pub(crate) fn reopen(&self) {
        self.closes_at.store(0, Ordering::SeqCst);
        self.opened.notify_waiters();
    }

    /// The service behind the gate.
    pub(crate) fn before(&self, service: Router) -> Router {
        let gate = self.clone();
        service.layer(middleware::from_fn(move |request: Request, next: middleware::Next| {
            let gate = gate.clone();
            async move {
                let number = gate.passed.fetch_add(1, Ordering::SeqCst) + 1;
                let waits = number == gate.closes_at.load(Ordering::SeqCst);
                if waits && gate.side == Side::Before {
                    gate.wait().await;
                }
                let answer = next.run(request).await;
                if waits && gate.side == Side::Behind {
                    gate.wait().await;
                }
                answer
            }
        }))
    }

    async fn wait(&self) {
        let opened = self.opened.notified();
        self.reached.notify_one();
        opened.await;
    }
}
