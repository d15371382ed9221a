//! What a person sees on a terminal, and what a pipe gets instead.

use std::process::Stdio;

use tokio::process::Command;

use crate::support::desk::{Desk, Said};

/// Says a command on a terminal: a pseudo-terminal that `script` makes and copies to stdout.
async fn on_a_terminal(desk: &Desk, line: &str, environment: &[(&str, &str)]) -> String {
    let program = env!("CARGO_BIN_EXE_entra-scim");
    let words = format!("stty cols 100; {program} --config {} {line}", desk.config().display());
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &words, "/dev/null"]);
    script.env("TERM", "xterm-256color").env_remove("NO_COLOR").env_remove("RUST_LOG");
    script.envs(environment.iter().copied()).stdin(Stdio::null());
    let output = script.output().await.expect("script, of util-linux");
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{shown}");
    shown
}

/// The lines about progress.
fn phases(said: &Said) -> Vec<&str> {
    said.stderr.lines().filter(|line| line.starts_with("crm: ")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_gets_one_line_per_phase_and_nothing_that_moves_a_cursor() {
    let desk = Desk::with_users(&["ada", "grace"]).await;
    let said = desk.say("sync").await.ends(0);
    let expected = ["import", "survey", "draft", "review", "export"];
    assert_eq!(phases(&said), expected.map(|phase| format!("crm: {phase}")));
    assert!(!format!("{}{}", said.stdout, said.stderr).contains(['\r', '\u{1b}']));
    let quiet = desk.say("sync --quiet").await.ends(0);
    assert_eq!(quiet.stderr, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_shows_a_bar_that_is_gone_at_the_end_and_colours_unless_they_are_unwanted() {
    let desk = Desk::with_users(&["ada", "grace"]).await;
    let plain = on_a_terminal(&desk, "plan", &[("NO_COLOR", "1")]).await;
    assert!(plain.contains("+ create ada@contoso.com"), "{plain:?}");
    assert!(!plain.contains("\u{1b}[3"), "coloured: {plain:?}");
    let shown = on_a_terminal(&desk, "sync", &[]).await;
    assert!(shown.contains("\u{1b}[32m+ create ada@contoso.com"), "not coloured: {shown:?}");
    let bar = shown.find("crm: import").expect("a bar");
    assert!(!shown[bar..].starts_with("crm: import\r\n"), "a line: {shown:?}");
    let cleared = shown.rfind("\u{1b}[2K").expect("the bar is cleared");
    assert!(cleared < shown.find("+ create").expect("the rows"), "{shown:?}");
    let quiet = on_a_terminal(&desk, "sync --quiet", &[]).await;
    assert!(!quiet.contains("crm: import"), "{quiet:?}");
}
