//! Every account at the application, and whose it is.

use entra_scim::sandbox::application::{Fault, Matcher};
use http::Method;
use serde_json::{Map, Value, json};

use crate::support::desk::Desk;

fn account(user: &Value) -> Map<String, Value> {
    user.as_object().expect("an object").clone()
}

/// Ada is linked; Grace has an account and is not assigned; one account is nobody's.
async fn desk() -> Desk {
    let mut desk = Desk::with_users(&["ada", "grace"]).await;
    desk.unassign("grace");
    desk.application.seed_user(account(&json!({"userName": "Grace@contoso.com", "active": false})));
    desk.application.seed_user(account(&json!({"userName": "admin@crm.example", "active": true})));
    desk.say("sync").await.ends(0);
    desk.hire("zoe");
    desk
}

#[tokio::test(flavor = "multi_thread")]
async fn each_account_is_linked_matched_or_the_applications_own() {
    let desk = desk().await;
    let before = desk.state();
    let mut all: Vec<Value> =
        desk.say("accounts crm --json").await.ends(0).json().as_array().expect("an array").clone();
    all.sort_by_key(|row| row["target"]["display"].to_string());
    let told: Vec<String> = all
        .iter()
        .map(|row| {
            let name = |of: &Value| of["display"].as_str().unwrap_or("-").to_owned();
            let (standing, active) = (row["standing"].as_str().expect("a word"), &row["active"]);
            format!("{standing} {active} {} {}", name(&row["target"]), name(&row["source"]))
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @"
    matched false Grace@contoso.com grace@contoso.com
    linked true ada@contoso.com ada@contoso.com
    local true admin@crm.example -
    ");
    assert_eq!(desk.state(), before, "it only reads");
    let text = desk.say("accounts").await.ends(0).stdout;
    assert!(text.contains("matches grace@contoso.com, who is not in scope"), "{text}");
    assert!(text.ends_with("3 accounts at application `crm`: 1 linked, 1 matched, 1 local\n"));
    let csv = desk.say("accounts --csv --standing local").await.ends(0).stdout;
    let lines: Vec<&str> = csv.lines().collect();
    let header = "target_id,target_name,active,standing,source_id,source_name,in_scope";
    assert_eq!((lines.len(), lines[0]), (2, header));
    assert!(lines[1].ends_with(",admin@crm.example,true,local,,,false"), "{csv}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_works_before_the_first_cycle_and_says_what_is_wrong() {
    let desk = Desk::with_users(&["ada"]).await;
    desk.application.seed_user(account(&json!({"userName": "ada@contoso.com", "active": true})));
    let rows = desk.say("accounts --json").await.ends(0).json();
    assert_eq!(rows[0]["standing"], json!("matched"));
    let wrong = desk.say("accounts --standing lost").await.ends(2);
    assert!(wrong.stderr.contains("linked, kept, matched, local"), "{}", wrong.stderr);
    desk.application.inject(Fault::status(403), Matcher::method(Method::GET));
    let refused = desk.say("accounts").await.ends(7);
    assert!(refused.stderr.contains("it refuses to list its users"), "{}", refused.stderr);
    desk.application.set_token("another");
    let refused = desk.say("accounts").await.ends(7);
    assert!(refused.stderr.contains("entra-scim check crm"), "{}", refused.stderr);
}
