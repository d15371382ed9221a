//! The first cycle against an application that is in use already, and what follows from it.

use serde_json::{Value, json};

use crate::support::company::{
    ENTERPRISE, accounts, check, handmade, hire_in_full, id_of, operations, seed, shown, writes,
};
use crate::support::{
    real_server::{RealServer, Service},
    wiretap::Sent,
    world::World,
};

#[tokio::test]
#[ignore = "needs scim2-server: tests/real_servers/README.md"]
async fn scim2_server_is_taken_over_completed_and_then_left_alone() {
    is_taken_over_completed_and_then_left_alone(&RealServer::scim2_server().await).await;
}

#[tokio::test]
#[ignore = "needs @better-auth/scim: tests/real_servers/README.md"]
async fn better_auth_is_taken_over_completed_and_then_left_alone() {
    is_taken_over_completed_and_then_left_alone(&RealServer::better_auth().await).await;
}

/// A stranger's account, which nobody in the directory matches.
async fn seed_stranger(server: &RealServer) -> Value {
    let stranger = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "stranger@elsewhere.example", "active": true, "displayName": "A Stranger",
        "externalId": "stranger",
        "emails": [{ "type": "work", "value": "stranger@elsewhere.example" }],
    });
    seed(server, &stranger).await
}

/// Adoption, creation, managers; then nothing; then the same once more by an engine that lost its
/// memory.
async fn is_taken_over_completed_and_then_left_alone(server: &RealServer) {
    let mut world = World::against(server, "").await;
    for name in ["ada", "grace", "linus", "margaret", "dennis"] {
        hire_in_full(&mut world, name);
    }
    // Only what everybody has: no title, phones, address or number.
    world.hire("barbara");
    world.person("outsider");
    for (name, manager) in [
        ("ada", "barbara"),
        ("grace", "ada"),
        ("linus", "outsider"),
        ("barbara", "dennis"),
        ("dennis", "ada"),
    ] {
        world.tenant.set_manager(world.id(name), Some(world.id(manager)));
    }

    // Equal; different, with things that nobody maps; equal but disabled; equal but for the case
    // of its user name.
    seed(server, &handmade(&world, "ada")).await;
    let mut differing = handmade(&world, "grace");
    differing["title"] = json!("Rear Admiral");
    differing["nickName"] = json!("Amazing Grace");
    differing["name"]["middleName"] = json!("Brewster");
    differing["addresses"][0]["locality"] = json!("New York");
    differing["phoneNumbers"] = json!([{ "type": "mobile", "value": "+1 555 0100" }]);
    differing[ENTERPRISE] = json!({ "costCenter": "C-1", "employeeNumber": "none" });
    seed(server, &differing).await;
    let mut disabled = handmade(&world, "linus");
    disabled["active"] = json!(false);
    seed(server, &disabled).await;
    let mut loud = handmade(&world, "margaret");
    loud["userName"] = json!("MARGARET@contoso.com");
    // Of a manager the directory knows nothing, so this one is not ours to remove.
    loud[ENTERPRISE]["manager"] = json!({ "value": "set-by-hand" });
    seed(server, &loud).await;
    let stranger = seed_stranger(server).await;
    let seeded = accounts(server).await;

    // A dry run looks, and leaves everything as it is.
    let plan = format!("\n{}", world.plan().await);
    assert_eq!(plan.matches("\nadopt ").count() + plan.matches("\ncreate ").count(), 6, "{plan}");
    let looked = world.sent();
    assert!(!looked.is_empty() && looked.iter().all(|sent| !sent.is_write()), "{looked:#?}");
    assert_eq!(accounts(server).await, seeded);

    let end = world.sync_well().await;
    let totals = end.report.totals;
    assert_eq!((totals.in_scope, totals.failure, totals.held), (6, 0, 0), "{}", world.last_plan());
    assert_eq!((totals.adopt, totals.enable, totals.create), (4, 1, 2), "{}", world.last_plan());
    assert_eq!((totals.disable, totals.delete), (0, 0));

    let after = accounts(server).await;
    let sent = world.sent();
    assert_eq!(after.len(), 7, "six people and a stranger");
    assert_eq!(after["stranger@elsewhere.example"], stranger);
    let mut after = after;
    // A name in another case is the same name, and is left as somebody wrote it.
    let mut margaret = after.remove("MARGARET@contoso.com").expect("not renamed");
    margaret["userName"] = json!("margaret@contoso.com");
    assert_eq!(margaret[ENTERPRISE]["manager"]["value"], json!("set-by-hand"));
    margaret[ENTERPRISE]["manager"] = Value::Null;
    after.insert("margaret@contoso.com".to_owned(), margaret);
    for (name, manager) in [
        ("ada", Some("barbara")),
        ("grace", Some("ada")),
        ("linus", None),
        ("margaret", None),
        ("dennis", Some("ada")),
        ("barbara", Some("dennis")),
    ] {
        check(&world, &after, name, (true, manager));
    }
    for (before, name) in [("ada@contoso.com", "ada"), ("MARGARET@contoso.com", "margaret")] {
        assert_eq!(seeded[before]["id"], json!(id_of(&world, &after, name)), "the same account");
    }

    // What is not mapped is not ours.
    let grace = &after["grace@contoso.com"];
    assert_eq!(grace["nickName"], seeded["grace@contoso.com"]["nickName"]);
    assert_eq!(grace["name"]["middleName"], json!("Brewster"));
    assert_eq!(grace[ENTERPRISE]["costCenter"], json!("C-1"));

    // Equal accounts get their manager and nothing else, the disabled one its `active`.
    let barbara = id_of(&world, &after, "barbara");
    let ada = operations(&sent, &id_of(&world, &after, "ada"));
    assert_eq!(ada, [format!(r#"add E:manager {{"value":"{barbara}"}}"#)]);
    let linus = operations(&sent, &id_of(&world, &after, "linus"));
    assert_eq!(linus, ["replace active true"]);
    assert_eq!(operations(&sent, &id_of(&world, &after, "margaret")), Vec::<String>::new());

    // Every account is there before the first reference to one.
    let managers = |sent: &Sent| sent.body.to_string().contains("manager");
    let first_manager = sent.iter().position(managers).expect("there are managers");
    let last_create = sent.iter().rposition(|sent| sent.method == "POST").expect("creates");
    assert!(last_create < first_manager, "{sent:#?}");
    let (creates, patches) = match server.service {
        Service::Scim2Server => ("POST /Users 201", "PATCH /Users/{id} 204"),
        Service::BetterAuth => ("POST /Users 201", "PATCH /Users/{id} 200"),
    };
    let writes = writes(&sent);
    assert_eq!(writes.iter().filter(|write| *write == creates).count(), 2, "{writes:?}");
    assert_eq!(writes.iter().filter(|write| *write == patches).count(), 6, "{writes:?}");
    assert_eq!(writes.len(), 8, "{writes:?}");

    says_nothing_more(&mut world).await;
    forgets_and_adopts_everything(server, &mut world).await;
}

/// Nothing changed, so nothing is asked and nothing is said.
async fn says_nothing_more(world: &mut World) {
    for _ in 0..2 {
        let end = world.sync_well().await;
        assert_eq!(end.report.requests.target, 0, "{}", world.last_plan());
        assert_eq!(world.sent(), []);
    }
}

/// An engine without a state file finds everybody again, and finds everything right.
async fn forgets_and_adopts_everything(server: &RealServer, world: &mut World) {
    let before: Vec<Value> = accounts(server).await.values().map(shown).collect();
    world.forget();
    let end = world.sync_well().await;
    let totals = end.report.totals;
    assert_eq!((totals.adopt, totals.create, totals.failure), (6, 0, 0), "{}", world.last_plan());
    assert_eq!(writes(&world.sent()), Vec::<String>::new(), "{}", world.last_plan());
    let after: Vec<Value> = accounts(server).await.values().map(shown).collect();
    assert_eq!(before, after);
    says_nothing_more(world).await;
}
