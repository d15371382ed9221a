//! What may be said on the command line.

use std::path::PathBuf;

use chrono::DateTime;
use clap::{Args, Parser, Subcommand, ValueEnum};

use super::{
    completions::CompletionsArgs, man::ManArgs, sandbox::SandboxArgs, service::ServiceArgs,
};
use crate::{model::Timestamp, store::AccountStanding, web::Since};

/// Provisions users and groups from Microsoft Entra ID into SCIM applications
#[derive(Parser)]
#[command(
    name = "entra-scim",
    version,
    after_help = "Exit codes:\n  0  done\n  1  unexpected\n  2  configuration or usage\n  \
                  3  some objects failed\n  4  changes held by a safeguard\n  5  in quarantine\n  \
                  6  another process holds the state file and does not answer\n  \
                  7  could not reach or sign in to Graph, the target or, with notify-test, the \
                  mail server\n\n\
                  Begin with: entra-scim init, then check, plan, sync.\n\
                  Each command has examples: entra-scim COMMAND --help"
)]
pub(super) struct Cli {
    #[command(flatten, next_help_heading = "Common options")]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// What every command understands.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Global {
    /// The configuration [default: $ENTRA_SCIM_CONFIG, then /etc/entra-scim/config.toml]
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Say nothing but data and errors
    #[arg(long, short, global = true)]
    pub(super) quiet: bool,
    /// Print one JSON document
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Show skipped objects too
    #[arg(long, short, global = true)]
    pub(super) verbose: bool,
    /// How log lines look: auto is text, or fields where the journal listens
    #[arg(long, global = true, value_name = "FORMAT", default_value = "auto")]
    pub(super) log_format: LogFormat,
    /// Which log lines are shown, such as `debug` or `entra_scim::target=debug`
    #[arg(long, global = true, value_name = "FILTER", env = "RUST_LOG")]
    pub(super) log_filter: Option<String>,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// Fields for the journal where stderr leads there, else text.
    #[default]
    Auto,
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Write a commented configuration after a few questions
    Init(InitArgs),
    /// Test the connections and permissions, and say what is missing
    Check(CheckArgs),
    /// Show what a cycle would do; changes neither target nor state
    Plan(PlanArgs),
    /// Run one cycle, now
    Sync(SyncArgs),
    /// Run as a service, each application on its schedule
    #[command(after_help = "It ends on SIGTERM, at the next request; the next start goes on \
                              from there.\n\nExample: entra-scim run --log-format json")]
    Run,
    /// Print or install the systemd unit
    Service(ServiceArgs),
    /// Provision one person or group, now
    Provision(ProvisionArgs),
    /// Say why somebody is in scope or not, and what would be sent
    Explain(ExplainArgs),
    /// List every account at the application, and whose it is
    Accounts(AccountsArgs),
    /// Show which accounts were changed behind the directory's back
    Drift(DriftArgs),
    /// Evaluate one expression of Entra's mapping language
    Expression(ExpressionArgs),
    /// Show how the applications are doing
    Status(StatusArgs),
    /// Show the provisioning log
    Log(LogArgs),
    /// Release what a safeguard holds
    Approve(ApproveArgs),
    /// Stop scheduling an application
    #[command(after_help = "Example: entra-scim pause whimsical")]
    Pause(AppArgs),
    /// Go on scheduling an application
    #[command(after_help = "Example: entra-scim resume whimsical")]
    Resume(AppArgs),
    /// Forget parts of the state, as Microsoft Graph's resetScope
    Restart(RestartArgs),
    /// Remove a person's data from logs and state, not the accounts
    Forget(ForgetArgs),
    /// Send one test mail to everybody, and a message to each webhook
    #[command(after_help = "Example: entra-scim notify-test")]
    NotifyTest(AppArgs),
    /// Turn an Entra provisioning schema into mappings
    ImportSchema(ImportSchemaArgs),
    /// List the built-in profiles, or show one with its set-up steps
    Gallery(GalleryArgs),
    /// Try everything with a simulated tenant and application
    Demo(DemoArgs),
    /// Serve a simulated tenant of any size and an application
    Sandbox(SandboxArgs),
    /// Print what a shell needs to complete this command line
    Completions(CompletionsArgs),
    /// Print a manual page, or write all of them
    Man(ManArgs),
}

