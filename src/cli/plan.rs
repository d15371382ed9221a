//! The command `plan`, which is `sync --dry-run` too: what a cycle would do.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    apps,
    args::{Global, PlanArgs},
    document,
    exit::ExitCode,
    output, plan_file,
    problem::Problem,
    progress::Meter,
    report::Ended,
    rows::Plan,
    view,
};
use crate::{
    config::{AppSettings, Config},
    cycle::{CycleEnd, CycleOptions, Stop},
    daemon::{SystemClock, Trouble, preview_once, state_path, stop_on_signals},
    store::{Engine, HeldReport, PlanFilter, Reader, StoreError},
    web::held_document,
};

pub(super) async fn run(args: &PlanArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let config = apps::configuration(global)?;
    let chosen = apps::choose(&config, args.which.app.as_deref(), args.which.all)?;
    if args.held {
        return held_now(&config, &chosen, args.which.all, global);
    }
    let out = args.out.as_deref();
    let previews = Previews { config: &config, options: CycleOptions::default(), global };
    previews.show(&chosen, args.which.all, out).await
}

/// Previews of some applications.
pub(super) struct Previews<'a> {
    pub(super) config: &'a Config,
    pub(super) options: CycleOptions,
    pub(super) global: &'a Global,
}

impl Previews<'_> {
    /// Previews each application and prints what was found.
    pub(super) async fn show(
        &self,
        apps: &[&AppSettings],
        all: bool,
        out: Option<&std::path::Path>,
    ) -> anyhow::Result<ExitCode> {
        let stop = stop_on_signals().map_err(Problem::from)?;
        let mut code = ExitCode::Done;
        let mut documents = Vec::new();
        for app in apps {
            let (end, copy) = match self.preview(app, &stop).await {
                Ok(found) => found,
                Err(problem) if all => {
                    code = code.worse(problem.exit);
                    super::entry::show(&problem.into());
                    continue;
                }
                Err(problem) => return Err(problem.into()),
            };
            let ended = ended(app, &end, &copy);
            code = code.worse(ended.exit());
            if let Some(path) = out.filter(|_| end.error.is_none()) {
                plan_file::save(path, &saved(app, &end, &copy)?)?;
            }
            ended.tell(self.global, &mut documents)?;
        }
        if self.global.json {
            print_documents(documents, all)?;
        }
        Ok(code)
    }

    /// One preview.
    pub(super) async fn preview(
        &self,
        app: &AppSettings,
        stop: &Stop,
    ) -> Result<(CycleEnd, Engine), Problem> {
        let meter = Meter::new(app.job.app.as_str(), self.global);
        let tell = |progress: &crate::store::Progress| meter.tell(progress);
        let clock = Arc::new(SystemClock);
        let result = preview_once(self.config, app, self.options, stop, &tell, clock).await;
        meter.end();
        Ok(result?)
    }
}

fn ended<'a>(app: &'a AppSettings, end: &'a CycleEnd, plan: &'a Engine) -> Ended<'a, Engine> {
    Ended {
        app: app.job.app.as_str(),
        report: &end.report,
        trouble: end.error.as_ref().map(Trouble::of),
        plan,
    }
}

/// The document that `sync --plan` compares with: every row, skips too.
pub(super) fn saved(app: &AppSettings, end: &CycleEnd, copy: &Engine) -> anyhow::Result<Value> {
    document::cycle(app.job.app.as_str(), &end.report, copy, true)
}

/// Prints one document, or with `--all` an array of them.
pub(super) fn print_documents(mut documents: Vec<Value>, all: bool) -> anyhow::Result<()> {
    match (all, documents.pop()) {
        (false, Some(only)) => output::json(&only),
        (_, last) => {
            documents.extend(last);
            output::json(&Value::Array(documents))
        }
    }
}

/// What is held, out of the state alone.
pub(super) fn held_of(reader: &Reader) -> Result<Option<HeldReport>, StoreError> {
    reader.read(|view| view.held_report())
}

/// Opens the state for reading; `None` where there is none yet.
pub(super) fn open(config: &Config, app: &AppSettings) -> Result<Option<Reader>, Problem> {
    match Reader::open(&state_path(config, &app.job.app)) {
        Ok(reader) => Ok(Some(reader)),
        Err(StoreError::Missing(_)) => Ok(None),
        Err(error) => Err(Problem::of_store(app.job.app.as_str(), error)),
    }
}

fn held_now(
    config: &Config,
    apps: &[&AppSettings],
    all: bool,
    global: &Global,
) -> anyhow::Result<ExitCode> {
    let mut code = ExitCode::Done;
    let mut documents = Vec::new();
    for app in apps {
        let name = app.job.app.as_str();
        let reader = open(config, app)?;
        let held = reader.as_ref().map(held_of).transpose()?.flatten();
        let mut changes = Vec::new();
        match (&reader, &held) {
            (Some(reader), Some(held)) => {
                code = code.worse(ExitCode::Held);
                if global.json {
                    reader.each(PlanFilter::Held, |row| {
                        changes.push(document::change(row));
                        Ok(())
                    })?;
                } else {
                    output::stream(|out| {
                        view::rows(out, reader, PlanFilter::Held)?;
                        Ok(writeln!(out, "\n{}", view::held(name, held).trim_end())?)
                    })?;
                }
            }
            (Some(_) | None, _) if !global.json => {
                output::data(&format!("nothing of application `{name}` is held\n"))?;
            }
            (Some(_) | None, _) => {}
        }
        documents.push(json!({
            "app": name,
            "held": held.as_ref().map(held_document),
            "changes": changes,
        }));
    }
    if global.json {
        print_documents(documents, all)?;
    }
    Ok(code)
}
