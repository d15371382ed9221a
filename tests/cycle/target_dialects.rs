//! Targets that cannot do all that the RFCs have: without PATCH, with versions, with and without
//! words about themselves.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use entra_scim::{
    cycle::CycleOptions,
    sandbox::application::{
        DescriptionSupport, Fault, Matcher, Moment, Quirks, RecordedRequest, ViolationKind,
    },
    scim::MemberRemoval,
};
use http::Method;
use serde_json::json;

use crate::support::world::World;

const MANAGER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn without_patch() -> Quirks {
    Quirks { patch_refused: true, ..Quirks::default() }
}

/// The same of a service that says nothing of itself.
fn silently_without_patch() -> Quirks {
    Quirks { description: DescriptionSupport::Refused(404), ..without_patch() }
}

fn id(world: &World, name: &str) -> String {
    let account = world.account(&format!("{name}@contoso.com")).expect("an account");
    account["id"].as_str().expect("an id").to_owned()
}

/// Reads and writes of single users since the last call, with the version that each names.
fn about_users(world: &World) -> Vec<String> {
    let told = |it: &RecordedRequest| {
        let version = it.if_match.as_deref().map(|tag| format!(" if {tag}")).unwrap_or_default();
        format!("{} {}{version}", it.method, it.status.unwrap_or_default())
    };
    let requests = world.application.take_requests();
    requests.iter().filter(|it| it.path.starts_with("/Users/")).map(told).collect()
}

/// How often the application was asked what it can do.
fn descriptions_read(world: &World) -> usize {
    let requests = world.application.take_requests();
    requests.iter().filter(|it| it.path == "/ServiceProviderConfig").count()
}

#[tokio::test]
async fn without_patch_a_change_is_a_put_in_which_the_work_of_others_survives() {
    let mut world = World::with_users(["ada", "grace"]);
    world.quirks(without_patch());
    let world = world.all_provisioned().await;
    let ada = id(&world, "ada");
    world.application.tamper(&ada, "nickName", Some(json!("Countess")));
    let emails = json!([
        { "type": "home", "value": "ada@home.example" },
        { "type": "work", "value": "ada@contoso.com", "primary": true },
    ]);
    world.application.tamper(&ada, "emails", Some(emails));
    world.set("ada", "displayName", "Ada Lovelace");
    world.set("ada", "mail", "lovelace@contoso.com");
    world.tenant.set_manager(world.id("ada"), Some(world.id("grace")));
    world.sync_well().await;
    let account = world.account("ada@contoso.com").expect("an account");
    assert_eq!(account["displayName"], json!("Ada Lovelace"), "{}", world.last_plan());
    assert_eq!(account["nickName"], json!("Countess"));
    assert_eq!(account["emails"][0], json!({ "type": "home", "value": "ada@home.example" }));
    assert_eq!(account["emails"][1]["value"], json!("lovelace@contoso.com"));
    assert_eq!(account[MANAGER]["manager"]["value"], json!(id(&world, "grace")));
    assert_eq!(about_users(&world), ["GET 200", "PUT 200 if W/\"3\""]);
    world.is_settled().await;
}

#[tokio::test]
async fn without_patch_people_leave_and_come_back_by_put() {
    let mut world = World::with_users(["ada", "grace", "edsger"]);
    world.quirks(without_patch());
    let world = world.all_provisioned().await;
    world.unassign("ada");
    world.tenant.soft_delete_user(world.id("grace"));
    world.later();
    world.sync_well().await;
    world.later();
    world.sync_well().await;
    assert_eq!((world.active("ada"), world.active("grace")), (Some(false), Some(false)));
    world.assign("ada", Some(world.editor));
    world.tenant.restore_user(world.id("grace"));
    world.later();
    world.sync_well().await;
    assert_eq!((world.active("ada"), world.active("grace")), (Some(true), Some(true)));
    let writes = world.application.take_requests();
    assert!(writes.iter().all(|it| it.method != Method::PATCH), "{writes:?}");
    world.is_settled().await;
}

