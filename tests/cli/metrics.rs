//! What is counted, and what a scrape shows of it.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use entra_scim::store::{ANSWERS_WITHIN, Counter, Reader};

use crate::support::desk::{Desk, eventually};

/// The sum of the counters of this name that have all these labels.
fn sum(counters: &[Counter], name: &str, labels: &[(&str, &str)]) -> f64 {
    let has = |counter: &&Counter| {
        counter.name == name
            && labels.iter().all(|(label, value)| {
                counter.labels.get(*label).is_some_and(|found| found == value)
            })
    };
    counters.iter().filter(has).map(|counter| counter.value).sum()
}

fn counters(desk: &Desk) -> Vec<Counter> {
    let reader = Reader::open(&desk.path("state/crm.sqlite")).expect("the state");
    reader.read(|view| view.counters()).expect("counters")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_one_shot_sync_counts_and_the_next_process_goes_on_from_there() {
    let mut desk = Desk::with_users(&["ada", "bob"]).await;
    desk.say("sync").await.ends(0);
    desk.hire("cyd");
    let service = desk.run().await;
    desk.say("sync").await.ends(0);
    service.terminate().await.ends(0);

    let counted = counters(&desk);
    let count = |name: &str, labels: &[(&str, &str)]| -> u64 {
        sum(&counted, name, labels).to_string().parse().expect("a whole number")
    };
    let created = [("object", "user"), ("action", "create"), ("status", "success")];
    assert_eq!(count("objects", &created), 3, "{counted:#?}");
    assert_eq!(count("cycles", &[("kind", "initial"), ("result", "success")]), 1);
    assert_eq!(count("cycles", &[("kind", "incremental"), ("result", "success")]), 1);
    let writes = [("service", "target"), ("class", "user_write")];
    assert_eq!(count("requests", &[writes[0], writes[1], ("code", "201")]), 3);
    assert_eq!(count(ANSWERS_WITHIN, &writes), count("requests", &writes));
    assert!(sum(&counted, "answer_seconds", &writes) > 0.0, "{counted:#?}");
    assert!(count("requests", &[("service", "graph"), ("code", "200")]) >= 2);

    let reader = Reader::open(&desk.path("state/crm.sqlite")).expect("the state");
    let reports = reader.read(|view| view.cycles(10)).expect("cycles");
    assert_eq!(reports.len(), 2);
    let of_cycles: u64 = reports.iter().map(|report| report.requests.target).sum();
    assert_eq!(count("requests", &[("service", "target")]), of_cycles, "none is left out");
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().expect("a plain client")
}

/// What the service answers to a scrape.
async fn scraped(address: &str) -> String {
    let answer = client().get(format!("{address}metrics")).send().await.expect("an answer");
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4");
    answer.text().await.expect("text")
}

/// A desk with a cycle behind it, a failure among them, and its service with a page.
async fn served() -> (Desk, crate::support::desk::Running, String) {
    let mut desk = Desk::with_users(&["ada", "bob"]).await;
    desk.say("sync").await.ends(0);
    desk.hire("cyd");
    desk.configure("listen = \"127.0.0.1:0\"", "");
    let (service, address) = desk.run_with_page().await;
    (desk, service, address)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scrape_shows_what_every_process_did_and_what_is_now() {
    let (desk, service, address) = served().await;
    desk.say("sync").await.ends(0);
    let created =
        r#"entra_scim_objects_total{app="crm",object="user",action="create",status="success"} 3"#;
    eventually("the third account is counted", || async {
        scraped(&address).await.contains(created)
    })
    .await;
    let text = scraped(&address).await;
    for expected in [
        r#"entra_scim_state_readable{app="crm"} 1"#,
        r#"entra_scim_state_held{app="crm"} 1"#,
        r#"entra_scim_job_state{app="crm",state="active"} 1"#,
        r#"entra_scim_linked{app="crm",object="user"} 3"#,
        r#"entra_scim_cycles_total{app="crm",kind="initial",result="success"} 1"#,
        r#"entra_scim_requests_total{app="crm",service="target",class="user_write",code="201"} 3"#,
        r#"entra_scim_request_duration_seconds_count{app="crm",service="target",class="user_write"} 3"#,
        r#"entra_scim_quarantine{app="crm"} 0"#,
        "# TYPE entra_scim_cycles_total counter",
    ] {
        assert!(text.lines().any(|line| line == expected), "{expected}\n{text}");
    }
    assert!(text.contains("entra_scim_next_cycle_timestamp_seconds{app=\"crm\"} 1"), "{text}");
    assert!(!text.contains("contoso"), "a label tells of a person:\n{text}");

    service.terminate().await.ends(0);
}

/// `.ci/run` runs it where Debian's promtool is.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs promtool, of Debian's package prometheus"]
async fn promtool_finds_nothing_to_say_of_a_real_scrape() {
    let (desk, service, address) = served().await;
    desk.say("sync").await.ends(0);
    let text = scraped(&address).await;
    service.terminate().await.ends(0);
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool");
    promtool.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("written");
    let said = promtool.wait_with_output().expect("its output");
    let words = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.status.success() && words.is_empty(), "{words}\n{text}");
}
