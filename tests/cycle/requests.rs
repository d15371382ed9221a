//! What a cycle costs.

#![expect(clippy::print_stdout, reason = "the figures are worth reading")]

use entra_scim::{
    sandbox::population::{PopulationOptions, contoso},
    scim::Discovery,
};

use crate::support::world::World;

const SMALL: &str = r#"
---
[[apps.crm.users.attributes]]
target = "userName"
source = "userPrincipalName"
match = 1
[[apps.crm.users.attributes]]
target = "active"
expression = 'Not([IsSoftDeleted])'
[[apps.crm.users.attributes]]
target = "displayName"
source = "displayName"
"#;

async fn five_hundred(config: &str, graph_max: u64) {
    let mut world = World::with_config(config);
    let options = PopulationOptions { seed: 3, users: 20_000, groups: 4, assigned: 0 };
    let company = contoso(&world.tenant, options);
    let mut assigned = Vec::new();
    for user in company.users.iter().filter(|user| world.tenant.is_live(**user)) {
        let attributes = world.tenant.attributes(*user);
        if attributes.get("accountEnabled") != Some(&serde_json::json!(true)) {
            continue;
        }
        world.tenant.assign(world.enterprise_app, *user, world.editor);
        assigned.push(*user);
        if assigned.len() == 500 {
            break;
        }
    }
    world.people.insert("one".to_owned(), assigned[100]);
    let managed = if config.is_empty() {
        let known = |user| world.tenant.manager(user).is_some_and(|it| assigned.contains(&it));
        assigned.iter().filter(|user| known(**user)).count()
    } else {
        0
    };
    let end = world.sync_well().await;
    let writes = world.take_writes().len();
    println!("initial: {:?}, {writes} writes, {managed} managers", end.report.requests);
    assert_eq!((end.report.totals.create, end.report.totals.failure), (500, 0));
    assert!(end.report.requests.graph <= graph_max, "{:?}", end.report.requests);
    assert_eq!(writes, 500 + managed);
    let described = Discovery::ALL.len() as u64;
    let most = 500 + managed as u64 + 1 + described;
    assert!(end.report.requests.target <= most, "{:?}", end.report.requests);

    world.a_day_later();
    let end = world.sync_well().await;
    println!("no change: {:?}", end.report.requests);
    assert!(end.report.requests.graph <= 6, "{:?}", end.report.requests);
    assert_eq!(end.report.requests.target, 0);

    world.set("one", "displayName", "Somebody Else");
    let end = world.sync_well().await;
    println!("one change: {:?}", end.report.requests);
    assert_eq!(end.report.requests.target, 1 + described, "it is a day later");
    assert_eq!(world.take_writes().len(), 1);
    world.set("one", "displayName", "Somebody Else Again");
    let end = world.sync_well().await;
    assert_eq!(end.report.requests.target, 1);
    assert_eq!(world.take_writes().len(), 1);
    world.is_settled().await;
}

#[tokio::test]
async fn five_hundred_of_twenty_thousand_without_managers() {
    five_hundred(SMALL, 12).await;
}

#[tokio::test]
async fn five_hundred_of_twenty_thousand_with_managers() {
    five_hundred("", 30).await;
}
