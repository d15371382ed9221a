//! Reading everybody of a large tenant: in sequence, in shards, and by id.
//!
//! A page has one row here, so that a few dozen people are a tenant of many pages.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use entra_scim::{
    cycle::{CycleOptions, Stop},
    model::{Attributes, SourceId},
    provisioning::{Occasion, Presence},
    sandbox::tenant::{RecordedRequest, UserSpec},
};
use proptest::prelude::*;
use serde_json::Value;

use crate::support::world::World;

const EVERYBODY: &str = r#"scope = "all"
---
[[apps.crm.users.attributes]]
target = "userName"
source = "userPrincipalName"
match = 1
[[apps.crm.users.attributes]]
target = "active"
expression = 'Not([IsSoftDeleted])'
"#;

const INITIAL: CycleOptions = CycleOptions { initial: true, occasion: Occasion::Scheduled };

/// Names that stand in no range of the alphabet, or do so only for some.
const ODD_NAMES: [&str; 14] = [
    "李雷", "Ünal", "ünal2", "o'brien", "O''Neil", "_x", "#ext#", "Şirin", "ıspanak", "İzmir", "ß",
    "🦀", "ADA", "a.b",
];

fn world(names: &[String]) -> World {
    let mut world = World::with_config(EVERYBODY);
    world.tenant.switch(|switches| switches.page_rows_max = 1);
    for name in names {
        add(&mut world, name);
    }
    world
}

fn add(world: &mut World, name: &str) -> SourceId {
    let spec = UserSpec::named(&format!("{name}@contoso.com"), name);
    let id = world.tenant.add_user(spec.with("department", "Sales"));
    world.people.insert(name.to_owned(), id);
    id
}

/// People with a first letter each, and so many of each.
fn alphabet(each: usize) -> Vec<String> {
    ('a'..='z').flat_map(|c| (0..each).map(move |n| format!("{c}{n}"))).collect()
}

/// What the state knows of everybody in the tenant.
fn known(world: &World) -> BTreeMap<SourceId, (Presence, Attributes)> {
    let read = |id| world.state().read(|view| view.subject(id)).expect("the state reads");
    let users = world.tenant.users().into_iter();
    users.filter_map(|id| Some((id, read(id).map(|it| (it.presence, it.attributes))?))).collect()
}

/// Everybody is known as the tenant shows them, and live.
#[track_caller]
fn assert_all_known(world: &World) {
    let known = known(world);
    for id in world.tenant.users().into_iter().filter(|id| world.tenant.is_live(*id)) {
        let name = world.tenant.attributes(id)["userPrincipalName"].clone();
        let (presence, attributes) = known.get(&id).unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!((*presence, &attributes["userPrincipalName"]), (Presence::Live, &name));
    }
}

fn shards(requests: &[RecordedRequest]) -> Vec<&str> {
    requests.iter().filter_map(|request| request.option("$filter")).collect()
}

/// Whom requests looked up by id.
fn looked_up(requests: &[RecordedRequest]) -> BTreeSet<SourceId> {
    let lookups = requests.iter().filter(|request| request.path.ends_with("/getByIds"));
    let ids = lookups.flat_map(|request| {
        let body: Value = serde_json::from_slice(&request.body).expect("JSON");
        body["ids"].as_array().expect("ids").clone()
    });
    ids.map(|id| id.as_str().expect("a text").parse().expect("a GUID")).collect()
}

#[tokio::test]
async fn names_in_every_script_are_all_read_though_shards_have_the_latin_ones_only() {
    let mut names = alphabet(3);
    names.extend(ODD_NAMES.map(str::to_owned));
    let world = world(&names);
    world.tenant.take_requests();
    world.sync_well().await;
    assert_all_known(&world);
    let requests = world.tenant.take_requests();
    assert!(shards(&requests).contains(&"startswith(userPrincipalName,'''')"));
    assert!(requests.iter().all(|request| !request.headers.contains_key("consistencylevel")));
    let looked_up = looked_up(&requests);
    assert!(looked_up.contains(&world.id("李雷")), "no shard has this name");
    assert!(!looked_up.contains(&world.id("ADA")), "a shard has names whatever their case");
    assert!(looked_up.len() < ODD_NAMES.len(), "nobody whom a shard showed is asked for again");
    world.is_settled().await;
}

