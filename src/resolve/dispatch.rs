//! A dispatch: what its inputs name, on which commit, and that it may be deployed from there.

use super::release::{OffBranch, off_branch, on_release_branch};
use super::source::default_image;
use super::{
    EventBase, EventCommit, Purpose, Resolved, agree, manifest_of_event, refuse_base_on_deploy,
    resolve_name, unknown_environment,
};
use crate::context::{Context, Stop};
use crate::failure::{Failure, ReleaseRefusal};
use crate::history::Ancestry;
use decide::{Base, Concerns, Environments, Subject, Tip, of_branch, of_tag};
use model::{
    CommitName, CommitSha, Dispatch, Environment, EnvironmentName, Level, Manifest, ManifestSource,
    Notice, PushedRef, Release, ReleaseTemplate, TagReading, Untrusted, When,
};
use parse::event::EventError;
use parse::inputs::InputError;
use parse::manifest::{self, Home};

/// Resolves what the inputs of a dispatch name.
pub(super) async fn dispatch(
    context: &Context,
    dispatch: &Dispatch,
    purpose: Purpose,
) -> Result<Resolved, Stop> {
    refuse_base_on_deploy(context, purpose)?;
    if context.request.pr_number.is_some() || is_outside(context) {
        return outside(context);
    }
    let default_branch = default_branch_of(dispatch);
    let at = match (dispatch.commit, &context.request.sha) {
        (Some(commit), _) => commit,
        (None, Some(name)) => resolve_name(context, "sha", name).await?,
        (None, None) => tip(context, &default_branch).await?,
    };
    let manifest = manifest_of_event(context, &at, &default_branch, purpose).await?;
    if manifest.source == ManifestSource::File && names_other_image(context, &manifest) {
        return outside(context);
    }
    let environment = match environment_of_dispatch(context, &manifest, dispatch) {
        Ok(environment) => environment,
        // A plan without an environment is about the images of the commit.
        Err(NoEnvironment::Several(_)) if purpose == Purpose::Plan => None,
        Err(error) => return Err(Failure::from(error).into()),
    };
    let commit = match environment.cloned() {
        Some(environment) => {
            let at = (default_branch.as_str(), at);
            to_environment(context, dispatch, (manifest, environment), at, purpose).await?
        }
        None => EventCommit {
            commit: asked_commit(context).await?.unwrap_or(at),
            manifest,
            subject: Subject::Commit,
            base: no_before(),
            push: None,
            tip: Tip::Other,
            default_branch,
            off_branch: None,
        },
    };
    commit.resolved(context).await
}

/// What is deployed to the environment that a dispatch means.
async fn to_environment(
    context: &Context,
    dispatch: &Dispatch,
    (mut manifest, environment): (Manifest, Environment),
    (default_branch, at): (&str, CommitSha),
    purpose: Purpose,
) -> Result<EventCommit<'static>, Failure> {
    refuse_other_branch(context, &environment, dispatch)?;
    let run = (default_branch, at);
    let AskedCommit {
        commit,
        release,
        off_branch,
    } = commit_of_dispatch(context, &environment, dispatch, run, purpose).await?;
    let name = environment.name;
    if commit != at {
        manifest = manifest_of_event(context, &commit, default_branch, purpose).await?;
        manifest
            .environment(&name)
            .ok_or_else(|| unknown_environment(&manifest, &name))?;
    }
    let is_default = matches!(&environment.when, When::Branch(branch) if branch == default_branch);
    let tip = if is_default && context.request.sha.is_none() {
        Tip::OfDefaultBranch
    } else {
        Tip::Other
    };
    let subject = Subject::Environments {
        environments: Environments::one(name),
        release,
    };
    Ok(EventCommit {
        manifest,
        subject,
        commit,
        base: no_before(),
        push: None,
        tip,
        default_branch: default_branch.to_owned(),
        off_branch,
    })
}

fn no_before() -> Base {
    Base::None("a manual run does not say which commit was there before".into())
}

/// Whether the input `image` is none of the manifest's.
fn names_other_image(context: &Context, manifest: &Manifest) -> bool {
    let Some(image) = &context.request.image else {
        return false;
    };
    let mut known = manifest.images.iter();
    !known.any(|known| known.repository == *image)
}

/// Refuses a run by hand on another branch than the environment's: it would deploy the tip of the environment's branch, and the person meant
/// what he ran it on. Naming the commit says what is meant.
fn refuse_other_branch(
    context: &Context,
    environment: &Environment,
    dispatch: &Dispatch,
) -> Result<(), Failure> {
    let When::Branch(branch) = &environment.when else {
        return Ok(());
    };
    if !dispatch.of_workflow || context.request.sha.is_some() {
        return Ok(());
    }
    let ran_on = match &dispatch.pushed {
        Some(PushedRef::Branch(name)) if name == branch => return Ok(()),
        Some(PushedRef::Branch(name)) => format!("branch {}", Untrusted(name.as_bytes())),
        Some(PushedRef::Tag(name)) => format!("tag {}", Untrusted(name.as_bytes())),
        Some(PushedRef::Either(_)) | None => return Ok(()),
    };
    Err(Failure::Event(EventError::OtherBranch {
        environment: environment.name.to_string(),
        branch: Untrusted(branch.as_bytes()).to_string(),
        ran_on,
    }))
}

