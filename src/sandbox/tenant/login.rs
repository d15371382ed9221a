//! The token endpoint: client credentials by secret, certificate or federated identity.
//!
//! Owns the refusals of the identity platform with their AADSTS codes, and the shape of a token.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    answer::Reply,
    options::ClientRegistration,
    state::{Access, State},
};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How far an assertion's clock may be off.
const SKEW_SECONDS: i64 = 300;

struct Refused {
    status: u16,
    error: &'static str,
    code: u32,
    text: String,
}

fn refused(status: u16, error: &'static str, code: u32, text: impl Into<String>) -> Refused {
    Refused { status, error, code, text: text.into() }
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: String,
    exp: i64,
    #[serde(default)]
    nbf: Option<i64>,
}

/// Answers `POST /{tenant}/oauth2/v2.0/token`.
pub(super) fn token(state: &mut State, tenant: &str, form: &[u8]) -> Reply {
    let fields: BTreeMap<String, String> = url::form_urlencoded::parse(form).into_owned().collect();
    match grant(state, tenant, &fields) {
        Ok(body) => Reply::json(body, 0),
        Err(refused) => envelope(state, &refused),
    }
}

/// A token of this client for a resource, as a sign-in would give it. Graph knows those for the
/// resources of other applications (`api://…`) no more than the real one does.
pub(super) fn issue(
    state: &mut State,
    client: &ClientRegistration,
    resource: &str,
) -> (String, u64) {
    let lifetime = state.switches.access_token_lifetime;
    let now = state.now();
    let expires = now + chrono::TimeDelta::from_std(lifetime).unwrap_or_default();
    let claims = json!({
        "aud": resource, "appid": client.client_id,
        "iss": format!("https://sts.windows.net/{}/", state.tenant_id),
        "iat": now.timestamp(), "nbf": now.timestamp(), "exp": expires.timestamp(),
        "roles": client.granted, "tid": state.tenant_id.to_string(),
    });
    let header = json!({ "alg": "RS256", "typ": "JWT" });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let token = format!("{}.{}.{}", part(&header), part(&claims), state.new_token(4));
    let access =
        Access { client_id: client.client_id.clone(), roles: client.granted.clone(), expires };
    if !resource.starts_with("api://") {
        state.access.insert(token.clone(), access);
    }
    (token, lifetime.as_secs())
}

fn grant(
    state: &mut State,
    tenant: &str,
    fields: &BTreeMap<String, String>,
) -> Result<Value, Refused> {
    if !tenant.eq_ignore_ascii_case(&state.tenant_id.to_string()) {
        let text = format!(
            "Tenant '{tenant}' not found. Check to make sure you have the correct \
                            tenant ID."
        );
        return Err(refused(400, "invalid_request", 90_002, text));
    }
    let field = |name: &str| {
        fields.get(name).filter(|value| !value.is_empty()).ok_or_else(|| {
            let text = format!("The request body must contain the following parameter: '{name}'.");
            refused(400, "invalid_request", 900_144, text)
        })
    };
    if field("grant_type")? != "client_credentials" {
        let text = "The app requested an unsupported grant type.";
        return Err(refused(400, "unsupported_grant_type", 70_003, text));
    }
    let client_id = field("client_id")?;
    let scope = field("scope")?;
    if !scope.ends_with("/.default") {
        let text = format!("The provided value for scope {scope} is not valid.");
        return Err(refused(400, "invalid_scope", 1_002_012, text));
    }
    let client = state.clients.get(client_id).cloned().ok_or_else(|| {
        let text =
            format!("Application with identifier '{client_id}' was not found in the directory.");
        refused(400, "unauthorized_client", 700_016, text)
    })?;
    if let Some(secret) = fields.get("client_secret") {
        check_secret(&client, secret)?;
    } else if fields.contains_key("client_assertion") {
        if field("client_assertion_type")? != ASSERTION_TYPE {
            let text = "The client assertion type is not supported.";
            return Err(refused(400, "invalid_request", 50_027, text));
        }
        check_assertion(state, &client, field("client_assertion")?)?;
    } else {
        let text = "The request body must contain the following parameter: 'client_assertion' or \
                    'client_secret'.";
        return Err(refused(401, "invalid_client", 7_000_218, text));
    }
    let (token, seconds) = issue(state, &client, scope.trim_end_matches("/.default"));
    Ok(json!({
        "token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds,
        "access_token": token,
    }))
}

