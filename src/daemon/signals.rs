//! The system's signals: SIGTERM and SIGINT ask everything to end at its next boundary, SIGHUP asks
//! for the configuration to be read anew.

use std::sync::Arc;

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

use super::DaemonError;
use crate::cycle::Stop;

/// A request to stop that SIGTERM and SIGINT make. From here on they end the process no more.
pub fn stop_on_signals() -> Result<Arc<Stop>, DaemonError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(DaemonError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(DaemonError::Signals)?;
    let stop = Arc::new(Stop::default());
    let asked = Arc::clone(&stop);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            asked.request();
        }
    });
    Ok(stop)
}

/// Hears when SIGHUP asks for the configuration to be read anew. From here on it ends the process
/// no more. Of several that come while one is served, one is heard.
pub fn reloads_on_hang_up() -> Result<mpsc::Receiver<()>, DaemonError> {
    let mut hang_up = signal(SignalKind::hangup()).map_err(DaemonError::Signals)?;
    let (ask, asked) = mpsc::channel(1);
    tokio::spawn(async move {
        while hang_up.recv().await.is_some() {
            // Where it is full, one that is as good waits already.
            if matches!(ask.try_send(()), Err(mpsc::error::TrySendError::Closed(()))) {
                return;
            }
        }
    });
    Ok(asked)
}
