//! The built-in profiles at work: each one plans, creates and settles, and what a profile says of
//! its application has an effect.

use std::collections::BTreeMap;

use entra_scim::{
    gallery::{Profile, profiles},
    model::Clock,
    provisioning::{Reason, job::ValueType},
    sandbox::application::AttributeType,
    scim::ENTERPRISE_USER,
};
use insta::assert_snapshot;
use serde_json::json;

use crate::support::world::World;

/// The attributes of RFC 7643 §4.1, which every application has.
const CORE: [&str; 17] = [
    "userName",
    "externalId",
    "name",
    "displayName",
    "nickName",
    "title",
    "userType",
    "preferredLanguage",
    "locale",
    "timezone",
    "active",
    "emails",
    "phoneNumbers",
    "addresses",
    "roles",
    "entitlements",
    "photos",
];

const CORE_USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

fn with_profile(name: &str, lines: &str) -> String {
    format!("profile = \"{name}\"\n---\n{lines}")
}

/// A world with this profile, and an application that knows every attribute it maps.
fn world_of(profile: &Profile) -> World {
    let mut world = World::with_config(&with_profile(&profile.name, ""));
    let mut extensions: BTreeMap<String, BTreeMap<String, AttributeType>> = BTreeMap::new();
    for row in &profile.users {
        let urn = row.target.urn.as_deref().unwrap_or(CORE_USER);
        let is_standard = urn == ENTERPRISE_USER
            || (urn == CORE_USER && CORE.contains(&row.target.attribute.as_str()));
        if !is_standard {
            let kind = match row.value_type {
                ValueType::Boolean => AttributeType::Boolean,
                ValueType::String | ValueType::Reference | ValueType::Complex => {
                    AttributeType::String
                }
            };
            let attributes = extensions.entry(urn.to_owned()).or_default();
            attributes.insert(row.target.attribute.clone(), kind);
        }
    }
    world.extend_application(extensions);
    world
}

#[tokio::test]
async fn every_profile_plans_creates_settles_and_disables() {
    for profile in profiles() {
        let name = &profile.name;
        let mut world = world_of(profile);
        world.hire_all(["ada", "grace", "linus"]);
        for person in ["ada", "grace", "linus"] {
            world.set(person, "jobTitle", "Engineer");
            world.set(person, "employeeId", format!("E-{person}"));
            world.set(person, "businessPhones", json!(["+44 20 7946 0001"]));
            world.set(person, "companyName", "Contoso");
        }
        world.tenant.set_manager(world.id("ada"), Some(world.id("grace")));
        let plan = world.plan().await;
        assert_eq!(plan.matches("  planned  in scope").count(), 3, "{name}:\n{plan}");
        let totals = world.sync_well().await.report.totals;
        let plan = world.last_plan();
        assert_eq!((totals.create, totals.failure), (3, 0), "{name}:\n{plan}");
        world.is_settled().await;
        world.take_writes();
        assert_eq!(world.synced().await, "nothing to do\n", "{name}");
        assert!(world.take_writes().is_empty(), "{name}: a second cycle writes nothing");
        world.a_day_later();
        world.unassign("ada");
        let totals = world.sync_well().await.report.totals;
        let plan = world.last_plan();
        assert_eq!((totals.disable, totals.failure), (1, 0), "{name}:\n{plan}");
    }
}

#[tokio::test]
async fn a_value_that_is_too_long_fails_its_person_alone_and_before_anything_is_sent() {
    let mut world = World::with_config(&with_profile("figma", ""));
    world.hire_all(["ada", "grace"]);
    world.set("ada", "displayName", "A".repeat(101));
    world.sync_well().await;
    assert_snapshot!(world.reason("ada"), @"failure AttributeValidationFailed: displayName: has 101 characters, and the application takes at most 100");
    assert!(world.account("ada@contoso.com").is_none());
    assert!(world.account("grace@contoso.com").is_some());
    world.set("ada", "displayName", "Å".repeat(100));
    world.sync_well().await;
    assert!(world.account("ada@contoso.com").is_some(), "characters count, not bytes");
}

