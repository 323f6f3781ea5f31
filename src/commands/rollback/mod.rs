//! `rollback`: the bytes of an earlier release, deployed again in the manifest's order.
//!
//! [`target`] finds what each service goes back to. [`verify`] checks all of those images before anything is sent. `rollout` deploys them.
//! Order, `requires` and `freeze` keep nobody from going back.

mod target;
mod verify;

use super::deploy;
use crate::context::{CommandOutcome, Context, Stop, Writers};
use crate::failure::{BackRefusal, Failure};
use crate::gate::credentials;
use crate::gate::hooks::ServiceHooks;
use crate::gate::preflight::preflight;
use crate::gate::probes::Probes;
use crate::planned_run::PlannedRun;
use crate::resolve::{self, EventBase, Resolved, ResolvedRollback, hooks};
use crate::rollout::{self, DeployRequest, DeployVia, Rollout, carried, drift};
use crate::state::{EnvironmentState, StatePurpose, StateQuery};
use crate::tags;
use crate::tags::floating::Ends;
use decide::{
    Base, Environments, Plan, PlanInput, PlanOptions, ServiceNeed, Subject, Tags, Tip,
    VerifiedImage, Why,
};
use model::{
    AttemptKind, CommitSha, Dispatch, EnvironmentName, FailureWord, Intent, Manifest, Outcome, Pin,
    ServiceName, Status, Trigger, When,
};
use parse::inputs::InputError;
use report::{ServiceResult, service_lines};
use std::collections::BTreeMap;
use target::{RollbackImage, RollbackStep, RollbackTarget};

/// Deploys what each service had before.
pub(super) async fn run(
    context: &Context,
    writers: Option<&Writers<'_>>,
) -> Result<CommandOutcome, Stop> {
    let dispatch = dispatch(context)?;
    if context.request.force.words().is_some() {
        context
            .log
            .say("force has no effect here: no rule prevents a rollback.");
    }
    let resolved = resolve::rollback(context, dispatch).await?;
    let mut state = read_state(context, &resolved).await?;
    let target = target::find(context, &resolved, &state).await?;
    state.turn_to(target.commit, target.release.clone());
    let run = decide(context, resolved, &state, &target, writers.is_none())?;
    if run.plan.to_deploy().next().is_none() {
        return Err(resolve::nothing(&target.otherwise));
    }
    act(context, writers, &run, &state, &target).await
}

/// What somebody asks for: no other event is about a rollback.
fn dispatch(context: &Context) -> Result<&Dispatch, Failure> {
    match &context.trigger {
        Trigger::Dispatch(dispatch) => Ok(dispatch),
        Trigger::Refused(why) => Err(Failure::WrongEvent(why.clone())),
        Trigger::Push(_)
        | Trigger::PullRequest(_)
        | Trigger::Closed(_)
        | Trigger::MergeGroup(_)
        | Trigger::Nothing(_) => {
            let why = "rollback needs a target, and this event names none";
            Err(Failure::WrongEvent(why.into()))
        }
    }
}

async fn read_state(
    context: &Context,
    resolved: &ResolvedRollback,
) -> Result<EnvironmentState, Failure> {
    let environment = &resolved.environment.name;
    context.progress.environment(environment);
    if resolved.manifest.services_in(environment).next().is_none() {
        return Err(InputError::of(
            "environment",
            format!("{environment} has no services to go back"),
        )
        .into());
    }
    let query = StateQuery {
        reader: StatePurpose::Rollback,
        manifest: &resolved.manifest,
        environment: &resolved.environment,
        commit: resolved.at,
        release: None,
        event: Base::None("a rollback does not use the event".into()),
        before: None,
        default_branch: &resolved.default_branch,
    };
    EnvironmentState::read(context, &query).await
}

