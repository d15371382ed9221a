//! Four kinds of credential, one token at a time.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::Request;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};
use url::Url;

use crate::{
    http::{
        Authorizer, Credential, Grant, ManagedIdentityEndpoint, SecretSent, SecretSource,
        SignInFault, TokenSettings, TokenSource, TransportFault,
        scripted::{Scripted, StillClock},
    },
    model::{Clock as _, Secret},
};

const TOKEN_URL: &str = "https://login.example/tenant/oauth2/v2.0/token";
const KEY_PEM: &str = include_str!("certificate/key.pem");
const CERT_PEM: &str = include_str!("certificate/cert.pem");
const PUBLIC_PEM: &str = include_str!("certificate/public.pem");
/// `openssl x509 -outform der | openssl dgst -sha256 -binary`, in base64url without padding.
const THUMBPRINT: &str = "uDJod-wfHMrouVtgWcPx71LwStyiTF_CdKpFRXmy1MI";

struct World {
    script: Arc<Scripted>,
    clock: Arc<StillClock>,
    source: TokenSource,
}

fn world(credential: Credential) -> World {
    let (script, clock) = (Scripted::new(), StillClock::new());
    let settings = TokenSettings {
        token_url: Url::parse(TOKEN_URL).unwrap(),
        client_id: "11111111-1111-1111-1111-111111111111".to_owned(),
        scope: Some("https://graph.microsoft.com/.default".to_owned()),
        credential,
    };
    let source = TokenSource::new(settings, Arc::clone(&script) as _, Arc::clone(&clock) as _);
    World { script, clock, source }
}

fn fixed(text: &'static str) -> SecretSource {
    Arc::new(move || Ok(Secret::new(text.to_owned())))
}

fn with_secret() -> World {
    world(Credential::ClientSecret { secret: fixed("s3 cr/et\n"), sent: SecretSent::Body })
}

impl World {
    fn gives(&self, token: &str, life_seconds: u32) {
        let body =
            json!({ "token_type": "Bearer", "expires_in": life_seconds, "access_token": token });
        self.script.answer(200, body.to_string());
    }

    async fn token(&self) -> String {
        self.source.token().await.unwrap().expose().to_owned()
    }
}

fn form(request: &Request<Bytes>) -> BTreeMap<String, String> {
    assert_eq!(request.method(), "POST");
    assert_eq!(request.uri().to_string(), TOKEN_URL);
    assert_eq!(request.headers()["content-type"], "application/x-www-form-urlencoded");
    url::form_urlencoded::parse(request.body()).into_owned().collect()
}

