//! The whole program in this process: an exchange that answers from memory, a clock that is paused, buffers for the standard streams.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use ghcr_to_render::{Io, ProcessEnvironment};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use http_client::{Body, Exchange, ExchangeError, Random};
use std::ffi::OsString;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{Instant, sleep};

const BEFORE: &str = "1111111111111111111111111111111111111111";
const AFTER: &str = "2222222222222222222222222222222222222222";
const TOKEN: &str = "ghs_0123456789abcdef";

/// What was written to a stream.
#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("it").clone()).expect("text")
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("it").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A network in which nothing is found, twenty seconds after it was asked for. It keeps what it was asked.
#[derive(Default)]
struct Slow(Mutex<Vec<String>>);

impl Exchange for Slow {
    fn exchange(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Body>, ExchangeError>> {
        let header = |name: &str| {
            request
                .headers()
                .get(name)
                .map(|value| value.to_str().expect("text"))
        };
        assert!(header("user-agent").is_some_and(|agent| agent.starts_with("ghcr-to-render/")));
        if request.uri().host() == Some("api.github.example") {
            assert_eq!(
                header("authorization"),
                Some(format!("Bearer {TOKEN}").as_str())
            );
            assert_eq!(header("accept"), Some("application/vnd.github+json"));
            assert_eq!(header("x-github-api-version"), Some("2022-11-28"));
        }
        let line = format!("{} {}", request.method(), request.uri());
        self.0.lock().expect("it").push(line);
        Box::pin(async {
            sleep(Duration::from_secs(20)).await;
            let body = Full::from("{}").map_err(|never| match never {}).boxed();
            let mut response = Response::new(body);
            *response.status_mut() = StatusCode::NOT_FOUND;
            Ok(response)
        })
    }
}

/// What a run left.
#[derive(Debug, PartialEq, Eq)]
struct Left {
    code: u8,
    seconds: u64,
    stdout: String,
    stderr: String,
    outputs: String,
    requests: Vec<String>,
}

/// Plans a push to a repository that is not checked out.
async fn plan(cancelled: impl Future<Output = ()> + 'static) -> Left {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("output"), "").expect("a file");
    let event = serde_json::json!({
        "ref": "refs/heads/main", "before": BEFORE, "after": AFTER,
        "created": false, "deleted": false, "forced": false,
        "repository": {"full_name": "acme/shop", "default_branch": "main", "fork": false},
        "head_commit": {"id": AFTER, "timestamp": "2026-01-02T03:04:05Z"}, "commits": []
    });
    std::fs::write(directory.path().join("event"), event.to_string()).expect("a file");
    let variables = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_EVENT_NAME", "push"),
        ("GITHUB_EVENT_PATH", "event"),
        ("GITHUB_REF", "refs/heads/main"),
        ("GITHUB_SHA", AFTER),
        ("GITHUB_REPOSITORY", "acme/shop"),
        ("GITHUB_API_URL", "https://api.github.example"),
        ("GITHUB_OUTPUT", "output"),
        ("RUNNER_DEBUG", "1"),
        ("INPUT_COMMAND", "plan"),
        ("INPUT_GITHUB-TOKEN", TOKEN),
    ];
    let variables = variables.map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let environment = ProcessEnvironment::new(variables, directory.path().to_owned(), false);
    let (stdout, stderr) = (Buffer::default(), Buffer::default());
    let slow = Arc::new(Slow::default());
    let connected: Arc<dyn Exchange> = slow.clone();
    let drawn = AtomicU64::new(0);
    let io = Io {
        stdout: Box::new(stdout.clone()),
        stderr: Box::new(stderr.clone()),
        connect: Box::new(move |_, _| Ok(Arc::clone(&connected))),
        cancelled: Box::pin(cancelled),
        random: Random::new(move || drawn.fetch_add(1 << 40, Ordering::Relaxed)),
    };
    let began = Instant::now();
    let code = ghcr_to_render::run(environment, ["ghcr-to-render".into()].into_iter(), io).await;
    let requests = slow.0.lock().expect("it").clone();
    Left {
        code,
        seconds: began.elapsed().as_secs(),
        stdout: stdout.text(),
        stderr: stderr.text(),
        outputs: std::fs::read_to_string(directory.path().join("output")).expect("outputs"),
        requests,
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_runs_without_sockets_and_without_waiting() {
    let began = std::time::Instant::now();
    let left = plan(std::future::pending()).await;
    assert_eq!((left.code, left.stderr.as_str()), (0, ""), "{left:?}");
    // Five answers of GitHub's, and as long as a plan looks for an image.
    assert_eq!(left.seconds, 104, "{left:?}");
    assert!(began.elapsed() < Duration::from_secs(20), "it waited");
    let manifest = format!(
        "GET https://api.github.example/repos/acme/shop/contents/.github/deploy-manifest.yml?ref={AFTER}"
    );
    assert_eq!(left.requests[0], manifest);
    assert_eq!(left.requests[1], "POST https://api.github.example/graphql");
    assert!(
        left.stdout
            .contains("Planned: to deploy shop, to build shop\n")
    );
    assert!(left.stdout.contains("::debug::registry::session: "));
    assert!(left.outputs.contains("\noutcome=planned\n"), "{left:?}");
    let shown = left.stdout.replace(&format!("::add-mask::{TOKEN}\n"), "");
    assert!(
        !shown.contains(TOKEN) && !left.outputs.contains(TOKEN),
        "{left:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_same_run_again_leaves_the_same_bytes() {
    assert_eq!(
        plan(std::future::pending()).await,
        plan(std::future::pending()).await
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_cancelled_ends_at_once_and_says_so() {
    let left = plan(sleep(Duration::from_secs(30))).await;
    assert_eq!(
        (left.code, left.seconds, left.requests.len()),
        (1, 30, 2),
        "{left:?}"
    );
    assert!(left.outputs.contains("\noutcome=cancelled\n"), "{left:?}");
}
