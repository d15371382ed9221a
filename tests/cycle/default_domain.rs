//! `DefaultDomain()`: read where a mapping needs it, and nowhere else.

use entra_scim::sandbox::tenant::RecordedRequest;
use serde_json::json;

use crate::support::world::World;

const CONFIG: &str = r#"---
[[apps.crm.users.attributes]]
target = "userName"
source = "userPrincipalName"
match = 1
[[apps.crm.users.attributes]]
target = "active"
expression = 'Not([IsSoftDeleted])'
[[apps.crm.users.attributes]]
target = "nickName"
expression = 'Join("@", [mailNickname], DefaultDomain())'
"#;

const BASE: [&str; 3] = ["Application.Read.All", "User.Read.All", "GroupMember.Read.All"];

fn grant(world: &World, more: &[&str]) {
    let (client, _) = world.tenant.default_client();
    let granted: Vec<&str> = BASE.iter().chain(more).copied().collect();
    world.tenant.grant_permissions(&client, &granted);
}

fn asked_for_domains(world: &World) -> usize {
    let of_domains = |request: &&RecordedRequest| {
        request.path.ends_with("/organization") || request.path.ends_with("/domains")
    };
    world.tenant.take_requests().iter().filter(of_domains).count()
}

fn nick_name(world: &World) -> serde_json::Value {
    world.account("ada@contoso.com").expect("an account")["nickName"].clone()
}

#[tokio::test]
async fn default_domain_is_read_by_either_permission_and_flows() {
    for permission in ["Organization.Read.All", "Domain.Read.All", "Directory.Read.All"] {
        let mut world = World::with_config(CONFIG);
        grant(&world, &[permission]);
        world.hire("ada");
        world.sync_well().await;
        assert_eq!(nick_name(&world), json!("ada@contoso.com"), "{permission}");
        world.is_settled().await;
    }
}

#[tokio::test]
async fn another_default_domain_decides_everybody_again() {
    let mut world = World::with_config(CONFIG);
    grant(&world, &["Organization.Read.All"]);
    world.hire_all(["ada", "grace"]);
    let world = world.all_provisioned().await;
    world.tenant.set_default_domain("fabrikam.example");
    world.sync_well().await;
    assert_eq!(nick_name(&world), json!("ada@fabrikam.example"));
    assert_eq!(world.take_writes().len(), 2);
    world.later();
    assert_eq!(world.synced().await, "nothing to do\n");
    world.is_settled().await;
}

#[tokio::test]
async fn missing_permission_is_named_and_clears_nothing() {
    let mut world = World::with_config(CONFIG);
    grant(&world, &["Organization.Read.All"]);
    world.hire("ada");
    let world = world.all_provisioned().await;
    grant(&world, &[]);
    world.a_day_later();
    let error = world.sync_badly().await;
    assert!(error.contains("`Organization.Read.All`"), "{error}");
    assert!(world.take_writes().is_empty());
    assert_eq!(nick_name(&world), json!("ada@contoso.com"));
    grant(&world, &["Domain.Read.All"]);
    world.a_day_later();
    assert_eq!(world.synced().await, "nothing to do\n");
}

#[tokio::test]
async fn configuration_without_it_asks_for_no_domain_and_needs_no_permission() {
    let world = World::with_users(["ada"]).all_provisioned().await;
    world.sync_well().await;
    assert_eq!(asked_for_domains(&world), 0);
    let mut world = World::with_config(CONFIG);
    grant(&world, &["Organization.Read.All"]);
    world.hire("ada");
    let world = world.all_provisioned().await;
    world.sync_well().await;
    assert_eq!(asked_for_domains(&world), 1, "once in each cycle");
}
