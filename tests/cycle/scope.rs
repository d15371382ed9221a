//! Who belongs to the application, and what the log says of those who do not.

use entra_scim::{
    model::{AppRole, AppRoleId},
    sandbox::tenant::ObjectType,
};
use insta::assert_snapshot;
use serde_json::json;

use crate::support::world::World;

fn legacy() -> AppRole {
    AppRole {
        id: AppRoleId::derive(&["legacy"]),
        display_name: "Legacy".to_owned(),
        value: Some("legacy".to_owned()),
        is_enabled: true,
    }
}

#[tokio::test]
async fn default_access_alone_is_not_enough_and_the_log_says_so() {
    let mut world = World::new();
    world.person("ada");
    world.assign("ada", None);
    assert_eq!(world.synced().await, "nothing to do\n");
    assert_eq!(world.active("ada"), None);
    assert_eq!(
        world.reason("ada"),
        "skipped NotEffectivelyEntitled: assigned with Default Access only, which is excluded"
    );
    world.is_settled().await;
}

#[tokio::test]
async fn default_access_is_enough_where_it_is_not_excluded() {
    let mut world = World::with_config("exclude_default_access = false\n---");
    world.person("ada");
    world.assign("ada", None);
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(true));
    world.is_settled().await;
}

#[tokio::test]
async fn one_real_role_by_any_path_is_enough() {
    let mut world = World::new();
    for name in ["ada", "grace", "edsger"] {
        world.person(name);
        world.assign(name, None);
    }
    let editors = world.assigned_group("Editors", world.editor);
    world.join(editors, "ada");
    world.assign("grace", Some(world.editor));
    world.sync_well().await;
    assert_eq!(
        (world.active("ada"), world.active("grace"), world.active("edsger")),
        (Some(true), Some(true), None)
    );
    world.is_settled().await;
}

#[tokio::test]
async fn group_with_default_access_brings_nobody_in() {
    let mut world = World::new();
    world.person("ada");
    let everybody = world.assigned_group("Everybody", entra_scim::model::DEFAULT_ACCESS);
    world.join(everybody, "ada");
    assert_eq!(world.synced().await, "nothing to do\n");
    assert_eq!(world.active("ada"), None);
    assert!(world.reason("ada").contains("Default Access"), "{}", world.reason("ada"));
    // A real role for the same group brings its members in.
    world.tenant.assign(world.enterprise_app, everybody, world.editor);
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(true));
    world.is_settled().await;
}

#[tokio::test]
async fn members_of_an_assigned_group_come_and_go_with_it() {
    let mut world = World::new();
    world.hire("edsger");
    for name in ["ada", "grace"] {
        world.person(name);
    }
    let editors = world.assigned_group("Editors", world.editor);
    world.join(editors, "ada");
    let world = world.all_provisioned().await;
    world.join(editors, "grace");
    assert_snapshot!(world.synced().await, @r#"
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
    world.a_day_later();
    world.tenant.remove_member(editors, world.id("ada"));
    assert_snapshot!(world.synced().await, @"
    disable ada  success  no longer assigned to the application
        active: true → false
    ");
    world.tenant.unassign(world.enterprise_app, editors, None);
    assert_snapshot!(world.synced().await, @"
    disable grace  success  no longer assigned to the application
        active: true → false
    ");
    world.is_settled().await;
}

#[tokio::test]
async fn deleted_group_gives_no_role_and_a_restored_one_gives_it_again() {
    let mut world = World::new();
    world.hire_all(["grace", "edsger"]);
    world.person("ada");
    let editors = world.assigned_group("Editors", world.editor);
    world.join(editors, "ada");
    let world = world.all_provisioned().await;
    world.tenant.delete_group(editors);
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(false));
    world.later();
    world.tenant.restore_group(editors);
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(true));
    world.is_settled().await;
}

#[tokio::test]
async fn nested_groups_bring_nobody_in() {
    let mut world = World::new();
    world.person("ada");
    let outer = world.assigned_group("Outer", world.editor);
    let inner = world.tenant.add_group("Inner");
    world.tenant.add_member(outer, inner);
    world.join(inner, "ada");
    world.sync_well().await;
    assert_eq!(world.active("ada"), None);
}

#[tokio::test]
async fn devices_and_service_principals_are_nobody() {
    let world = World::with_users(["ada"]);
    let group = world.assigned_group("Mixed", world.editor);
    let device = world.tenant.add_other(ObjectType::Device, "Laptop");
    world.tenant.add_member(group, device);
    let robot = world.tenant.add_other(ObjectType::ServicePrincipal, "Robot");
    world.tenant.add_member(group, robot);
    world.tenant.assign(world.enterprise_app, robot, world.editor);
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.create, end.report.totals.failure), (1, 0));
    let again = world.sync_well().await;
    assert!(again.report.requests.graph <= 6, "{:?}", again.report.requests);
    assert_eq!(world.application.user_count(), 1);
}

