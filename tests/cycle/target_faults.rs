//! What goes wrong at the application: each object fails alone, and nothing hits a stranger.

use std::time::Duration;

use entra_scim::sandbox::application::{Fault, Matcher, Moment, Quirks, TotalResults};
use http::Method;
use serde_json::json;

use crate::support::world::World;

fn on(method: Method, text: &str) -> Matcher {
    Matcher { body_contains: Some(text.to_owned()), ..Matcher::method(method) }
}

#[tokio::test]
async fn one_object_fails_alone_and_is_tried_again() {
    let mut world = World::with_users(["ada", "grace", "edsger"]);
    world.expects_violations();
    world.application.inject(Fault::status(400), on(Method::POST, "ada@contoso.com"));
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.create, end.report.totals.failure), (2, 1));
    assert!(
        world.reason("ada").starts_with("failure UnprocessableEntity"),
        "{}",
        world.reason("ada")
    );
    world.later();
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.create, end.report.totals.failure), (1, 0));
    world.is_settled().await;
}

#[tokio::test]
async fn throttling_and_short_outages_are_waited_out() {
    for fault in [
        Fault::throttled(Duration::from_secs(20)),
        Fault::status(500),
        Fault::status(503),
        Fault::Refused,
    ] {
        let world = World::with_users(["ada", "grace"]).all_provisioned().await;
        world.set("ada", "displayName", "Ada L");
        world.application.inject(fault.clone(), Matcher::method(Method::PATCH));
        let end = world.sync_well().await;
        assert_eq!((end.report.totals.update, end.report.totals.failure), (1, 0), "{fault:?}");
        world.is_settled().await;
    }
}

#[tokio::test]
async fn create_whose_answer_was_lost_is_found_and_adopted() {
    for fault in [
        Fault::Reset(Moment::AfterApplying),
        Fault::Timeout { after: Duration::from_secs(30), moment: Moment::AfterApplying },
        Fault::Truncated,
        Fault::Status { status: 504, retry_after: None, moment: Moment::AfterApplying },
    ] {
        let world = World::with_users(["ada"]);
        world.application.inject(fault.clone(), Matcher::method(Method::POST));
        world.sync_well().await;
        world.later();
        world.sync_well().await;
        assert_eq!(world.application.user_count(), 1, "{fault:?}");
        assert_eq!(world.take_writes().len(), 1, "{fault:?}: {}", world.last_plan());
        world.is_settled().await;
    }
}

#[tokio::test]
async fn create_that_got_lost_is_repeated_only_after_two_looks() {
    let world = World::with_users(["ada"]);
    world.application.inject(Fault::Reset(Moment::BeforeApplying), Matcher::method(Method::POST));
    world.sync_well().await;
    assert!(world.reason("ada").contains("Timeout"), "{}", world.reason("ada"));
    // Within the first minute a look does not count.
    world.pass(Duration::from_secs(10));
    world.sync_well().await;
    assert!(world.reason("ada").contains("0 of 2"), "{}", world.reason("ada"));
    world.pass(Duration::from_secs(60));
    world.sync_well().await;
    assert!(world.reason("ada").contains("1 of 2"), "{}", world.reason("ada"));
    assert_eq!(world.take_writes().len(), 1);
    world.later();
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(true));
    assert_eq!(world.take_writes().len(), 1);
    world.is_settled().await;
}

#[tokio::test]
async fn change_whose_answer_was_lost_is_read_back() {
    for (moment, writes) in [(Moment::AfterApplying, 1), (Moment::BeforeApplying, 2)] {
        let world = World::with_users(["ada", "grace"]).all_provisioned().await;
        world.set("ada", "displayName", "Ada L");
        world.application.inject(Fault::Reset(moment), Matcher::method(Method::PATCH));
        world.sync_well().await;
        assert!(world.reason("ada").contains("Timeout"), "{}", world.reason("ada"));
        world.later();
        world.sync_well().await;
        assert_eq!(world.take_writes().len(), writes, "{}", world.last_plan());
        assert_eq!(world.account("ada@contoso.com").expect("there")["displayName"], json!("Ada L"));
        world.is_settled().await;
    }
}

