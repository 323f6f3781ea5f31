//! A registry that answers at first and then says nothing any more, in paused time.

use crate::{Reference, Registry};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use http_client::{Body, Client, Deadline, Exchange, ExchangeError, Random};
use model::{FailureWord, ImageTag, Repository};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Answers the first request with this status, and no other.
struct Once(u16, AtomicBool);

impl Exchange for Once {
    fn exchange(&self, _: Request<Bytes>) -> BoxFuture<'_, Result<Response<Body>, ExchangeError>> {
        if self.1.swap(true, Ordering::Relaxed) {
            return Box::pin(std::future::pending());
        }
        let body = Full::default().map_err(|never| match never {}).boxed();
        let response = Response::builder().status(self.0).body(body).unwrap();
        Box::pin(async { Ok(response) })
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_answer_is_the_reason_where_the_deadline_cuts_an_attempt_off() {
    for (status, word) in [
        (429, FailureWord::RateLimited),
        (503, FailureWord::RegistryUnavailable),
    ] {
        let once = Arc::new(Once(status, AtomicBool::new(false)));
        let registry = Registry::new(Client::new(once, Random::new(|| 0)), None);
        let repository = Repository::parse("127.0.0.1:9/acme/api").unwrap();
        let asked = Reference::Tag(ImageTag::parse("t").unwrap());
        let deadline = Deadline::after(Duration::from_secs(5));
        let error = registry.examine(&repository, &asked, &deadline).await;
        let error = error.unwrap_err();
        assert_eq!(error.word(), word, "{error}");
        let is_named = error.to_string().contains(&status.to_string());
        assert!(is_named, "{error}");
    }
}
