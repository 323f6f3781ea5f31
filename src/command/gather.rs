//! What a run is about, found out by asking: the event, the inputs, the manifest, the checkout and GitHub.

use super::failure::{Failure, ReleaseRefusal};
use super::history::{Ancestry, Movement, PreviousRelease};
use super::scene::Scene;
use crate::decide::{Base, Changes, Concerns, Subject, Tip, choose, of_branch, of_tag};
use crate::domain::{
    CommitName, CommitSha, Dispatch, Environment, EnvironmentName, FileAt, Foreign, Level, Manifest, MergeGroup,
    Notice, PullRequest, Push, PushedRef, Reading, Release, ReleaseTemplate, Repository, Source, When,
};
use crate::intake::inputs::{Command, InputError};
use crate::intake::manifest::{self, Home};

/// What was found out.
pub(crate) struct Gathered {
    pub(crate) manifest: Manifest,
    pub(crate) subject: Subject,
    pub(crate) commit: CommitSha,
    pub(crate) base: Base,
    pub(crate) changes: Changes,
    pub(crate) tip: Tip,
    pub(crate) created: Option<String>,
    /// The commits that an image may say it was built from.
    pub(crate) revisions: Vec<CommitSha>,
    /// Whether credentials may be missing without anybody's fault.
    pub(crate) in_fork: bool,
}

/// What gathering comes to.
pub(crate) enum Found {
    /// Something to do.
    Work(Box<Gathered>),
    /// Nothing to do; the sentence says why.
    Nothing(String),
    /// A newer release has taken over; the sentence says which.
    Superseded(String),
}

/// Asks about a push.
pub(crate) async fn push(scene: &Scene, push: &Push) -> Result<Found, Failure> {
    refuse_base_on_deploy(scene)?;
    if scene.request.pr_number.is_some() {
        return Err(InputError::of("pr-number", "a push is of no pull request").into());
    }
    let commit = pushed_commit(scene, push).await?;
    agree(scene.request.sha.as_ref(), &commit)?;
    let manifest = manifest_at(scene, &commit, &push.default_branch).await?;
    let concerns = match &push.pushed {
        PushedRef::Branch(name) => of_branch(&manifest, name),
        PushedRef::Tag(name) => of_tag(&manifest, name),
        PushedRef::Either(name) => either(scene, &manifest, name, &commit).await?,
    };
    let (PushedRef::Branch(name) | PushedRef::Tag(name) | PushedRef::Either(name)) = &push.pushed;
    let shown = Foreign(name.as_bytes());
    let (environments, release) = match concerns {
        Concerns::Malformed => return Err(Failure::Release(ReleaseRefusal::Malformed(shown.to_string()))),
        Concerns::None if scene.request.command == Command::Deploy => {
            return Ok(Found::Nothing(format!("no environment deploys from {shown}")));
        }
        Concerns::None => (Vec::new(), None),
        Concerns::Environments(environments, release) => (environments, release),
    };
    if let (Some(asked), found) = (&scene.request.release, &release)
        && found.as_ref().is_none_or(|found| found.tag().as_str() != asked)
    {
        return Err(InputError::of("release", "it is not the tag that was pushed").into());
    }
    let subject = subject_of_push(scene, &manifest, environments, release)?;
    let is_default =
        matches!(&push.pushed, PushedRef::Branch(name) | PushedRef::Either(name) if *name == push.default_branch);
    let mut base = Base::None(no_before(push));
    if let Some(before) = push.before {
        base = Base::Commit(before, "what the branch was on before the push".into());
    }
    if let Subject::Environments { environments, release: Some(release) } = &subject {
        if matches!(push.pushed, PushedRef::Tag(_)) && (push.before.is_some() || (push.forced && !push.created)) {
            return Err(Failure::Release(ReleaseRefusal::Moved(release.to_string())));
        }
        for environment in environments.iter().filter_map(|name| manifest.environment(name)) {
            match on_release_branch(scene, environment, release, &commit, &push.default_branch).await? {
                Ancestry::Yes => {}
                Ancestry::Unknown(why) if scene.around.is_rerun => return Err(Failure::OrderUnknown(why)),
                Ancestry::Unknown(why) => {
                    scene.warn(
                        "The release's branch is not known",
                        &format!("whether release {release} is on a release branch is not known: {why}"),
                    );
                }
                Ancestry::No => unreachable_release(environment, release, &push.default_branch)?,
            }
            match previous(scene, environment, release).await {
                Ok(found) => base = found,
                Err(sentence) => return Ok(Found::Superseded(sentence)),
            }
        }
    }
    let revisions = vec![commit];
    let tip = if is_default { Tip::OfDefaultBranch } else { Tip::Other };
    work(scene, manifest, subject, commit, base, Some(push), tip, revisions).await
}

