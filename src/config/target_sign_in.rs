//! The keys of `[apps.NAME.target]` that say who asks: one scheme, headers, a client certificate.
//!
//! Exactly one of `secret_token`, `oauth` and `basic` makes the `Authorization`; headers or a
//! client certificate may stand beside it, or alone.

use std::collections::BTreeSet;

use http::HeaderName;

use super::{
    diagnosis::Findings,
    endpoint,
    raw::{Node, Section},
    secret_source::{self, SecretSource, absolute_path, read_public_file},
    settings::{
        ClientCertificateSettings, OAuthAuth, OAuthCredential, OAuthSettings, TargetSignIn,
    },
    surroundings::Surroundings,
};

const SCHEMES: [&str; 3] = ["secret_token", "oauth", "basic"];

const AUTHS: [(&str, OAuthAuth); 2] = [("header", OAuthAuth::Header), ("body", OAuthAuth::Body)];

const OAUTH_KEYS: [&str; 8] = [
    "token_url",
    "client_id",
    "client_secret",
    "client_assertion",
    "scope",
    "auth",
    "grant_type",
    "parameters",
];

/// Parameters of a token request that have a key of their own, or that this program sets.
const PARAMETERS_TAKEN: [&str; 6] = [
    "grant_type",
    "client_id",
    "client_secret",
    "scope",
    "client_assertion",
    "client_assertion_type",
];

/// Headers that belong to a request or to a connection and not to a sign-in (RFC 9110 §7.6.1).
const HEADERS_TAKEN: [&str; 19] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "if-match",
    "if-none-match",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// Parts of a header's or a parameter's name that say that its value is a secret.
const SECRET_WORDS: [&str; 6] = ["key", "token", "secret", "password", "auth", "cookie"];

/// Who asks.
pub(super) struct SignIn {
    pub(super) scheme: TargetSignIn,
    pub(super) headers: Vec<(HeaderName, SecretSource)>,
    pub(super) client_certificate: Option<ClientCertificateSettings>,
}

/// Decodes the sign-in; `None` where something in it is wrong.
pub(super) fn decode(
    section: &Section<'_, '_>,
    surroundings: Surroundings,
    findings: &mut Findings<'_>,
) -> Option<SignIn> {
    let given: Vec<_> = SCHEMES.iter().filter_map(|key| Some((*key, section.get(key)?))).collect();
    let scheme_key = given.first().map(|(key, _)| *key);
    let headers = match section.get("headers") {
        Some(node) => headers(&node, scheme_key, surroundings, findings),
        None => Some(Vec::new()),
    };
    let certificate_node = section.get("client_certificate");
    let client_certificate = certificate_node
        .as_ref()
        .and_then(|node| endpoint::certificate(node, surroundings, findings))
        .map(|(cert, key)| ClientCertificateSettings { cert, key });
    let scheme = match given.as_slice() {
        [] if section.get("headers").is_some() || certificate_node.is_some() => {
            Some(TargetSignIn::Otherwise)
        }
        [] => {
            let hint = "give `secret_token`, `oauth` where the application hands out tokens, \
                        `basic` for a user name and a password, or `headers`";
            findings.error_hint(&section.at, "says nowhere how to sign in", hint);
            None
        }
        [(kind, node)] => scheme(kind, node, surroundings, findings),
        [(first, _), .., (_, last)] => {
            let problem = format!("stands beside `{first}`");
            let hint = "give exactly one of `secret_token`, `oauth` and `basic`";
            findings.error_hint(&last.at, problem, hint);
            None
        }
    };
    if certificate_node.is_some() && client_certificate.is_none() {
        return None;
    }
    Some(SignIn { scheme: scheme?, headers: headers?, client_certificate })
}

fn scheme(
    kind: &str,
    node: &Node<'_, '_>,
    surroundings: Surroundings,
    findings: &mut Findings<'_>,
) -> Option<TargetSignIn> {
    match kind {
        "secret_token" => {
            secret_source::decode(node, surroundings, findings).map(TargetSignIn::SecretToken)
        }
        "oauth" => oauth(node, surroundings, findings),
        _ => basic(node, surroundings, findings),
    }
}

fn basic(
    node: &Node<'_, '_>,
    surroundings: Surroundings,
    findings: &mut Findings<'_>,
) -> Option<TargetSignIn> {
    let section = Section::open(node, &["username", "password"], findings)?;
    let username = section.required_string("username", findings);
    let password = section
        .required("password", findings)
        .and_then(|node| secret_source::decode(&node, surroundings, findings));
    let username = username?;
    if username.value.contains(':') || username.value.chars().any(char::is_control) {
        let problem = "holds a colon or a control character, which HTTP basic has no place for";
        findings.error(&username.at, problem);
        return None;
    }
    Some(TargetSignIn::Basic { username: username.value, password: password? })
}

fn oauth(
    node: &Node<'_, '_>,
    surroundings: Surroundings,
    findings: &mut Findings<'_>,
) -> Option<TargetSignIn> {
    let section = Section::open(node, &OAUTH_KEYS, findings)?;
    let credential = oauth_credential(&section, surroundings, findings);
    let client_id = match section.get("client_assertion") {
        Some(_) => Some(section.string("client_id", findings)),
        None => section.required_string("client_id", findings).map(Some),
    };
    let token_url = endpoint::token_url(&section, findings);
    let scope = section.string("scope", findings).map(|text| text.value);
    let grant_type = section.string("grant_type", findings).map(|text| text.value);
    let parameters = match section.get("parameters") {
        Some(node) => parameters(&node, surroundings, findings),
        None => Some(Vec::new()),
    };
    Some(TargetSignIn::OAuth(OAuthSettings {
        token_url: token_url?,
        client_id: client_id?.map(|text| text.value),
        credential: credential?,
        scope,
        grant_type,
        parameters: parameters?,
    }))
}

