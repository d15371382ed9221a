//! The transport over loopback: TLS with a private authority, a proxy, broken answers.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, StatusCode};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
        server::WebPkiClientVerifier,
    },
};

use crate::{
    http::{
        ClientCertificate, Exchange as _, Network, NetworkFault, NetworkOptions, TransportFault,
    },
    model::Secret,
};

pub(super) fn options() -> NetworkOptions {
    NetworkOptions {
        request_timeout: Duration::from_secs(30),
        connect_timeout: Duration::from_secs(10),
        ca_pem: None,
        proxy: None,
        body_limit_bytes: 1024,
        client_certificate: None,
    }
}

pub(super) fn get(address: &str) -> Request<Bytes> {
    Request::get(address).body(Bytes::new()).unwrap()
}

pub(super) async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

async fn respond(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &[u8]) -> String {
    let head = read_head(&mut stream).await;
    stream.write_all(answer).await.unwrap();
    stream.shutdown().await.ok();
    head
}

/// Answers one connection with these bytes and closes it; gives the request's head.
async fn plain(answer: &'static [u8]) -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (heads, received) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        heads.send(respond(stream, answer).await).ok();
    });
    (address, received)
}

/// An authority of our own.
fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut authority = CertificateParams::new(Vec::<String>::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap()
}

/// A TLS server whose certificate is from its own authority, which is returned in PEM.
async fn private() -> (SocketAddr, Vec<u8>) {
    let issuer = authority();
    (serve_tls(&issuer, false).await, issuer.pem().into_bytes())
}

/// The same authority's server, which may demand that its clients have a certificate of it.
async fn serve_tls(issuer: &CertifiedIssuer<'static, KeyPair>, demands: bool) -> SocketAddr {
    let key = KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "graph.example".to_owned()];
    let leaf = CertificateParams::new(names).unwrap().signed_by(&key, issuer).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let builder = if demands {
        let mut roots = RootCertStore::empty();
        roots.add(issuer.der().clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
        ServerConfig::builder().with_client_cert_verifier(verifier)
    } else {
        ServerConfig::builder().with_no_client_auth()
    };
    let config = builder.with_single_cert(vec![leaf.der().clone()], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                respond(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
            }
        }
    });
    address
}

/// What accepts TLS with these protocols, and its authority in PEM.
pub(super) fn secured(protocols: &[&[u8]]) -> (TlsAcceptor, Vec<u8>) {
    let (issuer, key) = (authority(), KeyPair::generate().unwrap());
    let names = vec!["localhost".to_owned()];
    let leaf = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let builder = ServerConfig::builder().with_no_client_auth();
    let mut config = builder.with_single_cert(vec![leaf.der().clone()], key).unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    (TlsAcceptor::from(Arc::new(config)), issuer.pem().into_bytes())
}

/// A certificate that `issuer` gives out to a client, and its key, both in PEM.
fn client_of(issuer: &CertifiedIssuer<'static, KeyPair>) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let names = vec!["entra-scim".to_owned()];
    let leaf = CertificateParams::new(names).unwrap().signed_by(&key, issuer).unwrap();
    (leaf.pem(), key.serialize_pem())
}

/// A certificate that is read where a test can put another one.
fn shown(pair: &Arc<Mutex<(String, String)>>) -> ClientCertificate {
    let (cert, key) = (Arc::clone(pair), Arc::clone(pair));
    ClientCertificate {
        cert_pem: Arc::new(move || Ok(Secret::new(cert.lock().unwrap().0.clone()))),
        key_pem: Arc::new(move || Ok(Secret::new(key.lock().unwrap().1.clone()))),
    }
}