/// Asks about a pull request. Its manifest is the base's, but for the paths that it may change.
pub(crate) async fn pull_request(scene: &Scene, pull: &PullRequest) -> Result<Found, Failure> {
    refuse_base_on_deploy(scene)?;
    if scene.request.release.is_some() {
        return Err(InputError::of("release", "a pull request never deploys a release").into());
    }
    if scene.request.pr_number.is_some_and(|number| number != pull.number) {
        return Err(InputError::of("pr-number", format!("the event is of pull request {}", pull.number)).into());
    }
    agree(scene.request.sha.as_ref(), &pull.head)?;
    let base_manifest = manifest_at(scene, &pull.base, &pull.default_branch).await?;
    let manifest = match base_manifest.source {
        Source::File => {
            manifest::for_pull_request(base_manifest, manifest_at(scene, &pull.head, &pull.default_branch).await?)
        }
        Source::Shorthand => base_manifest,
    };
    let cannot_push = match (pull.from_fork, pull.by_dependabot, scene.lacks_registry_password()) {
        (true, _, _) => Some("the pull request comes from a fork, whose workflow cannot push images".to_owned()),
        (false, true, _) => {
            Some("the pull request is Dependabot's, whose workflow has no secrets to push with".to_owned())
        }
        (false, false, true) => Some("registry-password is not set, so nothing can have been pushed".to_owned()),
        (false, false, false) => None,
    };
    let (mut changes, merge_base) = scene.history.changes_of_pull_request(pull).await;
    let mut base = Base::Commit(merge_base.unwrap_or(pull.base), "the merge base".into());
    if let Some(given) = given_base(scene).await? {
        changes = scene.history.changes(&given, &pull.head, Movement::Rewritten).await;
        base = Base::Commit(given, "the input base".into());
    }
    let subject = Subject::PullRequest { number: pull.number, cannot_push };
    let revisions = [Some(pull.head), pull.merge].into_iter().flatten().collect();
    let created = checkout_time(scene, &pull.head);
    Ok(found(Gathered {
        manifest,
        subject,
        commit: pull.head,
        base,
        changes,
        tip: Tip::Other,
        created,
        revisions,
        in_fork: true,
    }))
}

/// Asks about a merge group, which is verified and never deployed: it may be discarded.
pub(crate) async fn merge_group(scene: &Scene, group: &MergeGroup) -> Result<Found, Failure> {
    agree(scene.request.sha.as_ref(), &group.head)?;
    let manifest = manifest_at(scene, &group.head, &group.default_branch).await?;
    let base = Base::Commit(group.base, "what the group is to be merged onto".into());
    work(scene, manifest, Subject::Commit, group.head, base, None, Tip::Other, vec![group.head]).await
}

/// Asks about what the inputs of a dispatch name.
pub(crate) async fn dispatch(scene: &Scene, dispatch: &Dispatch) -> Result<Found, Failure> {
    refuse_base_on_deploy(scene)?;
    if scene.request.pr_number.is_some() || is_outside(scene) {
        return outside(scene);
    }
    let default_branch = dispatch.default_branch.clone().unwrap_or_else(|| "main".into());
    let at = match (dispatch.commit, &scene.request.sha) {
        (Some(commit), _) => commit,
        (None, Some(name)) => resolve(scene, "sha", name).await?,
        (None, None) => tip(scene, &default_branch).await?,
    };
    let mut manifest = manifest_at(scene, &at, &default_branch).await?;
    let Some(name) = environment_of_dispatch(scene, &manifest, dispatch)? else {
        let commit = asked_commit(scene).await?.unwrap_or(at);
        let base = Base::None("a dispatch does not say what was there before".into());
        return work(scene, manifest, Subject::Commit, commit, base, None, Tip::Other, vec![commit]).await;
    };
    let environment = manifest.environment(&name).cloned().ok_or_else(|| unknown_environment(&name))?;
    let (commit, release) = commit_of_dispatch(scene, &environment, dispatch, &default_branch, at).await?;
    if commit != at {
        manifest = manifest_at(scene, &commit, &default_branch).await?;
        manifest.environment(&name).ok_or_else(|| unknown_environment(&name))?;
    }
    let mut base = Base::None("a dispatch does not say what was there before".into());
    if let Some(release) = &release {
        match previous(scene, &environment, release).await {
            Ok(found) => base = found,
            Err(sentence) => return Ok(Found::Superseded(sentence)),
        }
    }
    let is_default =
        matches!(&environment.when, When::Branch(branch) if *branch == default_branch) && scene.request.sha.is_none();
    let tip = if is_default { Tip::OfDefaultBranch } else { Tip::Other };
    let subject = Subject::Environments { environments: vec![name], release };
    work(scene, manifest, subject, commit, base, None, tip, vec![commit]).await
}

