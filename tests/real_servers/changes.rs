//! Everything that can happen to a person, one change each, and back again.

use entra_scim::{
    provisioning::{Action, ChangeStatus},
    sandbox::tenant::UserSpec,
};
use serde_json::{Value, json};

use crate::support::company::{accounts, check, hire_in_full, id_of, operations, writes};
use crate::support::{
    real_server::{RealServer, Service},
    world::World,
};

#[tokio::test]
#[ignore = "needs scim2-server: tests/real_servers/README.md"]
async fn scim2_server_follows_every_kind_of_change() {
    follows_every_kind_of_change(&RealServer::scim2_server().await).await;
}

#[tokio::test]
#[ignore = "needs @better-auth/scim: tests/real_servers/README.md"]
async fn better_auth_follows_every_kind_of_change() {
    follows_every_kind_of_change(&RealServer::better_auth().await).await;
}

async fn follows_every_kind_of_change(server: &RealServer) {
    let mut world = World::against(server, "").await;
    for name in ["ada", "grace", "linus", "margaret", "ken", "bjarne", "edsger", "barbara"] {
        hire_in_full(&mut world, name);
    }
    // Of these the directory knows a name, an address and a department.
    world.hire("dennis");
    world.hire("niklaus");
    for name in ["grace", "linus", "dennis", "edsger"] {
        world.tenant.set_manager(world.id(name), Some(world.id("ada")));
    }
    let end = world.sync_well().await;
    assert_eq!(end.report.totals.create, 10, "{}", world.last_plan());
    world.a_day_later();
    let day_one = accounts(server).await;
    world.sent();

    a_year_passes(&mut world);
    let end = world.sync_well().await;
    let totals = end.report.totals;
    assert_eq!(totals.failure, 0, "{}", world.last_plan());
    assert_eq!((totals.create, totals.update), (1, 7), "{}", world.last_plan());
    assert_eq!((totals.disable, totals.delete), (3, 1), "{}", world.last_plan());

    let day_two = accounts(server).await;
    let sent = world.sent();
    let id = |name: &str| {
        let user_name = format!("{name}@contoso.com");
        day_one[&user_name]["id"].as_str().expect("an id").to_owned()
    };
    assert_eq!(day_two["countess.lovelace@contoso.com"]["id"], json!(id("ada")), "one account");
    assert!(!day_two.contains_key("ada@contoso.com"));
    assert!(!day_two.contains_key("edsger@contoso.com"));
    for (name, active, manager) in [
        ("ada", true, None),
        ("grace", true, Some("ada")),
        ("linus", true, Some("grace")),
        ("margaret", true, None),
        ("dennis", true, None),
        ("niklaus", true, Some("radia")),
        ("radia", true, Some("ada")),
        ("barbara", false, None),
        ("ken", false, None),
        ("bjarne", false, None),
    ] {
        check(&world, &day_two, name, (active, manager));
    }
    // One write for each person, and two for whose manager is new as well.
    let patched = writes(&sent).iter().filter(|write| write.starts_with("PATCH")).count();
    assert_eq!((writes(&sent).len(), patched), (12, 10), "{:?}", writes(&sent));
    let grace = id_of(&world, &day_two, "grace");
    for (name, expected) in [
        ("ada", vec![r#"replace userName "countess.lovelace@contoso.com""#.to_owned()]),
        (
            "linus",
            vec![
                r#"replace E:department "Kernel""#.to_owned(),
                format!(r#"replace E:manager {{"value":"{grace}"}}"#),
            ],
        ),
        (
            "margaret",
            vec![
                r#"remove addresses[type eq "work"].locality"#.to_owned(),
                r#"remove phoneNumbers[type eq "mobile"]"#.to_owned(),
                "remove title".to_owned(),
            ],
        ),
        ("ken", vec!["replace active false".to_owned()]),
    ] {
        assert_eq!(operations(&sent, &id(name)), expected, "{name}");
    }
    nothing_is_left(&world).await;

    the_year_is_undone(&world);
    let end = world.sync_well().await;
    let totals = end.report.totals;
    assert_eq!((totals.failure, totals.enable, totals.update), (0, 3, 4), "{}", world.last_plan());
    let day_three = accounts(server).await;
    for (name, manager) in [
        ("linus", None),
        ("margaret", None),
        ("dennis", None),
        ("niklaus", None),
        ("barbara", None),
        ("ken", Some("margaret")),
        ("bjarne", None),
    ] {
        check(&world, &day_three, name, (true, manager));
    }
    for name in ["barbara", "ken", "bjarne"] {
        let user = &day_three[&format!("{name}@contoso.com")];
        assert_eq!(user["id"], json!(id(name)), "the account they had");
        let log = world.log(name);
        let (last, before) = (&log[log.len() - 1], &log[log.len() - 2]);
        assert_eq!((last.action, before.action), (Action::Enable, Action::Disable), "{log:#?}");
        assert_eq!(last.status, ChangeStatus::Success);
    }
    nothing_is_left(&world).await;

    // Who was deleted for good and comes back is somebody else.
    someone_returns(server, &mut world, &day_three).await;
}

fn a_year_passes(world: &mut World) {
    world.set("ada", "userPrincipalName", "countess.lovelace@contoso.com");
    world.set("grace", "surname", "Hopper");
    world.set("grace", "displayName", "Grace Hopper");
    world.set("grace", "mail", "grace.hopper@contoso.com");
    world.set("linus", "department", "Kernel");
    world.tenant.set_manager(world.id("linus"), Some(world.id("grace")));
    for attribute in ["jobTitle", "mobilePhone", "city"] {
        world.set("margaret", attribute, Value::Null);
    }
    for (attribute, value) in [
        ("jobTitle", json!("Editor of C")),
        ("mobilePhone", json!("+1 555 0199")),
        ("businessPhones", json!(["+1 555 0198", "+1 555 0197"])),
        ("city", json!("Murray Hill")),
        ("country", json!("US")),
        ("employeeId", json!("7")),
        ("preferredLanguage", json!("en-US")),
    ] {
        world.set("dennis", attribute, value);
    }
    world.tenant.set_manager(world.id("dennis"), None);
    world.unassign("barbara");
    world.tenant.disable_user(world.id("ken"));
    world.tenant.soft_delete_user(world.id("bjarne"));
    world.tenant.purge_user(world.id("edsger"));
    hire_in_full(world, "radia");
    world.tenant.set_manager(world.id("radia"), Some(world.id("ada")));
    world.tenant.set_manager(world.id("niklaus"), Some(world.id("radia")));
}

fn the_year_is_undone(world: &World) {
    world.assign("barbara", Some(world.editor));
    world.tenant.enable_user(world.id("ken"));
    world.tenant.set_manager(world.id("ken"), Some(world.id("margaret")));
    world.tenant.restore_user(world.id("bjarne"));
    world.set("bjarne", "jobTitle", "Emeritus");
    world.set("margaret", "city", "Boston");
    world.set("margaret", "mobilePhone", "+1 555 0142");
    // The last of an element that has several, then the last of all.
    world.set("dennis", "city", Value::Null);
    world.set("dennis", "country", Value::Null);
    world.set("dennis", "mobilePhone", Value::Null);
    world.set("dennis", "businessPhones", json!([]));
    world.tenant.set_manager(world.id("linus"), None);
    world.tenant.set_manager(world.id("niklaus"), None);
}

async fn nothing_is_left(world: &World) {
    world.sent();
    let end = world.sync_well().await;
    assert_eq!(end.report.requests.target, 0, "{}", world.last_plan());
    assert_eq!(world.sent(), []);
    world.a_day_later();
}

async fn someone_returns(
    server: &RealServer,
    world: &mut World,
    before: &std::collections::BTreeMap<String, Value>,
) {
    let spec = UserSpec::named("edsger@contoso.com", "Edsger Example")
        .with("mail", "edsger@contoso.com")
        .with("mailNickname", "edsger.d")
        .with("givenName", "Edsger")
        .with("surname", "Example");
    let id = world.tenant.add_user(spec);
    world.tenant.assign(world.enterprise_app, id, world.editor);
    world.people.insert("edsger".to_owned(), id);
    let end = world.sync_well().await;
    let after = accounts(server).await;
    let log = world.log("edsger");
    let row = log.last().expect("a row of the log");
    assert_eq!(row.action, Action::Create);
    match server.service {
        Service::Scim2Server => {
            assert_eq!((end.report.totals.create, row.status), (1, ChangeStatus::Success));
            check(world, &after, "edsger", (true, None));
        }
        // It keeps the e-mail address of a deleted account to itself, for good.
        Service::BetterAuth => {
            assert_eq!((end.report.totals.failure, row.status), (1, ChangeStatus::Failure));
            let failure = row.error.as_ref().expect("a failure says why");
            assert_eq!(failure.reason.to_string(), "EntryConflict");
            assert!(
                failure.detail.starts_with("answered 409 (uniqueness): "),
                "{}",
                failure.detail
            );
            assert_eq!(after.len(), before.len());
        }
    }
}
