//! What a right file becomes.

use std::{path::Path, time::Duration};

use chrono_tz::Tz;
use entra_scim::{
    config::{Cloud, Config, CredentialSettings},
    model::ApplicationRef,
    provisioning::{
        DriftMode, Schedule,
        job::{DirectoryDelete, MappingSource, OutOfScope, Scope, Threshold, ValueType},
    },
    scim::{AttributePath, Dialect},
};

use super::{MINIMAL, accept, and, with};

#[test]
fn what_is_left_out_has_the_promised_defaults() {
    let config = accept(MINIMAL);
    assert_eq!(config.tenant.cloud, Cloud::Global);
    assert_eq!(config.tenant.login_url.as_str(), "https://login.microsoftonline.com/");
    assert_eq!(config.tenant.graph_url.as_str(), "https://graph.microsoft.com/");
    assert_eq!(config.service.state_dir, Path::new("/var/lib/entra-scim"));
    assert_eq!(config.service.log_retention, Duration::from_secs(90 * 86_400));
    let app = &config.apps[0];
    assert_eq!(app.profile, "generic");
    assert_eq!(app.schedule.interval(), Some(Duration::from_secs(40 * 60)));
    assert_eq!(app.job.application, ApplicationRef::DisplayName("CRM".to_owned()));
    assert!(app.job.provisioning);
    assert_eq!(app.job.scope, Scope::Assigned);
    assert!(app.job.exclude_default_access);
    assert_eq!(app.job.target_base, "https://crm.example.com/scim");
    assert_eq!(app.job.dialect, Dialect::Rfc7644);
    assert_eq!(app.job.pace.concurrency, 8);
    assert_eq!(app.job.pace.request_timeout, Duration::from_secs(30));
    assert_eq!(app.job.pace.requests_per_second_max, None);
    let safeguards = &app.job.safeguards;
    assert_eq!(safeguards.max_removals, Threshold::Default);
    assert_eq!(safeguards.max_creates, None);
    assert_eq!(safeguards.on_out_of_scope, OutOfScope::Disable);
    assert_eq!(safeguards.on_directory_delete, DirectoryDelete::Delete);
    assert_eq!(safeguards.delete_after, None);
    assert_eq!(safeguards.removals_between, None);
    assert_eq!(safeguards.cycle_time_max, Duration::from_secs(6 * 3_600));
    assert!(safeguards.create && safeguards.update && safeguards.delete);
    assert!(!app.shared_target);
    assert_eq!(app.job.drift.mode, DriftMode::Report);
    assert_eq!(app.job.drift.schedule, Schedule::cron("0 3 * * SUN", Tz::UTC).expect("a schedule"));
    assert_eq!(app.job.attributes.len(), 22);
}

#[test]
fn each_credential_stands_for_itself() {
    let secret = "client_secret = { env = \"GRAPH_SECRET\" }";
    let credential = |line: &str| accept(&with(secret, line)).tenant.credential;
    assert!(matches!(
        credential(
            "certificate = { cert = \"/c.pem\", key = { file = \"/k.pem\" } }"
        ),
        CredentialSettings::Certificate { cert, .. } if cert == Path::new("/c.pem")
    ));
    assert!(matches!(
        credential("federated_token_file = \"/t\""),
        CredentialSettings::FederatedTokenFile(path) if path == Path::new("/t")
    ));
    assert!(matches!(
        credential("managed_identity = {}"),
        CredentialSettings::ManagedIdentity { client_id: None }
    ));
    assert!(matches!(
        credential("managed_identity = { client_id = \"66666666-7777-8888-9999-bbbbbbbbbbbb\" }"),
        CredentialSettings::ManagedIdentity { client_id: Some(_) }
    ));
}

#[test]
fn a_national_cloud_brings_its_hosts_and_loopback_may_replace_them() {
    let config = accept(&with("[tenant]", "[tenant]\ncloud = \"usgov-dod\""));
    assert_eq!(config.tenant.login_url.as_str(), "https://login.microsoftonline.us/");
    assert_eq!(config.tenant.graph_url.as_str(), "https://dod-graph.microsoft.us/");
    let config = accept(&with("[tenant]", "[tenant]\ngraph_url = \"http://127.0.0.1:8080\""));
    assert_eq!(config.tenant.graph_url.as_str(), "http://127.0.0.1:8080/");
}

