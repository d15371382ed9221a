//! Which configuration, and which of its applications.

use super::{args::Global, output, problem::Problem};
use crate::config::{AppSettings, Config, load, nearest};

/// Loads the configuration. Its warnings are shown.
pub(super) fn configuration(global: &Global) -> Result<Config, Problem> {
    let config = load(global.config.as_deref())?;
    for warning in &config.warnings {
        output::note(global, &warning.to_string());
    }
    Ok(config)
}

/// The applications that are meant: the named one, the only one, or all.
pub(super) fn choose<'c>(
    config: &'c Config,
    name: Option<&str>,
    all: bool,
) -> Result<Vec<&'c AppSettings>, Problem> {
    match (name, config.apps.as_slice()) {
        (None, apps) if all => Ok(apps.iter().collect()),
        (Some(name), _) => Ok(vec![named(config, name)?]),
        (None, [only]) => Ok(vec![only]),
        (None, _) => Err(Problem::usage("which application is meant?")
            .with_hint(format!("the file has {}; name one, or say --all", names(config)))),
    }
}

/// The one application that is meant.
pub(super) fn one<'c>(config: &'c Config, name: Option<&str>) -> Result<&'c AppSettings, Problem> {
    let chosen = choose(config, name, false)?;
    chosen.first().copied().ok_or_else(|| {
        Problem::usage("the file has no application")
            .with_hint("add a section [apps.NAME]; config.toml.example has every key of one")
    })
}

fn named<'c>(config: &'c Config, name: &str) -> Result<&'c AppSettings, Problem> {
    if let Some(app) = config.apps.iter().find(|app| app.job.app.as_str() == name) {
        return Ok(app);
    }
    let problem = Problem::usage(format!("no application is named `{name}`"));
    Err(match nearest(name, config.apps.iter().map(|app| app.job.app.as_str())) {
        Some(near) => problem.with_hint(format!("did you mean `{near}`?")),
        None => problem.with_hint(format!("the file has {}", names(config))),
    })
}

fn names(config: &Config) -> String {
    let names: Vec<String> = config.apps.iter().map(|app| format!("`{}`", app.job.app)).collect();
    names.join(", ")
}
