//! What merging a pull request would deploy: the comment that `plan` keeps on it, where the workflow asks for it. Nothing that goes wrong with
//! it is a failure.

use crate::context::{Context, Stop};
use crate::failure::Failure;
use crate::planned_run::{PlannedRun, after_merge};
use crate::previews::comment;
use crate::resolve::{EventBase, Resolved};
use crate::rollout::carried;
use crate::{images, state};
use decide::{Base, Environments, Subject, Tip};
use github::{CommentKind, CommentWriter, IfAbsent};
use model::{CommitSha, Environment, EnvironmentName, PullRequest, When};
use report::{AfterMerge, MergeAbout, MergePlan, merge_comment, merge_headline, service_lines};
use std::collections::BTreeMap;

/// Makes the comment say what merging would deploy. `run` is the plan of the pull request itself.
pub(super) async fn keep(
    context: &Context,
    writer: Option<&CommentWriter<'_>>,
    run: Result<&PlannedRun, &Failure>,
) {
    let Some(pull) = comment::wanted(context) else {
        return;
    };
    if has_moved_on(context, pull).await {
        return;
    }
    let (after, others) = match run {
        Ok(run) => {
            let (follows, others) = environments(context, run, pull);
            (plans(context, run, pull, &follows).await, others)
        }
        Err(failure) => (AfterMerge::Unknown(failure.word()), Vec::new()),
    };
    let about = MergeAbout {
        head: pull.head,
        base: pull.base,
        others,
        page: context.run_page(),
    };
    let text = merge_comment(&after, &about);
    let Some(writer) = writer else {
        let text = "Would keep the comment on the pull request (dry run).";
        context.log.say(text);
        return;
    };
    let kind = CommentKind::Plan;
    let kept = writer
        .keep(pull.number, kind, &|_| text.clone(), IfAbsent::Make)
        .await;
    comment::say(context, pull.number, kept);
}

/// Whether the pull request has another head by now, whose own run writes the comment. A late run must not write over it.
async fn has_moved_on(context: &Context, pull: &PullRequest) -> bool {
    let Some(github) = context.github_with_token() else {
        return false;
    };
    let number = pull.number;
    match github.pull_ref(number).await {
        Ok(head) if head != pull.head => {
            let head = head.short(7);
            context.log.say(&format!(
                "Pull request {number} is on {head} by now, so this run does not write its comment."
            ));
            true
        }
        Ok(_) | Err(_) => false,
    }
}

/// The environments that follow the base branch, and the names of the others.
fn environments<'r>(
    context: &Context,
    run: &'r PlannedRun,
    pull: &PullRequest,
) -> (Vec<&'r Environment>, Vec<EnvironmentName>) {
    let (mut follows, mut others) = (Vec::new(), Vec::new());
    for environment in &run.resolved.manifest.environments {
        let chosen = context.request.environment.as_ref();
        if chosen.is_some_and(|name| *name != environment.name) {
            continue;
        }
        match (&environment.when, &pull.base_branch) {
            (When::Branch(own), Some(base)) if own == base => follows.push(environment),
            (When::Branch(_) | When::Release { .. }, _) => others.push(environment.name.clone()),
        }
    }
    (follows, others)
}

async fn plans(
    context: &Context,
    run: &PlannedRun,
    pull: &PullRequest,
    environments: &[&Environment],
) -> AfterMerge {
    context.log.group("What merging would deploy");
    let mut plans = Vec::new();
    let mut failed = None;
    for environment in environments {
        match plan(context, run, pull, environment).await {
            Ok(plan) => plans.push(plan),
            Err(failure) => failed = Some((environment, failure)),
        }
    }
    if failed.is_none() {
        context.log.say(&merge_headline(&plans));
    }
    context.log.end_group();
    let Some((environment, failure)) = failed else {
        return AfterMerge::Known(plans);
    };
    let word = failure.word();
    let text = format!(
        "what merging deploys to {} is not known: {failure}",
        environment.name
    );
    context.warn("The comment says less", &text);
    AfterMerge::Unknown(word)
}

async fn plan(
    context: &Context,
    run: &PlannedRun,
    pull: &PullRequest,
    environment: &Environment,
) -> Result<MergePlan, Failure> {
    let commit = pull.merge.unwrap_or(pull.head);
    let resolved = merged(&run.resolved, pull, environment, commit);
    let known = match state::after_merge(context, &resolved, pull.base).await {
        Ok(known) => known,
        Err(Stop::Failed(failure)) => return Err(failure),
        // A newer release stops a run; there is none in an environment that follows a branch.
        Err(Stop::Early(outcome)) => return Err(Failure::OrderUnknown(outcome.headline)),
    };
    let run = after_merge(context, resolved, known)?;
    for line in service_lines(&run.plan, &BTreeMap::new()) {
        context.log.say_toned(&line);
    }
    let builds = images::to_build(context, &run).await?;
    let manifest = &run.resolved.manifest;
    let carried = match run.state_of(&environment.name) {
        Some(state) => {
            let deployed = run.plan.to_deploy().map(|service| (&service.name, commit));
            carried::of(context, manifest, state, deployed).await
        }
        None => BTreeMap::new(),
    };
    Ok(MergePlan {
        environment: environment.name.clone(),
        services: run.plan.services,
        carried,
        builds,
    })
}

/// What a push of the merge commit to the base branch would be about.
fn merged(
    resolved: &Resolved,
    pull: &PullRequest,
    environment: &Environment,
    commit: CommitSha,
) -> Resolved {
    Resolved {
        manifest: resolved.manifest.clone(),
        subject: Subject::Environments {
            environments: Environments::one(environment.name.clone()),
            release: None,
        },
        commit,
        before: EventBase::Commit {
            base: Base::Commit(pull.base, "the base branch".into()),
            pushed: Some(pull.base),
            forward_from: Some(pull.base),
        },
        given_base: None,
        tip: Tip::Other,
        created: None,
        revisions: resolved.revisions.clone(),
        in_fork: false,
        default_branch: resolved.default_branch.clone(),
        off_branch: None,
    }
}
