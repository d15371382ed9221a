//! `Retry-After`, the origin of links, and the credential of a request.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{HeaderMap, HeaderValue, header::RETRY_AFTER};
use url::Url;

use crate::{
    http::{
        Authorizer, Basic, Bearer, ConfiguredHeader, SecretSource, SignIn, SignInFault,
        retry_after, same_origin,
    },
    model::Secret,
};

fn wait(value: &str) -> Option<Duration> {
    let mut headers = HeaderMap::new();
    headers.insert(RETRY_AFTER, HeaderValue::from_str(value).unwrap());
    retry_after(&headers, "2026-11-23T10:00:00Z".parse().unwrap())
}

#[test]
fn a_wait_is_read_in_all_its_forms_and_never_longer_than_five_minutes() {
    assert_eq!(wait("10"), Some(Duration::from_secs(10)));
    assert_eq!(wait(" 0 "), Some(Duration::ZERO));
    assert_eq!(wait("2.128"), Some(Duration::from_millis(2_128)));
    assert_eq!(wait("86400"), Some(Duration::from_secs(300)));
    assert_eq!(wait("99999999999999999999999999"), Some(Duration::from_secs(300)));
    assert_eq!(wait("Mon, 23 Nov 2026 10:00:07 GMT"), Some(Duration::from_secs(7)));
    assert_eq!(wait("Tue, 24 Nov 2026 10:00:00 GMT"), Some(Duration::from_secs(300)));
    assert_eq!(wait("Mon, 23 Nov 2026 09:59:00 GMT"), Some(Duration::ZERO));
}

#[test]
fn a_wait_that_makes_no_sense_is_no_wait() {
    for value in ["", "-1", "soon", "inf", "NaN", "1e3", ".5", "1.2.3", "+5"] {
        assert_eq!(wait(value), None, "{value}");
    }
    assert_eq!(retry_after(&HeaderMap::new(), chrono::DateTime::UNIX_EPOCH), None);
}

#[test]
fn a_link_is_followed_only_to_the_configured_scheme_host_and_port() {
    let base = Url::parse("https://graph.microsoft.com/v1.0").unwrap();
    let link = "https://graph.microsoft.com/v1.0/users/delta?$skiptoken=a%2Fb";
    assert_eq!(same_origin(&base, link).unwrap().as_str(), link);
    assert!(same_origin(&base, "https://GRAPH.microsoft.com:443/v1.0/users").is_ok());
    let foreign = [
        ("http://graph.microsoft.com/v1.0/users", "http://graph.microsoft.com"),
        ("https://graph.microsoft.com:8443/v1.0", "https://graph.microsoft.com:8443"),
        (
            "https://graph.microsoft.com.evil.example/?t=1",
            "https://graph.microsoft.com.evil.example",
        ),
        ("https://graph.microsoft.com@evil.example/", "https://evil.example"),
        ("https://evil@graph.microsoft.com/", "https://graph.microsoft.com"),
        ("//evil.example/v1.0", "an unreadable address"),
        ("/v1.0/users", "an unreadable address"),
        ("file:///etc/passwd", "an address that is not a web address"),
    ];
    for (link, origin) in foreign {
        assert_eq!(same_origin(&base, link), Err(origin.to_owned()), "{link}");
    }
}

/// Gives these texts one after the other, the last for ever.
fn source(texts: &'static [&'static str]) -> (Arc<AtomicUsize>, SecretSource) {
    let reads = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&reads);
    let read = move || {
        let index = counter.fetch_add(1, Ordering::SeqCst).min(texts.len() - 1);
        Ok(Secret::new(texts[index].to_owned()))
    };
    (reads, Arc::new(read))
}

fn counted(tokens: &'static [&'static str]) -> (Arc<AtomicUsize>, Authorizer) {
    let (reads, read) = source(tokens);
    (reads, Authorizer::Bearer(Bearer::new(read)))
}

