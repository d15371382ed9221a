//! Applications that want something else than a bearer token: whole cycles, a refusal that a new
//! secret cures, and one that it does not.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use axum::{Json, Router, routing::post};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::{desk::Desk, state, tls::Authority};

/// Puts these lines where the desk's secret token was.
fn sign_in_with(desk: &Desk, lines: &str) {
    let text = fs::read_to_string(desk.config()).expect("a configuration");
    let text = text.lines().map(|line| if line.starts_with("secret_token") { lines } else { line });
    fs::write(desk.config(), text.collect::<Vec<_>>().join("\n")).expect("a configuration");
}

fn place(desk: &Desk, name: &str) -> String {
    format!("{{ file = \"{}\" }}", desk.path(name).display())
}

/// What `check` says and how the job stands after the application knows us no more.
async fn is_refused_and_in_quarantine(desk: &Desk, key: &str, secrets: &[&str]) {
    let checked = desk.say("check").await.ends(7);
    assert!(checked.stdout.contains(&format!("apps.crm.target.{key}")), "{}", checked.stdout);
    desk.tenant.set_attribute(desk.people["ada"], "displayName", "Ada Lovelace");
    let sync = desk.say("sync").await.ends(7);
    let status = desk.say("status --json").await.ends(0);
    assert_eq!(status.json()["apps"][0]["state"], json!("quarantine"));
    let state = state::bytes_and_texts(&desk.path("state/crm.sqlite"));
    let state = String::from_utf8_lossy(&state).into_owned();
    for text in
        [&checked.stdout, &checked.stderr, &sync.stdout, &sync.stderr, &status.stdout, &state]
    {
        assert!(secrets.iter().all(|secret| !text.contains(secret)), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_name_and_a_password_sign_in_until_the_application_wants_another() {
    let desk = Desk::with_users(&["ada"]).await;
    desk.secret("password", "pa55:word");
    let basic = format!("basic = {{ username = \"us\", password = {} }}", place(&desk, "password"));
    sign_in_with(&desk, &basic);
    // `us:pa55:word` in base64.
    desk.application.demand_headers(&[("Authorization", "Basic dXM6cGE1NTp3b3Jk")]);
    desk.say("check").await.ends(0);
    desk.say("sync").await.ends(0);
    assert_eq!(desk.application.user_count(), 1);
    desk.application.demand_headers(&[("Authorization", "Basic dXM6b3RoZXI=")]);
    is_refused_and_in_quarantine(&desk, "basic", &["pa55:word", "dXM6cGE1NTp3b3Jk"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_sign_in_alone_or_beside_a_token() {
    let desk = Desk::with_users(&["ada"]).await;
    desk.secret("key", "k3y-of-ours");
    let headers = format!("headers = {{ X-Api-Key = {}, X-Team = \"7\" }}", place(&desk, "key"));
    let with_token = format!("secret_token = {}\n{headers}", place(&desk, "token"));
    sign_in_with(&desk, &with_token);
    let key = ("x-api-key", "k3y-of-ours");
    desk.application.demand_headers(&[("authorization", "Bearer secret"), key, ("x-team", "7")]);
    desk.say("sync").await.ends(0);
    assert_eq!(desk.application.user_count(), 1);

    desk.configure("", "");
    sign_in_with(&desk, &headers);
    desk.say("check").await.ends(7);
    desk.application.demand_headers(&[key]);
    desk.tenant.set_attribute(desk.people["ada"], "displayName", "Ada Byron");
    desk.say("sync").await.ends(0);
    let user = desk.application.user_by_name("ada@contoso.com").expect("an account");
    assert_eq!(user["displayName"], json!("Ada Byron"));
    desk.application.demand_headers(&[("x-api-key", "another")]);
    is_refused_and_in_quarantine(&desk, "headers", &["k3y-of-ours"]).await;
}

/// A token endpoint that trusts tokens of Entra for `api://crm`, or asks for an account.
async fn token_endpoint() -> (String, Arc<AtomicU32>) {
    let given = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&given);
    let token = move |headers: HeaderMap, body: String| async move {
        let fields: std::collections::BTreeMap<String, String> =
            url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
        let field = |name: &str| fields.get(name).map(String::as_str);
        let is_federated = field("grant_type") == Some("client_credentials")
            && field("client_assertion_type")
                == Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
            && field("client_assertion").is_some_and(is_of_entra)
            && field("client_id").is_none();
        // `us:s3cret` in base64.
        let is_account = field("grant_type") == Some("account_credentials")
            && field("account_id") == Some("A1")
            && headers.get("authorization").is_some_and(|value| value == "Basic dXM6czNjcmV0");
        if !is_federated && !is_account {
            return (StatusCode::UNAUTHORIZED, Json(json!({"error": "invalid_client"})));
        }
        let number = counter.fetch_add(1, Ordering::Relaxed) + 1;
        let answer = json!({"access_token": format!("t0ken-{number}"), "token_type": "Bearer"});
        (StatusCode::OK, Json(answer))
    };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let url = format!("http://{}/token", listener.local_addr().expect("an address"));
    let router = Router::new().route("/token", post(token));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, given)
}

/// Whether a token is for this application and of the desk's tenant; its signature is Entra's.
fn is_of_entra(token: &str) -> bool {
    let claims = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let claims: Value =
        claims.and_then(|claims| serde_json::from_slice(&claims).ok()).unwrap_or_default();
    claims["aud"] == "api://crm" && claims["tid"] == "11111111-2222-3333-4444-555555555555"
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_entra_stands_for_a_clients_secret() {
    let desk = Desk::with_users(&["ada"]).await;
    let (url, given) = token_endpoint().await;
    let oauth = |scope: &str| {
        format!(
            "oauth = {{ token_url = \"{url}\", client_assertion = {{ entra_scope = \"{scope}\" }} }}"
        )
    };
    sign_in_with(&desk, &oauth("api://crm/.default"));
    desk.application.set_token("t0ken-2");
    desk.say("sync").await.ends(0);
    assert_eq!(desk.application.user_count(), 1);
    assert_eq!(given.load(Ordering::Relaxed), 2, "the first token was refused and replaced once");
    is_refused_and_in_quarantine(&desk, "oauth", &["t0ken-"]).await;

    desk.configure("", "");
    sign_in_with(&desk, &oauth("api://another/.default"));
    let checked = desk.say("check").await.ends(7);
    assert!(checked.stdout.contains("invalid_client"), "{}", checked.stdout);
    assert!(checked.stdout.contains("issuer, subject and audience"), "{}", checked.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_named_where_the_grant_asks_for_one() {
    let desk = Desk::with_users(&["ada"]).await;
    let (url, _) = token_endpoint().await;
    desk.secret("client", "s3cret");
    let oauth = format!(
        "oauth = {{ token_url = \"{url}\", client_id = \"us\", client_secret = {}, grant_type = \
         \"account_credentials\", parameters = {{ account_id = \"A1\" }} }}",
        place(&desk, "client")
    );
    sign_in_with(&desk, &oauth);
    desk.application.set_token("t0ken-1");
    desk.say("sync").await.ends(0);
    assert_eq!(desk.application.user_count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_authority_is_trusted_and_a_client_certificate_is_shown() {
    let desk = Desk::with_users(&["ada"]).await;
    let (ours, theirs) = (Authority::new(), Authority::new());
    let port = theirs.serve(desk.application.router(), &ours).await;
    let (cert, key) = ours.certify("entra-scim");
    for (name, text) in [("ca.pem", &theirs.pem()), ("cert.pem", &cert), ("key.pem", &key)] {
        desk.secret(name, text);
    }
    let text = fs::read_to_string(desk.config()).expect("a configuration");
    let address = |line: &str| {
        line.starts_with("tenant_url")
            .then(|| format!("tenant_url = \"https://localhost:{port}/scim/v2\""))
    };
    let lines = text.lines().map(|line| address(line).unwrap_or_else(|| line.to_owned()));
    fs::write(desk.config(), lines.collect::<Vec<_>>().join("\n")).expect("a configuration");
    let token = format!("secret_token = {}", place(&desk, "token"));
    let trusting = format!("{token}\nca_file = \"{}\"", desk.path("ca.pem").display());
    let showing = format!(
        "{trusting}\nclient_certificate = {{ cert = \"{}\", key = {} }}",
        desk.path("cert.pem").display(),
        place(&desk, "key.pem")
    );
    let untrusted = desk.say("check").await.ends(7);
    assert!(untrusted.stdout.contains("UnknownIssuer"), "{}", untrusted.stdout);
    sign_in_with(&desk, &trusting);
    let unknown = desk.say("check").await.ends(7);
    // Under TLS 1.3 the refusal may come as a closed connection, so its words differ.
    assert!(unknown.stdout.contains("`client_certificate`"), "{}", unknown.stdout);
    desk.say("sync").await.ends(7);
    assert_eq!(desk.application.user_count(), 0);
    let text = fs::read_to_string(desk.config()).expect("a configuration");
    fs::write(desk.config(), text.replace(&trusting, &showing)).expect("a configuration");
    desk.say("check").await.ends(0);
    desk.say("sync").await.ends(0);
    assert_eq!(desk.application.user_count(), 1);
    desk.secret("key.pem", "no key");
    let broken = desk.say("check").await.ends(2);
    assert!(broken.stdout.contains("client certificate is not usable"), "{}", broken.stdout);
}
