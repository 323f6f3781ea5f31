//! Releases: the one before, and whether one is on a branch that may have it.

use crate::context::Context;
use crate::failure::{Failure, ReleaseRefusal};
use crate::history::{Ancestry, PreviousRelease};
use decide::Base;
use model::{CommitSha, Environment, Release, Untrusted, When};

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
pub(crate) async fn on_from_branch(
    context: &Context,
    environment: &Environment,
    commit: &CommitSha,
    default_branch: &str,
) -> Ancestry {
    let When::Release { from, .. } = &environment.when else {
        return Ancestry::Yes;
    };
    let branches = match from.as_slice() {
        [] => vec![default_branch.to_owned()],
        filters => match context.clients.history.branches(filters).await {
            Ok(branches) => branches,
            Err(why) => return Ancestry::Unknown(why),
        },
    };
    let mut unknown = None;
    for branch in branches {
        match context.clients.history.is_on_branch(commit, &branch).await {
            Ancestry::Yes => return Ancestry::Yes,
            Ancestry::No => {}
            Ancestry::Unknown(why) => unknown = Some(why),
        }
    }
    unknown.map_or(Ancestry::No, Ancestry::Unknown)
}

/// The branches from which an environment's releases are made, as the manifest names them; none where it has no releases.
pub(super) fn branches(environment: &Environment, default_branch: &str) -> Vec<String> {
    match &environment.when {
        When::Release { from, .. } if from.is_empty() => vec![default_branch.to_owned()],
        When::Release { from, .. } => from.iter().map(ToString::to_string).collect(),
        When::Branch(_) => Vec::new(),
    }
}

/// A release whose commit is on none of the branches from which its environment's releases are made.
#[derive(Debug, Clone)]
pub(crate) struct OffBranch {
    release: Release,
    branches: String,
}

impl From<OffBranch> for Failure {
    fn from(refused: OffBranch) -> Self {
        Self::Release(ReleaseRefusal::OffBranch(
            refused.release.to_string(),
            refused.branches,
        ))
    }
}

/// Why a release that is on no such branch is refused; `None` where the environment has no releases.
pub(super) fn off_branch(
    environment: &Environment,
    release: &Release,
    default_branch: &str,
) -> Option<OffBranch> {
    let branches = branches(environment, default_branch).join(", ");
    (!branches.is_empty()).then(|| OffBranch {
        release: release.clone(),
        branches: Untrusted(branches.as_bytes()).to_string(),
    })
}
