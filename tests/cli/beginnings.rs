//! What a newcomer types first: `demo`, `init`, `check`.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::json;

use crate::support::desk::Desk;

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_ends_well_and_leaves_what_it_says() {
    let desk = Desk::with_users(&[]).await;
    let folder = desk.path("demo");
    let line = format!("demo --dir {}", folder.display());
    let told = desk.say(&line).await.ends(0).stdout;
    assert!(told.contains("Each cycle did exactly what it had to."), "{told}");
    assert!(folder.join("config.toml").is_file());
    assert!(folder.join("state/demo.sqlite").is_file());
    let again = desk.say(&line).await;
    assert_ne!(again.code, 0, "an earlier demo is never overwritten");
}

#[tokio::test(flavor = "multi_thread")]
async fn init_writes_a_private_file_once() {
    let desk = Desk::with_users(&[]).await;
    let path = desk.path("new.toml");
    let line = format!("init --non-interactive {}", path.display());
    let said = desk.say(&line).await.ends(0);
    assert!(said.stderr.contains("check"), "it says the next command: {}", said.stderr);
    let mode = fs::metadata(&path).expect("the file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = fs::read_to_string(&path).expect("the file");
    assert_eq!(text, include_str!("../../config.toml.example"));
    desk.say(&line).await.ends(2);
    let asked = desk.say(&format!("init {}", desk.path("other.toml").display())).await.ends(2);
    assert!(asked.stderr.contains("--non-interactive"), "nobody answers: {}", asked.stderr);
    assert!(!desk.path("other.toml").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn check_has_the_exit_code_of_what_it_finds() {
    let desk = Desk::with_users(&["ada"]).await;
    let well = desk.say("check").await.ends(0);
    assert!(well.stdout.contains("ok       filter"), "{}", well.stdout);
    assert!(well.stderr.contains("entra-scim plan"), "{}", well.stderr);
    let document = desk.say("check --json").await.ends(0).json();
    let of_crm = |finding: &serde_json::Value| finding["app"] == json!("crm");
    assert!(document.as_array().is_some_and(|all| all.iter().all(of_crm)), "{document:#}");
    assert!(!desk.path("state").exists(), "a check makes no state");

    desk.application.set_token("another");
    let refused = desk.say("check").await.ends(7);
    assert!(refused.stdout.contains("apps.crm.target.secret_token"), "{}", refused.stdout);
    desk.say("check nothing").await.ends(2);
}
