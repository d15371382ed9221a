//! A whole world in process: a tenant, an application, a state file and a virtual clock.
//!
//! [`World::against`] puts somebody else's service in the place of the application, and the network
//! of this machine between all three.
//!
//! Stories change the tenant, run a cycle through the real adapters and the real engine, and look
//! at the plan or at the application. Dropping a world checks that the application saw no violation
//! of the RFCs, unless the story said that it expects some.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use chrono::TimeZone;
use entra_scim::{
    config,
    cycle::{
        Context, CycleEnd, CycleError, CycleOptions, Explained, HostPace, Provisioned, Question,
        Stop, explain, preview, preview_provision, provision, sync,
    },
    graph::{GraphDirectory, GraphSettings, scope, token_url},
    http::{
        Answer, Authorizer, Bearer, Credential, Exchange, Network, NetworkOptions, SecretSent,
        TokenSettings, TokenSource,
    },
    model::{
        AppName, AppRole, AppRoleId, Clock, DEFAULT_ACCESS, Secret, ServicePrincipalId, SourceId,
    },
    provisioning::{ChangeStatus, PlannedChange, job::Job},
    sandbox::{
        VirtualClock,
        application::{Application, ApplicationOptions, AttributeType, Quirks},
        tenant::{ApplicationSpec, RecordedRequest, Tenant, TenantOptions, UserSpec},
    },
    scim::shown,
    store::{
        Commit, CommitWatch, Engine, LogFilter, LogRow, Neighbours, PlanFilter, StoreError,
        preview_copy,
    },
    target::{ScimTarget, TargetSettings},
};
use serde_json::{Value, json};
use url::Url;

use super::{
    graph_schema,
    real_server::RealServer,
    skewed_clock::SkewedClock,
    wire::Wire,
    wiretap::{Sent, Wiretap},
};

const TENANT_ID: &str = "11111111-2222-3333-4444-555555555555";
pub(crate) const APP_ID: &str = "77777777-2222-3333-4444-555555555555";
const NEIGHBOUR_APP_ID: &str = "88888888-2222-3333-4444-555555555555";
const GRAPH: &str = "https://graph.sandbox.example";
const TARGET: &str = "https://app.sandbox.example/scim/v2";

/// A tenant, an application, and the engine between them.
pub(crate) struct World {
    pub(crate) clock: VirtualClock,
    /// What the engine takes for the time.
    pub(crate) engine_clock: SkewedClock,
    host: Arc<HostPace>,
    pub(crate) tenant: Tenant,
    pub(crate) enterprise_app: ServicePrincipalId,
    pub(crate) application: Application,
    pub(crate) store: Option<Engine>,
    pub(crate) job: Job,
    pub(crate) people: BTreeMap<String, SourceId>,
    pub(crate) editor: AppRoleId,
    pub(crate) wire: Wire,
    pub(crate) folder: tempfile::TempDir,
    expects_violations: bool,
    graph: Line,
    target: Line,
    /// Listens on the way to the target, where a story wants it.
    wiretap: Option<Wiretap>,
}

/// Another application of the tenant with the same target.
pub(crate) struct Neighbour {
    enterprise_app: ServicePrincipalId,
    store: Option<Engine>,
    job: Job,
}

fn neighbour_job(name: &str, lines: &str) -> Job {
    let mut job = job(lines, NEIGHBOUR_APP_ID);
    job.app = AppName::parse(name).expect("a name");
    job
}

/// Where a service is and what carries requests to it.
#[derive(Clone)]
struct Line {
    base_url: Url,
    exchange: Arc<dyn Exchange>,
    token: String,
}

impl Line {
    fn new(base_url: &str, exchange: Arc<dyn Exchange>, token: &str) -> Self {
        let base_url = Url::parse(base_url).expect("a URL");
        Self { base_url, exchange, token: token.to_owned() }
    }
}

/// The program's own way to the network, with the limits it has by default.
fn network() -> Arc<dyn Exchange> {
    let options = NetworkOptions {
        request_timeout: Duration::from_secs(30),
        connect_timeout: Duration::from_secs(10),
        ca_pem: None,
        proxy: None,
        body_limit_bytes: 16 * 1024 * 1024,
        client_certificate: None,
    };
    Arc::new(Network::new(&options).expect("options without a certificate or proxy"))
}

fn open(folder: &tempfile::TempDir, wire: &Wire) -> Engine {
    let engine = Engine::open(&folder.path().join("crm.db")).expect("the state file opens");
    engine.watched(wire.watch())
}

