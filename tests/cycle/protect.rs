//! People in `protect`: whatever happens to them, the account stays as it is and where it is.

use std::time::Duration;

use serde_json::json;

use crate::support::world::World;

/// How a protected person is named in the configuration.
const NAMES: [&str; 4] = ["ada@contoso.com", "ADA@Contoso.COM", "A.Lovelace@contoso.com", "id"];

/// What happens, and the lines of the safeguards under which it does.
const EVENTS: [(&str, &str); 9] = [
    ("unassigned", ""),
    ("unassigned", "on_out_of_scope = \"delete\""),
    ("unassigned", "delete_after = \"1s\""),
    ("filtered", ""),
    ("disabled", ""),
    ("soft-deleted", ""),
    ("soft-deleted", "delete_after = \"1s\""),
    ("hard-deleted", "on_directory_delete = \"delete\""),
    ("hard-deleted", "on_directory_delete = \"disable\""),
];

const FILTER: &str = r#"[[apps.crm.users.scoping_filters]]
clauses = [{ attribute = "department", operator = "NOT EQUALS", value = "Legal" }]"#;

fn lines(world: &World, name: &str, safeguards: &str) -> String {
    let name =
        if name == "id" { world.id("ada").to_string().to_uppercase() } else { name.to_owned() };
    format!("---\n{FILTER}\n[apps.crm.safeguards]\nprotect = [\"{name}\"]\n{safeguards}")
}

async fn protected(name: &str, safeguards: &str) -> World {
    let mut world = World::with_users(["ada", "barbara", "chloe"]);
    world.set("ada", "mail", "a.lovelace@contoso.com");
    let lines = lines(&world, name, safeguards);
    world.reconfigure(&lines);
    world.all_provisioned().await
}

fn happen(world: &World, event: &str) {
    match event {
        "unassigned" => world.unassign("ada"),
        "filtered" => world.set("ada", "department", "Legal"),
        "disabled" => world.tenant.disable_user(world.id("ada")),
        "soft-deleted" => world.tenant.soft_delete_user(world.id("ada")),
        "hard-deleted" => {
            world.tenant.soft_delete_user(world.id("ada"));
            world.tenant.purge_user(world.id("ada"));
        }
        other => panic!("no event {other}"),
    }
}

#[tokio::test]
async fn nothing_that_happens_to_somebody_protected_removes_the_account() {
    for name in NAMES {
        for (event, safeguards) in EVENTS {
            let world = protected(name, safeguards).await;
            happen(&world, event);
            for _ in 0..3 {
                world.sync_well().await;
                world.pass(Duration::from_secs(3_600));
            }
            let story = format!("{event} as {name}, {safeguards}");
            assert!(world.application.removals().is_empty(), "{story}");
            assert_eq!(world.active("ada"), Some(true), "{story}");
            assert!(world.reason("ada").contains("Protected"), "{story}: {}", world.reason("ada"));
            // Somebody else has no such luck.
            world.unassign("barbara");
            world.sync_well().await;
            assert_eq!(world.application.removals().len(), 1, "{story}");
        }
    }
}

#[tokio::test]
async fn account_that_the_mapping_of_active_would_turn_off_stays_on() {
    let active = r#"[apps.crm.users]
inherit = true
[[apps.crm.users.attributes]]
target = "active"
expression = 'Switch([department], "True", "Legal", "False")'
[apps.crm.safeguards]
on_out_of_scope = "keep""#;
    let mut world = World::with_users(["ada", "barbara"]);
    world.reconfigure(&format!("---\n{active}\nprotect = [\"ada@contoso.com\"]"));
    let world = world.all_provisioned().await;
    for name in ["ada", "barbara"] {
        world.set(name, "department", "Legal");
    }
    world.sync_well().await;
    assert_eq!((world.active("ada"), world.active("barbara")), (Some(true), Some(false)));
    assert_eq!(world.application.removals().len(), 1);
}

#[tokio::test]
async fn rename_in_the_directory_neither_renames_the_account_nor_ends_its_protection() {
    for name in NAMES {
        let world = protected(name, "").await;
        world.set("ada", "userPrincipalName", "somebody.else@contoso.com");
        world.set("ada", "mail", "somebody.else@contoso.com");
        world.set("ada", "title", "Countess");
        world.sync_well().await;
        assert_eq!(world.active("ada"), Some(true), "{name}");
        if name.to_lowercase() == "ada@contoso.com" || name == "id" {
            world.unassign("ada");
            world.later();
            world.sync_well().await;
            assert_eq!(world.active("ada"), Some(true), "{name}");
            assert!(world.application.removals().is_empty(), "{name}");
        }
    }
}

#[tokio::test]
async fn adopted_account_of_somebody_protected_is_neither_renamed_nor_turned_off() {
    let mut world = World::with_config(
        r#"---
[apps.crm.users]
inherit = true
[[apps.crm.users.attributes]]
target = "externalId"
source = "mailNickname"
match = 2
[apps.crm.safeguards]
protect = ["breakglass@contoso.com"]
"#,
    );
    world.hire("ada");
    let account = json!({
        "userName": "breakglass@contoso.com", "externalId": "ada", "active": true
    });
    world.seed_account(account);
    world.sync_well().await;
    assert!(world.account("breakglass@contoso.com").is_some(), "{}", world.last_plan());
    assert_eq!(world.application.user_count(), 1);
    world.a_day_later();
    world.unassign("ada");
    world.sync_well().await;
    assert!(world.application.removals().is_empty());
}
