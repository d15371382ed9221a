//! Rounds of changes, as documented and as the field has seen them.

use serde_json::{Value, json};

use super::{World, days, ids};
use crate::sandbox::tenant::{Fault, UserSpec};

const USERS: &str = "/users/delta?$select=displayName,department,businessPhones,manager";

#[tokio::test]
async fn never_set_is_absent_cleared_is_null_and_only_selected_properties_trigger() {
    let world = World::new();
    let ada = world.user("ada");
    let (rows, link) = world.round(USERS).await;
    assert_eq!(rows, [json!({ "id": ada.to_string(), "displayName": "ada" })]);

    world.tenant.set_attribute(ada, "city", "Bern");
    let (rows, link) = world.round(&link).await;
    assert_eq!(rows, [] as [Value; 0]);

    world.tenant.set_attribute(ada, "department", "Sales");
    let (rows, link) = world.round(&link).await;
    assert_eq!(rows[0]["department"], "Sales");
    world.tenant.set_attribute(ada, "department", Value::Null);
    let (rows, _) = world.round(&link).await;
    let expected = json!({ "id": ada.to_string(), "displayName": "ada", "department": null });
    assert_eq!(rows, [expected]);

    // A deltaLink may be read again and again.
    let (again, _) = world.round(&link).await;
    assert_eq!(rows, again);
    let prefer = [("Prefer", "return=minimal")];
    let minimal = world.send("GET", &link, &prefer, &Value::Null).await.unwrap();
    assert_eq!(minimal.headers["preference-applied"], "return=minimal");
    assert_eq!(minimal.body["value"], json!([{ "id": ada.to_string(), "department": null }]));
}

#[tokio::test]
async fn a_user_is_removed_as_changed_then_deleted_and_comes_back_whole() {
    let mut world = World::new();
    let (ada, boss, group) = (world.user("ada"), world.user("boss"), world.tenant.add_group("g"));
    world.tenant.set_manager(ada, Some(boss));
    world.tenant.add_member(group, ada);
    let (_, users) = world.round(USERS).await;
    let (_, groups) = world.round("/groups/delta?$select=displayName,members").await;

    world.tenant.soft_delete_user(ada);
    let (rows, users) = world.round(&users).await;
    assert_eq!(rows, [json!({ "id": ada.to_string(), "@removed": { "reason": "changed" } })]);
    let (rows, groups) = world.round(&groups).await;
    assert!(rows.is_empty(), "a soft delete says nothing of memberships");

    world.tenant.restore_user(ada);
    let (rows, users) = world.round(&users).await;
    assert_eq!(rows[0]["displayName"], "ada");
    assert_eq!(rows[0]["manager@delta"][0]["id"], boss.to_string());

    world.tenant.soft_delete_user(ada);
    world.wait(days(31));
    world.sign_in();
    // The token is seven days old at most: take a new one before.
    world.get(&users).await.refused(400, "syncStateNotFound");
    let deleted = world.get("/directory/deletedItems/microsoft.graph.user").await.ok();
    assert_eq!(deleted["value"], json!([]));

    let (_, users) = world.round(USERS).await;
    let (rows, groups_now) = world.round("/groups/delta?$select=members").await;
    assert!(rows[0].get("members@delta").is_none());
    let boss_group = world.tenant.add_group("bosses");
    world.tenant.add_member(boss_group, boss);
    let (_, groups_now) = world.round(&groups_now).await;
    world.tenant.purge_user(boss);
    let (rows, _) = world.round(&users).await;
    assert_eq!(rows[0]["@removed"]["reason"], "deleted");
    let (rows, _) = world.round(&groups_now).await;
    assert_eq!(rows[0]["members@delta"][0]["@removed"]["reason"], "deleted");
    drop(groups);
}

#[tokio::test]
async fn a_new_manager_comes_with_the_end_of_the_old_one() {
    let world = World::new();
    let (ada, old, new) = (world.user("ada"), world.user("old"), world.user("new"));
    world.tenant.set_manager(ada, Some(old));
    let (_, link) = world.round("/users/delta()?%24select=manager").await;
    world.tenant.set_manager(ada, Some(new));
    let (rows, link) = world.round(&link).await;
    let told = rows[0]["manager@delta"].as_array().unwrap();
    assert_eq!(told.len(), 2);
    assert!(told.iter().any(|m| m["id"] == new.to_string() && m.get("@removed").is_none()));
    assert!(told.iter().any(|m| m["id"] == old.to_string() && m.get("@removed").is_some()));
    world.tenant.set_manager(ada, None);
    let (rows, _) = world.round(&link).await;
    assert_eq!(rows[0]["manager@delta"][0]["@removed"]["reason"], "deleted");
}

