//! What a cycle costs in requests: the figures that the README promises, counted and not timed.
//!
//! `cargo bench --bench requests` assigns 500 of 20,000 simulated users, runs cycles over the real
//! adapters in process, prints each figure beside its reach and ends with an error where one falls
//! short. [`groups`] does so for group objects with their members.

mod groups;

use std::{collections::BTreeMap, process::ExitCode, sync::Arc};

use chrono::TimeZone as _;
use entra_scim::{
    config,
    cycle::{Context, CycleEnd, CycleOptions, Stop, sync},
    graph::{GraphDirectory, GraphSettings, scope, token_url},
    http::{Authorizer, Bearer, Credential, SecretSent, TokenSettings, TokenSource},
    model::{Clock, Secret, SourceId},
    provisioning::job::Job,
    sandbox::{
        VirtualClock,
        application::{Application, ApplicationOptions, Fault as TargetFault, Matcher, Moment},
        population::{PopulationOptions, contoso},
        tenant::{ErrorBody, Fault, FaultPlan, RetryAfter, Tenant, TenantOptions},
    },
    scim::Discovery,
    store::Engine,
    target::{ScimTarget, TargetSettings},
};
use url::Url;

const TENANT_ID: &str = "11111111-2222-3333-4444-555555555555";
const GRAPH: &str = "https://graph.sandbox.example";
const TARGET: &str = "https://app.sandbox.example/scim/v2";

const USERS: usize = 20_000;
const ASSIGNED: usize = 500;
/// Accounts asked for in one page of a survey.
const SURVEY_PAGE: usize = 200;
/// Cycles within which everything must have come to rest.
const CYCLES_MAX: u32 = 40;

/// A tenant, an application and the engine between them.
struct Bench {
    clock: VirtualClock,
    tenant: Tenant,
    people: BTreeMap<String, SourceId>,
    application: Application,
    store: Engine,
    job: Job,
    _folder: tempfile::TempDir,
}

/// One line of the table.
struct Figure {
    name: String,
    counted: u64,
    /// The most that it may be, or exactly this much.
    reach: Reach,
}

enum Reach {
    AtMost(u64),
    Exactly(u64),
}

impl Figure {
    fn at_most(name: impl Into<String>, counted: u64, most: u64) -> Self {
        Self { name: name.into(), counted, reach: Reach::AtMost(most) }
    }

    fn exactly(name: impl Into<String>, counted: u64, count: u64) -> Self {
        Self { name: name.into(), counted, reach: Reach::Exactly(count) }
    }

    fn holds(&self) -> bool {
        match self.reach {
            Reach::AtMost(most) => self.counted <= most,
            Reach::Exactly(count) => self.counted == count,
        }
    }

    fn line(&self) -> String {
        let reach = match self.reach {
            Reach::AtMost(most) => format!("≤ {most}"),
            Reach::Exactly(count) => format!("= {count}"),
        };
        let verdict = if self.holds() { "ok" } else { "SHORT" };
        format!("{:<58}{:>8}  {reach:<8}{verdict}", self.name, self.counted)
    }
}

/// The generic mapping without its manager, or whole.
fn mapping(managers: bool) -> &'static str {
    if managers {
        ""
    } else {
        r#"
[[apps.crm.users.attributes]]
target = "userName"
source = "userPrincipalName"
match = 1
[[apps.crm.users.attributes]]
target = "active"
expression = "Not([IsSoftDeleted])"
[[apps.crm.users.attributes]]
target = "displayName"
source = "displayName"
[[apps.crm.users.attributes]]
target = 'emails[type eq "work"].value'
source = "mail"
[[apps.crm.users.attributes]]
target = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"
source = "department"
"#
    }
}

/// A job whose section of the target ends with these lines, and what comes after them.
fn job(app_id: &str, lines: &str) -> Job {
    let text = format!(
        r#"
[tenant]
id = "{TENANT_ID}"
client_id = "99999999-2222-3333-4444-555555555555"
client_secret = {{ value = "x" }}
[apps.crm]
enterprise_app = "{app_id}"
exclude_default_access = false
[apps.crm.target]
tenant_url = "{TARGET}"
secret_token = {{ value = "secret" }}
{lines}
"#
    );
    let config = config::parse(&text, "config.toml").expect("the configuration is right");
    config.apps.into_iter().next().expect("one application").job
}

