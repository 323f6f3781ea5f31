//! `deploy`: plan, verify, then the deploy hooks of the changed services, in order.

use super::{idle_patterns, verify};
use crate::context::{CommandOutcome, Context, Stop, Writers};
use crate::failure::Failure;
use crate::gate::credentials;
use crate::gate::hooks::ServiceHooks;
use crate::gate::preflight::preflight;
use crate::gate::probes::Probes;
use crate::gate::required_environment;
use crate::images::{self, Patience, VerifiedImages, env_file};
use crate::planned_run::{Calls, PlannedRun, decide};
use crate::resolve::{self, Purpose};
use crate::rollout::{self, DeployRequest, DeployVia, Rollout, carried, drift};
use crate::state::{self, EnvironmentState};
use crate::tags::floating::Ends;
use crate::{previews, tags};
use decide::ledger::{OnRender, Presence, presence, unlisted};
use decide::{Plan, Subject, Why};
use model::{AttemptKind, Digest, EnvironmentName, Intent, Outcome, ServiceName, Status, Trigger};
use report::{self, ServiceResult, outcome_of};
use std::collections::BTreeMap;

/// Deploys what the event is about: to an environment, or to a pull request's previews.
pub(super) async fn run(
    context: &Context,
    writers: Option<&Writers<'_>>,
) -> Result<CommandOutcome, Stop> {
    let resolved = resolve::event(context, Purpose::Deploy).await?;
    let known = state::read(context, &resolved, Purpose::Deploy).await?;
    let calls = match writers {
        Some(_) => Calls::Hidden,
        None => Calls::Shown,
    };
    let run = decide(context, resolved, known, Purpose::Deploy, calls)?;
    idle_patterns::warn(context, &run);
    match &run.plan.subject {
        Subject::Environments { environments, .. } => {
            to_environment(context, writers, &run, environments.only()?).await
        }
        Subject::PullRequest { .. } => match previews::wanted(context, &run)? {
            Some(wanted) => previews::run(context, writers, &run, &wanted).await,
            None => verify::images_of(context, &run, patience(context), LIVE).await,
        },
        Subject::Commit => verify::images_of(context, &run, Patience::Wait, LIVE).await,
    }
}

/// `wait: live` asks for an API key even where nothing is deployed in the end.
const LIVE: credentials::Live = credentials::Live::Deployed;

/// The workflow may run beside the build of the same event; whoever names a number or a digest means to wait for it.
fn patience(context: &Context) -> Patience {
    let is_event = matches!(context.trigger, Trigger::PullRequest(_));
    if is_event && context.request.digest.is_none() {
        Patience::Once
    } else {
        Patience::Wait
    }
}

async fn to_environment(
    context: &Context,
    writers: Option<&Writers<'_>>,
    run: &PlannedRun,
    environment: &EnvironmentName,
) -> Result<CommandOutcome, Stop> {
    let mut results = note_left(context, &run.plan);
    let hooks = credentials::of_deploy(context, run)?;
    env_file::check(context, run, writers).await?;
    let images = images::verified(context, run, Patience::Wait).await?;
    results.extend(credentials::skip_without_hook(context, &hooks));
    let confused = hooks.confused.clone();
    let state = run.state_of(environment);
    let requests = match state {
        Some(state) => requests(context, run, state, hooks, &images, &mut results)?,
        None if run.plan.to_deploy().next().is_none() => BTreeMap::new(),
        None => {
            let why = format!("what is deployed to {environment} was not read");
            return Err(Failure::OrderUnknown(why).into());
        }
    };
    required_environment::check(context, &run.resolved.manifest, environment, &requests).await?;
    let facts = preflight(context, &requests, confused).await?;
    carried::note(context, &run.resolved.manifest, state, &requests).await;
    tags::release::promote(context, writers, run, state, &images).await?;
    let Some(writers) = writers else {
        return dry(context, run, environment, &images, &requests, results).await;
    };
    let mut is_preempted = false;
    if let Some(state) = state {
        let rollout = Rollout::new(context, writers, state, facts);
        rollout.close_settled().await;
        if !requests.is_empty() {
            context.log.group(&format!("Deploys to {environment}"));
            results.extend(rollout::run(&rollout, &run.plan, &requests).await);
            context.log.end_group();
        }
        is_preempted = rollout.preempted().is_some();
        if !is_preempted {
            drift::warn(context, run, &rollout, &images, &results).await;
        }
    }
    let outcome = conclude(context, run, environment, &images, &mut results);
    if is_preempted {
        // The tags follow what the rollback brings.
        env_file::write(context, run, environment, &images)?;
        return Ok(outcome);
    }
    let ends = Ends {
        environment,
        state,
        images: &images,
        results: &results,
        is_dry: false,
    };
    let moved = tags::floating::follow(context, Some(writers), run, &ends).await;
    env_file::write(context, run, environment, &images)?;
    moved?;
    Ok(outcome)
}

/// Keeps what the plan leaves for another reason than "nothing changed", and says what was never confirmed.
fn note_left(context: &Context, plan: &Plan) -> Vec<ServiceResult> {
    let mut results = Vec::new();
    for service in &plan.services {
        let status = service.why.status();
        if matches!(status, Status::Held | Status::Superseded) {
            let reason = service.why.reason();
            let result = ServiceResult::without_deploy(&service.name, status, reason);
            context.progress.ended(&result);
            results.push(result);
        }
    }
    let held: Vec<&str> = named(plan, |why| matches!(why, Why::Held(_)));
    if !held.is_empty() {
        let text = format!(
            "a rollback holds {}: force: held or a newer change of the service lifts it",
            held.join(", ")
        );
        context.warn("Held by a rollback", &text);
    }
    let unconfirmed = named(plan, |why| matches!(why, Why::Unconfirmed(_)));
    if !unconfirmed.is_empty() {
        context.note(format!(
            "{} skipped as accepted by Render and never confirmed live: {} (an API key confirms, force: unchanged deploys again)",
            unconfirmed.len(),
            unconfirmed.join(", ")
        ));
    }
    results
}

