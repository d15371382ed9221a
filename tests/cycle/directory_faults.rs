//! What goes wrong on the way to Microsoft Graph, and what never happens because of it.

use std::time::Duration;

use entra_scim::{
    cycle::CycleOptions,
    sandbox::tenant::{ErrorBody, Fault, RetryAfter},
    store::CycleKind,
};
use serde_json::Value;

use crate::support::world::World;

async fn three() -> World {
    World::with_users(["ada", "grace", "edsger"]).all_provisioned().await
}

fn waited(world: &World, before: entra_scim::model::Timestamp) -> i64 {
    (entra_scim::model::Clock::now(&world.clock) - before).num_milliseconds()
}

#[tokio::test]
async fn throttling_is_waited_out_for_as_long_as_asked() {
    for (asked, least) in [
        (RetryAfter::Seconds(7), 7_000),
        (RetryAfter::Decimal(2_128), 2_128),
        (RetryAfter::HttpDate(30), 29_000),
        (RetryAfter::Missing, 400),
    ] {
        let world = three().await;
        world.set("ada", "displayName", "Ada L");
        let before = entra_scim::model::Clock::now(&world.clock);
        world.tenant.inject(Fault::Throttle(asked));
        world.sync_well().await;
        assert!(waited(&world, before) >= least, "{asked:?}: {} ms", waited(&world, before));
        assert_eq!(world.take_writes().len(), 1);
    }
}

#[tokio::test]
async fn server_errors_and_broken_connections_are_tried_again() {
    for fault in [
        Fault::ServerError { status: 500, body: ErrorBody::Json },
        Fault::ServerError { status: 502, body: ErrorBody::Html },
        Fault::ServerError { status: 503, body: ErrorBody::Empty },
        Fault::ServerError { status: 504, body: ErrorBody::EmptyCode },
        Fault::ResetBefore,
        Fault::ResetAfter,
        Fault::TruncatedBody,
    ] {
        for path in ["/servicePrincipals", "/users/delta", "/appRoleAssignedTo"] {
            let world = three().await;
            world.set("ada", "displayName", "Ada L");
            world.tenant.inject_at(path, fault.clone());
            world.sync_well().await;
            assert_eq!(world.tenant.pending_faults(), 0, "{fault:?} at {path}");
            assert_eq!(world.take_writes().len(), 1, "{fault:?} at {path}");
        }
    }
}

#[tokio::test]
async fn server_that_stays_broken_ends_the_cycle_and_nobody_loses_anything() {
    let world = three().await;
    world.unassign("ada");
    for _ in 0..20 {
        world.tenant.inject_at(
            "/appRoleAssignedTo",
            Fault::ServerError { status: 503, body: ErrorBody::Json },
        );
    }
    let error = world.sync_badly().await;
    assert!(error.contains("Microsoft Graph is unavailable"), "{error}");
    assert!(world.take_writes().is_empty());
    world.tenant.clear_faults();
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(false));
    world.is_settled().await;
}

#[tokio::test]
async fn page_that_is_no_json_is_an_error_and_never_a_short_list() {
    for fault in [Fault::HtmlSuccess, Fault::MissingDeltaLink] {
        for path in ["/users/delta", "/groups/delta", "/appRoleAssignedTo", "/servicePrincipals"] {
            let mut world = World::with_users(["grace", "edsger"]);
            world.person("ada");
            let group = world.assigned_group("Editors", world.editor);
            world.join(group, "ada");
            let world = world.all_provisioned().await;
            // What is injected here is not as Microsoft describes it.
            world.tenant.observe(std::sync::Arc::new(|_| {}));
            world.tenant.inject_at(path, fault.clone());
            let end = world.sync().await;
            let struck = world.tenant.pending_faults() == 0;
            assert_eq!(struck, end.error.is_some(), "{fault:?} at {path}: {:?}", end.report.error);
            assert!(world.take_writes().is_empty(), "{fault:?} at {path}");
            world.tenant.clear_faults();
            world.sync_well().await;
            assert!(world.take_writes().is_empty());
            world.is_settled().await;
        }
    }
}

