//! The command line as a whole: what `args` declares, with the commands listed in groups.
//!
//! `--help`, the completions and the manual pages are made of this one description.

use std::fmt::Write as _;

use clap::{Command, CommandFactory as _};

use super::args::Cli;

/// The commands as a person looks for them. Each command stands in exactly one group.
pub(super) const GROUPS: &[(&str, &[&str])] = &[
    ("Set up", &["init", "check", "gallery", "import-schema", "expression", "notify-test"]),
    ("Try", &["demo", "sandbox"]),
    ("Provision", &["plan", "sync", "run", "provision", "approve"]),
    ("See", &["status", "log", "explain", "accounts", "drift"]),
    ("Steer", &["pause", "resume", "restart", "forget"]),
    ("Install", &["service", "completions", "man"]),
];

/// Blanks between the longest name and what the command does.
const GAP: usize = 2;

/// The whole command line.
pub(super) fn command() -> Command {
    let command = Cli::command();
    let list = groups(&command);
    let header = command.get_styles().get_header().to_owned();
    command.help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{list}\
         {header}Options:{header:#}\n{{options}}{{after-help}}"
    ))
}

/// The commands below their headings.
fn groups(command: &Command) -> String {
    let (header, literal) = (command.get_styles().get_header(), command.get_styles().get_literal());
    let width = GROUPS.iter().flat_map(|(_, names)| *names).map(|name| name.len()).max();
    let width = width.unwrap_or_default() + GAP;
    let mut text = String::new();
    for (heading, names) in GROUPS {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{header}{heading}:{header:#}");
        for name in *names {
            let about = command.find_subcommand(name).and_then(Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            let _ =
                writeln!(text, "  {literal}{name}{literal:#}{:1$}{about}", "", width - name.len());
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_listed_in_one_group_with_what_it_does() {
        let mut listed: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
        listed.sort_unstable();
        let command = Cli::command();
        let mut declared: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
        declared.sort_unstable();
        assert_eq!(listed, declared, "GROUPS in help.rs and the commands in args.rs differ");
        let help = super::command().render_help().to_string();
        assert!(help.contains("  restart        Forget parts of the state"), "{help}");
        let list = help.lines().take_while(|line| !line.starts_with("Options"));
        let long: Vec<&str> = list.filter(|line| line.chars().count() > 80).collect();
        assert!(long.is_empty(), "too long for a terminal: {long:#?}");
    }
}
