//! Groups as objects: they come, are renamed, go and come back, and their members follow whoever
//! has an account, whenever that is.

use std::collections::BTreeMap;

use entra_scim::{
    model::SourceId,
    provisioning::{Action, ChangeStatus},
    sandbox::tenant::Fault,
};
use serde_json::{Value, json};

use super::host::{Host, Life, on_every_host};

on_every_host! {
    a_group_is_created_empty_and_its_members_follow
    a_renamed_group_keeps_its_account_and_its_members
    a_group_that_goes_is_deleted_and_made_again_when_it_is_back
    a_group_is_matched_by_its_id_and_then_by_its_name
    a_second_group_that_claims_the_same_one_is_refused
    a_name_that_another_group_has_is_refused_where_names_are_unique
    a_member_who_comes_a_year_later_is_added_and_one_who_leaves_is_taken_out
    a_restored_member_gets_the_groups_and_the_manager_back
    a_purged_member_is_taken_out_of_every_group
    a_group_that_the_application_lost_is_made_again
    people_who_change_groups_are_moved_and_nothing_else_happens
    nested_members_are_flattened_and_a_ring_of_groups_ends
    members_in_any_form_that_the_directory_tells_them_are_the_same
    a_group_that_was_known_for_its_members_becomes_an_object_once_it_is_assigned
}

const GROUPS: &str = "---\n[apps.crm.groups]\nenabled = true\n";

impl Life {
    /// Groups are provisioned, with these lines of configuration besides.
    fn with_groups(&mut self, app: &str, rest: &str) {
        self.configure(&format!("{app}{GROUPS}{rest}"));
    }

    /// An assigned group of these people, who are in the application by it alone.
    fn group_of<const N: usize>(&mut self, name: &str, people: [&str; N]) -> SourceId {
        let group = self.assigned_group(name, self.editor);
        for person in people {
            if !self.people.contains_key(person) {
                self.person(person);
            }
            self.join(group, person);
        }
        group
    }
}

async fn a_group_is_created_empty_and_its_members_follow(mut life: Life) {
    life.with_groups("", "");
    let group = life.group_of("Sales", ["ada", "grace"]);
    life.group_of("Empty", []);
    let writes = life.good_cycle().await;
    let made = ["PATCH group Sales", "POST ada", "POST grace", "POST group Empty"];
    assert_eq!(writes, [made.as_slice(), &["POST group Sales"]].concat());
    assert_eq!(life.members("Sales").await, ["ada", "grace"]);
    assert_eq!(life.members("Empty").await, [""; 0]);
    let sales = life.group_named("Sales").await.expect("there");
    assert_eq!(sales["externalId"], json!(group.to_string()));
    life.rests().await;

    life.hire("linus");
    life.good_cycle().await;
    life.join(group, "linus");
    assert_eq!(life.good_cycle().await, ["PATCH group Sales"]);
    assert_eq!(life.members("Sales").await, ["ada", "grace", "linus"]);
    life.rests().await;
    life.tenant.remove_member(group, life.id("linus"));
    assert_eq!(life.good_cycle().await, ["PATCH group Sales"]);
    assert_eq!(life.members("Sales").await, ["ada", "grace"]);
    assert_eq!(life.is_active("linus").await, Some(true), "assigned directly as well");
    life.rests().await;
}

async fn a_renamed_group_keeps_its_account_and_its_members(mut life: Life) {
    life.with_groups("", "");
    let group = life.group_of("Sales", ["ada", "grace"]);
    life.begins().await;
    let id = life.group_named("Sales").await.expect("there")["id"].clone();
    life.tenant.rename_group(group, "Field Sales");
    assert_eq!(life.good_cycle().await, ["PATCH group Sales"]);
    assert_eq!(life.group_named("Field Sales").await.expect("there")["id"], id);
    assert_eq!(life.members("Field Sales").await, ["ada", "grace"]);
    life.rests().await;

    // Another group takes the name at once, and one more member comes with the next rename.
    life.tenant.rename_group(group, "Sales Abroad");
    life.hire("linus");
    life.join(group, "linus");
    life.group_of("Field Sales", ["grace"]);
    life.good_cycle().await;
    assert_eq!(life.group_named("Sales Abroad").await.expect("there")["id"], id);
    assert_eq!(life.members("Sales Abroad").await, ["ada", "grace", "linus"]);
    assert_eq!(life.members("Field Sales").await, ["grace"]);
    life.rests().await;
}