#[tokio::test]
async fn a_patch_that_turns_out_not_to_exist_is_tried_once_a_day() {
    let mut world = World::with_users(["ada", "grace"]);
    world.quirks(silently_without_patch());
    let world = world.all_provisioned().await;
    world.set("ada", "displayName", "Ada Lovelace");
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.update, end.report.totals.failure), (1, 0));
    assert_eq!(about_users(&world), ["PATCH 501", "GET 200", "PUT 200 if W/\"1\""]);
    world.set("ada", "displayName", "Ada King");
    world.later();
    world.sync_well().await;
    assert_eq!(about_users(&world), ["GET 200", "PUT 200 if W/\"2\""]);
    world.a_day_later();
    world.set("ada", "displayName", "Ada Byron");
    world.sync_well().await;
    assert_eq!(about_users(&world), ["PATCH 501", "GET 200", "PUT 200 if W/\"3\""]);
    world.is_settled().await;
}

#[tokio::test]
async fn the_configuration_says_it_better_than_the_application() {
    let mut world = World::with_config("---\npatch = false");
    world.hire_all(["ada", "grace"]);
    let mut world = world.all_provisioned().await;
    world.set("ada", "displayName", "Ada Lovelace");
    world.sync_well().await;
    assert_eq!(about_users(&world), ["GET 200", "PUT 200 if W/\"1\""]);

    world.reconfigure("---\npatch = true");
    world.quirks(without_patch());
    world.set("ada", "displayName", "Ada King");
    let end = world.sync_well().await;
    assert_eq!(end.report.totals.failure, 1);
    assert_eq!(about_users(&world), ["PATCH 501"], "it is believed, and nothing else is tried");
    assert!(world.reason("ada").contains("501"), "{}", world.reason("ada"));
}

#[tokio::test]
async fn neither_patch_nor_put_is_a_failure_that_names_both_and_teaches_nothing() {
    let mut world = World::with_users(["ada", "grace"]);
    world.quirks(silently_without_patch());
    let world = world.all_provisioned().await;
    world.application.inject(Fault::status(405), Matcher::method(Method::PUT));
    world.set("ada", "displayName", "Ada Lovelace");
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.failure, end.report.totals.update), (1, 0));
    let reason = world.reason("ada");
    assert!(reason.contains("501") && reason.contains("405"), "{reason}");
    about_users(&world);
    world.later();
    world.sync_well().await;
    assert_eq!(about_users(&world), ["PATCH 501", "GET 200", "PUT 200 if W/\"1\""]);
}

/// Lets somebody else change Ada's account right before each of the first `times` PUTs arrives.
fn race(world: &mut World, times: usize) -> Arc<AtomicUsize> {
    let (application, ada) = (world.application.clone(), id(world, "ada"));
    let seen = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&seen);
    world.at_each_write(move || {
        let count = counted.fetch_add(1, Ordering::Relaxed);
        if count < times {
            application.tamper(&ada, "title", Some(json!(format!("by hand {count}"))));
        }
    });
    seen
}

#[tokio::test]
async fn a_change_in_between_is_seen_by_its_version_and_survives() {
    let mut world = World::with_users(["ada", "grace"]);
    world.expects_violations();
    world.quirks(without_patch());
    let mut world = world.all_provisioned().await;
    race(&mut world, 1);
    world.set("ada", "displayName", "Ada Lovelace");
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.update, end.report.totals.failure), (1, 0));
    assert_eq!(
        about_users(&world),
        ["GET 200", "PUT 412 if W/\"1\"", "GET 200", "PUT 200 if W/\"2\""]
    );
    let account = world.account("ada@contoso.com").expect("an account");
    assert_eq!(account["displayName"], json!("Ada Lovelace"));
    assert_eq!(account["title"], json!("by hand 0"));
}

