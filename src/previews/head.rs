//! What the pull request is on now, and whether it is still open. A run may come late: its build took long, or it is an old run that is repeated.

use super::PreviewJob;
use super::find::Unknown;
use crate::context::Context;
use crate::history::Ancestry;
use github::PullState;
use model::{CommitSha, FailureWord, PrNumber, PreviewRecord, PreviewState};

/// What a pull request is on.
pub(super) enum HeadNow {
    /// It is open, as far as that is known, and on this commit.
    On(CommitSha),
    /// It was closed.
    Closed,
    /// Nobody says.
    Unknown,
}

/// Asks GitHub. A token that may not read pull requests can still read what one is on.
pub(super) async fn head_now(context: &Context, pull: PrNumber) -> HeadNow {
    let Some(github) = context.github_with_token() else {
        return HeadNow::Unknown;
    };
    let why = match github.pull_state(pull).await {
        Ok(PullState::Open(head)) => return HeadNow::On(head),
        Ok(PullState::Closed) => return HeadNow::Closed,
        Ok(PullState::Absent) => "GitHub does not show it".to_owned(),
        Err(error) => error.to_string(),
    };
    let text = format!(
        "whether pull request {pull} is still open is not known ({why}): a preview of a closed one stays until the next cleanup; give the job pull-requests: read"
    );
    context.warn_once("The pull request is not known", &text);
    match github.pull_ref(pull).await {
        Ok(head) => HeadNow::On(head),
        Err(_) => HeadNow::Unknown,
    }
}

impl PreviewJob<'_> {
    pub(super) async fn head_now(&self) -> HeadNow {
        head_now(self.context, self.pull).await
    }

    /// Why this run's commit must not be given to the preview, where that is so: the pull request was closed or is on another commit. A branch that was
    /// forced back is on the commit of its own run.
    ///
    /// # Errors
    /// A run is repeated, and nothing says what the pull request is on.
    pub(super) async fn stale(
        &self,
        now: &HeadNow,
        records: &[&PreviewRecord],
    ) -> Result<Option<String>, Unknown> {
        if !matches!(now, HeadNow::Unknown) {
            return Ok(self.stale_by(now).await);
        }
        if let Some(later) = self.later_by_record(records).await {
            return Ok(Some(later));
        }
        if self.context.env.is_rerun {
            return Err(Unknown {
                word: FailureWord::OrderUnknown,
                text: format!(
                    "what pull request {} is on now is not known, so an older commit might be put back",
                    self.pull
                ),
                hint: "Give the job pull-requests: read, then run this again.",
            });
        }
        Ok(None)
    }

    /// As [`PreviewJob::stale`], by GitHub's word alone.
    pub(super) async fn stale_by(&self, now: &HeadNow) -> Option<String> {
        let own = self.state.commit();
        match now {
            HeadNow::Closed => Some(format!("pull request {} is closed", self.pull)),
            HeadNow::On(head) if *head != own => {
                let history = &self.context.clients.history;
                let is_later = history.is_ancestor(&own, head).await == Ancestry::Yes;
                let word = if is_later {
                    "the later commit"
                } else {
                    "another commit by now,"
                };
                let head = head.short(7);
                Some(format!("pull request {} is on {word} {head}", self.pull))
            }
            HeadNow::On(_) | HeadNow::Unknown => None,
        }
    }

    /// Why a later commit was or is being deployed to this preview, by the records.
    async fn later_by_record(&self, records: &[&PreviewRecord]) -> Option<String> {
        let own = self.state.commit();
        let newest = records
            .iter()
            .find(|record| record.state != PreviewState::Failed)?;
        let later = newest.intent.commit;
        let history = &self.context.clients.history;
        if later == own || history.is_ancestor(&own, &later).await != Ancestry::Yes {
            return None;
        }
        let later = later.short(7);
        Some(format!("its preview has the later commit {later}"))
    }
}
