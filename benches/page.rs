//! The status page with a long log, while a cycle runs: how fast it answers, and what that costs
//! the cycle.
//!
//! The program runs as a service of its own against simulated services in this process. Its state
//! has a million rows of log before its initial cycle begins; while that runs, a visitor asks every
//! page in turn, ten a second, and listens to the events. The same cycle runs without a visitor for
//! comparison, in turns. Prints each page's median and 99th percentile and how much longer the
//! cycle took, and ends non-zero where a figure misses its limit.
//! `QUICK=1 cargo bench --bench page` takes a small log and few people.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures the machine's time")]
#![expect(clippy::print_stdout, reason = "the figures are its output")]

use std::{
    collections::BTreeMap,
    path::Path,
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use entra_scim::{
    daemon::SystemClock,
    model::{Clock, SourceId},
    sandbox::{
        application::{Application, ApplicationOptions},
        tenant::{ApplicationSpec, Tenant, TenantOptions, UserSpec},
    },
    store::Engine,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

const TENANT_ID: &str = "11111111-2222-3333-4444-555555555555";
const APP_ID: &str = "77777777-2222-3333-4444-555555555555";

/// What is to be reached.
const ANSWER_MAX: Duration = Duration::from_millis(50);
const SLOWER_PERCENT_MAX: f64 = 2.0;

/// How often the visitor asks for a page.
const ASKS_EVERY: Duration = Duration::from_millis(100);

/// How large it is.
struct Size {
    log_rows: i64,
    people: usize,
    /// Cycles with a visitor, and as many without.
    turns: usize,
}

const WHOLE: Size = Size { log_rows: 1_000_000, people: 20_000, turns: 3 };
const QUICK: Size = Size { log_rows: 20_000, people: 500, turns: 1 };

/// What the visitor asks for, in turn.
const PAGES: [&str; 14] = [
    "/",
    "/apps/crm",
    "/apps/crm?cycles=1000",
    "/apps/crm/plan",
    "/apps/crm/failing",
    "/apps/crm/log",
    "/apps/crm/log?status=failure",
    "/apps/crm/log?status=failure&action=delete",
    "/apps/crm/log?action=disable",
    "/apps/crm/log?who=person%20777@contoso.com",
    "/apps/crm/log?who=nobody-has-this-in-the-name",
    "/apps/crm/log?who=son%20123&status=success",
    "/apps/crm/log?from=2026-01-05T10:00&to=2026-01-05T11:00",
    "/apps/crm/log/4711",
];

type Answers = BTreeMap<&'static str, Vec<Duration>>;

#[tokio::main]
async fn main() {
    let size = if std::env::var_os("QUICK").is_some() { QUICK } else { WHOLE };
    let folder = tempfile::tempdir().expect("a folder");
    let filled = folder.path().join("filled.sqlite");
    let began = Instant::now();
    fill(&filled, size.log_rows).expect("a log");
    println!("{} rows of log written in {:.1} s", size.log_rows, began.elapsed().as_secs_f64());
    let mut answers = Answers::new();
    let (mut alone, mut visited) = (Vec::new(), Vec::new());
    for _ in 0..size.turns {
        alone.push(cycle(&filled, size.people, None).await);
        visited.push(cycle(&filled, size.people, Some(&mut answers)).await);
    }
    let mut reached = true;
    for (page, times) in &mut answers {
        times.sort_unstable();
        let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)];
        let is_fast = at(99) <= ANSWER_MAX;
        reached &= is_fast;
        println!(
            "{:8}  p50 {:5.1} ms  p99 {:5.1} ms  of {:4}  {page}",
            if is_fast { "ok" } else { "TOO SLOW" },
            milliseconds(at(50)),
            milliseconds(at(99)),
            times.len()
        );
    }
    let (alone, visited) = (median(alone), median(visited));
    let slower = (visited.as_secs_f64() / alone.as_secs_f64() - 1.0) * 100.0;
    reached &= slower < SLOWER_PERCENT_MAX;
    println!(
        "{:8}  the cycle of {} people took {:.2} s alone and {:.2} s with a visitor: {slower:+.1} %",
        if slower < SLOWER_PERCENT_MAX { "ok" } else { "TOO SLOW" },
        size.people,
        alone.as_secs_f64(),
        visited.as_secs_f64()
    );
    if !reached {
        std::process::exit(1);
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// A state whose log has so many rows, written over three months, like those of real cycles.
fn fill(path: &Path, rows: i64) -> rusqlite::Result<()> {
    drop(Engine::open(path).expect("a state"));
    let mut connection = rusqlite::Connection::open(path)?;
    let tx = connection.transaction()?;
    let first: i64 = 1_767_225_600_000; // 2026-01-01
    {
        let mut statement = tx.prepare(
            "INSERT INTO provisioning_log (change_id, cycle_id, at, duration_ms, action, status, \
             source, source_name, target, code, version, body) \
             VALUES (?1, ?2, ?3, 40, ?4, ?5, ?6, ?7, ?8, 'AttributesChanged', 1, ?9)",
        )?;
        for n in 0..rows {
            // Of a hundred rows sixty are skips, two fail, one is a removal.
            let (action, status) = match n % 100 {
                0..60 => ("skip", "skipped"),
                60..62 => ("update", "failure"),
                62 => ("disable", "success"),
                63..70 => ("create", "success"),
                _ => ("update", "success"),
            };
            let person = n * 7_919 % 100_000;
            let source = SourceId::derive(&["person", &person.to_string()]).to_string();
            let name = format!("person {person}@contoso.com");
            let change = SourceId::derive(&["change", &n.to_string()]).to_string();
            let cycle = SourceId::derive(&["cycle", &(n / 3_000).to_string()]).to_string();
            let at = first + n * 7_776_000_000 / rows;
            let target = format!("t{person}");
            let body = body(&name, status).to_string();
            let values = (change, cycle, at, action, status, source, name, target, body);
            statement.execute(values)?;
        }
    }
    tx.commit()
}

/// The rest of a row, as long as a real one.
fn body(name: &str, status: &str) -> Value {
    let step = |name: &str, kind: &str, text: &str| {
        let details = json!({"Active in the source system": "True", "Assigned": "True"});
        json!({
            "name": name, "provisioningStepType": kind, "status": "success",
            "description": text, "details": details,
        })
    };
    let error = (status == "failure").then(
        || json!({"reason": "EntryConflict", "detail": "the application answered 409: taken"}),
    );
    let steps = [
        step("EntryImportUpdate", "import", "read from Microsoft Entra ID"),
        step("EntrySynchronizationScoping", "scoping", "in scope: assigned with the role Editor"),
        step("EntrySynchronizationMatch", "matching", "linked to its account since 2026-01-01"),
        step("EntryExportUpdate", "export", "3 attributes written"),
    ];
    let modified = [
        json!({"displayName": "displayName", "oldValue": "Person", "newValue": name}),
        json!({"displayName": "title", "oldValue": "Engineer", "newValue": "Principal Engineer"}),
        json!({"displayName": "name.familyName", "oldValue": null, "newValue": "Person"}),
    ];
    json!({
        "kind": "user", "reason": "AttributesChanged", "detail": "attributes changed",
        "error": error, "modified": modified, "steps": steps, "held": false,
    })
}

/// The initial cycle of so many people by the service, over a copy of the state; with a visitor
/// where its answers are taken. How long it took, as its report says.
async fn cycle(filled: &Path, people: usize, answers: Option<&mut Answers>) -> Duration {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let graph_url = format!("http://{}", listener.local_addr().expect("an address"));
    let tenant = Tenant::new(TenantOptions {
        seed: 7,
        clock: Arc::clone(&clock),
        tenant_id: TENANT_ID.parse().expect("a GUID"),
        base_url: graph_url.clone(),
    });
    let graph = tokio::spawn(axum::serve(listener, tenant.router()).into_future());
    let application = Application::new(ApplicationOptions::strict(7, clock));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let target_url = application.base_url(listener.local_addr().expect("an address"));
    let target = tokio::spawn(axum::serve(listener, application.router()).into_future());
    tenant.add_application(ApplicationSpec {
        display_name: "CRM".to_owned(),
        app_id: APP_ID.to_owned(),
        roles: Vec::new(),
    });
    for number in 0..people {
        let name = format!("new{number:06}@contoso.com");
        tenant.add_user(UserSpec::named(&name, &format!("New Person {number}")));
    }
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(filled, folder.path().join("crm.sqlite")).expect("a copy");
    let port = free_port().await;
    configure(folder.path(), (&graph_url, &target_url), port, &tenant);
    let mut service = command(folder.path(), &["run"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("it starts");
    let took = watch(port, answers).await;
    service.kill().await.expect("it ends");
    graph.abort();
    target.abort();
    took
}

/// A port that nobody listens on.
async fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Waits until the first cycle has finished, and visits meanwhile.
async fn watch(port: u16, mut answers: Option<&mut Answers>) -> Duration {
    let listener = answers.is_some().then(|| tokio::spawn(get(port, "/events")));
    let mut pages = PAGES.iter().cycle();
    let mut asked = Instant::now();
    loop {
        if asked.elapsed() >= Duration::from_secs(1) {
            asked = Instant::now();
            // One cheap question, in both cases alike.
            if let Some(text) = get(port, "/api/v1/status").await {
                let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
                let status: Value = serde_json::from_str(body).unwrap_or_default();
                let last = &status["apps"][0]["last_cycle"];
                if let Some(took) = last["duration_ms"].as_u64() {
                    assert_eq!(last["error"], Value::Null, "the cycle went well");
                    if let Some(listener) = listener {
                        listener.abort();
                    }
                    return Duration::from_millis(took);
                }
            }
        }
        if let Some(answers) = answers.as_deref_mut() {
            let page = pages.next().expect("endless");
            let began = Instant::now();
            if let Some(text) = get(port, page).await {
                answers.entry(page).or_default().push(began.elapsed());
                let first = text.lines().next().unwrap_or_default();
                assert!(first.contains(" 200 "), "{page}: {first}");
            }
        }
        tokio::time::sleep(ASKS_EVERY).await;
    }
}

/// An answer as it comes, on a connection of its own; `None` where nobody listens yet.
async fn get(port: u16, address: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let request =
        format!("GET {address} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.ok()?;
    String::from_utf8(bytes).ok()
}

fn configure(folder: &Path, (graph_url, target_url): (&str, &str), port: u16, tenant: &Tenant) {
    use std::os::unix::fs::PermissionsExt as _;
    let (client_id, secret) = tenant.default_client();
    let private = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("a file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("ours");
        path.display().to_string()
    };
    let graph_secret = private("graph-secret", secret.expose());
    let token = private("token", "secret");
    let state = folder.display();
    let config = format!(
        r#"
[tenant]
id = "{TENANT_ID}"
client_id = "{client_id}"
client_secret = {{ file = "{graph_secret}" }}
login_url = "{graph_url}"
graph_url = "{graph_url}"

[service]
state_dir = "{state}"
listen = "127.0.0.1:{port}"
# Longer than three months: the log that is there already stays.
log_retention = "3650d"

[apps.crm]
enterprise_app = "{APP_ID}"
scope = "all"

[apps.crm.target]
tenant_url = "{target_url}"
secret_token = {{ file = "{token}" }}
"#
    );
    std::fs::write(folder.join("config.toml"), config).expect("a file");
}

fn command(folder: &Path, words: &[&str]) -> tokio::process::Command {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_entra-scim"));
    command.arg("--config").arg(folder.join("config.toml")).args(words);
    command
}