#[expect(clippy::too_many_arguments, reason = "the parts of one value, put together in one place")]
async fn work(
    scene: &Scene,
    manifest: Manifest,
    subject: Subject,
    commit: CommitSha,
    mut base: Base,
    push: Option<&Push>,
    tip: Tip,
    revisions: Vec<CommitSha>,
) -> Result<Found, Failure> {
    if let Some(given) = given_base(scene).await? {
        base = Base::Commit(given, "the input base".into());
    }
    let is_push = push.is_some_and(|push| !push.forced && Some(base.commit()) == Some(push.before.as_ref()));
    let movement = if is_push { Movement::Forward } else { Movement::Rewritten };
    let changes = match base.commit() {
        Some(base) => scene.history.changes(base, &commit, movement).await,
        None => Changes::Unknown("there is nothing to compare with".into()),
    };
    let created = push.and_then(|push| push.commit_time.clone()).or_else(|| checkout_time(scene, &commit));
    let in_fork = push.is_some_and(|push| push.in_fork);
    Ok(found(Gathered { manifest, subject, commit, base, changes, tip, created, revisions, in_fork }))
}

/// A label is not worth a request: the checkout says it, or nobody.
fn checkout_time(scene: &Scene, commit: &CommitSha) -> Option<String> {
    scene.history.checkout().and_then(|checkout| checkout.commit_time(commit))
}

fn found(gathered: Gathered) -> Found {
    Found::Work(Box::new(gathered))
}

/// The manifest at a commit, or the shorthand where there is none.
async fn manifest_at(scene: &Scene, commit: &CommitSha, default_branch: &str) -> Result<Manifest, Failure> {
    let path = &scene.request.manifest;
    let home = Home { owner: scene.slug.owner(), repo: scene.slug.repo(), default_branch };
    let shorthand = || {
        let image = scene.request.image.clone().map_or_else(|| default_image(scene), Ok)?;
        Ok(manifest::shorthand(image, &home)?)
    };
    match scene.history.file_at(commit, &path.path).await {
        Ok(FileAt::File(bytes)) => {
            manifest::parse(&bytes, &home).map_err(|mistakes| Failure::Manifest { path: path.path.clone(), mistakes })
        }
        Ok(FileAt::Absent) if path.is_explicit => {
            Err(Failure::NoManifest(format!("{} is not in commit {commit}", Foreign(path.path.as_bytes()))))
        }
        Ok(FileAt::Absent) => shorthand(),
        Ok(FileAt::TooLarge(bytes)) => {
            Err(Failure::NoManifest(format!("{} has {bytes} bytes", Foreign(path.path.as_bytes()))))
        }
        Ok(FileAt::NotAFile(what)) => {
            Err(Failure::NoManifest(format!("{} is {what}, not a file", Foreign(path.path.as_bytes()))))
        }
        Ok(FileAt::CommitMissing) | Err(_) if !path.is_explicit && does_without_manifest(scene) => {
            scene.warn(
                "No manifest could be read",
                "no manifest could be read, neither from the checkout nor from GitHub, so there is taken to be none",
            );
            shorthand()
        }
        Ok(FileAt::CommitMissing) => {
            Err(Failure::NoManifest(format!("commit {commit} is neither in the checkout nor at GitHub")))
        }
        Err(error) => Err(error.into()),
    }
}

/// Who names the shorthand's hook or image has no manifest; and tags are computed without asking anybody.
fn does_without_manifest(scene: &Scene) -> bool {
    let request = &scene.request;
    request.deploy_hook.is_some() || request.image.is_some() || request.command == Command::Plan
}

fn default_image(scene: &Scene) -> Result<Repository, Failure> {
    Ok(Repository::parse(&format!("ghcr.io/{}", scene.slug.to_string().to_ascii_lowercase()))?)
}

