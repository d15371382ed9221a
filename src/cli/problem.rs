//! An error as a person sees it: what, why, and the next command.

use std::error::Error;

use super::exit::ExitCode;
use crate::{
    config::LoadError,
    cycle::CycleError,
    daemon::{DaemonError, Trouble},
    store::StoreError,
};

/// An error with the exit code it stands for and advice.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) exit: ExitCode,
    message: String,
    pub(super) hint: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Problem {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

impl Problem {
    /// A problem with this exit code.
    pub(super) fn new(exit: ExitCode, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None, source: None }
    }

    /// The command line says something that makes no sense.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Usage, message)
    }

    /// The service said no.
    pub(super) fn refused(exit: ExitCode, app: &str, message: impl Into<String>) -> Self {
        Self::new(exit, message).with_hint(format!(
            "nothing was changed; `entra-scim status {app}` says what the service does"
        ))
    }

    /// The service answered what this program did not ask.
    pub(super) fn answered_otherwise() -> Self {
        Self::new(ExitCode::Unexpected, "the service answered something else").with_hint(
            "the service is of another version, most often: restart it with `systemctl restart \
             entra-scim`, and run the command again",
        )
    }

    /// What to do next.
    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What is behind it.
    pub(super) fn caused_by(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// Why a cycle ended early.
    pub(super) fn of_cycle(exit: ExitCode, app: &str, error: &str, kind: Option<Trouble>) -> Self {
        let problem = Self::new(exit, format!("the cycle of application `{app}` ended early"))
            .caused_by(Plain(error.to_owned()));
        match kind.and_then(|trouble| hint_of(trouble, app)) {
            Some(hint) => problem.with_hint(hint),
            None => problem,
        }
    }
}

impl Problem {
    /// Why a question about one person could not be answered.
    pub(super) fn of_question(app: &str, error: &CycleError) -> Self {
        let trouble = Trouble::of(error);
        let message = format!("the question about application `{app}` could not be answered");
        let problem =
            Self::new(ExitCode::of_trouble(trouble), message).caused_by(Plain(error.to_string()));
        if matches!(trouble, Trouble::Graph | Trouble::Target) {
            return problem.with_hint("nothing was changed; run the command again");
        }
        match hint_of(trouble, app) {
            Some(hint) => problem.with_hint(hint),
            None => problem,
        }
    }
}

impl Problem {
    /// Why one person could not be provisioned.
    pub(super) fn of_on_demand(
        app: &str,
        who: &str,
        error: &str,
        trouble: Option<Trouble>,
    ) -> Self {
        let exit = trouble.map_or(ExitCode::Unexpected, ExitCode::of_trouble);
        let message = format!("`{who}` was not provisioned in application `{app}`");
        let problem = Self::new(exit, message).caused_by(Plain(error.to_owned()));
        match trouble.and_then(|trouble| hint_of(trouble, app)) {
            Some(hint) => problem.with_hint(hint),
            None => problem,
        }
    }
}

/// A text as the cause of something.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Plain(String);

fn hint_of(trouble: Trouble, app: &str) -> Option<String> {
    Some(match trouble {
        Trouble::SignIn | Trouble::Permission => format!(
            "nothing was changed at the application. Run `entra-scim check {app}`: it names what \
             is missing and where to click"
        ),
        Trouble::EnterpriseApplication => format!(
            "copy the application id from Entra's list of enterprise applications to \
             `apps.{app}.enterprise_app`, then run `entra-scim check {app}`"
        ),
        Trouble::Graph => {
            "what was read so far is kept; run the command again, it goes on from there".to_owned()
        }
        Trouble::TargetToken => format!(
            "create a new token in the application, put it where `apps.{app}.target.secret_token` \
             says (or what `oauth`, `basic` or `headers` need), and run `entra-scim check {app}`"
        ),
        Trouble::Target => {
            "what was done so far is recorded; run the command again, it goes on from there"
                .to_owned()
        }
        Trouble::TargetAddress => {
            format!("check `apps.{app}.target.tenant_url` with `entra-scim check {app}`")
        }
        Trouble::TooManyFailures => format!(
            "`entra-scim log {app} --status failure` shows what fails and why; once that is \
             mended, `entra-scim sync {app}` goes on"
        ),
        // Their messages say what to do.
        Trouble::Rebound
        | Trouble::PropertyVanished
        | Trouble::FilterName
        | Trouble::State
        | Trouble::TimeUp
        | Trouble::Stopped => {
            return None;
        }
    })
}

