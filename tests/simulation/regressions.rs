//! What seeds have found, as stories of their own.

use entra_scim::{
    cycle::{CycleOptions, Stop},
    sandbox::application::{Fault, Matcher, Moment, Quirks},
};
use http::Method;
use serde_json::json;

use crate::support::world::World;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

#[tokio::test]
async fn the_account_of_a_lost_create_is_disabled_if_its_person_was_disabled_meanwhile() {
    let world = World::with_users(["ada"]);
    world.application.inject(Fault::Reset(Moment::AfterApplying), Matcher::method(Method::POST));
    world.sync_well().await;
    world.tenant.disable_user(world.id("ada"));
    for _ in 0..2 {
        world.a_day_later();
        world.sync_well().await;
    }
    assert_eq!(world.account("ada@contoso.com").expect("it is kept")["active"], json!(false));
}

#[tokio::test]
async fn the_account_of_a_lost_adoption_is_disabled_if_its_person_was_disabled_meanwhile() {
    let world = World::with_users(["ada"]);
    world.seed_account(json!({"userName": "ada@contoso.com", "active": true}));
    world.application.inject(Fault::Reset(Moment::AfterApplying), Matcher::method(Method::PATCH));
    world.sync_well().await;
    world.tenant.disable_user(world.id("ada"));
    for _ in 0..2 {
        world.a_day_later();
        world.sync_well().await;
    }
    assert_eq!(world.account("ada@contoso.com").expect("it is kept")["active"], json!(false));
}

#[tokio::test]
async fn the_account_of_a_lost_create_is_found_after_its_person_was_renamed_twice() {
    let mut world = World::with_users(["ada"]);
    world.expects_violations();
    world.application.inject(Fault::Reset(Moment::AfterApplying), Matcher::method(Method::POST));
    world.sync_well().await;
    for name in ["ada.lovell@contoso.com", "ada.byron@contoso.com"] {
        world.set("ada", "userPrincipalName", name);
        world.set("ada", "mailNickname", name);
        world.later();
    }
    for _ in 0..3 {
        world.sync_well().await;
        world.later();
    }
    assert_eq!(world.application.user_count(), 1);
    assert!(world.account("ada.byron@contoso.com").is_some());
    world.is_settled().await;
}

#[tokio::test]
async fn what_a_lost_create_wrote_is_cleared_when_its_source_became_empty_meanwhile() {
    let world = World::with_users(["ada"]);
    world.application.inject(Fault::Reset(Moment::AfterApplying), Matcher::method(Method::POST));
    world.sync_well().await;
    world.set("ada", "mail", serde_json::Value::Null);
    for _ in 0..3 {
        world.later();
        world.sync_well().await;
    }
    let account = world.account("ada@contoso.com").expect("there");
    assert_eq!(account.get("emails"), None, "{account}");
    world.is_settled().await;
}

#[tokio::test]
async fn an_account_that_a_lost_answer_renamed_is_known_after_a_second_rename() {
    let mut world = World::with_users(["ada"]).all_provisioned().await;
    world.expects_violations();
    let lost = [Moment::AfterApplying, Moment::BeforeApplying, Moment::AfterApplying];
    for (number, moment) in lost.into_iter().enumerate() {
        world.set("ada", "userPrincipalName", format!("ada.{number}@contoso.com"));
        world.application.inject(Fault::Reset(moment), Matcher::method(Method::PATCH));
        world.sync_well().await;
        world.later();
    }
    world.set("ada", "userPrincipalName", "ada.lovell@contoso.com");
    world.sync_well().await;
    assert_eq!(world.application.user_count(), 1);
    assert!(world.account("ada.lovell@contoso.com").is_some(), "{}", world.reason("ada"));
    world.is_settled().await;
    // Once an outcome is known, what might have been is forgotten.
    let account = world.account("ada.lovell@contoso.com").expect("there");
    let id = account["id"].as_str().expect("an id");
    world.application.tamper(id, "userName", Some(json!("ada.1@contoso.com")));
    world.state().write(|tx| tx.set_stale(world.id("ada"))).expect("a state");
    world.set("ada", "displayName", "Ada Lovell");
    world.sync_well().await;
    assert!(world.reason("ada").contains("InvalidAnchor"), "{}", world.reason("ada"));
}

