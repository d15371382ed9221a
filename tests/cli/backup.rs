//! Backing up beside the service, and going on with the backup.

use std::fs;

use serde_json::json;

use crate::support::desk::{Desk, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_was_made_beside_the_service_goes_on_where_it_was_made() {
    let mut desk = Desk::with_users(&["ada", "grace"]).await;
    let service = desk.run().await;
    eventually("the first cycle", || async { desk.application.user_count() == 2 }).await;
    desk.say("sync").await.ends(0);

    // As README.md says it.
    let backup = desk.path("backup");
    fs::create_dir(&backup).expect("a folder");
    let state = rusqlite::Connection::open(desk.path("state/crm.sqlite")).expect("the state");
    let copy = backup.join("crm.sqlite");
    state.execute("VACUUM INTO ?1", [copy.to_str().expect("a path")]).expect("a copy");
    drop(state);
    fs::copy(desk.path("state/crm.key"), backup.join("crm.key")).expect("the key");

    // What happens afterwards is not in the backup.
    desk.hire("alan");
    desk.say("sync").await.ends(0);
    service.terminate().await.ends(0);
    assert_eq!(desk.application.user_count(), 3);

    fs::remove_dir_all(desk.path("state")).expect("the state is lost");
    fs::rename(&backup, desk.path("state")).expect("the backup takes its place");
    let status = desk.say("status --json").await.ends(0).json();
    assert_eq!(status["apps"][0]["links"]["users"], json!(2), "{status}");
    let plan = desk.say("plan --json").await.ends(0).json();
    assert_eq!(plan["totals"]["adopt"], json!(1), "alan has an account already: {plan}");
    assert_eq!(plan["totals"]["create"], json!(0), "{plan}");
    desk.say("sync").await.ends(0);
    assert_eq!(desk.application.user_count(), 3);
    let settled = desk.say("plan --json").await.ends(0).json();
    assert_eq!(settled["changes"], json!([]), "{settled}");
}
