//! The life of an account, from hire to hard delete.

use insta::assert_snapshot;
use serde_json::json;

use crate::support::world::World;

#[tokio::test]
async fn an_assigned_person_gets_an_account_and_then_nothing_is_left_to_do() {
    let world = World::with_users(["ada"]);
    assert_snapshot!(world.plan().await, @r#"
    create ada  planned  in scope, and no account matches
        active: ∅ → true
        displayName: ∅ → "Ada Example"
        emails[type eq "work"].value: ∅ → "ada@contoso.com"
        externalId: ∅ → "ada"
        name.familyName: ∅ → "Example"
        name.formatted: ∅ → "Ada Example"
        name.givenName: ∅ → "Ada"
        userName: ∅ → "ada@contoso.com"
        urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department: ∅ → "Sales"
    "#);
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.create, end.report.totals.in_scope), (1, 1));
    let account = world.account("ada@contoso.com").expect("an account");
    assert_eq!(account["displayName"], json!("Ada Example"));
    assert_eq!(account["active"], json!(true));

    let again = world.sync_well().await;
    assert_eq!(again.report.requests.target, 0);
    assert!(again.report.requests.graph <= 6, "{:?}", again.report.requests);
    assert_snapshot!(world.plan().await, @"nothing to do");
}

#[tokio::test]
async fn a_changed_name_is_one_patch_of_what_changed() {
    let world = World::with_users(["ada", "grace"]).all_provisioned().await;
    world.set("ada", "surname", "Lovelace");
    world.set("ada", "displayName", "Ada Lovelace");
    assert_snapshot!(world.plan().await, @r#"
    update ada  planned  displayName, name.familyName, name.formatted changed
        displayName: "Ada Example" → "Ada Lovelace"
        name.familyName: "Example" → "Lovelace"
        name.formatted: "Ada Example" → "Ada Lovelace"
    "#);
    world.sync_well().await;
    assert_eq!(world.application.writes().len(), 1);
}

#[tokio::test]
async fn user_leaving_the_scope_is_disabled_and_stays_linked() {
    let world = World::with_users(["ada", "grace"]).all_provisioned().await;
    world.unassign("ada");
    assert_snapshot!(world.plan().await, @"
    disable ada  planned  no longer assigned to the application
        active: true → false
    ");
    world.sync_well().await;
    assert_eq!(world.account("ada@contoso.com").expect("still there")["active"], json!(false));
    world.assign("ada", Some(world.editor));
    assert_snapshot!(world.plan().await, @"
    enable ada  planned  in scope and enabled again
        active: false → true
    ");
    world.sync_well().await;
    assert_eq!(world.account("ada@contoso.com").expect("still there")["active"], json!(true));
}

#[tokio::test]
async fn someone_who_left_a_group_unseen_is_noticed_when_the_watermark_is_lost() {
    let mut world = World::new();
    let (ada, grace) = (world.person("ada"), world.person("grace"));
    let group = world.tenant.add_group("Sales");
    world.tenant.add_member(group, ada);
    world.tenant.add_member(group, grace);
    world.tenant.assign(world.enterprise_app, group, world.editor);
    let world = world.all_provisioned().await;

    world.tenant.remove_member(group, ada);
    world.state().write(|tx| tx.reset_watermark()).expect("the state works");
    assert_snapshot!(world.plan().await, @"
    disable ada  planned  no longer assigned to the application
        active: true → false
    ");
}
