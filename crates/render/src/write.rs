//! The hand that deploys by the API, makes previews and cancels: <https://api-docs.render.com/reference/create-deploy>.

use super::api::other;
use super::desk::ApiClient;
use super::hook::CAP;
use super::wire;
use super::{Accepted, CallFailure, RenderError, RenderKey, RenderPhrase, Repeatable};
use http::{Method, header};
use http_client::{Client, HttpResponse, sleep};
use model::{DeployId, PinnedImage, RenderOrigin, Secret, ServiceId};
use parse::inputs::WriteAccess;
use std::time::Duration;

/// How long to wait before a cancellation is asked for a second time. A run that is cancelled has five seconds for everything.
const PAUSE: Duration = Duration::from_millis(300);

/// The hand that deploys by the API, makes previews (`preview`) and cancels. A run that may not write never holds one.
#[derive(Debug, Clone)]
pub struct RenderWriter(pub(super) ApiClient);

impl RenderWriter {
    /// A writer at this origin, with this key.
    #[must_use]
    pub fn new(_access: &WriteAccess, client: Client, origin: &RenderOrigin, key: Secret) -> Self {
        Self(ApiClient::new(client, origin, key))
    }

    /// Asks once for a deploy of exactly these bytes.
    ///
    /// # Errors
    /// [`CallFailure`], which says whether the call may be repeated.
    pub async fn deploy(
        &self,
        id: &ServiceId,
        image: &PinnedImage,
    ) -> Result<Accepted, CallFailure> {
        let path = format!("{id}/deploys");
        let body = serde_json::json!({ "imageUrl": image.to_string() }).to_string();
        let request = self
            .0
            .request(Method::POST, &path)
            .header(header::CONTENT_TYPE, "application/json");
        let answer = self
            .0
            .send(
                request.body(body.into_bytes()).cap(CAP).status_is_enough(),
                &format!("POST {path}"),
            )
            .await?;
        self.judge(&answer)
    }

    fn judge(&self, answer: &HttpResponse) -> Result<Accepted, CallFailure> {
        let said = || RenderPhrase::by(answer);
        match answer.status() {
            202 => Ok(Accepted::Queued),
            status @ (200 | 201) if !wire::is_object(answer.body()) => {
                Err(CallFailure::NotJson(status))
            }
            200 | 201 => Ok(Accepted::Started(wire::created(answer.body()))),
            status @ 300..=399 => Err(CallFailure::Redirected(status)),
            400 => Err(wire::bad_request(answer.body())),
            401 => Err(CallFailure::Denied(RenderKey::Api)),
            status @ (403 | 404 | 410) => Err(CallFailure::NoAccess {
                status,
                said: said(),
            }),
            405 => Err(CallFailure::MethodRefused),
            409 => Err(CallFailure::Suspended(said())),
            429 => Err(CallFailure::RateLimited(answer.wait_hint())),
            status @ 500..=599 => Err(CallFailure::Broken(status)),
            status => Err(CallFailure::Unknown(status)),
        }
    }

    /// Cancels a deploy, with one more try where Render did not take the first. How long it may take is the caller's to say.
    ///
    /// # Errors
    /// [`RenderError`]; Render cancels no deploy of a cron job and none that has ended.
    pub async fn cancel(&self, id: &ServiceId, deploy: &DeployId) -> Result<(), RenderError> {
        let first = self.cancel_once(id, deploy).await;
        let may_help = first
            .as_ref()
            .is_err_and(|error| matches!(error.repeatable(), Repeatable::Safely(_)));
        if !may_help {
            return first;
        }
        sleep(PAUSE).await;
        self.cancel_once(id, deploy).await
    }

