//! From a path to a [`Config`].

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use toml::de::DeTable;

use super::{
    application::{self, Application, Defaults},
    diagnosis::{At, Diagnosis, Findings, Severity},
    email,
    raw::Section,
    secret_source::environment,
    service,
    settings::Config,
    surroundings::Surroundings,
    tenant, webhook,
};

/// Where the configuration is looked up last.
pub const CONFIG_PATH_DEFAULT: &str = "/etc/entra-scim/config.toml";

/// The environment variable that names the configuration where `--config` does not.
pub const CONFIG_PATH_VARIABLE: &str = "ENTRA_SCIM_CONFIG";

const KEYS: [&str; 5] = ["tenant", "service", "email", "webhook", "apps"];

/// Why there is no configuration. For each the exit code is 2.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file is not there or not readable.
    #[error("read the configuration {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file was read and refused. Every finding is here, warnings included.
    #[error("{} of the configuration {}", count(findings), path.display())]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// Everything found, in the order of the file.
        findings: Vec<Diagnosis>,
    },
}

impl LoadError {
    /// Everything that is wrong, one line each below the first.
    pub fn report(&self) -> String {
        match self {
            Self::Read { path, source } => {
                format!("the configuration {} cannot be read: {source}", path.display())
            }
            Self::Invalid { path, findings } => {
                let errors = findings.iter().filter(|f| f.severity == Severity::Error).count();
                let noun =
                    if errors == 1 { "1 mistake".to_owned() } else { format!("{errors} mistakes") };
                let lines: Vec<String> = findings.iter().map(|f| format!("\n  {f}")).collect();
                format!("the configuration {} has {noun}{}", path.display(), lines.concat())
            }
        }
    }
}

/// Reads the configuration and everything it names: `explicit`, else `$ENTRA_SCIM_CONFIG`, else
/// `/etc/entra-scim/config.toml`.
///
/// Every secret was readable once when this returns `Ok`; nothing was sent anywhere.
pub fn load(explicit: Option<&Path>) -> Result<Config, LoadError> {
    let path = match (explicit, environment(CONFIG_PATH_VARIABLE)) {
        (Some(path), _) => path.to_owned(),
        (None, Some(path)) => PathBuf::from(path),
        (None, None) => PathBuf::from(CONFIG_PATH_DEFAULT),
    };
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(source) => return Err(LoadError::Read { path, source }),
    };
    let name = path.display().to_string();
    decode(&text, &name, Surroundings::Present)
        .map_err(|findings| LoadError::Invalid { path, findings })
}

/// Validates the text alone: files and variables that it names are neither needed nor read, and
/// `ca_pem` stays empty. `file_name` is for the messages.
///
/// The error holds every finding, warnings included.
pub fn parse(text: &str, file_name: &str) -> Result<Config, Vec<Diagnosis>> {
    decode(text, file_name, Surroundings::Absent)
}

fn decode(
    text: &str,
    file_name: &str,
    surroundings: Surroundings,
) -> Result<Config, Vec<Diagnosis>> {
    let mut findings = Findings::new(file_name, text);
    let (document, syntax_errors) = DeTable::parse_recoverable(text);
    if !syntax_errors.is_empty() {
        for error in syntax_errors {
            let at = At { path: String::new(), span: error.span().unwrap_or(0..0) };
            findings.error(&at, error.message().to_owned());
        }
        return Err(findings.into_sorted());
    }
    let root = Section::root(&document, &KEYS, &mut findings);
    let tenant = root
        .required("tenant", &mut findings)
        .and_then(|node| tenant::decode(&node, surroundings, &mut findings));
    let service = service::decode(root.get("service").as_ref(), surroundings, &mut findings);
    let email =
        root.get("email").and_then(|node| email::decode(&node, surroundings, &mut findings));
    let webhooks = webhook::decode(&root, surroundings, &mut findings);
    let defaults = Defaults {
        tenant: tenant.as_ref().map_or("", |tenant| tenant.id.as_str()),
        schedule: &service.schedule,
        jitter: service.jitter,
        zone: service.zone,
        surroundings,
        has_email: root.get("email").is_some(),
    };
    let apps = applications(&root, &defaults, &mut findings);
    let findings = findings.into_sorted();
    let is_refused = findings.iter().any(|finding| finding.severity == Severity::Error);
    match tenant {
        Some(tenant) if !is_refused => Ok(Config {
            tenant,
            service: service.settings,
            email,
            webhooks,
            apps: apps.into_iter().map(|app| app.settings).collect(),
            warnings: findings,
        }),
        _ => Err(findings),
    }
}

fn applications(
    root: &Section<'_, '_>,
    defaults: &Defaults<'_>,
    findings: &mut Findings<'_>,
) -> Vec<Application> {
    let Some(section) =
        root.required("apps", findings).and_then(|node| Section::open_free(&node, findings))
    else {
        return Vec::new();
    };
    let mut apps = Vec::new();
    for (name, node) in section.entries() {
        apps.extend(application::decode(name, &node, defaults, findings));
    }
    if section.entries().is_empty() {
        findings.error(&section.at, "has no application; add a section [apps.NAME]");
    }
    refuse_shared_targets(&apps, findings);
    refuse_names_that_differ_in_case_only(&apps, findings);
    apps
}

/// Two jobs that write the same accounts would undo each other's work for ever, unless one of them
/// says that this is meant: then each leaves the other's alone.
fn refuse_shared_targets(apps: &[Application], findings: &mut Findings<'_>) {
    for (index, app) in apps.iter().enumerate() {
        let is_same =
            |other: &&Application| other.settings.job.target_key() == app.settings.job.target_key();
        let Some(first) = apps[..index].iter().find(is_same) else { continue };
        let (one, two) = (&first.settings, &app.settings);
        let (one_name, two_name) = (one.job.app.as_str(), two.job.app.as_str());
        if one.shared_target || two.shared_target {
            continue;
        }
        findings.error_hint(
            &app.tenant_url_at,
            format!("is the target of application `{one_name}` too"),
            format!(
                "two applications that write the same accounts would undo each other's work; give \
                 each its own, or set `shared_target = true` in [apps.{one_name}] or \
                 [apps.{two_name}]: then neither touches an account that the other has or had"
            ),
        );
    }
}

/// State files are named after applications, and some file systems fold case.
fn refuse_names_that_differ_in_case_only(apps: &[Application], findings: &mut Findings<'_>) {
    let mut seen = BTreeMap::new();
    for app in apps {
        let name = app.settings.job.app.as_str();
        if let Some(first) = seen.insert(name.to_ascii_lowercase(), name) {
            findings.error(
                &app.tenant_url_at,
                format!("applications `{first}` and `{name}` differ in case only"),
            );
        }
    }
}

fn count(findings: &[Diagnosis]) -> String {
    let errors = findings.iter().filter(|f| f.severity == Severity::Error).count();
    if errors == 1 { "1 error".to_owned() } else { format!("{errors} errors") }
}
