//! Deleting a preview: <https://api-docs.render.com/reference/delete-service>. That call deletes any service, with everything that is in it, so what it takes is
//! one that Render has just said to be a preview of the right service.

use super::api::other;
use super::desk::ApiClient;
use super::hook::CAP;
use super::{RenderApi, RenderError, Repeatable};
use http::Method;
use http_client::{Client, Deadline};
use model::{RenderOrigin, Secret, ServiceId};
use parse::inputs::WriteAccess;
use std::collections::BTreeSet;
use std::time::Duration;

/// How long one deletion may take, with every try.
const PATIENCE: Duration = Duration::from_secs(60);
/// The first and the longest pause between two tries.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(16));

/// A service of which Render has said that it is a preview of one of those that were named. Only [`RenderApi::prove`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenPreview(ServiceId);

/// What a service turned out to be.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// A preview of one of these.
    Preview(ProvenPreview),
    /// It is no more, or this key may not see it.
    Absent,
    /// Something else: of this other service, or of none.
    Other(Option<ServiceId>),
}

impl RenderApi {
    /// Asks whether a service is a preview of one of `parents`.
    ///
    /// # Errors
    /// [`RenderError`], after our patience where waiting may help.
    pub async fn prove(
        &self,
        id: &ServiceId,
        parents: &BTreeSet<ServiceId>,
    ) -> Result<Proof, RenderError> {
        let facts = match self.service(id).await {
            Ok(facts) => facts,
            Err(RenderError::NoAccess {
                status: 404 | 410, ..
            }) => return Ok(Proof::Absent),
            Err(error) => return Err(error),
        };
        let is_theirs = facts
            .parent
            .as_ref()
            .is_some_and(|parent| parents.contains(parent))
            && !parents.contains(id);
        Ok(if is_theirs {
            Proof::Preview(ProvenPreview(id.clone()))
        } else {
            Proof::Other(facts.parent)
        })
    }
}

/// The hand that deletes previews. A run that may not write never holds one.
#[derive(Debug, Clone)]
pub struct PreviewRemover(ApiClient);

impl PreviewRemover {
    /// A remover at this origin, with this key.
    #[must_use]
    pub fn new(_access: &WriteAccess, client: Client, origin: &RenderOrigin, key: Secret) -> Self {
        Self(ApiClient::new(client, origin, key))
    }

    /// Deletes a preview. One that is gone already is as good.
    ///
    /// # Errors
    /// [`RenderError`], after our patience where waiting may help.
    pub async fn remove(&self, preview: &ProvenPreview) -> Result<(), RenderError> {
        let deadline = Deadline::after(PATIENCE);
        let mut backoff = self.0.backoff(PAUSES.0, PAUSES.1);
        // A write that may be repeated: an id on Render is never given to another service, so nothing else can be deleted.
        loop {
            let Err(error) = self.once(&preview.0).await else {
                return Ok(());
            };
            let hint = match error.repeatable() {
                Repeatable::Safely(hint) => hint,
                Repeatable::Once | Repeatable::Never => return Err(error),
            };
            if !deadline.allows(backoff.next(hint)).await {
                return Err(error);
            }
        }
    }

    async fn once(&self, id: &ServiceId) -> Result<(), RenderError> {
        let request = self
            .0
            .request(Method::DELETE, id.as_str())
            .cap(CAP)
            .status_is_enough();
        let answer = self.0.send(request, &format!("DELETE {id}")).await?;
        match answer.status() {
            200..=299 | 404 | 410 => Ok(()),
            403 => Err(RenderError::MayNotDelete(id.clone())),
            status => Err(other(status, &answer, &format!("deleting preview {id}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{
        ExpectedRequest, Server, assert_harmless, closed, exchange, found,
    };
    use super::*;
    use model::FailureWord;

    const DELETE: &str = "DELETE /v1/services/srv-own";

    fn id(text: &str) -> ServiceId {
        ServiceId::parse(text).unwrap()
    }

    async fn proven(own: &str, answer: ExpectedRequest) -> Result<Proof, RenderError> {
        let server = Server::start(vec![answer]);
        let proof = server
            .impatient()
            .prove(&id(own), &BTreeSet::from([id("srv-a"), id("srv-b")]))
            .await;
        server.finish();
        proof
    }

    #[tokio::test]
    async fn only_a_preview_of_the_right_service_is_proven() {
        let with = |parent: &str| {
            format!(r#"{{"id":"srv-own","type":"web_service","serviceDetails":{{{parent}}}}}"#)
        };
        let theirs = with(r#""parentServer":{"id":"srv-b","name":"api"}"#);
        assert!(matches!(
            proven("srv-own", found("srv-own", &theirs)).await,
            Ok(Proof::Preview(_))
        ));
        let others = with(r#""parentServer":{"id":"srv-c","name":"api"}"#);
        assert_eq!(
            proven("srv-own", found("srv-own", &others)).await.unwrap(),
            Proof::Other(Some(id("srv-c")))
        );
        assert_eq!(
            proven("srv-own", found("srv-own", &with("")))
                .await
                .unwrap(),
            Proof::Other(None)
        );
        // A service of the manifest is none, whatever it says.
        let itself = theirs.replace("srv-own", "srv-a");
        assert!(matches!(
            proven("srv-a", found("srv-a", &itself)).await,
            Ok(Proof::Other(_))
        ));
        assert_eq!(
            proven(
                "srv-own",
                exchange("GET /v1/services/srv-own", 404, &[], "")
            )
            .await
            .unwrap(),
            Proof::Absent
        );
        for status in [401, 403, 500] {
            assert!(
                proven(
                    "srv-own",
                    exchange("GET /v1/services/srv-own", status, &[], "")
                )
                .await
                .is_err(),
                "{status}"
            );
        }
    }

    async fn removed(script: Vec<ExpectedRequest>) -> Result<(), RenderError> {
        let server = Server::start(script);
        let remover = server.remover();
        let result = remover.remove(&ProvenPreview(id("srv-own"))).await;
        server.finish();
        result
    }

    #[tokio::test]
    async fn a_preview_is_deleted_or_was_before() {
        let answer = |status| exchange(DELETE, status, &[], "");
        for last in [204, 200, 404, 410] {
            assert!(removed(vec![answer(last)]).await.is_ok(), "{last}");
        }
        assert!(
            removed(vec![answer(503), closed(DELETE), answer(404)])
                .await
                .is_ok()
        );
        for (status, word) in [
            (401, FailureWord::PermissionMissing),
            (403, FailureWord::PermissionMissing),
            (406, FailureWord::RenderUnavailable),
        ] {
            let error = removed(vec![answer(status)]).await.unwrap_err();
            assert_eq!(error.word(), word);
            assert_harmless(&error);
        }
    }
}
