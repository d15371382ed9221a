//! Group objects and their members: the group itself is decided like an account, and its members
//! follow whoever has one.

use std::collections::BTreeSet;

use entra_scim::{
    cycle::CycleOptions,
    model::{Clock, SourceId},
    provisioning::Action,
    sandbox::application::{Fault, Matcher, Moment, Quirks},
    store::{LogFilter, LogRow},
};
use http::Method;
use serde_json::{Map, Value, json};

use crate::support::world::World;

const GROUPS: &str = "[apps.crm.groups]\nenabled = true\n";

/// A world with an assigned group of these people.
fn group_of<const N: usize>(lines: &str, name: &str, people: [&str; N]) -> (World, SourceId) {
    let mut world = World::with_config(lines);
    let group = world.assigned_group(name, world.editor);
    for person in people {
        world.person(person);
        world.join(group, person);
    }
    (world, group)
}

/// The group of that name at the application.
fn at_target(world: &World, name: &str) -> Option<Map<String, Value>> {
    world.application.groups().into_iter().find(|group| group["displayName"] == name)
}

/// The user names of a group's members at the application.
fn members(world: &World, name: &str) -> BTreeSet<String> {
    let group = at_target(world, name).unwrap_or_else(|| panic!("there is no group {name}"));
    let members = group.get("members").and_then(Value::as_array).cloned().unwrap_or_default();
    let name = |member: &Value| {
        let user = world.application.user(member["value"].as_str().expect("an id"));
        let user = user.expect("a member is a user");
        user["userName"].as_str().expect("a name").split('@').next().expect("a part").to_owned()
    };
    members.iter().map(name).collect()
}

fn log_of(world: &World, group: SourceId) -> Vec<LogRow> {
    let filter = LogFilter { sources: Some(vec![group]), ..LogFilter::default() };
    world.state().read(|view| view.log_rows(&filter, 1_000)).expect("a log")
}