async fn a_group_that_goes_is_deleted_and_made_again_when_it_is_back(mut life: Life) {
    life.with_groups("", "");
    life.hire_all(["ada", "grace"]);
    let sales = life.group_of("Sales", ["ada", "grace"]);
    let legal = life.group_of("Legal", ["ada"]);
    life.begins().await;
    let app = life.enterprise_app;
    life.tenant.unassign(app, sales, None);
    life.tenant.delete_group(legal);
    assert_eq!(life.good_cycle().await, ["DELETE group Legal", "DELETE group Sales"]);
    assert_eq!(life.last_of(sales).0, Action::Delete);
    assert_eq!(life.groups().await, [Value::Null; 0]);
    for name in ["ada", "grace"] {
        assert_eq!(life.is_active(name).await, Some(true));
    }
    life.rests().await;

    life.tenant.assign(app, sales, life.editor);
    life.tenant.restore_group(legal);
    life.tenant.assign(app, legal, life.editor);
    let made = ["PATCH group Legal", "PATCH group Sales", "POST group Legal", "POST group Sales"];
    assert_eq!(life.good_cycle().await, made);
    assert_eq!(life.members("Sales").await, ["ada", "grace"]);
    assert_eq!(life.members("Legal").await, ["ada"]);
    life.rests().await;
}

async fn a_group_is_matched_by_its_id_and_then_by_its_name(mut life: Life) {
    life.with_groups("", "");
    life.hire_all(["ada", "grace"]);
    let sales = life.group_of("Sales", ["ada"]);
    life.group_of("Legal", ["grace"]);
    let by_id = json!({ "displayName": "Old Sales", "externalId": sales.to_string() });
    let by_id = life.seed_group(by_id).await;
    let by_name = life.seed_group(json!({ "displayName": "Legal", "externalId": "other" })).await;
    let stranger = life.seed_group(json!({ "displayName": "Local", "externalId": "local" })).await;
    life.a_day_later();
    life.good_cycle().await;
    let found: BTreeMap<String, Value> = life
        .groups()
        .await
        .into_iter()
        .map(|group| (group["displayName"].as_str().expect("a name").to_owned(), group))
        .collect();
    // Where the id is not shown, a match by it cannot be checked, and one that cannot is none.
    let (id_of, count) = match life.host {
        Host::Entra => ("Old Sales", 4),
        Host::Strict | Host::Blind | Host::Scim2Server | Host::BetterAuth => ("Sales", 3),
    };
    assert_eq!(found.len(), count, "{found:#?}");
    assert_eq!(found[id_of]["id"], json!(by_id));
    assert_eq!(found["Legal"]["id"], json!(by_name));
    assert_eq!(found["Local"]["id"], json!(stranger));
    assert_eq!(life.members("Sales").await, ["ada"]);
    assert_eq!(life.members("Legal").await, ["grace"]);
    assert_eq!(life.members("Local").await, [""; 0]);
    life.rests().await;
}

