//! Runs the whole program in this process: the models answer from memory, time is tokio's and does not wait, and the standard streams are buffers.
//!
//! What was sent arrives, whatever becomes of the run: every request is a task of its own.

use super::address::server_at;
use super::call::Call;
use super::flow;
use super::meanwhile::Deed;
use super::runner::Ended;
use super::server::{Disturbance, Server};
use super::trap::Send;
use super::{World, trap::Trap};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use ghcr_to_render::{Io, ProcessEnvironment};
use http::header::{ACCEPT, CONTENT_LENGTH, DATE, HOST, HeaderValue};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use http_client::{Body, Exchange, ExchangeError, Proxies, Random, TransportCause};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

/// How long a request is on its way, and its answer again.
const WAY: Duration = Duration::from_millis(1);

/// How long a run may last by its own clock: longer than every time that the program can be told to wait.
const LONGEST: Duration = Duration::from_secs(8 * 3600);

/// What a stream was given.
#[derive(Debug, Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().expect("a buffer"))
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("a buffer").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The clock of a world, which goes on from one run to the next.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clock(Arc<Mutex<Option<Instant>>>);

impl Clock {
    /// Puts the clock of the run that begins on the end of the last one.
    async fn go_on(&self) {
        let last = *self.0.lock().expect("a clock");
        if let Some(ahead) = last.and_then(|last| last.checked_duration_since(Instant::now())) {
            tokio::time::advance(ahead).await;
        }
    }

    fn stop(&self) {
        *self.0.lock().expect("a clock") = Some(Instant::now());
    }
}

/// Runs something on a clock that is paused: whenever everybody waits, it goes on to what is waited for next.
pub(crate) fn block_on<T>(clock: &Clock, future: impl Future<Output = T>) -> T {
    let future = async {
        clock.go_on().await;
        let done = future.await;
        clock.stop();
        done
    };
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime")
        .block_on(future)
}

/// Runs the program in a world.
pub(crate) async fn run(
    world: &World,
    variables: &BTreeMap<String, String>,
    arguments: &[String],
    meanwhile: Vec<Deed>,
) -> Ended {
    let others: Vec<_> = meanwhile
        .into_iter()
        .map(|deed| tokio::spawn(deed.done()))
        .collect();
    let began = Instant::now();
    for (_, server) in world.servers() {
        server.run_begins(began.into_std());
    }
    let (stdout, stderr) = (Buffer::default(), Buffer::default());
    let (cancel, kill) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let trap = world.trap.as_ref();
    if let Some(trap) = trap {
        trap.aim(Some(signals(&cancel, &kill)));
    }
    let network = Network(Arc::new(world.disturbance()));
    let io = Io {
        stdout: Box::new(stdout.clone()),
        stderr: Box::new(stderr.clone()),
        connect: Box::new(move |_, proxies| {
            assert!(*proxies == Proxies::default(), "a proxy needs as_process()");
            Ok(Arc::new(network.clone()))
        }),
        cancelled: Box::pin(async move { cancel.notified().await }),
        random: numbers(world.seed),
    };
    let running: Pin<Box<dyn Future<Output = u8>>> = Box::pin(ghcr_to_render::run(
        environment(world, variables),
        line(arguments),
        io,
    ));
    let ended = timeout(LONGEST, async {
        tokio::select! {
            biased;
            () = kill.notified() => -1,
            code = running => i32::from(code),
        }
    });
    let ended = ended.await;
    trap.inspect(|trap| trap.aim(None));
    let at = Instant::now();
    // What is on its way arrives.
    sleep(WAY * 2).await;
    others.iter().for_each(tokio::task::JoinHandle::abort);
    let (stdout, stderr) = (stdout.take(), stderr.take());
    let Ok(exit) = ended else {
        let [stdout, stderr] = [&stdout, &stderr].map(|bytes| String::from_utf8_lossy(bytes));
        panic!(
            "the program was not done after {LONGEST:?} of its time\n--- stdout\n{stdout}\n--- stderr\n{stderr}"
        );
    };
    Ended::of(exit, stdout, stderr, at - began, at.into_std())
}

fn environment(world: &World, variables: &BTreeMap<String, String>) -> ProcessEnvironment {
    let pairs = variables
        .iter()
        .map(|(name, value)| (OsString::from(name), OsString::from(value)));
    ProcessEnvironment::new(pairs, world.rooms.workspace.clone(), false)
}

fn line(arguments: &[String]) -> impl Iterator<Item = OsString> {
    let program = OsString::from("ghcr-to-render");
    std::iter::once(program).chain(arguments.iter().map(OsString::from))
}

/// A signal that nobody can answer to drops the run where it stands, any other cancels it.
fn signals(cancel: &Arc<Notify>, kill: &Arc<Notify>) -> Arc<Send> {
    let (cancel, kill) = (Arc::clone(cancel), Arc::clone(kill));
    Arc::new(move |signals| {
        if signals.contains(&"-KILL") {
            kill.notify_one();
        } else {
            cancel.notify_one();
        }
    })
}