#[tokio::test]
async fn a_second_change_in_between_fails_visibly_and_is_tried_again_later() {
    let mut world = World::with_users(["ada", "grace"]);
    world.expects_violations();
    world.quirks(without_patch());
    let mut world = world.all_provisioned().await;
    race(&mut world, 2);
    world.set("ada", "displayName", "Ada Lovelace");
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.update, end.report.totals.failure), (0, 1));
    assert!(world.reason("ada").contains("412"), "{}", world.reason("ada"));
    world.later();
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.update, end.report.totals.failure), (1, 0));
    let account = world.account("ada@contoso.com").expect("an account");
    assert_eq!(account["title"], json!("by hand 1"));
}

#[tokio::test]
async fn what_somebody_else_did_already_is_not_written_over() {
    let mut world = World::with_users(["ada", "grace"]);
    world.quirks(without_patch());
    let world = world.all_provisioned().await;
    world.application.tamper(&id(&world, "ada"), "displayName", Some(json!("Ada Lovelace")));
    world.set("ada", "displayName", "Ada Lovelace");
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.update, end.report.totals.failure), (1, 0));
    assert_eq!(about_users(&world), ["GET 200"]);
    world.is_settled().await;
}

#[tokio::test]
async fn a_stranger_behind_the_id_is_not_replaced() {
    let mut world = World::with_users(["ada", "grace"]);
    world.quirks(without_patch());
    let world = world.all_provisioned().await;
    let ada = id(&world, "ada");
    world.application.tamper(&ada, "userName", Some(json!("stranger@contoso.com")));
    let before = world.application.user(&ada);
    world.set("ada", "displayName", "Ada Lovelace");
    let end = world.sync_well().await;
    assert_eq!(end.report.totals.failure, 1);
    assert!(world.reason("ada").contains("InvalidAnchor"), "{}", world.reason("ada"));
    assert_eq!(world.application.user(&ada), before);
}

#[tokio::test]
async fn a_put_whose_answer_is_lost_is_read_back() {
    for (moment, writes) in [(Moment::AfterApplying, 1), (Moment::BeforeApplying, 2)] {
        let mut world = World::with_users(["ada", "grace"]);
        world.quirks(without_patch());
        let world = world.all_provisioned().await;
        world.set("ada", "displayName", "Ada Lovelace");
        world.application.inject(Fault::Reset(moment), Matcher::method(Method::PUT));
        world.sync_well().await;
        assert!(world.reason("ada").contains("Timeout"), "{}", world.reason("ada"));
        world.later();
        world.sync_well().await;
        assert_eq!(world.take_writes().len(), writes, "{}", world.last_plan());
        let account = world.account("ada@contoso.com").expect("an account");
        assert_eq!(account["displayName"], json!("Ada Lovelace"));
        world.is_settled().await;
    }
}

#[tokio::test]
async fn an_account_that_is_gone_when_it_is_read_for_a_put_is_created_again() {
    let mut world = World::with_users(["ada", "grace"]);
    world.expects_violations();
    world.quirks(without_patch());
    let world = world.all_provisioned().await;
    world.application.tamper_delete(&id(&world, "ada"));
    world.set("ada", "displayName", "Ada Lovelace");
    world.sync_well().await;
    assert!(world.reason("ada").contains("InvalidAnchor"), "{}", world.reason("ada"));
    world.later();
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(true));
    world.is_settled().await;
}

#[tokio::test]
async fn a_redacted_value_goes_by_put_and_stays_out_of_the_state() {
    let rows = r#"---
[[apps.crm.users.attributes]]
target = "userName"
source = "userPrincipalName"
match = 1
[[apps.crm.users.attributes]]
target = "active"
expression = 'Not([IsSoftDeleted])'
[[apps.crm.users.attributes]]
target = "title"
expression = 'Redact([jobTitle])'
"#;
    let mut world = World::with_config(rows);
    world.hire_all(["ada", "grace"]);
    world.quirks(without_patch());
    let world = world.all_provisioned().await;
    world.set("ada", "jobTitle", "Enchantress");
    world.sync_well().await;
    let account = world.account("ada@contoso.com").expect("an account");
    assert_eq!(account["title"], json!("Enchantress"));
    let state = world.state_bytes();
    assert!(!state.windows(11).any(|bytes| bytes == b"Enchantress"), "it is in the state");
}

