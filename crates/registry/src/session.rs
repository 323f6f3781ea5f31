//! One request to a registry, made good: authorized, redirected, retried, and explained where it fails.

use super::auth::{Access, Scheme, Unfollowed};
use super::complaint::{Complaint, SECONDARY_LIMIT, complaint};
use super::tokens::Token;
use super::wire;
use super::{Asker, Credentials, RegistryError, RequestTrace};
use http::{Method, header};
use http_client::{
    Client, Deadline, HttpRequest, HttpResponse, RetryStep, TransportError, retry, within,
};
use model::{Digest, RegistryHost, Repository, Secret};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex as Turn, Semaphore};
use url::Url;

/// The first wait before a request is made again, and the longest.
const WAITS: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// How many requests are under way at once: GHCR answers bursts with 429 (<https://github.com/getwud/wud/issues/1153>).
const AT_ONCE: usize = 9;
/// A request that is begun has this long, however little is left until the deadline.
const LEAST: Duration = Duration::from_secs(1);
/// How many redirects are followed for one request.
const REDIRECTS: usize = 3;

/// What is asked of a registry.
pub(super) struct RegistryRequest<'a> {
    pub(super) method: Method,
    pub(super) repository: &'a Repository,
    /// `manifests/…`, `blobs/…` or `tags/list?…`.
    pub(super) target: String,
    pub(super) access: Access,
    /// The largest answer that is read.
    pub(super) cap: usize,
    /// How often "not there" is asked again, quickly, before it is believed.
    pub(super) missing_tries: u32,
    /// What is written, and its media type.
    pub(super) body: Option<(Vec<u8>, String)>,
}

impl RegistryRequest<'_> {
    /// Whether what it sends names the digest.
    fn holds(&self, digest: &Digest) -> bool {
        let text = self
            .body
            .as_ref()
            .map(|(body, _)| String::from_utf8_lossy(body));
        text.is_some_and(|text| text.contains(digest.as_str()))
    }

    fn path(&self) -> String {
        format!("/v2/{}/{}", self.repository.path(), self.target)
    }

    /// The request, before there is an answer.
    pub(super) fn exchange(&self) -> RequestTrace {
        RequestTrace {
            method: self.method.clone(),
            host: self.repository.host().to_string(),
            path: self.path().split('?').next().unwrap_or_default().to_owned(),
            redirected: false,
            status: None,
            code: None,
            phrase: None,
            wait: None,
            request_id: None,
        }
    }

    /// The request and its answer.
    pub(super) fn answered(&self, answer: &HttpResponse) -> Box<RequestTrace> {
        Box::new(RequestTrace {
            status: Some(answer.status()),
            request_id: request_id(answer),
            ..self.exchange()
        })
    }
}

/// An answer, whether another host gave it, and what it was asked with.
struct RegistryReply {
    answer: HttpResponse,
    redirected: bool,
    authorization: Option<Secret>,
}

type Slots<K, V> = Mutex<HashMap<K, Arc<Turn<Option<V>>>>>;

/// What is remembered between requests: how each host wants to be asked, and its tokens.
pub(super) struct Session {
    pub(super) client: Client,
    credentials: Option<Credentials>,
    schemes: Slots<RegistryHost, Scheme>,
    pub(super) tokens: Slots<(Repository, Access), Token>,
    gate: Semaphore,
}

impl Session {
    pub(super) fn new(client: Client, credentials: Option<Credentials>) -> Self {
        let (schemes, tokens) = (Mutex::default(), Mutex::default());
        Self {
            client,
            credentials,
            schemes,
            tokens,
            gate: Semaphore::new(AT_ONCE),
        }
    }