#[tokio::test]
async fn a_tenant_of_few_pages_costs_one_request_a_page_and_no_more() {
    let names: Vec<String> = alphabet(1).into_iter().take(16).collect();
    let mut world = world(&names);
    world.tenant.take_requests();
    let end = world.sync_well().await;
    assert_eq!(shards(&world.tenant.take_requests()), Vec::<&str>::new());
    // The application, the link from now on, and the pages.
    assert_eq!(end.report.requests.graph, 2 + 16);
    add(&mut world, "one-more");
    world.sync_with(INITIAL).await;
    assert!(!shards(&world.tenant.take_requests()).is_empty(), "a page more, and shards pay");
    assert_all_known(&world);
}

#[tokio::test]
async fn who_comes_goes_or_is_renamed_between_two_shards_is_known_all_the_same() {
    let mut world = world(&alphabet(3));
    let (bob, zoe) = (add(&mut world, "bob"), add(&mut world, "zoe"));
    let (tenant, is_done) = (world.tenant.clone(), AtomicBool::new(false));
    world.before_the_directory(move |target| {
        if target.contains("startswith(userPrincipalName,'m')")
            && !is_done.swap(true, Ordering::Relaxed)
        {
            tenant.set_attribute(zoe, "userPrincipalName", "aaron@contoso.com");
            tenant.soft_delete_user(bob);
            tenant.add_user(UserSpec::named("beate@contoso.com", "Beate"));
        }
        None
    });
    world.sync_well().await;
    assert!(looked_up(&world.tenant.take_requests()).contains(&zoe), "she fell between two shards");
    assert_all_known(&world);
    assert_eq!(
        world.active("bob"),
        Some(true),
        "he was seen, and that he is not listed is nothing"
    );
    world.sync_well().await;
    assert_eq!(world.active("bob"), Some(false), "the changes since the beginning tell");
    assert!(world.account("aaron@contoso.com").is_some());
    assert!(world.account("beate@contoso.com").is_some());
    world.is_settled().await;
}

#[tokio::test]
async fn a_shard_that_is_refused_for_good_ends_the_shards_and_everybody_is_read_by_id() {
    for status in [400, 404, 501] {
        let mut world = world(&alphabet(3));
        world.before_the_directory(move |target| {
            target.contains("startswith(userPrincipalName,'c')").then_some(status)
        });
        world.tenant.take_requests();
        world.sync_well().await;
        assert_all_known(&world);
        assert!(looked_up(&world.tenant.take_requests()).len() > 40);
        world.is_settled().await;
    }
}

#[tokio::test]
async fn a_shard_that_cannot_be_read_now_ends_the_cycle_and_nobody_is_taken_for_gone() {
    for status in [503, 403] {
        let mut world = world(&alphabet(3)).all_provisioned().await;
        world.tenant.purge_user(world.id("a1"));
        world.before_the_directory(move |target| {
            target.contains("startswith(userPrincipalName,'c')").then_some(status)
        });
        for _ in 0..3 {
            let end = world.sync_with(INITIAL).await;
            assert!(end.error.is_some());
            assert!(world.take_writes().is_empty());
        }
        world.directory_is_itself_again();
        world.sync_well().await;
        assert_eq!(world.active("a1"), Some(true), "one look, and the first that was whole");
    }
}

#[tokio::test]
async fn a_throttled_shard_is_waited_for() {
    let mut world = world(&alphabet(3));
    let was_throttled = AtomicBool::new(false);
    world.before_the_directory(move |target| {
        let first = target.contains("'k'") && !was_throttled.swap(true, Ordering::Relaxed);
        first.then_some(429)
    });
    world.sync_well().await;
    assert_all_known(&world);
    assert!(looked_up(&world.tenant.take_requests()).is_empty(), "no shard was left out");
}

