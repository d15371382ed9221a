//! The command `run`: the service.

use std::sync::Arc;

use super::{apps, args::Global, exit::ExitCode, problem::Problem};
use crate::daemon::{self, DaemonError, SystemClock, stop_on_signals};

pub(super) async fn run(global: &Global) -> anyhow::Result<ExitCode> {
    let config = apps::configuration(global)?;
    if !config.apps.iter().any(|app| app.job.provisioning) {
        return Err(Problem::usage("every application has `provisioning = \"off\"`")
            .with_hint("switch one on, or stop the service")
            .into());
    }
    let stop = stop_on_signals().map_err(Problem::from)?;
    let ended = daemon::run(config, &stop, Arc::new(SystemClock)).await;
    ended.map_err(|error: DaemonError| Problem::from(error))?;
    Ok(ExitCode::Done)
}
