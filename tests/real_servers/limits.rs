//! What one of the services will not do: each refusal is seen, told, and over when its cause is.

use entra_scim::{
    provisioning::{Action, ChangeStatus},
    sandbox::tenant::UserSpec,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::company::{accounts, check, hire_in_full, id_of, operations, seed, writes};
use crate::support::{
    real_server::{RealServer, Service},
    world::World,
};

/// What the log says last of a person: the error's code and its text, or nothing.
fn complaint(world: &World, name: &str) -> Option<(String, String)> {
    let log = world.log(name);
    let row = log.last().expect("a row of the log");
    let failure = row.error.as_ref();
    assert_eq!(row.status == ChangeStatus::Failure, failure.is_some(), "{row:#?}");
    failure.map(|failure| (failure.reason.to_string(), failure.detail.clone()))
}

#[track_caller]
fn is_refused(world: &World, name: &str, code: &str, saying: &str) {
    let (reason, detail) = complaint(world, name).expect("a failure");
    assert_eq!(reason, code, "{detail}");
    assert!(detail.starts_with(&format!("answered {saying}: ")), "{detail}");
}

#[tokio::test]
#[ignore = "needs scim2-server: tests/real_servers/README.md"]
async fn scim2_server_lets_go_of_an_email_address() {
    lets_go_of_an_email_address(&RealServer::scim2_server().await).await;
}

#[tokio::test]
#[ignore = "needs @better-auth/scim: tests/real_servers/README.md"]
async fn better_auth_does_not_let_go_of_an_email_address() {
    lets_go_of_an_email_address(&RealServer::better_auth().await).await;
}

/// No operation clears an e-mail address at both: the value path leaves a shell at the strict one,
/// the element's removal is refused by the other. The element's removal is what RFC 7644 §3.5.2.2
/// describes, and a refusal that is seen is better than a shell that is not.
async fn lets_go_of_an_email_address(server: &RealServer) {
    let mut world = World::against(server, "").await;
    hire_in_full(&mut world, "ada");
    hire_in_full(&mut world, "grace");
    world.sync_well().await;
    world.sent();

    world.set("ada", "mail", Value::Null);
    world.set("ada", "jobTitle", "Countess");
    world.set("grace", "jobTitle", "Rear Admiral");
    let end = world.sync_well().await;
    let after = accounts(server).await;
    check(&world, &after, "grace", (true, None));
    let ada = id_of(&world, &after, "ada");
    let expected = [r#"remove emails[type eq "work"]"#, r#"replace title "Countess""#];
    assert_eq!(operations(&world.sent(), &ada), expected);
    match server.service {
        Service::Scim2Server => {
            assert_eq!((end.report.totals.update, end.report.totals.failure), (2, 0));
            check(&world, &after, "ada", (true, None));
            assert_eq!(after["ada@contoso.com"].get("emails"), None);
        }
        Service::BetterAuth => {
            assert_eq!((end.report.totals.update, end.report.totals.failure), (1, 1));
            is_refused(&world, "ada", "UnprocessableEntity", "400 (invalidPath)");
            // All of a PATCH or nothing of it (RFC 7644 §3.5.2).
            assert_eq!(after["ada@contoso.com"]["title"], json!("Engineer 1"));

            // It is tried again, and told again, in every cycle.
            let again = world.sync_well().await;
            assert_eq!((again.report.totals.failure, world.sent().len()), (1, 1));

            // With `null = "keep"` the address stays and the rest is written.
            world.configure(KEEP_EMAIL);
            let kept = world.sync_well().await;
            assert_eq!((kept.report.totals.failure, kept.report.totals.update), (0, 1));
            assert_eq!(complaint(&world, "ada"), None);
            let after = accounts(server).await;
            assert_eq!(after["ada@contoso.com"]["title"], json!("Countess"));
            assert_eq!(after["ada@contoso.com"]["emails"][0]["value"], json!("ada@contoso.com"));
        }
    }
    world.set("ada", "mail", "ada.king@contoso.com");
    world.sync_well().await;
    check(&world, &accounts(server).await, "ada", (true, None));
    world.sent();
    assert_eq!(world.sync_well().await.report.requests.target, 0);
}

const KEEP_EMAIL: &str = r#"
[apps.crm.users]
inherit = true

[[apps.crm.users.attributes]]
target = 'emails[type eq "work"].value'
source = "mail"
null = "keep"
"#;

#[tokio::test]
#[ignore = "needs scim2-server: tests/real_servers/README.md"]
async fn scim2_server_refuses_what_collides_and_says_so() {
    refuses_what_collides_and_says_so(&RealServer::scim2_server().await).await;
}

#[tokio::test]
#[ignore = "needs @better-auth/scim: tests/real_servers/README.md"]
async fn better_auth_refuses_what_collides_and_says_so() {
    refuses_what_collides_and_says_so(&RealServer::better_auth().await).await;
}

async fn refuses_what_collides_and_says_so(server: &RealServer) {
    let mut world = World::against(server, "").await;
    let strict = server.service == Service::Scim2Server;
    hire_in_full(&mut world, "ada");
    let stranger = seed(
        server,
        &json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": "Taken@contoso.com", "externalId": "taken", "active": true,
            "emails": [{ "type": "work", "value": "taken@contoso.com" }],
        }),
    )
    .await;
    world.sync_well().await;
    world.sent();

    // A name that a stranger has; an address that a colleague has; no address at all.
    world.set("ada", "userPrincipalName", "taken@contoso.com");
    world.hire("linus");
    world.set("linus", "mail", "ada@contoso.com");
    let id = world
        .tenant
        .add_user(UserSpec::named("zoë@contoso.com", "Zoë").with("mailNickname", "zoe"));
    world.tenant.assign(world.enterprise_app, id, world.editor);
    world.people.insert("zoë".to_owned(), id);
    let end = world.sync_well().await;
    assert_eq!(end.report.totals.failure, if strict { 1 } else { 3 }, "{}", world.last_plan());
    is_refused(&world, "ada", "EntryConflict", "409 (uniqueness)");
    let row = world.log("ada").pop().expect("a row");
    assert_eq!((row.action, row.status), (Action::Update, ChangeStatus::Failure));
    if strict {
        assert_eq!((complaint(&world, "linus"), complaint(&world, "zoë")), (None, None));
    } else {
        is_refused(&world, "linus", "EntryConflict", "409 (uniqueness)");
        is_refused(&world, "zoë", "UnprocessableEntity", "400 (invalidValue)");
    }
    let after = accounts(server).await;
    assert_eq!(after["Taken@contoso.com"], stranger, "nothing was written to a stranger");

    // The causes go, and so do the failures.
    world.set("ada", "userPrincipalName", "ada.king@contoso.com");
    world.set("linus", "mail", "linus@contoso.com");
    world.set("zoë", "mail", "zoe@contoso.com");
    world.set("zoë", "givenName", "Zoë");
    world.set("zoë", "surname", "Example");
    let end = world.sync_well().await;
    assert_eq!(end.report.totals.failure, 0, "{}", world.last_plan());
    let after = accounts(server).await;
    for name in ["ada", "linus", "zoë"] {
        assert_eq!(complaint(&world, name), None);
        check(&world, &after, name, (true, None));
    }
    world.sent();
    assert_eq!(world.sync_well().await.report.requests.target, 0);
}

