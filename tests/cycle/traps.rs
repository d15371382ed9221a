//! The thirteen traps into which comparable tools fell, one story each: what their users lost does
//! not happen here.

use std::collections::BTreeMap;

use entra_scim::{
    cycle::CycleOptions,
    sandbox::{
        application::{Fault, Matcher, Quirks, TotalResults},
        tenant::{ErrorBody, Fault as GraphFault},
    },
};
use http::Method;
use serde_json::{Map, Value, json};

use crate::support::world::World;

/// More people than may be removed at once without a question.
const EIGHT: [&str; 8] =
    ["ada", "barbara", "chloe", "donald", "edsger", "frances", "grace", "hedy"];

async fn eight() -> World {
    World::with_users(EIGHT).all_provisioned().await
}

/// The accounts by id.
fn accounts(world: &World) -> BTreeMap<String, Map<String, Value>> {
    let id = |user: &Map<String, Value>| user["id"].as_str().expect("an id").to_owned();
    world.application.users().into_iter().map(|user| (id(&user), user)).collect()
}

/// Injects a fault so often that no attempt gets through.
fn for_good(world: &World, path: &str, fault: &GraphFault) {
    for _ in 0..30 {
        world.tenant.inject_at(path, fault.clone());
    }
}

/// Trap 1: a source that fails, or shows nothing, is taken for a company that everybody left, and
/// all accounts are deleted. Here nothing is sent, and afterwards nothing is left to be mended.
#[tokio::test]
async fn trap_01_source_that_fails_or_shows_nothing_removes_nobody() {
    type Trouble = fn(&mut World);
    let troubles: [(&str, Trouble); 9] = [
        ("no assignments", |world| world.tenant.inject(GraphFault::EmptyAssignments)),
        ("no users", World::directory_shows_no_users),
        ("503", |world| {
            let fault = GraphFault::ServerError { status: 503, body: ErrorBody::Html };
            for path in ["/appRoleAssignedTo", "/users"] {
                for_good(world, path, &fault);
            }
        }),
        ("403", |world| {
            let (client, _) = world.tenant.default_client();
            world.tenant.grant_permissions(&client, &[]);
        }),
        ("a web page for the assignments", |world| {
            for_good(world, "/appRoleAssignedTo", &GraphFault::HtmlSuccess);
        }),
        ("a web page for the users", |world| for_good(world, "/users", &GraphFault::HtmlSuccess)),
        ("pages cut short", |world| {
            for path in ["/appRoleAssignedTo", "/users"] {
                for_good(world, path, &GraphFault::TruncatedBody);
            }
        }),
        ("a round without an end", |world| {
            for_good(world, "/users", &GraphFault::MissingDeltaLink);
        }),
        ("no properties", |world| {
            for name in EIGHT {
                let id = world.id(name);
                for property in world.tenant.attributes(id).keys() {
                    world.set(name, property, Value::Null);
                }
            }
        }),
    ];
    for (name, strike) in troubles {
        for initial in [false, true] {
            let mut world = eight().await;
            let before = accounts(&world);
            world.tenant.observe(std::sync::Arc::new(|_| {}));
            strike(&mut world);
            world.sync_with(CycleOptions { initial, ..CycleOptions::default() }).await;
            world.later();
            world.sync_with(CycleOptions { initial, ..CycleOptions::default() }).await;
            assert!(world.take_writes().is_empty(), "{name}, initial {initial}");
            assert_eq!(accounts(&world), before, "{name}, initial {initial}");
            if name == "no properties" {
                continue;
            }
            let (client, _) = world.tenant.default_client();
            let all = ["Application.Read.All", "User.Read.All", "GroupMember.Read.All"];
            world.tenant.grant_permissions(&client, &all);
            world.tenant.clear_faults();
            world.directory_is_itself_again();
            world.later();
            world.sync_well().await;
            assert!(world.take_writes().is_empty(), "{name}, initial {initial}: afterwards");
            world.is_settled().await;
        }
    }
}

