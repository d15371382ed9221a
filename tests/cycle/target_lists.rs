//! Lists and searches as servers get them wrong: noticed, never trusted, never endless.

use entra_scim::{
    cycle::CycleOptions,
    sandbox::application::{
        DescriptionSupport, Fault, FilterSupport, Matcher, Moment, Quirks, TotalResults,
    },
};
use http::Method;
use serde_json::json;

use crate::support::world::World;

/// More accounts than one page of the application holds.
const OTHERS: usize = 250;

fn crowded(lines: &str, quirks: Quirks) -> World {
    let mut world = World::with_config(lines);
    for number in 0..OTHERS {
        world.seed_account(json!({ "userName": format!("other{number}@contoso.com") }));
    }
    world.seed_account(json!({ "userName": "ada@contoso.com", "active": true }));
    world.quirks(quirks);
    world
}

/// Page requests since the last call, as they ask for their place.
fn pages(world: &World) -> Vec<String> {
    let requests = world.application.take_requests();
    let lists = requests.iter().filter(|it| it.path == "/Users" && it.method == Method::GET);
    lists
        .map(|it| {
            let query = it.query.iter().filter(|(name, _)| name != "count");
            query.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
        })
        .collect()
}

/// Ada has an account among many; Zoe has none. Each is found or not, whatever the list does.
async fn finds_who_is_there(world: &mut World, told: &str) {
    world.hire_all(["ada", "zoe"]);
    let end = world.sync_with(CycleOptions { initial: true, ..CycleOptions::default() }).await;
    assert!(end.error.is_none(), "{told}: {:?}", end.report.error);
    let totals = end.report.totals;
    assert_eq!((totals.adopt, totals.create, totals.failure), (1, 1, 0), "{told}");
    assert_eq!(world.application.user_count(), OTHERS + 2, "{told}: {}", world.last_plan());
}

#[tokio::test]
async fn a_list_by_cursors_is_read_to_its_end() {
    let mut world = crowded("", Quirks { cursor_only: true, ..Quirks::default() });
    finds_who_is_there(&mut world, "cursors").await;
    assert_eq!(pages(&world), ["cursor=", "cursor=after/200"]);
    world.is_settled().await;
}

#[tokio::test]
async fn a_list_by_cursors_is_noticed_where_nobody_announced_it() {
    let quirks =
        Quirks { cursor_only: true, description: DescriptionSupport::Html, ..Quirks::default() };
    let mut world = crowded("", quirks.clone());
    finds_who_is_there(&mut world, "unannounced").await;
    assert_eq!(pages(&world), ["startIndex=1", "startIndex=201", "cursor=after/200"]);

    let mut world = crowded("---\ncursor = true", quirks);
    finds_who_is_there(&mut world, "configured").await;
    assert_eq!(pages(&world), ["cursor=", "cursor=after/200"]);
}

#[tokio::test]
async fn a_list_that_is_not_whole_is_no_evidence_that_somebody_has_no_account() {
    for quirks in [
        // Always the first page, whatever is asked for; Ada is on the second.
        Quirks { start_index_ignored: true, ..Quirks::default() },
        Quirks {
            start_index_ignored: true,
            total_results: TotalResults::Page,
            ..Quirks::default()
        },
        Quirks { start_index_ignored: true, count_ignored: true, ..Quirks::default() },
    ] {
        let mut world = crowded("", quirks.clone());
        finds_who_is_there(&mut world, &format!("{quirks:?}")).await;
        let filters = pages(&world).iter().filter(|it| it.starts_with("filter")).count();
        assert!(filters >= 1, "whoever is not in the list is searched for: {quirks:?}");
    }
}

#[tokio::test]
async fn totals_that_claim_more_than_is_shown_create_nobody() {
    let quirks = Quirks { total_results: TotalResults::OffBy(40), ..Quirks::default() };
    let mut world = crowded("", quirks);
    world.hire_all(["ada", "zoe"]);
    let end = world.sync_well().await;
    let totals = end.report.totals;
    assert_eq!((totals.adopt, totals.create, totals.failure), (1, 0, 1), "{}", world.last_plan());
    let reason = world.reason("zoe");
    assert!(reason.contains("a match that has no id or is not in the answer"), "{reason}");
}

#[tokio::test]
async fn whoever_is_not_in_a_part_of_a_list_is_left_alone_where_nobody_can_be_searched_for() {
    let quirks =
        Quirks { start_index_ignored: true, filter: FilterSupport::Refused, ..Quirks::default() };
    let mut world = crowded("", quirks);
    world.seed_account(json!({ "userName": "last@contoso.com" }));
    world.hire_all(["ada", "zoe"]);
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.create, end.report.totals.failure), (0, 2));
    assert!(world.take_writes().is_empty());
    let reason = world.reason("zoe");
    assert!(reason.contains("lists only a part of its accounts"), "{reason}");
}

