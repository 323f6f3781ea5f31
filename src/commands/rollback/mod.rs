//! `rollback`: the bytes of an earlier release, deployed again in the manifest's order.
//!
//! [`target`] finds what each service goes back to. [`verify`] checks all of those images before anything is sent. `rollout` deploys them.
//! Order, `requires` and `freeze` keep nobody from going back.

mod target;
mod verify;

use crate::commands::{PlannedRun, deploy, refuse, tell};
use crate::context::Context;
use crate::decide::{Base, Demand, Ground, Plan, Subject, Tags, Tip, VerifiedImage, Why, Wishes};
use crate::domain::{
    CommitSha, Dispatch, Intent, Kind, Outcome, Pin, ServiceName, Status, Trigger, When,
};
use crate::failure::Failure;
use crate::gate::hooks::{self, Hooks};
use crate::gate::preflight::preflight;
use crate::intake::inputs::{InputError, Writes};
use crate::report::{ServiceResult, service_lines};
use crate::resolve::{self, Resolved, ResolvedRollback};
use crate::rollout::{self, DeployRequest, DeployVia, Rollout, drift};
use crate::state::{EnvironmentState, StateQuery};
use crate::tags;
use std::collections::BTreeMap;
use target::{RollbackImage, RollbackStep, RollbackTarget};

/// Runs it.
pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let dispatch = match &context.trigger {
        Trigger::Dispatch(dispatch) => dispatch,
        Trigger::Refused(why) => {
            refuse(context, why);
            return Ok(());
        }
        Trigger::Push(_)
        | Trigger::PullRequest(_)
        | Trigger::Closed(_)
        | Trigger::MergeGroup(_)
        | Trigger::Nothing(_) => {
            refuse(
                context,
                "rollback goes by what somebody asks for, and this event asks for nothing of the kind",
            );
            return Ok(());
        }
    };
    if context.request.force.words().is_some() {
        context
            .log
            .say("force sets nothing aside here: no rule keeps anybody from going back.");
    }
    let Some((run, target)) = prepared(context, dispatch).await? else {
        return Ok(());
    };
    act(context, &run, &target).await
}

/// What is to be done; `None` where that is nothing.
async fn prepared(
    context: &Context,
    dispatch: &Dispatch,
) -> Result<Option<(PlannedRun, RollbackTarget)>, Failure> {
    let rollback = resolve::rollback(context, dispatch).await?;
    let environment = rollback.environment.name.clone();
    context.progress.borrow_mut().environment = Some(environment.clone());
    if rollback.manifest.services_in(&environment).next().is_none() {
        return Err(InputError::of(
            "environment",
            format!("{environment} has no services to go back"),
        )
        .into());
    }
    let event = Base::None("a rollback does not go by the event".into());
    let about = StateQuery {
        manifest: &rollback.manifest,
        environment: &rollback.environment,
        commit: rollback.at,
        release: None,
        event,
    };
    let mut state = EnvironmentState::consult(context, &about).await?;
    let target = target::find(context, &rollback, &state).await?;
    state.turn_to(target.commit, target.release.clone());
    let run = planned_run(context, rollback, state, &target)?;
    if run.plan.to_deploy().next().is_none() {
        tell(
            context,
            Outcome::Nothing,
            &format!("Nothing to do: {}", target.otherwise),
        );
        return Ok(None);
    }
    Ok(Some((run, target)))
}

