//! Asks, and prints the answer.

use std::sync::Arc;

use super::{document, text};
use crate::{
    cli::{
        apps,
        args::{ExplainArgs, Global},
        exit::ExitCode,
        output,
        plan::open,
        problem::Problem,
    },
    config::{AppSettings, Config},
    cycle::{CycleError, Explained, Namesake, Question, explain},
    daemon::{Connection, SystemClock, connect, neighbours, state_path},
    graph::GraphDirectory,
    model::{ObjectKind, RedactionKey},
    store::{Engine, Reader, StateRead, StoreError, View, preview_copy},
};

pub(in crate::cli) async fn run(args: &ExplainArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let config = apps::configuration(global)?;
    let (name, who) = match &args.who {
        Some(who) => (Some(args.app_or_who.as_str()), who.as_str()),
        None => (None, args.app_or_who.as_str()),
    };
    let app = apps::one(&config, name)?;
    let (connection, state) = with_state(&config, app)?;
    let question = question(app, &connection, &state);
    let target = connection.target.reader();
    let name = app.job.app.as_str();
    let explained = explain(&question, &target, who).await;
    match explained.map_err(|error| failed(name, error))? {
        Explained::Nobody => Err(nobody(name, who).into()),
        Explained::Several(all) => Err(several(who, &all).into()),
        Explained::One(explanation) if global.json => {
            output::json(&document::explanation(name, who, &explanation))?;
            Ok(ExitCode::Done)
        }
        Explained::One(explanation) => {
            output::stream(|out| text::explanation(out, name, &explanation))?;
            Ok(ExitCode::Done)
        }
    }
}

/// The state as it is, or an empty one where no cycle has run.
pub(in crate::cli) enum State {
    There(Reader),
    Empty(Engine),
}

impl StateRead for State {
    fn key(&self) -> &RedactionKey {
        match self {
            Self::There(reader) => reader.key(),
            Self::Empty(empty) => empty.key(),
        }
    }

    fn read<T>(
        &self,
        work: impl FnOnce(&View<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match self {
            Self::There(reader) => reader.read(work),
            Self::Empty(empty) => empty.read(work),
        }
    }
}

/// The adapters of an application, and its state for reading.
pub(in crate::cli) fn with_state(
    config: &Config,
    app: &AppSettings,
) -> Result<(Connection, State), Problem> {
    let connection = connect(config, app, Arc::new(SystemClock))
        .map_err(|error| Problem::from(crate::daemon::DaemonError::Connect(error)))?;
    let state = match open(config, app)? {
        Some(reader) => State::There(reader.beside(neighbours(config, app))),
        None => State::Empty(
            preview_copy(&state_path(config, &app.job.app))
                .map_err(|error| Problem::of_store(app.job.app.as_str(), error))?
                .beside(neighbours(config, app)),
        ),
    };
    Ok((connection, state))
}

/// A question about somebody.
pub(in crate::cli) fn question<'a>(
    app: &'a AppSettings,
    connection: &'a Connection,
    state: &'a State,
) -> Question<'a, GraphDirectory, State> {
    Question {
        job: &app.job,
        store: state,
        directory: &connection.directory,
        clock: connection.clock.as_ref(),
    }
}

/// Why there is no answer.
pub(in crate::cli) fn failed(app: &str, error: CycleError) -> Problem {
    if let CycleError::Store(error) = error {
        return Problem::of_store(app, error);
    }
    Problem::of_question(app, &error)
}

/// Nobody has this name.
pub(in crate::cli) fn nobody(app: &str, who: &str) -> Problem {
    let problem = Problem::usage(format!("nobody is known as `{who}`"));
    if who == app {
        return problem.with_hint(format!("say whom: entra-scim explain {app} WHO"));
    }
    if who.parse::<crate::model::SourceId>().is_ok() {
        return problem.with_hint(format!(
            "it is the object id of no user and no group of the tenant, no deleted user has it, \
             and the state does not know it. Who is gone for good is in the log: entra-scim log \
             {app} --who {who}"
        ));
    }
    problem.with_hint(format!(
        "it is no user principal name and no mail address of a user, also of a deleted one, no \
         display name of a group, and the state does not know it. Who is gone for good is in the \
         log: entra-scim log {app} --who NAME"
    ))
}

/// Several have this name.
pub(in crate::cli) fn several(who: &str, all: &[Namesake]) -> Problem {
    let lines: Vec<String> = all
        .iter()
        .map(|one| {
            let kind = match one.kind {
                ObjectKind::User => "user ",
                ObjectKind::Group => "group",
            };
            format!("\n  {kind}  {}  {}", one.id, one.display)
        })
        .collect();
    Problem::usage(format!("{} are known as `{who}`{}", all.len(), lines.concat()))
        .with_hint("name the one that is meant by its object id")
}
