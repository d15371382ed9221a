//! Redacted values: they reach the application, and nothing else.
//!
//! Every story ends with a search for them in every byte that is left anywhere.

use std::fs;

use entra_scim::{
    cycle::CycleOptions,
    model::JobId,
    sandbox::application::{Fault, Matcher, Moment},
    store::Engine,
};
use http::Method;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::{state, world::World};

const BADGE: &str = "extension_0123456789abcdef0123456789abcdef_badge";

/// What must be found nowhere: employee ids, and badges.
const SECRETS: [&str; 5] =
    ["Zebra-4711-Quagga", "Tapir-2222-Gnu", "Okapi/0815 Lynx", "Ibex-9999", "4711-quagga"];

const MATCHING: &str = r#"
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

const REDACTED: &str = r#"
[[apps.crm.users.attributes]]
target = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber"
expression = 'Redact([employeeId])'
[[apps.crm.users.attributes]]
target = "nickName"
expression = 'Redact([extension_0123456789abcdef0123456789abcdef_badge])'
[[apps.crm.users.attributes]]
target = "title"
expression = 'Join("-", Redact([employeeId]), "x")'
"#;

const CLEAR: &str = r#"
[[apps.crm.users.attributes]]
target = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber"
source = "employeeId"
[[apps.crm.users.attributes]]
target = "nickName"
source = "extension_0123456789abcdef0123456789abcdef_badge"
"#;

fn redacted() -> String {
    format!("---\n{MATCHING}{REDACTED}")
}

fn in_clear() -> String {
    format!("---\n{MATCHING}{CLEAR}")
}

/// Ada, whose employee id and badge are secret.
fn world(config: &str) -> World {
    let mut world = World::with_config(config);
    world.hire("ada");
    world.set("ada", "employeeId", "Zebra-4711-Quagga");
    world.set("ada", BADGE, "Okapi/0815 Lynx");
    world
}

fn account(world: &World) -> Value {
    world.account("ada@contoso.com").expect("an account")
}

/// What the application has of the redacted values.
fn at_the_application(world: &World) -> [Value; 3] {
    let ada = account(world);
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    [ada[enterprise]["employeeNumber"].clone(), ada["nickName"].clone(), ada["title"].clone()]
}

fn has(bytes: &[u8], secret: &str) -> bool {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    let escaped = json!(secret).to_string();
    text.contains(&secret.to_lowercase())
        || text.contains(&escaped.trim_matches('"').to_lowercase())
}

/// Nothing in the folder of the state, in plan and log as they are shown, or in `told`, holds one.
#[track_caller]
fn nothing_is_told(world: &World, told: &str) {
    let mut files = 0;
    for entry in fs::read_dir(world.folder.path()).expect("a folder") {
        let path = entry.expect("a file").path();
        let bytes = state::bytes_and_texts(&path);
        files += 1;
        for secret in SECRETS {
            assert!(!has(&bytes, secret), "{secret} is in {}", path.display());
        }
    }
    assert!(files >= 3, "the state, its lock and its key");
    let log: Vec<Value> = world
        .log("ada")
        .iter()
        .map(|row| row.summary("tenant", JobId::derive(&["crm"]), "crm"))
        .collect();
    let shown = format!("{}{}{}", world.last_plan(), json!(log), told);
    for secret in SECRETS {
        assert!(!has(shown.as_bytes(), secret), "{secret} is shown: {shown}");
    }
}

