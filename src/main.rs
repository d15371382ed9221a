//! Arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    entra_scim::cli::main(std::env::args_os()).into()
}
