//! One group on demand: the group, its members who have accounts, and nobody's account.

use std::collections::BTreeSet;

use entra_scim::{
    model::SourceId,
    sandbox::{
        application::{FilterSupport, Quirks},
        tenant::Fault,
    },
    store::Chain,
};
use insta::assert_snapshot;
use serde_json::Value;

use super::provision::told;
use crate::support::world::World;

const GROUPS: &str = "[apps.crm.groups]\nenabled = true\n";

/// A world with an assigned group of these people.
fn group_of<const N: usize>(lines: &str, people: [&str; N]) -> (World, SourceId) {
    let mut world = World::with_config(lines);
    let group = world.assigned_group("Sales", world.editor);
    for person in people {
        world.person(person);
        world.join(group, person);
    }
    (world, group)
}

/// The user names of the group's members at the application.
fn members(world: &World) -> Vec<String> {
    let group = world.application.groups().pop().expect("a group");
    let members = group.get("members").and_then(Value::as_array).cloned().unwrap_or_default();
    let name = |member: &Value| {
        let user = world.application.user(member["value"].as_str().expect("an id"));
        let name = user.expect("a member is a user")["userName"].as_str().map(str::to_owned);
        name.expect("a name").split('@').next().expect("a part").to_owned()
    };
    members.iter().map(name).collect::<BTreeSet<_>>().into_iter().collect()
}

async fn provisioned(world: &World, group: SourceId) -> String {
    let done = world.provision_id(group).await.expect("the state works");
    told(world, &done)
}

#[tokio::test]
async fn a_group_is_created_with_those_of_its_members_who_have_accounts() {
    let (world, group) = group_of(GROUPS, ["ada", "barbara"]);
    world.provision("ada").await;
    assert_snapshot!(provisioned(&world, group).await, @r#"
create success InScope: in scope, and no group matches
  created
update success AttributesChanged: 1 member added
  1 member added
"#);
    assert_eq!((members(&world), world.application.user_count()), (vec!["ada".to_owned()], 1));
    assert_snapshot!(provisioned(&world, group).await, @r#"
skip skipped RedundantExport: nothing differs
skip skipped UnableToResolveReferenceAttributeValue: 1 member has no account, and is added once it has
"#);
    world.take_writes();
    world.sync_well().await;
    assert_eq!(members(&world), ["ada", "barbara"]);
    assert_eq!(world.take_writes().len(), 2, "Barbara's account, and her membership");
    world.is_settled().await;
}

#[tokio::test]
async fn who_joined_is_added_who_left_is_for_the_next_cycle_and_no_watermark_moves() {
    let (mut world, group) = group_of(GROUPS, ["ada", "barbara"]);
    world.hire("chloe");
    let world = world.all_provisioned().await;
    world.join(group, "chloe");
    world.tenant.remove_member(group, world.id("ada"));
    world.tenant.rename_group(group, "Sales and Service");
    let chains =
        || world.state().read(|view| Ok((view.chain(Chain::USERS)?, view.group_chains()?)));
    let before = chains().expect("chains");
    assert_snapshot!(provisioned(&world, group).await, @r#"
update success AttributesChanged: displayName changed
  1 attributes written
update success AttributesChanged: 1 member added
  1 member added
"#);
    assert!(chains().expect("chains") == before, "a watermark moved");
    assert_eq!(members(&world), ["ada", "barbara", "chloe"]);
    assert_eq!(world.take_writes().len(), 2, "the name, and one member");
    world.sync_well().await;
    assert_eq!(members(&world), ["barbara", "chloe"]);
    assert_eq!(world.active("ada"), Some(false), "she was in scope through the group");
    world.is_settled().await;
}

#[tokio::test]
async fn a_group_has_any_number_of_members() {
    let mut world = World::with_config(GROUPS);
    let group = world.assigned_group("Sales", world.editor);
    let names: Vec<String> = (0..250).map(|number| format!("user{number:03}")).collect();
    for name in &names {
        world.person(name);
        world.assign(name, Some(world.editor));
    }
    let world = world.all_provisioned().await;
    for name in &names {
        world.join(group, name);
    }
    world.provision_id(group).await.expect("the state works");
    assert_eq!(members(&world).len(), 250);
    world.sync_well().await;
    world.is_settled().await;
}

#[tokio::test]
async fn a_group_that_is_not_assigned_any_more_goes_as_its_rule_says() {
    let (mut world, group) = group_of(GROUPS, ["ada"]);
    world.hire("barbara");
    let world = world.all_provisioned().await;
    world.tenant.unassign(world.enterprise_app, group, None);
    assert_snapshot!(provisioned(&world, group).await, @r#"
delete success NotEffectivelyEntitled: no longer assigned to the application
  deleted
"#);
    assert_eq!(world.active("ada"), Some(true), "nobody else is decided about");
}

#[tokio::test]
async fn a_group_that_is_not_shown_is_left_alone() {
    let (mut world, group) = group_of(GROUPS, ["ada"]);
    world.hire("barbara");
    let world = world.all_provisioned().await;
    world.tenant.purge_group(group);
    assert_snapshot!(provisioned(&world, group).await, @r#"
skip skipped AwaitingConfirmation: the directory does not show it; one missing row proves nothing
"#);
    assert_eq!(world.application.group_count(), 1);
}

#[tokio::test]
async fn a_reading_that_breaks_off_leaves_no_member_behind() {
    let (mut world, group) = group_of(GROUPS, ["ada", "barbara"]);
    world.hire("chloe");
    let world = world.all_provisioned().await;
    world.join(group, "chloe");
    for _ in 0..20 {
        world.tenant.inject_at("/groups/delta", Fault::HtmlSuccess);
    }
    let done = world.provision_id(group).await.expect("the state works");
    assert!(done.error.is_some() && done.changes.is_empty(), "{done:?}");
    assert_eq!(members(&world), ["ada", "barbara"]);
    world.tenant.clear_faults();
    world.tenant.remove_member(group, world.id("chloe"));
    world.sync_well().await;
    assert_eq!(members(&world), ["ada", "barbara"]);
    world.is_settled().await;
}

#[tokio::test]
async fn a_group_is_found_in_the_list_of_groups_where_the_application_does_not_search() {
    let lines = format!("---\nfilter = false\n{GROUPS}");
    let (mut world, group) = group_of(&lines, []);
    let quirks = Quirks { filter: FilterSupport::Refused, ..Quirks::default() };
    world.quirks(Quirks { group_names_repeat: true, ..quirks });
    let existing = serde_json::json!({"displayName": "Sales"});
    world.application.seed_group(existing.as_object().expect("an object").clone());
    provisioned(&world, group).await;
    assert_eq!(world.application.group_count(), 1, "the group that is there is adopted");
}
