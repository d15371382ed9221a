//! The keys of `[service]` that say where the status page listens, and who is let in.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::{
    diagnosis::Findings,
    endpoint,
    raw::{Located, Section},
    secret_source::{self, SecretSource},
    settings::{PageSettings, TlsSettings},
    surroundings::Surroundings,
};

pub(super) const KEYS: [&str; 5] =
    ["listen", "access_token", "tls", "behind_proxy", "allowed_hosts"];

/// The page is for whoever is on the machine, unless the configuration says otherwise.
const LISTEN_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8640);

/// Characters of an access token. A shorter one could be guessed; `openssl rand -base64 32` gives
/// 44.
const TOKEN_CHARS_MIN: usize = 20;

impl Default for PageSettings {
    fn default() -> Self {
        Self {
            listen: LISTEN_DEFAULT,
            access_token: None,
            tls: None,
            behind_proxy: false,
            allowed_hosts: Vec::new(),
        }
    }
}

/// Decodes the keys; `None` where the page is off, or its address is wrong.
pub(super) fn decode(
    section: &Section<'_, '_>,
    surroundings: Surroundings,
    findings: &mut Findings<'_>,
) -> Option<PageSettings> {
    let listen = section.string("listen", findings);
    let access_token =
        section.get("access_token").and_then(|node| access_token(&node, surroundings, findings));
    let tls = section
        .get("tls")
        .and_then(|node| endpoint::certificate(&node, surroundings, findings))
        .map(|(cert, key)| TlsSettings { cert, key });
    let behind_proxy = section.flag("behind_proxy", false, findings);
    let allowed_hosts = match section.get("allowed_hosts") {
        Some(node) => hosts(&node.strings(findings), findings),
        None => Vec::new(),
    };
    let address = match &listen {
        Some(text) if text.value == "off" => return None,
        Some(text) => address(text, findings)?,
        None => LISTEN_DEFAULT,
    };
    if let Some(listen) = listen.filter(|_| !address.ip().is_loopback()) {
        let is_secret = section.get("access_token").is_some();
        let is_sealed = section.get("tls").is_some() || behind_proxy;
        refuse_open(&listen, is_secret, is_sealed, findings);
    } else if behind_proxy && section.get("access_token").is_none() {
        let problem = "without an `access_token` whoever reaches the proxy sees the status page, \
                       unless the proxy itself asks who they are";
        findings.warning(&section.at.join("behind_proxy", section.at.span.clone()), problem);
    }
    Some(PageSettings { listen: address, access_token, tls, behind_proxy, allowed_hosts })
}

fn address(text: &Located<String>, findings: &mut Findings<'_>) -> Option<SocketAddr> {
    let parsed = text.value.parse::<SocketAddr>();
    if parsed.is_err() {
        findings.error_hint(
            &text.at,
            format!("{:?} is not an address with a port", text.value),
            "write for example \"127.0.0.1:8640\" or \"[::1]:8640\", or \"off\" for no status page",
        );
    }
    parsed.ok()
}

/// Beyond this machine, the page needs a token, and nobody on the way may read along.
fn refuse_open(
    listen: &Located<String>,
    has_token: bool,
    is_sealed: bool,
    findings: &mut Findings<'_>,
) {
    let address = &listen.value;
    if !has_token {
        findings.error_hint(
            &listen.at,
            format!("{address} can be reached from other machines, and there is no `access_token`"),
            "write access_token = { file = \"/etc/entra-scim/page-token\" }, made with \
             `openssl rand -base64 32`; or listen on \"127.0.0.1:8640\"",
        );
    }
    if !is_sealed {
        findings.error_hint(
            &listen.at,
            format!("{address} can be reached from other machines, and what is said is in clear"),
            "write tls = { cert = \"….pem\", key = { file = \"….key\" } }; or behind_proxy = true \
             where a proxy before it speaks TLS; or listen on \"127.0.0.1:8640\"",
        );
    }
}

fn access_token(
    node: &super::raw::Node<'_, '_>,
    surroundings: Surroundings,
    findings: &mut Findings<'_>,
) -> Option<SecretSource> {
    let source = secret_source::decode(node, surroundings, findings)?;
    if surroundings.are_present()
        && let Ok(token) = source.read()
        && let Some(problem) = unfit(token.expose())
    {
        findings.error_hint(&node.at, problem, "make one with `openssl rand -base64 32`");
        return None;
    }
    Some(source)
}

/// Why a text is no access token.
fn unfit(token: &str) -> Option<String> {
    if !token.chars().all(|c| c.is_ascii_graphic()) {
        return Some("holds characters that a header cannot carry".to_owned());
    }
    let is_short = token.len() < TOKEN_CHARS_MIN;
    is_short.then(|| format!("is shorter than {TOKEN_CHARS_MIN} characters"))
}

/// Names under which the page may be asked for, without a port.
fn hosts(names: &[Located<String>], findings: &mut Findings<'_>) -> Vec<String> {
    let mut hosts = Vec::new();
    for name in names {
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        if name.value.chars().all(is_name) {
            hosts.push(name.value.to_ascii_lowercase());
        } else {
            let problem =
                format!("{:?} is not a host name, such as \"scim.example.com\"", name.value);
            findings.error(&name.at, problem);
        }
    }
    hosts
}