#[tokio::test]
async fn redacted_value_reaches_the_application_and_nothing_else() {
    let world = world(&redacted());
    let planned = world.plan().await;
    assert_snapshot!(planned, @r#"
    create ada  planned  in scope, and no account matches
        active: ∅ → true
        displayName: ∅ → "Ada Example"
        nickName: ∅ → "[Redact]"
        title: ∅ → "[Redact]"
        userName: ∅ → "ada@contoso.com"
        urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber: ∅ → "[Redact]"
    "#);
    let world = world.all_provisioned().await;
    assert_eq!(
        at_the_application(&world),
        ["Zebra-4711-Quagga", "Okapi/0815 Lynx", "Zebra-4711-Quagga-x"]
    );
    nothing_is_told(&world, &planned);

    let end = world.sync_with(CycleOptions { initial: true, ..CycleOptions::default() }).await;
    assert_eq!(end.report.requests.target, 0, "{}", world.last_plan());
    world.is_settled().await;

    world.set("ada", "employeeId", "Tapir-2222-Gnu");
    assert_snapshot!(world.synced().await, @r#"
    update ada  success  urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber, title changed
        urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber: "[Redact]" → "[Redact]"
        title: "[Redact]" → "[Redact]"
    "#);
    assert_eq!(world.take_writes().len(), 1);
    assert_eq!(
        at_the_application(&world),
        ["Tapir-2222-Gnu", "Okapi/0815 Lynx", "Tapir-2222-Gnu-x"]
    );
    world.set("ada", BADGE, Value::Null);
    world.sync_well().await;
    assert_eq!(at_the_application(&world)[1], Value::Null);
    world.is_settled().await;
    nothing_is_told(&world, "");
}

#[tokio::test]
async fn a_change_in_case_alone_is_written_as_of_any_own_export() {
    let world = world(&redacted()).all_provisioned().await;
    world.set("ada", BADGE, "OKAPI/0815 Lynx");
    world.sync_well().await;
    assert_eq!(at_the_application(&world)[1], json!("OKAPI/0815 Lynx"));
    nothing_is_told(&world, "");
}

#[tokio::test]
async fn refusal_that_repeats_the_request_is_kept_without_the_value() {
    let mut world = world(&redacted());
    world.echo_writes();
    let end = world.sync_well().await;
    assert_eq!(end.report.totals.failure, 1);
    assert_snapshot!(world.reason("ada"), @"failure UnprocessableEntity: answered 400 (invalidValue): cannot take: Ada Example, [Redact], [Redact], [Redact], ada@contoso.com");
    nothing_is_told(&world, "");
    world.echo_no_more();
    world.later();
    let mut world = world.all_provisioned().await;

    // What the account had before is only known as a hash, so nothing can be told from the rest.
    world.echo_writes();
    world.set("ada", "employeeId", "Tapir-2222-Gnu");
    world.sync_well().await;
    assert_snapshot!(world.reason("ada"), @"failure UnprocessableEntity: answered 400; what the application said is not kept, because it may repeat a redacted value");
    world.set("ada", "employeeId", "Zebra-4711-Quagga");
    world.set("ada", "displayName", "Ada Zebra-4711-Quagga");
    world.sync_well().await;
    let text = world.reason("ada");
    assert!(text.contains("cannot take: replace, displayName, Ada [Redact]"), "{text}");
    world.set("ada", "displayName", "Ada");
    world.echo_no_more();
    world.later();
    world.sync_well().await;
    world.sync_well().await;
    world.is_settled().await;
}

#[tokio::test]
async fn account_that_has_the_value_is_adopted_without_a_write_and_another_with_one() {
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let ada = json!({
        "userName": "ada@contoso.com", "active": true, "displayName": "Ada Example",
        "nickName": "OKAPI/0815 lynx", "title": "Zebra-4711-Quagga-x",
        enterprise: {"employeeNumber": "Zebra-4711-Quagga"},
    });
    let equal = world(&redacted());
    equal.seed_account(ada.clone());
    let end = equal.sync_well().await;
    assert_eq!(
        (end.report.totals.adopt, equal.take_writes().len()),
        (1, 0),
        "{}",
        equal.last_plan()
    );
    equal.is_settled().await;
    nothing_is_told(&equal, "");

    let differs = world(&redacted());
    let mut other = ada;
    other[enterprise]["employeeNumber"] = json!("Ibex-9999");
    differs.seed_account(other);
    assert_snapshot!(differs.synced().await, @r#"
    adopt ada  success  account `u-c5fc598e707e7291` has the same `userName`
        urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber: "[Redact]" → "[Redact]"
    "#);
    assert_eq!(differs.take_writes().len(), 1);
    assert_eq!(at_the_application(&differs)[0], json!("Zebra-4711-Quagga"));
    differs.is_settled().await;
    nothing_is_told(&differs, "");
}

#[tokio::test]
async fn accounts_of_many_are_surveyed_without_their_values() {
    let mut world = world(&redacted());
    for number in 0..30 {
        let name = format!("user{number:02}");
        world.hire(&name);
        world.set(&name, "employeeId", "Tapir-2222-Gnu");
        world.seed_account(json!({
            "userName": format!("{name}@contoso.com"), "active": true, "nickName": "Ibex-9999",
        }));
    }
    world.sync_well().await;
    nothing_is_told(&world, "");
    world.is_settled().await;
}

#[tokio::test]
async fn write_whose_answer_was_lost_is_read_back_and_compared_by_hash() {
    let world = world(&redacted()).all_provisioned().await;
    world.set("ada", "employeeId", "Tapir-2222-Gnu");
    world.application.inject(Fault::Reset(Moment::AfterApplying), Matcher::method(Method::PATCH));
    world.sync_well().await;
    nothing_is_told(&world, "");
    world.later();
    world.take_writes();
    world.sync_well().await;
    assert_eq!(world.take_writes().len(), 0, "{}", world.last_plan());
    world.set("ada", "employeeId", "Zebra-4711-Quagga");
    world.application.inject(Fault::Reset(Moment::BeforeApplying), Matcher::method(Method::PATCH));
    world.sync_well().await;
    world.later();
    world.sync_well().await;
    assert_eq!(at_the_application(&world)[0], json!("Zebra-4711-Quagga"));
    world.is_settled().await;
    nothing_is_told(&world, "");
}

#[tokio::test]
async fn create_whose_answer_was_lost_is_adopted_without_a_second_write() {
    let world = world(&redacted());
    world.application.inject(Fault::Reset(Moment::AfterApplying), Matcher::method(Method::POST));
    world.sync_well().await;
    nothing_is_told(&world, "");
    world.later();
    world.sync_well().await;
    assert_eq!(world.take_writes().len(), 1, "{}", world.last_plan());
    world.is_settled().await;
    nothing_is_told(&world, "");
}

#[tokio::test]
async fn program_that_dies_under_way_leaves_nothing_behind() {
    let mut world = world(&redacted());
    world.crash_after_writes(0).await;
    nothing_is_told(&world, "");
    world.restart();
    nothing_is_told(&world, "");
    for _ in 0..3 {
        world.later();
        world.sync_well().await;
    }
    assert_eq!(at_the_application(&world)[1], json!("Okapi/0815 Lynx"));
    world.a_day_later();
    world.set("ada", "employeeId", "Tapir-2222-Gnu");
    world.crash_after_writes(0).await;
    world.restart();
    world.later();
    world.sync_well().await;
    assert_eq!(at_the_application(&world)[0], json!("Tapir-2222-Gnu"));
    world.is_settled().await;
    nothing_is_told(&world, "");
}

#[tokio::test]
async fn held_create_is_sent_with_its_value_once_it_is_approved() {
    let world = world(&format!("{}\n[apps.crm.safeguards]\nmax_creates = 0\n", redacted()));
    let end = world.sync_well().await;
    assert_eq!(end.report.held.map(|held| held.creates), Some(1));
    nothing_is_told(&world, &world.plan().await);
    let held = world.state().read(|view| view.held_changes()).expect("readable");
    let now = entra_scim::model::Clock::now(&world.clock);
    world.state().write(|tx| tx.approve(&held[0].plan, "root", now)).expect("approved");
    world.sync_well().await;
    assert_eq!(at_the_application(&world)[0], json!("Zebra-4711-Quagga"));
    world.is_settled().await;
    nothing_is_told(&world, "");
}

#[tokio::test]
async fn links_that_are_matched_anew_need_no_write() {
    let world = world(&redacted()).all_provisioned().await;
    let now = entra_scim::model::Clock::now(&world.clock);
    let forget = |world: &World, outright: bool| {
        world.state().write(|tx| {
            if outright {
                tx.drop_links(now)?;
            } else {
                tx.rematch_links()?;
            }
            tx.reset_watermark()
        })
    };
    for outright in [false, true] {
        forget(&world, outright).expect("a reset");
        world.sync_well().await;
        assert!(world.take_writes().is_empty(), "{}", world.last_plan());
        world.is_settled().await;
    }
    nothing_is_told(&world, "");
}

#[tokio::test]
async fn drawn_value_that_is_redacted_stays_until_its_source_changes() {
    let rows = r#"
[[apps.crm.users.attributes]]
target = "nickName"
expression = 'Redact([employeeId]) & "-" & RandomString(6, 2, 0, 0, 4)'
[[apps.crm.users.attributes]]
target = "title"
expression = 'Redact(Now())'
"#;
    let nick = |world: &World| account(world)["nickName"].as_str().unwrap_or_default().to_owned();
    let mut world = world(&format!("---\n{MATCHING}{rows}")).all_provisioned().await;
    let (first, since) = (nick(&world), account(&world)["title"].clone());
    assert!(first.starts_with("Zebra-4711-Quagga-"), "{first}");
    world.set("ada", "displayName", "Ada Lovelace");
    world.sync_well().await;
    assert_eq!((nick(&world), account(&world)["title"].clone()), (first.clone(), since));
    world.is_settled().await;

    // A lost key draws no other value; of a time nobody knows any more which it was.
    fs::remove_file(world.folder.path().join("crm.key")).expect("there was one");
    world.restart();
    world.sync_well().await;
    assert_eq!(nick(&world), first);
    world.is_settled().await;

    for moment in [Moment::BeforeApplying, Moment::AfterApplying] {
        let id = ["Tapir-2222-Gnu", "Ibex-9999"][usize::from(moment == Moment::AfterApplying)];
        world.set("ada", "employeeId", id);
        world.application.inject(Fault::Reset(moment), Matcher::method(Method::PATCH));
        world.sync_well().await;
        world.later();
        world.sync_well().await;
        assert!(nick(&world).starts_with(id), "{id}");
        world.is_settled().await;
    }
    nothing_is_told(&world, "");
}

#[tokio::test]
async fn lost_key_costs_one_complete_read_and_no_write() {
    let mut world = world(&redacted()).all_provisioned().await;
    fs::remove_file(world.folder.path().join("crm.key")).expect("there was one");
    world.restart();
    let end = world.sync_well().await;
    assert_eq!(world.take_writes().len(), 0, "{}", world.last_plan());
    assert_eq!(end.report.kind, entra_scim::store::CycleKind::Initial);
    assert_eq!(
        at_the_application(&world),
        ["Zebra-4711-Quagga", "Okapi/0815 Lynx", "Zebra-4711-Quagga-x"]
    );
    world.is_settled().await;
    nothing_is_told(&world, "");
    let mode = fs::metadata(world.folder.path().join("crm.key")).expect("made anew").permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
}

#[tokio::test]
async fn file_that_is_no_key_is_refused_and_untouched() {
    let mut world = world(&redacted()).all_provisioned().await;
    let (state, key) = (world.folder.path().join("crm.db"), world.folder.path().join("crm.key"));
    world.store = None;
    fs::write(&key, "short").expect("written");
    let error = Engine::open(&state).err().expect("refused").to_string();
    assert!(error.contains("crm.key") && error.contains("it is no key"), "{error}");
    assert_eq!(fs::read(&key).expect("read"), b"short");
}

#[tokio::test]
async fn person_whose_sources_no_key_opens_is_left_alone() {
    let mut world = world(&redacted());
    world.hire("grace");
    let world = world.all_provisioned().await;
    let connection = state::open(world.state().path());
    let sql = "UPDATE source_attributes SET packed = NULL, attributes = \
         replace(unpacked(coalesce(packed, attributes)), 'sealed\":\"', 'sealed\":\"AA')";
    connection.execute(sql, []).expect("changed");
    world.state().write(|tx| tx.mark_all_dirty()).expect("marked");
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.failure, world.take_writes().len()), (1, 0));
    let reason = world.reason("ada");
    assert!(reason.contains("its source was sealed with a key that is not there"), "{reason}");
    nothing_is_told(&world, "");
    world.unassign("ada");
    world.a_day_later();
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(false), "{} {}", world.reason("ada"), world.last_plan());
    nothing_is_told(&world, "");
}