fn shared(clock: &VirtualClock) -> Arc<dyn Clock> {
    Arc::new(clock.clone())
}

fn role(name: &str) -> AppRole {
    AppRole {
        id: AppRoleId::derive(&["role", name]),
        display_name: name.to_owned(),
        value: Some(name.to_lowercase()),
        is_enabled: true,
    }
}

/// A job compiled from a configuration with these lines in its application's section.
pub(crate) fn job(lines: &str, app_id: &str) -> Job {
    job_at(lines, app_id, TARGET)
}

fn job_at(lines: &str, app_id: &str, tenant_url: &str) -> Job {
    let (app, rest) = lines.split_once("---").unwrap_or(("", lines));
    let text = format!(
        r#"
[tenant]
id = "{TENANT_ID}"
client_id = "99999999-2222-3333-4444-555555555555"
client_secret = {{ value = "x" }}

[apps.crm]
enterprise_app = "{app_id}"
{app}

[apps.crm.target]
tenant_url = "{tenant_url}"
secret_token = {{ value = "secret" }}

{rest}
"#
    );
    let config = config::parse(&text, "config.toml").unwrap_or_else(|diagnoses| {
        let all: Vec<String> = diagnoses.iter().map(ToString::to_string).collect();
        panic!("the story's configuration is wrong:\n{}", all.join("\n"))
    });
    config.apps.into_iter().next().expect("one application").job
}

impl World {
    /// An empty tenant whose application has the roles Editor and Viewer.
    pub(crate) fn new() -> Self {
        Self::with_config("")
    }

    /// The same with these lines of configuration. Lines before `---` stand in `[apps.crm]`, the
    /// others after it, under their own headings.
    pub(crate) fn with_config(lines: &str) -> Self {
        let start = chrono::Utc.with_ymd_and_hms(2026, 11, 23, 8, 0, 0).single().expect("a time");
        let clock = VirtualClock::starting_at(start);
        let tenant = Tenant::new(TenantOptions {
            seed: 7,
            clock: shared(&clock),
            tenant_id: TENANT_ID.parse().expect("a GUID"),
            base_url: GRAPH.to_owned(),
        });
        tenant.observe(Arc::new(hold_against_description));
        let enterprise_app = tenant.add_application(ApplicationSpec {
            display_name: "CRM".to_owned(),
            app_id: APP_ID.to_owned(),
            roles: vec![role("Editor"), role("Viewer")],
        });
        let application = Application::new(ApplicationOptions::strict(7, shared(&clock)));
        let folder = tempfile::tempdir().expect("a folder");
        let wire = Wire::default();
        let store = open(&folder, &wire);
        let graph = Line::new(GRAPH, Arc::new(tenant.clone()), "");
        let target = Line::new(TARGET, Arc::new(application.clone()), "secret");
        Self {
            graph,
            target,
            wiretap: None,
            engine_clock: SkewedClock::beside(&clock),
            host: Arc::default(),
            clock,
            tenant,
            enterprise_app,
            application,
            store: Some(store),
            job: job(lines, APP_ID),
            people: BTreeMap::new(),
            editor: role("Editor").id,
            wire,
            folder,
            expects_violations: false,
        }
    }

    /// A world whose application is this service: every request, to it and to the tenant, goes
    /// over this machine's network, as the program's own do.
    pub(crate) async fn against(server: &RealServer, lines: &str) -> Self {
        let mut world = Self::with_config(lines);
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await;
        let graph = world.tenant.serve(listener.expect("loopback has a free port"));
        world.graph = Line::new(&graph.expect("a listener has an address"), network(), "");
        let wiretap = Wiretap::on(network());
        let line = Arc::new(wiretap.clone());
        world.target = Line::new(server.base_url(), line, RealServer::TOKEN);
        world.wiretap = Some(wiretap);
        world.configure(lines);
        world
    }

    /// Listens on the line to the application from now on, for [`World::sent`].
    pub(crate) fn listen(&mut self) {
        let wiretap = Wiretap::on(Arc::clone(&self.target.exchange));
        self.target.exchange = Arc::new(wiretap.clone());
        self.wiretap = Some(wiretap);
    }

    /// Compiles the job again, from other lines of configuration.
    pub(crate) fn configure(&mut self, lines: &str) {
        self.job = job_at(lines, APP_ID, self.target.base_url.as_str());
    }

    /// Forgets everything: an engine whose state file is new.
    pub(crate) fn forget(&mut self) {
        self.store = None;
        self.folder = tempfile::tempdir().expect("a folder");
        self.store = Some(open(&self.folder, &self.wire));
    }

