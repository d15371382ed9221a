//! The command `sync`: one cycle, by this process or by the service that runs.

use std::{path::Path, sync::Arc};

use serde_json::Value;

use super::{
    apps,
    args::{Global, SyncArgs},
    exit::ExitCode,
    plan::{self, Previews, print_documents},
    plan_file,
    problem::Problem,
    progress::Meter,
    report::Ended,
};
use crate::{
    config::{AppSettings, Config},
    cycle::{CycleOptions, Stop},
    daemon::{Answer, Order, SystemClock, Trouble, order, state_path, stop_on_signals},
    provisioning::Occasion,
    store::Reader,
};

pub(super) async fn run(args: &SyncArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let config = apps::configuration(global)?;
    let chosen = apps::choose(&config, args.which.app.as_deref(), args.which.all)?;
    let options = CycleOptions { initial: args.initial, occasion: Occasion::Asked };
    let previews = Previews { config: &config, options, global };
    if args.dry_run {
        return previews.show(&chosen, args.which.all, None).await;
    }
    let stop = stop_on_signals().map_err(Problem::from)?;
    if let (Some(file), [app]) = (&args.plan, chosen.as_slice()) {
        let refused = verify(&previews, app, file, &stop).await?;
        if let Some(code) = refused {
            return Ok(code);
        }
    }
    let mut code = ExitCode::Done;
    let mut documents = Vec::new();
    for app in chosen {
        let synced = Sync { config: &config, app, options, global, stop: &stop };
        match synced.show(&mut documents).await {
            Ok(one) => code = code.worse(one),
            Err(error) if args.which.all => {
                code = code.worse(super::entry::exit_of(&error));
                super::entry::show(&error);
            }
            Err(error) => return Err(error),
        }
    }
    if global.json {
        print_documents(documents, args.which.all)?;
    }
    Ok(code)
}

/// Refuses where a preview differs from the saved plan; nothing was sent then.
async fn verify(
    previews: &Previews<'_>,
    app: &AppSettings,
    file: &Path,
    stop: &Stop,
) -> anyhow::Result<Option<ExitCode>> {
    let name = app.job.app.as_str();
    let saved = plan_file::read(file, name)?;
    let (end, copy) = previews.preview(app, stop).await?;
    if end.error.is_some() {
        let trouble = end.error.as_ref().map(Trouble::of);
        let ended = Ended { app: name, report: &end.report, trouble, plan: &copy };
        ended.complain();
        return Ok(Some(ended.exit()));
    }
    plan_file::compare(name, &saved, &plan::saved(app, &end, &copy)?)?;
    Ok(None)
}

struct Sync<'a> {
    config: &'a Config,
    app: &'a AppSettings,
    options: CycleOptions,
    global: &'a Global,
    stop: &'a Stop,
}

impl Sync<'_> {
    async fn show(&self, documents: &mut Vec<Value>) -> anyhow::Result<ExitCode> {
        let name = self.app.job.app.as_str();
        let (id, trouble) = self.cycle().await?;
        let path = state_path(self.config, &self.app.job.app);
        let reader = Reader::open(&path).map_err(|error| Problem::of_store(name, error))?;
        let report = reader.read(|view| view.cycle(&id))?.ok_or_else(|| {
            Problem::new(ExitCode::Unexpected, format!("cycle {id} has no report"))
                .with_hint(format!("`entra-scim log {name}` shows what was done"))
        })?;
        let ended = Ended { app: name, report: &report, trouble, plan: &reader };
        ended.tell(self.global, documents)?;
        Ok(ended.exit())
    }

    async fn cycle(&self) -> Result<(String, Option<Trouble>), Problem> {
        let meter = Meter::new(self.app.job.app.as_str(), self.global);
        let tell = |progress: &crate::store::Progress| meter.tell(progress);
        let wanted = Order::Sync { initial: self.options.initial };
        let clock = Arc::new(SystemClock);
        let answer = order(self.config, self.app, &wanted, self.stop, &tell, clock).await;
        meter.end();
        match answer? {
            Answer::Cycle { id, trouble } => Ok((id, trouble)),
            Answer::Refused { message } => {
                let app = self.app.job.app.as_str();
                Err(Problem::refused(ExitCode::Unexpected, app, message))
            }
            Answer::Done { .. }
            | Answer::Approved { .. }
            | Answer::Forgotten(_)
            | Answer::Provisioned(_) => Err(Problem::answered_otherwise()),
        }
    }
}