#[tokio::test]
async fn disabled_role_still_entitles_but_flows_no_value_and_warns() {
    let mut world = World::with_config(
        r#"---
[apps.crm.users]
inherit = true
[[apps.crm.users.attributes]]
target = "nickName"
expression = 'SingleAppRoleAssignment([appRoleAssignments])'
"#,
    );
    world.hire("ada");
    world.sync_well().await;
    assert_eq!(world.account("ada@contoso.com").expect("there")["nickName"], json!("Editor"));
    world.tenant.disable_role(world.enterprise_app, world.editor);
    assert_snapshot!(world.synced().await, @r#"
    update ada  success  nickName changed
        nickName: "Editor" → ∅
    "#);
    assert_eq!(world.active("ada"), Some(true));
    let warned = world.log("ada").last().expect("a row").steps.iter().any(|step| {
        step.description.contains("disabled or removed app role")
            && step.status == entra_scim::provisioning::StepStatus::Warning
    });
    assert!(warned, "{:?}", world.log("ada").last());
    world.is_settled().await;
}

#[tokio::test]
async fn vanished_role_still_entitles() {
    let mut world = World::new();
    world.tenant.add_app_role(world.enterprise_app, &legacy());
    world.person("ada");
    world.assign("ada", Some(legacy().id));
    world.sync_well().await;
    world.a_day_later();
    world.tenant.remove_role(world.enterprise_app, legacy().id);
    assert_eq!(world.synced().await, "nothing to do\n");
    assert_eq!(world.active("ada"), Some(true));
    world.is_settled().await;
}

#[tokio::test]
async fn losing_one_of_several_roles_takes_nothing_away() {
    let world = World::with_users(["ada"]);
    world.tenant.add_app_role(world.enterprise_app, &legacy());
    world.assign("ada", Some(legacy().id));
    world.assign("ada", None);
    let world = world.all_provisioned().await;
    world.tenant.unassign(world.enterprise_app, world.id("ada"), Some(world.editor));
    assert_eq!(world.synced().await, "nothing to do\n");
    world.tenant.unassign(world.enterprise_app, world.id("ada"), Some(legacy().id));
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(false));
}

#[tokio::test]
async fn soft_deleted_member_of_a_group_is_nobody_until_restored() {
    let mut world = World::new();
    world.tenant.switch(|switches| {
        switches.delta_names_soft_deleted_members = true;
        switches.lists_assignments_of_deleted = true;
    });
    world.hire_all(["grace"]);
    world.person("ada");
    world.person("edsger");
    world.assign("edsger", Some(world.editor));
    let editors = world.assigned_group("Editors", world.editor);
    world.join(editors, "ada");
    world.tenant.soft_delete_user(world.id("ada"));
    world.tenant.soft_delete_user(world.id("edsger"));
    let end = world.sync_well().await;
    assert_eq!(end.report.totals.create, 1, "{}", world.last_plan());
    world.later();
    world.tenant.restore_user(world.id("ada"));
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(true));
    world.is_settled().await;
}

#[tokio::test]
async fn active_account_of_someone_disabled_is_listed_in_the_first_plan_and_left_alone() {
    let world = World::with_users(["ada", "grace"]);
    world.seed_account(json!({"userName": "ada@contoso.com", "active": true}));
    world.set("ada", "accountEnabled", false);
    assert_snapshot!(world.plan().await, @r#"
    skip ada  warning  disabled in the directory, and the active account `u-c5fc598e707e7291` matches; it is not ours, so it was left as it is
    create grace  planned  in scope, and no account matches
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
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(true));
    assert!(world.reason("ada").starts_with("warning NotEffectivelyEntitled"));
}

