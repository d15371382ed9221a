//! Every way to get a configuration wrong, and what is said about it.

use insta::assert_snapshot;

use super::{accept, and, refuse, with};

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
"#), @r#"
config.toml:1: tenant: has no credential; give exactly one of `client_secret`, `certificate`, `federated_token_file`, `managed_identity`
config.toml:1: tenant.client_id: missing; this key is needed
config.toml:2: tenant.id: "contoso" is neither a tenant id nor a domain; copy the tenant ID from the overview page of Microsoft Entra
config.toml:3: tenant.client_ide: unknown key; did you mean `client_id`?
config.toml:6: service.interval: expected a text in quotes, found a whole number
config.toml:8: apps.crm.enterprise_app: missing; this key is needed
config.toml:8: apps.crm.target: missing; this key is needed
config.toml:9: apps.crm.scope: unknown value "everybody"; possible are `assigned`, `all`
config.toml:12: apps.crm.safeguards.max_removal: unknown key; did you mean `max_removals`?
"#);
}

#[test]
fn a_file_that_is_not_toml_says_where() {
    assert_snapshot!(refuse("[tenant]\nid = \"contoso.com\nclient_id = 3 4\n"), @r#"
config.toml:2: invalid basic string, expected `"`
config.toml:3: string values must be quoted, expected literal string
"#);
}

#[test]
fn an_empty_file_says_what_is_missing() {
    assert_snapshot!(refuse(""), @r#"
config.toml:1: apps: missing; this key is needed
config.toml:1: tenant: missing; this key is needed
"#);
    assert_snapshot!(refuse(&with("[apps.crm]", "[apps.cr m]")), @r#"
config.toml:6: unclosed table, expected `]`
"#);
}

#[test]
fn the_page_listens_on_an_address_with_a_port_or_not_at_all() {
    assert_snapshot!(refuse(&service("listen = \"8640\"")), @r#"
config.toml:7: service.listen: "8640" is not an address with a port; write for example "127.0.0.1:8640" or "[::1]:8640", or "off" for no status page
"#);
    assert_snapshot!(refuse(&service("allowed_hosts = [\"https://scim.example.com\"]")), @r#"
config.toml:7: service.allowed_hosts[1]: "https://scim.example.com" is not a host name, such as "scim.example.com"
"#);
}

#[test]
fn an_address_for_other_machines_needs_a_token_and_tls() {
    let page = |lines: &str| service(&format!("listen = \"0.0.0.0:8640\"\n{lines}"));
    assert_snapshot!(refuse(&page("")), @r#"
config.toml:7: service.listen: 0.0.0.0:8640 can be reached from other machines, and there is no `access_token`; write access_token = { file = "/etc/entra-scim/page-token" }, made with `openssl rand -base64 32`; or listen on "127.0.0.1:8640"
config.toml:7: service.listen: 0.0.0.0:8640 can be reached from other machines, and what is said is in clear; write tls = { cert = "….pem", key = { file = "….key" } }; or behind_proxy = true where a proxy before it speaks TLS; or listen on "127.0.0.1:8640"
"#);
    let token = "access_token = { env = \"PAGE_TOKEN\" }";
    assert!(refuse(&page(token)).contains("in clear"));
    assert!(refuse(&page("behind_proxy = true")).contains("no `access_token`"));
    for sealed in
        ["behind_proxy = true", "tls = { cert = \"/page.pem\", key = { env = \"PAGE_KEY\" } }"]
    {
        let config = accept(&page(&format!("{token}\n{sealed}")));
        assert_eq!(config.warnings, []);
        let page = config.service.page.expect("the page is on");
        assert_eq!(page.listen.to_string(), "0.0.0.0:8640");
        assert_eq!((page.access_token.is_some(), page.tls.is_some()), (true, !page.behind_proxy));
    }
    let open = accept(&service("behind_proxy = true"));
    assert!(open.warnings[0].message.contains("whoever reaches the proxy"), "{:?}", open.warnings);
    assert!(accept(&service("listen = \"off\"")).service.page.is_none());
}

#[test]
fn jitter_beyond_a_minute_or_beside_a_cron_expression_is_refused() {
    assert_snapshot!(refuse(&service("jitter = \"2m\"")), @r#"
config.toml:7: service.jitter: "2m" is not between 0s and 1m
"#);
    assert_snapshot!(refuse(&service("cron = \"0 7 * * *\"\njitter = \"30s\"")), @r#"
config.toml:8: service.jitter: belongs to `interval`, and stands beside `cron`; leave it out: a cron expression is kept to the second
"#);
}

#[test]
fn mail_is_refused_where_it_would_not_arrive_or_give_the_password_away() {
    let email = |lines: &str| {
        refuse(&and(&format!(
            "[email]\nfrom = \"x@example.com\"\nto = [\"y@example.com\"]\n{lines}"
        )))
    };
    let password = "password = { env = \"P\" }";
    assert_snapshot!(refuse(&and(r#"[email]
smtp_urls = "smtps://mail.example.com"
from = "nobody"
to = ["Ünal <unal@example.com>", "two@@example.com", "a@b\nBcc: c@example.com"]
on = ["failure", "removals"]
digest = "8 o'clock"
starttls = "always"

[[webhook]]
format = "team"

[[webhook]]
format = "pagerduty"

[[webhook]]
url = { env = "HOOK" }
routing_key = { env = "KEY" }
"#)), @r#"
config.toml:12: email.smtp_url: missing; this key is needed
config.toml:13: email.smtp_urls: unknown key; did you mean `smtp_url`?
config.toml:14: email.from: "nobody" is not a mail address; write "ada@example.com" or "Ada <ada@example.com>"
config.toml:15: email.to[2]: "two@@example.com" is not a mail address; write "ada@example.com" or "Ada <ada@example.com>"
config.toml:15: email.to[3]: "a@b\nBcc: c@example.com" is not a mail address; write "ada@example.com" or "Ada <ada@example.com>"
config.toml:16: email.on[2]: unknown value "removals"; possible are `failure`, `recovery`, `removals-held`, `credential-expiry`, `digest`, `drift`
config.toml:17: email.digest: "8 o'clock" is not a time of day; write hours and minutes, for example "08:00"
config.toml:17: email.digest: no digest is asked for; add "digest" to `on`
config.toml:18: email.starttls: unknown value "always"; possible are `required`, `opportunistic`, `off`
config.toml:20: webhook[1].url: missing; this key is needed
config.toml:21: webhook[1].format: unknown value "team"; did you mean `teams`?
config.toml:23: webhook[2]: has no `routing_key`; it is the Integration Key of an Events API v2 integration of the service
config.toml:28: webhook[3].routing_key: is for format = "pagerduty" alone
"#);
    for lines in [
        format!("smtp_url = \"smtp://me@mail.example.com\"\nstarttls = \"off\"\n{password}"),
        format!(
            "smtp_url = \"smtp://me@mail.example.com\"\nstarttls = \"opportunistic\"\n{password}"
        ),
        format!("smtp_url = \"smtps://me@mail.example.com\"\nstarttls = \"required\"\n{password}"),
        "smtp_url = \"smtps://me@mail.example.com\"".to_owned(),
        format!("smtp_url = \"smtps://mail.example.com\"\n{password}"),
        format!("smtp_url = \"smtps://me:secret@mail.example.com\"\n{password}"),
        "smtp_url = \"https://mail.example.com\"".to_owned(),
        "smtp_url = \"mail.example.com:25\"".to_owned(),
        "smtp_url = \"smtps://mail.example.com/?tls=no\"".to_owned(),
    ] {
        let said = email(&lines);
        assert!(said.contains("config.toml:1"), "{said}");
        assert!(!said.contains("secret@"), "{said}");
    }
    assert_snapshot!(
        email(&format!("smtp_url = \"smtp://me@mail.example.com\"\nstarttls = \"off\"\n{password}")),
        @r#"
config.toml:15: email.smtp_url: would send the password in clear, or to whoever takes the TLS away; write smtps://, or starttls = "required"
"#
    );
    assert_snapshot!(refuse(&app("notify = [\"y@example.com\"]")), @r#"
config.toml:8: apps.crm.notify: there is no mail server; add a section [email]: it says how mails are sent
"#);
    let token = with(TOKEN, &format!("{TOKEN}\nsecret_token_expires = \"March\""));
    assert_snapshot!(refuse(&token), @r#"
config.toml:12: apps.crm.target.secret_token_expires: "March" is not a day; write year, month and day, for example "2027-03-01"
"#);
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
    assert_snapshot!(refuse(&with("66666666-", "6666-")), @r#"
config.toml:3: tenant.client_id: "6666-7777-8888-9999-aaaaaaaaaaaa" is not a GUID; copy the application (client) ID from the app registration
"#);
}

#[test]
fn there_is_exactly_one_credential() {
    assert_snapshot!(refuse(&with(SECRET, "")), @r#"
config.toml:1: tenant: has no credential; give exactly one of `client_secret`, `certificate`, `federated_token_file`, `managed_identity`
"#);
    assert_snapshot!(refuse(&with(SECRET, &format!("{SECRET}\nmanaged_identity = {{}}"))), @r#"
config.toml:5: tenant: has 2 credentials: `client_secret`, `managed_identity`; give exactly one of `client_secret`, `certificate`, `federated_token_file`, `managed_identity`
"#);
    assert_snapshot!(refuse(&with(SECRET, "certificate = { cert = \"c.pem\" }")), @r#"
config.toml:4: tenant.certificate.key: missing; this key is needed
config.toml:4: tenant.certificate.cert: "c.pem" is not an absolute path
"#);
}

#[test]
fn a_secret_is_kept_in_exactly_one_place() {
    assert_snapshot!(refuse(&with(TOKEN, "secret_token = \"hunter2\"")), @r#"
config.toml:11: apps.crm.target.secret_token: a secret does not stand here by itself; write where it is kept: { file = "…" }, { env = "…" } or { credential = "…" }; or { value = "…" } if it has to be in this file
"#);
    assert_snapshot!(refuse(&with(TOKEN, "secret_token = {}")), @r#"
config.toml:11: apps.crm.target.secret_token: names no place; give exactly one of `file`, `env`, `credential`, `value`
"#);
    assert_snapshot!(refuse(&with(TOKEN, "secret_token = { env = \"A\", file = \"/b\" }")), @r#"
config.toml:11: apps.crm.target.secret_token: names several places; give exactly one of `file`, `env`, `credential`, `value`
"#);
    assert_snapshot!(refuse(&with(TOKEN, "secret_token = { file = \"token\", fil = \"x\" }")), @r#"
config.toml:11: apps.crm.target.secret_token.file: "token" is not an absolute path
config.toml:11: apps.crm.target.secret_token.fil: unknown key; did you mean `file`?
"#);
    assert_snapshot!(refuse(&with(TOKEN, "secret_token = { credential = \"../x\" }")), @r#"
config.toml:11: apps.crm.target.secret_token.credential: a credential's name is a plain file name
"#);
}

#[test]
fn credentials_go_over_tls_only() {
    let url = "https://crm.example.com/scim";
    assert_snapshot!(refuse(&with(url, "http://crm.example.com/scim")), @r#"
config.toml:10: apps.crm.target.tenant_url: must begin with https:// (http:// only to this machine itself)
"#);
    assert_snapshot!(refuse(&with(url, "crm.example.com/scim")), @r#"
config.toml:10: apps.crm.target.tenant_url: is not an absolute URL (relative URL without a base)
"#);
    assert_snapshot!(refuse(&with(url, "https://user:pw@crm.example.com/scim")), @r#"
config.toml:10: apps.crm.target.tenant_url: must not hold a user name or password
"#);
    let tenant = "[tenant]\nlogin_url = \"http://login.example.com\"\ngraph_url = \"https://graph.microsoft.com/v1.0\"\nproxy = \"socks5://x\"";
    assert_snapshot!(refuse(&with("[tenant]", tenant)), @r#"
config.toml:2: tenant.login_url: sends credentials in clear; https is needed, but for loopback addresses
config.toml:3: tenant.graph_url: holds an API version; give the root URL, without /v1.0
config.toml:4: tenant.proxy: is not the URL of a proxy; write for example "http://proxy.example.com:3128"
"#);
}

#[test]
fn schedules_make_sense() {
    assert_snapshot!(refuse(&service("interval = \"40 minutes\"")), @r#"
config.toml:7: service.interval: "40 minutes" is not a duration; write for example "30s", "40m", "1h30m" or "90d"
"#);
    assert_snapshot!(refuse(&service("interval = \"0s\"")), @r#"
config.toml:7: service.interval: "0s" is not between 1s and 3660d
"#);
    assert_snapshot!(refuse(&service("interval = \"40m\"\ncron = \"* * * * *\"")), @r#"
config.toml:8: service.cron: stands beside `interval`; give exactly one of the two
"#);
    assert_snapshot!(refuse(&service("cron = \"every day\"")), @r#"
config.toml:7: service.cron: cron expression "every day": it has 2 fields; expected 5 (minute hour day month weekday) or 6 (second first); write for example "*/15 * * * *" or "0 30 7 * * MON-FRI"
"#);
    assert_snapshot!(refuse(&service("cron = \"0 0 30 2 *\"")), @r#"
config.toml:7: service.cron: cron expression "0 0 30 2 *": it never comes up; write for example "*/15 * * * *" or "0 30 7 * * MON-FRI"
"#);
    assert_snapshot!(refuse(&service("cron = \"0 0 * * 9\"")), @r#"
config.toml:7: service.cron: cron expression "0 0 * * 9": `9` is not a day of the week (0 to 7, where 0 and 7 are Sunday, or SUN to SAT); write for example "*/15 * * * *" or "0 30 7 * * MON-FRI"
"#);
    assert_snapshot!(refuse(&service("cron = \"0 0 * * 1\"\ntimezone = \"Europe/Berln\"")), @r#"
config.toml:8: service.timezone: unknown time zone "Europe/Berln"; did you mean `Europe/Berlin`?
"#);
    assert_snapshot!(refuse(&app("interval = \"-5m\"\ncron = \"61 * * * *\"")), @r#"
config.toml:8: apps.crm.interval: "-5m" is not a duration; write for example "30s", "40m", "1h30m" or "90d"
config.toml:9: apps.crm.cron: cron expression "61 * * * *": `61` is not a minute (0 to 59); write for example "*/15 * * * *" or "0 30 7 * * MON-FRI"
config.toml:9: apps.crm.cron: stands beside `interval`; give exactly one of the two
"#);
    assert_snapshot!(refuse(&service("state_dir = \"state\"\nlog_retention = 90")), @r#"
config.toml:7: service.state_dir: "state" is not an absolute path
config.toml:8: service.log_retention: expected a text in quotes, found a whole number
"#);
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
    assert_snapshot!(refuse(&with("\"CRM\"", "\"aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeee\"")), @r#"
config.toml:7: apps.crm.enterprise_app: "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeee" is nearly a GUID (expected 8-4-4-4-12 hexadecimal digits); give the application's appId, its object id, or its exact display name
"#);
}

#[test]
fn numbers_stay_in_their_range() {
    let target = |line: &str| with(TOKEN, &format!("{TOKEN}\n{line}"));
    assert_snapshot!(refuse(&target("concurrency = 0")), @r#"
config.toml:12: apps.crm.target.concurrency: 0 is not between 1 and 64
"#);
    assert_snapshot!(refuse(&target("concurrency = -3")), @r#"
config.toml:12: apps.crm.target.concurrency: -3 is not between 1 and 64
"#);
    assert_snapshot!(refuse(&target("concurrency = 2.5")), @r#"
config.toml:12: apps.crm.target.concurrency: expected a whole number, found a number
"#);
    assert_snapshot!(refuse(&target("max_requests_per_second = 0")), @r#"
config.toml:12: apps.crm.target.max_requests_per_second: 0 is not above 0 and at most 10000
"#);
    assert_snapshot!(refuse(&target("max_requests_per_second = nan")), @r#"
config.toml:12: apps.crm.target.max_requests_per_second: nan is not above 0 and at most 10000
"#);
    assert_snapshot!(refuse(&target("request_timeout = \"1h\"")), @r#"
config.toml:12: apps.crm.target.request_timeout: "1h" is not between 1s and 10m
"#);
    assert_snapshot!(refuse(&and("[apps.crm.safeguards]\nmax_removals = \"110%\"")), @r#"
config.toml:13: apps.crm.safeguards.max_removals: "110%" is not a share between "0%" and "100%"; write a number such as 50, or a share such as "10%"
"#);
    assert_snapshot!(refuse(&and("[apps.crm.safeguards]\nmax_removals = -1\nmax_creates = -1")), @r#"
config.toml:13: apps.crm.safeguards.max_removals: -1 is not a number from 0 up
config.toml:14: apps.crm.safeguards.max_creates: -1 is not between 0 and 4294967295
"#);
    assert_snapshot!(refuse(&and("[apps.crm.safeguards]\nmax_removals = 0.1\nprotect = [3]\ncreate = \"no\"")), @r#"
config.toml:13: apps.crm.safeguards.max_removals: expected a whole number or a share such as "10%", found a number
config.toml:14: apps.crm.safeguards.protect[1]: expected a text in quotes, found a whole number
config.toml:15: apps.crm.safeguards.create: expected true or false, found a text
"#);
}

#[test]
fn words_are_checked() {
    assert_snapshot!(refuse(&app("profile = \"whimsicall\"")), @r#"
config.toml:8: apps.crm.profile: unknown profile "whimsicall"; did you mean `whimsical`?
"#);
    assert_snapshot!(refuse(&app("provisioning = true\nscope = \"assign\"")), @r#"
config.toml:8: apps.crm.provisioning: expected a text in quotes, found true or false
config.toml:9: apps.crm.scope: unknown value "assign"; did you mean `assigned`?
"#);
    assert_snapshot!(refuse(&and("[apps.crm.safeguards]\non_out_of_scope = \"suspend\"")), @r#"
config.toml:13: apps.crm.safeguards.on_out_of_scope: unknown value "suspend"; possible are `disable`, `delete`, `keep`
"#);
}

#[test]
fn two_applications_do_not_share_a_target() {
    assert_snapshot!(refuse(&and(r#"
[apps.CRM]
enterprise_app = "CRM 2"
[apps.CRM.target]
tenant_url = "https://CRM.example.com/scim/?aadOptscim062020"
secret_token = { env = "B" }"#)), @r#"
config.toml:16: apps.CRM.target.tenant_url: is the target of application `crm` too; two applications that write the same accounts would undo each other's work; give each its own, or set `shared_target = true` in [apps.crm] or [apps.CRM]: then neither touches an account that the other has or had
config.toml:16: apps.CRM.target.tenant_url: applications `crm` and `CRM` differ in case only
"#);
}

#[test]
fn a_shared_target_is_said_by_one_of_its_applications() {
    let both = |one: &str, two: &str| {
        let first = app(one);
        format!(
            "{first}\n[apps.second]\nenterprise_app = \"CRM 2\"\n{two}\n[apps.second.target]\n\
             tenant_url = \"https://CRM.example.com:443/scim/\"\nsecret_token = {{ env = \"B\" }}"
        )
    };
    let says = "shared_target = true";
    for (one, two) in [(says, says), (says, ""), ("", says)] {
        assert_eq!(accept(&both(one, two)).apps.len(), 2);
    }
    assert_snapshot!(refuse(&both("", "")), @"config.toml:18: apps.second.target.tenant_url: is the target of application `crm` too; two applications that write the same accounts would undo each other's work; give each its own, or set `shared_target = true` in [apps.crm] or [apps.second]: then neither touches an account that the other has or had");
}

#[test]
fn a_safeguard_that_makes_no_sense_is_refused() {
    let safeguards = |lines: &str| refuse(&and(&format!("[apps.crm.safeguards]\n{lines}")));
    assert_snapshot!(safeguards(
        "delete_after = \"a month\"\nremovals_between = \"8-18\"\ncycle_time_max = \"0s\""
    ), @r#"
    config.toml:13: apps.crm.safeguards.delete_after: "a month" is not a duration; write for example "30s", "40m", "1h30m" or "90d"
    config.toml:14: apps.crm.safeguards.removals_between: window "8-18": "8" is not a time of day; write for example "08:00-18:00", or "22:00-06:00" over midnight; without the key removals are sent at any hour
    config.toml:15: apps.crm.safeguards.cycle_time_max: "0s" is not between 1s and 3660d
    "#);
    assert_snapshot!(safeguards("removals_between = \"08:00-08:00\""), @r#"config.toml:13: apps.crm.safeguards.removals_between: window "08:00-08:00": begins and ends at the same time, so nothing could be sent at all; write for example "08:00-18:00", or "22:00-06:00" over midnight; without the key removals are sent at any hour"#);
    assert_snapshot!(safeguards("removals_between = \"office hours\""), @r#"config.toml:13: apps.crm.safeguards.removals_between: window "office hours": is not two times of day with a hyphen between them; write for example "08:00-18:00", or "22:00-06:00" over midnight; without the key removals are sent at any hour"#);
    assert_snapshot!(safeguards("delete_after = \"30d\"\non_out_of_scope = \"keep\""), @r#"config.toml:13: apps.crm.safeguards.delete_after: deletes what was disabled, and `on_out_of_scope` is "keep", which leaves accounts as they are; set `on_out_of_scope` to "disable", or leave this key out"#);
    assert_snapshot!(safeguards("delete_after = \"30d\"\non_out_of_scope = \"delete\""), @r#"config.toml:13: apps.crm.safeguards.delete_after: deletes what was disabled, and `on_out_of_scope` is "delete", which disables nothing; set `on_out_of_scope` to "disable", or leave this key out"#);
    assert_snapshot!(safeguards("delete_after = \"30d\"\ndelete = false"), @"config.toml:13: apps.crm.safeguards.delete_after: nothing is deleted while `delete` is false; set `delete` to true, or leave this key out");
    assert_snapshot!(safeguards("max_membership_removal = \"20%\""), @"config.toml:13: apps.crm.safeguards.max_membership_removal: unknown key; did you mean `max_membership_removals`?");
    assert_snapshot!(safeguards("max_membership_removals = \"a few\""), @r#"config.toml:13: apps.crm.safeguards.max_membership_removals: "a few" is not a share between "0%" and "100%"; write a number such as 50, or a share such as "10%""#);
    let slack = app("profile = \"slack\"") + "\n[apps.crm.safeguards]\ndelete_after = \"30d\"";
    assert_snapshot!(refuse(&slack), @"config.toml:15: apps.crm.safeguards.delete_after: accounts of profile `slack` cannot be deleted; leave the key out; the vendor deletes an account only by hand");
}

#[test]
fn a_row_says_what_flows_where() {
    assert_snapshot!(refuse(&row("source = \"mail\"")), @r#"
config.toml:15: apps.crm.users.attributes[1].target: missing; this key is needed
"#);
    assert_snapshot!(refuse(&row("target = \"title\"")), @r#"
config.toml:15: apps.crm.users.attributes[1]: says no source; give exactly one of `source`, `constant`, `expression`
"#);
    assert_snapshot!(refuse(&row("target = \"title\"\nsource = \"mail\"\nconstant = \"x\"")), @r#"
config.toml:15: apps.crm.users.attributes[1]: says several sources; give exactly one of `source`, `constant`, `expression`
"#);
    assert_snapshot!(refuse(&row("target = 'emails[type co \"w\"].value'\nsource = \"mail\"")), @r#"
config.toml:16: apps.crm.users.attributes[1].target: not a SCIM path: only `eq` is possible in the filter of a mapping
    emails[type co "w"].value
           ^
"#);
    assert_snapshot!(refuse(&row("target = \"title\"\nsource = \"jobtitle\"")), @r#"
config.toml:17: apps.crm.users.attributes[1].source: unknown source attribute "jobtitle"; did you mean `jobTitle`?
"#);
    assert_snapshot!(refuse(&row("target = \"title\"\nsource = \"favouriteColour\"")), @r#"
config.toml:17: apps.crm.users.attributes[1].source: unknown source attribute "favouriteColour"; directory extensions are written extension_<appId without hyphens>_<name>
"#);
    assert_snapshot!(refuse(&row("target = \"id\"\nsource = \"objectId\"")), @r#"
config.toml:16: apps.crm.users.attributes[1].target: `id` is written by the application alone (RFC 7643)
"#);
    assert_snapshot!(refuse(&row("target = \"title\"\nsource = \"mail\"\nmatching = 2\napply = \"update\"")), @r#"
config.toml:18: apps.crm.users.attributes[1].matching: unknown key; possible are `target`, `source`, `constant`, `expression`, `match`, `default`, `apply`, `null`
config.toml:19: apps.crm.users.attributes[1].apply: unknown value "update"; possible are `always`, `create`
"#);
    assert_snapshot!(refuse(&row("target = \"active\"\nsource = \"accountEnabled\"\ndefault = \"yes\"")), @r#"
config.toml:18: apps.crm.users.attributes[1].default: "yes" is neither true nor false
"#);
}

#[test]
fn a_row_whose_source_does_not_fit_is_refused() {
    assert_snapshot!(refuse(&row("target = \"active\"\nsource = \"IsSoftDeleted\"")), @r#"
config.toml:17: apps.crm.users.attributes[1].source: would enable exactly the accounts that are to be disabled; write expression = 'Not([IsSoftDeleted])'
"#);
    assert_snapshot!(refuse(&row("target = \"title\"\nsource = \"manager\"")), @r#"
config.toml:17: apps.crm.users.attributes[1].source: a manager is a reference and cannot flow to `title`
"#);
    assert_snapshot!(refuse(&row("target = \"roles\"\nsource = \"appRoleAssignments\"")), @r#"
config.toml:17: apps.crm.users.attributes[1].source: app roles do not flow by themselves; write expression = 'SingleAppRoleAssignment([appRoleAssignments])' or 'AssertiveAppRoleAssignmentsComplex([appRoleAssignments])'
"#);
    let manager = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";
    assert_snapshot!(refuse(&row(&format!("target = \"{manager}\"\nsource = \"mail\""))), @r#"
config.toml:17: apps.crm.users.attributes[1].source: the target is a reference to an account; its only possible source is source = "manager"
"#);
}

#[test]
fn an_expression_is_checked_before_anything_runs() {
    assert_snapshot!(refuse(&row("target = \"title\"\nexpression = 'Join(\" \", [jobTitle]'")), @r#"
config.toml:17: apps.crm.users.attributes[1].expression: this `(` is never closed (line 1, column 5)
    Join(" ", [jobTitle]
        ^
"#);
    assert_snapshot!(refuse(&row("target = \"title\"\nexpression = 'ToLower([jobtitle], )'")), @r#"
config.toml:17: apps.crm.users.attributes[1].expression: unknown attribute [jobtitle]; did you mean [jobTitle]? (line 1, column 9)
    ToLower([jobtitle], )
            ^
"#);
    assert_snapshot!(refuse(&row("target = \"title\"\nexpression = '''\nJoin(\" \",\n  Lower([jobTitle]))'''")), @r#"
config.toml:17: apps.crm.users.attributes[1].expression: unknown function `Lower` (line 2, column 3)
      Lower([jobTitle]))
      ^
"#);
}

#[test]
fn accounts_are_found_by_attributes_that_can_be_filtered() {
    assert_snapshot!(refuse(&row("target = 'phoneNumbers[type eq \"work\"].value'\nsource = \"mail\"\nmatch = 2")), @r#"
config.toml:18: apps.crm.users.attributes[1].match: `phoneNumbers[type eq "work"].value` cannot stand in a filter of profile `generic`; match on one of `active`, `displayName`, `emails[type eq "work"].value`, `externalId`, `id`, `locale`, `name.familyName`, `name.formatted`, `name.givenName`, `nickName`, `preferredLanguage`, `timezone`, `title`, `userName`, `userType`
"#);
    assert_snapshot!(refuse(&row("target = \"title\"\nconstant = \"x\"\nmatch = 2")), @r#"
config.toml:18: apps.crm.users.attributes[1].match: a constant is the same for everybody and matches nobody
"#);
    assert_snapshot!(refuse(&row("target = \"externalId\"\nsource = \"objectId\"\nmatch = 1")), @r#"
config.toml:15: apps.crm.users.attributes[1].match: precedence 1 is given twice, to `userName` and to `externalId`
"#);
    assert_snapshot!(refuse(&row("target = \"externalId\"\nsource = \"objectId\"\nmatch = 0")), @r#"
config.toml:18: apps.crm.users.attributes[1].match: 0 is not between 1 and 100
"#);
    assert_snapshot!(refuse(&row("target = \"title\"\nsource = \"mail\"\n[[apps.crm.users.attributes]]\ntarget = \"TITLE\"\nsource = \"jobTitle\"")), @r#"
config.toml:18: apps.crm.users.attributes[2].target: `TITLE` is mapped already, by apps.crm.users.attributes[1]
"#);
}

#[test]
fn a_mapping_matches_and_can_disable() {
    let rows = "[[apps.crm.users.attributes]]\ntarget = \"displayName\"\nsource = \"displayName\"";
    assert_snapshot!(refuse(&and(rows)), @r#"
config.toml:12: apps.crm.users.attributes: no attribute matches accounts; add `match = 1` to the row whose value tells one account from all others
config.toml:12: apps.crm.users.attributes: nothing is mapped to `active`, while safeguards.on_out_of_scope is "disable"; add target = "active", expression = 'Not([IsSoftDeleted])', or set on_out_of_scope to "delete" or "keep"
"#);
    assert_snapshot!(refuse(&and("[apps.crm.users]\nattributes = []")), @r#"
config.toml:13: apps.crm.users.attributes: no attribute matches accounts; add `match = 1` to the row whose value tells one account from all others
config.toml:13: apps.crm.users.attributes: nothing is mapped to `active`, while safeguards.on_out_of_scope is "disable"; add target = "active", expression = 'Not([IsSoftDeleted])', or set on_out_of_scope to "delete" or "keep"
"#);
    assert_snapshot!(refuse(&and(&format!(
        "{rows}\nmatch = 1\n[apps.crm.safeguards]\non_out_of_scope = \"delete\"\non_directory_delete = \"disable\""
    ))), @r#"
config.toml:12: apps.crm.users.attributes: nothing is mapped to `active`, while safeguards.on_directory_delete is "disable"; add target = "active", expression = 'Not([IsSoftDeleted])', or set on_directory_delete to "delete" or "keep"
"#);
    accept(&and(&format!(
        "{rows}\nmatch = 1\n[apps.crm.safeguards]\non_out_of_scope = \"delete\""
    )));
}

#[test]
fn a_file_with_any_line_missing_or_cut_is_understood_or_refused_with_a_place() {
    let example = include_str!("../../config.toml.example");
    let lines: Vec<&str> = example.lines().collect();
    for number in 0..lines.len() {
        let mut without = lines.clone();
        without.remove(number);
        let mut cut = lines[..=number].to_vec();
        let half = lines[number].char_indices().nth(lines[number].chars().count() / 2);
        cut[number] = &lines[number][..half.map_or(0, |(byte, _)| byte)];
        for text in [without.join("\n"), cut.join("\n")] {
            for finding in entra_scim::config::parse(&text, "f").err().unwrap_or_default() {
                assert!(finding.line <= lines.len() + 1 && finding.column > 0, "{finding}");
            }
        }
    }
}

#[test]
fn a_scoping_filter_says_which_clause_is_wrong_and_what_would_do() {
    assert_snapshot!(refuse(&and(r#"[[apps.crm.users.scoping_filters]]
name = "engineers"
clauses = [
  { attribute = "departmnet", operator = "EQUALS", value = "Engineering" },
  { attribute = "department", operator = "EQUAL", value = "Engineering" },
  { attribute = "department", operator = "EQUALS" },
  { attribute = "accountEnabled", operator = "IS TRUE", value = true },
  { attribute = "employeeId", operator = "Greater_Than", value = "ten" },
  { attribute = "department", operator = "EQUALS", value = 1.5 },
  { attribute = "mail", operator = "REGEX MATCH", value = "(a", anchor = "find" },
  { attribute = "department", operator = "EQUALS", vaule = "x" },
]

[[apps.crm.users.scoping_filters]]
clauses = []

[[apps.crm.users.scoping_filters]]
name = "nothing"
"#)), @r#"
    config.toml:15: apps.crm.users.scoping_filters[1].clauses[1].attribute: unknown source attribute "departmnet"; did you mean `department`?
    config.toml:16: apps.crm.users.scoping_filters[1].clauses[2].operator: unknown operator "EQUAL"; did you mean `EQUALS`?
    config.toml:17: apps.crm.users.scoping_filters[1].clauses[3].value: missing; EQUALS compares with a value
    config.toml:18: apps.crm.users.scoping_filters[1].clauses[4].value: IS TRUE takes no value
    config.toml:19: apps.crm.users.scoping_filters[1].clauses[5].value: Greater_Than compares whole numbers; "ten" is none
    config.toml:20: apps.crm.users.scoping_filters[1].clauses[6].value: expected a text, a whole number, true or false, found a number
    config.toml:21: apps.crm.users.scoping_filters[1].clauses[7].value: this is not a regular expression: Opening parenthesis without closing parenthesis
    config.toml:22: apps.crm.users.scoping_filters[1].clauses[8].value: missing; EQUALS compares with a value
    config.toml:22: apps.crm.users.scoping_filters[1].clauses[8].vaule: unknown key; did you mean `value`?
    config.toml:26: apps.crm.users.scoping_filters[2].clauses: has no clause, so it would let everybody in; add a clause, or remove the filter
    config.toml:28: apps.crm.users.scoping_filters[3].clauses: missing; this key is needed
    "#);
}

#[test]
fn app_roles_cannot_be_filtered_where_nobody_is_assigned() {
    let text = app("scope = \"all\"")
        + "\n[[apps.crm.users.scoping_filters]]\nclauses = [{ attribute = \"appRoles\", operator = \
           \"EQUALS\", value = \"Editor\" }]\n";
    assert_snapshot!(refuse(&text), @r#"config.toml:15: apps.crm.users.scoping_filters[1].clauses[1].attribute: with scope = "all" nobody is looked up for app roles; use scope = "assigned", or another attribute"#);
}

#[test]
fn what_the_application_does_not_do_or_take_is_refused() {
    let slack = |more: &str| {
        let text = with("[apps.crm]\n", "[apps.crm]\nprofile = \"slack\"\n");
        refuse(&format!("{text}{more}\n"))
    };
    assert_snapshot!(
        slack(
            "[apps.crm.safeguards]\non_out_of_scope = \"delete\"\non_directory_delete = \"delete\""
        ),
        @r#"
    config.toml:14: apps.crm.safeguards.on_out_of_scope: accounts of profile `slack` cannot be deleted; write "disable" or "keep"; the vendor deletes an account only by hand
    config.toml:15: apps.crm.safeguards.on_directory_delete: accounts of profile `slack` cannot be deleted; write "disable" or "keep"; the vendor deletes an account only by hand
    "#
    );
    let row = "[apps.crm.users]\ninherit = true\n[[apps.crm.users.attributes]]\n";
    assert_snapshot!(
        slack(&format!("{row}target = \"displayName\"\nconstant = \"staff@contoso\"")),
        @"config.toml:17: apps.crm.users.attributes[1].constant: holds `@`, which the application does not take"
    );
    assert_snapshot!(
        slack(&format!(
            "{row}target = \"userName\"\nsource = \"mailNickname\"\nmatch = 1\n\
             default = \"somebody-without-a-name\""
        )),
        @"config.toml:19: apps.crm.users.attributes[1].default: has 23 characters, and the application takes at most 20"
    );
}

#[test]
fn a_comparison_that_never_comes_is_refused() {
    let app = "enterprise_app = \"CRM\"";
    let drift = |lines: &str| refuse(&with(app, &format!("{app}\n{lines}")));
    assert_snapshot!(drift("drift = \"off\"\ndrift_cron = \"0 3 * * SUN\""), @r#"config.toml:9: apps.crm.drift_cron: nothing is compared while `drift` is "off"; set `drift` to "report" or "repair", or leave this key out"#);
    assert_snapshot!(drift("drift = \"mend\"\ndrift_cron = \"weekly\""), @r#"
    config.toml:8: apps.crm.drift: unknown value "mend"; possible are `report`, `repair`, `off`
    config.toml:9: apps.crm.drift_cron: cron expression "weekly": it has 1 fields; expected 5 (minute hour day month weekday) or 6 (second first); write for example "*/15 * * * *" or "0 30 7 * * MON-FRI"
    "#);
    assert_snapshot!(drift("drift_cron = \"0 3 30 2 *\""), @r#"config.toml:8: apps.crm.drift_cron: cron expression "0 3 30 2 *": it never comes up; write for example "*/15 * * * *" or "0 30 7 * * MON-FRI""#);
}
