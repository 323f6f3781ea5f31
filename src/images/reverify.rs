//! An image that a record, a release tag or Render names, looked at again and judged as if it had never been seen.
//!
//! It may be gone from the registry by now, and a record can be written by any job that may write deployments.

use crate::context::Context;
use decide::{
    Expectation, ImageProblem, ImageVerdict, ImageWarning, OtherCommit, VerifiedImage, judge,
};
use http_client::Deadline;
use model::{CommitSha, FailureWord, PinnedImage};
use registry::{Reference, RegistryError};
use std::time::Duration;

/// The image was there once: it is there, or it is gone.
pub(crate) const ONE_LOOK: Duration = Duration::from_secs(20);

/// Why it may not be deployed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfit {
    /// The registry does not give it.
    #[error("{0}")]
    Registry(RegistryError),
    /// It is not what it has to be.
    #[error("{0}")]
    Image(ImageProblem),
    /// It was built from a commit that is not among those that were expected.
    #[error("it was built from commit {}", .0.found())]
    OtherCommit(Box<OtherCommit>),
}

impl Unfit {
    /// The failure word.
    pub(crate) fn word(&self) -> FailureWord {
        match self {
            Self::Registry(error) => error.word(),
            Self::Image(problem) => problem.word(),
            Self::OtherCommit(_) => FailureWord::ImageOtherCommit,
        }
    }
}

/// Looks at these bytes once. `commits` are those that they may say they were built from; empty: any.
pub(crate) async fn verified(
    context: &Context,
    image: &PinnedImage,
    commits: &[CommitSha],
) -> Result<(VerifiedImage, Vec<ImageWarning>), Unfit> {
    let asked = Reference::Digest(image.digest.clone());
    let facts = context
        .clients
        .registry()
        .examine(&image.repository, &asked, &Deadline::after(ONE_LOOK))
        .await;
    let source = format!("{}/{}", context.server_url(), context.slug);
    match judge(
        facts.map_err(Unfit::Registry)?,
        &Expectation {
            commits,
            digest: None,
            source: &source,
        },
    ) {
        ImageVerdict::Verified(image, warnings) => Ok((image, warnings)),
        ImageVerdict::OtherCommit(other) => Err(Unfit::OtherCommit(Box::new(other))),
        ImageVerdict::Refused(problem) => Err(Unfit::Image(problem)),
    }
}