#[tokio::test]
async fn only_the_whole_list_of_ids_says_who_is_absent() {
    let mut world = world(&alphabet(3)).all_provisioned().await;
    let gone = world.id("q2");
    world.tenant.purge_user(gone);
    // The shards and all ids but the last page: what was not shown proves nothing.
    world.before_the_directory(|target| {
        (target.contains("$select=id&") && target.contains("$skiptoken")).then_some(503)
    });
    for _ in 0..3 {
        assert!(world.sync_with(INITIAL).await.error.is_some());
    }
    assert!(world.take_writes().is_empty());
    world.directory_is_itself_again();
    world.sync_with(INITIAL).await;
    assert_eq!(world.active("q2"), Some(true), "the first whole list that does not show her");
    world.sync_with(INITIAL).await;
    assert_ne!(world.active("q2"), Some(true), "the second");
    world.is_settled().await;
}

#[tokio::test]
async fn a_cycle_that_is_stopped_among_its_shards_begins_anew_and_misses_nobody() {
    let mut world = world(&alphabet(3));
    let stop = Arc::new(Stop::default());
    let asked = Arc::clone(&stop);
    world.before_the_directory(move |target| {
        if target.contains("'h'") {
            asked.request();
        }
        None
    });
    let end = world.sync_until(&stop).await;
    assert!(end.error.is_some());
    assert_eq!(world.application.user_count(), 0);
    world.restart();
    world.directory_is_itself_again();
    world.sync_well().await;
    assert_all_known(&world);
    world.is_settled().await;
}

#[tokio::test]
async fn names_that_all_begin_alike_are_split_until_shards_are_small() {
    let names: Vec<String> = (0..90).map(|number| format!("u{:02}", number % 100)).collect();
    let world = world(&names);
    world.tenant.take_requests();
    world.sync_well().await;
    assert_all_known(&world);
    let requests = world.tenant.take_requests();
    let shards = shards(&requests);
    assert!(shards.contains(&"startswith(userPrincipalName,'u8')"), "{shards:?}");
    assert!(!shards.contains(&"startswith(userPrincipalName,'a8')"), "only the long one");
    assert!(looked_up(&requests).is_empty());
}

#[tokio::test]
async fn where_a_page_is_very_large_pages_are_read_one_after_the_other() {
    let filter = r#"[[apps.crm.users.scoping_filters]]
clauses = [{ attribute = "department", operator = "EQUALS", value = "Sales" }]
"#;
    let mut world = world(&alphabet(1));
    world.reconfigure(&format!("{EVERYBODY}{filter}"));
    let first = world.tenant.users()[0];
    world.tenant.set_attribute(first, "department", "x".repeat(9 << 20));
    world.tenant.take_requests();
    world.sync_well().await;
    assert_all_known(&world);
    assert_eq!(shards(&world.tenant.take_requests()), Vec::<&str>::new());
    assert_eq!(world.application.user_count(), 25, "whose department is so long is none of Sales");
}

fn names() -> impl Strategy<Value = Vec<String>> {
    let name = prop_oneof!["[a-zA-Z0-9._'@-]{1,6}", "\\PC{1,4}", "u[0-9]{1,4}"];
    prop::collection::btree_set(name, 20..60).prop_map(|names| names.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_names_are_read_in_shards_as_by_the_plain_list(names in names()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let [plain, sharded] = [999, 1].map(|rows| {
            let mut world = world(&names);
            world.tenant.switch(|switches| switches.page_rows_max = rows);
            // What the application makes of such names is not what this is about.
            world.expects_violations();
            runtime.block_on(world.sync());
            prop_assert_eq!(shards(&world.tenant.take_requests()).is_empty(), rows == 999);
            Ok(known(&world))
        });
        let plain = plain?;
        prop_assert_eq!(plain.len(), names.len());
        prop_assert_eq!(sharded?, plain);
    }
}
