//! Somebody is forgotten: nothing of them can be found in the state any more, nothing happens to
//! their account, and nobody else ever gets it.

use std::fs;

use entra_scim::{
    model::{Clock, SourceId},
    sandbox::application::{Fault, Matcher, Moment},
    store::{Forgotten, Whereabouts},
};
use http::Method;
use insta::assert_snapshot;
use serde_json::json;

use crate::support::{state, world::World};

/// How everything that only this person is called begins.
const NAME: &str = "zuleika";

/// Two others, and somebody whose every name is looked for in every byte of the state.
fn world(config: &str) -> World {
    let mut world = World::with_config(config);
    world.hire_all(["ada", "grace", NAME]);
    world.set(NAME, "department", "Zuleika's falconry");
    world.set(NAME, "employeeId", "zuleika-4711");
    world
}

fn forget(world: &World) -> Forgotten {
    let forgotten = world.state().forget(world.id(NAME), world.clock.now()).expect("forgotten");
    assert!(forgotten.swept, "nobody is in the way");
    nothing_is_left(world);
    forgotten
}

#[track_caller]
fn nothing_is_left(world: &World) {
    let id = world.id(NAME).to_string();
    for entry in fs::read_dir(world.folder.path()).expect("a folder") {
        let path = entry.expect("a file").path();
        let text = String::from_utf8_lossy(&state::bytes_and_texts(&path)).to_lowercase();
        for name in [NAME, &id] {
            assert!(!text.contains(name), "{name} is in {}", path.display());
        }
    }
    assert!(world.log(NAME).is_empty());
    let found = world.state().read(|view| view.people_named("zuleika@contoso.com"));
    assert_eq!(found.expect("readable"), Vec::<SourceId>::new());
}

/// The account is what it was, in this cycle and in those after it.
async fn account_is_left_alone(world: &World) {
    let before = world.account("zuleika@contoso.com");
    assert!(before.is_some());
    world.take_writes();
    for _ in 0..3 {
        world.sync_well().await;
        world.a_day_later();
    }
    assert_eq!(world.take_writes(), Vec::<String>::new(), "{}", world.last_plan());
    assert_eq!(world.account("zuleika@contoso.com"), before);
    world.is_settled().await;
}

#[tokio::test]
async fn nothing_of_a_hard_deleted_leaver_can_be_read_any_more_and_the_account_stays() {
    let config = "---\n[apps.crm.safeguards]\non_directory_delete = \"disable\"\n";
    let world = world(config).all_provisioned().await;
    world.set(NAME, "userPrincipalName", "zuleika.dobson@contoso.com");
    world.sync_well().await;
    world.set(NAME, "userPrincipalName", "zuleika@contoso.com");
    world.sync_well().await;
    world.tenant.soft_delete_user(world.id(NAME));
    world.tenant.purge_user(world.id(NAME));
    world.sync_well().await;
    assert_eq!(world.active(NAME), Some(false), "{}", world.last_plan());

    let old_name = "ZULEIKA.Dobson@contoso.com";
    let found = world.state().read(|view| view.people_named(old_name)).expect("readable");
    assert_eq!(found, [world.id(NAME)], "the log remembers an old name");
    let forgotten = forget(&world);
    assert_eq!(forgotten.traces.whereabouts, Whereabouts::Gone);
    assert!(forgotten.traces.log_rows >= 4 && !forgotten.traces.enabled, "{forgotten:?}");
    assert!(!forgotten.rereads, "there is nobody to be read again");
    account_is_left_alone(&world).await;
    nothing_is_left(&world);
}

#[tokio::test]
async fn account_of_somebody_forgotten_is_never_given_to_who_takes_over_the_address() {
    let config = "---\n[apps.crm.safeguards]\non_directory_delete = \"keep\"\n";
    let mut world = world(config).all_provisioned().await;
    world.tenant.soft_delete_user(world.id(NAME));
    world.tenant.purge_user(world.id(NAME));
    world.sync_well().await;
    forget(&world);
    let gone = world.id(NAME);
    world.hire(NAME);
    world.take_writes();
    world.sync_well().await;
    let reason = world.reason(NAME);
    assert!(reason.starts_with("failure DuplicateSourceEntries"), "{reason}");
    assert!(!reason.contains(&gone.to_string()), "{reason}");
    assert_eq!(world.take_writes(), Vec::<String>::new());
    assert_eq!(world.application.user_count(), 3);
}

