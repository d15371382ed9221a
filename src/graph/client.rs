//! One request to Graph: built by the SDK, addressed, authorized and judged by us.

use std::{
    future::Future,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use graph_rs_sdk::{GraphClient, GraphResult};
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use url::Url;
use uuid::Uuid;

use super::fault::{self, Reading};
use crate::{
    http::{Authorizer, Exchange, retry_after, same_origin},
    model::{Clock, Meter, RequestClass},
    port::{DirectoryFault, Link},
};

/// The version of Graph whose promises we rely on.
const VERSION: &str = "/v1.0";

/// The SDK, which only phrases requests here. It wants a token for that; ours replaces it. There is
/// one, because each reads the machine's certificates, and none of them ever connects.
static SDK: LazyLock<GraphClient> = LazyLock::new(|| GraphClient::new("unused"));

/// The SDK, to begin a request with.
pub(super) fn sdk() -> &'static GraphClient {
    &SDK
}

/// Where Graph is.
#[derive(Clone, Debug)]
pub struct GraphSettings {
    /// The root of Graph, without the version.
    pub graph_url: Url,
}

/// Sends requests to one Graph and counts them.
pub(super) struct Client {
    base: Url,
    exchange: Arc<dyn Exchange>,
    authorizer: Authorizer,
    clock: Arc<dyn Clock>,
    requests: AtomicU64,
    meter: Arc<Meter>,
}

/// A request without credential and host headers; what it reads, for the message of a refusal.
pub(super) struct Prepared {
    method: Method,
    address: Url,
    body: Bytes,
    reading: Reading,
    tokened: bool,
}

impl Prepared {
    /// Marks the request as one of a round of changes, which Graph may ask to begin again.
    pub(super) fn tokened(self) -> Self {
        Self { tokened: true, ..self }
    }
}

impl Client {
    pub(super) fn new(
        settings: &GraphSettings,
        exchange: Arc<dyn Exchange>,
        authorizer: Authorizer,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let mut base = settings.graph_url.clone();
        base.set_path(&format!("{}{VERSION}", base.path().trim_end_matches('/')));
        base.set_query(None);
        base.set_fragment(None);
        let (requests, meter) = (AtomicU64::new(0), Arc::default());
        Self { base, exchange, authorizer, clock, requests, meter }
    }

    pub(super) fn authorizer(&self) -> &Authorizer {
        &self.authorizer
    }

    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    pub(super) fn meter(&self) -> Arc<Meter> {
        Arc::clone(&self.meter)
    }

    /// Takes the SDK's finished request and points it at our Graph. Its credential is dropped.
    pub(super) async fn prepare(
        &self,
        call: impl Future<Output = GraphResult<reqwest::RequestBuilder>> + Send,
        reading: Reading,
    ) -> Result<Prepared, DirectoryFault> {
        // The SDK's own errors print addresses, so they end here.
        let unbuilt = || DirectoryFault::Malformed("a request could not be built".to_owned());
        let (_, request) = call.await.map_err(|_| unbuilt())?.build_split();
        let request = request.map_err(|_| unbuilt())?;
        let path = request.url().path();
        let path = path.strip_prefix(VERSION).unwrap_or(path);
        let mut address = self.base.clone();
        address.set_path(&format!("{}{path}", self.base.path()));
        // A space as `%20` is a space to every server; `+` only to those that read forms. A real
        // plus sign arrives here as `%2B`.
        let query = request.url().query().map(|query| query.replace('+', "%20"));
        address.set_query(query.as_deref());
        let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
        Ok(Prepared {
            method: request.method().clone(),
            body: Bytes::copy_from_slice(body),
            address,
            reading,
            tokened: false,
        })
    }

    /// A request for a link of an earlier answer, exactly as it was given.
    pub(super) fn follow(&self, link: &Link, reading: Reading) -> Result<Prepared, DirectoryFault> {
        let address = self.check_link(&link.0)?;
        Ok(Prepared { method: Method::GET, address, body: Bytes::new(), reading, tokened: true })
    }

    /// The link's address, where it leads to the configured Graph.
    pub(super) fn check_link(&self, link: &str) -> Result<Url, DirectoryFault> {
        let address = same_origin(&self.base, link).map_err(DirectoryFault::ForeignLink)?;
        let below = address.path().strip_prefix(self.base.path());
        if below.is_some_and(|rest| rest.starts_with('/')) {
            Ok(address)
        } else {
            let origin = address.origin().ascii_serialization();
            Err(DirectoryFault::ForeignLink(format!("{origin} outside {}", self.base.path())))
        }
    }

    /// Sends the request and returns the body of a success. A 401 is tried once with a new token.
    pub(super) async fn send(&self, prepared: &Prepared) -> Result<Bytes, DirectoryFault> {
        let authorization = self.authorization().await?;
        let mut response = self.send_once(prepared, &authorization).await?;
        if response.status() == StatusCode::UNAUTHORIZED
            && self.authorizer.renew(&authorization).await.map_err(fault::unsigned)?
        {
            response = self.send_once(prepared, &self.authorization().await?).await?;
        }
        if response.status() == StatusCode::OK {
            return Ok(response.into_body());
        }
        let wait = retry_after(response.headers(), self.clock.now());
        let (status, body) = (response.status(), response.body());
        Err(fault::classify(status, body, wait, prepared.reading, prepared.tokened))
    }

    async fn authorization(&self) -> Result<HeaderValue, DirectoryFault> {
        self.authorizer.authorization().await.map_err(fault::unsigned)
    }

    async fn send_once(
        &self,
        prepared: &Prepared,
        authorization: &HeaderValue,
    ) -> Result<Response<Bytes>, DirectoryFault> {
        let client_request_id = Uuid::new_v4().to_string();
        let mut request = Request::builder()
            .method(prepared.method.clone())
            .uri(prepared.address.as_str())
            .header(AUTHORIZATION, authorization)
            .header(ACCEPT, "application/json")
            .header("client-request-id", &client_request_id);
        if !prepared.body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request
            .body(prepared.body.clone())
            .map_err(|_| DirectoryFault::Malformed("an address is not usable".to_owned()))?;
        self.requests.fetch_add(1, Ordering::Relaxed);
        let began = self.clock.now();
        let answer = self.exchange.exchange(request).await;
        let status = answer.as_ref().ok().map(|response| response.status().as_u16());
        self.meter.count(RequestClass::GraphRead, status, (began, self.clock.now()));
        let response = answer.map_err(|fault| fault::unreachable(&fault))?;
        // The two ids and the date are what Microsoft's support asks for.
        let request_id = response.headers().get("request-id").and_then(|id| id.to_str().ok());
        let status = response.status().as_u16();
        tracing::debug!(status, client_request_id, request_id, "Microsoft Graph answered");
        Ok(response)
    }

    /// Whether `link` leads where `prepared` already went: following it would never end.
    pub(super) fn is_same_place(prepared: &Prepared, link: &Url) -> bool {
        prepared.address == *link
    }
}