#[tokio::test]
async fn a_configured_token_is_read_once_and_again_after_a_refusal() {
    let (reads, authorizer) = counted(&["old\n", "new\n"]);
    let first = authorizer.authorization().await.unwrap();
    assert_eq!(first, "Bearer old");
    assert!(first.is_sensitive());
    assert_eq!(format!("{first:?}"), "Sensitive");
    authorizer.authorization().await.unwrap();
    assert_eq!(reads.load(Ordering::SeqCst), 1);
    assert!(authorizer.renew(&first).await.unwrap());
    assert_eq!(authorizer.authorization().await.unwrap(), "Bearer new");
    // A second request that was refused with the old token finds the new one without a read.
    assert!(authorizer.renew(&first).await.unwrap());
    assert_eq!(reads.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_token_that_is_still_the_same_is_not_worth_another_try() {
    let (_, authorizer) = counted(&["same"]);
    let used = authorizer.authorization().await.unwrap();
    assert!(!authorizer.renew(&used).await.unwrap());
}

#[tokio::test]
async fn a_token_that_cannot_be_used_is_said_without_showing_it() {
    let (_, authorizer) = counted(&["  \n"]);
    let fault = authorizer.authorization().await.unwrap_err();
    assert_eq!(fault, SignInFault::permanent("the configured token is empty"));
    let (_, authorizer) = counted(&["s3\u{7}cret"]);
    let fault = authorizer.authorization().await.unwrap_err();
    assert!(!fault.to_string().contains("s3"), "{fault}");
    let read = Arc::new(|| Err("the file /a does not exist".to_owned()));
    let fault = Authorizer::Bearer(Bearer::new(read)).authorization().await.unwrap_err();
    assert_eq!(fault.to_string(), "the file /a does not exist");
}

#[tokio::test]
async fn a_user_name_and_a_password_are_one_pair_and_the_password_is_read_again() {
    let (reads, read) = source(&["sésame \n", "sésame \n", "new\n"]);
    let authorizer = Authorizer::Basic(Basic::new("us".to_owned(), read));
    let first = authorizer.authorization().await.unwrap();
    // `us:sésame ` in UTF-8: a blank at a password's end counts, the line end of its file does not.
    assert_eq!(first, "Basic dXM6c8Opc2FtZSA=");
    assert!(first.is_sensitive());
    assert!(!authorizer.renew(&first).await.unwrap(), "the file still says the same");
    assert!(authorizer.renew(&first).await.unwrap());
    assert_eq!(authorizer.authorization().await.unwrap(), "Basic dXM6bmV3");
    assert!(authorizer.renew(&first).await.unwrap(), "somebody else has read it meanwhile");
    assert_eq!(reads.load(Ordering::SeqCst), 3);
}

fn header(name: &'static str, texts: &'static [&'static str]) -> ConfiguredHeader {
    ConfiguredHeader { name: name.parse().unwrap(), read: source(texts).1 }
}

#[tokio::test]
async fn headers_stand_beside_a_token_or_alone_and_one_that_is_new_is_worth_another_try() {
    let headers = vec![header("x-team", &["7"]), header("x-api-key", &["old-key", "new-key"])];
    let (_, token) = counted(&["token"]);
    let sign_in = SignIn::new(Some(token), headers);
    let signed = sign_in.headers().await.unwrap();
    let mut sent = HeaderMap::new();
    signed.apply(&mut sent);
    assert_eq!(sent["authorization"], "Bearer token");
    assert_eq!(
        (&sent["x-team"], &sent["x-api-key"]),
        (&"7".parse().unwrap(), &"old-key".parse().unwrap())
    );
    assert!(sent.values().all(HeaderValue::is_sensitive));
    assert!(sign_in.renew(&signed).await.unwrap(), "the key is another one");
    let signed = sign_in.headers().await.unwrap();
    assert!(!sign_in.renew(&signed).await.unwrap(), "nothing has changed since");

    let alone = SignIn::new(None, vec![header("authorization", &["Token abc-def-ghi"])]);
    let signed = alone.headers().await.unwrap();
    let mut sent = HeaderMap::new();
    signed.apply(&mut sent);
    assert_eq!(sent["authorization"], "Token abc-def-ghi");
    assert_eq!(sent.len(), 1);
}

#[tokio::test]
async fn every_secret_of_a_request_is_known_and_a_short_plain_value_is_none() {
    let (_, read) = source(&["pa55word"]);
    let basic = Authorizer::Basic(Basic::new("us".to_owned(), read));
    let headers = vec![header("x-team", &["7"]), header("x-api-key", &["Key abc-def-ghi"])];
    let signed = SignIn::new(Some(basic), headers).headers().await.unwrap();
    let secrets = signed.secrets();
    let mut texts: Vec<_> = secrets.iter().map(Secret::expose).collect();
    texts.sort_unstable();
    assert_eq!(texts, ["Key abc-def-ghi", "abc-def-ghi", "dXM6cGE1NXdvcmQ=", "pa55word"]);
    let broken = SignIn::new(None, vec![header("x-api-key", &["s3\u{7}cret"])]);
    let fault = broken.headers().await.err().unwrap();
    assert!(fault.to_string().contains("x-api-key") && !fault.to_string().contains("s3"));
}