    /// What was sent to the application since the last call, where somebody listens.
    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.wiretap.as_ref().expect("somebody listens on the line").take()
    }

    /// A world with these people, all of them Editors.
    pub(crate) fn with_users<const N: usize>(names: [&str; N]) -> Self {
        let mut world = Self::new();
        world.hire_all(names);
        world
    }

    /// Adds these people, all of them Editors.
    pub(crate) fn hire_all<const N: usize>(&mut self, names: [&str; N]) {
        for name in names {
            self.hire(name);
        }
    }

    /// Adds one Editor.
    pub(crate) fn hire(&mut self, name: &str) -> SourceId {
        let id = self.person(name);
        self.tenant.assign(self.enterprise_app, id, self.editor);
        id
    }

    /// Adds a person who is not assigned.
    pub(crate) fn person(&mut self, name: &str) -> SourceId {
        let capital = name[..1].to_uppercase() + &name[1..];
        let spec = UserSpec::named(&format!("{name}@contoso.com"), &format!("{capital} Example"))
            .with("mail", format!("{name}@contoso.com"))
            .with("givenName", capital)
            .with("surname", "Example")
            .with("mailNickname", name)
            .with("department", "Sales");
        let id = self.tenant.add_user(spec);
        self.people.insert(name.to_owned(), id);
        id
    }

    /// The id of a person.
    pub(crate) fn id(&self, name: &str) -> SourceId {
        *self.people.get(name).unwrap_or_else(|| panic!("nobody is called {name}"))
    }

    /// Sets an attribute of a person.
    pub(crate) fn set(&self, name: &str, attribute: &str, value: impl Into<Value>) {
        self.tenant.set_attribute(self.id(name), attribute, value);
    }

    /// Ends every assignment of a person.
    pub(crate) fn unassign(&self, name: &str) {
        self.tenant.unassign(self.enterprise_app, self.id(name), None);
    }

    /// Assigns a person with a role, or with Default Access.
    pub(crate) fn assign(&self, name: &str, role: Option<AppRoleId>) {
        let role = role.unwrap_or(DEFAULT_ACCESS);
        self.tenant.assign(self.enterprise_app, self.id(name), role);
    }

    /// An account that was there before.
    pub(crate) fn seed_account(&self, user: Value) -> String {
        let Value::Object(map) = user else { panic!("an account is an object") };
        self.application.seed_user(map)
    }

    /// Lets the application depart from the RFCs.
    pub(crate) fn quirks(&mut self, quirks: Quirks) {
        self.application.set_quirks(quirks);
    }

    /// Lets the application have more attributes of a user, by schema; a fresh one takes its place.
    pub(crate) fn extend_application(
        &mut self,
        extensions: BTreeMap<String, BTreeMap<String, AttributeType>>,
    ) {
        let mut options = ApplicationOptions::strict(7, shared(&self.clock));
        options.extensions.extend(extensions);
        self.application = Application::new(options);
        self.target = Line::new(TARGET, Arc::new(self.application.clone()), "secret");
    }

    /// The story makes requests that a strict application complains of.
    pub(crate) fn expects_violations(&mut self) {
        self.expects_violations = true;
    }

    /// Writes another configuration, as in [`World::with_config`].
    pub(crate) fn reconfigure(&mut self, lines: &str) {
        self.job = job(lines, APP_ID);
    }

    /// A group that is assigned with a role.
    pub(crate) fn assigned_group(&self, name: &str, role: AppRoleId) -> SourceId {
        let group = self.tenant.add_group(name);
        self.tenant.assign(self.enterprise_app, group, role);
        group
    }

    /// Makes a person a member of a group.
    pub(crate) fn join(&self, group: SourceId, name: &str) {
        self.tenant.add_member(group, self.id(name));
    }

    /// Whether the account of this person is active; `None` if there is none.
    pub(crate) fn active(&self, name: &str) -> Option<bool> {
        let account = self.account(&format!("{name}@contoso.com"))?;
        Some(account["active"].as_bool().unwrap_or(true))
    }

    /// The writes since the last call, one line each.
    pub(crate) fn take_writes(&self) -> Vec<String> {
        let mut requests = self.application.take_requests();
        requests.retain(entra_scim::sandbox::application::RecordedRequest::is_write);
        requests.iter().map(|write| format!("{} {}", write.method, write.path)).collect()
    }

    /// Why the last decision about a person was made: the code and the sentence in the log.
    pub(crate) fn reason(&self, name: &str) -> String {
        let rows = self.log(name);
        let row = rows.last().unwrap_or_else(|| panic!("the log says nothing of {name}"));
        let detail = row.error.as_ref().map_or(&row.detail, |error| &error.detail);
        format!("{} {}: {detail}", row.status.as_str(), row.reason)
    }

    /// Lets the usual forty minutes pass.
    pub(crate) fn later(&self) {
        self.pass(Duration::from_secs(40 * 60));
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, duration: Duration) {
        self.clock.advance(duration);
    }

    /// Lets an entitlement become established.
    pub(crate) fn a_day_later(&self) {
        self.pass(Duration::from_secs(24 * 60 * 60 + 60));
    }

    /// Runs one cycle for real.
    pub(crate) async fn sync(&self) -> CycleEnd {
        self.sync_with(CycleOptions::default()).await
    }

    /// Runs one cycle for real, with options.
    pub(crate) async fn sync_with(&self, options: CycleOptions) -> CycleEnd {
        self.try_sync(options, &Stop::default()).await.expect("the state works")
    }

    /// Runs one cycle for real, as far as the state lets it.
    pub(crate) async fn try_sync(
        &self,
        options: CycleOptions,
        stop: &Stop,
    ) -> Result<CycleEnd, StoreError> {
        let (directory, target) = self.adapters();
        let store = self.store.as_ref().expect("the state is open");
        let context = self.context(&directory, store, stop, options);
        sync(&context, &target.writer()).await
    }

    /// Runs a cycle that must end well.
    pub(crate) async fn sync_well(&self) -> CycleEnd {
        let end = self.sync().await;
        assert!(end.error.is_none(), "the cycle ended early: {:?}", end.report.error);
        end
    }

    /// Runs one cycle for real that may be asked to stop.
    pub(crate) async fn sync_until(&self, stop: &Stop) -> CycleEnd {
        let (directory, target) = self.adapters();
        let store = self.store.as_ref().expect("the state is open");
        let context = self.context(&directory, store, stop, CycleOptions::default());
        sync(&context, &target.writer()).await.expect("the state works")
    }

    /// Lets the program be asked to stop once the application has seen so many writes.
    pub(crate) fn stop_after_writes(&mut self, stop: &Arc<Stop>, writes: usize) {
        let (stop, seen) = (Arc::clone(stop), AtomicUsize::new(0));
        self.meddle(Arc::new(move || {
            if seen.fetch_add(1, Ordering::Relaxed) >= writes {
                stop.request();
            }
            true
        }));
    }

    /// From now on each write takes so long on the clock.
    pub(crate) fn each_write_takes(&mut self, duration: Duration) {
        let clock = self.clock.clone();
        self.at_each_write(move || clock.advance(duration));
    }

    /// From now on this happens while a write is on its way to the application.
    pub(crate) fn at_each_write(&mut self, happens: impl Fn() + Send + Sync + 'static) {
        self.meddle(Arc::new(move || {
            happens();
            true
        }));
    }

    /// From now on this sees the decoded path and query of each request to the directory first, and
    /// may answer it in the directory's place: a status, with a refusal as Graph writes it.
    pub(crate) fn before_the_directory(
        &mut self,
        sees: impl Fn(&str) -> Option<u16> + Send + Sync + 'static,
    ) {
        let inner = Arc::new(self.tenant.clone());
        self.graph.exchange = Arc::new(Bystander { inner, sees: Arc::new(sees) });
    }

    /// From now on this happens at each commit of the state.
    pub(crate) fn at_each_commit(&mut self, happens: impl Fn() + Send + Sync + 'static) {
        self.watch_commits(Arc::new(move |commit| {
            if commit == Commit::After {
                happens();
            }
            Ok(())
        }));
    }

    /// From now on this is told of each commit of the state, and may refuse it.
    pub(crate) fn watch_commits(&mut self, watch: CommitWatch) {
        self.store = None;
        let engine = Engine::open(&self.folder.path().join("crm.db")).expect("the state opens");
        self.store = Some(engine.watched(watch));
    }

    /// From now on every list of users that the directory gives is empty, and looks complete.
    pub(crate) fn directory_shows_no_users(&mut self) {
        self.graph.exchange = Arc::new(Emptied(Arc::new(self.tenant.clone())));
    }

    /// The directory is itself again.
    pub(crate) fn directory_is_itself_again(&mut self) {
        self.graph.exchange = Arc::new(self.tenant.clone());
    }

    /// Another application with the same target, beside this one from now on.
    pub(crate) fn neighbour(&mut self, name: &str, lines: &str) -> Neighbour {
        let enterprise_app = self.tenant.add_application(ApplicationSpec {
            display_name: name.to_owned(),
            app_id: NEIGHBOUR_APP_ID.to_owned(),
            roles: vec![role("Editor"), role("Viewer")],
        });
        let path = |file: &str| self.folder.path().join(format!("{file}.db"));
        let app = |name: &str| AppName::parse(name).expect("a name");
        let store = Engine::open(&path(name)).expect("a state file");
        let store = store.beside(Neighbours::of([(app("crm"), path("crm"))]));
        let own = self.store.take().expect("the state is open");
        self.store = Some(own.beside(Neighbours::of([(app(name), path(name))])));
        Neighbour { enterprise_app, store: Some(store), job: neighbour_job(name, lines) }
    }

    /// The other application is the one that the story is about, and this one the other.
    pub(crate) fn swap(&mut self, other: &mut Neighbour) {
        std::mem::swap(&mut self.enterprise_app, &mut other.enterprise_app);
        std::mem::swap(&mut self.store, &mut other.store);
        std::mem::swap(&mut self.job, &mut other.job);
    }

    /// Writes another configuration of the application that was a neighbour.
    pub(crate) fn reconfigure_neighbour(&mut self, name: &str, lines: &str) {
        self.job = neighbour_job(name, lines);
    }

    /// Runs a cycle and kills it while the write after so many is under way.
    pub(crate) async fn crash_after_writes(&mut self, writes: usize) {
        let (seen, hangs) = (AtomicUsize::new(0), Arc::new(tokio::sync::Notify::new()));
        let noticed = Arc::clone(&hangs);
        self.meddle(Arc::new(move || {
            let through = seen.fetch_add(1, Ordering::Relaxed) < writes;
            if !through {
                noticed.notify_one();
            }
            through
        }));
        let stop = Stop::default();
        tokio::select! {
            end = self.sync_until(&stop) => panic!("the cycle ended: {:?}", end.report),
            () = hangs.notified() => {}
        }
        self.target.exchange = Arc::new(self.application.clone());
    }

    /// From now on the application refuses every write, and says back what was in it.
    pub(crate) fn echo_writes(&mut self) {
        self.target.exchange = Arc::new(Echo(Arc::new(self.application.clone())));
    }

    /// The application is itself again.
    pub(crate) fn echo_no_more(&mut self) {
        self.target.exchange = Arc::new(self.application.clone());
    }

    /// Sees each write on its way to the application; one that is not let through hangs.
    fn meddle(&mut self, lets_through: Arc<dyn Fn() -> bool + Send + Sync>) {
        let inner = Arc::new(self.application.clone());
        self.target.exchange = Arc::new(Meddler { inner, lets_through });
    }

    /// From now on the application answers every create with the account of the first one.
    pub(crate) fn repeats_the_first_create(&mut self) {
        let inner: Arc<dyn Exchange> = Arc::new(self.application.clone());
        self.target.exchange = Arc::new(Repeating { inner, first: std::sync::OnceLock::new() });
    }

    /// Runs a cycle that must end well, and shows what it did.
    pub(crate) async fn synced(&self) -> String {
        self.sync_well().await;
        self.last_plan()
    }

    /// Runs a cycle that must end early, and shows why.
    pub(crate) async fn sync_badly(&self) -> String {
        let end = self.sync().await;
        end.report.error.expect("the cycle ends early")
    }

    /// What is counted on the way is what counting now would say: safeguards rest on it.
    fn counts_are_kept(&self) {
        let state = rusqlite::Connection::open(self.folder.path().join("crm.db")).expect("opens");
        let counted = "SELECT 'accounts', count(*) FROM link WHERE standing = 0 AND kind = 0 \
             UNION ALL SELECT 'enabled', count(*) FROM link \
                 WHERE standing = 0 AND kind = 0 AND enabled = 1 \
             UNION ALL SELECT 'groups', count(*) FROM link WHERE standing = 0 AND kind = 1 \
             UNION ALL SELECT 'in_scope', count(*) FROM source_object \
                 WHERE in_scope = 1 AND presence = 0 \
             UNION ALL SELECT 'member_links', count(*) FROM member_link";
        let kept =
            "SELECT name, value FROM tally WHERE name NOT IN ('paths_stale', 'users_unread')";
        let all = |sql: &str| -> Vec<(String, i64)> {
            let mut statement = state.prepare(&format!("{sql} ORDER BY 1")).expect("a query");
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
            rows.expect("rows").map(|row| row.expect("a row")).collect()
        };
        assert_eq!(all(kept), all(counted));
    }

    /// Nothing is left to do, not even for a cycle that reads and decides everything again.
    pub(crate) async fn is_settled(&self) {
        self.counts_are_kept();
        let plan = self.plan_with(CycleOptions { initial: true, ..CycleOptions::default() }).await;
        assert!(!plan.contains("  planned  "), "something is left to do:\n{plan}");
        assert!(!plan.contains("error: "), "{plan}");
    }

    /// What a dry run says.
    pub(crate) async fn plan(&self) -> String {
        self.plan_with(CycleOptions::default()).await
    }

    /// What a dry run says, with options.
    pub(crate) async fn plan_with(&self, options: CycleOptions) -> String {
        let copy = preview_copy(&self.folder.path().join("crm.db")).expect("a copy");
        let (directory, target) = self.adapters();
        let stop = Stop::default();
        let context = self.context(&directory, &copy, &stop, options);
        let end = preview(&context, &target.reader()).await.expect("the copy works");
        let mut text = plan_text(&copy);
        if let Some(held) = &end.report.held {
            writeln!(text, "held: {}", held.reason).expect("a text takes it");
        }
        if let Some(error) = &end.report.error {
            writeln!(text, "error: {error}").expect("a text takes it");
        }
        text
    }

    /// The rows that a dry run with these options would send or hold, and why it ended early.
    pub(crate) async fn pending(&self, options: CycleOptions) -> (Vec<PlannedChange>, CycleEnd) {
        let copy = preview_copy(&self.folder.path().join("crm.db")).expect("a copy");
        let (directory, target) = self.adapters();
        let stop = Stop::default();
        let context = self.context(&directory, &copy, &stop, options);
        let end = preview(&context, &target.reader()).await.expect("the copy works");
        let rows = copy.read(|view| view.plan_rows(PlanFilter::All, 0, 100_000)).expect("a plan");
        let mut rows: Vec<PlannedChange> = rows.into_iter().map(|(_, row)| row).collect();
        rows.retain(|row| matches!(row.status, ChangeStatus::Planned | ChangeStatus::Held));
        (rows, end)
    }

    /// What an explanation of this name comes to, now.
    pub(crate) async fn explain(&self, who: &str) -> Explained {
        self.try_explain(who).await.expect("everything can be read")
    }

    /// What an explanation of this name comes to, or why there is none.
    pub(crate) async fn try_explain(&self, who: &str) -> Result<Explained, CycleError> {
        let (directory, target) = self.adapters();
        let store = self.store.as_ref().expect("the state is open");
        let clock: &dyn Clock = &self.engine_clock;
        let question = Question { job: &self.job, store, directory: &directory, clock };
        explain(&question, &target.reader(), who).await
    }

    /// Provisions one person on demand, for real.
    pub(crate) async fn provision(&self, name: &str) -> Provisioned {
        self.try_provision(name).await.expect("the state works")
    }

    /// The same, as far as the state lets it.
    pub(crate) async fn try_provision(&self, name: &str) -> Result<Provisioned, StoreError> {
        self.provision_id(self.id(name)).await
    }

    /// The same of a person or a group, by its id.
    pub(crate) async fn provision_id(&self, id: SourceId) -> Result<Provisioned, StoreError> {
        let (directory, target) = self.adapters();
        let (store, stop) = (self.state(), Stop::default());
        let context = self.context(&directory, store, &stop, CycleOptions::default());
        provision(&context, &target.writer(), id).await
    }

    /// What provisioning one person on demand would do.
    pub(crate) async fn preview_provision(&self, name: &str) -> Provisioned {
        let copy = preview_copy(&self.folder.path().join("crm.db")).expect("a copy");
        let (directory, target) = self.adapters();
        let stop = Stop::default();
        let context = self.context(&directory, &copy, &stop, CycleOptions::default());
        let done = preview_provision(&context, &target.reader(), self.id(name)).await;
        done.expect("the copy works")
    }

    /// The application wants this token from now on, and the engine has it.
    pub(crate) fn change_target_token(&mut self, token: &str) {
        self.application.set_token(token);
        self.use_target_token(token);
    }

    /// The engine has this token for the application from now on.
    pub(crate) fn use_target_token(&mut self, token: &str) {
        token.clone_into(&mut self.target.token);
    }

    /// Every byte of the state that is on the disk now, and every text that is packed in it.
    pub(crate) fn state_bytes(&self) -> Vec<u8> {
        let log = std::fs::read(self.folder.path().join("crm.db-wal")).unwrap_or_default();
        [super::state::bytes_and_texts(&self.folder.path().join("crm.db")), log].concat()
    }

    /// The rows of the last cycle for real.
    pub(crate) fn last_plan(&self) -> String {
        plan_text(self.store.as_ref().expect("the state is open"))
    }

    /// The log of one person, newest last.
    pub(crate) fn log(&self, name: &str) -> Vec<LogRow> {
        let filter = LogFilter { sources: Some(vec![self.id(name)]), ..LogFilter::default() };
        let store = self.store.as_ref().expect("the state is open");
        store.read(|view| view.log_rows(&filter, 1_000)).expect("a log")
    }

    /// The account that has this user name.
    pub(crate) fn account(&self, user_name: &str) -> Option<Value> {
        self.application.user_by_name(user_name).map(|map| json!(map))
    }

    /// Everybody assigned has an account and a day has passed.
    pub(crate) async fn all_provisioned(self) -> Self {
        let end = self.sync_well().await;
        assert_eq!(end.report.totals.failure, 0, "{}", self.last_plan());
        self.a_day_later();
        self.application.take_requests();
        self.tenant.take_requests();
        self
    }

    /// The engine ends and starts again.
    pub(crate) fn restart(&mut self) {
        self.store = None;
        self.store = Some(open(&self.folder, &self.wire));
    }

    /// The engine's state.
    pub(crate) fn state(&self) -> &Engine {
        self.store.as_ref().expect("the state is open")
    }

    fn context<'a>(
        &'a self,
        directory: &'a GraphDirectory,
        store: &'a Engine,
        stop: &'a Stop,
        options: CycleOptions,
    ) -> Context<'a, GraphDirectory> {
        Context {
            job: &self.job,
            store,
            directory,
            clock: &self.engine_clock,
            host: &self.host,
            stop,
            observer: &|_| {},
            options,
            deadline: None,
        }
    }

    /// The real adapters over the in-process tenant and application.
    pub(crate) fn adapters(&self) -> (GraphDirectory, ScimTarget) {
        let clock: Arc<dyn Clock> = Arc::new(self.engine_clock.clone());
        let (client_id, secret) = self.tenant.default_client();
        let root = self.graph.base_url.clone();
        let secret = secret.expose().to_owned();
        let tokens = TokenSource::new(
            TokenSettings {
                token_url: token_url(&root, TENANT_ID),
                client_id,
                scope: Some(scope(&root)),
                credential: Credential::ClientSecret {
                    secret: Arc::new(move || Ok(Secret::new(secret.clone()))),
                    sent: SecretSent::Body,
                },
            },
            self.wire.to(Arc::clone(&self.graph.exchange)),
            Arc::clone(&clock),
        );
        let directory = GraphDirectory::new(
            &GraphSettings { graph_url: root },
            self.wire.to(Arc::clone(&self.graph.exchange)),
            Authorizer::Token(tokens),
            Arc::clone(&clock),
        );
        let token = self.target.token.clone();
        let bearer = Bearer::new(Arc::new(move || Ok(Secret::new(token.clone()))));
        let target = ScimTarget::new(
            TargetSettings {
                base_url: self.target.base_url.clone(),
                query: Vec::new(),
                user_agent: http::HeaderValue::from_static("entra-scim/test"),
            },
            self.wire.to(Arc::clone(&self.target.exchange)),
            Authorizer::Bearer(bearer),
            clock,
        );
        (directory, target)
    }
}

