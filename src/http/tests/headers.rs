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
    http::{Authorizer, Bearer, SignInFault, retry_after, same_origin},
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

fn counted(tokens: &'static [&'static str]) -> (Arc<AtomicUsize>, Authorizer) {
    let reads = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&reads);
    let read = move || {
        let index = counter.fetch_add(1, Ordering::SeqCst).min(tokens.len() - 1);
        Ok(Secret::new(tokens[index].to_owned()))
    };
    (reads, Authorizer::Bearer(Bearer::new(Arc::new(read))))
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