fn planned_run(
    context: &Context,
    rollback: ResolvedRollback,
    state: EnvironmentState,
    target: &RollbackTarget,
) -> Result<PlannedRun, Failure> {
    let ResolvedRollback {
        manifest,
        environment,
        ..
    } = rollback;
    let demand = |(service, step): (&ServiceName, &RollbackStep)| {
        let why = match step {
            RollbackStep::Back(bytes) => {
                Why::Back(bytes.commit.unwrap_or(target.commit), bytes.release.clone())
            }
            RollbackStep::Stays(why) => Why::Stays(why.clone()),
        };
        (
            service.clone(),
            Demand {
                why,
                base: state.serving_commit(service),
            },
        )
    };
    let mut demands: BTreeMap<ServiceName, Demand> = target.steps.iter().map(demand).collect();
    for service in manifest.services_in(&environment.name) {
        let left_out = || Demand {
            why: Why::NotListed,
            base: state.serving_commit(&service.name),
        };
        demands.entry(service.name.clone()).or_insert_with(left_out);
    }
    let ground = Ground::Demands(demands);
    let subject = Subject::Environments {
        environments: vec![environment.name],
        release: target.release.clone(),
    };
    let wishes = Wishes {
        services: context.request.services.clone(),
        force_unchanged: false,
        every_image: false,
    };
    let tags = Tags::new(&manifest.tags, &subject, &target.commit, Tip::Other)?;
    let plan = Plan::new(&manifest, subject.clone(), target.commit, &ground, &wishes)?;
    let mut report = context.progress.borrow_mut();
    (report.manifest, report.plan) = (Some(manifest.clone()), Some(plan.clone()));
    drop(report);
    context.log.group("Plan");
    context.log.say(&format!(
        "Back to {}, commit {}",
        target.name, target.commit
    ));
    for line in service_lines(&plan, &hooks::ways(context, &manifest, &plan)) {
        context.log.say_toned(&line);
    }
    context.log.end_group();
    let commit = target.commit;
    let resolved = Resolved {
        manifest,
        subject,
        commit,
        ground,
        state: Some(state),
        others: Vec::new(),
        tip: Tip::Other,
        created: None,
        revisions: Vec::new(),
        in_fork: false,
    };
    Ok(PlannedRun {
        resolved,
        plan,
        tags,
    })
}

async fn act(context: &Context, run: &PlannedRun, target: &RollbackTarget) -> Result<(), Failure> {
    let (Subject::Environments { environments, .. }, Some(state)) =
        (&run.plan.subject, &run.resolved.state)
    else {
        return Ok(());
    };
    let Some(environment) = environments.first() else {
        return Ok(());
    };
    let Some(hooks) = deploy::credentials(context, run)? else {
        return Ok(());
    };
    let wanted = wanted(&run.plan, target);
    let verified = verify::verified(context, run, &wanted, &target.name).await?;
    let images = verify::told(context, run, &verified);
    deploy::skip_without_hook(context, &hooks);
    let confused = hooks.confused.clone();
    let left = left(context, run, state).await;
    let requests = requests(context, state, hooks, target, &wanted, &verified, &left);
    let facts = preflight(context, &requests, confused).await?;
    if context.request.writes == Writes::Withheld {
        dry(context, &requests, target);
        return Ok(());
    }
    let rollout = Rollout::new(context, state, facts);
    rollout.close_settled().await;
    context
        .log
        .group(&format!("Back to {} in {environment}", target.name));
    rollout::go(&rollout, &run.plan, &requests).await;
    context.log.end_group();
    drift::warn(context, run, &rollout, &images).await;
    deploy::conclude(context, run, environment, &images);
    conclude(context, run, state, target);
    tags::moves::follow(context, run, Some(state), environment, &images).await
}

/// The bytes of the services that go back.
fn wanted<'a>(plan: &Plan, target: &'a RollbackTarget) -> BTreeMap<ServiceName, &'a RollbackImage> {
    let of = |service: &ServiceName| match target.steps.get(service)? {
        RollbackStep::Back(bytes) => Some(bytes),
        RollbackStep::Stays(_) => None,
    };
    plan.to_deploy()
        .filter_map(|service| Some((service.name.clone(), of(&service.name)?)))
        .collect()
}

/// What each service leaves. Where that is not known, it is taken to leave what would be deployed there now: that is what must not come back
/// by itself. Of releases the highest that any of them may have left counts for all.
async fn left(
    context: &Context,
    run: &PlannedRun,
    state: &EnvironmentState,
) -> BTreeMap<ServiceName, CommitSha> {
    let own: Vec<(&ServiceName, Option<CommitSha>)> = run
        .plan
        .to_deploy()
        .map(|service| (&service.name, state.left(&service.name)))
        .collect();
    let is_known = own.iter().all(|(_, commit)| commit.is_some());
    let newest = if is_known {
        None
    } else {
        deployable(context, run, state).await
    };
    let highest = state
        .left_release()
        .map(|highest| newest.unwrap_or(highest));
    let otherwise = newest.unwrap_or(run.plan.commit);
    own.into_iter()
        .map(|(service, commit)| (service.clone(), highest.or(commit).unwrap_or(otherwise)))
        .collect()
}

