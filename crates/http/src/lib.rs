//! The one HTTP client, with its one TLS stack: every byte that leaves over the network leaves here.
//!
//! It follows no redirects, sends nothing on its own account, reads every reply up to a cap, and knows the difference between a
//! request that was never sent and one that got no answer, because a deploy hook may be repeated in the first case only.
//! Who is asked, with which credentials, is decided in the rooms that use it.

mod backoff;
mod body;
mod clock;
mod hint;
mod printable;
mod roots;
mod trust;

pub use backoff::Backoff;
pub use body::{BodyError, read_body};
pub use clock::{Deadline, Stopwatch, sleep, within};
pub use hint::wait as wait_hint;
pub use roots::{Roots, RootsError};
pub use trust::distrust;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use std::error::Error as _;
use std::time::Duration;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);
/// How long one request may take, answer included.
const WHOLE: Duration = Duration::from_secs(30);
/// How long the body of a reply may take whose status says enough.
const EXTRA: Duration = Duration::from_secs(5);
/// The largest reply that is read when a request does not say otherwise: 4 MiB, the OCI limit of a manifest.
const CAP: usize = 4 << 20;

/// A request that is ready to be sent. Its `Debug` is absent on purpose: it may hold credentials.
pub struct Request {
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Vec<u8>,
    cap: usize,
    body_is: BodyIs,
}

/// What a reply's body is to us.
#[derive(Clone, Copy, PartialEq, Eq)]
enum BodyIs {
    /// Without it there is no answer.
    Needed,
    /// The status says what matters; what cannot be read of the body is left out.
    Extra,
}

impl Request {
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
pub struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
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

/// What to do where TLS fails; begins with a verb.
pub const UNTRUSTED: &str = "Give the authority's certificate in ca-bundle if this network or that server has one of its own; else check this \
     machine's clock, and what answers there.";

/// Why there is no answer. No variant holds an address: addresses can be secrets.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The request did not leave: no connection could be made (refused, DNS, TLS).
    #[error("no connection: {0}")]
    NeverSent(String),
    /// The TLS handshake failed; the request did not leave.
    #[error("no TLS connection: {0}")]
    Tls(String),
    /// The request may have arrived; no whole answer came back.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// The answer is larger than it may be.
    #[error("an answer of more than {0} bytes")]
    TooLarge(usize),
    /// The address is none, or the client could not be made.
    #[error("not a request: {0}")]
    NotARequest(String),
}

impl TransportError {
    /// What to do about it; begins with a verb.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Tls(_) => UNTRUSTED,
            Self::NeverSent(_) => {
                "Check this machine's way to it (name resolution, firewall, proxy) and its status page, then run this again."
            }
            Self::NoAnswer(_) | Self::TooLarge(_) => {
                "Look at its status page, then run this again."
            }
            Self::NotARequest(_) => "Correct the inputs ca-bundle and render-api-url.",
        }
    }

    /// Whether the other side cannot have seen the request.
    #[must_use]
    pub const fn was_never_sent(&self) -> bool {
        match self {
            Self::NeverSent(_) | Self::Tls(_) | Self::NotARequest(_) => true,
            Self::NoAnswer(_) | Self::TooLarge(_) => false,
        }
    }
}

/// Whether proxies of the environment (`HTTPS_PROXY`, `NO_PROXY` …) are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proxies {
    /// As the environment says.
    FromEnvironment,
    /// Never: on GitHub-hosted runners only an earlier step can have set them.
    Ignored,
}

/// The client. Cheap to clone; all clones share their connections.
#[derive(Debug, Clone)]
pub struct Client(reqwest::Client);

impl Client {
    /// Makes the client that trusts exactly `roots`.
    ///
    /// # Errors
    /// [`TransportError::NotARequest`] when the TLS stack refuses its configuration.
    pub fn new(roots: Roots, proxies: Proxies) -> Result<Self, TransportError> {
        // The second call of a process changes nothing, and says so with an error that means just that.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(
                trust::configuration(roots).map_err(TransportError::NotARequest)?,
            )
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .timeout(WHOLE)
            .user_agent(concat!("ghcr-to-render/", env!("CARGO_PKG_VERSION")));
        if proxies == Proxies::Ignored {
            builder = builder.no_proxy();
        }
        builder
            .build()
            .map(Self)
            .map_err(|error| TransportError::NotARequest(causes(&error)))
    }

    /// The library's client, for octocrab, which brings its own requests.
    #[must_use]
    pub fn library(&self) -> reqwest::Client {
        self.0.clone()
    }

    /// Sends a request and reads its answer.
    ///
    /// # Errors
    /// [`TransportError`], which says whether the request can have arrived.
    pub async fn send(&self, request: Request) -> Result<Answer, TransportError> {
        let Request {
            method,
            url,
            headers,
            body,
            cap,
            body_is,
        } = request;
        let has_length = !body.is_empty() || method == Method::POST || method == Method::PUT;
        let mut outgoing = self.0.request(method, url).headers(headers);
        if has_length {
            outgoing = outgoing
                .header(http::header::CONTENT_LENGTH, body.len())
                .body(body);
        }
        let incoming = outgoing.send().await.map_err(|error| classify(&error))?;
        let (parts, incoming) = http::Response::from(incoming).into_parts();
        let (status, headers) = (parts.status.as_u16(), parts.headers);
        let mut body = Vec::new();
        let read = read_body(incoming, cap, &mut body);
        match body_is {
            BodyIs::Needed => read.await.map_err(|error| match error {
                BodyError::TooLarge => TransportError::TooLarge(cap),
                BodyError::Broken(error) => TransportError::NoAnswer(causes(&error)),
            })?,
            BodyIs::Extra => drop(tokio::time::timeout(EXTRA, read).await),
        }
        Ok(Answer {
            status,
            headers,
            body,
        })
    }
}

fn classify(error: &reqwest::Error) -> TransportError {
    let causes = causes(error);
    if error.is_builder() {
        TransportError::NotARequest(causes)
    } else if let Some(why) = distrust(error).filter(|_| error.is_connect()) {
        TransportError::Tls(why)
    } else if error.is_connect() {
        TransportError::NeverSent(causes)
    } else {
        TransportError::NoAnswer(causes)
    }
}

/// The causes behind a library error, without its first line, which holds the address.
fn causes(error: &reqwest::Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if texts.last().is_none_or(|last| !last.contains(&text)) {
            texts.push(text);
        }
        source = cause.source();
    }
    if error.is_timeout() {
        texts.push("timed out".into());
    }
    if texts.is_empty() {
        "the connection broke".into()
    } else {
        texts.join(": ")
    }
}
