//! What people are told without asking: when, of what, and what is never in it.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use entra_scim::{
    config,
    daemon::Channels,
    http::{Answer, Exchange, TransportFault},
    model::Clock,
    port::{Letter, MailFault, Mailer},
    provisioning::{Notice, NoticeKind},
    sandbox::application::{Fault, Matcher},
};
use http::Method;
use insta::assert_snapshot;
use serde_json::Value;

use crate::support::world::World;

const SECRET_PATH: &str = "T0-secret-path";

/// A mail server that takes every mail, until it is told otherwise.
#[derive(Clone, Default)]
struct Postman {
    taken: Arc<Mutex<Vec<Letter>>>,
    trouble: Arc<Mutex<Option<MailFault>>>,
    tries: Arc<Mutex<u32>>,
}

impl Mailer for Postman {
    async fn send(&self, letter: &Letter) -> Result<String, MailFault> {
        *self.tries.lock().expect("no panic") += 1;
        if let Some(fault) = self.trouble.lock().expect("no panic").clone() {
            return Err(fault);
        }
        self.taken.lock().expect("no panic").push(letter.clone());
        Ok("250 OK".to_owned())
    }

    async fn check(&self) -> Result<String, MailFault> {
        Ok("here".to_owned())
    }
}

/// A webhook that takes everything.
#[derive(Clone, Default)]
struct Hook(Arc<Mutex<Vec<(String, Value)>>>);

impl Exchange for Hook {
    fn exchange(&self, request: http::Request<Bytes>) -> Answer<'_> {
        let body = serde_json::from_slice(request.body()).expect("JSON");
        self.0.lock().expect("no panic").push((request.uri().to_string(), body));
        let answer: Result<_, TransportFault> = Ok(http::Response::new(Bytes::new()));
        Box::pin(std::future::ready(answer))
    }
}

/// A world, and the people who are told of it.
struct Office {
    world: World,
    postman: Postman,
    hook: Hook,
    channels: Channels<Postman>,
}

const EMAIL: &str = r#"
[email]
smtp_url = "smtp://localhost"
from = "Entra SCIM <scim@example.com>"
to = ["identity@example.com"]
"#;

impl Office {
    fn new(world: World, notices: &str) -> Self {
        Self::with(world, notices, "")
    }

    /// With these sections, and these lines below the target's.
    fn with(world: World, notices: &str, target: &str) -> Self {
        let (client_id, secret) = world.tenant.default_client();
        let secret = secret.expose();
        let text = format!(
            r#"
[tenant]
id = "11111111-2222-3333-4444-555555555555"
client_id = "{client_id}"
client_secret = {{ value = "{secret}" }}
{notices}
[apps.crm]
enterprise_app = "CRM"

[apps.crm.target]
tenant_url = "https://app.sandbox.example/scim/v2"
secret_token = {{ value = "secret" }}
{target}
"#
        );
        let config = config::parse(&text, "config.toml").expect("a configuration");
        let (postman, hook) = (Postman::default(), Hook::default());
        let mailer = config.email.is_some().then(|| postman.clone());
        let channels = Channels::new(&config, &config.apps[0], mailer, Arc::new(hook.clone()));
        Self { world, postman, hook, channels }
    }

    /// A cycle, and what is told of it: the subjects of the mails.
    async fn cycle(&self) -> Vec<String> {
        let end = self.world.sync().await;
        let (directory, _) = self.world.adapters();
        let (store, clock) = (self.world.state(), &self.world.clock);
        self.channels.after_cycle(&directory, store, &end, clock).await;
        self.subjects()
    }

    /// What is told between two cycles.
    async fn deliver(&self) -> Vec<String> {
        let (store, clock) = (self.world.state(), &self.world.clock);
        self.channels.deliver(store, clock).await.expect("the state works");
        self.subjects()
    }

    /// The mails since the last call.
    fn letters(&self) -> Vec<Letter> {
        std::mem::take(&mut self.postman.taken.lock().expect("no panic"))
    }

    fn subjects(&self) -> Vec<String> {
        let letters = self.postman.taken.lock().expect("no panic");
        letters.iter().map(|letter| letter.subject.clone()).collect()
    }

