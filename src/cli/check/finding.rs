//! One finding of a check, and how findings become text, JSON and an exit code.

use std::fmt::Write as _;

use serde::Serialize;

use crate::cli::exit::ExitCode;

/// How a finding is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::cli) enum Level {
    /// It works.
    Ok,
    /// It was not looked at, or is optional; nothing has to be done.
    Note,
    /// It works, and a person should know something.
    Warning,
    /// A cycle would fail.
    Error,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Whose an error is: it decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Blame {
    /// The file says something that is not so: exit code 2.
    Configuration,
    /// Microsoft Graph or the application does not answer, or refuses: exit code 7.
    Connection,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(in crate::cli) struct Finding {
    /// The application's section.
    pub(in crate::cli) app: String,
    /// What was looked at, in a word or two.
    pub(in crate::cli) check: &'static str,
    /// How it is meant.
    pub(in crate::cli) level: Level,
    /// What was found.
    pub(in crate::cli) message: String,
    /// What to do, and where.
    pub(in crate::cli) action: Option<String>,
    #[serde(skip)]
    pub(in crate::cli) blame: Option<Blame>,
}

/// The findings about one application, as they come.
pub(super) struct Findings {
    app: String,
    pub(super) list: Vec<Finding>,
}

impl Findings {
    pub(super) fn about(app: &str) -> Self {
        Self { app: app.to_owned(), list: Vec::new() }
    }

    pub(super) fn ok(&mut self, check: &'static str, message: impl Into<String>) {
        self.push(check, Level::Ok, message.into(), None, None);
    }

    pub(super) fn note(
        &mut self,
        check: &'static str,
        message: impl Into<String>,
        action: impl Into<String>,
    ) {
        self.push(check, Level::Note, message.into(), Some(action.into()), None);
    }

    pub(super) fn warning(
        &mut self,
        check: &'static str,
        message: impl Into<String>,
        action: impl Into<String>,
    ) {
        self.push(check, Level::Warning, message.into(), Some(action.into()), None);
    }

    pub(super) fn error(
        &mut self,
        check: &'static str,
        blame: Blame,
        message: impl Into<String>,
        action: impl Into<String>,
    ) {
        self.push(check, Level::Error, message.into(), Some(action.into()), Some(blame));
    }

    fn push(
        &mut self,
        check: &'static str,
        level: Level,
        message: String,
        action: Option<String>,
        blame: Option<Blame>,
    ) {
        let app = self.app.clone();
        let action = action.filter(|action| !action.is_empty());
        self.list.push(Finding { app, check, level, message, action, blame });
    }
}

/// The exit code that these findings stand for: 7 before 2, as everywhere; 0 without an error.
pub(super) fn exit_code(findings: &[Finding]) -> ExitCode {
    let blamed = findings.iter().filter_map(|finding| finding.blame);
    blamed.fold(ExitCode::Done, |code, blame| {
        code.worse(match blame {
            Blame::Configuration => ExitCode::Usage,
            Blame::Connection => ExitCode::Unreachable,
        })
    })
}

/// The findings as aligned lines, what to do below what was found.
pub(in crate::cli) fn text(findings: &[Finding]) -> String {
    let style = |level: Level| match level {
        Level::Ok => anstyle::AnsiColor::Green.on_default(),
        Level::Note => anstyle::Style::new(),
        Level::Warning => anstyle::AnsiColor::Yellow.on_default(),
        Level::Error => anstyle::AnsiColor::Red.on_default().bold(),
    };
    let width = findings.iter().map(|finding| finding.check.len()).max().unwrap_or(0);
    let is_of_several = findings.iter().any(|finding| finding.app != findings[0].app);
    let mut text = String::new();
    let mut app = "";
    for finding in findings {
        if is_of_several && finding.app != app {
            app = &finding.app;
            let _ = writeln!(text, "{app}");
        }
        let style = style(finding.level);
        let level = finding.level.as_str();
        let _ = writeln!(
            text,
            "{style}{level:<7}{style:#}  {:<width$}  {}",
            finding.check, finding.message
        );
        if let Some(action) = &finding.action {
            let _ = writeln!(text, "{:indent$}{action}", "", indent = 7 + 2 + width + 2);
        }
    }
    text
}