#[tokio::test]
async fn lost_disable_is_read_back_and_repeated_only_if_it_is_missing() {
    for (moment, writes) in [(Moment::AfterApplying, 1), (Moment::BeforeApplying, 2)] {
        let world = World::with_users(["ada", "grace"]).all_provisioned().await;
        world.unassign("ada");
        world.application.inject(Fault::Reset(moment), Matcher::method(Method::PATCH));
        world.sync_well().await;
        world.later();
        world.sync_well().await;
        assert_eq!(world.active("ada"), Some(false));
        assert_eq!(world.take_writes().len(), writes);
        world.is_settled().await;
    }
}

#[tokio::test]
async fn lost_change_does_not_take_what_others_wrote() {
    let world = World::with_users(["ada", "grace"]).all_provisioned().await;
    let id =
        world.account("ada@contoso.com").expect("there")["id"].as_str().expect("id").to_owned();
    world.application.tamper(&id, "title", Some(json!("By hand")));
    world.set("ada", "displayName", "Ada L");
    world.application.inject(Fault::Reset(Moment::AfterApplying), Matcher::method(Method::PATCH));
    world.sync_well().await;
    world.later();
    world.sync_well().await;
    assert_eq!(world.account("ada@contoso.com").expect("there")["title"], json!("By hand"));
    assert_eq!(world.take_writes().len(), 1);
}

#[tokio::test]
async fn stranger_behind_a_known_id_is_left_alone() {
    let mut world = World::with_users(["ada", "grace"]).all_provisioned().await;
    world.expects_violations();
    let id =
        world.account("ada@contoso.com").expect("there")["id"].as_str().expect("id").to_owned();
    world.set("ada", "displayName", "Ada L");
    world.application.inject(Fault::Reset(Moment::BeforeApplying), Matcher::method(Method::PATCH));
    world.sync_well().await;
    world.application.tamper(&id, "userName", Some(json!("stranger@contoso.com")));
    let before = world.application.user(&id);
    world.later();
    world.sync_well().await;
    assert_eq!(world.application.user(&id), before);
    assert!(world.reason("ada").contains("InvalidAnchor"), "{}", world.reason("ada"));
    // Nor is it deleted.
    world.tenant.soft_delete_user(world.id("ada"));
    world.tenant.purge_user(world.id("ada"));
    world.later();
    world.sync_well().await;
    assert_eq!(world.application.user(&id), before);
    assert!(world.reason("ada").contains("InvalidAnchor"), "{}", world.reason("ada"));
}

#[tokio::test]
async fn account_deleted_behind_our_back_is_created_again() {
    let mut world = World::with_users(["ada", "grace"]).all_provisioned().await;
    world.expects_violations();
    let id =
        world.account("ada@contoso.com").expect("there")["id"].as_str().expect("id").to_owned();
    world.application.tamper_delete(&id);
    world.set("ada", "displayName", "Ada L");
    world.sync_well().await;
    assert!(world.reason("ada").contains("InvalidAnchor"), "{}", world.reason("ada"));
    world.later();
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(true));
    world.is_settled().await;
}

#[tokio::test]
async fn account_that_is_gone_already_needs_no_removal() {
    let mut world = World::with_users(["ada", "grace", "edsger"]).all_provisioned().await;
    world.expects_violations();
    for name in ["ada", "grace"] {
        let account = world.account(&format!("{name}@contoso.com")).expect("there");
        world.application.tamper_delete(account["id"].as_str().expect("id"));
    }
    world.unassign("ada");
    world.tenant.soft_delete_user(world.id("grace"));
    world.tenant.purge_user(world.id("grace"));
    let end = world.sync_well().await;
    assert_eq!(end.report.totals.failure, 0, "{}", world.last_plan());
    world.is_settled().await;
}

#[tokio::test]
async fn wrong_token_ends_the_cycle_and_removes_nothing() {
    let mut world = World::with_users(["ada", "grace", "edsger"]).all_provisioned().await;
    world.expects_violations();
    world.unassign("ada");
    world.set("grace", "displayName", "Grace H");
    world.application.set_token("another");
    let error = world.sync_badly().await;
    assert!(error.starts_with("the application: "), "{error}");
    world.application.set_token("secret");
    world.later();
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(false));
    world.is_settled().await;
}

