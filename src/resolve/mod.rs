//! Which commit, environment and manifest a run is about: by the event, the inputs, the checkout and GitHub.

mod candidate;
mod dispatch;
pub(crate) mod hooks;
mod pull_request;
mod push;
mod release;
mod rollback;
mod source;

pub(crate) use candidate::{
    ReleaseCandidate, candidate_of_dispatch, candidate_of_push, needs_github,
};
pub(crate) use release::{OffBranch, on_from_branch, previous};
pub(crate) use rollback::{ResolvedRollback, rollback};
pub(crate) use source::{WithoutManifest, commit_manifest, manifest_at};

use crate::context::{Context, Stop};
use crate::failure::Failure;
use decide::{Base, Environments, Subject, Tip};
use model::{
    CommitName, CommitSha, Environment, EnvironmentName, Manifest, MergeGroup, Outcome,
    PullRequest, Push, Trigger, known_names,
};
use parse::inputs::InputError;
use pull_request::cannot_push;

/// What the commit of an event is resolved for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To compute what a deploy would do. It may be about several environments.
    Plan,
    /// To verify its images.
    Verify,
    /// To deploy it to one environment.
    Deploy,
    /// To put tags on its images.
    Promote,
}

/// What a run is about.
pub(crate) struct Resolved {
    pub(crate) manifest: Manifest,
    pub(crate) subject: Subject,
    pub(crate) commit: CommitSha,
    /// What the event says was there before.
    pub(crate) before: EventBase,
    /// The commit that the input `base` names: then the commit is compared with that one.
    pub(crate) given_base: Option<CommitSha>,
    pub(crate) tip: Tip,
    pub(crate) created: Option<String>,
    /// The commits that an image may say it was built from.
    pub(crate) revisions: Vec<CommitSha>,
    /// Whether credentials may be missing without anybody's fault.
    pub(crate) in_fork: bool,
    /// The repository's default branch, as the event says it.
    pub(crate) default_branch: String,
    /// Why the release is refused, unless it was begun before.
    pub(crate) off_branch: Option<OffBranch>,
}

impl Resolved {
    /// The environments that the run is about; none for a pull request or a commit alone.
    ///
    /// # Errors
    /// One of them is not in the manifest.
    pub(crate) fn environments(&self) -> Result<Vec<&Environment>, Failure> {
        match &self.subject {
            Subject::Environments { environments, .. } => {
                environments_in(&self.manifest, environments)
            }
            Subject::PullRequest { .. } | Subject::Commit => Ok(Vec::new()),
        }
    }
}

fn environments_in<'m>(
    manifest: &'m Manifest,
    names: &Environments,
) -> Result<Vec<&'m Environment>, Failure> {
    let find = |name| {
        let found = manifest.environment(name);
        found.ok_or_else(|| unknown_environment(manifest, name).into())
    };
    names.iter().map(find).collect()
}

/// What was there before, as the event says it.
pub(crate) enum EventBase {
    /// A commit, or none.
    Commit {
        base: Base,
        /// The commit that the branch was on before the push.
        pushed: Option<CommitSha>,
        /// The same, where the push went forward from it.
        forward_from: Option<CommitSha>,
    },
    /// Where a pull request branched off, which is to be found out.
    PullRequest(Box<PullRequest>),
    /// Nothing that matters, for this reason.
    Nothing(String),
}

/// Resolves what the event is about.
///
/// # Errors
/// [`Stop::Early`] where the event asks for nothing; [`Failure`].
pub(crate) async fn event(context: &Context, purpose: Purpose) -> Result<Resolved, Stop> {
    match &context.trigger {
        Trigger::Push(push) => push::push(context, push, purpose).await,
        Trigger::PullRequest(pull) => match cannot_push(context, pull) {
            // Nothing has to be asked to know that there is nothing to wait for.
            Some(why) if purpose != Purpose::Plan => Err(no_image(context, &why)),
            why => pull_request::pull_request(context, pull, why, purpose).await,
        },
        Trigger::MergeGroup(group) => merge_group(context, group, purpose).await,
        Trigger::Dispatch(dispatch) => dispatch::dispatch(context, dispatch, purpose).await,
        Trigger::Closed(_) => Err(nothing(
            "the pull request is closed, so there is nothing to do",
        )),
        Trigger::Nothing(why) => Err(nothing(why)),
        Trigger::Refused(why) => Err(Failure::WrongEvent(why.clone()).into()),
    }
}

/// The end of a run that has nothing to do.
pub(crate) fn nothing(why: &str) -> Stop {
    Stop::early(Outcome::Nothing, format!("Nothing to do: {why}"))
}

/// The end of a run whose workflow cannot have pushed an image.
pub(crate) fn no_image(context: &Context, why: &str) -> Stop {
    context.warn("There can be no image", why);
    Stop::early(Outcome::Skipped, "Skipped: there can be no image to verify")
}