async fn pushed_commit(scene: &Scene, push: &Push) -> Result<CommitSha, Failure> {
    let PushedRef::Tag(name) = &push.pushed else { return Ok(push.after) };
    let no_commit = || Failure::Release(ReleaseRefusal::NoCommit(Foreign(name.as_bytes()).to_string()));
    match (scene.history.peel(&push.after).await, push.commit) {
        (Ok(Some(peeled)), _) => Ok(peeled),
        // An annotated tag's commit stands in the payload too; neither the checkout nor GitHub contradicts it.
        (_, Some(commit)) => Ok(commit),
        (Ok(None), None) | (Err(_), None) => Err(no_commit()),
    }
}

/// A workflow run names its branch or tag by a short name: only a tag that is there and on this commit counts as one.
async fn either(scene: &Scene, manifest: &Manifest, name: &str, commit: &CommitSha) -> Result<Concerns, Failure> {
    let branch = of_branch(manifest, name);
    if branch != Concerns::None {
        return Ok(branch);
    }
    let tag = of_tag(manifest, name);
    let is_there = tag != Concerns::None && scene.history.tag_commit(name).await?.as_ref() == Some(commit);
    Ok(if is_there { tag } else { Concerns::None })
}

fn subject_of_push(
    scene: &Scene,
    manifest: &Manifest,
    matching: Vec<EnvironmentName>,
    release: Option<Release>,
) -> Result<Subject, Failure> {
    let chosen = scene.request.environment.as_ref();
    if let Some(name) = chosen.filter(|name| manifest.environment(name).is_none()) {
        return Err(unknown_environment(name));
    }
    if matching.is_empty() {
        return Ok(Subject::Commit);
    }
    let environments = match (scene.request.command, chosen) {
        (Command::Plan, None) => matching,
        (Command::Plan | Command::Verify | Command::Deploy, chosen) => choose(matching, chosen)?,
    };
    Ok(Subject::Environments { environments, release })
}

fn unknown_environment(name: &EnvironmentName) -> Failure {
    InputError::of("environment", format!("there is no environment {name} in the deploy manifest")).into()
}

fn no_before(push: &Push) -> String {
    match (push.followed, push.created) {
        (true, _) => "a workflow run does not say what was pushed before".into(),
        (false, true) => "the branch is new".into(),
        (false, false) => "the push names no commit before it".into(),
    }
}

/// The release before this one, or the sentence that says which newer one there is.
async fn previous(scene: &Scene, environment: &Environment, release: &Release) -> Result<Base, String> {
    let When::Release { template, .. } = &environment.when else {
        return Ok(Base::None("the environment has no releases".into()));
    };
    if let Some(newer) = scene
        .history
        .highest_release(template)
        .await
        .ok()
        .flatten()
        .filter(|highest| highest.number() > release.number())
    {
        return Err(format!("release {newer} is newer than {release}"));
    }
    Ok(match scene.history.previous_release(template, release).await {
        PreviousRelease::Commit(previous, commit) => Base::Commit(commit, format!("release {previous}")),
        PreviousRelease::None => Base::None("there is no earlier release".into()),
        PreviousRelease::Unknown(why) => Base::None(format!("the release before it is not known: {why}")),
    })
}

async fn on_release_branch(
    scene: &Scene,
    environment: &Environment,
    release: &Release,
    commit: &CommitSha,
    default_branch: &str,
) -> Result<Ancestry, Failure> {
    let When::Release { from, .. } = &environment.when else { return Ok(Ancestry::Yes) };
    let default = [default_branch.to_owned()];
    let branches: &[String] = if from.is_empty() { &default } else { from };
    let mut unknown = None;
    for branch in branches {
        match scene.history.is_on_branch(commit, branch).await {
            Ancestry::Yes => return Ok(Ancestry::Yes),
            Ancestry::No => {}
            Ancestry::Unknown(why) => unknown = Some(why),
        }
    }
    scene.log.debug(&format!("release {release} is on none of the branches that could be asked"));
    Ok(unknown.map_or(Ancestry::No, Ancestry::Unknown))
}

fn unreachable_release(environment: &Environment, release: &Release, default_branch: &str) -> Result<(), Failure> {
    let When::Release { from, .. } = &environment.when else { return Ok(()) };
    let branches = if from.is_empty() { default_branch.to_owned() } else { from.join(", ") };
    let shown = Foreign(branches.as_bytes()).to_string();
    Err(Failure::Release(ReleaseRefusal::OffBranch(release.to_string(), shown)))
}

