//! What holds for every request, whatever carries it: how long it may take, how much of the reply is read, and who we say we are.

use super::backoff::Backoff;
use super::body::{BodyError, Timed, read_body};
use super::clock::{Deadline, within};
use super::error::TransportError;
use super::exchange::{Body, Exchange, ExchangeError, TransportCause};
use super::random::Random;
use super::request::{BodyIs, HttpRequest, HttpResponse};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, USER_AGENT};
use http::{HeaderValue, Method, StatusCode};
use http_body_util::BodyExt;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// How long one request may take, answer included.
const WHOLE: Duration = Duration::from_secs(30);
/// How long the body of a reply may take whose status says enough.
const EXTRA: Duration = Duration::from_secs(5);
/// The program and its version.
const PROGRAM: HeaderValue =
    HeaderValue::from_static(concat!("ghcr-to-render/", env!("CARGO_PKG_VERSION")));

/// The client. Cheap to clone; all clones share their connections.
#[derive(Clone)]
pub struct Client(Arc<Shared>);

struct Shared {
    exchange: Arc<dyn Exchange>,
    random: Random,
    /// Who reads a large reply.
    large: Semaphore,
}

impl Client {
    /// The client on that exchange. What it tries again, it tries after waits that `random` varies.
    #[must_use]
    pub fn new(exchange: Arc<dyn Exchange>, random: Random) -> Self {
        Self(Arc::new(Shared {
            exchange,
            random,
            large: Semaphore::new(1),
        }))
    }

    /// Waits between tries, from `first` to `longest`.
    #[must_use]
    pub fn backoff(&self, first: Duration, longest: Duration) -> Backoff {
        Backoff::new(first, longest, self.0.random.clone())
    }

    /// Sends a request and reads its answer.
    ///
    /// # Errors
    /// [`TransportError`], which says whether the request can have arrived.
    pub async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let (cap, body_is) = (request.cap, request.body_is);
        let (parts, incoming) = self.open(outgoing(request)?).await?.into_parts();
        let (status, headers) = (parts.status.as_u16(), parts.headers);
        let mut body = Vec::new();
        let read = self.read(incoming, cap, &mut body);
        match body_is {
            BodyIs::Needed => read.await.map_err(|error| match error {
                BodyError::TooLarge => TransportError::TooLarge(cap),
                BodyError::Broken(error) => error.into(),
            })?,
            BodyIs::Extra => drop(within(EXTRA, read).await),
        }
        Ok(HttpResponse {
            status,
            headers,
            body,
        })
    }

    /// Sends a request of a library's making, and gives the head of the response. The time that is left holds for the body.
    ///
    /// # Errors
    /// [`ExchangeError`].
    pub async fn open(
        &self,
        mut request: http::Request<Bytes>,
    ) -> Result<http::Response<Body>, ExchangeError> {
        request.headers_mut().entry(USER_AGENT).or_insert(PROGRAM);
        let deadline = Deadline::after(WHOLE);
        let Some(response) = within(WHOLE, self.0.exchange.exchange(request)).await else {
            return Err(ExchangeError::timed_out());
        };
        let response = response?;
        // Only a proxy answers so; no server of ours has said anything yet.
        if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            return Err(ExchangeError::ProxyDenied);
        }
        Ok(response.map(|body| Timed::new(body, &deadline).boxed()))
    }

    /// Reads a body of at most `cap` bytes into `read`, which holds what came before an error too.
    ///
    /// # Errors
    /// [`BodyError`].
    pub async fn read<B>(
        &self,
        body: B,
        cap: usize,
        read: &mut Vec<u8>,
    ) -> Result<(), BodyError<B::Error>>
    where
        B: BodyExt + Unpin,
        B::Data: AsRef<[u8]>,
    {
        read_body(body, cap, read, &self.0.large).await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

fn outgoing(request: HttpRequest) -> Result<http::Request<Bytes>, ExchangeError> {
    let HttpRequest {
        method,
        url,
        mut headers,
        body,
        ..
    } = request;
    let not_a_request = |why: String| ExchangeError::NotARequest(TransportCause::new(why));
    let url = url::Url::parse(&url).map_err(|error| not_a_request(error.to_string()))?;
    let uri: http::Uri = url
        .as_str()
        .parse()
        .map_err(|error: http::uri::InvalidUri| not_a_request(error.to_string()))?;
    if !body.is_empty() || method == Method::POST || method == Method::PUT {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    let mut outgoing = http::Request::new(Bytes::from(body));
    *outgoing.method_mut() = method;
    *outgoing.uri_mut() = uri;
    *outgoing.headers_mut() = headers;
    Ok(outgoing)
}
