//! The system's signals: SIGTERM and SIGINT ask everything to end at its next boundary.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

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
