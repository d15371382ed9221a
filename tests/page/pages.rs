//! What each page says, over what real cycles left behind.

use entra_scim::{
    cycle::CycleOptions,
    model::Clock as _,
    sandbox::application::{Fault, Matcher},
    store::{Paused, Progress},
};
use http::{Method, StatusCode};

use super::site::{Visitor, shown_app};
use crate::support::world::World;

#[tokio::test]
async fn a_quiet_application_needs_nobody_and_says_when_it_last_ran() {
    let world = World::with_users(["ada", "grace"]).all_provisioned().await;
    let visitor = Visitor::of(&world);
    let overview = visitor.see("/").await.read();
    assert!(overview.contains("What needs a person ✓ nothing"), "{overview}");
    assert!(overview.contains("accounts linked 2"), "{overview}");
    assert!(overview.contains("2 created"), "{overview}");
    let page = visitor.see("/apps/crm").await;
    let text = page.read();
    assert!(text.contains("active") && text.contains("No object fails."), "{text}");
    assert!(text.contains("2 accounts linked after it"), "{text}");
    assert!(page.text.contains("<rect"), "the cycle that created them is drawn");
}

#[tokio::test]
async fn what_a_safeguard_holds_comes_first_with_the_command_that_releases_it() {
    let world =
        World::with_users(["a1", "a2", "a3", "a4", "a5", "a6", "a7"]).all_provisioned().await;
    for name in ["a1", "a2", "a3", "a4", "a5", "a6"] {
        world.unassign(name);
    }
    world.a_day_later();
    world.sync_well().await;
    world.a_day_later();
    let end = world.sync_well().await;
    let plan = end.report.held.expect("held").plan;
    let visitor = Visitor::of(&world);
    let command = format!("entra-scim approve crm {}", &plan[..8]);
    let overview = visitor.see("/").await.read();
    assert!(overview.contains("6 removals held by a safeguard"), "{overview}");
    assert!(overview.contains(&command), "{overview}");
    let held = visitor.see("/apps/crm/plan?pick=held").await.read();
    assert!(held.contains("disable a1@contoso.com ‖ held") && held.contains(&command), "{held}");
    let staged = visitor.see("/apps/crm/log?action=stagedDelete").await.read();
    assert_eq!(staged.matches("‖ held").count(), 6, "{staged}");
}

#[tokio::test]
async fn an_object_that_fails_is_shown_with_its_reason_and_its_next_try() {
    let mut world = World::with_users(["ada"]).all_provisioned().await;
    world.expects_violations();
    world.hire("grace");
    world.application.inject(Fault::status(400), Matcher::method(Method::POST));
    world.sync().await;
    let visitor = Visitor::of(&world);
    let failing = visitor.see("/apps/crm/failing").await.read();
    assert!(failing.contains("grace@contoso.com"), "{failing}");
    assert!(failing.contains("failed 1× since"), "{failing}");
    assert!(failing.contains("tried again in the next cycle"), "{failing}");
    let log = visitor.see("/apps/crm/log?status=failure").await;
    let event = log.links().into_iter().find(|link| {
        link.strip_prefix("/apps/crm/log/").is_some_and(|seq| seq.parse::<i64>().is_ok())
    });
    let event = visitor.see(&event.expect("one opens")).await.read();
    assert!(event.contains("What failed") && event.contains("What to do:"), "{event}");
    assert!(event.contains("export × failure EntryExportAdd"), "{event}");
}

#[tokio::test]
async fn quarantine_and_pause_say_why_since_when_and_how_they_end() {
    let mut world = World::with_users(["ada"]).all_provisioned().await;
    world.expects_violations();
    world.set("ada", "displayName", "Ada Lovelace");
    world.application.set_token("another");
    world.sync().await;
    let visitor = Visitor::of(&world);
    let page = visitor.see("/apps/crm").await.read();
    assert!(page.contains("EncounteredQuarantineException"), "{page}");
    assert!(page.contains("entra-scim restart crm --quarantine"), "{page}");
    world.application.set_token("secret");
    world.a_day_later();
    world.sync_well().await;
    let page = visitor.see("/apps/crm").await.read();
    assert!(page.contains("Past quarantines") && !page.contains("in quarantine"), "{page}");

    let paused = Paused { by: "mara<b>".to_owned(), at: world.clock.now() };
    world.state().write(|tx| tx.set_paused(Some(&paused))).expect("paused");
    let overview = visitor.see("/").await;
    assert!(overview.read().contains("entra-scim resume crm"), "{}", overview.read());
    assert!(!overview.text.contains("<b>"), "what somebody is called is no markup");
}

