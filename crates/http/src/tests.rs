//! The policy above the seam, on exchanges that answer from memory, in paused time.

use super::*;
use bytes::Bytes;
use futures_util::future::{BoxFuture, join};
use futures_util::stream::{self, StreamExt as _};
use http::{Method, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

type Answering = dyn Fn(http::Request<Bytes>) -> BoxFuture<'static, Result<Response<Body>, ExchangeError>>
    + Send
    + Sync;

/// Answers as a test says.
struct Fake(Box<Answering>);

impl Exchange for Fake {
    fn exchange(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Body>, ExchangeError>> {
        (self.0)(request)
    }
}

fn client<F>(answer: impl Fn(http::Request<Bytes>) -> F + Send + Sync + 'static) -> Client
where
    F: Future<Output = Result<Response<Body>, ExchangeError>> + Send + 'static,
{
    let fake = Fake(Box::new(move |request| Box::pin(answer(request))));
    Client::new(Arc::new(fake), Random::new(|| 0))
}

fn whole(body: &'static [u8]) -> Body {
    Full::from(body).map_err(|never| match never {}).boxed()
}

/// So many bytes every so often, for ever.
fn dripping(bytes: usize, every: Duration) -> Body {
    let drops = stream::unfold((), move |()| async move {
        sleep(every).await;
        Some((Ok(Frame::data(Bytes::from(vec![b'x'; bytes]))), ()))
    });
    // A body has to be `Sync`, and a stream of futures is not.
    let drops = Mutex::new(drops.boxed());
    let stream = stream::poll_fn(move |context| {
        let mut drops = drops.lock().expect("it");
        drops.poll_next_unpin(context)
    });
    BodyExt::boxed(StreamBody::new(stream))
}

fn get() -> HttpRequest {
    HttpRequest::new(Method::GET, "https://example.com/a?b=c")
}

/// What a test waits for, and how many seconds of the paused clock that took.
async fn timed<F: Future>(future: F) -> (F::Output, u64) {
    let watch = Stopwatch::start();
    let output = future.await;
    (output, watch.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn a_request_that_nobody_answers_ends_after_thirty_seconds_and_may_have_arrived() {
    let client = client(|_| std::future::pending());
    let (answer, seconds) = timed(client.send(get())).await;
    let error = answer.expect_err("nobody answers");
    assert_eq!(error.to_string(), "no answer: operation timed out");
    assert!(!error.was_never_sent());
    assert_eq!(seconds, 30);
}

#[tokio::test(start_paused = true)]
async fn the_time_of_a_request_includes_its_body() {
    let client = client(|_| async {
        sleep(SECOND * 20).await;
        Ok(Response::new(dripping(1, SECOND)))
    });
    let (answer, seconds) = timed(client.send(get())).await;
    assert!(
        matches!(answer, Err(TransportError::NoAnswer(_))),
        "{answer:?}"
    );
    assert_eq!(seconds, 30);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_is_cut_off_at_its_cap() {
    let client = client(|_| async { Ok(Response::new(dripping(100, Duration::from_millis(1)))) });
    let answer = client.send(get().cap(1000)).await;
    assert!(
        matches!(answer, Err(TransportError::TooLarge(1000))),
        "{answer:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_reply_of_exactly_the_cap_is_read() {
    let client = client(|_| async { Ok(Response::new(whole(b"12345"))) });
    let answer = client.send(get().cap(5)).await.expect("an answer");
    assert_eq!(answer.body(), b"12345");
    let answer = client.send(get().cap(4)).await;
    assert!(
        matches!(answer, Err(TransportError::TooLarge(4))),
        "{answer:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn where_the_status_is_enough_a_slow_body_is_cut_after_five_seconds() {
    let client = client(|_| async { Ok(Response::new(dripping(1, SECOND))) });
    let (answer, seconds) = timed(client.send(get().status_is_enough())).await;
    let answer = answer.expect("an answer");
    assert_eq!((answer.status(), seconds), (200, 5));
    assert!((4..=5).contains(&answer.body().len()), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_wants_a_password_is_told_from_a_server() {
    let client = client(|_| async {
        let mut reply = Response::new(whole(b"<html>"));
        *reply.status_mut() = http::StatusCode::PROXY_AUTHENTICATION_REQUIRED;
        Ok(reply)
    });
    let error = client.send(get()).await.expect_err("no answer of a server");
    assert!(matches!(error, TransportError::ProxyDenied), "{error:?}");
    assert!(error.was_never_sent() && error.hint() == PROXY_DENIED);
}

#[tokio::test]
async fn a_proxy_that_lets_no_tunnel_through_is_told_so_too() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("an address");
    let proxy = listener.local_addr().expect("an address");
    let answer = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut asked = [0; 1024];
        let length = stream.read(&mut asked).expect("a request");
        let reply = b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(reply).expect("an answer");
        String::from_utf8_lossy(&asked[..length]).into_owned()
    });
    let proxies = Proxies {
        https: Some(format!("http://{proxy}")),
        ..Proxies::default()
    };
    let exchange = connect(Roots::built_in(), &proxies).expect("a connector");
    let client = Client::new(exchange, Random::new(|| 0));
    let error = client.send(get()).await.expect_err("no tunnel");
    assert!(matches!(error, TransportError::ProxyDenied), "{error:?}");
    let asked = answer.join().expect("a proxy");
    assert!(asked.starts_with("CONNECT example.com:443"), "{asked}");
}

#[tokio::test(start_paused = true)]
async fn what_never_left_is_told_from_what_got_no_answer() {
    let cause =
        || TransportCause::with_chain("tcp connect error: refused".into(), "refused".into());
    let table = [
        (ExchangeError::NeverSent(cause()), true),
        (ExchangeError::Tls("issued by nobody".into()), true),
        (ExchangeError::NotARequest(cause()), true),
        (ExchangeError::NoAnswer(cause()), false),
    ];
    for (error, was_never_sent) in table {
        let text = error.to_string();
        let client = client(move |_| std::future::ready(Err(error.clone())));
        let error = client.send(get()).await.expect_err("it fails");
        assert_eq!(
            (error.was_never_sent(), error.to_string()),
            (was_never_sent, text)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_address_is_not_sent() {
    let client = client(|_| std::future::pending());
    for address in ["", "/a", "https://", "http://a b/"] {
        let error = client
            .send(HttpRequest::new(Method::GET, address))
            .await
            .expect_err("none");
        assert!(
            matches!(error, TransportError::NotARequest(_)),
            "{address:?}: {error}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn redirects_are_answers() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let client = client(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        let mut response = Response::new(whole(b""));
        *response.status_mut() = http::StatusCode::FOUND;
        std::future::ready(Ok(response))
    });
    let answer = client.send(get()).await.expect("an answer");
    assert_eq!((answer.status(), sent.load(Ordering::Relaxed)), (302, 1));
}

#[tokio::test(start_paused = true)]
async fn a_request_says_who_sends_it_and_how_long_it_is() {
    let client = client(|request| {
        let header = |name: &str| request.headers().get(name).cloned();
        let lines = format!(
            "{} {} {:?} {:?} {:?}",
            request.method(),
            request.uri(),
            header("user-agent"),
            header("content-length"),
            header("authorization")
        );
        let body = Full::from(lines).map_err(|never| match never {}).boxed();
        std::future::ready(Ok(Response::new(body)))
    });
    let program = concat!("ghcr-to-render/", env!("CARGO_PKG_VERSION"));
    let post = HttpRequest::new(Method::POST, "https://example.com/ü").authorization("Bearer x");
    let posted =
        format!(r#"POST https://example.com/%C3%BC Some("{program}") Some("0") Some(Sensitive)"#);
    let got = format!(r#"GET https://example.com/a?b=c Some("{program}") None None"#);
    for (request, wanted) in [(post, posted), (get(), got)] {
        let answer = client.send(request).await.expect("an answer");
        assert_eq!(String::from_utf8_lossy(answer.body()), wanted);
    }
}

#[tokio::test(start_paused = true)]
async fn large_replies_are_read_one_after_the_other_and_small_ones_meanwhile() {
    // 100 KiB a second: after three seconds it is large, and after ten it is whole.
    let drops = || {
        stream::iter(0..10).then(|_| async {
            sleep(SECOND).await;
            Ok(Frame::data(Bytes::from(vec![b'x'; 100 << 10])))
        })
    };
    let client = client(move |request| {
        let body = if request.uri().path() == "/small" {
            whole(b"small")
        } else {
            let drops = Mutex::new(drops().boxed());
            let stream =
                stream::poll_fn(move |context| drops.lock().expect("it").poll_next_unpin(context));
            BodyExt::boxed(StreamBody::new(stream))
        };
        std::future::ready(Ok(Response::new(body)))
    });
    let large = || timed(client.send(HttpRequest::new(Method::GET, "https://example.com/large")));
    let small = async {
        sleep(SECOND * 5).await;
        timed(client.send(HttpRequest::new(Method::GET, "https://example.com/small"))).await
    };
    let (((first, at), (second, later)), (small, waited)) =
        join(join(large(), large()), small).await;
    assert!(first.is_ok() && second.is_ok() && small.is_ok());
    // The second one stops at its third second, and goes on after the first one's tenth.
    assert_eq!((at, later, waited), (10, 17, 0));
}

#[tokio::test(start_paused = true)]
async fn waiting_obeys_the_deadline() {
    let deadline = Deadline::after(SECOND * 10);
    assert!(deadline.allows(SECOND * 4).await);
    assert_eq!(deadline.left(), SECOND * 6);
    assert!(!deadline.allows(SECOND * 7).await);
    assert_eq!(deadline.left(), SECOND * 6);
    assert_eq!(within(SECOND, std::future::pending::<()>()).await, None);
    assert_eq!(deadline.left(), SECOND * 5);
}
