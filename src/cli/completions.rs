//! The command `completions`: what a shell needs to complete commands, options and their values.

use clap::Args;
use clap_complete::Shell;

use super::{exit::ExitCode, help, output};
use crate::provisioning::PROGRAM;

#[derive(Args, Clone, Debug)]
#[command(after_help = "The package installs them for bash, fish and zsh.\n\nExamples:\n  source \
                  <(entra-scim completions bash)\n  entra-scim completions fish > \
                  ~/.config/fish/completions/entra-scim.fish")]
pub(super) struct CompletionsArgs {
    /// The shell
    pub(super) shell: Shell,
}

pub(super) fn run(args: &CompletionsArgs) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut help::command(), PROGRAM, &mut script);
    let script = String::from_utf8(script)?;
    output::data(&if args.shell == Shell::Bash { with_one_spelling(&script) } else { script })?;
    Ok(ExitCode::Done)
}

/// A bash script whose two halves agree on the program's name. The generator writes the hyphen in
/// it in two ways (clap-rs/clap issue 6421), and without this no option of a command is completed.
fn with_one_spelling(script: &str) -> String {
    let (entered, asked) = (PROGRAM.replace('-', "__"), PROGRAM.replace('-', "__subcmd__"));
    script.replace(&asked, &entered)
}
