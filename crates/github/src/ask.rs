//! One request and its answer: sending, trying again, paging, and what a status means.

use super::address::{graphql, next_page, origin};
use super::library::Library;
use super::{GitHub, GitHubError, GitHubInstance, RequestPurpose, Trace};
use http::HeaderMap;
use http_client::{BodyError, Deadline, ExchangeError, RetryStep, retry, wait_hint};
use model::Untrusted;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The largest reply that is read. A tree of 100,000 entries is said to be at most 7 MB.
const CAP: usize = 8 << 20;
/// How many values are read. A tree of 100,000 entries has 700,000.
const MOST_VALUES: usize = 1_000_000;
/// How long one question may take, with every try.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often one question is asked. Asking again does no harm: most only read, a record that is written twice says the same twice, and a tag is
/// made once. What would harm if it were there twice is posted by [`GitHub::post_once`].
const TRIES: usize = 3;
/// The first and the longest pause between two tries.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(8));
/// GitHub asks for at least a minute after a secondary limit without `Retry-After`
/// (<https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>).
const SECONDARY: Duration = Duration::from_secs(60);
/// How many pages of a list are read: 100 of 100 entries.
const PAGES: usize = 100;

/// A reply, read whole.
pub(super) struct GitHubReply {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
    whose: GitHubInstance,
}

impl GitHubReply {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(super) const fn status(&self) -> u16 {
        self.status
    }

    /// Which GitHub answered.
    pub(super) const fn whose(&self) -> GitHubInstance {
        self.whose
    }

    pub(super) fn trace(&self) -> Trace {
        let request = self
            .header("x-github-request-id")
            .map(|id| Untrusted(id.as_bytes()).to_string());
        Trace {
            status: Some(self.status),
            request,
        }
    }

    /// GitHub's own words, from an error's body.
    fn message(&self) -> String {
        #[derive(serde::Deserialize)]
        struct ErrorWire {
            message: String,
        }
        serde_json::from_slice::<ErrorWire>(&self.body)
            .map(|wire| wire.message)
            .unwrap_or_default()
    }

    /// The answer, read. One of very many values is not: each may take thirty times the memory that it has bytes.
    pub(super) fn json<T: DeserializeOwned>(&self, what: &str) -> Result<T, GitHubError> {
        if self
            .body
            .iter()
            .filter(|byte| matches!(byte, b',' | b'[' | b'{'))
            .count()
            > MOST_VALUES
        {
            return Err(self.broken(what, &format!("more than {MOST_VALUES} values")));
        }
        serde_json::from_slice(&self.body).map_err(|error| self.broken(what, &error.to_string()))
    }

    /// Whether the answer is a JSON list.
    pub(super) fn is_array(&self) -> bool {
        self.body.trim_ascii_start().starts_with(b"[")
    }

    pub(super) fn broken(&self, what: &str, why: &str) -> GitHubError {
        GitHubError::Broken {
            what: what.to_owned(),
            why: Untrusted(why.as_bytes()).to_string(),
            trace: self.trace(),
        }
    }
}

/// The method, with what is sent by it.
#[derive(Clone, Copy)]
enum Verb<'a> {
    Get,
    Post(&'a Value),
    Patch(&'a Value),
    Delete,
}

/// What is asked: `what` names it in errors.
struct Question<'a> {
    url: &'a str,
    what: &'a str,
    aim: RequestPurpose,
    verb: Verb<'a>,
    /// How often it may be asked.
    tries: usize,
}

impl<'a> Question<'a> {
    const fn get(url: &'a str, what: &'a str) -> Self {
        Self {
            url,
            what,
            aim: RequestPurpose::Read,
            verb: Verb::Get,
            tries: TRIES,
        }
    }

    const fn write(url: &'a str, what: &'a str, verb: Verb<'a>) -> Self {
        Self {
            url,
            what,
            aim: RequestPurpose::Write,
            verb,
            tries: TRIES,
        }
    }
}

/// What a reply means.
enum Meaning {
    Answer,
    /// Not now; with how long GitHub asks to wait.
    Again(Option<Duration>),
    Limited,
    Denied(String),
    NotFound,
    /// What was to be written is not; with GitHub's own words.
    Rejected(String),
    Broken,
}