#[tokio::test]
async fn a_server_that_demands_a_certificate_gets_ours_and_a_new_one_after_a_refusal() {
    let issuer = authority();
    let address = serve_tls(&issuer, true).await;
    let ca_pem = Some(issuer.pem().into_bytes());
    let request = || get(&format!("https://localhost:{}/secret-path", address.port()));
    let without = Network::new(&NetworkOptions { ca_pem: ca_pem.clone(), ..options() }).unwrap();
    let told = without.exchange(request()).await.unwrap_err().to_string();
    assert!(told.contains("CertificateRequired") && !told.contains("secret-path"), "{told}");

    let pair = Arc::new(Mutex::new(client_of(&authority())));
    let client_certificate = Some(shown(&pair));
    let options = NetworkOptions { ca_pem, client_certificate, ..options() };
    let network = Network::new(&options).unwrap();
    network.exchange(request()).await.expect_err("a stranger's certificate");
    *pair.lock().unwrap() = client_of(&issuer);
    network.exchange(request()).await.expect_err("it is read again after the next refusal");
    assert_eq!(network.exchange(request()).await.unwrap().body(), "ok");
    *pair.lock().unwrap() = ("nonsense".to_owned(), String::new());
    assert_eq!(network.exchange(request()).await.unwrap().body(), "ok");
}

#[test]
fn a_certificate_that_cannot_be_shown_is_refused_at_once_and_shows_no_key() {
    let ((cert, key), (_, other)) = (client_of(&authority()), client_of(&authority()));
    let ca_pem = Some(authority().pem().into_bytes());
    for (cert, key) in [(cert.clone(), String::new()), (String::new(), key), (cert, other)] {
        let client_certificate = Some(shown(&Arc::new(Mutex::new((cert, key.clone())))));
        let options = NetworkOptions { client_certificate, ca_pem: ca_pem.clone(), ..options() };
        let fault = Network::new(&options).err().unwrap();
        assert!(matches!(fault, NetworkFault::ClientCertificate), "{fault}");
        assert!(key.is_empty() || !format!("{fault:?}").contains(&key));
    }
}

#[tokio::test]
async fn a_private_authority_is_trusted_only_when_it_is_configured() {
    let (address, ca_pem) = private().await;
    let request = || get(&format!("https://localhost:{}/secret-path", address.port()));
    let trusting = Network::new(&NetworkOptions { ca_pem: Some(ca_pem), ..options() }).unwrap();
    assert_eq!(trusting.exchange(request()).await.unwrap().body(), "ok");
    let fault = Network::new(&options()).unwrap().exchange(request()).await.unwrap_err();
    let TransportFault::NotSent(told) = fault else { panic!("{fault}") };
    assert!(told.contains("certificate"), "{told}");
    assert!(!told.contains("secret-path"), "{told}");
}

