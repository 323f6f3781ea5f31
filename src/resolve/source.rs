//! The manifest at a commit.

use crate::context::Context;
use crate::domain::{CommitSha, FileAt, Foreign, Manifest, Repository};
use crate::failure::Failure;
use crate::intake::manifest::{self, Home};

/// What is done where neither the checkout nor GitHub says whether there is a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WithoutManifest {
    /// It is assumed that there is none.
    Assume,
    /// The same, if the inputs name the hook or the image of the one service. That is only done where there is no manifest.
    AssumeIfNamed,
}

/// The manifest at a commit, or the shorthand where there is none.
pub(crate) async fn manifest_at(
    context: &Context,
    commit: &CommitSha,
    default_branch: &str,
    without: WithoutManifest,
) -> Result<Manifest, Failure> {
    let path = &context.request.manifest;
    let home = Home {
        owner: context.slug.owner(),
        repo: context.slug.repo(),
        default_branch,
    };
    let shorthand = || {
        let image = context
            .request
            .image
            .clone()
            .map_or_else(|| default_image(context), Ok)?;
        Ok(manifest::shorthand(image, &home)?)
    };
    match context.clients.history.file_at(commit, &path.path).await {
        Ok(FileAt::File(bytes)) => {
            manifest::parse(&bytes, &home).map_err(|mistakes| Failure::Manifest {
                path: path.path.clone(),
                mistakes,
            })
        }
        Ok(FileAt::Absent) if path.is_explicit => Err(Failure::NoManifest(format!(
            "{} is not in commit {commit}",
            Foreign(path.path.as_bytes())
        ))),
        Ok(FileAt::Absent) => shorthand(),
        Ok(FileAt::TooLarge(bytes)) => Err(Failure::NoManifest(format!(
            "{} has {bytes} bytes",
            Foreign(path.path.as_bytes())
        ))),
        Ok(FileAt::NotAFile(what)) => Err(Failure::NoManifest(format!(
            "{} is {what}, not a file",
            Foreign(path.path.as_bytes())
        ))),
        Ok(FileAt::CommitMissing) | Err(_) if !path.is_explicit && is_assumed(context, without) => {
            context.warn(
                "No manifest could be read",
                "no manifest could be read, neither from the checkout nor from GitHub, so there is taken to be none",
            );
            shorthand()
        }
        Ok(FileAt::CommitMissing) => Err(Failure::NoManifest(format!(
            "commit {commit} is neither in the checkout nor at GitHub"
        ))),
        Err(error) => Err(error.into()),
    }
}

fn is_assumed(context: &Context, without: WithoutManifest) -> bool {
    match without {
        WithoutManifest::Assume => true,
        WithoutManifest::AssumeIfNamed => {
            context.request.deploy_hook.is_some() || context.request.image.is_some()
        }
    }
}

pub(super) fn default_image(context: &Context) -> Result<Repository, Failure> {
    Ok(Repository::parse(&format!(
        "ghcr.io/{}",
        context.slug.to_string().to_ascii_lowercase()
    ))?)
}