#[tokio::test]
async fn a_secret_is_sent_in_the_body() {
    let world = with_secret();
    world.gives("t1", 3599);
    assert_eq!(world.token().await, "t1");
    let request = world.script.only();
    insta::assert_json_snapshot!(form(&request), @r#"
    {
      "client_id": "11111111-1111-1111-1111-111111111111",
      "client_secret": "s3 cr/et",
      "grant_type": "client_credentials",
      "scope": "https://graph.microsoft.com/.default"
    }
    "#);
    assert!(!request.headers().contains_key("authorization"));
}

#[tokio::test]
async fn a_server_that_wants_basic_gets_the_secret_in_the_header() {
    let credential = Credential::ClientSecret { secret: fixed("pw"), sent: SecretSent::Header };
    let world = world(credential);
    world.gives("t1", 3599);
    world.token().await;
    let request = world.script.only();
    assert!(!form(&request).contains_key("client_secret"));
    assert!(request.headers()["authorization"].to_str().unwrap().starts_with("Basic "));
}

#[tokio::test]
async fn a_certificate_signs_an_assertion_that_its_public_key_verifies() {
    let world =
        world(Credential::Certificate { cert_pem: fixed(CERT_PEM), key_pem: fixed(KEY_PEM) });
    world.gives("t1", 3599);
    world.token().await;
    let mut form = form(&world.script.only());
    let assertion = form.remove("client_assertion").unwrap();
    insta::assert_json_snapshot!(form, @r#"
    {
      "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      "client_id": "11111111-1111-1111-1111-111111111111",
      "grant_type": "client_credentials",
      "scope": "https://graph.microsoft.com/.default"
    }
    "#);
    let header = jsonwebtoken::decode_header(&assertion).unwrap();
    assert_eq!(header.alg, Algorithm::PS256);
    assert_eq!(header.typ.as_deref(), Some("JWT"));
    assert_eq!(header.x5t_s256.as_deref(), Some(THUMBPRINT));
    let mut rules = Validation::new(Algorithm::PS256);
    rules.set_audience(&[TOKEN_URL]);
    rules.validate_exp = false;
    let key = DecodingKey::from_rsa_pem(PUBLIC_PEM.as_bytes()).unwrap();
    let claims = jsonwebtoken::decode::<Value>(&assertion, &key, &rules).unwrap().claims;
    let now = world.clock.now().timestamp();
    assert_eq!(claims["iss"], "11111111-1111-1111-1111-111111111111");
    assert_eq!(claims["sub"], claims["iss"]);
    assert_eq!(claims["iat"], now);
    assert_eq!(claims["nbf"], now - 60);
    assert_eq!(claims["exp"], now + 300);
    uuid::Uuid::parse_str(claims["jti"].as_str().unwrap()).unwrap();
}

#[tokio::test]
async fn a_certificate_that_cannot_sign_is_said_without_a_request() {
    for (cert, key, told) in [
        ("no pem", KEY_PEM, "the certificate file holds no PEM certificate"),
        (CERT_PEM, CERT_PEM, "the certificate's key is not an unencrypted RSA private key"),
    ] {
        let world = world(Credential::Certificate { cert_pem: fixed(cert), key_pem: fixed(key) });
        let fault = world.source.token().await.err().unwrap();
        assert!(!fault.temporary && fault.message.starts_with(told), "{fault}");
        assert!(world.script.take().is_empty());
    }
}

#[tokio::test]
async fn a_federated_token_is_read_again_at_every_refresh() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "eyJ.one\n").unwrap();
    let world = world(Credential::FederatedTokenFile(path.clone()));
    world.gives("t1", 3599);
    world.gives("t2", 3599);
    world.token().await;
    std::fs::write(&path, "eyJ.two\n").unwrap();
    world.clock.advance(3599);
    world.token().await;
    let sent: Vec<_> =
        world.script.take().iter().map(|r| form(r).remove("client_assertion").unwrap()).collect();
    assert_eq!(sent, ["eyJ.one", "eyJ.two"]);
    std::fs::remove_file(&path).unwrap();
    world.clock.advance(3599);
    let fault = world.source.token().await.err().unwrap();
    assert!(fault.message.contains("cannot be read"), "{fault}");
}

#[tokio::test]
async fn a_machine_asks_its_metadata_service() {
    let endpoint = ManagedIdentityEndpoint::imds();
    let world = world(Credential::ManagedIdentity { client_id: None, endpoint });
    world.script.answer(
        200,
        r#"{"access_token":"t1","expires_in":"86399","expires_on":"1795428000","resource":"x"}"#,
    );
    assert_eq!(world.token().await, "t1");
    let request = world.script.only();
    assert_eq!(request.headers()["metadata"], "true");
    assert_eq!(
        request.uri().to_string(),
        "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01\
         &resource=https%3A%2F%2Fgraph.microsoft.com"
    );
    world.clock.advance(86_399 - 301);
    assert_eq!(world.token().await, "t1");
}

