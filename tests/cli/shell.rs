//! What the shell and the reader of manuals are given: completions and pages.

use std::{collections::BTreeSet, fs};

use tokio::process::Command;

use crate::support::desk::Desk;

/// What a real bash offers for a line, the cursor at its end.
async fn bash_offers(desk: &Desk, line: &str) -> BTreeSet<String> {
    let script = desk.say_without_configuration("completions bash").await.ends(0).stdout;
    let path = desk.path("entra-scim.bash");
    fs::write(&path, script).expect("a script");
    // As readline does: the function that is registered for the first word is called with it, the
    // word under the cursor and the one before.
    let ask = r#"
        source "$1"
        function=$(complete -p entra-scim | sed 's/.* -F \([^ ]*\) .*/\1/')
        COMP_LINE=$2; COMP_POINT=${#COMP_LINE}
        read -r -a COMP_WORDS <<<"$COMP_LINE"
        if [[ $COMP_LINE == *' ' ]]; then COMP_WORDS+=(''); fi
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        "$function" entra-scim "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", ask, "bash"]).arg(&path).arg(line);
    let output = bash.output().await.expect("bash");
    let (offered, complaint) = (output.stdout, String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && complaint.is_empty(), "{complaint}");
    String::from_utf8_lossy(&offered).split_whitespace().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_bash_completes_commands_options_and_values() {
    let desk = Desk::with_users(&[]).await;
    assert_eq!(bash_offers(&desk, "entra-scim pl").await, BTreeSet::from(["plan".to_owned()]));
    let options = bash_offers(&desk, "entra-scim plan --h").await;
    assert_eq!(options, BTreeSet::from(["--held".to_owned(), "--help".to_owned()]));
    let options = bash_offers(&desk, "entra-scim import-schema --from").await;
    assert_eq!(options, BTreeSet::from(["--from-entra".to_owned()]));
    let formats = bash_offers(&desk, "entra-scim plan --log-format js").await;
    assert_eq!(formats, BTreeSet::from(["json".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_shell_gets_a_script_that_knows_every_command() {
    let desk = Desk::with_users(&[]).await;
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let line = format!("completions {shell}");
        let script = desk.say_without_configuration(&line).await.ends(0).stdout;
        for command in ["import-schema", "notify-test", "approve"] {
            assert!(script.contains(command), "{shell} does not know `{command}`");
        }
    }
    let wrong = desk.say_without_configuration("completions tcsh").await.ends(2);
    assert!(wrong.stderr.contains("possible values: bash"), "{}", wrong.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_a_page_for_the_program_and_one_for_each_command_that_help_lists() {
    let desk = Desk::with_users(&[]).await;
    let folder = desk.path("man1");
    let line = format!("man --dir {}", folder.display());
    let said = desk.say_without_configuration(&line).await.ends(0);
    let mut pages: BTreeSet<String> = fs::read_dir(&folder)
        .expect("the pages")
        .map(|entry| entry.expect("a page").file_name().to_string_lossy().into_owned())
        .collect();
    assert!(said.stderr.contains(&format!("wrote {} pages", pages.len())), "{}", said.stderr);

    let help = desk.say_without_configuration("--help").await.ends(0).stdout;
    let list = help.lines().take_while(|line| !line.starts_with("Options"));
    let listed = list.filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next());
    let listed: Vec<String> = listed.map(|name| format!("entra-scim-{name}.1")).collect();
    assert!(listed.len() > 20, "{help}");
    assert!(pages.remove("entra-scim.1"), "{pages:?}");
    for page in &listed {
        assert!(pages.contains(page), "{page} is missing of {pages:?}");
    }
    let printed = desk.say_without_configuration("man plan").await.ends(0).stdout;
    let written = fs::read_to_string(folder.join("entra-scim-plan.1")).expect("a page");
    assert_eq!(printed, written);
    let unknown = desk.say_without_configuration("man plam").await.ends(2);
    assert!(unknown.stderr.contains("no command `plam`"), "{}", unknown.stderr);
}