#[tokio::test]
async fn foreign_link_is_refused_and_nothing_is_sent_there() {
    let world = three().await;
    world.tenant.inject_at("/users/delta", Fault::ForeignLink("https://evil.example".to_owned()));
    let error = world.sync_badly().await;
    assert!(error.contains("https://evil.example"), "{error}");
    assert!(error.contains("nothing was sent there"), "{error}");
    world.tenant.clear_faults();
    world.sync_well().await;
    assert!(world.take_writes().is_empty());
}

#[tokio::test]
async fn lost_delta_token_means_a_complete_read_that_sends_nothing_needless() {
    for (fault, path) in [
        (Fault::SyncStateNotFound, "/users/delta"),
        (Fault::Gone, "/users/delta"),
        (Fault::SyncStateNotFound, "/groups/delta"),
        (Fault::Gone, "/groups/delta"),
    ] {
        let mut world = World::with_users(["grace", "edsger", "barbara"]);
        for name in ["ada", "hedy"] {
            world.person(name);
        }
        let group = world.assigned_group("Editors", world.editor);
        world.join(group, "ada");
        world.join(group, "hedy");
        let world = world.all_provisioned().await;
        world.tenant.inject_at(path, fault.clone());
        world.sync_well().await;
        assert_eq!(world.tenant.pending_faults(), 0);
        assert!(world.take_writes().is_empty(), "{fault:?} at {path}: {}", world.last_plan());
        // What changed while the token was lost is noticed all the same.
        world.tenant.inject_at(path, fault.clone());
        world.tenant.remove_member(group, world.id("hedy"));
        world.set("ada", "department", "Legal");
        world.unassign("grace");
        world.tenant.soft_delete_user(world.id("edsger"));
        world.sync_well().await;
        assert_eq!(world.active("hedy"), Some(false), "{fault:?} at {path}");
        assert_eq!(world.active("grace"), Some(false));
        assert_eq!(world.active("edsger"), Some(false));
        assert_eq!(world.take_writes().len(), 4, "{}", world.last_plan());
        world.is_settled().await;
    }
}

#[tokio::test]
async fn token_that_is_about_to_expire_is_renewed_by_a_complete_read() {
    let mut world = three().await;
    // Accounts would be compared on the Sunday.
    world.reconfigure("drift = \"off\"\n---\n");
    world.pass(Duration::from_secs(13 * 12 * 3600));
    let end = world.sync_well().await;
    assert_eq!(end.report.kind, CycleKind::Initial);
    assert_eq!(end.report.requests.target, 0);
    let end = world.sync_well().await;
    assert_eq!(end.report.kind, CycleKind::Incremental);
}

#[tokio::test]
async fn weeks_off_are_caught_up_with() {
    let world = three().await;
    world.pass(Duration::from_secs(60 * 24 * 3600));
    world.tenant.soft_delete_user(world.id("ada"));
    world.tenant.purge_user(world.id("ada"));
    world.unassign("grace");
    world.sync_well().await;
    assert_eq!(world.active("grace"), Some(false));
    world.later();
    world.sync_well().await;
    assert_eq!(world.active("ada"), None, "{}", world.last_plan());
    world.is_settled().await;
}

#[tokio::test]
async fn read_that_broke_off_goes_on_from_its_page() {
    let mut world = World::with_config("scope = \"all\"\n---");
    for number in 0..450 {
        world.person(&format!("p{number}"));
    }
    // The third page of the initial round breaks for good.
    let clean = world.sync_well().await.report.requests.graph;
    assert!(clean > 2, "the story needs several pages: {clean}");
    let mut world = World::with_config("scope = \"all\"\n---");
    for number in 0..450 {
        world.person(&format!("p{number}"));
    }
    world.tenant.take_requests();
    world.tenant.inject_at("/users/delta", Fault::ShortPage);
    for _ in 0..5 {
        world.tenant.inject_at("/users/delta", Fault::ResetBefore);
    }
    let error = world.sync_badly().await;
    assert!(error.contains("unavailable"), "{error}");
    assert_eq!(world.application.user_count(), 0, "nothing is decided on half a read");
    world.restart();
    world.tenant.clear_faults();
    world.tenant.take_requests();
    world.sync_well().await;
    let first = world.tenant.take_requests();
    let first = first.iter().find(|request| request.path.contains("delta")).expect("a read");
    assert!(first.option("$skiptoken").is_some(), "{:?}", first.query);
    assert_eq!(world.application.user_count(), 450);
    world.is_settled().await;
}

