//! The command `demo`.

use super::{
    args::{DemoArgs, Global},
    exit::ExitCode,
    problem::Problem,
};

#[expect(clippy::unused_async, reason = "every command is called the same way")]
pub(super) async fn run(_args: &DemoArgs, _global: &Global) -> anyhow::Result<ExitCode> {
    Err(Problem::new(ExitCode::Unexpected, "`demo` is not part of this build").into())
}
