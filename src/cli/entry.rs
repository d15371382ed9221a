//! From arguments to a command, and from its end to an exit code.

use std::ffi::OsString;

use clap::FromArgMatches as _;
use tracing_subscriber::EnvFilter;

use super::{
    accounts, approve,
    args::{Cli, Command, Global},
    check, completions, control, demo, drift,
    exit::ExitCode,
    explain, expression, forget, gallery, help, import_schema, init, log, log_lines, man,
    notify_test, output, plan,
    problem::Problem,
    provision, run, sandbox, service, status, sync,
};

/// Threads that carry requests, on a machine of any size: what is computed is computed on the
/// thread of each application, and each thread has memory of its own.
const WORKER_THREADS: usize = 2;

/// Characters of a hint's line; six blanks stand before it.
const HINT_LINE_CHARS: usize = 84;

/// Runs the command that these arguments say, the program's name first.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let parsed = help::command().try_get_matches_from(args);
    let cli = match parsed.and_then(|mut matches| Cli::from_arg_matches_mut(&mut matches)) {
        Ok(cli) => cli,
        Err(error) => {
            // Where neither stdout nor stderr can be written to, there is nobody to tell.
            drop(error.print());
            return if error.use_stderr() { ExitCode::Usage } else { ExitCode::Done };
        }
    };
    match start(&cli) {
        Ok(code) => code,
        Err(error) => {
            show(&error);
            exit_of(&error)
        }
    }
}

fn start(cli: &Cli) -> anyhow::Result<ExitCode> {
    begin_log(&cli.global, &cli.command)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKER_THREADS)
        .enable_all()
        .build()?;
    let ended = runtime.block_on(dispatch(cli));
    // Whatever still runs has nothing left to do for anybody.
    runtime.shutdown_background();
    ended
}

async fn dispatch(cli: &Cli) -> anyhow::Result<ExitCode> {
    let global = &cli.global;
    let refuse_json = |command: &str| if global.json { Err(no_json(command)) } else { Ok(()) };
    match &cli.command {
        Command::Init(args) => {
            refuse_json("init")?;
            init::run(args, global).await
        }
        Command::Check(args) => check::run(args, global).await,
        Command::Plan(args) => plan::run(args, global).await,
        Command::Sync(args) => sync::run(args, global).await,
        Command::Run => {
            refuse_json("run")?;
            run::run(global).await
        }
        Command::Service(args) => {
            refuse_json("service")?;
            service::run(args, global).await
        }
        Command::Provision(args) => provision::run(args, global).await,
        Command::Explain(args) => explain::run(args, global).await,
        Command::Accounts(args) => accounts::run(args, global).await,
        Command::Drift(args) => drift::run(args, global).await,
        Command::Expression(args) => expression::run(args, global).await,
        Command::Status(args) => status::run(args, global),
        Command::Log(args) => log::run(args, global).await,
        Command::Approve(args) => approve::run(args, global).await,
        Command::Pause(args) => control::pause(args, global).await,
        Command::Resume(args) => control::resume(args, global).await,
        Command::Restart(args) => control::restart(args, global).await,
        Command::Forget(args) => forget::run(args, global).await,
        Command::NotifyTest(args) => notify_test::run(args, global).await,
        Command::ImportSchema(args) => {
            refuse_json("import-schema")?;
            import_schema::run(args, global).await
        }
        Command::Gallery(args) => gallery::run(args, global),
        Command::Demo(args) => {
            refuse_json("demo")?;
            demo::run(args, global).await
        }
        Command::Sandbox(args) => sandbox::run(args, global).await,
        Command::Completions(args) => {
            refuse_json("completions")?;
            completions::run(args)
        }
        Command::Man(args) => {
            refuse_json("man")?;
            man::run(args, global)
        }
    }
}

