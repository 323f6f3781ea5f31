//! One run of the real program: it is started, its requests come out one after the other, and in the end its outputs.
//!
//! Everything that depends on how the program is started is in here.

use crate::random::Random;
use crate::wire::{Answer, Call, Lost, Reply};
use bytes::Bytes;
use ghcr_to_render::{Io, ProcessEnvironment};
use http_body_util::{BodyExt as _, Full};
use http_client::{Body, Exchange, ExchangeError, TransportCause};
use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;
use tokio::sync::{Notify, oneshot};

/// A run that takes longer than this, by its own clock, hangs.
const LONGEST: Duration = Duration::from_secs(12 * 60 * 60);

type Pending = (Call, oneshot::Sender<Answer>);

/// What comes next of a run.
pub(crate) enum Next {
    /// It sent a request and waits for the answer.
    Request(Call, Replying),
    /// It ended with this code.
    Ended(u8),
}

/// The place for an answer.
pub(crate) struct Replying(oneshot::Sender<Answer>);

impl Replying {
    pub(crate) fn answer(self, answer: Answer) {
        let _ = self.0.send(answer);
    }
}

/// A run.
pub(crate) struct Running {
    future: Pin<Box<dyn Future<Output = u8>>>,
    requests: Arc<Mutex<VecDeque<Pending>>>,
    cancel: Arc<Notify>,
    said: Arc<Mutex<Vec<u8>>>,
    outputs: PathBuf,
    started: Option<tokio::time::Instant>,
    // Last: the future goes first.
    runtime: tokio::runtime::Runtime,
}

impl Running {
    /// Starts the program with exactly this environment. Nothing of it is done yet.
    pub(crate) fn start(mut environment: BTreeMap<String, String>, directory: &Path) -> Self {
        let outputs = directory.join("outputs");
        std::fs::write(&outputs, "").expect("a file for outputs");
        let text = outputs.to_str().expect("a path").to_owned();
        environment.insert("GITHUB_OUTPUT".into(), text);
        let requests: Arc<Mutex<VecDeque<Pending>>> = Arc::default();
        let (cancel, said) = (Arc::new(Notify::new()), Arc::default());
        let sockets: Arc<dyn Exchange> = Arc::new(Sockets(Arc::clone(&requests)));
        let told = Arc::clone(&cancel);
        let random = Mutex::new(Random::new(1));
        let io = Io {
            stdout: Box::new(Sink(Arc::clone(&said))),
            stderr: Box::new(Sink(Arc::clone(&said))),
            connect: Box::new(move |_, _| Ok(Arc::clone(&sockets))),
            cancelled: Box::pin(async move { told.notified().await }),
            random: http_client::Random::new(move || random.lock().expect("random numbers").next()),
        };
        let variables = environment
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()));
        let environment = ProcessEnvironment::new(variables, directory.to_owned(), false);
        let line = ["ghcr-to-render".into()].into_iter();
        let future = Box::pin(ghcr_to_render::run(environment, line, io));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        Self {
            future,
            requests,
            cancel,
            said,
            outputs,
            started: None,
            runtime,
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the clock of the run")]
    /// Lets it go on until it sends a request or ends. The second value is the time that passed for it since it began.
    pub(crate) fn next(&mut self) -> (Next, Duration) {
        let take =
            |requests: &Mutex<VecDeque<Pending>>| requests.lock().expect("requests").pop_front();
        let (future, requests, started) = (&mut self.future, &self.requests, &mut self.started);
        self.runtime.block_on(async {
            let begun = *started.get_or_insert_with(tokio::time::Instant::now);
            let next = poll_fn(|context| {
                if let Some((call, sender)) = take(requests) {
                    return Poll::Ready(Next::Request(call, Replying(sender)));
                }
                if let Poll::Ready(code) = future.as_mut().poll(context) {
                    return Poll::Ready(Next::Ended(code));
                }
                assert!(begun.elapsed() < LONGEST, "the program hangs");
                match take(requests) {
                    Some((call, sender)) => Poll::Ready(Next::Request(call, Replying(sender))),
                    None => Poll::Pending,
                }
            });
            (next.await, begun.elapsed())
        })
    }

    /// Tells it to stop, as the signal of a cancelled job does.
    pub(crate) fn cancel(&self) {
        self.cancel.notify_one();
    }

    /// What it wrote into `GITHUB_OUTPUT`.
    pub(crate) fn outputs(&self) -> BTreeMap<String, String> {
        read_outputs(&std::fs::read_to_string(&self.outputs).unwrap_or_default())
    }

    /// What it printed.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&self.said.lock().expect("what it said")).into_owned()
    }
}

/// Takes what is written.
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .lock()
            .expect("what it said")
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Puts requests into a queue, in which they wait for their answers.
struct Sockets(Arc<Mutex<VecDeque<Pending>>>);

impl Exchange for Sockets {
    fn exchange(
        &self,
        request: http::Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<http::Response<Body>, ExchangeError>> + Send + '_>>
    {
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let headers = head.headers.iter().map(|(name, value)| {
                (
                    name.to_string(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                )
            });
            let call = Call::new(
                head.method.as_str(),
                &head.uri.to_string(),
                headers.collect(),
                body.to_vec(),
            );
            let call =
                call.ok_or_else(|| ExchangeError::NotARequest(TransportCause::new("no address")))?;
            let (sender, receiver) = oneshot::channel();
            self.0.lock().expect("requests").push_back((call, sender));
            match receiver.await.unwrap_or(Err(Lost::NoAnswer)) {
                Ok(reply) => Ok(response(reply)),
                Err(Lost::NeverSent) => Err(ExchangeError::NeverSent(TransportCause::new(
                    "connection refused",
                ))),
                Err(Lost::NoAnswer) => Err(ExchangeError::NoAnswer(TransportCause::new(
                    "connection closed",
                ))),
            }
        })
    }
}

fn response(reply: Reply) -> http::Response<Body> {
    let never = |never: Infallible| match never {};
    let mut response =
        http::Response::new(Full::new(Bytes::from(reply.body)).map_err(never).boxed());
    *response.status_mut() = http::StatusCode::from_u16(reply.status).expect("a status");
    for (name, value) in reply.headers {
        let name = http::HeaderName::from_bytes(name.as_bytes()).expect("the name of a header");
        response
            .headers_mut()
            .append(name, value.parse().expect("the value of a header"));
    }
    response
}

/// Reads `name<<delimiter` and `name=value`, as the runner does.
fn read_outputs(text: &str) -> BTreeMap<String, String> {
    let mut outputs = BTreeMap::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some((name, delimiter)) = line.split_once("<<") {
            let value: Vec<&str> = lines
                .by_ref()
                .take_while(|line| *line != delimiter)
                .collect();
            outputs.insert(name.to_owned(), value.join("\n"));
        } else if let Some((name, value)) = line.split_once('=') {
            outputs.insert(name.to_owned(), value.to_owned());
        }
    }
    outputs
}
