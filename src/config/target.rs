//! `[apps.NAME.target]`.

use std::time::Duration;

use chrono::NaiveDate;
use toml::de::DeValue;

use super::{
    diagnosis::{At, Findings},
    duration, endpoint,
    raw::{Node, Section, wrong_type},
    settings::TargetConnection,
    surroundings::Surroundings,
    target_capability, target_sign_in,
};
use crate::{
    gallery::{Profile, RateClass},
    provisioning::job::{MEMBERS_PER_REQUEST_DEFAULT, Overrides, Pace},
    scim::{Dialect, MemberRemoval, parse_tenant_url},
};

const KEYS: [&str; 14] = [
    "tenant_url",
    "secret_token",
    "oauth",
    "basic",
    "headers",
    "client_certificate",
    "secret_token_expires",
    "dialect",
    "concurrency",
    "request_timeout",
    "max_requests_per_second",
    "max_members_per_request",
    "ca_file",
    "proxy",
];

const DIALECTS: [(&str, Option<Dialect>); 2] =
    [("rfc7644", Some(Dialect::Rfc7644)), ("entra-legacy", Some(Dialect::EntraLegacy))];

const CONCURRENCY_DEFAULT: u16 = 8;
/// More at once only moves the queue into the application.
const CONCURRENCY_MAX: u64 = 64;

const REQUEST_TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);
const REQUEST_TIMEOUT_MAX: Duration = Duration::from_secs(600);

/// More make a body that services with a limit of 1 MiB refuse.
const MEMBERS_PER_REQUEST_MAX: u64 = 1_000;

const REQUESTS_PER_SECOND_MAX: f64 = 10_000.0;

/// What `[apps.NAME.target]` says.
pub(super) struct Target {
    pub(super) connection: TargetConnection,
    pub(super) dialect: Dialect,
    pub(super) pace: Pace,
    pub(super) members: Members,
    pub(super) overrides: Overrides,
    pub(super) tenant_url_at: At,
}

/// How the members of groups are changed.
#[derive(Clone, Copy)]
pub(super) struct Members {
    pub(super) per_request_max: u32,
    pub(super) removal: MemberRemoval,
}

/// Decodes `[apps.NAME.target]`; `None` where something in it is wrong.
pub(super) fn decode(
    node: &Node<'_, '_>,
    profile: &Profile,
    surroundings: Surroundings,
    findings: &mut Findings<'_>,
) -> Option<Target> {
    let keys: Vec<&'static str> = KEYS.into_iter().chain(target_capability::KEYS).collect();
    let section = Section::open(node, &keys, findings)?;
    let tenant_url = tenant_url(&section, findings);
    let sign_in = target_sign_in::decode(&section, surroundings, findings);
    let secret_token_expires = expires(&section, findings);
    let dialect = section.choice("dialect", &DIALECTS, None, findings);
    let pace = pace(&section, profile, findings);
    let members_per_request_max = members_per_request_max(&section, profile, findings);
    let overrides = target_capability::decode(&section, profile, findings);
    let ca_pem = endpoint::ca_pem(&section, surroundings, findings);
    let proxy = endpoint::proxy(&section, findings);
    let (url, tenant_url_at) = tenant_url?;
    let dialect = dialect.or(url.dialect).unwrap_or(profile.dialect);
    let removal = target_capability::member_removal(&section, profile, dialect, findings);
    let members = Members { per_request_max: members_per_request_max, removal };
    let sign_in = sign_in?;
    let connection = TargetConnection {
        base: url.base,
        query: url.query,
        sign_in: sign_in.scheme,
        headers: sign_in.headers,
        client_certificate: sign_in.client_certificate,
        secret_token_expires,
        ca_pem,
        proxy,
    };
    Some(Target { connection, dialect, pace, members, overrides, tenant_url_at })
}