/// Numbers that look random and are the same for the same seed (<https://prng.di.unimi.it/splitmix64.c>).
fn numbers(seed: u64) -> Random {
    let state = AtomicU64::new(seed);
    Random::new(move || {
        let step = 0x9e37_79b9_7f4a_7c15;
        let state = state.fetch_add(step, Ordering::Relaxed).wrapping_add(step);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    })
}

/// The network: every server of this process is on it, and nobody else.
#[derive(Debug, Clone, Default)]
struct Network(Arc<Disturbance>);

/// The network, for a client that is no part of a run.
pub fn network() -> Arc<dyn Exchange> {
    Arc::new(Network::default())
}

impl Exchange for Network {
    fn exchange(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<Body>, ExchangeError>> {
        Box::pin(async move {
            match tokio::spawn(carried(request, Arc::clone(&self.0))).await {
                Ok(response) => response,
                Err(panic) => std::panic::resume_unwind(panic.into_panic()),
            }
        })
    }
}

/// Carries a request to its server, and the answer back.
async fn carried(
    request: http::Request<Bytes>,
    disturbed: Arc<Disturbance>,
) -> Result<http::Response<Body>, ExchangeError> {
    let server = match named(request.uri(), &disturbed) {
        Some(server) => server,
        None => found(request.uri())?,
    };
    sleep(WAY).await;
    let now = Instant::now();
    if server.refuses(now.into_std()) {
        return Err(refused());
    }
    let call = arrived(request, now);
    let is_head = call.method == "HEAD";
    let taken = server.take_of(call, &disturbed);
    if let Some(trap) = taken.springs {
        tokio::spawn(Trap::spring_when_read(trap));
    }
    let closed = "connection closed before message completed";
    let response = flow::response(taken.reply, is_head)
        .await
        .map_err(|_| no_answer("client error (SendRequest)", closed))?;
    sleep(WAY).await;
    let mut response = response;
    complete(&mut response);
    let broken = "end of file before message length reached";
    Ok(response.map(|body| {
        body.map_err(|_| no_answer("error reading a body from connection", broken))
            .boxed()
    }))
}

/// The server that has this name on the internet. TLS is not played: it is there.
fn named(uri: &http::Uri, disturbed: &Disturbance) -> Option<Server> {
    if uri.scheme_str() != Some("https") || uri.port().is_some() {
        return None;
    }
    disturbed.hosts.get(uri.host()?).cloned()
}

/// The server that an address leads to.
fn found(uri: &http::Uri) -> Result<Server, ExchangeError> {
    let host = uri.host().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    let address = match (host, address) {
        (_, Ok(address)) => address,
        ("localhost", Err(_)) => IpAddr::from([127, 0, 0, 1]),
        (_, Err(_)) => {
            let why = "failed to lookup address information: Name or service not known";
            return Err(never_sent("dns error", why));
        }
    };
    let is_tls = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let server = server_at(SocketAddr::new(address, port)).ok_or_else(refused)?;
    if is_tls {
        let why = "received corrupt message of type InvalidContentType";
        return Err(never_sent("client error (Connect)", why));
    }
    Ok(server)
}

fn refused() -> ExchangeError {
    never_sent(
        "client error (Connect): tcp connect error",
        "Connection refused (os error 111)",
    )
}

/// The texts are those of reqwest and hyper.
fn never_sent(before: &str, root: &str) -> ExchangeError {
    ExchangeError::NeverSent(cause(before, root))
}

fn no_answer(before: &str, root: &str) -> ExchangeError {
    ExchangeError::NoAnswer(cause(before, root))
}

fn cause(before: &str, root: &str) -> TransportCause {
    TransportCause::with_chain(format!("{before}: {root}"), root.to_owned())
}

/// The request as a server gets it, with the headers that reqwest adds.
fn arrived(mut request: http::Request<Bytes>, now: Instant) -> Call {
    let authority = request.uri().authority().map(ToString::to_string);
    let host = HeaderValue::try_from(authority.unwrap_or_default()).expect("a host");
    let length = request.body().len();
    let headers = request.headers_mut();
    headers.insert(HOST, host);
    headers
        .entry(ACCEPT)
        .or_insert(HeaderValue::from_static("*/*"));
    if length > 0 {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    let (parts, body) = request.into_parts();
    Call::new(&parts, body.to_vec(), now.into_std())
}

/// Adds the headers that a server adds by itself.
fn complete(response: &mut http::Response<flow::Flow>) {
    let length = response.body().size_hint().exact();
    let headers = response.headers_mut();
    if let (Some(length), false) = (length, headers.contains_key(CONTENT_LENGTH)) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    headers
        .entry(DATE)
        .or_insert(HeaderValue::from_static("Sat, 21 Nov 2026 10:00:00 GMT"));
}
