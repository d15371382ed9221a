//! The page of the real service: where it listens, and that its troubles are its own.

use std::fs;

use chrono::TimeDelta;
use entra_scim::{
    model::{Clock as _, CycleId},
    store::{CycleKind, CycleReport, Progress, Requests, Totals},
};
use serde_json::Value;
use tokio::net::TcpListener;

use super::{
    documents::{free_address, get},
    house::House,
};
use crate::support::desk::{Desk, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_told_and_the_cycles_go_on() {
    let desk = Desk::with_users(&["ada"]).await;
    let taken = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let address = taken.local_addr().expect("an address");
    desk.configure(&format!("listen = \"{address}\""), "");
    let service = desk.run().await;
    eventually("the first cycle", || async { desk.application.user_count() == 1 }).await;
    let ended = service.terminate().await.ends(0);
    assert!(ended.stderr.contains(&format!("cannot listen on {address}")), "{}", ended.stderr);
    assert!(ended.stderr.contains("service.listen"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_address_is_taken_with_the_configuration_and_the_old_one_is_left() {
    let desk = Desk::with_users(&["ada"]).await;
    let (one, two) = (free_address().await, free_address().await);
    desk.configure(&format!("listen = \"{one}\""), "");
    let service = desk.run().await;
    eventually("the page", || async { is_there(one).await }).await;
    get(one, "/healthz", "").await.has(200);
    desk.configure(&format!("listen = \"{two}\""), "");
    service.signal("-HUP").await;
    eventually("the page at the new address", || async { is_there(two).await }).await;
    get(two, "/healthz", "").await.has(200);
    assert!(!is_there(one).await, "the old address still answers");
    service.terminate().await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_is_ready_once_a_cycle_is_done_and_while_it_is_paused() {
    let desk = Desk::with_users(&["ada"]).await;
    let address = free_address().await;
    desk.configure(&format!("listen = \"{address}\""), "");
    let service = desk.run().await;
    eventually("the service is ready", || async {
        is_there(address).await && get(address, "/readyz", "").await.status == 200
    })
    .await;
    get(address, "/healthz", "").await.has(200);
    desk.say("pause").await.ends(0);
    let ready = get(address, "/readyz", "").await.has(200);
    let ready: Value = serde_json::from_str(&ready.body).expect("JSON");
    assert_eq!(ready["apps"][0]["why"], "it is paused", "{ready}");
    service.terminate().await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_for_other_machines_without_a_token_ends_the_start() {
    let desk = Desk::with_users(&["ada"]).await;
    desk.configure("listen = \"0.0.0.0:8640\"", "");
    let refused = desk.say("run").await.ends(2);
    for part in ["service.listen", "access_token", "tls", "behind_proxy"] {
        assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }
    assert!(!fs::exists(desk.path("state")).expect("a folder"), "nothing was begun");
}

#[tokio::test]
async fn a_service_without_a_cycle_or_with_an_old_one_is_not_ready_and_says_which() {
    let house = House::open().await;
    let why = async |status: u16| {
        let answer = house.get("/readyz", "").await.has(status);
        let ready: Value = serde_json::from_str(&answer.body).expect("JSON");
        assert_eq!(ready["ready"], status == 200, "{ready}");
        assert_eq!(ready["apps"][0]["app"], "crm", "{ready}");
        ready["apps"][0]["why"].as_str().expect("a reason").to_owned()
    };
    assert_eq!(why(503).await, "no cycle has finished yet");
    let (id, began) = (CycleId::derive(&["one"]), house.clock.now());
    let progress = Progress { phase: "import".to_owned(), done: 1, total: None };
    house
        .engine
        .write(|tx| {
            tx.begin_cycle(id, 1, CycleKind::Initial, began)?;
            tx.set_progress(id, &progress, began)
        })
        .expect("a cycle");
    assert_eq!(why(200).await, "a cycle is under way");
    let report = CycleReport {
        id,
        kind: CycleKind::Initial,
        dry_run: false,
        began,
        duration_ms: 1,
        totals: Totals::default(),
        requests: Requests::default(),
        held: None,
        error: None,
        warnings: Vec::new(),
        revision: None,
        quarantine: None,
        linked: None,
    };
    house.engine.write(|tx| tx.end_cycle(&report, began)).expect("a cycle");
    assert_eq!(why(200).await, "the last cycle is recent");
    house.clock.ahead(TimeDelta::minutes(3 * 40 - 5));
    assert_eq!(why(200).await, "the last cycle is recent");
    house.clock.ahead(TimeDelta::minutes(10));
    assert_eq!(why(503).await, "the last cycle is too long ago");
}

#[tokio::test]
async fn a_state_that_was_replaced_is_opened_anew() {
    let house = House::open().await;
    house.get("/api/v1/status", "").await.has(200);
    // What was committed last is in the files beside it.
    let parts = ["", "-wal", "-shm"].map(|part| {
        (house.path(&format!("crm.sqlite{part}")), house.path(&format!("aside.sqlite{part}")))
    });
    for (file, aside) in &parts {
        fs::rename(file, aside).expect("a state");
    }
    let file = house.path("crm.sqlite");
    fs::write(&file, "no state at all, but long enough to be looked at ".repeat(100))
        .expect("a file");
    let answer = house.get("/api/v1/status", "").await.has(503);
    assert!(answer.body.contains("damaged or is not one"), "{answer:?}");
    for (file, aside) in &parts {
        fs::rename(aside, file).expect("a state");
    }
    house.get("/api/v1/status", "").await.has(200);
}

async fn is_there(address: std::net::SocketAddr) -> bool {
    tokio::net::TcpStream::connect(address).await.is_ok()
}