impl Bench {
    fn new(managers: bool) -> Self {
        Self::with(|tenant| {
            // The company's groups bring some of the five hundred.
            let options =
                PopulationOptions { seed: 1, users: USERS, groups: 20, assigned: ASSIGNED };
            let company = contoso(tenant, options);
            (job(&company.app_id, mapping(managers)), company.people)
        })
    }

    /// A tenant that is populated by this, which also says what is to be done.
    fn with(populate: impl FnOnce(&Tenant) -> (Job, BTreeMap<String, SourceId>)) -> Self {
        let start = chrono::Utc.with_ymd_and_hms(2026, 11, 23, 8, 0, 0).single().expect("a time");
        let clock = VirtualClock::starting_at(start);
        let tenant = Tenant::new(TenantOptions {
            seed: 1,
            clock: Arc::new(clock.clone()),
            tenant_id: TENANT_ID.parse().expect("a GUID"),
            base_url: GRAPH.to_owned(),
        });
        let (job, people) = populate(&tenant);
        let application = Application::new(ApplicationOptions::strict(1, Arc::new(clock.clone())));
        let folder = tempfile::tempdir().expect("a folder");
        let store = Engine::open(&folder.path().join("crm.db")).expect("a state file");
        Self { clock, tenant, people, application, store, job, _folder: folder }
    }

    async fn cycle(&self) -> CycleEnd {
        self.clock.advance(std::time::Duration::from_secs(40 * 60));
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let (client_id, secret) = self.tenant.default_client();
        let root = Url::parse(GRAPH).expect("a URL");
        let tokens = TokenSource::new(
            TokenSettings {
                token_url: token_url(&root, TENANT_ID),
                client_id,
                scope: Some(scope(&root)),
                credential: Credential::ClientSecret {
                    secret: Arc::new(move || Ok(Secret::new(secret.expose().to_owned()))),
                    sent: SecretSent::Body,
                },
            },
            Arc::new(self.tenant.clone()),
            Arc::clone(&clock),
        );
        let directory = GraphDirectory::new(
            &GraphSettings { graph_url: root },
            Arc::new(self.tenant.clone()),
            Authorizer::Token(tokens),
            Arc::clone(&clock),
        );
        let target = ScimTarget::new(
            TargetSettings {
                base_url: Url::parse(TARGET).expect("a URL"),
                query: Vec::new(),
                user_agent: http::HeaderValue::from_static("entra-scim/bench"),
            },
            Arc::new(self.application.clone()),
            Authorizer::Bearer(Bearer::new(Arc::new(|| Ok(Secret::new("secret".to_owned()))))),
            clock,
        );
        let context = Context {
            job: &self.job,
            store: &self.store,
            directory: &directory,
            clock: &self.clock,
            host: &Arc::default(),
            stop: &Stop::default(),
            observer: &|_| {},
            options: CycleOptions::default(),
            deadline: None,
        };
        sync(&context, &target.writer()).await.expect("the state works")
    }

    /// A cycle that comes to its end.
    async fn whole_cycle(&self) -> CycleEnd {
        let end = self.cycle().await;
        assert!(end.error.is_none(), "a cycle ended early: {:?}", end.report.error);
        end
    }

    fn writes(&self) -> u64 {
        let requests = self.application.take_requests();
        requests.iter().filter(|request| request.is_write()).count() as u64
    }

    /// Somebody who has an account now.
    fn somebody(&self) -> SourceId {
        self.people["ada"]
    }
}

async fn figures(managers: bool) -> Vec<Figure> {
    let bench = Bench::new(managers);
    let name = |text: &str| {
        let mapping = if managers { "with managers" } else { "without managers" };
        format!("{text}, {mapping}")
    };
    let first = bench.whole_cycle().await;
    let asked = first.report.requests;
    let created = first.report.totals.create;
    // The survey of an empty application is one page.
    let pages = (bench.application.user_count() - usize::try_from(created).unwrap_or_default())
        .div_ceil(SURVEY_PAGE)
        .max(1) as u64;
    let linked = bench.application.users();
    let referenced = linked
        .iter()
        .filter(|user| {
            user.iter()
                .any(|(name, value)| name.starts_with("urn:") && value.get("manager").is_some())
        })
        .count() as u64;
    let writes = bench.writes();
    let mut figures = vec![
        Figure::at_most(
            name("initial cycle: requests to Graph"),
            asked.graph,
            if managers { 30 } else { 12 },
        ),
        Figure::exactly(name("initial cycle: writes"), writes, created + referenced),
        Figure::exactly(
            name("initial cycle: requests to the application"),
            asked.target,
            created + referenced + pages + Discovery::ALL.len() as u64,
        ),
        Figure::exactly(
            name("initial cycle: accounts"),
            bench.application.user_count() as u64,
            created,
        ),
    ];
    let idle = bench.whole_cycle().await;
    figures.push(Figure::at_most(
        name("nothing changed: requests to Graph"),
        idle.report.requests.graph,
        6,
    ));
    figures.push(Figure::exactly(
        name("nothing changed: requests to the application"),
        idle.report.requests.target,
        0,
    ));
    bench.application.take_requests();
    bench.tenant.set_attribute(bench.somebody(), "displayName", "Ada Lovelace");
    let one = bench.whole_cycle().await;
    figures.push(Figure::at_most(
        name("one changed user: requests to Graph"),
        one.report.requests.graph,
        6,
    ));
    figures.push(Figure::exactly(
        name("one changed user: requests to the application"),
        one.report.requests.target,
        1,
    ));
    figures.push(Figure::exactly(name("one changed user: writes"), bench.writes(), 1));
    figures
}

