//! The sandbox as a process of its own, and a cycle against it.

use serde_json::json;

use crate::support::desk::Desk;

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_serves_until_it_is_stopped_and_a_cycle_works_against_it() {
    let desk = Desk::with_users(&[]).await;
    let config = desk.path("sandbox/config.toml").display().to_string();
    let line = format!("sandbox --users 120 --groups 4 --memberships 300 --write-config {config}");
    let mut sandbox = desk.start(&line);
    sandbox.says("it runs until").await;

    let sync = desk.say(&format!("sync --json --config {config}")).await.ends(0).json();
    assert_eq!(sync["totals"]["in_scope"], json!(120), "{sync}");
    assert_eq!(sync["totals"]["create"], json!(120));
    let again = desk.say(&format!("sync --json --config {config}")).await.ends(0).json();
    assert_eq!(again["cycle"]["kind"], json!("incremental"));
    assert_eq!((&again["totals"]["update"], &again["requests"]["target"]), (&json!(0), &json!(0)));

    let taken = desk.say(&format!("sandbox --write-config {}", desk.config().display())).await;
    assert!(taken.ends(2).stderr.contains("no sandbox wrote it"));
    sandbox.terminate().await.ends(0);
    desk.say(&format!("sync --config {config}")).await.ends(7);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_sandbox_changes_the_next_cycle_updates_and_its_counters_tell_of_both() {
    let desk = Desk::with_users(&[]).await;
    let config = desk.path("config/of-sandbox.toml").display().to_string();
    let line = format!("sandbox --users 100 --scope all --json --write-config {config}");
    let mut sandbox = desk.start(&line);
    sandbox.says("it runs until").await;
    let text = std::fs::read_to_string(&config).expect("a configuration");
    let (_, graph) = text.split_once("graph_url = \"").expect("an address");
    let graph = graph.split('"').next().expect("an address").to_owned();
    desk.say(&format!("sync --config {config}")).await.ends(0);

    let http = reqwest::Client::builder().build().expect("a client");
    let counters = format!("{graph}/sandbox/counters");
    http.delete(&counters).send().await.expect("an answer");
    let churn = http.post(format!("{graph}/sandbox/churn?share=0.05")).send().await;
    let churn: serde_json::Value = churn.expect("an answer").json().await.expect("a document");
    assert_eq!(churn, json!({ "users": 5 }));
    let sync = desk.say(&format!("sync --json --config {config}")).await.ends(0).json();
    assert_eq!(sync["totals"]["update"], json!(5), "{sync}");
    let counted: serde_json::Value =
        http.get(&counters).send().await.expect("an answer").json().await.expect("a document");
    assert_eq!(counted["scim"]["by_kind"]["PATCH /Users"], json!(5), "{counted}");
    assert_eq!(counted["graph"]["by_kind"]["users/delta"], json!(1), "{counted}");
    let document = sandbox.terminate().await.ends(0).json();
    assert_eq!(document["graph_url"], json!(graph));
    assert_eq!(document["config_path"], json!(config));
    assert_eq!(document["config"], json!(text));
}
