//! Checks of a tenant and an application on loopback, as a person would see them.

use insta::assert_snapshot;
use serde_json::json;
use tempfile::TempDir;

use super::{
    examine,
    finding::{Finding, Level, exit_code, text},
};
use crate::{
    cli::demo::{World, start},
    model::{ApplicationRef, DEFAULT_ACCESS, Timestamp},
    sandbox::application::{DescriptionSupport, FilterSupport, Quirks},
};

const EVERYTHING: [&str; 3] = ["Application.Read.All", "User.Read.All", "GroupMember.Read.All"];

async fn world() -> (World, TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let world = start(folder.path(), Timestamp::UNIX_EPOCH).await.expect("both sides start");
    (world, folder)
}

impl World {
    async fn check(&self) -> Vec<Finding> {
        let app = &self.config.apps[0];
        examine(&self.config, app, std::sync::Arc::new(self.clock.clone())).await
    }

    fn grant(&self, permissions: &[&str]) {
        self.tenant.grant_permissions(&self.tenant.default_client().0, permissions);
    }

    /// The findings as plain lines, the free ports replaced.
    fn plain(&self, findings: &[Finding]) -> String {
        let port = |url: &str| url.split(['/', ':']).nth(4).unwrap_or_default().to_owned();
        anstream::adapter::strip_str(&text(findings))
            .to_string()
            .replace(&port(&self.application_url), "PORT")
            .replace(&port(&self.tenant_url), "PORT")
    }
}

/// Whatever is not well.
fn troubles(findings: &[Finding]) -> Vec<&Finding> {
    findings.iter().filter(|finding| finding.level >= Level::Warning).collect()
}

