//! The command `run`: the service.

use std::sync::Arc;

use super::{apps, args::Global, exit::ExitCode, problem::Problem};
use crate::{
    config::load,
    daemon::{
        self, Control, DaemonError, Reload, SystemClock, reloads_on_hang_up, stop_on_signals,
    },
};

pub(super) async fn run(global: &Global) -> anyhow::Result<ExitCode> {
    // Before anything else: whoever asks early is heard later, and ends nothing.
    let asked = reloads_on_hang_up().map_err(Problem::from)?;
    let config = apps::configuration(global)?;
    if !config.apps.iter().any(|app| app.job.provisioning) {
        return Err(Problem::usage("every application has `provisioning = \"off\"`")
            .with_hint("switch one on, or stop the service")
            .into());
    }
    let stop = stop_on_signals().map_err(Problem::from)?;
    let path = global.config.clone();
    let reload = Reload { asked, load: Box::new(move || load(path.as_deref())) };
    let control = Control { stop, clock: Arc::new(SystemClock), reload: Some(reload) };
    let ended = daemon::run(config, control).await;
    ended.map_err(|error: DaemonError| Problem::from(error))?;
    Ok(ExitCode::Done)
}
