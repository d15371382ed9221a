//! Accounts that somebody changes at the application, behind the directory's back.

use std::{fmt::Write as _, time::Duration};

use entra_scim::{
    sandbox::application::{Fault, Matcher, Moment, Quirks, TotalResults},
    scim::shown,
};
use insta::assert_snapshot;
use serde_json::{Map, Value, json};

use crate::support::world::World;

const WEEK: Duration = Duration::from_secs(7 * 86_400);

const REPAIR: &str = "drift = \"repair\"\n---\n";

/// What the last comparison found, one line each, and what else is to be said of it.
fn report(world: &World) -> String {
    let state = world.state();
    let Some(check) = state.read(|view| view.last_drift_check()).expect("the state") else {
        return "no comparison yet\n".to_owned();
    };
    let rows = state.read(|view| view.drift_findings(check.id, 0, 1_000)).expect("the state");
    let mut text = format!("{} of {} compared\n", check.users.compared, check.users.linked);
    for (_, finding) in rows {
        let name = finding.source_display.or(finding.target_display).unwrap_or_default();
        let name = name.split('@').next().unwrap_or_default();
        writeln!(text, "{} {name}  {:?}", finding.kind.as_str(), finding.correction)
            .expect("a text takes it");
        for change in finding.changes {
            let show = |value: &Option<Value>| {
                value.as_ref().map_or_else(|| "∅".to_owned(), |v| shown(v).to_string())
            };
            writeln!(text, "    {}: {} → {}", change.path, show(&change.old), show(&change.new))
                .expect("a text takes it");
        }
    }
    text
}

/// These people, with accounts, a week before the next comparison; those of before are known.
async fn company<const N: usize>(lines: &str, names: [&str; N]) -> World {
    let mut world = World::with_config(lines);
    world.hire_all(names);
    let world = Box::pin(world.all_provisioned()).await;
    a_week_later(&world).await;
    world.take_writes();
    world
}

/// The cycle in which the next comparison is due.
async fn a_week_later(world: &World) {
    world.pass(WEEK);
    world.application.take_requests();
    Box::pin(world.sync_well()).await;
}

/// What else is to be said of the last comparison.
fn said(world: &World) -> String {
    let check = world.state().read(|view| view.last_drift_check()).expect("the state");
    let part = check.expect("a comparison").users;
    format!("{:?}; {} unread, {} unproven", part.listing, part.unread, part.unproven)
}

fn account_id(world: &World, name: &str) -> String {
    let account = world.account(&format!("{name}@contoso.com")).expect("an account");
    account["id"].as_str().expect("an id").to_owned()
}

fn tamper(world: &World, name: &str, attribute: &str, value: Value) {
    assert!(world.application.tamper(&account_id(world, name), attribute, Some(value)));
}

