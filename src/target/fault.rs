//! What an answer or a broken connection means. Every failure is classified here and nowhere else.

use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode, header};
use serde_json::Value;
use url::Url;
use zeroize::Zeroizing;

use crate::{
    http::{SignInFault, SignedHeaders, TransportFault, retry_after},
    model::Timestamp,
    port::{FaultClass, TargetFault},
    scim::ScimError,
};

/// Characters of a fault's detail: a page of HTML or a stack trace helps nobody.
const DETAIL_CHARS_MAX: usize = 300;

/// Characters of a `scimType`: the longest of RFC 7644 has 13.
const SCIM_TYPE_CHARS_MAX: usize = 60;

/// A parameter's value shorter than this is no credential, and hiding it would garble the text.
const SECRET_BYTES_MIN: usize = 6;

/// What a request is about; the same status means different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// A list, filtered or not.
    Query,
    /// One resource, by id.
    Resource,
    /// A resource that is to be.
    Creation,
}

/// Texts that no fault may repeat, should a service send them back.
pub(super) struct Redaction(Vec<Zeroizing<String>>);

impl Redaction {
    /// Hides what signed the request in and the values of the extra parameters.
    pub(super) fn new<'a>(signed: &SignedHeaders, extra: impl Iterator<Item = &'a str>) -> Self {
        let extra = extra.filter(|value| value.len() >= SECRET_BYTES_MIN);
        let kept = |text: &str| Zeroizing::new(text.to_owned());
        let secrets = signed.secrets();
        let secrets = secrets.iter().map(|secret| kept(secret.expose()));
        Self(secrets.chain(extra.map(kept)).collect())
    }

    /// The text on one line, without the secrets, at most so many characters.
    fn clean(&self, text: &str, chars_max: usize) -> String {
        let mut clean = text.to_owned();
        for secret in &self.0 {
            clean = clean.replace(secret.as_str(), "[redacted]");
        }
        shorten(&clean, chars_max)
    }
}

fn shorten(text: &str, chars_max: usize) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= chars_max {
        return line;
    }
    let kept: String = line.chars().take(chars_max - 1).collect();
    kept + "…"
}

/// A fault of our own words.
pub(super) fn fault(class: FaultClass, status: Option<StatusCode>, detail: &str) -> TargetFault {
    TargetFault {
        class,
        status: status.map(|status| status.as_u16()),
        scim_type: None,
        detail: detail.to_owned(),
        retry_after: None,
    }
}

/// No credential could be had.
pub(super) fn sign_in(fault: SignInFault) -> TargetFault {
    TargetFault {
        class: if fault.temporary { FaultClass::Unavailable } else { FaultClass::Unauthorized },
        status: None,
        scim_type: None,
        detail: fault.message,
        retry_after: fault.retry_after,
    }
}

/// No usable answer came. An answer to a write that is too large is lost: it may be a success.
pub(super) fn transport(transport: &TransportFault, method: &Method) -> TargetFault {
    let class = match transport {
        TransportFault::NotSent(_) => FaultClass::Unavailable,
        TransportFault::TooLarge { .. } if *method == Method::GET => FaultClass::Malformed,
        TransportFault::Lost(_) | TransportFault::TooLarge { .. } => FaultClass::Lost,
    };
    fault(class, None, &shorten(&transport.to_string(), DETAIL_CHARS_MAX))
}

/// Any answer but a success.
pub(super) fn refusal(
    about: About,
    answer: &Response<Bytes>,
    base: &Url,
    now: Timestamp,
    redaction: &Redaction,
) -> TargetFault {
    let status = answer.status();
    let error = ScimError::parse(answer.body()).unwrap_or_default();
    let retry_after = retry_after(answer.headers(), now);
    let facts = Facts {
        about,
        asks_to_wait: answer.headers().contains_key(header::RETRY_AFTER),
        uniqueness: error.is_uniqueness(),
        foreign_body: is_foreign(answer.body()),
    };
    let said = if status.is_redirection() {
        redirect(answer.headers(), base)
    } else {
        let kind = error.scim_type.as_deref().map(|kind| format!(" ({kind})")).unwrap_or_default();
        format!("answered {}{kind}: {}", status.as_u16(), message(answer, &error))
    };
    TargetFault {
        class: class(status.as_u16(), facts),
        status: Some(status.as_u16()),
        scim_type: error.scim_type.map(|kind| redaction.clean(&kind, SCIM_TYPE_CHARS_MAX)),
        detail: redaction.clean(&said, DETAIL_CHARS_MAX),
        retry_after,
    }
}

#[derive(Clone, Copy)]
struct Facts {
    about: About,
    asks_to_wait: bool,
    uniqueness: bool,
    foreign_body: bool,
}

/// The class of a refusal.
///
/// | status | class |
/// | --- | --- |
/// | 3xx | not compliant: no redirect is followed |
/// | 401 | unauthorized |
/// | 429; 403 and 503 with `Retry-After` (403 is how GitHub throttles) | throttled |
/// | 404, 410 | missing for a resource, else not compliant |
/// | 409; any 4xx with scimType `uniqueness` | conflict |
/// | 408, 500, 503 | unavailable |
/// | 502, 504 and the gateways' own, above 505 | lost |
/// | others | malformed with a body that is not JSON, else rejected |
fn class(status: u16, facts: Facts) -> FaultClass {
    match status {
        300..=399 => FaultClass::NotCompliant,
        401 => FaultClass::Unauthorized,
        429 => FaultClass::Throttled,
        403 | 503 if facts.asks_to_wait => FaultClass::Throttled,
        404 | 410 => match facts.about {
            About::Resource => FaultClass::Missing,
            About::Query | About::Creation => FaultClass::NotCompliant,
        },
        409 => FaultClass::Conflict,
        400..=499 if facts.uniqueness => FaultClass::Conflict,
        408 | 500 | 503 => FaultClass::Unavailable,
        502 | 504 | 506..=599 => FaultClass::Lost,
        _ if facts.foreign_body => FaultClass::Malformed,
        _ => FaultClass::Rejected,
    }
}

/// Whether a body is there and is no JSON object: a proxy's page, most likely.
pub(super) fn is_foreign(body: &[u8]) -> bool {
    !is_blank(body) && !matches!(serde_json::from_slice(body), Ok(Value::Object(_)))
}

pub(super) fn is_blank(body: &[u8]) -> bool {
    body.iter().all(u8::is_ascii_whitespace)
}

/// What the service said, or what it sent instead.
fn message(answer: &Response<Bytes>, error: &ScimError) -> String {
    if let Some(detail) = &error.detail {
        return detail.clone();
    }
    let body = answer.body();
    if is_blank(body) {
        return "no explanation".to_owned();
    }
    if let Ok(Value::Object(object)) = serde_json::from_slice::<Value>(body) {
        let texts = ["message", "error_description", "error", "title"];
        let said = texts.iter().find_map(|name| object.get(*name).and_then(Value::as_str));
        return said.unwrap_or("no explanation").to_owned();
    }
    let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    format!("a body that is not SCIM ({})", kind.unwrap_or("of no declared type"))
}

fn redirect(headers: &HeaderMap, base: &Url) -> String {
    let location = headers.get(header::LOCATION).and_then(|location| location.to_str().ok());
    let host = location
        .and_then(|location| base.join(location).ok())
        .and_then(|location| location.host_str().map(str::to_owned))
        .unwrap_or_else(|| "nowhere".to_owned());
    format!("answered with a redirect to {host}; it was not followed and nothing was sent there")
}
