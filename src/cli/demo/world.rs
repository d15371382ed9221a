//! The demo's world: a tenant, an application, and the configuration that joins them.

use std::{
    fs,
    io::Write as _,
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use uuid::Uuid;

use super::day::Beforehand;
use crate::{
    config::{self, Config},
    model::Timestamp,
    sandbox::{
        VirtualClock,
        application::{Application, ApplicationOptions},
        population::{Contoso, PopulationOptions, contoso},
        tenant::{Tenant, TenantOptions},
    },
};

/// The application's section in the demo's configuration.
pub(in crate::cli) const APP: &str = "demo";

/// Decides every name and id, so that each demonstration shows the same people.
const SEED: u64 = 1;

const TENANT_ID: Uuid = Uuid::from_u128(0xc0de_50c0_0000_4000_8000_0000_0000_0001);

/// The default of `service.listen`.
const PAGE: &str = "127.0.0.1:8640";

/// Everything that the demo runs against.
pub(in crate::cli) struct World {
    /// The time of all three: a day passes on it when we say so.
    pub(in crate::cli) clock: VirtualClock,
    /// The tenant.
    pub(in crate::cli) tenant: Tenant,
    /// Who is who in it.
    pub(in crate::cli) contoso: Contoso,
    /// The application.
    pub(in crate::cli) application: Application,
    /// Where the tenant listens.
    pub(in crate::cli) tenant_url: String,
    /// Where the application listens.
    pub(in crate::cli) application_url: String,
    /// The configuration, as read back from its file.
    pub(in crate::cli) config: Config,
    /// That file.
    pub(in crate::cli) config_path: PathBuf,
}

/// Starts both sides and writes configuration, secrets and state into `folder`.
pub(in crate::cli) async fn start(folder: &Path, now: Timestamp) -> anyhow::Result<World> {
    fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    let folder = fs::canonicalize(folder).with_context(|| format!("find {}", folder.display()))?;
    let config_path = folder.join("config.toml");
    anyhow::ensure!(
        !config_path.exists(),
        "{} is there already, from an earlier demo perhaps; name another folder with --dir",
        config_path.display()
    );
    let clock = VirtualClock::starting_at(now);
    let tenant = Tenant::new(TenantOptions {
        seed: SEED,
        clock: Arc::new(clock.clone()),
        tenant_id: TENANT_ID,
        base_url: String::new(),
    });
    let tenant_url = tenant.serve(TcpListener::bind("127.0.0.1:0").await?)?;
    let contoso = contoso(&tenant, PopulationOptions::default());
    let options = ApplicationOptions::strict(SEED, Arc::new(clock.clone()));
    let token = options.token.clone();
    let application = Application::new(options);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let application_url = application.base_url(listener.local_addr()?);
    tokio::spawn(application.clone().serve(listener));
    seed_accounts(&application);
    let (client_id, secret) = tenant.default_client();
    write_new(&folder.join("graph-secret"), secret.expose())?;
    write_new(&folder.join("application-token"), &token)?;
    let urls = [tenant_url.as_str(), &application_url];
    let text = config_text(&folder, &client_id, &contoso, urls, page_address().await?);
    write_new(&config_path, &text)?;
    let config = config::load(Some(&config_path)).context("read the demo's own configuration")?;
    Ok(World {
        clock,
        tenant,
        contoso,
        application,
        tenant_url,
        application_url,
        config,
        config_path,
    })
}

/// The accounts that are there before the first cycle, of which [`BEFOREHAND`] are somebody's.
pub(in crate::cli) const SEEDED: u64 = 3;

/// What [`seed_accounts`] leaves behind.
pub(in crate::cli) const BEFOREHAND: Beforehand = Beforehand { matching: 2, matching_disabled: 1 };

/// Accounts that people made by hand before anything was provisioned: two of people who are
/// assigned, and one that belongs to nobody in the directory.
fn seed_accounts(application: &Application) {
    let account =
        |value: Value| -> Map<String, Value> { value.as_object().cloned().unwrap_or_default() };
    application.seed_user(account(json!({
        "userName": "grace.moor@contoso.example", "displayName": "Grace Moor", "active": true,
        "title": "Sales (made by hand)",
    })));
    application.seed_user(account(json!({
        "userName": "noor.halabi@contoso.example", "displayName": "Noor", "active": false,
    })));
    application.seed_user(account(json!({
        "userName": "crm-admin", "displayName": "CRM administrator", "active": true,
    })));
}

/// Where the status page listens: at its usual place, or at a free one where that is taken.
async fn page_address() -> std::io::Result<SocketAddr> {
    let usual = TcpListener::bind(PAGE).await;
    let listener = match usual {
        Ok(listener) => listener,
        Err(_) => TcpListener::bind("127.0.0.1:0").await?,
    };
    listener.local_addr()
}

fn config_text(
    folder: &Path,
    client_id: &str,
    contoso: &Contoso,
    [tenant_url, application_url]: [&str; 2],
    listen: SocketAddr,
) -> String {
    let quoted = |text: &str| Value::from(text).to_string();
    let path = |name: &str| quoted(&folder.join(name).display().to_string());
    format!(
        r#"# Written by `entra-scim demo`: a simulated tenant and a simulated application.

[tenant]
id = "{TENANT_ID}"
client_id = {client_id}
client_secret = {{ file = {secret} }}
# Only because both are simulated on this machine:
login_url = {tenant_url}
graph_url = {tenant_url}

[service]
state_dir = {state}
interval = "40m"
listen = "{listen}"

[apps.{APP}]
enterprise_app = {app_id}
profile = "generic"

[apps.{APP}.target]
tenant_url = {application_url}
secret_token = {{ file = {token} }}
"#,
        client_id = quoted(client_id),
        secret = path("graph-secret"),
        tenant_url = quoted(tenant_url),
        state = path("state"),
        app_id = quoted(&contoso.app_id),
        application_url = quoted(&format!("{application_url}?aadOptscim062020")),
        token = path("application-token"),
    )
}

/// Writes a file that only its owner can read, and that was not there.
fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut options = fs::OpenOptions::new();
    let opened = options.write(true).create_new(true).mode(0o600).open(path);
    opened
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("write {}", path.display()))
}