/// Stands on the line to the application.
struct Meddler {
    inner: Arc<dyn Exchange>,
    lets_through: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl Exchange for Meddler {
    fn exchange(&self, request: http::Request<bytes::Bytes>) -> Answer<'_> {
        Box::pin(async move {
            let is_write = request.method() != http::Method::GET;
            if is_write && !(self.lets_through)() {
                std::future::pending::<()>().await;
            }
            self.inner.exchange(request).await
        })
    }
}

/// Answers every create with what it answered the first one with.
struct Repeating {
    inner: Arc<dyn Exchange>,
    first: std::sync::OnceLock<bytes::Bytes>,
}

impl Exchange for Repeating {
    fn exchange(&self, request: http::Request<bytes::Bytes>) -> Answer<'_> {
        Box::pin(async move {
            let is_create = request.method() == http::Method::POST;
            let mut answer = self.inner.exchange(request).await?;
            if is_create {
                let body = self.first.get_or_init(|| answer.body().clone());
                *answer.body_mut() = body.clone();
            }
            Ok(answer)
        })
    }
}

/// Answers each write with a refusal that holds the request's body, as careless services do.
struct Echo(Arc<dyn Exchange>);

impl Exchange for Echo {
    fn exchange(&self, request: http::Request<bytes::Bytes>) -> Answer<'_> {
        Box::pin(async move {
            if request.method() == http::Method::GET {
                return self.0.exchange(request).await;
            }
            let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
            let mut said = Vec::new();
            texts(&body, &mut said);
            let error = json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
                "status": "400",
                "scimType": "invalidValue",
                "detail": format!("cannot take: {}", said.join(", ")),
            });
            let answer = http::Response::builder()
                .status(400)
                .header("content-type", "application/scim+json")
                .body(error.to_string().into());
            Ok(answer.expect("a response"))
        })
    }
}