#[tokio::test]
async fn memberships_come_in_pieces_twice_and_in_any_order() {
    for fault in [
        Fault::EmptyPage,
        Fault::ShortPage,
        Fault::DuplicateRows,
        Fault::ReplayRows,
        Fault::ShuffleRows,
        Fault::RemovedInInitialRound,
    ] {
        let mut world = World::with_users(["grace"]);
        world.tenant.switch(|switches| switches.initial_round_names_former_members = true);
        let group = world.assigned_group("Editors", world.editor);
        for number in 0..60 {
            world.person(&format!("p{number}"));
            world.join(group, &format!("p{number}"));
        }
        world.tenant.remove_member(group, world.id("p7"));
        world.tenant.inject_at("/groups/delta", fault.clone());
        world.tenant.inject_at("/groups/delta", fault.clone());
        world.sync_well().await;
        world.later();
        world.sync_well().await;
        assert_eq!(world.active("p7"), None, "{fault:?}");
        assert_eq!(world.application.user_count(), 60, "{fault:?}");
        world.a_day_later();
        world.tenant.remove_member(group, world.id("p8"));
        world.tenant.inject_at("/groups/delta", fault.clone());
        world.sync_well().await;
        assert_eq!(world.active("p8"), Some(false), "{fault:?}");
        world.tenant.clear_faults();
        world.is_settled().await;
    }
}

#[tokio::test]
async fn more_than_fifty_groups_are_followed() {
    let mut world = World::with_users(["grace"]);
    for number in 0..53 {
        let name = format!("p{number}");
        world.person(&name);
        let group = world.assigned_group(&format!("Group {number}"), world.editor);
        world.join(group, &name);
    }
    let world = world.all_provisioned().await;
    assert_eq!(world.application.user_count(), 54);
    let end = world.sync_well().await;
    assert!(end.report.requests.graph <= 6, "{:?}", end.report.requests);
    world.is_settled().await;
}

#[tokio::test]
async fn missing_permission_is_named() {
    let world = three().await;
    let (client, _) = world.tenant.default_client();
    world.tenant.grant_permissions(&client, &["Application.Read.All", "GroupMember.Read.All"]);
    let error = world.sync_badly().await;
    assert!(error.contains("`User.Read.All`"), "{error}");
    assert!(world.take_writes().is_empty());
}

#[tokio::test]
async fn property_that_nobody_has_any_more_is_a_missing_permission() {
    let world = World::with_users(["ada", "grace", "edsger", "barbara"]).all_provisioned().await;
    for name in ["ada", "grace", "edsger", "barbara"] {
        world.set(name, "department", Value::Null);
    }
    let end = world.sync_with(CycleOptions { initial: true, ..CycleOptions::default() }).await;
    let error = end.report.error.expect("it ends early");
    assert!(error.contains("`department`"), "{error}");
    assert!(world.take_writes().is_empty());
    // It stays so until somebody says that the values are really gone.
    let error = world.sync_badly().await;
    assert!(error.contains("`department`"), "{error}");
    world.set("ada", "department", "Sales");
    world.sync_well().await;
    assert_eq!(world.take_writes().len(), 3);
}

#[tokio::test]
async fn property_that_nobody_ever_had_is_no_fault() {
    let world = three().await;
    let end = world.sync_with(CycleOptions { initial: true, ..CycleOptions::default() }).await;
    assert!(end.error.is_none(), "{:?}", end.report.error);
}

