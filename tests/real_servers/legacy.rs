//! The dialect that Entra speaks without the flag, to services that speak RFC 7644.
//!
//! Nobody should choose it for them. Here is what it costs, and that nothing worse happens.

use serde_json::json;

use crate::support::company::{
    ENTERPRISE, accounts, check, handmade, hire_in_full, id_of, operations, seed,
};
use crate::support::{
    real_server::{RealServer, Service},
    world::World,
};

const LEGACY: &str = r#"
dialect = "entra-legacy"
"#;

#[tokio::test]
#[ignore = "needs scim2-server: tests/real_servers/README.md"]
async fn scim2_server_takes_the_legacy_dialect_but_for_managers_and_new_elements() {
    takes_the_legacy_dialect_in_part(&RealServer::scim2_server().await).await;
}

#[tokio::test]
#[ignore = "needs @better-auth/scim: tests/real_servers/README.md"]
async fn better_auth_takes_the_legacy_dialect_but_for_managers() {
    takes_the_legacy_dialect_in_part(&RealServer::better_auth().await).await;
}

async fn takes_the_legacy_dialect_in_part(server: &RealServer) {
    let mut world = World::against(server, LEGACY).await;
    for name in ["ada", "grace", "linus"] {
        hire_in_full(&mut world, name);
    }
    world.hire("dennis");
    seed(server, &handmade(&world, "grace")).await;
    let end = world.sync_well().await;
    let totals = end.report.totals;
    assert_eq!((totals.create, totals.adopt, totals.failure), (3, 1, 0), "{}", world.last_plan());
    let after = accounts(server).await;
    for name in ["ada", "grace", "linus", "dennis"] {
        check(&world, &after, name, (true, None));
    }
    world.a_day_later();
    world.sent();

    world.set("ada", "jobTitle", "Countess");
    world.set("ada", "mobilePhone", "+44 20 555 0100");
    world.unassign("linus");
    world.tenant.set_manager(world.id("grace"), Some(world.id("ada")));
    world.set("dennis", "mobilePhone", "+1 555 0199");
    let end = world.sync_well().await;
    let after = accounts(server).await;
    check(&world, &after, "ada", (true, None));
    check(&world, &after, "linus", (false, None));
    let sent = world.sent();
    let linus = operations(&sent, &id_of(&world, &after, "linus"));
    assert_eq!(linus, [r#"Replace active "False""#]);

    let ada = id_of(&world, &after, "ada");
    let grace = operations(&sent, &id_of(&world, &after, "grace"));
    assert_eq!(grace, [format!(r#"Add manager [{{"$ref":null,"value":"{ada}"}}]"#)]);
    assert_eq!(after["grace@contoso.com"][ENTERPRISE].get("manager"), None);
    let failed = |name: &str| {
        let row = world.log(name).pop().expect("a row of the log");
        row.error.map(|failure| failure.detail)
    };
    assert!(
        failed("grace").is_some_and(|detail| detail.contains("400 (")),
        "{:?}",
        failed("grace")
    );
    match server.service {
        Service::Scim2Server => {
            assert!(failed("dennis").is_some_and(|detail| detail.contains("400 (noTarget)")));
            assert_eq!(end.report.totals.failure, 2, "{}", world.last_plan());
        }
        Service::BetterAuth => {
            check(&world, &after, "dennis", (true, None));
            assert_eq!(end.report.totals.failure, 1, "{}", world.last_plan());
        }
    }

    // The other dialect writes what this one could not.
    world.configure("");
    let end = world.sync_well().await;
    assert_eq!(end.report.totals.failure, 0, "{}", world.last_plan());
    let after = accounts(server).await;
    check(&world, &after, "grace", (true, Some("ada")));
    check(&world, &after, "dennis", (true, None));
    assert_eq!(after["grace@contoso.com"][ENTERPRISE]["manager"]["value"], json!(ada));
    world.sent();
    assert_eq!(world.sync_well().await.report.requests.target, 0);
}