#[tokio::test]
async fn a_target_that_takes_nothing_without_a_version_is_read_first() {
    let mut world = World::with_users(["ada", "grace", "edsger"]);
    world.quirks(Quirks { if_match_required: true, ..Quirks::default() });
    let mut world = world.all_provisioned().await;
    world.set("ada", "displayName", "Ada Lovelace");
    world.sync_well().await;
    assert_eq!(about_users(&world), ["PATCH 428", "GET 200", "PATCH 200 if W/\"1\""]);
    // Whoever knows it says so, and saves a request each time.
    world.reconfigure("---\netag = true");
    world.set("ada", "displayName", "Ada King");
    world.sync_well().await;
    assert_eq!(about_users(&world), ["GET 200", "PATCH 200 if W/\"2\""]);
    world.tenant.soft_delete_user(world.id("grace"));
    world.tenant.purge_user(world.id("grace"));
    world.later();
    world.sync_well().await;
    world.later();
    world.sync_well().await;
    assert_eq!(world.active("grace"), None, "{}", world.last_plan());
    world.is_settled().await;
}

#[tokio::test]
async fn a_delete_names_the_version_that_was_read_unless_versions_mean_nothing() {
    for (config, quirks, expected) in [
        ("", Quirks::default(), "DELETE 204 if W/\"1\""),
        ("---\netag = false", Quirks::default(), "DELETE 204"),
        ("", Quirks { hides_versions: true, ..Quirks::default() }, "DELETE 204"),
        (
            "",
            Quirks { description: DescriptionSupport::Refused(501), ..Quirks::default() },
            "DELETE 204 if W/\"1\"",
        ),
    ] {
        let mut world = World::with_config(config);
        world.hire_all(["ada", "grace", "edsger"]);
        world.quirks(quirks.clone());
        let world = world.all_provisioned().await;
        world.tenant.soft_delete_user(world.id("ada"));
        world.tenant.purge_user(world.id("ada"));
        world.later();
        world.sync_well().await;
        world.later();
        world.sync_well().await;
        assert_eq!(about_users(&world), ["GET 200", expected], "{config} {quirks:?}");
    }
}

#[tokio::test]
async fn a_delete_looks_again_where_the_account_changed_in_between() {
    let mut world = World::with_users(["ada", "grace", "edsger"]);
    world.expects_violations();
    let mut world = world.all_provisioned().await;
    let (application, ada) = (world.application.clone(), id(&world, "ada"));
    world.at_each_write(move || {
        application.tamper(&ada, "userName", Some(json!("stranger@contoso.com")));
    });
    world.tenant.soft_delete_user(world.id("ada"));
    world.tenant.purge_user(world.id("ada"));
    for _ in 0..2 {
        world.later();
        world.sync_well().await;
    }
    assert!(world.reason("ada").contains("InvalidAnchor"), "{}", world.reason("ada"));
    assert_eq!(world.application.user_count(), 3, "the stranger is left alone");
}

#[tokio::test]
async fn the_application_is_asked_once_a_day_what_it_can_do() {
    let mut world = World::with_users(["ada", "grace"]);
    world.sync_well().await;
    assert_eq!(descriptions_read(&world), 1);
    world.set("ada", "displayName", "Ada Lovelace");
    world.hire("edsger");
    world.later();
    world.sync_well().await;
    assert_eq!(descriptions_read(&world), 0, "it is known");
    world.a_day_later();
    world.sync_well().await;
    assert_eq!(descriptions_read(&world), 0, "there is nothing to ask it for");
    world.set("ada", "displayName", "Ada King");
    world.sync_well().await;
    assert_eq!(descriptions_read(&world), 1);
    world.set("ada", "displayName", "Ada Byron");
    world.sync_with(CycleOptions { initial: true, ..CycleOptions::default() }).await;
    assert_eq!(descriptions_read(&world), 1, "an initial cycle reads everything again");
}