#[tokio::test]
async fn wrong_base_path_ends_the_cycle_before_anything_is_written() {
    let mut world = World::with_users(["ada", "grace"]);
    world.quirks(Quirks { base_path_missing: true, ..Quirks::default() });
    let error = world.sync_badly().await;
    assert!(error.contains("404"), "{error}");
    assert!(world.take_writes().is_empty());
    world.quirks(Quirks::default());
    world.sync_well().await;
    world.is_settled().await;
}

#[tokio::test]
async fn web_page_instead_of_scim_ends_the_cycle() {
    let mut world = World::with_users(["ada", "grace"]);
    world.quirks(Quirks { html_answers: true, ..Quirks::default() });
    let error = world.sync_badly().await;
    assert!(error.starts_with("the application: "), "{error}");
    assert!(world.take_writes().is_empty());
}

#[tokio::test]
async fn errors_in_plain_text_are_told_as_they_are() {
    let mut world = World::with_users(["grace"]).all_provisioned().await;
    world.expects_violations();
    world.quirks(Quirks { plain_errors: true, seats_max: Some(1), ..Quirks::default() });
    world.hire("ada");
    let end = world.sync_well().await;
    assert_eq!(end.report.totals.failure, 1);
    assert!(world.reason("ada").contains("403"), "{}", world.reason("ada"));
    world.quirks(Quirks::default());
    world.later();
    world.sync_well().await;
    assert_eq!(world.active("ada"), Some(true));
}

#[tokio::test]
async fn seat_that_a_removal_frees_is_taken_in_the_same_cycle() {
    let mut world = World::with_users(["ada", "grace"]).all_provisioned().await;
    world.quirks(Quirks { seats_max: Some(2), ..Quirks::default() });
    world.unassign("ada");
    world.hire("barbara");
    let end = world.sync_well().await;
    assert_eq!(end.report.totals.failure, 0, "{}", world.last_plan());
    assert_eq!((world.active("ada"), world.active("barbara")), (Some(false), Some(true)));
}

#[tokio::test]
async fn resources_without_an_id_are_never_taken() {
    let mut world = World::with_users(["ada"]);
    world.expects_violations();
    world.seed_account(json!({"userName": "ada@contoso.com", "active": true}));
    world.quirks(Quirks { lists_without_id: true, ..Quirks::default() });
    let end = world.sync_well().await;
    assert!(end.report.totals.create <= 1);
    assert_eq!(world.application.user_count(), 1, "{}", world.last_plan());
    assert_eq!(world.account("ada@contoso.com").expect("there").get("displayName"), None);
    assert!(world.reason("ada").starts_with("failure"), "{}", world.reason("ada"));
}

#[tokio::test]
async fn create_answered_without_an_id_is_found_later() {
    let mut world = World::with_users(["ada"]);
    world.quirks(Quirks { creates_without_id: true, ..Quirks::default() });
    world.sync_well().await;
    world.later();
    world.sync_well().await;
    assert_eq!(world.application.user_count(), 1);
    assert_eq!(world.take_writes().len(), 1);
    world.is_settled().await;
}

