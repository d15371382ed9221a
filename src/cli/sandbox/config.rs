//! The configuration for a sandbox: an ordinary one, complete, as `config` reads it.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde_json::Value;

use super::args::ScopeArg;
use crate::cli::{exit::ExitCode, problem::Problem};

/// The application's section.
pub(super) const APP: &str = "sandbox";

/// What the file begins with, by which it is known for ours.
const OPENING: &str = "# Written by `entra-scim sandbox`: a simulated tenant and application.";

/// What the configuration says.
pub(super) struct Settings<'a> {
    pub(super) tenant_id: &'a str,
    pub(super) client_id: &'a str,
    pub(super) client_secret: &'a str,
    pub(super) app_id: &'a str,
    pub(super) graph_url: &'a str,
    pub(super) application_url: &'a str,
    pub(super) application_token: &'a str,
    pub(super) state_dir: PathBuf,
    pub(super) scope: ScopeArg,
}

impl Settings<'_> {
    /// The text of the file. The secrets stand in it: they open nothing but the sandbox.
    pub(super) fn text(&self) -> String {
        let quoted = |text: &str| Value::from(text).to_string();
        let scope = match self.scope {
            ScopeArg::Assigned => "assigned",
            ScopeArg::All => "all",
        };
        format!(
            r#"{OPENING}

[tenant]
id = {tenant_id}
client_id = {client_id}
client_secret = {{ value = {client_secret} }}
# Only because both are simulated on this machine:
login_url = {graph_url}
graph_url = {graph_url}

[service]
state_dir = {state_dir}
listen = "off"

[apps.{APP}]
enterprise_app = {app_id}
profile = "generic"
scope = "{scope}"

[apps.{APP}.target]
tenant_url = {application_url}
secret_token = {{ value = {application_token} }}
"#,
            tenant_id = quoted(self.tenant_id),
            client_id = quoted(self.client_id),
            client_secret = quoted(self.client_secret),
            graph_url = quoted(self.graph_url),
            state_dir = quoted(&self.state_dir.display().to_string()),
            app_id = quoted(self.app_id),
            application_url = quoted(self.application_url),
            application_token = quoted(self.application_token),
        )
    }
}

/// Writes the configuration so that only its owner can read it, and never over somebody else's.
pub(super) fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    match fs::read_to_string(path) {
        Ok(before) if !before.starts_with(OPENING) => {
            let message = format!("{} is there already, and no sandbox wrote it", path.display());
            return Err(Problem::new(ExitCode::Usage, message)
                .with_hint("name another file with --write-config")
                .into());
        }
        Ok(_) => fs::remove_file(path).with_context(|| format!("replace {}", path.display()))?,
        Err(_) => {}
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    }
    let mut options = fs::OpenOptions::new();
    let opened = options.write(true).create_new(true).mode(0o600).open(path);
    opened
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("write {}", path.display()))
}
