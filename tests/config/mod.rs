//! The configuration as its user meets it: the example, good files, and every way to get one wrong.

mod abilities;
mod example;
mod groups;
mod mistakes;
mod packaging;
mod secrets;
mod settings;
mod sign_in;

use entra_scim::config::{Config, Diagnosis, parse};

/// A file with nothing left out that is needed, and nothing more.
const MINIMAL: &str = r#"[tenant]
id = "contoso.onmicrosoft.com"
client_id = "66666666-7777-8888-9999-aaaaaaaaaaaa"
client_secret = { env = "GRAPH_SECRET" }

[apps.crm]
enterprise_app = "CRM"

[apps.crm.target]
tenant_url = "https://crm.example.com/scim"
secret_token = { env = "CRM_TOKEN" }
"#;

/// The configuration in `text`, which has to be right.
#[track_caller]
fn accept(text: &str) -> Config {
    let shown = |finding: &Diagnosis| finding.to_string();
    parse(text, "config.toml")
        .map_err(|findings| findings.iter().map(shown).collect::<Vec<_>>())
        .expect("the file is right")
}

/// Everything found in `text`, which has to be wrong.
#[track_caller]
fn refuse(text: &str) -> String {
    let findings = parse(text, "config.toml").expect_err("the file is wrong");
    findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// [`MINIMAL`] with one part replaced.
#[track_caller]
fn with(part: &str, replacement: &str) -> String {
    assert!(MINIMAL.contains(part), "{part} is in the minimal file");
    MINIMAL.replacen(part, replacement, 1)
}

/// [`MINIMAL`] with more at its end.
fn and(more: &str) -> String {
    format!("{MINIMAL}{more}\n")
}
