//! What a run is about, found out by asking: the event, the inputs, the manifest, the checkout and GitHub.

mod candidate;
mod dispatch;
mod push;
mod release;
mod rollback;
mod source;

pub(crate) use candidate::{Candidate, candidate_of_dispatch, candidate_of_push, needs_github};
pub(crate) use dispatch::dispatch;
pub(crate) use push::push;
pub(crate) use rollback::{ResolvedRollback, rollback};

use crate::context::Context;
use crate::decide::{Base, Changes, Ground, Subject, Tip};
use crate::domain::{
    CommitName, CommitSha, Decision, Environment, EnvironmentName, Manifest, MergeGroup,
    PullRequest, Push, Source, known_names,
};
use crate::failure::Failure;
use crate::history::Movement;
use crate::intake::inputs::{Command, InputError};
use crate::intake::manifest;
use crate::state::{EnvironmentState, Ordered, StateQuery};
use release::previous;
pub(crate) use source::manifest_at;
use std::collections::BTreeMap;

/// What was found out.
pub(crate) struct Resolved {
    pub(crate) manifest: Manifest,
    pub(crate) subject: Subject,
    pub(crate) commit: CommitSha,
    /// What the plan goes by.
    pub(crate) ground: Ground,
    /// What is known of the environment, where there is one to deploy to.
    pub(crate) state: Option<EnvironmentState>,
    /// What is known of the other environments that a plan answers for.
    pub(crate) others: Vec<EnvironmentState>,
    pub(crate) tip: Tip,
    pub(crate) created: Option<String>,
    /// The commits that an image may say it was built from.
    pub(crate) revisions: Vec<CommitSha>,
    /// Whether credentials may be missing without anybody's fault.
    pub(crate) in_fork: bool,
}

impl Resolved {
    /// What is known of the environments of the run.
    pub(crate) fn states(&self) -> impl Iterator<Item = &EnvironmentState> {
        self.state.iter().chain(&self.others)
    }
}

/// What gathering comes to.
pub(crate) enum Resolution {
    /// Something to do.
    Work(Box<Resolved>),
    /// Nothing to do; the sentence says why.
    Nothing(String),
    /// A newer release has taken over; the sentence says which.
    Superseded(String),
}

/// Asks about a pull request. Its manifest is the base's, but for the paths that it may change.
pub(crate) async fn pull_request(
    context: &Context,
    pull: &PullRequest,
) -> Result<Resolution, Failure> {
    refuse_base_on_deploy(context)?;
    if context.request.release.is_some() {
        return Err(InputError::of("release", "a pull request never deploys a release").into());
    }
    if context
        .request
        .pr_number
        .is_some_and(|number| number != pull.number)
    {
        return Err(InputError::of(
            "pr-number",
            format!("the event is of pull request {}", pull.number),
        )
        .into());
    }
    agree(context.request.sha.as_ref(), &pull.head)?;
    let base_manifest = manifest_at(context, &pull.base, &pull.default_branch).await?;
    let manifest = match base_manifest.source {
        Source::File => manifest::for_pull_request(
            base_manifest,
            manifest_at(context, &pull.head, &pull.default_branch).await?,
        ),
        Source::Shorthand => base_manifest,
    };
    let cannot_push = cannot_push(context, pull);
    let (mut changes, merge_base) = context.history.changes_of_pull_request(pull).await;
    let mut base = Base::Commit(merge_base.unwrap_or(pull.base), "the merge base".into());
    if let Some(given) = given_base(context).await? {
        changes = context
            .history
            .changes(&given, &pull.head, Movement::Rewritten)
            .await;
        base = Base::Commit(given, "the input base".into());
    }
    let subject = Subject::PullRequest {
        number: pull.number,
        cannot_push,
    };
    let revisions = [Some(pull.head), pull.merge]
        .into_iter()
        .flatten()
        .collect();
    let created = checkout_time(context, &pull.head);
    Ok(found(Resolved {
        manifest,
        subject,
        commit: pull.head,
        ground: Ground::Changes(base, changes),
        state: None,
        others: Vec::new(),
        tip: Tip::Other,
        created,
        revisions,
        in_fork: true,
    }))
}

/// Why the workflow of a pull request cannot have pushed an image, where that is so.
pub(crate) fn cannot_push(context: &Context, pull: &PullRequest) -> Option<String> {
    match (
        pull.from_fork,
        pull.by_dependabot,
        context.lacks_registry_password(),
    ) {
        (true, _, _) => {
            Some("the pull request comes from a fork, whose workflow cannot push images".into())
        }
        (false, true, _) => Some(
            "the pull request is Dependabot's, whose workflow has no secrets to push with".into(),
        ),
        (false, false, true) => {
            Some("registry-password is not set, so nothing can have been pushed".into())
        }
        (false, false, false) => None,
    }
}

/// Asks about a merge group, which is verified and never deployed: it may be discarded.
pub(crate) async fn merge_group(
    context: &Context,
    group: &MergeGroup,
) -> Result<Resolution, Failure> {
    agree(context.request.sha.as_ref(), &group.head)?;
    let manifest = manifest_at(context, &group.head, &group.default_branch).await?;
    let base = Base::Commit(group.base, "what the group is to be merged onto".into());
    let subject = Subject::Commit;
    work(
        context,
        Work {
            manifest,
            subject,
            commit: group.head,
            base,
            push: None,
            tip: Tip::Other,
        },
    )
    .await
}