/// Which applications.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct AppArgs {
    /// The application; may be left out where the file has one
    pub(super) app: Option<String>,
    /// Every application
    #[arg(long, conflicts_with = "app")]
    pub(super) all: bool,
}

#[derive(Args, Clone, Debug)]
#[command(
    after_help = "linked: a cycle keeps it. kept: it was linked and is left as it is. matched: \
                  nobody is linked to it,\nand a user of the tenant has its matching value. local: \
                  the application's own; it is never touched.\n\nExamples:\n  entra-scim accounts \
                  whimsical\n  entra-scim accounts whimsical --standing local --csv"
)]
pub(super) struct AccountsArgs {
    /// The application; may be left out where the file has one
    pub(super) app: Option<String>,
    /// Only these
    #[arg(long, value_name = "linked|kept|matched|local", value_parser = account_standing)]
    pub(super) standing: Option<AccountStanding>,
    /// As comma-separated values, with a header
    #[arg(long)]
    pub(super) csv: bool,
}

#[derive(Args, Clone, Debug)]
#[command(
    after_help = "changed: a linked account has other values than were exported. missing: it is \
                  gone. added: nobody\nis linked to it, and it was not there at the last \
                  comparison. Nothing is corrected by this command.\n\nExamples:\n  entra-scim \
                  drift whimsical\n  entra-scim drift whimsical --now --csv"
)]
pub(super) struct DriftArgs {
    /// The application; may be left out where the file has one
    pub(super) app: Option<String>,
    /// Compare now, beside the service, instead of showing the last comparison
    #[arg(long)]
    pub(super) now: bool,
    /// As comma-separated values, with a header
    #[arg(long, conflicts_with = "json")]
    pub(super) csv: bool,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = "Example: entra-scim init /etc/entra-scim/config.toml")]
pub(super) struct InitArgs {
    /// Where to write it; a file that is there is never overwritten [default: config.toml]
    #[arg(value_name = "FILE")]
    pub(super) path: Option<PathBuf>,
    /// Ask nothing; write the example
    #[arg(long)]
    pub(super) non_interactive: bool,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = "Example: entra-scim check whimsical")]
pub(super) struct CheckArgs {
    /// The application; may be left out where the file has one
    pub(super) app: Option<String>,
    /// Every application
    #[arg(long, conflicts_with = "app")]
    pub(super) all: bool,
}

#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  entra-scim plan whimsical\n  entra-scim plan whimsical --out \
                        plan.json, then: entra-scim sync whimsical --plan plan.json"
)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    pub(super) which: AppArgs,
    /// Show what a safeguard holds now; reads nothing but the state
    #[arg(long, conflicts_with = "out")]
    pub(super) held: bool,
    /// Save the plan for `sync --plan`
    #[arg(long, value_name = "FILE", conflicts_with = "all")]
    pub(super) out: Option<PathBuf>,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  entra-scim sync whimsical\n  entra-scim sync --all --json")]
pub(super) struct SyncArgs {
    #[command(flatten)]
    pub(super) which: AppArgs,
    /// Show what would be done, as `plan` does
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Read and decide everything again; links are kept
    #[arg(long)]
    pub(super) initial: bool,
    /// Only what this saved plan says; refused where the world has moved
    #[arg(long, value_name = "FILE", conflicts_with_all = ["all", "dry_run"])]
    pub(super) plan: Option<PathBuf>,
}

#[derive(Args, Clone, Debug)]
#[command(
    after_help = "It only reads.\n\nExamples:\n  entra-scim explain whimsical ada@contoso.com\n  \
                        entra-scim explain 'Sales Team' --json"
)]
pub(super) struct ExplainArgs {
    /// The application; may be left out where the file has one
    #[arg(value_name = "APP")]
    pub(super) app_or_who: String,
    /// An object id, user principal name, mail address, or the display name of a group
    #[arg(value_name = "WHO")]
    pub(super) who: Option<String>,
}

