//! The demo's story, and whether it went as it has to.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{
    day::{self, Expected},
    show,
    world::{self, World},
};
use crate::{
    cli::{
        args::{DemoArgs, Global},
        check,
        exit::ExitCode,
        output,
        problem::Problem,
        progress::Meter,
    },
    config::temporary_folder,
    cycle::{CycleEnd, CycleOptions, Stop},
    daemon::{self, Control, SystemClock, preview_once, state_path, stop_on_signals, sync_once},
    model::{Clock, Timestamp},
    store::Reader,
};

/// What passes between the cycles: everything that waits for a confirmation has it by then.
const A_DAY: Duration = Duration::from_secs(24 * 3_600);

/// The demo begins this long ago, so that its last cycle is about now.
const BEGINS_BEFORE_NOW: chrono::TimeDelta = chrono::TimeDelta::days(2);

/// How often the simulated services' clock follows the real one while the service runs.
const TICK: Duration = Duration::from_secs(1);

/// Runs the command. Exit code 1 where a cycle did other than it has to.
pub(in crate::cli) async fn run(args: &DemoArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let folder = args.dir.clone().unwrap_or_else(fresh_folder);
    let began = SystemClock.now() - BEGINS_BEFORE_NOW;
    let mut tell = |text: &str| output::data(text);
    let mut story = Story { global, tell: &mut tell, surprises: Vec::new() };
    let world = story.tell_all(&folder, began).await?;
    if !story.surprises.is_empty() {
        let list = story.surprises.join("\n  ");
        let message = format!("the demo went other than it has to:\n  {list}");
        return Err(Problem::new(ExitCode::Unexpected, message)
            .with_hint(format!("its files are in {}", folder.display()))
            .into());
    }
    (story.tell)(&show::ending(&world))?;
    if args.keep_running {
        (story.tell)(&show::still_running(&world))?;
        keep_running(&world).await.map_err(Problem::from)?;
    }
    Ok(ExitCode::Done)
}

/// The service on the real clock, which the simulated services follow, until a signal comes.
async fn keep_running(world: &World) -> Result<(), daemon::DaemonError> {
    let simulated = world.clock.clone();
    tokio::spawn(async move {
        loop {
            simulated.advance_to(SystemClock.now());
            SystemClock.sleep(TICK).await;
        }
    });
    let (stop, clock) = (stop_on_signals()?, Arc::new(SystemClock));
    daemon::run(world.config.clone(), Control { stop, clock, reload: None }).await
}

fn fresh_folder() -> PathBuf {
    let id = uuid::Uuid::new_v4().simple().to_string();
    temporary_folder().join(format!("entra-scim-demo-{}", &id[..8]))
}

/// The story as it is told.
pub(super) struct Story<'a> {
    /// How much is said.
    pub(super) global: &'a Global,
    /// Takes the text.
    pub(super) tell: &'a mut (dyn FnMut(&str) -> anyhow::Result<()> + Send),
    /// What was other than it has to be.
    pub(super) surprises: Vec<String>,
}

impl Story<'_> {
    /// All of it: check, plan, and three cycles, a day apart.
    pub(super) async fn tell_all(
        &mut self,
        folder: &Path,
        began: Timestamp,
    ) -> anyhow::Result<World> {
        let world = world::start(folder, began).await?;
        (self.tell)(&show::introduction(&world))?;
        self.check(&world).await?;
        let expected = day::initial(&world.tenant, &world.contoso, world::BEFOREHAND);
        self.plan(&world, &expected).await?;

        (self.tell)(&show::heading("The initial cycle", "sync"))?;
        self.cycle(&world, &expected, show::Rows::Counted).await?;

        world.clock.advance(A_DAY);
        let day = day::pass(&world.tenant, &world.contoso);
        (self.tell)(&show::day(&day.events))?;
        (self.tell)(&show::heading("The cycle after that day", "sync"))?;
        self.cycle(&world, &day.expected, show::Rows::Listed).await?;

        world.clock.advance(A_DAY);
        (self.tell)(&show::heading("A day later, when nothing has happened", "sync"))?;
        let idle = Expected { in_scope: day.expected.in_scope, ..Expected::default() };
        let end = self.cycle(&world, &idle, show::Rows::Listed).await?;
        if end.report.requests.target > 0 {
            let sent = end.report.requests.target;
            self.surprises.push(format!("requests to the application: {sent}, expected none"));
        }
        for violation in world.application.violations() {
            self.surprises.push(format!("not as RFC 7644 has it: {violation:?}"));
        }
        Ok(world)
    }

    async fn check(&mut self, world: &World) -> anyhow::Result<()> {
        (self.tell)(&show::heading("Is everything there that a cycle needs?", "check"))?;
        let app = &world.config.apps[0];
        let findings = check::examine(&world.config, app, Arc::new(world.clock.clone())).await;
        (self.tell)(&check::text(&findings))?;
        let troubles = findings.iter().filter(|finding| finding.level >= check::Level::Warning);
        self.surprises.extend(troubles.map(|finding| format!("check: {}", finding.message)));
        Ok(())
    }

    async fn plan(&mut self, world: &World, expected: &Expected) -> anyhow::Result<()> {
        (self.tell)(&show::heading("What would be done?", "plan"))?;
        let app = &world.config.apps[0];
        let clock: Arc<dyn Clock> = Arc::new(world.clock.clone());
        let (stop, options) = (Stop::default(), CycleOptions::default());
        let preview = preview_once(&world.config, app, options, &stop, &|_| (), clock).await;
        let (end, copy) = preview.map_err(Problem::from)?;
        (self.tell)(&show::rows(&copy, show::Rows::Sampled)?)?;
        (self.tell)(&show::totals(&end.report))?;
        self.compare("plan", &end, expected);
        if world.application.user_count() as u64 != world::SEEDED {
            self.surprises.push("the plan changed the application".to_owned());
        }
        Ok(())
    }

    async fn cycle(
        &mut self,
        world: &World,
        expected: &Expected,
        rows: show::Rows,
    ) -> anyhow::Result<CycleEnd> {
        let app = &world.config.apps[0];
        let meter = Meter::new(world::APP, self.global);
        let clock: Arc<dyn Clock> = Arc::new(world.clock.clone());
        let (stop, options) = (Stop::default(), CycleOptions::default());
        let tell = |progress: &crate::store::Progress| meter.tell(progress);
        let end = sync_once(&world.config, app, options, &stop, &tell, clock).await;
        meter.end();
        let end = end.map_err(Problem::from)?;
        let state = Reader::open(&state_path(&world.config, &app.job.app))?;
        (self.tell)(&show::rows(&state, rows)?)?;
        (self.tell)(&show::totals(&end.report))?;
        self.compare("cycle", &end, expected);
        Ok(end)
    }

    fn compare(&mut self, what: &str, end: &CycleEnd, expected: &Expected) {
        let kind = format!("{what} ({:?})", end.report.kind).to_lowercase();
        let differences = expected.differences(&end.report.totals);
        self.surprises.extend(differences.into_iter().map(|line| format!("{kind}: {line}")));
        self.surprises.extend(end.error.as_ref().map(|error| format!("{kind}: {error}")));
    }
}
