//! What is counted, and who counts on.

use entra_scim::store::{ANSWERS_WITHIN, Counter, Reader};

use crate::support::desk::Desk;

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
    let count = |name: &str, labels: &[(&str, &str)]| sum(&counted, name, labels);
    let created = [("object", "user"), ("action", "create"), ("status", "success")];
    assert_eq!(count("objects", &created), 3.0, "{counted:#?}");
    assert_eq!(count("cycles", &[("kind", "initial"), ("result", "success")]), 1.0);
    assert_eq!(count("cycles", &[("kind", "incremental"), ("result", "success")]), 1.0);
    let writes = [("service", "target"), ("class", "user_write")];
    assert_eq!(count("requests", &[writes[0], writes[1], ("code", "201")]), 3.0);
    assert_eq!(count(ANSWERS_WITHIN, &writes), count("requests", &writes));
    assert!(count("answer_seconds", &writes) > 0.0, "{counted:#?}");
    assert!(count("requests", &[("service", "graph"), ("code", "200")]) >= 2.0);

    let of_cycles: f64 = {
        let reader = Reader::open(&desk.path("state/crm.sqlite")).expect("the state");
        let reports = reader.read(|view| view.cycles(10)).expect("cycles");
        assert_eq!(reports.len(), 2);
        reports
            .iter()
            .map(|report| f64::from(u32::try_from(report.requests.target).expect("few")))
            .sum()
    };
    assert_eq!(count("requests", &[("service", "target")]), of_cycles, "none is left out");
}