#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Nobody else is decided about, and the next cycle reads everything that it would \
                  have read. The safeguards\ncount what is done. Exit codes: 0 done or nothing to \
                  do, 3 it failed, 4 a safeguard holds it.\n\nExamples:\n  entra-scim provision \
                  whimsical ada@contoso.com --dry-run\n  entra-scim provision whimsical \
                  ada@contoso.com"
)]
pub(super) struct ProvisionArgs {
    /// The application; may be left out where the file has one
    #[arg(value_name = "APP")]
    pub(super) app_or_who: String,
    /// An object id, user principal name, mail address, or the display name of a group
    #[arg(value_name = "WHO")]
    pub(super) who: Option<String>,
    /// Only say what would be done; touches neither the target nor the state
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Exit codes: 0 it has a value or lets nothing flow, 2 the expression or the \
                  command line is wrong, 3 it cannot be evaluated for this object.\n\n\
                  Examples:\n  entra-scim expression 'Join(\" \", [givenName], [surname])' --user \
                  ada.json\n  entra-scim expression 'ToUpper([department])' --user \
                  ada@contoso.com --trace\n  entra-scim expression --functions"
)]
pub(super) struct ExpressionArgs {
    /// The expression; `-` reads it from stdin
    #[arg(
        value_name = "EXPR",
        allow_hyphen_values = true,
        required_unless_present = "functions",
        conflicts_with = "functions"
    )]
    pub(super) expression: Option<String>,
    /// A file with a JSON object of attribute values, or somebody in Entra: an object id, user
    /// principal name or mail address
    #[arg(long, value_name = "FILE|WHO", conflicts_with = "functions")]
    pub(super) user: Option<String>,
    /// The application whose roles count, where WHO is somebody in Entra; may be left out where
    /// the file has one
    #[arg(long, value_name = "NAME", requires = "user")]
    pub(super) app: Option<String>,
    /// What `Now()` tells, such as 2026-11-23T10:00:00Z [default: the present]
    #[arg(long, value_parser = moment, value_name = "TIME")]
    pub(super) now: Option<Timestamp>,
    /// Show each part and what it gives, the innermost first
    #[arg(long, conflicts_with = "functions")]
    pub(super) trace: bool,
    /// A text that the application has already, for `SelectUniqueValue`; may be repeated
    #[arg(long, value_name = "TEXT", conflicts_with = "functions")]
    pub(super) taken: Vec<String>,
    /// The tenant's default domain, for `DefaultDomain`
    #[arg(long, value_name = "DOMAIN", conflicts_with = "functions")]
    pub(super) default_domain: Option<String>,
    /// List every function
    #[arg(long)]
    pub(super) functions: bool,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = "Example: entra-scim status --json")]
pub(super) struct StatusArgs {
    /// The application [default: every one]
    pub(super) app: Option<String>,
    /// Every application
    #[arg(long, conflicts_with = "app")]
    pub(super) all: bool,
}

#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  entra-scim log whimsical --who ada@contoso.com --since 7d\n  \
                        entra-scim log --status failure --json"
)]
pub(super) struct LogArgs {
    #[command(flatten)]
    pub(super) which: AppArgs,
    /// A person: id, user principal name, mail, or a part of the name
    #[arg(long)]
    pub(super) who: Option<String>,
    /// create, adopt, update, disable, enable, delete, skip, or Graph's other and stagedDelete
    /// (removals that a safeguard holds)
    #[arg(long)]
    pub(super) action: Option<String>,
    /// success, warning, failure or skipped
    #[arg(long)]
    pub(super) status: Option<String>,
    /// A cycle's id, or the beginning of one
    #[arg(long)]
    pub(super) cycle: Option<String>,
    /// Not before: a moment (2026-11-23T10:00:00Z) or an age (90m, 2h, 7d)
    #[arg(long, value_parser = Since::parse, value_name = "TIME")]
    pub(super) since: Option<Since>,
    /// The newest so many rows
    #[arg(long, default_value_t = 100, value_parser = rows_max())]
    pub(super) limit: u32,
    /// Print comma-separated values
    #[arg(long, conflicts_with_all = ["json", "follow"])]
    pub(super) csv: bool,
    /// Go on printing new rows until interrupted; with --json, one document per line
    #[arg(long)]
    pub(super) follow: bool,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = "Example: entra-scim approve whimsical 3f2a --yes")]
pub(super) struct ApproveArgs {
    /// The application; may be left out where the file has one
    pub(super) app: Option<String>,
    /// The held plan: its id or the beginning of it [default: what is held now]
    pub(super) plan: Option<String>,
    /// Ask nothing
    #[arg(long, short)]
    pub(super) yes: bool,
}

