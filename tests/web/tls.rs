//! The site behind its own certificate.

use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use entra_scim::{
    daemon::SystemClock,
    model::{Clock as _, Secret},
    web::{Limits, Tls, TlsFiles},
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        pki_types::{CertificateDer, pem::PemObject as _},
    },
};

use super::house::{House, converse, heard, locked};
use crate::support::tls::Authority;

type Pem = Arc<Mutex<(String, String)>>;

fn tls(pem: &Pem) -> Tls {
    let pem = Arc::clone(pem);
    let read = move || {
        let (cert, key) = pem.lock().expect("nobody panicked").clone();
        Ok(TlsFiles { cert: cert.into_bytes(), key: Secret::new(key) })
    };
    Tls::new(read, SystemClock.now()).expect("certificate and key fit")
}

async fn connect(
    house: &House,
    trusted: &Authority,
) -> std::io::Result<TlsStream<tokio::net::TcpStream>> {
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(trusted.pem().as_bytes()).expect("a certificate");
    roots.add(root).expect("an authority");
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = "localhost".try_into().expect("a name");
    TlsConnector::from(Arc::new(config)).connect(name, house.connect().await).await
}

#[tokio::test]
async fn the_page_is_read_over_tls_and_plain_requests_get_nothing() {
    let authority = Authority::new();
    let pem = Arc::new(Mutex::new(authority.certify("localhost")));
    let house = House::with(locked(), Limits::default(), Some(tls(&pem))).await;
    let ask = house.request("GET", "/healthz", "", "");
    let stream = connect(&house, &authority).await.expect("a connection");
    converse(stream, &ask).await.has(200);
    let plain = house.ask(&ask).await;
    assert_eq!(plain.status, 0, "{plain:?}");
    // Who connects and says nothing takes nothing from the others.
    let silent = house.connect().await;
    let stream = connect(&house, &authority).await.expect("a connection");
    converse(stream, &ask).await.has(200);
    house.close().await;
    heard(silent).await;
}

#[tokio::test]
async fn a_renewed_certificate_is_taken_and_a_broken_one_is_not() {
    let (old, new) = (Authority::new(), Authority::new());
    let pem = Arc::new(Mutex::new(old.certify("localhost")));
    let house = House::with(locked(), Limits::default(), Some(tls(&pem))).await;
    connect(&house, &old).await.expect("a connection");

    *pem.lock().expect("nobody panicked") = ("no certificate".to_owned(), "no key".to_owned());
    house.clock.ahead(TimeDelta::minutes(2));
    connect(&house, &old).await.expect("the one before goes on");

    *pem.lock().expect("nobody panicked") = new.certify("localhost");
    house.clock.ahead(TimeDelta::minutes(2));
    connect(&house, &new).await.expect("the new one is shown");
    assert!(connect(&house, &old).await.is_err());
}

#[test]
fn a_certificate_without_its_key_is_refused_in_a_sentence_without_either() {
    let (cert, _) = Authority::new().certify("localhost");
    let (_, key) = Authority::new().certify("localhost");
    let secret = key.clone();
    let files =
        move || Ok(TlsFiles { cert: cert.clone().into_bytes(), key: Secret::new(key.clone()) });
    let problem = Tls::new(files, SystemClock.now()).err().expect("they do not fit");
    assert!(problem.starts_with("certificate and key do not fit"), "{problem}");
    assert!(!problem.contains(secret.lines().nth(1).expect("a key")), "{problem}");
}