#[tokio::test]
async fn disabled_leaver_who_is_forgotten_gets_the_own_account_back_on_return() {
    let world = world("").all_provisioned().await;
    world.unassign(NAME);
    world.sync_well().await;
    assert_eq!(world.active(NAME), Some(false));
    let forgotten = forget(&world);
    assert_eq!(forgotten.traces.whereabouts, Whereabouts::InDirectory);
    account_is_left_alone(&world).await;
    nothing_is_left(&world);

    world.assign(NAME, Some(world.editor));
    world.sync_well().await;
    assert_eq!(world.active(NAME), Some(true), "{} {}", world.reason(NAME), world.last_plan());
    assert_eq!(world.application.user_count(), 3);
    world.is_settled().await;
}

#[tokio::test]
async fn whoever_is_still_assigned_is_read_again_and_keeps_the_account() {
    let world = world("").all_provisioned().await;
    let forgotten = forget(&world);
    assert_eq!(forgotten.traces.whereabouts, Whereabouts::Assigned);
    assert!(forgotten.rereads && forgotten.traces.enabled);
    assert_snapshot!(world.synced().await, @"adopt zuleika  success  account `u-38f4d74b451e8c20` has the same `userName`");
    assert_eq!(world.take_writes(), Vec::<String>::new());
    assert_eq!((world.active(NAME), world.application.user_count()), (Some(true), 3));
    world.is_settled().await;

    world.a_day_later();
    world.unassign(NAME);
    world.sync_well().await;
    assert_eq!(world.active(NAME), Some(false), "the link is as good as before");
}

#[tokio::test]
async fn member_of_an_assigned_group_is_found_again_by_reading_the_group_anew() {
    let mut world = World::with_users(["ada", "grace"]);
    world.person(NAME);
    let group = world.assigned_group("Editors", world.editor);
    world.join(group, NAME);
    let world = world.all_provisioned().await;
    forget(&world);
    world.sync_well().await;
    assert_eq!(world.take_writes(), Vec::<String>::new(), "{}", world.last_plan());
    world.a_day_later();
    world.set(NAME, "department", "Legal");
    world.sync_well().await;
    assert_eq!(world.take_writes().len(), 1, "{}", world.last_plan());
    world.is_settled().await;
}

#[tokio::test]
async fn held_removal_of_somebody_forgotten_is_neither_held_nor_sent_and_the_others_are() {
    let config = "---\n[apps.crm.safeguards]\nmax_removals = 1\n";
    let world = world(config).all_provisioned().await;
    world.unassign(NAME);
    world.unassign("ada");
    let end = world.sync_well().await;
    let plan = end.report.held.expect("held").plan;
    let forgotten = forget(&world);
    assert_eq!((forgotten.traces.held, forgotten.traces.enabled), (1, true));

    let held = world.state().read(|view| view.fact("held")).expect("readable").expect("held");
    assert!(held.contains("\"removals\":1") && held.contains(&plan), "{held}");
    let released = world.state().write(|tx| tx.approve(&plan, "olga", world.clock.now()));
    assert_eq!(released.expect("approved"), 1);
    world.sync_well().await;
    assert_eq!((world.active("ada"), world.active(NAME)), (Some(false), Some(true)));
    account_is_left_alone(&world).await;
    nothing_is_left(&world);
}

#[tokio::test]
async fn only_held_removal_is_not_held_any_more() {
    let config = "---\n[apps.crm.safeguards]\nmax_removals = 0\n";
    let world = world(config).all_provisioned().await;
    world.unassign(NAME);
    assert!(world.sync_well().await.report.held.is_some());
    forget(&world);
    assert_eq!(world.state().read(|view| view.fact("held")).expect("readable"), None);
    assert!(world.sync_well().await.report.held.is_none());
    account_is_left_alone(&world).await;
}

#[tokio::test]
async fn failure_that_names_somebody_is_forgotten_with_them() {
    let mut world = world("").all_provisioned().await;
    world.echo_writes();
    world.set(NAME, "displayName", "Zuleika Dobson");
    world.set("grace", "displayName", "not Zuleika Example, zuleika@contoso.com");
    let end = world.sync_well().await;
    assert_eq!(end.report.totals.failure, 2, "{}", world.last_plan());
    world.set("grace", "displayName", "Grace Example");
    world.echo_no_more();
    world.sync_well().await;
    world.unassign(NAME);
    world.sync_well().await;
    world.state().forget(world.id(NAME), world.clock.now()).expect("forgotten");
    let said = format!("{:?}", world.log("grace"));
    assert!(said.contains("cannot take: replace, displayName, not [Redact], [Redact]"), "{said}");
    assert_eq!(world.state().read(|view| view.escrow_counts()).expect("readable").all, 0);
    account_is_left_alone(&world).await;
}

