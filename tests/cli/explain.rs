//! `explain`: beside a running service, before the first cycle, and never with a trace.

use entra_scim::sandbox::application::Fault;
use serde_json::json;

use crate::support::{
    desk::{Desk, eventually},
    schema::{Document, keeps_its_promise},
};

#[tokio::test(flavor = "multi_thread")]
async fn before_the_first_cycle_it_says_what_would_be_sent_and_makes_no_state() {
    let desk = Desk::with_users(&["ada"]).await;
    let told = desk.say("explain crm ada@contoso.com").await.ends(0).stdout;
    for part in [
        "1. Found in Entra: found in the directory",
        "2. Scope: in scope",
        "Editor, directly",
        "3. Match: no account matches",
        "from [userPrincipalName]  (matches accounts, precedence 1)",
        "5. What would be sent: 1 request",
        "POST /Users",
        "note: no cycle has finished here yet",
    ] {
        assert!(told.contains(part), "{part}\n{told}");
    }
    assert!(!desk.path("state").exists());
    assert_eq!(desk.application.user_count(), 0);
    let short = desk.say("explain ADA@contoso.com").await.ends(0).stdout;
    assert_eq!(short, told, "one application needs no name");
}

#[tokio::test(flavor = "multi_thread")]
async fn its_document_keeps_its_promise_for_everybody() {
    let mut desk = Desk::with_users(&["ada", "bob", "cyd"]).await;
    desk.say("sync").await.ends(0);
    desk.tenant.set_attribute(desk.people["ada"], "displayName", "Ada Lovell");
    desk.tenant.disable_user(desk.people["bob"]);
    desk.tenant.soft_delete_user(desk.people["cyd"]);
    desk.hire("dan");
    let group = desk.tenant.add_group("Sales");
    desk.tenant.add_member(group, desk.people["ada"]);
    for (who, action) in [
        ("ada@contoso.com", Some("update")),
        ("bob@contoso.com", Some("disable")),
        ("cyd@contoso.com", Some("disable")),
        ("dan@contoso.com", Some("create")),
        ("Sales", None),
    ] {
        let told = desk.say(&format!("explain crm {who} --json")).await.ends(0).stdout;
        let document = keeps_its_promise(Document::Explain, &told);
        let found = document["changes"][0]["action"].as_str();
        assert_eq!(found, action, "{who}: {document:#}");
        assert_eq!(document["who"], json!(who));
        assert!(!told.contains("secret"), "no token is told");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_the_service_it_reads_and_leaves_every_byte_as_it_was() {
    let mut desk = Desk::with_users(&["ada"]).await;
    let service = desk.run().await;
    eventually("the first cycle", || async { desk.application.user_count() == 1 }).await;
    let linked = || async {
        desk.say("explain ada@contoso.com").await.ends(0).stdout.contains("linked to account")
    };
    eventually("the link is stored", linked).await;
    service.terminate().await.ends(0);
    let lock = entra_scim::store::Engine::open(&desk.path("state/crm.sqlite")).expect("a state");
    desk.hire("grace");
    let (before, writes) = (desk.state(), desk.application.writes().len());
    for who in ["ada@contoso.com", "grace@contoso.com", "nobody"] {
        desk.say(&format!("explain crm {who}")).await;
        assert!(desk.state() == before, "`explain {who}` changed the state");
    }
    assert_eq!(desk.application.writes().len(), writes);
    drop(lock);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_not_found_or_not_unique_ends_with_two_and_the_ids() {
    let desk = Desk::with_users(&["ada", "bob"]).await;
    let nobody = desk.ask(&["explain", "crm", "O'Brien Zoë"], "").await.ends(2);
    assert!(nobody.stderr.contains("nobody is known as `O'Brien Zoë`"), "{}", nobody.stderr);
    assert!(nobody.stderr.contains("user principal name"), "{}", nobody.stderr);
    for name in ["ada", "bob"] {
        desk.tenant.set_attribute(desk.people[name], "mail", "team@contoso.com");
    }
    let several = desk.say("explain team@contoso.com").await.ends(2);
    for id in desk.people.values() {
        assert!(several.stderr.contains(&id.to_string()), "{}", several.stderr);
    }
    desk.say("explain crn ada@contoso.com").await.ends(2);
    let whom = desk.say("explain crm").await.ends(2);
    assert!(whom.stderr.contains("say whom"), "{}", whom.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_reached_ends_with_seven_and_what_concerns_one_person_is_told() {
    let desk = Desk::with_users(&["ada"]).await;
    desk.application.inject(
        Fault::status(400),
        entra_scim::sandbox::application::Matcher::method(http::Method::GET),
    );
    let told = desk.say("explain ada@contoso.com").await.ends(0).stdout;
    assert!(told.contains("2. Scope: in scope"), "{told}");
    assert!(told.contains("UnprocessableEntity"), "{told}");
    desk.secret("token", "not-the-token");
    let refused = desk.say("explain ada@contoso.com").await.ends(7);
    assert!(refused.stderr.contains("apps.crm.target.secret_token"), "{}", refused.stderr);
    desk.secret("graph-secret", "not-the-secret");
    desk.say("explain ada@contoso.com").await.ends(7);
}
