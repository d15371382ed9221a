//! The state file: crashes, restarts, dry runs, and what it refuses.

use std::{fs, sync::Arc};

use entra_scim::{
    cycle::{CycleError, CycleOptions, Stop},
    provisioning::ChangeStatus,
    sandbox::application::{Fault, Matcher, Moment},
    store::{Engine, PlanFilter, Reader, StoreError, preview_copy},
};
use http::Method;

use crate::support::{state, world::World};

const MANY: usize = 40;

fn many() -> World {
    let mut world = World::new();
    for number in 0..MANY {
        world.hire(&format!("p{number:02}"));
    }
    world
}

#[tokio::test]
async fn stop_in_the_middle_of_the_export_loses_and_doubles_nothing() {
    for after in [0, 1, 7, 25] {
        let mut world = many();
        let stop = Arc::new(Stop::default());
        world.stop_after_writes(&stop, after);
        let end = world.sync_until(&stop).await;
        assert!(matches!(end.error, Some(CycleError::Stopped)), "{after}: {:?}", end.report.error);
        let sofar = world.application.user_count();
        assert!(sofar < MANY, "{after}: {sofar}");
        world.restart();
        world.sync_well().await;
        assert_eq!(world.application.user_count(), MANY);
        assert_eq!(world.take_writes().len(), MANY, "nobody is created twice");
        world.is_settled().await;
    }
}

#[tokio::test]
async fn crash_while_requests_are_under_way_converges_without_duplicates() {
    let mut world = many();
    world.crash_after_writes(5).await;
    let left = world.state().read(|view| view.sent_rows()).expect("readable").len();
    assert!(left > 0, "some requests were under way");
    world.restart();
    for _ in 0..4 {
        world.later();
        world.sync_well().await;
    }
    assert_eq!(world.application.user_count(), MANY);
    let mut names: Vec<String> = world
        .application
        .users()
        .iter()
        .map(|user| user["userName"].as_str().expect("a name").to_owned())
        .collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), MANY);
    world.is_settled().await;
}

#[tokio::test]
async fn lost_watermark_sends_nothing_needless() {
    let mut world = World::with_users(["ada", "grace"]);
    world.person("hedy");
    let group = world.assigned_group("Editors", world.editor);
    world.join(group, "hedy");
    world.tenant.set_manager(world.id("ada"), Some(world.id("grace")));
    let world = world.all_provisioned().await;
    world.state().write(|tx| tx.reset_watermark()).expect("a reset");
    let end = world.sync_well().await;
    assert_eq!(end.report.requests.target, 0, "{}", world.last_plan());
    world.is_settled().await;
}

#[tokio::test]
async fn lost_links_are_matched_again_without_a_write() {
    let world = World::with_users(["ada", "grace", "edsger"]);
    world.tenant.set_manager(world.id("ada"), Some(world.id("grace")));
    let world = world.all_provisioned().await;
    world.state().write(|tx| tx.rematch_links()).expect("a reset");
    let end = world.sync_well().await;
    assert_eq!(end.report.totals.adopt, 3);
    assert!(world.take_writes().is_empty(), "{}", world.last_plan());
    world.is_settled().await;
}

#[tokio::test]
async fn lost_links_of_many_are_matched_by_a_survey() {
    let world = many().all_provisioned().await;
    world.state().write(|tx| tx.rematch_links()).expect("a reset");
    let end = world.sync_well().await;
    assert_eq!(end.report.totals.adopt, MANY as u64);
    assert_eq!(end.report.requests.target, 3 + 2, "one page, and none after it");
    world.is_settled().await;
}

#[tokio::test]
async fn another_target_is_refused_before_anything_is_sent() {
    let mut world = World::with_users(["ada"]).all_provisioned().await;
    world.job.target_base = "https://elsewhere.example/scim".to_owned();
    world.unassign("ada");
    let end = world.sync().await;
    assert!(matches!(end.error, Some(CycleError::Rebound { .. })));
    let text = end.report.error.expect("a sentence");
    assert!(text.contains("https://elsewhere.example/scim") && text.contains("--rebind"), "{text}");
    assert!(world.take_writes().is_empty());
}

#[tokio::test]
async fn damaged_or_newer_file_is_refused_and_untouched() {
    let folder = tempfile::tempdir().expect("a folder");
    let damaged = folder.path().join("damaged.db");
    fs::write(&damaged, b"this is no database, but a letter to somebody, long enough to be one")
        .expect("written");
    let before = fs::read(&damaged).expect("read");
    let error = Engine::open(&damaged).err().expect("refused");
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    assert_eq!(fs::read(&damaged).expect("read"), before);

    let newer = folder.path().join("newer.db");
    drop(Engine::open(&newer).expect("a state file"));
    let connection = rusqlite::Connection::open(&newer).expect("opens");
    connection.pragma_update(None, "user_version", 99).expect("set");
    drop(connection);
    let before = fs::read(&newer).expect("read");
    let error = Engine::open(&newer).err().expect("refused");
    assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error}");
    assert_eq!(fs::read(&newer).expect("read"), before);
}

