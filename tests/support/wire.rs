//! The line between the engine and the world: who was spoken to, with which credentials, and where
//! the program dies.
//!
//! A death is an exchange that never ends: the caller notices, drops the cycle and opens the state
//! again. It can come before the request leaves or after it was answered.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use entra_scim::http::{Answer, Exchange};
use tokio::sync::Notify;

/// Where in an exchange the program dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Death {
    /// The request never leaves.
    BeforeSending,
    /// The request was handled; its answer is never read.
    AfterSending,
}

/// What both services' lines have in common. Clones are the same line.
#[derive(Clone, Default)]
pub(crate) struct Wire(Arc<Mutex<Watched>>);

#[derive(Default)]
struct Watched {
    hosts: BTreeSet<String>,
    credentials: BTreeSet<String>,
    death: Option<(u32, Death, Arc<Notify>)>,
}

struct Line {
    wire: Wire,
    service: Arc<dyn Exchange>,
}

impl Wire {
    /// The way to a service.
    pub(crate) fn to(&self, service: Arc<dyn Exchange>) -> Arc<dyn Exchange> {
        Arc::new(Line { wire: self.clone(), service })
    }

    /// Lets the program die at the `exchange`-th exchange from now, the next being 1.
    pub(crate) fn die_at(&self, exchange: u32, death: Death) -> Arc<Notify> {
        let notify = Arc::new(Notify::new());
        self.watched().death = Some((exchange, death, Arc::clone(&notify)));
        notify
    }

    /// Nobody dies any more.
    pub(crate) fn live(&self) {
        self.watched().death = None;
    }

    /// The hosts that requests went to.
    pub(crate) fn hosts(&self) -> BTreeSet<String> {
        self.watched().hosts.clone()
    }

    /// The bearer tokens that requests carried.
    pub(crate) fn credentials(&self) -> BTreeSet<String> {
        self.watched().credentials.clone()
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, request: &http::Request<Bytes>) -> Option<(Death, Arc<Notify>)> {
        let mut watched = self.watched();
        watched.hosts.insert(request.uri().host().unwrap_or_default().to_owned());
        let credential = request.headers().get(http::header::AUTHORIZATION);
        if let Some(token) = credential.and_then(|value| value.to_str().ok()) {
            watched.credentials.insert(token.trim_start_matches("Bearer ").to_owned());
        }
        let (left, death, notify) = watched.death.as_mut()?;
        *left = left.saturating_sub(1);
        (*left == 0).then(|| (*death, Arc::clone(notify)))
    }
}

impl Exchange for Line {
    fn exchange(&self, request: http::Request<Bytes>) -> Answer<'_> {
        Box::pin(async move {
            let Some((death, notify)) = self.wire.note(&request) else {
                return self.service.exchange(request).await;
            };
            if death == Death::AfterSending {
                let _unread = self.service.exchange(request).await;
            }
            notify.notify_one();
            std::future::pending().await
        })
    }
}