#[tokio::test]
async fn without_a_filter_everybody_is_listed_in_every_cycle_that_looks_for_somebody() {
    let quirks = Quirks { filter: FilterSupport::Refused, ..Quirks::default() };
    let mut world = crowded("", quirks);
    finds_who_is_there(&mut world, "no filter").await;
    pages(&world);
    world.seed_account(json!({ "userName": "grace@contoso.com", "active": true }));
    world.hire("grace");
    world.later();
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.adopt, end.report.totals.failure), (1, 0));
    assert_eq!(pages(&world), ["startIndex=1", "startIndex=201"]);
    world.set("grace", "department", "Looms");
    world.later();
    world.sync_well().await;
    assert!(pages(&world).is_empty(), "nobody is looked for");
    world.is_settled().await;
}

#[tokio::test]
async fn without_a_filter_a_lost_create_is_settled_by_the_list() {
    let quirks = Quirks { filter: FilterSupport::Refused, ..Quirks::default() };
    for (moment, posts) in [(Moment::AfterApplying, 1), (Moment::BeforeApplying, 2)] {
        let mut world = crowded("", quirks.clone());
        world.hire("zoe");
        world.application.inject(Fault::Reset(moment), Matcher::method(Method::POST));
        world.sync_well().await;
        for _ in 0..3 {
            world.later();
            world.sync_well().await;
        }
        assert_eq!(world.take_writes().len(), posts, "{moment:?}: {}", world.last_plan());
        assert_eq!(world.application.user_count(), OTHERS + 2);
        assert_eq!(world.active("zoe"), Some(true));
    }
}

#[tokio::test]
async fn without_a_filter_a_lost_create_of_somebody_who_left_is_settled_too() {
    let quirks = Quirks { filter: FilterSupport::Refused, ..Quirks::default() };
    let mut world = crowded("", quirks);
    world.hire_all(["zoe", "yan"]);
    world.sync_well().await;
    world.hire("xue");
    let lost = Matcher {
        body_contains: Some("xue@contoso.com".to_owned()),
        ..Matcher::method(Method::POST)
    };
    world.application.inject(Fault::Reset(Moment::AfterApplying), lost);
    world.later();
    world.sync_well().await;
    world.unassign("xue");
    for _ in 0..3 {
        world.later();
        world.sync_well().await;
    }
    assert_eq!(world.active("xue"), Some(false), "{}", world.last_plan());
}

#[tokio::test]
async fn neither_filter_nor_list_fails_the_new_and_holds_up_nobody_else() {
    let mut world = World::with_users(["grace"]).all_provisioned().await;
    world.quirks(Quirks {
        filter: FilterSupport::Refused,
        list_refused: Some(403),
        ..Quirks::default()
    });
    world.hire("ada");
    world.set("grace", "displayName", "Grace H");
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.failure, end.report.totals.update), (1, 1));
    assert_eq!(world.active("ada"), None);
    let reason = world.reason("ada");
    assert!(reason.contains("neither a filter nor a list"), "{reason}");
    assert!(reason.contains("`apps.crm.target.filter = true`"), "{reason}");
}

#[tokio::test]
async fn a_filter_that_is_ignored_by_pages_leads_to_the_list_in_the_same_cycle() {
    let mut world = crowded("", Quirks::default());
    world.hire("grace");
    world.sync_well().await;
    world.later();
    let quirks = Quirks { filter: FilterSupport::Ignored, ..Quirks::default() };
    world.quirks(quirks);
    pages(&world);
    world.hire_all(["ada", "zoe"]);
    let end = world.sync_well().await;
    let totals = end.report.totals;
    assert_eq!((totals.adopt, totals.create, totals.failure), (1, 1, 0), "{}", world.last_plan());
    assert_eq!(world.application.user_count(), OTHERS + 3);
    let asked = pages(&world);
    assert!(asked[0].starts_with("filter="), "{asked:?}");
    assert_eq!(asked[1..], ["startIndex=1", "startIndex=201"]);
    // It is remembered: the next one is looked for in the list at once.
    world.hire("yan");
    world.later();
    world.sync_well().await;
    assert_eq!(pages(&world), ["startIndex=1", "startIndex=201"]);
    world.is_settled().await;
}

#[tokio::test]
async fn a_filter_that_is_ignored_where_there_is_no_list_creates_nobody() {
    let quirks =
        Quirks { filter: FilterSupport::Ignored, list_refused: Some(403), ..Quirks::default() };
    let mut world = crowded("", quirks);
    world.hire("ada");
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.create, end.report.totals.failure), (0, 1));
    assert!(world.take_writes().is_empty());
    let reason = world.reason("ada");
    assert!(reason.contains("ignored a filter on `userName`"), "{reason}");
}

#[tokio::test]
async fn a_cursor_that_leads_in_a_ring_ends() {
    let mut world = crowded("---\ncursor = true", Quirks::default());
    // It takes no cursors, and its pages name none: what it shows is not whole.
    finds_who_is_there(&mut world, "no cursors there").await;
    let asked = pages(&world);
    assert_eq!(asked[0], "cursor=");
    assert!(asked.len() < 5, "{asked:?}");
}
