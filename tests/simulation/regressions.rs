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
