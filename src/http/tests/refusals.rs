//! What each refusal of a token endpoint is explained as.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use serde_json::json;
use url::Url;

use crate::{
    http::{
        Credential, SecretSent, SignInFault, TokenSettings, TokenSource, TransportFault,
        scripted::{Scripted, StillClock},
    },
    model::Secret,
};

fn source(script: &Arc<Scripted>) -> TokenSource {
    let secret = Arc::new(|| Ok(Secret::new("s3cret".to_owned())));
    let settings = TokenSettings {
        token_url: Url::parse("https://login.example/t/oauth2/v2.0/token").unwrap(),
        client_id: "app".to_owned(),
        scope: Some("https://graph.example/.default".to_owned()),
        credential: Credential::ClientSecret { secret, sent: SecretSent::Body },
    };
    TokenSource::new(settings, Arc::clone(script) as _, StillClock::new())
}

async fn fault(script: &Arc<Scripted>) -> SignInFault {
    let fault = source(script).token().await.err().expect("a refusal was scripted");
    assert!(!fault.message.contains("s3cret"), "{fault}");
    fault
}

async fn refused(status: u16, error: &str, code: u64) -> SignInFault {
    let script = Scripted::new();
    let description = format!("AADSTS{code}: Received 's3cret' … Trace ID: 0a");
    let body = json!({ "error": error, "error_description": description, "error_codes": [code] });
    script.answer_with(status, &[("retry-after", "7")], body.to_string());
    fault(&script).await
}

#[tokio::test]
async fn every_refusal_of_entra_says_what_to_fix() {
    let codes = [
        7_000_215, 7_000_222, 700_016, 90_002, 900_023, 700_027, 700_024, 700_021, 700_211,
        700_213, 70_021, 700_023, 7_000_112, 1_002_012, 70_011, 53_003, 530_035, 900_144,
        7_000_229, 999_999,
    ];
    let mut told = String::new();
    for code in codes {
        let fault = refused(400, "invalid_client", code).await;
        assert!(!fault.temporary && fault.retry_after.is_none(), "{fault}");
        assert!(fault.message.contains(&format!("AADSTS{code}")), "{fault}");
        writeln!(told, "{fault}").unwrap();
    }
    insta::assert_snapshot!(told, @r#"
    AADSTS7000215: the client secret is wrong; use the secret's value, not its id, as shown once when it was added to the app registration
    AADSTS7000222: the client secret has expired; add a new one to the app registration and put it where the configuration reads it
    AADSTS700016: there is no app registration with this client id in the tenant; check `client_id` and `tenant`
    AADSTS90002: there is no such tenant; check `tenant` and the cloud
    AADSTS900023: there is no such tenant; check `tenant` and the cloud
    AADSTS700027: the certificate is not registered with the app registration, or the key does not belong to it; upload this certificate there
    AADSTS700024: the assertion is outside its validity; check that this machine's clock is right
    AADSTS700021: the federated token names an issuer or a subject other than the federated credential of the app registration expects
    AADSTS700211: the app registration has no federated credential for this token's issuer; the issuer must match to the letter
    AADSTS700213: the app registration has no federated credential for this token's subject; the subject must match to the letter
    AADSTS70021: the app registration has no federated credential for this token's subject; the subject must match to the letter
    AADSTS700023: the assertion is for another audience; a federated token needs `api://AzureADTokenExchange`
    AADSTS7000112: the app registration is disabled; enable it in the tenant
    AADSTS1002012: the scope is not valid; it must end in `/.default`
    AADSTS70011: the scope is not valid; it must end in `/.default`
    AADSTS53003: a conditional access policy for workload identities blocks the sign-in; exempt the app registration or this machine's address
    AADSTS530035: a conditional access policy for workload identities blocks the sign-in; exempt the app registration or this machine's address
    AADSTS900144: the request lacks a parameter; check that `client_id` is not empty
    AADSTS7000229: the app registration has no enterprise application in the tenant; grant it admin consent there
    the token endpoint refused the request (AADSTS999999); check the client id and its credential
    "#);
}

#[tokio::test]
async fn a_passing_refusal_is_temporary_and_keeps_its_wait() {
    for (status, code) in [(503, 90_033), (429, 90_012), (400, 50_196), (500, 999_999)] {
        let fault = refused(status, "temporarily_unavailable", code).await;
        assert!(fault.temporary, "{fault}");
        assert_eq!(fault.retry_after, Some(Duration::from_secs(7)));
        assert!(fault.message.contains(&format!("AADSTS{code}")), "{fault}");
    }
}

#[tokio::test]
async fn a_number_only_in_the_text_is_found() {
    let script = Scripted::new();
    let body = json!({ "error": "x", "error_description": "AADSTS700016: Application …" });
    script.answer(400, body.to_string());
    assert!(fault(&script).await.message.starts_with("AADSTS700016: there is no app"));
}

#[tokio::test]
async fn a_gateway_without_json_is_temporary() {
    let script = Scripted::new();
    script.answer(502, "<html>Bad Gateway</html>");
    let fault = fault(&script).await;
    assert!(fault.temporary);
    assert_eq!(fault.message, "the token endpoint is busy (HTTP status 502)");
}

#[tokio::test]
async fn another_servers_refusal_is_named_by_its_standard_error_only() {
    let script = Scripted::new();
    script.answer(400, json!({ "error": "invalid_scope" }).to_string());
    script.answer(400, json!({ "error": "your s3cret is bad" }).to_string());
    assert!(fault(&script).await.message.ends_with("(invalid_scope); check the scope"));
    assert!(fault(&script).await.message.contains("(HTTP status 400)"));
}

#[tokio::test]
async fn a_success_without_a_token_is_said() {
    let script = Scripted::new();
    script.answer(200, "<html>Sign in to the hotel network</html>");
    let fault = fault(&script).await;
    assert_eq!(fault.message, "the token endpoint's answer holds no usable token");
}

#[tokio::test]
async fn an_unreachable_endpoint_is_temporary() {
    let script = Scripted::new();
    script.fail(TransportFault::NotSent("connection refused".to_owned()));
    let fault = fault(&script).await;
    assert!(fault.temporary);
    assert_eq!(
        fault.message,
        "the token endpoint cannot be reached: could not connect: connection refused"
    );
}