    fn trouble(&self, fault: Option<MailFault>) {
        *self.postman.trouble.lock().expect("no panic") = fault;
    }

    /// Graph refuses to show anything, or shows everything again.
    fn permit(&self, yes: bool) {
        let (client_id, _) = self.world.tenant.default_client();
        let all = ["Application.Read.All", "User.Read.All", "GroupMember.Read.All"];
        self.world.tenant.grant_permissions(&client_id, if yes { &all } else { &[] });
    }

    /// Something else that fails, by this name.
    fn raise(&self, cause: &str) {
        let notice = Notice::new(
            ("crm", NoticeKind::Failure, cause),
            (1, self.world.clock.now()),
            cause,
            "It fails.",
        );
        self.world.state().write(|tx| tx.raise_notice(&notice)).expect("stored");
    }
}

fn nothing() -> Vec<String> {
    Vec::new()
}

const DENIED: &str = "[entra-scim] crm: a permission of the app registration is missing";

#[tokio::test]
async fn a_failing_cycle_is_told_once_daily_and_when_it_is_over() {
    let office = Office::new(World::with_users(["ada"]), EMAIL);
    assert_eq!(office.cycle().await, nothing());
    office.permit(false);
    office.world.later();
    assert_eq!(office.cycle().await, [DENIED]);
    let letter = office.letters().remove(0);
    assert_eq!(letter.to, "identity@example.com");
    assert!(letter.text.contains("`User.Read.All`") || letter.text.contains("Read.All"));
    assert!(letter.text.contains("entra-scim check crm"), "{}", letter.text);
    for _ in 0..10 {
        office.world.later();
        assert_eq!(office.cycle().await, nothing(), "once is enough");
    }
    office.world.a_day_later();
    assert_eq!(office.cycle().await, [DENIED], "daily while it lasts");
    office.letters();
    office.permit(true);
    office.world.later();
    let over = "[entra-scim] crm: over: a permission of the app registration is missing";
    assert_eq!(office.cycle().await, [over]);
    office.letters();
    office.world.a_day_later();
    assert_eq!(office.cycle().await, nothing());
}

#[tokio::test]
async fn failing_objects_are_told_when_their_number_doubles_and_by_their_ids_only() {
    let mut world = World::with_users(["ada", "grace", "alan", "edsger"]);
    world.expects_violations();
    let refuse = |world: &World, name: &str| {
        let matcher = Matcher {
            body_contains: Some(format!("{name}@contoso.com")),
            ..Matcher::method(Method::POST)
        };
        world.application.inject_by_chance(Fault::status(400), matcher, 1.0);
    };
    refuse(&world, "ada");
    let ada = world.id("ada").to_string();
    let mut office = Office::new(world, EMAIL);
    assert_eq!(office.cycle().await, ["[entra-scim] crm: 1 person fails with UnprocessableEntity"]);
    let letter = office.letters().remove(0);
    assert!(letter.text.contains(&ada), "{}", letter.text);
    assert!(letter.text.contains("entra-scim log crm --status failure"), "{}", letter.text);
    for part in [&letter.text, &letter.html, &letter.subject] {
        assert!(!part.contains("contoso.com") && !part.contains("Example"), "{part}");
    }
    office.world.later();
    assert_eq!(office.cycle().await, nothing());
    office.world.hire("hedy");
    refuse(&office.world, "hedy");
    office.world.later();
    assert_eq!(office.cycle().await, ["[entra-scim] crm: 2 people fail with UnprocessableEntity"]);
    office.letters();
    office.world.application.clear_faults();
    office.world.later();
    assert_eq!(
        office.cycle().await,
        ["[entra-scim] crm: over: 2 people fail with UnprocessableEntity"]
    );
}

#[tokio::test]
async fn details_show_names_where_they_are_asked_for() {
    let mut world = World::with_users(["ada"]);
    world.expects_violations();
    world.application.inject(Fault::status(400), Matcher::method(Method::POST));
    let office = Office::new(world, &format!("{EMAIL}details = true\n"));
    office.cycle().await;
    let letter = office.letters().remove(0);
    assert!(letter.text.contains("ada@contoso.com"), "{}", letter.text);
}