/// `secret_token_expires`: a day, as a text or as TOML's own date.
fn expires(section: &Section<'_, '_>, findings: &mut Findings<'_>) -> Option<NaiveDate> {
    let node = section.get("secret_token_expires")?;
    let text = match node.value {
        DeValue::Datetime(date) => date.to_string(),
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => node.string(findings)?.value,
    };
    let day = NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok();
    if day.is_none() {
        let hint = "write year, month and day, for example \"2027-03-01\"";
        findings.error_hint(&node.at, format!("{text:?} is not a day"), hint);
    }
    day
}

fn tenant_url(
    section: &Section<'_, '_>,
    findings: &mut Findings<'_>,
) -> Option<(crate::scim::TenantUrl, At)> {
    let text = section.required_string("tenant_url", findings)?;
    let url = match parse_tenant_url(&text.value) {
        Ok(url) => url,
        Err(error) => {
            findings.error(&text.at, error.to_string());
            return None;
        }
    };
    for warning in &url.warnings {
        findings.warning(&text.at, warning.clone());
    }
    if !endpoint::is_safe(&url.base) {
        findings.error_hint(
            &text.at,
            "would send the sign-in in clear",
            "an address that is not this machine's own needs https",
        );
        return None;
    }
    if !url.base.username().is_empty() || url.base.password().is_some() {
        findings.error(&text.at, "holds a user name or a password; put them into `basic`");
        return None;
    }
    Some((url, text.at))
}

fn pace(section: &Section<'_, '_>, profile: &Profile, findings: &mut Findings<'_>) -> Pace {
    let concurrency = section
        .get("concurrency")
        .and_then(|node| node.integer(1, CONCURRENCY_MAX, findings))
        .and_then(|number| u16::try_from(number).ok());
    let request_timeout = duration::get(
        section,
        "request_timeout",
        Duration::from_secs(1),
        REQUEST_TIMEOUT_MAX,
        findings,
    );
    let own_limit = section.get("max_requests_per_second").and_then(|node| rate(&node, findings));
    Pace {
        concurrency: concurrency.unwrap_or(CONCURRENCY_DEFAULT),
        requests_per_second_max: own_limit.or(profile.limits.rate(RateClass::All)),
        reads_per_second_max: profile.limits.rate(RateClass::Read),
        user_writes_per_second_max: profile.limits.rate(RateClass::UserWrite),
        group_writes_per_second_max: profile.limits.rate(RateClass::GroupWrite),
        request_timeout: request_timeout.map_or(REQUEST_TIMEOUT_DEFAULT, |duration| duration.value),
    }
}

/// `max_members_per_request`, else what the vendor says, else the default.
fn members_per_request_max(
    section: &Section<'_, '_>,
    profile: &Profile,
    findings: &mut Findings<'_>,
) -> u32 {
    let published = profile.limits.members_per_request.as_ref();
    let own = section.get("max_members_per_request").and_then(|node| {
        let number = node.integer(1, MEMBERS_PER_REQUEST_MAX, findings)?;
        Some((u32::try_from(number).ok()?, node.at))
    });
    if let (Some((own, at)), Some(limit)) = (&own, published)
        && *own > limit.max
    {
        let (name, most, source) = (&profile.name, limit.max, &limit.source);
        findings.warning(at, format!("profile `{name}` takes at most {most} (see {source})"));
    }
    let of_profile = published.map_or(MEMBERS_PER_REQUEST_DEFAULT, |limit| limit.max.max(1));
    own.map_or(of_profile, |(own, _)| own)
}

fn rate(node: &Node<'_, '_>, findings: &mut Findings<'_>) -> Option<f64> {
    let text = match node.value {
        DeValue::Integer(integer) => integer.to_string(),
        DeValue::Float(float) => float.as_str().to_owned(),
        other @ (DeValue::String(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_)) => {
            wrong_type(&node.at, "a number", other, findings);
            return None;
        }
    };
    let rate =
        text.parse::<f64>().ok().filter(|rate| *rate > 0.0 && *rate <= REQUESTS_PER_SECOND_MAX);
    if rate.is_none() {
        findings.error(
            &node.at,
            format!("{text} is not above 0 and at most {REQUESTS_PER_SECOND_MAX}"),
        );
    }
    rate
}
