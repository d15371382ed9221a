//! `restart --links`: everybody is matched anew, with the account of the old link tried first.

use entra_scim::sandbox::application::{Fault, FilterSupport, Matcher, Quirks};
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::world::World;

fn restart_links(world: &World) {
    world.state().write(|tx| tx.rematch_links()).expect("a reset");
    world.application.take_requests();
}

fn account_id(world: &World, name: &str) -> String {
    let account = world.account(&format!("{name}@contoso.com")).expect("an account");
    account["id"].as_str().expect("an id").to_owned()
}

/// Every request since the last call, without ids.
fn requests(world: &World) -> Vec<String> {
    let requests = world.application.take_requests();
    requests.iter().map(|request| format!("{} {}", request.method, request.path)).collect()
}

#[tokio::test]
async fn everybody_is_matched_by_the_hint_without_a_filter_and_without_a_write() {
    let world = World::with_users(["ada", "grace", "edsger"]);
    world.tenant.set_manager(world.id("ada"), Some(world.id("grace")));
    let world = world.all_provisioned().await;
    let ids = ["ada", "edsger", "grace"].map(|name| account_id(&world, name));
    restart_links(&world);
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.adopt, end.report.totals.failure), (3, 0));
    let mut seen = requests(&world);
    seen.retain(|request| request.starts_with("GET /Users"));
    seen.sort();
    let mut expected: Vec<String> = ids.iter().map(|id| format!("GET /Users/{id}")).collect();
    expected.sort();
    assert_eq!(seen, expected);
    world.is_settled().await;
    // A hint is good for one cycle.
    requests(&world);
    world.set("ada", "displayName", "Ada Lovelace");
    world.later();
    world.sync_well().await;
    assert_eq!(requests(&world), [format!("PATCH /Users/{}", ids[0])]);
}

#[tokio::test]
async fn preview_of_a_restart_shows_what_it_will_do_and_leaves_the_hints() {
    let world = World::with_users(["ada", "grace"]).all_provisioned().await;
    restart_links(&world);
    for _ in 0..2 {
        let plan = world.plan().await;
        assert_eq!(plan.matches("adopt ").count(), 2, "{plan}");
    }
    world.sync_well().await;
    assert!(world.take_writes().is_empty());
}

#[tokio::test]
async fn hint_decides_between_two_accounts_of_one_name() {
    let mut world = World::with_users(["ada", "grace"]).all_provisioned().await;
    world.quirks(Quirks { duplicates_allowed: true, ..Quirks::default() });
    let ours = account_id(&world, "ada");
    world.seed_account(json!({"userName": "ada@contoso.com", "active": true}));
    restart_links(&world);
    world.sync_well().await;
    assert!(world.take_writes().is_empty(), "{}", world.last_plan());
    assert!(world.last_plan().contains(&format!("account `{ours}` has the same `userName`")));
    world.is_settled().await;
    // Without the hint a person must decide.
    world.state().write(|tx| tx.drop_links(tx.last_began()?.expect("a cycle"))).expect("a reset");
    world.sync_well().await;
    assert!(world.reason("ada").contains("DuplicateTargetEntries"), "{}", world.reason("ada"));
}

#[tokio::test]
async fn account_that_is_gone_is_matched_or_made_anew() {
    let mut world = World::with_users(["ada", "grace"]).all_provisioned().await;
    // Only a look tells that an account is gone.
    world.expects_violations();
    world.application.tamper_delete(&account_id(&world, "ada"));
    let replaced = account_id(&world, "grace");
    world.application.tamper_delete(&replaced);
    let other = world.seed_account(json!({"userName": "grace@contoso.com", "active": true}));
    restart_links(&world);
    world.sync_well().await;
    let plan = world.last_plan();
    assert!(plan.contains("create ada  success"), "{plan}");
    assert!(plan.contains(&format!("adopt grace  success  account `{other}`")), "{plan}");
    assert_eq!(world.application.user_count(), 2);
    world.is_settled().await;
}

