//! Finding the account that is already there.

use entra_scim::sandbox::application::{FilterSupport, Quirks};
use insta::assert_snapshot;
use serde_json::json;

use crate::support::world::World;

fn account(name: &str) -> serde_json::Value {
    let mut capital = name.to_owned();
    capital[..1].make_ascii_uppercase();
    json!({
        "userName": format!("{name}@contoso.com"),
        "active": true,
        "displayName": format!("{capital} Example"),
        "name": {
            "givenName": capital, "familyName": "Example", "formatted": format!("{capital} Example")
        },
        "emails": [{"type": "work", "value": format!("{name}@contoso.com"), "primary": true}],
        "externalId": name,
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Sales"},
    })
}

#[tokio::test]
async fn equal_account_is_adopted_without_a_write() {
    let mut world = World::with_users(["ada"]);
    world.seed_account(account("ada"));
    assert_snapshot!(world.synced().await, @"adopt ada  success  account `u-c5fc598e707e7291` has the same `userName`");
    assert!(world.take_writes().is_empty());
    world.is_settled().await;
    world.hire("grace");
    world.seed_account(account("grace"));
    world.sync_well().await;
    assert!(world.take_writes().is_empty(), "the filtered lookup finds it too");
    world.is_settled().await;
}

#[tokio::test]
async fn user_name_in_another_case_is_no_change() {
    let world = World::with_users(["ada"]);
    let mut seeded = account("ada");
    seeded["userName"] = json!("ADA@Contoso.com");
    world.seed_account(seeded);
    world.sync_well().await;
    assert!(world.take_writes().is_empty(), "{}", world.last_plan());
    world.is_settled().await;
}

