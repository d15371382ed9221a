//! The command `man`: manual pages, one for the program and one for each command.
//!
//! What a page says is what `--help` says: it is made of the same description.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::{Args, Command};
use clap_mangen::{
    Man,
    roff::{Roff, bold, italic, roman},
};

use super::{args::Global, exit::ExitCode, help, output, problem::Problem};
use crate::provisioning::PROGRAM;

/// What a reader of the page wants to know and `--help` has no room for.
const DESCRIPTION: &[&str] = &[
    "Reads users, groups and app roles of one Microsoft Entra tenant from Microsoft Graph, works \
     out what each account should look like, compares that with what was last written, and sends \
     the SCIM requests that are missing to any number of applications.",
    "Nothing is written before a plan is drafted, and removals above a threshold are held until a \
     person approves exactly that list. While the service runs, commands that change something are \
     handed to it, and commands that read something read beside it.",
];

const ENVIRONMENT: &[(&str, &str)] = &[
    ("ENTRA_SCIM_CONFIG", "The configuration, where --config does not name one."),
    ("RUST_LOG", "Which log lines are shown, where --log-filter does not say it."),
    ("NO_COLOR", "Set to anything: no colours."),
    ("CREDENTIALS_DIRECTORY", "Where { credential = \"NAME\" } is read from; systemd sets it."),
];

const FILES: &[(&str, &str)] = &[
    ("/etc/entra-scim/config.toml", "The configuration."),
    ("/var/lib/entra-scim", "The state: one SQLite file for each application."),
    (
        "/usr/share/doc/entra-scim/config.toml.example",
        "Every key of the configuration, with its unit and its default.",
    ),
];

#[derive(Args, Clone, Debug)]
#[command(
    after_help = "The package installs every page.\n\nExamples:\n  entra-scim man | man -l -\n  \
                        entra-scim man plan | man -l -\n  entra-scim man --dir \
                        ~/.local/share/man/man1"
)]
pub(super) struct ManArgs {
    /// The command, such as `plan` [default: the page of the program]
    pub(super) command: Vec<String>,
    /// Write every page into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    pub(super) dir: Option<PathBuf>,
}

pub(super) fn run(args: &ManArgs, global: &Global) -> anyhow::Result<ExitCode> {
    // The pages list `help` nowhere: `man` is read instead of it.
    let mut root = help::command().disable_help_subcommand(true);
    root.build();
    if let Some(dir) = &args.dir {
        return write_all(&root, dir, global);
    }
    let mut command = &root;
    for name in &args.command {
        command = command.find_subcommand(name).ok_or_else(|| unknown(name))?;
    }
    output::data(&page(&root, command))?;
    Ok(ExitCode::Done)
}

fn unknown(name: &str) -> Problem {
    Problem::usage(format!("there is no command `{name}`"))
        .with_hint(format!("`{PROGRAM} --help` lists the commands"))
}

fn write_all(root: &Command, dir: &Path, global: &Global) -> anyhow::Result<ExitCode> {
    fs::create_dir_all(dir).with_context(|| format!("make the folder {}", dir.display()))?;
    let mut waiting = vec![root];
    let mut pages = 0;
    while let Some(command) = waiting.pop() {
        waiting.extend(command.get_subcommands());
        let path = dir.join(format!("{}.1", name(command)));
        fs::write(&path, page(root, command))
            .with_context(|| format!("write {}", path.display()))?;
        pages += 1;
    }
    output::note(global, &format!("wrote {pages} pages into {}", dir.display()));
    Ok(ExitCode::Done)
}

