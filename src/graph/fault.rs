//! What a failure of Graph means, decided once ("Microsoft Graph error responses and resource
//! types", "Use delta query: synchronization reset").

use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    http::{SignInFault, TransportFault},
    port::DirectoryFault,
};

/// Graph's message is for people; this much of it tells what is wrong.
const MESSAGE_CHARS_MAX: usize = 300;

/// A word longer than any GUID or property name may be a token and is not repeated.
const WORD_CHARS_MAX: usize = 40;

/// Codes, in lower case, that say a delta or page token is of no use any more.
const TOKEN_CODES: [&str; 11] = [
    "syncstatenotfound",
    "syncstateinvalid",
    "resyncrequired",
    "resyncchangesapplydifferences",
    "resyncchangesuploaddifferences",
    "directory_expiredpagetoken",
    "directory_resyncrequired",
    "directorypagetokennotfoundexception",
    "baddeltatoken",
    "invaliddeltatoken",
    "deltatokenexpired",
];

/// What is being read: it names the permission that helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    Application,
    Assignments,
    Users,
    Managers,
    Groups,
    Memberships,
    DeletedUsers,
    ProvisioningJobs,
    Registration,
    ProvisioningSchema,
    Organization,
    Domains,
}

impl Reading {
    /// The least application permission for this read (each call's page, "Permissions").
    pub(super) fn permission(self) -> &'static str {
        match self {
            Self::Application | Self::Assignments | Self::Registration => "Application.Read.All",
            Self::Users | Self::Managers | Self::DeletedUsers => "User.Read.All",
            Self::Groups | Self::Memberships => "GroupMember.Read.All",
            Self::ProvisioningJobs | Self::ProvisioningSchema => "Synchronization.Read.All",
            Self::Organization => "Organization.Read.All",
            Self::Domains => "Domain.Read.All",
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::Application => "the enterprise application",
            Self::Assignments => "the assignments",
            Self::Users => "users",
            Self::Managers => "managers",
            Self::Groups => "groups and their members",
            Self::Memberships => "the groups of a user",
            Self::DeletedUsers => "deleted users",
            Self::ProvisioningJobs => "Entra's own provisioning jobs",
            Self::Registration => "the app registration",
            Self::ProvisioningSchema => "the schema of Entra's own provisioning",
            Self::Organization => "the tenant's default domain",
            Self::Domains => "the tenant's domains",
        }
    }

    /// The fault that says this read lacks its permission.
    pub(super) fn denied(self, noticed: &str) -> DirectoryFault {
        DirectoryFault::Permission {
            permission: self.permission().to_owned(),
            detail: format!("reading {}: {noticed}", self.noun()),
        }
    }
}

/// The error of an envelope, and every code nested in it.
#[derive(Default)]
struct GraphError {
    code: String,
    message: String,
    inner_codes: Vec<String>,
}

#[derive(Deserialize)]
struct Envelope {
    error: ErrorBody,
}

#[derive(Deserialize)]
struct ErrorBody {
    code: Option<String>,
    message: Option<String>,
    #[serde(alias = "innererror", rename = "innerError")]
    inner: Option<Value>,
}

impl GraphError {
    /// Gateways answer without JSON: then there is neither code nor message.
    fn read(body: &[u8]) -> Self {
        let Ok(Envelope { error }) = serde_json::from_slice(body) else { return Self::default() };
        let mut inner_codes = Vec::new();
        let mut level = error.inner.as_ref();
        while let Some(inner) = level {
            if let Some(code) = inner.get("code").and_then(Value::as_str) {
                inner_codes.push(code.to_owned());
            }
            level = inner.get("innerError").or_else(|| inner.get("innererror"));
        }
        Self {
            code: clean(&error.code.unwrap_or_default()),
            message: clean(&error.message.unwrap_or_default()),
            inner_codes,
        }
    }

    fn is_lost_token(&self) -> bool {
        let codes = self.inner_codes.iter().chain([&self.code]);
        codes.map(|code| code.to_ascii_lowercase()).any(|code| TOKEN_CODES.contains(&&*code))
    }

    fn named(&self, status: StatusCode) -> String {
        if self.code.is_empty() {
            format!("HTTP status {}", status.as_u16())
        } else {
            format!("HTTP status {}, {}", status.as_u16(), self.code)
        }
    }
}

/// Classifies an answer that is no success. `tokened` marks a call whose address carries a token
/// of an earlier answer, or starts a round of changes.
pub(super) fn classify(
    status: StatusCode,
    body: &[u8],
    retry_after: Option<Duration>,
    reading: Reading,
    tokened: bool,
) -> DirectoryFault {
    let error = GraphError::read(body);
    match status.as_u16() {
        401 => DirectoryFault::SignIn(format!(
            "Microsoft Graph refuses the token ({}); check the tenant and the cloud",
            error.named(status)
        )),
        403 => reading.denied(&error.named(status)),
        410 if tokened => DirectoryFault::TokenExpired(error.named(status)),
        400 | 404 if tokened && error.is_lost_token() => {
            DirectoryFault::TokenExpired(error.named(status))
        }
        429 => DirectoryFault::Throttled { retry_after },
        408 => DirectoryFault::Unavailable { detail: error.named(status), retry_after },
        400..=499 | 501 => DirectoryFault::Rejected {
            status: status.as_u16(),
            code: error.code,
            message: error.message,
        },
        500..=599 => DirectoryFault::Unavailable { detail: error.named(status), retry_after },
        other => DirectoryFault::Malformed(format!("HTTP status {other}, which is not an answer")),
    }
}

/// A transport's failure in the port's words.
pub(super) fn unreachable(fault: &TransportFault) -> DirectoryFault {
    match fault {
        TransportFault::NotSent(_) | TransportFault::Lost(_) => {
            DirectoryFault::Unavailable { detail: fault.to_string(), retry_after: None }
        }
        TransportFault::TooLarge { limit_bytes } => DirectoryFault::Malformed(format!(
            "a page is larger than {} MiB, which is the most that is held of one; map fewer \
             attributes, or none that is so long",
            limit_bytes >> 20
        )),
    }
}

/// A sign-in's failure in the port's words: a passing one is an outage, not a wrong secret.
pub(super) fn unsigned(fault: SignInFault) -> DirectoryFault {
    if fault.temporary {
        let detail = format!("sign-in: {}", fault.message);
        DirectoryFault::Unavailable { detail, retry_after: fault.retry_after }
    } else {
        DirectoryFault::SignIn(fault.message)
    }
}

/// One line, shortened, without links and words that may be tokens.
fn clean(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words = words.filter(|word| !word.is_empty()).map(|word| {
        let link = word.contains("://") || word.to_ascii_lowercase().contains("token=");
        if link || word.chars().count() > WORD_CHARS_MAX { "…" } else { word }
    });
    words.collect::<Vec<_>>().join(" ").chars().take(MESSAGE_CHARS_MAX).collect()
}
