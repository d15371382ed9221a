//! One cycle of one application, now: for real, or as a preview.

use std::{path::PathBuf, sync::Arc};

use super::{ConnectError, Connection, connect};
use crate::{
    config::{AppSettings, Config},
    cycle::{self, Context, CycleEnd, CycleError, CycleOptions, Provisioned, Shown, Stop},
    model::{AppName, Clock, SourceId},
    store::{Engine, Neighbours, Progress, StoreError, preview_copy},
};

/// Who is told of a cycle's progress.
pub(super) type Observer<'a> = &'a (dyn Fn(&Progress) + Send + Sync);

/// Why something could not even begin.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The adapters cannot be built.
    #[error("connect")]
    Connect(#[from] ConnectError),
    /// The state cannot be used.
    #[error("use the state of application `{app}`")]
    Store {
        /// The application's section.
        app: String,
        /// Why.
        #[source]
        source: StoreError,
    },
    /// Another process holds the state file and did not answer.
    #[error(
        "another process holds the state of application `{app}` and did not answer within 10 \
         seconds"
    )]
    Unanswered {
        /// The application's section.
        app: String,
    },
    /// The process that held the state file ended before it answered.
    #[error("the process that held the state of application `{app}` ended before it answered")]
    HolderGone {
        /// The application's section.
        app: String,
    },
    /// Somebody ended the wait for another process.
    #[error("the wait for the running service was ended; what it was asked to do goes on")]
    Interrupted,
    /// The system's signals cannot be heard.
    #[error("listen for the system's signals")]
    Signals(#[source] std::io::Error),
    /// A task of the service broke.
    #[error("the task of an application broke off")]
    Task(#[source] tokio::task::JoinError),
}

impl DaemonError {
    /// Names the application whose state it is.
    pub(super) fn store(app: &AppSettings) -> impl Fn(StoreError) -> Self + '_ {
        |source| Self::Store { app: app.job.app.to_string(), source }
    }
}

/// Where the state of an application is.
pub fn state_path(config: &Config, app: &AppName) -> PathBuf {
    config.service.state_dir.join(format!("{app}.sqlite"))
}

/// The other applications that share the target of this one, with their state files.
pub fn neighbours(config: &Config, app: &AppSettings) -> Neighbours {
    let is_other = |other: &&AppSettings| {
        other.job.app != app.job.app && other.job.target_key() == app.job.target_key()
    };
    let others = config.apps.iter().filter(is_other);
    Neighbours::of(others.map(|other| (other.job.app.clone(), state_path(config, &other.job.app))))
}

/// A private copy of an application's state, with its neighbours. Needs no lock.
fn private_copy(config: &Config, app: &AppSettings) -> Result<Engine, DaemonError> {
    let path = state_path(config, &app.job.app);
    let copy = preview_copy(&path).map_err(DaemonError::store(app))?;
    Ok(copy.beside(neighbours(config, app)))
}

/// Takes the lock and runs one cycle for real.
pub async fn sync_once(
    config: &Config,
    app: &AppSettings,
    options: CycleOptions,
    stop: &Stop,
    observer: Observer<'_>,
    clock: Arc<dyn Clock>,
) -> Result<CycleEnd, DaemonError> {
    let connection = connect(config, app, clock)?;
    let path = state_path(config, &app.job.app);
    let engine = Engine::open(&path).map_err(DaemonError::store(app))?;
    let engine = engine.beside(neighbours(config, app));
    engine.count_requests(connection.meters());
    run_cycle(app, &connection, &engine, options, stop, observer)
        .await
        .map_err(DaemonError::store(app))
}

/// Runs one cycle against a private copy of the state, without anything that could write to the
/// target; returns the copy, which holds the plan's rows. Needs no lock.
pub async fn preview_once(
    config: &Config,
    app: &AppSettings,
    options: CycleOptions,
    stop: &Stop,
    observer: Observer<'_>,
    clock: Arc<dyn Clock>,
) -> Result<(CycleEnd, Engine), DaemonError> {
    let connection = connect(config, app, clock)?;
    let copy = private_copy(config, app)?;
    let context = context(app, &connection, &copy, options, stop, observer);
    let reader = connection.target.reader();
    let end = cycle::preview(&context, &reader).await.map_err(DaemonError::store(app))?;
    Ok((end, copy))
}