#[tokio::test]
async fn a_value_that_becomes_too_long_stops_updates_and_never_a_disable() {
    let mut world = World::with_config(&with_profile("figma", ""));
    world.hire_all(["ada", "grace"]);
    let world = world.all_provisioned().await;
    world.set("ada", "displayName", "A".repeat(200));
    world.set("ada", "jobTitle", "Countess");
    world.sync_well().await;
    assert!(world.reason("ada").contains("has 200 characters"), "{}", world.reason("ada"));
    assert!(world.take_writes().is_empty(), "nothing of a refused request is sent");
    world.unassign("ada");
    world.later();
    assert_snapshot!(world.synced().await, @r"
    disable ada  success  no longer assigned to the application
        active: true → false
    ");
    assert_eq!(world.active("ada"), Some(false));
}

#[tokio::test]
async fn what_a_disable_writes_besides_is_left_out_where_it_is_too_long() {
    let lines = r#"
[apps.crm.users]
inherit = true
[[apps.crm.users.attributes]]
target = "displayName"
expression = 'Switch([IsSoftDeleted], [displayName], "True", Append("Formerly ", [displayName]))'
"#;
    let mut world = World::with_config(&with_profile("figma", lines));
    world.hire_all(["ada", "grace", "linus"]);
    world.set("ada", "displayName", "A".repeat(95));
    let world = world.all_provisioned().await;
    world.unassign("ada");
    world.unassign("grace");
    assert_snapshot!(world.synced().await, @r#"
    disable ada  success  no longer assigned to the application
        active: true → false
    disable grace  success  no longer assigned to the application
        active: true → false
        displayName: "Grace Example" → "Formerly Grace Example"
    "#);
}

#[tokio::test]
async fn an_account_that_its_mapping_turns_off_is_turned_off_whatever_else_is_wrong() {
    let lines = r#"
[apps.crm.users]
inherit = true
[[apps.crm.users.attributes]]
target = "active"
expression = 'IIF([department] = "Left", "False", "True")'
"#;
    let mut world = World::with_config(&with_profile("figma", lines));
    world.hire("ada");
    let world = world.all_provisioned().await;
    world.set("ada", "displayName", "A".repeat(200));
    world.set("ada", "department", "Left");
    assert_snapshot!(world.synced().await, @r"
    disable ada  success  the mapping of `active` says false
        active: true → false
    ");
    world.later();
    world.sync_well().await;
    assert!(world.reason("ada").contains("has 200 characters"), "{}", world.reason("ada"));
}

#[tokio::test]
async fn a_character_that_the_application_refuses_fails_its_person_alone() {
    let mut world = World::with_config(&with_profile("aws-iam-identity-center", ""));
    world.hire_all(["ada", "grace"]);
    world.set("ada", "displayName", "Ada <Operations>");
    world.set("grace", "givenName", "Grace\tBrewster");
    world.sync_well().await;
    assert_snapshot!(world.reason("ada"), @"failure AttributeValidationFailed: displayName: holds `<`, which the application does not take");
    assert_snapshot!(world.reason("grace"), @r"failure AttributeValidationFailed: name.givenName: holds `\t`, which the application does not take");
    assert!(world.take_writes().is_empty());
}

#[tokio::test]
async fn what_is_written_on_create_only_is_checked_on_create_only() {
    let mut world = World::with_config(&with_profile("slack", ""));
    world.hire_all(["ada", "grace"]);
    world.set("grace", "displayName", "grace@contoso.com");
    world.sync_well().await;
    assert!(world.reason("grace").contains("holds `@`"), "{}", world.reason("grace"));
    world.set("ada", "displayName", "ada@contoso.com");
    world.set("ada", "jobTitle", "Countess");
    world.later();
    assert_snapshot!(world.synced().await, @r#"
    update ada  success  title changed
        title: ∅ → "Countess"
    skip grace  failure  displayName: holds `@`, which the application does not take
    "#);
}

#[tokio::test]
async fn a_rename_that_the_application_cannot_do_is_a_warning_and_holds_nothing_else_up() {
    let mut world = World::with_config(&with_profile("1password", ""));
    world.hire("ada");
    let world = world.all_provisioned().await;
    world.set("ada", "userPrincipalName", "lovelace@contoso.com");
    world.set("ada", "displayName", "Ada Lovelace");
    assert_snapshot!(world.synced().await, @r#"
    update lovelace  success  displayName changed
        displayName: "Ada Example" → "Ada Lovelace"
    skip lovelace  warning  `userName` should be "lovelace@contoso.com", and the application cannot rename an account
    "#);
    let account = world.account("ada@contoso.com").expect("the account keeps its name");
    assert_eq!(account["displayName"], json!("Ada Lovelace"));
    let warned = world.log("ada").into_iter().any(|row| row.reason == Reason::RenameNotSupported);
    assert!(warned, "the log says so too");
    world.set("ada", "displayName", "Ada King");
    world.set("ada", "userPrincipalName", "ada@contoso.com");
    world.later();
    assert_snapshot!(world.synced().await, @r#"
    update ada  success  displayName changed
        displayName: "Ada Lovelace" → "Ada King"
    "#);
    world.is_settled().await;
}

#[tokio::test]
async fn a_person_with_nothing_but_such_a_warning_is_not_failing() {
    let row = r#"
[apps.crm.users]
inherit = true
[[apps.crm.users.attributes]]
target = "nickName"
expression = 'FormatDateTime([department], , "yyyy-MM-dd", "yyyy")'
"#;
    let mut world = World::with_config(&with_profile("1password", row));
    world.hire("ada");
    world.set("ada", "department", "1815-12-10");
    let world = world.all_provisioned().await;
    let failing = || world.state().read(|view| view.escrow_counts()).expect("counts").all;
    world.set("ada", "department", "Sales");
    world.sync_well().await;
    assert_eq!(failing(), 1, "{}", world.last_plan());
    world.set("ada", "department", "1815-12-10");
    world.set("ada", "userPrincipalName", "lovelace@contoso.com");
    world.later();
    world.sync_well().await;
    assert!(world.reason("ada").contains("RenameNotSupported"), "{}", world.reason("ada"));
    assert_eq!(failing(), 0);
}

#[tokio::test]
async fn an_adopted_account_keeps_its_name_where_the_application_cannot_rename() {
    let mut world = World::with_config(&with_profile("gitlab", ""));
    let ada = world.hire("ada").to_string();
    world.seed_account(json!({ "userName": "countess", "externalId": ada, "active": false }));
    assert_snapshot!(world.synced().await, @r#"
    skip ada  warning  `userName` should be "ada", and the application cannot rename an account
    adopt ada  success  account `u-c5fc598e707e7291` has the same `externalId`
    enable ada  success  the adopted account was disabled at the target
        active: false → true
    "#);
    let account = world.account("countess").expect("the account keeps its name");
    assert_eq!(account["active"], json!(true));
}

#[tokio::test]
async fn where_an_application_deletes_nothing_a_deleted_person_is_disabled() {
    let mut world = World::with_config(&with_profile("slack", ""));
    world.hire("ada");
    let world = world.all_provisioned().await;
    let id = world.id("ada");
    world.tenant.soft_delete_user(id);
    world.sync_well().await;
    world.tenant.purge_user(id);
    world.later();
    world.sync_well().await;
    world.later();
    world.sync_well().await;
    let account = world.account("ada").expect("the account is still there");
    assert_eq!(account["active"], json!(false));
    let writes = world.take_writes();
    assert!(writes.iter().all(|write| write.starts_with("PATCH")), "{writes:?}");
}

#[tokio::test]
async fn writes_keep_to_their_own_rate_and_reads_do_not_wait_for_them() {
    let mut world = World::with_config(&with_profile("slack", ""));
    world.job.pace.concurrency = 1;
    world.hire_all(["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]);
    let began = world.clock.now();
    world.sync_well().await;
    let requests = world.application.take_requests();
    let (writes, reads): (Vec<_>, Vec<_>) = requests.iter().partition(|r| r.is_write());
    assert_eq!(writes.len(), 10);
    for pair in writes.windows(2) {
        let apart = (pair[1].at - pair[0].at).num_milliseconds();
        assert!(apart >= 333, "180 writes a minute are 333 ms apart, not {apart}");
    }
    let last_read = reads.iter().map(|read| read.at).max().expect("a list");
    assert!((last_read - began).num_milliseconds() < 1_000, "the reads came first, and fast");
}

#[tokio::test]
async fn one_rate_for_everything_from_the_configuration_holds_besides() {
    let mut world = World::with_config(&with_profile("slack", ""));
    world.job.pace.requests_per_second_max = Some(0.5);
    world.job.pace.concurrency = 1;
    world.hire_all(["ada", "grace"]);
    world.sync_well().await;
    for pair in world.application.take_requests().windows(2) {
        let apart = (pair[1].at - pair[0].at).num_milliseconds();
        assert!(apart >= 2_000, "{apart}");
    }
}

#[tokio::test]
async fn a_list_is_asked_for_in_pages_that_the_application_has() {
    let profile = profiles().iter().find(|profile| profile.name == "sentry").expect("sentry");
    let mut world = world_of(profile);
    world.hire("ada");
    world.sync_well().await;
    let requests = world.application.take_requests();
    let counts: Vec<&str> = requests
        .iter()
        .flat_map(|request| &request.query)
        .filter(|(key, _)| key == "count")
        .map(|(_, value)| value.as_str())
        .collect();
    assert!(counts.contains(&"100"), "{counts:?}");
    assert!(!counts.contains(&"200"), "{counts:?}");
}