/// Told the decoded path and query of a request; a status to answer it with, or nothing.
type Seeing = Arc<dyn Fn(&str) -> Option<u16> + Send + Sync>;

/// Stands on the line to the directory.
struct Bystander {
    inner: Arc<dyn Exchange>,
    sees: Seeing,
}

impl Exchange for Bystander {
    fn exchange(&self, request: http::Request<bytes::Bytes>) -> Answer<'_> {
        Box::pin(async move {
            let target = request.uri().path_and_query().map_or("", |target| target.as_str());
            let target = percent_encoding::percent_decode_str(target).decode_utf8_lossy();
            let Some(status) = (self.sees)(&target) else {
                return self.inner.exchange(request).await;
            };
            let error =
                json!({ "error": { "code": "Request_UnsupportedQuery", "message": "No." } });
            let answer = http::Response::builder().status(status).body(error.to_string().into());
            Ok(answer.expect("a response"))
        })
    }
}

/// Takes every user out of the lists of the directory.
struct Emptied(Arc<dyn Exchange>);

impl Exchange for Emptied {
    fn exchange(&self, request: http::Request<bytes::Bytes>) -> Answer<'_> {
        Box::pin(async move {
            let lists_users = request.uri().path().ends_with("/users/delta");
            let answer = self.0.exchange(request).await?;
            if !lists_users || !answer.status().is_success() {
                return Ok(answer);
            }
            let (parts, body) = answer.into_parts();
            let mut document: Value = serde_json::from_slice(&body).expect("JSON");
            document["value"] = json!([]);
            Ok(http::Response::from_parts(parts, document.to_string().into()))
        })
    }
}

