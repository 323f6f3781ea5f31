//! The seam: one request goes out, one response comes back. Everything above it is policy, everything below it is sockets.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::combinators::BoxBody;
use std::fmt;

/// A response's body: a stream, so that size limits hold while it is read.
pub type Body = BoxBody<Bytes, ExchangeError>;

/// Carries one request over the network. Production opens sockets ([`crate::connect`]); a test answers from memory.
///
/// It follows no redirects, repeats nothing, and has no time-out but the one for connecting. A request that was sent still arrives when
/// its future is dropped.
pub trait Exchange: Send + Sync {
    /// Sends a request with its whole body, and gives the head of the response.
    fn exchange(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<Body>, ExchangeError>>;
}

/// Why there is no response. No variant holds an address: addresses can be secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// The request did not leave: no connection could be made (refused, DNS).
    #[error("no connection: {0}")]
    NeverSent(TransportCause),
    /// The TLS handshake failed; the request did not leave.
    #[error("no TLS connection: {0}")]
    Tls(String),
    /// 407: a proxy on the way wants a password; it let nothing through.
    #[error("no connection: a proxy on the way answered 407, so it wants a user and a password")]
    ProxyDenied,
    /// The request may have arrived; no whole response came back.
    #[error("no answer: {0}")]
    NoAnswer(TransportCause),
    /// The address is none, or the connector could not be made.
    #[error("not a request: {0}")]
    NotARequest(TransportCause),
}

impl ExchangeError {
    /// The whole time of a request is over.
    pub(crate) fn timed_out() -> Self {
        Self::NoAnswer(TransportCause::new("operation timed out"))
    }
}

/// What went wrong, in a library's words, without an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransportCause {
    chain: String,
    root: String,
}

impl TransportCause {
    /// A cause without another one behind it.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        let root = text.into();
        Self {
            chain: root.clone(),
            root,
        }
    }

    /// A cause that is shown with everything between it and its root.
    #[must_use]
    pub const fn with_chain(chain: String, root: String) -> Self {
        Self { chain, root }
    }

    /// The innermost cause alone.
    #[must_use]
    pub fn root(&self) -> &str {
        &self.root
    }
}

impl fmt::Display for TransportCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.chain)
    }
}