#[tokio::test]
async fn an_app_service_asks_its_own_endpoint_with_its_header() {
    let endpoint = ManagedIdentityEndpoint::AppService {
        endpoint: Url::parse("http://127.0.0.1:41234/msi/token").unwrap(),
        header: Secret::new("hdr".to_owned()),
    };
    let world = world(Credential::ManagedIdentity { client_id: Some("uai".to_owned()), endpoint });
    let expires_on = world.clock.now().timestamp() + 1000;
    let body = json!({ "access_token": "t1", "expires_on": expires_on.to_string() });
    world.script.answer(200, body.to_string());
    world.token().await;
    let request = world.script.only();
    assert_eq!(request.headers()["x-identity-header"], "hdr");
    assert!(request.headers()["x-identity-header"].is_sensitive());
    assert_eq!(
        request.uri().to_string(),
        "http://127.0.0.1:41234/msi/token?api-version=2019-08-01\
         &resource=https%3A%2F%2Fgraph.microsoft.com&client_id=uai"
    );
    world.clock.advance(899);
    assert_eq!(world.token().await, "t1");
    world
        .script
        .answer(400, r#"{"error":"invalid_request","error_description":"Identity not found"}"#);
    world.clock.advance(200);
    let fault = world.source.token().await.err().unwrap();
    assert!(!fault.temporary && fault.message.contains("no such managed identity"), "{fault}");
    world.script.answer(410, "");
    assert!(world.source.token().await.err().unwrap().temporary);
}

#[tokio::test]
async fn a_token_is_kept_until_five_minutes_before_its_end() {
    let world = with_secret();
    world.gives("t1", 3600);
    world.gives("t2", 3600);
    assert_eq!(world.token().await, "t1");
    world.clock.advance(3299);
    assert_eq!(world.token().await, "t1");
    world.clock.advance(1);
    assert_eq!(world.token().await, "t2");
    assert_eq!(world.script.take().len(), 2);
}

#[tokio::test]
async fn a_short_token_is_kept_until_its_last_tenth() {
    let world = with_secret();
    world.gives("t1", 60);
    world.gives("t2", 60);
    world.token().await;
    world.clock.advance(53);
    assert_eq!(world.token().await, "t1");
    world.clock.advance(1);
    assert_eq!(world.token().await, "t2");
}

#[tokio::test]
async fn a_token_outlives_an_outage_of_the_endpoint_until_its_end() {
    let world = with_secret();
    world.gives("t1", 3600);
    world.token().await;
    let lost = || TransportFault::Lost("broken".to_owned());
    world.clock.advance(3400);
    world.script.fail(lost());
    assert_eq!(world.token().await, "t1");
    // For half a minute the endpoint is left alone.
    world.clock.advance(29);
    assert_eq!(world.token().await, "t1");
    world.clock.advance(1);
    world.script.fail(lost());
    assert_eq!(world.token().await, "t1");
    world.clock.advance(170);
    world.script.fail(lost());
    assert!(world.source.token().await.err().unwrap().temporary);
}

#[tokio::test]
async fn many_requests_at_once_sign_in_once() {
    let world = with_secret();
    world.gives("t1", 3600);
    let tokens = futures_util::future::join_all((0..16).map(|_| world.token())).await;
    assert!(tokens.iter().all(|token| token == "t1"));
    assert_eq!(world.script.take().len(), 1);
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_for_all_who_used_it() {
    let world = with_secret();
    world.gives("t1", 3600);
    world.gives("t2", 3600);
    let stale = world.source.token().await.unwrap();
    let renewed = futures_util::future::join_all((0..8).map(|_| world.source.renew(&stale))).await;
    assert!(renewed.into_iter().all(Result::unwrap));
    assert_eq!(world.token().await, "t2");
    assert_eq!(world.script.take().len(), 2);
}

#[tokio::test]
async fn a_rotated_secret_is_found_when_the_token_is_renewed() {
    let place = Arc::new(Mutex::new("old"));
    let read = Arc::clone(&place);
    let secret: SecretSource =
        Arc::new(move || Ok(Secret::new((*read.lock().unwrap()).to_owned())));
    let World { script, source, .. } =
        world(Credential::ClientSecret { secret, sent: SecretSent::Body });
    let authorizer = Authorizer::Token(source);
    let token = |name| json!({ "token_type": "Bearer", "access_token": name }).to_string();
    script.answer(200, token("t1"));
    script.answer(200, token("t2"));
    let used = authorizer.authorization().await.unwrap();
    *place.lock().unwrap() = "new";
    assert!(authorizer.renew(&used).await.unwrap());
    assert_eq!(authorizer.authorization().await.unwrap(), "Bearer t2");
    let sent: Vec<_> =
        script.take().iter().map(|r| form(r).remove("client_secret").unwrap()).collect();
    assert_eq!(sent, ["old", "new"]);
}

/// An application's token endpoint that trusts the tokens of another source.
fn federated(client_id: &str, assertions: Vec<Result<&'static str, SignInFault>>) -> World {
    let (script, clock) = (Scripted::new(), StillClock::new());
    let left = Mutex::new(assertions.into_iter());
    let next = Arc::new(move || {
        let next = left.lock().unwrap().next().expect("an assertion that was not expected");
        Box::pin(async move { next.map(|text| Secret::new(text.to_owned())) }) as _
    });
    let settings = TokenSettings {
        token_url: Url::parse(TOKEN_URL).unwrap(),
        client_id: client_id.to_owned(),
        scope: Some("scim".to_owned()),
        credential: Credential::Assertion(next),
    };
    let source = TokenSource::new(settings, Arc::clone(&script) as _, Arc::clone(&clock) as _);
    World { script, clock, source }
}

#[tokio::test]
async fn another_endpoints_token_stands_for_a_secret_and_is_got_anew_each_time() {
    let world = federated("", vec![Ok("entra-1"), Ok("entra-2")]);
    world.gives("t1", 3599);
    assert_eq!(world.token().await, "t1");
    let request = world.script.only();
    assert!(!request.headers().contains_key("authorization"));
    insta::assert_json_snapshot!(form(&request), @r#"
{
  "client_assertion": "entra-1",
  "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
  "grant_type": "client_credentials",
  "scope": "scim"
}
"#);
    world.gives("t2", 3599);
    assert!(world.source.renew(&Secret::new("t1".to_owned())).await.unwrap());
    assert_eq!(form(&world.script.only())["client_assertion"], "entra-2");
}

#[tokio::test]
async fn an_assertion_is_shown_to_the_token_endpoint_alone() {
    let world = federated("us", vec![Ok("entra-1")]);
    let elsewhere = [("location", "https://evil.example/token")];
    world.script.answer_with(307, &elsewhere, "");
    let fault = world.source.token().await.err().unwrap();
    assert!(!fault.to_string().contains("entra-1") && !fault.temporary, "{fault}");
    let request = world.script.only();
    assert_eq!(request.uri().to_string(), TOKEN_URL);
    assert_eq!(form(&request)["client_id"], "us");
}

#[tokio::test]
async fn an_assertion_that_cannot_be_had_is_said_without_a_request() {
    let world = federated("us", vec![Err(SignInFault::permanent("Entra says no"))]);
    assert_eq!(world.source.token().await.err().unwrap().to_string(), "Entra says no");
    assert!(world.script.take().is_empty());
}

#[tokio::test]
async fn another_grant_type_and_more_parameters_are_sent_as_they_are_configured() {
    let (script, clock) = (Scripted::new(), StillClock::new());
    let settings = TokenSettings {
        token_url: Url::parse(TOKEN_URL).unwrap(),
        client_id: "us".to_owned(),
        scope: None,
        credential: Credential::ClientSecret { secret: fixed("pw"), sent: SecretSent::Header },
    };
    let source = TokenSource::new(settings, Arc::clone(&script) as _, clock);
    let source = source.asking(Grant {
        grant_type: Some("account_credentials".to_owned()),
        parameters: vec![("account_id".to_owned(), fixed("a&b=c\n"))],
    });
    let world = World { script, clock: StillClock::new(), source };
    world.gives("t1", 3599);
    world.token().await;
    let request = world.script.only();
    assert_eq!(request.headers()["authorization"], "Basic dXM6cHc=");
    insta::assert_json_snapshot!(form(&request), @r#"
{
  "account_id": "a&b=c",
  "grant_type": "account_credentials"
}
"#);
    assert_eq!(request.headers().get("content-length"), None, "the transport counts anew");
}
