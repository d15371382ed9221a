//! One request and its answer: headers, credential, count. Retries nothing but one refused sign-in.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};

use super::{
    address::Address,
    fault::{About, Redaction, fault, refusal, sign_in, transport},
};
use crate::{
    http::{Exchange, SignIn, SignedHeaders},
    model::{Clock, Meter, RequestClass},
    port::{FaultClass, TargetFault},
};

/// What a SCIM service may answer; plain JSON is what many send.
const ACCEPT: HeaderValue = HeaderValue::from_static("application/scim+json, application/json");

const SCIM_JSON: HeaderValue = HeaderValue::from_static("application/scim+json");

/// A request as the service above phrases it.
pub(super) struct Call {
    pub(super) about: About,
    pub(super) class: RequestClass,
    pub(super) method: Method,
    /// Absolute, escaped.
    pub(super) uri: String,
    pub(super) body: Option<Bytes>,
    /// The version that the resource must have (`If-Match`).
    pub(super) version: Option<HeaderValue>,
}

/// What reader and writer share.
pub(super) struct Client {
    pub(super) address: Address,
    pub(super) user_agent: HeaderValue,
    pub(super) exchange: Arc<dyn Exchange>,
    pub(super) sign_in: SignIn,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) sent: AtomicU64,
    pub(super) meter: Arc<Meter>,
}

impl Client {
    /// Sends a call and returns its success, of whatever 2xx status.
    pub(super) async fn send(&self, call: Call) -> Result<Response<Bytes>, TargetFault> {
        let mut signed = self.sign_in.headers().await.map_err(sign_in)?;
        let mut answer = self.once(&call, &signed).await?;
        if answer.status() == StatusCode::UNAUTHORIZED
            && self.sign_in.renew(&signed).await.map_err(sign_in)?
        {
            signed = self.sign_in.headers().await.map_err(sign_in)?;
            answer = self.once(&call, &signed).await?;
        }
        let status = answer.status().as_u16();
        tracing::debug!(method = %call.method, status, "target answered");
        if answer.status().is_success() {
            return Ok(answer);
        }
        let redaction = Redaction::new(&signed, self.address.extra_values());
        let now = self.clock.now();
        Err(refusal(call.about, &answer, self.address.base(), now, &redaction))
    }

    async fn once(
        &self,
        call: &Call,
        signed: &SignedHeaders,
    ) -> Result<Response<Bytes>, TargetFault> {
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(call.uri.as_str())
            .header(header::ACCEPT, ACCEPT)
            .header(header::USER_AGENT, self.user_agent.clone());
        if call.body.is_some() {
            request = request.header(header::CONTENT_TYPE, SCIM_JSON);
        }
        if let Some(version) = &call.version {
            request = request.header(header::IF_MATCH, version.clone());
        }
        let mut request = request.body(call.body.clone().unwrap_or_default()).map_err(|_| {
            let detail = "the address of this request is too long to be sent";
            fault(FaultClass::Rejected, None, detail)
        })?;
        signed.apply(request.headers_mut());
        self.sent.fetch_add(1, Ordering::Relaxed);
        let began = self.clock.now();
        let answer = self.exchange.exchange(request).await;
        let status = answer.as_ref().ok().map(|answer| answer.status().as_u16());
        self.meter.count(call.class, status, (began, self.clock.now()));
        answer.map_err(|broken| transport(&broken, &call.method))
    }
}
