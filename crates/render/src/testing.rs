//! A strict Render for the tests of this folder: it answers exactly the requests that a test announces, in their order.

use super::{PreviewRemover, RenderApi, RenderWriter};
use http_client::{Client, Proxies, Random, Roots, connect};
use model::{DeployHook, DeployId, PinnedImage, RenderOrigin, Repository, Secret, ServiceId};
use parse::inputs::WriteAccess;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// The API key that every request of the API has to carry.
pub(super) const KEY: &str = "rnd_0123456789abcdefSECRET";
/// The key of the hook of `srv-a`.
pub(super) const HOOK_KEY: &str = "HookKey0123456789";

/// One request that is expected, and its answer.
pub(super) struct ExpectedRequest {
    line: String,
    body: Option<String>,
    answer: Vec<u8>,
}

impl ExpectedRequest {
    /// The request has to have this body.
    pub(super) fn with_body(self, body: &str) -> Self {
        Self {
            body: Some(body.to_owned()),
            ..self
        }
    }
}

/// Expects a request, `GET /path`, which is answered with `status`, further header lines and a body.
pub(super) fn exchange(line: &str, status: u16, headers: &[&str], body: &str) -> ExpectedRequest {
    let mut answer = format!(
        "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n",
        body.len()
    );
    headers
        .iter()
        .for_each(|line| answer.push_str(&format!("{line}\r\n")));
    answer.push_str("\r\n");
    answer.push_str(body);
    ExpectedRequest {
        line: line.to_owned(),
        body: None,
        answer: answer.into_bytes(),
    }
}

/// Expects a GET below `/v1/services/`, which is answered with JSON.
pub(super) fn found(path: &str, body: &str) -> ExpectedRequest {
    exchange(&format!("GET /v1/services/{path}"), 200, &[], body)
}

/// Expects a request, and closes the connection.
pub(super) fn closed(line: &str) -> ExpectedRequest {
    ExpectedRequest {
        line: line.to_owned(),
        body: None,
        answer: Vec::new(),
    }
}

/// The server. [`Server::finish`] fails the test when a request came that was not announced, or one did not come.
pub(super) struct Server {
    port: u16,
    wrong: Arc<Mutex<Vec<String>>>,
    thread: JoinHandle<()>,
}

impl Server {
    pub(super) fn start(script: Vec<ExpectedRequest>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
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

    fn origin(&self) -> RenderOrigin {
        RenderOrigin::parse(&format!("http://127.0.0.1:{}", self.port)).unwrap()
    }

    /// A reader whose patience lasts for a few tries.
    pub(super) fn api(&self) -> RenderApi {
        let mut api = RenderApi::new(client(), &self.origin(), Secret::new(KEY));
        api.patience = Duration::from_secs(20);
        api
    }

    /// A reader that asks once.
    pub(super) fn impatient(&self) -> RenderApi {
        let mut api = self.api();
        api.patience = Duration::ZERO;
        api
    }

    pub(super) fn writer(&self) -> RenderWriter {
        RenderWriter::new(
            &WriteAccess::for_tests(),
            client(),
            &self.origin(),
            Secret::new(KEY),
        )
    }

    pub(super) fn remover(&self) -> PreviewRemover {
        PreviewRemover::new(
            &WriteAccess::for_tests(),
            client(),
            &self.origin(),
            Secret::new(KEY),
        )
    }

    /// The hook of `srv-a`.
    pub(super) fn hook(&self) -> DeployHook {
        let url = format!("http://127.0.0.1:{}/deploy/srv-a?key={HOOK_KEY}", self.port);
        DeployHook::parse(&url, &self.origin()).unwrap()
    }

    pub(super) fn finish(self) {
        // A connection without a request tells the thread to end.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        self.thread.join().unwrap();
        assert_eq!(*self.wrong.lock().unwrap(), Vec::<String>::new());
    }
}

fn serve(listener: &TcpListener, script: Vec<ExpectedRequest>, wrong: &Mutex<Vec<String>>) {
    let complain = |text: String| wrong.lock().unwrap().push(text);
    let mut script = script.into_iter();
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut line = || {
            let mut line = String::new();
            reader
                .read_line(&mut line)
                .ok()
                .filter(|read| *read > 0)
                .map(|_| line.trim_end().to_owned())
        };
        let Some(first) = line() else { break };
        let headers: Vec<String> = std::iter::from_fn(line)
            .take_while(|line| !line.is_empty())
            .collect();
        let value = |name: &str| {
            headers
                .iter()
                .find_map(|header| header.strip_prefix(name)?.strip_prefix(": "))
        };
        let mut body = vec![0; value("content-length").map_or(0, |length| length.parse().unwrap())];
        reader.read_exact(&mut body).unwrap();
        let expected = script.next();
        let wanted = expected
            .as_ref()
            .map(|expected| format!("{} HTTP/1.1", expected.line));
        if wanted.as_deref() != Some(first.as_str()) {
            complain(format!("{first}, wanted {wanted:?}"));
        }
        let is_hook = first.starts_with("POST /deploy/");
        let bearer = format!("Bearer {KEY}");
        if value("authorization") != Some(bearer.as_str()).filter(|_| !is_hook) {
            complain(format!("{first}: headers {headers:?}"));
        }
        let wanted = expected
            .as_ref()
            .and_then(|expected| expected.body.as_deref())
            .unwrap_or_default();
        let is_json = value("content-type") == Some("application/json");
        if body != wanted.as_bytes() || is_json == wanted.is_empty() {
            complain(format!(
                "{first}: body {:?}, headers {headers:?}",
                String::from_utf8_lossy(&body)
            ));
        }
        let _ = stream.write_all(&expected.map(|expected| expected.answer).unwrap_or_default());
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.read(&mut [0; 64]);
    }
    script.for_each(|left| complain(format!("never asked: {}", left.line)));
}

/// The program's client, without the environment's proxies.
pub(super) fn client() -> Client {
    let exchange = connect(Roots::built_in(), &Proxies::default()).unwrap();
    Client::new(exchange, Random::new(|| 0))
}

pub(super) fn service() -> ServiceId {
    ServiceId::parse("srv-a").unwrap()
}

pub(super) fn deploy(id: &str) -> DeployId {
    DeployId::parse(id).unwrap()
}

/// `ghcr.io/acme/api` at a digest of one digit, 64 times.
pub(super) fn image(digit: char) -> PinnedImage {
    let digest = format!("sha256:{}", digit.to_string().repeat(64));
    let digest = model::Digest::parse(&digest).unwrap();
    PinnedImage {
        repository: Repository::parse("ghcr.io/acme/api").unwrap(),
        digest,
    }
}

/// An error's texts have none of the keys and nothing foreign that could act.
pub(super) fn assert_harmless(error: &(impl std::fmt::Display + std::fmt::Debug)) {
    let text = format!("{error}\n{error:?}");
    assert!(
        !text.contains(KEY) && !text.contains(HOOK_KEY) && !text.contains("SECRET"),
        "{text}"
    );
    let shown = error.to_string();
    assert!(
        !shown.contains("::") && !shown.contains("##[") && !shown.contains('\n'),
        "{shown}"
    );
}
