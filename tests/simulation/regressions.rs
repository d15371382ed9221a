//! What seeds have found, as stories of their own.

use entra_scim::sandbox::application::{Fault, Matcher, Moment};
use http::Method;
use serde_json::json;

use crate::support::world::World;

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