impl GitHub {
    /// Asks for `path` below the repository. `what` names it in errors.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        what: &str,
    ) -> Result<T, GitHubError> {
        self.reply(path, what).await?.json(what)
    }

    /// As [`GitHub::get`], with `None` for what is not there.
    pub(super) async fn find<T: DeserializeOwned>(
        &self,
        path: &str,
        what: &str,
    ) -> Result<Option<T>, GitHubError> {
        match self.get(path, what).await {
            Ok(found) => Ok(Some(found)),
            Err(GitHubError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Asks for every page of a list, to which `at_most` entries belong; `None` when there are more.
    pub(super) async fn pages<T: DeserializeOwned>(
        &self,
        path: &str,
        what: &str,
        at_most: usize,
    ) -> Result<Option<Vec<T>>, GitHubError> {
        self.pages_at(&self.below(path), what, at_most).await
    }

    /// As [`GitHub::pages`], of a list that is anywhere at GitHub.
    pub(super) async fn pages_at<T: DeserializeOwned>(
        &self,
        url: &str,
        what: &str,
        at_most: usize,
    ) -> Result<Option<Vec<T>>, GitHubError> {
        let mut list = Vec::new();
        let mut reply = self.reply_at(url, what).await?;
        for _ in 0..PAGES {
            list.extend(reply.json::<Vec<T>>(what)?);
            if list.len() > at_most {
                return Ok(None);
            }
            let Some(next) = reply.header("link").and_then(next_page) else {
                return Ok(Some(list));
            };
            let is_ours = next
                .strip_prefix(self.base.as_str())
                .is_some_and(|rest| rest.starts_with('/'));
            if !is_ours {
                return Err(reply.broken(what, "its next page is on another host"));
            }
            reply = self.ask(&Question::get(next, what)).await?;
        }
        Ok(None)
    }

    pub(super) async fn reply(&self, path: &str, what: &str) -> Result<GitHubReply, GitHubError> {
        self.reply_at(&self.below(path), what).await
    }

    /// As [`GitHub::reply`], of what is anywhere at GitHub.
    pub(super) async fn reply_at(&self, url: &str, what: &str) -> Result<GitHubReply, GitHubError> {
        self.ask(&Question::get(url, what)).await
    }

    /// Deletes what is at an address.
    pub(super) async fn delete_at(
        &self,
        url: &str,
        what: &str,
    ) -> Result<GitHubReply, GitHubError> {
        self.ask(&Question::write(url, what, Verb::Delete)).await
    }

    /// The address of `path` below the API's own.
    pub(super) fn at(&self, path: &str) -> String {
        format!("{}/{path}", self.base)
    }

    /// Writes: posts `body` to `path` below the repository.
    pub(super) async fn post(
        &self,
        path: &str,
        what: &str,
        body: &Value,
    ) -> Result<GitHubReply, GitHubError> {
        self.ask(&Question::write(&self.below(path), what, Verb::Post(body)))
            .await
    }

    /// As [`GitHub::post`], for what must not be there twice: it is sent once, whatever comes of it.
    pub(super) async fn post_once(
        &self,
        path: &str,
        what: &str,
        body: &Value,
    ) -> Result<GitHubReply, GitHubError> {
        self.ask(&Question {
            tries: 1,
            ..Question::write(&self.below(path), what, Verb::Post(body))
        })
        .await
    }

    /// Writes: changes what is at `path` below the repository to what `body` says.
    pub(super) async fn patch(
        &self,
        path: &str,
        what: &str,
        body: &Value,
    ) -> Result<GitHubReply, GitHubError> {
        self.ask(&Question::write(&self.below(path), what, Verb::Patch(body)))
            .await
    }

    /// Asks a GraphQL query: a POST that only reads.
    pub(super) async fn query(&self, what: &str, body: &Value) -> Result<GitHubReply, GitHubError> {
        let url = graphql(&self.base);
        self.ask(&Question {
            verb: Verb::Post(body),
            ..Question::get(&url, what)
        })
        .await
    }

    fn below(&self, path: &str) -> String {
        let slash = if path.is_empty() { "" } else { "/" };
        format!("{}/repos/{}{slash}{path}", self.base, self.repository)
    }

    async fn ask(&self, question: &Question<'_>) -> Result<GitHubReply, GitHubError> {
        let deadline = Deadline::after(PATIENCE);
        let most = if self.is_silent.load(Ordering::Relaxed) {
            1
        } else {
            question.tries
        };
        let mut tries = 0;
        let result = retry(self.backoff(PAUSES.0, PAUSES.1), &deadline, async || {
            tries += 1;
            match self.attempt(question).await {
                RetryStep::Again { error, .. } if tries >= most => RetryStep::Done(Err(error)),
                attempt @ (RetryStep::Done(_) | RetryStep::Again { .. }) => attempt,
            }
        })
        .await;
        let is_silent = matches!(&result, Err(GitHubError::Unavailable { trace, .. }) if trace.status.is_none());
        self.is_silent.store(is_silent, Ordering::Relaxed);
        result
    }

    /// Sends the request once and reads what the reply means.
    async fn attempt(&self, question: &Question<'_>) -> RetryStep<GitHubReply, GitHubError> {
        let Question { aim, .. } = *question;
        let what = question.what.to_owned();
        let reply = match self.once(question).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(why)) => {
                let trace = Trace::default();
                let whose = self.whose();
                let error = GitHubError::Unavailable {
                    what,
                    why,
                    whose,
                    trace,
                };
                return RetryStep::Again { error, hint: None };
            }
            Err(error) => return RetryStep::Done(Err(error)),
        };
        let trace = reply.trace();
        let error = match meaning(&reply, aim) {
            Meaning::Answer => return RetryStep::Done(Ok(reply)),
            Meaning::Again(hint) => {
                let error = if reply.status < 500 {
                    GitHubError::RateLimited { trace }
                } else {
                    let why = "a server error".to_owned();
                    let whose = self.whose();
                    GitHubError::Unavailable {
                        what,
                        why,
                        whose,
                        trace,
                    }
                };
                return RetryStep::Again { error, hint };
            }
            Meaning::NotFound => GitHubError::NotFound { what, trace },
            Meaning::Denied(why) => GitHubError::Denied {
                aim,
                what,
                why,
                trace,
            },
            Meaning::Rejected(why) => GitHubError::Rejected { what, why, trace },
            Meaning::Limited => GitHubError::RateLimited { trace },
            Meaning::Broken => reply.broken(&what, "a status that was not expected"),
        };
        RetryStep::Done(Err(error))
    }

    /// Sends one request. The inner error is why no whole reply came back.
    async fn once(
        &self,
        question: &Question<'_>,
    ) -> Result<Result<GitHubReply, String>, GitHubError> {
        let Question {
            url, what, verb, ..
        } = *question;
        let library = self.library(what)?;
        let octocrab = library.octocrab();
        let sent = library.run(async {
            match verb {
                Verb::Get => octocrab._get(url).await,
                Verb::Post(body) => octocrab._post(url, Some(body)).await,
                Verb::Patch(body) => octocrab._patch(url, Some(body)).await,
                Verb::Delete => octocrab._delete(url, None::<&()>).await,
            }
        });
        let response = match sent.await {
            Ok(response) => response,
            Err(error) => match exchange_error(&error) {
                Some(ExchangeError::Tls(why)) => {
                    return Err(GitHubError::Untrusted {
                        what: what.to_owned(),
                        why: why.clone(),
                    });
                }
                Some(ExchangeError::ProxyDenied) => {
                    return Err(GitHubError::ProxyDenied {
                        what: what.to_owned(),
                    });
                }
                _ => return Ok(Err(root_cause(&error))),
            },
        };
        let (parts, body) = response.into_parts();
        let mut reply = GitHubReply {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: Vec::new(),
            whose: self.whose(),
        };
        match self.client.read(body, CAP, &mut reply.body).await {
            Ok(()) => Ok(Ok(reply)),
            Err(BodyError::TooLarge) => Err(GitHubError::TooLarge {
                what: what.to_owned(),
                mib: CAP >> 20,
                trace: reply.trace(),
            }),
            Err(BodyError::Broken(error)) => Ok(Err(root_cause(&error))),
        }
    }

    fn library(&self, what: &str) -> Result<&Library, GitHubError> {
        if let Some(library) = self.library.get() {
            return Ok(library);
        }
        let made = Library::new(self.client.clone(), origin(&self.base), self.token.as_ref());
        let library = made.map_err(|error| GitHubError::Broken {
            what: what.to_owned(),
            why: format!("the client cannot be made: {}", root_cause(&error)),
            trace: Trace::default(),
        })?;
        Ok(self.library.get_or_init(|| library))
    }
}