#[tokio::test]
async fn scope_all_takes_everybody_without_an_assignment() {
    let mut world = World::with_config("scope = \"all\"\n---");
    for name in ["ada", "grace", "edsger"] {
        world.person(name);
    }
    world.set("edsger", "accountEnabled", false);
    let end = world.sync_well().await;
    assert_eq!(end.report.totals.create, 2);
    world.is_settled().await;
    world.later();
    world.set("edsger", "accountEnabled", true);
    world.set("ada", "displayName", "Ada L");
    world.person("barbara");
    assert_snapshot!(world.synced().await, @r#"
    update ada  success  displayName changed
        displayName: "Ada Example" → "Ada L"
    create barbara  success  in scope, and no account matches
        active: ∅ → true
        displayName: ∅ → "Barbara Example"
        emails[type eq "work"].value: ∅ → "barbara@contoso.com"
        externalId: ∅ → "barbara"
        name.familyName: ∅ → "Example"
        name.formatted: ∅ → "Barbara Example"
        name.givenName: ∅ → "Barbara"
        userName: ∅ → "barbara@contoso.com"
        urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department: ∅ → "Sales"
    create edsger  success  in scope, and no account matches
        active: ∅ → true
        displayName: ∅ → "Edsger Example"
        emails[type eq "work"].value: ∅ → "edsger@contoso.com"
        externalId: ∅ → "edsger"
        name.familyName: ∅ → "Example"
        name.formatted: ∅ → "Edsger Example"
        name.givenName: ∅ → "Edsger"
        userName: ∅ → "edsger@contoso.com"
        urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department: ∅ → "Sales"
    "#);
    world.is_settled().await;
    world.tenant.soft_delete_user(world.id("ada"));
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(false));
    world.is_settled().await;
}

#[tokio::test]
async fn scope_all_with_managers_reads_them_from_the_same_round() {
    let mut world = World::with_config("scope = \"all\"\n---");
    for name in ["ada", "grace"] {
        world.person(name);
    }
    world.tenant.set_manager(world.id("ada"), Some(world.id("grace")));
    assert_snapshot!(world.synced().await, @r#"
    create ada  success  in scope, and no account matches
        active: ∅ → true
        displayName: ∅ → "Ada Example"
        emails[type eq "work"].value: ∅ → "ada@contoso.com"
        externalId: ∅ → "ada"
        name.familyName: ∅ → "Example"
        name.formatted: ∅ → "Ada Example"
        name.givenName: ∅ → "Ada"
        userName: ∅ → "ada@contoso.com"
        urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department: ∅ → "Sales"
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
    update ada  success  urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager changed
        urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager: ∅ → "u-c5fc598e707e7291"
    "#);
    world.is_settled().await;
}

const WITHOUT_MANAGER: &str = r#"scope = "all"
---
[[apps.crm.users.attributes]]
target = "userName"
source = "userPrincipalName"
match = 1
[[apps.crm.users.attributes]]
target = "active"
expression = 'Not([IsSoftDeleted])'
"#;

#[tokio::test]
async fn scope_all_without_managers_follows_changes_too() {
    let mut world = World::with_config(WITHOUT_MANAGER);
    for name in ["ada", "grace"] {
        world.person(name);
    }
    let world = world.all_provisioned().await;
    assert_eq!(world.application.user_count(), 2);
    world.tenant.soft_delete_user(world.id("ada"));
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(false));
    world.is_settled().await;
}

#[tokio::test]
async fn from_assigned_to_all_and_back() {
    let mut world = World::with_users(["ada"]);
    world.person("grace");
    world.sync_well().await;
    assert_eq!(world.active("grace"), None);
    world.reconfigure("scope = \"all\"\n---");
    world.sync_well().await;
    assert_eq!(world.active("grace"), Some(true));
    world.is_settled().await;
    world.a_day_later();
    world.reconfigure("");
    world.sync_well().await;
    assert_eq!((world.active("ada"), world.active("grace")), (Some(true), Some(false)));
    world.is_settled().await;
}

#[tokio::test]
async fn unassigned_people_are_not_even_mentioned() {
    let mut world = World::with_users(["ada"]);
    world.person("grace");
    world.sync_well().await;
    assert!(world.log("grace").is_empty());
}

#[tokio::test]
async fn person_who_loses_the_role_is_logged_as_not_entitled() {
    let world = World::with_users(["ada", "grace"]).all_provisioned().await;
    world.unassign("ada");
    world.sync_well().await;
    assert_eq!(
        world.reason("ada"),
        "success NotEffectivelyEntitled: no longer assigned to the application"
    );
}