/// Trap 2: accounts that the tool did not create, of administrators and robots, are deleted with
/// the rest. Here a stranger's account is never touched, not even under the sharpest settings.
#[tokio::test]
async fn trap_02_accounts_that_it_did_not_create_are_left_alone() {
    let lines = "---\n[apps.crm.safeguards]\non_out_of_scope = \"delete\"\nmax_removals = 1000";
    let mut world = World::with_config(lines);
    world.hire_all(EIGHT);
    let strangers: Vec<String> = ["admin@vendor.example", "robot", "guest@contoso.com"]
        .into_iter()
        .map(|name| world.seed_account(json!({"userName": name, "active": true})))
        .collect();
    let before = accounts(&world);
    let end = world.sync_with(CycleOptions { initial: true, ..CycleOptions::default() }).await;
    assert_eq!((end.report.totals.create, end.report.totals.failure), (8, 0));
    world.a_day_later();
    for name in &EIGHT[..7] {
        world.unassign(name);
    }
    world.sync_well().await;
    world.sync_with(CycleOptions { initial: true, ..CycleOptions::default() }).await;
    let after = accounts(&world);
    assert_eq!(after.len(), 4, "three strangers and one who stayed");
    for stranger in strangers {
        assert_eq!(after[&stranger], before[&stranger]);
    }
}

/// Trap 3: a value that the application takes and never shows again (`externalId`) is found missing
/// in every run, and everybody is written again for ever. Here a quiet run sends nothing.
#[tokio::test]
async fn trap_03_value_that_is_never_read_back_is_not_written_again() {
    let mut world = World::with_users(EIGHT);
    world.quirks(Quirks { hides_external_id: true, ..Quirks::default() });
    let world = world.all_provisioned().await;
    world.sync_well().await;
    assert!(world.application.take_requests().is_empty());
    let end = world.sync_with(CycleOptions { initial: true, ..CycleOptions::default() }).await;
    assert!(end.error.is_none());
    assert!(world.take_writes().is_empty());
    world.is_settled().await;
}

/// Trap 4: somebody's new address makes a second account or an error that blocks every later run.
/// Here it is one change of the same account, and one that is refused fails alone.
#[tokio::test]
async fn trap_04_new_address_is_one_change_and_blocks_nobody() {
    let world = eight().await;
    let ids: Vec<String> = accounts(&world).into_keys().collect();
    for (name, address) in [("ada", "lovelace"), ("grace", "hopper")] {
        for property in ["userPrincipalName", "mail"] {
            world.set(name, property, format!("{address}@contoso.com"));
        }
    }
    world.set("hedy", "department", "Radio");
    let refused = Matcher {
        body_contains: Some("hopper@contoso.com".to_owned()),
        ..Matcher::method(Method::PATCH)
    };
    world.application.inject(Fault::status(400), refused);
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.update, end.report.totals.failure), (2, 1));
    world.later();
    world.sync_well().await;
    assert!(world.account("lovelace@contoso.com").is_some());
    assert!(world.account("hopper@contoso.com").is_some());
    assert_eq!(accounts(&world).into_keys().collect::<Vec<_>>(), ids, "no second account");
    world.is_settled().await;
}

/// Trap 5: an address that is given to another person brings the old one's account and access along.
/// Here people are told apart by their object id, and the new one gets nothing of it.
#[tokio::test]
async fn trap_05_reused_address_does_not_inherit_the_account() {
    let mut world = eight().await;
    let old = world.account("ada@contoso.com").expect("there");
    world.tenant.soft_delete_user(world.id("ada"));
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(false));
    world.hire("kay");
    for property in ["userPrincipalName", "mail"] {
        world.set("kay", property, "ada@contoso.com");
    }
    world.set("kay", "mailNickname", "ada");
    world.take_writes();
    world.later();
    world.sync_well().await;
    assert!(world.take_writes().is_empty(), "nobody gets the old account: {}", world.last_plan());
    assert!(world.reason("kay").contains("DuplicateSourceEntries"), "{}", world.reason("kay"));
    let now = world.account("ada@contoso.com").expect("there");
    assert_eq!((&now["id"], &now["active"]), (&old["id"], &json!(false)));
}

/// Trap 6: a renamed group is a new one, whose people are removed and added again. Here the name of
/// an assigned group means nothing to anybody's account.
#[tokio::test]
async fn trap_06_renamed_group_writes_nothing() {
    let mut world = World::new();
    let group = world.assigned_group("Editors", world.editor);
    for name in EIGHT {
        world.person(name);
        world.join(group, name);
    }
    let world = world.all_provisioned().await;
    world.tenant.rename_group(group, "Editors, formerly Writers");
    for initial in [false, true] {
        let end = world.sync_with(CycleOptions { initial, ..CycleOptions::default() }).await;
        // Not even that many removals are planned and held.
        assert_eq!((end.report.held, end.report.error), (None, None), "initial {initial}");
        assert!(world.take_writes().is_empty());
    }
    let told = super::explain_decision(&world, "ada@contoso.com").await;
    assert_eq!(told, "nothing differs");
    assert_eq!(world.application.active_user_count(), EIGHT.len());
    world.is_settled().await;
}