fn meaning(reply: &GitHubReply, aim: RequestPurpose) -> Meaning {
    let header = |name: &str| reply.header(name);
    match reply.status {
        200..=299 => Meaning::Answer,
        400 | 404 | 409 | 410 | 422 | 451 if aim == RequestPurpose::Write => {
            Meaning::Rejected(Untrusted(reply.message().as_bytes()).to_string())
        }
        404 | 409 | 410 | 422 | 451 => Meaning::NotFound,
        500..=599 => Meaning::Again(wait_hint(&header)),
        403 | 429 if header("x-ratelimit-remaining") == Some("0") => Meaning::Limited,
        403 | 429 if header("retry-after").is_some() => Meaning::Again(wait_hint(&header)),
        403 | 429 if reply.message().contains("secondary rate limit") => {
            Meaning::Again(Some(SECONDARY))
        }
        429 => Meaning::Again(None),
        401 | 403 => Meaning::Denied(match header("x-accepted-github-permissions") {
            Some(permissions) if !permissions.is_empty() => {
                format!("it needs {}", Untrusted(permissions.as_bytes()))
            }
            _ => Untrusted(reply.message().as_bytes()).to_string(),
        }),
        _ => Meaning::Broken,
    }
}

/// The client's own error, behind a library's.
fn exchange_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a ExchangeError> {
    match error.downcast_ref() {
        Some(error) => Some(error),
        None => exchange_error(error.source()?),
    }
}