#[tokio::test]
async fn a_proxy_is_asked_for_a_tunnel_and_sees_no_request() {
    let (server, ca_pem) = private().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Some(format!("http://user:pw@{}", listener.local_addr().unwrap()));
    let serve = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        let mut onward = TcpStream::connect(server).await.unwrap();
        copy_bidirectional(&mut stream, &mut onward).await.ok();
        head
    });
    let options = NetworkOptions { ca_pem: Some(ca_pem), proxy, ..options() };
    let network = Network::new(&options).unwrap();
    let answer = network.exchange(get("https://graph.example/v1.0/users")).await.unwrap();
    assert_eq!(answer.body(), "ok");
    drop(network);
    let head = serve.await.unwrap();
    assert!(head.starts_with("CONNECT graph.example:443 HTTP/1.1\r\n"), "{head}");
    assert!(head.to_ascii_lowercase().contains("proxy-authorization: basic"), "{head}");
    assert!(!head.contains("/v1.0"), "{head}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let (address, mut heads) =
        plain(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n")
            .await;
    let network = Network::new(&options()).unwrap();
    let answer = network.exchange(get(&format!("http://{address}/a"))).await.unwrap();
    assert_eq!(answer.status(), StatusCode::FOUND);
    assert_eq!(answer.headers()["location"], "http://127.0.0.1:9/");
    let head = heads.recv().await.unwrap().to_ascii_lowercase();
    assert!(head.contains("user-agent: entra-scim/"), "{head}");
    assert!(head.contains("accept-encoding: gzip"), "{head}");
}

async fn fault_of(answer: &'static [u8]) -> TransportFault {
    let (address, _heads) = plain(answer).await;
    let network = Network::new(&options()).unwrap();
    network.exchange(get(&format!("http://{address}/secret-path?t=1"))).await.unwrap_err()
}

#[tokio::test]
async fn a_broken_answer_is_lost_and_names_no_address() {
    let broken: [&[u8]; 4] = [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"value\":[",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc",
    ];
    for answer in broken {
        let fault = fault_of(answer).await;
        let TransportFault::Lost(told) = fault else { panic!("{fault}") };
        assert!(!told.contains("secret-path"), "{told}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_whether_announced_or_not() {
    let announced = b"HTTP/1.1 200 OK\r\ncontent-length: 1025\r\n\r\n";
    assert_eq!(fault_of(announced).await, TransportFault::TooLarge { limit_bytes: 1024 });
    let mut endless = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_vec();
    endless.resize(endless.len() + 1025, b'x');
    let fault = fault_of(Box::leak(endless.into_boxed_slice())).await;
    assert_eq!(fault, TransportFault::TooLarge { limit_bytes: 1024 });
}

#[tokio::test]
async fn a_small_body_that_unpacks_to_a_large_one_is_refused_by_its_real_size() {
    // A megabyte of spaces, packed into a kilobyte.
    let packed = include_bytes!("spaces.gz");
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        packed.len()
    )
    .into_bytes();
    answer.extend_from_slice(packed);
    let (address, _heads) = plain(Box::leak(answer.into_boxed_slice())).await;
    let limit_bytes = 4 * packed.len();
    let network = Network::new(&NetworkOptions { body_limit_bytes: limit_bytes, ..options() });
    let fault = network.unwrap().exchange(get(&format!("http://{address}/"))).await.unwrap_err();
    assert_eq!(fault, TransportFault::TooLarge { limit_bytes });
}

#[tokio::test]
async fn a_body_that_never_ends_is_cut_at_the_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_head(&mut stream).await;
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head).await.unwrap();
        let chunk = format!("400\r\n{}\r\n", "x".repeat(1024));
        // Until the other side hangs up.
        while stream.write_all(chunk.as_bytes()).await.is_ok() {}
    });
    let limit_bytes = 1024 * 1024;
    let network = Network::new(&NetworkOptions { body_limit_bytes: limit_bytes, ..options() });
    let fault = network.unwrap().exchange(get(&format!("http://{address}/"))).await.unwrap_err();
    assert_eq!(fault, TransportFault::TooLarge { limit_bytes });
}

#[tokio::test]
async fn a_refused_connection_was_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let network = Network::new(&options()).unwrap();
    let fault = network.exchange(get(&format!("http://{address}/a"))).await.unwrap_err();
    assert!(matches!(fault, TransportFault::NotSent(_)), "{fault}");
}

#[tokio::test]
async fn a_server_that_never_answers_is_lost_when_the_time_is_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let short = NetworkOptions { request_timeout: Duration::from_millis(50), ..options() };
    let network = Network::new(&short).unwrap();
    let fault = network.exchange(get(&format!("http://{address}/a"))).await.unwrap_err();
    assert_eq!(fault, TransportFault::Lost("timed out".to_owned()));
}

#[tokio::test]
async fn plain_http_leaves_this_machine_for_no_host() {
    let network = Network::new(&options()).unwrap();
    for address in ["http://graph.example/", "http://192.0.2.1/", "http://169.254.169.254/"] {
        let fault = network.exchange(get(address)).await.unwrap_err();
        let TransportFault::NotSent(told) = fault else { panic!("{fault}") };
        assert!(told.starts_with("plain HTTP is refused"), "{told}");
    }
}

#[test]
fn options_that_cannot_be_used_are_refused_at_once() {
    for pem in [&b"not pem"[..], b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
    {
        let made = Network::new(&NetworkOptions { ca_pem: Some(pem.to_vec()), ..options() });
        assert!(matches!(made, Err(NetworkFault::CertificateAuthority(_))));
    }
    for proxy in ["", "proxy.example:3128", "socks5://u:pw@proxy.example", "http://"] {
        let made = Network::new(&NetworkOptions { proxy: Some(proxy.to_owned()), ..options() });
        let fault = made.err().unwrap();
        assert!(matches!(fault, NetworkFault::Proxy), "{fault}");
        assert!(!fault.to_string().contains("pw"), "{fault}");
    }
}
