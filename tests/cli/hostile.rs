//! Names that others chose, on the terminal of whoever operates the program.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use crate::support::desk::{Desk, Said};

/// Clears the screen, sets a title, hides what follows, forges a row, turns the line around.
const HOSTILE: &str =
    "ada\u{1b}[2J\u{1b}]0;t\u{7}\u{1b}[8m\r\n- disable eve\u{9b}1m\u{202e}@contoso.com";

#[track_caller]
fn is_seen(line: &str, said: &Said) {
    for (name, text) in [("stdout", &said.stdout), ("stderr", &said.stderr)] {
        let bare = anstream::adapter::strip_str(text).to_string().replace("\r\n", "\n");
        let unseen = bare.chars().find(|c| {
            (c.is_control() && !matches!(c, '\n' | '\t')) || matches!(c, '\u{202a}'..='\u{202e}')
        });
        assert_eq!(unseen, None, "{name} of `{line}`: {bare:?}");
        for begins in ["\u{1b}[2", "\u{1b}]", "\u{1b}[8"] {
            assert!(!text.contains(begins), "{name} of `{line}`: {text:?}");
        }
        // A value that was asked for is printed as it is, its line ends too.
        let is_forged = |row: &str| {
            row.trim_start().starts_with("- disable eve") && !line.starts_with("expression")
        };
        assert!(!bare.lines().any(is_forged), "{name} of `{line}`: {bare}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_name_neither_commands_the_terminal_nor_forges_a_row() {
    let desk = Desk::with_users(&["ada", "grace"]).await;
    let ada = desk.people["ada"];
    for attribute in ["userPrincipalName", "displayName", "mail", "givenName"] {
        desk.tenant.set_attribute(ada, attribute, HOSTILE);
    }
    let id = ada.to_string();
    for line in [
        "plan --verbose",
        "plan --json",
        &format!("explain crm {id}"),
        &format!("explain crm {id} --json"),
        "sync",
        "log",
        "log --json",
        "log --csv",
        "status",
        "accounts",
        "accounts --json",
        &format!("expression [displayName] --user {id}"),
        &format!("forget {id} --yes"),
    ] {
        let said = desk.say_in_colour(line).await.ends(0);
        is_seen(line, &said);
    }
    assert_eq!(desk.application.user_count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_and_its_key_are_readable_by_their_owner_alone() {
    let desk = Desk::with_users(&["ada"]).await;
    desk.say("sync").await.ends(0);
    let service = desk.run().await;
    for entry in fs::read_dir(desk.path("state")).expect("a folder") {
        let entry = entry.expect("a file");
        let mode = entry.metadata().expect("a file").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
    }
    service.terminate().await.ends(0);

    let mode_of = |path: &Path| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    let plan = desk.path("plan.json");
    fs::write(&plan, "").expect("a file");
    let state = ["crm.sqlite", "crm.lock", "crm.key"].map(|name| desk.path("state").join(name));
    for path in state.iter().chain([&plan]) {
        fs::set_permissions(path, fs::Permissions::from_mode(0o644)).expect("a mode");
    }
    desk.say(&format!("plan --out {}", plan.display())).await.ends(0);
    desk.say("sync").await.ends(0);
    assert_eq!(mode_of(&plan), 0o600);
    for path in &state {
        assert_eq!(mode_of(path) & 0o007, 0, "{} was restored for all", path.display());
    }
}