#[tokio::test]
async fn second_engine_is_refused() {
    let world = World::with_users(["ada"]);
    let error = Engine::open(world.state().path()).err().expect("refused");
    assert!(matches!(error, StoreError::Locked(_)), "{error}");
}

#[tokio::test]
async fn dry_run_leaves_the_file_as_it_was_and_only_reads() {
    let mut world = World::with_users(["ada", "grace", "edsger"]).all_provisioned().await;
    world.hire("barbara");
    world.unassign("ada");
    let path = world.state().path().to_owned();
    // Nothing but the dry run has the file open.
    world.store = None;
    let before = fs::read(&path).expect("read");
    world.application.take_requests();
    let plan = world.plan().await;
    assert!(plan.contains("create barbara") && plan.contains("disable ada"), "{plan}");
    assert_eq!(fs::read(&path).expect("read"), before);
    assert!(world.take_writes().is_empty());
    let graph = world.tenant.requests();
    let asks = |method: &str, path: &str| method == "GET" || path.ends_with("/getByIds");
    assert!(graph.iter().all(|it| it.is_login() || asks(&it.method, &it.path)), "{graph:?}");
}

#[tokio::test]
async fn dry_run_says_what_the_next_cycle_does() {
    let mut world = World::with_users(["ada", "grace", "edsger", "hedy"]).all_provisioned().await;
    world.hire("barbara");
    world.seed_account(serde_json::json!({"userName": "ines@contoso.com", "active": false}));
    world.hire("ines");
    world.unassign("ada");
    world.set("grace", "displayName", "Grace H");
    world.tenant.set_manager(world.id("grace"), Some(world.id("barbara")));
    world.tenant.soft_delete_user(world.id("hedy"));
    world.tenant.purge_user(world.id("hedy"));
    let planned = world.plan().await;
    let done = world.synced().await;
    let barbara = world.account("barbara@contoso.com").expect("there")["id"].clone();
    let expected = planned
        .replace("  planned  ", "  success  ")
        .replace(&world.id("barbara").to_string(), barbara.as_str().expect("an id"));
    assert_eq!(expected, done);
    world.is_settled().await;
}

#[tokio::test]
async fn first_dry_run_of_all_says_what_the_first_cycle_does() {
    let world = many();
    let planned = world.plan().await;
    let done = world.synced().await;
    assert_eq!(planned.replace("  planned  ", "  success  "), done);
}

#[tokio::test]
async fn row_that_was_sent_when_the_program_ended_is_settled_by_the_next_cycle() {
    let mut world = World::with_users(["ada", "grace"]).all_provisioned().await;
    world.set("ada", "displayName", "Ada L");
    world.application.inject(Fault::Reset(Moment::AfterApplying), Matcher::method(Method::PATCH));
    world.sync_well().await;
    world.restart();
    world.later();
    world.sync_well().await;
    let sent = world.state().read(|view| view.sent_rows()).expect("readable");
    assert!(sent.is_empty());
    assert_eq!(world.take_writes().len(), 1);
}

#[tokio::test]
async fn complete_cycle_over_a_settled_state_plans_nothing() {
    let world = many().all_provisioned().await;
    let end = world.sync_with(CycleOptions { initial: true, ..CycleOptions::default() }).await;
    assert!(end.error.is_none());
    assert_eq!(end.report.requests.target, 0);
    let rows = world.state().read(|view| view.plan_rows(PlanFilter::Visible, 0, 10)).expect("rows");
    assert!(rows.is_empty());
}

#[tokio::test]
async fn how_a_row_went_stands_in_the_plan_as_in_the_log() {
    let world = World::with_users(["ada"]);
    world.sync_well().await;
    let rows = world.state().read(|view| view.plan_rows(PlanFilter::All, 0, 10)).expect("a plan");
    let [(_, row)] = rows.as_slice() else { panic!("{} rows", rows.len()) };
    assert_eq!((row.status, row.target.is_some()), (ChangeStatus::Success, true));
    assert_eq!(row.steps.last().expect("a step").name, "EntryExportAdd");
    assert_eq!(row.steps, world.log("ada").pop().expect("a row").steps);
}

