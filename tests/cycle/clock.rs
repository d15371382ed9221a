//! Values that read the clock or a seed: when they are written, and when they are left alone.

use std::time::Duration;

use entra_scim::{cycle::CycleOptions, model::Clock as _};
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::world::World;

const SMALL: &str = r#"
[[apps.crm.users.attributes]]
target = "userName"
source = "userPrincipalName"
match = 1
[[apps.crm.users.attributes]]
target = "active"
expression = 'Not([IsSoftDeleted])'
[[apps.crm.users.attributes]]
target = "displayName"
source = "displayName"
"#;

fn with_rows(rows: &[(&str, &str)]) -> String {
    let mut text = format!("---\n{SMALL}\n");
    for (target, expression) in rows {
        let row = ["[[apps.crm.users.attributes]]\ntarget = '", target, "'\nexpression = '"];
        text.extend(row.iter().chain(&[*expression, "'\n"]).copied());
    }
    text
}

const DRAWN: &[(&str, &str)] = &[
    ("nickName", r#"[mailNickname] & "-" & RandomString(6, 2, 0, 0, 4)"#),
    ("title", "Guid()"),
    ("userType", "Guid()"),
    ("preferredLanguage", r#"FormatDateTime(Now(), , "M/d/yyyy h:mm:ss tt", "HH:mm:ss")"#),
];

fn drawn(world: &World) -> Vec<Value> {
    let account = world.account("ada@contoso.com").expect("an account");
    DRAWN.iter().map(|(target, _)| account[*target].clone()).collect()
}

#[tokio::test]
async fn drawn_values_are_written_once_and_left_alone() {
    let mut world = World::with_config(&with_rows(DRAWN));
    world.hire_all(["ada", "grace"]);
    let world = world.all_provisioned().await;
    let before = drawn(&world);
    assert!(before.iter().all(Value::is_string), "{before:?}");
    assert_ne!(before[1], before[2], "two attributes draw two values");
    let grace = world.account("grace@contoso.com").expect("an account");
    assert_ne!(before[1], grace["title"], "two people draw two values");

    let end = world.sync_well().await;
    assert_eq!(end.report.requests.target, 0);
    world.is_settled().await;

    world.a_day_later();
    world.set("ada", "displayName", "Ada Lovelace");
    assert_snapshot!(world.synced().await, @r#"
    update ada  success  displayName changed
        displayName: "Ada Example" → "Ada Lovelace"
    "#);
    assert_eq!(drawn(&world), before);
    world.is_settled().await;
}

#[tokio::test]
async fn drawn_value_is_drawn_anew_when_an_attribute_that_it_names_changes() {
    let mut world = World::with_config(&with_rows(DRAWN));
    world.hire("ada");
    let world = world.all_provisioned().await;
    let before = drawn(&world);
    world.set("ada", "mailNickname", "countess");
    world.sync_well().await;
    let after = drawn(&world);
    assert!(after[0].as_str().expect("a text").starts_with("countess-"), "{after:?}");
    assert_ne!(after[0].as_str().map(|t| &t[9..]), before[0].as_str().map(|t| &t[4..]));
    assert_eq!(after[1..], before[1..]);
    assert_eq!(world.take_writes().len(), 1);
    world.later();
    assert_eq!(world.synced().await, "nothing to do\n");
    world.is_settled().await;
}

#[tokio::test]
async fn drawn_value_of_a_new_mapping_is_given_once_to_everybody() {
    let mut world = World::with_config(&with_rows(&[]));
    world.hire_all(["ada", "grace"]);
    let mut world = world.all_provisioned().await;
    world.reconfigure(&with_rows(&[("nickName", "Now()"), ("title", "Guid()")]));
    world.sync_well().await;
    assert_eq!(world.take_writes().len(), 2);
    let before = world.account("ada@contoso.com").expect("an account");
    assert_eq!(before["nickName"], json!("11/24/2026 8:01:00 AM"));
    world.a_day_later();
    assert_eq!(world.synced().await, "nothing to do\n");
    world.is_settled().await;
    // Another expression is another value.
    world.reconfigure(&with_rows(&[("nickName", "DateAdd(\"d\", 1, Now())"), ("title", "Guid()")]));
    world.sync_well().await;
    let after = world.account("ada@contoso.com").expect("an account");
    assert_eq!(after["nickName"], json!("11/26/2026 8:02:00 AM"));
    assert_eq!(after["title"], before["title"]);
    world.is_settled().await;
}

#[tokio::test]
async fn drawn_value_of_an_adopted_account_stays() {
    let mut world = World::with_config(&with_rows(DRAWN));
    world.hire_all(["ada", "grace"]);
    world.seed_account(json!({
        "userName": "ada@contoso.com", "displayName": "Ada Example", "active": true,
        "title": "drawn by somebody else", "nickName": "ada-000001", "userType": "x",
    }));
    world.sync_well().await;
    let found = drawn(&world);
    assert_eq!(found[..3], [json!("ada-000001"), json!("drawn by somebody else"), json!("x")]);
    assert!(found[3].is_string(), "what it had no value for, it was given");
    world.is_settled().await;
    world.set("ada", "mailNickname", "countess");
    world.later();
    world.sync_well().await;
    assert!(drawn(&world)[0].as_str().expect("a text").starts_with("countess-"));
    world.is_settled().await;
}

#[tokio::test]
async fn drawn_values_survive_a_full_restart() {
    let mut world = World::with_config(&with_rows(DRAWN));
    world.hire_all(["ada", "grace"]);
    let world = world.all_provisioned().await;
    let before = drawn(&world);
    for _ in 0..2 {
        world.a_day_later();
        world
            .state()
            .write(|tx| {
                tx.rematch_links()?;
                tx.reset_watermark()
            })
            .expect("a reset");
        world.sync_well().await;
        assert!(world.take_writes().is_empty(), "{}", world.last_plan());
        assert_eq!(drawn(&world), before);
    }
    world.is_settled().await;
}

#[tokio::test]
async fn drawn_values_are_adopted_again_after_the_state_was_lost() {
    let mut world = World::with_config(&with_rows(DRAWN));
    world.hire("ada");
    let mut world = world.all_provisioned().await;
    let before = drawn(&world);
    world.forget();
    world.sync_well().await;
    assert!(world.take_writes().is_empty(), "{}", world.last_plan());
    assert_eq!(drawn(&world), before);
    world.is_settled().await;
}

#[tokio::test]
async fn drawn_value_that_a_switched_off_update_withholds_is_drawn_later() {
    let rows = with_rows(&[("title", r"[mailNickname] & Guid()")]);
    let off = format!("{rows}\n[apps.crm.safeguards]\nupdate = false\n");
    let mut world = World::with_config(&rows);
    world.hire("ada");
    let mut world = world.all_provisioned().await;
    world.reconfigure(&off);
    world.set("ada", "mailNickname", "countess");
    world.sync_well().await;
    assert!(world.take_writes().is_empty());
    world.reconfigure(&rows);
    world.later();
    world.sync_well().await;
    let title = world.account("ada@contoso.com").expect("an account")["title"].clone();
    assert!(title.as_str().expect("a text").starts_with("countess"), "{title}");
    world.is_settled().await;
}

#[tokio::test]
async fn time_of_withdrawal_is_written_with_it_and_stays() {
    let rows = with_rows(&[("title", r#"IIF([IsSoftDeleted] = "True", Now(), "here")"#)]);
    let mut world = World::with_config(&rows);
    world.hire_all(["ada", "grace"]);
    let world = world.all_provisioned().await;
    world.unassign("ada");
    assert_snapshot!(world.synced().await, @r#"
    disable ada  success  no longer assigned to the application
        active: true → false
        title: "here" → "11/24/2026 8:01:00 AM"
    "#);
    world.a_day_later();
    world.sync_with(CycleOptions { initial: true, ..CycleOptions::default() }).await;
    assert_eq!(world.take_writes().len(), 1, "{}", world.last_plan());
    world.assign("ada", Some(world.editor));
    world.later();
    assert_snapshot!(world.synced().await, @r#"
    enable ada  success  in scope and enabled again
        active: false → true
        title: "11/24/2026 8:01:00 AM" → "here"
    "#);
    world.is_settled().await;
}

/// The moment when a mapping turns, with nobody changing anything.
#[tokio::test]
async fn mapping_flips_by_the_passing_of_time_alone() {
    let rows = with_rows(&[(
        "userType",
        r#"IIF(DateDiff("d", Now(), CDate([employeeHireDate])) > 0, "Starter", "Employee")"#,
    )]);
    let mut world = World::with_config(&rows);
    world.hire_all(["ada", "grace"]);
    // It is 2026-11-23, eight in the morning.
    world.set("ada", "employeeHireDate", "2026-11-26T00:00:00Z");
    world.set("grace", "employeeHireDate", "2019-01-01T00:00:00Z");
    let world = world.all_provisioned().await;
    let mut flips = 0;
    for _ in 0..4 * 36 {
        world.later();
        let end = world.sync_well().await;
        let writes = world.take_writes();
        flips += writes.len();
        // Whoever has something to send asks first what the application says of itself.
        let asked = if writes.is_empty() { 0 } else { 3 };
        assert_eq!(end.report.requests.target, writes.len() as u64 + asked);
        if !writes.is_empty() {
            assert_snapshot!(world.last_plan(), @r#"
            update ada  success  userType changed
                userType: "Starter" → "Employee"
            "#);
            // A whole day less than the difference, noticed by the next cycle.
            let at = world.clock.now().format("%F %H:%M").to_string();
            assert_eq!(at, "2026-11-25 00:01");
        }
        world.is_settled().await;
    }
    assert_eq!(flips, 1);
}

#[tokio::test]
async fn nobody_is_decided_between_two_ticks() {
    let rows = with_rows(&[
        ("userType", r#"IIF(Now() >= CDate([employeeHireDate]), "Employee", "Starter")"#),
        ("title", r#"DateDiff("d", CDate([employeeHireDate]), Now())"#),
    ]);
    let mut world = World::with_config(&rows);
    world.hire("ada");
    world.set("ada", "employeeHireDate", "2026-11-20T00:00:00Z");
    let world = world.all_provisioned().await;
    world.sync_well().await;
    let decided = |world: &World| world.log("ada").len();
    let before = decided(&world);
    for _ in 0..20 {
        world.later();
        world.sync_well().await;
    }
    assert_eq!(decided(&world), before, "the next tick is at midnight");
    world.pass(Duration::from_secs(5 * 3_600));
    world.sync_well().await;
    assert_eq!(decided(&world), before + 1);
    assert_eq!(world.account("ada@contoso.com").expect("there")["title"], json!("5"));
    world.is_settled().await;
}