#[tokio::test]
async fn latest_says_nothing_and_starts_from_now() {
    let world = World::new();
    world.user("ada");
    let (rows, link) = world.round("/users/delta?$deltatoken=latest&$select=displayName").await;
    assert!(rows.is_empty());
    let grace = world.user("grace");
    let (rows, _) = world.round(&link).await;
    assert_eq!(ids(&rows), [grace.to_string()]);
}

#[tokio::test]
async fn a_page_has_two_hundred_objects_and_five_hundred_links() {
    let world = World::new();
    let members: Vec<_> = (0..1_201).map(|n| world.user(&format!("u{n}"))).collect();
    let (pages, _) = world.read("/users/delta?$select=displayName&$top=5").await;
    let sizes: Vec<usize> = pages.iter().map(Vec::len).collect();
    assert_eq!(sizes, [200, 200, 200, 200, 200, 200, 1], "$top is ignored");

    let (large, other) = (world.tenant.add_group("large"), world.tenant.add_group("other"));
    let empty = world.tenant.add_group("empty");
    for member in &members {
        world.tenant.add_member(large, *member);
    }
    for member in &members[..600] {
        world.tenant.add_member(other, *member);
    }
    let path = format!(
        "/groups/delta?$select=displayName,members&$filter=id eq '{large}' or id eq '{other}' or \
         id eq '{empty}'"
    );
    let (pages, _) = world.read(&path).await;
    let rows = pages.concat();
    let of = |id: &str| -> Vec<usize> {
        let slices = rows.iter().filter(|row| row["id"] == id);
        slices.map(|row| row["members@delta"].as_array().map_or(0, Vec::len)).collect()
    };
    assert_eq!(of(&large.to_string()), [500, 500, 201]);
    assert_eq!(of(&other.to_string()), [500, 100]);
    assert_eq!(of(&empty.to_string()), [0]);
    for page in &pages {
        let links: usize =
            page.iter().map(|row| row["members@delta"].as_array().map_or(0, Vec::len)).sum();
        assert!(links <= 500);
    }
    let order = ids(&rows);
    let first = order.iter().position(|id| *id == large.to_string()).unwrap();
    let last = order.iter().rposition(|id| *id == large.to_string()).unwrap();
    assert!(order[first..last].contains(&other.to_string()), "other groups stand between slices");
}

#[tokio::test]
async fn tokens_are_bound_to_their_resource_and_their_options_and_expire() {
    let world = World::new();
    for n in 0..201 {
        world.user(&format!("u{n}"));
    }
    let first = world.get(USERS).await.ok();
    let next = first["@odata.nextLink"].as_str().unwrap().to_owned();
    let elsewhere = next.replace("/users/", "/groups/");
    world.get(&elsewhere).await.refused(400, "Request_BadRequest");
    world.get(&format!("{next}&$select=id")).await.refused(400, "Request_BadRequest");
    world
        .get(&next.replace("skiptoken=", "skiptoken=x"))
        .await
        .refused(400, "DirectoryPageTokenNotFoundException");
    world.wait(std::time::Duration::from_secs(31 * 60));
    world.get(&next).await.refused(400, "Directory_ExpiredPageToken");

    let mut world = world;
    world.sign_in();
    let (_, link) = world.round(USERS).await;
    world.wait(days(8));
    world.sign_in();
    world.get(&link).await.refused(400, "syncStateNotFound");
    world.tenant.switch(|switches| switches.expired_delta_token_is_gone = true);
    let gone = world.get(&link).await;
    assert_eq!(gone.status, 410);
    assert!(gone.headers["location"].ends_with("/v1.0/users/delta?$deltatoken="));
    let (rows, _) = world.round(&gone.headers["location"]).await;
    assert_eq!(rows.len(), 201);
}

#[tokio::test]
async fn what_delta_does_not_support_is_refused() {
    let world = World::new();
    let bad = "Request_BadRequest";
    let unsupported = "Request_UnsupportedQuery";
    world.get("/users/delta?$expand=manager").await.refused(400, unsupported);
    world.get("/users/delta?$orderby=displayName").await.refused(400, unsupported);
    world.get("/users/delta?$filter=displayName eq 'x'").await.refused(400, unsupported);
    world.get("/users/delta?$select=nickname").await.refused(400, bad);
    let term = "id eq '00000000-0000-0000-0000-000000000001'";
    let fifty = vec![term; 50].join(" or ");
    assert_eq!(world.get(&format!("/users/delta?$filter={fifty}")).await.status, 200);
    let more = vec![term; 51].join(" or ");
    world.get(&format!("/users/delta?$filter={more}")).await.refused(400, unsupported);
}