#[tokio::test]
async fn a_preview_asks_and_keeps_the_answer_to_itself() {
    let mut world = World::with_users(["ada"]);
    world.quirks(without_patch());
    let before = world.state_bytes();
    world.plan().await;
    assert_eq!(descriptions_read(&world), 1);
    assert_eq!(world.state_bytes(), before);
    world.sync_well().await;
    assert_eq!(descriptions_read(&world), 1, "it learnt nothing from the preview");
}

/// Whatever happens at the endpoints of the description, people are provisioned as without one.
#[tokio::test]
async fn no_answer_of_the_description_is_a_reason_to_stop() {
    let there = |prefix: &str| Matcher {
        path_prefix: Some(prefix.to_owned()),
        ..Matcher::method(Method::GET)
    };
    let mut troubles: Vec<(Quirks, Option<Fault>)> = [404, 403, 405, 501, 400, 302, 500, 503]
        .into_iter()
        .map(|status| DescriptionSupport::Refused(status))
        .chain([DescriptionSupport::Html])
        .map(|description| (Quirks { description, ..Quirks::default() }, None))
        .collect();
    for fault in [
        Fault::Refused,
        Fault::Truncated,
        Fault::Reset(Moment::AfterApplying),
        Fault::Timeout { after: Duration::from_secs(30), moment: Moment::AfterApplying },
        Fault::throttled(Duration::from_secs(20)),
        Fault::status(502),
        Fault::Redirect { location: "https://elsewhere.example/".to_owned() },
    ] {
        troubles.push((Quirks::default(), Some(fault)));
    }
    for (quirks, fault) in troubles {
        let mut world = World::with_users(["ada"]);
        world.quirks(quirks.clone());
        for prefix in ["/ServiceProviderConfig", "/ResourceTypes", "/Schemas"] {
            if let Some(fault) = &fault {
                world.application.inject_by_chance(fault.clone(), there(prefix), 1.0);
            }
        }
        let end = world.sync_well().await;
        assert_eq!(end.report.totals.create, 1, "{quirks:?} {fault:?}");
        assert_eq!(world.take_writes().len(), 1, "{quirks:?} {fault:?}");
        world.is_settled().await;
    }
}

#[tokio::test]
async fn a_description_that_hangs_is_not_waited_for_in_every_cycle() {
    let mut world = World::with_users(["ada"]);
    let hangs = Fault::Timeout { after: Duration::from_secs(30), moment: Moment::BeforeApplying };
    let there =
        Matcher { path_prefix: Some("/ServiceProviderConfig".to_owned()), ..Matcher::any() };
    world.application.inject_by_chance(hangs, there, 1.0);
    world.sync_well().await;
    assert_eq!(descriptions_read(&world), 1, "nothing is tried again, nor the other two");
    world.hire("grace");
    world.pass(Duration::from_secs(30 * 60));
    world.sync_well().await;
    assert_eq!(descriptions_read(&world), 0);
    world.hire("edsger");
    world.pass(Duration::from_secs(31 * 60));
    world.sync_well().await;
    assert_eq!(descriptions_read(&world), 1, "an hour later it may have an answer");
}

#[tokio::test]
async fn a_token_that_is_refused_there_is_refused_everywhere() {
    let mut world = World::with_users(["ada"]);
    world.expects_violations();
    world.application.set_token("another");
    let error = world.sync_badly().await;
    assert!(error.contains("401"), "{error}");
    let violations = world.application.violations();
    assert!(violations.iter().all(|it| it.kind == ViolationKind::Unauthorized));
    assert_eq!(world.application.take_requests().len(), 1, "once is enough");
}