#[tokio::test]
async fn an_account_that_a_lost_answer_renamed_is_deleted_when_its_person_leaves() {
    let mut world = World::with_config(
        "---\n[apps.crm.safeguards]\non_out_of_scope = \"delete\"\nmax_removals = 5\n",
    );
    world.hire_all(["ada", "grace"]);
    let world = world.all_provisioned().await;
    world.set("ada", "userPrincipalName", "ada.lovell@contoso.com");
    world.application.inject(Fault::Reset(Moment::AfterApplying), Matcher::method(Method::PATCH));
    world.sync_well().await;
    world.unassign("ada");
    world.later();
    world.sync_well().await;
    assert_eq!(world.application.user_count(), 1, "{}", world.reason("ada"));
}

#[tokio::test]
async fn a_manager_waits_for_the_account_of_a_lost_write_to_be_read() {
    let mut world = World::with_users(["ada"]).all_provisioned().await;
    world.seed_account(json!({"userName": "grace@contoso.com", "active": false}));
    world.hire("grace");
    world.tenant.set_manager(world.id("grace"), Some(world.id("ada")));
    world.application.inject(Fault::Reset(Moment::AfterApplying), Matcher::method(Method::PATCH));
    world.sync_well().await;
    assert_eq!(world.take_writes().len(), 1, "{}", world.last_plan());
    world.later();
    // Without the look the account would be written once more, and the application complain.
    world.sync_well().await;
    assert_eq!(world.take_writes().len(), 1, "{}", world.last_plan());
    world.is_settled().await;
}

#[tokio::test]
async fn an_account_that_a_lost_answer_renamed_is_disabled_and_later_deleted() {
    let world = World::with_users(["ada"]).all_provisioned().await;
    world.set("ada", "userPrincipalName", "ada.lovell@contoso.com");
    world.application.inject(Fault::Reset(Moment::AfterApplying), Matcher::method(Method::PATCH));
    world.sync_well().await;
    world.tenant.disable_user(world.id("ada"));
    world.later();
    world.sync_well().await;
    assert!(world.reason("ada").starts_with("success"), "{}", world.reason("ada"));
    world.tenant.purge_user(world.id("ada"));
    for _ in 0..2 {
        world.later();
        world.sync_well().await;
    }
    assert_eq!(world.application.user_count(), 0, "{}", world.reason("ada"));
}

#[tokio::test]
async fn nobody_who_was_deleted_between_two_reads_gets_an_account() {
    for scope in ["assigned", "all"] {
        let mut world = World::with_config(&format!("scope = \"{scope}\"\n---\n"));
        world.hire_all(["ada", "grace"]);
        // The first cycle reads everybody and goes no further.
        world.change_target_token("new");
        world.use_target_token("old");
        world.expects_violations();
        world.sync_badly().await;
        world.use_target_token("new");
        world.tenant.soft_delete_user(world.id("ada"));
        // Long enough for the link to the changes to be forgotten.
        world.pass(std::time::Duration::from_secs(8 * 86_400));
        world.sync_well().await;
        assert_eq!(world.active("ada"), None, "{scope}: {}", world.reason("ada"));
        assert_eq!(world.active("grace"), Some(true));
    }
}

#[tokio::test]
async fn a_name_is_not_taken_before_its_old_owner_gave_it_up() {
    let mut world = World::with_users(["ada", "grace"]).all_provisioned().await;
    world.quirks(Quirks { duplicates_allowed: true, ..Quirks::default() });
    world.set("ada", "userPrincipalName", "ada.lovell@contoso.com");
    world.set("grace", "userPrincipalName", "ada@contoso.com");
    world.application.inject(Fault::Reset(Moment::BeforeApplying), Matcher::method(Method::PATCH));
    world.sync_well().await;
    assert!(world.account("grace@contoso.com").is_some(), "{}", world.last_plan());
    assert!(world.reason("grace").contains("EntryConflict"), "{}", world.reason("grace"));
    world.later();
    world.sync_well().await;
    assert_eq!(world.account("ada@contoso.com").expect("taken")["displayName"], "Grace Example");
    assert!(world.account("ada.lovell@contoso.com").is_some());
    world.is_settled().await;
}

#[tokio::test]
async fn a_manager_is_known_even_if_the_first_read_of_it_failed() {
    let mut world = World::with_users(["ada"]).all_provisioned().await;
    world.hire("grace");
    world.tenant.set_manager(world.id("grace"), Some(world.id("ada")));
    // The person is looked up, and then the manager in a round of changes of its own.
    let death = world.wire.die_before("manager");
    let stop = Stop::default();
    tokio::select! {
        biased;
        end = world.try_sync(CycleOptions::default(), &stop) => panic!("it ended: {end:?}"),
        () = death.notified() => {}
    }
    world.wire.live();
    world.restart();
    world.later();
    world.sync_well().await;
    let account = world.account("grace@contoso.com").expect("there");
    assert!(account[ENTERPRISE]["manager"]["value"].is_string(), "{account}");
}

