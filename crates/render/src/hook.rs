//! The hand that calls deploy hooks: <https://render.com/docs/deploy-hooks>.
//!
//! Nothing that Render answers to a hook is shown except an id of a deploy; a 400 is told apart by its text.

use super::wire;
use super::{Accepted, CallFailure, RenderKey, RenderPhrase};
use http_client::{Client, HttpRequest, HttpResponse, TransportError};
use model::{DeployHook, PinnedImage};
use parse::inputs::WriteAccess;

/// An answer holds an id; more than this is none of ours to read.
pub(super) const CAP: usize = 64 << 10;

/// The hand that calls deploy hooks. A run that may not write never holds one.
#[derive(Debug, Clone)]
pub struct HookCaller(Client);

impl HookCaller {
    /// A caller on the one HTTP client.
    #[must_use]
    pub const fn new(_access: &WriteAccess, client: Client) -> Self {
        Self(client)
    }

    /// Calls a hook once, for exactly these bytes.
    ///
    /// # Errors
    /// [`CallFailure`], which says whether the call may be repeated.
    pub async fn call(
        &self,
        hook: &DeployHook,
        image: &PinnedImage,
    ) -> Result<Accepted, CallFailure> {
        let mut url = url::Url::parse(hook.url().expose())
            .map_err(|_| TransportError::NotARequest("an address".into()))?;
        url.query_pairs_mut()
            .append_pair("imgURL", &image.to_string());
        let answer = self
            .0
            .send(
                HttpRequest::new(http::Method::POST, url)
                    .cap(CAP)
                    .status_is_enough(),
            )
            .await?;
        tracing::debug!(
            "POST deploy hook of {}: {}",
            hook.service(),
            answer.status()
        );
        judge(&answer)
    }
}

fn judge(answer: &HttpResponse) -> Result<Accepted, CallFailure> {
    match answer.status() {
        202 => Ok(Accepted::Queued),
        status @ (200 | 201) if !wire::is_object(answer.body()) => {
            Err(CallFailure::NotJson(status))
        }
        200 | 201 => Ok(Accepted::Started(wire::hooked(answer.body()))),
        status @ 300..=399 => Err(CallFailure::Redirected(status)),
        400 => Err(wire::bad_request(answer.body())),
        401 => Err(CallFailure::Denied(RenderKey::Hook)),
        403 => Err(CallFailure::Forbidden),
        404 => Err(CallFailure::OtherImageOrNoService),
        405 => Err(CallFailure::MethodRefused),
        409 => Err(CallFailure::Suspended(RenderPhrase::default())),
        429 => Err(CallFailure::RateLimited(answer.wait_hint())),
        status @ 500..=599 => Err(CallFailure::Broken(status)),
        status => Err(CallFailure::Unknown(status)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{
        HOOK_KEY, Server, assert_harmless, client, deploy, exchange, image,
    };
    use super::*;

    #[tokio::test]
    async fn a_hook_is_called_for_a_digest_and_without_the_api_key() {
        let digest = "a".repeat(64);
        let line = format!(
            "POST /deploy/srv-a?key={HOOK_KEY}&imgURL=ghcr.io%2Facme%2Fapi%40sha256%3A{digest}"
        );
        let server = Server::start(vec![
            exchange(&line, 200, &[], r#"{"deploy":{"id":"dep-1"}}"#),
            exchange(&line, 401, &[], r#"{"message":"SECRET"}"#),
        ]);
        let (hook, caller) = (
            server.hook(),
            HookCaller::new(&WriteAccess::for_tests(), client()),
        );
        let accepted = caller.call(&hook, &image('a')).await.unwrap();
        assert_eq!(accepted, Accepted::Started(Some(deploy("dep-1"))));
        let error = caller.call(&hook, &image('a')).await.unwrap_err();
        assert!(
            matches!(error, CallFailure::Denied(RenderKey::Hook)),
            "{error:?}"
        );
        assert_harmless(&error);
        server.finish();
    }
}