/// Decides which services go back, and shows it.
fn decide(
    context: &Context,
    resolved: ResolvedRollback,
    state: &EnvironmentState,
    target: &RollbackTarget,
    is_dry: bool,
) -> Result<PlannedRun, Failure> {
    let ResolvedRollback {
        manifest,
        environment,
        default_branch,
        ..
    } = resolved;
    let demands = demands(&manifest, &environment.name, state, target);
    let subject = Subject::Environments {
        environments: Environments::one(environment.name),
        release: target.release.clone(),
    };
    let wishes = PlanOptions {
        services: context.request.services.clone(),
        force_unchanged: false,
        every_image: false,
    };
    let commit = target.commit;
    let tags = Tags::new(&manifest.tags, &subject, &commit, Tip::Other)?;
    let ground = PlanInput::Demands(demands);
    let plan = Plan::new(&manifest, subject.clone(), commit, &ground, &wishes)?;
    context.progress.planned(&manifest, &plan, None);
    let run = PlannedRun {
        resolved: Resolved {
            manifest,
            subject,
            commit,
            before: EventBase::Nothing("a rollback does not use the event".into()),
            given_base: None,
            tip: Tip::Other,
            created: None,
            revisions: Vec::new(),
            in_fork: false,
            default_branch,
            off_branch: None,
        },
        states: Vec::new(),
        plan,
        tags,
    };
    show(context, &run, target, is_dry);
    Ok(run)
}

/// What each service of the environment does.
fn demands(
    manifest: &Manifest,
    environment: &EnvironmentName,
    state: &EnvironmentState,
    target: &RollbackTarget,
) -> BTreeMap<ServiceName, ServiceNeed> {
    let mut demands: BTreeMap<ServiceName, ServiceNeed> = BTreeMap::new();
    for (service, step) in &target.steps {
        let why = match step {
            RollbackStep::Back(image) => {
                Why::Back(image.commit.unwrap_or(target.commit), image.release.clone())
            }
            RollbackStep::Stays(why) => Why::Stays(why.clone()),
        };
        let base = state.serving_commit(service);
        demands.insert(service.clone(), ServiceNeed { why, base });
    }
    for service in manifest.services_in(environment) {
        let left_out = || ServiceNeed {
            why: Why::NotListed,
            base: state.serving_commit(&service.name),
        };
        demands.entry(service.name.clone()).or_insert_with(left_out);
    }
    demands
}

fn show(context: &Context, run: &PlannedRun, target: &RollbackTarget, is_dry: bool) {
    context.log.group("Plan");
    context.log.say(&format!(
        "Back to {}, commit {}",
        target.name, target.commit
    ));
    let ways = if is_dry {
        hooks::ways(context, &run.resolved.manifest, &run.plan)
    } else {
        BTreeMap::new()
    };
    for line in service_lines(&run.plan, &ways) {
        context.log.say_toned(&line);
    }
    context.log.end_group();
}

