//! What Render says to being asked for a deploy, by a hook or by its API.

use super::wire;
use http_client::{HttpResponse, TransportError};
use model::{DeployId, FailureWord, ServiceId};
use std::fmt;
use std::time::Duration;

/// What Render said when it took a deploy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// 200 or 201: the deploy has begun; its id where the answer has one.
    Started(Option<DeployId>),
    /// 202: it will begin after the one in progress. There is no id.
    Queued,
}

/// Which key opened the door, or did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenderKey {
    /// The key in a deploy hook.
    Hook,
    /// The API key.
    Api,
}

impl fmt::Display for RenderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hook => "the hook's key",
            Self::Api => "the API key",
        })
    }
}

/// What Render's API said, where that is a known phrase; empty for a hook.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RenderPhrase(Option<&'static str>);

impl RenderPhrase {
    /// The known phrase in the `message` of an error's body.
    pub(super) fn by(answer: &HttpResponse) -> Self {
        Self(wire::phrase(answer.body()))
    }
}

impl fmt::Display for RenderPhrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .map_or(Ok(()), |phrase| write!(f, " (it says \"{phrase}\")"))
    }
}

/// Why Render did not deploy.
#[derive(Debug, thiserror::Error)]
pub enum CallFailure {
    /// 400 about another repository.
    #[error("Render answered 400: the image does not match the one in the service's settings")]
    OtherImage,
    /// 400 about an image that Render cannot pull.
    #[error("Render answered 400: it cannot fetch the image")]
    ImageNotFetched,
    /// Any other 400; its text is not shown.
    #[error("Render answered 400, for an unknown reason")]
    BadRequest,
    /// 401.
    #[error("Render answered 401: {0} is not valid")]
    Denied(RenderKey),
    /// 403 of a hook.
    #[error("Render answered 403: it does not let the hook's key deploy")]
    Forbidden,
    /// 403, 404 or 410 of the API.
    #[error(
        "Render answered {status}: there is no such service, or the API key has no access to it{said}"
    )]
    NoAccess {
        /// The status.
        status: u16,
        /// Render's own words.
        said: RenderPhrase,
    },
    /// 403, 404 or 410 to a preview.
    #[error("Render answered {status}: {}{said}", no_parent(*status, parent))]
    NoParent {
        /// The service that it was to be a copy of.
        parent: ServiceId,
        /// The status.
        status: u16,
        /// Render's own words.
        said: RenderPhrase,
    },
    /// 404 of a hook.
    #[error(
        "Render answered 404: the image does not match the one in the service's settings, or there is no such service"
    )]
    OtherImageOrNoService,
    /// 405.
    #[error("Render answered 405: it does not accept a POST here")]
    MethodRefused,
    /// 400, 402 or 409 to a preview.
    #[error("Render answered {status}: it refused to create the preview{said}")]
    PreviewRefused {
        /// The status.
        status: u16,
        /// Render's own words.
        said: RenderPhrase,
    },
    /// 429 to a preview. Which limit it comes under is not documented; making a service may be done 20 times an hour.
    #[error("Render answered 429: too many services were made with this API key")]
    PreviewLimited(Option<Duration>),
    /// 409.
    #[error(
        "Render answered 409: the service is suspended, or its workspace may not deploy at present{0}"
    )]
    Suspended(RenderPhrase),
    /// 429, still so at the end of our patience.
    #[error("Render answered 429: too many deploys (10 a minute and service)")]
    RateLimited(Option<Duration>),
    /// 5xx.
    #[error("Render answered {0}")]
    Broken(u16),
    /// 3xx, which is not documented: somebody else wants the key.
    #[error("Render answered with a redirect ({0}), which is never followed")]
    Redirected(u16),
    /// Any other status, of which nobody knows whether it deploys.
    #[error("Render answered {0}, which its documentation does not list")]
    Unknown(u16),
    /// 200 or 201 without the JSON that Render answers with.
    #[error("Render answered {0} without the JSON that its documentation shows")]
    NotJson(u16),
    /// No answer.
    #[error("Render: {0}")]
    Transport(#[from] TransportError),
}

fn no_parent(status: u16, parent: &ServiceId) -> String {
    match status {
        403 => format!("the API key may not make a preview of {parent}"),
        _ => format!(
            "it makes no preview of {parent}: there is no such service, or it belongs to another workspace than the API key"
        ),
    }
}

/// Whether, and how carefully, a failed call may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeatable {
    /// The call was not acted upon: it may be made again.
    Safely(Option<Duration>),
    /// The call may have been acted upon: once more at most, with the same digest.
    Once,
    /// Calling again would bring the same.
    Never,
}