#[tokio::test]
async fn whatever_an_administrator_did_at_the_application_is_told_and_nothing_is_written() {
    let mut world = company("", ["ada", "barbara", "chloe", "donald", "edsger"]).await;
    world.expects_violations();
    assert_snapshot!(report(&world), @"5 of 5 compared");
    tamper(&world, "ada", "displayName", json!("Ada King"));
    tamper(&world, "barbara", "active", json!(false));
    world.application.tamper_delete(&account_id(&world, "chloe"));
    world.seed_account(json!({"userName": "mallory@evil.example", "active": true}));
    a_week_later(&world).await;
    assert_snapshot!(report(&world), @r#"
    4 of 5 compared
    changed barbara  None
        active: true → false
    missing chloe  None
    changed ada  None
        displayName: "Ada Example" → "Ada King"
    added mallory  None
    "#);
    assert!(world.take_writes().is_empty(), "a report writes nothing");
    assert_snapshot!(world.reason("ada"), @"warning Drift: not as last exported: displayName");
    assert_snapshot!(world.reason("chloe"), @"warning Drift: its account `u-38f4d74b451e8c20` is gone from the application");
}

#[tokio::test]
async fn a_cycle_in_which_no_comparison_is_due_asks_the_application_nothing() {
    let world = company("", ["ada", "barbara"]).await;
    world.application.take_requests();
    // From Tuesday to Saturday.
    for _ in 0..4 {
        world.a_day_later();
        let end = world.sync_well().await;
        assert_eq!(end.report.requests.target, 0);
    }
    // One page, and one more because the first one's total may be its own length.
    world.a_day_later();
    assert_eq!(world.sync_well().await.report.requests.target, 2);
    assert_eq!(world.sync_well().await.report.requests.target, 0, "it was done");
}

#[tokio::test]
async fn nothing_is_compared_while_drift_is_off() {
    let world = company("drift = \"off\"\n---\n", ["ada"]).await;
    tamper(&world, "ada", "displayName", json!("Ada King"));
    a_week_later(&world).await;
    assert_eq!(report(&world), "no comparison yet\n");
    assert!(world.application.take_requests().is_empty());
}

#[tokio::test]
async fn the_first_comparison_waits_for_its_day_and_a_missed_one_is_made_up_for_once() {
    let mut world = World::new();
    world.hire("ada");
    world.sync_well().await;
    assert_eq!(report(&world), "no comparison yet\n", "Monday");
    world.pass(Duration::from_secs(5 * 86_400));
    world.sync_well().await;
    assert_eq!(report(&world), "no comparison yet\n", "Saturday");
    world.pass(3 * WEEK);
    world.application.take_requests();
    world.sync_well().await;
    assert_eq!(report(&world), "1 of 1 compared\n");
    world.later();
    world.application.take_requests();
    world.sync_well().await;
    assert!(world.application.take_requests().is_empty());
}

#[tokio::test]
async fn a_clock_that_was_set_back_delays_no_comparison() {
    let world = company("", ["ada"]).await;
    tamper(&world, "ada", "displayName", json!("Ada King"));
    world.engine_clock.set_ahead(chrono::TimeDelta::days(-30));
    world.sync_well().await;
    assert_snapshot!(report(&world), @r#"
    1 of 1 compared
    changed ada  None
        displayName: "Ada Example" → "Ada King"
    "#);
    world.application.take_requests();
    world.sync_well().await;
    assert!(world.application.take_requests().is_empty(), "once is enough");
}

#[tokio::test]
async fn repair_puts_back_what_was_changed() {
    let mut world = company(REPAIR, ["ada", "barbara", "chloe", "donald"]).await;
    world.expects_violations();
    tamper(&world, "ada", "displayName", json!("Ada King"));
    tamper(&world, "barbara", "active", json!(false));
    world.application.tamper_delete(&account_id(&world, "chloe"));
    a_week_later(&world).await;
    assert_snapshot!(report(&world), @r#"
    3 of 4 compared
    changed barbara  Planned
        active: true → false
    missing chloe  Planned
    changed ada  Planned
        displayName: "Ada Example" → "Ada King"
    "#);
    assert!(world.take_writes().is_empty(), "the next cycle plans it");
    assert_snapshot!(world.plan().await, @r#"
    update ada  planned  displayName changed
        displayName: "Ada King" → "Ada Example"
    enable barbara  planned  in scope and enabled again
        active: false → true
    create chloe  planned  in scope, and no account matches
        active: ∅ → true
        displayName: ∅ → "Chloe Example"
        emails[type eq "work"].value: ∅ → "chloe@contoso.com"
        externalId: ∅ → "chloe"
        name.familyName: ∅ → "Example"
        name.formatted: ∅ → "Chloe Example"
        name.givenName: ∅ → "Chloe"
        userName: ∅ → "chloe@contoso.com"
        urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department: ∅ → "Sales"
    "#);
    world.sync_well().await;
    assert_eq!(world.take_writes().len(), 3);
    assert_eq!(world.account("ada@contoso.com").expect("an account")["displayName"], "Ada Example");
    assert_eq!((world.active("barbara"), world.active("chloe")), (Some(true), Some(true)));
    world.later();
    world.sync_well().await;
    assert!(world.take_writes().is_empty());
    a_week_later(&world).await;
    assert_snapshot!(report(&world), @"4 of 4 compared");
    world.is_settled().await;
}

#[tokio::test]
async fn an_account_that_was_enabled_behind_our_back_is_a_removal_and_counts_as_one() {
    let lines = format!("{REPAIR}[apps.crm.safeguards]\nmax_removals = 1\n");
    let world = company(&lines, ["ada", "barbara", "chloe", "donald"]).await;
    world.unassign("ada");
    world.sync_well().await;
    world.a_day_later();
    world.unassign("barbara");
    world.sync_well().await;
    world.a_day_later();
    assert_eq!((world.active("ada"), world.active("barbara")), (Some(false), Some(false)));
    world.take_writes();
    for name in ["ada", "barbara"] {
        tamper(&world, name, "active", json!(true));
        // Nobody keeps the rest of a withdrawn account up.
        tamper(&world, name, "displayName", json!("Somebody"));
    }
    a_week_later(&world).await;
    assert_snapshot!(report(&world), @"
    4 of 4 compared
    changed barbara  Planned
        active: false → true
    changed ada  Planned
        active: false → true
    ");
    world.later();
    let end = world.sync_well().await;
    assert_snapshot!(world.last_plan(), @"
    disable ada  held  no longer assigned to the application
        active: true → false
    disable barbara  held  no longer assigned to the application
        active: true → false
    ");
    assert_snapshot!(end.report.held.expect("held").reason, @"2 of 4 linked accounts would be disabled or deleted; the threshold is 1 in 24 hours");
    assert!(world.take_writes().is_empty());
    // While something is held nothing is compared: it may be the same mistake once more.
    world.application.take_requests();
    a_week_later(&world).await;
    let reads = world.application.take_requests();
    assert!(!reads.iter().any(|read| read.path.ends_with("/Users")), "{reads:?}");
}

#[tokio::test]
async fn an_account_that_is_protected_by_now_is_told_and_not_disabled_again() {
    let mut world = company(REPAIR, ["ada", "barbara"]).await;
    world.unassign("ada");
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(false));
    world.take_writes();
    world.reconfigure(&format!("{REPAIR}[apps.crm.safeguards]\nprotect = [\"ada@contoso.com\"]\n"));
    world.later();
    world.sync_well().await;
    tamper(&world, "ada", "active", json!(true));
    a_week_later(&world).await;
    assert_snapshot!(report(&world), @"
    2 of 2 compared
    changed ada  Planned
        active: false → true
    ");
    world.later();
    world.sync_well().await;
    assert!(world.take_writes().is_empty());
    assert_snapshot!(world.reason("ada"), @"skipped Protected: no longer assigned to the application; protected, so its account is not disabled");
}

#[tokio::test]
async fn a_matching_value_that_was_changed_is_for_a_person_to_look_at() {
    let world = company(REPAIR, ["ada", "barbara"]).await;
    let id = account_id(&world, "ada");
    tamper(&world, "ada", "userName", json!("grace@contoso.com"));
    a_week_later(&world).await;
    assert_snapshot!(report(&world), @r#"
    2 of 2 compared
    changed ada  ByHand
        userName: "ada@contoso.com" → "grace@contoso.com"
    "#);
    assert_snapshot!(world.reason("ada"), @"warning Drift: not as last exported: userName; nothing is corrected, because it has another matching value: it may have become somebody else's");
    world.sync_well().await;
    assert!(world.take_writes().is_empty());
    assert_eq!(world.application.user(&id).expect("the account")["userName"], "grace@contoso.com");
}

#[tokio::test]
async fn what_the_application_spells_in_its_own_way_is_no_drift() {
    let mut world = World::new();
    world.quirks(Quirks { lowercases_user_name: true, ..Quirks::default() });
    world.hire("ada");
    world.set("ada", "userPrincipalName", "Ada@Contoso.com");
    let world = world.all_provisioned().await;
    tamper(&world, "ada", "title", json!("a value of the application's own"));
    a_week_later(&world).await;
    assert_snapshot!(report(&world), @"1 of 1 compared");
}

#[tokio::test]
async fn an_attribute_that_the_application_never_shows_was_not_cleared() {
    let mut world = World::new();
    world.quirks(Quirks { hides_external_id: true, ..Quirks::default() });
    world.hire_all(["ada", "barbara"]);
    let world = world.all_provisioned().await;
    a_week_later(&world).await;
    assert_snapshot!(report(&world), @"2 of 2 compared");
    let check = world.state().read(|view| view.last_drift_check()).expect("a state");
    let not_shown: Vec<String> =
        check.expect("a comparison").users.not_shown().map(ToString::to_string).collect();
    assert_eq!(not_shown, ["externalId"]);
}

#[tokio::test]
async fn an_attribute_that_it_showed_once_and_shows_no_more_was_cleared() {
    let world = company("", ["ada", "barbara"]).await;
    for name in ["ada", "barbara"] {
        let id = account_id(&world, name);
        assert!(world.application.tamper(&id, "externalId", None));
    }
    a_week_later(&world).await;
    assert_snapshot!(report(&world), @r#"
    2 of 2 compared
    changed barbara  None
        externalId: "barbara" → ∅
    changed ada  None
        externalId: "ada" → ∅
    "#);
}

#[tokio::test]
async fn a_page_that_is_cut_short_makes_nobody_missing() {
    let mut world = company("", ["ada", "barbara", "chloe"]).await;
    world.expects_violations();
    // A total that is too high: something is there that no page shows.
    world.quirks(Quirks { total_results: TotalResults::OffBy(1), ..Quirks::default() });
    world.application.tamper_delete(&account_id(&world, "ada"));
    tamper(&world, "barbara", "displayName", json!("B"));
    world.seed_account(json!({"userName": "mallory@evil.example"}));
    a_week_later(&world).await;
    assert_snapshot!(report(&world), @r#"
    2 of 3 compared
    changed barbara  None
        displayName: "Barbara Example" → "B"
    "#);
    assert_snapshot!(said(&world), @r#"Some(Partial("its list of users shows 3, and says 4")); 0 unread, 1 unproven"#);
}

#[tokio::test]
async fn an_application_that_refuses_to_list_is_asked_for_each_account() {
    let mut world = company("", ["ada", "barbara", "chloe"]).await;
    world.expects_violations();
    world.quirks(Quirks { list_refused: Some(403), ..Quirks::default() });
    tamper(&world, "ada", "displayName", json!("A"));
    world.application.tamper_delete(&account_id(&world, "barbara"));
    a_week_later(&world).await;
    assert_snapshot!(report(&world), @r#"
    2 of 3 compared
    missing barbara  None
    changed ada  None
        displayName: "Ada Example" → "A"
    "#);
    assert_snapshot!(said(&world), @r#"Some(None("the application refuses to list its users")); 0 unread, 0 unproven"#);
    let reads = world.application.take_requests();
    assert_eq!(reads.len(), 4, "one refusal, one read for each account");
}

#[tokio::test]
async fn an_application_that_shows_no_linked_account_at_all_has_lost_none() {
    let mut world = company("", ["ada", "barbara"]).await;
    world.expects_violations();
    for name in ["ada", "barbara"] {
        world.application.tamper_delete(&account_id(&world, name));
    }
    a_week_later(&world).await;
    assert_snapshot!(report(&world), @"0 of 2 compared");
    assert_snapshot!(said(&world), @"Some(Complete); 0 unread, 2 unproven");
}

#[tokio::test]
async fn a_disabled_account_that_is_only_hidden_is_not_missing() {
    let mut world = company(REPAIR, ["ada", "barbara"]).await;
    world.unassign("ada");
    world.sync_well().await;
    world.later();
    world.expects_violations();
    world.quirks(Quirks { hides_inactive: true, ..Quirks::default() });
    world.take_writes();
    a_week_later(&world).await;
    assert_snapshot!(report(&world), @"1 of 2 compared");
    world.sync_well().await;
    assert!(world.take_writes().is_empty());
}

#[tokio::test]
async fn whoever_was_just_written_is_compared_the_next_time() {
    let world = company("", ["ada", "barbara"]).await;
    world.set("ada", "department", "Legal");
    a_week_later(&world).await;
    assert_eq!(report(&world), "1 of 2 compared\n");
}

#[tokio::test]
async fn roles_that_somebody_added_are_no_drift_and_a_lost_manager_is() {
    let world = company(
        "---\n[apps.crm.users]\ninherit = true\n[[apps.crm.users.attributes]]\ntarget = 'roles'\n\
         expression = 'AppRoleAssignmentsComplex([appRoleAssignments])'\n",
        ["ada", "barbara"],
    )
    .await;
    world.tenant.set_manager(world.id("ada"), Some(world.id("barbara")));
    // The list has shown a manager once, so it can be seen that it shows none any more.
    a_week_later(&world).await;
    let roles = &world.account("ada@contoso.com").expect("an account")["roles"];
    let mut roles = roles.as_array().expect("roles").clone();
    roles.push(json!({"value": "auditor", "display": "Auditor"}));
    tamper(&world, "ada", "roles", json!(roles));
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    tamper(&world, "ada", enterprise, json!({"department": "Sales"}));
    a_week_later(&world).await;
    assert_snapshot!(report(&world), @r#"
    2 of 2 compared
    changed ada  None
        urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager: "u-c5fc598e707e7291" → ∅
    "#);
}

#[tokio::test]
async fn a_value_for_a_create_alone_is_the_applications_afterwards() {
    let world = company(
        "---\n[apps.crm.users]\ninherit = true\n\
         [[apps.crm.users.attributes]]\ntarget = 'nickName'\nsource = 'mailNickname'\n\
         apply = 'create'\n\
         [[apps.crm.users.attributes]]\ntarget = 'title'\nsource = 'jobTitle'\n\
         default = 'Newcomer'\n",
        ["ada"],
    )
    .await;
    tamper(&world, "ada", "nickName", json!("addie"));
    tamper(&world, "ada", "title", json!("Countess"));
    a_week_later(&world).await;
    assert_snapshot!(report(&world), @"1 of 1 compared");
}

#[tokio::test]
async fn a_redacted_value_is_compared_and_shown_nowhere() {
    let mut world = World::with_config(
        "drift = 'repair'\n---\n[apps.crm.users]\ninherit = true\n\
         [[apps.crm.users.attributes]]\ntarget = 'title'\nexpression = 'Redact([jobTitle])'\n",
    );
    world.hire("ada");
    world.set("ada", "jobTitle", "Secret Agent");
    let world = Box::pin(world.all_provisioned()).await;
    a_week_later(&world).await;
    assert_eq!(report(&world), "1 of 1 compared\n");
    tamper(&world, "ada", "title", json!("Double Agent"));
    a_week_later(&world).await;
    assert_snapshot!(report(&world), @r#"
    1 of 1 compared
    changed ada  Planned
        title: "[Redact]" → "[Redact]"
    "#);
    let stored = world.state_bytes();
    for secret in ["Secret Agent", "Double Agent"] {
        assert!(memchr::memmem::find(&stored, secret.as_bytes()).is_none(), "{secret}");
    }
    world.sync_well().await;
    assert_eq!(world.account("ada@contoso.com").expect("an account")["title"], "Secret Agent");
}

#[tokio::test]
async fn an_application_with_the_same_target_added_nothing() {
    let mut world = company("shared_target = true\n---\n", ["ada"]).await;
    let mut other = world.neighbour("other", "shared_target = true\n---\n");
    world.swap(&mut other);
    world.hire("grace");
    world.sync_well().await;
    world.swap(&mut other);
    assert_eq!(world.application.user_count(), 2);
    a_week_later(&world).await;
    assert_eq!(report(&world), "1 of 1 compared\n");
}

#[tokio::test]
async fn a_comparison_that_breaks_off_harms_no_cycle_and_is_tried_again_hours_later() {
    let world = company("", ["ada", "barbara"]).await;
    tamper(&world, "ada", "displayName", json!("A"));
    let down = Fault::Status { status: 503, retry_after: None, moment: Moment::BeforeApplying };
    world.application.inject_by_chance(down, Matcher::any(), 1.0);
    world.pass(WEEK);
    world.sync_well().await;
    let broken = world.state().read(|view| view.drift_broken_off()).expect("the state");
    assert_snapshot!(broken.expect("it was broken off").problem, @"the application: answered 503: an injected fault");
    world.application.clear_faults();
    world.application.take_requests();
    for _ in 0..5 {
        world.pass(Duration::from_secs(3_600));
        world.sync_well().await;
    }
    assert!(world.application.take_requests().is_empty(), "not yet");
    world.pass(Duration::from_secs(3_600));
    world.sync_well().await;
    assert_snapshot!(report(&world), @r#"
    2 of 2 compared
    changed ada  None
        displayName: "Ada Example" → "A"
    "#);
    assert!(world.state().read(|view| view.drift_broken_off()).expect("the state").is_none());
}

#[tokio::test]
async fn a_comparison_that_asks_for_each_account_goes_on_where_its_time_was_up() {
    let lines = |time: &str| {
        format!(
            "---\nconcurrency = 1\nmax_requests_per_second = 1\n\
             [apps.crm.safeguards]\ncycle_time_max = \"{time}\"\n"
        )
    };
    let mut world = World::with_config(&lines("1h"));
    for number in 0..450 {
        world.hire(&format!("p{number:03}"));
    }
    let mut world = Box::pin(world.all_provisioned()).await;
    a_week_later(&world).await;
    world.quirks(Quirks { list_refused: Some(405), ..Quirks::default() });
    for name in ["p000", "p449"] {
        tamper(&world, name, "displayName", json!("Meddled"));
    }
    world.reconfigure(&lines("5m"));
    a_week_later(&world).await;
    let open = world.state().read(|view| view.open_drift_check()).expect("the state");
    assert_eq!(
        open.expect("it is under way").users.compared,
        400,
        "two batches of one read a second"
    );
    world.later();
    world.application.take_requests();
    world.sync_well().await;
    assert_eq!(world.application.take_requests().len(), 50, "only who is left");
    let text = report(&world);
    assert!(text.starts_with("450 of 450 compared\n"), "{text}");
    assert_eq!(text.matches("changed p").count(), 2, "{text}");
}

#[tokio::test]
async fn whoever_is_forgotten_is_forgotten_here_too() {
    let world = company("", ["ada", "barbara"]).await;
    for name in ["ada", "barbara"] {
        tamper(&world, name, "displayName", json!("Ada Example"));
    }
    a_week_later(&world).await;
    assert_eq!(report(&world).matches("changed").count(), 1, "{}", report(&world));
    let now = entra_scim::model::Clock::now(&world.clock);
    world.state().forget(world.id("ada"), now).expect("she is known");
    world.state().forget(world.id("barbara"), now).expect("she is known");
    let stored = world.state_bytes();
    let id = world.id("barbara").to_string();
    assert!(memchr::memmem::find(&stored, id.as_bytes()).is_none());
    assert_snapshot!(report(&world), @"2 of 2 compared");
}

const GROUPS: &str = "[apps.crm.groups]\nenabled = true\n";

/// The groups of these names, each with these people, a week before the next comparison.
async fn departments(lines: &str, names: [&str; 2], people: [&str; 3]) -> World {
    let mut world = World::with_config(lines);
    for person in people {
        world.person(person);
    }
    for name in names {
        let group = world.assigned_group(name, world.editor);
        for person in people {
            world.join(group, person);
        }
    }
    let world = Box::pin(world.all_provisioned()).await;
    a_week_later(&world).await;
    world.take_writes();
    world
}

fn group_at(world: &World, name: &str) -> Map<String, Value> {
    let groups = world.application.groups();
    groups.into_iter().find(|group| group["displayName"] == name).expect("a group")
}

fn tamper_group(world: &World, name: &str, attribute: &str, value: Option<Value>) {
    let id = group_at(world, name)["id"].as_str().expect("an id").to_owned();
    assert!(world.application.tamper_group(&id, attribute, value));
}

#[tokio::test]
async fn a_group_that_lost_members_is_told_and_gets_them_back_where_it_is_repaired() {
    let lines = format!("{REPAIR}{GROUPS}");
    let world = departments(&lines, ["Sales", "Legal"], ["ada", "barbara", "chloe"]).await;
    let mut members = group_at(&world, "Sales")["members"].as_array().expect("members").clone();
    members.truncate(1);
    let local = world.seed_account(json!({"userName": "local@crm.example"}));
    members.push(json!({ "value": local }));
    tamper_group(&world, "Sales", "members", Some(json!(members)));
    tamper_group(&world, "Legal", "externalId", Some(json!("somebody else's")));
    a_week_later(&world).await;
    assert_snapshot!(report(&world), @r#"
    3 of 3 compared
    added local  None
    changed Sales  Planned
        members: ["u-38f4d74b451e8c20","u-b7e1e15867216173"] → ∅
    changed Legal  ByHand
        externalId: "7d82590f-97da-46a6-be32-0e3921f8bd91" → "somebody else's"
    "#);
    assert!(world.take_writes().is_empty());
    world.later();
    world.sync_well().await;
    assert_snapshot!(world.last_plan(), @r#"
    update Sales  success  2 members added, 1 member there already
        members: ∅ → "u-38f4d74b451e8c20"
        members: ∅ → "u-b7e1e15867216173"
    "#);
    let members = group_at(&world, "Sales")["members"].as_array().expect("members").clone();
    assert_eq!(members.len(), 4, "the local one stays: {members:?}");
}

#[tokio::test]
async fn a_group_that_is_gone_is_missing_and_one_that_came_is_added() {
    let lines = format!("---\n{GROUPS}");
    let mut world = departments(&lines, ["Sales", "Legal"], ["ada", "barbara", "chloe"]).await;
    world.expects_violations();
    let id = group_at(&world, "Legal")["id"].as_str().expect("an id").to_owned();
    assert!(world.application.tamper_delete_group(&id));
    let Value::Object(group) = json!({"displayName": "Intruders"}) else { unreachable!() };
    world.application.seed_group(group);
    a_week_later(&world).await;
    assert_snapshot!(report(&world), @"
    3 of 3 compared
    missing Legal  None
    added Intruders  None
    ");
    assert!(world.take_writes().is_empty());
}

#[tokio::test]
async fn members_that_an_application_never_shows_were_not_taken_out() {
    let lines = format!("---\n{GROUPS}");
    let mut world = World::with_config(&lines);
    world.quirks(Quirks { hides_members: true, ..Quirks::default() });
    world.person("ada");
    let group = world.assigned_group("Sales", world.editor);
    world.join(group, "ada");
    let world = Box::pin(world.all_provisioned()).await;
    a_week_later(&world).await;
    assert_snapshot!(report(&world), @"1 of 1 compared");
    let check = world.state().read(|view| view.last_drift_check()).expect("the state");
    let groups = check.expect("a comparison").groups.expect("groups are provisioned");
    let not_shown: Vec<String> = groups.not_shown().map(ToString::to_string).collect();
    assert_eq!((groups.compared, not_shown), (1, vec!["members".to_owned()]));
}

#[tokio::test]
async fn another_applications_accounts_are_not_all_new_after_a_rebind() {
    let world = company("", ["ada"]).await;
    world.state().write(|tx| tx.forget_drift()).expect("the state");
    world.seed_account(json!({"userName": "local@crm.example"}));
    assert_eq!(report(&world), "no comparison yet\n");
    a_week_later(&world).await;
    assert_eq!(report(&world), "1 of 1 compared\n");
    world.seed_account(json!({"userName": "mallory@evil.example"}));
    a_week_later(&world).await;
    assert_snapshot!(report(&world), @"
    1 of 1 compared
    added mallory  None
    ");
}
