//! A small server on loopback that answers what it was told to and remembers every request.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What the server answers.
#[derive(Clone)]
pub(super) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    only_for: Option<String>,
}

impl Reply {
    pub(super) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
            only_for: None,
        }
    }

    pub(super) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// A request: `METHOD /path?query`, and its `Authorization` and `Accept` headers.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) line: String,
    pub(super) authorization: Option<String>,
    pub(super) accept: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) body: Vec<u8>,
}

type Table = Arc<Mutex<HashMap<String, VecDeque<Reply>>>>;

/// The server. A line that it was told several replies for gets them in order, the last one from then on; a line that it
/// was told nothing of gets 418.
pub(super) struct Server {
    pub(super) port: u16,
    table: Table,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (table, seen) = (Table::default(), Arc::<Mutex<Vec<Seen>>>::default());
        let server = Self {
            port,
            table: Arc::clone(&table),
            seen: Arc::clone(&seen),
        };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (table, seen) = (Arc::clone(&table), Arc::clone(&seen));
                std::thread::spawn(move || serve(&stream, &table, &seen));
            }
        });
        server
    }

    pub(super) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Adds a reply for a request line.
    pub(super) fn on(&self, line: impl Into<String>, reply: Reply) {
        self.table
            .lock()
            .unwrap()
            .entry(line.into())
            .or_default()
            .push_back(reply);
    }

    /// Adds a reply for a request line, for whoever sends this `Authorization`; others get 401.
    pub(super) fn on_known(&self, line: impl Into<String>, authorization: &str, mut reply: Reply) {
        reply.only_for = Some(authorization.into());
        self.on(line, reply);
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The request lines so far.
    pub(super) fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }
}

fn serve(mut stream: &TcpStream, table: &Table, seen: &Mutex<Vec<Seen>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let line = first.trim_end().strip_suffix(" HTTP/1.1")?.to_owned();
    let mut headers = HashMap::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let mut body = vec![
        0;
        headers
            .get("content-length")
            .and_then(|length| length.parse().ok())
            .unwrap_or(0)
    ];
    reader.read_exact(&mut body).ok()?;
    let mut header = |name: &str| headers.remove(name);
    let (authorization, accept, content_type) = (
        header("authorization"),
        header("accept"),
        header("content-type"),
    );
    let sent = authorization.clone();
    seen.lock().unwrap().push(Seen {
        line: line.clone(),
        authorization,
        accept,
        content_type,
        body,
    });
    let reply = match table.lock().unwrap().get_mut(&line) {
        Some(replies) if replies.len() > 1 => replies.pop_front()?,
        Some(replies) => replies.front()?.clone(),
        None => Reply::new(418, "unexpected"),
    };
    let reply = if reply.only_for.is_some() && reply.only_for != sent {
        Reply::new(401, "")
    } else {
        reply
    };
    let mut head = format!("HTTP/1.1 {} x\r\nconnection: close\r\n", reply.status);
    if !reply
        .headers
        .iter()
        .any(|(name, _)| name == "content-length")
    {
        head.push_str(&format!("content-length: {}\r\n", reply.body.len()));
    }
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).ok()?;
    if !line.starts_with("HEAD ") {
        stream.write_all(&reply.body).ok()?;
    }
    Some(())
}