/// `client_secret` or `client_assertion`: exactly one of them.
fn oauth_credential(
    section: &Section<'_, '_>,
    surroundings: Surroundings,
    findings: &mut Findings<'_>,
) -> Option<OAuthCredential> {
    let auth = section.choice("auth", &AUTHS, OAuthAuth::default(), findings);
    let hint = "give `client_secret`, or `client_assertion` where the application trusts tokens of \
                Microsoft Entra";
    match (section.get("client_secret"), section.get("client_assertion")) {
        (Some(secret), None) => {
            let secret = secret_source::decode(&secret, surroundings, findings)?;
            Some(OAuthCredential::Secret { secret, auth })
        }
        (None, Some(assertion)) => {
            if let Some(auth) = section.get("auth") {
                findings.error(&auth.at, "says how a secret is sent, and there is none");
            }
            client_assertion(&assertion, surroundings, findings)
        }
        (None, None) => {
            let problem = "needs `client_secret` or `client_assertion`";
            findings.error_hint(&section.at, problem, hint);
            None
        }
        (Some(_), Some(assertion)) => {
            findings.error_hint(&assertion.at, "stands beside `client_secret`", hint);
            None
        }
    }
}

/// `{ entra_scope = "…" }` or `{ file = "…" }`.
fn client_assertion(
    node: &Node<'_, '_>,
    surroundings: Surroundings,
    findings: &mut Findings<'_>,
) -> Option<OAuthCredential> {
    let section = Section::open(node, &["entra_scope", "file"], findings)?;
    let hint = "give `entra_scope`, the scope of the token to get from Microsoft Entra, or `file`, \
                where something else keeps one fresh";
    match (section.get("entra_scope"), section.get("file")) {
        (Some(scope), None) => {
            let scope = scope.string(findings)?;
            if !scope.value.ends_with("/.default") || scope.value.contains(char::is_whitespace) {
                let hint = "write the application ID URI and \"/.default\", for example \
                            \"api://crm.example.com/.default\"";
                findings.error_hint(&scope.at, "is not a scope that Entra takes here", hint);
                return None;
            }
            Some(OAuthCredential::EntraToken { scope: scope.value })
        }
        (None, Some(file)) => {
            let text = file.string(findings)?;
            let path = absolute_path(&text, findings)?;
            if surroundings.are_present() {
                read_public_file(&path, &text.at, findings)?;
            }
            Some(OAuthCredential::TokenFile(path))
        }
        (None, None) => {
            findings.error_hint(&section.at, "names no token", hint);
            None
        }
        (Some(_), Some(_)) => {
            findings.error_hint(&section.at, "names two tokens", hint);
            None
        }
    }
}

fn parameters(
    node: &Node<'_, '_>,
    surroundings: Surroundings,
    findings: &mut Findings<'_>,
) -> Option<Vec<(String, SecretSource)>> {
    let section = Section::open_free(node, findings)?;
    let mut parameters = Vec::new();
    for (name, value) in section.entries() {
        if PARAMETERS_TAKEN.contains(&name) {
            let problem = "is no further parameter: it has a key of its own beside `parameters`";
            findings.error(&value.at, problem);
            continue;
        }
        warn_of_secret(name, &value, findings);
        let source = secret_source::decode_or_text(&value, surroundings, findings);
        parameters.extend(source.map(|source| (name.to_owned(), source)));
    }
    (!findings.has_error_at(&node.at)).then_some(parameters)
}

fn headers(
    node: &Node<'_, '_>,
    scheme: Option<&str>,
    surroundings: Surroundings,
    findings: &mut Findings<'_>,
) -> Option<Vec<(HeaderName, SecretSource)>> {
    let section = Section::open_free(node, findings)?;
    let (mut headers, mut seen) = (Vec::new(), BTreeSet::new());
    for (name, value) in section.entries() {
        let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else {
            findings.error(&value.at, "is not the name of a header");
            continue;
        };
        if !seen.insert(header.as_str().to_owned()) {
            findings.error(&value.at, "is given twice; the case of a header's name does not count");
        } else if HEADERS_TAKEN.contains(&header.as_str()) {
            findings.error(&value.at, "is set by this program for each request");
        } else if let Some(scheme) = scheme.filter(|_| header == http::header::AUTHORIZATION) {
            let problem = format!("is what `{scheme}` already sets; leave one of the two out");
            findings.error(&value.at, problem);
        } else {
            warn_of_secret(name, &value, findings);
            let source = secret_source::decode_or_text(&value, surroundings, findings);
            headers.extend(source.map(|source| (header, source)));
        }
    }
    if seen.is_empty() {
        findings.error(&node.at, "is empty");
    }
    (!findings.has_error_at(&node.at)).then_some(headers)
}

/// A plain text under a name that secrets have.
fn warn_of_secret(name: &str, value: &Node<'_, '_>, findings: &mut Findings<'_>) {
    let name = name.to_ascii_lowercase();
    let is_text = matches!(value.value, toml::de::DeValue::String(_));
    if is_text && SECRET_WORDS.iter().any(|word| name.contains(word)) {
        findings.warning(
            &value.at,
            "looks like a secret that stands in this file; keep it in a file of its own, \
             { file = \"…\" }",
        );
    }
}
