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
    world.is_settled().await;
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
    world.is_settled().await;
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
    world.is_settled().await;
    world.assign("ada", Some(world.editor));
    assert_snapshot!(world.plan().await, @"
    enable ada  planned  in scope and enabled again
        active: false → true
    ");
    world.sync_well().await;
    assert_eq!(world.account("ada@contoso.com").expect("still there")["active"], json!(true));
    world.is_settled().await;
}

#[tokio::test]
async fn disabled_person_is_disabled_and_comes_back_with_what_changed_meanwhile() {
    let world = World::with_users(["ada", "grace"]).all_provisioned().await;
    world.set("ada", "accountEnabled", false);
    world.set("ada", "department", "Legal");
    assert_snapshot!(world.synced().await, @"
    disable ada  success  disabled in the directory
        active: true → false
    ");
    world.is_settled().await;
    world.set("ada", "accountEnabled", true);
    assert_snapshot!(world.synced().await, @r#"
    enable ada  success  in scope and enabled again
        active: false → true
        urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department: "Sales" → "Legal"
    "#);
    assert_eq!(world.application.user_count(), 2);
    world.is_settled().await;
}

#[tokio::test]
async fn soft_deleted_person_is_disabled_then_restored() {
    let world = World::with_users(["ada", "grace"]).all_provisioned().await;
    world.tenant.soft_delete_user(world.id("ada"));
    assert_snapshot!(world.synced().await, @"
    disable ada  success  soft-deleted in the directory
        active: true → false
    ");
    world.is_settled().await;
    world.a_day_later();
    world.tenant.restore_user(world.id("ada"));
    assert_snapshot!(world.synced().await, @"
    enable ada  success  in scope and enabled again
        active: false → true
    ");
    assert_eq!(world.active("ada"), Some(true));
    world.is_settled().await;
}

#[tokio::test]
async fn hard_delete_missed_by_the_delta_is_found_by_two_complete_reads() {
    let world = World::with_users(["ada", "grace"]).all_provisioned().await;
    world.tenant.soft_delete_user(world.id("ada"));
    world.tenant.purge_user(world.id("ada"));
    world.state().write(|tx| tx.reset_watermark()).expect("a reset");
    world.sync_well().await;
    assert!(world.active("ada").is_some(), "one read that misses her proves nothing");
    world.later();
    world.sync_well().await;
    assert_eq!(world.active("ada"), None);
    world.is_settled().await;
}

#[tokio::test]
async fn user_name_that_one_frees_is_taken_by_another_in_the_same_cycle() {
    let world = World::with_users(["ada", "grace", "edsger"]).all_provisioned().await;
    world.set("grace", "userPrincipalName", "g@contoso.com");
    world.set("ada", "userPrincipalName", "grace@contoso.com");
    world.set("edsger", "userPrincipalName", "ada@contoso.com");
    assert_snapshot!(world.synced().await, @r#"
    update ada  success  userName changed
        userName: "edsger@contoso.com" → "ada@contoso.com"
    update g  success  userName changed
        userName: "grace@contoso.com" → "g@contoso.com"
    update grace  success  userName changed
        userName: "ada@contoso.com" → "grace@contoso.com"
    "#);
    assert_eq!(world.take_writes().len(), 3);
    world.is_settled().await;
}

#[tokio::test]
async fn new_account_takes_the_user_name_that_another_frees() {
    let mut world = World::with_users(["ada", "grace"]).all_provisioned().await;
    world.set("grace", "userPrincipalName", "g@contoso.com");
    world.hire("barbara");
    world.set("barbara", "userPrincipalName", "grace@contoso.com");
    assert_snapshot!(world.synced().await, @r#"
    update g  success  userName changed
        userName: "grace@contoso.com" → "g@contoso.com"
    create grace  success  in scope, and no account matches
        active: ∅ → true
        displayName: ∅ → "Barbara Example"
        emails[type eq "work"].value: ∅ → "barbara@contoso.com"
        externalId: ∅ → "barbara"
        name.familyName: ∅ → "Example"
        name.formatted: ∅ → "Barbara Example"
        name.givenName: ∅ → "Barbara"
        userName: ∅ → "grace@contoso.com"
        urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department: ∅ → "Sales"
    "#);
}

#[tokio::test]
async fn user_name_of_a_deleted_account_is_free_in_the_same_cycle() {
    let mut world = World::with_users(["ada", "grace"]).all_provisioned().await;
    world.tenant.soft_delete_user(world.id("ada"));
    world.tenant.purge_user(world.id("ada"));
    world.hire("barbara");
    world.set("barbara", "userPrincipalName", "ada@contoso.com");
    assert_snapshot!(world.synced().await, @r#"
    delete ada  success  deleted in the directory for good
    create ada  success  in scope, and no account matches
        active: ∅ → true
        displayName: ∅ → "Barbara Example"
        emails[type eq "work"].value: ∅ → "barbara@contoso.com"
        externalId: ∅ → "barbara"
        name.familyName: ∅ → "Example"
        name.formatted: ∅ → "Barbara Example"
        name.givenName: ∅ → "Barbara"
        userName: ∅ → "ada@contoso.com"
        urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department: ∅ → "Sales"
    "#);
    assert_snapshot!(world.synced().await, @"nothing to do");
    world.is_settled().await;
}

#[tokio::test]
async fn swap_of_user_names_fails_visibly_and_damages_nothing() {
    let mut world = World::with_users(["ada", "grace"]).all_provisioned().await;
    world.expects_violations();
    world.set("ada", "userPrincipalName", "grace@contoso.com");
    world.set("grace", "userPrincipalName", "ada@contoso.com");
    let end = world.sync_well().await;
    assert_eq!(end.report.totals.failure, 2, "{}", world.last_plan());
    let names = |name: &str| {
        world.account(&format!("{name}@contoso.com")).expect("there")["name"]["givenName"].clone()
    };
    assert_eq!((names("ada"), names("grace")), (json!("Ada"), json!("Grace")));
}

#[tokio::test]
async fn person_who_comes_and_goes_within_the_hour_is_withdrawn_at_the_second_read() {
    let mut world = World::with_users(["grace"]).all_provisioned().await;
    world.hire("ada");
    world.sync_well().await;
    world.unassign("ada");
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(true));
    assert_eq!(
        world.reason("ada"),
        "skipped AwaitingConfirmation: its recent assignment ended; the next read must say so too"
    );
    world.later();
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(false));
    world.is_settled().await;
}

#[tokio::test]
async fn replica_that_goes_back_for_one_read_takes_nothing_away() {
    let mut world = World::with_users(["grace"]).all_provisioned().await;
    world.hire("ada");
    world.sync_well().await;
    world.tenant.inject(entra_scim::sandbox::tenant::Fault::StaleAssignments { changes: 1 });
    world.sync_well().await;
    world.later();
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(true));
    assert_eq!(world.take_writes(), ["POST /Users"]);
}

#[tokio::test]
async fn access_that_replaced_an_older_one_is_as_young_as_a_first_one() {
    let mut world = World::with_users(["grace"]);
    world.person("ada");
    let editors = world.assigned_group("Editors", world.editor);
    world.join(editors, "ada");
    let world = world.all_provisioned().await;
    world.assign("ada", Some(world.editor));
    world.tenant.remove_member(editors, world.id("ada"));
    world.sync_well().await;
    world.later();
    world.tenant.inject(entra_scim::sandbox::tenant::Fault::StaleAssignments { changes: 1 });
    world.sync_well().await;
    assert!(world.reason("ada").contains("AwaitingConfirmation"), "{}", world.reason("ada"));
    world.later();
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(true));
    assert_eq!(world.take_writes(), [""; 0]);
    world.is_settled().await;
}

#[tokio::test]
async fn established_entitlement_ends_at_once() {
    let world = World::with_users(["ada", "grace"]).all_provisioned().await;
    world.unassign("ada");
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(false));
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

#[tokio::test]
async fn person_renamed_and_disabled_at_once_is_disabled_and_renamed_when_back() {
    let world = World::with_users(["ada", "grace"]).all_provisioned().await;
    world.set("ada", "userPrincipalName", "countess@contoso.com");
    world.set("ada", "accountEnabled", false);
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(false));
    world.set("ada", "accountEnabled", true);
    world.sync_well().await;
    assert_eq!(world.active("countess"), Some(true));
    assert_eq!(world.active("ada"), None);
    world.is_settled().await;
}

#[tokio::test]
async fn unassigned_person_whose_create_was_lost_leaves_no_active_account_behind() {
    use entra_scim::sandbox::application::{Fault, Matcher, Moment};
    let world = World::with_users(["grace", "ada"]);
    let lost = Matcher {
        body_contains: Some("ada@contoso.com".to_owned()),
        ..Matcher::method(http::Method::POST)
    };
    world.application.inject(Fault::Reset(Moment::AfterApplying), lost);
    world.sync_well().await;
    world.unassign("ada");
    for _ in 0..4 {
        world.later();
        world.sync_well().await;
    }
    assert_eq!(world.active("ada"), Some(false), "{}", world.last_plan());
}
