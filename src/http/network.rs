//! The network: one reqwest client that carries requests and decides nothing.
//!
//! TLS is always verified, redirects are never followed, a body has a limit. It says whether a
//! request can have arrived, which is all that a caller needs to know of a broken connection.

use std::{error::Error, net::IpAddr, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use reqwest::{Certificate, Client, NoProxy, Proxy, redirect::Policy};
use url::{Host, Url};

use super::{Answer, Exchange, TransportFault};

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
    /// TLS could not be set up.
    #[error("the HTTP client could not be set up")]
    Client(#[source] reqwest::Error),
}

/// Carries requests over the network.
pub struct Network {
    client: Client,
    body_limit_bytes: usize,
}

impl Network {
    /// A client with these options. Connects nowhere yet.
    pub fn new(options: &NetworkOptions) -> Result<Self, NetworkFault> {
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
        builder = match &options.proxy {
            Some(address) => builder.proxy(proxy(address)?),
            None => builder.no_proxy(),
        };
        let client = builder.build().map_err(|error| match options.ca_pem {
            Some(_) => NetworkFault::CertificateAuthority(Some(error.without_url())),
            None => NetworkFault::Client(error.without_url()),
        })?;
        Ok(Self { client, body_limit_bytes: options.body_limit_bytes })
    }

    async fn carry(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
        check_scheme(&request)?;
        let request = reqwest::Request::try_from(request)
            .map_err(|_| TransportFault::NotSent("the address is not usable".to_owned()))?;
        let mut answer = self.client.execute(request).await.map_err(fault)?;
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        let too_large = TransportFault::TooLarge { limit_bytes: self.body_limit_bytes };
        let announced = answer.content_length().and_then(|length| usize::try_from(length).ok());
        if announced.is_some_and(|length| length > self.body_limit_bytes) {
            return Err(too_large);
        }
        let mut body = BytesMut::with_capacity(announced.unwrap_or_default());
        while let Some(chunk) = answer.chunk().await.map_err(fault)? {
            if body.len() + chunk.len() > self.body_limit_bytes {
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
