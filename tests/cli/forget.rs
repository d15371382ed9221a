//! `forget`: beside the service, in several applications, and where it is not clear who is meant.

use std::sync::Arc;

use entra_scim::{
    daemon::SystemClock,
    sandbox::application::{Application, ApplicationOptions},
};
use serde_json::json;

use crate::support::{
    desk::{Desk, eventually},
    state,
};

/// A second application with a target of its own; people of the first one are its people too.
async fn second_application(desk: &Desk) -> (Application, String) {
    let wiki = Application::new(ApplicationOptions::strict(8, Arc::new(SystemClock)));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let url = wiki.base_url(listener.local_addr().expect("an address"));
    tokio::spawn(wiki.clone().serve(listener));
    let token = desk.path("token").display().to_string();
    let section = format!(
        "[apps.wiki]\nenterprise_app = \"77777777-2222-3333-4444-555555555555\"\n\
         [apps.wiki.target]\ntenant_url = \"{url}\"\nsecret_token = {{ file = \"{token}\" }}\n"
    );
    (wiki, section)
}

#[track_caller]
fn nothing_is_left(desk: &Desk, names: &[&str]) {
    for path in desk.state().into_keys() {
        let text = String::from_utf8_lossy(&state::bytes_and_texts(&path)).to_lowercase();
        for name in names {
            assert!(!text.contains(name), "{name} is in {}", path.display());
        }
    }
}

async fn finished(desk: &Desk, app: usize) -> bool {
    let status = desk.say("status --json").await;
    status.code == 0 && !status.json()["apps"][app]["last_cycle"].is_null()
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_is_forgotten_in_every_application_while_the_service_runs() {
    let desk = Desk::with_users(&["ada", "zuleika"]).await;
    let (wiki, section) = second_application(&desk).await;
    desk.configure("", &section);
    let service = desk.run().await;
    for app in [0, 1] {
        eventually("the first cycles", || finished(&desk, app)).await;
    }
    let id = desk.people["zuleika"];
    desk.tenant.soft_delete_user(id);
    desk.tenant.purge_user(id);
    desk.say("sync --all").await.ends(0);

    let refused = desk.say("forget zuleika@contoso.com").await.ends(2);
    assert!(refused.stderr.contains("needs a person's yes"), "{}", refused.stderr);
    let said = desk.say("forget Zuleika@Contoso.com --yes --json").await.ends(0).json();
    let forgotten = said["forgotten"].as_array().expect("a list");
    let apps: Vec<_> = forgotten.iter().map(|one| one["app"].clone()).collect();
    assert_eq!(apps, [json!("crm"), json!("wiki")]);
    for one in forgotten {
        assert_eq!(one["comes_back"], json!(false), "{one}");
        assert_eq!(one["file_rewritten"], json!(true), "{one}");
        assert!(one["log_rows"].as_u64().is_some_and(|rows| rows > 0), "{one}");
    }
    nothing_is_left(&desk, &["zuleika", &id.to_string()]);
    desk.say("sync --all").await.ends(0);
    nothing_is_left(&desk, &["zuleika", &id.to_string()]);
    let again = desk.say("forget zuleika@contoso.com --yes").await.ends(2);
    assert!(again.stderr.contains("knows nobody called `zuleika@contoso.com`"), "{}", again.stderr);
    let ended = service.terminate().await.ends(0);
    assert!(!ended.stderr.contains("zuleika"), "{}", ended.stderr);
    assert_eq!((desk.application.user_count(), wiki.user_count()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_still_assigned_is_told_to_come_back_and_one_application_can_be_named() {
    let desk = Desk::with_users(&["ada", "zuleika"]).await;
    let (_wiki, section) = second_application(&desk).await;
    desk.configure("", &section);
    desk.say("sync --all").await.ends(0);
    let id = desk.people["zuleika"];
    let said = desk.say(&format!("forget {id} --app crm --yes")).await.ends(0);
    let told = "still assigned to crm: the next cycle reads them again; unassign them first if";
    assert!(said.stdout.contains(told), "{}", said.stdout);
    assert!(said.stdout.contains("was left as it is, enabled; nobody else"), "{}", said.stdout);
    assert!(!said.stdout.contains("wiki"), "{}", said.stdout);
    let sync = desk.say("sync crm --json").await.ends(0).json();
    assert_eq!(sync["totals"]["adopt"], json!(1), "{sync}");
    assert_eq!(sync["totals"]["create"], json!(0), "{sync}");
    assert_eq!(desk.application.user_count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_two_people_had_is_refused_with_both_ids() {
    let mut desk = Desk::with_users(&["ada", "zuleika"]).await;
    desk.say("sync").await.ends(0);
    let former = desk.people["zuleika"];
    desk.tenant.set_attribute(former, "userPrincipalName", "dobson@contoso.com");
    desk.tenant.set_attribute(former, "mail", "dobson@contoso.com");
    desk.say("sync").await.ends(0);
    desk.hire("zuleika");
    desk.say("sync").await.ends(0);
    let said = desk.say("forget zuleika@contoso.com --yes").await.ends(2);
    for id in [former, desk.people["zuleika"]] {
        assert!(said.stderr.contains(&id.to_string()), "{}", said.stderr);
    }
    assert!(said.stderr.contains("by its object id"), "{}", said.stderr);
    let said = desk.say("forget dobson@contoso.com --yes --json").await.ends(0).json();
    assert_eq!(said["forgotten"][0]["account"]["enabled"], json!(true), "{said}");
}