#[tokio::test]
async fn account_that_has_become_somebody_elses_is_let_go() {
    let mut world = World::with_users(["ada", "grace"]).all_provisioned().await;
    world.expects_violations();
    let taken = account_id(&world, "ada");
    world.application.tamper(&taken, "userName", Some(json!("edsger@contoso.com")));
    world.hire("edsger");
    restart_links(&world);
    world.sync_well().await;
    let plan = world.last_plan();
    assert!(plan.contains("create ada  success"), "{plan}");
    // It was Ada's once: whether it may be his, a person decides.
    assert!(world.reason("edsger").contains("DuplicateSourceEntries"), "{plan}");
    assert_eq!(world.take_writes(), ["POST /Users"]);
    let left = world.account("edsger@contoso.com").expect("still there");
    assert_eq!(left["displayName"], json!("Ada Example"), "nothing was written to it");
}

#[tokio::test]
async fn nobody_takes_an_account_before_its_old_owner_had_a_turn() {
    let mut world = World::with_config(
        r#"---
[[apps.crm.users.attributes]]
target = "userName"
source = "mail"
match = 1
[[apps.crm.users.attributes]]
target = "externalId"
source = "employeeId"
match = 2
[[apps.crm.users.attributes]]
target = "active"
expression = 'Not([IsSoftDeleted])'
"#,
    );
    world.hire_all(["ada", "grace"]);
    world.set("ada", "employeeId", "1");
    world.set("grace", "employeeId", "2");
    let mut world = world.all_provisioned().await;
    world.expects_violations();
    let (ada, grace) = (account_id(&world, "ada"), account_id(&world, "grace"));
    // The application renamed both: Grace's account has Ada's name now.
    world.application.tamper(&ada, "userName", Some(json!("somebody@contoso.com")));
    world.application.tamper(&grace, "userName", Some(json!("ada@contoso.com")));
    restart_links(&world);
    for _ in 0..3 {
        world.sync_well().await;
        world.later();
    }
    let of = |id: &str| {
        let account = world.application.user(id).expect("there");
        (account["userName"].clone(), account["externalId"].clone())
    };
    assert_eq!(of(&ada), (json!("ada@contoso.com"), json!("1")), "{}", world.last_plan());
    assert_eq!(of(&grace), (json!("grace@contoso.com"), json!("2")));
    assert_eq!(world.application.user_count(), 2);
    world.is_settled().await;
}

#[tokio::test]
async fn account_that_shows_no_matching_attribute_stays_linked() {
    let mut world = World::with_users(["ada", "grace"]).all_provisioned().await;
    let id = account_id(&world, "ada");
    world.expects_violations();
    world.application.tamper(&id, "userName", None);
    restart_links(&world);
    world.set("ada", "displayName", "Ada Lovelace");
    world.sync_well().await;
    let account = world.application.user(&id).expect("still there");
    assert_eq!(account["displayName"], json!("Ada Lovelace"));
    assert_eq!(world.application.user_count(), 2, "{}", world.last_plan());
}

#[tokio::test]
async fn leaver_whom_nobody_noticed_yet_is_disabled_all_the_same() {
    let world = World::with_users(["ada", "grace", "edsger"]).all_provisioned().await;
    world.unassign("ada");
    world.tenant.disable_user(world.id("edsger"));
    restart_links(&world);
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(false), "{}", world.last_plan());
    assert_eq!(world.active("edsger"), Some(false));
    assert_eq!(world.active("grace"), Some(true));
    world.is_settled().await;
}

#[tokio::test]
async fn leaver_whose_removal_is_held_keeps_the_link_until_it_is_approved() {
    let mut world = World::with_config("---\n[apps.crm.safeguards]\nmax_removals = 0\n");
    world.hire_all(["ada", "grace"]);
    let world = world.all_provisioned().await;
    world.unassign("ada");
    let held = world.sync_well().await.report.held.expect("held");
    restart_links(&world);
    world.later();
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(true), "still held");
    let now = world.state().read(|view| view.last_began()).expect("readable").expect("a cycle");
    world.state().write(|tx| tx.approve(&held.plan, "an administrator", now)).expect("approved");
    world.later();
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(false), "{}", world.last_plan());
}