/// What a command prints that has no JSON document, and what a script takes instead.
fn no_json(command: &str) -> Problem {
    let instead = match command {
        "run" => {
            "`--log-format json` prints log lines as JSON, and `entra-scim status --json` says how \
             the service is doing"
        }
        "init" => "it writes a configuration; leave --json out",
        "import-schema" => "it prints TOML for the configuration; leave --json out",
        "demo" => "`entra-scim demo --keep-running`, then the other commands with --json beside it",
        _ => "it prints a text that another program reads; leave --json out",
    };
    Problem::usage(format!("`{command}` has no JSON document")).with_hint(instead)
}

/// Log lines go to stderr. A command for a person shows only what went wrong.
fn begin_log(global: &Global, command: &Command) -> Result<(), Problem> {
    let default = match command {
        Command::Run if !global.quiet => "info",
        Command::Run => "warn",
        Command::Init(_)
        | Command::Check(_)
        | Command::Plan(_)
        | Command::Sync(_)
        | Command::Service(_)
        | Command::Provision(_)
        | Command::Explain(_)
        | Command::Accounts(_)
        | Command::Drift(_)
        | Command::Expression(_)
        | Command::Status(_)
        | Command::Log(_)
        | Command::Approve(_)
        | Command::Pause(_)
        | Command::Resume(_)
        | Command::Restart(_)
        | Command::Forget(_)
        | Command::NotifyTest(_)
        | Command::ImportSchema(_)
        | Command::Gallery(_)
        | Command::Demo(_)
        | Command::Sandbox(_)
        | Command::Completions(_)
        | Command::Man(_) => "error",
    };
    let wanted = global.log_filter.as_deref().filter(|filter| !filter.is_empty());
    let filter = EnvFilter::try_new(wanted.unwrap_or(default)).map_err(|error| {
        Problem::usage("the log filter (--log-filter or $RUST_LOG) is not usable")
            .with_hint("write a level such as `info`, or `entra_scim::target=debug`")
            .caused_by(error)
    })?;
    log_lines::begin(global.log_format, filter);
    Ok(())
}

/// Shows an error, its causes and its hint on stderr.
pub(super) fn show(error: &anyhow::Error) {
    let style = anstyle::Style::new().fg_color(Some(anstyle::AnsiColor::Red.into())).bold();
    let mut text = format!("{style}error{style:#}: {error}");
    for cause in error.chain().skip(1) {
        text.push_str("\n  caused by: ");
        text.push_str(&cause.to_string());
    }
    if let Some(hint) = error.downcast_ref::<Problem>().and_then(|problem| problem.hint.as_ref()) {
        text.push_str("\n\nhint: ");
        text.push_str(&wrapped(hint));
    }
    output::say(&text);
}

/// A paragraph below `hint: `, its lines short enough for a terminal.
fn wrapped(paragraph: &str) -> String {
    let (mut text, mut line) = (String::new(), 0);
    for word in paragraph.split(' ') {
        let chars = word.chars().count();
        if line > 0 && line + 1 + chars > HINT_LINE_CHARS {
            text.push_str("\n      ");
            line = 0;
        } else if line > 0 {
            text.push(' ');
            line += 1;
        }
        text.push_str(word);
        line += chars;
    }
    text
}

/// The exit code that an error stands for.
pub(super) fn exit_of(error: &anyhow::Error) -> ExitCode {
    error.downcast_ref::<Problem>().map_or(ExitCode::Unexpected, |problem| problem.exit)
}

#[cfg(test)]
mod tests {
    use super::{HINT_LINE_CHARS, wrapped};

    #[test]
    fn a_hint_is_broken_between_words_and_loses_none() {
        let hint = "look at the account in the application and run the command again ".repeat(4);
        let shown = wrapped(hint.trim());
        assert!(shown.lines().all(|line| line.trim().chars().count() <= HINT_LINE_CHARS));
        assert_eq!(shown.split_whitespace().count(), hint.split_whitespace().count());
    }
}
