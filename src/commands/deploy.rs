//! `deploy`: plan, verify, then the deploy hooks of the changed services, in order.

use super::{PlannedRun, idle_patterns, tell, verify};
use crate::context::Context;
use crate::decide::{OnRender, Plan, Presence, Subject, Why, presence};
use crate::domain::{Digest, EnvironmentName, Intent, Kind, Outcome, ServiceName, Status, Trigger};
use crate::failure::Failure;
use crate::gate::hooks::{self, Hooks};
use crate::gate::preflight::preflight;
use crate::gate::required_environment;
use crate::images::{Images, Patience, env_file};
use crate::intake::inputs::Writes;
use crate::report::{ServiceResult, outcome_of};
use crate::rollout::{self, DeployRequest, DeployVia, Rollout, drift};
use crate::state::EnvironmentState;
use crate::{previews, tags};
use std::collections::BTreeMap;

/// Runs it.
pub(crate) async fn run(context: &Context, run: &PlannedRun) -> Result<(), Failure> {
    idle_patterns::warn(context, run);
    let environment = match &run.plan.subject {
        Subject::Environments { environments, .. } => environments.first(),
        Subject::PullRequest { .. } => {
            let previews = previews::wanted(context, run)?;
            if !previews.is_empty() {
                return previews::run(context, run, &previews).await;
            }
            // The workflow may run beside the build of the same event; whoever names a number or a digest means to wait for it.
            let is_event = matches!(context.trigger, Trigger::PullRequest(_));
            let patience = if is_event && context.request.digest.is_none() {
                Patience::Once
            } else {
                Patience::Wait
            };
            return verify::without_deploying(context, run, patience).await;
        }
        Subject::Commit => return verify::without_deploying(context, run, Patience::Wait).await,
    };
    let (Some(environment), state) = (environment, run.resolved.state.as_ref()) else {
        return Ok(());
    };
    note_left(context, &run.plan);
    let Some(hooks) = credentials(context, run)? else {
        return Ok(());
    };
    env_file::check(context, run).await?;
    let Some(images) = verify::verified(context, run, Patience::Wait).await? else {
        return Ok(());
    };
    skip_without_hook(context, &hooks);
    let confused = hooks.confused.clone();
    let requests = match state {
        Some(state) => requests(context, run, state, hooks, &images),
        None => BTreeMap::new(),
    };
    required_environment::check(context, &run.resolved.manifest, environment, &requests).await?;
    let facts = preflight(context, &requests, confused).await?;
    tags::release::promote(context, run, state, &images).await?;
    if context.request.writes == Writes::Withheld {
        dry(context, run, &images);
        return tags::moves::follow(context, run, state, environment, &images).await;
    }
    if let Some(state) = state {
        let rollout = Rollout::new(context, state, facts);
        rollout.close_settled().await;
        if !requests.is_empty() {
            context.log.group(&format!("Deploys to {environment}"));
            rollout::go(&rollout, &run.plan, &requests).await;
            context.log.end_group();
        }
        drift::warn(context, run, &rollout, &images).await;
    }
    conclude(context, run, environment, &images);
    let moved = tags::moves::follow(context, run, state, environment, &images).await;
    env_file::write(context, run, environment, &images)?;
    moved
}

/// Keeps what the plan leaves for a reason that is no "nothing changed", and says what was never confirmed.
fn note_left(context: &Context, plan: &Plan) {
    let mut report = context.progress.borrow_mut();
    for service in &plan.services {
        let status = service.why.status();
        if matches!(status, Status::Held | Status::Superseded) {
            report.services.push(ServiceResult::without_deploy(
                &service.name,
                status,
                service.why.reason(),
            ));
        }
    }
    drop(report);
    let held: Vec<&str> = named(plan, |why| matches!(why, Why::Held(_)));
    if !held.is_empty() {
        let text = format!(
            "a rollback holds {}: force: held lifts it, and so does something newer",
            held.join(", ")
        );
        context.warn("Held by a rollback", &text);
    }
    let unconfirmed = named(plan, |why| matches!(why, Why::Unconfirmed(_)));
    if !unconfirmed.is_empty() {
        let text = format!(
            "{} skipped as accepted by Render and never confirmed live: {} (an API key confirms, force: unchanged deploys again)",
            unconfirmed.len(),
            unconfirmed.join(", ")
        );
        context.log.say(&text);
        context.progress.borrow_mut().notes.push(text);
    }
}

