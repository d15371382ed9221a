//! `provision`: one person now, by this process or by the service, and what scripts get of it.

use insta::assert_snapshot;
use serde_json::json;

use crate::support::{
    desk::{Desk, eventually},
    schema::{Document, keeps_its_promise},
};

/// The text without what is different each time.
fn still(desk: &Desk, text: &str) -> String {
    let mut text = text.replace(&desk.people["ada"].to_string(), "ADA");
    if let Some(account) = desk.application.user_by_name("ada@contoso.com") {
        text = text.replace(account["id"].as_str().expect("an id"), "ACCOUNT");
    }
    let lines = text.lines().filter(|line| !line.starts_with("requests: "));
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_provisioned_in_four_steps_and_a_dry_run_makes_no_state() {
    let desk = Desk::with_users(&["ada", "bob"]).await;
    let preview = desk.say("provision ada@contoso.com --dry-run").await.ends(0).stdout;
    assert!(preview.contains("dry run: nothing is sent"), "{preview}");
    assert!(preview.contains("4. What would be done\n+ create ada@contoso.com"), "{preview}");
    assert!(!desk.path("state").exists() && desk.application.user_count() == 0);
    let done = desk.say("provision crm ada@contoso.com").await.ends(0).stdout;
    assert_snapshot!(still(&desk, &done), @r#"
ada@contoso.com  user ADA, application `crm`

1. Import: found in the directory
   Found by   user principal name
   Object id  ADA

2. Scope: in scope
   Active in the source system  True
   Assigned to the application  True
   Assignments                  Editor, directly
   ScopeEvaluationResult        True
   User has the required role   True

3. Match: no account matches

4. Perform action
+ create ada@contoso.com  in scope, and no account matches
    active: true
    displayName: "ada"
    emails[type eq "work"].value: "ada@contoso.com"
    userName: "ada@contoso.com"
    outcome: created
"#);
    assert_eq!(desk.application.user_count(), 1);
    let again = desk.say("provision ada@contoso.com").await.ends(0).stdout;
    assert_snapshot!(still(&desk, &again), @r#"
ada@contoso.com  user ADA, application `crm`

1. Import: found in the directory
   Found by   user principal name
   Object id  ADA

2. Scope: in scope
   Active in the source system  True
   Assigned to the application  True
   Assignments                  Editor, directly
   ScopeEvaluationResult        True
   User has the required role   True

3. Match: linked to account `ACCOUNT`

4. Perform action
. skip ada@contoso.com  nothing differs
"#);
    let log = desk.say("log --who ada@contoso.com --json").await.ends(0).json();
    assert_eq!(log[0]["provisioningAction"], json!("create"), "{log:#}");
    let sync = desk.say("sync --json").await.ends(0).json();
    assert_eq!(sync["totals"]["create"], json!(1), "only Bob is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn its_document_keeps_its_promise_whatever_becomes_of_it() {
    let mut desk = Desk::with_users(&["ada", "bob", "cyd"]).await;
    desk.configure("", "[apps.crm.safeguards]\nmax_removals = 0");
    desk.say("sync").await.ends(0);
    desk.tenant.set_attribute(desk.people["ada"], "displayName", "Ada Lovell");
    desk.tenant.disable_user(desk.people["bob"]);
    desk.hire("dan");
    desk.application.inject(
        entra_scim::sandbox::application::Fault::status(400),
        entra_scim::sandbox::application::Matcher::method(http::Method::POST),
    );
    for (who, code, action, status) in [
        ("ada@contoso.com", 0, "update", "success"),
        ("bob@contoso.com", 4, "disable", "held"),
        ("cyd@contoso.com", 0, "skip", "skipped"),
        ("dan@contoso.com", 3, "create", "failure"),
        ("dan@contoso.com", 0, "create", "success"),
    ] {
        let told = desk.say(&format!("provision crm {who} --json")).await.ends(code).stdout;
        let document = keeps_its_promise(Document::Provision, &told);
        let row = &document["changes"][0];
        assert_eq!((&row["action"], &row["status"]), (&json!(action), &json!(status)), "{who}");
        assert_eq!(document["held"].is_null(), code != 4, "{document:#}");
        assert!(!told.contains("secret"), "no token is told");
    }
    let held = desk.say("provision bob@contoso.com").await.ends(4).stdout;
    assert!(held.contains("held by a safeguard: 1 of"), "{held}");
    assert!(
        held.contains("the next cycle holds it too") || held.contains("The next cycle"),
        "{held}"
    );
    desk.say("sync").await.ends(4);
    let held = desk.say("provision bob@contoso.com").await.ends(4).stdout;
    assert!(held.contains("entra-scim approve crm "), "{held}");
    desk.say("approve --yes").await.ends(0);
    desk.say("provision bob@contoso.com").await.ends(0);
    let bob = desk.application.user_by_name("bob@contoso.com").expect("an account");
    assert_eq!(bob["active"], json!(false));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_handed_to_the_service_and_shows_the_same() {
    let mut desk = Desk::with_users(&["ada"]).await;
    let service = desk.run().await;
    eventually("the first cycle", || async {
        desk.say("status --json").await.json()["apps"][0]["state"] == json!("active")
    })
    .await;
    desk.hire("grace");
    let preview = desk.say("provision grace@contoso.com --dry-run --json").await.ends(0).json();
    let done = desk.say("provision grace@contoso.com --json").await.ends(0).stdout;
    let done = keeps_its_promise(Document::Provision, &done);
    assert_eq!(done["changes"][0]["attributes"], preview["changes"][0]["attributes"]);
    assert_eq!(done["changes"][0]["status"], json!("success"));
    assert_eq!(desk.application.user_count(), 2);
    let again = desk.say("provision grace@contoso.com").await.ends(0).stdout;
    assert!(again.contains("nothing differs"), "{again}");
    service.terminate().await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_provisioned_by_its_name_where_groups_are() {
    let desk = Desk::with_users(&["ada"]).await;
    desk.configure("", "[apps.crm.groups]\nenabled = true");
    desk.say("sync").await.ends(0);
    let group = desk.assigned_group("Sales");
    desk.tenant.add_member(group, desk.people["ada"]);
    let preview = desk.say("provision crm Sales --dry-run").await.ends(0).stdout;
    assert!(preview.contains("+ create group Sales"), "{preview}");
    assert!(preview.contains("~ update group Sales  1 member added"), "{preview}");
    let done = desk.say("provision crm Sales --json").await.ends(0).stdout;
    let done = keeps_its_promise(Document::Provision, &done);
    assert_eq!(
        (&done["found"]["object"], &done["found"]["by"]),
        (&json!("group"), &json!("displayName"))
    );
    assert_eq!(desk.application.groups()[0]["members"].as_array().map(Vec::len), Some(1));
    let again = desk.say("provision crm Sales").await.ends(0).stdout;
    assert!(again.contains("nothing differs"), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_several_and_groups_end_with_two_and_a_refused_token_with_seven() {
    let desk = Desk::with_users(&["ada", "bob"]).await;
    let nobody = desk.say("provision crm nobody@contoso.com").await.ends(2);
    assert!(nobody.stderr.contains("nobody is known as"), "{}", nobody.stderr);
    desk.tenant.add_group("Sales");
    let group = desk.say("provision crm Sales").await.ends(2);
    assert!(group.stderr.contains("is the group"), "{}", group.stderr);
    for name in ["ada", "bob"] {
        desk.tenant.set_attribute(desk.people[name], "mail", "team@contoso.com");
    }
    desk.say("provision team@contoso.com").await.ends(2);
    desk.secret("token", "not-the-token");
    let refused = desk.say("provision ada@contoso.com").await.ends(7);
    assert!(refused.stderr.contains("was not provisioned"), "{}", refused.stderr);
    assert_eq!(desk.application.user_count(), 0);
}
