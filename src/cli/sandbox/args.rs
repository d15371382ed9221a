//! What may be said to `sandbox`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};

#[derive(Args, Clone, Debug)]
#[command(
    after_help = "It serves on this machine only, and keeps nothing: the next start has the same \
                  people and an empty application.\nGET GRAPH/sandbox/counters shows what was \
                  asked, DELETE begins to count anew, and POST GRAPH/sandbox/churn?share=0.01\n\
                  changes one in a hundred people.\n\nExamples:\n  entra-scim sandbox \
                  --write-config sandbox/config.toml, then beside it: entra-scim sync --config \
                  sandbox/config.toml\n  entra-scim sandbox --users 1000000 --groups 20000 \
                  --memberships 5000000 --scope all --latency 50ms"
)]
pub(in crate::cli) struct SandboxArgs {
    /// How many people the tenant has
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = users())]
    pub(super) users: u32,
    /// How many groups, all of them assigned to the application [default: one for fifty people]
    #[arg(long, value_name = "N", value_parser = groups())]
    pub(super) groups: Option<u32>,
    /// How many memberships in all; as many as there are people put everybody into a group
    /// [default: five for each of the people]
    #[arg(long, value_name = "N")]
    pub(super) memberships: Option<u64>,
    /// How many people are assigned to the application directly
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) assigned_users: u32,
    /// Who is provisioned, as the configuration says it
    #[arg(long, value_enum, default_value_t = ScopeArg::Assigned)]
    pub(super) scope: ScopeArg,
    /// Decides every name and id
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) seed: u64,
    /// Where Graph listens [default: a free port]
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    pub(super) graph_port: u16,
    /// Where the application listens [default: a free port]
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    pub(super) scim_port: u16,
    /// How long every answer of the application takes, such as 50ms
    #[arg(long, value_name = "TIME", default_value = "0ms", value_parser = time)]
    pub(super) latency: Duration,
    /// How many requests a second the application takes; further ones are answered with 429
    #[arg(long, value_name = "N", value_parser = rate())]
    pub(super) limit: Option<u32>,
    /// How long every answer of Graph takes
    #[arg(long, value_name = "TIME", default_value = "0ms", value_parser = time)]
    pub(super) graph_latency: Duration,
    /// How many requests a second Graph takes
    #[arg(long, value_name = "N", value_parser = rate())]
    pub(super) graph_limit: Option<u32>,
    /// Change this share of the people again and again, such as 0.01
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(super) churn: Option<f64>,
    /// How long to wait before each such change
    #[arg(
        long,
        value_name = "TIME",
        default_value = "1m",
        requires = "churn",
        value_parser = time
    )]
    pub(super) churn_every: Duration,
    /// Write the configuration here instead of printing it; a file that is there is overwritten
    /// only if a sandbox wrote it
    #[arg(long, value_name = "FILE")]
    pub(super) write_config: Option<PathBuf>,
}

/// Who is provisioned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ScopeArg {
    /// Who is assigned to the application, directly or by a group.
    Assigned,
    /// Everybody.
    All,
}

fn users() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=10_000_000)
}

fn groups() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(0..=1_000_000)
}

fn rate() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=1_000_000)
}

/// A time such as `50ms`, `2s` or `1m`.
fn time(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit_millis = match &text[digits.len()..] {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    let millis = unit_millis.and_then(|unit| digits.parse::<u64>().ok()?.checked_mul(unit));
    let time = millis.map(Duration::from_millis);
    time.ok_or_else(|| "expected a time such as 50ms, 2s or 1m".to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "expected a share such as 0.01, from 0 to 1".to_owned())
}
