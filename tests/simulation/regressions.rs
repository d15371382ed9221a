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
