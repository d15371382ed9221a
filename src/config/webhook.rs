//! `[[webhook]]`: where else notices go.

use url::Url;

use super::{
    diagnosis::Findings,
    email::topics,
    endpoint,
    raw::{Node, Section},
    secret_source::{self, SecretSource},
    settings::{WebhookFormat, WebhookSettings},
    surroundings::Surroundings,
};

pub(super) const KEYS: [&str; 5] = ["url", "format", "routing_key", "on", "details"];

const FORMATS: [(&str, WebhookFormat); 4] = [
    ("generic", WebhookFormat::Generic),
    ("teams", WebhookFormat::Teams),
    ("slack", WebhookFormat::Slack),
    ("pagerduty", WebhookFormat::PagerDuty),
];

/// Decodes every `[[webhook]]`, without those that are wrong.
pub(super) fn decode(
    root: &Section<'_, '_>,
    surroundings: Surroundings,
    findings: &mut Findings<'_>,
) -> Vec<WebhookSettings> {
    let Some(rows) = root.rows("webhook", findings) else { return Vec::new() };
    rows.value.iter().filter_map(|node| decode_row(node, surroundings, findings)).collect()
}

fn decode_row(
    node: &Node<'_, '_>,
    surroundings: Surroundings,
    findings: &mut Findings<'_>,
) -> Option<WebhookSettings> {
    let section = Section::open(node, &KEYS, findings)?;
    let format = section.choice("format", &FORMATS, WebhookFormat::Generic, findings);
    let is_pagerduty = format == WebhookFormat::PagerDuty;
    let url = match section.get("url") {
        Some(node) => Some(url(&node, surroundings, findings)?),
        // PagerDuty has one address for everybody; its key says whose event it is.
        None if is_pagerduty => None,
        None => {
            section.required("url", findings);
            return None;
        }
    };
    let key = section.get("routing_key");
    let routing_key = match (key, is_pagerduty) {
        (Some(node), true) => Some(secret_source::decode(&node, surroundings, findings)?),
        (None, true) => {
            findings.error_hint(
                &section.at,
                "has no `routing_key`",
                "it is the Integration Key of an Events API v2 integration of the service",
            );
            return None;
        }
        (Some(node), false) => {
            findings.error(&node.at, "is for format = \"pagerduty\" alone");
            return None;
        }
        (None, false) => None,
    };
    let on = topics(&section, findings);
    let details = section.flag("details", false, findings);
    Some(WebhookSettings { url, format, routing_key, on, details })
}

/// The address is a secret: whoever has it can write there. So it is never repeated.
fn url(
    node: &Node<'_, '_>,
    surroundings: Surroundings,
    findings: &mut Findings<'_>,
) -> Option<SecretSource> {
    let source = secret_source::decode(node, surroundings, findings)?;
    if !surroundings.are_present() {
        return Some(source);
    }
    let text = source.read().ok()?;
    match Url::parse(text.expose().trim()) {
        Ok(url) if url.has_host() && endpoint::is_safe(&url) => Some(source),
        Ok(url) if url.has_host() => {
            findings.error(&node.at, "the address needs https, but for loopback addresses");
            None
        }
        Ok(_) | Err(_) => {
            findings.error(&node.at, "what is kept there is not a URL");
            None
        }
    }
}