async fn a_second_group_that_claims_the_same_one_is_refused(mut life: Life) {
    life.expects_violations();
    life.with_groups("", "");
    life.hire_all(["ada", "grace"]);
    life.group_of("Sales", ["ada"]);
    life.begins().await;
    let second = life.group_of("sales", ["grace"]);
    assert_eq!(life.cycle().await, [""; 0]);
    let refused = (Action::Skip, ChangeStatus::Failure, "DuplicateSourceEntries".to_owned());
    assert_eq!(life.last_of(second), refused);
    assert_eq!(life.members("Sales").await, ["ada"]);
    assert_eq!(life.groups().await.len(), 1);

    life.tenant.rename_group(second, "Sales Abroad");
    life.later();
    assert_eq!(life.good_cycle().await, ["PATCH group Sales Abroad", "POST group Sales Abroad"]);
    assert_eq!(life.members("Sales Abroad").await, ["grace"]);
    life.rests().await;
}

async fn a_name_that_another_group_has_is_refused_where_names_are_unique(mut life: Life) {
    life.expects_violations();
    life.with_groups("", "");
    life.hire("ada");
    let sales = life.group_of("Sales", ["ada"]);
    life.seed_group(json!({ "displayName": "Local", "externalId": "local" })).await;
    life.begins().await;
    life.tenant.rename_group(sales, "Local");
    let writes = life.cycle().await;
    match life.host {
        Host::Strict | Host::BetterAuth => {
            assert_eq!(writes, ["PATCH group Sales 409"]);
            let row = (Action::Update, ChangeStatus::Failure, "EntryConflict".to_owned());
            assert_eq!(life.last_of(sales), row);
            assert_eq!(life.members("Sales").await, ["ada"]);
            life.tenant.rename_group(sales, "Field Sales");
            life.later();
            life.good_cycle().await;
            assert_eq!(life.members("Field Sales").await, ["ada"]);
        }
        Host::Entra | Host::Blind | Host::Scim2Server => {
            assert_eq!(writes, ["PATCH group Sales"]);
            assert_eq!(life.groups().await.len(), 2);
        }
    }
    life.rests().await;
}

async fn a_member_who_comes_a_year_later_is_added_and_one_who_leaves_is_taken_out(mut life: Life) {
    let filter = "[[apps.crm.users.scoping_filters]]\nclauses = [{ attribute = \"department\", \
                  operator = \"EQUALS\", value = \"Sales\" }]\n";
    life.with_groups("", filter);
    let group = life.group_of("Everybody", ["ada", "grace"]);
    life.set("grace", "department", "Legal");
    life.good_cycle().await;
    assert_eq!(life.members("Everybody").await, ["ada"]);
    let waits = life.log_of(group).iter().any(|row| {
        row.steps.iter().any(|step| {
            step.details.values().any(|text| text == "UnableToResolveReferenceAttributeValue")
        })
    });
    assert!(waits, "{:#?}", life.log_of(group));
    life.rests().await;

    life.pass(std::time::Duration::from_secs(365 * 86_400));
    life.set("grace", "department", "Sales");
    assert_eq!(life.good_cycle().await, ["PATCH group Everybody", "POST grace"]);
    assert_eq!(life.members("Everybody").await, ["ada", "grace"]);
    life.rests().await;

    life.set("ada", "department", "Legal");
    assert_eq!(life.good_cycle().await, ["PATCH ada", "PATCH group Everybody"]);
    assert_eq!(life.members("Everybody").await, ["grace"]);
    assert_eq!(life.is_active("ada").await, Some(false));
    life.rests().await;
}

async fn a_restored_member_gets_the_groups_and_the_manager_back(mut life: Life) {
    life.with_groups("", "");
    life.group_of("Sales", ["ada", "grace"]);
    life.group_of("Legal", ["ada"]);
    life.tenant.set_manager(life.id("ada"), Some(life.id("grace")));
    life.begins().await;
    life.tenant.soft_delete_user(life.id("ada"));
    let gone = ["PATCH ada", "PATCH group Legal", "PATCH group Sales"];
    assert_eq!(life.good_cycle().await, gone);
    assert_eq!(life.members("Sales").await, ["grace"]);
    assert_eq!(life.members("Legal").await, [""; 0]);
    life.rests().await;
    life.days_pass(20).await;
    life.tenant.restore_user(life.id("ada"));
    assert_eq!(life.good_cycle().await, gone);
    assert_eq!(life.members("Sales").await, ["ada", "grace"]);
    assert_eq!(life.members("Legal").await, ["ada"]);
    life.is("ada", true, Some("grace")).await;
    life.rests().await;

    // Somebody who is only disabled stays a member.
    life.tenant.disable_user(life.id("ada"));
    assert_eq!(life.good_cycle().await, ["PATCH ada"]);
    assert_eq!(life.members("Sales").await, ["ada", "grace"]);
    life.rests().await;
}