#[tokio::test]
async fn what_was_in_clear_is_gone_once_it_is_redacted() {
    let mut world = world(&in_clear());
    world.echo_writes();
    world.sync_well().await;
    world.echo_no_more();
    world.later();
    let mut world = world.all_provisioned().await;
    assert!(has(&world.state_bytes(), "Zebra-4711-Quagga"), "it is there to be hidden");

    world.reconfigure(&redacted());
    let planned = world.plan().await;
    world.sync_well().await;
    assert_eq!(world.take_writes().len(), 1, "title is new: {}", world.last_plan());
    nothing_is_told(&world, &planned);
    world.is_settled().await;

    world.reconfigure(&in_clear());
    world.sync_well().await;
    assert_eq!(world.take_writes().len(), 0, "{}", world.last_plan());
    assert!(has(&world.state_bytes(), "Zebra-4711-Quagga"));
    world.is_settled().await;
}

#[tokio::test]
async fn what_a_dead_program_left_in_clear_is_hidden_before_it_is_logged() {
    let mut world = world(&in_clear()).all_provisioned().await;
    world.set("ada", "employeeId", "Tapir-2222-Gnu");
    world.crash_after_writes(0).await;
    world.reconfigure(&redacted());
    world.restart();
    world.later();
    world.sync_well().await;
    nothing_is_told(&world, "");
    assert_eq!(at_the_application(&world)[0], json!("Tapir-2222-Gnu"));
    world.is_settled().await;
}