/// A world with a provisioned group of Ada and Barbara, and Chloe with an account.
async fn a_group(quirks: Quirks, lines: &str) -> (World, entra_scim::model::SourceId) {
    let mut world = World::with_config(lines);
    let group = world.assigned_group("Sales", world.editor);
    for person in ["ada", "barbara"] {
        world.person(person);
        world.join(group, person);
    }
    world.hire("chloe");
    world.quirks(quirks);
    world.sync_well().await;
    world.application.take_requests();
    (world, group)
}

fn members(world: &World) -> Vec<String> {
    let groups = world.application.groups();
    let members = groups[0].get("members").and_then(|it| it.as_array()).cloned();
    let ids = members.unwrap_or_default().into_iter().map(|it| it["value"].clone());
    let name = |id: serde_json::Value| {
        let user = world.application.user(id.as_str().expect("an id")).expect("a user");
        user["userName"].as_str().expect("a name").to_owned()
    };
    let mut names: Vec<String> = ids.map(name).collect();
    names.sort();
    names
}

const GROUPS: &str = "[apps.crm.groups]\nenabled = true\n";

#[tokio::test]
async fn without_patch_a_group_keeps_its_other_members_whatever_changes() {
    let (world, group) = a_group(without_patch(), GROUPS).await;
    assert_eq!(members(&world), ["ada@contoso.com", "barbara@contoso.com"]);
    let zoe = world.seed_account(json!({ "userName": "zoe@contoso.com" }));
    let target = world.application.groups()[0]["id"].as_str().expect("an id").to_owned();
    let mut theirs = world.application.groups()[0]["members"].clone();
    theirs.as_array_mut().expect("a list").push(json!({ "value": zoe }));
    world.application.tamper_group(&target, "members", Some(theirs));

    world.join(group, "chloe");
    world.sync_well().await;
    let four = ["ada@contoso.com", "barbara@contoso.com", "chloe@contoso.com", "zoe@contoso.com"];
    assert_eq!(members(&world), four);
    world.tenant.rename_group(group, "Sales and Service");
    world.later();
    world.sync_well().await;
    assert_eq!(world.application.groups()[0]["displayName"], json!("Sales and Service"));
    assert_eq!(members(&world), four, "a rename takes nobody out");
    world.tenant.remove_member(group, world.id("ada"));
    world.pass(Duration::from_secs(2 * 3_600));
    world.sync_well().await;
    assert_eq!(members(&world), four[1..]);
    let requests = world.application.take_requests();
    assert!(requests.iter().all(|it| it.method != Method::PATCH), "{requests:?}");
}

#[tokio::test]
async fn a_group_whose_patch_does_not_exist_is_replaced_and_people_are_still_patched() {
    let (world, group) = a_group(Quirks::default(), GROUPS).await;
    let no_patch =
        Matcher { path_prefix: Some("/Groups".to_owned()), ..Matcher::method(Method::PATCH) };
    world.application.inject_by_chance(Fault::status(501), no_patch, 1.0);
    world.join(group, "chloe");
    world.sync_well().await;
    assert_eq!(members(&world).len(), 3);
    world.application.take_requests();
    world.tenant.remove_member(group, world.id("barbara"));
    world.set("ada", "displayName", "Ada Lovelace");
    world.pass(Duration::from_secs(2 * 3_600));
    world.sync_well().await;
    assert_eq!(members(&world).len(), 2);
    let requests = world.application.take_requests();
    let of = |method: Method, prefix: &str| {
        requests.iter().filter(|it| it.method == method && it.path.starts_with(prefix)).count()
    };
    assert_eq!((of(Method::PATCH, "/Groups"), of(Method::PUT, "/Groups")), (0, 1));
    assert_ne!(of(Method::PATCH, "/Users"), 0, "{requests:?}");
}