/// The commit that a deploy would bring now, where that is known.
async fn deployable(
    context: &Context,
    run: &PlannedRun,
    state: &EnvironmentState,
) -> Option<CommitSha> {
    let environment = run.resolved.manifest.environment(state.environment());
    match environment.map(|environment| &environment.when) {
        Some(When::Release { template, .. }) => {
            match context.history.highest_release(template).await {
                Ok(Some(highest)) => context
                    .history
                    .tag_commit(highest.tag().as_str())
                    .await
                    .ok()
                    .flatten(),
                Ok(None) | Err(_) => None,
            }
        }
        Some(When::Branch(_)) | None => state.tip(),
    }
}

fn requests(
    context: &Context,
    state: &EnvironmentState,
    mut hooks: Hooks,
    target: &RollbackTarget,
    wanted: &BTreeMap<ServiceName, &RollbackImage>,
    verified: &BTreeMap<ServiceName, VerifiedImage>,
    left: &BTreeMap<ServiceName, CommitSha>,
) -> BTreeMap<ServiceName, DeployRequest> {
    let mut requests = BTreeMap::new();
    for (service, bytes) in wanted {
        let Some(image) = verified.get(service) else {
            continue;
        };
        let id = state.id(service).cloned();
        let (via, id) = match (hooks.found.remove(service), id) {
            (Some(hook), id) => {
                let id = id.unwrap_or_else(|| hook.service().clone());
                (DeployVia::Hook(hook), id)
            }
            (None, Some(id)) if context.render.is_some() => (DeployVia::Api(id.clone()), id),
            (None, _) => continue,
        };
        // Exactly the digest that was recorded, whatever `pin` says now.
        let pinned = image.pinned(Pin::Index);
        let intent = Intent {
            service: service.clone(),
            commit: bytes.commit.unwrap_or_else(|| state.commit()),
            id: Some(id.clone()),
            image: pinned.clone(),
            platform: image.platform_digest().clone(),
            image_commit: image.revision().copied().or(bytes.built_from),
            release: bytes.release.clone(),
            kind: Kind::Rollback,
            from: left.get(service).copied(),
            to: target.to,
        };
        let wanted = vec![image.digest().clone(), image.platform_digest().clone()];
        let is_recorded = bytes.commit.is_some();
        let request = DeployRequest {
            via,
            id,
            image: pinned,
            wanted,
            intent,
            is_forced: false,
            is_recorded,
        };
        requests.insert(service.clone(), request);
    }
    requests
}

fn dry(
    context: &Context,
    requests: &BTreeMap<ServiceName, DeployRequest>,
    target: &RollbackTarget,
) {
    for (service, request) in requests {
        context
            .log
            .say(&format!("{service}: would go back to {}", request.image));
        let ended =
            ServiceResult::without_deploy(service, Status::Skipped, "dry run: not deployed");
        context.progress.borrow_mut().services.push(ended);
    }
    let headline = format!(
        "Verified in a dry run: everything of {} is there, and nothing was written",
        target.name
    );
    tell(context, Outcome::Verified, &headline);
}

/// Says where it led, and what holds from now on.
fn conclude(
    context: &Context,
    run: &PlannedRun,
    state: &EnvironmentState,
    target: &RollbackTarget,
) {
    let mut report = context.progress.borrow_mut();
    report.headline = format!("Rollback to {}: {}", target.name, report.headline);
    let is_back = |service: &&ServiceName| {
        let took = |ended: &ServiceResult| {
            ended.service == **service && matches!(ended.status, Status::Live | Status::Accepted)
        };
        report.services.iter().any(took)
    };
    let services = || run.plan.services.iter().map(|service| &service.name);
    let held: Vec<&str> = services()
        .filter(|service| is_back(service) || state.is_held(service))
        .map(|service| service.as_str())
        .collect();
    if held.is_empty() {
        return;
    }
    let until = match run.plan.subject.release() {
        Some(_) => "a higher release lifts it",
        None => "a commit that changes something of the service lifts it",
    };
    let text = format!(
        "from now on this rollback holds {}: {until}, and so does force: held",
        held.join(", ")
    );
    context.log.say(&text);
    report.notes.push(text);
}
