//! Serves the simulated tenant and the simulated application until it is stopped.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use serde_json::json;
use tokio::net::TcpListener;
use uuid::Uuid;

use super::{
    args::SandboxArgs,
    config::{self, APP, Settings},
};
use crate::{
    cli::{args::Global, exit::ExitCode, output, problem::Problem},
    config::temporary_folder,
    daemon::{SystemClock, stop_on_signals},
    model::Clock,
    sandbox::{
        self, Pace,
        application::{LargeApplication, LargeApplicationOptions},
        tenant::{LargeTenant, LargeTenantOptions},
    },
};

const TENANT_ID: Uuid = Uuid::from_u128(0xc0de_50c0_0000_4000_8000_0000_0000_0002);

/// People for one group, where nothing is said.
const USERS_PER_GROUP: u32 = 50;

/// Memberships for one person, where nothing is said.
const MEMBERSHIPS_PER_USER: u64 = 5;

/// What is served, and where.
struct Served {
    tenant: LargeTenant,
    graph_url: String,
    application_url: String,
    config: String,
    /// Where the configuration was written.
    written: Option<PathBuf>,
}

/// Runs the command.
pub(in crate::cli) async fn run(args: &SandboxArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let stop = stop_on_signals().map_err(Problem::from)?;
    let served = serve(args).await?;
    if global.json {
        output::json(&document(&served, args))?;
    } else {
        output::data(&text(&served, args))?;
    }
    output::note(global, "it runs until it is stopped with Ctrl-C");
    if let Some(share) = args.churn {
        let (tenant, wait) = (served.tenant.clone(), args.churn_every);
        tokio::spawn(async move {
            loop {
                SystemClock.sleep(wait).await;
                tenant.churn_share(share);
            }
        });
    }
    stop.requested().await;
    Ok(ExitCode::Done)
}

async fn serve(args: &SandboxArgs) -> anyhow::Result<Served> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let graph = listen(args.graph_port, "--graph-port").await?;
    let scim = listen(args.scim_port, "--scim-port").await?;
    let graph_url = format!("http://{}", graph.local_addr()?);
    let token = Uuid::new_v4().simple().to_string();
    let application = LargeApplication::new(LargeApplicationOptions {
        clock: Arc::clone(&clock),
        token: token.clone(),
        pace: Pace { latency: args.latency, requests_per_second_max: args.limit },
    });
    let application_url = application.base_url(scim.local_addr()?);
    let memberships = u64::from(args.users) * MEMBERSHIPS_PER_USER;
    let tenant = LargeTenant::new(LargeTenantOptions {
        seed: args.seed,
        clock,
        tenant_id: TENANT_ID,
        base_url: graph_url.clone(),
        users: args.users,
        groups: args.groups.unwrap_or(args.users.div_ceil(USERS_PER_GROUP)),
        memberships: args.memberships.unwrap_or(memberships),
        assigned_users: args.assigned_users,
        pace: Pace { latency: args.graph_latency, requests_per_second_max: args.graph_limit },
    });
    let (client_id, secret) = tenant.default_client();
    let config = Settings {
        tenant_id: &TENANT_ID.to_string(),
        client_id: &client_id,
        client_secret: secret.expose(),
        app_id: &tenant.app_id(),
        graph_url: &graph_url,
        application_url: &application_url,
        application_token: &token,
        state_dir: state_dir(args.write_config.as_deref())?,
        scope: args.scope,
    };
    let config = config.text();
    if let Some(path) = &args.write_config {
        config::write(path, &config)?;
    }
    let beside = BTreeMap::from([("scim", application.measured())]);
    sandbox::serve(graph, tenant.router(beside));
    sandbox::serve(scim, application.router());
    let written = args.write_config.clone();
    Ok(Served { tenant, graph_url, application_url, config, written })
}

async fn listen(port: u16, option: &str) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    listener.with_context(|| format!("listen on port {port} ({option})"))
}

/// Beside the configuration; in a folder of its own where that is only printed.
fn state_dir(config: Option<&Path>) -> anyhow::Result<PathBuf> {
    let Some(path) = config else {
        let id = Uuid::new_v4().simple().to_string();
        return Ok(temporary_folder().join(format!("entra-scim-sandbox-{}", &id[..8])));
    };
    let path = std::path::absolute(path).context("find the configuration's folder")?;
    Ok(path.parent().unwrap_or(Path::new("/")).join("state"))
}

fn document(served: &Served, args: &SandboxArgs) -> serde_json::Value {
    json!({
        "graph_url": served.graph_url,
        "application_url": served.application_url,
        "counters_url": format!("{}/sandbox/counters", served.graph_url),
        "users": args.users,
        "memberships": served.tenant.membership_count(),
        "app": APP,
        "config_path": served.written,
        "config": served.config,
    })
}

fn text(served: &Served, args: &SandboxArgs) -> String {
    let Served { graph_url, application_url, .. } = served;
    let (users, memberships) = (args.users, served.tenant.membership_count());
    let mut text = format!(
        "A simulated tenant: {users} people, {memberships} memberships in groups\n\
         Microsoft Graph:    {graph_url}\n\
         The application:    {application_url}\n\
         What was asked:     {graph_url}/sandbox/counters\n",
    );
    // Writing to a text cannot fail.
    let _ = match &served.written {
        Some(path) => {
            let path = path.display();
            writeln!(text, "Configuration:      {path}\n\nTry: entra-scim --config {path} sync")
        }
        None => write!(text, "\n{}", served.config),
    };
    text
}
