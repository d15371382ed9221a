//! The JSON documents of a cycle in which everything happens, held against what is promised.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{
    desk::Desk,
    schema::{Document, keeps_its_promise},
};

#[tokio::test(flavor = "multi_thread")]
async fn every_action_keeps_the_promise_made_to_scripts() {
    let mut desk = Desk::with_users(&["ada", "bob", "cyd", "dan"]).await;
    keeps_its_promise(Document::Status, &desk.say("status --json").await.ends(0).stdout);
    desk.say("sync").await.ends(0);
    desk.tenant.disable_user(desk.people["dan"]);
    desk.say("sync").await.ends(0);

    desk.tenant.set_attribute(desk.people["ada"], "displayName", "Ada Lovell");
    desk.tenant.disable_user(desk.people["bob"]);
    desk.tenant.soft_delete_user(desk.people["cyd"]);
    desk.tenant.purge_user(desk.people["cyd"]);
    desk.tenant.enable_user(desk.people["dan"]);
    desk.hire("eve");
    let account = json!({ "userName": "fay@contoso.com", "active": true });
    desk.application.seed_user(account.as_object().cloned().expect("an object"));
    desk.hire("fay");
    desk.hire("gus");
    desk.tenant.disable_user(desk.people["gus"]);

    let plan = desk.say("plan --json --verbose").await.ends(0).stdout;
    let plan = keeps_its_promise(Document::Plan, &plan);
    let sync = desk.say("sync --json --verbose").await.ends(0).stdout;
    let sync = keeps_its_promise(Document::Plan, &sync);
    let all = ["adopt", "create", "delete", "disable", "enable", "skip", "update"];
    assert_eq!(actions(&plan), BTreeSet::from(all), "{plan:#}");
    assert_eq!(actions(&sync), BTreeSet::from(all), "{sync:#}");
    keeps_its_promise(Document::Plan, &desk.say("plan --all --json").await.ends(0).stdout);
    keeps_its_promise(Document::Status, &desk.say("status --json").await.ends(0).stdout);
    let log = keeps_its_promise(Document::Log, &desk.say("log --json").await.ends(0).stdout);
    assert!(log.as_array().is_some_and(|rows| rows.len() > 10), "{log:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_and_what_ended_early_keep_it_too() {
    let desk = Desk::with_users(&["ada", "bob"]).await;
    desk.say("sync").await.ends(0);
    desk.configure("", "[apps.crm.safeguards]\nmax_removals = 0\n");
    desk.tenant.disable_user(desk.people["ada"]);
    let held = keeps_its_promise(Document::Plan, &desk.say("sync --json").await.ends(4).stdout);
    assert_eq!(held["held"]["removals"], json!(1), "{held:#}");
    keeps_its_promise(Document::Status, &desk.say("status --json").await.ends(0).stdout);
    keeps_its_promise(Document::Log, &desk.say("log --json").await.ends(0).stdout);

    desk.secret("graph-secret", "wrong");
    let early = keeps_its_promise(Document::Plan, &desk.say("sync --json").await.ends(7).stdout);
    assert!(early["error"].is_string(), "{early:#}");
    keeps_its_promise(Document::Status, &desk.say("status --json").await.ends(0).stdout);
}

fn actions(document: &Value) -> BTreeSet<&str> {
    let changes = document["changes"].as_array().into_iter().flatten();
    changes.filter_map(|change| change["action"].as_str()).collect()
}
