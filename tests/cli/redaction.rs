//! Redacted values in everything that the program prints, traces and saves.

use std::{fs, path::Path};

use serde_json::json;

use crate::support::{desk::Desk, state};

const SECRETS: [&str; 2] = ["Zebra-4711-Quagga", "Tapir-2222-Gnu"];

const MAPPING: &str = r#"
[apps.crm.users]
inherit = true
[[apps.crm.users.attributes]]
target = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber"
expression = 'Redact([employeeId])'
[[apps.crm.users.attributes]]
target = "title"
expression = 'Join("-", Redact([employeeId]), "x")'
"#;

/// Everything below `folder` that holds a secret.
fn found_below(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a file").path();
        if path.is_dir() {
            found_below(&path, found);
            continue;
        }
        let text = String::from_utf8_lossy(&state::bytes_and_texts(&path)).to_lowercase();
        for secret in SECRETS.iter().filter(|secret| text.contains(&secret.to_lowercase())) {
            found.push(format!("{secret} in {}", path.display()));
        }
    }
}

/// Says a command at the highest level of tracing, and looks for secrets in all that it leaves.
async fn said_without_secrets(desk: &Desk, line: &str, code: i32) -> String {
    let said = desk.say(&format!("{line} --log-filter trace")).await.ends(code);
    for secret in SECRETS {
        let told = format!("{}{}", said.stdout, said.stderr).to_lowercase();
        assert!(!told.contains(&secret.to_lowercase()), "`{line}` tells {secret}:\n{told}");
    }
    let mut found = Vec::new();
    found_below(desk.config().parent().expect("a folder"), &mut found);
    assert!(found.is_empty(), "after `{line}`: {found:?}");
    said.stdout
}

#[tokio::test(flavor = "multi_thread")]
async fn no_command_tells_a_redacted_value() {
    let desk = Desk::with_users(&["ada", "grace"]).await;
    desk.configure("", MAPPING);
    desk.tenant.set_attribute(desk.people["ada"], "employeeId", "Zebra-4711-Quagga");
    let file = desk.path("plan.json").display().to_string();
    let plan = said_without_secrets(&desk, &format!("plan crm --verbose --out {file}"), 0).await;
    assert!(plan.contains("    title: [Redact]\n"), "{plan}");
    let saved = fs::read_to_string(&file).expect("a saved plan");
    assert!(saved.contains(r#""new": "[Redact]""#), "{saved}");
    said_without_secrets(&desk, &format!("sync crm --plan {file}"), 0).await;
    let there = desk.application.user_by_name("ada@contoso.com").expect("an account");
    assert_eq!(there["title"], json!("Zebra-4711-Quagga-x"));

    desk.tenant.set_attribute(desk.people["ada"], "employeeId", "Tapir-2222-Gnu");
    said_without_secrets(&desk, "plan crm --json --verbose", 0).await;
    let sync = said_without_secrets(&desk, "sync crm --json", 0).await;
    assert!(sync.contains("\"old\": \"[Redact]\""), "{sync}");
    assert_eq!(desk.application.writes().len(), 3, "two creates, one change");
    for line in ["log crm", "log crm --json", "log crm --csv", "status", "status --json"] {
        said_without_secrets(&desk, line, 0).await;
    }

    let explained = said_without_secrets(&desk, "explain crm ada@contoso.com", 0).await;
    assert!(explained.contains("[Redact]"), "{explained}");
    said_without_secrets(&desk, "explain crm ada@contoso.com --json", 0).await;
    let line = "expression ToUpper([employeeId]) --user ada@contoso.com --app crm --trace";
    let traced = said_without_secrets(&desk, line, 0).await;
    assert!(traced.ends_with("[Redact]\n"), "{traced}");

    said_without_secrets(&desk, "restart crm --full", 0).await;
    said_without_secrets(&desk, "sync crm", 0).await;
    assert_eq!(desk.application.writes().len(), 3, "adopted as they are");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redacted_value_can_neither_match_nor_enable() {
    let desk = Desk::with_users(&["ada"]).await;
    desk.configure(
        "",
        "[[apps.crm.users.attributes]]\ntarget = \"userName\"\n\
         expression = 'ToLower(Redact([userPrincipalName]))'\nmatch = 1\n\
         [[apps.crm.users.attributes]]\ntarget = \"active\"\n\
         expression = 'Redact(Not([IsSoftDeleted]))'\n",
    );
    let refused = desk.say("plan").await.ends(2).stderr;
    insta::assert_snapshot!(refused.replace(&desk.config().display().to_string(), "config.toml"), @"
    error: the configuration config.toml has 2 mistakes
      config.toml:23: apps.crm.users.attributes[1].expression: `Redact` cannot match accounts: the value would stand in the address of a request, and addresses are logged (line 1, column 9)
        ToLower(Redact([userPrincipalName]))
                ^
      config.toml:27: apps.crm.users.attributes[2].expression: whether an account is enabled cannot be redacted: the safeguards count it; write the expression without `Redact`

    hint: mend the file, then run `entra-scim check`; config.toml.example has every key
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_redact_cannot_hide_is_warned_of() {
    let desk = Desk::with_users(&["ada"]).await;
    desk.configure(
        "",
        "[apps.crm.users]\ninherit = true\n[[apps.crm.users.attributes]]\ntarget = \"title\"\n\
         expression = 'Redact([employeeId] & [displayName])'\n",
    );
    let said = desk.say("plan").await.ends(0).stderr;
    let warned: Vec<&str> = said.lines().filter(|line| line.contains("warning")).collect();
    let warned = warned.join("\n").replace(&desk.config().display().to_string(), "config.toml");
    insta::assert_snapshot!(warned, @"
    config.toml:23: warning: apps.crm.users.attributes: `employeeId` is redacted at `title` and flows in clear to `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber`, where plans, logs and the state show it
    config.toml:25: warning: apps.crm.users.attributes[1].expression: `displayName` is shown of every person in plans and logs, and is stored in clear; `Redact` hides it at `title` only
    ");
}