/// Which environment a dispatch means: the named one, the one that its ref matches, or the only one.
fn environment_of_dispatch(
    scene: &Scene,
    manifest: &Manifest,
    dispatch: &Dispatch,
) -> Result<Option<EnvironmentName>, Failure> {
    if let Some(name) = &scene.request.environment {
        return if manifest.environment(name).is_some() {
            Ok(Some(name.clone()))
        } else {
            Err(unknown_environment(name))
        };
    }
    let concerns = match &dispatch.pushed {
        Some(PushedRef::Branch(name)) => of_branch(manifest, name),
        Some(PushedRef::Tag(name)) => of_tag(manifest, name),
        Some(PushedRef::Either(_)) | None => Concerns::None,
    };
    let by_release = scene.request.release.as_ref().map(|tag| of_tag(manifest, tag));
    let matching = match (by_release, concerns) {
        (Some(Concerns::Environments(names, _)), _) | (None, Concerns::Environments(names, _)) => names,
        (Some(Concerns::None | Concerns::Malformed), _) | (None, Concerns::None | Concerns::Malformed) => Vec::new(),
    };
    match (matching.as_slice(), manifest.environments.as_slice()) {
        ([one], _) => Ok(Some(one.clone())),
        ([], [only]) => Ok(Some(only.name.clone())),
        ([], []) => Ok(None),
        _ if scene.request.command == Command::Plan => Ok(None),
        _ => {
            let names: Vec<&str> = manifest.environments.iter().map(|environment| environment.name.as_str()).collect();
            Err(InputError::of("environment", format!("a dispatch needs it, one of {}", names.join(", "))).into())
        }
    }
}

async fn commit_of_dispatch(
    scene: &Scene,
    environment: &Environment,
    dispatch: &Dispatch,
    default_branch: &str,
    at: CommitSha,
) -> Result<(CommitSha, Option<Release>), Failure> {
    match &environment.when {
        When::Branch(branch) => {
            if scene.request.release.is_some() {
                return Err(InputError::of(
                    "release",
                    format!("environment {} deploys from a branch", environment.name),
                )
                .into());
            }
            let is_here = matches!(&dispatch.pushed, Some(PushedRef::Branch(name)) if name == branch)
                && dispatch.commit.is_some();
            let Some(commit) = asked_commit(scene).await? else {
                let commit = if is_here { at } else { tip(scene, branch).await? };
                return Ok((commit, None));
            };
            if scene.request.command != Command::Plan {
                must_be_on(scene, &commit, branch).await?;
            }
            Ok((commit, None))
        }
        When::Release { template, .. } => {
            let (commit, release) = release_of_dispatch(scene, environment, template, dispatch).await?;
            agree(scene.request.sha.as_ref(), &commit)?;
            match on_release_branch(scene, environment, &release, &commit, default_branch).await? {
                Ancestry::Yes => {}
                Ancestry::Unknown(why) => return Err(Failure::OrderUnknown(why)),
                Ancestry::No => unreachable_release(environment, &release, default_branch)?,
            }
            Ok((commit, Some(release)))
        }
    }
}

async fn must_be_on(scene: &Scene, commit: &CommitSha, branch: &str) -> Result<(), Failure> {
    let shown = Foreign(branch.as_bytes());
    match scene.history.is_on_branch(commit, branch).await {
        Ancestry::Yes => Ok(()),
        Ancestry::No => Err(Failure::NotReachable(format!("commit {commit} is not on branch {shown}"))),
        Ancestry::Unknown(why) => {
            Err(Failure::OrderUnknown(format!("whether commit {commit} is on branch {shown} is not known: {why}")))
        }
    }
}

async fn release_of_dispatch(
    scene: &Scene,
    environment: &Environment,
    template: &ReleaseTemplate,
    dispatch: &Dispatch,
) -> Result<(CommitSha, Release), Failure> {
    let of_run = match &dispatch.pushed {
        Some(PushedRef::Tag(name)) => Some(name.clone()),
        Some(PushedRef::Branch(_) | PushedRef::Either(_)) | None => None,
    };
    let tag = scene.request.release.clone().or(of_run).ok_or_else(|| {
        InputError::of(
            "release",
            format!("environment {} deploys releases: name one like {template}", environment.name),
        )
    })?;
    let shown = Foreign(tag.as_bytes()).to_string();
    let release = match template.read(&tag) {
        Reading::Release(release) => release,
        Reading::Malformed | Reading::Foreign => {
            return Err(InputError::of("release", format!("it is \"{shown}\", wanted one like {template}")).into());
        }
    };
    let commit = scene.history.tag_commit(&tag).await?.ok_or(Failure::Release(ReleaseRefusal::Absent(shown)))?;
    Ok((commit, release))
}