#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Without a flag: --quarantine --watermark --escrows, as Microsoft Graph does. It \
                  runs no cycle. A running service\nstarts the next cycle at once after --quarantine and \
                  --escrows.\n\nExample: entra-scim restart whimsical --watermark"
)]
#[expect(clippy::struct_excessive_bools, reason = "one per flag")]
pub(super) struct RestartArgs {
    #[command(flatten)]
    pub(super) which: AppArgs,
    /// Read the directory from the beginning
    #[arg(long)]
    pub(super) watermark: bool,
    /// Try everything that failed again, also what was given up
    #[arg(long)]
    pub(super) escrows: bool,
    /// End the quarantine: the next cycle is one like any other
    #[arg(long)]
    pub(super) quarantine: bool,
    /// Match everybody in scope again, the account each has first
    #[arg(long)]
    pub(super) links: bool,
    /// Let the state file belong to another tenant, application or target; forgets the links
    #[arg(long)]
    pub(super) rebind: bool,
    /// All of the above but --rebind, and what was learned of the directory's properties
    #[arg(long)]
    pub(super) full: bool,
}

#[derive(Args, Clone, Debug)]
#[command(
    after_help = "The accounts stay as they are, and nobody else ever gets them. Whoever is still \
                        assigned is read again by the next cycle: unassign them first.\n\nExample: \
                        entra-scim forget ada@contoso.com"
)]
pub(super) struct ForgetArgs {
    /// The person: object id, user principal name or mail address, also a former one
    pub(super) who: String,
    /// Only in the state of this application [default: every one]
    #[arg(long, value_name = "NAME")]
    pub(super) app: Option<String>,
    /// Ask nothing
    #[arg(long, short)]
    pub(super) yes: bool,
}

#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  entra-scim import-schema schema.json >> config.toml\n  entra-scim \
                        import-schema --from-entra whimsical"
)]
pub(super) struct ImportSchemaArgs {
    /// The schema as JSON, as the portal and Microsoft Graph export it; - reads it from stdin
    #[arg(value_name = "FILE", required_unless_present = "from_entra")]
    pub(super) file: Option<PathBuf>,
    /// Fetch it from the tenant: from Entra's own provisioning of this application of the
    /// configuration; the application may be left out where the file has one
    #[arg(
        long,
        value_name = "APP",
        conflicts_with = "file",
        num_args = 0..=1,
        default_missing_value = ""
    )]
    pub(super) from_entra: Option<String>,
    /// Which of Entra's provisioning jobs, where the application has several
    #[arg(long, value_name = "ID", requires = "from_entra")]
    pub(super) job: Option<String>,
    /// The section to write it for [default: the configuration's only application, else `app`]
    #[arg(long, value_name = "NAME")]
    pub(super) app: Option<String>,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  entra-scim gallery\n  entra-scim gallery whimsical")]
pub(super) struct GalleryArgs {
    /// The profile to show [default: a table of all]
    pub(super) name: Option<String>,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = "Example: entra-scim demo --keep-running")]
pub(super) struct DemoArgs {
    /// Keep the simulated services and the service with its status page running until interrupted
    #[arg(long)]
    pub(super) keep_running: bool,
    /// Where to put its files [default: a temporary folder]
    #[arg(long, value_name = "FOLDER")]
    pub(super) dir: Option<PathBuf>,
}

/// A log of more rows is better read in parts.
fn rows_max() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=1_000_000)
}

fn moment(text: &str) -> Result<Timestamp, String> {
    DateTime::parse_from_rfc3339(text)
        .map(|at| at.to_utc())
        .map_err(|_| "expected a moment such as 2026-11-23T10:00:00Z".to_owned())
}

fn account_standing(word: &str) -> Result<AccountStanding, String> {
    let known = AccountStanding::WORDS.into_iter().find(|(known, _)| *known == word);
    let words: Vec<&str> = AccountStanding::WORDS.iter().map(|(word, _)| *word).collect();
    known.map(|(_, standing)| standing).ok_or_else(|| format!("possible are {}", words.join(", ")))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent_and_every_command_shows_an_example() {
        Cli::command().debug_assert();
        for command in Cli::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example"), "{} has no example", command.get_name());
        }
    }
}
