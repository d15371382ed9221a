//! What a token endpoint's refusal means: one sentence that says what to fix.
//!
//! Entra names the cause by an AADSTS number; the number decides, not the HTTP status. The text
//! beside it is never passed on, because one of its variants quotes the secret.

use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;

use crate::http::SignInFault;

#[derive(Default, Deserialize)]
struct Body {
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
    #[serde(default)]
    error_codes: Vec<u64>,
}

/// Explains an answer that holds no token.
pub(super) fn explain(
    status: StatusCode,
    body: &[u8],
    retry_after: Option<Duration>,
) -> SignInFault {
    let parsed: Body = serde_json::from_slice(body).unwrap_or_default();
    let code = parsed.error_codes.first().copied().or_else(|| number(&parsed.error_description));
    if let Some((code, advice)) = code.and_then(|code| Some((code, advice(code)?))) {
        return SignInFault::permanent(format!("AADSTS{code}: {advice}"));
    }
    let named = match (code, standard(&parsed.error)) {
        (Some(code), _) => format!("AADSTS{code}"),
        (None, Some(error)) => error.to_owned(),
        (None, None) => format!("HTTP status {}", status.as_u16()),
    };
    let busy = code.is_some_and(passes)
        || status == StatusCode::TOO_MANY_REQUESTS
        || status.is_server_error()
        || matches!(parsed.error.as_str(), "temporarily_unavailable" | "server_error");
    if busy {
        SignInFault::temporary(format!("the token endpoint is busy ({named})"), retry_after)
    } else if status.is_success() {
        SignInFault::permanent("the token endpoint's answer holds no usable token")
    } else {
        SignInFault::permanent(format!(
            "the token endpoint refused the request ({named}); check tenant, client id and scope"
        ))
    }
}

/// The number after `AADSTS`.
fn number(description: &str) -> Option<u64> {
    let (_, rest) = description.split_once("AADSTS")?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

/// The error, where it is one of the names of RFC 6749 §5.2 or of Entra's list: other text is the
/// server's own and may hold anything.
fn standard(error: &str) -> Option<&'static str> {
    const NAMES: [&str; 9] = [
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
        "access_denied",
        "temporarily_unavailable",
        "server_error",
    ];
    NAMES.into_iter().find(|name| *name == error)
}

/// Numbers that a wait can cure.
fn passes(code: u64) -> bool {
    matches!(code, 90_033 | 90_012 | 50_196)
}

/// What to fix, for the numbers that a person can do something about.
fn advice(code: u64) -> Option<&'static str> {
    Some(match code {
        7_000_215 => {
            "the client secret is wrong; use the secret's value, not its id, as shown once when it \
             was added to the app registration"
        }
        7_000_222 => {
            "the client secret has expired; add a new one to the app registration and put it where \
             the configuration reads it"
        }
        700_016 => {
            "there is no app registration with this client id in the tenant; check `client_id` and \
             `tenant`"
        }
        90_002 | 900_023 => "there is no such tenant; check `tenant` and the cloud",
        700_027 => {
            "the certificate is not registered with the app registration, or the key does not \
             belong to it; upload this certificate there"
        }
        700_024 => {
            "the assertion is outside its validity; check that this machine's clock is right"
        }
        700_021 => {
            "the federated token names an issuer or a subject other than the federated credential \
             of the app registration expects"
        }
        700_211 => {
            "the app registration has no federated credential for this token's issuer; the issuer \
             must match to the letter"
        }
        700_213 | 70_021 => {
            "the app registration has no federated credential for this token's subject; the subject \
             must match to the letter"
        }
        700_023 => {
            "the assertion is for another audience; a federated token needs \
             `api://AzureADTokenExchange`"
        }
        7_000_112 => "the app registration is disabled; enable it in the tenant",
        1_002_012 | 70_011 => "the scope is not valid; it must end in `/.default`",
        53_003 | 530_035 => {
            "a conditional access policy for workload identities blocks the sign-in; exempt the \
             app registration or this machine's address"
        }
        900_144 => "the request lacks a parameter; check that `client_id` is not empty",
        _ => return None,
    })
}