/// The innermost cause of a library error: the outer ones hold addresses.
fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let text = match exchange_error(error) {
        Some(
            ExchangeError::NeverSent(cause)
            | ExchangeError::NoAnswer(cause)
            | ExchangeError::NotARequest(cause),
        ) => cause.root().to_owned(),
        Some(ExchangeError::Tls(why)) => why.clone(),
        Some(error @ ExchangeError::ProxyDenied) => error.to_string(),
        None => {
            let mut cause = error;
            while let Some(source) = cause.source() {
                cause = source;
            }
            cause.to_string()
        }
    };
    if text.contains("://") {
        "the connection broke".to_owned()
    } else {
        Untrusted(text.as_bytes()).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::super::address::escape;
    use super::super::testing::{ExpectedRequest, Server, TOKEN, closed, exchange, found, missing};
    use super::*;

    const PATH: &str = "/api/v3/repos/acme/shop/x";

    async fn ask(script: Vec<ExpectedRequest>) -> Result<serde_json::Value, GitHubError> {
        let server = Server::start(script);
        let answer = server.github().get("x", "thing").await;
        server.finish();
        answer
    }

    #[tokio::test]
    async fn server_errors_and_broken_connections_are_asked_again() {
        let again = exchange(PATH, 502, &[], "<html>");
        assert_eq!(
            ask(vec![again.clone(), closed("x"), found("x", "7")]).await,
            Ok(7.into())
        );
        let failure = ask(vec![again.clone(), again.clone(), again])
            .await
            .unwrap_err();
        assert_eq!(
            failure.to_string(),
            "github does not answer for thing: a server error (status 502, request AB12:34)"
        );
        let failure = ask(vec![closed("x"), closed("x"), closed("x")])
            .await
            .unwrap_err();
        assert!(
            matches!(failure, GitHubError::Unavailable { .. }),
            "{failure}"
        );
        assert!(!failure.to_string().contains("127.0.0.1"), "{failure}");
    }

    #[tokio::test]
    async fn limits_are_waited_for_only_when_github_says_how_long() {
        let soon = exchange(PATH, 403, &["Retry-After: 1"], "{}");
        assert_eq!(ask(vec![soon, found("x", "7")]).await, Ok(7.into()));
        let limits = [
            exchange(
                PATH,
                403,
                &["X-RateLimit-Remaining: 0", "X-RateLimit-Reset: 1784111790"],
                "{}",
            ),
            exchange(PATH, 429, &["X-RateLimit-Remaining: 0"], "{}"),
            exchange(PATH, 429, &["Retry-After: 3600"], "{}"),
            exchange(
                PATH,
                403,
                &[],
                r#"{"message":"You have exceeded a secondary rate limit."}"#,
            ),
        ];
        for limit in limits {
            let failure = ask(vec![limit]).await.unwrap_err();
            assert!(
                matches!(failure, GitHubError::RateLimited { .. }),
                "{failure}"
            );
        }
    }

    #[tokio::test]
    async fn a_missing_permission_is_named() {
        let headers = [
            "X-Accepted-GitHub-Permissions: contents=read",
            "X-RateLimit-Remaining: 900",
        ];
        let body = r#"{"message":"Resource not accessible ::error::x"}"#;
        let failure = ask(vec![exchange(PATH, 403, &headers, body)])
            .await
            .unwrap_err();
        assert_eq!(
            failure.to_string(),
            "github does not let this token read thing: it needs contents=read (status 403, request AB12:34)"
        );
        let failure = ask(vec![exchange(PATH, 403, &[], body)]).await.unwrap_err();
        assert!(
            failure
                .to_string()
                .contains("Resource not accessible :\\:error"),
            "{failure}"
        );
        let failure = ask(vec![exchange(
            PATH,
            401,
            &[],
            r#"{"message":"Bad credentials"}"#,
        )])
        .await
        .unwrap_err();
        assert!(failure.to_string().contains("Bad credentials"), "{failure}");
    }

    #[tokio::test]
    async fn what_is_not_there_is_not_asked_for_again() {
        let failure = ask(vec![missing("x")]).await.unwrap_err();
        assert_eq!(
            failure.to_string(),
            "github has no thing (status 404, request AB12:34)"
        );
        let server = Server::start(vec![missing("x")]);
        assert_eq!(server.github().find::<u8>("x", "thing").await, Ok(None));
        server.finish();
    }

    #[tokio::test]
    async fn nonsense_is_an_error_and_the_token_is_in_none() {
        let long = " ".repeat(CAP + 1);
        for exchange in [
            found("x", "<html>"),
            found("x", ""),
            found("x", &long),
            exchange(PATH, 301, &["Location: https://evil.example.com/"], "{}"),
            exchange(PATH, 418, &[], TOKEN),
        ] {
            let failure = ask(vec![exchange]).await.unwrap_err();
            let is_nonsense = matches!(
                failure,
                GitHubError::Broken { .. } | GitHubError::TooLarge { .. }
            );
            assert!(is_nonsense, "{failure}");
            assert!(!format!("{failure} {failure:?}").contains(TOKEN));
        }
    }

    #[tokio::test]
    async fn pages_are_followed_on_the_same_host_only() {
        let page = |number: u8| format!("{PATH}?page={number}");
        let server = Server::start_with(|origin| {
            let next = format!(
                "Link: <{origin}{}>; rel=\"prev\", <{origin}{}>; rel=\"next\"",
                page(0),
                page(2)
            );
            vec![
                exchange(PATH, 200, &[&next], "[1]"),
                exchange(&page(2), 200, &[], "[2,3]"),
            ]
        });
        assert_eq!(
            server.github().pages::<u8>("x", "list", 3).await,
            Ok(Some(vec![1, 2, 3]))
        );
        server.finish();
        for elsewhere in [
            "https://evil.example.com/api/v3/x",
            "http://127.0.0.1:1/api/v3/x",
            "/api/v3/x",
        ] {
            let server = Server::start(vec![exchange(
                PATH,
                200,
                &[&format!("Link: <{elsewhere}>; rel=\"next\"")],
                "[1]",
            )]);
            let failure = server
                .github()
                .pages::<u8>("x", "list", 3)
                .await
                .unwrap_err();
            assert!(matches!(failure, GitHubError::Broken { .. }), "{failure}");
            server.finish();
        }
    }

    #[tokio::test]
    async fn a_list_that_is_too_long_is_no_list() {
        let server = Server::start(vec![found("x", "[1,2,3]")]);
        assert_eq!(server.github().pages::<u8>("x", "list", 2).await, Ok(None));
        server.finish();
    }

    #[test]
    fn graphql_is_asked_beside_the_rest_api() {
        for (base, wanted) in [
            ("https://api.github.com", "https://api.github.com/graphql"),
            (
                "https://api.acme.ghe.com",
                "https://api.acme.ghe.com/graphql",
            ),
            (
                "https://ghe.example.com/api/v3",
                "https://ghe.example.com/api/graphql",
            ),
            ("http://127.0.0.1:1", "http://127.0.0.1:1/graphql"),
        ] {
            assert_eq!(graphql(base), wanted);
        }
    }

    #[test]
    fn names_are_escaped_in_addresses() {
        assert_eq!(escape("a b/ü?#%..&-_.~"), "a%20b/%C3%BC%3F%23%25..%26-_.~");
    }
}
