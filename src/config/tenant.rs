//! `[tenant]`.

use super::{
    diagnosis::{At, Findings},
    endpoint,
    raw::{Located, Node, Section},
    secret_source::{self, absolute_path, read_public_file},
    settings::{Cloud, CredentialSettings, TenantSettings},
    surroundings::Surroundings,
};

pub(super) const KEYS: [&str; 11] = [
    "id",
    "client_id",
    "client_secret",
    "certificate",
    "federated_token_file",
    "managed_identity",
    "cloud",
    "login_url",
    "graph_url",
    "ca_file",
    "proxy",
];

const CREDENTIALS: [&str; 4] =
    ["client_secret", "certificate", "federated_token_file", "managed_identity"];

const CLOUDS: [(&str, Cloud); 4] = [
    ("global", Cloud::Global),
    ("usgov", Cloud::UsGov),
    ("usgov-dod", Cloud::UsGovDod),
    ("china", Cloud::China),
];

/// Decodes `[tenant]`; `None` where something in it is wrong.
pub(super) fn decode(
    node: &Node<'_, '_>,
    surroundings: Surroundings,
    findings: &mut Findings<'_>,
) -> Option<TenantSettings> {
    let section = Section::open(node, &KEYS, findings)?;
    let id = section.required_string("id", findings).and_then(|id| tenant_id(id, findings));
    let credential = credential(&section, surroundings, findings);
    let client_id = client_id(&section, findings);
    let cloud = section.choice("cloud", &CLOUDS, Cloud::default(), findings);
    let login_url = endpoint::root_url(&section, "login_url", findings);
    let graph_url = endpoint::root_url(&section, "graph_url", findings);
    let ca_pem = endpoint::ca_pem(&section, surroundings, findings);
    let proxy = endpoint::proxy(&section, findings);
    Some(TenantSettings {
        id: id?,
        client_id: client_id?,
        credential: credential?,
        cloud,
        login_url: login_url.unwrap_or_else(|| cloud.login_url()),
        graph_url: graph_url.unwrap_or_else(|| cloud.graph_url()),
        ca_pem,
        proxy,
    })
}

fn tenant_id(text: Located<String>, findings: &mut Findings<'_>) -> Option<String> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_domain = text.value.contains('.') && text.value.split('.').all(label);
    if is_guid(&text.value) || is_domain {
        return Some(text.value);
    }
    findings.error_hint(
        &text.at,
        format!("{:?} is neither a tenant id nor a domain", text.value),
        "copy the tenant ID from the overview page of Microsoft Entra",
    );
    None
}

/// A managed identity has a client id of its own; everything else needs the app registration's.
fn client_id(section: &Section<'_, '_>, findings: &mut Findings<'_>) -> Option<String> {
    if section.get("managed_identity").is_some() && section.get("client_id").is_none() {
        return Some(String::new());
    }
    guid(section.required_string("client_id", findings)?, findings)
}

fn guid(text: Located<String>, findings: &mut Findings<'_>) -> Option<String> {
    if is_guid(&text.value) {
        return Some(text.value);
    }
    findings.error_hint(
        &text.at,
        format!("{:?} is not a GUID", text.value),
        "copy the application (client) ID from the app registration",
    );
    None
}

fn is_guid(text: &str) -> bool {
    uuid::Uuid::try_parse(text).is_ok_and(|id| !id.is_nil())
}

fn credential(
    section: &Section<'_, '_>,
    surroundings: Surroundings,
    findings: &mut Findings<'_>,
) -> Option<CredentialSettings> {
    let given: Vec<_> =
        CREDENTIALS.iter().filter_map(|key| Some((*key, section.get(key)?))).collect();
    let [(kind, node)] = given.as_slice() else {
        let (at, problem) = match given.last() {
            None => (section.at.clone(), "has no credential".to_owned()),
            Some((_, last)) => {
                let keys: Vec<_> = given.iter().map(|(key, _)| format!("`{key}`")).collect();
                let at = At { path: section.at.path.clone(), span: last.at.span.clone() };
                (at, format!("has {} credentials: {}", given.len(), keys.join(", ")))
            }
        };
        findings.error_hint(
            &at,
            problem,
            "give exactly one of `client_secret`, `certificate`, `federated_token_file`, \
             `managed_identity`",
        );
        return None;
    };
    match *kind {
        "client_secret" => secret_source::decode(node, surroundings, findings)
            .map(CredentialSettings::ClientSecret),
        "certificate" => endpoint::certificate(node, surroundings, findings)
            .map(|(cert, key)| CredentialSettings::Certificate { cert, key }),
        "federated_token_file" => {
            let text = node.string(findings)?;
            let path = absolute_path(&text, findings)?;
            if surroundings.are_present() {
                read_public_file(&path, &text.at, findings)?;
            }
            Some(CredentialSettings::FederatedTokenFile(path))
        }
        _ => {
            let identity = Section::open(node, &["client_id"], findings)?;
            let client_id = match identity.string("client_id", findings) {
                Some(text) => Some(guid(text, findings)?),
                None => None,
            };
            Some(CredentialSettings::ManagedIdentity { client_id })
        }
    }
}