#[tokio::test]
async fn held_removals_come_with_the_list_and_the_command_that_releases_it() {
    let mut world = World::new();
    let names = ["ada", "barbara", "chloe", "donald", "edsger", "frances", "grace"];
    world.hire_all(names);
    let office = Office::new(world, EMAIL);
    office.cycle().await;
    office.world.a_day_later();
    for name in &names[..6] {
        office.world.unassign(name);
    }
    assert_eq!(office.cycle().await, ["[entra-scim] crm: 6 removals are held"]);
    let letter = office.letters().remove(0);
    let held = office.world.state().read(|view| view.held_changes()).expect("readable");
    let command = format!("entra-scim approve crm {}", held[0].plan);
    assert!(letter.text.contains(&command), "{}", letter.text);
    let file = letter.attachment.expect("a list");
    assert_eq!(file.name, "crm-held.csv");
    let lines: Vec<&str> = file.csv.lines().collect();
    assert_eq!(lines[0], "action,source_id,target_id,reason,name");
    assert_eq!(lines.len(), 7);
    let row = lines.iter().find(|line| line.contains(&office.world.id("ada").to_string()));
    let row = row.expect("ada is held");
    assert!(row.starts_with("disable,") && row.ends_with(",NotEffectivelyEntitled,"), "{row}");
    assert!(!file.csv.contains("contoso"), "{}", file.csv);

    office.world.later();
    assert_eq!(office.cycle().await, nothing());
    for name in &names[..6] {
        office.world.assign(name, Some(office.world.editor));
    }
    office.world.later();
    assert_eq!(office.cycle().await, ["[entra-scim] crm: over: 6 removals are held"]);
    assert_eq!(office.letters().remove(0).attachment, None);
}

#[tokio::test]
async fn cycle_that_ran_out_of_time_says_that_it_goes_on_by_itself() {
    let lines = "---\nconcurrency = 1\n[apps.crm.safeguards]\ncycle_time_max = \"1h\"";
    let mut world = World::with_config(lines);
    world.hire_all(["ada", "barbara", "chloe"]);
    world.each_write_takes(Duration::from_secs(40 * 60));
    let office = Office::new(world, EMAIL);
    let told = "[entra-scim] crm: the cycle took longer than `cycle_time_max`";
    assert_eq!(office.cycle().await, [told]);
    let letter = office.letters().remove(0);
    assert!(letter.text.contains("1 change is left to send"), "{}", letter.text);
    assert!(letter.text.contains("the next cycle goes on by itself"), "{}", letter.text);
    office.world.later();
    let over = "[entra-scim] crm: over: the cycle took longer than `cycle_time_max`";
    assert_eq!(office.cycle().await, [over]);
}