#[tokio::test]
#[ignore = "needs scim2-server: tests/real_servers/README.md"]
async fn scim2_server_loses_an_account_behind_our_back() {
    loses_an_account_behind_our_back(&RealServer::scim2_server().await).await;
}

#[tokio::test]
#[ignore = "needs @better-auth/scim: tests/real_servers/README.md"]
async fn better_auth_loses_an_account_behind_our_back() {
    loses_an_account_behind_our_back(&RealServer::better_auth().await).await;
}

/// 404 on an account of ours: said in one cycle, made good in the next; nothing to do for a removal.
async fn loses_an_account_behind_our_back(server: &RealServer) {
    let mut world = World::against(server, "").await;
    for name in ["ada", "grace", "linus", "ken"] {
        hire_in_full(&mut world, name);
    }
    world.tenant.set_manager(world.id("linus"), Some(world.id("ada")));
    world.sync_well().await;
    world.a_day_later();
    world.sent();

    let before = accounts(server).await;
    for name in ["ada", "grace", "ken"] {
        let path = format!("/Users/{}", id_of(&world, &before, name));
        assert_eq!(server.send(Method::DELETE, &path, None).await.0, 204);
    }
    world.set("ada", "jobTitle", "Countess");
    world.tenant.disable_user(world.id("grace"));
    world.tenant.purge_user(world.id("ken"));
    let end = world.sync_well().await;
    assert_eq!(end.report.totals.failure, 1, "{}", world.last_plan());
    let refused = ["PATCH /Users/{id} 404", "PATCH /Users/{id} 404"];
    // Who is to be deleted is looked at first, and nothing is there.
    assert_eq!(writes(&world.sent()), refused);
    assert_eq!(complaint(&world, "ada").expect("a failure").0, "InvalidAnchor");
    assert_eq!((complaint(&world, "grace"), complaint(&world, "ken")), (None, None));

    let end = world.sync_well().await;
    assert_eq!((end.report.totals.failure, end.report.totals.create), (0, 1));
    let after = accounts(server).await;
    assert_eq!(after.len(), 2);
    check(&world, &after, "ada", (true, None));
    // A new account, and so a new reference to it.
    check(&world, &after, "linus", (true, Some("ada")));
    assert_ne!(id_of(&world, &after, "ada"), id_of(&world, &before, "ada"));
    world.sent();
    assert_eq!(world.sync_well().await.report.requests.target, 0);
}