#[tokio::test]
async fn a_user_changed_while_the_round_is_read_comes_twice_with_the_newer_value() {
    let world = World::new();
    let all: Vec<_> = (0..250).map(|n| world.user(&format!("u{n}"))).collect();
    let first = world.get(USERS).await.ok();
    let seen = ids(first["value"].as_array().unwrap());
    let early = all.iter().find(|id| seen.contains(&id.to_string())).unwrap();
    world.tenant.set_attribute(*early, "department", "Moved");
    let (rest, link) = world.round(first["@odata.nextLink"].as_str().unwrap()).await;
    let again = rest.iter().find(|row| row["id"] == early.to_string()).unwrap();
    assert_eq!(again["department"], "Moved");
    assert!(world.round(&link).await.0.is_empty());
}

#[tokio::test]
async fn disturbed_rounds_lose_nothing_in_the_end() {
    let world = World::new();
    let all: Vec<_> = (0..9).map(|n| world.user(&format!("u{n}"))).collect();
    world.tenant.inject(Fault::DuplicateRows);
    let (rows, _) = world.round(USERS).await;
    assert_eq!(rows.len(), 12);
    let (plain, _) = world.round(USERS).await;
    world.tenant.inject(Fault::ShuffleRows);
    let (shuffled, link) = world.round(USERS).await;
    assert_ne!(ids(&plain), ids(&shuffled));

    world.tenant.set_attribute(all[0], "department", "x");
    let (rows, link) = world.round(&link).await;
    assert_eq!(rows.len(), 1);
    world.tenant.inject(Fault::ReplayRows);
    let (rows, link) = world.round(&link).await;
    assert!(rows.iter().any(|row| row["id"] == all[0].to_string()), "replayed");

    world.tenant.set_attribute(all[1], "department", "late");
    world.tenant.inject(Fault::LateRows { rounds: 2 });
    let (rows, link) = world.round(&link).await;
    assert!(rows.is_empty());
    let (rows, link) = world.round(&link).await;
    assert!(rows.is_empty());
    let (rows, _) = world.round(&link).await;
    assert_eq!(rows[0]["department"], "late");
}

#[tokio::test]
async fn empty_and_short_pages_lead_on() {
    let world = World::new();
    for n in 0..30 {
        world.user(&format!("u{n}"));
    }
    world.tenant.inject(Fault::EmptyPage);
    let (pages, link) = world.read(USERS).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [0, 30]);
    assert!(link.is_some());
    world.tenant.inject(Fault::EmptyPage);
    world.tenant.inject(Fault::ShortPage);
    let (pages, _) = world.read("/users?$top=20").await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [0, 6, 20, 4]);
    world.tenant.inject(Fault::Gone);
    let (_, link) = world.round(USERS).await;
    assert_eq!(world.get(&link).await.status, 410);
    // A page without either link breaks the description, so nobody looks at this one.
    world.tenant.observe(std::sync::Arc::new(|_| {}));
    world.tenant.inject(Fault::MissingDeltaLink);
    assert_eq!(world.read(USERS).await.1, None);
}

#[tokio::test]
async fn an_initial_round_may_name_the_deleted_and_members_who_left() {
    let world = World::new();
    let (ada, group) = (world.user("ada"), world.tenant.add_group("g"));
    world.tenant.add_member(group, ada);
    world.tenant.remove_member(group, ada);
    world.tenant.soft_delete_user(ada);
    assert!(world.round(USERS).await.0.is_empty());
    assert!(world.round("/groups/delta").await.0[0].get("members@delta").is_none());
    world.tenant.inject(Fault::RemovedInInitialRound);
    assert_eq!(world.round(USERS).await.0[0]["@removed"]["reason"], "changed");
    world.tenant.inject(Fault::RemovedInInitialRound);
    let rows = world.round("/groups/delta").await.0;
    assert_eq!(rows[0]["members@delta"][0]["@removed"]["reason"], "deleted");
    let spec = UserSpec::named("x@contoso.example", "x").with("employeeId", "1");
    world.tenant.add_user(spec);
}
