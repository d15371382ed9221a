//! Every way to get a configuration wrong, and what is said about it.

use insta::assert_snapshot;

use super::{and, refuse, with};

const SECRET: &str = "client_secret = { env = \"GRAPH_SECRET\" }";
const TOKEN: &str = "secret_token = { env = \"CRM_TOKEN\" }";

fn service(lines: &str) -> String {
    with("[apps.crm]", &format!("[service]\n{lines}\n\n[apps.crm]"))
}

fn app(lines: &str) -> String {
    with("enterprise_app = \"CRM\"", &format!("enterprise_app = \"CRM\"\n{lines}"))
}

fn row(lines: &str) -> String {
    and(&format!("[apps.crm.users]\ninherit = true\n\n[[apps.crm.users.attributes]]\n{lines}"))
}

#[test]
fn all_mistakes_of_a_file_are_reported_at_once_and_in_order() {
    assert_snapshot!(refuse(r#"[tenant]
id = "contoso"
client_ide = "66666666-7777-8888-9999-aaaaaaaaaaaa"

[service]
interval = 40

[apps.crm]
scope = "everybody"

[apps.crm.safeguards]
max_removal = 3
"#), @"");
}

#[test]
fn a_file_that_is_not_toml_says_where() {
    assert_snapshot!(refuse("[tenant]\nid = \"contoso.com\nclient_id = 3 4\n"), @"");
}

#[test]
fn an_empty_file_says_what_is_missing() {
    assert_snapshot!(refuse(""), @"");
    assert_snapshot!(refuse(&with("[apps.crm]", "[apps.cr m]")), @"");
}

#[test]
fn keys_of_later_versions_are_unknown() {
    let mut text = service("listen = \"127.0.0.1:8640\"");
    text.push_str("[email]\nto = []\n[[webhook]]\nformat = \"generic\"\n");
    text.push_str("[apps.crm.groups]\nenabled = true\n");
    text = text.replace(
        "enterprise_app = \"CRM\"",
        "enterprise_app = \"CRM\"\nnested_groups = false\nshared_target = true\nnotify = []",
    );
    assert_snapshot!(refuse(&text), @"");
}

#[test]
fn a_tenant_is_a_guid_or_a_domain_and_a_client_a_guid() {
    for (part, bad) in [
        ("contoso.onmicrosoft.com", "common"),
        ("contoso.onmicrosoft.com", "11111111-2222-3333-4444-55555555555"),
        ("contoso.onmicrosoft.com", "contoso..com"),
    ] {
        refuse(&with(part, bad));
    }
    assert_snapshot!(refuse(&with("66666666-", "6666-")), @"");
}

#[test]
fn there_is_exactly_one_credential() {
    assert_snapshot!(refuse(&with(SECRET, "")), @"");
    assert_snapshot!(refuse(&with(SECRET, &format!("{SECRET}\nmanaged_identity = {{}}"))), @"");
    assert_snapshot!(refuse(&with(SECRET, "certificate = { cert = \"c.pem\" }")), @"");
}

#[test]
fn a_secret_is_kept_in_exactly_one_place() {
    assert_snapshot!(refuse(&with(TOKEN, "secret_token = \"hunter2\"")), @"");
    assert_snapshot!(refuse(&with(TOKEN, "secret_token = {}")), @"");
    assert_snapshot!(refuse(&with(TOKEN, "secret_token = { env = \"A\", file = \"/b\" }")), @"");
    assert_snapshot!(refuse(&with(TOKEN, "secret_token = { file = \"token\", fil = \"x\" }")), @"");
    assert_snapshot!(refuse(&with(TOKEN, "secret_token = { credential = \"../x\" }")), @"");
}

#[test]
fn credentials_go_over_tls_only() {
    let url = "https://crm.example.com/scim";
    assert_snapshot!(refuse(&with(url, "http://crm.example.com/scim")), @"");
    assert_snapshot!(refuse(&with(url, "crm.example.com/scim")), @"");
    assert_snapshot!(refuse(&with(url, "https://user:pw@crm.example.com/scim")), @"");
    let tenant = "[tenant]\nlogin_url = \"http://login.example.com\"\ngraph_url = \"https://graph.microsoft.com/v1.0\"\nproxy = \"socks5://x\"";
    assert_snapshot!(refuse(&with("[tenant]", tenant)), @"");
}

#[test]
fn schedules_make_sense() {
    assert_snapshot!(refuse(&service("interval = \"40 minutes\"")), @"");
    assert_snapshot!(refuse(&service("interval = \"0s\"")), @"");
    assert_snapshot!(refuse(&service("interval = \"40m\"\ncron = \"* * * * *\"")), @"");
    assert_snapshot!(refuse(&service("cron = \"every day\"")), @"");
    assert_snapshot!(refuse(&service("cron = \"0 0 30 2 *\"")), @"");
    assert_snapshot!(refuse(&service("cron = \"0 0 * * 9\"")), @"");
    assert_snapshot!(refuse(&service("cron = \"0 0 * * 1\"\ntimezone = \"Europe/Berln\"")), @"");
    assert_snapshot!(refuse(&app("interval = \"-5m\"\ncron = \"61 * * * *\"")), @"");
    assert_snapshot!(refuse(&service("state_dir = \"state\"\nlog_retention = 90")), @"");
}

#[test]
fn an_enterprise_application_is_named_properly() {
    for bad in
        ["", "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeee", " CRM", "00000000-0000-0000-0000-000000000000"]
    {
        let text = refuse(&with("\"CRM\"", &format!("{bad:?}")));
        assert!(text.starts_with("config.toml:7: apps.crm.enterprise_app: "), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
    assert_snapshot!(refuse(&with("\"CRM\"", "\"aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeee\"")), @"");
}

#[test]
fn numbers_stay_in_their_range() {
    let target = |line: &str| with(TOKEN, &format!("{TOKEN}\n{line}"));
    assert_snapshot!(refuse(&target("concurrency = 0")), @"");
    assert_snapshot!(refuse(&target("concurrency = -3")), @"");
    assert_snapshot!(refuse(&target("concurrency = 2.5")), @"");
    assert_snapshot!(refuse(&target("max_requests_per_second = 0")), @"");
    assert_snapshot!(refuse(&target("max_requests_per_second = nan")), @"");
    assert_snapshot!(refuse(&target("request_timeout = \"1h\"")), @"");
    assert_snapshot!(refuse(&and("[apps.crm.safeguards]\nmax_removals = \"110%\"")), @"");
    assert_snapshot!(refuse(&and("[apps.crm.safeguards]\nmax_removals = -1\nmax_creates = -1")), @"");
    assert_snapshot!(refuse(&and("[apps.crm.safeguards]\nmax_removals = 0.1\nprotect = [3]\ncreate = \"no\"")), @"");
}

#[test]
fn words_are_checked() {
    assert_snapshot!(refuse(&app("profile = \"whimsicall\"")), @"");
    assert_snapshot!(refuse(&app("provisioning = true\nscope = \"assign\"")), @"");
    assert_snapshot!(refuse(&and("[apps.crm.safeguards]\non_out_of_scope = \"suspend\"")), @"");
}

#[test]
fn two_applications_do_not_share_a_target() {
    assert_snapshot!(refuse(&and(r#"
[apps.CRM]
enterprise_app = "CRM 2"
[apps.CRM.target]
tenant_url = "https://CRM.example.com/scim/?aadOptscim062020"
secret_token = { env = "B" }"#)), @"");
}

#[test]
fn a_row_says_what_flows_where() {
    assert_snapshot!(refuse(&row("source = \"mail\"")), @"");
    assert_snapshot!(refuse(&row("target = \"title\"")), @"");
    assert_snapshot!(refuse(&row("target = \"title\"\nsource = \"mail\"\nconstant = \"x\"")), @"");
    assert_snapshot!(refuse(&row("target = 'emails[type co \"w\"].value'\nsource = \"mail\"")), @"");
    assert_snapshot!(refuse(&row("target = \"title\"\nsource = \"jobtitle\"")), @"");
    assert_snapshot!(refuse(&row("target = \"title\"\nsource = \"favouriteColour\"")), @"");
    assert_snapshot!(refuse(&row("target = \"id\"\nsource = \"objectId\"")), @"");
    assert_snapshot!(refuse(&row("target = \"title\"\nsource = \"mail\"\nmatching = 2\napply = \"update\"")), @"");
    assert_snapshot!(refuse(&row("target = \"active\"\nsource = \"accountEnabled\"\ndefault = \"yes\"")), @"");
}

#[test]
fn a_row_whose_source_does_not_fit_is_refused() {
    assert_snapshot!(refuse(&row("target = \"active\"\nsource = \"IsSoftDeleted\"")), @"");
    assert_snapshot!(refuse(&row("target = \"title\"\nsource = \"manager\"")), @"");
    assert_snapshot!(refuse(&row("target = \"roles\"\nsource = \"appRoleAssignments\"")), @"");
    let manager = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";
    assert_snapshot!(refuse(&row(&format!("target = \"{manager}\"\nsource = \"mail\""))), @"");
}

#[test]
fn an_expression_is_checked_before_anything_runs() {
    assert_snapshot!(refuse(&row("target = \"title\"\nexpression = 'Join(\" \", [jobTitle]'")), @"");
    assert_snapshot!(refuse(&row("target = \"title\"\nexpression = 'ToLower([jobtitle], )'")), @"");
    assert_snapshot!(refuse(&row("target = \"title\"\nexpression = '''\nJoin(\" \",\n  Lower([jobTitle]))'''")), @"");
}

#[test]
fn accounts_are_found_by_attributes_that_can_be_filtered() {
    assert_snapshot!(refuse(&row("target = 'phoneNumbers[type eq \"work\"].value'\nsource = \"mail\"\nmatch = 2")), @"");
    assert_snapshot!(refuse(&row("target = \"title\"\nconstant = \"x\"\nmatch = 2")), @"");
    assert_snapshot!(refuse(&row("target = \"externalId\"\nsource = \"objectId\"\nmatch = 1")), @"");
    assert_snapshot!(refuse(&row("target = \"externalId\"\nsource = \"objectId\"\nmatch = 0")), @"");
    assert_snapshot!(refuse(&row("target = \"title\"\nsource = \"mail\"\n[[apps.crm.users.attributes]]\ntarget = \"TITLE\"\nsource = \"jobTitle\"")), @"");
}

#[test]
fn a_mapping_matches_and_can_disable() {
    let rows = "[[apps.crm.users.attributes]]\ntarget = \"displayName\"\nsource = \"displayName\"";
    assert_snapshot!(refuse(&and(rows)), @"");
    assert_snapshot!(refuse(&and("[apps.crm.users]\nattributes = []")), @"");
    assert_snapshot!(refuse(&and(&format!(
        "{rows}\nmatch = 1\n[apps.crm.safeguards]\non_out_of_scope = \"delete\"\non_directory_delete = \"disable\""
    ))), @"");
    super::accept(&and(&format!(
        "{rows}\nmatch = 1\n[apps.crm.safeguards]\non_out_of_scope = \"delete\""
    )));
}
