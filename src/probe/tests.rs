//! The client against answers from memory, in virtual time.

use super::*;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt as _, Full};
use http_client::Stopwatch;
use http_client::{Body, Exchange, ExchangeError, Random};
use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

type Reply = (u16, Vec<(&'static str, String)>, Vec<u8>);

/// What was asked: when, method and address, headers.
type Heard = (Duration, String, http::HeaderMap);

type Answers = Box<dyn Fn(&http::Request<Bytes>) -> Reply + Send + Sync>;

struct Service {
    answer: Answers,
    heard: Mutex<Vec<Heard>>,
    began: Stopwatch,
}

impl Exchange for Service {
    fn exchange(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<Body>, ExchangeError>> {
        let line = format!("{} {}", request.method(), request.uri());
        let heard = (self.began.elapsed(), line, request.headers().clone());
        self.heard.lock().expect("a list").push(heard);
        let (status, headers, body) = (self.answer)(&request);
        let mut response = http::Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(name, value);
        }
        let body = Full::new(Bytes::from(body)).map_err(|never| match never {});
        let response = response.body(body.boxed()).expect("a response");
        Box::pin(async move { Ok(response) })
    }
}

fn service(
    answer: impl Fn(&http::Request<Bytes>) -> Reply + Send + Sync + 'static,
) -> (ProbeClient, Arc<Service>) {
    let service = Arc::new(Service {
        answer: Box::new(answer),
        heard: Mutex::default(),
        began: Stopwatch::start(),
    });
    let client = Client::new(Arc::<Service>::clone(&service), Random::new(|| 0));
    (ProbeClient::new(client), service)
}

impl Service {
    fn lines(&self) -> Vec<String> {
        let heard = self.heard.lock().expect("a list");
        heard.iter().map(|(_, line, _)| line.clone()).collect()
    }
}

fn address(text: &str) -> ProbeAddress {
    ProbeAddress::parse(text).expect("an address")
}

const VERSION: &str = "https://example.com/version";

fn plain(status: u16, body: &str) -> Reply {
    (status, Vec::new(), body.as_bytes().to_vec())
}

#[tokio::test(start_paused = true)]
async fn no_credentials_are_sent_and_no_cache_is_asked() {
    let (client, service) = service(|_| plain(200, "4f2c1d9"));
    let answer = client
        .ask(&address(VERSION), None, false)
        .await
        .expect("an answer");
    assert_eq!(
        (answer.status, answer.text.as_deref()),
        (200, Some(&b"4f2c1d9"[..]))
    );
    let heard = service.heard.lock().expect("a list");
    let (_, line, headers) = &heard[0];
    assert_eq!(line, "GET https://example.com/version");
    let names: Vec<&str> = headers.keys().map(http::HeaderName::as_str).collect();
    assert_eq!(
        names,
        ["accept", "accept-encoding", "cache-control", "user-agent"]
    );
}

#[tokio::test(start_paused = true)]
async fn redirects_are_followed_on_the_same_host_only() {
    let to = |location: &str| (302, vec![("location", location.to_owned())], Vec::new());
    let (client, service) = service(move |request| match request.uri().path() {
        "/version" => to("/v2"),
        "/v2" => to("https://example.com/v3"),
        "/v3" => plain(200, "here"),
        "/away" => to("https://evil.example/version"),
        "/meta" => to("http://169.254.169.254/latest"),
        "/down" => to("http://example.com/version"),
        "/round" => to("/round"),
        _ => plain(404, ""),
    });
    let answer = client
        .ask(&address(VERSION), None, false)
        .await
        .expect("an answer");
    assert_eq!(answer.text.as_deref(), Some(&b"here"[..]));
    for path in ["away", "meta", "down", "round"] {
        let from = address(&format!("https://example.com/{path}"));
        let error = client.ask(&from, None, false).await.expect_err(path);
        assert!(matches!(error, ProbeError::Redirect(_)), "{error:?}");
    }
    assert!(
        service
            .lines()
            .iter()
            .all(|line| line.contains("https://example.com/"))
    );
    assert_eq!(
        service
            .lines()
            .iter()
            .filter(|line| line.ends_with("/round"))
            .count(),
        4
    );
}

#[tokio::test(start_paused = true)]
async fn a_large_body_is_read_to_its_limit_and_a_compressed_one_decoded() {
    let large = {
        let mut body = b"4f2c1d9".to_vec();
        body.resize(1 << 20, b'a');
        body
    };
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&large).expect("memory");
    let compressed = encoder.finish().expect("memory");
    let gzip = |kind: &str| vec![("content-encoding", kind.to_owned())];
    let (client, _) = service(move |request| match request.uri().path() {
        "/large" => (200, Vec::new(), large.clone()),
        "/gzip" => (200, gzip("gzip"), compressed.clone()),
        _ => (200, gzip("br"), b"x".to_vec()),
    });
    for path in ["large", "gzip"] {
        let from = address(&format!("https://example.com/{path}"));
        let answer = client.ask(&from, None, false).await.expect("an answer");
        let text = answer.text.expect("a body");
        assert!(
            text.starts_with(b"4f2c1d9") && text.len() == MOST_BYTES,
            "{path} {}",
            text.len()
        );
    }
    let other = client
        .ask(&address("https://example.com/br"), None, false)
        .await;
    assert!(matches!(other, Err(ProbeError::Encoding)), "{other:?}");
}

#[tokio::test(start_paused = true)]
async fn a_header_is_asked_for_by_head_and_by_get_where_head_is_of_no_use() {
    let header = ResponseHeader::parse("X-Version").expect("a header");
    let version = || vec![("x-version", "4f2c1d9".to_owned())];
    let (client, service) =
        service(
            move |request| match (request.uri().path(), request.method()) {
                ("/good", _) => (200, version(), Vec::new()),
                ("/get", &Method::GET) => (200, version(), b"body".to_vec()),
                ("/get", _) => plain(405, ""),
                _ => plain(200, "4f2c1d9"),
            },
        );
    let ask = async |path: &str| {
        let from = address(&format!("https://example.com/{path}"));
        client
            .ask(&from, Some(&header), false)
            .await
            .expect("an answer")
            .text
    };
    assert_eq!(ask("good").await.as_deref(), Some(&b"4f2c1d9"[..]));
    assert_eq!(ask("get").await.as_deref(), Some(&b"4f2c1d9"[..]));
    assert_eq!(ask("get").await.as_deref(), Some(&b"4f2c1d9"[..]));
    assert_eq!(ask("without").await, None);
    let wanted = [
        "HEAD good",
        "HEAD get",
        "GET get",
        "GET get",
        "HEAD without",
        "GET without",
    ];
    assert_eq!(
        service.lines(),
        wanted.map(|line| line.replace(' ', " https://example.com/"))
    );
}

#[tokio::test(start_paused = true)]
async fn one_address_is_asked_thirty_times_a_minute_at_most_for_all_services() {
    let (client, service) = service(|_| plain(200, "x"));
    let long = async {
        loop {
            let _ = client.ask(&address(VERSION), None, true).await;
        }
    };
    let other = async {
        loop {
            let _ = client.ask(&address(VERSION), None, false).await;
        }
    };
    let both = futures_util::future::join::<_, _>(long, other);
    let ended: Option<((), ())> = http_client::within(Duration::from_secs(300), both).await;
    assert!(ended.is_none());
    let heard = service.heard.lock().expect("a list");
    let times: Vec<Duration> = heard.iter().map(|(at, _, _)| *at).collect();
    assert!(times.len() > 100, "{}", times.len());
    for (at, first) in times.iter().enumerate() {
        let minute = times[at..]
            .iter()
            .filter(|other| **other - *first < Duration::from_secs(60));
        assert!(minute.count() <= 30, "{first:?}");
    }
}