#[tokio::test]
async fn default_of_a_redacted_attribute_is_written_and_kept_like_any_other() {
    let row = "target = \"nickName\"\nexpression = 'Redact([employeeId])'\ndefault = \"Ibex-9999\"";
    let mut world =
        World::with_config(&format!("---\n{MATCHING}\n[[apps.crm.users.attributes]]\n{row}\n"));
    world.hire_all(["ada", "grace"]);
    world.set("grace", "employeeId", "Zebra-4711-Quagga");
    let world = world.all_provisioned().await;
    assert_eq!(account(&world)["nickName"], json!("Ibex-9999"));
    nothing_is_told(&world, "");
    world.is_settled().await;
    world.set("grace", "employeeId", Value::Null);
    world.set("ada", "employeeId", "Tapir-2222-Gnu");
    world.sync_well().await;
    assert_eq!(world.take_writes().len(), 2);
    assert_eq!(account(&world)["nickName"], json!("Tapir-2222-Gnu"));
    assert_eq!(world.account("grace@contoso.com").expect("there")["nickName"], Value::Null);
    world.is_settled().await;
    nothing_is_told(&world, "");
}

#[tokio::test]
async fn value_that_depends_on_the_time_or_on_chance_is_sent_as_planned() {
    let rows = r#"
[[apps.crm.users.attributes]]
target = "nickName"
expression = 'Redact(RandomString(12,2,2,2,2))'
apply = "create"
[[apps.crm.users.attributes]]
target = "title"
expression = 'Redact(FormatDateTime(Now(), , "M/d/yyyy h:mm:ss tt", "yyyy-MM-dd"))'
apply = "create"
"#;
    let mut world = World::with_config(&format!("---\n{MATCHING}{rows}"));
    world.hire("ada");
    world.application.inject(
        Fault::throttled(std::time::Duration::from_secs(90)),
        Matcher::method(Method::POST),
    );
    world.sync_well().await;
    let ada = account(&world);
    assert_eq!(ada["nickName"].as_str().map(str::len), Some(12), "{}", world.last_plan());
    assert_eq!(ada["title"], json!("2026-11-23"));
    let random = ada["nickName"].as_str().expect("a text").to_owned();
    assert!(!has(&world.state_bytes(), &random));
    world.is_settled().await;
}

#[tokio::test]
async fn scoping_filter_may_look_at_a_redacted_source_and_tells_only_whether_it_holds() {
    let filter = |operator: &str, value: &str| {
        format!(
            "{}\n[[apps.crm.users.scoping_filters]]\nclauses = [{{ attribute = \"employeeId\", \
             operator = \"{operator}\", value = \"{value}\" }}]\n",
            redacted()
        )
    };
    let mut world = world(&filter("REGEX MATCH", "Zebra.*"));
    world.hire("grace");
    world.set("grace", "employeeId", "Ibex-9999");
    let world = world.all_provisioned().await;
    assert_eq!(world.application.user_count(), 1);
    let log = format!("{:?} {:?}", world.log("ada"), world.log("grace"));
    assert!(log.contains("True: saw [Redact]") && log.contains("False: saw [Redact]"), "{log}");
    nothing_is_told(&world, &log);
}