/// A schedule says no default branch, and always runs on it.
pub(super) fn default_branch_of(dispatch: &Dispatch) -> String {
    let of_run = match &dispatch.pushed {
        Some(PushedRef::Branch(name)) => Some(name.clone()),
        Some(PushedRef::Tag(_) | PushedRef::Either(_)) | None => None,
    };
    dispatch
        .default_branch
        .clone()
        .or(of_run)
        .unwrap_or_else(|| "main".into())
}

/// Why a dispatch means no environment that can be told.
pub(super) enum NoEnvironment {
    /// The named one is not in the manifest. The error lists those that are.
    Unknown(InputError),
    /// It could be any of these.
    Several(Vec<EnvironmentName>),
}

impl From<NoEnvironment> for Failure {
    fn from(error: NoEnvironment) -> Self {
        match error {
            NoEnvironment::Unknown(error) => error.into(),
            NoEnvironment::Several(names) => {
                let names: Vec<&str> = names.iter().map(EnvironmentName::as_str).collect();
                InputError::of(
                    "environment",
                    format!("a manual run needs it: one of {}", names.join(", ")),
                )
                .into()
            }
        }
    }
}

/// Which environment a dispatch means: the named one, the one that its ref matches, or the only one. `None` where the manifest has none.
pub(super) fn environment_of_dispatch<'m>(
    context: &Context,
    manifest: &'m Manifest,
    dispatch: &Dispatch,
) -> Result<Option<&'m Environment>, NoEnvironment> {
    let find = |name: &EnvironmentName| {
        let found = manifest.environment(name);
        found.ok_or_else(|| NoEnvironment::Unknown(unknown_environment(manifest, name)))
    };
    if let Some(name) = &context.request.environment {
        return find(name).map(Some);
    }
    let concerns = match (&context.request.release, &dispatch.pushed) {
        (Some(tag), _) => of_tag(manifest, tag),
        (None, Some(PushedRef::Branch(name))) => of_branch(manifest, name),
        (None, Some(PushedRef::Tag(name))) => of_tag(manifest, name),
        (None, Some(PushedRef::Either(_)) | None) => Concerns::None,
    };
    let several = || {
        let names = manifest.environments.iter().map(|own| own.name.clone());
        Err(NoEnvironment::Several(names.collect()))
    };
    match (concerns, manifest.environments.as_slice()) {
        (Concerns::Environments(matching, _), _) => match matching.only() {
            Ok(name) => find(name).map(Some),
            Err(_) => several(),
        },
        (Concerns::None | Concerns::Malformed, [only]) => Ok(Some(only)),
        (Concerns::None | Concerns::Malformed, []) => Ok(None),
        (Concerns::None | Concerns::Malformed, _) => several(),
    }
}

/// The commit that a dispatch is about.
struct AskedCommit {
    commit: CommitSha,
    release: Option<Release>,
    /// Why the release is refused, unless it was begun before.
    off_branch: Option<OffBranch>,
}

impl AskedCommit {
    const fn of_branch(commit: CommitSha) -> Self {
        Self {
            commit,
            release: None,
            off_branch: None,
        }
    }
}

async fn commit_of_dispatch(
    context: &Context,
    environment: &Environment,
    dispatch: &Dispatch,
    (default_branch, at): (&str, CommitSha),
    purpose: Purpose,
) -> Result<AskedCommit, Failure> {
    match &environment.when {
        When::Branch(branch) => {
            if context.request.release.is_some() {
                return Err(InputError::of(
                    "release",
                    format!("environment {} deploys from a branch", environment.name),
                )
                .into());
            }
            let is_here = matches!(&dispatch.pushed, Some(PushedRef::Branch(name)) if name == branch)
                && dispatch.commit.is_some();
            let Some(commit) = asked_commit(context).await? else {
                let commit = if is_here {
                    at
                } else {
                    tip(context, branch).await?
                };
                return Ok(AskedCommit::of_branch(commit));
            };
            if purpose != Purpose::Plan {
                must_be_on(context, &commit, branch).await?;
            }
            Ok(AskedCommit::of_branch(commit))
        }
        When::Release { template, .. } => {
            let (commit, release) =
                release_of_dispatch(context, environment, template, dispatch).await?;
            agree(context.request.sha.as_ref(), &commit)?;
            let ancestry =
                on_release_branch(context, environment, &release, &commit, default_branch).await;
            let off_branch = match ancestry {
                Ancestry::Yes => None,
                Ancestry::Unknown(why) => return Err(Failure::OrderUnknown(why)),
                Ancestry::No => off_branch(environment, &release, default_branch),
            };
            Ok(AskedCommit {
                commit,
                release: Some(release),
                off_branch,
            })
        }
    }
}

