//! The provisioning log as it is followed, forwarded and forgotten with time.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use chrono::TimeDelta;
use entra_scim::{
    daemon::SystemClock,
    model::Clock,
    store::{Engine, PlanFilter, Reader},
};
use serde_json::{Value, json};

use crate::support::{
    desk::{Desk, eventually},
    schema::{Document, keeps_its_promise},
};

/// A desk whose log is forwarded into this file of its folder.
async fn forwarding(file: &str, names: &[&str]) -> Desk {
    let desk = Desk::with_users(names).await;
    desk.configure(&forward_to(&desk, file), "");
    desk
}

fn forward_to(desk: &Desk, file: &str) -> String {
    format!("log_file = \"{}\"", desk.path(file).display())
}

/// The documents of a file, one in each line.
fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect("a document per line")).collect()
}

async fn logged(desk: &Desk) -> Vec<Value> {
    let log = desk.say("log --json --limit 5000").await.ends(0).json();
    log.as_array().expect("an array").clone()
}

fn who(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(name).collect()
}

/// Whom a row is about, without the domain.
fn name(row: &Value) -> &str {
    let name = row["sourceIdentity"]["displayName"].as_str().expect("a name");
    name.split('@').next().expect("a part")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_followed_as_lines_of_json_while_services_and_state_files_come_and_go() {
    let mut desk = Desk::with_users(&["ada"]).await;
    let mut follower = desk.start("log --follow --json");
    let mut followed = follower.lines();
    desk.say("sync").await.ends(0);
    let first = followed.next().await;
    keeps_its_promise(Document::Log, &json!([first]).to_string());
    assert_eq!(name(&first), "ada");

    // Another process writes it now.
    let service = desk.run().await;
    desk.hire("bob");
    desk.say("sync").await.ends(0);
    assert_eq!(name(&followed.next().await), "bob");
    service.terminate().await.ends(0);

    // Another file, whose rows are numbered from the beginning.
    fs::rename(desk.path("state"), desk.path("moved")).expect("the state moves");
    desk.hire("cyd");
    desk.say("sync").await.ends(0);
    let rest: Vec<Value> =
        vec![followed.next().await, followed.next().await, followed.next().await];
    assert_eq!(who(&rest).len(), 3, "{rest:#?}");
    assert!(who(&rest).contains(&"cyd"), "{rest:#?}");
    follower.signal("-TERM").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_forgotten_to_its_end_is_followed_on() {
    let mut desk = Desk::with_users(&["ada"]).await;
    desk.say("sync").await.ends(0);
    let mut follower = desk.start("log --follow --json");
    let mut followed = follower.lines();
    let before = followed.next().await;
    {
        let engine = Engine::open(&desk.path("state/crm.sqlite")).expect("the state");
        let future = SystemClock.now() + TimeDelta::hours(1);
        assert_eq!(engine.write(|tx| tx.prune_log(future, 500)).expect("pruned"), 1);
    }
    desk.hire("bob");
    desk.say("sync").await.ends(0);
    let after = followed.next().await;
    assert_eq!(name(&after), "bob");
    assert_ne!(number(&before), number(&after), "a number is given once");
    follower.signal("-TERM").await;
}

/// The number at the end of a row's id.
fn number(row: &Value) -> &str {
    row["id"].as_str().and_then(|id| id.rsplit('-').next()).expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_is_forwarded_once_and_in_order_as_graphs_document() {
    let mut desk = forwarding("log.jsonl", &["ada", "bob"]).await;
    let file = desk.path("log.jsonl");
    desk.say("sync").await.ends(0);
    assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o640);
    let service = desk.run().await;
    desk.tenant.disable_user(desk.people["ada"]);
    desk.hire("cyd");
    desk.say("sync").await.ends(0);
    let rows = logged(&desk).await;
    assert!(rows.len() >= 4, "{rows:#?}");
    eventually("the rows are forwarded", || async { lines(&file).len() >= rows.len() }).await;
    service.terminate().await.ends(0);
    assert_eq!(lines(&file), rows);
    keeps_its_promise(Document::Log, &Value::Array(lines(&file)).to_string());
    desk.say("sync").await.ends(0);
    assert_eq!(lines(&file), logged(&desk).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_rotated_away_is_made_anew() {
    let mut desk = forwarding("log.jsonl", &["ada"]).await;
    let (file, old) = (desk.path("log.jsonl"), desk.path("log.jsonl.1"));
    let service = desk.run().await;
    eventually("the first row", || async { lines(&file).len() == 1 }).await;
    fs::rename(&file, &old).expect("rotated");
    desk.hire("bob");
    desk.say("sync").await.ends(0);
    eventually("the second row", || async { !lines(&file).is_empty() }).await;
    service.terminate().await.ends(0);
    assert_eq!(who(&lines(&old)), ["ada"]);
    assert_eq!(who(&lines(&file)), ["bob"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_written_holds_up_no_cycle_and_is_caught_up_on() {
    let mut desk = Desk::with_users(&["ada"]).await;
    let file = desk.path("nowhere/log.jsonl");
    desk.configure(&format!("interval = \"1s\"\n{}", forward_to(&desk, "nowhere/log.jsonl")), "");
    let mut service = desk.run().await;
    let mut said = service.complaints();
    said.until("the provisioning log is not forwarded").await;
    desk.hire("bob");
    // It is tried each second, as the cycles come.
    let cycles = cycle_count(&desk);
    eventually("three more cycles", || async { cycle_count(&desk) >= cycles + 3 }).await;
    assert_eq!(desk.application.user_count(), 2);
    fs::create_dir(desk.path("nowhere")).expect("a folder");
    said.until("the provisioning log is forwarded again").await;
    service.terminate().await.ends(0);
    let said = said.all().await;
    assert_eq!(said.matches("the provisioning log is not forwarded").count(), 1, "{said}");
    assert!(said.contains("service.log_file"), "{said}");
    assert_eq!(lines(&file), logged(&desk).await);
    assert_eq!(who(&lines(&file)), ["ada", "bob"]);
}

fn cycle_count(desk: &Desk) -> usize {
    let reader = Reader::open(&desk.path("state/crm.sqlite")).expect("the state");
    reader.read(|view| view.cycles(1_000)).expect("cycles").len()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_process_wrote_before_it_died_is_neither_doubled_nor_left_half() {
    let mut desk = forwarding("log.jsonl", &["ada", "bob"]).await;
    let file = desk.path("log.jsonl");
    desk.say("sync").await.ends(0);
    {
        // As if it had died after the file and before the state, and again in a line.
        let engine = Engine::open(&desk.path("state/crm.sqlite")).expect("the state");
        engine.write(|tx| tx.set_log_forwarded(0)).expect("written");
    }
    let whole = fs::read_to_string(&file).expect("a file");
    fs::write(&file, format!("{whole}{{\"id\":\"hal")).expect("a half line");
    desk.hire("cyd");
    desk.say("sync").await.ends(0);
    assert_eq!(lines(&file), logged(&desk).await);
    assert_eq!(lines(&file).len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_forgets_old_rows_whenever_its_next_cycle_is() {
    let desk = Desk::with_users(&["ada"]).await;
    desk.configure("log_retention = \"30d\"\ninterval = \"1d\"", "");
    desk.say("sync").await.ends(0);
    {
        let engine = Engine::open(&desk.path("state/crm.sqlite")).expect("the state");
        let plan = engine.read(|view| view.plan_rows(PlanFilter::All, 0, 10)).expect("a plan");
        let cycle = engine.read(|view| view.cycles(1)).expect("cycles")[0].id;
        let old = SystemClock.now() - TimeDelta::days(31);
        let (_, change) = plan.first().expect("a row");
        engine
            .write(|tx| (0..1_200).try_for_each(|_| tx.record_decision(cycle, change, old)))
            .expect("written");
    }
    assert_eq!(logged(&desk).await.len(), 1_201);
    let service = desk.run().await;
    eventually("old rows are gone", || async { logged(&desk).await.len() == 1 }).await;
    service.terminate().await.ends(0);
}
