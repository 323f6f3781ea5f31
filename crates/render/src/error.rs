//! Why Render's API did not give what was asked of it.

use super::{RenderPhrase, Repeatable};
use http_client::TransportError;
use model::{DeployId, FailureWord, ServiceId};
use std::time::Duration;

/// Why there is no answer of the API that can be used.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// 401.
    #[error("Render answered 401: the API key is not valid")]
    KeyInvalid,
    /// 403, 404 or 410: Render does not say whether a service is gone or another workspace's.
    #[error("Render answered {status} for {service}: {}", no_access(*status))]
    NoAccess {
        /// The service that was asked about.
        service: ServiceId,
        /// The status.
        status: u16,
    },
    /// 403, 404 or 410 for the list of services.
    #[error("Render answered {0} for the list of services: the API key may not list services")]
    MayNotList(u16),
    /// 403 to a deletion.
    #[error("Render answered 403: it does not let the API key delete preview {0}")]
    MayNotDelete(ServiceId),
    /// 404 or 410 for a deploy.
    #[error(
        "Render answered {status} for {deploy}: there is no such deploy of {service}, or the API key has no access to it"
    )]
    NoDeploy {
        /// The service that was asked about.
        service: ServiceId,
        /// The deploy that was asked about.
        deploy: DeployId,
        /// The status.
        status: u16,
    },
    /// 400 or 409 to a cancellation.
    #[error("Render answered {status}: it refused to cancel {deploy}{said}")]
    NotCancelled {
        /// The deploy that goes on, or has ended.
        deploy: DeployId,
        /// The status.
        status: u16,
        /// Render's own words.
        said: RenderPhrase,
    },
    /// 429, still so at the end of our patience.
    #[error("Render answered 429: too many requests with this API key")]
    RateLimited(Option<Duration>),
    /// 5xx.
    #[error("Render answered {status} for {what}")]
    Unavailable {
        /// What was asked for.
        what: String,
        /// The status.
        status: u16,
    },
    /// 3xx: somebody else wants the key.
    #[error("Render answered with a redirect ({0}), which is never followed")]
    Redirected(u16),
    /// Any other status.
    #[error("Render answered {0}, which its documentation does not list for this request")]
    Unknown(u16),
    /// 200 with a body that is none of the documented ones.
    #[error("Render's answer about {what} cannot be read: {why}")]
    Unreadable {
        /// What was asked for.
        what: &'static str,
        /// What is wrong with it, without any of it.
        why: String,
    },
    /// No answer.
    #[error("Render: {0}")]
    Transport(#[from] TransportError),
}

const fn no_access(status: u16) -> &'static str {
    match status {
        403 => "the API key has no access to this service",
        _ => "there is no such service, or it belongs to another workspace than the API key",
    }
}

impl RenderError {
    /// The failure word.
    #[must_use]
    pub const fn word(&self) -> FailureWord {
        match self {
            Self::KeyInvalid
            | Self::NoAccess { .. }
            | Self::MayNotList(_)
            | Self::MayNotDelete(_) => FailureWord::PermissionMissing,
            Self::NoDeploy { .. } | Self::NotCancelled { .. } => FailureWord::DeployFailed,
            Self::RateLimited(_) => FailureWord::RateLimited,
            Self::Unavailable { .. }
            | Self::Redirected(_)
            | Self::Unknown(_)
            | Self::Unreadable { .. }
            | Self::Transport(_) => FailureWord::RenderUnavailable,
        }
    }

    /// What to do about it; begins with a verb.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::KeyInvalid => {
                "Make a new API key in Render's account settings and put it into the secret. A key belongs to one workspace: it has to be the services' own."
            }
            Self::NoAccess { .. } => {
                "Compare the service's id in the manifest with the one on Render, and use an API key of its workspace: a key belongs to one workspace."
            }
            Self::MayNotList(_) => {
                "Give the API key the right to list the services of its workspace: a preview is looked for among them."
            }
            Self::MayNotDelete(_) => {
                "Delete the preview on Render, or use the API key of somebody who may delete services of that workspace."
            }
            Self::NoDeploy { .. } => {
                "Look at the service's deploys on Render, then run this again."
            }
            Self::NotCancelled { .. } => {
                "Look at the deploy on Render, and cancel it there if it still goes on."
            }
            Self::RateLimited(_) => {
                "Run fewer jobs with this API key at the same time, and run this one again in a minute."
            }
            Self::Transport(error) => error.hint(),
            Self::Unavailable { .. } => {
                "Look at Render's status page (https://status.render.com), then run this again."
            }
            Self::Redirected(_) | Self::Unknown(_) | Self::Unreadable { .. } => {
                "Check that Render's API answers at render-api-url, then run this again."
            }
        }
    }

    /// Whether the same question may bring another answer.
    #[must_use]
    pub const fn repeatable(&self) -> Repeatable {
        match self {
            Self::RateLimited(hint) => Repeatable::Safely(*hint),
            Self::Unavailable { .. }
            | Self::Transport(TransportError::NeverSent(_) | TransportError::NoAnswer(_)) => {
                Repeatable::Safely(None)
            }
            Self::KeyInvalid
            | Self::NoAccess { .. }
            | Self::MayNotList(_)
            | Self::MayNotDelete(_)
            | Self::NoDeploy { .. }
            | Self::NotCancelled { .. }
            | Self::Redirected(_)
            | Self::Unknown(_)
            | Self::Unreadable { .. }
            | Self::Transport(
                TransportError::Tls(_)
                | TransportError::ProxyDenied
                | TransportError::NotARequest(_)
                | TransportError::TooLarge(_),
            ) => Repeatable::Never,
        }
    }
}