async fn must_be_on(context: &Context, commit: &CommitSha, branch: &str) -> Result<(), Failure> {
    let shown = Untrusted(branch.as_bytes());
    match context.clients.history.is_on_branch(commit, branch).await {
        Ancestry::Yes => Ok(()),
        Ancestry::No => Err(Failure::NotReachable(format!(
            "commit {commit} is not on branch {shown}"
        ))),
        Ancestry::Unknown(why) => Err(Failure::OrderUnknown(format!(
            "whether commit {commit} is on branch {shown} is not known: {why}"
        ))),
    }
}

async fn release_of_dispatch(
    context: &Context,
    environment: &Environment,
    template: &ReleaseTemplate,
    dispatch: &Dispatch,
) -> Result<(CommitSha, Release), Failure> {
    let of_run = match &dispatch.pushed {
        Some(PushedRef::Tag(name)) => Some(name.clone()),
        Some(PushedRef::Branch(_) | PushedRef::Either(_)) | None => None,
    };
    let tag = context.request.release.clone().or(of_run).ok_or_else(|| {
        InputError::of(
            "release",
            format!(
                "environment {} deploys releases: name one like {template}",
                environment.name
            ),
        )
    })?;
    let shown = Untrusted(tag.as_bytes()).to_string();
    let release = match template.read(&tag) {
        TagReading::Release(release) => release,
        TagReading::Malformed | TagReading::Foreign => {
            return Err(InputError::of(
                "release",
                format!("it is \"{shown}\", wanted one like {template}"),
            )
            .into());
        }
    };
    let commit = context
        .clients
        .history
        .tag_commit(&tag)
        .await?
        .ok_or(Failure::Release(ReleaseRefusal::Absent(shown)))?;
    Ok((commit, release))
}

pub(super) async fn tip(context: &Context, branch: &str) -> Result<CommitSha, Failure> {
    let shown = Untrusted(branch.as_bytes());
    context.clients.history.tip(branch).await?.ok_or_else(|| {
        Failure::OrderUnknown(format!(
            "branch {shown} is neither in the checkout nor at GitHub"
        ))
    })
}

async fn asked_commit(context: &Context) -> Result<Option<CommitSha>, Failure> {
    match &context.request.sha {
        Some(name) => resolve_name(context, "sha", name).await.map(Some),
        None => Ok(None),
    }
}

/// Whether the named image is none of this repository's: another owner's, or, where no hook says what to deploy, another name's.
fn is_outside(context: &Context) -> bool {
    let Some(image) = &context.request.image else {
        return false;
    };
    let (owner, repo) = (
        context.slug.owner().to_ascii_lowercase(),
        context.slug.repo().to_ascii_lowercase(),
    );
    let mut parts = image.path().split('/');
    let has_owner = parts.next() == Some(owner.as_str());
    let has_repo = parts.next() == Some(repo.as_str());
    let is_wanted = context.request.deploy_hook.is_some()
        || context.request.environment.is_some()
        || !context.request.deploy_hooks.is_empty();
    !has_owner || !(has_repo || is_wanted)
}

/// An image of another repository, or a pull request's by number: verified by its full commit, and nothing is looked up in git.
fn outside(context: &Context) -> Result<Resolved, Stop> {
    let Some(CommitName::Full(commit)) = context.request.sha else {
        return Err(InputError::of(
            "sha",
            "with pr-number, or an image of another repository, all 40 digits are needed",
        )
        .into());
    };
    if context.request.release.is_some() {
        return Err(InputError::of(
            "release",
            "it has no meaning with pr-number, or with an image of another repository",
        )
        .into());
    }
    let home = Home {
        owner: context.slug.owner(),
        repo: context.slug.repo(),
        default_branch: "main",
    };
    let image = context
        .request
        .image
        .clone()
        .map_or_else(|| default_image(context), Ok)?;
    let manifest = manifest::shorthand(image, &home)?;
    let named = |number| Subject::PullRequest {
        number,
        cannot_push: None,
    };
    let subject = context.request.pr_number.map_or(Subject::Commit, named);
    context.log.notice(&Notice::new(
        Level::Notice,
        "Verified only",
        "with pr-number, or an image of another repository, nothing is deployed",
    ));
    Ok(Resolved {
        manifest,
        subject,
        commit,
        before: EventBase::Nothing("an image that is named is verified whatever changed".into()),
        given_base: None,
        tip: Tip::Other,
        created: None,
        revisions: vec![commit],
        in_fork: false,
        default_branch: "main".into(),
        off_branch: None,
    })
}