#[test]
fn the_flag_is_consumed_and_selects_the_dialect_unless_the_file_does() {
    let url = "https://crm.example.com/scim";
    let target = |text: &str| {
        let config = accept(text);
        let app = &config.apps[0];
        (app.target.base.to_string(), app.target.query.clone(), app.job.dialect)
    };
    assert_eq!(
        target(&with(url, "https://crm.example.com/scim/?aadOptscim062020&team=7")),
        (url.to_owned(), vec![("team".to_owned(), "7".to_owned())], Dialect::Rfc7644)
    );
    let legacy =
        with(url, "https://crm.example.com/scim?aadOptscim062020\"\ndialect = \"entra-legacy");
    assert_eq!(target(&legacy).2, Dialect::EntraLegacy);
    let near_miss = accept(&with(url, "https://crm.example.com/scim?aadOptscim0620200"));
    assert_eq!(near_miss.warnings.len(), 1);
    assert_eq!(near_miss.apps[0].target.query, []);
}

#[test]
fn an_application_overrides_the_services_schedule() {
    let config = accept(&with(
        "[apps.crm]",
        "[service]\ncron = \"0 7 * * 1-5\"\ntimezone = \"Europe/Berlin\"\n\n[apps.crm]\ninterval = \"15m\"",
    ));
    assert_eq!(config.apps[0].schedule.interval(), Some(Duration::from_secs(900)));
    let config = accept(&with(
        "[apps.crm]",
        "[service]\ntimezone = \"Europe/Berlin\"\n\n[apps.crm]\ncron = \"0 7 * * 1-5\"",
    ));
    let monday = "2026-11-23T00:00:00Z".parse().expect("a time");
    assert_eq!(
        config.apps[0].schedule.next_after(monday, monday).to_rfc3339(),
        "2026-11-23T06:00:00+00:00"
    );
}

#[test]
fn several_applications_keep_their_order() {
    let second = r#"
[apps.alpha]
enterprise_app = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
provisioning = "off"
scope = "all"
[apps.alpha.target]
tenant_url = "https://alpha.example.com/scim"
secret_token = { env = "ALPHA" }
"#;
    let config = accept(&and(second));
    let names: Vec<_> = config.apps.iter().map(|app| app.job.app.as_str()).collect();
    assert_eq!(names, ["crm", "alpha"]);
    assert!(matches!(config.apps[1].job.application, ApplicationRef::Guid(_)));
    assert!(!config.apps[1].job.provisioning);
    assert_eq!(config.apps[1].job.scope, Scope::All);
}