#[tokio::test]
async fn members_are_removed_in_the_form_that_is_configured() {
    let lines = format!("---\nmember_removal = \"value-array\"\n{GROUPS}");
    let quirks = Quirks { entra_legacy: true, ..Quirks::default() };
    let (mut world, group) = a_group(quirks, &lines).await;
    world.expects_violations();
    world.tenant.remove_member(group, world.id("ada"));
    world.pass(Duration::from_secs(2 * 3_600));
    world.sync_well().await;
    let requests = world.application.take_requests();
    let mut patches = requests.iter().filter(|it| it.path.starts_with("/Groups/"));
    let body = patches.find_map(|it| it.body.as_ref()).expect("a change of the group");
    let operation = &body["Operations"][0];
    assert_eq!((&operation["op"], &operation["path"]), (&json!("remove"), &json!("members")));
    assert_eq!(operation["value"].as_array().expect("ids").len(), 1);
    assert_eq!(members(&world), ["barbara@contoso.com"]);
}

#[tokio::test]
async fn a_put_never_empties_a_group_whose_members_are_not_shown() {
    let quirks = Quirks { patch_refused: true, hides_members: true, ..Quirks::default() };
    let (world, group) = a_group(quirks, GROUPS).await;
    world.application.take_requests();
    world.tenant.rename_group(group, "Field Sales");
    let end = world.sync().await;
    assert_eq!(end.report.totals.failure, 1, "{}", world.last_plan());
    let puts = world.application.take_requests();
    let puts = puts.iter().filter(|it| it.method == Method::PUT && it.path.starts_with("/Groups"));
    assert_eq!(puts.count(), 0, "{}", world.last_plan());
    assert!(world.last_plan().contains("would take them out"), "{}", world.last_plan());
    assert_eq!(world.application.groups()[0]["members"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn an_application_without_groups_gets_its_people_all_the_same() {
    let mut world = World::with_config(GROUPS);
    world.expects_violations();
    world.application.set_quirks(Quirks { no_groups: true, ..Quirks::default() });
    let group = world.assigned_group("Sales", world.editor);
    world.person("ada");
    world.join(group, "ada");
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.create, end.report.totals.failure), (1, 0));
    assert!(end.report.warnings.join("\n").contains("offers no groups"), "{end:?}");
}

#[test]
fn a_profile_and_the_configuration_say_how_members_are_removed() {
    let removal = |lines: &str| World::with_config(lines).job.capability.member_removal;
    assert_eq!(removal(""), MemberRemoval::ValuePath);
    assert_eq!(removal("---\ndialect = \"entra-legacy\""), MemberRemoval::ValueArray);
    assert_eq!(removal("---\nmember_removal = \"value-array\""), MemberRemoval::ValueArray);
    let both = "---\ndialect = \"entra-legacy\"\nmember_removal = \"value-path\"";
    assert_eq!(removal(both), MemberRemoval::ValuePath);
}

#[tokio::test]
async fn an_explanation_says_that_a_change_goes_by_put() {
    let mut world = World::with_users(["ada", "grace"]);
    world.quirks(without_patch());
    let world = world.all_provisioned().await;
    world.set("ada", "displayName", "Ada Lovelace");
    world.sync_well().await;
    world.set("ada", "displayName", "Ada King");
    let notes = super::explain_notes(&world, "ada@contoso.com").await;
    assert!(notes.contains("the application has no PATCH"), "{notes}");
}

#[tokio::test]
async fn an_explanation_lists_no_application_for_one_person() {
    let mut world = World::with_config("---\nfilter = false");
    world.hire("ada");
    world.application.take_requests();
    let explanation = super::explained(&world, "ada@contoso.com").await;
    let told = format!("{:?}", explanation.steps);
    assert!(told.contains("cannot be searched, and only a cycle lists"), "{told}");
    assert!(world.application.take_requests().is_empty());
}
