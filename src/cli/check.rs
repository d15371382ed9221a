//! The command `check`.

use super::{
    args::{CheckArgs, Global},
    exit::ExitCode,
    problem::Problem,
};

#[expect(clippy::unused_async, reason = "every command is called the same way")]
pub(super) async fn run(_args: &CheckArgs, _global: &Global) -> anyhow::Result<ExitCode> {
    Err(Problem::new(ExitCode::Unexpected, "`check` is not part of this build").into())
}