/// Every text in a document that is no URN.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if !text.starts_with("urn:") => found.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| texts(value, found)),
        Value::Object(members) => members.values().for_each(|value| texts(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() || self.expects_violations {
            return;
        }
        let violations = self.application.violations();
        assert!(violations.is_empty(), "the application complains: {violations:#?}");
    }
}

/// Every exchange with Graph in a story is as Microsoft describes it, both ways.
fn hold_against_description(exchange: &RecordedRequest) {
    let Some(status) = exchange.status else { return };
    if !graph_schema::is_available() || exchange.is_login() || exchange.json().is_none() {
        return;
    }
    graph_schema::check(
        &exchange.method,
        &exchange.path,
        &exchange.body,
        status,
        &exchange.response,
    );
}

/// A plan as text: one line a row, one more for each attribute.
pub(crate) fn plan_text(store: &Engine) -> String {
    let rows = store.read(|view| view.plan_rows(PlanFilter::Visible, 0, 10_000)).expect("a plan");
    let mut rows: Vec<PlannedChange> = rows.into_iter().map(|(_, row)| row).collect();
    rows.sort_by(|a, b| (a.phase, &a.source_display).cmp(&(b.phase, &b.source_display)));
    let show = |value: &Option<Value>| {
        value.as_ref().map_or_else(|| "∅".to_owned(), |v| shown(v).to_string())
    };
    let mut text = String::new();
    for row in &rows {
        let name = row.source_display.split('@').next().unwrap_or_default();
        writeln!(
            text,
            "{} {name}  {}  {}",
            row.action.as_str(),
            row.status.as_str(),
            row.error.as_ref().map_or(&row.detail, |error| &error.detail)
        )
        .expect("a text takes it");
        for change in &row.changes {
            writeln!(text, "    {}: {} → {}", change.path, show(&change.old), show(&change.new))
                .expect("a text takes it");
        }
    }
    if text.is_empty() { "nothing to do\n".to_owned() } else { text }
}
