//! Releases: the one before, and whether one is on a branch that may have it.

use crate::context::Context;
use crate::decide::Base;
use crate::domain::{CommitSha, Environment, Foreign, Release, When};
use crate::failure::{Failure, ReleaseRefusal};
use crate::history::{Ancestry, PreviousRelease};

/// The release before this one, or the sentence that says which newer one there is.
pub(crate) async fn previous(
    context: &Context,
    environment: &Environment,
    release: &Release,
) -> Result<Base, String> {
    let When::Release { template, .. } = &environment.when else {
        return Ok(Base::None("the environment has no releases".into()));
    };
    if let Some(newer) = context
        .clients
        .history
        .highest_release(template)
        .await
        .ok()
        .flatten()
        .filter(|highest| highest.number() > release.number())
    {
        return Err(format!("release {newer} is newer than {release}"));
    }
    Ok(
        match context
            .clients
            .history
            .previous_release(template, release)
            .await
        {
            PreviousRelease::Commit(previous, commit) => {
                Base::Commit(commit, format!("release {previous}"))
            }
            PreviousRelease::None => Base::None("there is no earlier release".into()),
            PreviousRelease::Unknown(why) => {
                Base::None(format!("the release before it is not known: {why}"))
            }
        },
    )
}

pub(super) async fn on_release_branch(
    context: &Context,
    environment: &Environment,
    release: &Release,
    commit: &CommitSha,
    default_branch: &str,
) -> Ancestry {
    let ancestry = on_from_branch(context, environment, commit, default_branch).await;
    if ancestry != Ancestry::Yes {
        context.log.debug(&format!(
            "release {release} is on none of the branches that could be asked"
        ));
    }
    ancestry
}

/// Whether a commit is on a branch from which the environment's releases are made.
pub(super) async fn on_from_branch(
    context: &Context,
    environment: &Environment,
    commit: &CommitSha,
    default_branch: &str,
) -> Ancestry {
    let mut unknown = None;
    for branch in branches(environment, default_branch) {
        match context.clients.history.is_on_branch(commit, &branch).await {
            Ancestry::Yes => return Ancestry::Yes,
            Ancestry::No => {}
            Ancestry::Unknown(why) => unknown = Some(why),
        }
    }
    match &environment.when {
        When::Branch(_) => Ancestry::Yes,
        When::Release { .. } => unknown.map_or(Ancestry::No, Ancestry::Unknown),
    }
}

/// The branches from which an environment's releases are made; none where it has no releases.
pub(super) fn branches(environment: &Environment, default_branch: &str) -> Vec<String> {
    match &environment.when {
        When::Release { from, .. } if from.is_empty() => vec![default_branch.to_owned()],
        When::Release { from, .. } => from.clone(),
        When::Branch(_) => Vec::new(),
    }
}

pub(super) fn unreachable_release(
    environment: &Environment,
    release: &Release,
    default_branch: &str,
) -> Result<(), Failure> {
    let branches = branches(environment, default_branch).join(", ");
    if branches.is_empty() {
        return Ok(());
    }
    let shown = Foreign(branches.as_bytes()).to_string();
    Err(Failure::Release(ReleaseRefusal::OffBranch(
        release.to_string(),
        shown,
    )))
}
