//! What every answer is made from: what is shown, the clock, and the open state files.

use std::sync::Arc;

use tokio::sync::watch;

use super::{
    answer::Refusal,
    attempts::Attempts,
    door::Door,
    readers::Readers,
    session::Sessions,
    shown::{Shown, ShownApp},
    standing::Standing,
};
use crate::{
    model::{Clock, Timestamp},
    store::{Reader, StoreError},
};

/// The site. A copy is the same site.
#[derive(Clone)]
pub struct Site {
    shown: watch::Receiver<Arc<Shown>>,
    clock: Arc<dyn Clock>,
    readers: Readers,
    closing: Arc<watch::Sender<bool>>,
    entrance: Arc<Entrance>,
}

/// Who is let in, and who was.
struct Entrance {
    door: Door,
    sessions: Sessions,
    attempts: Attempts,
}

impl Site {
    /// A site that shows what `shown` says at the time of each request, to whom `door` lets in.
    pub fn new(shown: watch::Receiver<Arc<Shown>>, door: Door, clock: Arc<dyn Clock>) -> Self {
        let (sessions, attempts) = (Sessions::default(), Attempts::default());
        Self {
            shown,
            clock,
            readers: Readers::new(),
            closing: Arc::new(watch::Sender::new(false)),
            entrance: Arc::new(Entrance { door, sessions, attempts }),
        }
    }

    pub(super) fn door(&self) -> &Door {
        &self.entrance.door
    }

    pub(super) fn sessions(&self) -> &Sessions {
        &self.entrance.sessions
    }

    pub(super) fn attempts(&self) -> &Attempts {
        &self.entrance.attempts
    }

    /// What is shown now.
    pub(super) fn shown(&self) -> Arc<Shown> {
        Arc::clone(&self.shown.borrow())
    }

    /// The application of this name, or why there is none.
    pub(super) fn app(&self, name: &str) -> Result<ShownApp, Refusal> {
        let shown = self.shown();
        shown.app(name).cloned().ok_or_else(|| {
            let names: Vec<String> =
                shown.apps.iter().map(|app| format!("`{}`", app.app)).collect();
            Refusal::not_found("the configuration has no application of this name")
                .with_hint(format!("it has {}", names.join(", ")))
        })
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    /// Asks an application's state, off the event loop; `work` gets `None` where there is no state
    /// yet. It has to be short: whoever reads for long keeps SQLite's log from being folded in.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        app: &ShownApp,
        work: impl FnOnce(Option<&Reader>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Refusal> {
        let answer = self.readers.read(app.state_file.clone(), work).await?;
        answer.map_err(|error| Refusal::state(app.app.as_str(), &error))
    }

    /// How an application is doing.
    pub(super) async fn standing(&self, app: &ShownApp) -> Result<Standing, Refusal> {
        let (of, now) = (app.clone(), self.now());
        self.read(app, move |reader| Standing::of(&of, reader, now)).await
    }

    /// From here on whoever listens for events is sent away.
    pub(super) fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Completes when the site closes: a stream of events ends then.
    pub(super) async fn closed(&self) {
        // The sender lives in this very site, so the wait ends with the site at the latest.
        drop(self.closing.subscribe().wait_for(|closing| *closing).await);
    }
}
