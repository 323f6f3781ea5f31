//! Why there is no going back.

use crate::domain::{EnvironmentName, FailureWord, Outcome};

/// Why a rollback is refused. Nothing has been sent.
#[derive(Debug, thiserror::Error)]
pub enum BackRefusal {
    /// It is newer than what serves.
    #[error("{wanted} is newer than {serves}, which {environment} has: use deploy to go forward")]
    Forward {
        /// The environment.
        environment: EnvironmentName,
        /// What was asked for.
        wanted: String,
        /// What serves.
        serves: String,
    },
    /// Nothing came before it.
    #[error("the records name nothing that was live in {environment} before {serves}")]
    First {
        /// The environment.
        environment: EnvironmentName,
        /// What serves.
        serves: String,
    },
    /// It was not deployed there.
    #[error("{wanted} was not deployed to {environment}: {why}")]
    NotDeployed {
        /// The environment.
        environment: EnvironmentName,
        /// What was asked for.
        wanted: String,
        /// Where it was looked for.
        why: String,
    },
    /// What was live before is not known.
    #[error("what was live in {0} before is not known: {1}")]
    Unknown(EnvironmentName, String),
    /// Bytes that are gone, or that may not be deployed; of every service, with the words for them.
    #[error("{}", .0.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("; "))]
    Unfit(Vec<(FailureWord, String)>),
}

impl BackRefusal {
    /// The failure word.
    pub(crate) fn word(&self) -> FailureWord {
        match self {
            Self::Forward { .. } | Self::First { .. } | Self::NotDeployed { .. } => {
                FailureWord::BadInput
            }
            Self::Unknown(..) => FailureWord::OrderUnknown,
            Self::Unfit(problems) => problems
                .first()
                .map_or(FailureWord::ImageMissing, |(word, _)| *word),
        }
    }

    /// What to do about it; begins with a verb.
    pub(crate) const fn hint(&self) -> &'static str {
        match self {
            Self::Forward { .. } => "Use deploy. If a rollback holds the service, add force: held.",
            Self::First { .. } => {
                "Deploy the version you want. The records name nothing to go back to."
            }
            Self::NotDeployed { .. } => {
                "Name one that was deployed there: the repository's Deployments page lists them."
            }
            Self::Unknown(..) => {
                "Name a release whose images have its tag, or give the job deployments: write and render-api-key and name the services."
            }
            Self::Unfit(_) => {
                "Go back to another release, or leave these services out with services; nothing was sent."
            }
        }
    }

    /// 2 where the request itself is wrong, else 1.
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::Forward { .. } | Self::First { .. } | Self::NotDeployed { .. } => 2,
            Self::Unknown(..) | Self::Unfit(_) => 1,
        }
    }

    /// Refused, or failed where somebody did not answer.
    pub(crate) const fn outcome(&self) -> Outcome {
        match self {
            Self::Forward { .. }
            | Self::First { .. }
            | Self::NotDeployed { .. }
            | Self::Unfit(_) => Outcome::Refused,
            Self::Unknown(..) => Outcome::Failed,
        }
    }
}