#[tokio::test]
async fn an_account_that_a_lost_adoption_renamed_is_found_after_another_rename() {
    let mut world = World::with_users(["ada"]);
    let lose = |world: &World, method| {
        world.application.inject(Fault::Reset(Moment::AfterApplying), Matcher::method(method));
    };
    lose(&world, Method::POST);
    world.expects_violations();
    for (name, method) in [("ada.lovell", Method::PATCH), ("ada.byron", Method::GET)] {
        world.sync_well().await;
        world.set("ada", "userPrincipalName", format!("{name}@contoso.com"));
        world.later();
        lose(&world, method);
    }
    for _ in 0..3 {
        world.sync_well().await;
        world.later();
    }
    assert_eq!(world.application.user_count(), 1, "{}", world.reason("ada"));
    assert!(world.account("ada.byron@contoso.com").is_some(), "{}", world.reason("ada"));
    world.is_settled().await;
}

#[tokio::test]
async fn a_clock_that_was_set_back_keeps_nobody_waiting() {
    let mut world = World::with_users(["ada", "grace"]).all_provisioned().await;
    world.engine_clock.set_ahead(chrono::TimeDelta::days(2));
    world.hire("alan");
    world.application.inject(Fault::Reset(Moment::BeforeApplying), Matcher::method(Method::POST));
    world.sync_well().await;
    // Somebody who was just assigned is not any more; the next read is to say so too.
    let edsger = world.hire("edsger");
    world.sync_well().await;
    world.unassign("edsger");
    world.sync_well().await;
    assert_eq!(world.active("edsger"), Some(true), "{}", world.reason("edsger"));

    world.engine_clock.set_ahead(chrono::TimeDelta::zero());
    for _ in 0..3 {
        world.later();
        world.sync_well().await;
    }
    assert_eq!(world.active("alan"), Some(true), "{}", world.reason("alan"));
    assert_eq!(world.active("edsger"), Some(false), "{} {edsger}", world.reason("edsger"));
    world.is_settled().await;
}

/// A world in which everybody is in scope and managers are mapped.
fn everybody() -> World {
    World::with_config("scope = \"all\"\n---\n")
}

#[tokio::test]
async fn a_manager_that_is_gone_at_a_complete_read_is_cleared() {
    let mut world = everybody();
    world.hire_all(["ada", "grace"]);
    world.tenant.set_manager(world.id("grace"), Some(world.id("ada")));
    world.sync_well().await;
    world.tenant.set_manager(world.id("grace"), None);
    // The link to the changes is forgotten before anybody hears of this one.
    world.pass(std::time::Duration::from_secs(8 * 86_400));
    world.sync_well().await;
    let account = world.account("grace@contoso.com").expect("there");
    assert!(account[ENTERPRISE].get("manager").is_none(), "{account}");
    world.is_settled().await;
}

#[tokio::test]
async fn a_complete_read_that_begins_anew_does_not_count_what_the_first_try_saw() {
    let without_managers = "[[apps.crm.users.attributes]]\ntarget = \"userName\"\n\
        source = \"userPrincipalName\"\nmatch = 1\n[[apps.crm.users.attributes]]\n\
        target = \"active\"\nexpression = \"Not([IsSoftDeleted])\"\n";
    for mapping in ["", without_managers] {
        let (mut moment, mut has_died) = (0, true);
        while has_died {
            moment += 1;
            let mut world = World::with_config(&format!("scope = \"all\"\n---\n{mapping}"));
            world.hire_all(["ada", "grace"]);
            let mut world = world.all_provisioned().await;
            world.pass(std::time::Duration::from_secs(8 * 86_400));
            let (death, stop) = (world.wire.die_at(moment), Stop::default());
            tokio::select! {
                biased;
                _ = world.try_sync(CycleOptions::default(), &stop) => {}
                () = death.notified() => {}
            }
            has_died = world.wire.died_at().is_some();
            world.wire.live();
            world.restart();
            // Before the program starts again she is gone, and no later change will tell.
            world.tenant.purge_user(world.id("ada"));
            for _ in 0..3 {
                world.later();
                world.sync_well().await;
            }
            assert_eq!(world.active("ada"), None, "moment {moment}: {}", world.reason("ada"));
        }
    }
}
