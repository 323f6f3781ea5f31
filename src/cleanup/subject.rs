//! After whom a run cleans up: the event's pull request, a named one, or whichever are closed.

use super::github;
use crate::commands::{refuse, tell};
use crate::context::Context;
use crate::domain::{
    CommitSha, Dispatch, Manifest, Outcome, PrNumber, PullRequest, PushedRef, Trigger,
};
use crate::failure::Failure;
use crate::github::{GitHubError, PullState};
use crate::intake::inputs::InputError;
use crate::resolve::manifest_at;

/// Whose leftovers a run looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// Those of one pull request, which is closed.
    One(PrNumber),
    /// Those of all that turn out to be closed.
    Everybodys,
}

/// What a run is about.
pub(super) struct Job {
    pub(super) manifest: Manifest,
    pub(super) whose: Whose,
}

/// Finds out what the run is about; `None` where there is nothing to do, which is then told.
pub(super) async fn find(context: &Context) -> Result<Option<Job>, Failure> {
    match &context.trigger {
        Trigger::Closed(pull) => closed(context, pull).await,
        Trigger::Dispatch(dispatch) => dispatched(context, dispatch).await.map(Some),
        Trigger::PullRequest(pull) => Ok(nothing(
            context,
            &format!("pull request {} is open", pull.number),
        )),
        Trigger::Push(_) | Trigger::MergeGroup(_) => Ok(nothing(
            context,
            "cleanup is for pull requests that are closed, for a schedule and for a dispatch",
        )),
        Trigger::Nothing(why) => Ok(nothing(context, why)),
        Trigger::Refused(why) => {
            refuse(context, why);
            Ok(None)
        }
    }
}

fn nothing(context: &Context, why: &str) -> Option<Job> {
    tell(context, Outcome::Nothing, &format!("Nothing to do: {why}"));
    None
}

/// The event of a close. A run that is repeated may come when the pull request is open again.
async fn closed(context: &Context, pull: &PullRequest) -> Result<Option<Job>, Failure> {
    let number = pull.number;
    if context
        .request
        .pr_number
        .is_some_and(|named| named != number)
    {
        return Err(InputError::of(
            "pr-number",
            format!("the event is of pull request {number}"),
        )
        .into());
    }
    let reads_only = match (pull.from_fork, pull.by_dependabot) {
        (true, _) => Some("the pull request comes from a fork"),
        (false, true) => Some("the pull request is Dependabot's"),
        (false, false) => None,
    };
    if let Some(who) = reads_only {
        tell(
            context,
            Outcome::Skipped,
            "Skipped: the token of this run may not delete anything",
        );
        context.warn(
            "Left for the sweep",
            &format!("{who}, whose token only reads: a scheduled cleanup does it"),
        );
        return Ok(None);
    }
    match state(context, number).await? {
        PullState::Closed => {}
        PullState::Open => {
            return Ok(nothing(
                context,
                &format!("pull request {number} is open again"),
            ));
        }
        PullState::Absent => {
            let what = format!("pull request {number}");
            return Err(Failure::History(
                GitHubError::NotFound {
                    what,
                    trace: Default::default(),
                }
                .into(),
            ));
        }
    }
    let manifest = manifest_at(context, &pull.base, &pull.default_branch).await?;
    Ok(Some(Job {
        manifest,
        whose: Whose::One(number),
    }))
}

async fn dispatched(context: &Context, dispatch: &Dispatch) -> Result<Job, Failure> {
    let whose = match context.request.pr_number {
        None => Whose::Everybodys,
        Some(number) => match state(context, number).await? {
            PullState::Closed => Whose::One(number),
            PullState::Open => {
                return Err(
                    InputError::of("pr-number", format!("pull request {number} is open")).into(),
                );
            }
            PullState::Absent => {
                return Err(InputError::of(
                    "pr-number",
                    format!("there is no pull request {number}"),
                )
                .into());
            }
        },
    };
    let on = match &dispatch.pushed {
        Some(PushedRef::Branch(name)) => Some(name.as_str()),
        Some(PushedRef::Tag(_) | PushedRef::Either(_)) | None => None,
    };
    // A schedule says no default branch, and always runs on it; nor does a laptop, where what is checked out is meant.
    let default_branch = dispatch.default_branch.as_deref().or(on).unwrap_or("main");
    let at = match dispatch
        .commit
        .filter(|_| dispatch.default_branch.is_none() || on == Some(default_branch))
    {
        Some(commit) => commit,
        None => tip(context, default_branch).await?,
    };
    let manifest = manifest_at(context, &at, default_branch).await?;
    Ok(Job { manifest, whose })
}

async fn tip(context: &Context, branch: &str) -> Result<CommitSha, Failure> {
    let found = context.history.tip(branch).await?;
    found.ok_or_else(|| {
        Failure::NoManifest("the default branch is neither in the checkout nor at GitHub".into())
    })
}

async fn state(context: &Context, number: PrNumber) -> Result<PullState, Failure> {
    let Some(github) = github(context) else {
        return Err(InputError::of("github-token", "cleanup needs it").into());
    };
    github
        .pull_state(number)
        .await
        .map_err(|error| Failure::History(error.into()))
}
