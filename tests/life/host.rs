//! The services that every story of the suite is told on, and what a story may ask of each.
//!
//! A story is written once, for a [`Life`]: a world and the service in it. It asserts the same
//! everywhere; where a service cannot do what is asked, the story says what it answers instead.
//!
//! Which quirks of the sandbox are switched on together, and which are not:
//!
//! - [`Host::Entra`] has everything that a service built against Entra's requests may have: the
//!   dialect without the flag, answers without bodies, hidden values, lower case, ids that mean
//!   something in an address, pages cut to two that lie about their number and repeat themselves,
//!   errors in plain text, new accounts that a filter shows late, a rate of six a second, latency.
//! - [`Host::Blind`] ignores every filter, lets names repeat, counts wrong and answers slowly. Pages
//!   are whole there: a filter that is ignored on a page that is cut shows an account to nobody.
//! - Never switched on here, because a cycle ends with it or creates nobody, as
//!   `cycle/target_faults.rs` tells: `html_answers`, `base_path_missing`, `lists_without_id`,
//!   `creates_without_id`, `filter` that is refused, `list_refused` beside `Blind`, `seats_max`,
//!   `user_name_chars_max`. `patch_refused` leaves nothing of the dialect to be looked at.
//!   `hides_inactive` and `delete_deactivates` take back what an account's life consists of: after
//!   a disable or a delete nobody can say what there is.

use std::{
    collections::BTreeMap,
    ops::{Deref, DerefMut},
    time::Duration,
};

use entra_scim::{
    cycle::CycleEnd,
    http::Exchange as _,
    model::SourceId,
    provisioning::{Action, ChangeStatus},
    sandbox::{
        application::{FilterSupport, Quirks, TotalResults},
        tenant::UserSpec,
    },
    store::{LogFilter, LogRow},
};
use serde_json::Value;

use crate::support::{
    company::{self, handmade, shown, wanted},
    real_server::RealServer,
    world::World,
};

/// Tells a story on every host: two sandboxes and a strict one in every run, the services that
/// others wrote where they are installed.
macro_rules! on_every_host {
    ($($story:ident)*) => {$(
        mod $story {
            use crate::life::host::{Host, Life};

            #[tokio::test]
            async fn on_a_strict_sandbox() {
                super::$story(Life::on(Host::Strict).await).await;
            }

            #[tokio::test]
            async fn with_the_quirks_of_a_service_built_for_entra() {
                super::$story(Life::on(Host::Entra).await).await;
            }

            #[tokio::test]
            async fn with_the_quirks_of_a_service_that_reads_badly() {
                super::$story(Life::on(Host::Blind).await).await;
            }

            mod real_servers {
                use super::{Host, Life};

                #[tokio::test]
                #[ignore = "needs scim2-server: tests/real_servers/README.md"]
                async fn on_scim2_server() {
                    super::super::$story(Life::on(Host::Scim2Server).await).await;
                }

                #[tokio::test]
                #[ignore = "needs @better-auth/scim: tests/real_servers/README.md"]
                async fn on_better_auth() {
                    super::super::$story(Life::on(Host::BetterAuth).await).await;
                }
            }
        }
    )*};
}
pub(super) use on_every_host;

/// A service that stories are told on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// The sandbox without a quirk.
    Strict,
    /// The sandbox as a service that was built against Entra's requests.
    Entra,
    /// The sandbox as a service that answers every question with everything.
    Blind,
    Scim2Server,
    BetterAuth,
}

impl Host {
    fn quirks(self) -> Quirks {
        match self {
            Self::Entra => Quirks {
                entra_legacy: true,
                patch_no_content: true,
                hides_external_id: true,
                lowercases_user_name: true,
                page_size_max: Some(2),
                total_results: TotalResults::Page,
                repeats_last_page: true,
                plain_errors: true,
                awkward_ids: true,
                group_names_repeat: true,
                hides_members: true,
                requests_per_second_max: Some(6),
                settle: Duration::from_secs(50),
                latency: Duration::from_millis(200),
                ..Quirks::default()
            },
            Self::Blind => Quirks {
                filter: FilterSupport::Ignored,
                patch_no_content: true,
                duplicates_allowed: true,
                group_names_repeat: true,
                total_results: TotalResults::OffBy(-1),
                repeats_last_page: true,
                plain_errors: true,
                awkward_ids: true,
                requests_per_second_max: Some(4),
                latency: Duration::from_millis(500),
                ..Quirks::default()
            },
            Self::Strict | Self::Scim2Server | Self::BetterAuth => Quirks::default(),
        }
    }