async fn a_purged_member_is_taken_out_of_every_group(mut life: Life) {
    // An application that drops references to what is deleted itself leaves nothing to be cleared.
    life.expects_violations();
    life.with_groups("", "");
    life.group_of("Sales", ["ada", "grace", "linus"]);
    life.group_of("Legal", ["ada", "linus"]);
    life.begins().await;
    life.tenant.purge_user(life.id("ada"));
    let writes = life.good_cycle().await;
    assert!(writes.contains(&"DELETE ada".to_owned()), "{writes:?}");
    life.later();
    life.good_cycle().await;
    // Members go with their account. One service leaves an id behind that leads nowhere.
    let left: &[&str] = if life.host == Host::Scim2Server { &["ada"] } else { &[] };
    assert_eq!(life.members("Sales").await, [left, &["grace", "linus"]].concat());
    assert_eq!(life.members("Legal").await, [left, &["linus"]].concat());
    life.rests().await;
}

async fn a_group_that_the_application_lost_is_made_again(mut life: Life) {
    life.expects_violations();
    life.with_groups("", "");
    life.hire("linus");
    let group = life.group_of("Sales", ["ada", "grace"]);
    life.begins().await;
    let old = life.group_named("Sales").await.expect("there")["id"].clone();
    life.tamper_delete_group(old.as_str().expect("an id")).await;
    life.join(group, "linus");
    assert_eq!(life.cycle().await, ["PATCH group Sales 404"]);
    assert_eq!(life.last_of(group).2, "InvalidAnchor");
    life.later();
    assert_eq!(life.good_cycle().await, ["PATCH group Sales", "POST group Sales"]);
    assert_eq!(life.members("Sales").await, ["ada", "grace", "linus"]);
    life.rests().await;
}

async fn people_who_change_groups_are_moved_and_nothing_else_happens(mut life: Life) {
    life.with_groups("", "");
    let sales = life.group_of("Sales", ["ada", "grace"]);
    let legal = life.group_of("Legal", ["linus"]);
    life.begins().await;
    life.tenant.remove_member(sales, life.id("ada"));
    life.join(legal, "ada");
    assert_eq!(life.good_cycle().await, ["PATCH group Legal", "PATCH group Sales"]);
    assert_eq!(life.members("Sales").await, ["grace"]);
    assert_eq!(life.members("Legal").await, ["ada", "linus"]);
    assert_eq!(life.is_active("ada").await, Some(true));
    life.rests().await;
    // Assigned directly instead, she stays in the application and is in no group of it.
    life.tenant.remove_member(legal, life.id("ada"));
    life.assign("ada", Some(life.editor));
    assert_eq!(life.good_cycle().await, ["PATCH group Legal"]);
    assert_eq!(life.members("Legal").await, ["linus"]);
    assert_eq!(life.is_active("ada").await, Some(true));
    life.rests().await;
}