impl CallFailure {
    /// The failure word.
    #[must_use]
    pub const fn word(&self) -> FailureWord {
        match self {
            Self::OtherImage | Self::OtherImageOrNoService => FailureWord::ImageRepositoryDiffers,
            Self::ImageNotFetched => FailureWord::ImagePullFailed,
            Self::Denied(RenderKey::Hook) | Self::Forbidden => FailureWord::HookDenied,
            Self::Denied(RenderKey::Api) | Self::NoAccess { .. } | Self::NoParent { .. } => {
                FailureWord::PermissionMissing
            }
            Self::Suspended(_) => FailureWord::ServiceSuspended,
            Self::RateLimited(_) | Self::PreviewLimited(_) => FailureWord::RateLimited,
            Self::BadRequest
            | Self::MethodRefused
            | Self::Redirected(_)
            | Self::Unknown(_)
            | Self::NotJson(_)
            | Self::PreviewRefused { .. } => FailureWord::DeployFailed,
            Self::Broken(_) | Self::Transport(_) => FailureWord::RenderUnavailable,
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::ImageNotFetched => {
                "Give the service on Render a registry credential that can read the package: for GHCR a classic personal access token with read:packages that has not expired."
            }
            Self::OtherImage => {
                "Set the service's image on Render to the same registry, owner and name as in the deploy manifest."
            }
            Self::OtherImageOrNoService => {
                "Compare the service's image on Render with the deploy manifest, and copy the deploy hook from the service's settings again."
            }
            Self::Denied(RenderKey::Hook) | Self::Forbidden => {
                "Copy the deploy hook from the service's settings again; it was probably regenerated."
            }
            Self::Denied(RenderKey::Api) => {
                "Make a new API key in Render's account settings and put it into the secret. A key belongs to one workspace: it has to be the services' own."
            }
            Self::NoAccess { .. } => {
                "Compare the service's id with the one on Render, and use an API key of its workspace: a key belongs to one workspace."
            }
            Self::NoParent { status: 403, .. } => {
                "Use the API key of somebody who may create services in that workspace."
            }
            Self::NoParent { .. } => {
                "Compare the service's id in the manifest with the one on Render: a preview is a copy of that service. Use an API key of its workspace."
            }
            Self::BadRequest
            | Self::MethodRefused
            | Self::Redirected(_)
            | Self::Unknown(_)
            | Self::NotJson(_) => "Look at the service's deploys and its deploy hook on Render.",
            Self::PreviewRefused { status: 402, .. } => {
                "Look at the workspace's billing and plan on Render: a preview is a service of its own, and is billed."
            }
            Self::PreviewRefused { .. } => {
                "Look at what Render says, at the service that the preview is a copy of, and at the limits of the workspace's plan."
            }
            Self::Suspended(_) => "Resume the service on Render, then run this again.",
            Self::RateLimited(_) => "Run this again in a minute.",
            Self::PreviewLimited(_) => "Run this again in an hour.",
            Self::Transport(error @ (TransportError::Tls(_) | TransportError::ProxyDenied)) => {
                error.hint()
            }
            Self::Broken(_) | Self::Transport(_) => {
                "Look at Render's status page and at the service's deploys, then run this again."
            }
        }
    }

    /// Whether the call may be repeated.
    #[must_use]
    pub const fn repeatable(&self) -> Repeatable {
        match self {
            Self::RateLimited(hint) | Self::PreviewLimited(hint) => Repeatable::Safely(*hint),
            Self::Transport(error) if error.was_never_sent() => Repeatable::Safely(None),
            Self::Transport(_) | Self::Broken(_) => Repeatable::Once,
            Self::OtherImage
            | Self::ImageNotFetched
            | Self::BadRequest
            | Self::Denied(_)
            | Self::Forbidden
            | Self::NoAccess { .. }
            | Self::NoParent { .. }
            | Self::OtherImageOrNoService
            | Self::MethodRefused
            | Self::PreviewRefused { .. }
            | Self::Suspended(_)
            | Self::Redirected(_)
            | Self::Unknown(_)
            | Self::NotJson(_) => Repeatable::Never,
        }
    }

    /// Whether the answer is one that Render does not document: it says nothing of what became of the call.
    #[must_use]
    pub const fn is_undocumented(&self) -> bool {
        matches!(
            self,
            Self::Redirected(_) | Self::Unknown(_) | Self::NotJson(_)
        )
    }

    /// Whether Render may have acted upon the call.
    #[must_use]
    pub const fn may_have_been_taken(&self) -> bool {
        self.is_undocumented() || matches!(self.repeatable(), Repeatable::Once)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_may_have_been_heard_is_made_once_more_at_most() {
        assert_eq!(CallFailure::Broken(502).repeatable(), Repeatable::Once);
        assert_eq!(
            CallFailure::Transport(TransportError::NoAnswer(String::new())).repeatable(),
            Repeatable::Once
        );
        assert_eq!(
            CallFailure::Transport(TransportError::NeverSent(String::new())).repeatable(),
            Repeatable::Safely(None)
        );
        assert_eq!(
            CallFailure::Denied(RenderKey::Hook).repeatable(),
            Repeatable::Never
        );
    }

    #[test]
    fn an_answer_that_render_does_not_document_may_have_begun_a_deploy() {
        for failure in [
            CallFailure::Redirected(302),
            CallFailure::Unknown(204),
            CallFailure::Unknown(408),
            CallFailure::Unknown(418),
            CallFailure::NotJson(200),
        ] {
            assert!(failure.is_undocumented() && failure.may_have_been_taken());
            assert_eq!(failure.word(), FailureWord::DeployFailed);
            assert_eq!(failure.repeatable(), Repeatable::Never);
        }
        for (failure, may) in [
            (CallFailure::Broken(502), true),
            (CallFailure::Forbidden, false),
            (CallFailure::Denied(RenderKey::Hook), false),
            (CallFailure::RateLimited(None), false),
            (CallFailure::MethodRefused, false),
        ] {
            assert!(!failure.is_undocumented());
            assert_eq!(failure.may_have_been_taken(), may, "{failure}");
        }
    }

    #[test]
    fn a_failure_says_which_key_it_is_about() {
        let (hook, api) = (
            CallFailure::Denied(RenderKey::Hook),
            CallFailure::Denied(RenderKey::Api),
        );
        assert!(hook.to_string().contains("the hook's key") && hook.hint().contains("deploy hook"));
        assert!(api.to_string().contains("the API key") && !api.hint().contains("hook"));
        assert_eq!(
            (hook.word(), api.word()),
            (FailureWord::HookDenied, FailureWord::PermissionMissing)
        );
    }
}
