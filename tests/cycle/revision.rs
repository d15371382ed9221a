//! What a changed configuration is said to reach, before anything is written.

use entra_scim::{
    cycle::CycleOptions,
    model::Fingerprint,
    store::{CycleKind, RevisionReport},
};
use insta::assert_snapshot;
use serde_json::json;

use crate::support::world::World;

const BEFORE: &str = r#"---
[[apps.crm.users.attributes]]
target = "userName"
source = "userPrincipalName"
match = 1
[[apps.crm.users.attributes]]
target = "active"
expression = 'Not([IsSoftDeleted])'
[[apps.crm.users.attributes]]
target = "displayName"
source = "displayName"
[[apps.crm.users.attributes]]
target = "title"
source = "jobTitle"
default = "Staff"
"#;

const AFTER: &str = r#"---
[[apps.crm.users.attributes]]
target = "userName"
source = "userPrincipalName"
match = 1
[[apps.crm.users.attributes]]
target = "active"
expression = 'Not([IsSoftDeleted])'
[[apps.crm.users.attributes]]
target = "displayName"
expression = 'IIF([department] = "Sales", [givenName], [displayName])'
null = "keep"
"#;

fn told(report: Option<&RevisionReport>) -> String {
    let Some(report) = report else { return "nothing".to_owned() };
    let changes = report.changes.join("\n");
    format!("{changes}\n{} people, {} accounts", report.people, report.accounts)
}

#[tokio::test]
async fn changed_configuration_is_told_with_its_reach_until_a_cycle_has_carried_it_out() {
    let mut world = World::with_config(BEFORE);
    world.hire_all(["ada", "grace", "edsger"]);
    world.set("grace", "department", "Navy");
    world.set("ada", "jobTitle", "Countess");
    let first = world.sync_well().await;
    assert_eq!(told(first.report.revision.as_ref()), "nothing", "there was nothing before");
    let mut world = world.all_provisioned().await;
    assert_eq!(told(world.sync_well().await.report.revision.as_ref()), "nothing");

    world.reconfigure(AFTER);
    let (rows, end) = world.pending(CycleOptions::default()).await;
    assert_eq!(rows.len(), 2);
    let first = told(end.report.revision.as_ref());
    assert_snapshot!(first, @r#"
    users.attributes `displayName`: was [displayName], now IIF([department] = "Sales", [givenName], [displayName]), null keeps
    users.attributes `title` removed (was [jobTitle], default "Staff")
    the values of removed rows stay at the application and are forgotten
    3 people, 2 accounts
    "#);
    let (_, end) = world.pending(CycleOptions::default()).await;
    assert_eq!(told(end.report.revision.as_ref()), first, "a preview carries nothing out");
    let end = world.sync_well().await;
    assert!(told(end.report.revision.as_ref()).ends_with("3 people, 2 accounts"));
    assert_eq!(world.take_writes().len(), 2);
    world.later();
    assert_eq!(told(world.sync_well().await.report.revision.as_ref()), "nothing");
    let (_, end) = world.pending(CycleOptions::default()).await;
    assert_eq!(told(end.report.revision.as_ref()), "nothing");
}

#[tokio::test]
async fn cycle_that_ends_early_leaves_the_news_to_the_next_one() {
    let mut world = World::with_config(BEFORE);
    world.hire_all(["ada", "grace"]);
    let mut world = world.all_provisioned().await;
    world.reconfigure(AFTER);
    world.change_target_token("a token that is new");
    world.application.set_token("and already another one");
    world.expects_violations();
    world.sync_badly().await;
    world.change_target_token("and already another one");
    world.later();
    let end = world.sync_well().await;
    assert!(told(end.report.revision.as_ref()).ends_with("2 people, 2 accounts"));
}

#[tokio::test]
async fn removed_mapping_leaves_the_value_and_forgets_it() {
    let mut world = World::with_config(BEFORE);
    world.hire_all(["ada", "grace"]);
    world.set("ada", "jobTitle", "Countess");
    let mut world = world.all_provisioned().await;
    let without = BEFORE.split("[[apps.crm.users.attributes]]\ntarget = \"title\"").next();
    world.reconfigure(without.expect("the rows before it"));
    let (_, end) = world.pending(CycleOptions::default()).await;
    assert_snapshot!(told(end.report.revision.as_ref()), @r#"
    users.attributes `title` removed (was [jobTitle], default "Staff")
    the values of removed rows stay at the application and are forgotten
    2 people, 0 accounts
    "#);
    world.sync_well().await;
    assert!(world.take_writes().is_empty());
    let title = |world: &World| world.account("ada@contoso.com").expect("there")["title"].clone();
    assert_eq!(title(&world), json!("Countess"));
    // It is not ours any more: what somebody makes of it stays, and a null clears nothing.
    let id = world.account("ada@contoso.com").expect("there")["id"].clone();
    world.application.tamper(id.as_str().expect("an id"), "title", Some(json!("Local")));
    world.set("ada", "jobTitle", serde_json::Value::Null);
    world.reconfigure(BEFORE);
    world.later();
    world.sync_well().await;
    assert!(world.take_writes().is_empty(), "{}", world.last_plan());
    assert_eq!(title(&world), json!("Local"));
    world.set("ada", "jobTitle", "Mathematician");
    world.later();
    world.sync_well().await;
    assert_eq!(title(&world), json!("Mathematician"));
    world.is_settled().await;
}

#[tokio::test]
async fn upgrade_of_the_program_is_told_by_both_versions() {
    let mut world = World::with_config(BEFORE);
    world.hire_all(["ada", "grace"]);
    let mut world = world.all_provisioned().await;
    let version = world.job.revision_parts[0].1.clone();
    world.job.revision_parts[0].1 = "99.0.0".to_owned();
    world.job.revision = Fingerprint::of(["99.0.0"]);
    let end = world.sync_well().await;
    assert_eq!(
        told(end.report.revision.as_ref()),
        format!("entra-scim {version} → 99.0.0\n2 people, 0 accounts")
    );
    assert!(world.take_writes().is_empty());
}

#[tokio::test]
async fn state_that_knows_no_earlier_configuration_says_so() {
    let mut world = World::with_config(BEFORE);
    world.hire("ada");
    let mut world = world.all_provisioned().await;
    world.state().write(|tx| tx.set_fact("revision_parts", None)).expect("an older state");
    assert_eq!(told(world.sync_well().await.report.revision.as_ref()), "nothing");
    world.state().write(|tx| tx.set_fact("revision_parts", None)).expect("an older state");
    world.reconfigure(AFTER);
    assert_snapshot!(told(world.sync_well().await.report.revision.as_ref()), @r"
    the configuration or the program; the state has no record of what was before
    1 people, 1 accounts
    ");
}

#[tokio::test]
async fn mapping_of_a_property_that_was_never_read_reads_everybody_again() {
    let mut world = World::with_config(AFTER);
    world.hire_all(["ada", "grace"]);
    world.set("ada", "jobTitle", "Countess");
    let mut world = world.all_provisioned().await;
    world.reconfigure(BEFORE);
    let end = world.sync_well().await;
    assert_eq!(end.report.kind, CycleKind::Initial);
    let title =
        |name: &str| world.account(&format!("{name}@contoso.com")).expect("there")["title"].clone();
    assert_eq!(title("ada"), json!("Countess"));
    world.is_settled().await;
    world.later();
    let end = world.sync_well().await;
    assert_eq!(end.report.kind, CycleKind::Incremental);
}