async fn nested_members_are_flattened_and_a_ring_of_groups_ends(mut life: Life) {
    life.with_groups("nested_groups = true\n", "");
    let outer = life.group_of("Company", ["ada"]);
    let inner = life.tenant.add_group("Department");
    let innermost = life.tenant.add_group("Team");
    for (group, member) in [(outer, inner), (inner, innermost), (innermost, outer)] {
        life.tenant.add_member(group, member);
    }
    life.person("grace");
    life.join(innermost, "grace");
    life.begins().await;
    assert_eq!(life.members("Company").await, ["ada", "grace"]);
    assert_eq!(life.groups().await.len(), 1, "only what is assigned is an object");

    life.person("linus");
    life.join(innermost, "linus");
    assert_eq!(life.good_cycle().await, ["PATCH group Company", "POST linus"]);
    life.rests().await;
    life.tenant.remove_member(inner, innermost);
    let gone = ["PATCH grace", "PATCH group Company", "PATCH linus"];
    assert_eq!(life.good_cycle().await, gone);
    assert_eq!(life.members("Company").await, ["ada"]);
    assert_eq!(life.is_active("grace").await, Some(false));
    life.rests().await;
}

async fn members_in_any_form_that_the_directory_tells_them_are_the_same(mut life: Life) {
    life.with_groups("", "");
    life.tenant.switch(|tenant| {
        tenant.initial_round_names_former_members = true;
        tenant.initial_round_names_deleted = true;
        tenant.delta_names_soft_deleted_members = true;
    });
    // More than Graph names in one row of a round, and one who was a member before.
    let group = life.group_of("Sales", []);
    let names: Vec<String> = (0..60).map(|number| format!("p{number:02}")).collect();
    for name in &names {
        life.person(name);
        life.join(group, name);
    }
    life.hire("ada");
    life.join(group, "ada");
    life.tenant.remove_member(group, life.id("ada"));
    life.join(group, "p00");
    life.tenant.soft_delete_user(life.id("p59"));
    let expected = &names[..59];
    for fault in [Fault::DuplicateRows, Fault::ShortPage, Fault::EmptyPage, Fault::ShuffleRows] {
        life.tenant.inject_at("/groups/delta", fault);
    }
    life.good_cycle().await;
    assert_eq!(life.members("Sales").await, expected);
    life.rests().await;

    // A round that is told again, twice, and begun anew changes nothing.
    life.join(group, "ada");
    life.tenant.inject_at("/groups/delta", Fault::DuplicateRows);
    life.good_cycle().await;
    let with_ada: Vec<String> =
        std::iter::once("ada".to_owned()).chain(expected.iter().cloned()).collect();
    assert_eq!(life.members("Sales").await, with_ada);
    for fault in [Fault::ReplayRows, Fault::SyncStateNotFound, Fault::RemovedInInitialRound] {
        life.tenant.inject_at("/groups/delta", fault);
        life.later();
        assert_eq!(life.good_cycle().await, [""; 0]);
    }
    life.rests().await;
}

async fn a_group_that_was_known_for_its_members_becomes_an_object_once_it_is_assigned(
    mut life: Life,
) {
    life.with_groups("nested_groups = true\n", "");
    let outer = life.group_of("Company", ["ada"]);
    let inner = life.tenant.add_group("Department");
    life.tenant.add_member(outer, inner);
    life.person("grace");
    life.join(inner, "grace");
    life.begins().await;
    let (app, editor) = (life.enterprise_app, life.editor);
    life.tenant.assign(app, inner, editor);
    let made = ["PATCH group Department", "POST group Department"];
    assert_eq!(life.good_cycle().await, made);
    assert_eq!(life.members("Department").await, ["grace"]);
    life.rests().await;

    // What happens to it while it is not an object counts once it is one again.
    life.tenant.unassign(app, inner, None);
    assert_eq!(life.good_cycle().await, ["DELETE group Department"]);
    life.rests().await;
    life.tenant.rename_group(inner, "Division");
    assert_eq!(life.good_cycle().await, [""; 0]);
    life.tenant.assign(app, inner, editor);
    assert_eq!(life.good_cycle().await, ["PATCH group Division", "POST group Division"]);
    assert_eq!(life.members("Division").await, ["grace"]);
    assert_eq!(life.members("Company").await, ["ada", "grace"]);
    life.rests().await;
}
