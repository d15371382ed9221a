//! Sign-in by secret, certificate and federated identity, and what the bearer token opens.

use base64::{
    Engine as _, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD,
};
use bytes::Bytes;
use http::Request;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{BASE, World, key};
use crate::{
    http::Exchange as _,
    model::{Clock as _, Secret},
    sandbox::tenant::{ClientRegistration, Fault, FederatedCredential, RetryAfter},
};

const CLIENT: &str = "6b1f3c5e-0000-4000-8000-00000000c11e";

fn world() -> World {
    let world = World::new();
    let lines: Vec<&str> = key::CERTIFICATE
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    let pem =
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"));
    world.tenant.register_client(ClientRegistration {
        client_id: CLIENT.into(),
        secrets: vec![Secret::new("right&=secret".into())],
        expired_secrets: vec![Secret::new("old".into())],
        certificates: vec![pem],
        federated: vec![FederatedCredential {
            issuer: "https://issuer.test".into(),
            subject: "system:serviceaccount:ns:name".into(),
            audience: "api://AzureADTokenExchange".into(),
        }],
        granted: ["User.Read.All".to_owned()].into(),
    });
    world
}

async fn ask(world: &World, tenant: &str, fields: &[(&str, &str)]) -> (u16, Value) {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    form.extend_pairs(fields);
    let request = Request::post(format!("{BASE}/{tenant}/oauth2/v2.0/token"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Bytes::from(form.finish()))
        .unwrap();
    let answer = world.tenant.exchange(request).await.unwrap();
    (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap_or_default())
}

fn tenant_id() -> String {
    uuid::Uuid::from_u128(0x0000_7e4a_0000_0000_0000_0000_0000_0001).to_string()
}

const SCOPE: (&str, &str) = ("scope", "https://graph.microsoft.com/.default");

async fn by_secret(world: &World, secret: &str) -> (u16, Value) {
    ask(world, &tenant_id(), &[("client_id", CLIENT), SCOPE, ("client_secret", secret)]).await
}

#[tokio::test]
async fn a_secret_buys_a_token_with_the_granted_roles_until_it_expires() {
    let mut world = world();
    world.tenant.switch(|s| s.access_token_lifetime = std::time::Duration::from_secs(60));
    let (status, body) = by_secret(&world, "right&=secret").await;
    assert_eq!((status, &body["expires_in"]), (200, &json!(60)));
    let token = body["access_token"].as_str().unwrap().to_owned();
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["roles"], json!(["User.Read.All"]));
    world.token = token;
    world.get("/users").await.ok();
    world.get("/groups").await.refused(403, "Authorization_RequestDenied");
    world.tenant.inject(Fault::SpuriousUnauthorized);
    world.get("/users").await.refused(401, "InvalidAuthenticationToken");
    world.get("/users").await.ok();
    world.wait(std::time::Duration::from_secs(61));
    let expired = world.get("/users").await;
    expired.refused(401, "InvalidAuthenticationToken");
    assert!(expired.headers["www-authenticate"].starts_with("Bearer "));
    assert_eq!(world.tenant.sign_in_count(), 1);
    let login = world.tenant.requests().into_iter().find(super::super::RecordedRequest::is_login);
    assert!(login.unwrap().body.is_empty(), "no credential is recorded");
}