fn named(plan: &Plan, is: impl Fn(&Why) -> bool) -> Vec<&str> {
    plan.services
        .iter()
        .filter(|service| is(&service.why))
        .map(|service| service.name.as_str())
        .collect()
}

/// Finds the credentials; `None` where some are missing and that is a reason to skip everything.
pub(crate) fn credentials(context: &Context, run: &PlannedRun) -> Result<Option<Hooks>, Failure> {
    let is_fatal =
        hooks::missing_is_fatal(context.request.on_missing_credential, run.resolved.in_fork);
    if verify::lacks_credential(context, run)? {
        return Ok(None);
    }
    let hooks = hooks::find(context, &run.resolved, &run.plan)?;
    if context.render.is_none() && !hooks.confused.is_empty() {
        return Err(Failure::HooksConfused(hooks.confused.join("; ")));
    }
    if !hooks.missing.is_empty() {
        let failure = Failure::HookMissing(hooks.missing.clone());
        if is_fatal {
            return Err(failure);
        }
        context.warn("Deploy hooks are missing", &failure.to_string());
        // With an API key an id will do for the others.
        if run.plan.to_deploy().count() == hooks.missing.len() {
            skip_without_hook(context, &hooks);
            tell(
                context,
                Outcome::Skipped,
                "Skipped: there is no deploy hook here",
            );
            return Ok(None);
        }
    }
    Ok(Some(hooks))
}

pub(crate) fn skip_without_hook(context: &Context, hooks: &Hooks) {
    let mut report = context.progress.borrow_mut();
    for (service, _) in &hooks.missing {
        report.services.push(ServiceResult::without_deploy(
            service,
            Status::Skipped,
            "skipped: it has no deploy hook here",
        ));
    }
}

/// What is asked of Render for each service to deploy. One whose live deploy has these very bytes already is left as it is.
fn requests(
    context: &Context,
    run: &PlannedRun,
    state: &EnvironmentState,
    mut hooks: Hooks,
    images: &Images,
) -> BTreeMap<ServiceName, DeployRequest> {
    let mut requests = BTreeMap::new();
    for service in run.plan.to_deploy() {
        let Some(image) = images.get(&service.image) else {
            continue;
        };
        let id = state.id(&service.name).cloned();
        let (via, id) = match (hooks.found.remove(&service.name), id) {
            (Some(hook), id) => {
                let id = id.unwrap_or_else(|| hook.service().clone());
                (DeployVia::Hook(hook), id)
            }
            (None, Some(id)) if context.render.is_some() => (DeployVia::Api(id.clone()), id),
            (None, _) => continue,
        };
        let wanted = vec![image.digest().clone(), image.platform_digest().clone()];
        let is_forced = service.why == Why::Forced;
        if !is_forced && serves(state.on_render(&service.name), &wanted) {
            context.log.say(&format!(
                "{}: its live deploy has this image already.",
                service.name
            ));
            let ended = ServiceResult::without_deploy(
                &service.name,
                Status::Skipped,
                "its live deploy has this image already",
            );
            context.progress.borrow_mut().services.push(ended);
            continue;
        }
        let pinned = image.pinned(context.request.pin);
        let intent = Intent {
            service: service.name.clone(),
            commit: state.commit(),
            id: Some(id.clone()),
            image: pinned.clone(),
            platform: image.platform_digest().clone(),
            image_commit: image.built_from().copied(),
            release: state.release().map(|release| release.tag().clone()),
            kind: Kind::Deploy,
            from: None,
            to: None,
        };
        let request = DeployRequest {
            via,
            id,
            image: pinned,
            wanted,
            intent,
            is_forced,
            is_recorded: true,
        };
        requests.insert(service.name.clone(), request);
    }
    requests
}