#[tokio::test]
async fn adopted_account_gets_what_differs_and_keeps_what_we_know_nothing_of() {
    let world = World::with_users(["ada"]);
    let mut seeded = account("ada");
    seeded["displayName"] = json!("Countess");
    seeded["title"] = json!("Set by hand");
    world.seed_account(seeded);
    assert_snapshot!(world.synced().await, @r#"
    adopt ada  success  account `u-c5fc598e707e7291` has the same `userName`
        displayName: "Countess" → "Ada Example"
    "#);
    assert_eq!(world.account("ada@contoso.com").expect("there")["title"], json!("Set by hand"));
    world.is_settled().await;
}

#[tokio::test]
async fn adopted_account_that_was_disabled_is_enabled_by_its_own_row() {
    let world = World::with_users(["ada"]);
    let mut seeded = account("ada");
    seeded["active"] = json!(false);
    world.seed_account(seeded);
    assert_snapshot!(world.synced().await, @"
    adopt ada  success  account `u-c5fc598e707e7291` has the same `userName`
    enable ada  success  the adopted account was disabled at the target
        active: false → true
    ");
    assert_eq!(world.active("ada"), Some(true));
    assert!(world.reason("ada").contains("AdoptedAccountDisabled"), "{}", world.reason("ada"));
    world.is_settled().await;
}

#[tokio::test]
async fn adopted_account_with_the_same_manager_is_not_written() {
    let world = World::with_users(["ada", "grace"]);
    world.tenant.set_manager(world.id("ada"), Some(world.id("grace")));
    let grace = world.seed_account(account("grace"));
    let mut ada = account("ada");
    ada["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"]["manager"] =
        json!({"value": grace});
    world.seed_account(ada);
    world.sync_well().await;
    assert!(world.take_writes().is_empty(), "{}", world.last_plan());
    world.is_settled().await;
}

#[tokio::test]
async fn adopted_account_keeps_a_manager_that_the_directory_knows_nothing_of() {
    let world = World::with_users(["ada", "grace"]);
    let grace = world.seed_account(account("grace"));
    let mut ada = account("ada");
    ada["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"]["manager"] =
        json!({"value": grace});
    world.seed_account(ada);
    world.sync_well().await;
    assert!(world.take_writes().is_empty(), "{}", world.last_plan());
    world.is_settled().await;
}

#[tokio::test]
async fn two_matching_accounts_are_a_person_to_decide() {
    let mut world = World::with_users(["ada", "grace"]);
    world.quirks(Quirks { duplicates_allowed: true, ..Quirks::default() });
    world.seed_account(account("ada"));
    world.seed_account(account("ada"));
    assert_snapshot!(world.synced().await, @r#"
    skip ada  failure  2 accounts have the same `userName`
    create grace  success  in scope, and no account matches
        active: ∅ → true
        displayName: ∅ → "Grace Example"
        emails[type eq "work"].value: ∅ → "grace@contoso.com"
        externalId: ∅ → "grace"
        name.familyName: ∅ → "Example"
        name.formatted: ∅ → "Grace Example"
        name.givenName: ∅ → "Grace"
        userName: ∅ → "grace@contoso.com"
        urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department: ∅ → "Sales"
    "#);
    assert_eq!(world.take_writes(), ["POST /Users"]);
    assert!(world.reason("ada").contains("DuplicateTargetEntries"));
}

#[tokio::test]
async fn reused_address_never_inherits_the_old_account() {
    let mut world = World::with_users(["ada", "grace"]).all_provisioned().await;
    world.unassign("ada");
    world.sync_well().await;
    world.set("ada", "userPrincipalName", "ada.old@contoso.com");
    world.tenant.soft_delete_user(world.id("ada"));
    let old = world.id("ada");
    world.hire("ada");
    assert_ne!(world.id("ada"), old);
    let before = world.account("ada@contoso.com");
    assert_snapshot!(world.synced().await, @"skip ada  failure  account `u-38f4d74b451e8c20` has the same `userName`, but belongs or belonged to another person; nothing was written to it");
    assert_eq!(world.account("ada@contoso.com"), before);
    assert!(world.reason("ada").contains("DuplicateSourceEntries"));
}

#[tokio::test]
async fn released_account_is_never_adopted_by_somebody_else() {
    let mut world = World::with_users(["ada", "grace"]).all_provisioned().await;
    world.state().write(|tx| tx.drop_links(tx.last_began()?.expect("a cycle"))).expect("reset");
    world.tenant.soft_delete_user(world.id("ada"));
    world.tenant.purge_user(world.id("ada"));
    world.hire("ada");
    world.sync_well().await;
    assert!(world.reason("ada").contains("DuplicateSourceEntries"), "{}", world.reason("ada"));
    assert!(world.take_writes().is_empty(), "{}", world.last_plan());
}

#[tokio::test]
async fn filter_that_is_ignored_brings_strangers_and_they_are_left_alone() {
    let mut world = World::with_users(["ada"]);
    let world = {
        world.sync_well().await;
        world.quirks(Quirks { filter: FilterSupport::Ignored, ..Quirks::default() });
        world.seed_account(account("stranger"));
        world.hire("grace");
        world
    };
    let stranger = world.account("stranger@contoso.com");
    world.sync_well().await;
    assert_eq!(world.account("stranger@contoso.com"), stranger);
    assert_eq!(world.active("grace"), Some(true));
}

#[tokio::test]
async fn conflict_on_create_is_looked_at_again_and_adopted() {
    let mut world = World::with_users(["grace"]).all_provisioned().await;
    world.expects_violations();
    // The account comes to be between the look and the create: the filter shows it late.
    world.hire("ada");
    let mut seeded = account("ada");
    seeded["displayName"] = json!("Somebody's spelling");
    seeded["userName"] = json!("Ada@Contoso.com");
    world.quirks(Quirks { filter: FilterSupport::Full, ..Quirks::default() });
    let id = world.seed_account(seeded);
    // The first look finds nothing.
    world.application.inject(
        entra_scim::sandbox::application::Fault::status(409),
        entra_scim::sandbox::application::Matcher::method(http::Method::POST),
    );
    world.application.tamper(&id, "userName", Some(json!("hidden@contoso.com")));
    world.sync_well().await;
    assert!(world.reason("ada").contains("EntryConflict"), "{}", world.reason("ada"));
    world.application.tamper(&id, "userName", Some(json!("Ada@Contoso.com")));
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(true));
    assert_eq!(world.application.user_count(), 2);
    world.is_settled().await;
}

#[tokio::test]
async fn account_that_the_filter_shows_too_late_is_adopted_after_the_conflict() {
    let mut world = World::with_users(["grace"]).all_provisioned().await;
    world.expects_violations();
    world.hire("ada");
    let mut seeded = account("ada");
    seeded["displayName"] = json!("Somebody's spelling");
    seeded["userName"] = json!("Ada@Contoso.com");
    world.seed_account(seeded);
    // The lookup before the create is answered as if nobody were there.
    world.quirks(Quirks { settle: std::time::Duration::from_millis(400), ..Quirks::default() });
    // The create is refused once with 503, so that half a second passes before the conflict.
    world.application.inject(
        entra_scim::sandbox::application::Fault::status(503),
        entra_scim::sandbox::application::Matcher::method(http::Method::POST),
    );
    assert_snapshot!(world.synced().await, @r#"
    create ada  warning  in scope, and no account matches
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
    world.later();
    assert_snapshot!(world.synced().await, @r#"
    update ada  success  displayName changed
        displayName: "Somebody's spelling" → "Ada Example"
    "#);
    world.is_settled().await;
    world.later();
    assert_eq!(world.synced().await, "nothing to do\n");
}

#[tokio::test]
async fn conflict_with_an_account_that_is_not_free_fails_visibly() {
    let mut world = World::with_users(["grace"]).all_provisioned().await;
    world.expects_violations();
    world.hire("ada");
    world.application.inject(
        entra_scim::sandbox::application::Fault::status(409),
        entra_scim::sandbox::application::Matcher::method(http::Method::POST),
    );
    world.sync_well().await;
    assert!(world.reason("ada").starts_with("failure EntryConflict"), "{}", world.reason("ada"));
    world.later();
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(true));
}

#[tokio::test]
async fn several_matching_attributes_are_alternatives_in_order() {
    let mut world = World::with_config(
        r#"---
[apps.crm.users]
inherit = true
[[apps.crm.users.attributes]]
target = "externalId"
source = "mailNickname"
match = 2
"#,
    );
    world.hire_all(["ada", "grace"]);
    let mut by_nickname = account("ada");
    by_nickname["userName"] = json!("somebody@contoso.com");
    world.seed_account(by_nickname);
    assert_snapshot!(world.synced().await, @r#"
    adopt ada  success  account `u-c5fc598e707e7291` has the same `externalId`
        userName: "somebody@contoso.com" → "ada@contoso.com"
    create grace  success  in scope, and no account matches
        active: ∅ → true
        displayName: ∅ → "Grace Example"
        emails[type eq "work"].value: ∅ → "grace@contoso.com"
        externalId: ∅ → "grace"
        name.familyName: ∅ → "Example"
        name.formatted: ∅ → "Grace Example"
        name.givenName: ∅ → "Grace"
        userName: ∅ → "grace@contoso.com"
        urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department: ∅ → "Sales"
    "#);
    assert_eq!(world.application.user_count(), 2);
    world.is_settled().await;
}

#[tokio::test]
async fn target_that_cannot_list_is_asked_for_each_person() {
    let mut world = World::with_users(["ada", "grace"]);
    world.quirks(Quirks { list_refused: Some(403), ..Quirks::default() });
    world.seed_account(account("ada"));
    world.sync_well().await;
    assert_eq!(world.application.user_count(), 2);
    world.is_settled().await;
}

#[tokio::test]
async fn any_character_in_a_matching_value_finds_its_account_by_a_filter() {
    let names = [
        r#"o'neil+"x\y"@contoso.com"#,
        "a#b&c%20d=e?f@contoso.com",
        "Åse Ørsted ß Ωmega 李雷 😀@contoso.com",
        " two  blanks /and;a,slash @contoso.com",
        r#"") or userName pr or ("@contoso.com"#,
        "100%@contoso.com",
    ];
    // An incremental cycle looks few people up with a filter each.
    let mut world = World::with_users(["grace"]).all_provisioned().await;
    // Another account is not taken for one that differs in such a character only.
    world.seed_account(json!({"userName": "100 @contoso.com", "active": true}));
    for (number, name) in names.iter().enumerate() {
        let person = format!("p{number}");
        world.hire(&person);
        world.set(&person, "userPrincipalName", *name);
        world.seed_account(json!({"userName": name, "active": true}));
    }
    let end = world.sync_well().await;
    let totals = end.report.totals;
    assert_eq!((totals.adopt, totals.create, totals.failure), (6, 0, 0), "{}", world.last_plan());
    let filtered = world
        .application
        .take_requests()
        .iter()
        .filter(|request| {
            request.method == "GET" && request.query.iter().any(|(name, _)| name == "filter")
        })
        .count();
    assert!(filtered >= names.len(), "{filtered} filters");
    assert_eq!(world.application.user_count(), names.len() + 2);
    world.is_settled().await;
}

#[tokio::test]
async fn a_matching_value_compares_by_the_case_rule_of_its_attribute() {
    let mut world = World::new();
    world.hire("ada");
    world.seed_account(json!({"userName": "ADA@Contoso.com", "active": true}));
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.adopt, end.report.totals.create), (1, 0));
    // `externalId` is case-exact (RFC 7643 §3.1): another spelling is another account.
    let mut world = World::with_config(
        "---\n[apps.crm.users]\ninherit = true\n[[apps.crm.users.attributes]]\ntarget = \
         \"userName\"\nsource = \"userPrincipalName\"\n[[apps.crm.users.attributes]]\n\
         target = \"externalId\"\nsource = \"mailNickname\"\nmatch = 1\n",
    );
    world.hire("ada");
    world.seed_account(json!({"userName": "else@contoso.com", "externalId": "ADA"}));
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.adopt, end.report.totals.create), (0, 1));
}

#[tokio::test]
async fn one_account_that_two_people_match_goes_to_neither() {
    let mut world = World::with_config(
        r#"---
[[apps.crm.users.attributes]]
target = "userName"
source = "mail"
match = 1
[[apps.crm.users.attributes]]
target = "active"
expression = 'Not([IsSoftDeleted])'
"#,
    );
    world.hire_all(["ada", "grace"]);
    world.set("ada", "mail", "office@contoso.com");
    world.set("grace", "mail", "office@contoso.com");
    world.seed_account(json!({"userName": "office@contoso.com", "active": true}));
    let end = world.sync_well().await;
    assert_eq!(end.report.totals.failure, 2, "{}", world.last_plan());
    assert!(world.take_writes().is_empty());
}