    /// Asks until there is an answer that `read` takes, or one that waiting does not make better, or the deadline.
    pub(super) async fn ask<T>(
        &self,
        want: &RegistryRequest<'_>,
        deadline: &Deadline,
        read: impl Fn(&HttpResponse) -> Result<T, RegistryError>,
    ) -> Result<T, RegistryError> {
        let backoff = self.client.backoff(WAITS.0, WAITS.1);
        let mut tries = 0;
        let mut answered: Option<RegistryError> = None;
        retry(backoff, deadline, async || {
            let Some(result) = self.bounded(want, deadline).await else {
                let error = cut_off(want);
                tracing::debug!("{error}");
                // What an earlier attempt was answered says more than that this one was not.
                return RetryStep::Done(Err(answered.take().unwrap_or(error)));
            };
            let error = match result.and_then(|answer| read(&answer)) {
                Ok(value) => return RetryStep::Done(Ok(value)),
                Err(error) => error,
            };
            tries += 1;
            let is_missing = matches!(error, RegistryError::Missing(_));
            let most = if is_missing {
                Some(want.missing_tries)
            } else {
                error.most_tries()
            };
            if most.is_some_and(|most| tries >= most) {
                return RetryStep::Done(Err(error));
            }
            tracing::debug!("{error}; it is asked again");
            answered = Some(error.clone());
            let hint = error.after();
            RetryStep::Again { error, hint }
        })
        .await
    }

    /// One attempt; `None` if the deadline cuts it off.
    async fn bounded(
        &self,
        want: &RegistryRequest<'_>,
        deadline: &Deadline,
    ) -> Option<Result<HttpResponse, RegistryError>> {
        let once = async {
            // The gate is never closed; without its permit the request would be made all the same.
            let _permit = self.gate.acquire().await;
            self.once(want).await
        };
        within(deadline.left().max(LEAST), once).await
    }

    /// One attempt: at most one more request when the host turns out to want authorization, or the token has run out.
    async fn once(&self, want: &RegistryRequest<'_>) -> Result<HttpResponse, RegistryError> {
        let host = want.repository.host();
        let slot = slot(&self.schemes, host);
        let mut known = slot.lock().await;
        let scheme = match known.clone().or_else(|| Scheme::known(host)) {
            Some(scheme) => scheme,
            None => {
                // Others wait for what this request learns, instead of each learning it.
                let reply = self.send(want, None).await?;
                if reply.answer.status() != 401 || reply.redirected {
                    if reply.answer.is_success() || reply.answer.status() == 404 {
                        *known = Some(Scheme::Open);
                    }
                    return self.judge(want, reply);
                }
                known.insert(self.challenge(want, &reply)?).clone()
            }
        };
        drop(known);
        let (reply, is_stale) = self.send_as(want, &scheme, None).await?;
        if reply.answer.status() != 401 || reply.redirected {
            return self.judge(want, reply);
        }
        match (&scheme, is_stale) {
            (Scheme::Open, _) => {
                let scheme = self.challenge(want, &reply)?;
                *slot.lock().await = Some(scheme.clone());
                let (reply, _) = self.send_as(want, &scheme, None).await?;
                self.judge(want, reply)
            }
            (Scheme::Bearer(_), Some(stale)) => {
                let (reply, _) = self.send_as(want, &scheme, Some(&stale)).await?;
                self.judge(want, reply)
            }
            (Scheme::Bearer(_) | Scheme::Basic, _) => self.judge(want, reply),
        }
    }

    fn challenge(
        &self,
        want: &RegistryRequest<'_>,
        reply: &RegistryReply,
    ) -> Result<Scheme, RegistryError> {
        let header = reply.answer.header("www-authenticate").unwrap_or_default();
        Scheme::parse(header, want.repository.host()).map_err(|unfollowed| {
            let exchange = self.explained(want, reply);
            match unfollowed {
                Unfollowed::Unknown => RegistryError::Unauthenticated {
                    asker: self.asker(want.repository.host()),
                    exchange,
                },
                Unfollowed::Misdirected(why) => RegistryError::Misdirected { exchange, why },
            }
        })
    }

    /// Sends with what the scheme asks for; also gives the token if it is an old one, which may have run out.
    async fn send_as(
        &self,
        want: &RegistryRequest<'_>,
        scheme: &Scheme,
        stale: Option<&Secret>,
    ) -> Result<(RegistryReply, Option<Secret>), RegistryError> {
        match scheme {
            Scheme::Open => Ok((self.send(want, None).await?, None)),
            Scheme::Basic => {
                let basic = self
                    .credentials_for(want.repository.host())
                    .map(Credentials::basic);
                Ok((self.send(want, basic.as_ref()).await?, None))
            }
            Scheme::Bearer(server) => {
                let (token, was_there) = self.token(want, server, stale).await?;
                Ok((
                    self.send(want, Some(&token)).await?,
                    was_there.then_some(token),
                ))
            }
        }
    }