fn check_secret(client: &ClientRegistration, secret: &str) -> Result<(), Refused> {
    if client.secrets.iter().any(|known| known.expose() == secret) {
        return Ok(());
    }
    if client.expired_secrets.iter().any(|known| known.expose() == secret) {
        let text =
            format!("The provided client secret keys for app '{}' are expired.", client.client_id);
        return Err(refused(401, "invalid_client", 7_000_222, text));
    }
    let text = format!(
        "Invalid client secret provided. Ensure the secret being sent in the request is the \
         client secret value, not the client secret ID, for a secret added to app '{}'.",
        client.client_id
    );
    Err(refused(401, "invalid_client", 7_000_215, text))
}

fn check_assertion(
    state: &State,
    client: &ClientRegistration,
    assertion: &str,
) -> Result<(), Refused> {
    let malformed = || refused(401, "invalid_client", 50_027, "JWT token is invalid or malformed.");
    let claims = peek(assertion).ok_or_else(malformed)?;
    check_validity(state, &claims)?;
    if claims.iss != client.client_id {
        return check_federated(client, &claims);
    }
    if claims.sub != client.client_id {
        let text = "The 'iss' and 'sub' claims of the assertion must be the client id.";
        return Err(refused(400, "invalid_client", 700_021, text));
    }
    let endpoint = format!("/{}/oauth2/v2.0/token", state.tenant_id);
    if !claims.aud.to_ascii_lowercase().ends_with(&endpoint) {
        let text = "Client assertion audience claim does not match Realm issuer.";
        return Err(refused(401, "invalid_client", 700_023, text));
    }
    if client.certificates.iter().any(|pem| is_signed_by(assertion, pem)) {
        return Ok(());
    }
    let text = "The certificate with identifier used to sign the client assertion is not \
                registered on application.";
    Err(refused(401, "invalid_client", 700_027, text))
}

fn check_validity(state: &State, claims: &Claims) -> Result<(), Refused> {
    let now = state.now().timestamp();
    let early = claims.nbf.is_some_and(|from| now < from - SKEW_SECONDS);
    if early || now > claims.exp + SKEW_SECONDS {
        let text = "Client assertion is not within its valid time range.";
        return Err(refused(401, "invalid_client", 700_024, text));
    }
    Ok(())
}

fn check_federated(client: &ClientRegistration, claims: &Claims) -> Result<(), Refused> {
    let trusts = |issuer: bool, subject: bool, audience: bool| {
        client.federated.iter().any(|trusted| {
            (!issuer || trusted.issuer == claims.iss)
                && (!subject || trusted.subject == claims.sub)
                && (!audience || trusted.audience == claims.aud)
        })
    };
    if trusts(true, true, true) {
        return Ok(());
    }
    let (code, what) = match (trusts(true, false, false), trusts(true, true, false)) {
        (false, _) => (700_211, "issuer"),
        (true, false) => (700_213, "subject"),
        (true, true) => (700_212, "audience"),
    };
    let text =
        format!("No matching federated identity record found for presented assertion {what}.");
    Err(refused(400, "invalid_request", code, text))
}

/// The claims of a JWT, without looking at its signature.
fn peek(assertion: &str) -> Option<Claims> {
    let payload = assertion.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

/// Whether the key of this certificate signed the assertion, and its header names the certificate.
fn is_signed_by(assertion: &str, pem: &str) -> bool {
    let Ok(der) = CertificateDer::from_pem_slice(pem.as_bytes()) else { return false };
    let thumbprint = URL_SAFE_NO_PAD.encode(Sha256::digest(&der));
    let Ok(key) = DecodingKey::from_rsa_pem(pem.as_bytes()) else { return false };
    let Ok(header) = jsonwebtoken::decode_header(assertion) else { return false };
    let named = header.x5t_s256.as_deref().is_none_or(|named| named == thumbprint);
    let mut rules = Validation::new(header.alg);
    // Time and audience were compared with the tenant's own clock and endpoint before.
    rules.validate_exp = false;
    rules.validate_aud = false;
    rules.required_spec_claims.clear();
    named
        && matches!(header.alg, Algorithm::PS256 | Algorithm::RS256)
        && (header.x5t_s256.is_some() || header.x5t.is_some())
        && jsonwebtoken::decode::<Value>(assertion, &key, &rules).is_ok()
}

fn envelope(state: &mut State, refused: &Refused) -> Reply {
    let (trace, correlation) = (state.new_uuid().to_string(), state.new_uuid().to_string());
    let timestamp = state.now().format("%Y-%m-%d %H:%M:%SZ").to_string();
    let description = format!(
        "AADSTS{}: {} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}",
        refused.code, refused.text
    );
    let mut reply = Reply::json(
        json!({
            "error": refused.error,
            "error_description": description,
            "error_codes": [refused.code],
            "timestamp": timestamp,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": format!("https://login.microsoftonline.com/error?code={}", refused.code),
        }),
        0,
    );
    reply.status = refused.status;
    reply.headers.insert("x-ms-request-id", trace);
    reply
}
