//! The network: one reqwest client that carries requests and decides nothing.
//!
//! TLS is always verified, redirects are never followed, a body has a limit. It says whether a
//! request can have arrived, which is all that a caller needs to know of a broken connection. A
//! client certificate is read again after a refusal, for the requests that follow.

use std::{
    error::Error,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{Request, Response, StatusCode};
use reqwest::{Certificate, Client, Identity, NoProxy, Proxy, redirect::Policy};
use url::{Host, Url};
use zeroize::Zeroizing;

use super::{Answer, Exchange, SecretSource, TransportFault};

/// Idle connections kept per host: as many as requests run at once.
const IDLE_PER_HOST_MAX: usize = 16;

/// Hosts that no proxy can reach for us: this machine, and its own metadata service.
const NEVER_PROXIED: &str = "localhost,127.0.0.0/8,::1,169.254.0.0/16";

/// How to reach the network.
#[derive(Clone)]
pub struct NetworkOptions {
    /// From the request's start to the answer's last byte.
    pub request_timeout: Duration,
    /// For the name, the connection and TLS.
    pub connect_timeout: Duration,
    /// Further certificate authorities, in PEM, beside the system's.
    pub ca_pem: Option<Vec<u8>>,
    /// The proxy's address. The environment is not looked at.
    pub proxy: Option<String>,
    /// The longest body of an answer, after decompression.
    pub body_limit_bytes: usize,
    /// Who we are to a server that asks for a certificate.
    pub client_certificate: Option<ClientCertificate>,
}

/// A certificate with its key, shown to a server that asks for one (RFC 8446 §4.3.2).
#[derive(Clone)]
pub struct ClientCertificate {
    /// Where the certificate and those up to its authority are read, in PEM.
    pub cert_pem: SecretSource,
    /// Where the private key is read: unencrypted PKCS#8, PKCS#1 or SEC1 in PEM.
    pub key_pem: SecretSource,
}

/// Marks a request that may go to a link-local address (169.254.0.0/16) over plain HTTP: Azure's
/// metadata service has no TLS and is never routed.
#[derive(Clone, Copy, Debug)]
pub struct LinkLocalPlain;

/// The options cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NetworkFault {
    /// The authorities are not PEM certificates.
    #[error("the certificate authority file holds no usable PEM certificate")]
    CertificateAuthority(#[source] Option<reqwest::Error>),
    /// The proxy's address is not usable. It may hold a password and is not repeated.
    #[error("the proxy address is not usable (expected `http://host:port`)")]
    Proxy,
    /// The client certificate or its key cannot be read; the text names which and why.
    #[error("{0}")]
    ClientCertificateUnread(String),
    /// Certificate and key are not usable.
    #[error(
        "the client certificate is not usable: it takes a PEM certificate and its unencrypted \
         private key in PEM"
    )]
    ClientCertificate,
    /// TLS could not be set up.
    #[error("the HTTP client could not be set up")]
    Client(#[source] reqwest::Error),
}

/// Carries requests over the network.
pub struct Network {
    options: NetworkOptions,
    current: Mutex<Current>,
}

/// The client, and what it shows to a server that asks for a certificate.
struct Current {
    client: Client,
    identity: Option<Zeroizing<String>>,
}

impl Network {
    /// A client with these options. Connects nowhere yet.
    pub fn new(options: &NetworkOptions) -> Result<Self, NetworkFault> {
        let identity = options.client_certificate.as_ref().map(identity).transpose()?;
        let client = client(options, identity.as_ref())?;
        let current = Mutex::new(Current { client, identity });
        Ok(Self { options: options.clone(), current })
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the client certificate again, for requests to come: this one may have been refused
    /// because that had ended. What cannot be used leaves the old one in place.
    fn look_again(&self) {
        let Some(certificate) = &self.options.client_certificate else { return };
        let Ok(fresh) = identity(certificate) else { return };
        let mut current = self.current();
        if current.identity.as_ref() == Some(&fresh) {
            return;
        }
        if let Ok(client) = client(&self.options, Some(&fresh)) {
            *current = Current { client, identity: Some(fresh) };
        }
    }

    async fn carry(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
        let outcome = self.once(request).await;
        let is_refused = |answer: &Response<Bytes>| {
            // nginx answers 400 to a certificate that has ended.
            matches!(
                answer.status(),
                StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
            )
        };
        if outcome.as_ref().map_or(true, is_refused) {
            self.look_again();
        }
        outcome
    }

    async fn once(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
        check_scheme(&request)?;
        let request = reqwest::Request::try_from(request)
            .map_err(|_| TransportFault::NotSent("the address is not usable".to_owned()))?;
        let client = self.current().client.clone();
        let mut answer = client.execute(request).await.map_err(fault)?;
        let limit_bytes = self.options.body_limit_bytes;
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        let too_large = TransportFault::TooLarge { limit_bytes };
        let announced = answer.content_length().and_then(|length| usize::try_from(length).ok());
        if announced.is_some_and(|length| length > limit_bytes) {
            return Err(too_large);
        }
        let mut body = BytesMut::with_capacity(announced.unwrap_or_default());
        while let Some(chunk) = answer.chunk().await.map_err(fault)? {
            if body.len() + chunk.len() > limit_bytes {
                return Err(too_large);
            }
            body.extend_from_slice(&chunk);
        }
        *response.body_mut() = body.freeze();
        Ok(response)
    }
}

impl Exchange for Network {
    fn exchange(&self, request: Request<Bytes>) -> Answer<'_> {
        Box::pin(self.carry(request))
    }
}