/// Says what provisioning this person or group would do, against a private copy of the state and
/// without anything that could write to the target. Needs no lock.
pub async fn preview_on_demand(
    config: &Config,
    app: &AppSettings,
    object: SourceId,
    stop: &Stop,
    observer: Observer<'_>,
    clock: Arc<dyn Clock>,
) -> Result<Provisioned, DaemonError> {
    let connection = connect(config, app, clock)?;
    let copy = private_copy(config, app)?;
    let context = context(app, &connection, &copy, CycleOptions::default(), stop, observer);
    let reader = connection.target.reader();
    cycle::preview_provision(&context, &reader, object).await.map_err(DaemonError::store(app))
}

/// Lists every account of the application into a private copy of the state, with whose each is;
/// returns the copy, and whether the list was whole. Needs no lock, and writes nothing else.
pub async fn list_accounts(
    config: &Config,
    app: &AppSettings,
    stop: &Stop,
    observer: Observer<'_>,
    clock: Arc<dyn Clock>,
) -> Result<Result<(Engine, Shown), CycleError>, DaemonError> {
    let connection = connect(config, app, clock)?;
    let path = state_path(config, &app.job.app);
    let copy = preview_copy(&path).map_err(DaemonError::store(app))?;
    let options = CycleOptions::default();
    let context = context(app, &connection, &copy, options, stop, observer);
    let listed = cycle::survey_accounts(&context, &connection.target.reader()).await;
    Ok(listed.map(|shown| (copy, shown)))
}

/// Compares every linked account with what was last exported to it, into a private copy of the
/// state; returns the copy. Needs no lock, corrects nothing, and writes nothing else.
pub async fn compare_accounts(
    config: &Config,
    app: &AppSettings,
    stop: &Stop,
    observer: Observer<'_>,
    clock: Arc<dyn Clock>,
) -> Result<Result<Engine, CycleError>, DaemonError> {
    let connection = connect(config, app, clock)?;
    let copy = private_copy(config, app)?;
    let options = CycleOptions::default();
    let context = context(app, &connection, &copy, options, stop, observer);
    let compared = cycle::compare_now(&context, &connection.target.reader()).await;
    Ok(compared.map(|()| copy))
}

/// One cycle for real, of a state whose lock is held.
pub(super) async fn run_cycle(
    app: &AppSettings,
    connection: &Connection,
    engine: &Engine,
    options: CycleOptions,
    stop: &Stop,
    observer: Observer<'_>,
) -> Result<CycleEnd, StoreError> {
    let context = context(app, connection, engine, options, stop, observer);
    let writer = connection.target.writer();
    cycle::sync(&context, &writer).await
}

/// Provisions one person or group for real, in a state whose lock is held.
pub(super) async fn run_on_demand(
    app: &AppSettings,
    connection: &Connection,
    engine: &Engine,
    object: SourceId,
    stop: &Stop,
    observer: Observer<'_>,
) -> Result<Provisioned, StoreError> {
    let context = context(app, connection, engine, CycleOptions::default(), stop, observer);
    let writer = connection.target.writer();
    cycle::provision(&context, &writer, object).await
}

fn context<'a>(
    app: &'a AppSettings,
    connection: &'a Connection,
    store: &'a Engine,
    options: CycleOptions,
    stop: &'a Stop,
    observer: Observer<'a>,
) -> Context<'a, crate::graph::GraphDirectory> {
    Context {
        job: &app.job,
        store,
        directory: &connection.directory,
        clock: connection.clock.as_ref(),
        host: &connection.host,
        stop,
        observer,
        options,
        deadline: None,
    }
}
