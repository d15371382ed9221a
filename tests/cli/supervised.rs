//! The service under a supervisor: what it tells, and how it takes another configuration over.

use std::{fs, time::Duration};

use entra_scim::{sandbox::application::Quirks, store::is_held};
use serde_json::Value;

use crate::support::desk::{Desk, Supervisor, another_application, eventually, section};

#[tokio::test(flavor = "multi_thread")]
async fn the_supervisor_hears_that_all_is_open_what_is_done_that_it_lives_and_that_it_ends() {
    let desk = Desk::with_users(&["ada"]).await;
    let (service, supervisor) = desk.run_supervised().await;
    assert!(is_held(&desk.path("state/crm.sqlite")), "ready before the state was open");
    let says = |start: &'static str| {
        let supervisor = supervisor.clone();
        move || {
            let count = supervisor.count(start);
            async move { count > 0 }
        }
    };
    eventually("what comes next", says("STATUS=next cycle crm ")).await;
    eventually("a sign of life", says("WATCHDOG=1")).await;
    service.terminate().await.ends(0);
    let told = supervisor.told();
    let stopping = told.last().expect("a message");
    assert!(stopping.starts_with("STOPPING=1\nEXTEND_TIMEOUT_USEC=35000000"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_says_how_far_the_cycle_under_way_is() {
    let desk = Desk::with_users(&["ada", "grace", "alan", "edsger"]).await;
    one_at_a_time(&desk, Duration::from_millis(700));
    let (service, supervisor) = desk.run_supervised().await;
    eventually("a percentage", || async {
        supervisor.count("STATUS=crm: export 25 % (1 of 4)") > 0
    })
    .await;
    service.terminate().await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_starts_what_is_new_and_ends_what_is_off_and_deprovisions_nobody() {
    let desk = Desk::with_users(&["ada"]).await;
    let (other, hr) = another_application("hr").await;
    let (service, supervisor) = desk.run_supervised().await;
    eventually("the first account", || async { desk.application.user_count() == 1 }).await;

    desk.configure("", &hr);
    reload(&service, &supervisor, 1).await;
    eventually("the account in the other", || async { other.user_count() == 1 }).await;
    let both = fs::read_to_string(desk.config()).expect("a configuration");
    fs::write(desk.config(), both.replace("[apps.crm]", "[apps.crm]\nprovisioning = \"off\""))
        .expect("a configuration");
    reload(&service, &supervisor, 2).await;
    let crm = desk.path("state/crm.sqlite");
    eventually("the state is free", || async { !is_held(&crm) }).await;
    assert!(is_held(&desk.path("state/hr.sqlite")), "the other one is run no more");
    assert_eq!(desk.application.active_user_count(), 1);

    fs::write(desk.config(), both).expect("a configuration");
    reload(&service, &supervisor, 3).await;
    eventually("it is back", || async { is_held(&crm) }).await;
    let told = supervisor.told();
    let reloading = told.iter().filter(|text| text.starts_with("RELOADING=1\nMONOTONIC_USEC="));
    assert_eq!(reloading.count(), 3, "{told:?}");
    service.terminate().await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_schedule_counts_at_once() {
    let mut desk = Desk::with_users(&["ada"]).await;
    let (service, supervisor) = desk.run_supervised().await;
    eventually("the first account", || async { desk.application.user_count() == 1 }).await;
    desk.hire("grace");
    desk.configure("interval = \"1s\"", "");
    reload(&service, &supervisor, 1).await;
    eventually("the next cycle", || async { desk.application.user_count() == 2 }).await;
    service.terminate().await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_configuration_is_refused_with_all_that_is_wrong_and_the_one_before_goes_on() {
    let mut desk = Desk::with_users(&["ada"]).await;
    desk.configure("interval = \"1s\"", "");
    let (service, supervisor) = desk.run_supervised().await;
    eventually("the first account", || async { desk.application.user_count() == 1 }).await;
    let good = fs::read_to_string(desk.config()).expect("a configuration");
    let broken = good.replace("[apps.crm.target]", "scoop = \"all\"\n[apps.crm.target]\nfoo = 1");
    fs::write(desk.config(), broken).expect("a configuration");
    let said = desk.say("check").await.ends(2).stderr;
    reload(&service, &supervisor, 1).await;
    // A secret that is not there any more is a mistake like any other.
    fs::write(desk.config(), &good).expect("a configuration");
    fs::remove_file(desk.path("token")).expect("a secret");
    reload(&service, &supervisor, 2).await;
    desk.hire("grace");
    desk.secret("token", "secret");
    eventually("a cycle under the one before", || async { desk.application.user_count() == 2 })
        .await;
    let log = service.terminate().await.ends(0).stderr;
    let lines = said.lines().filter(|line| line.contains("config.toml:"));
    let lines: Vec<&str> = lines.map(str::trim).collect();
    assert_eq!(lines.len(), 2, "{said}");
    for line in lines {
        assert!(log.contains(line), "{line}\nis not in\n{log}");
    }
    assert!(log.contains("apps.crm.target.secret_token: cannot read"), "{log}");
    assert_eq!(log.matches("the configuration before goes on").count(), 2, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cycle_under_way_goes_on_to_its_end_with_the_settings_it_began_with() {
    let desk = Desk::with_users(&["ada", "grace", "alan", "edsger"]).await;
    one_at_a_time(&desk, Duration::from_millis(300));
    let (service, supervisor) = desk.run_supervised().await;
    eventually("the first account", || async { desk.application.user_count() > 0 }).await;
    desk.configure("", "[apps.crm.safeguards]\ncreate = false");
    reload(&service, &supervisor, 1).await;
    assert!(desk.application.user_count() < 4, "the cycle was over before the reload");
    eventually("the whole cycle", || async { desk.application.user_count() == 4 }).await;
    let status = first_cycle(&desk).await;
    assert_eq!(status["totals"]["create"], 4);
    service.terminate().await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_state_folder_needs_a_restart_and_the_service_says_so() {
    let desk = Desk::with_users(&["ada"]).await;
    let (service, supervisor) = desk.run_supervised().await;
    let text = fs::read_to_string(desk.config()).expect("a configuration");
    fs::write(desk.config(), text.replace("/state\"", "/elsewhere\"")).expect("a configuration");
    reload(&service, &supervisor, 1).await;
    let log = service.terminate().await.ends(0).stderr;
    assert!(log.contains("takes effect when the service is started anew"), "{log}");
    assert!(!desk.path("elsewhere").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_never_answers_delays_no_other() {
    let desk = Desk::with_users(&["ada"]).await;
    // Connections are taken, and nothing is ever answered.
    let silent = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let url = format!("http://{}/scim", silent.local_addr().expect("an address"));
    desk.configure("interval = \"1s\"", &section("hr", &url));
    let (service, _) = desk.run_supervised().await;
    let (asked, _) = silent.accept().await.expect("a request to the silent application");
    let began = cycles(&desk);
    eventually("three more cycles of the other", || async { cycles(&desk) >= began + 3 }).await;
    service.kill().await;
    drop(asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_cannot_be_used_keeps_its_application_back_and_no_other() {
    let desk = Desk::with_users(&["ada"]).await;
    let (other, hr) = another_application("hr").await;
    desk.configure("", &hr);
    fs::create_dir_all(desk.path("state")).expect("a folder");
    let damaged = desk.path("state/hr.sqlite");
    fs::write(&damaged, "this is no state at all, not even a bad one").expect("a file");
    let (service, supervisor) = desk.run_supervised().await;
    eventually("the other one works", || async { desk.application.user_count() == 1 }).await;
    eventually("it is told", || async {
        supervisor.count("STATUS=hr: its state cannot be used; next cycle crm") > 0
    })
    .await;
    assert_eq!(other.user_count(), 0);
    fs::remove_file(damaged).expect("a file");
    reload(&service, &supervisor, 1).await;
    eventually("it works as well", || async { other.user_count() == 1 }).await;
    let log = service.terminate().await.ends(0).stderr;
    assert_eq!(log.matches("is damaged or is not one").count(), 1, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_folder_that_cannot_be_written_ends_the_start_with_what_to_do() {
    let desk = Desk::with_users(&["ada"]).await;
    fs::write(desk.path("state"), "a file in the place of the folder").expect("a file");
    let said = desk.say("run").await.ends(1).stderr;
    assert!(said.contains("the state of application `crm` cannot be used"), "{said}");
    assert!(said.contains("hint: `service.state_dir` says where the states are"), "{said}");
}

/// Asks for a reload, and waits until the supervisor was told of its end.
async fn reload(service: &crate::support::desk::Running, supervisor: &Supervisor, nth: usize) {
    service.signal("-HUP").await;
    eventually("the reload is over", || async { supervisor.count("READY=1") == 1 + nth }).await;
}

/// Makes the application slow, and asked one request at a time.
fn one_at_a_time(desk: &Desk, latency: Duration) {
    let text = fs::read_to_string(desk.config()).expect("a configuration");
    let slow = text.replace("[apps.crm.target]", "[apps.crm.target]\nconcurrency = 1");
    fs::write(desk.config(), slow).expect("a configuration");
    desk.application.set_quirks(Quirks { latency, ..Quirks::default() });
}

/// The report of the last finished cycle, as soon as there is one.
async fn first_cycle(desk: &Desk) -> Value {
    eventually("a finished cycle", || async {
        let status = desk.say("status crm --json").await;
        status.code == 0 && !status.json()["apps"][0]["last_cycle"].is_null()
    })
    .await;
    let status = desk.say("status crm --json").await.ends(0).json();
    status["apps"][0]["last_cycle"].clone()
}

/// How many cycles of the first application have begun.
fn cycles(desk: &Desk) -> u64 {
    let path = desk.path("state/crm.sqlite");
    let reader = entra_scim::store::Reader::open(&path).expect("a state");
    reader.read(|view| view.next_cycle_seq()).expect("a number")
}
