//! Real sockets before the world's servers, by hyper on loopback, for programs that are processes of their own.

use super::call::Call;
use super::flow::{self, Flow};
use super::server::Server;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpSocket};

/// The largest request body that is read.
const BODY: usize = 64 << 20;

/// How long the connections of a program that is dead may take to be noticed. All servers share one thread.
const DRAINED: Duration = Duration::from_secs(20);

/// Somebody who listens at a server's address, as long as the process lives.
#[derive(Debug)]
pub(crate) struct Listener {
    address: SocketAddr,
    connections: Arc<Connections>,
}

/// How many connections are open, and who was let in.
#[derive(Debug, Default)]
struct Connections {
    open: AtomicUsize,
    let_in: Mutex<BTreeSet<SocketAddr>>,
}

impl Listener {
    /// Listens; unless the server is late, somebody is there when this returns.
    pub(crate) fn start(server: &Server) -> Self {
        let connections = Arc::new(Connections::default());
        let (sender, receiver) = std::sync::mpsc::channel();
        let (server, counted) = (server.clone(), Arc::clone(&connections));
        let address = server.address();
        runtime().spawn(async move {
            if server.refuses(Instant::now()) {
                let _ = sender.send(());
            }
            loop {
                server.until(false).await;
                let listener = listener_at(address).await;
                let _ = sender.send(());
                accept(&server, &listener, &counted).await;
            }
        });
        receiver.recv().expect("a listener");
        Self {
            address,
            connections,
        }
    }

    /// Waits until everything that a program sent before it died has been read: connections are let in one after the other, so once one of
    /// ours is in, all of its are; and each is closed when nothing more comes from it.
    pub(crate) fn drained(&self) {
        let started = Instant::now();
        let ours = TcpStream::connect(self.address)
            .and_then(|stream| stream.local_addr())
            .expect("a connection");
        let connections = &self.connections;
        let is_in = || {
            connections
                .let_in
                .lock()
                .expect("connections")
                .contains(&ours)
        };
        while !is_in() || connections.open.load(Ordering::SeqCst) > 0 {
            assert!(
                started.elapsed() < DRAINED,
                "somebody is still connected to {}",
                self.address
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until somebody listens again, which on a busy machine takes its time.
    pub(crate) fn is_back(&self) {
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
}

/// The one thread that all listeners of the process run on.
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

/// A listener at an address where connections of an earlier one may still stand.
async fn listener_at(address: SocketAddr) -> TcpListener {
    let listener = || {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(1024)
    };
    loop {
        if let Ok(listener) = listener() {
            return listener;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Lets connections in until the server refuses them.
async fn accept(server: &Server, listener: &TcpListener, connections: &Arc<Connections>) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = server.until(true) => return,
            accepted = listener.accept() => accepted,
        };
        // A connection that is gone before it was let in is an error here, and nothing else.
        let Ok((stream, peer)) = accepted else {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        connections.open.fetch_add(1, Ordering::SeqCst);
        connections.let_in.lock().expect("connections").insert(peer);
        let (server, connections) = (server.clone(), Arc::clone(connections));
        let service = service_fn(move |request| serve(request, server.clone()));
        let stream = hyper_util::rt::TokioIo::new(stream);
        let connection =
            hyper::server::conn::http1::Builder::new().serve_connection(stream, service);
        tokio::spawn(async move {
            let _ = connection.await;
            connections.open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

async fn serve(
    request: hyper::Request<Incoming>,
    server: Server,
) -> Result<hyper::Response<Flow>, std::io::Error> {
    let call = read(request).await?;
    let is_head = call.method == "HEAD";
    let taken = server.take(call);
    if let Some(trap) = taken.springs {
        tokio::spawn(trap.spring_when_read());
    }
    flow::response(taken.reply, is_head).await
}

/// Reads a request whole.
async fn read(request: hyper::Request<Incoming>) -> Result<Call, std::io::Error> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, BODY)
        .collect()
        .await
        .map_err(std::io::Error::other)?
        .to_bytes()
        .to_vec();
    Ok(Call::new(&parts, body, Instant::now()))
}