#[tokio::test]
async fn pages_may_be_short_repeat_themselves_and_lie_about_their_total() {
    for quirks in [
        Quirks { page_size_max: Some(3), ..Quirks::default() },
        Quirks { repeats_last_page: true, page_size_max: Some(7), ..Quirks::default() },
        Quirks { total_results: TotalResults::Page, page_size_max: Some(10), ..Quirks::default() },
        Quirks { total_results: TotalResults::OffBy(40), ..Quirks::default() },
        Quirks {
            total_results: TotalResults::OffBy(-3),
            page_size_max: Some(5),
            ..Quirks::default()
        },
        Quirks { awkward_ids: true, ..Quirks::default() },
    ] {
        let mut world = World::with_users(["ada"]);
        world.quirks(quirks.clone());
        for number in 0..30 {
            world.seed_account(json!({"userName": format!("other{number}@contoso.com")}));
        }
        world.seed_account(json!({"userName": "ada@contoso.com", "active": true}));
        world.sync_well().await;
        assert_eq!(world.application.user_count(), 31, "{quirks:?}: {}", world.last_plan());
        assert_eq!(
            world.account("ada@contoso.com").expect("there")["displayName"],
            json!("Ada Example"),
            "{quirks:?}: {}",
            world.last_plan()
        );
        world.unassign("ada");
        world.a_day_later();
        world.sync_well().await;
        world.later();
        world.sync_well().await;
        assert_eq!(world.active("ada"), Some(false), "{quirks:?}");
    }
}

#[tokio::test]
async fn application_of_the_old_kind_is_spoken_to_in_its_dialect() {
    let mut world = World::new();
    world.job.dialect = entra_scim::scim::Dialect::EntraLegacy;
    world.expects_violations();
    world.quirks(Quirks { entra_legacy: true, patch_no_content: true, ..Quirks::default() });
    world.hire_all(["ada", "grace"]);
    world.tenant.set_manager(world.id("ada"), Some(world.id("grace")));
    let world = world.all_provisioned().await;
    world.set("ada", "displayName", "Ada L");
    world.set("grace", "department", serde_json::Value::Null);
    world.tenant.set_manager(world.id("ada"), None);
    world.sync_well().await;
    assert_eq!(world.take_writes().len(), 2, "{}", world.last_plan());
    world.is_settled().await;
    world.unassign("ada");
    world.sync_well().await;
    let account = world.account("ada@contoso.com").expect("there");
    assert_eq!(account["active"].to_string().replace('"', "").to_lowercase(), "false");
    world.is_settled().await;
}

#[tokio::test]
async fn answers_without_a_body_are_taken_at_their_word() {
    let mut world = World::with_users(["ada", "grace"]).all_provisioned().await;
    world.quirks(Quirks { patch_no_content: true, ..Quirks::default() });
    world.set("ada", "displayName", "Ada L");
    world.sync_well().await;
    assert_eq!(world.take_writes().len(), 1);
    world.is_settled().await;
}

#[tokio::test]
async fn user_names_in_lower_case_and_hidden_values_are_not_written_again() {
    let mut world = World::with_users(["ada", "grace"]);
    world.quirks(Quirks {
        lowercases_user_name: true,
        hides_external_id: true,
        ..Quirks::default()
    });
    world.set("ada", "userPrincipalName", "Ada@Contoso.com");
    world.sync_well().await;
    world.take_writes();
    world.is_settled().await;
    world.sync_well().await;
    assert!(world.take_writes().is_empty());
}

#[tokio::test]
async fn filter_that_breaks_the_server_for_one_name_fails_that_one() {
    let mut world = World::with_users(["grace"]).all_provisioned().await;
    for name in ["ada", "barbara"] {
        world.hire(name);
    }
    for _ in 0..5 {
        world.application.inject(
            Fault::status(500),
            Matcher { path_prefix: Some("/Users".to_owned()), ..Matcher::method(Method::GET) },
        );
    }
    let end = world.sync_well().await;
    assert_eq!(
        (end.report.totals.create, end.report.totals.failure),
        (1, 1),
        "{}",
        world.last_plan()
    );
    world.later();
    let end = world.sync_well().await;
    assert_eq!((end.report.totals.create, end.report.totals.failure), (1, 0));
}

#[tokio::test]
async fn application_that_settles_late_gets_no_second_account() {
    let mut world = World::with_users(["ada"]);
    world.quirks(Quirks { settle: Duration::from_secs(90), ..Quirks::default() });
    world.application.inject(Fault::Reset(Moment::AfterApplying), Matcher::method(Method::POST));
    world.sync_well().await;
    for _ in 0..4 {
        world.pass(Duration::from_secs(61));
        world.sync_well().await;
    }
    assert_eq!(world.application.user_count(), 1);
    assert_eq!(world.take_writes().len(), 1);
}