fn names<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn an_assigned_group_is_created_empty_and_its_members_follow_once_they_have_accounts() {
    let (world, _) = group_of(GROUPS, "Sales", ["ada", "barbara"]);
    insta::assert_snapshot!(world.plan().await, @r#"
    create Sales  planned  in scope, and no group matches
        displayName: ∅ → "Sales"
        externalId: ∅ → "b7e1e158-6721-4173-bb2b-2203a8a4fd91"
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
    create barbara  planned  in scope, and no account matches
        active: ∅ → true
        displayName: ∅ → "Barbara Example"
        emails[type eq "work"].value: ∅ → "barbara@contoso.com"
        externalId: ∅ → "barbara"
        name.familyName: ∅ → "Example"
        name.formatted: ∅ → "Barbara Example"
        name.givenName: ∅ → "Barbara"
        userName: ∅ → "barbara@contoso.com"
        urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department: ∅ → "Sales"
    update Sales  planned  2 members added
        members: ∅ → "23831754-3ae5-43a5-b1b8-4cbe99e3b170"
        members: ∅ → "9edd2383-db42-4229-874a-59af0c7c9744"
    "#);
    world.sync_well().await;
    assert_eq!(members(&world, "Sales"), names(["ada", "barbara"]));
    world.take_writes();
    world.is_settled().await;
}

#[tokio::test]
async fn one_member_more_is_one_request_with_one_operation() {
    let (mut world, group) = group_of(GROUPS, "Sales", ["ada", "barbara"]);
    world.hire("chloe");
    world.sync_well().await;
    world.application.take_requests();
    world.join(group, "chloe");
    world.sync_well().await;
    let requests = world.application.take_requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    let body = requests[0].body.clone().expect("a body");
    assert_eq!(body["Operations"].as_array().expect("operations").len(), 1);
    assert_eq!(members(&world, "Sales"), names(["ada", "barbara", "chloe"]));

    world.tenant.remove_member(group, world.id("ada"));
    world.pass(std::time::Duration::from_secs(2 * 3_600));
    world.sync_well().await;
    assert_eq!(members(&world, "Sales"), names(["barbara", "chloe"]));
}

#[tokio::test]
async fn a_group_is_renamed_in_place_and_keeps_its_members() {
    let (world, group) = group_of(GROUPS, "Sales", ["ada"]);
    world.sync_well().await;
    world.take_writes();
    world.tenant.rename_group(group, "Field Sales");
    insta::assert_snapshot!(world.synced().await, @r#"
    update Field Sales  success  displayName changed
        displayName: "Sales" → "Field Sales"
    "#);
    assert_eq!(world.take_writes().len(), 1);
    assert_eq!(members(&world, "Field Sales"), names(["ada"]));
    assert_eq!(world.application.group_count(), 1);
}

#[tokio::test]
async fn a_group_that_is_no_longer_assigned_is_deleted_and_one_assigned_again_is_made_again() {
    let (mut world, group) = group_of(GROUPS, "Sales", []);
    world.hire("ada");
    world.join(group, "ada");
    world.sync_well().await;
    world.pass(std::time::Duration::from_secs(2 * 3_600));
    world.tenant.unassign(world.enterprise_app, group, None);
    insta::assert_snapshot!(world.synced().await, @r"
    delete Sales  success  no longer assigned to the application
    ");
    assert_eq!(world.application.group_count(), 0);
    world.is_settled().await;
    world.tenant.assign(world.enterprise_app, group, world.editor);
    world.sync_well().await;
    assert_eq!(members(&world, "Sales"), names(["ada"]));
    world.is_settled().await;
}

#[tokio::test]
async fn who_leaves_the_scope_leaves_the_group_and_who_returns_is_back_in_it() {
    let (world, _) = group_of(GROUPS, "Sales", ["ada", "barbara"]);
    world.sync_well().await;
    world.pass(std::time::Duration::from_secs(2 * 3_600));
    world.tenant.soft_delete_user(world.id("ada"));
    insta::assert_snapshot!(world.synced().await, @r#"
    disable ada  success  soft-deleted in the directory
        active: true → false
    update Sales  success  1 member taken out
        members: "u-c5fc598e707e7291" → ∅
    "#);
    assert_eq!(members(&world, "Sales"), names(["barbara"]));
    world.tenant.restore_user(world.id("ada"));
    world.sync_well().await;
    assert_eq!(members(&world, "Sales"), names(["ada", "barbara"]));
    world.is_settled().await;
}

#[tokio::test]
async fn a_disabled_person_stays_a_member_and_a_deleted_one_goes_with_the_account() {
    let (world, _) = group_of(GROUPS, "Sales", ["ada", "barbara"]);
    world.sync_well().await;
    world.take_writes();
    world.tenant.disable_user(world.id("ada"));
    world.sync_well().await;
    assert_eq!(world.take_writes().len(), 1);
    assert_eq!(members(&world, "Sales"), names(["ada", "barbara"]));
}

#[tokio::test]
async fn a_member_who_comes_into_scope_a_year_later_is_added_in_that_cycle() {
    let lines = format!(
        "{GROUPS}\n[[apps.crm.users.scoping_filters]]\n\
         clauses = [{{ attribute = \"department\", operator = \"EQUALS\", value = \"Legal\" }}]\n"
    );
    let (world, group) = group_of(&lines, "Everybody", ["ada", "barbara"]);
    world.set("ada", "department", "Legal");
    world.sync_well().await;
    assert_eq!(members(&world, "Everybody"), names(["ada"]));
    let waiting = log_of(&world, group);
    assert!(
        waiting.iter().any(|row| row.steps.iter().any(|step| step
            .details
            .get("SkipReason")
            .is_some_and(|why| why == "UnableToResolveReferenceAttributeValue"))),
        "{waiting:?}"
    );
    for _ in 0..60 {
        world.pass(std::time::Duration::from_secs(6 * 24 * 3_600));
        world.sync_well().await;
    }
    world.set("barbara", "department", "Legal");
    world.sync_well().await;
    assert_eq!(members(&world, "Everybody"), names(["ada", "barbara"]));
    world.is_settled().await;
}

#[tokio::test]
async fn an_existing_group_is_adopted_with_the_members_it_has_and_strangers_stay() {
    let (world, _) = group_of(GROUPS, "Sales", ["ada", "barbara"]);
    let ada = world.seed_account(json!({"userName": "ada@contoso.com", "active": true}));
    let local = world.seed_account(json!({"userName": "local@contoso.com", "active": true}));
    let group = json!({"displayName": "sales", "members": [{"value": ada}, {"value": local}]});
    world.application.seed_group(group.as_object().expect("an object").clone());
    insta::assert_snapshot!(world.plan().await, @r#"
    adopt Sales  planned  group `g-b7e1e15867216173` has the same `displayName`
        externalId: ∅ → "b7e1e158-6721-4173-bb2b-2203a8a4fd91"
    adopt ada  planned  account `u-c5fc598e707e7291` has the same `userName`
        displayName: ∅ → "Ada Example"
        emails[type eq "work"].value: ∅ → "ada@contoso.com"
        name.givenName: ∅ → "Ada"
        name.familyName: ∅ → "Example"
        name.formatted: ∅ → "Ada Example"
        externalId: ∅ → "ada"
        urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department: ∅ → "Sales"
    create barbara  planned  in scope, and no account matches
        active: ∅ → true
        displayName: ∅ → "Barbara Example"
        emails[type eq "work"].value: ∅ → "barbara@contoso.com"
        externalId: ∅ → "barbara"
        name.familyName: ∅ → "Example"
        name.formatted: ∅ → "Barbara Example"
        name.givenName: ∅ → "Barbara"
        userName: ∅ → "barbara@contoso.com"
        urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department: ∅ → "Sales"
    update Sales  planned  1 member added, 1 member there already
        members: ∅ → "9edd2383-db42-4229-874a-59af0c7c9744"
    "#);
    world.sync_well().await;
    assert_eq!(members(&world, "sales"), names(["ada", "barbara", "local"]));
    world.is_settled().await;
}

#[tokio::test]
async fn two_groups_that_claim_the_same_one_are_refused_and_nothing_is_written_to_it() {
    let (world, first) = group_of(GROUPS, "Sales", ["ada"]);
    let second = world.assigned_group("sales", world.editor);
    let group = json!({"displayName": "SALES"});
    world.application.seed_group(group.as_object().expect("an object").clone());
    let end = world.sync().await;
    assert!(end.error.is_none());
    for group in [first, second] {
        let rows = log_of(&world, group);
        let reason = rows.last().and_then(|row| Some(row.error.as_ref()?.reason.to_string()));
        assert_eq!(reason.as_deref(), Some("DuplicateSourceEntries"), "{rows:?}");
    }
    assert_eq!(world.application.group_count(), 1);
}

#[tokio::test]
async fn members_of_nested_groups_count_where_that_is_wanted_and_a_ring_of_groups_ends() {
    let lines = format!("nested_groups = true\n---\n{GROUPS}");
    let (mut world, outer) = group_of(&lines, "Company", ["ada"]);
    let inner = world.tenant.add_group("Department");
    let innermost = world.tenant.add_group("Team");
    world.tenant.add_member(outer, inner);
    world.tenant.add_member(inner, innermost);
    world.tenant.add_member(innermost, outer);
    world.person("barbara");
    world.join(innermost, "barbara");
    world.sync_well().await;
    assert_eq!(members(&world, "Company"), names(["ada", "barbara"]));
    assert_eq!(world.application.group_count(), 1, "only the assigned group is an object");
    world.is_settled().await;

    world.pass(std::time::Duration::from_secs(2 * 3_600));
    world.person("chloe");
    world.join(innermost, "chloe");
    world.sync_well().await;
    assert_eq!(members(&world, "Company"), names(["ada", "barbara", "chloe"]));
    world.pass(std::time::Duration::from_secs(2 * 3_600));
    world.tenant.remove_member(outer, inner);
    world.sync_well().await;
    assert_eq!(members(&world, "Company"), names(["ada"]));
    assert_eq!(world.active("barbara"), Some(false));
    world.is_settled().await;
}

#[tokio::test]
async fn members_are_sent_in_requests_of_the_size_the_application_takes() {
    let (mut world, group) = group_of(GROUPS, "Sales", []);
    for number in 0..250 {
        let name = format!("person{number:03}");
        world.person(&name);
        world.join(group, &name);
    }
    world.sync_well().await;
    let patches = world
        .application
        .requests()
        .into_iter()
        .filter(|request| request.method == Method::PATCH)
        .count();
    assert_eq!(patches, 3);
    assert_eq!(members(&world, "Sales").len(), 250);
    world.is_settled().await;
}

#[tokio::test]
async fn a_member_that_the_application_refuses_fails_alone() {
    let (mut world, group) = group_of(GROUPS, "Sales", []);
    for name in ["ada", "barbara", "chloe", "donald", "edsger"] {
        world.hire(name);
    }
    world.sync_well().await;
    let ada = world.account("ada@contoso.com").expect("an account")["id"].clone();
    let about_ada = Matcher {
        method: Some(Method::PATCH),
        path_prefix: Some("/Groups".to_owned()),
        body_contains: ada.as_str().map(str::to_owned),
    };
    world.application.inject_by_chance(Fault::status(400), about_ada, 1.0);
    for name in ["ada", "barbara", "chloe", "donald", "edsger"] {
        world.join(group, name);
    }
    let end = world.sync().await;
    assert_eq!(end.report.totals.failure, 1);
    assert_eq!(members(&world, "Sales"), names(["barbara", "chloe", "donald", "edsger"]));
    let failure =
        log_of(&world, group).last().and_then(|row| row.error.clone()).expect("a failure");
    assert!(failure.detail.starts_with("1 member was refused: account `"), "{failure:?}");
    world.application.clear_faults();
    world.later();
    world.sync_well().await;
    assert_eq!(members(&world, "Sales").len(), 5);
    world.is_settled().await;
}

#[tokio::test]
async fn an_application_without_groups_gets_its_people_all_the_same() {
    let (world, _) = group_of(GROUPS, "Sales", ["ada"]);
    let groups = Matcher { path_prefix: Some("/Groups".to_owned()), ..Matcher::default() };
    world.application.inject_by_chance(Fault::status(404), groups, 1.0);
    let end = world.sync().await;
    assert!(end.error.is_none(), "{:?}", end.error);
    assert!(end.report.warnings.iter().any(|text| text.contains("no groups")), "{:?}", end.report);
    assert_eq!(world.active("ada"), Some(true));
}

#[tokio::test]
async fn a_change_of_members_without_an_answer_is_looked_at_before_it_is_sent_again() {
    let (mut world, group) = group_of(GROUPS, "Sales", ["ada", "barbara"]);
    world.hire("chloe");
    world.sync_well().await;
    world.join(group, "chloe");
    world.application.inject(Fault::Reset(Moment::AfterApplying), Matcher::method(Method::PATCH));
    world.sync().await;
    world.later();
    world.application.take_requests();
    world.sync_well().await;
    let requests = world.application.take_requests();
    let methods: Vec<String> =
        requests.iter().map(|request| format!("{} {}", request.method, request.path)).collect();
    assert!(methods.iter().all(|line| line.starts_with("GET")), "{methods:?}");
    assert_eq!(members(&world, "Sales"), names(["ada", "barbara", "chloe"]));
    world.is_settled().await;
}

#[tokio::test]
async fn members_that_the_application_hides_are_written_once_and_no_more() {
    let (mut world, _) = group_of(GROUPS, "Sales", ["ada", "barbara"]);
    world.quirks(Quirks { hides_members: true, ..Quirks::default() });
    world.sync_well().await;
    world.is_settled().await;
    let plan = world.plan_with(CycleOptions { initial: true, ..CycleOptions::default() }).await;
    assert_eq!(plan, "nothing to do\n");
}

#[tokio::test]
async fn taking_many_members_out_is_held_with_everything_else_that_removes() {
    let (mut world, group) = group_of(GROUPS, "Sales", []);
    for number in 0..20 {
        let name = format!("person{number:03}");
        world.hire(&name);
        world.join(group, &name);
    }
    world.sync_well().await;
    world.pass(std::time::Duration::from_secs(2 * 3_600));
    for number in 0..8 {
        world.tenant.remove_member(group, world.id(&format!("person{number:03}")));
    }
    world.person("zoe");
    world.join(group, "zoe");
    world.take_writes();
    let end = world.sync().await;
    let held = end.report.held.expect("something is held");
    assert_eq!((held.removals, held.membership_removals), (0, 8));
    assert_eq!(members(&world, "Sales").len(), 21, "who joins is added all the same");

    let plan = held.plan;
    let now = world.clock.now();
    let released = world.state().write(|tx| tx.approve(&plan, "olga", now)).expect("stored");
    assert_eq!(released, 8);
    world.later();
    world.sync_well().await;
    assert_eq!(members(&world, "Sales").len(), 13);
    world.is_settled().await;
}

/// A world in which the application shows a group without its members, and an error as plain text.
async fn with_hidden_members() -> (World, SourceId) {
    let (mut world, group) = group_of(GROUPS, "Sales", ["ada", "barbara", "chloe"]);
    world.quirks(Quirks { hides_members: true, plain_errors: true, ..Quirks::default() });
    world.expects_violations();
    world.sync_well().await;
    world.a_day_later();
    (world, group)
}

#[tokio::test]
async fn a_hidden_member_whose_leaving_had_no_answer_is_out_after_one_more_request() {
    let (world, group) = with_hidden_members().await;
    world.tenant.remove_member(group, world.id("ada"));
    world.application.inject(
        Fault::Reset(Moment::AfterApplying),
        Matcher { path_prefix: Some("/Groups".to_owned()), ..Matcher::method(Method::PATCH) },
    );
    world.sync_well().await;
    assert_eq!(members(&world, "Sales"), names(["barbara", "chloe"]));
    world.later();
    // Nobody can tell by now whether she left: taken out again, she is refused as nobody's member.
    let end = world.sync_well().await;
    assert_eq!(end.report.totals.failure, 0, "{}", world.last_plan());
    assert_eq!(members(&world, "Sales"), names(["barbara", "chloe"]));
    world.is_settled().await;
}

#[tokio::test]
async fn a_hidden_member_whom_the_application_does_not_let_go_fails_and_stays_known() {
    let (world, group) = with_hidden_members().await;
    world.tenant.remove_member(group, world.id("ada"));
    let patches =
        Matcher { path_prefix: Some("/Groups".to_owned()), ..Matcher::method(Method::PATCH) };
    world.application.inject_by_chance(Fault::status(400), patches, 1.0);
    let end = world.sync().await;
    assert_eq!(end.report.totals.failure, 1);
    assert_eq!(members(&world, "Sales"), names(["ada", "barbara", "chloe"]));
    world.application.clear_faults();
    world.a_day_later();
    world.sync_well().await;
    assert_eq!(members(&world, "Sales"), names(["barbara", "chloe"]));
    world.is_settled().await;
}

const EVERY_GROUP: &str = "scope = \"all\"\n---\n[apps.crm.groups]\nenabled = true\n";

#[tokio::test]
async fn a_group_that_a_complete_reading_missed_is_gone_after_two_cycles() {
    for lines in [GROUPS, EVERY_GROUP] {
        let (world, group) = group_of(lines, "Sales", ["ada"]);
        world.tenant.switch(|tenant| tenant.lists_assignments_of_deleted = true);
        world.sync_well().await;
        // The link to the changes is forgotten before anybody hears of its end.
        world.tenant.delete_group(group);
        world.pass(std::time::Duration::from_secs(8 * 86_400));
        world.sync_well().await;
        assert_eq!(world.application.group_count(), 1, "one reading proves nothing: {lines}");
        world.later();
        world.sync_well().await;
        assert_eq!(world.application.group_count(), 0, "{lines}: {:?}", log_of(&world, group));
        world.is_settled().await;
    }
}

#[tokio::test]
async fn a_group_that_ends_while_another_joins_its_chain_is_gone_after_two_cycles() {
    let (world, group) = group_of(GROUPS, "Sales", ["ada"]);
    world.tenant.switch(|tenant| tenant.lists_assignments_of_deleted = true);
    world.sync_well().await;
    world.tenant.delete_group(group);
    world.assigned_group("Support", world.editor);
    world.sync_well().await;
    assert_eq!(world.application.group_count(), 2);
    world.later();
    world.sync_well().await;
    assert!(at_target(&world, "Sales").is_none() && at_target(&world, "Support").is_some());
    world.is_settled().await;
}

#[tokio::test]
async fn a_group_that_a_reading_missed_for_once_is_kept() {
    let (world, group) = group_of(GROUPS, "Sales", ["ada"]);
    world.sync_well().await;
    world.tenant.delete_group(group);
    world.assigned_group("Support", world.editor);
    world.tenant.switch(|tenant| tenant.lists_assignments_of_deleted = true);
    for _ in 0..2 {
        world.sync_well().await;
        world.tenant.restore_group(group);
        world.later();
    }
    world.sync_well().await;
    assert_eq!(members(&world, "Sales"), names(["ada"]));
    assert!(!log_of(&world, group).iter().any(|row| row.action == Action::Delete));
    world.is_settled().await;
}

#[tokio::test]
async fn a_group_that_ended_before_it_could_be_made_is_never_made() {
    for lines in [GROUPS, EVERY_GROUP] {
        let (world, group) = group_of(lines, "Sales", ["ada"]);
        world.tenant.switch(|tenant| tenant.lists_assignments_of_deleted = true);
        let create =
            Matcher { path_prefix: Some("/Groups".to_owned()), ..Matcher::method(Method::POST) };
        world.application.inject(Fault::status(409), create);
        world.sync().await;
        assert_eq!(world.application.group_count(), 0);
        world.tenant.delete_group(group);
        world.pass(std::time::Duration::from_secs(8 * 86_400));
        for _ in 0..3 {
            world.later();
            world.sync_well().await;
        }
        assert_eq!(world.application.group_count(), 0, "{lines}");
        world.is_settled().await;
    }
}
