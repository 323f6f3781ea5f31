//! octocrab, on the program's one HTTP client.

use futures_util::future::BoxFuture;
use http::{HeaderValue, Uri, header};
use http_body_util::BodyExt as _;
use http_client::{Body, Client};
use model::Secret;
use octocrab::service::middleware::auth_header::AuthHeaderLayer;
use octocrab::service::middleware::extra_headers::ExtraHeadersLayer;
use octocrab::{AuthState, OctoBody, Octocrab, OctocrabBuilder};
use std::cell::RefCell;
use std::convert::Infallible;
use std::error::Error;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower_service::Service;

/// What takes requests out of octocrab's queue.
type Worker = Pin<Box<dyn Future<Output = ()>>>;

/// octocrab, with the worker of its queue. The worker is not started as a task: it runs while a request is made, so a run that is dropped
/// leaves nothing behind.
pub(super) struct Library {
    octocrab: Octocrab,
    worker: Rc<RefCell<Option<Worker>>>,
}

impl Library {
    /// octocrab for whole addresses at `origin`. The token goes to that origin only.
    pub(super) fn new(
        client: Client,
        origin: &str,
        token: Option<&Secret>,
    ) -> Result<Self, http::Error> {
        let origin: Uri = origin.parse()?;
        let accept = HeaderValue::from_static("application/vnd.github+json");
        let authorization = match token {
            Some(token) => {
                let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose()))?;
                value.set_sensitive(true);
                Some(value)
            }
            None => None,
        };
        let worker = Rc::new(RefCell::new(None));
        let slot = Rc::clone(&worker);
        let built: Result<Octocrab, Infallible> = OctocrabBuilder::new_empty()
            .with_service(Sender(client))
            .with_layer(&ExtraHeadersLayer::new(Arc::new(vec![(
                header::ACCEPT,
                accept,
            )])))
            .with_layer(&AuthHeaderLayer::new(authorization, origin.clone(), origin))
            .with_executor(Box::new(move |queue| {
                slot.replace(Some(queue));
            }))
            .with_auth(AuthState::None)
            .build();
        let Ok(octocrab) = built;
        Ok(Self { octocrab, worker })
    }

    pub(super) const fn octocrab(&self) -> &Octocrab {
        &self.octocrab
    }

    /// Waits for what octocrab was asked for. The first poll puts the request into the queue, the worker takes it out, and from then on
    /// the request needs the worker no more.
    pub(super) async fn run<F: Future>(&self, request: F) -> F::Output {
        let mut request = pin!(request);
        poll_fn(|context| {
            if let Poll::Ready(output) = request.as_mut().poll(context) {
                return Poll::Ready(output);
            }
            if let Some(worker) = self.worker.borrow_mut().as_mut() {
                // It ends with the queue, which is still there.
                let _ = worker.as_mut().poll(context);
            }
            request.as_mut().poll(context)
        })
        .await
    }
}

/// Sends octocrab's requests through the program's client.
struct Sender(Client);

impl Service<http::Request<OctoBody>> for Sender {
    type Response = http::Response<Body>;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<OctoBody>) -> Self::Future {
        let client = self.0.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let request = http::Request::from_parts(parts, body);
            Ok(client.open(request).await?)
        })
    }
}
