//! The idle service: its anonymous memory, and the share of a core that it takes while it waits.
//!
//! The program runs as a process of its own with three applications against simulated services in
//! this one, so that only its own memory and time are measured. After the first cycles it is looked at
//! for a minute. Prints each figure with what is to be reached, and ends non-zero where it falls short.
//! `IDLE=300 cargo bench --bench idle` looks for so many seconds.

#![expect(clippy::print_stdout, reason = "the figures are its output")]
#![expect(clippy::disallowed_methods, reason = "a benchmark is about the machine's time")]

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    process::{ExitCode, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use entra_scim::{
    daemon::SystemClock,
    model::{AppRole, AppRoleId, Clock},
    sandbox::{
        application::{Application, ApplicationOptions},
        tenant::{ApplicationSpec, Tenant, TenantOptions, UserSpec},
    },
};
use tokio::net::TcpListener;

const TENANT_ID: &str = "11111111-2222-3333-4444-555555555555";
const APP_ID: &str = "77777777-2222-3333-4444-555555555555";
const APPS: [&str; 3] = ["crm", "hr", "wiki"];

/// People in each application.
const PEOPLE: usize = 100;

/// Seconds that the service is looked at where the environment says nothing.
const IDLE_DEFAULT: u64 = 60;

/// What it may have of anonymous memory, in KiB.
const MEMORY_MAX_KIB: u64 = 20 * 1_024;

/// What it may take of a core, in thousandths of a percent.
const CORE_MAX: f64 = 0.1;

/// How long the first cycles may take.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::main]
async fn main() -> ExitCode {
    let seconds = std::env::var("IDLE").ok().and_then(|text| text.parse().ok());
    let seconds = seconds.unwrap_or(IDLE_DEFAULT);
    let folder = tempfile::tempdir().expect("a folder");
    let (config, applications) = world(folder.path()).await;
    let program = Path::new(env!("CARGO_BIN_EXE_entra-scim"));
    let mut service = tokio::process::Command::new(program)
        .args(["run", "--config"])
        .arg(&config)
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("the program");
    let process = service.id().expect("it runs");
    let began = Instant::now();
    while applications.iter().any(|application| application.user_count() < PEOPLE) {
        assert!(began.elapsed() < PATIENCE, "the first cycles do not end");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // What a cycle has opened is closed again a while after it.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let (began, before) = (Instant::now(), cpu_ticks(process));
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let spent = ticks_as_seconds(cpu_ticks(process) - before).await;
    let share = spent / began.elapsed().as_secs_f64() * 100.0;
    let memory_kib = anonymous_kib(process);
    service.kill().await.expect("it ends");

    println!("{} applications, {PEOPLE} people in each, {seconds} s:", APPS.len());
    let memory_holds = memory_kib < MEMORY_MAX_KIB;
    let (mib, most_mib) = (memory_kib / 1_024, MEMORY_MAX_KIB / 1_024);
    println!(
        "  anonymous memory {mib} MiB ({memory_kib} KiB), below {most_mib} MiB: {memory_holds}"
    );
    let core_holds = share < CORE_MAX;
    println!("  {share:.3} % of a core, below {CORE_MAX} %: {core_holds}");
    if memory_holds && core_holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A tenant, three applications, and the configuration that joins them.
async fn world(folder: &Path) -> (std::path::PathBuf, Vec<Application>) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let graph = format!("http://{}", listener.local_addr().expect("an address"));
    let tenant = Tenant::new(TenantOptions {
        seed: 7,
        clock: Arc::clone(&clock),
        tenant_id: TENANT_ID.parse().expect("a GUID"),
        base_url: graph.clone(),
    });
    tokio::spawn(axum::serve(listener, tenant.router()).into_future());
    let editor = AppRole {
        id: AppRoleId::derive(&["role", "Editor"]),
        display_name: "Editor".to_owned(),
        value: Some("editor".to_owned()),
        is_enabled: true,
    };
    let enterprise_app = tenant.add_application(ApplicationSpec {
        display_name: "CRM".to_owned(),
        app_id: APP_ID.to_owned(),
        roles: vec![editor.clone()],
    });
    for number in 0..PEOPLE {
        let upn = format!("person{number}@contoso.com");
        let user = UserSpec::named(&upn, &format!("Person {number}")).with("mail", upn.clone());
        tenant.assign(enterprise_app, tenant.add_user(user), editor.id);
    }
    let (client_id, secret) = tenant.default_client();
    let secret = secret.expose();
    let state = folder.join("state");
    let mut text = format!(
        "[tenant]\nid = \"{TENANT_ID}\"\nclient_id = \"{client_id}\"\n\
         client_secret = {{ value = \"{secret}\" }}\nlogin_url = \"{graph}\"\n\
         graph_url = \"{graph}\"\n\n[service]\nstate_dir = \"{}\"\n",
        state.display()
    );
    let mut applications = Vec::new();
    for app in APPS {
        let application = Application::new(ApplicationOptions::strict(7, Arc::clone(&clock)));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = application.base_url(listener.local_addr().expect("an address"));
        tokio::spawn(axum::serve(listener, application.router()).into_future());
        applications.push(application);
        write!(
            text,
            "\n[apps.{app}]\nenterprise_app = \"{APP_ID}\"\n\n[apps.{app}.target]\n\
             tenant_url = \"{url}\"\nsecret_token = {{ value = \"secret\" }}\n"
        )
        .expect("a string takes every text");
    }
    let config = folder.join("config.toml");
    fs::write(&config, text).expect("a configuration");
    (config, applications)
}

/// Anonymous memory of a process, in KiB.
fn anonymous_kib(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.parse().ok()).expect("a number of KiB")
}

/// What a process has taken of the processor's time, in the system's ticks.
fn cpu_ticks(process: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("its times");
    let (_, fields) = stat.rsplit_once(") ").expect("a name in parentheses");
    let fields: Vec<&str> = fields.split(' ').collect();
    fields[11..13].iter().map(|field| field.parse::<u64>().expect("a number")).sum()
}

/// The system's ticks in seconds; a hundred a second, nearly everywhere.
#[expect(clippy::cast_precision_loss, reason = "a few hundred ticks")]
async fn ticks_as_seconds(ticks: u64) -> f64 {
    let asked = tokio::process::Command::new("getconf").arg("CLK_TCK").output().await;
    let text = asked.ok().and_then(|output| String::from_utf8(output.stdout).ok());
    let a_second = text.and_then(|text| text.trim().parse().ok()).unwrap_or(100.0);
    ticks as f64 / a_second
}
