//! Servers on loopback that the worlds' models speak through: what arrives is written down, what is answered is a value.

use super::fault::{Fault, Faulty};
use super::trap::{Moment, Trap};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::service::service_fn;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// The largest request body that is read.
const BODY: usize = 64 << 20;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Call {
    /// `GET`, `POST` …
    pub method: String,
    /// The path, as it was sent.
    pub path: String,
    /// The query, as it was sent, without the question mark; empty if none.
    pub query: String,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The status that was answered; 0 if nothing was.
    pub answered: u16,
}

impl Call {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// All headers of that name, as one list.
    pub fn all(&self, name: &str) -> String {
        let values = self
            .headers
            .iter()
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.as_str());
        values.collect::<Vec<_>>().join(", ")
    }

    /// The decoded value of a query parameter.
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.parameters()
            .into_iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    }

    /// The decoded query parameters, in their order.
    pub fn parameters(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(self.query.as_bytes())
            .into_owned()
            .collect()
    }

    /// One line that shows it.
    pub fn line(&self) -> String {
        let mark = if self.query.is_empty() { "" } else { "?" };
        format!(
            "{} {}{mark}{} -> {}",
            self.method, self.path, self.query, self.answered
        )
    }

    /// All of it that another host could have learned a secret from.
    pub fn bytes(&self) -> Vec<u8> {
        let headers: String = self
            .headers
            .iter()
            .map(|(key, value)| format!("{key}: {value}\n"))
            .collect();
        let head = format!("{} {}?{}\n{headers}\n", self.method, self.path, self.query);
        [head.as_bytes(), &self.body, b"\n"].concat()
    }
}

/// What a model answers.
#[derive(Debug, Clone)]
pub enum Reply {
    /// A whole answer.
    Whole {
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    },
    /// An answer after a while.
    After(Duration, Box<Reply>),
    /// The connection is closed without an answer.
    Dropped,
    /// The connection stays open, and nothing is ever said.
    Silent,
    /// An answer that breaks off in the middle of its body.
    Broken {
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    },
    /// An answer whose body is that many bytes of `a`, in pieces, with a pause between them.
    Flood {
        status: u16,
        bytes: u64,
        pause: Duration,
    },
}

impl Reply {
    /// An answer with a text.
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self::Whole {
            status,
            headers: Vec::new(),
            body: body.into().into_bytes(),
        }
    }

    /// An answer with JSON.
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::text(status, body.to_string())
            .header("content-type", "application/json; charset=utf-8")
    }

    /// The same with one header more.
    pub fn header(self, name: &str, value: impl Into<String>) -> Self {
        match self {
            Self::Whole {
                status,
                mut headers,
                body,
            } => {
                headers.push((name.to_owned(), value.into()));
                Self::Whole {
                    status,
                    headers,
                    body,
                }
            }
            other @ (Self::After(..)
            | Self::Dropped
            | Self::Silent
            | Self::Broken { .. }
            | Self::Flood { .. }) => other,
        }
    }

    /// The same with that JSON in its first object; what is no JSON, or has no object, stays as it is.
    fn stuffed(self, text: &str) -> Self {
        match self {
            Self::Whole {
                status,
                headers,
                body,
            } => {
                let is_open = |byte: &u8| *byte == b'{';
                let at = body.iter().position(is_open).filter(|at| *at < 2);
                let Some(at) = at else {
                    return Self::Whole {
                        status,
                        headers,
                        body,
                    };
                };
                let (before, behind) = body.split_at(at + 1);
                let comma = if behind.trim_ascii_start().starts_with(b"}") {
                    ""
                } else {
                    ","
                };
                let body = [
                    before,
                    b"\"stuffing\":",
                    text.as_bytes(),
                    comma.as_bytes(),
                    behind,
                ]
                .concat();
                Self::Whole {
                    status,
                    headers,
                    body,
                }
            }
            other @ (Self::After(..)
            | Self::Dropped
            | Self::Silent
            | Self::Broken { .. }
            | Self::Flood { .. }) => other,
        }
    }

    fn status(&self) -> u16 {
        match self {
            Self::Whole { status, .. }
            | Self::Broken { status, .. }
            | Self::Flood { status, .. } => *status,
            Self::After(_, reply) => reply.status(),
            Self::Dropped | Self::Silent => 0,
        }
    }

    /// The same without its delays.
    pub fn now(self) -> Self {
        match self {
            Self::After(_, reply) => reply.now(),
            other @ (Self::Whole { .. }
            | Self::Dropped
            | Self::Silent
            | Self::Broken { .. }
            | Self::Flood { .. }) => other,
        }
    }
}