#[tokio::test]
async fn recent_leaver_is_confirmed_and_disabled_after_a_restart() {
    let mut world = World::with_users(["grace"]).all_provisioned().await;
    world.hire("ada");
    world.sync_well().await;
    world.unassign("ada");
    world.sync_well().await;
    assert!(world.reason("ada").contains("AwaitingConfirmation"), "{}", world.reason("ada"));
    restart_links(&world);
    world.later();
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(false), "{}", world.last_plan());
    world.is_settled().await;
}

#[tokio::test]
async fn purged_person_loses_the_account_after_a_restart() {
    let world = World::with_users(["ada", "grace"]).all_provisioned().await;
    restart_links(&world);
    world.tenant.soft_delete_user(world.id("ada"));
    world.tenant.purge_user(world.id("ada"));
    for _ in 0..3 {
        world.sync_well().await;
        world.later();
    }
    assert_eq!(world.account("ada@contoso.com"), None, "{}", world.last_plan());
    assert_eq!(world.application.user_count(), 1);
}

#[tokio::test]
async fn disabled_account_of_somebody_out_of_scope_keeps_its_owner() {
    let world = World::with_users(["ada", "grace"]).all_provisioned().await;
    world.unassign("ada");
    world.sync_well().await;
    let id = account_id(&world, "ada");
    restart_links(&world);
    world.sync_well().await;
    assert!(world.take_writes().is_empty());
    world.assign("ada", Some(world.editor));
    world.later();
    assert_snapshot!(world.synced().await, @r#"
    enable ada  success  in scope and enabled again
        active: false → true
    "#);
    assert_eq!(account_id(&world, "ada"), id);
    world.is_settled().await;
}

#[tokio::test]
async fn hint_that_cannot_be_read_waits_for_the_next_cycle() {
    let mut world = World::with_users(["ada", "grace"]).all_provisioned().await;
    world.expects_violations();
    let id = account_id(&world, "ada");
    restart_links(&world);
    let matcher = Matcher { path_prefix: Some(format!("/Users/{id}")), ..Matcher::any() };
    world.application.inject(Fault::status(400), matcher);
    world.sync_well().await;
    assert!(world.reason("ada").starts_with("failure"), "{}", world.reason("ada"));
    world.later();
    world.sync_well().await;
    assert!(world.reason("ada").contains("Matched"), "{}", world.reason("ada"));
    assert!(world.take_writes().is_empty(), "{}", world.last_plan());
    world.is_settled().await;
}

#[tokio::test]
async fn hints_of_many_are_found_in_the_survey() {
    let mut world = World::new();
    for number in 0..40 {
        world.hire(&format!("p{number:02}"));
    }
    let mut world = world.all_provisioned().await;
    world.quirks(Quirks { filter: FilterSupport::Ignored, ..Quirks::default() });
    restart_links(&world);
    let end = world.sync_well().await;
    assert_eq!(end.report.totals.adopt, 40);
    assert_eq!(end.report.requests.target, 3 + 2, "one page, and none after it");
    assert!(world.take_writes().is_empty());
    world.is_settled().await;
}

#[tokio::test]
async fn restart_in_the_middle_of_a_restart_loses_nothing() {
    let mut world = World::with_users(["ada", "grace", "edsger"]).all_provisioned().await;
    restart_links(&world);
    world.set("ada", "displayName", "Ada Lovelace");
    world.set("grace", "displayName", "Grace Hopper");
    world.crash_after_writes(1).await;
    world.restart();
    for _ in 0..3 {
        world.later();
        world.sync_well().await;
    }
    let name = |name: &str| -> Value {
        world.account(&format!("{name}@contoso.com")).expect("there")["displayName"].clone()
    };
    assert_eq!((name("ada"), name("grace")), (json!("Ada Lovelace"), json!("Grace Hopper")));
    assert_eq!(world.application.user_count(), 3);
    world.is_settled().await;
}