    /// Lines of the section of the target that this service needs.
    fn lines(self) -> &'static str {
        match self {
            Self::Entra => "dialect = \"entra-legacy\"\n",
            Self::Strict | Self::Blind | Self::Scim2Server | Self::BetterAuth => "",
        }
    }
}

/// A world, the service in it, and whose account each one was at first.
pub(super) struct Life {
    world: World,
    pub(super) host: Host,
    server: Option<RealServer>,
    /// The name that each account had when it was first seen, by its id.
    names: BTreeMap<String, String>,
}

impl Deref for Life {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl DerefMut for Life {
    fn deref_mut(&mut self) -> &mut World {
        &mut self.world
    }
}

impl Life {
    /// A world against this service in which nobody is yet.
    pub(super) async fn on(host: Host) -> Self {
        let server = match host {
            Host::Strict | Host::Entra | Host::Blind => None,
            Host::Scim2Server => Some(RealServer::scim2_server().await),
            Host::BetterAuth => Some(RealServer::better_auth().await),
        };
        let mut world = match &server {
            Some(server) => World::against(server, "").await,
            None => World::new(),
        };
        if server.is_none() {
            world.quirks(host.quirks());
            world.listen();
        }
        let mut life = Self { world, host, server, names: BTreeMap::new() };
        life.configure("");
        life
    }

    /// Another configuration, as in [`World::with_config`], with what the host needs besides.
    pub(super) fn configure(&mut self, lines: &str) {
        let (app, rest) = lines.split_once("---").unwrap_or(("", lines));
        let lines = format!("{app}\n---\n{}{rest}", self.host.lines());
        self.world.configure(&lines);
    }

    /// Every account of the service.
    pub(super) async fn accounts(&mut self) -> Vec<Value> {
        let accounts = match &self.server {
            Some(server) => server.users().await,
            None => self.world.application.users().into_iter().map(Value::Object).collect(),
        };
        for account in &accounts {
            let (id, name) = (text(account, "id"), text(account, "userName"));
            let name = name.split('@').next().unwrap_or_default().to_lowercase();
            self.names.entry(id.to_owned()).or_insert(name);
        }
        accounts
    }

    /// The account that has a person's user name.
    pub(super) async fn account_of(&mut self, name: &str) -> Option<Value> {
        let person = self.world.tenant.attributes(self.world.id(name));
        let user_name = person["userPrincipalName"].as_str().expect("everybody has one");
        self.account_named(user_name).await
    }

    /// The account that has this user name.
    pub(super) async fn account_named(&mut self, user_name: &str) -> Option<Value> {
        let mut accounts = self.accounts().await;
        accounts
            .retain(|account| text(account, "userName").to_lowercase() == user_name.to_lowercase());
        assert!(accounts.len() < 2, "two accounts have one name: {accounts:#?}");
        accounts.pop()
    }

    /// The id of a person's account.
    pub(super) async fn account_id(&mut self, name: &str) -> String {
        let account = self.account_of(name).await;
        let account = account.unwrap_or_else(|| panic!("{name} has no account"));
        text(&account, "id").to_owned()
    }

    /// Every group of the service.
    pub(super) async fn groups(&mut self) -> Vec<Value> {
        let groups = match &self.server {
            Some(server) => {
                let (status, page) = server.send(http::Method::GET, "/Groups", None).await;
                assert_eq!(status, 200, "{page}");
                page["Resources"].as_array().cloned().unwrap_or_default()
            }
            None => self.world.application.groups().into_iter().map(Value::Object).collect(),
        };
        for group in &groups {
            let name = format!("group {}", text(group, "displayName"));
            self.names.entry(text(group, "id").to_owned()).or_insert(name);
        }
        groups
    }

    /// The group with this name, which only one has.
    pub(super) async fn group_named(&mut self, name: &str) -> Option<Value> {
        let mut groups = self.groups().await;
        groups.retain(|group| group["displayName"] == name);
        assert!(groups.len() < 2, "two groups have one name: {groups:#?}");
        groups.pop()
    }