#[tokio::test]
async fn a_working_setup_shows_everything_that_was_looked_at() {
    let (world, _folder) = world().await;
    let findings = world.check().await;
    assert_eq!(exit_code(&findings).number(), 0);
    assert_snapshot!(world.plain(&findings), @r#"
    ok       sign-in          signed in as 68693ea2-1adb-5e8a-b163-5c7b5858473a of tenant c0de50c0-0000-4000-8000-000000000001
    ok       permission       Application.Read.All
    ok       permission       User.Read.All
    ok       permission       GroupMember.Read.All
    ok       application      `Acme CRM`, appId a44dcb98-9268-5b5f-8565-1157f335b4fd
    ok       app roles        Administrator, Editor, Viewer, msiam_access
    ok       assignments      66 users and 4 groups assigned
    ok       users            249 read
    ok       groups           4 of 4 read
    note     permission       Member.Read.Hidden (optional) is not granted
                              it shows members of groups with hidden membership, who are not seen without it
    note     Entra's own job  not looked at: Synchronization.Read.All (optional) is not granted
                              Entra admin center > Enterprise applications > the application > Provisioning: see that provisioning is off there
    ok       target           http://127.0.0.1:PORT/scim/v2 answers
    ok       abilities        changes by PATCH, searches by filter, lists by index, 200 in a page, versions
    ok       filter           `userName` is searched by
    "#);
}

#[tokio::test]
async fn each_missing_permission_is_named_once_with_the_way_to_grant_it() {
    let (world, _folder) = world().await;
    world.grant(&["Application.Read.All"]);
    let findings = world.check().await;
    assert_eq!(exit_code(&findings).number(), 7);
    let troubles = troubles(&findings);
    assert_eq!(troubles.len(), 2, "{troubles:#?}");
    for (finding, name) in troubles.iter().zip(["User.Read.All", "GroupMember.Read.All"]) {
        assert!(finding.message.starts_with(name), "{finding:?}");
        let action = finding.action.as_deref().expect("it says where to click");
        assert!(action.contains(&format!("Application permissions > {name}")), "{action}");
    }
    assert!(
        findings.iter().any(|f| f.check == "target"),
        "the other side is looked at all the same"
    );
}

#[tokio::test]
async fn a_wrong_client_secret_ends_one_side_and_not_the_other() {
    let (world, folder) = world().await;
    std::fs::write(folder.path().join("graph-secret"), "wrong").expect("ours to write");
    let findings = world.check().await;
    assert_eq!(exit_code(&findings).number(), 7);
    let troubles = troubles(&findings);
    assert_eq!(troubles.len(), 1, "{troubles:#?}");
    assert!(troubles[0].message.contains("AADSTS7000215"), "{:?}", troubles[0]);
    assert!(findings.iter().any(|f| f.check == "filter" && f.level == Level::Ok));
}

#[tokio::test]
async fn an_unreachable_graph_says_which_way_to_look() {
    let (mut world, _folder) = world().await;
    // Port 9 discards; nothing listens there on loopback.
    world.config.tenant.login_url = url::Url::parse("http://127.0.0.1:9/").expect("a URL");
    let findings = world.check().await;
    assert_eq!(exit_code(&findings).number(), 7);
    assert_eq!(troubles(&findings).len(), 1, "{findings:#?}");
}

#[tokio::test]
async fn a_refused_token_and_a_wrong_address_of_the_application_have_their_own_advice() {
    let (world, _folder) = world().await;
    world.application.set_token("another");
    let findings = world.check().await;
    assert_eq!(exit_code(&findings).number(), 7);
    let action = troubles(&findings)[0].action.clone().unwrap_or_default();
    assert!(action.contains("apps.demo.target.secret_token"), "{action}");

    world.application.set_token("secret");
    world.application.set_quirks(Quirks { base_path_missing: true, ..Quirks::default() });
    let findings = world.check().await;
    assert_eq!(exit_code(&findings).number(), 7);
    let action = troubles(&findings)[0].action.clone().unwrap_or_default();
    assert!(action.contains("apps.demo.target.tenant_url"), "{action}");
}

#[tokio::test]
async fn an_ignored_filter_is_a_warning_and_a_refused_one_an_error() {
    let (world, _folder) = world().await;
    world
        .application
        .seed_user(json!({ "userName": "somebody" }).as_object().cloned().expect("an object"));
    world.application.set_quirks(Quirks { filter: FilterSupport::Ignored, ..Quirks::default() });
    let findings = world.check().await;
    assert_eq!(exit_code(&findings).number(), 0);
    assert_eq!(troubles(&findings).len(), 1);
    assert!(troubles(&findings)[0].message.contains("ignores a filter on `userName`"));

    world.application.set_quirks(Quirks { filter: FilterSupport::Refused, ..Quirks::default() });
    let findings = world.check().await;
    assert_eq!(exit_code(&findings).number(), 2);
}

#[tokio::test]
async fn what_the_application_says_of_itself_is_told_and_held_against_the_configuration() {
    let (mut world, _folder) = world().await;
    world.application.set_quirks(Quirks {
        patch_refused: true,
        cursor_only: true,
        hides_versions: true,
        ..Quirks::default()
    });
    let told = |findings: &[Finding]| {
        let abilities = findings.iter().filter(|finding| finding.check == "abilities");
        abilities.map(|finding| finding.message.clone()).collect::<Vec<_>>().join("\n")
    };
    assert_snapshot!(told(&world.check().await), @"changes by PUT, searches by filter, lists by cursor, 200 in a page, no versions");

    world.config.apps[0].job.capability.overrides.patch = Some(true);
    assert_snapshot!(told(&world.check().await), @r"
    changes by PATCH, searches by filter, lists by cursor, 200 in a page, no versions
    the application says patch = false, and the configuration or profile patch = true
    ");

    let description = DescriptionSupport::Html;
    world.application.set_quirks(Quirks { description, ..Quirks::default() });
    let findings = world.check().await;
    assert_eq!(exit_code(&findings).number(), 0);
    assert_snapshot!(told(&findings), @r"
    changes by PATCH, searches by filter, lists by index, 200 in a page, versions where accounts show them
    the application does not describe itself; what it can do is learnt from its answers
    ");
}

#[tokio::test]
async fn an_application_with_only_default_access_says_how_to_add_a_role() {
    let (mut world, _folder) = world().await;
    world.config.apps[0].job.application = ApplicationRef::DisplayName("Expenses".to_owned());
    let findings = world.check().await;
    assert_eq!(exit_code(&findings).number(), 0, "it is a warning");
    let troubles = troubles(&findings);
    let checks: Vec<_> = troubles.iter().map(|finding| finding.check).collect();
    assert_eq!(checks, ["app roles", "assignments"], "{troubles:#?}");
    assert!(troubles[0].action.as_deref().unwrap_or_default().contains("Create app role"));

    world.config.apps[0].job.exclude_default_access = false;
    let findings = world.check().await;
    assert!(findings.iter().all(|finding| finding.level < Level::Warning), "{findings:#?}");
}

#[tokio::test]
async fn an_application_that_is_not_there_or_twice_there_is_the_configurations_mistake() {
    let (mut world, _folder) = world().await;
    world.config.apps[0].job.application = ApplicationRef::DisplayName("Nothing".to_owned());
    let findings = world.check().await;
    assert_eq!(exit_code(&findings).number(), 2);
    assert_eq!(troubles(&findings).len(), 1, "{findings:#?}");

    for app_id in ["11111111-0000-4000-8000-000000000001", "11111111-0000-4000-8000-000000000002"] {
        world.tenant.add_application(crate::sandbox::tenant::ApplicationSpec {
            display_name: "Twin".to_owned(),
            app_id: app_id.to_owned(),
            roles: Vec::new(),
        });
    }
    world.config.apps[0].job.application = ApplicationRef::DisplayName("Twin".to_owned());
    let findings = world.check().await;
    assert_eq!(exit_code(&findings).number(), 2);
    assert!(troubles(&findings)[0].message.contains("2 enterprise applications"));
}

#[tokio::test]
async fn entras_own_job_is_looked_for_and_warned_of() {
    let (world, _folder) = world().await;
    world.grant(&[&EVERYTHING[..], &["Synchronization.Read.All"]].concat());
    let own = |findings: &[Finding]| {
        let found = findings.iter().find(|finding| finding.check == "Entra's own job");
        found.map(|finding| finding.level)
    };
    assert_eq!(own(&world.check().await), Some(Level::Ok), "provisioning was never set up there");
    let job = json!({ "id": "scim.1", "templateId": "scim", "schedule": { "state": "Active" } });
    world.tenant.set_synchronization_jobs(world.contoso.application, vec![job]);
    let findings = world.check().await;
    assert_eq!(own(&findings), Some(Level::Warning));
    assert_eq!(exit_code(&findings).number(), 0, "a warning is no failure");
}

#[tokio::test]
async fn nobody_assigned_is_a_warning() {
    let (world, _folder) = world().await;
    world.tenant.unassign_all(world.contoso.application);
    let findings = world.check().await;
    assert_eq!(exit_code(&findings).number(), 0);
    assert_eq!(troubles(&findings)[0].check, "assignments");

    let user = world.contoso.people["ada"];
    world.tenant.assign(world.contoso.application, user, DEFAULT_ACCESS);
    let findings = world.check().await;
    assert!(troubles(&findings)[0].message.contains("Default Access only"), "{findings:#?}");
}

#[tokio::test]
async fn as_json_a_finding_has_five_fields() {
    let (world, _folder) = world().await;
    let findings = world.check().await;
    let document = serde_json::to_value(&findings[0]).expect("it is plain data");
    let keys: Vec<_> = document.as_object().expect("an object").keys().cloned().collect();
    assert_eq!(keys, ["action", "app", "check", "level", "message"]);
    assert_eq!(document["level"], "ok");
}
