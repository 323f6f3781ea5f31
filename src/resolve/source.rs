//! The manifest at a commit.

use crate::context::Context;
use crate::failure::Failure;
use decide::ledger::CommitManifest;
use model::{CommitSha, FileAt, Manifest, Repository, ServiceName, Untrusted};
use parse::manifest::{self, Home};

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
        let assumed = shorthand(context, &home)?;
        say_assumed(context, &path.path, commit, &assumed)?;
        Ok(assumed)
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
            Untrusted(path.path.as_bytes())
        ))),
        Ok(FileAt::Absent) => shorthand(),
        Ok(FileAt::TooLarge(bytes)) => Err(Failure::NoManifest(format!(
            "{} has {bytes} bytes",
            Untrusted(path.path.as_bytes())
        ))),
        Ok(FileAt::NotAFile(what)) => Err(Failure::NoManifest(format!(
            "{} is {what}, not a file",
            Untrusted(path.path.as_bytes())
        ))),
        Ok(FileAt::CommitMissing) | Err(_) if !path.is_explicit && is_assumed(context, without) => {
            context.warn(
                "No manifest could be read",
                "no manifest could be read, neither from the checkout nor from GitHub, so the run assumes that there is none: check the commit out first, or give the job contents: read",
            );
            shorthand()
        }
        Ok(FileAt::CommitMissing) => Err(Failure::NoManifest(format!(
            "commit {commit} is neither in the checkout nor at GitHub"
        ))),
        Err(error) => Err(error.into()),
    }
}

/// The manifest of a commit that is compared with the run's own. That it cannot be parsed, or is not where it has to be, is an answer.
pub(crate) async fn commit_manifest(
    context: &Context,
    commit: &CommitSha,
    default_branch: &str,
) -> CommitManifest {
    let path = &context.request.manifest;
    let home = Home {
        owner: context.slug.owner(),
        repo: context.slug.repo(),
        default_branch,
    };
    let known = |manifest| CommitManifest::Known(Box::new(manifest));
    match context.clients.history.file_at(commit, &path.path).await {
        Ok(FileAt::File(bytes)) => {
            manifest::parse(&bytes, &home).map_or(CommitManifest::Unusable, known)
        }
        Ok(FileAt::Absent) if path.is_explicit => CommitManifest::Unusable,
        Ok(FileAt::Absent) => shorthand(context, &home).map_or(CommitManifest::Unusable, known),
        Ok(FileAt::TooLarge(_) | FileAt::NotAFile(_)) => CommitManifest::Unusable,
        Ok(FileAt::CommitMissing) => CommitManifest::Unknown(format!(
            "commit {} is neither in the checkout nor at GitHub",
            commit.short(7)
        )),
        Err(error) => CommitManifest::Unknown(error.to_string()),
    }
}

/// The manifest that is assumed where there is none.
fn shorthand(context: &Context, home: &Home<'_>) -> Result<Manifest, Failure> {
    let image = context
        .request
        .image
        .clone()
        .map_or_else(|| default_image(context), Ok)?;
    Ok(manifest::shorthand(image, home)?)
}

/// Says that there is no manifest, where it was looked for, and what is assumed: who has one does not get it read.
///
/// # Errors
/// [`Failure::NoManifest`] where hooks of several services are given: then there has to be one.
fn say_assumed(
    context: &Context,
    path: &str,
    commit: &CommitSha,
    assumed: &Manifest,
) -> Result<(), Failure> {
    let path = Untrusted(path.as_bytes());
    let hooks: Vec<&str> = context
        .request
        .deploy_hooks
        .keys()
        .map(ServiceName::as_str)
        .collect();
    if hooks.len() > 1 {
        let text = format!(
            "no manifest was found ({path} in commit {}), and deploy-hooks names several services: {}",
            commit.short(7),
            hooks.join(", ")
        );
        return Err(Failure::NoManifest(text));
    }
    let (Some(image), Some(service)) = (assumed.images.first(), assumed.services.first()) else {
        return Ok(());
    };
    let text = format!(
        "no manifest was found ({path} in commit {}): one image, {}, and one service, {}, are assumed",
        commit.short(7),
        image.repository,
        service.name
    );
    if context.progress.note_once(&text) {
        context.log.say(&format!("{text}."));
    }
    Ok(())
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