fn named(plan: &Plan, is: impl Fn(&Why) -> bool) -> Vec<&str> {
    plan.services
        .iter()
        .filter(|service| is(&service.why))
        .map(|service| service.name.as_str())
        .collect()
}

/// What is asked of Render for each service to deploy. One whose live deploy has these very bytes already is left as it is.
fn requests(
    context: &Context,
    run: &PlannedRun,
    state: &EnvironmentState,
    mut hooks: ServiceHooks,
    images: &VerifiedImages,
    results: &mut Vec<ServiceResult>,
) -> Result<BTreeMap<ServiceName, DeployRequest>, Failure> {
    let mut requests = BTreeMap::new();
    let mut probes = Probes::new(context, &run.resolved.manifest, state.environment());
    for service in run.plan.to_deploy() {
        let name = &service.name;
        let image = images::of(images, &service.image)?;
        let hook = hooks.found.remove(name);
        let has_key = context.clients.render.is_some();
        let Some((via, id)) = DeployVia::choose(hook, state.id(name), has_key) else {
            hooks.must_be_missing(name)?;
            continue;
        };
        let wanted = vec![image.digest().clone(), image.platform_digest().clone()];
        let is_forced = service.why == Why::Forced;
        if !is_forced && !state.is_unanswered(name) && serves(state, name, &wanted) {
            let reason = "its live deploy has this image already";
            context.log.say(&format!("{name}: {reason}."));
            let result = ServiceResult::without_deploy(name, Status::Unchanged, reason);
            context.progress.ended(&result);
            results.push(result);
            continue;
        }
        let pinned = image.pinned(context.request.pin);
        let intent = Intent {
            service: name.clone(),
            commit: state.commit(),
            id: Some(id.clone()),
            image: pinned.clone(),
            platform: image.platform_digest().clone(),
            image_commit: image.built_from().copied(),
            release: state.release().map(|release| release.tag().clone()),
            kind: AttemptKind::Deploy,
            from: None,
            to: None,
        };
        let probe = probes.of(name, image.built_from(), &wanted);
        let request = DeployRequest {
            via,
            id,
            image: pinned,
            wanted,
            intent,
            is_forced,
            is_recorded: true,
            probe,
        };
        requests.insert(name.clone(), request);
    }
    probes.check()?;
    Ok(requests)
}

/// Whether these bytes are live, and nothing is under way that would replace them.
fn serves(state: &EnvironmentState, service: &ServiceName, wanted: &[Digest]) -> bool {
    let OnRender::Known(deploys) = state.on_render(service) else {
        return false;
    };
    let unlisted = unlisted(&state.records(service), deploys);
    matches!(presence(wanted, deploys, &unlisted), Presence::Serves(_))
}

/// Says what would be deployed, and which tags would be moved.
async fn dry(
    context: &Context,
    run: &PlannedRun,
    environment: &EnvironmentName,
    images: &VerifiedImages,
    requests: &BTreeMap<ServiceName, DeployRequest>,
    mut results: Vec<ServiceResult>,
) -> Result<CommandOutcome, Stop> {
    for service in run.plan.to_deploy() {
        let name = &service.name;
        let image = images::of(images, &service.image)?;
        context.log.say(&format!(
            "{name}: would deploy {}",
            image.pinned(context.request.pin)
        ));
        rollout::say_probe(context, name, requests.get(name));
        if results.iter().all(|result| result.service != *name) {
            let reason = "dry run: not deployed";
            let result = ServiceResult::without_deploy(name, Status::Skipped, reason);
            context.progress.ended(&result);
            results.push(result);
        }
    }
    let ends = Ends {
        environment,
        state: run.state_of(environment),
        images,
        results: &results,
        is_dry: true,
    };
    tags::floating::follow(context, None, run, &ends).await?;
    Ok(CommandOutcome::new(
        Outcome::Verified,
        "Verified in a dry run: everything is there, and nothing was written",
    ))
}

/// Sorts the services into the manifest's order and names the outcome.
pub(super) fn conclude(
    context: &Context,
    run: &PlannedRun,
    environment: &EnvironmentName,
    images: &VerifiedImages,
    results: &mut [ServiceResult],
) -> CommandOutcome {
    let order: Vec<&ServiceName> = run.plan.services.iter().map(|own| &own.name).collect();
    results.sort_by_key(|result| order.iter().position(|name| **name == result.service));
    context.progress.sort(order.into_iter());
    let (outcome, headline) = match outcome_of(results) {
        Some(outcome) => (
            outcome,
            report::headline(outcome, environment.as_str(), results),
        ),
        None if images.is_empty() => left(run, environment),
        None => (
            Outcome::Verified,
            format!("Verified for {environment}: {}", images::names(images)),
        ),
    };
    CommandOutcome::new(outcome, headline)
}

/// What a run comes to that left every service as it is.
fn left(run: &PlannedRun, environment: &EnvironmentName) -> (Outcome, String) {
    let mut services = run.plan.services.iter();
    let (outcome, word) = if services.all(|own| own.why.status() == Status::Unchanged) {
        (Outcome::Nothing, "Nothing to do")
    } else {
        (Outcome::Skipped, "Skipped")
    };
    let headline = format!("{word}: nothing to deploy to {environment}, nothing of it changed");
    (outcome, headline)
}