#[tokio::test]
async fn each_mistake_has_its_own_code() {
    let world = world();
    let check = |answer: (u16, Value), status: u16, error: &str, code: u32| {
        assert_eq!((answer.0, &answer.1["error"]), (status, &json!(error)), "{}", answer.1);
        assert_eq!(answer.1["error_codes"], json!([code]));
        let text = answer.1["error_description"].as_str().unwrap();
        assert!(text.starts_with(&format!("AADSTS{code}: ")), "{text}");
    };
    check(by_secret(&world, "wrong").await, 401, "invalid_client", 7_000_215);
    check(by_secret(&world, "old").await, 401, "invalid_client", 7_000_222);
    let fields = [("client_id", CLIENT), SCOPE, ("client_secret", "right&=secret")];
    check(ask(&world, "elsewhere", &fields).await, 400, "invalid_request", 90_002);
    let unknown = [("client_id", "nobody"), SCOPE, ("client_secret", "x")];
    check(ask(&world, &tenant_id(), &unknown).await, 400, "unauthorized_client", 700_016);
    let scope = [("client_id", CLIENT), ("scope", "User.Read"), ("client_secret", "x")];
    check(ask(&world, &tenant_id(), &scope).await, 400, "invalid_scope", 1_002_012);
    check(
        ask(&world, &tenant_id(), &[("client_id", CLIENT)]).await,
        400,
        "invalid_request",
        900_144,
    );
    world.tenant.inject_at("/oauth2/", Fault::Throttle(RetryAfter::Seconds(3)));
    assert_eq!(by_secret(&world, "right&=secret").await.0, 429);
}

fn assertion(algorithm: Algorithm, claims: &Value) -> String {
    let mut header = Header::new(algorithm);
    let der = STANDARD.decode(key::CERTIFICATE).unwrap();
    header.x5t_s256 = Some(URL_SAFE_NO_PAD.encode(Sha256::digest(der)));
    let key = EncodingKey::from_rsa_der(&STANDARD.decode(key::KEY).unwrap());
    jsonwebtoken::encode(&header, claims, &key).unwrap()
}

async fn by_assertion(world: &World, assertion: &str) -> (u16, Value) {
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let fields = [
        ("client_id", CLIENT),
        SCOPE,
        ("client_assertion_type", kind),
        ("client_assertion", assertion),
    ];
    ask(world, &tenant_id(), &fields).await
}

#[tokio::test]
async fn an_assertion_must_be_signed_fresh_and_meant_for_this_endpoint() {
    let world = world();
    let now = world.clock.now().timestamp();
    let claims = json!({
        "iss": CLIENT, "sub": CLIENT, "jti": "1", "nbf": now, "iat": now, "exp": now + 300,
        "aud": format!("https://login.microsoftonline.com/{}/oauth2/v2.0/token", tenant_id()),
    });
    for algorithm in [Algorithm::PS256, Algorithm::RS256] {
        assert_eq!(by_assertion(&world, &assertion(algorithm, &claims)).await.0, 200);
    }
    let good = assertion(Algorithm::PS256, &claims);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let flipped: String = signature.chars().rev().collect();
    let (status, body) = by_assertion(&world, &format!("{signed}.{flipped}")).await;
    assert_eq!((status, &body["error_codes"]), (401, &json!([700_027])));
    for (name, value, code) in [
        ("aud", json!("https://elsewhere.test"), 700_023),
        ("sub", json!("somebody"), 700_021),
        ("exp", json!(now - 3_600), 700_024),
    ] {
        let mut wrong = claims.clone();
        wrong[name] = value;
        let (_, body) = by_assertion(&world, &assertion(Algorithm::PS256, &wrong)).await;
        assert_eq!(body["error_codes"], json!([code]));
    }
}

#[tokio::test]
async fn a_federated_identity_must_match_exactly() {
    let world = world();
    let now = world.clock.now().timestamp();
    let claims = json!({
        "iss": "https://issuer.test", "sub": "system:serviceaccount:ns:name",
        "aud": "api://AzureADTokenExchange", "exp": now + 300,
    });
    assert_eq!(by_assertion(&world, &assertion(Algorithm::RS256, &claims)).await.0, 200);
    for (name, code) in [("iss", 700_211), ("sub", 700_213), ("aud", 700_212)] {
        let mut wrong = claims.clone();
        wrong[name] = json!("other");
        let (_, body) = by_assertion(&world, &assertion(Algorithm::RS256, &wrong)).await;
        assert_eq!(body["error_codes"], json!([code]));
    }
}
