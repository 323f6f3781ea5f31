//! A request as the program writes it, and the reply to it, read whole.

use super::hint;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use std::time::Duration;

/// The largest reply that is read when a request does not say otherwise: 4 MiB, the OCI limit of a manifest.
const CAP: usize = 4 << 20;

/// A request that is ready to be sent. Its `Debug` is absent on purpose: it may hold credentials.
pub struct HttpRequest {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) cap: usize,
    pub(super) body_is: BodyIs,
}

/// What a reply's body is to us.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyIs {
    /// Without it there is no answer.
    Needed,
    /// The status says what matters; what cannot be read of the body is left out.
    Extra,
}

impl HttpRequest {
    /// A request without a body.
    #[must_use]
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self {
            method,
            url: url.into(),
            headers: HeaderMap::new(),
            body: Vec::new(),
            cap: CAP,
            body_is: BodyIs::Needed,
        }
    }

    /// Adds a header. A value that no header can hold is left out (it could only be a mistake of ours).
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// Adds an `Authorization` header that is marked sensitive.
    #[must_use]
    pub fn authorization(mut self, value: &str) -> Self {
        if let Ok(mut value) = HeaderValue::from_str(value) {
            value.set_sensitive(true);
            self.headers.insert(http::header::AUTHORIZATION, value);
        }
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    /// Takes the status for an answer even if the body is too large, too slow or broken: it is then cut.
    #[must_use]
    pub const fn status_is_enough(mut self) -> Self {
        self.body_is = BodyIs::Extra;
        self
    }

    /// Sets the largest reply that is read, in bytes.
    #[must_use]
    pub const fn cap(mut self, bytes: usize) -> Self {
        self.cap = bytes;
        self
    }
}

/// A reply, read whole.
#[derive(Debug)]
pub struct HttpResponse {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl HttpResponse {
    /// The status code.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Whether the status is 2xx.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// The body, at most as long as the request's cap.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// A header's text, where it is there and printable.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// How long the other side asks us to wait, by `Retry-After`, `Ratelimit-Reset` or `X-RateLimit-Reset`.
    ///
    /// Moments are compared with the reply's own `Date`, so a wrong clock of ours does not matter.
    #[must_use]
    pub fn wait_hint(&self) -> Option<Duration> {
        hint::wait(&|name| self.header(name))
    }
}
