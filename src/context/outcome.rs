//! How a command ends.

use crate::failure::Failure;
use model::{ImageName, Outcome, Release};
use report::{Released, RunReport};

/// What a command came to. What happened on the way is in [`Progress`](super::Progress).
#[derive(Debug)]
pub(crate) struct CommandOutcome {
    pub(crate) outcome: Outcome,
    /// One sentence, of the outputs' alphabet.
    pub(crate) headline: String,
    /// The images that a build has to make.
    pub(crate) builds: Vec<ImageName>,
    /// The release that would come next.
    pub(crate) next_release: Option<Release>,
    /// The release that was made, or found.
    pub(crate) released: Option<Released>,
}

/// Why a command ends before its last step.
#[derive(Debug)]
pub(crate) enum Stop {
    /// There is nothing to do, or nothing more: no failure.
    Early(Box<CommandOutcome>),
    /// Something failed, or was refused.
    Failed(Failure),
}

impl CommandOutcome {
    pub(crate) fn new(outcome: Outcome, headline: impl Into<String>) -> Self {
        Self {
            outcome,
            headline: headline.into(),
            builds: Vec::new(),
            next_release: None,
            released: None,
        }
    }

    /// Completes the report of what happened on the way.
    pub(crate) fn complete(&self, report: &mut RunReport) {
        report.outcome = self.outcome;
        report.headline.clone_from(&self.headline);
        report.builds.clone_from(&self.builds);
        report.next_release.clone_from(&self.next_release);
        report.released.clone_from(&self.released);
    }
}

impl Stop {
    /// An early end with this outcome.
    pub(crate) fn early(outcome: Outcome, headline: impl Into<String>) -> Self {
        Self::Early(Box::new(CommandOutcome::new(outcome, headline)))
    }
}

impl<E: Into<Failure>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}