    async fn cancel_once(&self, id: &ServiceId, deploy: &DeployId) -> Result<(), RenderError> {
        let path = format!("{id}/deploys/{deploy}/cancel");
        let request = self
            .0
            .request(Method::POST, &path)
            .cap(CAP)
            .status_is_enough();
        let answer = self.0.send(request, &format!("POST {path}")).await?;
        match answer.status() {
            200..=299 => Ok(()),
            403 => Err(RenderError::NoAccess {
                service: id.clone(),
                status: 403,
            }),
            status @ (404 | 410) => Err(RenderError::NoDeploy {
                service: id.clone(),
                deploy: deploy.clone(),
                status,
            }),
            status @ (400 | 409) => {
                let said = RenderPhrase::by(&answer);
                Err(RenderError::NotCancelled {
                    deploy: deploy.clone(),
                    status,
                    said,
                })
            }
            status => Err(other(
                status,
                &answer,
                &format!("cancelling {deploy} of {id}"),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{
        ExpectedRequest, Server, assert_harmless, closed, deploy, exchange, image, service,
    };
    use super::*;
    use model::FailureWord;

    const DEPLOY: &str = "POST /v1/services/srv-a/deploys";
    const CANCEL: &str = "POST /v1/services/srv-a/deploys/dep-1/cancel";

    fn asked(status: u16, headers: &[&str], body: &str) -> ExpectedRequest {
        exchange(DEPLOY, status, headers, body)
            .with_body(&format!(r#"{{"imageUrl":"{}"}}"#, image('a')))
    }

    async fn deployed(answer: ExpectedRequest) -> Result<Accepted, CallFailure> {
        let server = Server::start(vec![answer]);
        let result = server.writer().deploy(&service(), &image('a')).await;
        server.finish();
        result
    }

    #[tokio::test]
    async fn a_deploy_is_asked_for_by_its_digest() {
        let body = r#"{"id":"dep-7","status":"created","image":{"ref":"x"},"trigger":"api"}"#;
        assert_eq!(
            deployed(asked(201, &[], body)).await.unwrap(),
            Accepted::Started(Some(deploy("dep-7")))
        );
        assert_eq!(
            deployed(asked(201, &[], "{}")).await.unwrap(),
            Accepted::Started(None)
        );
        assert_eq!(
            deployed(asked(202, &[], "")).await.unwrap(),
            Accepted::Queued
        );
    }

    #[tokio::test]
    async fn every_refusal_has_words_of_its_own_about_the_api_key() {
        let table = [
            (400, FailureWord::DeployFailed, Repeatable::Never),
            (401, FailureWord::PermissionMissing, Repeatable::Never),
            (403, FailureWord::PermissionMissing, Repeatable::Never),
            (404, FailureWord::PermissionMissing, Repeatable::Never),
            (410, FailureWord::PermissionMissing, Repeatable::Never),
            (405, FailureWord::DeployFailed, Repeatable::Never),
            (406, FailureWord::DeployFailed, Repeatable::Never),
            (409, FailureWord::ServiceSuspended, Repeatable::Never),
            (
                429,
                FailureWord::RateLimited,
                Repeatable::Safely(Some(Duration::from_secs(9))),
            ),
            (500, FailureWord::RenderUnavailable, Repeatable::Once),
            (302, FailureWord::DeployFailed, Repeatable::Never),
            (204, FailureWord::DeployFailed, Repeatable::Never),
            (418, FailureWord::DeployFailed, Repeatable::Never),
        ];
        for (status, word, repeatable) in table {
            let error = deployed(asked(status, &["Ratelimit-Reset: 9", "Location: /x"], "{}"))
                .await
                .unwrap_err();
            assert_eq!(
                (error.word(), error.repeatable()),
                (word, repeatable),
                "{status}"
            );
            assert!(!error.to_string().contains("hook"), "{error}");
            assert_harmless(&error);
        }
        let error =
            deployed(closed(DEPLOY).with_body(&format!(r#"{{"imageUrl":"{}"}}"#, image('a'))));
        assert_eq!(error.await.unwrap_err().repeatable(), Repeatable::Once);
    }

    #[tokio::test]
    async fn of_what_render_says_only_known_phrases_are_shown() {
        let body = r#"{"id":"x","message":"Only the image tag or digest can be updated ##[x]\n::error::SECRET"}"#;
        let error = deployed(asked(400, &[], body)).await.unwrap_err();
        assert_eq!(error.word(), FailureWord::ImageRepositoryDiffers);
        assert_harmless(&error);
        let body = r#"{"message":"service not found: SECRET"}"#;
        let error = deployed(asked(404, &[], body)).await.unwrap_err();
        assert!(
            error.to_string().ends_with("(it says \"not found\")"),
            "{error}"
        );
        assert_harmless(&error);
    }

    async fn cancelled(script: Vec<ExpectedRequest>) -> Result<(), RenderError> {
        let server = Server::start(script);
        let result = server.writer().cancel(&service(), &deploy("dep-1")).await;
        server.finish();
        result
    }

    #[tokio::test]
    async fn a_deploy_is_cancelled_with_one_more_try() {
        let answer = |status| exchange(CANCEL, status, &[], "{}");
        assert!(cancelled(vec![answer(200)]).await.is_ok());
        for first in [answer(503), answer(429), closed(CANCEL)] {
            assert!(cancelled(vec![first, answer(200)]).await.is_ok());
        }
        let error = cancelled(vec![answer(503), answer(500)]).await.unwrap_err();
        assert!(
            matches!(error, RenderError::Unavailable { status: 500, .. }),
            "{error:?}"
        );
    }

    #[tokio::test]
    async fn a_cancellation_that_is_refused_is_not_repeated() {
        let table = [
            (400, FailureWord::DeployFailed),
            (409, FailureWord::DeployFailed),
            (401, FailureWord::PermissionMissing),
            (403, FailureWord::PermissionMissing),
            (404, FailureWord::DeployFailed),
        ];
        for (status, word) in table {
            let error = cancelled(vec![exchange(
                CANCEL,
                status,
                &[],
                r#"{"message":"it has ended"}"#,
            )])
            .await;
            let error = error.unwrap_err();
            assert_eq!(error.word(), word, "{error}");
            assert_harmless(&error);
        }
    }
}