/// Requests until a new company has its accounts, and a changed one its changes: in good weather,
/// or where one request in five fails.
async fn requests_to_rest(faulty: Weather) -> u64 {
    let bench = Bench::new(false);
    if faulty == Weather::OneInFiveFails {
        bench.tenant.follow(FaultPlan { seed: 1, rules: graph_faults(), login: false });
        for (fault, probability) in target_faults() {
            bench.application.inject_by_chance(fault, Matcher::any(), probability);
        }
    }
    let mut requests = 0;
    for changes in [false, true] {
        if changes {
            for (number, person) in bench.people.values().enumerate() {
                bench.tenant.set_attribute(*person, "displayName", format!("Display {number}"));
            }
        }
        for _ in 0..CYCLES_MAX {
            let end = bench.cycle().await;
            let asked = end.report.requests;
            requests += asked.graph + asked.target;
            let waiting = bench.store.read(|view| view.escrow_counts()).expect("the state works");
            if end.error.is_none() && asked.target == 0 && waiting.all == 0 {
                break;
            }
        }
    }
    requests
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Weather {
    Good,
    OneInFiveFails,
}

/// Each with its chance in a thousand requests: two hundred in all.
fn graph_faults() -> Vec<(Fault, u16)> {
    let error = |status| Fault::ServerError { status, body: ErrorBody::Json };
    vec![
        (Fault::Throttle(RetryAfter::Seconds(2)), 80),
        (error(503), 60),
        (Fault::ResetBefore, 30),
        (Fault::ResetAfter, 30),
    ]
}

/// Each with its probability: a fifth in all. Of a twentieth nobody knows whether they were applied.
fn target_faults() -> Vec<(TargetFault, f64)> {
    let error = |status, moment| TargetFault::Status { status, retry_after: None, moment };
    vec![
        (TargetFault::throttled(std::time::Duration::from_secs(1)), 0.06),
        (error(503, Moment::BeforeApplying), 0.06),
        (TargetFault::Refused, 0.03),
        (TargetFault::Reset(Moment::BeforeApplying), 0.015),
        (TargetFault::Reset(Moment::AfterApplying), 0.02),
        (error(504, Moment::AfterApplying), 0.015),
    ]
}

/// Requests of all cycles with faults, as a percentage of those without.
async fn overhead() -> Figure {
    let good = requests_to_rest(Weather::Good).await;
    let faulty = requests_to_rest(Weather::OneInFiveFails).await;
    Figure::at_most(
        format!("20 % faults: requests in % of {good} without"),
        (faulty * 100).div_ceil(good),
        150,
    )
}

#[expect(clippy::print_stdout, reason = "the table is what this program is for")]
fn main() -> ExitCode {
    let runtime =
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime of one thread");
    println!("{ASSIGNED} assigned of {USERS} users");
    let mut short = 0;
    for managers in [false, true] {
        for figure in runtime.block_on(figures(managers)) {
            println!("{}", figure.line());
            short += u32::from(!figure.holds());
        }
    }
    for figure in runtime.block_on(groups::figures()) {
        println!("{}", figure.line());
        short += u32::from(!figure.holds());
    }
    let overhead = runtime.block_on(overhead());
    println!("{}", overhead.line());
    short += u32::from(!overhead.holds());
    if short == 0 {
        ExitCode::SUCCESS
    } else {
        println!("{short} figures fall short of their reach");
        ExitCode::FAILURE
    }
}