/// Trap 7: an account that somebody deleted by hand answers 404 to the removal, and the run stops
/// there for ever. Here gone is what the removal wanted, and the others go on.
#[tokio::test]
async fn trap_07_removal_of_an_account_that_is_gone_is_done() {
    for lines in ["", "---\n[apps.crm.safeguards]\non_out_of_scope = \"delete\""] {
        let mut world = World::with_config(lines);
        world.hire_all(EIGHT);
        let world = world.all_provisioned().await;
        let id = world.account("ada@contoso.com").expect("there")["id"].clone();
        world.application.tamper_delete(id.as_str().expect("an id"));
        for name in ["ada", "barbara", "chloe"] {
            world.unassign(name);
        }
        let end = world.sync_well().await;
        assert_eq!(end.report.totals.failure, 0, "{}", world.last_plan());
        assert_eq!(end.report.totals.disable + end.report.totals.delete, 3);
        world.application.take_violations();
        world.application.take_requests();
        world.later();
        world.sync_well().await;
        assert!(world.application.take_requests().is_empty(), "nothing is tried for ever");
        world.is_settled().await;
    }
}

/// Trap 8: one account that is there already answers 409, without a `scimType` or invisible to the
/// filter, and the whole run breaks off. Here that person fails alone, visibly, and is not repeated
/// within the run.
#[tokio::test]
async fn trap_08_conflict_on_one_create_stops_nobody_else() {
    let world = World::with_users(EIGHT);
    let ada = Matcher {
        body_contains: Some("ada@contoso.com".to_owned()),
        ..Matcher::method(Method::POST)
    };
    world.application.inject_by_chance(Fault::status(409), ada, 1.0);
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.create, end.report.totals.failure), (7, 1));
    assert!(world.reason("ada").contains("EntryConflict"), "{}", world.reason("ada"));
    assert_eq!(world.take_writes().len(), 8, "one attempt each");
    world.application.clear_faults();
    world.later();
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.create, end.report.totals.failure), (1, 0));
    world.is_settled().await;
}

/// Trap 9: whoever leaves a group, or the company, stays in the application. Here a member who
/// leaves an assigned group loses access, and the account of a deleted person goes.
#[tokio::test]
async fn trap_09_who_leaves_the_group_or_the_company_loses_access() {
    let mut world = World::new();
    let group = world.assigned_group("Editors", world.editor);
    for name in EIGHT {
        world.person(name);
        world.join(group, name);
    }
    let world = world.all_provisioned().await;
    world.tenant.remove_member(group, world.id("ada"));
    world.tenant.soft_delete_user(world.id("barbara"));
    world.sync_well().await;
    assert_eq!((world.active("ada"), world.active("barbara")), (Some(false), Some(false)));
    world.tenant.purge_user(world.id("barbara"));
    world.later();
    world.sync_well().await;
    assert_eq!((world.active("ada"), world.active("barbara")), (Some(false), None));
    assert_eq!(world.application.active_user_count(), 6);
    world.is_settled().await;
}

/// Trap 10: a narrower scope leaves those who are out of it in the application. Here a new filter,
/// and a change from everybody to the assigned, withdraw whoever is not in scope any more.
#[tokio::test]
async fn trap_10_narrower_scope_withdraws_who_is_out_of_it() {
    let filter = r#"---
[[apps.crm.users.scoping_filters]]
clauses = [{ attribute = "department", operator = "EQUALS", value = "Sales" }]"#;
    let mut world = eight().await;
    for name in ["ada", "barbara"] {
        world.set(name, "department", "Legal");
    }
    world.sync_well().await;
    world.reconfigure(filter);
    let end = world.sync_well().await;
    assert_eq!(end.report.totals.disable, 2);
    assert_eq!((world.active("ada"), world.active("chloe")), (Some(false), Some(true)));
    world.is_settled().await;

    let mut world = World::with_config("scope = \"all\"\n---\n");
    world.hire_all(["ada", "barbara", "chloe"]);
    world.person("donald");
    let mut world = world.all_provisioned().await;
    assert_eq!(world.active("donald"), Some(true));
    world.reconfigure("");
    world.sync_well().await;
    world.later();
    world.sync_well().await;
    assert_eq!((world.active("donald"), world.active("ada")), (Some(false), Some(true)));
}

