//! What goes wrong, and with which exit code.

use std::fs;

use entra_scim::sandbox::application::{Fault, Matcher};

use crate::support::desk::Desk;

#[tokio::test(flavor = "multi_thread")]
async fn every_mistake_of_a_configuration_is_told_at_once() {
    let desk = Desk::with_users(&[]).await;
    let text = fs::read_to_string(desk.config()).expect("a configuration");
    let wrong =
        text.replace("client_id", "clientid").replace("[service]", "[service]\ninterval = 3");
    fs::write(desk.config(), wrong).expect("a configuration");
    let said = desk.say("plan").await.ends(2);
    assert!(said.stderr.contains("error: the configuration"), "{}", said.stderr);
    assert!(said.stderr.contains("tenant.clientid"), "{}", said.stderr);
    assert!(said.stderr.contains("service.interval"), "{}", said.stderr);
    assert!(said.stdout.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_line_that_makes_no_sense_ends_with_two() {
    let desk = Desk::with_users(&[]).await;
    for line in
        ["plam", "log --since yesterday", "log --status good", "run --json", "log --csv --json"]
    {
        desk.say(line).await.ends(2);
    }
    let unknown = desk.say("plan crn").await.ends(2);
    assert!(unknown.stderr.contains("hint: did you mean `crm`?"), "{}", unknown.stderr);
    fs::remove_file(desk.config()).expect("a configuration");
    let missing = desk.say("status").await.ends(2);
    assert!(missing.stderr.contains("entra-scim init"), "{}", missing.stderr);
    desk.say("--help").await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_ends_with_seven_and_names_the_next_command() {
    let desk = Desk::with_users(&["ada"]).await;
    desk.secret("graph-secret", "not-the-secret");
    for line in ["plan", "sync"] {
        let said = desk.say(line).await.ends(7);
        assert!(said.stderr.contains("hint: nothing was changed"), "{}", said.stderr);
        assert!(said.stderr.contains("entra-scim check crm"), "{}", said.stderr);
        assert!(!said.stderr.contains("not-the-secret"), "{}", said.stderr);
    }
    assert!(desk.application.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_of_the_application_ends_with_seven() {
    let desk = Desk::with_users(&["ada"]).await;
    desk.secret("token", "not-the-token");
    let said = desk.say("sync").await.ends(7);
    assert!(said.stderr.contains("apps.crm.target.secret_token"), "{}", said.stderr);
    assert!(!said.stderr.contains("not-the-token"), "{}", said.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_refused_account_ends_with_three_and_the_others_are_done() {
    let desk = Desk::with_users(&["ada", "grace"]).await;
    desk.application.inject(Fault::status(400), Matcher::method(http::Method::POST));
    let sync = desk.say("sync --json").await.ends(3).json();
    assert_eq!((&sync["totals"]["failure"], &sync["totals"]["create"]), (&1.into(), &1.into()));
    let rows = sync["changes"].as_array().expect("changes");
    let failed = rows.iter().find(|row| row["status"] == "failure").expect("a failure");
    assert!(failed["error"]["recommended_action"].is_string(), "{failed}");
    assert_eq!(desk.application.user_count(), 1);
    desk.say("sync").await.ends(0);
    assert_eq!(desk.application.user_count(), 2);
}