/// What a run turned out to be about.
struct Work<'a> {
    manifest: Manifest,
    subject: Subject,
    commit: CommitSha,
    /// What the event says was there before.
    base: Base,
    push: Option<&'a Push>,
    tip: Tip,
}

/// Finds out what there is to compare with.
async fn work(context: &Context, work: Work<'_>) -> Result<Resolution, Failure> {
    let Work {
        manifest,
        subject,
        commit,
        mut base,
        push,
        tip,
    } = work;
    let created = push
        .and_then(|push| push.commit_time.clone())
        .or_else(|| checkout_time(context, &commit));
    let in_fork = push.is_some_and(|push| push.in_fork);
    let (mut state, mut others) = (None, Vec::new());
    let given = given_base(context).await?;
    let ground = if let (None, Some(environments)) =
        (&given, remembered(context, &manifest, &subject))
    {
        let mut demands = BTreeMap::new();
        for environment in environments {
            let release = subject.release();
            let of_release = match release {
                // Without a record the tags say which release is newest, and which came before.
                Some(release) => previous(context, environment, release).await,
                None => Ok(base.clone()),
            };
            let event = of_release.clone().unwrap_or_else(|_| base.clone());
            let about = StateQuery {
                manifest: &manifest,
                environment,
                commit,
                release,
                event,
            };
            let consulted = EnvironmentState::consult(context, &about).await?;
            let ordered = match (consulted.is_recorded(), of_release) {
                (false, Err(newer)) if !context.request.force.older => Ordered::Superseded(newer),
                _ => consulted.order_of_run(context).await?,
            };
            if let Ordered::Superseded(sentence) = ordered {
                return Ok(Resolution::Superseded(sentence));
            }
            for (service, demand) in consulted.demands(context, &manifest).await? {
                let is_needed = demand.why.decision() == Decision::Deploy;
                if is_needed || !demands.contains_key(&service) {
                    demands.insert(service, demand);
                }
            }
            others.extend(state.replace(consulted));
        }
        Ground::Demands(demands)
    } else {
        match (&subject, context.request.command) {
            // A tag says which release an image is, whichever release is newest: promoting orders nothing.
            (
                Subject::Environments {
                    release: Some(_), ..
                },
                Command::Promote,
            ) => {
                base = Base::None("a release is promoted whole".into());
            }
            (
                Subject::Environments {
                    environments,
                    release: Some(release),
                },
                _,
            ) => {
                for environment in environments
                    .iter()
                    .filter_map(|name| manifest.environment(name))
                {
                    match previous(context, environment, release).await {
                        Ok(found) => base = found,
                        Err(sentence) => return Ok(Resolution::Superseded(sentence)),
                    }
                }
            }
            _ => {}
        }
        if let Some(given) = given {
            base = Base::Commit(given, "the input base".into());
        }
        let is_push = push
            .is_some_and(|push| !push.forced && Some(base.commit()) == Some(push.before.as_ref()));
        let movement = if is_push {
            Movement::Forward
        } else {
            Movement::Rewritten
        };
        let changes = match base.commit() {
            Some(base) => context.history.changes(base, &commit, movement).await,
            None => Changes::Unknown("there is nothing to compare with".into()),
        };
        Ground::Changes(base, changes)
    };
    let revisions = vec![commit];
    Ok(found(Resolved {
        manifest,
        subject,
        commit,
        ground,
        state,
        others,
        tip,
        created,
        revisions,
        in_fork,
    }))
}

/// The environments whose record decides: a deploy's own, and those that a plan answers for.
fn remembered<'m>(
    context: &Context,
    manifest: &'m Manifest,
    subject: &Subject,
) -> Option<Vec<&'m Environment>> {
    let Subject::Environments { environments, .. } = subject else {
        return None;
    };
    let asks = matches!(context.request.command, Command::Plan | Command::Deploy);
    (asks && !manifest.services.is_empty()).then(|| {
        environments
            .iter()
            .filter_map(|name| manifest.environment(name))
            .collect()
    })
}

/// A label is not worth a request: the checkout says it, or nobody.
fn checkout_time(context: &Context, commit: &CommitSha) -> Option<String> {
    context
        .history
        .checkout()
        .and_then(|checkout| checkout.commit_time(commit))
}

fn found(resolved: Resolved) -> Resolution {
    Resolution::Work(Box::new(resolved))
}

fn unknown_environment(manifest: &Manifest, name: &EnvironmentName) -> Failure {
    let known: Vec<&str> = manifest
        .environments
        .iter()
        .map(|environment| environment.name.as_str())
        .collect();
    let text = format!(
        "there is no environment {name} in the deploy manifest ({})",
        known_names(name.as_str(), &known)
    );
    InputError::of("environment", text).into()
}

async fn given_base(context: &Context) -> Result<Option<CommitSha>, Failure> {
    match &context.request.base {
        Some(name) => resolve(context, "base", name).await.map(Some),
        None => Ok(None),
    }
}

async fn resolve(
    context: &Context,
    input: &'static str,
    name: &CommitName,
) -> Result<CommitSha, Failure> {
    let resolved = context.history.resolve(name).await?;
    resolved.ok_or_else(|| {
        InputError::of(
            input,
            format!("there is no commit {name} in this repository"),
        )
        .into()
    })
}

fn refuse_base_on_deploy(context: &Context) -> Result<(), Failure> {
    match context.request.command {
        Command::Deploy | Command::Promote => refuse_base(context),
        Command::Plan | Command::Verify | Command::Release | Command::Rollback => Ok(()),
        Command::Cleanup | Command::Check | Command::Init => Ok(()),
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
