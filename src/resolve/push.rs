//! A push: of a branch, of a release tag, or of nothing that concerns us.

use super::release::{OffBranch, off_branch, on_release_branch};
use super::{
    EventCommit, Purpose, Resolved, agree, environments_in, manifest_of_event, nothing,
    refuse_base_on_deploy, unknown_environment,
};
use crate::context::{Context, Stop};
use crate::failure::{Failure, ReleaseRefusal};
use crate::history::Ancestry;
use decide::{Base, Concerns, Environments, Subject, Tip, choose, of_branch, of_tag};
use model::{CommitSha, Environment, Manifest, Push, PushedRef, Release, Untrusted};
use parse::inputs::InputError;

/// Resolves a push.
pub(super) async fn push(
    context: &Context,
    push: &Push,
    purpose: Purpose,
) -> Result<Resolved, Stop> {
    refuse_base_on_deploy(context, purpose)?;
    if context.request.pr_number.is_some() {
        return Err(InputError::of("pr-number", "a push is of no pull request").into());
    }
    let commit = pushed_commit(context, push).await?;
    agree(context.request.sha.as_ref(), &commit)?;
    let manifest = manifest_of_event(context, &commit, &push.default_branch, purpose).await?;
    let matching = matching(context, push, &manifest, &commit, purpose).await?;
    let subject = subject_of_push(context, &manifest, matching, purpose)?;
    let is_default = matches!(&push.pushed, PushedRef::Branch(name) | PushedRef::Either(name) if *name == push.default_branch);
    let mut base = Base::None(no_before(push));
    if let Some(before) = push.before {
        base = Base::Commit(before, "what the branch was on before the push".into());
    }
    let mut off_branch = None;
    if let Subject::Environments {
        environments,
        release: Some(release),
    } = &subject
    {
        let is_moved = push.before.is_some() || (push.forced && !push.created);
        if matches!(push.pushed, PushedRef::Tag(_)) && is_moved {
            return Err(Failure::Release(ReleaseRefusal::Moved(release.to_string())).into());
        }
        let environments = environments_in(&manifest, environments)?;
        off_branch =
            off_branch_of(context, push, &environments, (release, &commit), purpose).await?;
    }
    let tip = if is_default {
        Tip::OfDefaultBranch
    } else {
        Tip::Other
    };
    let commit = EventCommit {
        manifest,
        subject,
        commit,
        base,
        push: Some(push),
        tip,
        default_branch: push.default_branch.clone(),
        off_branch,
    };
    commit.resolved(context).await
}

/// The environments that the pushed branch or tag concerns, and the release that it is.
async fn matching(
    context: &Context,
    push: &Push,
    manifest: &Manifest,
    commit: &CommitSha,
    purpose: Purpose,
) -> Result<Option<(Environments, Option<Release>)>, Stop> {
    let (concerns, name) = match &push.pushed {
        PushedRef::Branch(name) => (of_branch(manifest, name), name),
        PushedRef::Tag(name) => (of_tag(manifest, name), name),
        PushedRef::Either(name) => (either(context, manifest, name, commit).await?, name),
    };
    let shown = Untrusted(name.as_bytes());
    let matching = match concerns {
        Concerns::Malformed => {
            return Err(Failure::Release(ReleaseRefusal::Malformed(shown.to_string())).into());
        }
        Concerns::None if purpose == Purpose::Deploy => {
            return Err(nothing(&format!("no environment deploys from {shown}")));
        }
        Concerns::None => None,
        Concerns::Environments(environments, release) => Some((environments, release)),
    };
    if let Some(asked) = &context.request.release {
        let release = matching.as_ref().and_then(|(_, release)| release.as_ref());
        if release.is_none_or(|release| release.tag().as_str() != asked) {
            return Err(InputError::of("release", "it is not the tag that was pushed").into());
        }
    }
    Ok(matching)
}

/// Why a release is refused whose commit is on none of the branches that its environments are released from.
async fn off_branch_of(
    context: &Context,
    push: &Push,
    environments: &[&Environment],
    (release, commit): (&Release, &CommitSha),
    purpose: Purpose,
) -> Result<Option<OffBranch>, Failure> {
    let branch = &push.default_branch;
    let mut refused = None;
    for environment in environments {
        match on_release_branch(context, environment, release, commit, branch).await {
            Ancestry::Yes => {}
            Ancestry::Unknown(why) => {
                let text =
                    format!("whether release {release} is on a release branch is not known: {why}");
                match purpose {
                    Purpose::Deploy => return Err(Failure::OrderUnknown(text)),
                    Purpose::Plan | Purpose::Verify | Purpose::Promote => {
                        context.warn("The release's branch is not known", &text);
                    }
                }
            }
            Ancestry::No => refused = refused.or(off_branch(environment, release, branch)),
        }
    }
    Ok(refused)
}

pub(super) async fn pushed_commit(context: &Context, push: &Push) -> Result<CommitSha, Failure> {
    let PushedRef::Tag(name) = &push.pushed else {
        return Ok(push.after);
    };
    let no_commit = || {
        Failure::Release(ReleaseRefusal::NoCommit(
            Untrusted(name.as_bytes()).to_string(),
        ))
    };
    match (context.clients.history.peel(&push.after).await, push.commit) {
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
    let is_there = tag != Concerns::None
        && context.clients.history.tag_commit(name).await?.as_ref() == Some(commit);
    Ok(if is_there { tag } else { Concerns::None })
}

fn subject_of_push(
    context: &Context,
    manifest: &Manifest,
    matching: Option<(Environments, Option<Release>)>,
    purpose: Purpose,
) -> Result<Subject, Failure> {
    let chosen = context.request.environment.as_ref();
    if let Some(name) = chosen
        && manifest.environment(name).is_none()
    {
        return Err(unknown_environment(manifest, name).into());
    }
    let Some((matching, release)) = matching else {
        return Ok(Subject::Commit);
    };
    // A plan may answer for several.
    let environments = match (purpose, chosen) {
        (Purpose::Plan, None) => matching,
        (Purpose::Plan | Purpose::Verify | Purpose::Deploy | Purpose::Promote, _) => {
            Environments::one(choose(matching, chosen)?)
        }
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
