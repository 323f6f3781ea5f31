//! Render, by its deploy hooks: <https://render.com/docs/deploy-hooks>.
//!
//! A hook is a right to deploy one service. It is sent to the origin that it was checked against and to nobody else, redirects are
//! not followed, and nothing that Render answers is printed except an id of a deploy.

use crate::domain::{DeployHook, FailureWord, PinnedImage};
use crate::transport::{Answer, Client, Request, TransportError};
use std::time::Duration;

/// An answer holds an id; more than this is none of ours to read.
const CAP: usize = 64 << 10;

/// What Render said to a deploy hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// 200 or 201: the deploy has begun; its id where the answer has one.
    Started(Option<String>),
    /// 202: it will begin after the one in progress. There is no id.
    Queued,
}

/// Why a deploy hook did not deploy.
#[derive(Debug, thiserror::Error)]
pub enum HookFailure {
    /// 400.
    #[error("Render answered 400: the image does not match the one in the service's settings")]
    OtherImage,
    /// 401.
    #[error("Render answered 401: the hook's key is not valid (any more)")]
    Denied,
    /// 404.
    #[error(
        "Render answered 404: the image does not match the one in the service's settings, or there is no such service"
    )]
    OtherImageOrNoService,
    /// 405.
    #[error("Render answered 405: it takes no POST at this hook")]
    MethodRefused,
    /// 409.
    #[error("Render answered 409: the service is suspended, or its workspace may not deploy at present")]
    Suspended,
    /// 429, still so at the end of our patience.
    #[error("Render answered 429: too many deploys (10 a minute and service)")]
    RateLimited(Option<Duration>),
    /// 5xx.
    #[error("Render answered {0}")]
    Broken(u16),
    /// 3xx: somebody else wants the key.
    #[error("Render answered with a redirect ({0}), which is never followed")]
    Redirected(u16),
    /// Any other status.
    #[error("Render answered {0}, which its documentation does not know")]
    Unknown(u16),
    /// No answer.
    #[error("Render: {0}")]
    Transport(#[from] TransportError),
}

/// Whether, and how carefully, a failed hook call may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeatable {
    /// The hook was not acted upon: it may be called again.
    Safely(Option<Duration>),
    /// The hook may have been acted upon: once more at most, with the same digest.
    Once,
    /// Calling again would bring the same.
    Never,
}

impl HookFailure {
    /// The failure word.
    #[must_use]
    pub const fn word(&self) -> FailureWord {
        match self {
            Self::OtherImage | Self::OtherImageOrNoService => FailureWord::ImageRepositoryDiffers,
            Self::Denied => FailureWord::HookDenied,
            Self::Suspended => FailureWord::ServiceSuspended,
            Self::RateLimited(_) => FailureWord::RateLimited,
            Self::MethodRefused | Self::Redirected(_) | Self::Unknown(_) => FailureWord::DeployFailed,
            Self::Broken(_) | Self::Transport(_) => FailureWord::RenderUnavailable,
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::OtherImage => {
                "Set the service's image on Render to the same registry, owner and name as in the deploy manifest."
            }
            Self::OtherImageOrNoService => {
                "Compare the service's image on Render with the deploy manifest, and copy the deploy hook from the service's settings again."
            }
            Self::Denied => "Copy the deploy hook from the service's settings again; it was probably regenerated.",
            Self::MethodRefused | Self::Redirected(_) | Self::Unknown(_) => {
                "Look at the service's deploy hook on Render."
            }
            Self::Suspended => "Resume the service on Render, then run this again.",
            Self::RateLimited(_) => "Run this again in a minute.",
            Self::Broken(_) | Self::Transport(_) => {
                "Look at Render's status page and at the service's deploys, then run this again."
            }
        }
    }

    /// Whether the call may be repeated.
    #[must_use]
    pub const fn repeatable(&self) -> Repeatable {
        match self {
            Self::RateLimited(hint) => Repeatable::Safely(*hint),
            Self::Transport(error) if error.was_never_sent() => Repeatable::Safely(None),
            Self::Transport(_) | Self::Broken(_) => Repeatable::Once,
            Self::OtherImage | Self::Denied | Self::OtherImageOrNoService | Self::MethodRefused | Self::Suspended => {
                Repeatable::Never
            }
            Self::Redirected(_) | Self::Unknown(_) => Repeatable::Never,
        }
    }
}

/// The hand that calls deploy hooks. A run that may not write never holds one.
#[derive(Debug, Clone)]
pub struct HookCaller(Client);

impl HookCaller {
    /// A caller on the one HTTP client.
    #[must_use]
    pub const fn new(client: Client) -> Self {
        Self(client)
    }

    /// Calls a hook once, for exactly these bytes.
    ///
    /// # Errors
    /// [`HookFailure`], which says whether the call may be repeated.
    pub async fn call(&self, hook: &DeployHook, image: &PinnedImage) -> Result<Accepted, HookFailure> {
        let mut url =
            url::Url::parse(hook.url().expose()).map_err(|_| TransportError::NotARequest("an address".into()))?;
        url.query_pairs_mut().append_pair("imgURL", &image.to_string());
        let answer = self.0.send(Request::new(http::Method::POST, url).cap(CAP).status_is_enough()).await?;
        tracing::debug!("POST deploy hook of {}: {}", hook.service(), answer.status());
        judge(&answer)
    }
}

fn judge(answer: &Answer) -> Result<Accepted, HookFailure> {
    match answer.status() {
        202 => Ok(Accepted::Queued),
        200..=299 => Ok(Accepted::Started(deploy_id(answer.body()))),
        status @ 300..=399 => Err(HookFailure::Redirected(status)),
        400 => Err(HookFailure::OtherImage),
        401 | 403 => Err(HookFailure::Denied),
        404 => Err(HookFailure::OtherImageOrNoService),
        405 => Err(HookFailure::MethodRefused),
        409 => Err(HookFailure::Suspended),
        429 => Err(HookFailure::RateLimited(answer.wait_hint())),
        status @ 500..=599 => Err(HookFailure::Broken(status)),
        status => Err(HookFailure::Unknown(status)),
    }
}

/// The id in `{"deploy":{"id":"dep-…"}}`, where there is one of that shape.
fn deploy_id(body: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    let id = value.get("deploy")?.get("id")?.as_str()?;
    let rest = id.strip_prefix("dep-")?;
    let well_formed = (1..=64).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_alphanumeric());
    well_formed.then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_id_of_the_known_shape_is_taken_from_an_answer() {
        assert_eq!(deploy_id(br#"{"deploy":{"id":"dep-abc123"}}"#), Some("dep-abc123".into()));
        for body in [
            &b""[..],
            b"{}",
            br#"{"deploy":{"id":"::add-mask::a"}}"#,
            br#"{"deploy":{"id":7}}"#,
            b"{\"deploy\":\"##[set-output]\"}",
            b"\xff",
        ] {
            assert_eq!(deploy_id(body), None);
        }
    }

    #[test]
    fn a_hook_that_may_have_been_heard_is_called_once_more_at_most() {
        assert_eq!(HookFailure::Broken(502).repeatable(), Repeatable::Once);
        assert_eq!(HookFailure::Transport(TransportError::NoAnswer(String::new())).repeatable(), Repeatable::Once);
        assert_eq!(
            HookFailure::Transport(TransportError::NeverSent(String::new())).repeatable(),
            Repeatable::Safely(None)
        );
        assert_eq!(HookFailure::Denied.repeatable(), Repeatable::Never);
    }
}