async fn tip(scene: &Scene, branch: &str) -> Result<CommitSha, Failure> {
    let shown = Foreign(branch.as_bytes());
    scene
        .history
        .tip(branch)
        .await?
        .ok_or_else(|| Failure::OrderUnknown(format!("branch {shown} is neither in the checkout nor at GitHub")))
}

async fn asked_commit(scene: &Scene) -> Result<Option<CommitSha>, Failure> {
    match &scene.request.sha {
        Some(name) => resolve(scene, "sha", name).await.map(Some),
        None => Ok(None),
    }
}

async fn given_base(scene: &Scene) -> Result<Option<CommitSha>, Failure> {
    match &scene.request.base {
        Some(name) => resolve(scene, "base", name).await.map(Some),
        None => Ok(None),
    }
}

async fn resolve(scene: &Scene, input: &'static str, name: &CommitName) -> Result<CommitSha, Failure> {
    let resolved = scene.history.resolve(name).await?;
    resolved.ok_or_else(|| InputError::of(input, format!("there is no commit {name} in this repository")).into())
}

fn refuse_base_on_deploy(scene: &Scene) -> Result<(), Failure> {
    if scene.request.base.is_some() && scene.request.command == Command::Deploy {
        return Err(InputError::of("base", "it is for plan and verify; a deploy finds its own").into());
    }
    Ok(())
}

/// A sha that somebody names must be the one of the event.
fn agree(named: Option<&CommitName>, commit: &CommitSha) -> Result<(), Failure> {
    let agrees = match named {
        None => true,
        Some(CommitName::Full(full)) => full == commit,
        Some(CommitName::Abbreviated(digits)) => commit.to_string().starts_with(digits),
    };
    if agrees { Ok(()) } else { Err(InputError::of("sha", format!("the event is about commit {commit}")).into()) }
}

/// Whether the named image is none of this repository's: another owner's, or, where no hook says what to deploy, another name's.
fn is_outside(scene: &Scene) -> bool {
    let Some(image) = &scene.request.image else { return false };
    let (owner, repo) = (scene.slug.owner().to_ascii_lowercase(), scene.slug.repo().to_ascii_lowercase());
    let mut parts = image.path().split('/');
    let has_owner = parts.next() == Some(owner.as_str());
    let has_repo = parts.next() == Some(repo.as_str());
    let is_wanted = scene.request.deploy_hook.is_some()
        || scene.request.environment.is_some()
        || !scene.request.deploy_hooks.is_empty();
    !has_owner || !(has_repo || is_wanted)
}

/// An image of another repository, or a pull request's by number: verified by its full commit, and nothing is looked up in git.
fn outside(scene: &Scene) -> Result<Found, Failure> {
    let Some(CommitName::Full(commit)) = scene.request.sha else {
        return Err(InputError::of(
            "sha",
            "with pr-number, or an image of another repository, all 40 digits are needed",
        )
        .into());
    };
    if scene.request.release.is_some() {
        return Err(InputError::of(
            "release",
            "it has no meaning with pr-number, or with an image of another repository",
        )
        .into());
    }
    let home = Home { owner: scene.slug.owner(), repo: scene.slug.repo(), default_branch: "main" };
    let image = scene.request.image.clone().map_or_else(|| default_image(scene), Ok)?;
    let manifest = manifest::shorthand(image, &home)?;
    let cannot_push = scene.lacks_registry_password().then(|| "registry-password is not set".to_owned());
    let subject =
        scene.request.pr_number.map_or(Subject::Commit, |number| Subject::PullRequest { number, cannot_push });
    let base = Base::None("an image that is named is verified whatever changed".into());
    let changes = Changes::Unknown("an image that is named is verified whatever changed".into());
    scene.log.notice(&Notice::new(
        Level::Notice,
        "Verified only",
        "with pr-number, or an image of another repository, nothing is deployed",
    ));
    Ok(found(Gathered {
        manifest,
        subject,
        commit,
        base,
        changes,
        tip: Tip::Other,
        created: None,
        revisions: vec![commit],
        in_fork: false,
    }))
}
