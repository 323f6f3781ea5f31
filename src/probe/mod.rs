//! The web answer of a deployed service: one request, and what of the reply a probe looks at.
//!
//! No credentials are sent. Redirects are followed on the same host only. At most 64 KiB of a body are read. Requests to one address keep to
//! the pace of [`decide::pause`], for all services together.

mod error;
mod gzip;
mod request;
#[cfg(test)]
mod tests;

pub use error::ProbeError;
pub use request::{CommitUnknown, ProbeRequest, wanted};

use decide::{MOST_BYTES, ProbeAnswer, WINDOW, pause};
use http::Method;
use http::header::{ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, LOCATION};
use http_client::{Client, HttpRequest, HttpResponse, Stopwatch, sleep};
use model::{ProbeAddress, ResponseHeader};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How many redirects one question follows.
const MOST_REDIRECTS: usize = 3;

/// The client that asks services about themselves.
pub struct ProbeClient {
    http: Client,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    /// When each address was asked, the newest first.
    asked: BTreeMap<String, VecDeque<Stopwatch>>,
    /// Addresses whose answer to HEAD is of no use.
    without_head: BTreeSet<String>,
}

impl ProbeClient {
    /// The client on that HTTP client.
    #[must_use]
    pub fn new(http: Client) -> Self {
        Self {
            http,
            state: RefCell::default(),
        }
    }

    /// Asks an address, as soon as its pace allows. `is_right` says whether its last answer was right.
    ///
    /// # Errors
    /// [`ProbeError`]: there is no answer that could be looked into.
    pub async fn ask(
        &self,
        address: &ProbeAddress,
        header: Option<&ResponseHeader>,
        is_right: bool,
    ) -> Result<ProbeAnswer, ProbeError> {
        let Some(header) = header else {
            let answer = self.follow(address, &Method::GET, is_right).await?;
            let text = Some(body(&answer)?);
            let status = answer.status();
            return Ok(ProbeAnswer { status, text });
        };
        let looked = |answer: &HttpResponse| ProbeAnswer {
            status: answer.status(),
            text: answer
                .header(header.as_str())
                .map(|text| text.as_bytes().to_vec()),
        };
        let key = address.url().as_str();
        let has_head = !self.state.borrow().without_head.contains(key);
        if has_head {
            let answer = self.follow(address, &Method::HEAD, is_right).await?;
            if answer.is_success() && answer.header(header.as_str()).is_some() {
                return Ok(looked(&answer));
            }
            // Some servers answer HEAD with an error, or without what GET would say.
            self.state.borrow_mut().without_head.insert(key.to_owned());
        }
        let answer = self.follow(address, &Method::GET, is_right).await?;
        Ok(looked(&answer))
    }

    /// Sends one request, and those to which the answers redirect on this host.
    async fn follow(
        &self,
        address: &ProbeAddress,
        method: &Method,
        is_right: bool,
    ) -> Result<HttpResponse, ProbeError> {
        let mut address = address.clone();
        for _ in 0..=MOST_REDIRECTS {
            self.take_turn(&address, is_right).await;
            let answer = self.http.send(request(&address, method)).await?;
            if !matches!(answer.status(), 301 | 302 | 303 | 307 | 308) {
                return Ok(answer);
            }
            let Some(location) = answer.header(LOCATION.as_str()) else {
                return Ok(answer);
            };
            address = address.follow(location).map_err(ProbeError::Redirect)?;
        }
        Err(ProbeError::Redirect("it redirects again and again"))
    }

    /// Waits for the address's next turn, and takes it.
    async fn take_turn(&self, address: &ProbeAddress, is_right: bool) {
        let key = address.url().as_str();
        loop {
            let wait = self.wait_for(key, is_right);
            if wait.is_zero() {
                break;
            }
            sleep(wait).await;
        }
        let mut state = self.state.borrow_mut();
        let asked = state.asked.entry(key.to_owned()).or_default();
        asked.push_front(Stopwatch::start());
    }

    fn wait_for(&self, key: &str, is_right: bool) -> std::time::Duration {
        let mut state = self.state.borrow_mut();
        let Some(asked) = state.asked.get_mut(key) else {
            return std::time::Duration::ZERO;
        };
        asked.retain(|at| at.elapsed() < WINDOW);
        let ages: Vec<_> = asked.iter().map(Stopwatch::elapsed).collect();
        pause(&ages, is_right)
    }
}

/// A request without credentials, that no cache should answer.
fn request(address: &ProbeAddress, method: &Method) -> HttpRequest {
    HttpRequest::new(method.clone(), address.url().as_str())
        .header(ACCEPT, "*/*")
        .header(ACCEPT_ENCODING, "identity, gzip;q=0.5")
        .header(CACHE_CONTROL, "no-cache")
        .cap(MOST_BYTES)
        .status_is_enough()
}

/// The body as text, decoded. Some servers compress whatever they are asked for.
fn body(answer: &HttpResponse) -> Result<Vec<u8>, ProbeError> {
    match answer.header(CONTENT_ENCODING.as_str()) {
        None | Some("" | "identity") => Ok(answer.body().to_vec()),
        Some("gzip" | "x-gzip") => Ok(gzip::decoded(answer.body(), MOST_BYTES)),
        Some(_) => Err(ProbeError::Encoding),
    }
}