/// A server; it lives as long as the process.
#[derive(Debug, Clone)]
pub struct Server {
    address: SocketAddr,
    calls: Arc<Mutex<Vec<Call>>>,
    trap: Laid<Trap>,
    fault: Laid<Faulty>,
    date: Arc<Mutex<Option<String>>>,
    stuffing: Arc<Mutex<Option<Arc<str>>>>,
    doors: Arc<Doors>,
}

/// The connections to a server: how many are open, and who was let in.
#[derive(Debug, Default)]
struct Doors {
    open: AtomicUsize,
    let_in: Mutex<BTreeSet<SocketAddr>>,
    /// Whether nobody is let in.
    is_shut: AtomicBool,
    changed: Notify,
}

impl Doors {
    fn shut(&self, is_shut: bool) {
        self.is_shut.store(is_shut, Ordering::SeqCst);
        self.changed.notify_one();
    }

    /// Until somebody shuts them, or opens them again.
    async fn until(&self, is_shut: bool) {
        while self.is_shut.load(Ordering::SeqCst) != is_shut {
            self.changed.notified().await;
        }
    }
}

/// How long a server that refuses connections once does so.
const REFUSES: Duration = Duration::from_millis(700);

/// How long the connections of a program that is dead may take to be noticed. All servers share one thread.
const DRAINED: Duration = Duration::from_secs(20);

thread_local! {
    /// Where servers listen that this thread starts.
    static LOOPBACK: Cell<IpAddr> = const { Cell::new(IpAddr::V4(Ipv4Addr::LOCALHOST)) };
}

/// The servers that are started meanwhile have an IPv6 address and no other.
pub fn with_ipv6_only<T>(start: impl FnOnce() -> T) -> T {
    LOOPBACK.set(IpAddr::V6(Ipv6Addr::LOCALHOST));
    let started = start();
    LOOPBACK.set(IpAddr::V4(Ipv4Addr::LOCALHOST));
    started
}