#[test]
fn safeguards_are_numbers_shares_and_words() {
    let config = accept(&and(r#"[apps.crm.safeguards]
max_removals = "2.5%"
max_creates = 500
protect = ["BreakGlass@Contoso.com"]
on_out_of_scope = "keep"
on_directory_delete = "disable"
delete = false"#));
    let safeguards = &config.apps[0].job.safeguards;
    assert_eq!(safeguards.max_removals, Threshold::Percent(2.5));
    assert_eq!(safeguards.max_creates, Some(500));
    assert!(safeguards.protect.contains("breakglass@contoso.com"));
    assert_eq!(safeguards.on_out_of_scope, OutOfScope::Keep);
    assert_eq!(safeguards.on_directory_delete, DirectoryDelete::Disable);
    assert!(!safeguards.delete);
    let config = accept(&and("[apps.crm.safeguards]\nmax_removals = 0"));
    assert_eq!(config.apps[0].job.safeguards.max_removals, Threshold::Count(0));
}

#[test]
fn removals_have_their_hours_in_the_zone_of_the_schedule() {
    let config = accept(
        &and("[apps.crm.safeguards]\nremovals_between = \"22:00-06:00\"\ndelete_after = \"1s\"\n\
              cycle_time_max = \"90m\"")
        .replace("[apps.crm]\n", "[service]\ntimezone = \"Europe/Berlin\"\n\n[apps.crm]\n"),
    );
    let safeguards = &config.apps[0].job.safeguards;
    let window = safeguards.removals_between.expect("a window");
    assert_eq!(window.to_string(), "22:00-06:00 Europe/Berlin");
    assert!(window.is_open("2026-11-23T04:59:00Z".parse().expect("a time")));
    assert!(!window.is_open("2026-11-23T05:00:00Z".parse().expect("a time")));
    assert_eq!(safeguards.delete_after, Some(Duration::from_secs(1)));
    assert_eq!(safeguards.cycle_time_max, Duration::from_secs(90 * 60));
}

const OWN_ROWS: &str = r#"
[[apps.crm.users.attributes]]
target = "userName"
source = "mail"
match = 1
[[apps.crm.users.attributes]]
target = "active"
expression = 'Not([IsSoftDeleted])'
[[apps.crm.users.attributes]]
target = "urn:ietf:params:scim:schemas:extension:crm:2.0:User:region"
constant = "EU"
default = "none"
apply = "create"
null = "keep""#;

fn targets(config: &Config) -> Vec<String> {
    config.apps[0].job.attributes.iter().map(|row| row.target.to_string()).collect()
}

#[test]
fn own_rows_replace_the_profiles_unless_they_inherit() {
    let replaced = accept(&and(OWN_ROWS));
    assert_eq!(
        targets(&replaced),
        ["userName", "active", "urn:ietf:params:scim:schemas:extension:crm:2.0:User:region"]
    );
    let inherited = accept(&and(&format!("[apps.crm.users]\ninherit = true\n{OWN_ROWS}")));
    let rows = targets(&inherited);
    assert_eq!(rows.len(), 23);
    assert_eq!(rows[0], "userName");
    let user_name = &inherited.apps[0].job.attributes[0];
    assert!(matches!(&user_name.source, MappingSource::Attribute(name) if name == "mail"));
}

#[test]
fn rows_know_the_type_of_their_target() {
    let config = accept(&and(r#"[apps.crm.users]
inherit = true
[[apps.crm.users.attributes]]
target = "roles"
expression = 'AssertiveAppRoleAssignmentsComplex([appRoleAssignments])'"#));
    let of = |text: &str| {
        let path = AttributePath::parse(text).expect(text);
        let row = config.apps[0].job.attributes.iter().find(|row| row.target == path);
        row.map(|row| (row.value_type, row.required)).expect(text)
    };
    assert_eq!(of("userName"), (ValueType::String, true));
    assert_eq!(of("active"), (ValueType::Boolean, false));
    assert_eq!(of("roles"), (ValueType::Complex, false));
    assert_eq!(
        of("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"),
        (ValueType::Reference, false)
    );
}

#[test]
fn the_revision_follows_what_shapes_decisions_and_nothing_else() {
    let revision = |text: &str| accept(text).apps[0].job.revision.clone();
    let before = revision(MINIMAL);
    for same in [
        with("CRM_TOKEN", "OTHER_TOKEN"),
        with("[apps.crm]", "[apps.crm]\ninterval = \"5m\""),
        with("[apps.crm.target]", "[apps.crm.target]\nconcurrency = 2"),
        and("[apps.crm.safeguards]\nmax_removals = 7\nmax_creates = 7"),
        and("[apps.crm.safeguards]\nremovals_between = \"08:00-18:00\"\ncycle_time_max = \"1h\""),
    ] {
        assert_eq!(revision(&same), before, "{same}");
    }
    for other in [
        with("[apps.crm]", "[apps.crm]\nscope = \"all\""),
        with("[apps.crm]", "[apps.crm]\nexclude_default_access = false"),
        with("[apps.crm]", "[apps.crm]\nprofile = \"whimsical\""),
        with("[apps.crm.target]", "[apps.crm.target]\ndialect = \"entra-legacy\""),
        and("[apps.crm.safeguards]\non_out_of_scope = \"keep\""),
        and("[apps.crm.safeguards]\ncreate = false"),
        and("[apps.crm.safeguards]\ndelete_after = \"30d\""),
        and("[apps.crm.safeguards]\nprotect = [\"a@b.example\"]"),
        and(OWN_ROWS),
    ] {
        assert_ne!(revision(&other), before, "{other}");
    }
}

#[test]
fn each_cloud_signs_in_at_its_own_host_for_its_own_graph() {
    use entra_scim::{
        config::Cloud,
        graph::{scope, token_url},
    };
    let row = |cloud: Cloud| {
        let endpoint = token_url(&cloud.login_url(), "contoso.com");
        format!("{} {}", endpoint.host_str().unwrap_or_default(), scope(&cloud.graph_url()))
    };
    insta::assert_snapshot!(row(Cloud::Global),
        @"login.microsoftonline.com https://graph.microsoft.com/.default");
    insta::assert_snapshot!(row(Cloud::UsGov),
        @"login.microsoftonline.us https://graph.microsoft.us/.default");
    insta::assert_snapshot!(row(Cloud::UsGovDod),
        @"login.microsoftonline.us https://dod-graph.microsoft.us/.default");
    insta::assert_snapshot!(row(Cloud::China),
        @"login.partner.microsoftonline.cn https://microsoftgraph.chinacloudapi.cn/.default");
}

#[test]
fn mail_and_webhooks_have_the_defaults_that_are_promised() {
    let config = accept(&and(r#"
[email]
smtp_url = "smtps://mailer%40example.com@mail.example.com"
password = { env = "P" }
from = "Entra SCIM <scim@example.com>"
to = ["identity@example.com"]

[[webhook]]
url = { env = "HOOK" }
"#));
    let email = config.email.expect("a mail server");
    assert_eq!(email.server.host, "mail.example.com");
    assert_eq!(email.server.port, 465);
    assert_eq!(email.server.starttls, None);
    assert_eq!(email.server.user.as_deref(), Some("mailer@example.com"));
    assert_eq!(email.on.len(), 4, "everything but the digest");
    assert!(!email.details);
    assert_eq!(config.webhooks[0].on, email.on);
    assert!(config.apps[0].notify.is_empty());
}

#[test]
fn a_password_may_go_in_clear_within_this_machine_only() {
    for host in ["127.0.0.1", "[::1]", "localhost"] {
        let config = accept(&and(&format!(
            "[email]\nsmtp_url = \"smtp://me@{host}\"\nstarttls = \"off\"\n\
             password = {{ env = \"P\" }}\nfrom = \"x@example.com\"\nto = [\"y@example.com\"]"
        )));
        assert_eq!(config.email.expect("a mail server").server.port, 25);
    }
}

#[test]
fn the_end_of_a_token_is_a_text_or_a_date() {
    let token = "secret_token = { env = \"CRM_TOKEN\" }";
    for day in ["\"2027-03-01\"", "2027-03-01"] {
        let config = accept(&with(token, &format!("{token}\nsecret_token_expires = {day}")));
        let ends = config.apps[0].target.secret_token_expires.expect("a day");
        assert_eq!(ends.to_string(), "2027-03-01");
    }
}

#[test]
fn a_profile_brings_its_limits_and_what_it_cannot_do() {
    let profile = |name: &str| with("[apps.crm]\n", &format!("[apps.crm]\nprofile = \"{name}\"\n"));
    let slack = accept(&profile("slack")).apps.remove(0).job;
    assert_eq!(slack.safeguards.on_directory_delete, DirectoryDelete::Disable);
    assert_eq!(slack.pace.requests_per_second_max, None);
    assert_eq!(slack.pace.user_writes_per_second_max, Some(3.0));
    let user_name = slack.attributes.iter().find(|row| row.target.is_user_name()).expect("mapped");
    assert_eq!(user_name.limit.characters_max, Some(20));
    assert!(slack.capability.renames);
    let one_password = accept(&profile("1password")).apps.remove(0).job;
    assert!(!one_password.capability.renames);
    assert_eq!(one_password.safeguards.on_directory_delete, DirectoryDelete::Delete);
    let sentry = accept(&profile("sentry")).apps.remove(0).job;
    assert_eq!(sentry.capability.page_size_max, Some(100));
    let own = profile("slack")
        .replace("[apps.crm.target]", "[apps.crm.target]\nmax_requests_per_second = 2");
    let pace = accept(&own).apps.remove(0).job.pace;
    assert_eq!(pace.requests_per_second_max, Some(2.0));
    assert_eq!(pace.user_writes_per_second_max, Some(3.0), "a class keeps its own limit");
}

#[test]
fn drift_has_a_schedule_of_its_own_in_the_zone_of_the_schedule() {
    let app = "enterprise_app = \"CRM\"";
    let text = with(app, &format!("{app}\ndrift = \"repair\"\ndrift_cron = \"30 0 4 * * 6\""));
    let config = accept(&format!("{text}\n[service]\ntimezone = \"Europe/Berlin\"\n"));
    let drift = &config.apps[0].job.drift;
    assert_eq!(drift.mode, DriftMode::Repair);
    let expected = Schedule::cron("30 0 4 * * SAT", Tz::Europe__Berlin).expect("a schedule");
    assert_eq!(drift.schedule, expected);
}

#[test]
fn jitter_gives_each_application_a_place_of_its_own_and_can_be_turned_off() {
    let started = "2026-11-23T10:00:00Z".parse().expect("a moment");
    let next = |text: &str| accept(text).apps[0].schedule.next_after(started, started);
    let interval = chrono::TimeDelta::minutes(40);
    let off = with("[apps.crm]", "[service]\njitter = \"0s\"\n\n[apps.crm]");
    assert_eq!(next(&off), started + interval);
    let named = |name: &str| next(&MINIMAL.replace("apps.crm", &format!("apps.{name}")));
    assert_ne!(named("crm"), named("hr"));
    assert_eq!(named("crm"), named("crm"));
    let own = with("[apps.crm]", "[service]\njitter = \"0s\"\n\n[apps.crm]\njitter = \"1m\"");
    assert_eq!(next(&own), named("crm"));
}
