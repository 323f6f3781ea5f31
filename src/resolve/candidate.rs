//! What is to become a release: a commit, and the environment whose next number it gets.

use super::dispatch::tip;
use super::push::pushed_commit;
use super::release::on_from_branch;
use super::source::{WithoutManifest, manifest_at};
use super::{agree, refuse_base, resolve_name, unknown_environment};
use crate::context::Context;
use crate::failure::{Failure, ReleaseRefusal};
use crate::history::Ancestry;
use decide::{Concerns, of_tag};
use model::{
    CommitSha, Dispatch, Environment, Manifest, Push, PushedRef, Release, ReleaseTemplate,
    TagReading, Untrusted, When,
};
use parse::inputs::InputError;

/// A commit that may become a release.
pub(crate) struct ReleaseCandidate {
    pub(crate) manifest: Manifest,
    pub(crate) environment: Environment,
    /// How its releases are written.
    pub(crate) template: ReleaseTemplate,
    pub(crate) commit: CommitSha,
    /// The release that the input names.
    pub(crate) wanted: Option<Release>,
}

/// The commit that was pushed. A release tag that is pushed is the release already, unless it is none, or was moved.
pub(crate) async fn candidate_of_push(
    context: &Context,
    push: &Push,
) -> Result<ReleaseCandidate, Failure> {
    let commit = pushed_commit(context, push).await?;
    agree(context.request.sha.as_ref(), &commit)?;
    let candidate = candidate(context, commit, &push.default_branch).await?;
    if let PushedRef::Tag(name) = &push.pushed {
        let shown = || Untrusted(name.as_bytes()).to_string();
        match of_tag(&candidate.manifest, name) {
            Concerns::Malformed => {
                return Err(Failure::Release(ReleaseRefusal::Malformed(shown())));
            }
            Concerns::Environments(..)
                if push.before.is_some() || (push.forced && !push.created) =>
            {
                return Err(Failure::Release(ReleaseRefusal::Moved(shown())));
            }
            Concerns::Environments(..) | Concerns::None => {}
        }
    }
    Ok(candidate)
}

/// The commit that `sha` names, else the one that the run is on.
pub(crate) async fn candidate_of_dispatch(
    context: &Context,
    dispatch: &Dispatch,
) -> Result<ReleaseCandidate, Failure> {
    let default_branch = default_branch(context, dispatch).await?;
    let commit = match (&context.request.sha, dispatch.commit) {
        (Some(name), _) => resolve_name(context, "sha", name).await?,
        (None, Some(commit)) => commit,
        (None, None) => tip(context, &default_branch).await?,
    };
    candidate(context, commit, &default_branch).await
}

/// A schedule says no default branch and always runs on it. The branch that is checked out on a laptop is any branch.
async fn default_branch(context: &Context, dispatch: &Dispatch) -> Result<String, Failure> {
    let of_run = match &dispatch.pushed {
        Some(PushedRef::Branch(name)) if context.env.event_name.is_some() => Some(name.clone()),
        Some(PushedRef::Branch(_) | PushedRef::Tag(_) | PushedRef::Either(_)) | None => None,
    };
    match (
        dispatch.default_branch.clone().or(of_run),
        context.clients.history.github(),
    ) {
        (Some(name), _) => Ok(name),
        (None, Some(github)) => github
            .default_branch()
            .await
            .map_err(|error| Failure::History(error.into())),
        (None, None) => Err(needs_github()),
    }
}

/// Numbers are GitHub's to give.
pub(crate) fn needs_github() -> Failure {
    InputError::of(
        "github-token",
        "release needs it: the tag is made at GitHub",
    )
    .into()
}

async fn candidate(
    context: &Context,
    commit: CommitSha,
    default_branch: &str,
) -> Result<ReleaseCandidate, Failure> {
    refuse_base(context)?;
    if context.request.pr_number.is_some() {
        return Err(InputError::of("pr-number", "a pull request is never released").into());
    }
    let manifest = manifest_at(
        context,
        &commit,
        default_branch,
        WithoutManifest::AssumeIfNamed,
    )
    .await?;
    let (environment, template) = chosen(context, &manifest)?;
    let wanted = context
        .request
        .release
        .as_ref()
        .map(|tag| named(&template, tag))
        .transpose()?;
    match on_from_branch(context, &environment, &commit, default_branch).await {
        Ancestry::Yes => {}
        Ancestry::Unknown(why) => {
            let text = format!(
                "whether commit {} is on a branch of releases is not known: {why}",
                commit.short(7)
            );
            return Err(Failure::OrderUnknown(text));
        }
        Ancestry::No => {
            let branches = super::release::branches(&environment, default_branch).join(", ");
            let shown = Untrusted(branches.as_bytes()).to_string();
            return Err(Failure::Release(ReleaseRefusal::CommitOffBranch(
                commit, shown,
            )));
        }
    }
    Ok(ReleaseCandidate {
        manifest,
        environment,
        template,
        commit,
        wanted,
    })
}

/// The environment that is named, else the one whose tags the named release is like, else the only one that has releases.
fn chosen(
    context: &Context,
    manifest: &Manifest,
) -> Result<(Environment, ReleaseTemplate), Failure> {
    let refused = |why: String| Failure::from(InputError::of("environment", why));
    let releasing: Vec<(&Environment, &ReleaseTemplate)> = manifest
        .environments
        .iter()
        .filter_map(|environment| match &environment.when {
            When::Release { template, .. } => Some((environment, template)),
            When::Branch(_) => None,
        })
        .collect();
    if let Some(name) = &context.request.environment {
        manifest
            .environment(name)
            .ok_or_else(|| unknown_environment(manifest, name))?;
        let found = releasing
            .iter()
            .find(|(environment, _)| environment.name == *name);
        let (environment, template) = found.ok_or_else(|| {
            refused(format!(
                "environment {name} deploys from a branch and has no releases"
            ))
        })?;
        return Ok(((*environment).clone(), (*template).clone()));
    }
    let is_like = |template: &ReleaseTemplate| {
        let wanted = context.request.release.as_ref();
        wanted.is_none_or(|tag| matches!(template.read(tag), TagReading::Release(_)))
    };
    let alike: Vec<_> = releasing
        .iter()
        .filter(|(_, template)| is_like(template))
        .collect();
    match (alike.as_slice(), releasing.as_slice()) {
        // A release that is like no environment's is told as that.
        ([(environment, template)], _) | ([], [(environment, template)]) => {
            Ok(((*environment).clone(), (*template).clone()))
        }
        (_, []) => Err(refused(
            "no environment of the deploy manifest has releases (tag)".into(),
        )),
        _ => {
            let names: Vec<&str> = releasing
                .iter()
                .map(|(environment, _)| environment.name.as_str())
                .collect();
            Err(refused(format!(
                "several have releases: name one of {}",
                names.join(", ")
            )))
        }
    }
}

/// The release that a tag is by the template.
fn named(template: &ReleaseTemplate, tag: &str) -> Result<Release, Failure> {
    match template.read(tag) {
        TagReading::Release(release) => Ok(release),
        TagReading::Malformed | TagReading::Foreign => {
            let shown = Untrusted(tag.as_bytes());
            Err(InputError::of(
                "release",
                format!("it is \"{shown}\", wanted one like {template}"),
            )
            .into())
        }
    }
}