#[tokio::test]
#[ignore = "needs scim2-server: tests/real_servers/README.md"]
async fn scim2_server_sees_names_pass_on_but_not_swap() {
    sees_names_pass_on_but_not_swap(&RealServer::scim2_server().await).await;
}

#[tokio::test]
#[ignore = "needs @better-auth/scim: tests/real_servers/README.md"]
async fn better_auth_sees_names_pass_on_but_not_swap() {
    sees_names_pass_on_but_not_swap(&RealServer::better_auth().await).await;
}

/// Unique values are freed before they are taken; two that trade theirs are a person's to settle.
async fn sees_names_pass_on_but_not_swap(server: &RealServer) {
    let mut world = World::against(server, "").await;
    for name in ["ada", "grace", "linus", "ken", "barbara"] {
        hire_in_full(&mut world, name);
    }
    world.sync_well().await;
    world.a_day_later();
    world.sent();
    let rename = |world: &World, name: &str, to: &str| {
        world.set(name, "userPrincipalName", format!("{to}@contoso.com"));
        world.set(name, "mail", format!("{to}@contoso.com"));
    };

    rename(&world, "ada", "grace");
    rename(&world, "grace", "linus");
    rename(&world, "linus", "torvalds");
    world.tenant.purge_user(world.id("ken"));
    rename(&world, "barbara", "ken");
    let end = world.sync_well().await;
    let after = accounts(server).await;
    for name in ["ada", "grace", "linus"] {
        check(&world, &after, name, (true, None));
    }
    match server.service {
        Service::Scim2Server => {
            assert_eq!(end.report.totals.failure, 0, "{}", world.last_plan());
            check(&world, &after, "barbara", (true, None));
        }
        // The deleted account keeps its e-mail address.
        Service::BetterAuth => {
            assert_eq!(end.report.totals.failure, 1, "{}", world.last_plan());
            is_refused(&world, "barbara", "EntryConflict", "409 (uniqueness)");
            rename(&world, "barbara", "liskov");
            world.sync_well().await;
        }
    }

    rename(&world, "ada", "linus");
    rename(&world, "grace", "grace");
    let end = world.sync_well().await;
    assert_eq!(end.report.totals.failure, 2, "{}", world.last_plan());
    for name in ["ada", "grace"] {
        is_refused(&world, name, "EntryConflict", "409 (uniqueness)");
    }
    // A name in between is what a person would give one of them. The other is tried again.
    rename(&world, "grace", "hopper");
    for _ in 0..2 {
        world.sync_well().await;
    }
    let after = accounts(server).await;
    for name in ["ada", "grace", "linus", "barbara"] {
        check(&world, &after, name, (true, None));
    }
    world.sent();
    assert_eq!(world.sync_well().await.report.requests.target, 0);
}