    /// Sends, following redirects of a question.
    async fn send(
        &self,
        want: &RegistryRequest<'_>,
        authorization: Option<&Secret>,
    ) -> Result<RegistryReply, RegistryError> {
        let origin = want.repository.host().origin();
        let misdirected = |why: &str| RegistryError::Misdirected {
            exchange: Box::new(want.exchange()),
            why: why.into(),
        };
        let mut at = Url::parse(&format!("{origin}{}", want.path()))
            .map_err(|_| misdirected("this is no address"))?;
        let home = at.origin();
        for _ in 0..=REDIRECTS {
            let redirected = at.origin() != home;
            let mut request = HttpRequest::new(want.method.clone(), at.as_str()).cap(want.cap);
            if want.target.starts_with("manifests/") && want.method != Method::PUT {
                request = request.header(header::ACCEPT, wire::ACCEPT);
            }
            if let Some((body, media_type)) = &want.body {
                request = request
                    .header(header::CONTENT_TYPE, media_type)
                    .body(body.clone());
            }
            if let Some(authorization) = authorization.filter(|_| !redirected) {
                request = request.authorization(authorization.expose());
            }
            let exchange = RequestTrace {
                redirected,
                ..want.exchange()
            };
            let answer = self
                .client
                .send(request)
                .await
                .map_err(|error| unanswered(exchange.clone(), error))?;
            tracing::debug!("{exchange}: {}", answer.status());
            let location = match (answer.status(), answer.header("location")) {
                (301 | 302 | 303 | 307 | 308, Some(location)) if want.body.is_none() => location,
                _ => {
                    return Ok(RegistryReply {
                        answer,
                        redirected,
                        authorization: authorization.cloned(),
                    });
                }
            };
            at = at
                .join(location)
                .map_err(|_| misdirected("it redirects to an invalid address"))?;
            let is_near = want.repository.host().is_loopback() && is_loopback(&at);
            if at.scheme() != "https" && !(is_near && at.scheme() == "http") {
                return Err(misdirected("it redirects to an address that is not https"));
            }
        }
        Err(misdirected("it redirects too often"))
    }

    /// What a status means.
    fn judge(
        &self,
        want: &RegistryRequest<'_>,
        reply: RegistryReply,
    ) -> Result<HttpResponse, RegistryError> {
        if reply.answer.is_success() {
            return Ok(reply.answer);
        }
        let exchange = self.explained(want, &reply);
        let asker = self.asker(want.repository.host());
        Err(match reply.answer.status() {
            // A signed address that has run out; asked again, the registry gives a new one.
            401 | 403 if reply.redirected => RegistryError::Unavailable {
                after: None,
                exchange,
                why: String::new(),
            },
            _ if is_limited(&exchange) => failed(&reply.answer, exchange),
            400 | 404 if want.method == Method::PUT && is_child_missing(&exchange) => {
                let about = complaint(reply.answer.body()).about;
                RegistryError::ChildMissing {
                    child: about.filter(|child| want.holds(child)),
                    exchange,
                }
            }
            401 | 403 if want.access == Access::PullPush => RegistryError::WriteDenied(exchange),
            401 => RegistryError::Unauthenticated { asker, exchange },
            403 => RegistryError::Denied { asker, exchange },
            404 => RegistryError::Missing(exchange),
            _ => failed(&reply.answer, exchange),
        })
    }

    fn explained(&self, want: &RegistryRequest<'_>, reply: &RegistryReply) -> Box<RequestTrace> {
        let exchange = RequestTrace {
            redirected: reply.redirected,
            ..want.exchange()
        };
        self.complaint(
            exchange,
            &reply.answer,
            want.repository.host(),
            reply.authorization.as_ref(),
        )
    }