/// Writes the state as the first version would have it: its tables, its columns.
fn downgrade(path: &std::path::Path) -> rusqlite::Result<()> {
    let newer = path.with_extension("newer");
    fs::rename(path, &newer).expect("the state is closed");
    let old = state::open(path);
    old.execute_batch(include_str!("../../src/store/migrations/0001_state.sql"))?;
    old.execute("ATTACH ?1 AS newer", [newer.to_str().expect("a path of this test")])?;
    let names = |sql: &str| -> rusqlite::Result<Vec<String>> {
        old.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
    };
    for table in names("SELECT name FROM main.sqlite_schema WHERE type = 'table'")? {
        let columns = names(&format!("SELECT name FROM pragma_table_info('{table}')"))?;
        let columns: Vec<String> = columns.iter().map(|name| format!("\"{name}\"")).collect();
        let source = if table == "source_user" { "source_whole" } else { table.as_str() };
        let text = |column: &str| match (table.as_str(), column) {
            ("link", "\"exported\"") | ("provisioning_log", "\"body\"") => {
                format!("unpacked(coalesce(packed, {column}))")
            }
            _ => column.to_owned(),
        };
        let texts: Vec<String> = columns.iter().map(|column| text(column)).collect();
        let (columns, texts) = (columns.join(", "), texts.join(", "));
        old.execute_batch(&format!(
            "INSERT INTO main.{table} ({columns}) SELECT {texts} FROM newer.{source}"
        ))?;
    }
    old.execute_batch("DETACH newer; PRAGMA user_version = 1")
}

#[tokio::test]
async fn a_state_of_the_first_version_goes_on_where_it_was() {
    let mut world = World::with_users(["ada", "grace"]).all_provisioned().await;
    let path = world.state().path().to_owned();
    world.store = None;
    downgrade(&path).expect("the first version's tables");
    world.restart();
    assert_eq!(world.synced().await, "nothing to do\n");
    world.set("ada", "displayName", "Ada Lovell");
    world.unassign("grace");
    let plan = world.synced().await;
    assert!(plan.contains("displayName") && plan.contains("disable grace"), "{plan}");
    world.is_settled().await;
}

/// Writes the rows of one person as versions before the packed form would have them.
fn unpack_rows_of(world: &World, name: &str) -> usize {
    let state = state::open(world.state().path());
    let log = "UPDATE provisioning_log SET packed = NULL, version = 2, body = replace(replace( \
         unpacked(packed), '\"modified\"', '\"~1a\"'), '\"steps\"', '\"~1b\"') \
         WHERE source = ?1 AND packed IS NOT NULL";
    let link = "UPDATE link SET packed = NULL, exported = '~' || replace(replace( \
         unpacked(packed), '\"userName\"', '\"~0\"'), '\"active\"', '\"~1\"') WHERE source = ?1";
    let known = "UPDATE source_attributes SET packed = NULL, attributes = unpacked(packed) \
         WHERE num = (SELECT attributes_num FROM source_object WHERE id = ?1)";
    let accesses = "UPDATE source_object SET accesses = json_object('12', entitled_since) \
         WHERE id = ?1 AND accesses NOT LIKE '{%'";
    let id = world.id(name).to_string();
    let written = |sql: &str| state.execute(sql, [&id]).expect("written");
    [log, link, known, accesses].into_iter().map(written).sum()
}

#[tokio::test]
async fn texts_of_earlier_versions_are_read_beside_packed_ones() {
    let world = World::with_users(["ada", "grace"]).all_provisioned().await;
    let told = (world.log("ada"), world.log("grace"));
    assert_eq!(unpack_rows_of(&world, "ada"), 4, "all of them were packed");
    assert_eq!((world.log("ada"), world.log("grace")), told);
    assert_eq!(world.synced().await, "nothing to do\n");
    world.is_settled().await;
    for name in ["ada", "grace"] {
        world.set(name, "displayName", "Somebody Else");
    }
    world.sync_well().await;
    assert_eq!(world.take_writes().len(), 2, "{}", world.last_plan());
    world.is_settled().await;
    assert_eq!(unpack_rows_of(&world, "ada"), 4, "what was written since is packed");
}

#[tokio::test]
async fn packed_text_that_is_broken_is_told_as_such() {
    let world = World::with_users(["ada"]).all_provisioned().await;
    let state = state::open(world.state().path());
    let sql = "UPDATE link SET packed = substr(packed, 1, length(packed) - 9)";
    assert_eq!(state.execute(sql, []).expect("written"), 1);
    let error = world.state().read(|view| view.link(world.id("ada"))).expect_err("broken");
    let StoreError::Stored { what, .. } = &error else { panic!("{error}") };
    assert_eq!(*what, "packed text");
    world.state().write(|tx| tx.mark_all_dirty()).expect("marked");
    assert!(world.sync_badly().await.contains("packed text"));
    assert_eq!(world.take_writes(), Vec::<String>::new());
}

#[test]
fn a_file_that_an_engine_has_not_filled_yet_is_no_state() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("crm.sqlite");
    fs::write(&path, "").expect("a file");
    assert!(matches!(Reader::open(&path), Err(StoreError::Missing(_))));
    let copy = preview_copy(&path).expect("an empty copy");
    assert_eq!(copy.read(|view| view.link_counts()).expect("readable").linked, 0);
}
