//! Scoping filters over whole cycles: who comes in, who goes, and what nobody is put out by.

use entra_scim::{cycle::CycleOptions, model::Clock as _, provisioning::StepKind};
use insta::assert_snapshot;
use serde_json::json;

use crate::support::world::World;

/// A world with one filter of these clauses.
fn filtered(clauses: &str) -> World {
    World::with_config(&configuration("", clauses))
}

fn configuration(app: &str, clauses: &str) -> String {
    format!(
        "{app}\n---\n[[apps.crm.users.scoping_filters]]\nname = \"the story's\"\nclauses = \
         [{clauses}]\n"
    )
}

/// What the log says of each clause that the last decision about a person looked at.
fn findings(world: &World, name: &str) -> String {
    let rows = world.log(name);
    let row = rows.last().expect("a row");
    let step = row.steps.iter().find(|step| step.kind == StepKind::Scoping).expect("a step");
    let mut lines: Vec<String> = step
        .details
        .iter()
        .filter(|(name, _)| name.to_lowercase().contains("filter"))
        .map(|(name, value)| format!("{name} = {value}"))
        .collect();
    lines.sort();
    lines.join("\n")
}

#[tokio::test]
async fn who_passes_gets_an_account_and_the_log_says_what_each_clause_saw() {
    let mut world = filtered(
        r#"{ attribute = "department", operator = "EQUALS", value = "Engineering" },
           { attribute = "userType", operator = "NOT EQUALS", value = "Guest" }"#,
    );
    world.hire_all(["ada", "grace", "edsger"]);
    world.set("ada", "department", "Engineering");
    world.set("edsger", "department", "Engineering");
    world.set("edsger", "userType", "Guest");
    world.sync_well().await;
    assert_eq!(
        (world.active("ada"), world.active("grace"), world.active("edsger")),
        (Some(true), None, None)
    );
    assert_eq!(
        world.reason("grace"),
        "skipped EntrySynchronizationSkipped: assigned, but no scoping filter holds"
    );
    assert_snapshot!(findings(&world, "edsger"), @r#"
    Filter 1 "the story's", clause 1: department EQUALS "Engineering" = True: saw "Engineering"
    Filter 1 "the story's", clause 2: userType NOT EQUALS "Guest" = False: saw "Guest"
    Scoping filter evaluation passed = False
    "#);
    world.is_settled().await;
}

#[tokio::test]
async fn who_leaves_the_filter_is_disabled_and_who_comes_back_is_enabled() {
    let mut world =
        filtered(r#"{ attribute = "department", operator = "EQUALS", value = "Sales" }"#);
    world.hire_all(["ada", "grace"]);
    let world = world.all_provisioned().await;
    world.set("ada", "department", "Legal");
    assert_snapshot!(world.synced().await, @"
    disable ada  success  no scoping filter holds any more
        active: true → false
    ");
    world.is_settled().await;
    world.later();
    world.set("ada", "department", "Sales");
    assert_snapshot!(world.synced().await, @"
    enable ada  success  in scope and enabled again
        active: false → true
    ");
    world.is_settled().await;
}

#[tokio::test]
async fn filters_are_alternatives() {
    let mut world = World::with_config(
        r#"---
[[apps.crm.users.scoping_filters]]
clauses = [{ attribute = "department", operator = "EQUALS", value = "Engineering" }]
[[apps.crm.users.scoping_filters]]
clauses = [{ attribute = "jobTitle", operator = "REGEX MATCH", value = "(Chief|Lead) .*" }]
"#,
    );
    world.hire_all(["ada", "grace", "edsger"]);
    world.set("ada", "department", "Engineering");
    world.set("grace", "jobTitle", "Lead Engineer");
    world.set("edsger", "jobTitle", "Team Lead Engineer");
    world.sync_well().await;
    assert_eq!(
        (world.active("ada"), world.active("grace"), world.active("edsger")),
        (Some(true), Some(true), None)
    );
}

#[tokio::test]
async fn members_of_a_group_that_is_not_assigned_come_and_go() {
    let mut world = filtered(r#"{ attribute = "memberOf", operator = "EQUALS", value = "Staff" }"#);
    world.hire_all(["ada", "grace"]);
    // Not assigned: the group alone brings nobody in.
    world.person("edsger");
    let staff = world.tenant.add_group("Staff");
    world.join(staff, "ada");
    world.join(staff, "edsger");
    let world = world.all_provisioned().await;
    assert_eq!(
        (world.active("ada"), world.active("grace"), world.active("edsger")),
        (Some(true), None, None)
    );
    world.join(staff, "grace");
    world.sync_well().await;
    assert_eq!(world.active("grace"), Some(true));
    world.a_day_later();
    world.tenant.remove_member(staff, world.id("ada"));
    assert_snapshot!(world.synced().await, @"
    disable ada  success  no scoping filter holds any more
        active: true → false
    ");
    world.is_settled().await;
}

#[tokio::test]
async fn a_renamed_group_goes_on_meaning_the_same_people_until_everything_is_read_again() {
    let mut world = filtered(r#"{ attribute = "memberOf", operator = "EQUALS", value = "Staff" }"#);
    world.hire("ada");
    let staff = world.tenant.add_group("Staff");
    world.join(staff, "ada");
    let world = world.all_provisioned().await;
    world.tenant.rename_group(staff, "Everybody");
    assert_eq!(world.synced().await, "nothing to do\n");
    let end = world.sync_with(CycleOptions { initial: true, ..CycleOptions::default() }).await;
    assert_snapshot!(end.report.error.expect("the name leads nowhere now"), @r#"a scoping filter of application `crm` names the group "Staff", and the directory has none of that name. Nobody was put in or out of scope. Correct `apps.crm.users.scoping_filters`, or name it by its object id"#);
    assert_eq!(world.active("ada"), Some(true));
}

#[tokio::test]
async fn a_deleted_group_puts_nobody_out_and_one_of_its_name_takes_its_place() {
    let mut world = filtered(r#"{ attribute = "memberOf", operator = "EQUALS", value = "Staff" }"#);
    world.hire_all(["ada", "grace"]);
    let staff = world.tenant.add_group("Staff");
    world.join(staff, "ada");
    let world = world.all_provisioned().await;
    world.tenant.delete_group(staff);
    for _ in 0..2 {
        assert!(world.sync_badly().await.contains("the directory has none of that name"));
        assert_eq!(world.active("ada"), Some(true));
        world.later();
    }
    world.tenant.restore_group(staff);
    assert_eq!(world.synced().await, "nothing to do\n");
    world.tenant.delete_group(staff);
    world.sync_badly().await;
    let successor = world.tenant.add_group("Staff");
    world.join(successor, "ada");
    world.join(successor, "grace");
    world.sync_well().await;
    assert_eq!((world.active("ada"), world.active("grace")), (Some(true), Some(true)));
    world.is_settled().await;
}

#[tokio::test]
async fn a_group_can_be_named_by_its_id_and_two_of_one_name_must_be() {
    let mut world = filtered(r#"{ attribute = "memberOf", operator = "EQUALS", value = "Staff" }"#);
    world.hire("ada");
    let staff = world.tenant.add_group("Staff");
    world.tenant.add_group("Staff");
    world.join(staff, "ada");
    assert!(world.sync_badly().await.contains("has 2 of that name"));
    assert_eq!(world.active("ada"), None);
    let by_id = format!(r#"{{ attribute = "memberOf", operator = "EQUALS", value = "{staff}" }}"#);
    world.configure(&configuration("", &by_id));
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(true));
    world.is_settled().await;
}

#[tokio::test]
async fn a_group_with_quotes_and_letters_of_any_alphabet_is_found() {
    let mut world = filtered(
        r#"{ attribute = "memberOf", operator = "NOT EQUALS", value = "D'Arcy & Søn + Ω #1 100%" }"#,
    );
    world.hire_all(["ada", "grace"]);
    let group = world.tenant.add_group("D'Arcy & Søn + Ω #1 100%");
    world.join(group, "ada");
    world.sync_well().await;
    assert_eq!((world.active("ada"), world.active("grace")), (None, Some(true)));
}

#[tokio::test]
async fn the_group_of_a_filter_that_was_dropped_is_forgotten_without_harm() {
    let mut world = filtered(r#"{ attribute = "memberOf", operator = "EQUALS", value = "Staff" }"#);
    world.hire_all(["ada", "grace"]);
    let staff = world.tenant.add_group("Staff");
    world.join(staff, "ada");
    let mut world = world.all_provisioned().await;
    world.configure("");
    world.sync_well().await;
    assert_eq!((world.active("ada"), world.active("grace")), (Some(true), Some(true)));
    world.is_settled().await;
}

#[tokio::test]
async fn reports_of_a_manager_come_in_and_nobody_else() {
    let mut world =
        filtered(r#"{ attribute = "manager", operator = "EQUALS", value = "grace@contoso.com" }"#);
    world.hire_all(["ada", "edsger"]);
    let grace = world.person("grace");
    world.tenant.set_manager(world.id("ada"), Some(grace));
    let world = world.all_provisioned().await;
    assert_eq!((world.active("ada"), world.active("edsger")), (Some(true), None));
    world.tenant.set_manager(world.id("edsger"), Some(grace));
    world.tenant.set_manager(world.id("ada"), None);
    world.sync_well().await;
    assert_eq!((world.active("ada"), world.active("edsger")), (Some(false), Some(true)));
    world.is_settled().await;
}

#[tokio::test]
async fn only_people_with_one_role_come_in() {
    let mut world =
        filtered(r#"{ attribute = "appRoles", operator = "EQUALS", value = "Editor" }"#);
    let viewer = entra_scim::model::AppRoleId::derive(&["role", "Viewer"]);
    world.person("ada");
    world.assign("ada", Some(viewer));
    world.hire("grace");
    let world = world.all_provisioned().await;
    assert_eq!((world.active("ada"), world.active("grace")), (None, Some(true)));
    world.assign("ada", Some(world.editor));
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(true));
    world.is_settled().await;
}

#[tokio::test]
async fn one_address_of_many_is_enough() {
    let mut world = filtered(
        r#"{ attribute = "proxyAddresses", operator = "ENDS_WITH", value = "@contoso.com", quantifier = "any" }"#,
    );
    world.hire_all(["ada", "grace"]);
    world.set("ada", "proxyAddresses", json!(["smtp:ada@old.example", "SMTP:ada@contoso.com"]));
    world.set("grace", "proxyAddresses", json!(["SMTP:grace@old.example"]));
    world.sync_well().await;
    assert_eq!((world.active("ada"), world.active("grace")), (Some(true), None));
}

#[tokio::test]
async fn everybody_in_the_tenant_can_be_filtered_too() {
    let mut world = World::with_config(&configuration(
        "scope = \"all\"",
        r#"{ attribute = "memberOf", operator = "EQUALS", value = "Staff" }"#,
    ));
    for name in ["ada", "grace"] {
        world.person(name);
    }
    let staff = world.tenant.add_group("Staff");
    world.join(staff, "ada");
    let world = world.all_provisioned().await;
    assert_eq!((world.active("ada"), world.active("grace")), (Some(true), None));
    world.join(staff, "grace");
    world.sync_well().await;
    assert_eq!(world.active("grace"), Some(true));
    world.is_settled().await;
}

#[tokio::test]
async fn a_filter_that_puts_most_people_out_is_held_by_the_safeguard() {
    let mut world = World::new();
    let names = ["ada", "grace", "edsger", "barbara", "tony", "donald", "john", "niklaus"];
    world.hire_all(names);
    let mut world = world.all_provisioned().await;
    world.configure(&configuration(
        "",
        r#"{ attribute = "department", operator = "EQUALS", value = "Engineering" }"#,
    ));
    let end = world.sync_well().await;
    assert_eq!(end.report.held.map(|held| held.removals), Some(8));
    for name in names {
        assert_eq!(world.active(name), Some(true), "{name}");
    }
}

#[tokio::test]
async fn a_pattern_that_runs_away_puts_nobody_out() {
    let mut world = World::new();
    world.hire_all(["ada", "grace"]);
    world.set("ada", "department", "a".repeat(60) + "!");
    let mut world = world.all_provisioned().await;
    world.configure(&configuration(
        "",
        r#"{ attribute = "department", operator = "REGEX MATCH", value = '(((a+)+)\2b)?Sales' }"#,
    ));
    world.sync_well().await;
    assert_eq!((world.active("ada"), world.active("grace")), (Some(true), Some(true)));
    assert!(world.reason("ada").contains("cannot be evaluated"), "{}", world.reason("ada"));
    // Whoever is disabled in the directory loses access whatever the filter cannot say.
    world.tenant.disable_user(world.id("ada"));
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(false));
}

#[tokio::test]
async fn an_attribute_that_only_a_filter_needs_is_read() {
    let mut world = World::new();
    world.hire_all(["ada", "grace"]);
    world.set("ada", "companyName", "Contoso");
    let mut world = world.all_provisioned().await;
    world.configure(&configuration(
        "",
        r#"{ attribute = "companyName", operator = "IS NOT NULL" }"#,
    ));
    world.sync_well().await;
    assert_eq!((world.active("ada"), world.active("grace")), (Some(true), Some(false)));
    world.is_settled().await;
}

#[tokio::test]
async fn a_cycle_without_changes_costs_one_request_more_for_the_groups_of_filters() {
    let mut world = filtered(r#"{ attribute = "memberOf", operator = "EQUALS", value = "Staff" }"#);
    world.hire("ada");
    world.tenant.add_group("Staff");
    let world = world.all_provisioned().await;
    let with = world.sync_well().await.report.requests.graph;
    let mut plain = World::new();
    plain.hire("ada");
    let plain = plain.all_provisioned().await;
    let without = plain.sync_well().await.report.requests.graph;
    assert_eq!(with, without + 1);
}

/// Runs cycles for two days without a change in the directory, and says what was written and when.
async fn written_by_time_alone(world: &World) -> String {
    let mut told = String::new();
    for _ in 0..40 {
        world.later();
        let end = world.sync_well().await;
        let writes = world.take_writes();
        assert_eq!(end.report.requests.target == 0, writes.is_empty());
        for write in writes {
            let at = world.clock.now().format("%F %H:%M");
            let method = write.split(' ').next().unwrap_or_default();
            told.extend([at.to_string().as_str(), " ", method, "\n", &world.last_plan()]);
        }
        world.is_settled().await;
    }
    told
}

#[tokio::test]
async fn time_alone_lets_a_person_in_on_the_day_of_hire() {
    let filter = r#"{ attribute = "employeeHireDate", operator = "BEFORE", value = "0d" }"#;
    let mut world = filtered(filter);
    world.hire_all(["ada", "grace"]);
    // It is 2026-11-23, eight in the morning.
    world.set("ada", "employeeHireDate", "2026-11-24T00:00:00Z");
    world.set("grace", "employeeHireDate", "2019-01-01T00:00:00Z");
    world.sync_well().await;
    assert_eq!((world.active("ada"), world.active("grace")), (None, Some(true)));
    world.take_writes();
    let told = written_by_time_alone(&world).await;
    let lines: Vec<&str> = told.lines().filter(|line| !line.starts_with(' ')).collect();
    assert_snapshot!(lines.join("\n"), @"
    2026-11-24 00:40 POST
    create ada  success  in scope, and no account matches
    ");
    assert_eq!(world.active("ada"), Some(true));
}

#[tokio::test]
async fn time_alone_puts_a_person_out_after_thirty_days() {
    let filter = r#"{ attribute = "employeeHireDate", operator = "AFTER", value = "-30d" }"#;
    let mut world = filtered(filter);
    world.hire_all(["ada", "grace"]);
    world.set("ada", "employeeHireDate", "2026-10-26T00:00:00Z");
    world.set("grace", "employeeHireDate", "2026-11-20T00:00:00Z");
    let world = world.all_provisioned().await;
    world.take_writes();
    assert_snapshot!(written_by_time_alone(&world).await, @"
    2026-11-25 00:01 PATCH
    disable ada  success  no scoping filter holds any more
        active: true → false
    ");
    assert_eq!((world.active("ada"), world.active("grace")), (Some(false), Some(true)));
}
