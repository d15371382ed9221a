//! The command `init`.

use super::{
    args::{Global, InitArgs},
    exit::ExitCode,
    problem::Problem,
};

#[expect(clippy::unused_async, reason = "every command is called the same way")]
pub(super) async fn run(_args: &InitArgs, _global: &Global) -> anyhow::Result<ExitCode> {
    Err(Problem::new(ExitCode::Unexpected, "`init` is not part of this build").into())
}