fn client(
    options: &NetworkOptions,
    identity: Option<&Zeroizing<String>>,
) -> Result<Client, NetworkFault> {
    let mut builder = Client::builder()
        .use_rustls_tls()
        .redirect(Policy::none())
        .gzip(true)
        .referer(false)
        .timeout(options.request_timeout)
        .connect_timeout(options.connect_timeout)
        .pool_max_idle_per_host(IDLE_PER_HOST_MAX)
        .user_agent(concat!("entra-scim/", env!("CARGO_PKG_VERSION")));
    for authority in authorities(options.ca_pem.as_deref())? {
        builder = builder.add_root_certificate(authority);
    }
    if let Some(pem) = identity {
        // The cause would say no more, and may hold a part of the key.
        let identity =
            Identity::from_pem(pem.as_bytes()).map_err(|_| NetworkFault::ClientCertificate)?;
        builder = builder.identity(identity);
    }
    builder = match &options.proxy {
        Some(address) => builder.proxy(proxy(address)?),
        None => builder.no_proxy(),
    };
    builder.build().map_err(|error| match (identity, &options.ca_pem) {
        (Some(_), _) if client(options, None).is_ok() => NetworkFault::ClientCertificate,
        (_, Some(_)) => NetworkFault::CertificateAuthority(Some(error.without_url())),
        (_, None) => NetworkFault::Client(error.without_url()),
    })
}

/// Key and certificates in one text, as reqwest takes them.
fn identity(certificate: &ClientCertificate) -> Result<Zeroizing<String>, NetworkFault> {
    let read = |source: &SecretSource| source().map_err(NetworkFault::ClientCertificateUnread);
    let (key, cert) = (read(&certificate.key_pem)?, read(&certificate.cert_pem)?);
    Ok(Zeroizing::new(format!("{}\n{}\n", key.expose(), cert.expose())))
}

fn authorities(pem: Option<&[u8]>) -> Result<Vec<Certificate>, NetworkFault> {
    let Some(pem) = pem else { return Ok(Vec::new()) };
    let found = Certificate::from_pem_bundle(pem)
        .map_err(|error| NetworkFault::CertificateAuthority(Some(error)))?;
    if found.is_empty() { Err(NetworkFault::CertificateAuthority(None)) } else { Ok(found) }
}

fn proxy(address: &str) -> Result<Proxy, NetworkFault> {
    let parsed = Url::parse(address).map_err(|_| NetworkFault::Proxy)?;
    if !matches!(parsed.scheme(), "http" | "https") || parsed.host().is_none() {
        return Err(NetworkFault::Proxy);
    }
    let proxy = Proxy::all(parsed).map_err(|_| NetworkFault::Proxy)?;
    Ok(proxy.no_proxy(NoProxy::from_string(NEVER_PROXIED)))
}

/// Credentials travel in clear text only inside this machine.
fn check_scheme(request: &Request<Bytes>) -> Result<(), TransportFault> {
    let refused = |why: &str| Err(TransportFault::NotSent(why.to_owned()));
    let Ok(address) = Url::parse(&request.uri().to_string()) else {
        return refused("the address is not usable");
    };
    let link_local = request.extensions().get::<LinkLocalPlain>().is_some();
    match (address.scheme(), address.host()) {
        ("https", Some(_)) => Ok(()),
        ("http", Some(host)) if is_loopback(&host) => Ok(()),
        ("http", Some(Host::Ipv4(ip))) if link_local && ip.is_link_local() => Ok(()),
        _ => refused("plain HTTP is refused for any host but this machine; use https"),
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => name.eq_ignore_ascii_case("localhost"),
        Host::Ipv4(ip) => IpAddr::V4(*ip).is_loopback(),
        Host::Ipv6(ip) => IpAddr::V6(*ip).is_loopback(),
    }
}

/// An error with its causes, each said once.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

/// The whole chain of causes, without the address: reqwest's own text is only "error sending".
fn fault(error: reqwest::Error) -> TransportFault {
    let not_sent = error.is_connect() || error.is_builder();
    let timed_out = error.is_timeout();
    let error = error.without_url();
    let text = with_causes(&error);
    match (not_sent, timed_out) {
        (true, _) => TransportFault::NotSent(text),
        (false, true) => TransportFault::Lost("timed out".to_owned()),
        (false, false) => TransportFault::Lost(text),
    }
}

#[cfg(test)]
mod tests {
    use super::{Bytes, LinkLocalPlain, Request, check_scheme};

    #[test]
    fn only_a_marked_request_may_go_to_a_link_local_address_and_nowhere_else_in_the_clear() {
        let allowed = |address: &str, marked: bool| {
            let request = Request::get(address);
            let request = if marked { request.extension(LinkLocalPlain) } else { request };
            check_scheme(&request.body(Bytes::new()).expect("a valid address")).is_ok()
        };
        assert!(allowed("http://169.254.169.254/metadata", true));
        assert!(!allowed("http://169.254.169.254/metadata", false));
        assert!(!allowed("http://graph.example/", true));
        for loopback in ["http://127.0.0.9:1/", "http://[::1]:1/", "http://LOCALHOST/"] {
            assert!(allowed(loopback, false), "{loopback}");
        }
        assert!(allowed("https://graph.example/", false));
        assert!(!allowed("http://localhost.evil.example/", false));
        assert!(!allowed("ftp://127.0.0.1/", false));
    }
}