impl From<DaemonError> for Problem {
    fn from(error: DaemonError) -> Self {
        match error {
            DaemonError::Connect(source) => Self::usage(source.to_string())
                .with_hint("`entra-scim check` tests each connection, and says what is missing")
                .caused_by_inner(source),
            DaemonError::Store { app, source } => Self::of_store(&app, source),
            DaemonError::Unanswered { ref app } => Self::new(ExitCode::Locked, error.to_string())
                .with_hint(format!(
                    "a command such as `entra-scim sync {app}` may be running; wait for its end, \
                     or look at what the service does with `entra-scim status {app}`"
                )),
            DaemonError::HolderGone { ref app } => Self::new(ExitCode::Locked, error.to_string())
                .with_hint(format!(
                    "run the command again; `entra-scim log {app}` says what happened"
                )),
            DaemonError::Interrupted | DaemonError::Signals(_) | DaemonError::Task(_) => {
                Self::new(ExitCode::Unexpected, error.to_string())
                    .with_hint("what was done so far is recorded; run the command again")
                    .caused_by_inner(error)
            }
        }
    }
}

impl Problem {
    /// The state of an application cannot be used.
    pub(super) fn of_store(app: &str, source: StoreError) -> Self {
        let exit = match source {
            StoreError::Locked(_) => ExitCode::Locked,
            StoreError::Corrupt { .. }
            | StoreError::Newer { .. }
            | StoreError::Older(_)
            | StoreError::Missing(_)
            | StoreError::File { .. }
            | StoreError::Disk { .. }
            | StoreError::Sql(_)
            | StoreError::Stored { .. } => ExitCode::Unexpected,
        };
        let hint = match source {
            StoreError::Locked(_) => Some(format!(
                "the service or another command works on it; `entra-scim status {app}` says how far"
            )),
            StoreError::File { .. } => Some(
                "`service.state_dir` says where the states are: a folder on a disk that can be \
                 written, and that belongs to whoever runs the service"
                    .to_owned(),
            ),
            // Their messages say what to do.
            StoreError::Corrupt { .. }
            | StoreError::Newer { .. }
            | StoreError::Older(_)
            | StoreError::Missing(_)
            | StoreError::Disk { .. }
            | StoreError::Sql(_)
            | StoreError::Stored { .. } => None,
        };
        let problem = Self::new(exit, format!("the state of application `{app}` cannot be used"))
            .caused_by(source);
        match hint {
            Some(hint) => problem.with_hint(hint),
            None => problem,
        }
    }

    /// The causes of `error`, whose own message is this problem's already.
    fn caused_by_inner(mut self, error: impl Error) -> Self {
        let mut cause = error.source();
        let mut texts = Vec::new();
        while let Some(inner) = cause {
            texts.push(inner.to_string());
            cause = inner.source();
        }
        if !texts.is_empty() {
            self.source = Some(Box::new(Plain(texts.join(": "))));
        }
        self
    }
}

impl From<LoadError> for Problem {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Read { ref path, .. } => {
                Self::usage(format!("the configuration {} cannot be read", path.display()))
                    .with_hint(
                        "`entra-scim init` writes one; another place is named with --config or \
                 $ENTRA_SCIM_CONFIG",
                    )
                    .caused_by_inner(error)
            }
            LoadError::Invalid { .. } => Self::usage(error.report()).with_hint(
                "mend the file, then run `entra-scim check`; config.toml.example has every key",
            ),
        }
    }
}
