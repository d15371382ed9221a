//! The seam between what is said over HTTP and what carries it.

use std::{future::Future, pin::Pin};

use bytes::Bytes;

/// What an exchange comes to: an answer with its whole body, or no usable answer.
pub type Answer<'a> =
    Pin<Box<dyn Future<Output = Result<http::Response<Bytes>, TransportFault>> + Send + 'a>>;

/// Carries one request and brings the whole answer back. Follows no redirect, retries nothing.
pub trait Exchange: Send + Sync {
    /// Sends `request`, whose URI is absolute, once.
    fn exchange(&self, request: http::Request<Bytes>) -> Answer<'_>;
}

/// No usable answer came. The texts hold no link, header or body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportFault {
    /// The request never left: name not found, connection refused, TLS not agreed.
    #[error("could not connect: {0}")]
    NotSent(String),
    /// The request may have arrived: the connection broke, or the answer did not come in time.
    #[error("no answer: {0}")]
    Lost(String),
    /// The answer's body is larger than the limit.
    #[error("the answer is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The limit.
        limit_bytes: usize,
    },
}
