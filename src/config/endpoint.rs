//! Addresses: which URLs a credential may be sent to, and the keys that every connection has.

use std::{net::IpAddr, path::PathBuf};

use url::{Host, Url};

use super::{
    diagnosis::Findings,
    raw::{Node, Section},
    secret_source::{self, SecretSource, absolute_path, read_public_file},
    surroundings::Surroundings,
};

/// Whether a credential may go there: over TLS, or in clear to this machine itself.
pub(super) fn is_safe(url: &Url) -> bool {
    match url.scheme() {
        "https" => true,
        "http" => is_loopback(url),
        _ => false,
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

/// The root URL of a service: a scheme and a host, and maybe a path.
pub(super) fn root_url(
    section: &Section<'_, '_>,
    key: &str,
    findings: &mut Findings<'_>,
) -> Option<Url> {
    let text = section.string(key, findings)?;
    let url = match Url::parse(&text.value) {
        Ok(url) if url.has_host() => url,
        Ok(_) => {
            findings.error(&text.at, format!("{:?} names no host", text.value));
            return None;
        }
        Err(error) => {
            findings.error(&text.at, format!("{:?} is not a URL: {error}", text.value));
            return None;
        }
    };
    let problem = if !is_safe(&url) {
        "sends credentials in clear; https is needed, but for loopback addresses"
    } else if !url.username().is_empty() || url.password().is_some() {
        "holds a user name or a password, which has no place here"
    } else if url.query().is_some() || url.fragment().is_some() {
        "holds a query or a fragment; give the root URL"
    } else if ["/v1.0", "/beta"].contains(&url.path().trim_end_matches('/')) {
        "holds an API version; give the root URL, without /v1.0"
    } else {
        return Some(url);
    };
    findings.error(&text.at, problem);
    None
}

/// `token_url`: where a token is asked for. It may have a query (RFC 6749 §3.2), but no fragment.
pub(super) fn token_url(section: &Section<'_, '_>, findings: &mut Findings<'_>) -> Option<Url> {
    let text = section.required_string("token_url", findings)?;
    let problem = match Url::parse(&text.value) {
        Err(error) => format!("{:?} is not a URL: {error}", text.value),
        Ok(url) if !url.has_host() => format!("{:?} names no host", text.value),
        Ok(url) if !is_safe(&url) => {
            "sends the client's secret in clear; https is needed, but for loopback addresses"
                .to_owned()
        }
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            "holds a user name or a password; put them into `client_id` and `client_secret`"
                .to_owned()
        }
        Ok(url) if url.fragment().is_some() => "holds a fragment".to_owned(),
        Ok(url) => return Some(url),
    };
    findings.error(&text.at, problem);
    None
}

/// `proxy`: an HTTP proxy.
pub(super) fn proxy(section: &Section<'_, '_>, findings: &mut Findings<'_>) -> Option<Url> {
    let text = section.string("proxy", findings)?;
    match Url::parse(&text.value) {
        Ok(url) if ["http", "https"].contains(&url.scheme()) && url.has_host() => {
            if url.password().is_none() {
                return Some(url);
            }
            findings.error(&text.at, "holds a password; this version has no place for one");
            None
        }
        _ => {
            findings.error_hint(
                &text.at,
                "is not the URL of a proxy",
                "write for example \"http://proxy.example.com:3128\"",
            );
            None
        }
    }
}

/// `ca_file`: certificates to trust beyond the system's, PEM.
pub(super) fn ca_pem(
    section: &Section<'_, '_>,
    surroundings: Surroundings,
    findings: &mut Findings<'_>,
) -> Option<Vec<u8>> {
    let text = section.string("ca_file", findings)?;
    let path = absolute_path(&text, findings)?;
    if !surroundings.are_present() {
        return None;
    }
    let pem = read_public_file(&path, &text.at, findings)?;
    if !is_certificate(&pem) {
        findings.error(&text.at, format!("{} holds no PEM certificate", path.display()));
        return None;
    }
    Some(pem)
}

/// `{ cert = "…", key = <secret> }`: a certificate and its private key.
pub(super) fn certificate(
    node: &Node<'_, '_>,
    surroundings: Surroundings,
    findings: &mut Findings<'_>,
) -> Option<(PathBuf, SecretSource)> {
    let section = Section::open(node, &["cert", "key"], findings)?;
    let key = section
        .required("key", findings)
        .and_then(|key| secret_source::decode(&key, surroundings, findings));
    let text = section.required_string("cert", findings)?;
    let cert = absolute_path(&text, findings)?;
    if surroundings.are_present() {
        let pem = read_public_file(&cert, &text.at, findings)?;
        if !is_certificate(&pem) {
            findings.error(&text.at, format!("{} holds no PEM certificate", cert.display()));
            return None;
        }
    }
    Some((cert, key?))
}

/// Whether a PEM text has a certificate in it.
fn is_certificate(pem: &[u8]) -> bool {
    const MARK: &[u8] = b"-----BEGIN CERTIFICATE-----";
    pem.windows(MARK.len()).any(|window| window == MARK)
}