/// A merge group is verified and never deployed: it may be discarded.
async fn merge_group(
    context: &Context,
    group: &MergeGroup,
    purpose: Purpose,
) -> Result<Resolved, Stop> {
    agree(context.request.sha.as_ref(), &group.head)?;
    let manifest = manifest_of_event(context, &group.head, &group.default_branch, purpose).await?;
    let base = Base::Commit(group.base, "what the group is to be merged onto".into());
    let commit = EventCommit {
        manifest,
        subject: Subject::Commit,
        commit: group.head,
        base,
        push: None,
        tip: Tip::Other,
        default_branch: group.default_branch.clone(),
        off_branch: None,
    };
    commit.resolved(context).await
}

/// The commit of an event, before it is known what to compare it with.
struct EventCommit<'a> {
    manifest: Manifest,
    subject: Subject,
    commit: CommitSha,
    /// What the event says was there before.
    base: Base,
    push: Option<&'a Push>,
    tip: Tip,
    default_branch: String,
    off_branch: Option<OffBranch>,
}

impl EventCommit<'_> {
    async fn resolved(self, context: &Context) -> Result<Resolved, Stop> {
        let push = self.push;
        let created = push
            .and_then(|push| push.commit_time.clone())
            .or_else(|| checkout_time(context, &self.commit));
        let given_base = given_base(context).await?;
        let before = EventBase::Commit {
            base: self.base,
            pushed: push.and_then(|push| push.before),
            forward_from: push
                .filter(|push| !push.forced)
                .and_then(|push| push.before),
        };
        Ok(Resolved {
            manifest: self.manifest,
            subject: self.subject,
            commit: self.commit,
            before,
            given_base,
            tip: self.tip,
            created,
            revisions: vec![self.commit],
            in_fork: push.is_some_and(|push| push.in_fork),
            default_branch: self.default_branch,
            off_branch: self.off_branch,
        })
    }
}

/// The manifest at the commit of an event.
async fn manifest_of_event(
    context: &Context,
    commit: &CommitSha,
    default_branch: &str,
    purpose: Purpose,
) -> Result<Manifest, Failure> {
    let without = match purpose {
        // Tags are computed without asking anybody.
        Purpose::Plan => WithoutManifest::Assume,
        Purpose::Verify | Purpose::Deploy | Purpose::Promote => WithoutManifest::AssumeIfNamed,
    };
    manifest_at(context, commit, default_branch, without).await
}

/// A label is not worth a request: the checkout says it, or nobody.
fn checkout_time(context: &Context, commit: &CommitSha) -> Option<String> {
    context
        .clients
        .history
        .checkout()
        .and_then(|checkout| checkout.commit_time(commit))
}

pub(crate) fn unknown_environment(manifest: &Manifest, name: &EnvironmentName) -> InputError {
    let known: Vec<&str> = manifest
        .environments
        .iter()
        .map(|environment| environment.name.as_str())
        .collect();
    let text = format!(
        "there is no environment {name} in the deploy manifest ({})",
        known_names(name.as_str(), &known)
    );
    InputError::of("environment", text)
}

async fn given_base(context: &Context) -> Result<Option<CommitSha>, Failure> {
    match &context.request.base {
        Some(name) => resolve_name(context, "base", name).await.map(Some),
        None => Ok(None),
    }
}

async fn resolve_name(
    context: &Context,
    input: &'static str,
    name: &CommitName,
) -> Result<CommitSha, Failure> {
    let resolved = context.clients.history.resolve(name).await?;
    resolved.ok_or_else(|| {
        InputError::of(
            input,
            format!("there is no commit {name} in this repository"),
        )
        .into()
    })
}

fn refuse_base_on_deploy(context: &Context, purpose: Purpose) -> Result<(), Failure> {
    match purpose {
        Purpose::Deploy | Purpose::Promote => refuse_base(context),
        Purpose::Plan | Purpose::Verify => Ok(()),
    }
}

fn refuse_base(context: &Context) -> Result<(), Failure> {
    match &context.request.base {
        Some(_) => {
            Err(InputError::of("base", "it is for plan and verify; a deploy finds its own").into())
        }
        None => Ok(()),
    }
}

/// A sha that somebody names must be the one of the event.
fn agree(named: Option<&CommitName>, commit: &CommitSha) -> Result<(), Failure> {
    let agrees = match named {
        None => true,
        Some(CommitName::Full(full)) => full == commit,
        Some(CommitName::Abbreviated(digits)) => commit.to_string().starts_with(digits),
    };
    if agrees {
        Ok(())
    } else {
        Err(InputError::of("sha", format!("the event is about commit {commit}")).into())
    }
}