#[tokio::test]
async fn the_bar_moves_and_tells_pace_and_time_left() {
    let world = World::with_users(["ada"]).all_provisioned().await;
    let cycle = world.state().read(|view| view.cycles(1)).expect("cycles")[0].id;
    let tell = |done: u64| {
        let progress = Progress { phase: "export".to_owned(), done, total: Some(1_000) };
        let now = world.clock.now();
        world.state().write(|tx| tx.set_progress(cycle, &progress, now)).expect("told");
    };
    tell(100);
    let visitor = Visitor::of(&world);
    let first = visitor.first_event().await;
    assert_eq!(first["running"]["percent"], 10);
    assert_eq!(first["running"]["rate"], serde_json::Value::Null, "one look tells no pace");
    world.clock.advance(std::time::Duration::from_secs(10));
    tell(400);
    let second = visitor.first_event().await;
    assert_eq!(second["running"]["percent"], 40);
    assert_eq!(second["running"]["rate"], "30 a second");
    assert_eq!(second["running"]["left"], "20.0 s");
    assert_eq!(first["version"], second["version"], "nothing else on the page is other");
    let page = visitor.see("/").await;
    assert!(page.text.contains(r#"<progress max="100" value="40""#), "{}", page.text);
    let phase = Progress { phase: "drift".to_owned(), done: 0, total: None };
    let now = world.clock.now();
    world.state().write(|tx| tx.set_progress(cycle, &phase, now)).expect("told");
    world.clock.advance(std::time::Duration::from_secs(2));
    let third = visitor.first_event().await;
    assert_eq!(third["running"]["percent"], serde_json::Value::Null);
    assert_eq!(third["running"]["words"], "comparing accounts");
}

#[tokio::test]
async fn filters_filter_and_the_export_has_exactly_what_is_filtered() {
    let world = World::with_users(["ada", "grace"]).all_provisioned().await;
    world.set("ada", "displayName", "=Ada()");
    world.a_day_later();
    world.sync_well().await;
    let visitor = Visitor::of(&world);
    let ada = world.id("ada");
    for (query, found, missing) in [
        ("who=ADA@contoso.com", "ada@contoso.com", "grace@contoso.com"),
        (&format!("who={ada}"), "ada@contoso.com", "grace@contoso.com"),
        ("who=rac", "grace@contoso.com", "ada@contoso.com"),
        ("action=update", "displayName", "grace@contoso.com"),
    ] {
        let page = visitor.see(&format!("/apps/crm/log?{query}")).await;
        let table = page.text.split("<table class=\"log\"").nth(1).expect(query).to_owned();
        assert!(table.contains(found) && !table.contains(missing), "{query}: {table}");
        let csv = visitor.see(&format!("/apps/crm/log.csv?{query}")).await;
        assert_eq!(csv.kind, "text/csv; charset=utf-8");
        let json = visitor.see(&format!("/apps/crm/log.json?{query}")).await;
        let rows: Vec<serde_json::Value> = serde_json::from_str(&json.text).expect("documents");
        assert_eq!(csv.text.lines().count(), rows.len() + 1, "{query}: {}", csv.text);
        assert!(!rows.is_empty() && csv.text.contains("@contoso.com"), "{query}");
        assert!(!csv.text.contains(missing) && !json.text.contains(missing), "{query}");
    }
    let none = visitor.see("/apps/crm/log?who=nobody-is-called-this").await.read();
    assert!(none.contains("No event is like this."), "{none}");
    let empty = visitor.see("/apps/crm/log.json?who=nobody-is-called-this").await;
    assert_eq!(
        serde_json::from_str::<Vec<serde_json::Value>>(&empty.text).expect("a list").len(),
        0
    );
    let odd = visitor.ask("/apps/crm/log?action=invent").await;
    assert_eq!(odd.status, StatusCode::BAD_REQUEST);
    assert!(odd.read().contains("stageddelete"), "{}", odd.read());
}

#[tokio::test]
async fn every_link_of_every_page_leads_somewhere() {
    let mut world = World::with_users(["ada", "grace"]).all_provisioned().await;
    world.expects_violations();
    world.hire("hedy");
    world.application.inject(Fault::status(400), Matcher::method(Method::POST));
    world.sync_with(CycleOptions { initial: true, ..CycleOptions::default() }).await;
    let visitor = Visitor::of(&world);
    let mut asked = vec!["/".to_owned()];
    let mut next = 0;
    while let Some(address) = asked.get(next).cloned() {
        next += 1;
        let seen = visitor.see(&address).await;
        if !seen.kind.starts_with("text/html") {
            continue;
        }
        for part in ["style=", "<style", "onclick", "javascript:", "http://", "https://"] {
            assert!(!seen.text.contains(part), "{address} has `{part}`");
        }
        for link in seen.links() {
            let path = address.split('?').next().unwrap_or_default();
            let link = if link.starts_with('?') { format!("{path}{link}") } else { link };
            let link = link.split('#').next().unwrap_or_default().to_owned();
            if !link.is_empty() && !asked.contains(&link) {
                asked.push(link);
            }
        }
        assert!(asked.len() < 400, "{} addresses and no end", asked.len());
    }
    assert!(asked.iter().any(|one| one.starts_with("/assets/")), "{asked:?}");
    assert!(asked.len() > 20, "{asked:?}");
}

#[tokio::test]
async fn an_application_without_a_state_and_one_that_cannot_be_read_say_so() {
    let world = World::with_users(["ada"]).all_provisioned().await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut fresh = shown_app(&world, "fresh");
    fresh.state_file = folder.path().join("fresh.sqlite");
    let mut broken = shown_app(&world, "broken");
    broken.state_file = folder.path().join("broken.sqlite");
    std::fs::write(
        &broken.state_file,
        "this is a letter to somebody and no database at all, sorry",
    )
    .expect("a file");
    let visitor = Visitor::of_apps(&world, vec![fresh, broken, shown_app(&world, "crm")]);
    let overview = visitor.see("/").await.read();
    assert!(overview.contains("not run yet"), "{overview}");
    assert!(overview.contains("state unreadable"), "{overview}");
    assert!(overview.contains("entra-scim status broken"), "{overview}");
    for page in ["/apps/fresh", "/apps/fresh/log"] {
        visitor.see(page).await;
    }
    let plan = visitor.ask("/apps/fresh/plan").await;
    assert_eq!(plan.status, StatusCode::NOT_FOUND);
    assert!(plan.read().contains("entra-scim sync fresh"), "{}", plan.read());
    assert_eq!(visitor.ask("/apps/crm/log/999999").await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        visitor.ask("/assets/0123456789abcdef/style.css").await.status,
        StatusCode::NOT_FOUND
    );
}