/// What is laid there, and under which name of the server.
type Laid<T> = Arc<Mutex<Option<(&'static str, T)>>>;

impl Server {
    /// Starts a server on a free port.
    pub fn start(model: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_late(Duration::ZERO, model)
    }

    /// Takes a free port and refuses connections to it until `delay` is over.
    pub fn start_late(
        delay: Duration,
        model: impl Fn(&Call) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let (calls, date) = (
            Arc::new(Mutex::new(Vec::new())),
            Arc::<Mutex<Option<String>>>::default(),
        );
        let (trap, fault) = (Laid::default(), Laid::default());
        let stuffing = Arc::<Mutex<Option<Arc<str>>>>::default();
        let (seen, dated, stuffed) = (Arc::clone(&calls), Arc::clone(&date), Arc::clone(&stuffing));
        let laid = (Arc::clone(&trap), Arc::clone(&fault));
        let doors = Arc::new(Doors::default());
        let counted = Arc::clone(&doors);
        let model = Arc::new(move |call: &Call| {
            let mut reply = model(call);
            if let Some(date) = dated.lock().expect("a date").clone() {
                reply = reply.header("date", date);
            }
            match stuffed.lock().expect("the stuffing").clone() {
                Some(text) => reply.stuffed(&text),
                None => reply,
            }
        });
        let (sender, receiver) = std::sync::mpsc::channel();
        let loopback = LOOPBACK.get();
        runtime().spawn(async move {
            let socket = socket_of(loopback).expect("a socket");
            socket.bind((loopback, 0).into()).expect("a free port");
            let address = socket.local_addr().expect("an address");
            // Only after the port was chosen: it may be taken again by this server, while connections to it stand, and by no other. The second
            // socket keeps it while nobody listens.
            socket.set_reuseaddr(true).expect("a socket's option");
            let _keeper = again(address).expect("a second socket");
            if !delay.is_zero() {
                let _ = sender.send(address);
                tokio::time::sleep(delay).await;
            }
            let mut listener = socket.listen(1024).expect("a listener");
            // Who learns the address only now finds somebody there.
            let _ = sender.send(address);
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    () = counted.until(true) => {
                        drop(listener);
                        counted.until(false).await;
                        listener = listen_again(address).await;
                        continue;
                    }
                };
                // A connection that is gone before it was let in is an error here; a server that ended for it would leave its port to another.
                let Ok((stream, peer)) = accepted else {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    continue;
                };
                let doors = Arc::clone(&counted);
                doors.open.fetch_add(1, Ordering::SeqCst);
                doors.let_in.lock().expect("doors").insert(peer);
                let (model, seen, laid) = (Arc::clone(&model), Arc::clone(&seen), laid.clone());
                let shut = Arc::clone(&counted);
                let service = service_fn(move |request| {
                    serve(
                        request,
                        Arc::clone(&model),
                        Arc::clone(&seen),
                        laid.clone(),
                        Arc::clone(&shut),
                    )
                });
                let stream = hyper_util::rt::TokioIo::new(stream);
                let connection =
                    hyper::server::conn::http1::Builder::new().serve_connection(stream, service);
                tokio::spawn(async move {
                    let _ = connection.await;
                    doors.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self {
            address: receiver.recv().expect("the server's address"),
            calls,
            trap,
            fault,
            date,
            stuffing,
            doors,
        }
    }

    /// Waits until everything that a program sent before it died has been read: connections are let in one after the other, so once one of
    /// ours is in, all of its are; and each is closed when nothing more comes from it.
    pub fn drained(&self) {
        let started = Instant::now();
        let ours = TcpStream::connect(self.address)
            .and_then(|stream| stream.local_addr())
            .expect("a connection");
        let is_in = || self.doors.let_in.lock().expect("doors").contains(&ours);
        while !is_in() || self.doors.open.load(Ordering::SeqCst) > 0 {
            assert!(
                started.elapsed() < DRAINED,
                "somebody is still connected to {}",
                self.address
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Dates every answer from now on.
    pub fn dated(&self, date: &str) {
        *self.date.lock().expect("a date") = Some(date.to_owned());
    }

    /// Puts this JSON into the first object of every answer that has one.
    pub fn stuff(&self, text: &str) {
        *self.stuffing.lock().expect("the stuffing") = Some(text.into());
    }

    /// Lays a trap, or takes it away.
    pub(super) fn lay(&self, trap: Option<(&'static str, Trap)>) {
        *self.trap.lock().expect("a trap") = trap;
    }

    /// Lets something go wrong, or takes it away.
    pub(super) fn spoil(&self, fault: Option<(&'static str, Faulty)>) {
        let before = std::mem::replace(&mut *self.fault.lock().expect("a fault"), fault);
        self.doors.shut(false);
        if before.is_some() {
            self.is_back();
        }
    }

    /// Waits until somebody listens again, which on a busy machine takes its time.
    fn is_back(&self) {
        let started = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            assert!(
                started.elapsed() < DRAINED,
                "nobody listens at {} any more",
                self.address
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// `127.0.0.1:port`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// `http://127.0.0.1:port`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Forgets what arrived: it has been looked at.
    pub fn forget(&self) {
        self.calls.lock().expect("calls").clear();
    }

    /// What arrived up to now.
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().expect("calls").clone()
    }
}

/// The one thread that all servers of the process run on.
pub(super) fn runtime() -> &'static tokio::runtime::Handle {
    static RUNTIME: OnceLock<tokio::runtime::Handle> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let handle = runtime.handle().clone();
        std::thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
        handle
    })
}

async fn serve<M: Fn(&Call) -> Reply>(
    request: hyper::Request<Incoming>,
    model: Arc<M>,
    seen: Arc<Mutex<Vec<Call>>>,
    (laid, faults): (Laid<Trap>, Laid<Faulty>),
    doors: Arc<Doors>,
) -> Result<hyper::Response<Flow>, std::io::Error> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, BODY)
        .collect()
        .await
        .map_err(std::io::Error::other)?
        .to_bytes()
        .to_vec();
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let mut call = Call {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect(),
        body,
        answered: 0,
    };
    let trap = laid.lock().expect("a trap").clone();
    let met = trap.and_then(|(name, trap)| Some((trap.meets(name, &call)?, trap)));
    if let Some((Moment::Unheard, trap)) = &met {
        seen.lock().expect("calls").push(call);
        trap.spring();
        return std::future::pending().await;
    }
    let fault = faults.lock().expect("a fault").clone();
    let struck = fault.and_then(|(name, faulty)| faulty.meets(name, &call).then_some(faulty));
    if let Some(Faulty {
        fault: Fault::Refused,
        lasts,
        ..
    }) = &struck
    {
        doors.shut(true);
        if !lasts {
            let doors = Arc::clone(&doors);
            tokio::spawn(async move {
                tokio::time::sleep(REFUSES).await;
                doors.shut(false);
            });
        }
    }
    let mut reply = match struck {
        Some(faulty) => faulty.answer(|| model(&call)),
        None => model(&call),
    };
    call.answered = reply.status();
    let is_head = call.method == "HEAD";
    seen.lock().expect("calls").push(call);
    match met {
        Some((Moment::Unanswered, trap)) => {
            trap.spring();
            return std::future::pending().await;
        }
        Some((Moment::Answered, trap)) => {
            tokio::spawn(trap.spring_when_read());
        }
        Some((Moment::Unheard, _)) | None => {}
    }
    while let Reply::After(wait, inner) = reply {
        tokio::time::sleep(wait).await;
        reply = *inner;
    }
    match reply {
        Reply::Dropped | Reply::After(..) => Err(std::io::Error::other("dropped on purpose")),
        Reply::Silent => std::future::pending().await,
        Reply::Broken {
            status,
            headers,
            body,
        } => {
            let mut response = hyper::Response::builder()
                .status(status)
                .header("content-length", body.len().max(2));
            for (name, value) in headers
                .into_iter()
                .filter(|(name, _)| name != "content-length")
            {
                response = response.header(name, value);
            }
            response
                .body(Flow::broken(Bytes::from(body)))
                .map_err(std::io::Error::other)
        }
        Reply::Whole {
            status,
            headers,
            body,
        } => {
            let mut response = hyper::Response::builder().status(status);
            if is_head && !headers.iter().any(|(name, _)| name == "content-length") {
                response = response.header("content-length", body.len());
            }
            for (name, value) in headers {
                response = response.header(name, value);
            }
            let piece = if is_head {
                Bytes::new()
            } else {
                Bytes::from(body)
            };
            response
                .body(Flow::once(piece))
                .map_err(std::io::Error::other)
        }
        Reply::Flood {
            status,
            bytes,
            pause,
        } => hyper::Response::builder()
            .status(status)
            .body(Flow::flood(bytes, pause))
            .map_err(std::io::Error::other),
    }
}

/// A new listener where one was.
async fn listen_again(address: SocketAddr) -> tokio::net::TcpListener {
    loop {
        if let Ok(listener) = again(address).and_then(|socket| socket.listen(1024)) {
            return listener;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn socket_of(address: IpAddr) -> std::io::Result<tokio::net::TcpSocket> {
    if address.is_ipv4() {
        tokio::net::TcpSocket::new_v4()
    } else {
        tokio::net::TcpSocket::new_v6()
    }
}

/// A socket at an address that others of ours have too.
fn again(address: SocketAddr) -> std::io::Result<tokio::net::TcpSocket> {
    let socket = socket_of(address.ip())?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// A body: one piece, or the same piece many times; one that breaks off ends with an error.
struct Flow {
    piece: Bytes,
    left: u64,
    pause: Duration,
    breaks: bool,
    sleep: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Flow {
    fn once(piece: Bytes) -> Self {
        let left = piece.len() as u64;
        Self {
            piece,
            left,
            pause: Duration::ZERO,
            breaks: false,
            sleep: None,
        }
    }

    /// The first half of it.
    fn broken(mut whole: Bytes) -> Self {
        whole.truncate(whole.len() / 2);
        Self {
            breaks: true,
            ..Self::once(whole)
        }
    }

    fn flood(bytes: u64, pause: Duration) -> Self {
        let size = if pause.is_zero() { 1 << 16 } else { 1 };
        Self {
            piece: Bytes::from(vec![b'a'; size]),
            left: bytes,
            pause,
            breaks: false,
            sleep: None,
        }
    }
}

impl Body for Flow {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if self.left == 0 {
            let broken = || Err(std::io::Error::other("broken off on purpose"));
            return Poll::Ready(self.breaks.then(broken));
        }
        if !self.pause.is_zero() {
            let pause = self.pause;
            let sleep = self
                .sleep
                .get_or_insert_with(|| Box::pin(tokio::time::sleep(pause)));
            if sleep.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.sleep = None;
        }
        let piece = self.piece.clone();
        self.left = self.left.saturating_sub(piece.len() as u64);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0 && !self.breaks
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        if self.pause.is_zero() && !self.breaks {
            hyper::body::SizeHint::with_exact(self.left)
        } else {
            hyper::body::SizeHint::default()
        }
    }
}
