//! Managers that accounts had before they were adopted.

use serde_json::{Value, json};

use crate::support::world::World;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn account(name: &str, capital: &str, manager: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
        "userName": format!("{name}@contoso.com"), "externalId": name, "active": true,
        "displayName": format!("{capital} Example"),
        "name": {
            "givenName": capital, "familyName": "Example", "formatted": format!("{capital} Example"),
        },
        "emails": [{ "type": "work", "primary": true, "value": format!("{name}@contoso.com") }],
        ENTERPRISE: { "department": "Sales", "manager": { "value": manager } },
    })
}

fn manager(world: &World, name: &str) -> Value {
    let account = world.account(&format!("{name}@contoso.com")).expect("an account");
    account[ENTERPRISE]["manager"]["value"].clone()
}

#[tokio::test]
async fn a_manager_that_is_right_already_is_not_written_again() {
    let world = World::with_users(["ada", "grace"]);
    world.tenant.set_manager(world.id("grace"), Some(world.id("ada")));
    let mut world = world.all_provisioned().await;
    let written = world.application.writes().len();

    world.forget();
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.adopt, end.report.totals.update), (2, 0));
    assert_eq!(world.application.writes().len(), written, "{}", world.last_plan());

    // It was remembered as ours: what the directory says next is written as a change of it.
    world.tenant.set_manager(world.id("grace"), None);
    world.sync_well().await;
    assert_eq!(manager(&world, "grace"), Value::Null);
    assert_eq!(world.sync_well().await.report.requests.target, 0);
}

#[tokio::test]
async fn a_manager_that_the_directory_does_not_know_is_left_and_forgotten() {
    let mut world = World::new();
    world.seed_account(account("ada", "Ada", "set-by-hand"));
    world.seed_account(account("grace", "Grace", "set-by-hand"));
    world.hire_all(["ada", "grace"]);
    // Somebody without an account: as good as no manager.
    world.person("outsider");
    world.tenant.set_manager(world.id("grace"), Some(world.id("outsider")));
    world.sync_well().await;
    for name in ["ada", "grace"] {
        assert_eq!(manager(&world, name), json!("set-by-hand"));
        world.set(name, "department", "Research");
    }
    world.sync_well().await;
    for name in ["ada", "grace"] {
        assert_eq!(manager(&world, name), json!("set-by-hand"));
    }
}

#[tokio::test]
async fn another_manager_than_the_directory_says_is_replaced() {
    let mut world = World::new();
    world.seed_account(account("grace", "Grace", "set-by-hand"));
    world.hire_all(["ada", "grace"]);
    world.tenant.set_manager(world.id("grace"), Some(world.id("ada")));
    world.sync_well().await;
    let ada = world.account("ada@contoso.com").expect("created")["id"].clone();
    assert_eq!(manager(&world, "grace"), ada);
}