    /// The members of a group by the first names of their accounts, sorted.
    pub(super) async fn members(&mut self, group: &str) -> Vec<String> {
        self.accounts().await;
        let found = self.group_named(group).await;
        let found = found.unwrap_or_else(|| panic!("no group {group}: {}", self.last_plan()));
        let members = found["members"].as_array().cloned().unwrap_or_default();
        let names = members.iter().map(|member| self.names[text(member, "value")].clone());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    /// Adds a group by hand and returns its id.
    pub(super) async fn seed_group(&mut self, mut group: Value) -> String {
        group["schemas"] = serde_json::json!([entra_scim::scim::CORE_GROUP]);
        let Some(server) = &self.server else {
            let Value::Object(group) = group else { panic!("a group is an object") };
            return self.world.application.seed_group(group);
        };
        let (status, made) = server.send(http::Method::POST, "/Groups", Some(&group)).await;
        assert_eq!(status, 201, "{made}");
        text(&made, "id").to_owned()
    }

    /// Adds an account by hand and returns its id.
    pub(super) async fn seed(&mut self, account: Value) -> String {
        match &self.server {
            Some(server) => text(&company::seed(server, &account).await, "id").to_owned(),
            None => self.world.seed_account(account),
        }
    }

    /// Adds by hand the account that a person should have.
    pub(super) async fn seed_for(&mut self, name: &str) -> String {
        let account = handmade(&self.world, name);
        self.seed(account).await
    }

    /// Takes an account away behind the program's back.
    pub(super) async fn tamper_delete(&self, id: &str) {
        match &self.server {
            Some(server) => {
                let path = format!("/Users/{id}");
                let (status, answer) = server.send(http::Method::DELETE, &path, None).await;
                assert_eq!(status, 204, "{answer}");
            }
            None => assert!(self.world.application.tamper_delete(id)),
        }
    }

    /// Deletes a group behind the program's back.
    pub(super) async fn tamper_delete_group(&self, id: &str) {
        let path = format!("/Groups/{}", entra_scim::scim::percent_encoded(id));
        if let Some(server) = &self.server {
            let (status, answer) = server.send(http::Method::DELETE, &path, None).await;
            assert_eq!(status, 204, "{answer}");
            return;
        }
        let request = http::Request::delete(format!("https://app.sandbox.example/scim/v2{path}"))
            .header("authorization", "Bearer secret")
            .body(bytes::Bytes::new());
        let answer = self.world.application.exchange(request.expect("a request")).await;
        assert_eq!(answer.expect("an answer").status(), 204);
    }

    /// A person whose account is where the directory says, with everything that it says.
    #[track_caller]
    fn check(&self, account: &Value, name: &str, active: bool, manager: Option<&str>) {
        assert_eq!(
            shown(account),
            wanted(&self.world, name, active, manager),
            "{name} on {:?}: {account}\n{}",
            self.host,
            self.world.last_plan()
        );
    }

    /// Checks that a person has the account that the directory says, and one only.
    pub(super) async fn is(&mut self, name: &str, active: bool, manager: Option<&str>) {
        let manager = match manager {
            Some(manager) => Some(self.account_id(manager).await),
            None => None,
        };
        let account = self.account_of(name).await;
        let account = account.unwrap_or_else(|| panic!("{name} has no account"));
        self.check(&account, name, active, manager.as_deref());
    }

    /// Whether a person's account is active; `None` where there is none.
    pub(super) async fn is_active(&mut self, name: &str) -> Option<bool> {
        self.account_of(name).await.map(|account| account["active"] != false)
    }

    /// The writes since the last call, sorted: the method, the first name of the account, and the
    /// status where it was a refusal. A request that the service had no time for is none.
    pub(super) async fn writes(&mut self) -> Vec<String> {
        self.accounts().await;
        self.groups().await;
        let sent = self.world.sent();
        let mut writes: Vec<String> = sent
            .iter()
            .filter(|sent| sent.is_write() && sent.status != Some(429))
            .map(|sent| {
                let split = |kind| sent.path.rsplit_once(kind).map(|(_, place)| place);
                let place = split("/Users").or_else(|| split("/Groups")).unwrap_or_default();
                let id = percent_encoding::percent_decode_str(place.trim_start_matches('/'));
                let id = id.decode_utf8_lossy().into_owned();
                let name = match (id.is_empty(), sent.body.get("userName")) {
                    (false, _) => self.names[&id].clone(),
                    (true, None) => format!("group {}", text(&sent.body, "displayName")),
                    (true, Some(_)) => {
                        let name = text(&sent.body, "userName").split('@').next();
                        name.unwrap_or_default().to_lowercase()
                    }
                };
                let refused = sent.status.filter(|status| *status >= 400);
                let refused = refused.map(|status| format!(" {status}")).unwrap_or_default();
                format!("{} {name}{refused}", sent.method)
            })
            .collect();
        writes.sort();
        writes
    }

    /// Runs a cycle that must end well, and returns its writes as [`Life::writes`] tells them.
    pub(super) async fn cycle(&mut self) -> Vec<String> {
        self.accounts().await;
        self.groups().await;
        self.world.sent();
        self.world.sync_well().await;
        self.writes().await
    }

    /// The same, in which nothing may fail.
    pub(super) async fn good_cycle(&mut self) -> Vec<String> {
        self.accounts().await;
        self.groups().await;
        self.world.sent();
        let CycleEnd { report, .. } = self.world.sync_well().await;
        assert_eq!(report.totals.failure, 0, "{:?}: {}", self.host, self.world.last_plan());
        self.writes().await
    }

    /// A day passes; then nothing is left to do, neither for the next cycle nor for one that reads
    /// and decides everything anew.
    pub(super) async fn rests(&mut self) {
        self.world.a_day_later();
        let end = self.world.sync_well().await;
        assert_eq!(end.report.totals.failure, 0, "{:?}: {}", self.host, self.world.last_plan());
        assert_eq!(end.report.requests.target, 0, "{:?}: {}", self.host, self.world.last_plan());
        self.world.is_settled().await;
        self.world.sent();
    }

    /// So many days pass, with a cycle every other day in which nothing is left to do.
    pub(super) async fn days_pass(&mut self, days: u64) {
        for _ in 0..days / 2 {
            self.world.pass(Duration::from_secs(2 * 86_400));
            assert_eq!(self.good_cycle().await, [""; 0], "{}", self.world.last_plan());
        }
    }

    /// What is written for people who are adopted: a service that hides what was written gets it
    /// once more.
    pub(super) fn adopting(&mut self, names: &[&str]) -> Vec<String> {
        let hides = self.host == Host::Entra;
        if hides {
            self.world.expects_violations();
        }
        names.iter().filter(|_| hides).map(|name| format!("PATCH {name}")).collect()
    }

    /// Everybody assigned gets an account, and a day passes.
    pub(super) async fn begins(&mut self) {
        self.good_cycle().await;
        self.rests().await;
    }

    /// Somebody else with a name that is known already; called `name` from then on.
    pub(super) fn hire_another(&mut self, name: &str, user_name: &str) -> SourceId {
        let spec = UserSpec::named(user_name, "Another Example")
            .with("mail", format!("{name}@contoso.com"))
            .with("givenName", "Another")
            .with("surname", "Example")
            .with("mailNickname", name)
            .with("department", "Research");
        let id = self.world.tenant.add_user(spec);
        self.world.people.insert(name.to_owned(), id);
        self.world.assign(name, Some(self.world.editor));
        id
    }

    /// What was done last for a person, how it ended, and the code of the reason or failure.
    #[track_caller]
    pub(super) fn last(&self, name: &str) -> (Action, ChangeStatus, String) {
        self.last_of(self.world.id(name))
    }

    /// The same of a group or a person by its id.
    #[track_caller]
    pub(super) fn last_of(&self, id: SourceId) -> (Action, ChangeStatus, String) {
        let row = self.log_of(id).pop();
        let row = row.unwrap_or_else(|| panic!("the log says nothing of {id}"));
        let code = row.error.as_ref().map_or(row.reason, |error| error.reason);
        (row.action, row.status, code.to_string())
    }
}

impl Life {
    /// The log of a group or a person, newest last.
    pub(super) fn log_of(&self, id: SourceId) -> Vec<LogRow> {
        let filter = LogFilter { sources: Some(vec![id]), ..LogFilter::default() };
        self.world.state().read(|view| view.log_rows(&filter, 1_000)).expect("a log")
    }
}

fn text<'a>(account: &'a Value, name: &str) -> &'a str {
    account[name].as_str().unwrap_or_default()
}