#[tokio::test]
async fn refused_token_is_renewed_once() {
    let world = three().await;
    world.set("ada", "displayName", "Ada L");
    world.tenant.inject(Fault::SpuriousUnauthorized);
    world.sync_well().await;
    assert_eq!(world.take_writes().len(), 1);
}

#[tokio::test]
async fn late_rows_arrive_in_a_later_cycle() {
    let world = three().await;
    world.set("ada", "displayName", "Ada L");
    world.set("grace", "displayName", "Grace H");
    world.tenant.inject_at("/users/delta", Fault::LateRows { rounds: 1 });
    world.sync_well().await;
    world.later();
    world.sync_well().await;
    world.later();
    world.sync_well().await;
    assert_eq!(world.take_writes().len(), 2);
    world.is_settled().await;
}

#[tokio::test]
async fn person_deleted_during_the_gap_between_two_reads_is_not_lost() {
    let world = three().await;
    world.state().write(|tx| tx.reset_watermark()).expect("a reset");
    world.tenant.soft_delete_user(world.id("ada"));
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(false));
    world.is_settled().await;
}

#[tokio::test]
async fn person_whom_we_may_not_read_is_a_missing_permission_and_no_cleared_account() {
    let mut world = three().await;
    let hidden = world.tenant.add_user(entra_scim::sandbox::tenant::UserSpec::named("x", "x"));
    world.people.insert("hidden".to_owned(), hidden);
    for name in ["userPrincipalName", "displayName", "userType", "accountEnabled"] {
        world.set("hidden", name, Value::Null);
    }
    world.assign("hidden", Some(world.editor));
    world.tenant.observe(std::sync::Arc::new(|_| {}));
    let error = world.sync_badly().await;
    assert!(error.contains("User.Read.All"), "{error}");
    assert!(world.take_writes().is_empty());
}

#[tokio::test]
async fn expired_page_of_the_assignments_is_read_anew() {
    let mut world = World::new();
    for number in 0..1_050 {
        world.hire(&format!("p{number}"));
    }
    let world = world.all_provisioned().await;
    for fault in [Fault::ExpiredPageToken, Fault::PageTokenNotFound] {
        world.tenant.inject_at("/appRoleAssignedTo", fault.clone());
        world.sync_well().await;
        assert_eq!(world.tenant.pending_faults(), 0, "{fault:?}");
        assert!(world.take_writes().is_empty(), "{fault:?}");
    }
}

#[tokio::test]
async fn person_enabled_again_in_the_same_minute_is_never_disabled() {
    let world = three().await;
    world.set("ada", "accountEnabled", false);
    world.set("ada", "accountEnabled", true);
    world.sync_well().await;
    assert!(world.take_writes().is_empty());
}

#[tokio::test]
async fn a_chain_of_groups_that_ended_leaves_no_name_to_be_taken_twice() {
    let mut world = World::new();
    let groups: Vec<_> = (0..51).map(|n| world.tenant.add_group(&format!("Group {n}"))).collect();
    for group in &groups {
        world.tenant.assign(world.enterprise_app, *group, world.editor);
    }
    world.synced().await;
    let (first, last) = {
        let chains = world.state().read(|view| view.group_chains()).expect("chains");
        assert_eq!(chains.len(), 2);
        (chains[0].members.clone(), chains[1].members[0])
    };
    for group in &first {
        world.tenant.unassign(world.enterprise_app, *group, None);
    }
    world.synced().await;
    let late: Vec<_> = (0..51).map(|n| world.tenant.add_group(&format!("Late {n}"))).collect();
    for group in &late {
        world.tenant.assign(world.enterprise_app, *group, world.editor);
    }
    let ada = world.person("ada");
    world.tenant.add_member(last, ada);
    world.synced().await;
    let chains = world.state().read(|view| view.group_chains()).expect("chains");
    assert_eq!(chains.iter().map(|chain| chain.members.len()).sum::<usize>(), 52);
    assert!(world.account("ada@contoso.com").is_some());
}
