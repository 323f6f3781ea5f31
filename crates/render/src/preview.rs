//! Making a preview: a service of its own with an existing one's settings and another image
//! (<https://api-docs.render.com/reference/preview-service>). Render never deletes such a preview (<https://render.com/docs/service-previews>).

use super::hook::CAP;
use super::wire::{self, WirePreview};
use super::{CallFailure, RenderKey, RenderPhrase, RenderWriter, ServiceFacts};
use http::{Method, header};
use http_client::HttpResponse;
use model::{DeployId, PinnedImage, PreviewName, ServiceId};

/// A preview that Render made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Its id; `None` where the answer does not say it. It has to be looked for then.
    pub id: Option<ServiceId>,
    /// Whether it has the name that was asked for: only then can it be found by it.
    pub is_named_so: bool,
    /// How it is set up, where the answer says it.
    pub facts: Option<ServiceFacts>,
    /// Its first deploy.
    pub deploy: Option<DeployId>,
}

impl RenderWriter {
    /// Asks once for a preview of a service with exactly these bytes. Asked twice, Render makes two: where no clear answer came, it has to be looked
    /// for first.
    ///
    /// # Errors
    /// [`CallFailure`], which says whether the call may have been heard.
    pub async fn preview(
        &self,
        parent: &ServiceId,
        image: &PinnedImage,
        name: &PreviewName,
    ) -> Result<Made, CallFailure> {
        let path = format!("{parent}/preview");
        let body = serde_json::json!({ "imagePath": image.to_string(), "name": name.as_str() })
            .to_string();
        let request = self
            .0
            .request(Method::POST, &path)
            .header(header::CONTENT_TYPE, "application/json");
        let request = request.body(body.into_bytes()).cap(CAP).status_is_enough();
        let answer = self.0.send(request, &format!("POST {path}")).await?;
        let said = || RenderPhrase::by(&answer);
        match answer.status() {
            200..=299 => Ok(made(&answer, name)),
            status @ 300..=399 => Err(CallFailure::Redirected(status)),
            status @ (400 | 402 | 409) => Err(CallFailure::PreviewRefused {
                status,
                said: said(),
            }),
            401 => Err(CallFailure::Denied(RenderKey::Api)),
            status @ (403 | 404 | 410) => Err(CallFailure::NoParent {
                parent: parent.clone(),
                status,
                said: said(),
            }),
            405 => Err(CallFailure::MethodRefused),
            429 => Err(CallFailure::PreviewLimited(answer.wait_hint())),
            status @ 500..=599 => Err(CallFailure::Broken(status)),
            status => Err(CallFailure::Unknown(status)),
        }
    }
}

fn made(answer: &HttpResponse, name: &PreviewName) -> Made {
    let Ok(WirePreview { service, deploy_id }) = wire::read(answer.body()) else {
        return Made {
            id: None,
            is_named_so: true,
            facts: None,
            deploy: None,
        };
    };
    Made {
        id: service
            .id
            .as_deref()
            .and_then(|id| ServiceId::parse(id).ok()),
        is_named_so: service.name.as_deref() == Some(name.as_str()),
        deploy: deploy_id.and_then(|id| DeployId::parse(&id).ok()),
        facts: Some(ServiceFacts::of(service)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{
        ExpectedRequest, Server, assert_harmless, closed, deploy, exchange, image, service,
    };
    use super::*;
    use crate::Repeatable;
    use model::{FailureWord, PrNumber, ServiceName};

    const PREVIEW: &str = "POST /v1/services/srv-a/preview";

    fn name() -> PreviewName {
        PreviewName::new(
            &ServiceName::parse("api").unwrap(),
            PrNumber::parse(b"7").unwrap(),
        )
    }

    fn body() -> String {
        format!(r#"{{"imagePath":"{}","name":"api-pr-7"}}"#, image('a'))
    }

    async fn asked(answer: ExpectedRequest) -> Result<Made, CallFailure> {
        let server = Server::start(vec![answer.with_body(&body())]);
        let result = server
            .writer()
            .preview(&service(), &image('a'), &name())
            .await;
        server.finish();
        result
    }

    #[tokio::test]
    async fn a_preview_is_asked_for_by_digest_and_under_its_name() {
        let body = r#"{"service":{"id":"srv-own","name":"api-pr-7","type":"web_service","serviceDetails":
            {"url":"https://api-pr-7.onrender.com","parentServer":{"id":"srv-a","name":"api"}}},"deployId":"dep-1"}"#;
        let made = asked(exchange(PREVIEW, 200, &[], body)).await.unwrap();
        assert_eq!(
            (made.id, made.deploy),
            (ServiceId::parse("srv-own").ok(), Some(deploy("dep-1")))
        );
        assert!(made.is_named_so && made.facts.unwrap().parent == Some(service()));
        let other = asked(exchange(
            PREVIEW,
            201,
            &[],
            &body.replace("api-pr-7", "api-pr-7-x"),
        ))
        .await
        .unwrap();
        assert!(!other.is_named_so && other.id.is_some());
    }

    #[tokio::test]
    async fn an_answer_that_cannot_be_read_is_still_a_preview_that_was_made() {
        for body in ["", "{}", "<html>", r#"{"service":{"id":"::x"}}"#] {
            assert_eq!(
                asked(exchange(PREVIEW, 200, &[], body)).await.unwrap().id,
                None,
                "{body}"
            );
        }
    }

    #[tokio::test]
    async fn every_refusal_has_words_of_its_own() {
        let table = [
            (
                400,
                FailureWord::DeployFailed,
                Repeatable::Never,
                "it refused to create the preview (it says \"denied\")",
            ),
            (
                402,
                FailureWord::DeployFailed,
                Repeatable::Never,
                "Render answered 402",
            ),
            (
                409,
                FailureWord::DeployFailed,
                Repeatable::Never,
                "it refused to create the preview",
            ),
            (
                401,
                FailureWord::PermissionMissing,
                Repeatable::Never,
                "the API key",
            ),
            (
                403,
                FailureWord::PermissionMissing,
                Repeatable::Never,
                "may not make a preview",
            ),
            (
                404,
                FailureWord::PermissionMissing,
                Repeatable::Never,
                "no such service",
            ),
            (
                429,
                FailureWord::RateLimited,
                Repeatable::Safely(Some(std::time::Duration::from_secs(9))),
                "too many services",
            ),
            (503, FailureWord::RenderUnavailable, Repeatable::Once, "503"),
            (
                302,
                FailureWord::DeployFailed,
                Repeatable::Never,
                "redirect",
            ),
        ];
        for (status, word, repeatable, text) in table {
            let answer = exchange(
                PREVIEW,
                status,
                &["Ratelimit-Reset: 9"],
                r#"{"message":"denied ##[x]"}"#,
            );
            let error = asked(answer).await.unwrap_err();
            assert_eq!(
                (error.word(), error.repeatable()),
                (word, repeatable),
                "{status}"
            );
            assert!(error.to_string().contains(text), "{error}");
            assert_harmless(&error);
        }
        assert!(
            asked(exchange(PREVIEW, 402, &[], ""))
                .await
                .unwrap_err()
                .hint()
                .contains("billing")
        );
        assert_eq!(
            asked(closed(PREVIEW)).await.unwrap_err().repeatable(),
            Repeatable::Once
        );
    }
}
