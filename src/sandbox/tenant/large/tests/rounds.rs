//! Rounds of changes: who was changed, when it is told, and how long a link lives.

use std::time::Duration;

use serde_json::Value;

use super::world::{PEOPLE, World};

const SELECT: &str = "$select=id,displayName,jobTitle,department,manager";

fn ids(page: &Value) -> Vec<String> {
    let rows = page["value"].as_array().unwrap();
    rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

fn link(page: &Value, name: &str) -> String {
    page[name].as_str().unwrap_or_else(|| panic!("no {name} in {page}")).to_owned()
}

#[tokio::test]
async fn whoever_was_changed_is_told_once_with_the_newest_values() {
    let world = World::new();
    let (_, now) = world.page(&format!("/users/delta?{SELECT}&$deltatoken=latest")).await;
    assert_eq!(ids(&now), Vec::<String>::new());
    let since = link(&now, "@odata.deltaLink");
    let (_, none) = world.page(&since).await;
    assert_eq!(ids(&none), Vec::<String>::new());

    assert_eq!(world.large.churn(PEOPLE), PEOPLE, "everybody");
    assert_eq!(world.large.churn(2), 2, "and two of them again");
    let round = world.ask("GET", &since, &Value::Null).await;
    assert_eq!(round.rows.len(), PEOPLE as usize);
    let titles = |ending: &str| {
        let ends = |row: &&Value| row["jobTitle"].as_str().is_some_and(|t| t.ends_with(ending));
        round.rows.values().filter(ends).count()
    };
    assert_eq!((titles(" 1"), titles(" 2")), (PEOPLE as usize - 2, 2));
    assert!(round.rows.values().all(|row| row.get("manager@delta").is_none()));
    let (status, first) = world.page(&since).await;
    assert_eq!((status, ids(&first).len()), (200, 200), "a link can be used again");
}

#[tokio::test]
async fn a_change_under_way_comes_at_the_end_of_the_same_round() {
    let world = World::new();
    let (_, first) = world.page(&format!("/users/delta?{SELECT}")).await;
    world.large.churn(3);
    let mut page = first;
    let mut told = ids(&page).len();
    while page.get("@odata.nextLink").is_some() {
        let (_, next) = world.page(&link(&page, "@odata.nextLink")).await;
        told += ids(&next).len();
        page = next;
    }
    assert_eq!(told, PEOPLE as usize + 3);
    let (_, rest) = world.page(&link(&page, "@odata.deltaLink")).await;
    assert_eq!(ids(&rest), Vec::<String>::new(), "and not again");
}

#[tokio::test]
async fn a_round_that_does_not_select_what_changed_is_silent() {
    let world = World::new();
    let (_, now) = world.page("/users/delta?$select=displayName&$deltatoken=latest").await;
    world.large.churn(10);
    let (_, round) = world.page(&link(&now, "@odata.deltaLink")).await;
    assert_eq!(ids(&round), Vec::<String>::new());
}

#[tokio::test]
async fn links_end_as_those_of_graph_do() {
    let world = World::new();
    let (_, first) = world.page(&format!("/users/delta?{SELECT}")).await;
    let (_, list) = world.page("/users?$top=10").await;
    let (_, now) = world.page(&format!("/users/delta?{SELECT}&$deltatoken=latest")).await;
    world.pass(Duration::from_secs(31 * 60));
    for old in [&first, &list] {
        let (status, refused) = world.page(&link(old, "@odata.nextLink")).await;
        assert_eq!(status, 400);
        assert_eq!(refused["error"]["code"], "Directory_ExpiredPageToken");
    }
    let round = link(&now, "@odata.deltaLink");
    assert_eq!(world.page(&round).await.0, 200);
    world.pass(Duration::from_secs(7 * 24 * 3_600));
    let (status, refused) = world.page(&round).await;
    assert_eq!((status, &refused["error"]["code"]), (400, &"syncStateNotFound".into()));
    let (status, _) = world.page(&round.replace("/users/", "/groups/")).await;
    assert_eq!(status, 400, "a link of people is none of groups");
}
