//! The command: which applications, in which form, with which exit code.

use std::sync::Arc;

use super::{
    application, directory,
    finding::{Blame, Finding, Findings, Level, exit_code, text},
    mail,
};
use crate::{
    cli::{
        apps::choose,
        args::{CheckArgs, Global},
        exit::ExitCode,
        output,
        problem::Problem,
    },
    config::{AppSettings, Config, load},
    daemon::{SystemClock, connect},
    model::Clock,
};

/// Runs the command. A mistake in the file ends it before anything is looked at.
pub(in crate::cli) async fn run(args: &CheckArgs, global: &Global) -> anyhow::Result<ExitCode> {
    // Warnings are findings here, so they are not shown while the file is read.
    let config = load(global.config.as_deref()).map_err(Problem::from)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mut findings = about_the_file(&config);
    findings.extend(examine_mail(&config).await);
    for app in choose(&config, args.app.as_deref(), args.all)? {
        findings.extend(examine(&config, app, Arc::clone(&clock)).await);
    }
    if global.json {
        output::json(&serde_json::to_value(&findings)?)?;
    } else {
        output::data(&text(&findings))?;
        output::note(global, &format!("\n{}", summary(&findings)));
    }
    Ok(exit_code(&findings))
}

/// What the configuration itself makes a person look twice at.
fn about_the_file(config: &Config) -> Vec<Finding> {
    let mut findings = Findings::about("");
    for warning in &config.warnings {
        findings.warning("configuration", warning.to_string(), "");
    }
    findings.list
}

/// The mail server, which is one for all applications.
async fn examine_mail(config: &Config) -> Vec<Finding> {
    let mut findings = Findings::about("");
    mail::examine(config, &mut findings).await;
    findings.list
}

/// Everything about one application, both sides.
pub(in crate::cli) async fn examine(
    config: &Config,
    app: &AppSettings,
    clock: Arc<dyn Clock>,
) -> Vec<Finding> {
    let mut findings = Findings::about(app.job.app.as_str());
    match connect(config, app, clock) {
        Err(error) => {
            let message = format!("{:#}", anyhow::Error::new(error));
            findings.error("configuration", Blame::Configuration, message, "");
        }
        Ok(connection) => {
            directory::examine(config, app, &connection.directory, &mut findings).await;
            let guid = uuid::Uuid::new_v4().to_string();
            application::examine(app, &connection.target.reader(), &guid, &mut findings).await;
        }
    }
    findings.list
}

/// The last line: how many of what, and what to do next.
fn summary(findings: &[Finding]) -> String {
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    let said = |number: usize, noun: &str| match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    };
    match (count(Level::Error), count(Level::Warning)) {
        (0, 0) => "hint: all is well; `entra-scim plan` shows what a cycle would do".to_owned(),
        (0, warnings) => format!(
            "hint: {}, and nothing that stands in the way; `entra-scim plan` shows what a cycle \
             would do",
            said(warnings, "warning")
        ),
        (errors, warnings) => format!(
            "{} and {}: a cycle would fail",
            said(errors, "error"),
            said(warnings, "warning")
        ),
    }
}
