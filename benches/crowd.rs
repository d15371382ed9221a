//! One group of many members: the memory that the program needs for it, at the initial cycle and
//! when one member more comes.
//!
//! The program runs as a process of its own against simulated services in this one, so that only
//! its own memory is measured. Prints each figure with what is to be reached, and ends non-zero
//! where it falls short. `CROWD=100000 cargo bench --bench crowd` takes another number of members.

#![expect(clippy::disallowed_methods, reason = "a benchmark is about the machine's memory")]
#![expect(clippy::print_stdout, reason = "the figures are its output")]

use std::{path::Path, process::Stdio, sync::Arc, time::Duration};

use entra_scim::{
    daemon::SystemClock,
    model::{AppRole, AppRoleId, Clock, SourceId},
    sandbox::{
        application::{Application, ApplicationOptions},
        tenant::{ApplicationSpec, Tenant, TenantOptions, UserSpec},
    },
};
use serde_json::Value;
use tokio::net::TcpListener;

const TENANT_ID: &str = "11111111-2222-3333-4444-555555555555";
const APP_ID: &str = "77777777-2222-3333-4444-555555555555";

/// Members where the environment says nothing.
const CROWD_DEFAULT: usize = 10_000;

/// What the program may need at most, in MiB.
const MEMORY_MAX_MIB: u64 = 128;

/// How often the program's memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What one run of the program came to.
struct Run {
    peak_mib: u64,
    took: Duration,
    report: Value,
}

#[tokio::main]
async fn main() {
    let crowd = std::env::var("CROWD").ok().and_then(|text| text.parse().ok());
    let crowd = crowd.unwrap_or(CROWD_DEFAULT);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let graph_url = format!("http://{}", listener.local_addr().expect("an address"));
    let tenant = Tenant::new(TenantOptions {
        seed: 7,
        clock: Arc::clone(&clock),
        tenant_id: TENANT_ID.parse().expect("a GUID"),
        base_url: graph_url.clone(),
    });
    tokio::spawn(axum::serve(listener, tenant.router()).into_future());
    let application = Application::new(ApplicationOptions::strict(7, clock));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let target_url = application.base_url(listener.local_addr().expect("an address"));
    tokio::spawn(axum::serve(listener, application.router()).into_future());

    let group = populate(&tenant, crowd);
    let late = tenant.add_user(UserSpec::named("late@contoso.com", "Late"));
    let folder = tempfile::tempdir().expect("a folder");
    configure(folder.path(), (&graph_url, &target_url), &tenant);

    let initial = sync(folder.path()).await;
    let members = || -> usize {
        let groups = application.groups();
        groups.iter().filter_map(|group| group.get("members")?.as_array()).map(Vec::len).sum()
    };
    assert_eq!(members(), crowd, "everybody is a member: {}", initial.report);
    tenant.add_member(group, late);
    let one_more = sync(folder.path()).await;
    assert_eq!(members(), crowd + 1, "one more is a member: {}", one_more.report);

    let mut reached = true;
    for (what, run) in [("initial cycle", &initial), ("one member more", &one_more)] {
        let verdict = if run.peak_mib <= MEMORY_MAX_MIB { "ok" } else { "TOO MUCH" };
        reached &= run.peak_mib <= MEMORY_MAX_MIB;
        println!(
            "{verdict:8}  {what}, a group of {crowd}: {} MiB at most, at most {MEMORY_MAX_MIB} MiB \
             ({:.1} s, {} requests to the application)",
            run.peak_mib,
            run.took.as_secs_f64(),
            run.report["requests"]["target"]
        );
    }
    if !reached {
        std::process::exit(1);
    }
}

/// An application that one group is assigned to, with everybody in it.
fn populate(tenant: &Tenant, crowd: usize) -> SourceId {
    let role = AppRoleId::derive(&["role", "Editor"]);
    let application = tenant.add_application(ApplicationSpec {
        display_name: "CRM".to_owned(),
        app_id: APP_ID.to_owned(),
        roles: vec![AppRole {
            id: role,
            display_name: "Editor".to_owned(),
            value: Some("editor".to_owned()),
            is_enabled: true,
        }],
    });
    let group = tenant.add_group("Everybody");
    tenant.assign(application, group, role);
    for number in 0..crowd {
        let name = format!("p{number:06}@contoso.com");
        let id = tenant.add_user(UserSpec::named(&name, &format!("Person {number}")));
        tenant.add_member(group, id);
    }
    group
}

fn configure(folder: &Path, (graph_url, target_url): (&str, &str), tenant: &Tenant) {
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

[apps.crm]
enterprise_app = "{APP_ID}"

[apps.crm.target]
tenant_url = "{target_url}"
secret_token = {{ file = "{token}" }}

[apps.crm.groups]
enabled = true
"#
    );
    std::fs::write(folder.join("config.toml"), config).expect("a file");
}

/// One cycle of the program, as a process of its own.
async fn sync(folder: &Path) -> Run {
    let began = std::time::Instant::now();
    let mut program =
        command(folder, &["sync", "--quiet"]).stdout(Stdio::null()).spawn().expect("it starts");
    let status = format!("/proc/{}/status", program.id().expect("it runs"));
    let mut peak_mib = 0;
    while program.try_wait().expect("it runs").is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib: Option<u64> =
            line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak_mib = peak_mib.max(kib.unwrap_or(0) / 1_024);
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let took = began.elapsed();
    let output = command(folder, &["status", "--json"]).output().await.expect("it starts");
    let status: Value = serde_json::from_slice(&output.stdout).expect("a document");
    Run { peak_mib, took, report: status["apps"][0]["last_cycle"].clone() }
}

fn command(folder: &Path, words: &[&str]) -> tokio::process::Command {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_entra-scim"));
    command.arg("--config").arg(folder.join("config.toml")).args(words);
    command
}
