//! A strict GitHub for the tests of this folder: it answers exactly the requests that a test announces, in their order.

#![allow(clippy::unwrap_used, missing_docs, reason = "only tests use it")]

use super::GitHub;
use base64::Engine as _;
use http_client::{Client, Proxies, Random, Roots, connect};
use model::Secret;
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// The token that every request has to carry.
pub const TOKEN: &str = "ghs_0123456789abcdefSECRET";

/// One request that is expected, and its answer.
#[derive(Clone)]
pub struct ExpectedRequest {
    method: &'static str,
    path: String,
    /// A JSON pointer into the body, and what stands there.
    body: Option<(&'static str, Value)>,
    answer: Vec<u8>,
}

impl ExpectedRequest {
    /// Expects a POST instead, with this at that place of its JSON body.
    pub fn posting(self, pointer: &'static str, wanted: &Value) -> Self {
        Self {
            method: "POST",
            body: Some((pointer, wanted.clone())),
            ..self
        }
    }

    /// Expects a DELETE instead.
    pub fn deleting(self) -> Self {
        Self {
            method: "DELETE",
            ..self
        }
    }

    /// Expects a PATCH instead, with this at that place of its JSON body.
    pub fn patching(self, pointer: &'static str, wanted: &Value) -> Self {
        Self {
            method: "PATCH",
            ..self.posting(pointer, wanted)
        }
    }
}

/// Expects a GET of `path`, which is answered with `status`, further header lines and a body.
pub fn exchange(path: &str, status: u16, headers: &[&str], body: &str) -> ExpectedRequest {
    let mut answer =
        format!("HTTP/1.1 {status} X\r\nConnection: close\r\nX-GitHub-Request-Id: AB12:34\r\n");
    answer.push_str(&format!("Content-Length: {}\r\n", body.len()));
    headers
        .iter()
        .for_each(|line| answer.push_str(&format!("{line}\r\n")));
    answer.push_str("\r\n");
    answer.push_str(body);
    ExpectedRequest {
        method: "GET",
        path: path.to_owned(),
        body: None,
        answer: answer.into_bytes(),
    }
}

/// Expects a GET of a path below the repository, which is answered with JSON.
pub fn found(path: &str, body: &str) -> ExpectedRequest {
    exchange(&format!("/api/v3/repos/acme/shop/{path}"), 200, &[], body)
}

/// Expects a GET of a path below the repository, which is answered with 404.
pub fn missing(path: &str) -> ExpectedRequest {
    exchange(
        &format!("/api/v3/repos/acme/shop/{path}"),
        404,
        &[],
        r#"{"message":"Not Found"}"#,
    )
}

/// Expects a GET of a path below the repository, and closes the connection.
pub fn closed(path: &str) -> ExpectedRequest {
    ExpectedRequest {
        method: "GET",
        path: format!("/api/v3/repos/acme/shop/{path}"),
        body: None,
        answer: Vec::new(),
    }
}

/// The server. [`Server::finish`] fails the test when a request came that was not announced, or one did not come.
pub struct Server {
    port: u16,
    wrong: Arc<Mutex<Vec<String>>>,
    thread: JoinHandle<()>,
}

impl Server {
    /// Starts with what is made of the server's own address.
    pub fn start_with(script: impl FnOnce(&str) -> Vec<ExpectedRequest>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let script = script(&format!("http://127.0.0.1:{port}"));
        let wrong = Arc::new(Mutex::new(Vec::new()));
        let thread = std::thread::spawn({
            let wrong = Arc::clone(&wrong);
            move || serve(&listener, script, &wrong)
        });
        Self {
            port,
            wrong,
            thread,
        }
    }

    pub fn start(script: Vec<ExpectedRequest>) -> Self {
        Self::start_with(|_| script)
    }

    /// The repository `acme/shop` on an Enterprise Server with a path, asked with the token.
    pub fn github(&self) -> GitHub {
        let url = format!("http://127.0.0.1:{}/api/v3", self.port);
        GitHub::new(&client(), &url, Some(&Secret::new(TOKEN)), "acme/shop").unwrap()
    }

    pub fn finish(self) {
        // A connection without a request tells the thread to end.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        self.thread.join().unwrap();
        assert_eq!(*self.wrong.lock().unwrap(), Vec::<String>::new());
    }
}

fn serve(listener: &TcpListener, script: Vec<ExpectedRequest>, wrong: &Mutex<Vec<String>>) {
    let mut script = script.into_iter();
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut lines = reader.by_ref().lines();
        let Some(Ok(first)) = lines.next() else { break };
        let headers: Vec<String> = lines
            .map_while(Result::ok)
            .take_while(|line| !line.is_empty())
            .collect();
        let wants = |line: &str| {
            headers
                .iter()
                .any(|header| header.eq_ignore_ascii_case(line))
        };
        let length = headers
            .iter()
            .find_map(|header| header.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        reader.read_exact(&mut body).unwrap();
        let expected = script.next();
        let line = expected
            .as_ref()
            .map(|expected| format!("{} {} HTTP/1.1", expected.method, expected.path));
        if line.as_deref() != Some(first.as_str()) {
            wrong
                .lock()
                .unwrap()
                .push(format!("{first}, wanted {line:?}"));
        }
        if let Some((pointer, wanted)) = expected
            .as_ref()
            .and_then(|expected| expected.body.as_ref())
        {
            let sent: Value = serde_json::from_slice(&body).unwrap_or_default();
            if sent.pointer(pointer) != Some(wanted) || !wants("content-type: application/json") {
                wrong
                    .lock()
                    .unwrap()
                    .push(format!("{first}: {sent} has not {wanted} at {pointer:?}"));
            }
        }
        // git's own protocol takes the token as a password.
        let pair = base64::prelude::BASE64_STANDARD.encode(format!("x-access-token:{TOKEN}"));
        let is_git = first.contains(".git/");
        let has_token = if is_git {
            wants(&format!("authorization: Basic {pair}"))
        } else {
            wants(&format!("authorization: Bearer {TOKEN}"))
                && wants("accept: application/vnd.github+json")
        };
        let is_dressed = has_token
            && wants(concat!(
                "user-agent: ghcr-to-render/",
                env!("CARGO_PKG_VERSION")
            ));
        if !is_dressed {
            wrong
                .lock()
                .unwrap()
                .push(format!("{first}: headers {headers:?}"));
        }
        let _ = stream.write_all(&expected.map(|expected| expected.answer).unwrap_or_default());
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.read(&mut [0; 64]);
    }
    wrong
        .lock()
        .unwrap()
        .extend(script.map(|left| format!("never asked: {}", left.path)));
}

/// The program's client, without the environment's proxies.
pub fn client() -> Client {
    let exchange = connect(Roots::built_in(), &Proxies::default()).unwrap();
    Client::new(exchange, Random::new(|| 0))
}
