//! A push: of a branch, of a release tag, or of nothing that concerns us.

use super::release::{on_release_branch, unreachable_release};
use super::source::manifest_at;
use super::{Resolution, Work, agree, refuse_base_on_deploy, unknown_environment, work};
use crate::context::Context;
use crate::decide::{Base, Concerns, Subject, Tip, choose, of_branch, of_tag};
use crate::domain::{CommitSha, EnvironmentName, Foreign, Manifest, Push, PushedRef, Release};
use crate::failure::{Failure, ReleaseRefusal};
use crate::history::Ancestry;
use crate::intake::inputs::{Command, InputError};

/// Asks about a push.
pub(crate) async fn push(context: &Context, push: &Push) -> Result<Resolution, Failure> {
    refuse_base_on_deploy(context)?;
    if context.request.pr_number.is_some() {
        return Err(InputError::of("pr-number", "a push is of no pull request").into());
    }
    let commit = pushed_commit(context, push).await?;
    agree(context.request.sha.as_ref(), &commit)?;
    let manifest = manifest_at(context, &commit, &push.default_branch).await?;
    let concerns = match &push.pushed {
        PushedRef::Branch(name) => of_branch(&manifest, name),
        PushedRef::Tag(name) => of_tag(&manifest, name),
        PushedRef::Either(name) => either(context, &manifest, name, &commit).await?,
    };
    let (PushedRef::Branch(name) | PushedRef::Tag(name) | PushedRef::Either(name)) = &push.pushed;
    let shown = Foreign(name.as_bytes());
    let (environments, release) = match concerns {
        Concerns::Malformed => {
            return Err(Failure::Release(ReleaseRefusal::Malformed(
                shown.to_string(),
            )));
        }
        Concerns::None if context.request.command == Command::Deploy => {
            return Ok(Resolution::Nothing(format!(
                "no environment deploys from {shown}"
            )));
        }
        Concerns::None => (Vec::new(), None),
        Concerns::Environments(environments, release) => (environments, release),
    };
    if let (Some(asked), found) = (&context.request.release, &release)
        && found
            .as_ref()
            .is_none_or(|found| found.tag().as_str() != asked)
    {
        return Err(InputError::of("release", "it is not the tag that was pushed").into());
    }
    let subject = subject_of_push(context, &manifest, environments, release)?;
    let is_default = matches!(&push.pushed, PushedRef::Branch(name) | PushedRef::Either(name) if *name == push.default_branch);
    let mut base = Base::None(no_before(push));
    if let Some(before) = push.before {
        base = Base::Commit(before, "what the branch was on before the push".into());
    }
    if let Subject::Environments {
        environments,
        release: Some(release),
    } = &subject
    {
        if matches!(push.pushed, PushedRef::Tag(_))
            && (push.before.is_some() || (push.forced && !push.created))
        {
            return Err(Failure::Release(ReleaseRefusal::Moved(release.to_string())));
        }
        for environment in environments
            .iter()
            .filter_map(|name| manifest.environment(name))
        {
            match on_release_branch(context, environment, release, &commit, &push.default_branch)
                .await?
            {
                Ancestry::Yes => {}
                Ancestry::Unknown(why) if context.around.is_rerun => {
                    return Err(Failure::OrderUnknown(why));
                }
                Ancestry::Unknown(why) => {
                    context.warn(
                        "The release's branch is not known",
                        &format!(
                            "whether release {release} is on a release branch is not known: {why}"
                        ),
                    );
                }
                Ancestry::No => unreachable_release(environment, release, &push.default_branch)?,
            }
        }
    }
    let tip = if is_default {
        Tip::OfDefaultBranch
    } else {
        Tip::Other
    };
    work(
        context,
        Work {
            manifest,
            subject,
            commit,
            base,
            push: Some(push),
            tip,
        },
    )
    .await
}

pub(super) async fn pushed_commit(context: &Context, push: &Push) -> Result<CommitSha, Failure> {
    let PushedRef::Tag(name) = &push.pushed else {
        return Ok(push.after);
    };
    let no_commit = || {
        Failure::Release(ReleaseRefusal::NoCommit(
            Foreign(name.as_bytes()).to_string(),
        ))
    };
    match (context.history.peel(&push.after).await, push.commit) {
        (Ok(Some(peeled)), _) => Ok(peeled),
        // An annotated tag's commit stands in the payload too; neither the checkout nor GitHub contradicts it.
        (_, Some(commit)) => Ok(commit),
        (Ok(None), None) | (Err(_), None) => Err(no_commit()),
    }
}

/// A workflow run names its branch or tag by a short name: only a tag that is there and on this commit counts as one.
async fn either(
    context: &Context,
    manifest: &Manifest,
    name: &str,
    commit: &CommitSha,
) -> Result<Concerns, Failure> {
    let branch = of_branch(manifest, name);
    if branch != Concerns::None {
        return Ok(branch);
    }
    let tag = of_tag(manifest, name);
    let is_there =
        tag != Concerns::None && context.history.tag_commit(name).await?.as_ref() == Some(commit);
    Ok(if is_there { tag } else { Concerns::None })
}

fn subject_of_push(
    context: &Context,
    manifest: &Manifest,
    matching: Vec<EnvironmentName>,
    release: Option<Release>,
) -> Result<Subject, Failure> {
    let chosen = context.request.environment.as_ref();
    if let Some(name) = chosen.filter(|name| manifest.environment(name).is_none()) {
        return Err(unknown_environment(manifest, name));
    }
    if matching.is_empty() {
        return Ok(Subject::Commit);
    }
    // A plan may answer for several.
    let environments = match (context.request.command == Command::Plan, chosen) {
        (true, None) => matching,
        (true, Some(_)) | (false, _) => choose(matching, chosen)?,
    };
    Ok(Subject::Environments {
        environments,
        release,
    })
}

fn no_before(push: &Push) -> String {
    match (push.followed, push.created) {
        (true, _) => "a workflow run does not say what was pushed before".into(),
        (false, true) => "the branch is new".into(),
        (false, false) => "the push names no commit before it".into(),
    }
}