/// `entra-scim-plan`: what the page of a command is called.
fn name(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

/// One page as roff.
fn page(root: &Command, command: &Command) -> String {
    let is_root = command.get_name() == root.get_name();
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    let man = Man::new(command.clone().override_usage(usage))
        .title(name(command).to_uppercase())
        // Without the quotes an empty argument is none, and the next one would stand for it.
        .date("\"\"")
        .source(format!("{PROGRAM} {}", env!("CARGO_PKG_VERSION")))
        .manual("User Commands");
    let help = AfterHelp::of(command);
    let mut head = Vec::new();
    man.render_title(&mut head).expect("memory takes every text");
    man.render_name_section(&mut head).expect("memory takes every text");
    man.render_synopsis_section(&mut head).expect("memory takes every text");
    let mut options = Vec::new();
    man.render_options_section(&mut options).expect("memory takes every text");

    let mut prose = Roff::new();
    prose.control("SH", ["DESCRIPTION"]);
    let mut texts: Vec<String> = DESCRIPTION.iter().map(|text| (*text).to_owned()).collect();
    if !is_root {
        texts = command.get_about().map(|about| format!("{about}.")).into_iter().collect();
    }
    texts.extend(help.prose);
    paragraphs(&mut prose, &texts);
    let mut tail = Roff::new();
    if command.has_subcommands() {
        subcommands(&mut tail, command, is_root);
    }
    lines(&mut tail, "EXIT STATUS", &help.exit_codes);
    lines(&mut tail, "EXAMPLES", &help.examples);
    if is_root {
        entries(&mut tail, "ENVIRONMENT", ENVIRONMENT);
        entries(&mut tail, "FILES", FILES);
    } else {
        tail.control("SH", ["SEE ALSO"]);
        tail.text([bold(PROGRAM), roman("(1)")]);
    }
    [text_of(head), prose.to_roff(), text_of(options), tail.to_roff()].concat()
}

/// A section without the definition of the apostrophe that each begins with: a page needs none,
/// its text has the apostrophes of a keyboard.
fn text_of(section: Vec<u8>) -> String {
    let text = String::from_utf8(section).expect("a page is text");
    let is_definition = |line: &&str| line.starts_with(".ie \\n(.g") || line.starts_with(".el .ds");
    let kept = text.lines().filter(|line| !is_definition(line));
    kept.flat_map(|line| [line.replace("\\*(Aq", "\\(aq"), "\n".to_owned()]).collect()
}

fn paragraphs(roff: &mut Roff, texts: &[String]) {
    for (index, text) in texts.iter().enumerate() {
        if index > 0 {
            roff.control("PP", []);
        }
        for line in text.lines() {
            roff.text([roman(line.trim())]);
        }
    }
}

/// The commands, in the groups of `--help`.
fn subcommands(roff: &mut Roff, command: &Command, is_root: bool) {
    roff.control("SH", ["COMMANDS"]);
    let entry = |roff: &mut Roff, sub: &Command| {
        roff.control("TP", []);
        roff.text([bold(name(sub)), roman("(1)")]);
        roff.text([roman(sub.get_about().map(ToString::to_string).unwrap_or_default())]);
    };
    if is_root {
        for (heading, names) in help::GROUPS {
            roff.control("SS", [*heading]);
            for sub in names.iter().filter_map(|name| command.find_subcommand(name)) {
                entry(roff, sub);
            }
        }
    } else {
        command.get_subcommands().for_each(|sub| entry(roff, sub));
    }
}

/// Lines that stay as they are.
fn lines(roff: &mut Roff, heading: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    roff.control("SH", [heading]);
    roff.control("nf", []);
    for line in lines {
        roff.text([roman(line.as_str())]);
    }
    roff.control("fi", []);
}

fn entries(roff: &mut Roff, heading: &str, entries: &[(&str, &str)]) {
    roff.control("SH", [heading]);
    for (name, what) in entries {
        roff.control("TP", []);
        roff.text([italic(*name)]);
        roff.text([roman(*what)]);
    }
}

/// What stands below the options in `--help`, taken apart.
#[derive(Default)]
struct AfterHelp {
    prose: Vec<String>,
    exit_codes: Vec<String>,
    examples: Vec<String>,
}

impl AfterHelp {
    fn of(command: &Command) -> Self {
        let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let mut help = Self::default();
        for paragraph in text.split("\n\n") {
            let place = match paragraph.split_once(':').map(|(heading, _)| heading) {
                Some("Example" | "Examples") => &mut help.examples,
                Some("Exit codes") => &mut help.exit_codes,
                _ => {
                    help.prose.push(paragraph.to_owned());
                    continue;
                }
            };
            let (_, rest) = paragraph.split_once(':').unwrap_or_default();
            place.extend(rest.lines().map(|line| line.trim().to_owned()).filter(|l| !l.is_empty()));
        }
        help.prose.retain(|paragraph| !paragraph.is_empty());
        help
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> Command {
        let mut root = help::command();
        root.build();
        root
    }

    #[test]
    fn the_page_of_a_command_has_its_options_its_examples_and_the_way_back() {
        let root = root();
        let plan = page(&root, root.find_subcommand("plan").expect("a command"));
        for part in [
            ".TH ENTRA-SCIM-PLAN 1",
            ".SH SYNOPSIS\n\\fBentra\\-scim plan\\fR",
            "\\fB\\-\\-held\\fR",
            ".SH EXAMPLES\n.nf\nentra\\-scim plan whimsical\n",
            ".SH \"SEE ALSO\"\n\\fBentra\\-scim\\fR(1)",
        ] {
            assert!(plan.contains(part), "{part} is missing:\n{plan}");
        }
        assert!(!plan.contains("EXIT STATUS"), "it has no codes of its own:\n{plan}");
    }

    #[test]
    fn the_page_of_the_program_lists_every_command_and_every_exit_code() {
        let root = root();
        let page = page(&root, &root);
        for sub in root.get_subcommands().filter(|sub| sub.get_name() != "help") {
            let entry = name(sub).replace('-', "\\-");
            assert!(page.contains(&format!("\\fB{entry}\\fR(1)")), "{entry} is missing:\n{page}");
        }
        for code in 0..=7 {
            assert!(page.contains(&format!("\n{code}  ")), "{code} is missing:\n{page}");
        }
    }
}
