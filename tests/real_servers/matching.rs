//! Finding the accounts that are there already: many of them, and ones with awkward names.

use entra_scim::sandbox::tenant::UserSpec;
use serde_json::json;

use crate::support::company::{accounts, check, handmade, operations, seed, writes};
use crate::support::{
    real_server::{RealServer, Service},
    wiretap::Sent,
    world::World,
};

/// More than the hundred users that one of the services puts on a page at most.
const PEOPLE: usize = 130;
/// Of these so many have an account already.
const ACCOUNTS: usize = 124;

/// A part of a user name and of every other text, for each character that means something in a
/// filter, an address or JSON. RFC 7644 §3.4.2.2 writes the value of a filter as JSON does.
const AWKWARD: [&str; 12] = [
    "o'brien",
    r#"the "great""#,
    r"back\slash",
    "plus+tag",
    "you&me",
    "number#1",
    "100%25",
    "semi;colon",
    "two words",
    "zoë.müller",
    "日本",
    r#"\" or active eq true or userName eq \"#,
];

#[tokio::test]
#[ignore = "needs scim2-server: tests/real_servers/README.md"]
async fn scim2_server_has_more_accounts_than_a_page_and_each_is_found() {
    has_more_accounts_than_a_page(&RealServer::scim2_server().await).await;
}

#[tokio::test]
#[ignore = "needs @better-auth/scim: tests/real_servers/README.md"]
async fn better_auth_has_more_accounts_than_a_page_and_each_is_found() {
    has_more_accounts_than_a_page(&RealServer::better_auth().await).await;
}

async fn has_more_accounts_than_a_page(server: &RealServer) {
    let mut world = World::against(server, "").await;
    let names: Vec<String> = (0..PEOPLE).map(|number| format!("person{number:03}")).collect();
    for name in &names {
        world.hire(name);
    }
    for name in &names[..ACCOUNTS] {
        seed(server, &handmade(&world, name)).await;
    }
    let end = world.sync_well().await;
    let totals = end.report.totals;
    let (adopted, created) = (ACCOUNTS as u64, (PEOPLE - ACCOUNTS) as u64);
    assert_eq!((totals.adopt, totals.create, totals.failure), (adopted, created, 0));
    let sent = world.sent();
    assert_eq!(writes(&sent), vec!["POST /Users 201"; PEOPLE - ACCOUNTS]);
    // What it says of itself is asked for without a query.
    let reads = sent.iter().filter(|sent| !sent.is_write()).map(query);
    let reads: Vec<String> = reads.filter(|query| !query.is_empty()).collect();
    match server.service {
        // It gives them all at once; the second page asks whether its total was the page's.
        Service::Scim2Server => {
            let next = format!("startIndex={}&count=200", ACCOUNTS + 1);
            assert_eq!(reads, ["startIndex=1&count=200", next.as_str()]);
        }
        // It gives a hundred, and says so of itself.
        Service::BetterAuth => {
            assert_eq!(reads, ["startIndex=1&count=100", "startIndex=101&count=100"]);
        }
    }
    let after = accounts(server).await;
    assert_eq!(after.len(), PEOPLE);
    for name in &names {
        check(&world, &after, name, (true, None));
    }

    assert_eq!(world.sync_well().await.report.requests.target, 0);

    // Everybody moves: as many requests as people, several at a time.
    for name in &names {
        world.set(name, "department", format!("Department of {name}"));
    }
    let totals = world.sync_well().await.report.totals;
    assert_eq!((totals.update, totals.failure), (PEOPLE as u64, 0));
    assert_eq!(world.sent().len(), PEOPLE);
    let after = accounts(server).await;
    for name in &names {
        check(&world, &after, name, (true, None));
    }

    world.forget();
    let totals = world.sync_well().await.report.totals;
    assert_eq!((totals.adopt, totals.create, totals.failure), (PEOPLE as u64, 0, 0));
    assert_eq!(writes(&world.sent()), Vec::<String>::new());
}

#[tokio::test]
#[ignore = "needs scim2-server: tests/real_servers/README.md"]
async fn scim2_server_keeps_awkward_names_apart() {
    keeps_awkward_names_apart(&RealServer::scim2_server().await).await;
}

#[tokio::test]
#[ignore = "needs @better-auth/scim: tests/real_servers/README.md"]
async fn better_auth_keeps_awkward_names_apart() {
    keeps_awkward_names_apart(&RealServer::better_auth().await).await;
}

/// Half of them have an account; a few people at a time are looked up with a filter each.
async fn keeps_awkward_names_apart(server: &RealServer) {
    let mut world = World::against(server, "").await;
    world.hire("ada");
    world.sync_well().await;
    world.sent();

    for (number, awkward) in AWKWARD.iter().enumerate() {
        let spec = UserSpec::named(&format!("{awkward}@contoso.com"), awkward)
            .with("mail", format!("awkward{number}@contoso.com"))
            .with("mailNickname", format!("n{number}"))
            .with("givenName", *awkward)
            .with("surname", "Example")
            .with("streetAddress", format!("{awkward}\nBern"))
            .with("employeeId", *awkward)
            .with("department", *awkward);
        let id = world.tenant.add_user(spec);
        world.tenant.assign(world.enterprise_app, id, world.editor);
        world.people.insert((*awkward).to_owned(), id);
    }
    for awkward in AWKWARD.iter().step_by(2) {
        seed(server, &handmade(&world, awkward)).await;
    }
    let end = world.sync_well().await;
    let totals = end.report.totals;
    assert_eq!((totals.adopt, totals.create, totals.failure), (6, 6, 0), "{}", world.last_plan());
    let sent = world.sent();
    let reads: Vec<String> = sent.iter().filter(|sent| !sent.is_write()).map(query).collect();
    assert_eq!(reads.len(), AWKWARD.len(), "one question each: {reads:#?}");
    assert!(reads.iter().all(|read| read.starts_with("filter=")), "{reads:#?}");
    assert_eq!(writes(&sent), vec!["POST /Users 201"; 6]);
    let after = accounts(server).await;
    assert_eq!(after.len(), AWKWARD.len() + 1);
    for awkward in AWKWARD {
        check(&world, &after, awkward, (true, None));
    }
    assert_eq!(world.sync_well().await.report.requests.target, 0);

    // The same characters in a change, a rename among them.
    for awkward in AWKWARD {
        world.set(awkward, "userPrincipalName", format!("{awkward}.new@contoso.com"));
        world.set(awkward, "jobTitle", awkward);
        world.set(awkward, "department", json!(format!("{awkward}, moved")));
    }
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.update, end.report.totals.failure), (12, 0));
    let after = accounts(server).await;
    for awkward in AWKWARD {
        check(&world, &after, awkward, (true, None));
    }
    let sent = world.sent();
    let id = after["100%25.new@contoso.com"]["id"].as_str().expect("an id");
    assert_eq!(
        operations(&sent, id),
        [
            r#"replace userName "100%25.new@contoso.com""#,
            r#"replace E:department "100%25, moved""#,
            r#"add title "100%25""#,
        ]
    );
}

fn query(sent: &Sent) -> String {
    sent.path.split_once('?').map(|(_, query)| query.to_owned()).unwrap_or_default()
}