#[tokio::test]
async fn create_without_an_outcome_is_not_repeated_for_somebody_forgotten() {
    let world = world("");
    let lost = Fault::Reset(Moment::AfterApplying);
    for _ in 0..3 {
        world.application.inject(lost.clone(), Matcher::method(Method::POST));
    }
    world.sync_well().await;
    assert_eq!(world.application.user_count(), 3);
    let forgotten = forget(&world);
    assert!(forgotten.traces.unsettled && forgotten.traces.account.is_none());
    world.later();
    world.take_writes();
    world.sync_well().await;
    world.sync_well().await;
    let creates = world.take_writes().into_iter().filter(|write| write.starts_with("POST"));
    assert_eq!((creates.count(), world.application.user_count()), (0, 3));
    world.is_settled().await;
}

#[tokio::test]
async fn create_that_a_crash_interrupted_is_looked_for_twice_after_forgetting_too() {
    let mut world = World::with_users([NAME]);
    world.crash_after_writes(0).await;
    world.restart();
    assert!(forget(&world).traces.unsettled);
    world.later();
    world.sync_well().await;
    assert!(world.reason(NAME).contains("looked for the account 1 of 2 times"));
    assert_eq!(world.application.user_count(), 0);
    world.later();
    world.sync_well().await;
    let writes = world.take_writes().into_iter().filter(|write| write.starts_with("POST"));
    assert_eq!((writes.count(), world.application.user_count()), (1, 1));
    world.is_settled().await;
}

#[tokio::test]
async fn manager_who_is_forgotten_stays_the_manager_at_the_application() {
    let manager = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let config = format!(
        "---\n[apps.crm.users]\ninherit = true\n[[apps.crm.users.attributes]]\n\
         target = \"{manager}:manager\"\nsource = \"manager\"\n"
    );
    let world = world(&config);
    world.tenant.set_manager(world.id("ada"), Some(world.id(NAME)));
    let world = world.all_provisioned().await;
    world.sync_well().await;
    let before = world.account("ada@contoso.com").expect("an account");
    assert!(before[manager]["manager"]["value"].is_string(), "{before}");
    world.take_writes();
    let forgotten = world.state().forget(world.id(NAME), world.clock.now()).expect("forgotten");
    assert_eq!(forgotten.traces.whereabouts, Whereabouts::Assigned);
    world.sync_well().await;
    world.sync_well().await;
    assert_eq!(world.take_writes(), Vec::<String>::new(), "{}", world.last_plan());
    assert_eq!(world.account("ada@contoso.com"), Some(before));
    world.is_settled().await;
}

#[tokio::test]
async fn properties_that_only_the_forgotten_had_have_not_vanished() {
    let mut world = World::with_users(["ada", "grace", "kurt"]);
    for name in ["ada", "grace", "kurt"] {
        world.set(name, "employeeId", "4711");
    }
    world.hire(NAME);
    world.reconfigure(
        "---\n[apps.crm.users]\ninherit = true\n[[apps.crm.users.attributes]]\n\
         target = \"nickName\"\nsource = \"employeeId\"\n",
    );
    let world = world.all_provisioned().await;
    for name in ["ada", "grace", "kurt"] {
        world.unassign(name);
    }
    world.sync_well().await;
    for name in ["ada", "grace", "kurt"] {
        world.state().forget(world.id(name), world.clock.now()).expect("forgotten");
    }
    world.sync_well().await;
    assert_eq!(world.active(NAME), Some(true));
}

#[tokio::test]
async fn who_is_not_known_cannot_be_forgotten_and_nothing_changes() {
    let world = world("").all_provisioned().await;
    let before = world.state().read(|view| view.link_counts()).expect("readable");
    let stranger = SourceId::derive(&["nobody"]);
    world.state().forget(stranger, world.clock.now()).expect_err("nobody");
    assert_eq!(world.state().read(|view| view.link_counts()).expect("readable"), before);
    let twice = json!(forget(&world));
    assert_eq!(twice["traces"]["whereabouts"], json!("assigned"));
    world.state().forget(world.id(NAME), world.clock.now()).expect_err("already gone");
}
