//! A message on its way to a webhook: one request, and what the answer means.

use bytes::Bytes;
use http::{Request, header};
use serde_json::{Value, json};

use super::webhook::WebhookKind;
use crate::{
    http::{Exchange, TransportFault},
    model::Secret,
};

/// Where PagerDuty takes events of everybody ("Events API v2").
const PAGERDUTY: &str = "https://events.pagerduty.com/v2/enqueue";

/// Where a message goes: read when it leaves, and never kept.
pub struct WebhookAddress {
    /// The address, a secret; `None` for PagerDuty's own.
    pub url: Option<Secret>,
    /// PagerDuty's integration key.
    pub routing_key: Option<Secret>,
}

/// Why a message was not accepted. Neither the address nor what was answered is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookFault {
    /// No answer came.
    #[error("the webhook cannot be reached: {0}")]
    Unreachable(#[source] TransportFault),
    /// It refuses the message.
    #[error("the webhook refuses the message with status {0}")]
    Refused(u16),
    /// What is configured is not an address or not a key.
    #[error("the webhook's address is not usable")]
    Address,
}

/// Sends one message; the status it was accepted with.
pub async fn post(
    exchange: &dyn Exchange,
    kind: WebhookKind,
    address: &WebhookAddress,
    message: &Value,
) -> Result<u16, WebhookFault> {
    let url = address.url.as_ref().map_or(PAGERDUTY, |url| url.expose().trim());
    let mut message = message.clone();
    if kind == WebhookKind::PagerDuty {
        let key = address.routing_key.as_ref().ok_or(WebhookFault::Address)?;
        message["routing_key"] = json!(key.expose().trim());
    }
    let request = Request::post(url)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Bytes::from(message.to_string()))
        .map_err(|_| WebhookFault::Address)?;
    let answer = exchange.exchange(request).await.map_err(WebhookFault::Unreachable)?;
    let status = answer.status();
    if status.is_success() {
        Ok(status.as_u16())
    } else {
        Err(WebhookFault::Refused(status.as_u16()))
    }
}