/// Trap 11: a rename replaces more than the name: members, other addresses and roles are emptied.
/// Here the request holds what changed, and whatever else the account has stays.
#[tokio::test]
async fn trap_11_rename_touches_nothing_else_of_the_account() {
    let world = eight().await;
    let before = world.account("ada@contoso.com").expect("there");
    let id = before["id"].as_str().expect("an id").to_owned();
    let foreign = [
        (
            "emails",
            json!([
                {"type": "work", "value": "ada@contoso.com"},
                {"type": "home", "value": "ada@home.example"},
                {"type": "other", "value": "ada@club.example"}
            ]),
        ),
        ("roles", json!([{"value": "owner"}, {"value": "billing"}])),
        ("entitlements", json!([{"value": "seat"}])),
        ("phoneNumbers", json!([{"type": "mobile", "value": "+1 555 0100"}])),
    ];
    for (attribute, value) in &foreign {
        assert!(world.application.tamper(&id, attribute, Some(value.clone())));
    }
    let group = json!({"displayName": "Board", "members": [{"value": id}]});
    let Value::Object(group) = group else { unreachable!("an object") };
    world.application.seed_group(group);
    let groups = world.application.groups();
    world.set("ada", "userPrincipalName", "lovelace@contoso.com");
    world.set("ada", "displayName", "Ada Lovelace");
    world.sync_well().await;
    assert_eq!(world.take_writes().len(), 1);
    let after = world.account("lovelace@contoso.com").expect("renamed");
    assert_eq!(after["id"], before["id"]);
    for (attribute, value) in &foreign {
        assert_eq!(&after[*attribute], value, "{attribute}");
    }
    assert_eq!(world.application.groups(), groups);
    // The address of work alone changes where that is what changed.
    world.set("ada", "mail", "lovelace@contoso.com");
    world.sync_well().await;
    let after = world.account("lovelace@contoso.com").expect("there");
    let emails = after["emails"].as_array().expect("addresses");
    assert_eq!(emails.len(), 3);
    assert!(emails.contains(&json!({"type": "home", "value": "ada@home.example"})));
    assert_eq!(world.application.groups(), groups);
}

/// Trap 12: an application without groups answers 404 or 500 for them, and nothing works at all.
/// Here it is never asked for what is not provisioned, and a group as the source needs none there.
#[tokio::test]
async fn trap_12_application_without_groups_is_never_asked_for_them() {
    let mut world = World::new();
    let without = Matcher { path_prefix: Some("/Groups".to_owned()), ..Matcher::any() };
    world.application.inject_by_chance(Fault::status(500), without, 1.0);
    let group = world.assigned_group("Editors", world.editor);
    for name in EIGHT {
        world.person(name);
        world.join(group, name);
    }
    world.sync_with(CycleOptions { initial: true, ..CycleOptions::default() }).await;
    world.a_day_later();
    world.tenant.remove_member(group, world.id("ada"));
    world.tenant.rename_group(group, "Writers");
    world.tenant.soft_delete_user(world.id("barbara"));
    world.sync_well().await;
    world.tenant.purge_user(world.id("barbara"));
    world.sync_well().await;
    assert_eq!(world.application.active_user_count(), 6);
    let requests = world.application.take_requests();
    assert!(!requests.iter().any(|it| it.path.starts_with("/Groups")), "{requests:?}");
    world.is_settled().await;
}

/// Trap 13: only the first page is read, of the directory or of the application, and whoever stands
/// on the next one is removed, or created a second time. Here a list ends where it ends, whatever
/// its size or its totals say.
#[tokio::test]
async fn trap_13_every_page_is_read_of_both_sides() {
    for quirks in [
        Quirks { page_size_max: Some(10), ..Quirks::default() },
        Quirks { page_size_max: Some(10), total_results: TotalResults::Page, ..Quirks::default() },
    ] {
        let mut world = World::new();
        world.quirks(quirks);
        let group = world.assigned_group("Editors", world.editor);
        let names: Vec<String> = (0..60).map(|number| format!("p{number}")).collect();
        for name in &names {
            world.person(name);
            world.join(group, name);
            world.seed_account(json!({"userName": format!("{name}@contoso.com"), "active": true}));
        }
        let short = |world: &World| {
            for path in ["/users/delta", "/groups/delta", "/appRoleAssignedTo"] {
                for _ in 0..3 {
                    world.tenant.inject_at(path, GraphFault::ShortPage);
                }
            }
        };
        short(&world);
        let end = world.sync_well().await;
        assert_eq!((end.report.totals.adopt, end.report.totals.create), (60, 0));
        assert_eq!(world.application.user_count(), 60);
        world.a_day_later();
        short(&world);
        world.sync_with(CycleOptions { initial: true, ..CycleOptions::default() }).await;
        assert!(world.application.removals().is_empty());
        assert_eq!(world.application.active_user_count(), 60);
        world.tenant.clear_faults();
        world.is_settled().await;
    }
}
