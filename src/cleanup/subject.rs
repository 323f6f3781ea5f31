//! After whom a run cleans up: the event's pull request, a named one, or whichever are closed.

use crate::context::{Context, Stop};
use crate::failure::Failure;
use crate::resolve::{WithoutManifest, manifest_at, nothing};
use github::{GitHubError, PullState};
use model::{CommitSha, Dispatch, Manifest, Outcome, PrNumber, PullRequest, PushedRef, Trigger};
use parse::inputs::InputError;

/// Whose leftovers a run looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CleanupScope {
    /// Those of one pull request, which is closed.
    One(PrNumber),
    /// Those of all that turn out to be closed.
    Everybodys,
}

/// What a run is about.
pub(crate) struct CleanupSubject {
    pub(crate) manifest: Manifest,
    pub(crate) whose: CleanupScope,
}

/// Finds out what the run is about.
///
/// # Errors
/// [`Stop::Early`] where there is nothing to do.
pub(crate) async fn find(context: &Context) -> Result<CleanupSubject, Stop> {
    match &context.trigger {
        Trigger::Closed(pull) => closed(context, pull).await,
        Trigger::Dispatch(dispatch) => Ok(dispatched(context, dispatch).await?),
        Trigger::PullRequest(pull) => {
            Err(nothing(&format!("pull request {} is open", pull.number)))
        }
        Trigger::Push(_) | Trigger::MergeGroup(_) => Err(nothing(
            "cleanup is for pull requests that are closed, for a schedule and for a dispatch",
        )),
        Trigger::Nothing(why) => Err(nothing(why)),
        Trigger::Refused(why) => Err(Failure::WrongEvent(why.clone()).into()),
    }
}

/// The event of a close. A run that is repeated may come when the pull request is open again.
async fn closed(context: &Context, pull: &PullRequest) -> Result<CleanupSubject, Stop> {
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
        context.warn(
            "Left for the sweep",
            &format!("{who}, whose token only reads: a scheduled cleanup does it"),
        );
        let headline = "Skipped: the token of this run may not delete anything";
        return Err(Stop::early(Outcome::Skipped, headline));
    }
    match state(context, number).await? {
        PullState::Closed => {}
        PullState::Open(_) => {
            return Err(nothing(&format!("pull request {number} is open again")));
        }
        PullState::Absent => {
            let what = format!("pull request {number}");
            let trace = Default::default();
            return Err(Failure::History(GitHubError::NotFound { what, trace }.into()).into());
        }
    }
    let manifest = manifest_at(
        context,
        &pull.base,
        &pull.default_branch,
        WithoutManifest::AssumeIfNamed,
    )
    .await?;
    Ok(CleanupSubject {
        manifest,
        whose: CleanupScope::One(number),
    })
}

async fn dispatched(context: &Context, dispatch: &Dispatch) -> Result<CleanupSubject, Failure> {
    let whose = match context.request.pr_number {
        None => CleanupScope::Everybodys,
        Some(number) => match state(context, number).await? {
            PullState::Closed => CleanupScope::One(number),
            PullState::Open(_) => {
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
    let manifest =
        manifest_at(context, &at, default_branch, WithoutManifest::AssumeIfNamed).await?;
    Ok(CleanupSubject { manifest, whose })
}

async fn tip(context: &Context, branch: &str) -> Result<CommitSha, Failure> {
    let found = context.clients.history.tip(branch).await?;
    found.ok_or_else(|| {
        Failure::NoManifest("the default branch is neither in the checkout nor at GitHub".into())
    })
}

async fn state(context: &Context, number: PrNumber) -> Result<PullState, Failure> {
    let Some(github) = context.github_with_token() else {
        return Err(InputError::of("github-token", "cleanup needs it").into());
    };
    github
        .pull_state(number)
        .await
        .map_err(|error| Failure::History(error.into()))
}