    /// Completes an exchange with what the answer says, as far as that is known words.
    pub(super) fn complaint(
        &self,
        exchange: RequestTrace,
        answer: &HttpResponse,
        host: &RegistryHost,
        authorization: Option<&Secret>,
    ) -> Box<RequestTrace> {
        let password = self
            .credentials_for(host)
            .map(|credentials| credentials.password.expose());
        let sent = authorization
            .and_then(|header| header.expose().split_once(' '))
            .map(|(_, sent)| sent);
        let secrets = [password, sent];
        // Its id is the one text of an answer that is shown. It has hex digits only, so a secret could stand in it as such.
        let is_fit = |text: &String| {
            let id = text.replace(':', "").to_ascii_lowercase();
            let hex = |secret: &str| -> String {
                secret
                    .bytes()
                    .take(4)
                    .map(|byte| format!("{byte:02x}"))
                    .collect()
            };
            !secrets.iter().flatten().any(|secret| {
                !secret.is_empty() && (text.contains(secret) || id.contains(&hex(secret)))
            })
        };
        let Complaint {
            code,
            phrase,
            wait,
            about: _,
        } = complaint(answer.body());
        Box::new(RequestTrace {
            status: Some(answer.status()),
            code,
            phrase,
            wait,
            request_id: request_id(answer).filter(is_fit),
            ..exchange
        })
    }

    pub(super) fn credentials_for(&self, host: &RegistryHost) -> Option<&Credentials> {
        self.credentials
            .as_ref()
            .filter(|credentials| credentials.are_for(host))
    }

    pub(super) fn asker(&self, host: &RegistryHost) -> Asker {
        if self.credentials_for(host).is_some() {
            Asker::Known
        } else {
            Asker::Anonymous
        }
    }
}

/// The slot of a key, made where there is none.
pub(super) fn slot<K: Hash + Eq + Clone, V>(slots: &Slots<K, V>, key: &K) -> Arc<Turn<Option<V>>> {
    let mut slots = slots.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(slots.entry(key.clone()).or_default())
}

fn is_loopback(at: &Url) -> bool {
    at.host_str()
        .is_some_and(|host| RegistryHost::parse(host).is_ok_and(|host| host.is_loopback()))
}

/// GitHub's ids are hex digits in groups: `E48C:3B1F2D:9A01:B2C3:65F0A1B2`.
fn request_id(answer: &HttpResponse) -> Option<String> {
    let id = answer.header("x-github-request-id")?;
    let is_group = |group: &str| {
        (1..=8).contains(&group.len()) && group.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let well_formed = id.split(':').count() <= 6 && id.split(':').all(is_group);
    well_formed.then(|| id.to_owned())
}

/// Whether the answer is a rate limit, whatever its status.
pub(super) fn is_limited(exchange: &RequestTrace) -> bool {
    exchange.code() == Some("TOOMANYREQUESTS") || exchange.phrase == Some(SECONDARY_LIMIT)
}

/// Distribution says so of an index whose images are gone.
fn is_child_missing(exchange: &RequestTrace) -> bool {
    matches!(
        exchange.code(),
        Some("MANIFEST_BLOB_UNKNOWN" | "BLOB_UNKNOWN")
    )
}

/// The failure of an attempt that the deadline has cut off.
fn cut_off(want: &RegistryRequest<'_>) -> RegistryError {
    RegistryError::Unavailable {
        after: None,
        exchange: Box::new(want.exchange()),
        why: "no answer in the time that was left".into(),
    }
}

/// What a status means that says nothing about what was asked for.
pub(super) fn failed(answer: &HttpResponse, exchange: Box<RequestTrace>) -> RegistryError {
    let after = || answer.wait_hint().or(exchange.wait);
    match answer.status() {
        429 => RegistryError::RateLimited {
            after: after(),
            exchange,
        },
        _ if is_limited(&exchange) => RegistryError::RateLimited {
            after: after(),
            exchange,
        },
        408 | 500..=599 => RegistryError::Unavailable {
            after: after(),
            exchange,
            why: String::new(),
        },
        _ => RegistryError::Rejected(exchange),
    }
}

/// What it means that there is no answer.
pub(super) fn unanswered(exchange: RequestTrace, error: TransportError) -> RegistryError {
    let exchange = Box::new(exchange);
    match error {
        TransportError::NeverSent(why) | TransportError::NoAnswer(why) => {
            RegistryError::Unavailable {
                after: None,
                exchange,
                why,
            }
        }
        TransportError::Tls(why) => RegistryError::Untrusted { exchange, why },
        TransportError::ProxyDenied => RegistryError::ProxyDenied(exchange),
        TransportError::TooLarge(most) => RegistryError::TooLarge { exchange, most },
        TransportError::NotARequest(why) => RegistryError::Misdirected { exchange, why },
    }
}