async fn act(
    context: &Context,
    writers: Option<&Writers<'_>>,
    run: &PlannedRun,
    state: &EnvironmentState,
    target: &RollbackTarget,
) -> Result<CommandOutcome, Stop> {
    let environment = state.environment();
    let hooks = credentials::of_deploy(context, run)?;
    let wanted = wanted(&run.plan, target);
    let verified = verify::verified(context, run, &wanted, &target.name).await?;
    let images = verify::images_of_all(context, run, &verified);
    let mut results = credentials::skip_without_hook(context, &hooks);
    let confused = hooks.confused.clone();
    let left = left(context, run, state).await;
    let requests = requests(
        context, run, state, hooks, target, &wanted, &verified, &left,
    )?;
    let facts = preflight(context, &requests, confused).await?;
    carried::note(context, &run.resolved.manifest, Some(state), &requests).await;
    let Some(writers) = writers else {
        return Ok(dry(context, &requests, target));
    };
    if context.clients.render.is_none() {
        context.log.say("Deploys of this repository that have not begun cannot be cancelled without an API key: one that is queued on Render may still go live after this.");
    }
    let rollout = Rollout::new(context, writers, state, facts);
    rollout.close_settled().await;
    context
        .log
        .group(&format!("Back to {} in {environment}", target.name));
    results.extend(rollout::run(&rollout, &run.plan, &requests).await);
    context.log.end_group();
    let is_preempted = rollout.preempted().is_some();
    if !is_preempted {
        drift::warn(context, run, &rollout, &images, &results).await;
    }
    let outcome = deploy::conclude(context, run, environment, &images, &mut results);
    say_holds(context, run, state, &results);
    let ends = Ends {
        environment,
        state: Some(state),
        images: &images,
        results: &results,
        is_dry: false,
    };
    // The tags follow what a newer rollback brings.
    if !is_preempted {
        tags::floating::follow(context, Some(writers), run, &ends).await?;
    }
    Ok(CommandOutcome {
        headline: format!("Rollback to {}: {}", target.name, outcome.headline),
        ..outcome
    })
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
            match context.clients.history.highest_release(template).await {
                Ok(Some(highest)) => context
                    .clients
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

#[expect(clippy::too_many_arguments, reason = "they are the steps before it")]
fn requests(
    context: &Context,
    run: &PlannedRun,
    state: &EnvironmentState,
    mut hooks: ServiceHooks,
    target: &RollbackTarget,
    wanted: &BTreeMap<ServiceName, &RollbackImage>,
    verified: &BTreeMap<ServiceName, VerifiedImage>,
    left: &BTreeMap<ServiceName, CommitSha>,
) -> Result<BTreeMap<ServiceName, DeployRequest>, Failure> {
    let mut requests = BTreeMap::new();
    let mut probes = Probes::new(context, &run.resolved.manifest, state.environment());
    for (service, bytes) in wanted {
        let image = verified.get(service).ok_or_else(|| {
            let text = format!("{service}: {} was not verified", bytes.image);
            Failure::Back(BackRefusal::Unfit(vec![(FailureWord::ImageMissing, text)]))
        })?;
        let hook = hooks.found.remove(service);
        let has_key = context.clients.render.is_some();
        let Some((via, id)) = DeployVia::choose(hook, state.id(service), has_key) else {
            hooks.must_be_missing(service)?;
            continue;
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
            kind: AttemptKind::Rollback,
            from: left.get(service).copied(),
            to: target.to,
        };
        let wanted = vec![image.digest().clone(), image.platform_digest().clone()];
        let is_recorded = bytes.commit.is_some();
        let probe = probes.of(service, intent.image_commit.as_ref(), &wanted);
        let request = DeployRequest {
            via,
            id,
            image: pinned,
            wanted,
            intent,
            is_forced: false,
            is_recorded,
            probe,
        };
        requests.insert(service.clone(), request);
    }
    probes.check()?;
    Ok(requests)
}

fn dry(
    context: &Context,
    requests: &BTreeMap<ServiceName, DeployRequest>,
    target: &RollbackTarget,
) -> CommandOutcome {
    for (service, request) in requests {
        context
            .log
            .say(&format!("{service}: would go back to {}", request.image));
        rollout::say_probe(context, service, Some(request));
        let reason = "dry run: not deployed";
        let result = ServiceResult::without_deploy(service, Status::Skipped, reason);
        context.progress.ended(&result);
    }
    let headline = format!(
        "Verified in a dry run: everything of {} is there, and nothing was written",
        target.name
    );
    CommandOutcome::new(Outcome::Verified, headline)
}

/// Says what holds from now on.
fn say_holds(
    context: &Context,
    run: &PlannedRun,
    state: &EnvironmentState,
    results: &[ServiceResult],
) {
    let is_back = |service: &ServiceName| {
        results.iter().any(|result| {
            result.service == *service && matches!(result.status, Status::Live | Status::Accepted)
        })
    };
    let services = run.plan.services.iter().map(|service| &service.name);
    let held: Vec<&str> = services
        .filter(|service| is_back(service) || state.is_held(service))
        .map(|service| service.as_str())
        .collect();
    if held.is_empty() {
        return;
    }
    let until = match run.plan.subject.release() {
        Some(_) => "a higher release lifts it",
        None => "a commit that changes the service lifts it",
    };
    context.note(format!(
        "from now on this rollback holds {}: {until}, or force: held lifts it",
        held.join(", ")
    ));
}