#[tokio::test]
async fn at_most_four_mails_an_hour_go_out_and_none_is_lost() {
    let office = Office::new(World::with_users(["ada"]), EMAIL);
    for cause in ["one", "two", "three", "four", "five", "six"] {
        office.raise(cause);
    }
    let subjects = office.deliver().await;
    assert_snapshot!(subjects.join("\n"), @r#"
[entra-scim] crm: five
[entra-scim] crm: four
[entra-scim] crm: one
[entra-scim] crm: six, and 2 more
"#);
    let last = office.letters().pop().expect("a mail");
    for cause in ["crm: one", "crm: six", "crm: three"] {
        let told = subjects.iter().any(|subject| subject.contains(cause));
        assert!(told || last.text.contains(cause), "{cause} is lost");
    }
    for cause in ["seven", "eight"] {
        office.raise(cause);
    }
    office.world.pass(Duration::from_secs(59 * 60));
    assert_eq!(office.deliver().await, nothing());
    office.world.pass(Duration::from_secs(60));
    assert_eq!(office.deliver().await.len(), 2);
    assert_eq!(office.deliver().await.len(), 2, "and they go out once");
}

#[tokio::test]
async fn a_failure_that_ends_before_it_could_be_told_is_told_as_over() {
    let office = Office::new(World::with_users(["ada"]), EMAIL);
    for cause in ["one", "two", "three", "four"] {
        office.raise(cause);
    }
    assert_eq!(office.deliver().await.len(), 4);
    office.letters();
    office.permit(false);
    office.cycle().await;
    office.permit(true);
    assert_eq!(office.cycle().await, nothing(), "the hour is full");
    office.world.pass(Duration::from_secs(61 * 60));
    let over = "[entra-scim] crm: over: a permission of the app registration is missing";
    assert_eq!(office.deliver().await, [over]);
}

#[tokio::test]
async fn a_mail_server_that_is_down_fails_no_cycle_and_gets_the_mail_later() {
    let office = Office::new(World::with_users(["ada"]), EMAIL);
    office.trouble(Some(MailFault::Unreachable("refused".to_owned())));
    office.permit(false);
    assert_eq!(office.cycle().await, nothing());
    let counts = office.world.state().read(|view| view.outbox_counts()).expect("readable");
    assert_eq!((counts.waiting, counts.given_up), (1, 0));
    assert_eq!(counts.error.as_deref(), Some("the mail server cannot be reached: refused"));
    office.world.pass(Duration::from_secs(30));
    office.deliver().await;
    assert_eq!(*office.postman.tries.lock().expect("no panic"), 1, "a minute has to pass");
    office.trouble(None);
    office.world.pass(Duration::from_secs(30));
    assert_eq!(office.deliver().await, [DENIED]);
    let again = office.letters().remove(0);
    office.world.later();
    assert_eq!(office.deliver().await, nothing());
    assert!(!again.id.is_empty());
}

#[tokio::test]
async fn a_mail_that_nobody_takes_for_three_days_is_given_up_and_listed() {
    let office = Office::new(World::with_users(["ada"]), EMAIL);
    office.trouble(Some(MailFault::Refused("550 no such user".to_owned())));
    office.raise("one");
    for _ in 0..80 {
        office.deliver().await;
        office.world.pass(Duration::from_secs(60 * 60));
    }
    office.deliver().await;
    let counts = office.world.state().read(|view| view.outbox_counts()).expect("readable");
    assert_eq!(counts.given_up, 1, "the first; the daily ones still wait");
    let tries = *office.postman.tries.lock().expect("no panic");
    assert!((15..60).contains(&tries), "{tries} tries");
}

#[tokio::test]
async fn a_token_and_a_client_secret_that_end_are_told_at_thirty_seven_and_one_days() {
    let world = World::with_users(["ada"]);
    let (client_id, secret) = world.tenant.default_client();
    let hint: String = secret.expose().chars().take(3).collect();
    let day = |text: &str| chrono::DateTime::parse_from_rfc3339(text).expect(text).to_utc();
    world.tenant.set_secret_ends(
        &client_id,
        &[
            (&*hint, day("2026-12-20T08:00:00Z")),
            ("old", day("2026-11-24T00:00:00Z")),
            ("new", day("2028-01-01T00:00:00Z")),
        ],
    );
    let office = Office::with(world, EMAIL, "secret_token_expires = \"2026-12-31\"");
    let mut told = Vec::new();
    for day in 0..42 {
        office.cycle().await;
        for letter in office.letters() {
            told.push(format!("day {day}: {}", letter.subject));
        }
        office.world.pass(Duration::from_secs(24 * 60 * 60));
    }
    assert_snapshot!(told.join("\n"), @r#"
day 0: [entra-scim] crm: The client secret that signs in to Microsoft Entra expires in 27 days
day 8: [entra-scim] crm: The token of application `crm` expires in 29 days
day 20: [entra-scim] crm: The client secret that signs in to Microsoft Entra expires in 7 days
day 26: [entra-scim] crm: The client secret that signs in to Microsoft Entra expires in 1 day
day 27: [entra-scim] crm: The client secret that signs in to Microsoft Entra has expired
day 31: [entra-scim] crm: The token of application `crm` expires in 6 days
day 37: [entra-scim] crm: The token of application `crm` expires in less than a day
day 38: [entra-scim] crm: The token of application `crm` has expired
"#);
    let reads = office.world.tenant.take_requests();
    let reads = reads.iter().filter(|request| request.path.contains("/applications")).count();
    assert_eq!(reads, 42, "once a day");
}

#[tokio::test]
async fn an_app_registration_that_may_not_be_read_is_nobodys_trouble() {
    let office = Office::new(World::with_users(["ada"]), EMAIL);
    let (client_id, _) = office.world.tenant.default_client();
    office.world.tenant.inject_at(
        "/applications",
        entra_scim::sandbox::tenant::Fault::ServerError {
            status: 503,
            body: entra_scim::sandbox::tenant::ErrorBody::Empty,
        },
    );
    assert_eq!(office.cycle().await, nothing(), "{client_id}");
    let applied = office.world.account("ada@contoso.com");
    assert!(applied.is_some(), "the cycle is done");
}

#[tokio::test]
async fn a_digest_comes_daily_at_its_time_where_it_is_asked_for() {
    let email = format!(
        "[service]\ntimezone = \"Europe/Berlin\"\n{EMAIL}on = [\"digest\"]\ndigest = \"17:30\"\n"
    );
    let office = Office::new(World::with_users(["ada", "grace"]), &email);
    let mut told = Vec::new();
    for hour in 0..72 {
        office.cycle().await;
        for letter in office.letters() {
            told.push(format!("hour {hour}: {}", letter.subject));
            let line = letter.text.lines().find(|line| line.starts_with("In the last 24"));
            told.push(line.unwrap_or_default().to_owned());
        }
        office.world.pass(Duration::from_secs(60 * 60));
    }
    assert_snapshot!(told.join("\n"), @r#"
hour 9: [entra-scim] crm: digest of 2026-11-23
In the last 24 hours: 10 cycles, 0 of them ended early. Accounts: 2 created, 0 adopted, 0 updated, 0 disabled, 0 enabled, 0 deleted. 2 people are in scope. Failing now: 0. Held now: 0.
hour 33: [entra-scim] crm: digest of 2026-11-24
In the last 24 hours: 24 cycles, 0 of them ended early. Accounts: 0 created, 0 adopted, 0 updated, 0 disabled, 0 enabled, 0 deleted. 2 people are in scope. Failing now: 0. Held now: 0.
hour 57: [entra-scim] crm: digest of 2026-11-25
In the last 24 hours: 24 cycles, 0 of them ended early. Accounts: 0 created, 0 adopted, 0 updated, 0 disabled, 0 enabled, 0 deleted. 2 people are in scope. Failing now: 0. Held now: 0.
"#);
}

#[tokio::test]
async fn everybody_gets_what_they_asked_for_and_no_secret_is_in_anything() {
    let world = World::with_users(["ada"]);
    let (_, secret) = world.tenant.default_client();
    let sections = format!(
        r#"
[[webhook]]
url = {{ value = "https://hooks.example.com/{SECRET_PATH}" }}
on = ["recovery"]

[[webhook]]
format = "pagerduty"
routing_key = {{ value = "R0-secret-key" }}
{EMAIL}
on = ["failure"]
"#
    );
    let office = Office::new(world, &sections);
    office.permit(false);
    assert_eq!(office.cycle().await, [DENIED]);
    let state = String::from_utf8_lossy(&office.world.state_bytes()).into_owned();
    office.permit(true);
    office.world.later();
    office.cycle().await;
    let letters = office.letters();
    assert_eq!(letters.len(), 1, "mail did not ask for the recovery");
    let sent = office.hook.0.lock().expect("no panic").clone();
    let told: Vec<String> = sent
        .iter()
        .map(|(url, body)| {
            let what = body["event_action"].as_str().or(body["notices"][0]["state"].as_str());
            format!("{url} {}", what.unwrap_or_default())
        })
        .collect();
    assert_snapshot!(told.join("\n"), @r#"
https://events.pagerduty.com/v2/enqueue trigger
https://hooks.example.com/T0-secret-path over
https://events.pagerduty.com/v2/enqueue resolve
"#);
    assert_eq!(sent[0].1["dedup_key"], sent[2].1["dedup_key"]);
    let text = format!("{letters:?}");
    for word in [SECRET_PATH, "R0-secret-key", secret.expose()] {
        assert!(!text.contains(word) && !state.contains(word), "{word}");
    }
}

#[tokio::test]
async fn a_mail_that_waits_and_names_somebody_forgotten_is_written_anew_without_them() {
    let held = "---\n[apps.crm.safeguards]\nmax_removals = 0\n";
    let mut world = World::with_config(held);
    world.hire_all(["ada", "grace", "zuleika"]);
    let world = world.all_provisioned().await;
    let office = Office::new(world, &format!("{EMAIL}details = true\n"));
    office.trouble(Some(MailFault::Unreachable("down".to_owned())));
    office.world.unassign("ada");
    office.world.unassign("zuleika");
    office.cycle().await;
    let (store, clock) = (office.world.state(), &office.world.clock);
    let forgotten = store.forget(office.world.id("zuleika"), clock.now()).expect("forgotten");
    assert_eq!(forgotten.messages, 1);
    let bytes = String::from_utf8_lossy(&office.world.state_bytes()).to_lowercase();
    assert!(!bytes.contains("zuleika") && bytes.contains("ada@contoso.com"));

    office.trouble(None);
    office.world.later();
    assert_eq!(office.cycle().await, ["[entra-scim] crm: 1 removal is held"]);
    let letter = office.letters().remove(0);
    let told = format!("{}{}{:?}", letter.text, letter.html, letter.attachment);
    assert!(told.contains("ada@contoso.com") && !told.contains("zuleika"), "{told}");
}

#[tokio::test]
async fn a_quarantine_is_told_once_for_each_reason_and_when_it_is_over() {
    let mut world = World::with_users(["ada"]);
    world.expects_violations();
    let office = Office::new(world, EMAIL);
    office.cycle().await;
    office.world.application.set_token("another");
    office.world.set("ada", "displayName", "Ada L");
    office.world.later();
    let told = "[entra-scim] crm: in quarantine: the application refuses the token";
    assert_eq!(office.cycle().await, [told], "and no second mail says the same of the cycle");
    let letter = office.letters().remove(0);
    for command in ["entra-scim check crm", "entra-scim restart crm --quarantine"] {
        assert!(letter.text.contains(command), "{}", letter.text);
    }
    for _ in 0..3 {
        office.world.a_day_later();
        assert_eq!(office.cycle().await, nothing(), "once is enough");
    }
    office.world.application.set_token("secret");
    let matcher = Matcher { path_prefix: Some("/Users".to_owned()), ..Matcher::any() };
    office.world.application.inject_by_chance(Fault::status(404), matcher, 1.0);
    office.world.a_day_later();
    let other = "[entra-scim] crm: in quarantine: what answers is no SCIM service";
    assert_eq!(office.cycle().await, [other], "another reason is told, and the first is not over");
    office.letters();
    office.world.application.clear_faults();
    office.world.a_day_later();
    let over = "[entra-scim] crm: over: in quarantine: what answers is no SCIM service";
    assert_eq!(office.cycle().await, [over]);
}

#[tokio::test]
async fn the_pause_after_four_weeks_in_quarantine_is_told() {
    let mut world = World::with_users(["ada"]);
    world.expects_violations();
    let office = Office::new(world, EMAIL);
    office.cycle().await;
    office.world.application.set_token("another");
    office.world.set("ada", "displayName", "Ada L");
    for _ in 0..28 {
        office.cycle().await;
        office.world.a_day_later();
    }
    office.letters();
    assert_eq!(office.cycle().await, ["[entra-scim] crm: paused after four weeks in quarantine"]);
    let letter = office.letters().remove(0);
    assert!(letter.text.contains("entra-scim resume crm"), "{}", letter.text);
}

#[tokio::test]
async fn a_removal_is_told_after_it_failed_three_times() {
    let mut world = World::with_users(["ada", "grace"]);
    world.expects_violations();
    let office = Office::new(world, EMAIL);
    office.cycle().await;
    office.world.a_day_later();
    office.world.unassign("ada");
    let matcher = Matcher::method(Method::PATCH);
    office.world.application.inject_by_chance(Fault::status(400), matcher, 1.0);
    for _ in 0..2 {
        assert_eq!(office.cycle().await, nothing());
        office.world.later();
    }
    assert_eq!(office.cycle().await, ["[entra-scim] crm: 1 removal fails again and again"]);
    let letter = office.letters().remove(0);
    assert!(letter.text.contains(&office.world.id("ada").to_string()), "{}", letter.text);
    office.world.application.clear_faults();
    office.world.later();
    assert_eq!(office.cycle().await, ["[entra-scim] crm: over: 1 removal fails again and again"]);
}

#[tokio::test]
async fn whoever_is_given_up_is_told() {
    let mut world = World::with_users(["ada", "grace"]);
    world.expects_violations();
    let matcher = Matcher {
        body_contains: Some("ada@contoso.com".to_owned()),
        ..Matcher::method(Method::POST)
    };
    world.application.inject_by_chance(Fault::status(400), matcher, 1.0);
    let office = Office::new(world, EMAIL);
    for _ in 0..35 {
        office.cycle().await;
        office.world.a_day_later();
    }
    let subjects = office.subjects();
    let given_up = "[entra-scim] crm: 1 person was given up";
    let first = subjects.iter().position(|subject| subject == given_up).expect("it is told");
    let letter = &office.letters()[first];
    assert!(letter.text.contains("entra-scim restart crm --escrows"), "{}", letter.text);
    let failing = "[entra-scim] crm: over: 1 person fails with UnprocessableEntity";
    assert!(subjects.iter().any(|subject| subject == failing), "{subjects:?}");
}

#[tokio::test]
async fn drift_is_told_to_whoever_asked_for_it_and_each_comparison_anew() {
    let mut world = World::with_users(["ada", "barbara"]);
    world.expects_violations();
    let asked = EMAIL.replace("to =", "on = [\"drift\"]\ndetails = true\nto =");
    let office = Office::new(world, &asked);
    office.cycle().await;
    let id = office.world.account("ada@contoso.com").expect("an account")["id"].clone();
    let id = id.as_str().expect("an id");
    let mut told = Vec::new();
    for name in ["Ada King", "Ada Byron", "Ada Example"] {
        office.world.application.tamper(id, "displayName", Some(name.into()));
        office.world.pass(Duration::from_secs(7 * 86_400));
        office.cycle().await;
        told.extend(office.letters());
    }
    let subjects: Vec<&str> = told.iter().map(|letter| letter.subject.as_str()).collect();
    insta::assert_snapshot!(subjects.join("\n"), @"
    [entra-scim] crm: 1 account is not as it was left
    [entra-scim] crm: 1 account is not as it was left
    [entra-scim] crm: over: 1 account is not as it was left
    ");
    insta::assert_snapshot!(told[0].text, @"
    crm: 1 account is not as it was left

    Somebody changed accounts at application `crm`: 1 changed, 0 gone, 0 came to be that nobody is linked to. Nothing was corrected (`drift`).

    Since 2026-11-30T08:00:00Z. Now: 1.

    They are:
      b7e1e158-6721-4173-bb2b-2203a8a4fd91  changed  ada@contoso.com: not as last exported: displayName

    What to do next:
      - see each account and value
          entra-scim drift crm

    -- 
    Sent by entra-scim.
    ");
}

#[tokio::test]
async fn nobody_is_told_of_drift_who_did_not_ask_for_it() {
    let world = World::with_users(["ada"]);
    let office = Office::new(world, EMAIL);
    office.cycle().await;
    let id = office.world.account("ada@contoso.com").expect("an account")["id"].clone();
    for name in ["Ada King", "Ada Example"] {
        let id = id.as_str().expect("an id");
        office.world.application.tamper(id, "displayName", Some(name.into()));
        office.world.pass(Duration::from_secs(7 * 86_400));
        assert!(office.cycle().await.is_empty());
    }
}