/// Whether these bytes are live, and nothing is under way that would replace them.
fn serves(on_render: &OnRender, wanted: &[Digest]) -> bool {
    matches!(on_render, OnRender::Known(deploys) if presence(wanted, deploys) == Presence::Serves)
}

fn dry(context: &Context, run: &PlannedRun, images: &Images) {
    for service in run.plan.to_deploy() {
        let Some(image) = images.get(&service.image) else {
            continue;
        };
        context.log.say(&format!(
            "{}: would deploy {}",
            service.name,
            image.pinned(context.request.pin)
        ));
        let mut report = context.progress.borrow_mut();
        if !report
            .services
            .iter()
            .any(|ended| ended.service == service.name)
        {
            report.services.push(ServiceResult::without_deploy(
                &service.name,
                Status::Skipped,
                "dry run: not deployed",
            ));
        }
    }
    tell(
        context,
        Outcome::Verified,
        "Verified in a dry run: everything is there, and nothing was written",
    );
}

/// Sorts the services into the manifest's order and names the outcome.
pub(crate) fn conclude(
    context: &Context,
    run: &PlannedRun,
    environment: &EnvironmentName,
    images: &Images,
) {
    let mut report = context.progress.borrow_mut();
    let place = |name: &ServiceName| {
        run.plan
            .services
            .iter()
            .position(|service| service.name == *name)
    };
    report.services.sort_by_key(|ended| place(&ended.service));
    let (outcome, headline) = match outcome_of(&report.services) {
        Some(outcome) => (outcome, headline(outcome, environment, &report.services)),
        None if images.is_empty() => {
            let headline =
                format!("Skipped: nothing to deploy to {environment}, nothing of it changed");
            (Outcome::Skipped, headline)
        }
        None => (
            Outcome::Verified,
            format!("Verified for {environment}: {}", verify::names(images)),
        ),
    };
    report.outcome = outcome;
    report.headline = headline;
}

/// The worst is said first; what else became of services is not left out.
fn headline(outcome: Outcome, environment: &EnvironmentName, services: &[ServiceResult]) -> String {
    let of = |status: Status| {
        let named = services
            .iter()
            .filter(|ended| ended.status == status)
            .map(|ended| ended.service.as_str());
        named.collect::<Vec<_>>().join(", ")
    };
    let (first, shown) = match outcome {
        Outcome::Accepted => (
            "Accepted by Render for {}, not confirmed live: ",
            Status::Accepted,
        ),
        Outcome::Live => ("Live in {}: ", Status::Live),
        Outcome::Superseded => ("Superseded in {}: ", Status::Superseded),
        Outcome::Held => ("Held in {} by a rollback: ", Status::Held),
        Outcome::Failed | Outcome::Refused | Outcome::Cancelled => {
            ("Failed in {}: ", Status::Failed)
        }
        Outcome::Skipped | Outcome::Verified | Outcome::Nothing | Outcome::Planned => {
            ("Skipped in {}: ", Status::Skipped)
        }
    };
    let others = [
        ("unknown", Status::Unknown),
        ("not started", Status::NotStarted),
        ("superseded", Status::Superseded),
        ("accepted", Status::Accepted),
        ("live", Status::Live),
        ("held", Status::Held),
    ];
    let others = others
        .iter()
        .filter(|(_, status)| *status != shown)
        .map(|(word, status)| (*word, of(*status)));
    let told = others
        .filter(|(_, names)| !names.is_empty())
        .map(|(word, names)| format!("{word}: {names}"));
    let all = std::iter::once(of(shown))
        .filter(|names| !names.is_empty())
        .chain(told);
    format!(
        "{}{}",
        first.replace("{}", environment.as_str()),
        all.collect::<Vec<_>>().join(", ")
    )
}
